"""A session as a calendar entry: everything of its VEVENT but the UID, so that one rendering serves every calendar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from icalendar import Event

from shared.calendar.text import Said, SaidList, address, fold, plain
from shared.calendar.zones import is_utc, zone
from shared.contracts.base import said_in
from shared.contracts.scheduling import (
    Audience,
    EventState,
    Link,
    Place,
    Role,
    RolePerson,
    SessionKind,
    SessionState,
    Status,
)

Words = Callable[[str], str]
"""The catalogue's gettext of the calendar's language."""

REVISION = "X-LECTERN-REVISION"
"""Says which revision of a session an object shows, however a server rewrote its bytes."""

ROLES = {
    Role.CHAIR: "Chair",
    Role.KEYNOTE: "Keynote",
    Role.PANELLIST: "Panellist",
    Role.SPEAKER: "Speaker",
    Role.CONTACT: "Contact",
}
KINDS = {
    SessionKind.PLENARY: "Plenary",
    SessionKind.KEYNOTE: "Keynote",
    SessionKind.PANEL: "Panel",
    SessionKind.WORKSHOP: "Workshop",
    SessionKind.WEB_CONFERENCE: "Web conference",
    SessionKind.PRESENTATION: "Presentation",
    SessionKind.BREAK: "Break",
    SessionKind.SOCIAL: "Social programme",
}

_BEGIN, _END = b"BEGIN:VEVENT\r\n", b"END:VEVENT\r\n"


@dataclass(frozen=True)
class Entry:
    """A rendered session. `zone` is None for all-day entries and UTC; `year` is the first year its times lie in."""

    lines: bytes
    sequence: int
    changed_at: datetime
    zone: str | None
    year: int

    def vevent(self, uid: str) -> bytes:
        """The whole VEVENT under `uid`."""
        return _BEGIN + fold(f"UID:{uid}") + self.lines + _END


def is_cancelled(session: SessionState, event: EventState) -> bool:
    """Whether the session does not take place, by itself or with its event."""
    return Status.CANCELLED in (session.status, event.status)


def sequence(session: SessionState, event: EventState) -> int:
    """The SEQUENCE of a session in mail, feed and push: its revision, or the event's that cancelled it."""
    if session.status is Status.SCHEDULED and event.status is Status.CANCELLED:
        return max(session.revision, event.revision)
    return session.revision


def changed_at(session: SessionState, event: EventState) -> datetime:
    """When the session last changed for its readers, in UTC: DTSTAMP and LAST-MODIFIED, the same at every rendering."""
    if session.status is Status.SCHEDULED and event.status is Status.CANCELLED:
        return max(session.published_at, event.published_at)
    return session.published_at


def entry(
    session: SessionState, event: EventState, *, language: str, words: Words, page: str, join: bool = False
) -> Entry:
    """`session` as a calendar entry in `language`, with fall-back to the event's first language.

    `page` is the address of the event's page. `join`: whether the reader may have the link to join.
    Raises ValueError for a zone that is no IANA zone.
    """
    default = event.languages[0]
    cancelled = is_cancelled(session, event)
    all_day = session.starts_local is None
    join_url = address(session.join_url) if join and session.join_url and not cancelled else None
    title = plain(said_in(session.title, language, default))
    summary = words("{title} (time to be announced)").format(title=title) if all_day and not cancelled else title
    component = Event()
    component.add("DTSTAMP", changed_at(session, event))
    component.add("LAST-MODIFIED", changed_at(session, event))
    component.add("SEQUENCE", sequence(session, event))
    _add_times(component, session)
    component.add("SUMMARY", Said(words("Cancelled: {title}").format(title=summary) if cancelled else summary))
    component.add("STATUS", "CANCELLED" if cancelled else "CONFIRMED")
    free = cancelled or all_day or session.kind is SessionKind.BREAK
    component.add("TRANSP", "TRANSPARENT" if free else "OPAQUE")
    if where := location(session.place, language, default, words):
        component.add("LOCATION", Said(where))
    component.add(
        "DESCRIPTION",
        Said("\n\n".join(_paragraphs(session, language, default, words, page, cancelled, join_url))),
    )
    component.add("CATEGORIES", SaidList([*_tracks(session, language, default), words(KINDS[session.kind])]))
    component.add("URL", address(page))
    if join_url is not None:
        component.add("CONFERENCE", join_url, parameters={"VALUE": "URI", "FEATURE": "VIDEO", "LABEL": words("Join")})
    component.add(REVISION, str(sequence(session, event)))
    timed = session.starts_local is not None and not is_utc(session.zone)
    return Entry(
        lines=component.to_ical().removeprefix(_BEGIN).removesuffix(_END),
        sequence=sequence(session, event),
        changed_at=changed_at(session, event),
        zone=session.zone if timed else None,
        year=session.date.year,
    )


def _add_times(component: Event, session: SessionState) -> None:
    if session.starts_local is None:
        component.add("DTSTART", session.date)
        component.add("DTEND", session.date + timedelta(days=1))
        return
    component.add("DTSTART", _moment(session.starts_local, session.starts_at, session.zone))
    if session.ends_local is not None:
        component.add("DTEND", _moment(session.ends_local, session.ends_at, session.zone))


def _moment(local: datetime, at: datetime | None, zone_name: str) -> datetime:
    """The local time with its zone; in UTC where the wall shows that time twice and the second one is meant."""
    placed = local.replace(tzinfo=zone(zone_name))
    return at if at is not None and placed.astimezone(UTC) != at else placed


def location(place: Place, language: str, default: str, words: Words) -> str:
    """The place in one line, from the room to the address; "Online" where there is no other."""
    parts = [plain(said_in(text, language, default)) for text in (place.room, place.level, place.venue)]
    parts.append(plain(place.address or ""))
    parts = [part for n, part in enumerate(parts) if part and part not in parts[:n]]
    if place.online and not parts:
        return words("Online")
    return ", ".join(parts)


def _paragraphs(
    session: SessionState,
    language: str,
    default: str,
    words: Words,
    page: str,
    cancelled: bool,
    join_url: str | None,
) -> Iterator[str]:
    if cancelled:
        yield words("This session does not take place.")
    elif session.starts_local is None:
        yield words("The time will be announced.")
    if text := plain(said_in(session.description, language, default)):
        yield text
    if session.people:
        yield "\n".join(_person(person, language, default, words) for person in session.people)
    if (directions := plain(said_in(session.place.directions, language, default))) and not cancelled:
        yield directions
    if join_url is not None:
        yield words("Join: {url}").format(url=join_url)
    public = [link for link in (*session.links, *session.outcome) if link.audience is Audience.PUBLIC]
    if public:
        yield "\n".join(_link(link, language, default) for link in public)
    yield words("Programme: {url}").format(url=address(page))


def _person(person: RolePerson, language: str, default: str, words: Words) -> str:
    about = [said_in(person.position, language, default), said_in(person.affiliation, language, default)]
    named = ", ".join(plain(part) for part in (person.name, *about, person.country or "") if part)
    return f"{words(ROLES[person.role])}: {named}"


def _link(link: Link, language: str, default: str) -> str:
    return f"{plain(said_in(link.title, language, default))}: {address(link.url)}"


def _tracks(session: SessionState, language: str, default: str) -> list[str]:
    return [name for track in session.tracks if (name := plain(said_in(track, language, default)))]
