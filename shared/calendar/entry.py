"""A session as a calendar entry: everything of its VEVENT but the UID, so that one rendering serves every calendar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from shared.calendar.note import seal
from shared.calendar.text import address, escape, fold, plain, quoted
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
OUR_STATUS = "X-LECTERN-STATUS"
"""The STATUS that we wrote: one that a person changed (who declines) differs from it."""
OUR_CATEGORIES = "X-LECTERN-CATEGORIES"
"""The CATEGORIES that we wrote: what else stands there is the person's."""
OUR_TEXT = "X-LECTERN-TEXT"
"""The seal of the DESCRIPTION that we wrote: what else stands there is the person's note (shared/calendar/note.py)."""

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
    """A rendered session. `zone` is None where none is written: all-day, in UTC; `year` is the first year its times lie in."""

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
    session: SessionState,
    event: EventState,
    *,
    language: str,
    words: Words,
    page: str,
    join: bool = False,
    tentative: str | None = None,
) -> Entry:
    """`session` as a calendar entry in `language`, with fall-back to the event's first language.

    `page` is the address of the event's page. `join`: whether the reader may have the link to join. `tentative`: the
    reader has no seat (yet), and the summary says so in this form with {title} in it; no link to join is told then.
    Raises ValueError for a zone that is no IANA zone.
    """
    default = event.languages[0]
    cancelled = is_cancelled(session, event)
    all_day = session.starts_local is None
    may_join = join and tentative is None and not cancelled
    join_url = address(session.join_url) if may_join and session.join_url else None
    summary = plain(said_in(session.title, language, default))
    if all_day and not cancelled:
        summary = words("{title} (time to be announced)").format(title=summary)
    if cancelled:
        summary = words("Cancelled: {title}").format(title=summary)
    elif tentative is not None:
        summary = tentative.format(title=summary)
    changed = f"{changed_at(session, event).astimezone(UTC):%Y%m%dT%H%M%SZ}"
    free = cancelled or all_day or tentative is not None or session.kind is SessionKind.BREAK
    about = "\n\n".join(_paragraphs(session, language, default, words, page, cancelled, join_url))
    where = location(session.place, language, default, words)
    categories = [*_tracks(session, language, default), words(KINDS[session.kind])]
    lines = [
        f"SUMMARY:{escape(summary)}",
        *_times(session),
        f"DTSTAMP:{changed}",
        f"SEQUENCE:{sequence(session, event)}",
        f"CATEGORIES:{','.join(map(escape, categories))}",
    ]
    if join_url is not None:
        label = quoted(words("Join"))
        lines.append(f"CONFERENCE;FEATURE=VIDEO;LABEL={label};VALUE=URI:{join_url}")
    lines += [f"DESCRIPTION:{escape(about)}", f"LAST-MODIFIED:{changed}"]
    if where:
        lines.append(f"LOCATION:{escape(where)}")
    status = "CANCELLED" if cancelled else "CONFIRMED" if tentative is None else "TENTATIVE"
    lines += [
        f"STATUS:{status}",
        f"TRANSP:{'TRANSPARENT' if free else 'OPAQUE'}",
        f"URL:{address(page)}",
        f"{REVISION}:{sequence(session, event)}",
        f"{OUR_STATUS}:{status}",
        f"{OUR_CATEGORIES}:{','.join(map(escape, categories))}",
        f"{OUR_TEXT}:{seal(about)}",
    ]
    placed = any(line.startswith(("DTSTART;TZID=", "DTEND;TZID=")) for line in lines)
    return Entry(
        lines=b"".join(map(fold, lines)),
        sequence=sequence(session, event),
        changed_at=changed_at(session, event),
        zone=session.zone if placed else None,
        year=session.date.year,
    )


def _times(session: SessionState) -> Iterator[str]:
    if session.starts_local is None:
        yield f"DTSTART;VALUE=DATE:{_digits(session.date)}"
        yield f"DTEND;VALUE=DATE:{_digits(session.date + timedelta(days=1))}"
        return
    yield f"DTSTART{_moment(session.starts_local, session.starts_at, session.zone)}"
    if session.ends_local is not None:
        yield f"DTEND{_moment(session.ends_local, session.ends_at, session.zone)}"


def _moment(local: datetime, at: datetime | None, zone_name: str) -> str:
    """The local time with its zone; in UTC where the wall shows that time twice, or never.

    RFC 5545 says which of two equal times is meant (section 3.3.5), but khal reads the second and calcurse either.
    """
    first, second = (local.replace(tzinfo=zone(zone_name), fold=fold) for fold in (0, 1))
    placed = first.astimezone(UTC)
    moment = placed if at is None else at.astimezone(UTC)
    if is_utc(zone_name) or first.utcoffset() != second.utcoffset() or moment != placed:
        return f":{_digits(moment)}Z"
    return f";TZID={zone_name}:{_digits(local)}"


def _digits(value: date) -> str:
    """A date as 20191120, a date with a time as 20191120T094000."""
    return value.isoformat()[:19].replace("-", "").replace(":", "")


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
        yield "\n".join(_link(link, language, default, words) for link in public)
    yield words("Programme: {url}").format(url=address(page))


def _person(person: RolePerson, language: str, default: str, words: Words) -> str:
    about = [said_in(person.position, language, default), said_in(person.affiliation, language, default)]
    named = ", ".join(plain(part) for part in (person.name, *about, person.country or "") if part)
    return f"{words(ROLES[person.role])}{words(': ')}{named}"


def _link(link: Link, language: str, default: str, words: Words) -> str:
    return f"{plain(said_in(link.title, language, default))}{words(': ')}{address(link.url)}"


def _tracks(session: SessionState, language: str, default: str) -> list[str]:
    return [name for track in session.tracks if (name := plain(said_in(track, language, default)))]
