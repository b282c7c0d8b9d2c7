"""The wiring of scheduling: routes, the queue it consumes, its pages."""

from __future__ import annotations

from pathlib import Path

from services.scheduling.api import Api
from services.scheduling.intake import handlers
from services.scheduling.pages import Pages
from services.scheduling.store import COLLECTIONS, Store
from shared.messaging.consumer import dispatch
from shared.messaging.port import Subscription
from shared.messaging.topology import QUEUES
from shared.service import Resources, Service

QUEUE = "lectern.scheduling"


async def build(resources: Resources) -> Service:
    """Scheduling on the process's resources."""
    await resources.database.declare(COLLECTIONS)
    store = Store(resources.database, resources.clock, resources.wake_relay)
    return Service(
        name="scheduling",
        routes=[*Api(store, resources.clock).routes(), *Pages(store, resources.clock).routes()],
        subscriptions=[Subscription(QUEUE, QUEUES[QUEUE], dispatch("scheduling", handlers(store)))],
        templates=Path(__file__).parent / "templates",
    )
