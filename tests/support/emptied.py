"""A broker that several tests share, with nothing left in its queues."""

from __future__ import annotations

import contextlib

import aio_pika

from shared.messaging.topology import QUEUES


async def emptied(url: str) -> None:
    """Purges the queues of the services and the dead letters, where they exist."""
    async with await aio_pika.connect(url) as connection:
        for name in (*QUEUES, "lectern.dead-letters"):
            channel = await connection.channel()
            with contextlib.suppress(aio_pika.exceptions.ChannelNotFoundEntity):
                await (await channel.get_queue(name)).purge()
