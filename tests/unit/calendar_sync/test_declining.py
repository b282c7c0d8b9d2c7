"""When an object that is gone means "I do not come", and when it means nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.calendar_sync.declining import (
    AT_MOST,
    Evidence,
    Next,
    Notice,
    Reading,
    may_answer,
    next_step,
    notices_of,
    reading,
    to_ask,
)
from tests.support.calendar_samples import milipol, workshop

NOW = datetime(2019, 11, 18, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ON: dict[str, Any] = {"admission": {"calendar_answers": True}}


class TestReading:
    @pytest.mark.parametrize(
        ("evidence", "expected"),
        [
            (Evidence(1, kept=3, reported=False), Reading.ANSWER),
            (Evidence(2, kept=1, reported=False), Reading.ANSWER),
            (Evidence(1, kept=0, reported=True), Reading.ANSWER),
            (Evidence(0, kept=1, reported=True, declined=1), Reading.ANSWER),
            (Evidence(1, kept=0, reported=False), Reading.UNCLEAR),
            (Evidence(2, kept=0, reported=True), Reading.UNCLEAR),
            (Evidence(3, kept=9, reported=True), Reading.UNCLEAR),
            (Evidence(1, kept=3, reported=True, accounts_hit=3, accounts=10), Reading.UNCLEAR),
            (Evidence(1, kept=3, reported=True, accounts_hit=3, accounts=100), Reading.ANSWER),
            (Evidence(1, kept=3, reported=True, accounts_hit=2, accounts=2), Reading.ANSWER),
        ],
    )
    def test_what_the_evidence_means(self, evidence: Evidence, expected: Reading) -> None:
        assert reading(evidence) is expected

    @given(st.integers(0, 50), st.booleans(), st.integers(1, 500))
    def test_no_more_than_a_few_seats_are_ever_given_up_at_one_look(self, kept: int, reported: bool, hit: int) -> None:
        for gone in range(AT_MOST + 1, 20):
            evidence = Evidence(gone, kept, reported, accounts_hit=hit, accounts=500)
            assert reading(evidence) is Reading.UNCLEAR


class TestMayAnswer:
    def test_event_that_takes_answers_while_there_is_time(self) -> None:
        assert may_answer(milipol(**ON), workshop(1), NOW, HOUR)

    @pytest.mark.parametrize(
        ("event", "session", "now"),
        [
            (milipol(), workshop(1), NOW),
            (milipol(**ON), workshop(1, by_choice=False), NOW),
            (milipol(**ON), workshop(1, status="cancelled"), NOW),
            (milipol(**ON, status="cancelled"), workshop(1), NOW),
            (milipol(**ON), workshop(1), datetime(2019, 11, 20, 8, 0, tzinfo=UTC)),  # it begins at 08:40 UTC
        ],
    )
    def test_otherwise_none_is_taken(self, event: Any, session: Any, now: datetime) -> None:
        assert not may_answer(event, session, now, HOUR)

    def test_grace_ends_before_the_session_begins_in_its_own_zone(self) -> None:
        starts = workshop(1).starts_at
        assert starts == datetime(2019, 11, 20, 8, 40, tzinfo=UTC)  # 09:40 in Paris
        assert may_answer(milipol(**ON), workshop(1), starts - HOUR - timedelta(seconds=1), HOUR)
        assert not may_answer(milipol(**ON), workshop(1), starts - HOUR, HOUR)


class TestNextStep:
    @pytest.mark.parametrize(
        ("notice", "now", "expected"),
        [
            (None, NOW, Next.NOTICE),
            (Notice(NOW - HOUR, NOW), NOW, Next.NOTICE),  # of an earlier absence
            (Notice(NOW, NOW + HOUR), NOW, Next.WAIT),
            (Notice(NOW, NOW + HOUR), NOW + HOUR, Next.FREE),
            (Notice(NOW, NOW + HOUR, NOW + HOUR), NOW + HOUR, Next.WAIT),
            (Notice(NOW, NOW + HOUR, NOW + HOUR), NOW + 2 * HOUR, Next.WRITE_AGAIN),
            (Notice(NOW), NOW, Next.WRITE_AGAIN),  # the person keeps the seat
        ],
    )
    def test_what_becomes_of_an_absence(self, notice: Notice | None, now: datetime, expected: Next) -> None:
        assert next_step(NOW, notice, now) is expected


def test_person_is_not_asked_again_within_a_day() -> None:
    assert to_ask(None, NOW)
    assert not to_ask(Notice(NOW), NOW + 23 * HOUR)
    assert to_ask(Notice(NOW), NOW + 24 * HOUR)


def test_person_who_was_told_that_the_seat_goes_is_asked_at_once() -> None:
    assert to_ask(Notice(NOW, NOW + HOUR), NOW + HOUR)
    assert not to_ask(Notice(NOW, NOW + HOUR, NOW + HOUR), NOW + HOUR)


def test_notices_are_stored_and_read_again() -> None:
    notices = {"a": Notice(NOW, NOW + HOUR), "b": Notice(NOW, None, NOW + HOUR)}
    assert notices_of({id_: notice.as_data() for id_, notice in notices.items()}) == notices
