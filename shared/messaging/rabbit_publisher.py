"""Publishing with confirms: many messages in flight at once, and a word on each that the broker did not take."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractMessage
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, DeliveryError
from aio_pika.exceptions import PublishError as Returned

from shared.messaging.port import Undelivered
from shared.messaging.rabbit_link import Link, LinkDown, call
from shared.pause import signalled

IN_FLIGHT = 128
"""Messages on their way at the same time. One by one, each would wait for the broker's disk."""

CLOSE_TIMEOUT = 5.0
"""Seconds that messages on their way get at the end."""

LARGEST_KEY = 255
"""Bytes of a routing key (AMQP 0-9-1, 4.2.5.3: a short string)."""

_log = structlog.get_logger()


@dataclass(frozen=True)
class Letter:
    """A message with its address."""

    exchange: str
    routing_key: str
    message: AbstractMessage


class Publisher:
    """Publishes on one channel of a link, opened again whenever it broke. Messages that nobody takes are returned."""

    def __init__(self, link: Link, in_flight: int = IN_FLIGHT) -> None:
        self._link = link
        self._slots = asyncio.Semaphore(in_flight)
        self._opening = asyncio.Lock()
        self._channel: AbstractChannel | None = None
        self._connection: AbstractConnection | None = None
        self._exchanges: dict[str, AbstractExchange] = {}
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def publish(self, letters: Sequence[Letter], timeout: float) -> list[Undelivered]:
        """Publishes all and waits for every confirm, `timeout` seconds at most; returns what was not taken."""
        reasons: list[str | None] = ["unconfirmed"] * len(letters)

        async def send(index: int, letter: Letter) -> None:
            reasons[index] = await self._send(letter)

        tasks = [asyncio.create_task(send(index, letter)) for index, letter in enumerate(letters)]
        self._running += 1
        self._idle.clear()
        try:
            # One time limit for the window: a timer for each message costs more than the message.
            if tasks:
                await asyncio.wait(tasks, timeout=timeout)
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            self._running -= 1
            if self._running == 0:
                self._idle.set()
        for end in ends:
            if isinstance(end, Exception):
                raise end
        return [Undelivered(index, reason) for index, reason in enumerate(reasons) if reason]

    async def _send(self, letter: Letter) -> str | None:
        """Why the letter was not taken; None where the broker confirmed it."""
        if len(letter.routing_key.encode()) > LARGEST_KEY:
            return "refused"
        async with self._slots:
            try:
                exchange = await self._exchange(letter.exchange)
                await call(exchange.publish(letter.message, letter.routing_key, mandatory=True), timeout=None)
            except LinkDown:
                return "unconfirmed"
            except Returned:
                return "unroutable"
            except DeliveryError:
                return "refused"
            return None

    async def _exchange(self, name: str) -> AbstractExchange:
        """The exchange on a channel that stands; waits for the connection where it is away."""
        channel = self._channel
        if channel is None or channel.is_closed or self._connection is not self._link.current:
            channel = await self._open_channel()
        exchange = self._exchanges.get(name)
        if exchange is None:
            exchange = self._exchanges[name] = await call(channel.get_exchange(name, ensure=False))
        return exchange

    async def _open_channel(self) -> AbstractChannel:
        async with self._opening:
            connection = await self._link.connection()
            if self._channel is None or self._channel.is_closed or self._connection is not connection:
                channel = connection.channel(publisher_confirms=True, on_return_raises=True)
                await call(channel.initialize())
                self._channel, self._connection, self._exchanges = channel, connection, {}
            return self._channel

    async def close(self) -> None:
        """Closes the channel, after the confirms that are still to come where the connection stands."""
        if self._link.up:
            await signalled(self._idle, CLOSE_TIMEOUT)
        channel, self._channel = self._channel, None
        if channel is not None and not channel.is_closed:
            try:
                await asyncio.wait_for(channel.close(), 3)
            except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
                _log.debug("broker_channel_lost", error=type(error).__name__)
