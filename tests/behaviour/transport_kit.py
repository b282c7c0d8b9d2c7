"""What the transport suites need: a topic of one's own, a handler that remembers, and how to reach an adapter's broker."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Protocol

from shared.contracts.cloudevent import CloudEvent, decode
from shared.contracts.registry import EVENTS
from shared.messaging.port import (
    Binding,
    DeadLetter,
    Delivery,
    Outgoing,
    Retry,
    Subscription,
    Transport,
)

QUICK = Retry(attempts=3, first=0.2, longest=1.0)
"""Pauses for tests. A broker that delays by itself takes those of its policy instead."""


class Broker(Protocol):
    """How a test reaches one adapter's broker."""

    patience: float
    """Seconds in which two retries and their pauses are certainly over."""

    async def connect(self, *, retry: Retry = QUICK, drain: float = 30.0) -> Transport:
        """A new, started transport to the same broker; closed when the test is over."""

    def process_arguments(self) -> list[str]:
        """What tests.support.consumer_process needs to consume from this broker in a process of its own."""


class Topic:
    """A queue, exchange and type that no other test uses."""

    def __init__(self, exchange: str = EVENTS) -> None:
        name = secrets.token_hex(6)
        self.exchange = exchange
        self.queue = f"lectern.test-{name}"
        self.type = f"lectern.test-{name}.thing.v1"
        self.bindings = (Binding(exchange, f"lectern.test-{name}.#"),)

    def message(self, number: int, **data: Any) -> Outgoing:
        """The message with that number."""
        event = CloudEvent(
            id=f"m-{number}", source="/tests", type=self.type, time=datetime(2026, 3, 2, 9, tzinfo=UTC),
            data={"number": number, **data},
        )  # fmt: skip
        return Outgoing(self.exchange, event)

    def messages(self, count: int) -> list[Outgoing]:
        """Messages 0 to count - 1."""
        return [self.message(number) for number in range(count)]

    def subscription(self, handler: Callable[[Delivery], Awaitable[None]], prefetch: int = 64) -> Subscription:
        """A subscription to this topic's queue."""
        return Subscription(self.queue, self.bindings, handler, prefetch)


class Collector:
    """A handler that remembers what it got."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.deliveries: list[Delivery] = []

    async def __call__(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        self.numbers.append(number_of(delivery))

    def has(self, numbers: Iterable[int]) -> Callable[[], bool]:
        """The condition that each of these was handled at least once."""
        wanted = set(numbers)
        return lambda: wanted <= set(self.numbers)


def number_of(delivery: Delivery) -> int:
    """The number of a test message."""
    return int(decode(delivery.body).data["number"])


async def parked_of(transport: Transport, topic: Topic) -> list[DeadLetter]:
    """The dead letters of this test's queue."""
    return [letter for letter in await transport.dead_letters(limit=10_000) if letter.queue == topic.queue]
