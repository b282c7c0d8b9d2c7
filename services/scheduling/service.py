"""The wiring of scheduling: routes, the queue it consumes, its pages."""

from __future__ import annotations

from pathlib import Path

from services.scheduling.api import Api
from services.scheduling.editing import Editor
from services.scheduling.intake import handlers
from services.scheduling.listing_pages import ListingPages
from services.scheduling.organiser.pages import OrganiserPages
from services.scheduling.pages import Pages
from services.scheduling.store import COLLECTIONS, Store
from services.scheduling.upgrade import upgrade
from services.scheduling.views import Views
from services.scheduling.zone_watch import ZoneWatch
from shared.messaging.consumer import dispatch
from shared.messaging.port import Subscription
from shared.messaging.topology import QUEUES
from shared.service import Resources, Service

QUEUE = "lectern.scheduling"


async def build(resources: Resources) -> Service:
    """Scheduling on the process's resources."""
    await resources.database.declare(COLLECTIONS)
    views = Views(resources.database)
    store = Store(resources.database, resources.clock, resources.wake_relay)
    editor = Editor(store, resources.clock)
    await upgrade(resources.database, store, resources.clock)
    return Service(
        name="scheduling",
        routes=[
            *Api(store, views, editor).routes(),
            *ListingPages(views).routes(),
            *Pages(views, resources.clock).routes(),
            *OrganiserPages(store, views, editor, resources.clock, resources.ids).routes(),
        ],
        subscriptions=[Subscription(QUEUE, QUEUES[QUEUE], dispatch("scheduling", handlers(views)))],
        tasks={"zone-rules": ZoneWatch(store, views, editor, resources.clock).run},
        templates=Path(__file__).parent / "templates",
    )
