"""How a failed message comes again after a pause: three ways, and the probe that tells which one this broker offers.

`BrokerDelay`  RabbitMQ 4.3 and newer hold a rejected message back themselves (policy keys `delayed-retry-*`). Measured on 4.3.6:
               basic.reject counts in `x-delivery-count` and is delayed by `min` times that count up to `max`; basic.nack
               comes back at once and does not count; what a lost connection gives back counts and is delayed like a reject.
`Ladder`       Older brokers: a copy waits in a queue with a time to live and is dead-lettered back; we count in a header.
`Held`         Neither policy is there: the message stays unanswered in this process until its pause is over. Nothing gets
               lost, but it takes one of the consumer's slots, and after a crash counting begins anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Protocol

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from shared.messaging.port import Delivery, Retry
from shared.messaging.rabbit_link import LinkDown, call
from shared.messaging.rabbit_publisher import Letter, Publisher
from shared.messaging.rabbit_topology import (
    ATTEMPT,
    PREFIX,
    RETRY,
    RETURN,
    RUNGS,
    again_later,
    came_by_ladder,
    declare_ladder,
    quorum_queue,
    version,
)

OLDEST = (3, 10)
"""The first version whose quorum queues know a time to live and dead-letter at least once."""

WITH_DELAYED_RETRY = (4, 3)
PATIENCE = 0.3
"""Seconds without redelivery after which the broker is taken to delay; it comes back within milliseconds otherwise."""

RETURN_TIME = 3.0
"""Seconds a probe may take over the ladder's first rung; it is to stay there for one millisecond."""

SETTLE_TIMEOUT = 10.0


Answer = Callable[[Awaitable[None]], Awaitable[None]]
"""Sends an answer to a message; raises LinkDown where its channel ended."""


class Retries(Protocol):
    """One of the three ways."""

    name: str

    def attempt(self, message: AbstractIncomingMessage) -> int:
        """Which attempt this delivery is, from 1."""

    async def put_off(self, message: AbstractIncomingMessage, delivery: Delivery, answer: Answer) -> bool:
        """Hands the message over until its next attempt and settles it; False where this process has to hold it.

        Raises LinkDown where that is not certain: then the message comes again by itself.
        """


class BrokerDelay:
    """The broker delays by its policy; the pauses of `Retry` are not used, its number of attempts is."""

    name = "broker"

    def attempt(self, message: AbstractIncomingMessage) -> int:
        """The broker's count of failed deliveries, plus this one."""
        failed = message.headers.get("x-delivery-count", 0)
        return int(failed) + 1 if isinstance(failed, int) else 1

    async def put_off(self, message: AbstractIncomingMessage, delivery: Delivery, answer: Answer) -> bool:
        """Rejects: unlike basic.nack, that counts and is delayed."""
        await answer(message.reject(requeue=True))
        return True


class Ladder:
    """A copy waits on a rung for exactly `Retry.delay`, at most as long as the rung's policy lets it."""

    name = "ladder"

    def __init__(self, publisher: Publisher, retry: Retry, user: str | None) -> None:
        self._publisher = publisher
        self._retry = retry
        self._user = user

    def attempt(self, message: AbstractIncomingMessage) -> int:
        """Our own count, believed only where we put it."""
        count = message.headers.get(ATTEMPT, 1) if came_by_ladder(message, self._user) else 1
        return count if isinstance(count, int) else 1

    async def put_off(self, message: AbstractIncomingMessage, delivery: Delivery, answer: Answer) -> bool:
        """Publishes the copy, and acknowledges the original when the broker has confirmed the copy."""
        delay = self._retry.delay(delivery.attempt)
        rung = next((n for n, seconds in enumerate(RUNGS, 1) if seconds >= delay), len(RUNGS))
        copy = again_later(message, delivery, delay, self._user)
        letter = Letter(RETRY, f"{rung}.{delivery.queue}", copy)
        if failed := await self._publisher.publish([letter], SETTLE_TIMEOUT):
            raise LinkDown(f"the retry ladder did not take the message: {failed[0].reason}")
        await answer(message.ack())
        return True


class Held:
    """The process itself waits with the message in its hands."""

    name = "held"

    def attempt(self, message: AbstractIncomingMessage) -> int:
        """Always the first: attempts that were made before a crash are not known."""
        return 1

    async def put_off(self, message: AbstractIncomingMessage, delivery: Delivery, answer: Answer) -> bool:
        """Nobody takes it."""
        return False


async def choose(connection: AbstractConnection, publisher: Publisher, retry: Retry, user: str | None) -> Retries:
    """The best way that this broker offers with the policies it has. The link of `publisher` must stand.

    Policies cannot be read over AMQP, so a message is sent each way and watched.
    """
    channel = connection.channel(publisher_confirms=True, on_return_raises=True)
    await call(channel.initialize())
    try:
        if version(connection) >= WITH_DELAYED_RETRY and await call(_broker_delays(channel)):
            return BrokerDelay()
        await call(declare_ladder(channel))
        if await call(_ladder_returns(channel, user)):
            return Ladder(publisher, retry, user)
        return Held()
    finally:
        if not channel.is_closed:
            with contextlib.suppress(LinkDown):
                await call(channel.close())


async def _broker_delays(channel: AbstractChannel) -> bool:
    """Whether a rejected message stays away for a while."""
    # Its name lets the policies apply to it. Should we die here, the policy lectern-probe removes it after a minute.
    queue = await quorum_queue(channel, f"{PREFIX}probe.{secrets.token_hex(8)}")
    try:
        probe = Message(b"probe", delivery_mode=DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(probe, queue.name)
        message = await queue.get(timeout=5)
        await message.reject(requeue=True)
        async with asyncio.timeout(PATIENCE * 4):
            for _ in range(4):
                await asyncio.sleep(PATIENCE / 4)
                returned = await queue.get(fail=False)
                if returned is not None:
                    await returned.ack()
                    return False
        return True
    finally:
        await queue.delete(if_unused=False, if_empty=False)


async def _ladder_returns(channel: AbstractChannel, user: str | None) -> bool:
    """Whether a message that is put on the first rung for a millisecond arrives at the other end."""
    queue = await channel.declare_queue(exclusive=True, auto_delete=True)
    await queue.bind(RETURN, f"*.{queue.name}")
    arrived = asyncio.Event()

    async def on_message(_: AbstractIncomingMessage) -> None:
        arrived.set()

    await queue.consume(on_message, no_ack=True)
    probe = Message(b"probe", delivery_mode=DeliveryMode.PERSISTENT, expiration=0.001, user_id=user)
    exchange = await channel.get_exchange(RETRY, ensure=False)
    await exchange.publish(probe, f"1.{queue.name}")
    try:
        async with asyncio.timeout(RETURN_TIME):
            await arrived.wait()
    except TimeoutError:
        return False
    return True
