"""The agenda as a table (CSV, RFC 4180): one row per session, in columns that imports/table.py reads back.

UTF-8 with a byte order mark, because spreadsheets on Windows take a file without it for their own code page. A cell that a
spreadsheet would take for a formula gets an apostrophe in front, which the reader takes away again.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from services.scheduling.hours import which_hour
from services.scheduling.public_view import PublicAgenda
from shared.cells import harmless
from shared.contracts.base import said_in
from shared.contracts.scheduling import EventState, Link, Role, RolePerson, SessionState
from shared.web.times import offset

ROLES = {
    "chairs": Role.CHAIR,
    "keynotes": Role.KEYNOTE,
    "panellists": Role.PANELLIST,
    "speakers": Role.SPEAKER,
    "contacts": Role.CONTACT,
}
"""Columns of people, and the role that each column gives."""

HOURS = ("starts_hour", "ends_hour")
"""Columns that stand in the table only where a session begins or ends in an hour that the clock shows twice."""

COLUMNS = (
    "event", "texts_in", "id", "status", "kind", "number", "title", "description", "language",
    "date", "starts", "ends", "ends_on", "zone", "utc_offset", "starts_utc", "ends_utc",
    "block", "room", "level", "venue", "tracks", *ROLES, "funding", "links", "outcome",
)  # fmt: skip
"""The columns, in their order. `texts_in` is the language of the texts, `language` the one that is spoken."""

FOR_READERS = frozenset({"utc_offset", "starts_utc", "ends_utc", "level", "venue"})
"""Columns that follow from others or describe the room; an import does not take them."""

_SPECIAL = re.compile(r"[\\;]")


def agenda_table(agenda: PublicAgenda, language: str) -> bytes:
    """The table, with texts in `language` where the event speaks it, else in its first language."""
    event = agenda.event
    spoken = language if language in event.languages else event.languages[0]
    rows = [_row(session, event, spoken) for session in agenda.sessions]
    hours = [name for name in HOURS if any(row[name] for row in rows)]
    columns = [name for column in COLUMNS for name in ([*hours, column] if column == "zone" else [column])]
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\r\n")
    table.writeheader()
    table.writerows({name: harmless(cell) for name, cell in row.items()} for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _row(session: SessionState, event: EventState, language: str) -> dict[str, str]:
    default = event.languages[0]
    start, end = session.starts_local, session.ends_local
    block = next((block.title for block in event.blocks if block.id == session.block), {})
    row = {
        "event": event.id,
        "texts_in": language,
        "id": session.id,
        "status": session.status.value,
        "kind": session.kind.value,
        "number": str(session.number or ""),
        "title": said_in(session.title, language, default),
        "description": said_in(session.description, language, default),
        "language": session.language or "",
        "date": session.date.isoformat(),
        "zone": session.zone,
        "block": said_in(block, language, default),
        "room": said_in(session.place.room, language, default),
        "level": said_in(session.place.level, language, default),
        "venue": said_in(session.place.venue, language, default),
        "tracks": listed(escaped(said_in(track, language, default)) for track in session.tracks),
        "funding": said_in(session.funding, language, default),
        "links": listed(_link(link, language, default) for link in session.links),
        "outcome": listed(_link(link, language, default) for link in session.outcome),
        "starts_hour": "",
        "ends_hour": "",
    }
    for column, role in ROLES.items():
        row[column] = listed(_person(person, language, default) for person in session.people if person.role is role)
    if start is not None:
        row["starts"] = start.time().isoformat("seconds" if start.second else "minutes")
        row["starts_hour"] = which_hour(start, session.starts_at, session.zone) or ""
        row["utc_offset"] = offset(start, session.starts_at, session.zone)
        row["starts_utc"] = f"{session.starts_at:%Y-%m-%dT%H:%M:%SZ}" if session.starts_at is not None else ""
    if end is not None:
        row["ends"] = end.time().isoformat("seconds" if end.second else "minutes")
        row["ends_hour"] = which_hour(end, session.ends_at, session.zone) or ""
        row["ends_on"] = end.date().isoformat() if end.date() != session.date else ""
        row["ends_utc"] = f"{session.ends_at:%Y-%m-%dT%H:%M:%SZ}" if session.ends_at is not None else ""
    return row


def listed(items: Iterable[str]) -> str:
    """Several things in one cell, between semicolons."""
    return "; ".join(items)


def escaped(words: str, *, also: str = "") -> str:
    """`words` as part of a cell of several things: a backslash stands before a backslash, a semicolon and `also`."""
    pattern = re.compile(rf"[\\;{re.escape(also)}]") if also else _SPECIAL
    return pattern.sub(lambda found: f"\\{found[0]}", words)


def _person(person: RolePerson, language: str, default: str) -> str:
    """Renaud Vedel (Ministry of the Interior, FR): two capitals at the end are the country, escaped if they are not."""
    about = escaped(said_in(person.affiliation, language, default))
    if person.country:
        about = f"{about}, {person.country}" if about else person.country
    elif re.search(r"(?:^|, )[A-Z]{2}$", about):
        about = f"{about[:-2]}\\{about[-2:]}"
    name = escaped(person.name, also="(")
    return f"{name} ({about})" if about else name


def _link(link: Link, language: str, default: str) -> str:
    """The agenda (PDF) <https://example.org/agenda.pdf>"""
    return f"{escaped(said_in(link.title, language, default), also='<')} <{escaped(link.url)}>"


def parts(cell: str) -> Sequence[str]:
    """The things in a cell of several, still escaped; empty ones left out."""
    found = re.findall(r"(?:[^\\;]|\\.|\\$)+", cell, re.DOTALL)
    return [part.strip() for part in found if part.strip()]


def unescaped(words: str) -> str:
    """What `escaped` was given; a backslash at the end stands for itself."""
    return re.sub(r"\\(.)", r"\1", words, flags=re.DOTALL)


def opened(part: str, opening: str, closing: str) -> tuple[str, str] | None:
    """The words before the first `opening` that is not escaped, and those up to `closing` at the end, both escaped still;
    None where there is no such pair."""
    found = re.fullmatch(
        rf"((?:[^\\{re.escape(opening)}]|\\.)*){re.escape(opening)}(.*){re.escape(closing)}", part, re.DOTALL
    )
    return (found[1].strip(), found[2].strip()) if found else None
