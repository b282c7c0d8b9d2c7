"""Warnings in the reader's words, in groups, each with where it is mended; a zone check with both readings as answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from babel.dates import get_timezone_location

from services.scheduling.agenda import Agenda, AgendaSession, ZoneCheck
from services.scheduling.organiser.changes import Reader
from services.scheduling.organiser.words import Words
from services.scheduling.reading import spoken_languages
from services.scheduling.time_zones import offset_at, printed_offset, to_local
from services.scheduling.timetable import ImpossibleTime, doubt_about, slot_of
from services.scheduling.translations import reports
from services.scheduling.warning import Warning
from services.scheduling.warnings import warnings
from shared.contracts.local_time import offset_name
from shared.contracts.scheduling import SessionState, Status
from shared.web.i18n import clock_time, day


@dataclass(frozen=True)
class Question:
    """A zone check: the session, what is in doubt, and the answers to choose from with what each means."""

    session_id: str
    title: str
    doubt: str
    answers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Item:
    """One warning: what it is about, in which words, and the path under the event's page where it is mended."""

    title: str
    said: str
    where: str


@dataclass(frozen=True)
class Group:
    """Warnings of one sort."""

    title: str
    items: tuple[Item, ...]


_ABOUT_A_SESSION = frozenset({"person-in-two-places", "room-twice", "outside-event", "was-cancelled"})


def questions(agenda: Agenda, reader: Reader) -> list[Question]:
    """The zone checks that wait for an answer; nothing can be published before."""
    found: list[Question] = []
    for session in agenda.sessions:
        zone = agenda.zone_of(session)
        try:
            slot, doubt = slot_of(session, zone), doubt_about(session, zone)
        except ImpossibleTime:  # the rules of the zone changed since: another warning says so
            continue
        if doubt is None or session.status is not Status.SCHEDULED or session.printed_zone is None:
            continue
        assert session.starts is not None
        local = datetime.combine(session.date, session.starts)
        if slot.ends_local is not None and slot.ends_at == doubt.local_reading:  # only the end is in doubt
            local = slot.ends_local
        city, words = _city(zone, reader.language), reader.words
        offset = printed_offset(session.printed_zone, zone, local)
        there = to_local(doubt.printed_reading, zone)
        time = clock_time(local, reader.language)
        found.append(
            Question(
                session.id,
                reader.text(session.title),
                words("“{time} {printed}” on {day}: {city} is at {offset} then. Which time is meant?").format(
                    time=time,
                    printed=session.printed_zone,
                    day=day(local.date(), reader.language),
                    city=city,
                    offset=offset_name(offset_at(doubt.local_reading, zone)),
                ),
                (
                    (
                        ZoneCheck.LOCAL.value,
                        words("{time} in {city} = {utc}").format(
                            time=time, city=city, utc=_utc(doubt.local_reading, local, reader)
                        ),
                    ),
                    (
                        ZoneCheck.PRINTED.value,
                        words("{time} at {offset} = {utc} = {there} in {city}").format(
                            time=time,
                            offset=offset_name(offset),
                            utc=_utc(doubt.printed_reading, local, reader),
                            there=_on_day(there, local, reader),
                            city=city,
                        ),
                    ),
                ),
            )
        )
    return found


def groups(agenda: Agenda, published: dict[str, SessionState] | None, reader: Reader) -> list[Group]:
    """All other warnings, each sort together."""
    words = reader.words
    sessions = {session.id: session for session in agenda.sessions}
    titles = {
        "person-in-two-places": words("Somebody in two places at once"),
        "room-twice": words("A room taken twice"),
        "outside-event": words("Outside of the event's days"),
        "was-cancelled": words("Published as cancelled"),
        "no-seats": words("No number of seats"),
        "quotas-over-capacity": words("More seats set aside than there are"),
        "nobody-is-member": words("For members only, and nobody is one"),
        "codes-to-make": words("Codes to make"),
        "quotas-of-nothing": words("Seats set aside, and no number of seats"),
        "not-chosen": words("Rules without effect"),
        "hold-not-used": words("Days without effect"),
        "hold-over-start": words("Seats held until the event"),
    }
    found: dict[str, list[Item]] = {}
    for warning in warnings(agenda, published):
        if warning.code in ("zone-check", "translation-missing"):
            continue
        section, _, rest = warning.field.partition(".")
        id_, _, name = rest.partition(".")
        session = sessions.get(id_) if section == "sessions" else None
        said = _said(warning, agenda, session, reader)
        if session is not None:
            anchor = "state" if name == "status" else name.removeprefix("admission.")
            item = Item(reader.text(session.title), said, f"/sessions/{session.id}#{anchor}")
        else:
            item = Item(words("The event"), said, _where_of_event(warning.field))
        found.setdefault(warning.code, []).append(item)
    result = [Group(titles.get(code, code), tuple(items)) for code, items in found.items()]
    if missing := _translations(agenda, reader):
        result.append(Group(words("Translations missing"), tuple(missing)))
    return result


def _where_of_event(field: str) -> str:
    name = field.removeprefix("event.").removeprefix("admission.").partition(".")[0]
    return "#file" if name == "audiences" else f"/event#{name}"


def _said(warning: Warning, agenda: Agenda, session: AgendaSession | None, reader: Reader) -> str:
    words = reader.words
    if warning.code in (rules := _about_rules(warning, agenda, reader)):
        return rules[warning.code]
    if session is None or warning.code not in _ABOUT_A_SESSION:
        return warning.message
    other = next((o for o in agenda.sessions if o.id == warning.about.get("session")), None)
    with_other = reader.text(other.title) if other is not None else ""
    names = {person.id: person.name for person in agenda.people}
    rooms = {room.id: reader.text(room.name) or room.id for room in agenda.rooms}
    known = {
        "person-in-two-places": words("{person} is in “{other}” at the same time. Move a session, or the person."),
        "room-twice": words("{room} is taken by “{other}” at the same time. Choose another room or time."),
        "outside-event": words("{day} is not a day of the event. Change the session's day, or the event's."),
        "was-cancelled": words("Readers know this session as cancelled; publishing brings it back."),
    }
    return known[warning.code].format(
        person=names.get(warning.about.get("person", ""), ""),
        other=with_other,
        room=rooms.get(session.room or "", session.room or ""),
        day=day(session.date, reader.language),
    )


def _about_rules(warning: Warning, agenda: Agenda, reader: Reader) -> dict[str, str]:
    """What there is to say of rules of admission, by code."""
    words, event = reader.words, agenda.event
    kept = sum(kind.quota or 0 for kind in event.audiences)
    id_ = warning.field.removeprefix("event.requirements.").partition(".")[0]
    needed = next((needed for needed in event.requirements if needed.id == id_), None)
    name, days = (reader.text(needed.name), needed.hold_days) if needed is not None else ("", 0)
    closes = event.admission.closes
    over = (
        words(
            "{name}: registration has no end, so a seat may be held until the event and be lost then. Let it close earlier (days held: {days})."
        )
        if closes is None
        else words(
            "{name}: a seat is held longer than from the close of registration to the event (days held: {days})."
        )
    )
    return {
        "no-seats": words("Everybody who asks gets a seat."),
        "quotas-over-capacity": words(
            "{kept} seats are set aside for kinds of attendees, of {capacity} in all."
        ).format(kept=kept, capacity=event.admission.capacity),
        "nobody-is-member": words("Nothing says who is a member. Say it in the event, under “Members”."),
        "codes-to-make": words("Nobody can register without a code. Make the codes in registration."),
        "quotas-of-nothing": words("No number of seats is set, so none can be set aside."),
        "not-chosen": words("Who may come is said here, but people do not choose this session when they register."),
        "hold-not-used": words("{name}: the days count only where a seat is held for some days.").format(name=name),
        "hold-over-start": over.format(name=name, days=days),
    }


def _translations(agenda: Agenda, reader: Reader) -> Sequence[Item]:
    return [
        Item(
            language_name(report.language, reader.language),
            reader.words("{missing} of {texts} texts are missing.").format(
                missing=len(report.missing), texts=report.texts
            ),
            f"/translations#{report.language}",
        )
        for report in reports(agenda)
        if report.missing
    ]


def language_name(code: str, language: str) -> str:
    """The name of a language in another, for example French, français."""
    return spoken_languages(language)(code)


def hour_choices(instants: tuple[datetime, datetime], zone: str, words: Words) -> list[tuple[str, str]]:
    """The two instants that a time on the wall stands for, as answers to choose from."""
    first, second = instants
    named = [
        (f"{instant.astimezone(UTC):%H:%M} UTC", offset_name(offset_at(instant, zone))) for instant in (first, second)
    ]
    return [
        ("first", words("the first: {utc} ({offset})").format(utc=named[0][0], offset=named[0][1])),
        ("second", words("the second: {utc} ({offset})").format(utc=named[1][0], offset=named[1][1])),
    ]


def _city(zone: str, language: str) -> str:
    return str(get_timezone_location(zone, locale=language, return_city=True)).rpartition("/")[2]


def _utc(instant: datetime, local: datetime, reader: Reader) -> str:
    return _on_day(instant.astimezone(UTC).replace(tzinfo=None), local, reader, " UTC")


def _on_day(moment: datetime, local: datetime, reader: Reader, zone: str = "") -> str:
    """A time, with its day where that is another than the printed one."""
    time = f"{clock_time(moment, reader.language)}{zone}"
    return time if moment.date() == local.date() else f"{time} ({day(moment.date(), reader.language)})"
