"""The wiring of notification: copies and mails in its database, the SMTP server, its queue, its API."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

from services.notification.api import Api
from services.notification.intake import Intake
from services.notification.mails import Mails
from services.notification.message import sender_of
from services.notification.metrics import MAILS_FAILED, MAILS_LAG, MAILS_WAITING
from services.notification.sender import Backoff, Postbox, Sender
from services.notification.smtp import Connection, Server
from services.notification.spreading import QUIET, Spreading
from services.notification.store import COLLECTIONS, FAILED, Store
from shared.config import Settings, SettingsError
from shared.messaging.consumer import dispatch
from shared.messaging.port import Subscription
from shared.messaging.topology import QUEUES
from shared.service import Resources, Service
from shared.storage.lease import Lease

NAME = "notification"
QUEUE = "lectern.notification"
METRICS_EVERY = 5.0
"""Seconds between two looks at what waits."""


async def build(
    resources: Resources, *, quiet: timedelta = QUIET, backoff: Backoff | None = None, poll: float = 0.5
) -> Service:
    """The service. `quiet`: how long an agenda must be quiet before its changes are told; `poll` in seconds."""
    settings, clock = resources.settings, resources.clock
    server, postbox = _outside(settings, resources)
    await resources.database.declare(COLLECTIONS)
    store = Store(resources.database)
    mails = Mails(store)
    sender = Sender(
        store,
        mails,
        postbox,
        lambda: Connection(server, settings.uid_domain),
        lease=Lease(resources.database, "sender", resources.holder, clock),
        clock=clock,
        ids=resources.ids,
        random=random.random,
        backoff=backoff,
        poll=poll,
    )
    spreading = Spreading(
        store,
        mails,
        clock,
        quiet,
        lease=Lease(resources.database, "spreading", resources.holder, clock),
        on_news=sender.wake,
        poll=poll,
    )
    intake = Intake(store, mails, spreading, clock, sender.wake)

    async def watch() -> None:
        while True:
            MAILS_WAITING.set(await mails.depth())
            MAILS_LAG.set((await mails.lag(clock())).total_seconds())
            MAILS_FAILED.set(await mails.count(FAILED))
            await asyncio.sleep(METRICS_EVERY)

    return Service(
        name=NAME,
        routes=Api(mails, clock, sender.wake).routes(),
        subscriptions=[Subscription(QUEUE, QUEUES[QUEUE], dispatch(NAME, intake.handlers()))],
        tasks={"sender": sender.run, "spreading": spreading.run, "mail-metrics": watch},
        close=sender.stop,
    )


def _outside(settings: Settings, resources: Resources) -> tuple[Server, Postbox]:
    problems: list[str] = []
    server = sender = None
    try:
        server = Server.at(settings.smtp_url)
    except ValueError as error:
        problems.append(f"LECTERN_SMTP_URL: {error}")
    try:
        sender = sender_of(settings.mail_from)
    except ValueError as error:
        problems.append(f"LECTERN_MAIL_FROM: {error}")
    if server is None or sender is None:
        raise SettingsError("The settings cannot work:\n" + "\n".join(f"  - {line}" for line in problems))
    return server, Postbox(sender, settings.uid_domain, settings.public_url, resources.links)
