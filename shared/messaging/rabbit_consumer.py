"""Consuming one queue: handlers side by side up to the prefetch, an answer for every message, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from shared.messaging.failures import describe, gave_up, place
from shared.messaging.port import Delivery, Poison, Retry, Subscription
from shared.messaging.rabbit_link import Link, LinkDown, call
from shared.messaging.rabbit_publisher import Letter, Publisher
from shared.messaging.rabbit_retry import SETTLE_TIMEOUT, Retries
from shared.messaging.rabbit_topology import DEAD, dead_letter, declare_queue, delivery_of
from shared.pause import signalled

REOPEN_PAUSE = 0.2
"""Seconds before a channel that broke on a standing connection is opened again."""

_log = structlog.get_logger()


class Tools(Protocol):
    """What a consumer needs of its transport; `retries` may change when the broker does."""

    @property
    def link(self) -> Link: ...
    @property
    def publisher(self) -> Publisher: ...
    @property
    def retry(self) -> Retry: ...
    @property
    def retries(self) -> Retries: ...
    @property
    def user(self) -> str | None: ...
    @property
    def now(self) -> Callable[[], datetime]: ...
    @property
    def new_id(self) -> Callable[[], str]: ...


class Consumer:
    """Keeps one subscription alive over every break of channel and connection."""

    def __init__(self, tools: Tools, subscription: Subscription) -> None:
        self._tools = tools
        self._subscription = subscription
        self._slots = asyncio.Semaphore(subscription.prefetch)
        self._running: set[asyncio.Task[None]] = set()
        self._answering: set[asyncio.Timeout] = set()
        self._channel: AbstractChannel | None = None
        self._tag: str | None = None
        self._ended = asyncio.Event()
        self._stopping = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to consume. Raises LinkDown where the connection breaks meanwhile."""
        await self._consume()
        self._keeper = asyncio.create_task(self._keep(), name=f"rabbit-consumer:{self._subscription.queue}")

    async def stop(self, drain: float) -> None:
        """Takes no more, waits `drain` seconds for handlers that run, gives the rest back to the queue."""
        self._stopping.set()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        channel, tag = self._channel, self._tag
        if channel is not None and tag is not None and not channel.is_closed:
            with contextlib.suppress(LinkDown):
                underlay = await call(channel.get_underlay_channel())
                await call(underlay.basic_cancel(tag, timeout=5))
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=drain)
            for task in late:
                task.cancel()
            if late:
                _log.warning("handlers_cut_short", queue=self._subscription.queue, count=len(late), waited=drain)
                await asyncio.gather(*late, return_exceptions=True)
        if channel is not None and not channel.is_closed:
            with contextlib.suppress(*CONNECTION_EXCEPTIONS, TimeoutError):
                await asyncio.wait_for(channel.close(), 5)
        self._channel = None

    async def _keep(self) -> None:
        while True:
            await self._ended.wait()
            try:
                await self._consume()
                _log.info("consumer_resumed", queue=self._subscription.queue)
            except Exception as error:  # noqa: BLE001 - whatever it was, the queue must not stay without a consumer
                _log.warning("consumer_interrupted", queue=self._subscription.queue, error=describe(error))
                await asyncio.sleep(REOPEN_PAUSE)

    async def _consume(self) -> None:
        connection = await self._tools.link.connection()
        # Confirms are for publishing; on_return has no meaning here.
        channel = connection.channel(publisher_confirms=False)
        await call(channel.initialize())
        ended = asyncio.Event()

        def on_close(*_: object) -> None:
            ended.set()
            # An answer that waits for room in the write queue of a dead connection would wait for ever, and keep a slot.
            for waiting in self._answering:
                waiting.reschedule(asyncio.get_running_loop().time())

        channel.close_callbacks.add(on_close)
        underlay = await call(channel.get_underlay_channel())
        # The broker takes the consumer away when the queue is deleted: then it is declared again.
        underlay.on_consumer_cancel_callbacks.add(lambda *_: ended.set())
        await call(channel.set_qos(prefetch_count=self._subscription.prefetch))
        queue = await call(declare_queue(channel, self._subscription.queue, self._subscription.bindings))
        stale, self._channel = self._channel, channel
        if stale is not None and not stale.is_closed:
            await call(stale.close())
        self._tag = await call(queue.consume(self._on_message))
        self._ended = ended

    async def _on_message(self, message: AbstractIncomingMessage) -> None:
        # A task of our own: the library cancels its own tasks when the channel breaks, and with them a handler in the
        # middle of its work.
        task = asyncio.create_task(self._deal_with(message), name=f"handle:{self._subscription.queue}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _deal_with(self, message: AbstractIncomingMessage) -> None:
        try:
            async with self._slots:
                if self._stopping.is_set():
                    await self._answer(message.nack(requeue=True))
                else:
                    await self._handle(message)
        except LinkDown as error:
            _log.info("message_comes_again", queue=self._subscription.queue, error=str(error))
        except asyncio.CancelledError:
            # Cut short at the end of its patience. Not rejected: it did not fail.
            with contextlib.suppress(LinkDown):
                await self._answer(message.nack(requeue=True))
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours must not keep the message and its slot for ever
            _log.error("message_not_settled", queue=self._subscription.queue, error=describe(error), place=place(error))
            await asyncio.sleep(REOPEN_PAUSE)
            with contextlib.suppress(LinkDown):
                await self._answer(message.nack(requeue=True))

    async def _handle(self, message: AbstractIncomingMessage) -> None:
        retries = self._tools.retries
        attempt = retries.attempt(message)
        while True:
            delivery = delivery_of(message, self._subscription.queue, attempt, self._tools.user)
            try:
                await self._subscription.handler(delivery)
            except Poison as error:
                return await self._park(message, delivery, str(error) or "the handler gave no reason")
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                failure: BaseException = error
            except Exception as error:  # noqa: BLE001 - whatever it is, the message must be answered
                failure = error
            else:
                return await self._answer(message.ack())
            _log.warning(
                "message_failed",
                queue=delivery.queue,
                routing_key=delivery.routing_key,
                attempt=attempt,
                error=type(failure).__name__,
                place=place(failure),
            )
            if attempt >= self._tools.retry.attempts:
                return await self._park(message, delivery, gave_up(attempt, failure))
            if await self._put_off(retries, message, delivery):
                return None
            attempt += 1

    async def _put_off(self, retries: Retries, message: AbstractIncomingMessage, delivery: Delivery) -> bool:
        """True where the message is out of our hands, False when it is time for its next attempt."""
        while True:
            try:
                if await retries.put_off(message, delivery, self._answer):
                    return True
                pause = self._tools.retry.delay(delivery.attempt)
                await signalled(self._stopping, pause)
                if not self._stopping.is_set():
                    return False
                await self._answer(message.nack(requeue=True))
                return True
            except LinkDown as error:
                await self._again(error, message)

    async def _park(self, message: AbstractIncomingMessage, delivery: Delivery, reason: str) -> None:
        tools = self._tools
        letter = Letter(
            DEAD,
            delivery.routing_key or "unknown",
            dead_letter(message, delivery, reason, tools.now(), tools.user, tools.new_id()),
        )
        while True:
            try:
                if failed := await tools.publisher.publish([letter], SETTLE_TIMEOUT):
                    raise LinkDown(f"the dead letters did not take the message: {failed[0].reason}")
                break
            except LinkDown as error:
                await self._again(error, message)
        # Only now: between confirm and this answer a crash leaves two copies, the other order could leave none.
        await self._answer(message.ack())
        _log.warning(
            "message_parked", queue=delivery.queue, routing_key=delivery.routing_key, attempts=delivery.attempt
        )

    async def _answer(self, answer: Awaitable[None]) -> None:
        """Sends an answer to a message. Raises LinkDown where its channel ended: then the message comes again."""
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT) as limit:
                self._answering.add(limit)
                try:
                    await call(answer)
                finally:
                    self._answering.discard(limit)
        except TimeoutError as error:
            raise LinkDown("the channel ended before the answer was sent") from error

    async def _again(self, error: LinkDown, message: AbstractIncomingMessage) -> None:
        """Before another try to hand a message over. Raises LinkDown where there is nobody to answer any more."""
        try:
            channel_gone = message.channel.is_closed
        except CONNECTION_EXCEPTIONS:
            channel_gone = True
        if channel_gone or self._stopping.is_set():
            if not channel_gone:
                await self._answer(message.nack(requeue=True))
            raise error
        _log.warning("message_kept_waiting", queue=self._subscription.queue, error=describe(error))
        await asyncio.sleep(REOPEN_PAUSE)
