"""How the tests reach RabbitMQ: transports on one address, and the broker's raw protocol where a test plays a stranger."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import aio_pika
from aio_pika.abc import AbstractChannel

from shared.messaging.port import Retry
from shared.messaging.rabbit import RabbitTransport
from tests.behaviour.transport_kit import QUICK, Broker


class RabbitAddress:
    """Transports to one broker."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.patience = 40.0
        self.opened: list[RabbitTransport] = []

    async def connect(self, *, retry: Retry = QUICK, drain: float = 30.0, url: str | None = None) -> RabbitTransport:
        transport = RabbitTransport(url or self.url, retry=retry, drain=drain, name="lectern-tests")
        await transport.start()
        self.opened.append(transport)
        return transport

    def process_arguments(self) -> list[str]:
        return ["rabbit", self.url]

    async def close(self) -> None:
        """Closes the transports and removes their queues: the broker may live on."""
        for transport in self.opened:
            await transport.close()
        queues = {queue for transport in self.opened for queue in transport.queues}
        async with raw_channel(self.url) as channel:
            for queue in queues:
                await channel.queue_delete(queue)


@contextlib.asynccontextmanager
async def raw_channel(url: str) -> AsyncIterator[AbstractChannel]:
    """A channel with nothing of Lectern around it."""
    connection = await aio_pika.connect(url)
    try:
        yield await connection.channel()
    finally:
        await connection.close()


def _address_is_a_broker(address: RabbitAddress) -> Broker:
    return address
