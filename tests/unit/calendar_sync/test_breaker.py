"""Back-off and circuit breaker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.calendar_sync.breaker import LONGEST_WAIT, Breaker, Gate, backoff

NOW = datetime(2019, 11, 20, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@given(attempts=st.integers(1, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_pause_grows_within_its_bounds(attempts: int, chance: float) -> None:
    pause = backoff(attempts, chance, SECOND, timedelta(minutes=15))
    assert SECOND / 2 <= pause <= timedelta(minutes=15)


def test_pauses_double_and_differ_by_chance() -> None:
    assert [backoff(n, 0, SECOND, 60 * SECOND).total_seconds() for n in (1, 2, 3)] == [0.5, 1, 2]
    assert backoff(3, 0.5, SECOND, 60 * SECOND) > backoff(3, 0, SECOND, 60 * SECOND)


def test_breaker_opens_after_failures_in_a_row_and_lets_one_probe_through() -> None:
    breaker = Breaker(threshold=3, first=2 * SECOND)
    for _ in range(2):
        breaker.failed(NOW, 0)
        assert breaker.gate(NOW) is Gate.CLOSED
    breaker.failed(NOW, 0)
    assert breaker.gate(NOW) is Gate.OPEN
    assert breaker.gate(NOW + 2 * SECOND) is Gate.HALF_OPEN


def test_success_between_failures_keeps_it_closed() -> None:
    breaker = Breaker(threshold=2)
    breaker.failed(NOW, 0)
    breaker.succeeded()
    breaker.failed(NOW, 0)
    assert breaker.gate(NOW) is Gate.CLOSED


def test_failed_probe_opens_it_at_once_and_for_longer() -> None:
    breaker = Breaker(threshold=1, first=2 * SECOND)
    breaker.failed(NOW, 0)
    first = breaker.until
    later = NOW + 5 * SECOND
    breaker.failed(later, 0)
    assert first is not None
    assert breaker.until is not None
    assert breaker.until - later > first - NOW


def test_retry_after_opens_it_at_the_first_answer() -> None:
    breaker = Breaker(threshold=3)
    breaker.failed(NOW, 0, retry_after=120)
    assert breaker.gate(NOW + 119 * SECOND) is Gate.OPEN
    assert breaker.gate(NOW + 120 * SECOND) is Gate.HALF_OPEN


def test_retry_after_of_a_year_is_not_believed() -> None:
    breaker = Breaker()
    breaker.failed(NOW, 0, retry_after=365 * 86400)
    assert breaker.until == NOW + LONGEST_WAIT


def test_requests_that_were_under_way_do_not_make_the_pause_longer() -> None:
    breaker = Breaker(threshold=1, first=2 * SECOND)
    breaker.failed(NOW, 0)
    until = breaker.until
    for _ in range(5):
        breaker.failed(NOW, 0.9)
    assert breaker.until == until
