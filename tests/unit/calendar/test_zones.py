"""VTIMEZONE components: rules instead of lists, and the same local times as zoneinfo in every zone of tzdata."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo, available_timezones

import pytest
from dateutil.tz import tzical  # type: ignore[import-untyped]

from shared.calendar.zones import vtimezone

CALENDAR = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\n{zone}END:VCALENDAR\r\n"
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


def test_no_zone_of_tzdata_uses_lists_of_dates() -> None:
    for name in sorted(available_timezones()):
        text = vtimezone(name).decode()
        assert "RDATE" not in text, name
        if name not in IRREGULAR:
            assert len(text) < 3200, name


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
