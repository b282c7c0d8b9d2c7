"""Whole calendars: a feed of many entries, or one object for a CalDAV server. Joins of parts rendered before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from shared.calendar.entry import Entry
from shared.calendar.text import address, escape, fold
from shared.calendar.zones import USUAL_FIRST_YEAR, is_utc, vtimezone

PRODUCT = "-//Lectern//Lectern//EN"
CONTENT_TYPE = "text/calendar"

_OPENING = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:{PRODUCT}\r\n".encode()
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
    return joined(heading, zone, _zones(entry for entry, _ in entries), [entry.vevent(uid) for entry, uid in entries])


def joined(heading: Heading, zone: str, years: Mapping[str, int], vevents: Iterable[bytes]) -> bytes:
    """A calendar to subscribe to, of VEVENTs that were made before. `years`: the zones in use, each with the first year
    that it is needed for."""
    zones = dict(years)
    if not is_utc(zone):
        zones.setdefault(zone, USUAL_FIRST_YEAR)
    return b"".join([_head(heading, zone), *_vtimezones(zones), *vevents, _END])


def calendar_object(entry: Entry, uid: str) -> bytes:
    """One entry as a calendar object resource (RFC 4791, section 4.1): no METHOD, its time zone with it."""
    return b"".join([_OPENING, *_vtimezones(_zones([entry])), entry.vevent(uid), _END])


@lru_cache(maxsize=2048)
def _head(heading: Heading, zone: str) -> bytes:
    name, about = escape(heading.name), escape(heading.description)
    minutes = int(heading.refresh.total_seconds() // 60)
    refresh = f"PT{minutes // 60}H" if minutes % 60 == 0 else f"PT{minutes}M"
    lines = [
        "CALSCALE:GREGORIAN",
        f"DESCRIPTION:{about}",
        f"X-WR-CALDESC:{about}",
        f"NAME:{name}",
        f"X-WR-CALNAME:{name}",
        f"COLOR:{heading.colour}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{refresh}",
        f"URL:{address(heading.url)}",
        f"X-PUBLISHED-TTL:PT{minutes}M",
        f"X-WR-TIMEZONE:{zone}",
    ]
    return _OPENING + b"".join(map(fold, lines))


def _zones(entries: Iterable[Entry]) -> dict[str, int]:
    """Each zone in use, once, with the first year it is needed for."""
    years: dict[str, int] = {}
    for entry in entries:
        if entry.zone is not None:
            years[entry.zone] = min(entry.year, years.get(entry.zone, USUAL_FIRST_YEAR))
    return years


def _vtimezones(years: Mapping[str, int]) -> Iterator[bytes]:
    return (vtimezone(name, year) for name, year in sorted(years.items()))
