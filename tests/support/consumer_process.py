"""A consumer in a process of its own, for tests that kill it: answers the first five messages and keeps the others in hand.

`python -m tests.support.consumer_process local <file> <queue>` or `... rabbit <url> <queue>`. Prints one JSON line a message.
"""

from __future__ import annotations

import asyncio
import json
import sys

from shared.messaging.local import LocalTransport
from shared.messaging.port import Delivery, Subscription, Transport
from shared.messaging.rabbit import RabbitTransport
from shared.observability.logs import configure_logging

ANSWERED = 5


async def consume(transport: Transport, queue: str) -> None:
    """Consumes until killed."""
    count = 0

    async def handler(delivery: Delivery) -> None:
        nonlocal count
        count += 1
        answered = count <= ANSWERED
        number = json.loads(delivery.body)["data"]["number"]
        print(json.dumps({"number": number, "answered": answered}), flush=True)
        if not answered:
            await asyncio.Event().wait()

    await transport.start()
    await transport.subscribe(Subscription(queue, (), handler))
    await asyncio.Event().wait()


if __name__ == "__main__":
    configure_logging(stream="stderr")
    kind, address, name = sys.argv[1:]
    asyncio.run(consume(LocalTransport(address) if kind == "local" else RabbitTransport(address), name))
