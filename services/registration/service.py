"""The wiring of registration: routes, queue, tasks."""

from __future__ import annotations

import asyncio
from pathlib import Path

from services.registration.api import Api
from services.registration.desk import Desks
from services.registration.intake import Intake
from services.registration.pages import Pages
from services.registration.store import COLLECTIONS, Store
from services.registration.upgrade import upgrade
from shared.clock import ordered_id
from shared.messaging.consumer import dispatch
from shared.messaging.port import Subscription
from shared.messaging.topology import QUEUES
from shared.service import Resources, Service

QUEUE = "lectern.registration"

PROMOTE_EVERY = 30.0
"""Seconds between two looks for promotions that were left over; normally there are none."""


async def build(resources: Resources) -> Service:
    """The registration service on the given resources."""
    await resources.database.declare(COLLECTIONS)
    await upgrade(resources.database, resources.clock)
    store = Store(resources.database, resources.links)
    desks = Desks(store, resources.clock, resources.ids, resources.wake_relay)

    def ids() -> str:
        return ordered_id(resources.clock(), resources.ids())

    intake = Intake(desks, store, ids)
    api = Api(desks, store, intake, ids)
    pages = Pages(api, store, resources.links, resources.settings, resources.clock, resources.ids)

    async def promote() -> None:
        while True:
            await desks.promote_left_over()
            await asyncio.sleep(PROMOTE_EVERY)

    return Service(
        name="registration",
        routes=[*api.routes(), *pages.routes()],
        # As many at once as one round of the desk takes.
        subscriptions=[Subscription(QUEUE, QUEUES[QUEUE], dispatch("registration", intake.handlers()), prefetch=256)],
        templates=Path(__file__).parent / "templates",
        tasks={"promotions": promote},
        close=desks.close,
    )
