"""Intake messages to answering events, against a bare consumer that only echoes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from shared.clock import new_id, utc_now
from shared.config import Settings
from shared.contracts.cloudevent import CloudEvent, decode
from shared.contracts.registration import REGISTRATION_REQUESTED, REQUEST_ANSWERED
from shared.contracts.registry import EVENTS, INTAKE
from shared.messaging.port import Binding, Delivery, Outgoing, Subscription
from shared.messaging.rabbit import RabbitTransport
from tests.benchmarks.agenda import SESSION, taken_in, tell
from tests.benchmarks.figures import Table
from tests.support.processes import running
from tests.support.waiting import until

MESSAGES = 5_000
WINDOW = 250


def requests(count: int) -> list[Outgoing]:
    """Requests of a badge site for one hot session."""
    return [
        Outgoing(
            INTAKE,
            CloudEvent(
                id=f"badge-{number}",
                source="https://badge.example.org",
                type=REGISTRATION_REQUESTED,
                time=utc_now(),
                data={
                    "event_id": "milipol-2019",
                    "person": {"name": f"Person {number}", "email": f"person-{number}@example.org"},
                    "sessions": [SESSION],
                },
            ),
        )
        for number in range(count)
    ]


async def answered(transport: RabbitTransport, count: int) -> float:
    """Publishes `count` requests in windows; requests answered per second."""
    heard: set[str] = set()

    async def hear(delivery: Delivery) -> None:
        heard.add(decode(delivery.body).data["request_id"])

    queue = f"lectern.bench-{new_id()[:8]}"
    await transport.subscribe(Subscription(queue, (Binding(EVENTS, REQUEST_ANSWERED),), hear, prefetch=500))
    messages = requests(count)
    began = time.perf_counter()
    for first in range(0, count, WINDOW):
        await transport.publish(messages[first : first + WINDOW], timeout=60)
    complete: Callable[[], bool] = lambda: len(heard) == count  # noqa: E731
    await until(complete, 120, f"{count} answers")
    return count / (time.perf_counter() - began)


async def echo(settings: Settings) -> float:
    """The baseline: a consumer that answers each message by one publish, with nothing decided and nothing stored."""
    echoing, asking = (RabbitTransport(settings.broker_url, name=name) for name in ("echo", "ask"))
    await asyncio.gather(echoing.start(), asking.start())

    async def answer(delivery: Delivery) -> None:
        asked = decode(delivery.body)
        told = asked.model_copy(update={"type": REQUEST_ANSWERED, "data": {"request_id": asked.id}})
        await echoing.publish([Outgoing(EVENTS, told)])

    binding = Binding(INTAKE, "#")
    await echoing.subscribe(Subscription(f"lectern.echo-{new_id()[:8]}", (binding,), answer, prefetch=256))
    try:
        return await answered(asking, MESSAGES)
    finally:
        await asyncio.gather(echoing.close(), asking.close())


async def run(settings: Settings, table: Table) -> None:
    """The echo first, then the registration service."""
    bare = await echo(settings)
    await tell(settings, 2_000)
    asking = RabbitTransport(settings.broker_url, name="badge site")
    await asking.start()
    async with running(settings, "services", "registration") as process:
        await process.ready()
        await taken_in(settings)
        rate = await answered(asking, MESSAGES)
    await asking.close()
    table.add("Intake messages to answering events", f"{rate:.0f}/s")
    table.add("  against a bare echo over the same broker", f"{rate / bare:.2f}", f"bare: {bare:.0f}/s")
