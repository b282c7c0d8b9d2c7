"""Whether two calendar objects say the same: a hash of what matters, because servers rewrite bytes.

Alarms, colours, categories, notes and properties that a server or a person added do not count; they are theirs, and
services/calendar_sync/merging.py keeps them.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import date, datetime

from icalendar import Calendar, Event

from shared.calendar.note import without_note

MATTERS = (
    "SUMMARY", "DESCRIPTION", "LOCATION", "STATUS", "SEQUENCE", "URL", "CONFERENCE", "X-LECTERN-REVISION",
)  # fmt: skip

_REPLY_ADDRESS = re.compile(r"mailto:[^@+]+(?:\+|%2B)[a-z2-7]{32}@[^@]+", re.I)
"""The form of the addresses that answers to our invitations go to (services/notification/replies/address.py)."""

_FOLDED = re.compile(r"(?:(?<!\n)\r\n|(?<![\r\n])\n)(?:\r?\n)*[ \t]")
"""As icalendar unfolds: it begins at the first line end of a row, else many of them would take the square of their number."""


@dataclass(frozen=True)
class Said:
    """What a stored object says: its UID, the hash of what matters, whether the person declined in it, and whether it names
    attendees (ours never does)."""

    uid: str
    fingerprint: str
    declined: bool = False
    attended: bool = False


def read(body: bytes, mark: str | None = None) -> Said | None:
    """What `body` says; None where it is no calendar object with one session.

    `mark` is the page's address, with which our description ends; None: the object's own URL, where we write it.
    """
    try:
        return _said(Calendar.from_ical(_without_zones(body)), mark)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        return None  # half a body, or something else than iCalendar: certainly not what we wrote


def _without_zones(body: bytes) -> bytes:
    """`body`, its definitions of time zones under a name that nobody heeds: we compare the names of zones only, and to work
    out a rule of theirs ("every second since 1970") takes minutes. Names of components are compared in capitals."""
    lines = re.split(r"\r?\n", _FOLDED.sub("", body.decode(errors="replace")))
    for place, line in enumerate(lines):
        said = line.upper()
        if said.startswith(("BEGIN", "END")) and said.rstrip().endswith("VTIMEZONE"):
            lines[place] = "BEGIN:X-ZONE" if said.startswith("BEGIN") else "END:X-ZONE"
    return "\r\n".join(lines).encode()


def _said(parsed: object, mark: str | None) -> Said | None:
    if not isinstance(parsed, Calendar):
        return None
    events = parsed.events
    if len(events) != 1 or "UID" not in events[0]:
        return None
    event = events[0]
    facts: dict[str, str] = {name: _text(event.get(name)) for name in MATTERS if name in event}
    if "DESCRIPTION" in facts:
        sealed = _text(event.get("X-LECTERN-TEXT", ""))
        facts["DESCRIPTION"] = without_note(facts["DESCRIPTION"], mark or facts.get("URL", ""), sealed)
    for name in ("DTSTART", "DTEND"):
        if name in event:
            facts[name] = _time(event.decoded(name), event[name])
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    return Said(str(event["UID"]), digest[:40], _declined(event), "ATTENDEE" in event)


def _declined(event: Event) -> bool:
    """Whether the person said no: as the only attendee, or by cancelling an entry of which we say that it takes place.

    Where somebody else than us is the organiser, the person invited others, and it is they who answer.
    """
    found = event.get("ATTENDEE", [])
    attendees = found if isinstance(found, list) else [found]
    ours_to_answer = "ORGANIZER" not in event or _REPLY_ADDRESS.fullmatch(str(event["ORGANIZER"]))
    answers = {str(getattr(attendee, "params", {}).get("PARTSTAT", "")).upper() for attendee in attendees}
    if ours_to_answer and answers == {"DECLINED"}:
        return True
    ours = _text(event.get("X-LECTERN-STATUS", "")).upper()
    return _text(event.get("STATUS", "")).upper() == "CANCELLED" and ours in ("CONFIRMED", "TENTATIVE")


def _text(value: object) -> str:
    return str(value).replace("\r\n", "\n").strip()


def _time(value: object, stored: object) -> str:
    """Local time and zone name: what people mean. A server that turned them into UTC changed what matters."""
    if isinstance(value, datetime):
        # Without a key it is UTC, or a zone that its server alone knows.
        key = getattr(value.tzinfo, "key", None) or getattr(stored, "params", {}).get("TZID", "")
        return f"{value.replace(tzinfo=None).isoformat()} {key}"
    return value.isoformat() if isinstance(value, date) else str(value)
