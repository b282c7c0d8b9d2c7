"""Who sees which session in which calendar, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.calendar_sync.domain import GRACE, has_seat, seats_of, visible
from shared.contracts.scheduling import SessionState
from tests.support.calendar_samples import PUBLISHED, efus, milipol, registration, session, workshop


@pytest.mark.parametrize(
    ("state", "seated"),
    [
        ("confirmed", True),
        ("attended", True),
        ("pending", False),
        ("waitlisted", False),
        ("offered", False),
        ("cancelled", False),
    ],
)
def test_chosen_session_is_in_the_calendar_when_its_seat_is_confirmed(state: str, seated: bool) -> None:
    seats = seats_of(registration("milipol-2019", {"milipol-2019-workshop-1": state}))
    assert has_seat(seats, workshop(1)) is seated


@pytest.mark.parametrize("state", ["pending", "offered", "waitlisted", "cancelled"])
def test_without_a_seat_at_the_event_there_is_none_in_its_sessions(state: str) -> None:
    seats = seats_of(registration("milipol-2019", {"milipol-2019-workshop-1": "confirmed"}, state=state))
    assert not has_seat(seats, workshop(1))


def test_session_that_was_not_chosen_is_not_in_the_calendar() -> None:
    assert not has_seat(seats_of(registration("milipol-2019")), workshop(1))


@pytest.mark.parametrize(("state", "seated"), [("confirmed", True), ("waitlisted", False), ("cancelled", False)])
def test_session_open_to_all_comes_with_the_seat_at_the_event(state: str, seated: bool) -> None:
    assert has_seat(seats_of(registration("milipol-2019", state=state)), workshop(1, by_choice=False)) is seated


def test_nothing_about_the_person_is_kept_beyond_the_language() -> None:
    kept = repr(seats_of(registration("milipol-2019")))
    assert "Ada" not in kept
    assert "example.org" not in kept


def test_cancelled_session_stays_for_the_grace_time_and_then_leaves() -> None:
    gone = workshop(1, revision=3, status="cancelled")
    for moment, shown in (
        (gone.published_at, True),
        (gone.published_at + GRACE - timedelta(seconds=1), True),
        (gone.published_at + GRACE, False),
    ):
        assert bool(visible(milipol(), [gone], moment)) is shown


def test_sessions_of_a_cancelled_event_leave_with_it() -> None:
    event = milipol(revision=2, status="cancelled")
    assert visible(event, [workshop(1)], event.published_at)
    assert not visible(event, [workshop(1)], event.published_at + GRACE)


def test_sessions_stand_in_order_of_time_and_date_only_first() -> None:
    def at(number: int, start: str) -> SessionState:
        return session(f"efus-2021-round-3-session-{number}", start, zone="Europe/Brussels")

    shown = visible(efus(), [at(3, "2021-06-09T14:00"), at(2, "2021-05-05T14:00"), at(1, "2021-05-05")], PUBLISHED)
    assert [s.id[-1] for s in shown] == ["1", "2", "3"]
