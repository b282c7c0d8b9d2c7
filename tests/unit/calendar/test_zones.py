"""VTIMEZONE components: rules instead of lists, and the same local times as zoneinfo in every zone of tzdata."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from io import StringIO
from zoneinfo import ZoneInfo, available_timezones

import pytest
from dateutil.tz import tzical  # type: ignore[import-untyped]

from shared.calendar.lint import lint
from shared.calendar.lint_lines import Component, parse
from shared.calendar.lint_zones import offset_at
from shared.calendar.zones import is_utc, vtimezone

CALENDAR = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\n{zone}END:VCALENDAR\r\n"
ENTRY = """BEGIN:VEVENT\r\nUID:a@lectern.test\r\nDTSTAMP:20191001T080000Z\r\nLAST-MODIFIED:20191001T080000Z\r\nSEQUENCE:1\r
SUMMARY:Talk\r\nSTATUS:CONFIRMED\r\nTRANSP:OPAQUE\r\nDTSTART;TZID={name}:20191120T094000\r\nEND:VEVENT\r\n"""
ZONES = sorted(available_timezones())
FIRST, LAST = datetime(2008, 1, 1, tzinfo=UTC), datetime(2061, 1, 1, tzinfo=UTC)
IRREGULAR = {"Africa/Casablanca", "Africa/El_Aaiun", "Asia/Gaza", "Asia/Hebron"}
"""Their clocks follow the moon: no yearly rule says when."""


def other_reader(name: str, first_year: int = 2008) -> object:
    """The zone as an independent parser understands our text."""
    text = CALENDAR.format(zone=re.sub("\r\n ", "", vtimezone(name, first_year).decode()))
    return tzical(StringIO(text)).get(name)


def test_paris_is_one_rule_for_summer_and_one_for_winter() -> None:
    text = vtimezone("Europe/Paris").decode()
    assert text.count("BEGIN:DAYLIGHT") == text.count("BEGIN:STANDARD") == 1
    assert "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\r\n" in text
    assert "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\n" in text


def test_zone_without_summer_time_is_one_observance() -> None:
    text = vtimezone("Asia/Kolkata").decode()
    assert text.count("BEGIN:STANDARD") == 1
    assert "DAYLIGHT" not in text
    assert "TZOFFSETTO:+0530" in text


def test_name_that_is_no_zone_is_refused_with_a_remedy() -> None:
    with pytest.raises(ValueError, match="Europe/Paris"):
        vtimezone("CET in May")


def kinds() -> list[list[str]]:
    """The zones of tzdata with those that are one zone under several names together."""
    by_rules: dict[bytes, list[str]] = {}
    for name in ZONES:
        by_rules.setdefault(files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes(), []).append(name)
    return list(by_rules.values())


@cache
def written(name: str) -> str:
    """Our VTIMEZONE; kept, because more zones are asked for here than a service ever needs."""
    return vtimezone(name).decode()


def calendar(name: str) -> bytes:
    """A calendar object with one session in the zone."""
    return CALENDAR.format(zone=written(name) + ENTRY.format(name=name)).encode()


@cache
def component(name: str) -> Component:
    """The VTIMEZONE as the lint reads it."""
    root, problems = parse(calendar(name))
    assert root is not None
    assert problems == []
    return root.named("VTIMEZONE")[0]


def changes(name: str, step: timedelta) -> Iterator[datetime]:
    """Each minute in UTC from which the zone has another offset, in 2008-2060: looked for in steps, then by halving."""
    place = ZoneInfo(name)

    def offset(minute: datetime) -> timedelta | None:
        return minute.astimezone(place).utcoffset()

    moment, before = FIRST, offset(FIRST)
    while moment < LAST:
        following = moment + step
        after = offset(following)
        if after != before:
            low, minutes = moment, int(step.total_seconds()) // 60
            while minutes > 1:
                half = minutes // 2
                if offset(low + timedelta(minutes=half)) == before:
                    low, minutes = low + timedelta(minutes=half), minutes - half
                else:
                    minutes = half
            yield low + timedelta(minutes=1)
        moment, before = following, after


def wrong_offsets(name: str, step: timedelta, around: tuple[int, ...]) -> list[str]:
    """Local times where our VTIMEZONE says another offset than tzdata: `around` (minutes) each change, and each January and July."""
    place, read, wrong = ZoneInfo(name), component(name), []
    moments = [change + timedelta(minutes=minutes) for change in changes(name, step) for minutes in around]
    moments += [datetime(year, month, 15, 12, tzinfo=UTC) for year in range(2008, 2061) for month in (1, 7)]
    for moment in moments:
        wall = moment.astimezone(place).replace(tzinfo=None, fold=0)
        if wall < datetime(2008, 1, 1):
            continue
        # Of a time that the wall shows twice, the first is meant (RFC 5545, section 3.3.5).
        right = wall.replace(tzinfo=place).utcoffset()
        if (said := offset_at(read, wall)) != right:
            wrong.append(f"{name} at {wall}: {said}, not {right}")
    return wrong


def test_every_zone_of_tzdata_has_nothing_to_find_fault_with() -> None:
    assert len(ZONES) > 550
    for name in ZONES:
        found = lint(calendar(name))
        # A zone that is not named after a place is refused for events (services/scheduling/time_zones.py).
        if "/" not in name:
            found = [problem for problem in found if f"TZID {name} is no IANA zone with a place" not in problem]
        assert found == []


def test_no_zone_of_tzdata_uses_lists_of_dates() -> None:
    for name in ZONES:
        text = written(name)
        assert "RDATE" not in text, name
        if name not in IRREGULAR:
            assert len(text) < 3200, name


def test_every_zone_of_tzdata_has_its_offset_around_every_change_until_2060() -> None:
    around = (-61, -1, 0, 60)
    found = [problem for names in kinds() for problem in wrong_offsets(names[0], timedelta(days=3), around)]
    assert found == []


def test_one_zone_under_several_names_is_written_alike() -> None:
    for names in kinds():
        texts = {written(name).replace(f"TZID:{name}\r\n", "") for name in names if not is_utc(name)}
        assert len(texts) <= 1, names


@pytest.mark.long
def test_every_name_of_tzdata_has_its_offset_at_every_half_hour_of_two_days_around_every_change() -> None:
    around = tuple(range(-1440, 1441, 30))
    assert [problem for name in ZONES for problem in wrong_offsets(name, timedelta(days=1), around)] == []


@pytest.mark.parametrize(
    "name",
    ["Europe/Paris", "Europe/Helsinki", "Europe/Brussels", "Europe/Dublin", "America/New_York", "America/Nuuk", "America/Santiago",
     "America/Sao_Paulo", "Asia/Jerusalem", "Asia/Tehran", "Australia/Lord_Howe", "Africa/Cairo", "Africa/Casablanca", "Asia/Gaza",
     "Europe/Moscow", "Pacific/Apia", "Antarctica/Troll", "America/Mexico_City", "Asia/Kathmandu"],
)  # fmt: skip
def test_independent_parser_reads_the_offsets_of_zoneinfo(name: str) -> None:
    ours, theirs = other_reader(name), ZoneInfo(name)
    moment = datetime(2008, 1, 1, tzinfo=UTC)
    while moment < datetime(2040, 1, 1, tzinfo=UTC):
        local = moment.astimezone(theirs)
        wall = local.replace(tzinfo=None)
        # Times that the wall shows twice, or never, have no one answer.
        if all(wall.replace(tzinfo=theirs, fold=f).astimezone(UTC) == moment for f in (0, 1)):
            read = wall.replace(tzinfo=ours).utcoffset()  # type: ignore[arg-type]
            assert read == local.utcoffset(), f"{name} at {wall}"
        moment += timedelta(hours=61)


@pytest.mark.parametrize("name", ["Europe/Paris", "Europe/Helsinki"])
@pytest.mark.parametrize(
    ("wall", "hours"),
    [("2021-03-28T01:30", 0), ("2021-03-28T05:30", 1), ("2021-10-31T01:00", 1), ("2021-10-31T05:30", 0)],
)
def test_hours_around_a_change_of_clocks_are_right(name: str, wall: str, hours: int) -> None:
    winter = timedelta(hours=1 if name == "Europe/Paris" else 2)
    ours = other_reader(name)
    moment = datetime.fromisoformat(wall).replace(tzinfo=ours)  # type: ignore[arg-type]
    assert moment.utcoffset() == winter + timedelta(hours=hours)


def test_older_session_gets_the_rules_of_its_time() -> None:
    ours = other_reader("America/New_York", 2006)
    # In 2006 summer time ended in October; since 2007 it ends in November.
    assert datetime(2006, 11, 2, 12, tzinfo=ours).utcoffset() == timedelta(hours=-5)  # type: ignore[arg-type]
    assert datetime(2021, 11, 2, 12, tzinfo=ours).utcoffset() == timedelta(hours=-4)  # type: ignore[arg-type]
