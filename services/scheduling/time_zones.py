"""Local time and zone to UTC, without guessing: gaps, repeated hours, and abbreviations that do not apply on the day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from shared.contracts.local_time import offset_name

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

# Abbreviations with one usual meaning, in minutes east of UTC. Those with several (IST, BST, CST ...) are read only in a
# zone that uses them itself; elsewhere the organiser is asked for an offset.
_OFFSETS = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 60, "CET": 60, "CEST": 120, "MEZ": 60, "MESZ": 120,
    "EET": 120, "EEST": 180, "MSK": 180, "TRT": 180, "SAST": 120, "EAT": 180, "CAT": 120, "WAT": 60,
    "EST": -300, "EDT": -240, "PST": -480, "PDT": -420, "AKST": -540, "AKDT": -480, "HST": -600,
    "BRT": -180, "JST": 540, "KST": 540, "SGT": 480, "HKT": 480, "AEST": 600, "AEDT": 660, "ACST": 570, "AWST": 480,
    "NZST": 720, "NZDT": 780,
}  # fmt: skip
_PRINTED_OFFSET = re.compile(r"^(?:UTC|GMT)?([+-])(\d{1,2})(?::?([0-5]\d))?$")
_PRINTED = re.compile(r"^[A-Za-z0-9:+-]{1,12}$")


class NotOnTheClock(ValueError):
    """The local time does not exist that day: clocks are put forward over it."""


class TwiceOnTheClock(ValueError):
    """The local time comes twice that day: clocks are put back over it."""


class UnknownAbbreviation(ValueError):
    """Nobody can say for certain which offset is meant."""


@dataclass(frozen=True)
class ZoneDoubt:
    """A time printed with an abbreviation that does not apply on its day: two readings, both in UTC."""

    local_reading: datetime
    printed_reading: datetime
    message: str


@cache
def _known() -> frozenset[str]:
    return frozenset(name for name in available_timezones() if "/" in name and not name.startswith("Etc/")) | {"UTC"}


def check_zone(name: str) -> str:
    """`name`, where it is a zone named after a place. Raises ValueError with a remedy."""
    if name in _known():
        return name
    if "/" not in name:
        raise ValueError(f"{name} is not a place's zone; name one of the IANA database, for example Europe/Paris")
    raise ValueError(f"{name} is not in the IANA time zone database; for example Europe/Paris")


def to_utc(local: datetime, zone: str, which: str | None = None) -> datetime:
    """The instant of `local` (no offset) in `zone`, in UTC.

    `which` (`first` or `second`) answers for an hour that comes twice. Raises NotOnTheClock, TwiceOnTheClock, and
    ValueError for an answer to a question that the day does not ask (PEP 495 tells the cases apart) or for a year at
    the very edge of the calendar.
    """
    place = ZoneInfo(zone)
    first, second = (local.replace(tzinfo=place, fold=fold) for fold in (0, 1))
    before, after = _offset(first), _offset(second)
    if before < after:
        raise NotOnTheClock(
            f"{local:%H:%M} on {in_words(local)} does not exist in {zone}: clocks go forward by "
            f"{_minutes(after - before)} minutes over it; choose an earlier or later time"
        )
    if before > after and which is None:
        raise TwiceOnTheClock(
            f"{local:%H:%M} on {in_words(local)} comes twice in {zone}: first at {_utc(first):%H:%M} UTC, "
            f"then at {_utc(second):%H:%M} UTC; say which one with first or second"
        )
    if before == after and which is not None:
        raise ValueError(f"{local:%H:%M} on {in_words(local)} comes once in {zone}; leave out which one is meant")
    return _utc(second if which == "second" else first)


def at_offset(local: datetime, offset: timedelta) -> datetime:
    """The instant of `local` on a clock that is `offset` east of UTC. Raises ValueError at the calendar's edge."""
    try:
        return (local - offset).replace(tzinfo=UTC)
    except OverflowError as error:
        raise _beyond_the_calendar(local) from error


def to_local(instant: datetime, zone: str) -> datetime:
    """The wall clock in `zone` at `instant`, without an offset. Raises ValueError at the calendar's edge."""
    try:
        return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
    except OverflowError as error:
        raise _beyond_the_calendar(instant) from error


def printed_offset(printed: str, zone: str, local: datetime) -> timedelta:
    """East of UTC, what `printed` (CET, UTC+1 ...) says beside the time `local` on a page about `zone`.

    Raises UnknownAbbreviation.
    """
    if match := _PRINTED_OFFSET.match(printed):
        sign, hours, minutes = match.groups()
        size = timedelta(hours=int(hours), minutes=int(minutes or 0))
        if size <= timedelta(hours=14):
            return -size if sign == "-" else size
    place = ZoneInfo(zone)
    first, second = (local.replace(tzinfo=place, fold=fold) for fold in (0, 1))
    if first.tzname() == second.tzname() == printed and _offset(first) > _offset(second):
        raise UnknownAbbreviation(
            f"{printed} is {offset_name(_offset(first))} and {offset_name(_offset(second))} in the hour that comes twice; "
            f"write it as an offset, for example {offset_name(_offset(first))}"
        )
    # The zone's own abbreviations come first, IST is not the same everywhere: those of that moment (KST has had two
    # offsets in one year), then those of that year.
    moments = (datetime(local.year, month, 1, 12, tzinfo=place) for month in (1, 7, 4, 10))
    for moment in (first, second, *moments):
        if moment.tzname() == printed:
            return _offset(moment)
    if printed in _OFFSETS:
        return timedelta(minutes=_OFFSETS[printed])
    raise UnknownAbbreviation(
        f"{printed if _PRINTED.match(printed) else 'this abbreviation'} has no single meaning; "
        "write it as an offset, for example UTC+1"
    )


def zone_doubt(local: datetime, zone: str, printed: str, which: str | None = None) -> ZoneDoubt | None:
    """The question to ask when `printed` does not apply in `zone` at `local`; None where both say the same instant.

    `which` (`first` or `second`) answers for an hour that comes twice. Raises UnknownAbbreviation, and what `to_utc` raises.
    """
    offset = printed_offset(printed, zone, local)
    at_printed = at_offset(local, offset)
    place = ZoneInfo(zone)
    try:
        at_local = to_utc(local, zone, which)
    except TwiceOnTheClock:
        # The printed abbreviation itself says which of the two is meant.
        if at_printed in {_utc(local.replace(tzinfo=place, fold=fold)) for fold in (0, 1)}:
            return None
        raise
    if at_local == at_printed:
        return None
    there = at_local.astimezone(place)
    observed = there.tzname() or ""
    observes = f"{observed} ({offset_name(_offset(there))})" if observed.isalpha() else offset_name(_offset(there))
    city = zone.rpartition("/")[2].replace("_", " ")
    return ZoneDoubt(
        at_local,
        at_printed,
        f"{local:%H:%M} {printed} on {in_words(local)}: {zone} observes {observes}; "
        f"{local:%H:%M} in {city} is {_utc_time(at_local, local)}; "
        f"{local:%H:%M} at {offset_name(offset)} is {_utc_time(at_printed, local)}. Which is meant?",
    )


def offset_at(instant: datetime, zone: str) -> timedelta:
    """The offset of `zone` at `instant`, east of UTC."""
    return _offset(instant.astimezone(ZoneInfo(zone)))


def in_words(moment: date) -> str:
    """A date for messages to organisers: 5 May 2021."""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def _utc_time(instant: datetime, local: datetime) -> str:
    other_day = f" on {in_words(instant)}" if instant.date() != local.date() else ""
    return f"{instant:%H:%M} UTC{other_day}"


def _offset(moment: datetime) -> timedelta:
    return moment.utcoffset() or timedelta(0)


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise _beyond_the_calendar(moment) from error


def _beyond_the_calendar(moment: datetime) -> ValueError:
    return ValueError(f"the year {moment.year} is at the edge of the calendar; choose another year")


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
