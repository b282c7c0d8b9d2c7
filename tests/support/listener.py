"""Another system that listens: a queue of its own on the facts, as an integrator would have it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from shared.clock import new_id
from shared.contracts.cloudevent import CloudEvent, decode
from shared.contracts.registry import EVENTS
from shared.messaging.port import Binding, Delivery, Subscription, Transport
from tests.support.waiting import until


@dataclass
class Listener:
    """All facts that were told, in order of arrival, repetitions included."""

    heard: list[CloudEvent] = field(default_factory=list)

    async def handle(self, delivery: Delivery) -> None:
        self.heard.append(decode(delivery.body))

    def of_type(self, type_: str) -> list[CloudEvent]:
        """Facts of a type, each once."""
        return list({event.id: event for event in self.heard if event.type == type_}.values())

    async def wait_for(self, type_: str, count: int = 1, timeout: float = 20) -> list[CloudEvent]:
        """The facts of a type, once there are at least `count` different ones."""
        await until(lambda: len(self.of_type(type_)) >= count, timeout, f"{count} of {type_}")
        return self.of_type(type_)


@contextlib.asynccontextmanager
async def listening(transport: Transport) -> AsyncIterator[Listener]:
    """A listener on a started transport; close the transport to end it."""
    listener = Listener()
    queue = f"lectern.listener-{new_id()[:8]}"
    await transport.subscribe(Subscription(queue, (Binding(EVENTS, "#"),), listener.handle))
    yield listener
