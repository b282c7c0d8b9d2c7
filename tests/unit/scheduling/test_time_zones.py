"""Local time to UTC over the changes of the clocks, and the zone check."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduling.time_zones import (
    NotOnTheClock,
    TwiceOnTheClock,
    UnknownAbbreviation,
    check_zone,
    printed_offset,
    to_local,
    to_utc,
    zone_doubt,
)
from shared.contracts.local_time import offset_name

ZONES = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
FIRST, LAST = datetime(2015, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)


@cache
def transitions(zone: str) -> tuple[datetime, ...]:
    """The instants from 2015 to 2035 at which the offset of `zone` changes."""
    place, found = ZoneInfo(zone), []
    step, here = timedelta(days=7), FIRST
    while here < LAST:
        low, high = here, here + step
        if low.astimezone(place).utcoffset() != high.astimezone(place).utcoffset():
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                middle = middle.replace(microsecond=0)
                if middle in (low, high):
                    break
                if middle.astimezone(place).utcoffset() == here.astimezone(place).utcoffset():
                    low = middle
                else:
                    high = middle
            found.append(high)
        here += step
    return tuple(found)


def instants_that_show(local: datetime, zone: str) -> list[datetime]:
    """The oracle: all instants at which a clock in `zone` shows `local`, found by trying every offset of those days."""
    place, naive_utc = ZoneInfo(zone), local.replace(tzinfo=UTC)
    offsets = {
        (naive_utc + timedelta(hours=hours)).astimezone(place).utcoffset() or timedelta(0) for hours in range(-36, 37)
    }
    found = {naive_utc - offset for offset in offsets}
    return sorted(at for at in found if at.astimezone(place).replace(tzinfo=None, fold=0) == local)


def check_against_oracle(local: datetime, zone: str) -> None:
    shown = instants_that_show(local, zone)
    if not shown:
        with pytest.raises(NotOnTheClock):
            to_utc(local, zone)
    elif len(shown) == 1:
        assert to_utc(local, zone) == shown[0]
        assert to_local(shown[0], zone) == local
        with pytest.raises(ValueError, match="comes once"):
            to_utc(local, zone, "first")
    else:
        with pytest.raises(TwiceOnTheClock):
            to_utc(local, zone)
        assert [to_utc(local, zone, "first"), to_utc(local, zone, "second")] == shown


@settings(max_examples=300, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    which=st.integers(0, 1_000),
    minutes=st.integers(-200, 200),
)
def test_around_every_change_of_the_clocks_each_local_time_has_the_instants_at_which_it_is_shown(
    zone: str, which: int, minutes: int
) -> None:
    changes = transitions(zone)
    moment = changes[which % len(changes)] if changes else FIRST + timedelta(hours=which)
    check_against_oracle(to_local(moment, zone) + timedelta(minutes=minutes), zone)


@settings(max_examples=300, deadline=None)
@given(zone=st.sampled_from(ZONES), local=st.datetimes(datetime(2015, 1, 2), datetime(2035, 12, 30)))
def test_on_any_day_in_any_zone_the_instant_shows_the_local_time(zone: str, local: datetime) -> None:
    check_against_oracle(local.replace(microsecond=0), zone)


@pytest.mark.parametrize(
    "zone", ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia"]
)
def test_all_changes_of_the_clocks_from_2015_to_2035(zone: str) -> None:
    changes = transitions(zone)
    assert len(changes) >= 12, "a zone without changes shows nothing here"
    for moment in changes:
        for minutes in (-61, -60, -31, -30, -1, 0, 1, 29, 30, 59, 60):
            check_against_oracle(to_local(moment, zone) + timedelta(minutes=minutes), zone)


def test_a_time_in_the_gap_is_refused_with_a_question() -> None:
    with pytest.raises(NotOnTheClock, match=r"02:30 on 31 March 2019 does not exist in Europe/Paris.*60 minutes"):
        to_utc(datetime(2019, 3, 31, 2, 30), "Europe/Paris")


def test_a_repeated_hour_is_asked_about_with_both_instants() -> None:
    local = datetime(2019, 10, 27, 2, 30)
    with pytest.raises(TwiceOnTheClock, match="first at 00:30 UTC, then at 01:30 UTC"):
        to_utc(local, "Europe/Paris")
    assert to_utc(local, "Europe/Paris", "second") - to_utc(local, "Europe/Paris", "first") == timedelta(hours=1)


def test_the_zone_check_gives_both_readings_in_utc() -> None:
    doubt = zone_doubt(datetime(2021, 5, 5, 14), "Europe/Paris", "CET")
    assert doubt is not None
    assert doubt.message == (
        "14:00 CET on 5 May 2021: Europe/Paris observes CEST (UTC+2); 14:00 in Paris is 12:00 UTC; "
        "14:00 at UTC+1 is 13:00 UTC. Which is meant?"
    )
    assert (doubt.local_reading, doubt.printed_reading) == (
        datetime(2021, 5, 5, 12, tzinfo=UTC),
        datetime(2021, 5, 5, 13, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("local", "zone", "printed"),
    [
        (datetime(2019, 11, 20, 14), "Europe/Paris", "CET"),
        (datetime(2021, 5, 5, 14), "Europe/Brussels", "CEST"),
        (datetime(2021, 5, 5, 14), "Europe/Paris", "UTC+2"),
        (datetime(2021, 5, 5, 14), "Asia/Kolkata", "IST"),
        (datetime(2021, 1, 5, 14), "Europe/Lisbon", "GMT"),
        (datetime(2021, 5, 5, 14), "Africa/Algiers", "CET"),
        (datetime(2019, 10, 27, 2, 30), "Europe/Paris", "CET"),
    ],
)
def test_an_abbreviation_that_applies_raises_no_question(local: datetime, zone: str, printed: str) -> None:
    assert zone_doubt(local, zone, printed) is None


@pytest.mark.parametrize(
    ("local", "zone", "printed"),
    [
        (datetime(2019, 11, 20, 14), "Europe/Paris", "CEST"),
        (datetime(2019, 11, 20, 14), "Europe/Helsinki", "CET"),
        (datetime(2021, 5, 5, 14), "Europe/London", "GMT"),
        (datetime(2021, 5, 5, 23, 30), "America/Sao_Paulo", "UTC-5:30"),
    ],
)
def test_an_abbreviation_that_does_not_apply_raises_the_question(local: datetime, zone: str, printed: str) -> None:
    doubt = zone_doubt(local, zone, printed)
    assert doubt is not None
    assert doubt.local_reading != doubt.printed_reading


@settings(max_examples=200, deadline=None)
@given(local=st.datetimes(datetime(2015, 1, 1), datetime(2035, 12, 31)).map(lambda d: d.replace(microsecond=0)))
def test_cet_is_doubted_in_paris_exactly_while_clocks_are_forward(local: datetime) -> None:
    shown = instants_that_show(local, "Europe/Paris")
    if len(shown) != 1:
        return
    forward = bool(shown[0].astimezone(ZoneInfo("Europe/Paris")).dst())
    assert (zone_doubt(local, "Europe/Paris", "CET") is not None) is forward


def test_an_abbreviation_with_several_meanings_is_not_guessed() -> None:
    with pytest.raises(UnknownAbbreviation, match="write it as an offset"):
        printed_offset("IST", "Europe/Paris", datetime(2021, 5, 5))


@pytest.mark.parametrize(
    "zone", ["CET", "EST5EDT", "Etc/GMT+1", "Europe/Atlantis", "../etc/passwd", "Europe/", "", "/"]
)
def test_only_zones_of_places_are_taken(zone: str) -> None:
    with pytest.raises(ValueError, match="for example Europe/Paris"):
        check_zone(zone)


def test_offsets_are_written_as_people_write_them() -> None:
    minutes = (0, 60, 330, -210, -600)
    assert [offset_name(timedelta(minutes=m)) for m in minutes] == ["UTC", "UTC+1", "UTC+5:30", "UTC-3:30", "UTC-10"]
