"""The transport inside one process: durable in a SQLite file, no broker to install; the embedded default and the tests use it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from shared.clock import Clock, Ids, new_id, utc_now
from shared.messaging.failures import gave_up, place
from shared.messaging.local_broker import LocalBroker, Seat
from shared.messaging.local_store import Parked, Stored
from shared.messaging.mischief import Mischief
from shared.messaging.port import (
    EXCHANGE_HEADER,
    Binding,
    DeadLetter,
    Delivery,
    Outgoing,
    Poison,
    PublishError,
    Retry,
    Subscription,
    Undelivered,
)

DRAIN = 30.0
"""Seconds that running handlers get at the end; then they are cut short and their messages come again."""

_log = structlog.get_logger()


@dataclass
class _Shared:
    """A broker and how many transports use it."""

    broker: LocalBroker
    users: int
    opening: asyncio.Task[None]
    closing: asyncio.Task[None] | None = None


_open: dict[Path, _Shared] = {}


class LocalTransport:
    """See `shared.messaging.port.Transport`. Transports of one process that name the same file speak to each other.

    `drain` is in seconds; 0 cuts running handlers short (for tests). `mischief` is of the first transport that opens the file.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        retry: Retry | None = None,
        clock: Clock = utc_now,
        ids: Ids = new_id,
        mischief: Mischief | None = None,
        drain: float = DRAIN,
    ) -> None:
        self._path = Path(path).absolute()
        self._retry = retry or Retry()
        self._clock = clock
        self._ids = ids
        self._mischief = mischief
        self._drain = drain
        self._shared: _Shared | None = None
        self._seats: list[Seat] = []

    async def start(self) -> None:
        """Opens the file. Raises ConnectionError with a remedy where another process holds it or it cannot be written."""
        if self._shared is not None:
            return
        while (shared := _open.get(self._path)) is not None and shared.closing is not None:
            await asyncio.shield(shared.closing)
        if shared is None:
            broker = LocalBroker(self._path, self._clock, self._mischief)
            shared = _open[self._path] = _Shared(broker, 0, asyncio.create_task(broker.open()))
        shared.users += 1
        try:
            await asyncio.shield(shared.opening)
        except BaseException:
            await self._release(shared)
            raise
        self._shared = shared

    async def declare(self, queue: str, bindings: Sequence[Binding]) -> None:
        """Declares a durable queue and its bindings, so that it takes messages before anybody consumes them."""
        await self._broker().declare(queue, tuple(bindings))

    async def publish(self, messages: Sequence[Outgoing], timeout: float = 10.0) -> None:
        """Stores a window; returns when it is on the disk. Raises PublishError for those not taken."""
        try:
            async with asyncio.timeout(timeout):
                unroutable = await self._broker().publish(messages)
        except (sqlite3.Error, ConnectionError, TimeoutError) as error:
            _log.warning("local_publish_failed", error=type(error).__name__)
            raise PublishError([Undelivered(index, "unconfirmed") for index in range(len(messages))]) from error
        if unroutable:
            raise PublishError([Undelivered(index, "unroutable") for index in unroutable])

    async def subscribe(self, subscription: Subscription) -> None:
        """Declares queue and bindings and begins to consume."""
        await self.declare(subscription.queue, subscription.bindings)

        async def deal_with(message: Stored) -> None:
            await self._deal_with(seat, message)

        seat = Seat(subscription, deal_with)
        self._seats.append(seat)
        self._broker().sit(seat)

    async def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """Parked messages, oldest first; they stay parked."""
        return [
            DeadLetter(
                id=letter.name,
                queue=letter.queue,
                routing_key=letter.routing_key,
                body=letter.body,
                reason=letter.reason,
                attempts=letter.attempts,
                parked_at=letter.parked_at,
                headers={EXCHANGE_HEADER: letter.exchange},
            )
            for letter in await self._broker().store.dead_letters(limit)
        ]

    def healthy(self) -> bool:
        """Whether the file is open and took the last change."""
        return self._shared is not None and self._shared.broker.store.failed is None

    async def stop_consuming(self) -> None:
        """Stops consuming, waits for handlers that run, returns the rest to the queue; publishing still works."""
        seats, self._seats = self._seats, []
        for seat in seats:
            self._broker().rise(seat)
        running = {task for seat in seats for task in seat.running}
        if running:
            _, late = await asyncio.wait(running, timeout=self._drain)
            for task in late:
                task.cancel()
            if late:
                _log.warning("handlers_cut_short", count=len(late), waited=self._drain)
                await asyncio.gather(*late, return_exceptions=True)

    async def close(self) -> None:
        """Stops consuming as above, then closes the file. Closing twice is harmless."""
        shared = self._shared
        if shared is None:
            return
        await self.stop_consuming()
        self._shared = None
        await self._release(shared)

    async def _release(self, shared: _Shared) -> None:
        shared.users -= 1
        if shared.users == 0:
            shared.closing = asyncio.create_task(self._close_file(shared.broker))
            await asyncio.shield(shared.closing)

    async def _close_file(self, broker: LocalBroker) -> None:
        try:
            await broker.close()
        finally:
            del _open[self._path]

    def _broker(self) -> LocalBroker:
        if self._shared is None:
            raise ConnectionError("the local transport is not started, or closed")
        return self._shared.broker

    async def _deal_with(self, seat: Seat, message: Stored) -> None:
        broker = self._broker()
        if seat.leaving:
            broker.give_back(message)
            return
        delivery = Delivery(
            queue=message.queue,
            routing_key=message.routing_key,
            body=message.body,
            attempt=message.attempt,
            exchange=message.exchange,
        )
        try:
            await seat.subscription.handler(delivery)
        except Poison as error:
            await self._park(broker, message, str(error) or "the handler gave no reason")
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                broker.give_back(message)
                raise
            await self._failed(broker, message, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the message must be answered
            await self._failed(broker, message, error)
        else:
            broker.done(message)

    async def _failed(self, broker: LocalBroker, message: Stored, error: BaseException) -> None:
        _log.warning(
            "message_failed",
            queue=message.queue,
            routing_key=message.routing_key,
            attempt=message.attempt,
            error=type(error).__name__,
            place=place(error),
        )
        if message.attempt >= self._retry.attempts:
            await self._park(broker, message, gave_up(message.attempt, error))
        else:
            await broker.again(message, self._retry.delay(message.attempt))

    async def _park(self, broker: LocalBroker, message: Stored, reason: str) -> None:
        await broker.park(
            message,
            Parked(
                name=self._ids(),
                queue=message.queue,
                exchange=message.exchange,
                routing_key=message.routing_key,
                body=message.body,
                reason=reason,
                attempts=message.attempt,
                parked_at=self._clock().isoformat(),
            ),
        )
        _log.warning("message_parked", queue=message.queue, routing_key=message.routing_key, attempts=message.attempt)
