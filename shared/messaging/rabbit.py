"""The transport over RabbitMQ: confirmed publishing, quorum queues, delayed retries, dead letters with their reason."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractConnection

from shared.clock import Clock, Ids, new_id, utc_now
from shared.contracts.cloudevent import CONTENT_TYPE
from shared.messaging.port import (
    Binding,
    DeadLetter,
    Outgoing,
    PublishError,
    Retry,
    Subscription,
    Undelivered,
)
from shared.messaging.rabbit_consumer import Consumer
from shared.messaging.rabbit_link import Link, UnsupportedBroker, call
from shared.messaging.rabbit_publisher import Letter, Publisher
from shared.messaging.rabbit_retry import OLDEST, Held, Retries, choose
from shared.messaging.rabbit_topology import (
    DEAD_LETTERS,
    PREFIX,
    PUBLIC_EXCHANGES,
    declare_exchanges,
    declare_queue,
    parked,
    version,
)

DRAIN = 30.0
"""Seconds that running handlers get at the end; then they are cut short and their messages come again."""

_log = structlog.get_logger()


@dataclass
class _Tools:
    """What the consumers share; see rabbit_consumer.Tools."""

    link: Link
    publisher: Publisher
    retry: Retry
    user: str | None
    now: Clock
    new_id: Ids
    retries: Retries = field(default_factory=Held)


class RabbitTransport:
    """See `shared.messaging.port.Transport`. Two connections, so that a broker that slows publishers down still hears answers.

    `name` is shown in the broker's list of connections. Where `url` names a user, every message carries it as
    `user_id`, which the broker checks. `drain` is in seconds; 0 cuts running handlers short (for tests).
    """

    def __init__(
        self,
        url: str,
        *,
        retry: Retry | None = None,
        name: str = "lectern",
        clock: Clock = utc_now,
        ids: Ids = new_id,
        drain: float = DRAIN,
    ) -> None:
        self._name = name
        self._drain = drain
        self._queues: dict[str, tuple[Binding, ...]] = {}
        self._consumers: list[Consumer] = []
        self._version: tuple[int, int] | None = None
        self._started = self._closed = False
        self._out = Link(url, f"{name}: publish", self._on_publishing_link)
        self._publisher = Publisher(self._out)
        self._tools = _Tools(
            link=Link(url, f"{name}: consume"),
            publisher=self._publisher,
            retry=retry or Retry(),
            user=self._out.user,
            now=clock,
            new_id=ids,
        )

    @property
    def retries(self) -> str:
        """How failed messages come again here: `broker`, `ladder` or `held` (see rabbit_retry)."""
        return self._tools.retries.name

    @property
    def queues(self) -> frozenset[str]:
        """The queues that were declared here."""
        return frozenset(self._queues)

    async def start(self) -> None:
        """Connects and declares the exchanges. Raises ConnectionError with a remedy where the broker is not there."""
        try:
            await self._out.open()
            await self._tools.link.open()
        except BaseException:
            await self._out.close()
            await self._tools.link.close()
            raise
        self._started = True

    async def declare(self, queue: str, bindings: Sequence[Binding]) -> None:
        """Declares a durable queue and its bindings. Raises ValueError where no policy would find the queue."""
        if not queue.startswith(PREFIX):
            raise ValueError(f"the queue {queue!r} needs a name that begins with {PREFIX!r}: the policies look for it")
        self._queues[queue] = (*self._queues.get(queue, ()), *bindings)
        connection = await self._out.connection()
        channel = connection.channel()
        await call(channel.initialize())
        try:
            await call(declare_queue(channel, queue, bindings))
        finally:
            if not channel.is_closed:
                await call(channel.close())

    async def publish(self, messages: Sequence[Outgoing], timeout: float = 10.0) -> None:
        """Publishes a window and waits for all confirms (seconds). Raises PublishError for those not taken.

        While the broker is away, it is waited for until `timeout` is over; what was not confirmed then may have been taken.
        """
        undelivered = [
            Undelivered(index, "unroutable")
            for index, message in enumerate(messages)
            if message.exchange not in PUBLIC_EXCHANGES
        ]
        # A wrong exchange would end the channel and every other message's confirm with it.
        sendable = [(n, message) for n, message in enumerate(messages) if message.exchange in PUBLIC_EXCHANGES]
        if self._closed or not self._started:
            undelivered.extend(Undelivered(index, "unconfirmed") for index, _ in sendable)
        else:
            letters = [self._letter(message) for _, message in sendable]
            for failed in await self._publisher.publish(letters, timeout):
                undelivered.append(Undelivered(sendable[failed.index][0], failed.reason))
        if undelivered:
            raise PublishError(sorted(undelivered, key=lambda item: item.index))

    async def subscribe(self, subscription: Subscription) -> None:
        """Declares queue and bindings and begins to consume."""
        await self.declare(subscription.queue, subscription.bindings)
        consumer = Consumer(self._tools, subscription)
        await consumer.start()
        self._consumers.append(consumer)

    async def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """Parked messages, oldest first; they stay parked. Two readers at the same time see each a part."""
        connection = await self._out.connection()
        channel = connection.channel(publisher_confirms=False)
        await call(channel.initialize())
        try:
            queue = await call(channel.get_queue(DEAD_LETTERS, ensure=False))
            found: list[DeadLetter] = []
            last = None
            while len(found) < limit:
                message = await call(queue.get(fail=False))
                if message is None:
                    break
                last = message
                found.append(parked(message))
            if last is not None:
                # All at once, so that their order stays; nack and not reject, because a look is no failed attempt.
                await call(last.nack(multiple=True, requeue=True))
            return found
        finally:
            if not channel.is_closed:
                await call(channel.close())

    def healthy(self) -> bool:
        """Whether both connections stand."""
        return self._started and not self._closed and self._out.up and self._tools.link.up

    async def stop_consuming(self) -> None:
        """Stops consuming, waits for handlers that run, returns the rest to the queue; publishing still works."""
        consumers, self._consumers = self._consumers, []
        await asyncio.gather(*(consumer.stop(self._drain) for consumer in consumers))

    async def close(self) -> None:
        """Stops consuming as above, then disconnects. Closing twice is harmless."""
        await self.stop_consuming()
        self._closed = True
        await self._publisher.close()
        await self._tools.link.close()
        await self._out.close()

    async def _on_publishing_link(self, connection: AbstractConnection) -> None:
        """On every new connection: a broker that was replaced knows nothing of us any more."""
        found = version(connection)
        if found < OLDEST:
            raise UnsupportedBroker(
                f"RabbitMQ {found[0]}.{found[1]} is too old: Lectern needs {OLDEST[0]}.{OLDEST[1]} or newer "
                "(its quorum queues know a time to live)."
            )
        async with connection.channel() as channel:
            await declare_exchanges(channel)
            for queue, bindings in self._queues.items():
                await declare_queue(channel, queue, bindings)
        if found != self._version or isinstance(self._tools.retries, Held):
            await self._choose_retries(connection)
            self._version = found

    async def _choose_retries(self, connection: AbstractConnection) -> None:
        self._tools.retries = await choose(connection, self._publisher, self._tools.retry, self._tools.user)
        name = ".".join(map(str, version(connection)))
        if isinstance(self._tools.retries, Held):
            _log.warning(
                "broker_policies_missing",
                version=name,
                consequence="failed messages wait in this process for their retry; the broker's own limits do not apply",
                remedy="import deploy/rabbitmq/definitions.json (rabbitmqctl import_definitions), then restart the services",
            )
        _log.info("broker_connected", version=name, retries=self._tools.retries.name)

    def _letter(self, message: Outgoing) -> Letter:
        event = message.event
        return Letter(
            message.exchange,
            event.type,
            Message(
                event.encode(),
                content_type=CONTENT_TYPE,
                delivery_mode=DeliveryMode.PERSISTENT,
                type=event.type,
                correlation_id=event.correlationid,
                app_id=self._name,
                user_id=self._tools.user,
                # No message_id: the library tells returned messages apart by it, and a relay may send one twice.
            ),
        )
