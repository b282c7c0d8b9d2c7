"""The transport port: what a service needs of a broker, and no more. Two adapters: `rabbit` and `local`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shared.contracts.cloudevent import CloudEvent, Encoded


@dataclass(frozen=True)
class Outgoing:
    """A message to publish on a topic exchange; its routing key is the event's type."""

    exchange: str
    event: CloudEvent | Encoded


@dataclass(frozen=True)
class Delivery:
    """A message as it arrived: raw bytes, because a message that cannot be decoded must still be told and parked.

    `attempt` counts from 1. `user_id` is the publisher as the broker validated it (None where the broker does not).
    """

    queue: str
    routing_key: str
    body: bytes
    attempt: int = 1
    user_id: str | None = None
    exchange: str = ""
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Delivery], Awaitable[None]]
"""Returns when the message is dealt with for good; raises Poison to park it, anything else to have it again later."""


class Poison(Exception):
    """The handler's word that no retry can help. The message is parked among the dead letters with this reason."""


class NotNow(Exception):
    """The handler's word that something it needs is away. The message waits where it is; no attempt is counted."""


@dataclass(frozen=True)
class Undelivered:
    """A message of a window that the broker did not take: `reason` is `unroutable`, `refused` or `unconfirmed`."""

    index: int
    reason: str


class PublishError(Exception):
    """Some messages of a window were not taken; those not named here were confirmed."""

    def __init__(self, undelivered: Sequence[Undelivered]) -> None:
        super().__init__(", ".join(f"#{item.index} {item.reason}" for item in undelivered))
        self.undelivered = tuple(undelivered)


@dataclass(frozen=True)
class Binding:
    """Which messages of a topic exchange a queue takes."""

    exchange: str
    pattern: str


@dataclass(frozen=True)
class Subscription:
    """One durable queue of a service, what it takes, and who handles it; `prefetch` messages are handled at a time."""

    queue: str
    bindings: tuple[Binding, ...]
    handler: Handler
    prefetch: int = 64


@dataclass(frozen=True)
class Retry:
    """When a failed message comes again: `delay` doubles from `first` up to `longest` seconds; parked after `attempts`."""

    attempts: int = 8
    first: float = 1.0
    longest: float = 60.0

    def delay(self, attempt: int) -> float:
        """Seconds to wait after the failed `attempt` (from 1)."""
        return min(self.longest, self.first * 2.0 ** (attempt - 1))


EXCHANGE_HEADER = "x-lectern-exchange"
"""The header of a dead letter that tells the exchange it was published on: needed to send it again."""


@dataclass(frozen=True)
class DeadLetter:
    """A parked message: where it was to go, why it was parked, how often it was tried."""

    id: str
    queue: str
    routing_key: str
    body: bytes
    reason: str
    attempts: int
    parked_at: str
    headers: dict[str, str] = field(default_factory=dict)


class Transport(Protocol):
    """A broker connection of one process. At least once; order only as far as consumers do not rely on it."""

    async def start(self) -> None:
        """Connects and declares the exchanges. Raises ConnectionError with a remedy where the broker is not there."""

    async def declare(self, queue: str, bindings: Sequence[Binding]) -> None:
        """Declares a durable queue and its bindings, so that it takes messages before anybody consumes them."""

    async def publish(self, messages: Sequence[Outgoing], timeout: float = 10.0) -> None:
        """Publishes a window and waits for all confirms (seconds). Raises PublishError for those not taken."""

    async def subscribe(self, subscription: Subscription) -> None:
        """Declares queue and bindings and begins to consume."""

    async def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """Parked messages, oldest first; they stay parked."""

    def healthy(self) -> bool:
        """Whether the connection stands."""

    async def stop_consuming(self) -> None:
        """Stops consuming, waits for handlers that run, returns the rest to the queue; publishing still works."""

    async def close(self) -> None:
        """Stops consuming as above, then disconnects. Closing twice is harmless."""
