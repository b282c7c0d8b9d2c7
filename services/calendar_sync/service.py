"""The wiring of calendar-sync: facts in, feeds and a status API out, and a worker where a calendar server is configured."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

from services.calendar_sync.api import CalendarsApi
from services.calendar_sync.caldav_client import CalDavClient
from services.calendar_sync.feeds import Feeds
from services.calendar_sync.intake import Intake
from services.calendar_sync.rendering import Rendering
from services.calendar_sync.status import watch
from services.calendar_sync.store import COLLECTIONS, Store
from services.calendar_sync.worker import Worker
from shared.calendar.entry import Words
from shared.messaging.consumer import dispatch
from shared.messaging.port import Subscription
from shared.messaging.topology import QUEUES
from shared.service import Resources, Service
from shared.storage.lease import Lease
from shared.web.i18n import translations

NAME = "calendar-sync"
_QUEUE = "lectern.calendar-sync"


async def build(resources: Resources) -> Service:
    """The service. Without LECTERN_CALDAV_URL it serves feeds only."""
    settings, clock = resources.settings, resources.clock
    await resources.database.declare(COLLECTIONS)
    store = Store(resources.database)
    rendering = Rendering(settings.public_url, settings.uid_domain, _words_of)
    tasks: dict[str, Callable[[], Awaitable[None]]] = {}
    wake: Callable[[], None] = _nobody
    close: Callable[[], Awaitable[None]] | None = None
    home: str | None = None
    if settings.caldav_url is not None:
        password = settings.caldav_password.get_secret_value() if settings.caldav_password else None
        client = CalDavClient(settings.caldav_url, settings.caldav_username, password)
        home = client.home
        lease = Lease(resources.database, "caldav", resources.holder, clock)
        worker = Worker(store, rendering, client, lease, clock, random.random)
        wake, close = worker.wake, worker.close
        tasks = {"worker": worker.run, "metrics": lambda: watch(store, rendering, clock)}
    intake = Intake(store, resources.links, clock, wake)
    return Service(
        name=NAME,
        routes=[
            *Feeds(store, rendering, clock).routes(),
            *CalendarsApi(store, rendering, clock, home).routes(),
        ],
        subscriptions=[Subscription(_QUEUE, QUEUES[_QUEUE], dispatch(NAME, intake.handlers()))],
        tasks=tasks,
        close=close,
    )


def _words_of(language: str) -> Words:
    return translations(language).gettext


def _nobody() -> None:
    """Without a calendar server nobody has to be woken."""
