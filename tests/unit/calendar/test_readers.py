"""Two independent parsers read in our calendars what was meant: instants, local times, texts, state; the lint agrees."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.calendar.document import Heading, calendar_object, feed
from shared.calendar.entry import Entry, entry
from shared.calendar.lint import lint
from shared.calendar.text import plain
from shared.contracts.scheduling import SessionState
from tests.support.calendar_readers import READERS, Read, by_both
from tests.support.calendar_samples import milipol, session, workshop

PAGE = "https://lectern.test/events/milipol-2019?lang=en"
ZONES = ("Europe/Paris", "Europe/Dublin", "America/New_York", "America/Sao_Paulo", "Asia/Kolkata", "Asia/Gaza",
         "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "Antarctica/Troll", "Etc/GMT+12", "UTC")  # fmt: skip


def made(state: SessionState, **changes: Any) -> Entry:
    options: dict[str, Any] = {"language": "en", "words": str, "page": PAGE, **changes}
    return entry(state, milipol(), **options)


def read(state: SessionState, **changes: Any) -> Read:
    """What both parsers read in the session's calendar object, which the lint passes."""
    body = calendar_object(made(state, **changes), "u@lectern.test")
    assert lint(body, feed=False) == []
    return by_both(body)["u@lectern.test"]


@pytest.mark.parametrize(
    ("zone", "wall", "instant"),
    [
        ("Europe/Paris", "2021-03-28T01:59", "2021-03-28T00:59"),
        ("Europe/Paris", "2021-03-28T03:00", "2021-03-28T01:00"),
        ("Europe/Paris", "2021-10-31T01:59", "2021-10-30T23:59"),
        ("Europe/Paris", "2021-10-31T03:00", "2021-10-31T02:00"),
        ("Europe/Dublin", "2021-10-31T09:00", "2021-10-31T09:00"),
        ("America/New_York", "2021-03-14T03:00", "2021-03-14T07:00"),
        ("America/New_York", "2021-11-07T09:00", "2021-11-07T14:00"),
        ("Australia/Lord_Howe", "2021-04-04T02:00", "2021-04-03T15:30"),
        ("Asia/Gaza", "2040-10-21T09:00", "2040-10-21T06:00"),
        ("Asia/Kathmandu", "2021-10-31T09:00", "2021-10-31T03:15"),
    ],
)
def test_both_read_the_instant_of_a_local_time(zone: str, wall: str, instant: str) -> None:
    found = read(session("a-session-1", wall, zone=zone))
    assert found.start == datetime.fromisoformat(f"{instant}+00:00")
    assert (found.wall, found.zone) == (datetime.fromisoformat(wall), zone)


@pytest.mark.parametrize("hour", [0, 1])
def test_both_tell_two_equal_times_apart(hour: int) -> None:
    at = datetime(2021, 10, 31, hour, 30, tzinfo=UTC)
    found = read(session("a-session-1", "2021-10-31T02:30", "2021-10-31T04:00", starts_at=at))
    assert (found.start, found.end) == (at, datetime(2021, 10, 31, 3, tzinfo=UTC))


def test_both_read_a_day_without_a_time() -> None:
    found = read(session("a-session-1", "2021-03-31"))
    assert (found.start, found.end, found.zone) == (date(2021, 3, 31), date(2021, 4, 1), None)


def test_both_read_state_and_sequence_of_a_cancelled_session() -> None:
    found = read(workshop(1, revision=4, status="cancelled"))
    assert (found.status, found.sequence) == ("CANCELLED", 4)


@settings(deadline=None)
@given(
    st.sampled_from(ZONES),
    st.datetimes(datetime(2008, 1, 2), datetime(2059, 12, 30)).map(lambda at: at.replace(second=0, microsecond=0)),
    st.integers(1, 2000),
)
def test_both_read_every_instant_in_every_kind_of_zone(zone: str, at: datetime, minutes: int) -> None:
    first, last = at.replace(tzinfo=UTC), at.replace(tzinfo=UTC) + timedelta(minutes=minutes)
    start, end = (moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0) for moment in (first, last))
    state = session(
        "a-session-1", start.isoformat(), end.isoformat(), zone=zone, starts_at=first, ends_at=last, date=start.date()
    )
    found = read(state)
    assert (found.start, found.end) == (first, last)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=100).filter(plain), st.text(max_size=200), st.text(max_size=50))
def test_both_read_every_text_as_it_was_written(title: str, about: str, room: str) -> None:
    found = read(workshop(title={"en": title}, description={"en": about}, place={"room": {"en": room}}, people=[]))
    assert found.summary == plain(title)
    assert found.description == "\n\n".join(part for part in (plain(about), f"Programme: {PAGE}") if part)
    assert (found.location or "") == plain(room)


def test_both_read_every_session_of_a_feed() -> None:
    states = [session(f"a-session-{number}", "2021-03-28T09:00", zone=zone) for number, zone in enumerate(ZONES)]
    body = feed(
        Heading("All", "All", PAGE, "teal"), [(made(s), f"{s.id}@lectern.test") for s in states], "Europe/Paris"
    )
    assert lint(body, feed=True) == []
    assert {uid: found.start for uid, found in by_both(body).items()} == {
        f"{s.id}@lectern.test": s.starts_at for s in states
    }


def test_parsers_are_two() -> None:
    """The control: what only one of them reads wrongly is seen, because they do not use each other."""
    body = calendar_object(made(session("a-session-1", "2021-03-28T09:00")), "u@lectern.test")
    other = body.replace(b"TZOFFSETTO:+0200", b"TZOFFSETTO:+0300").replace(b"TZOFFSETFROM:+0200", b"TZOFFSETFROM:+0300")
    first, second = (reader(other)["u@lectern.test"].start for reader in READERS)
    assert (first, second) == (datetime(2021, 3, 28, 7, tzinfo=UTC), datetime(2021, 3, 28, 6, tzinfo=UTC))
    with pytest.raises(AssertionError):
        by_both(other)
