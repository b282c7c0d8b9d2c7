"""A session as an invitation to one person, or the end of one: iTIP REQUEST and CANCEL (RFC 5546, sections 3.2.2 and 3.2.5).

One calendar holds one session: all entries of a REQUEST must have the same UID.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import quote

from shared.calendar.document import calendar_object
from shared.calendar.entry import Entry
from shared.calendar.text import fold, quoted

_VERSION = b"VERSION:2.0\r\n"


class Method(StrEnum):
    """What an invitation asks of a calendar: to hold the session, or to hold it no longer."""

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


@dataclass(frozen=True)
class Party:
    """An organiser or an attendee: a name, and an e-mail address in ASCII."""

    name: str
    email: str


def invitation(
    entry: Entry,
    uid: str,
    *,
    method: Method,
    organiser: Party,
    attendee: Party,
    sequence: int,
    sent_at: datetime,
) -> bytes:
    """The calendar that a mail carries. `sequence` counts what the attendee was sent of this UID; `sent_at` (UTC) is when.

    DTSTAMP is the moment of the message, not of the session's last change: of two with one SEQUENCE the newer counts
    (RFC 5546, section 2.1.5).
    """
    lines = _with(entry.lines, "SEQUENCE", str(sequence))
    lines = _with(lines, "DTSTAMP", sent_at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"))
    if method is Method.CANCEL:
        lines = _with(_with(lines, "STATUS", "CANCELLED"), "TRANSP", "TRANSPARENT")
    lines += fold(f"ORGANIZER;CN={quoted(organiser.name)}:{_mailto(organiser.email)}")
    answer = ";ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED;RSVP=TRUE" if method is Method.REQUEST else ""
    lines += fold(f"ATTENDEE;CUTYPE=INDIVIDUAL{answer};CN={quoted(attendee.name)}:{_mailto(attendee.email)}")
    whole = calendar_object(replace(entry, lines=lines, sequence=sequence), uid)
    return whole.replace(_VERSION, _VERSION + f"CALSCALE:GREGORIAN\r\nMETHOD:{method}\r\n".encode(), 1)


def _with(lines: bytes, name: str, value: str) -> bytes:
    """The content lines with the value of the property `name`, which stands there once at most."""
    line = fold(f"{name}:{value}")
    pattern = rb"(?m)^" + name.encode() + rb"[;:][^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*"
    found, count = re.subn(pattern, lambda _: line, lines, count=1)
    return found if count else lines + line


def _mailto(email: str) -> str:
    """The address as a URI (RFC 6068); signs that a URI may not hold are percent-encoded."""
    return "mailto:" + quote(email, safe="@!$'*+-._~/=")
