"""Turns: processes that write to one ledger go one after another for as long as they get in each other's way.

Turns only save work: a commit is a compare-and-set, whoever's turn it is. So nothing here needs to be certain: who cannot
find out whose turn it is, or has waited too long, goes on. The queue stands on the ledger itself: a commit hands the turn
over in the same write, and the look that finds it is one's turn brings the page.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import structlog

from shared.clock import Ids
from shared.storage.ledger import Ledgers, Page
from shared.storage.mongo import PyMongoError

CALM = 3.0
"""Seconds without a sign of others, after which a process goes on without asking for turns."""

TURN = 0.06
"""Seconds after which a turn is handed over although there is more to do."""

STUCK = 0.25
"""Seconds after which those who wait take away the first ticket when nothing moves: its holder is dead, or too slow."""

PATIENCE = 1.0
"""Seconds after which a process goes on without a turn."""

_log = structlog.get_logger()


class Turns:
    """One process' turns at the ledger `stream`; for one task at a time. `seconds` and `sleep` are the time that counts."""

    def __init__(
        self,
        ledgers: Ledgers,
        stream: str,
        ids: Ids,
        *,
        seconds: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: random.Random | None = None,
    ) -> None:
        self._ledgers, self._stream, self._ids, self._seconds, self._sleep = ledgers, stream, ids, seconds, sleep
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads looks, protects nothing
        self._contended_until = 0.0
        self._ends = 0.0
        self._usual = 0.0
        """Seconds that the last turns were waited for: no use in looking much earlier."""
        self._handing_over: set[asyncio.Task[None]] = set()
        self.ticket: str | None = None
        """The place in the queue while it is this process' turn; a commit that takes it out hands the turn over."""

    @property
    def over(self) -> bool:
        """Whether the turn has lasted long enough."""
        return self.ticket is not None and self._seconds() >= self._ends

    def others_seen(self) -> None:
        """Another process writes to the ledger: turns are taken for a while."""
        self._contended_until = self._seconds() + CALM

    async def take(self, known: Page | None) -> Page | None:
        """Waits for the turn, if others are in the way; the page as it stands then, or `known` where nothing moved on."""
        began = self._seconds()
        if self.ticket is not None or began >= self._contended_until:
            return known
        ticket = self._ids()
        try:
            page = await self._wait(ticket, known)
        except PyMongoError as error:  # what follows will tell whether the database is away
            _log.warning("turn_not_taken", stream=self._stream, error=type(error).__name__)
            self._leave(ticket)
            return None
        now = self._seconds()
        self._usual += 0.3 * (now - began - self._usual)
        self.ticket, self._ends = ticket, now + TURN
        return page

    async def _wait(self, ticket: str, known: Page | None) -> Page | None:
        """The page, when `ticket` is the first; None where that did not come about in a reasonable time."""
        queue, version = await self._ledgers.queue_up(self._stream, ticket)
        if not queue or (queue[0] == ticket and known is not None and known.version == version):
            return known  # no ledger yet, or nobody else
        if queue[0] != ticket or known is not None:
            self.others_seen()
        began = moved = self._seconds()
        first, seen = queue[0], False
        if first != ticket:
            await self._sleep(0.7 * min(self._usual, STUCK))
        while True:
            queue, page = await self._ledgers.look(self._stream, ticket)
            now = self._seconds()
            taken_away = seen and ticket not in queue
            if page is not None or taken_away or now - began >= PATIENCE:
                return page
            seen = ticket in queue
            if queue[:1] != [first]:
                first, moved = next(iter(queue), ""), now
            elif now - moved >= STUCK:
                await self._ledgers.leave(self._stream, first)
                moved = now
            ahead = queue.index(ticket) if seen else len(queue) or 1
            # Soon for who is next and has just begun to wait: each moment between two turns is lost to all.
            pause = ahead * max(0.001, (now - began) / 20)
            await self._sleep(self._jitter.uniform(0.5, 1) * min(0.05, pause))

    def handed_over(self) -> None:
        """A commit has taken the ticket out."""
        self.ticket = None

    def hand_over(self) -> None:
        """Gives the turn up without a commit."""
        if self.ticket is not None:
            self._leave(self.ticket)
            self.ticket = None

    def _leave(self, ticket: str) -> None:
        leaving = asyncio.create_task(self._taken_out(ticket), name=f"hand over {self._stream}")
        self._handing_over.add(leaving)
        leaving.add_done_callback(self._handing_over.discard)

    async def _taken_out(self, ticket: str) -> None:
        try:
            await self._ledgers.leave(self._stream, ticket)
        except PyMongoError as error:  # those who wait take it away
            _log.warning("turn_not_handed_over", stream=self._stream, error=type(error).__name__)

    async def close(self) -> None:
        """Gives the turn up, and waits until that is done."""
        self.hand_over()
        await asyncio.gather(*self._handing_over)
