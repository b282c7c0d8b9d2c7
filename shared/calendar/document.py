"""Whole calendars: a feed of many entries, or one object for a CalDAV server. Joins of parts rendered before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from icalendar import Calendar

from shared.calendar.entry import Entry
from shared.calendar.text import Said, address, plain
from shared.calendar.zones import USUAL_FIRST_YEAR, is_utc, vtimezone

PRODUCT = "-//Lectern//Lectern//EN"
CONTENT_TYPE = "text/calendar"

_END = b"END:VCALENDAR\r\n"
_COLOURS = ("steelblue", "seagreen", "indianred", "darkorange", "mediumpurple", "teal", "goldenrod", "slategray")


@dataclass(frozen=True)
class Heading:
    """What a feed says of itself (RFC 7986, section 5). `refresh` is how often a client may ask again."""

    name: str
    description: str
    url: str
    colour: str
    refresh: timedelta = timedelta(hours=1)


def colour(event_id: str) -> str:
    """A colour name of CSS3 for an event, always the same (RFC 7986, section 5.9)."""
    return _COLOURS[hashlib.sha256(event_id.encode()).digest()[0] % len(_COLOURS)]


def feed(heading: Heading, entries: Sequence[tuple[Entry, str]], zone: str) -> bytes:
    """A calendar to subscribe to: entries with their UIDs. `zone` is the event's: it stands even in an empty feed."""
    head = Calendar()
    head.add("VERSION", "2.0")
    head.add("PRODID", PRODUCT)
    head.add("CALSCALE", "GREGORIAN")
    for name in ("NAME", "X-WR-CALNAME"):
        head.add(name, Said(plain(heading.name)))
    for name in ("DESCRIPTION", "X-WR-CALDESC"):
        head.add(name, Said(plain(heading.description)))  # or X-WR-CALDESC goes out without escapes
    head.add("URL", address(heading.url))
    head.add("COLOR", heading.colour)
    head.add("X-WR-TIMEZONE", zone)
    head.add("REFRESH-INTERVAL", heading.refresh, parameters={"VALUE": "DURATION"})
    head.add("X-PUBLISHED-TTL", f"PT{int(heading.refresh.total_seconds() // 60)}M")
    zones = _zones(entry for entry, _ in entries)
    if not is_utc(zone):
        zones.setdefault(zone, USUAL_FIRST_YEAR)
    return _joined(head, zones, [entry.vevent(uid) for entry, uid in entries])


def calendar_object(entry: Entry, uid: str) -> bytes:
    """One entry as a calendar object resource (RFC 4791, section 4.1): no METHOD, its time zone with it."""
    head = Calendar()
    head.add("VERSION", "2.0")
    head.add("PRODID", PRODUCT)
    return _joined(head, _zones([entry]), [entry.vevent(uid)])


def _zones(entries: Iterable[Entry]) -> dict[str, int]:
    """Each zone in use, once, with the first year it is needed for."""
    years: dict[str, int] = {}
    for entry in entries:
        if entry.zone is not None:
            years[entry.zone] = min(entry.year, years.get(entry.zone, USUAL_FIRST_YEAR))
    return years


def _joined(head: Calendar, zones: dict[str, int], parts: Sequence[bytes]) -> bytes:
    opening = head.to_ical().removesuffix(_END)
    return b"".join([opening, *(vtimezone(name, year) for name, year in sorted(zones.items())), *parts, _END])
