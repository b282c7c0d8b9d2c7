"""VTIMEZONE components in RRULE form (RFC 5545, section 3.6.5), worked out from zoneinfo.

Outlook misreads lists of RDATE, and a server may know a TZID by other rules than ours; so every zone travels with its own
yearly rules. Zones whose changes follow no yearly rule (Ramadan in Morocco) get one sub-component per change.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard, vRecur

USUAL_FIRST_YEAR = 2008
"""From here on the rules of Europe and America are one pair each; a calendar with older sessions asks for an earlier year."""

_LAST_YEAR = 2060
"""How far irregular changes are listed, and how long a rule must hold to be written without an end."""

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_UTC_NAMES = frozenset({"UTC", "UCT", "Zulu", "Universal", "Etc/UTC", "Etc/UCT", "Etc/Zulu", "Etc/Universal"})


def zone(name: str) -> ZoneInfo:
    """The IANA zone called `name`. Raises ValueError with a remedy for a name that is not one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no IANA time zone; write it like Europe/Paris") from error


def is_utc(name: str) -> bool:
    """Whether times of this zone are written in UTC form (with Z), which needs no VTIMEZONE."""
    return name in _UTC_NAMES


@dataclass(frozen=True)
class _Change:
    """One change of the offset. `local` is the wall time before the change, `at` the instant in UTC."""

    at: datetime
    local: datetime
    before: timedelta
    after: timedelta
    name: str
    daylight: bool


@dataclass(frozen=True)
class _Rule:
    """A yearly rule: a weekday counted from the start or end of the month, a weekday within seven days, or a date."""

    kind: str
    month: int
    weekday: int
    number: int

    def holds(self, day: datetime) -> bool:
        if day.month != self.month or (self.kind != "date" and day.weekday() != self.weekday):
            return False
        if self.kind == "last":
            return day.day > calendar.monthrange(day.year, day.month)[1] - 7
        if self.kind == "nth":
            return (day.day - 1) // 7 + 1 == self.number
        if self.kind == "from":
            return self.number <= day.day < self.number + 7
        return day.day == self.number

    def recur(self) -> dict[str, Any]:
        parts: dict[str, Any] = {"freq": "YEARLY", "bymonth": self.month}
        if self.kind == "last":
            parts["byday"] = f"-1{_DAYS[self.weekday]}"
        elif self.kind == "nth":
            parts["byday"] = f"{self.number}{_DAYS[self.weekday]}"
        elif self.kind == "from":
            parts["byday"] = _DAYS[self.weekday]
            parts["bymonthday"] = list(range(self.number, self.number + 7))
        else:
            parts["bymonthday"] = self.number
        return parts


@lru_cache(maxsize=512)
def vtimezone(name: str, first_year: int = USUAL_FIRST_YEAR) -> bytes:
    """The VTIMEZONE of `name`, right for every local time from 1 January of `first_year` on.

    Raises ValueError for a name that is no IANA zone.
    """
    info = zone(name)
    first_year = min(first_year, USUAL_FIRST_YEAR)
    changes = list(_changes(info, first_year - 1, _LAST_YEAR))
    component = Timezone()
    component.add("TZID", name)
    if not changes or changes[0].at >= datetime(first_year, 1, 1, tzinfo=UTC):
        component.add_component(_steady(info, datetime(first_year - 1, 1, 1, tzinfo=UTC)))
    for run, rule in _runs(changes):
        component.add_component(_observance(run, rule))
    rendered: bytes = component.to_ical()
    return rendered


def _changes(info: ZoneInfo, first_year: int, last_year: int) -> Iterator[_Change]:
    """Every change of offset or name, found by halving: zoneinfo does not tell its transitions."""
    step = timedelta(days=4)  # Gaza has changes that lie a week apart
    at, end = datetime(first_year, 1, 1, tzinfo=UTC), datetime(last_year + 1, 1, 1, tzinfo=UTC)
    state = _state(info, at)
    while at < end:
        following = at + step
        if _state(info, following) != state:
            low, high = at, following
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                middle = middle.replace(microsecond=0)
                if middle == low:
                    break
                low, high = (middle, high) if _state(info, middle) == state else (low, middle)
            after = _state(info, high)
            if after[0] != state[0]:
                yield _change(high, state, after)
            state, at = after, high
        else:
            at = following


_State = tuple[timedelta, timedelta, str]


def _state(info: ZoneInfo, at: datetime) -> _State:
    local = at.astimezone(info)
    return (local.utcoffset() or timedelta(0), local.dst() or timedelta(0), local.tzname() or "")


def _change(at: datetime, before: _State, after: _State) -> _Change:
    # Dublin's summer is its standard time by law; what counts in calendars is that clocks go forward and come back.
    daylight = after[0] > before[0] and bool(before[1] or after[1])
    return _Change(at, (at + before[0]).replace(tzinfo=None), before[0], after[0], after[2], daylight)


_Kind = tuple[timedelta, timedelta, str, time, int]
"""What the changes of one rule have in common: offsets, name, wall time and month."""


def _runs(changes: list[_Change]) -> Iterator[tuple[list[_Change], _Rule | None]]:
    """Groups changes of consecutive years that one yearly rule explains; in order of their first onset."""
    open_runs: dict[_Kind, tuple[list[_Change], list[_Rule]]] = {}
    done: list[tuple[list[_Change], _Rule | None]] = []

    def close(key: _Kind) -> None:
        run, rules = open_runs.pop(key)
        done.append((run, rules[0] if len(run) > 1 else None))

    for change in changes:
        key = (change.before, change.after, change.name, change.local.time(), change.local.month)
        if key in open_runs:
            run, rules = open_runs[key]
            left = [rule for rule in rules if rule.holds(change.local)]
            if left and run[-1].local.year + 1 == change.local.year:
                open_runs[key] = ([*run, change], left)
                continue
            close(key)
        open_runs[key] = ([change], list(_candidates(change.local)))
    for key in list(open_runs):
        close(key)
    return iter(sorted(done, key=lambda item: item[0][0].at))


def _candidates(day: datetime) -> Iterator[_Rule]:
    """Every rule that could explain this onset, the plainest first."""
    for kind, number in (("last", 0), ("nth", (day.day - 1) // 7 + 1)):
        rule = _Rule(kind, day.month, day.weekday(), number)
        if rule.holds(day):
            yield rule
    length = 28 if day.month == 2 else calendar.monthrange(day.year, day.month)[1]
    for first in range(max(1, day.day - 6), min(day.day, length - 6) + 1):
        yield _Rule("from", day.month, day.weekday(), first)
    yield _Rule("date", day.month, 0, day.day)


def _observance(run: list[_Change], rule: _Rule | None) -> TimezoneStandard | TimezoneDaylight:
    first = run[0]
    component = TimezoneDaylight() if first.daylight else TimezoneStandard()
    component.add("DTSTART", first.local)
    component.add("TZOFFSETFROM", first.before)
    component.add("TZOFFSETTO", first.after)
    component.add("TZNAME", first.name)
    if rule is not None:
        parts = rule.recur()
        if run[-1].local.year < _LAST_YEAR:
            # In UTC, as section 3.3.10 asks for; a day late, because some readers take it for local time.
            parts["until"] = run[-1].at + timedelta(days=1)
        component.add("RRULE", vRecur(**parts))
    return component


def _steady(info: ZoneInfo, at: datetime) -> TimezoneStandard:
    offset, _, name = _state(info, at)
    component = TimezoneStandard()
    component.add("DTSTART", at.replace(tzinfo=None))
    component.add("TZOFFSETFROM", offset)
    component.add("TZOFFSETTO", offset)
    component.add("TZNAME", name)
    return component
