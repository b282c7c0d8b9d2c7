"""The lint's look at time zones (RFC 5545, section 3.6.5): rules and not lists, each zone once, and right by tzdata.

It works out by itself what offset a VTIMEZONE gives, the way a calendar program does.
"""

from __future__ import annotations

import calendar
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.calendar.lint_lines import Component, Property

LOCAL = re.compile(r"^\d{8}T\d{6}$")
_OFFSET = re.compile(r"^([+-])(\d{2})([0-5]\d)([0-5]\d)?$")
_BYDAY = re.compile(r"^(-?\d)?(MO|TU|WE|TH|FR|SA|SU)$")
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_RULE_PARTS = {"FREQ", "BYMONTH", "BYDAY", "BYMONTHDAY", "UNTIL"}


def look_at_zones(root: Component) -> Iterator[str]:
    """What is wrong with the VTIMEZONEs of a calendar, and with the times that point at them."""
    zones = root.named("VTIMEZONE")
    defined = Counter(tzid.value for zone in zones for tzid in zone.all("TZID"))
    usual = root.one("X-WR-TIMEZONE")
    for tzid, count in defined.items():
        if count > 1:
            yield f"VTIMEZONE {tzid} stands {count} times"
        if "/" not in tzid:
            yield f"TZID {tzid} is no IANA zone with a place; an abbreviation says too little"
        elif _known(tzid) is None:
            yield f"TZID {tzid} is no IANA zone"
    uses = [(item, item.parameters["TZID"]) for item in _timed(root) if "TZID" in item.parameters]
    used = {tzid for _, tzid in uses}
    for tzid in sorted(set(defined) - used):
        if usual is None or usual.value != tzid:
            yield f"VTIMEZONE {tzid} is used by nothing"
    for item, tzid in uses:
        if tzid not in defined:
            yield f"{item.name} uses TZID {tzid}, which has no VTIMEZONE"
    for zone in zones:
        yield from _zone(zone)
    by_name = {tzid.value: zone for zone in zones for tzid in zone.all("TZID")}
    for item, tzid in uses:
        if tzid in by_name and LOCAL.match(item.value):
            yield from _offset(item, tzid, by_name[tzid])


def offset_at(zone: Component, local: datetime) -> timedelta | None:
    """The offset that a VTIMEZONE gives a local time: the one before the change where the wall shows it twice.

    None before its first rule, and where a rule cannot be read (the lint tells that one in words).
    """
    latest: tuple[datetime, timedelta] | None = None
    for child in zone.children:
        try:
            onset = _latest_onset(child, local)
            offset = _duration(_value(child, "TZOFFSETTO"))
        except ValueError:
            return None
        if onset is not None and (latest is None or onset > latest[0]):
            latest = (onset, offset)
    return None if latest is None else latest[1]


def _timed(component: Component) -> Iterator[Property]:
    for child in component.children:
        if child.name != "VTIMEZONE":
            yield from child.properties
            yield from _timed(child)


def _zone(zone: Component) -> Iterator[str]:
    if len(zone.all("TZID")) != 1:
        yield "VTIMEZONE needs TZID exactly once"
    name: str = next((item.value for item in zone.all("TZID")), "without TZID")
    if not any(child.name in ("STANDARD", "DAYLIGHT") for child in zone.children):
        yield f"VTIMEZONE {name} has no STANDARD or DAYLIGHT"
    for child in zone.children:
        if child.name not in ("STANDARD", "DAYLIGHT"):
            yield f"VTIMEZONE {name}: {child.name} does not belong there"
        for needed in ("DTSTART", "TZOFFSETFROM", "TZOFFSETTO"):
            if len(child.all(needed)) != 1:
                yield f"VTIMEZONE {name}: {child.name} needs {needed} exactly once"
        for offset in (*child.all("TZOFFSETFROM"), *child.all("TZOFFSETTO")):
            if not _OFFSET.match(offset.value):
                yield f"VTIMEZONE {name}: {offset.name} {offset.value} is no offset like +0100"
        if child.all("RDATE"):
            yield f"VTIMEZONE {name}: {child.name} lists RDATE; use RRULE"
        start = child.one("DTSTART")
        if start is not None and not LOCAL.match(start.value):
            yield f"VTIMEZONE {name}: DTSTART must be local time"
        if len(child.all("RRULE")) > 1:
            yield f"VTIMEZONE {name}: {child.name} has more than one RRULE"
        for rule in child.all("RRULE"):
            yield from (f"VTIMEZONE {name}: {problem}" for problem in _rule(rule.value, start))


def _rule(value: str, start: Property | None) -> Iterator[str]:
    parts = _parts(value)
    if parts.get("FREQ") != "YEARLY" or "BYMONTH" not in parts or not ({"BYDAY", "BYMONTHDAY"} & parts.keys()):
        yield f"RRULE {value} is no rule for one day of each year"
    for other in sorted(parts.keys() - _RULE_PARTS):
        yield f"RRULE {value}: few programs read {other} in a time zone"
    if "UNTIL" in parts and not parts["UNTIL"].endswith("Z"):
        yield "UNTIL must be in UTC"
    if start is not None and LOCAL.match(start.value):
        try:
            onset = _moment(start.value)
            held = onset.date() in _days(value, onset.year)
        except ValueError:
            yield f"RRULE {value} cannot be read"
        else:
            if not held:
                yield f"DTSTART {start.value} is no day of RRULE {value}"


def _offset(item: Property, tzid: str, zone: Component) -> Iterator[str]:
    info = _known(tzid)
    try:
        local = _moment(item.value)
    except ValueError:
        return  # told where the entry's times are looked at
    if info is None:
        return
    first, second = (local.replace(tzinfo=info, fold=fold) for fold in (0, 1))
    if first.astimezone(UTC).astimezone(info).replace(tzinfo=None) != local:
        yield f"{item.name} {item.value} does not exist in {tzid}: clocks go forward over it"
        return
    said, right = offset_at(zone, local), first.utcoffset()
    # Of a time that comes twice, both offsets are a right answer; ours is the first.
    if said not in (right, second.utcoffset()):
        yield f"{item.name} {item.value}: its VTIMEZONE says {_printed(said)}, {tzid} has {_printed(right)}"


def _latest_onset(child: Component, local: datetime) -> datetime | None:
    """The last time on the wall at or before `local` when this part of the zone began. Raises ValueError."""
    first = _moment(_value(child, "DTSTART"))
    rule = child.one("RRULE")
    if local < first:
        return None
    if rule is None:
        return first
    until = _parts(rule.value).get("UNTIL")
    if until is not None:
        before = _duration(_value(child, "TZOFFSETFROM"))
        local = min(local, _moment(until.removesuffix("Z")) + before)
    for year in (local.year, local.year - 1):
        onsets = [datetime.combine(day, first.time()) for day in _days(rule.value, year)]
        if past := [onset for onset in onsets if first <= onset <= local]:
            return max(past)
    return first


@lru_cache(maxsize=4096)
def _days(rule: str, year: int) -> tuple[date, ...]:
    """The days of a yearly rule in `year`. Raises ValueError for a rule that is none."""
    parts = _parts(rule)
    month = int(parts.get("BYMONTH", ""))
    if not 1 <= month <= 12:
        raise ValueError(f"there is no month {month}")
    days = [date(year, month, number) for number in range(1, calendar.monthrange(year, month)[1] + 1)]
    if "BYMONTHDAY" in parts:
        numbers = {int(number) for number in parts["BYMONTHDAY"].split(",")}
        days = [day for day in days if day.day in numbers]
    if "BYDAY" in parts:
        found = _BYDAY.match(parts["BYDAY"])
        if found is None:
            raise ValueError(f"{parts['BYDAY']} is no weekday")
        days = [day for day in days if _WEEKDAYS[day.weekday()] == found[2]]
        if found[1] is not None:
            place = int(found[1])
            days = days[place:][:1] if place < 0 else days[place - 1 :][:1]
    return tuple(days)


def _parts(value: str) -> dict[str, str]:
    return {key.upper(): given.upper() for key, _, given in (part.partition("=") for part in value.split(";"))}


def _known(tzid: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(tzid)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _value(child: Component, name: str) -> str:
    item = child.one(name)
    if item is None:
        raise ValueError(f"{name} is missing")
    return item.value


def _moment(value: str) -> datetime:
    return datetime.strptime(value, "%Y%m%dT%H%M%S")  # noqa: DTZ007  (a local time, on purpose)


def _duration(value: str) -> timedelta:
    found = _OFFSET.match(value)
    if found is None:
        raise ValueError(f"{value} is no offset")
    amount = timedelta(hours=int(found[2]), minutes=int(found[3]), seconds=int(found[4] or 0))
    return -amount if found[1] == "-" else amount


def _printed(offset: timedelta | None) -> str:
    if offset is None:
        return "nothing"
    minutes = int(offset.total_seconds()) // 60
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"
