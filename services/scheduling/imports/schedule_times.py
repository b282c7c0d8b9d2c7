"""When an event of a schedule file is: from `date`, `start`, `duration` and `end`, of which each dialect has others.

Nothing is guessed: what contradicts itself or the zone is refused with both readings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from services.scheduling.domain import AgendaRefused
from services.scheduling.imports.schedule_parts import FileEvent, fault, short
from services.scheduling.time_zones import NotOnTheClock, TwiceOnTheClock, at_offset, in_words, to_local, to_utc
from shared.contracts.local_time import offset_name

_DAY = r"\d{4}-\d{2}-\d{2}"
MOMENT = re.compile(rf"({_DAY})(?:[T ](\d{{2}}:\d{{2}}(?::\d{{2}})?)(?:[.,]\d+)?\s*(Z|[+-]\d{{2}}:?\d{{2}})?)?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_DURATION = re.compile(r"(\d{1,9}):(\d{2})(?::(\d{2}))?")
_LONGEST = timedelta(days=366)
Instants = tuple[datetime, datetime | None]
"""Start and end in UTC; no end where it is not announced."""


class TimeRefusal(ValueError):
    """A time that cannot be read; `field` is the one to change."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.field = name


@dataclass(frozen=True)
class _Moment:
    """A day and time as written, with the offset where there is one; `is_z`: the offset is the letter Z."""

    local: datetime
    offset: timedelta | None
    is_z: bool = False

    def words(self) -> str:
        return f"{self.local:%H:%M}" + (f" at {offset_name(self.offset)}" if self.offset is not None else "")


@dataclass(frozen=True)
class Times:
    """When an event is, as far as the file says it: asked with the event's zone, the instants.

    `clock` is the time on the wall that stands beside `starts`; `zone` the zone that the file itself names.
    """

    starts: _Moment
    clock: time | None
    ends: _Moment | None
    span: timedelta | None
    zone: str | None
    line: Mapping[str, int | None]
    named: str

    def __call__(self, zone: str) -> Instants:
        """Starts and ends in UTC. Raises AgendaRefused where the offset contradicts the zone, or the clock is ambiguous."""
        zone = self.zone or zone
        try:
            starts_at = _instant(self.starts, self.clock, zone, "date")
            ends_at = _instant(self.ends, None, zone, "end") if self.ends is not None else None
            if self.span is not None:
                if ends_at is not None:
                    self._compare(starts_at, ends_at)
                elif self.span:
                    ends_at = starts_at + self.span
            if ends_at is not None and ends_at < starts_at:
                raise TimeRefusal(
                    "end", f"the end ({_clock(ends_at, zone)}) is before the start ({_clock(starts_at, zone)})"
                )
            to_local(ends_at or starts_at, zone)
        except TimeRefusal as refusal:
            raise AgendaRefused([self._fault(refusal.field, str(refusal))]) from refusal
        except (ValueError, OverflowError) as error:
            message = f"the year {self.starts.local.year} is at the edge of the calendar; correct the date"
            raise AgendaRefused([self._fault("date", message)]) from error
        return starts_at, None if ends_at == starts_at else ends_at

    def _compare(self, starts_at: datetime, ends_at: datetime) -> None:
        """`duration` counts minutes, `end` may count seconds."""
        assert self.span is not None
        assert self.ends is not None
        if abs(ends_at - starts_at - self.span) >= timedelta(minutes=1):
            said = _hours(ends_at - starts_at)
            message = f"duration says {_hours(self.span)}, but end ({self.ends.words()}) is {said} after the start; make them agree"
            raise TimeRefusal("duration", message)

    def _fault(self, name: str, message: str) -> dict[str, str]:
        return fault(self.line.get(name, self.line.get("")), f"{self.named}.{name}", message, "time")


def times_of(item: FileEvent, zone: str | None, named: str, *, with_days: bool) -> Times:
    """When `item` is. `zone` is the file's own, `named` what the event is called in refusals; `with_days` says how a
    duration of three numbers is meant. Raises TimeRefusal."""
    values = item.values
    clock = None
    start = values.get("start", "")
    starts = _moment(values["date"], "date") if values.get("date") else None
    if starts is None and MOMENT.fullmatch(start):
        starts = _moment(start, "start")  # schedule v2 has the whole moment here
    elif start:
        clock = _time(start)
    if starts is None or len(values.get("date", "")) == 10:
        if clock is None:
            raise TimeRefusal("start", "start is missing; write hours and minutes, for example 09:40")
        starts = _Moment(
            datetime.combine(starts.local.date() if starts is not None else _day_of(item, clock), clock), None
        )
    if starts.offset is None and clock is not None and not _agree(clock, starts.local):
        raise TimeRefusal("start", f"start says {start}, but date says {starts.local:%H:%M}; make the two agree")
    ends = _moment(values["end"], "end") if values.get("end") else None
    span = _span(values["duration"], with_days=with_days) if values.get("duration") else None
    if span is None and ends is None:
        raise TimeRefusal("duration", "duration is missing; write hours and minutes, for example 00:45")
    lines = {"": item.line, **item.lines}
    if "date" not in lines and "start" in lines:
        lines["date"] = lines["start"]
    return Times(starts, clock, ends, span, zone, lines, named)


def _instant(moment: _Moment, clock: time | None, zone: str, name: str) -> datetime:
    """The instant of `moment`. Its offset must be one that `zone` has then, unless `clock` shows what the zone does."""
    if moment.offset is None:
        try:
            return to_utc(moment.local, zone)
        except NotOnTheClock as error:
            raise TimeRefusal(name, str(error)) from error
        except TwiceOnTheClock as error:
            offset = f"{moment.local.isoformat()}{_iso(to_utc(moment.local, zone, 'first'), moment.local)}"
            said = str(error).rpartition("; ")[0]
            raise TimeRefusal(name, f"{said}; write date with its offset, for example {offset}") from error
    at = at_offset(moment.local, moment.offset)
    there = to_local(at, zone)
    if clock is not None and not _agree(clock, there) and not _agree(clock, moment.local):
        raise TimeRefusal(
            "start",
            f"start says {clock:%H:%M}, but date says {moment.words()}, {there:%H:%M} in {zone}; make them agree",
        )
    fits = _agree(clock, there) if clock is not None else moment.is_z or there == moment.local
    if not fits:
        raise TimeRefusal(
            name,
            f"{moment.words()} on {in_words(moment.local)} is {at:%H:%M} UTC, which is {there:%H:%M} in {zone}; "
            f"{_reading(moment.local, zone)}: correct the offset, or the time zone of the file",
        )
    return at


def _reading(local: datetime, zone: str) -> str:
    """The other reading: the clock on the wall."""
    try:
        return f"{local:%H:%M} in {zone} is {to_utc(local, zone):%H:%M} UTC"
    except ValueError as error:
        return str(error)


def _moment(words: str, name: str) -> _Moment:
    match = MOMENT.fullmatch(words)
    if not match:
        example = "2019-11-20T09:40:00+01:00"
        raise TimeRefusal(
            name, f"{short(words)} is not a date and time; write it with its offset, for example {example}"
        )
    day, clock, offset = match.groups()
    try:
        local = datetime.fromisoformat(f"{day}T{clock or '00:00'}")
        if offset is None or offset == "Z":
            return _Moment(local, None if offset is None else timedelta(0), offset is not None)
        size = timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:]))
    except ValueError as error:
        raise TimeRefusal(name, f"{short(words)}: there is no such day or time; correct it") from error
    if size > timedelta(hours=14) or int(offset[-2:]) > 59:
        raise TimeRefusal(name, f"{short(words)}: no place has the offset {offset}; correct it")
    return _Moment(local, -size if offset[0] == "-" else size)


def _time(words: str) -> time:
    match = _CLOCK.fullmatch(words)
    try:
        hours, minutes, seconds = match.groups() if match is not None else ("", "", "")
        return time(int(hours), int(minutes), int(seconds or 0))
    except ValueError as error:
        raise TimeRefusal(
            "start", f"{short(words)} is not a time of day; write hours and minutes, for example 09:40"
        ) from error


def _day_of(item: FileEvent, clock: time) -> date:
    """The date of a time in a conference day: what is before the day begins is after midnight."""
    try:
        if not re.fullmatch(_DAY, item.day[:10]):
            raise ValueError
        day = date.fromisoformat(item.day[:10])
        return day + timedelta(days=1) if clock < item.day_begins else day
    except (ValueError, OverflowError) as error:
        message = "date is missing, and the day around the event has no date; add 2019-11-20T09:40:00+01:00 or the like"
        raise TimeRefusal("date", message) from error


def _span(words: str, *, with_days: bool) -> timedelta:
    """A duration. Of three numbers, pretalx (and so our own export) means days, hours and minutes; others mean hours,
    minutes and seconds, and so does 00:50:00: a number of days has no zero before it."""
    match = _DURATION.fullmatch(words)
    if match is None:
        raise TimeRefusal(
            "duration", f"{short(words)} is not a duration; write hours and minutes, for example 00:45, and no sign"
        )
    first, second, third = (int(part) if part is not None else None for part in match.groups())
    assert first is not None
    assert second is not None
    if third is not None and with_days and not words.startswith("0"):
        days, hours, minutes, seconds = first, second, third, 0
        if hours > 23:
            raise TimeRefusal("duration", f"{short(words)} is not a duration; beside days, hours go from 00 to 23")
    else:
        days, hours, minutes, seconds = 0, first, second, third or 0
    if minutes > 59 or seconds > 59:
        raise TimeRefusal("duration", f"{short(words)} is not a duration; minutes go from 00 to 59")
    if days > _LONGEST.days or hours > _LONGEST.days * 24:
        raise TimeRefusal(
            "duration", f"{short(words)} is longer than a year; write hours and minutes, for example 00:45"
        )
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _agree(clock: time, local: datetime) -> bool:
    """Whether both are the same minute: `start` has no seconds."""
    return (clock.hour, clock.minute) == (local.hour, local.minute)


def _clock(instant: datetime, zone: str) -> str:
    return f"{to_local(instant, zone):%H:%M}"


def _hours(span: timedelta) -> str:
    minutes = abs(int(span.total_seconds())) // 60
    return f"{'-' if span < timedelta(0) else ''}{minutes // 60}:{minutes % 60:02}"


def _iso(instant: datetime, local: datetime) -> str:
    """The offset of a clock that shows `local` at `instant`: +02:00."""
    minutes = int((local.replace(tzinfo=UTC) - instant).total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
