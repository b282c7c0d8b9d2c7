"""Local times over every change of the clocks from 2015 to 2035, in every zone that an agenda may name.

The oracle knows a zone as the stretches in which its offset stays: found by halving, from UTC to local only, where nothing
is ambiguous. Which instants a local time has follows from them by subtraction; the code under test asks zoneinfo instead.
"""

from __future__ import annotations

import os
from calendar import month_name
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduling.agenda import AgendaSession, WhichHour, ZoneCheck
from services.scheduling.domain import AgendaRefused
from services.scheduling.time_zones import (
    NotOnTheClock,
    TwiceOnTheClock,
    UnknownAbbreviation,
    ZoneDoubt,
    check_zone,
    printed_offset,
    to_local,
    to_utc,
    zone_doubt,
)
from services.scheduling.timetable import ImpossibleTime, Slot, doubt_about, slot_of
from tests.unit.scheduling.samples import sample, small

LONG = bool(os.environ.get("LECTERN_TEST_LONG"))
EXAMPLES = 4_000 if LONG else 200
STEP = timedelta(hours=6) if LONG else timedelta(days=7)
"""A zone that changes its clocks and takes it back within one step would be missed."""

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
SINCE, UNTIL = datetime(2014, 12, 28), datetime(2036, 1, 4)


@dataclass(frozen=True)
class Stretch:
    """From one change of a zone's clocks to the next, in UTC (no offset written): what they are ahead, and its name."""

    since: datetime
    until: datetime
    ahead: timedelta
    name: str


@dataclass(frozen=True)
class ClockChange:
    """A change of offset or name. Local times from `low` to `high` are left out (`gap`), or come twice."""

    zone: str
    before: Stretch
    after: Stretch

    @property
    def low(self) -> datetime:
        return self.after.since + min(self.before.ahead, self.after.ahead)

    @property
    def high(self) -> datetime:
        return self.after.since + max(self.before.ahead, self.after.ahead)

    @property
    def gap(self) -> bool:
        return self.after.ahead > self.before.ahead

    @property
    def within(self) -> tuple[datetime, ...]:
        """Local times that are left out or come twice: the first, the middle and the last."""
        if self.low == self.high:
            return ()
        middle = self.low + (self.high - self.low) / 2
        return self.low, middle.replace(microsecond=0), self.high - SECOND


def _is_zone(name: str) -> bool:
    try:
        return bool(check_zone(name))
    except ValueError:
        return False


ZONES = sorted(name for name in available_timezones() if _is_zone(name))


@cache
def stretches(zone: str, since: datetime = SINCE, until: datetime = UNTIL) -> tuple[Stretch, ...]:
    """What the clocks of `zone` show, stretch by stretch."""
    place = ZoneInfo(zone)

    def state(at: datetime) -> tuple[timedelta, str]:
        there = at.replace(tzinfo=UTC).astimezone(place)
        return there.utcoffset() or timedelta(0), there.tzname() or ""

    found, begun, here, now = [], since, since, state(since)
    while here < until:
        following = here + STEP
        if state(following) == now:
            here = following
            continue
        low, high = here, following
        while high - low > SECOND:
            middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
            low, high = (middle, high) if state(middle) == now else (low, middle)
        found.append(Stretch(begun, high, *now))
        begun = here = high
        now = state(high)
    return (*found, Stretch(begun, max(here, until), *now))


@cache
def changes(zone: str) -> tuple[ClockChange, ...]:
    return tuple(ClockChange(zone, *pair) for pair in pairwise(stretches(zone)))


@cache
def every_change() -> tuple[ClockChange, ...]:
    return tuple(change for zone in ZONES for change in changes(zone))


def instants(local: datetime, zone: str) -> list[datetime]:
    """The instants at which a clock in `zone` shows `local`."""
    return [
        (local - stretch.ahead).replace(tzinfo=UTC)
        for stretch in stretches(zone)
        if stretch.since <= local - stretch.ahead < stretch.until
    ]


def shown(instant: datetime, zone: str) -> datetime:
    """What a clock in `zone` shows at `instant`."""
    plain = instant.replace(tzinfo=None)
    (there,) = [stretch for stretch in stretches(zone) if stretch.since <= plain < stretch.until]
    return plain + there.ahead


Read = Callable[[datetime, str, str | None], datetime]
Answer = datetime | type[ValueError]


def answer(read: Read, local: datetime, zone: str, which: str | None) -> Answer:
    try:
        return read(local, zone, which)
    except ValueError as error:
        return type(error)


def right_answer(local: datetime, zone: str, which: str | None) -> Answer:
    """One instant: that, and no question was asked. Two: the one that is meant, if that is said. None: refused."""
    found = instants(local, zone)
    if len(found) == 2:
        return TwiceOnTheClock if which is None else found[which == "second"]
    if len(found) == 1:
        return found[0] if which is None else ValueError
    assert not found
    return NotOnTheClock


def misreadings(read: Read) -> Iterator[str]:
    """Local times around every change of the clocks that `read` has wrong."""
    for change in every_change():
        around = (change.low - MINUTE, change.low - SECOND, *change.within, change.high, change.high + MINUTE)
        for local in around:
            for which in (None, "first", "second"):
                if answer(read, local, change.zone, which) != right_answer(local, change.zone, which):
                    yield f"{local} in {change.zone} ({which})"


def words(day: date) -> str:
    return f"{day.day} {month_name[day.month]} {day.year}"


def session_at(starts: datetime, ends: datetime | None = None, **fields: object) -> AgendaSession:
    """The first workshop of the sample, moved to these local times."""
    first = sample_session()
    over_midnight = ends is not None and ends.date() != starts.date()
    return first.model_copy(
        update={
            "date": starts.date(),
            "starts": starts.time(),
            "ends": ends.time() if ends is not None else None,
            "ends_on": ends.date() if ends is not None and over_midnight else None,
        }
        | fields
    )


@cache
def sample_session() -> AgendaSession:
    return sample("milipol-2019").sessions[0]


# The oracle


def test_the_oracle_has_the_odd_zones_in_it() -> None:
    found = every_change()
    assert len(ZONES) > 400
    assert len(found) > 7_000
    shifts = {abs(change.after.ahead - change.before.ahead) for change in found}
    assert {timedelta(minutes=30), HOUR, 2 * HOUR, 3 * HOUR} <= shifts
    assert {"Asia/Pyongyang", "Pacific/Chatham", "Antarctica/Casey"} <= {c.zone for c in found if c.low.minute}
    assert any(not change.within for change in found), "a change of the name alone"
    assert any(change.low.time() == time(0) for change in found), "midnight that is left out, or comes twice"


def test_the_oracle_knows_the_spring_and_autumn_of_2019_in_paris() -> None:
    spring, autumn = (change for change in changes("Europe/Paris") if change.low.year == 2019)
    assert (spring.low, spring.high, spring.gap) == (datetime(2019, 3, 31, 2), datetime(2019, 3, 31, 3), True)
    assert (autumn.low, autumn.high, autumn.gap) == (datetime(2019, 10, 27, 2), datetime(2019, 10, 27, 3), False)


def test_control_a_reading_that_knows_nothing_of_gaps_is_found_out() -> None:
    def careless(local: datetime, zone: str, which: str | None) -> datetime:
        return local.replace(tzinfo=ZoneInfo(zone), fold=which == "second").astimezone(UTC)

    assert next(misreadings(careless), None) is not None


# Local time to instant and back


def test_around_every_change_of_the_clocks_in_every_zone_a_local_time_is_read_right_or_refused() -> None:
    assert list(misreadings(to_utc)) == []


def test_at_both_sides_of_every_change_the_wall_clock_is_right() -> None:
    for change in every_change():
        for plain in (change.after.since - SECOND, change.after.since, change.after.since + HOUR):
            instant = plain.replace(tzinfo=UTC)
            assert to_local(instant, change.zone) == shown(instant, change.zone), f"{instant} in {change.zone}"


def test_every_gap_is_refused_with_the_time_the_day_the_zone_and_the_minutes() -> None:
    for change in every_change():
        if change.gap:
            minutes = int((change.high - change.low) / MINUTE)
            for local in change.within:
                expected = (
                    f"{local:%H:%M} on {words(local)} does not exist in {change.zone}: "
                    f"clocks go forward by {minutes} minutes over it; "
                )
                with pytest.raises(NotOnTheClock) as refused:
                    to_utc(local, change.zone)
                assert str(refused.value).startswith(expected)


def test_every_repeated_hour_is_asked_about_with_both_instants() -> None:
    for change in every_change():
        if not change.gap:
            for local in change.within:
                first, second = instants(local, change.zone)
                with pytest.raises(TwiceOnTheClock) as refused:
                    to_utc(local, change.zone)
                assert f"first at {first:%H:%M} UTC, then at {second:%H:%M} UTC" in str(refused.value)
                assert second - first == change.high - change.low


SECONDS = st.integers(0, int((datetime(2036, 1, 1) - datetime(2015, 1, 1)) / SECOND) - 1)
LOCAL_TIMES = SECONDS.map(lambda seconds: datetime(2015, 1, 1) + seconds * SECOND)
WHICH = st.sampled_from([None, "first", "second"])


@settings(max_examples=EXAMPLES, deadline=None)
@given(zone=st.sampled_from(ZONES), local=LOCAL_TIMES, which=WHICH)
def test_on_any_day_in_any_zone_a_local_time_is_read_right_or_refused(
    zone: str, local: datetime, which: str | None
) -> None:
    read = answer(to_utc, local, zone, which)
    assert read == right_answer(local, zone, which)
    if isinstance(read, datetime):
        assert to_local(read, zone) == local


def test_the_thirtieth_of_december_2011_is_missing_in_samoa() -> None:
    for clock in (time(0), time(12), time(23, 59, 59)):
        with pytest.raises(NotOnTheClock, match="Pacific/Apia: clocks go forward by 1440 minutes"):
            to_utc(datetime.combine(date(2011, 12, 30), clock), "Pacific/Apia")
    night = slot_of(session_at(datetime(2011, 12, 29, 22), datetime(2011, 12, 31, 2)), "Pacific/Apia")
    assert night.starts_at is not None
    assert night.ends_at is not None
    assert night.ends_at - night.starts_at == 4 * HOUR


@pytest.mark.parametrize(
    ("zone", "gap", "minutes", "twice", "first"),
    [
        ("Europe/Paris", "2019-03-31T02:30", 60, "2019-10-27T02:30", "2019-10-27T00:30"),
        ("Europe/Dublin", "2019-03-31T01:30", 60, "2019-10-27T01:30", "2019-10-27T00:30"),  # winter is its summer time
        ("Australia/Lord_Howe", "2019-10-06T02:15", 30, "2019-04-07T01:45", "2019-04-06T14:45"),
        ("Africa/Casablanca", "2019-06-09T02:30", 60, "2019-05-05T02:30", "2019-05-05T01:30"),  # Ramadan
        ("Antarctica/Troll", "2019-03-31T02:30", 120, "2019-10-27T01:30", "2019-10-26T23:30"),
        ("Pacific/Chatham", "2019-09-29T02:50", 60, "2019-04-07T03:00", "2019-04-06T13:15"),
        ("America/Sao_Paulo", "2018-11-04T00:30", 60, "2019-02-16T23:30", "2019-02-17T01:30"),  # midnight is left out
        ("Asia/Pyongyang", "2018-05-04T23:45", 30, "2015-08-14T23:45", "2015-08-14T14:45"),
    ],
)
def test_clocks_that_are_put_forward_and_back_as_their_law_says(
    zone: str, gap: str, minutes: int, twice: str, first: str
) -> None:
    with pytest.raises(NotOnTheClock, match=f"{zone}: clocks go forward by {minutes} minutes"):
        to_utc(datetime.fromisoformat(gap), zone)
    local, earlier = datetime.fromisoformat(twice), datetime.fromisoformat(first).replace(tzinfo=UTC)
    with pytest.raises(TwiceOnTheClock):
        to_utc(local, zone)
    assert to_utc(local, zone, "first") == earlier
    assert to_utc(local, zone, "second") == earlier + timedelta(minutes=minutes)


# Sessions


def right_slot(session: AgendaSession, zone: str) -> tuple[datetime, datetime] | str:
    """The instants of start and end, or the field that is refused."""
    read: list[datetime] = []
    for name, day, clock, which in (
        ("starts", session.date, session.starts, session.starts_hour),
        ("ends", session.ends_on or session.date, session.ends, session.ends_hour),
    ):
        assert clock is not None
        found = right_answer(datetime.combine(day, clock), zone, which)
        if not isinstance(found, datetime):
            return f"{name}_hour" if found is ValueError else name
        read.append(found)
    starts_at, ends_at = read
    return (starts_at, ends_at) if ends_at > starts_at else "ends"


def slot_or_field(session: AgendaSession, zone: str) -> tuple[datetime | None, datetime | None] | str:
    try:
        slot = slot_of(session, zone)
    except ImpossibleTime as error:
        return error.field
    assert (slot.starts_local, slot.day) == (datetime.combine(session.date, session.starts or time()), session.date)
    return slot.starts_at, slot.ends_at


@st.composite
def sessions_at_a_change(draw: st.DrawFn) -> tuple[AgendaSession, str]:
    """A session near, in or over a change of the clocks; its end may come before its start."""
    change = draw(st.sampled_from(every_change()))
    starts = change.low + draw(st.integers(-150, 150)) * MINUTE
    ends = starts + draw(st.one_of(st.integers(-90, 240), st.integers(600, 2000))) * MINUTE
    hours = st.sampled_from([None, None, WhichHour.FIRST, WhichHour.SECOND])
    return session_at(starts, ends, starts_hour=draw(hours), ends_hour=draw(hours)), change.zone


@settings(max_examples=2 * EXAMPLES, deadline=None)
@given(sessions_at_a_change())
def test_a_session_at_a_change_of_the_clocks_has_its_instants_or_names_the_field_to_change(
    case: tuple[AgendaSession, str],
) -> None:
    assert slot_or_field(*case) == right_slot(*case)


def test_a_session_over_every_change_of_the_clocks_lasts_as_long_as_it_does() -> None:
    for change in every_change():
        starts, ends = change.low - HOUR, change.high + HOUR
        length = 2 * HOUR if change.gap else 2 * HOUR + 2 * (change.high - change.low)
        slot = slot_of(session_at(starts, ends), change.zone)
        assert slot.starts_at is not None
        assert slot.ends_at is not None
        assert slot.ends_at - slot.starts_at == length, f"{starts} in {change.zone}"


def test_nights_before_and_after_every_change_of_the_clocks_are_right_over_midnight() -> None:
    for change in every_change():
        midnight = datetime.combine(change.low, time(0))
        for starts, ends in (
            (midnight - 90 * MINUTE, midnight + 5 * HOUR),
            (midnight + 22 * HOUR, midnight + 25 * HOUR),
        ):
            session = session_at(starts, ends)
            assert session.ends_on == session.date + timedelta(days=1)
            assert slot_or_field(session, change.zone) == right_slot(session, change.zone), f"{starts} in {change.zone}"


def test_an_end_before_the_start_is_refused_at_every_change_of_the_clocks() -> None:
    for change in every_change():
        starts, ends = change.high + HOUR, change.low - HOUR
        with pytest.raises(ImpossibleTime, match="is not after the start") as refused:
            slot_of(session_at(starts, ends), change.zone)
        assert refused.value.field == "ends"


def test_an_end_that_is_earlier_on_the_wall_is_no_fault_where_clocks_are_put_back_in_between() -> None:
    session = session_at(datetime(2019, 10, 27, 2, 50), datetime(2019, 10, 27, 2, 10))
    answered = session.model_copy(update={"starts_hour": WhichHour.FIRST, "ends_hour": WhichHour.SECOND})
    slot = slot_of(answered, "Europe/Paris")
    assert slot.starts_at is not None
    assert slot.ends_at is not None
    assert slot.ends_at - slot.starts_at == 20 * MINUTE


def test_an_end_that_is_later_on_the_wall_alone_is_told_what_is_wrong() -> None:
    session = session_at(datetime(2019, 10, 27, 2, 10), datetime(2019, 10, 27, 2, 50))
    answered = session.model_copy(update={"starts_hour": WhichHour.SECOND, "ends_hour": WhichHour.FIRST})
    with pytest.raises(ImpossibleTime, match="clocks are put back in between; correct starts_hour or ends_hour"):
        slot_of(answered, "Europe/Paris")


def test_an_end_on_an_earlier_day_is_told_with_both_days() -> None:
    session = session_at(datetime(2019, 11, 20, 9), datetime(2019, 11, 19, 10))
    with pytest.raises(ImpossibleTime, match=r"10:00 on 19 November 2019\) is not after the start \(09:00 on 20 Nov"):
        slot_of(session, "Europe/Paris")


@pytest.mark.parametrize(
    ("local", "zone"), [(datetime(1, 1, 1), "Asia/Tokyo"), (datetime(9999, 12, 31, 23), "America/New_York")]
)
def test_a_time_at_the_edge_of_the_calendar_is_refused_with_a_remedy(local: datetime, zone: str) -> None:
    with pytest.raises(ValueError, match=r"the year \d+ is at the edge.*choose another year"):
        to_utc(local, zone)


@pytest.mark.parametrize("day", ["1899-12-31", "2201-01-01", "9999-12-31"])
def test_a_day_in_another_age_is_refused_with_a_remedy(day: str) -> None:
    with pytest.raises(AgendaRefused, match=r"workshop-1\.date: .*write year \(1900 to 2200\)"):
        small({"date": day})
    with pytest.raises(AgendaRefused, match=r"event\.admission\.opens: .*write year \(1900 to 2200\)"):
        small(admission={"opens": f"{day}T00:00"})


# The zone check

ABBREVIATIONS = {
    "UTC": 0, "GMT": 0, "WET": 0, "WEST": 60, "CET": 60, "CEST": 120, "EET": 120, "EEST": 180, "MSK": 180,
    "JST": 540, "AEST": 600, "AEDT": 660, "NZST": 720, "NZDT": 780,
}  # fmt: skip


def as_people_write(minutes: int) -> str:
    if minutes == 0:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}{f':{rest:02d}' if rest else ''}"


PRINTED = st.one_of(
    st.sampled_from(sorted(ABBREVIATIONS.items())),
    st.integers(-14 * 4, 14 * 4).map(lambda quarters: (as_people_write(15 * quarters), 15 * quarters)),
)


@st.composite
def printed_times(draw: st.DrawFn) -> tuple[datetime, str, str, int]:
    """A local time near a change of the clocks or anywhere, its zone, and an offset that is printed beside it."""
    if draw(st.booleans()):
        change = draw(st.sampled_from(every_change()))
        zone, local = change.zone, change.low + draw(st.integers(-120, 120)) * MINUTE
    else:
        zone, local = draw(st.sampled_from(ZONES)), draw(LOCAL_TIMES).replace(second=0)
    printed, minutes = draw(PRINTED)
    return local, zone, printed, minutes


def right_question(local: datetime, zone: str, printed: str, minutes: int, at_local: datetime) -> str | None:
    """What the organiser is asked, in the product's words; None where both readings are the same instant."""
    at_printed = local.replace(tzinfo=UTC) - minutes * MINUTE
    if at_local == at_printed:
        return None
    plain = at_local.replace(tzinfo=None)
    (there,) = [stretch for stretch in stretches(zone) if stretch.since <= plain < stretch.until]
    offset = as_people_write(int(there.ahead / MINUTE))
    observes = offset if there.name[0] in "+-" else f"{there.name} ({offset})"

    def in_utc(instant: datetime) -> str:
        return f"{instant:%H:%M} UTC" + ("" if instant.date() == local.date() else f" on {words(instant)}")

    return (
        f"{local:%H:%M} {printed} on {words(local)}: {zone} observes {observes}; "
        f"{local:%H:%M} in {zone.split('/')[-1].replace('_', ' ')} is {in_utc(at_local)}; "
        f"{local:%H:%M} at {as_people_write(minutes)} is {in_utc(at_printed)}. Which is meant?"
    )


@settings(max_examples=2 * EXAMPLES, deadline=None)
@given(case=printed_times(), which=WHICH)
def test_a_printed_zone_is_asked_about_with_two_right_readings_exactly_where_they_differ(
    case: tuple[datetime, str, str, int], which: str | None
) -> None:
    local, zone, printed, minutes = case
    at_printed = local.replace(tzinfo=UTC) - minutes * MINUTE
    at_local = right_answer(local, zone, which)
    if at_local is TwiceOnTheClock and at_printed in instants(local, zone):
        at_local = at_printed  # what is printed says which of the two it is
    asked: ZoneDoubt | type[ValueError] | None
    try:
        asked = zone_doubt(local, zone, printed, which)
    except ValueError as error:
        asked = type(error)
    if not isinstance(at_local, datetime):
        assert asked is at_local
    elif at_local == at_printed:
        assert asked is None
    else:
        assert isinstance(asked, ZoneDoubt)
        assert (asked.local_reading, asked.printed_reading) == (at_local, at_printed)
        assert asked.message == right_question(local, zone, printed, minutes, at_local)


def test_the_abbreviation_that_a_zone_observes_is_never_doubted() -> None:
    for zone in ZONES:
        for stretch in stretches(zone):
            for plain in (stretch.since + MINUTE, stretch.since + (stretch.until - stretch.since) / 2):
                local = plain.replace(microsecond=0) + stretch.ahead
                if len(instants(local, zone)) == 1:
                    assert zone_doubt(local, zone, stretch.name) is None, f"{local} {stretch.name} in {zone}"


def test_in_every_repeated_hour_the_abbreviation_says_which_of_the_two_it_is() -> None:
    for change in every_change():
        if not change.gap and change.before.name != change.after.name:
            for local in change.within:
                both = instants(local, change.zone)
                for stretch, instant in zip((change.before, change.after), both, strict=True):
                    session = session_at(local, printed_zone=stretch.name)
                    assert slot_of(session, change.zone).starts_at == instant, f"{local} {stretch.name} {change.zone}"


def test_an_abbreviation_of_both_hours_does_not_say_which() -> None:
    with pytest.raises(UnknownAbbreviation, match=r"KST is UTC\+9 and UTC\+8:30 in the hour that comes twice"):
        printed_offset("KST", "Asia/Pyongyang", datetime(2015, 8, 14, 23, 45))


@settings(max_examples=EXAMPLES, deadline=None)
@given(case=printed_times(), length=st.integers(1, 600))
def test_a_printed_zone_that_is_meant_gives_the_instant_and_the_wall_clock_there_follows(
    case: tuple[datetime, str, str, int], length: int
) -> None:
    local, zone, printed, minutes = case
    ends = local + length * MINUTE
    slot = slot_of(session_at(local, ends, printed_zone=printed, zone_check=ZoneCheck.PRINTED), zone)
    starts_at, ends_at = (at.replace(tzinfo=UTC) - minutes * MINUTE for at in (local, ends))
    expected = shown(starts_at, zone)
    assert slot == Slot(expected.date(), expected, shown(ends_at, zone), starts_at, ends_at)


@pytest.mark.parametrize(
    ("printed", "minutes"),
    [("UTC+1", 60), ("GMT-3:30", -210), ("+0530", 330), ("-03", -180), ("UTC+14", 840), ("UTC-14:00", -840)],
)
def test_an_offset_is_read_as_it_is_written(printed: str, minutes: int) -> None:
    assert printed_offset(printed, "Europe/Paris", datetime(2019, 11, 20, 9, 40)) == minutes * MINUTE


@pytest.mark.parametrize("printed", ["UTC+15", "+14:01", "-1500", "UTC+1:60", "cet", "IST", "<b>"])
def test_what_is_no_offset_is_not_guessed(printed: str) -> None:
    with pytest.raises(UnknownAbbreviation, match="write it as an offset, for example"):
        printed_offset(printed, "Europe/Paris", datetime(2019, 11, 20, 9, 40))


def test_an_answered_hour_and_another_printed_zone_are_a_question_and_no_fault() -> None:
    night = {"date": "2019-10-27", "starts": "02:30", "ends": "04:00", "starts_hour": "first", "printed_zone": "MSK"}
    agenda = small(night, starts_on="2019-10-27", ends_on="2019-10-27")
    doubt = doubt_about(agenda.sessions[0], "Europe/Paris")
    assert doubt is not None
    assert doubt.local_reading == datetime(2019, 10, 27, 0, 30, tzinfo=UTC)


def test_the_first_hour_printed_with_the_abbreviation_of_the_second_is_a_question() -> None:
    session = session_at(datetime(2019, 10, 27, 2, 30), starts_hour=WhichHour.FIRST, printed_zone="CET")
    doubt = doubt_about(session, "Europe/Paris")
    assert doubt is not None
    assert doubt.message == (
        "02:30 CET on 27 October 2019: Europe/Paris observes CEST (UTC+2); 02:30 in Paris is 00:30 UTC; "
        "02:30 at UTC+1 is 01:30 UTC. Which is meant?"
    )


def test_an_end_in_the_second_hour_printed_with_the_abbreviation_of_the_first_is_a_question() -> None:
    starts, ends = datetime(2019, 10, 27, 1), datetime(2019, 10, 27, 2, 30)
    doubt = doubt_about(session_at(starts, ends, ends_hour=WhichHour.SECOND, printed_zone="CEST"), "Europe/Paris")
    assert doubt is not None
    assert doubt.local_reading == datetime(2019, 10, 27, 1, 30, tzinfo=UTC)
    assert doubt.printed_reading == datetime(2019, 10, 27, 0, 30, tzinfo=UTC)


def test_an_end_after_the_change_of_the_clocks_is_doubted_where_the_start_is_not() -> None:
    session = session_at(datetime(2019, 10, 27, 1), datetime(2019, 10, 27, 4), printed_zone="CEST")
    doubt = doubt_about(session, "Europe/Paris")
    assert doubt is not None
    assert doubt.message.startswith("04:00 CEST on 27 October 2019: Europe/Paris observes CET (UTC+1)")


def test_the_question_of_the_web_conference_in_may() -> None:
    asked = next(s for s in sample("efus-2021-round-3").sessions if s.printed_zone == "CET")
    doubt = doubt_about(asked.model_copy(update={"zone_check": None}), "Europe/Paris")
    assert doubt is not None
    assert doubt.message == (
        "14:00 CET on 5 May 2021: Europe/Paris observes CEST (UTC+2); 14:00 in Paris is 12:00 UTC; "
        "14:00 at UTC+1 is 13:00 UTC. Which is meant?"
    )
