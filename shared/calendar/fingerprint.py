"""Whether two calendar objects say the same: a hash of what matters, because servers rewrite bytes.

Alarms, colours and properties that a server or a person added do not count; they are theirs.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime

from icalendar import Calendar

MATTERS = (
    "SUMMARY", "DESCRIPTION", "LOCATION", "STATUS", "TRANSP", "SEQUENCE", "URL", "CONFERENCE", "X-LECTERN-REVISION",
)  # fmt: skip


@dataclass(frozen=True)
class Said:
    """What a stored object says: its UID and the hash of what matters."""

    uid: str
    fingerprint: str


def read(body: bytes) -> Said | None:
    """What `body` says; None where it is no calendar object with one session."""
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
    facts: dict[str, str | list[str]] = {name: _text(event.get(name)) for name in MATTERS if name in event}
    for name in ("DTSTART", "DTEND"):
        if name in event:
            facts[name] = _time(event.decoded(name))
    facts["CATEGORIES"] = sorted(str(category) for category in event.categories)
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    return Said(str(event["UID"]), digest[:40])


def _text(value: object) -> str:
    return str(value).replace("\r\n", "\n").strip()


def _time(value: object) -> str:
    """Local time and zone name: what people mean. A server that turned them into UTC changed what matters."""
    if isinstance(value, datetime):
        key = getattr(value.tzinfo, "key", None) or value.tzname() or ""
        return f"{value.replace(tzinfo=None).isoformat()} {key}"
    return value.isoformat() if isinstance(value, date) else str(value)
