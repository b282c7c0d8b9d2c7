"""The relay: publishes what commits left in the outbox, in order per stream, and deletes what the broker confirmed."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta

import structlog

from shared.clock import Clock
from shared.contracts.cloudevent import Encoded
from shared.contracts.registry import MESSAGES
from shared.messaging.port import Outgoing, PublishError, Transport
from shared.pause import signalled
from shared.storage.lease import Lease
from shared.storage.ledger import LEDGERS, OUTBOX, Ledgers
from shared.storage.mongo import Database, Document, PyMongoError

STREAMS = 25
"""How many streams one window serves at the most."""

_log = structlog.get_logger()


class Relay:
    """Drains one service's outbox: when woken after a commit, and by poll. One process drains at a time (a lease)."""

    def __init__(
        self,
        database: Database,
        transport: Transport,
        clock: Clock,
        holder: str,
        *,
        poll: float = 0.1,
        window: int = 500,
    ) -> None:
        self._outbox = database[OUTBOX.name]
        self._ledgers = database[LEDGERS.name]
        self._left_over = Ledgers(database)
        self._transport = transport
        self._clock = clock
        self._lease = Lease(database, "relay", holder, clock)
        self._poll = poll
        self._window = window
        self._woken = asyncio.Event()
        self._turn = 0

    def wake(self) -> None:
        """Something was committed: drain now."""
        self._woken.set()

    async def run(self) -> None:
        """Drains until cancelled. Faults of broker or database delay, they lose nothing."""
        pause = self._poll
        try:
            while True:
                await signalled(self._woken, pause)
                self._woken.clear()
                try:
                    if not await self._lease.hold():
                        pause = self._poll
                        continue
                    await self._left_over.settle_left_over(self._clock())
                    while await self.drain():
                        await self._lease.hold()
                    pause = self._poll
                except (PublishError, ConnectionError, PyMongoError, TimeoutError) as error:
                    pause = min(5.0, max(0.2, pause * 2))
                    _log.warning("outbox_drain_delayed", error=type(error).__name__, retry_in=pause)
        finally:
            with contextlib.suppress(PyMongoError):  # it ends by itself after some seconds
                await self._lease.release()

    async def drain(self) -> int:
        """Publishes one window; returns how many messages were told. Raises PublishError when the broker refused some."""
        # Order per stream: the ceilings are read before the outbox, so that a commit whose facts are not yet here
        # holds back all that came after it.
        streams = await self._outbox.distinct("stream")
        if not streams:
            return 0
        ceilings: dict[str, int] = {}
        ledgers = self._ledgers.find({"_id": {"$in": streams}}, {"version": 1, "entries.version": 1})
        for ledger in await ledgers.to_list(None):
            unsettled = [entry["version"] for entry in ledger.get("entries", [])]
            ceilings[ledger["_id"]] = min(unsettled) - 1 if unsettled else ledger["version"]
        # A share for each stream, and another one first each time: a crowded event must not keep the others waiting.
        reachable = sorted(ceilings.items())
        turn = self._turn % max(1, len(reachable))
        self._turn += 1
        reachable = (reachable[turn:] + reachable[:turn])[:STREAMS]
        share = self._window // max(1, len(reachable))
        rows = [row for stream, ceiling in reachable for row in await self._next(stream, ceiling, share)]
        if not rows:
            return 0
        refused: set[int] = set()
        failure: PublishError | None = None
        try:
            await self._transport.publish(
                [Outgoing(MESSAGES[row["event"]["type"]].exchange, Encoded(**row["event"])) for row in rows]
            )
        except PublishError as error:
            # Every queue of Lectern is declared at start: an unroutable fact is one that nobody subscribed to.
            refused = {item.index for item in error.undelivered if item.reason != "unroutable"}
            failure = error if refused else None
        await self._outbox.delete_many({"_id": {"$in": [row["_id"] for n, row in enumerate(rows) if n not in refused]}})
        if failure is not None:
            raise failure
        return len(rows)

    async def _next(self, stream: str, ceiling: int, count: int) -> list[Document]:
        cursor = self._outbox.find({"stream": stream, "version": {"$lte": ceiling}})
        return await cursor.sort([("version", 1), ("number", 1)]).limit(count).to_list(None)

    async def depth(self) -> int:
        """How many messages wait."""
        return int(await self._outbox.estimated_document_count())

    async def lag(self, now: datetime) -> timedelta:
        """How long the oldest message has been waiting."""
        row = await self._outbox.find_one({}, {"at": 1}, sort=[("at", 1)])
        return max(timedelta(0), now - row["at"]) if row else timedelta(0)
