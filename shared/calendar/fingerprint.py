"""Whether two calendar objects say the same: a hash of what matters, because servers rewrite bytes.

Alarms, colours, categories, notes and properties that a server or a person added do not count; they are theirs, and
services/calendar_sync/merging.py keeps them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime

from icalendar import Calendar, Event

from shared.calendar.note import without_note

MATTERS = (
    "SUMMARY", "DESCRIPTION", "LOCATION", "STATUS", "SEQUENCE", "URL", "CONFERENCE", "X-LECTERN-REVISION",
)  # fmt: skip


@dataclass(frozen=True)
class Said:
    """What a stored object says: its UID, the hash of what matters, and whether the person declined in it."""

    uid: str
    fingerprint: str
    declined: bool = False


def read(body: bytes, mark: str | None = None) -> Said | None:
    """What `body` says; None where it is no calendar object with one session.

    `mark` is the page's address, with which our description ends; None: the object's own URL, where we write it.
    """
    try:
        parsed = Calendar.from_ical(body)
    except (ValueError, KeyError, IndexError, TypeError):
        return None  # half a body, or something else than iCalendar: certainly not what we wrote
    if not isinstance(parsed, Calendar):
        return None
    events = parsed.events
    if len(events) != 1 or "UID" not in events[0]:
        return None
    event = events[0]
    facts: dict[str, str] = {name: _text(event.get(name)) for name in MATTERS if name in event}
    if "DESCRIPTION" in facts:
        facts["DESCRIPTION"] = without_note(facts["DESCRIPTION"], mark or facts.get("URL", ""))
    for name in ("DTSTART", "DTEND"):
        if name in event:
            facts[name] = _time(event.decoded(name))
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    return Said(str(event["UID"]), digest[:40], _declined(event))


def _declined(event: Event) -> bool:
    """Whether the person said no: as an attendee, or by cancelling an entry of which we say that it takes place."""
    found = event.get("ATTENDEE", [])
    attendees = found if isinstance(found, list) else [found]
    if any(str(attendee.params.get("PARTSTAT", "")).upper() == "DECLINED" for attendee in attendees):
        return True
    ours = _text(event.get("X-LECTERN-STATUS", "")).upper()
    return _text(event.get("STATUS", "")).upper() == "CANCELLED" and ours in ("CONFIRMED", "TENTATIVE")


def _text(value: object) -> str:
    return str(value).replace("\r\n", "\n").strip()


def _time(value: object) -> str:
    """Local time and zone name: what people mean. A server that turned them into UTC changed what matters."""
    if isinstance(value, datetime):
        key = getattr(value.tzinfo, "key", None) or value.tzname() or ""
        return f"{value.replace(tzinfo=None).isoformat()} {key}"
    return value.isoformat() if isinstance(value, date) else str(value)
