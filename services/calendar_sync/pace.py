"""How servers are treated: how much at once, how often, how long after a failure. And who may ask just now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.calendar_sync.answers import Answer, Blame, Fault, fault_of
from services.calendar_sync.breaker import Breaker, Gate
from services.calendar_sync.remote_calendar import Asks
from shared.clock import Clock


@dataclass(frozen=True)
class Pace:
    """How workers treat a server. `check_every`: how often they look whether somebody changed our objects."""

    poll: float = 0.5
    check_every: timedelta = timedelta(minutes=10)
    list_every: timedelta = timedelta(days=1)
    """How often all of a calendar is listed where the server tells changes alone."""
    per_server: int = 6
    """Requests at once."""
    per_account: int = 4
    calendars_at_once: int = 8
    objects_at_once: int = 64
    """Of one calendar in one look, so that a large one does not keep others waiting."""
    first_pause: timedelta = timedelta(seconds=1)
    longest_pause: timedelta = timedelta(minutes=15)
    longest_server_pause: timedelta = timedelta(seconds=30)
    lasting_pause: timedelta = timedelta(hours=1)
    """After a failure that trying soon again does not mend."""
    refused_pause: timedelta = timedelta(minutes=20)
    """After a password was refused: many servers lock an account that tries often."""
    lost_after: timedelta = timedelta(hours=1)
    """How long a password must have been refused, or a calendar gone, before its person is told."""
    dead_after: timedelta = timedelta(days=5)
    """How long a server must have been dead before its people are told."""
    calendars_an_hour: int = 8
    """How many calendars are made in one account (Nextcloud allows ten)."""


class Stopped(Exception):
    """Nothing is asked any more: the worker stops, another process has taken over, or the server is left alone."""


@dataclass
class Slots:
    """Requests to one server: so many at once, so many of one account, and none while its breaker is open."""

    pace: Pace
    breaker: Breaker
    clock: Clock
    may_go_on: Callable[[], bool]
    _server: asyncio.Semaphore = field(init=False)
    _accounts: dict[str, asyncio.Semaphore] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._server = asyncio.Semaphore(self.pace.per_server)

    @asynccontextmanager
    async def slot(self, account: str) -> AsyncIterator[None]:
        """A place among the requests. Raises Stopped."""
        own = self._accounts.setdefault(account, asyncio.Semaphore(self.pace.per_account))
        async with own, self._server:
            if not self.may_go_on() or self.breaker.gate(self.clock()) is Gate.OPEN:
                raise Stopped
            yield

    def session(self, account: str, inner: Asks) -> Asks:
        """The account's requests, each in a slot."""
        return _InSlots(self, account, inner)


@dataclass
class _InSlots:
    slots: Slots
    account: str
    inner: Asks
    _told_off: Answer | None = None

    async def ask(self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        async with self.slots.slot(self.account):
            # One refusal speaks for all: servers lock an account that goes on with a wrong password, or asks too much.
            if self._told_off is not None:
                told = fault_of(self._told_off)
                raise Fault(
                    told.words,
                    Blame.ACCOUNT,
                    kind=told.kind,
                    retry_after=told.retry_after,
                    refused=told.refused,
                    lasting=told.lasting,
                )
            answer = await self.inner.ask(method, url, body, headers)
            if answer.status in (401, 429) or answer.retry_after is not None:
                self._told_off = answer
            return answer


def believed(retry_after: float, longest: float = 24 * 3600.0) -> timedelta:
    """A Retry-After of an account, within reason."""
    return timedelta(seconds=min(longest, max(0.0, retry_after)))


def postponed(fault: Fault, attempts: int, backoff: Callable[[int, timedelta], timedelta], pace: Pace) -> timedelta:
    """How long what failed waits. `backoff(attempts, longest)` doubles with each attempt, with jitter."""
    if fault.refused:
        return max(pace.refused_pause, backoff(attempts, timedelta(hours=6)))
    if fault.lasting:
        return max(pace.lasting_pause, backoff(attempts, timedelta(days=1)))
    if fault.blame is Blame.ACCOUNT and fault.retry_after is not None:
        return max(believed(fault.retry_after), backoff(attempts, pace.longest_pause))
    # The server's own pause is the breaker's, so that one stays short.
    longest = pace.longest_server_pause if fault.blame is Blame.SERVER else pace.longest_pause
    return backoff(attempts, longest)


def may_make_calendar(made: tuple[datetime, ...], now: datetime, pace: Pace) -> bool:
    """Whether one more calendar may be made in the account this hour."""
    return sum(now - at < timedelta(hours=1) for at in made) < pace.calendars_an_hour
