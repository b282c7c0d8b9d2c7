"""When to ask a server again: back-off with jitter, and a circuit breaker with a half-open probe. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LONGEST_WAIT = timedelta(hours=1)
"""A Retry-After beyond this is not believed."""


def backoff(attempts: int, chance: float, first: timedelta, longest: timedelta) -> timedelta:
    """How long to wait after the failed attempt number `attempts` (from 1); `chance` in [0, 1) spreads the waits.

    Doubles from `first` up to `longest`; the wait lies between half of that and all of it.
    """
    full = min(longest.total_seconds(), first.total_seconds() * 2.0 ** min(attempts - 1, 30))
    return timedelta(seconds=full * (0.5 + chance / 2))


class Gate(StrEnum):
    """What the breaker lets through: all, one probe, nothing."""

    CLOSED = "closed"
    HALF_OPEN = "half-open"
    OPEN = "open"


@dataclass
class Breaker:
    """Counts a server's failures in a row; after `threshold` of them nothing is asked for a growing while."""

    threshold: int = 3
    first: timedelta = timedelta(seconds=2)
    longest: timedelta = timedelta(minutes=5)
    failures: int = 0
    openings: int = 0
    until: datetime | None = None

    def gate(self, now: datetime) -> Gate:
        """What may be asked now."""
        if self.until is None:
            return Gate.CLOSED
        return Gate.OPEN if now < self.until else Gate.HALF_OPEN

    def succeeded(self) -> None:
        """The server answered as it should."""
        self.failures, self.openings, self.until = 0, 0, None

    def failed(self, now: datetime, chance: float, retry_after: float | None = None) -> None:
        """The server failed. It is left alone for `retry_after` seconds where it asks for that, else when it goes on failing."""
        self.failures += 1
        probing = self.until is not None and now >= self.until
        if self.until is not None and not probing:
            # Requests that were under way when it opened: they only may ask for more patience.
            if retry_after is not None:
                self.until = max(self.until, now + _believed(retry_after))
            return
        if retry_after is None and not probing and self.failures < self.threshold:
            return
        self.openings += 1
        pause = backoff(self.openings, chance, self.first, self.longest)
        self.until = now + (max(pause, _believed(retry_after)) if retry_after is not None else pause)


def _believed(retry_after: float) -> timedelta:
    return min(LONGEST_WAIT, timedelta(seconds=max(0.0, retry_after)))
