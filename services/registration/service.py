"""The wiring of registration: routes, queue, tasks."""

from __future__ import annotations

import asyncio
from pathlib import Path

from services.registration.api import Api
from services.registration.asking import Requests
from services.registration.audit.reading import Auditor
from services.registration.desk import Desks
from services.registration.door import doors
from services.registration.door.door import Door
from services.registration.door.pages import DoorPages
from services.registration.intake import Intake
from services.registration.organiser.pages import OrganiserPages
from services.registration.pages import Pages
from services.registration.schema import COLLECTIONS
from services.registration.store import Store
from services.registration.timekeeper import AT_ONCE, Timekeeper
from services.registration.traces import Traces
from services.registration.upgrade import upgrade
from shared.clock import ordered_id
from shared.messaging.consumer import dispatch
from shared.messaging.port import Subscription
from shared.messaging.topology import QUEUES
from shared.service import Resources, Service

QUEUE = "lectern.registration"

LOOK_EVERY = 30.0
"""Seconds between two looks for promotions that were left over, changed rules, people to ask or to forget."""

DUE_EVERY = 2.0
"""Seconds between two looks for what is due."""


async def build(resources: Resources) -> Service:
    """The registration service on the given resources."""
    await resources.database.declare([*COLLECTIONS, *doors.COLLECTIONS])
    await upgrade(resources.database, resources.clock)
    store = Store(resources.database, resources.links)
    desks = Desks(store, resources.clock, resources.ids, resources.wake_relay)

    def ids() -> str:
        return ordered_id(resources.clock(), resources.ids())

    intake = Intake(desks, store, ids)
    requests = Requests(desks, ids)
    door = Door.of(requests, store, resources.database, resources.links, resources.clock, ids)
    database, clock = resources.database, resources.clock
    api = Api(requests, store, intake, Auditor(database), door, database, clock, resources.ids)
    pages = Pages(
        requests, store, resources.links, resources.settings, resources.clock, resources.ids, resources.database
    )

    organiser = OrganiserPages(requests, store, resources.database, resources.links, resources.clock, resources.ids)
    timekeeper = Timekeeper(desks, store, resources.clock, resources.ids)
    traces = Traces(desks, store, resources.database, resources.clock, resources.ids)

    async def look() -> None:
        while True:
            await desks.promote_left_over()
            await timekeeper.look()
            await traces.remove()
            await asyncio.sleep(LOOK_EVERY)

    async def due() -> None:
        while True:
            found = await timekeeper.due()
            await asyncio.sleep(0 if found >= AT_ONCE else DUE_EVERY)

    return Service(
        name="registration",
        routes=[*api.routes(), *pages.routes(), *DoorPages(door).routes(), *organiser.routes()],
        # As many at once as one round of the desk takes.
        subscriptions=[Subscription(QUEUE, QUEUES[QUEUE], dispatch("registration", intake.handlers()), prefetch=256)],
        templates=Path(__file__).parent / "templates",
        tasks={"promotions": look, "due": due},
        close=desks.close,
    )
