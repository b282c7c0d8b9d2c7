"""The wiring of notification: copies and mails in its database, the SMTP server, its queue, its API."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from functools import partial
from pathlib import Path

from services.notification.api import Api
from services.notification.intake import Intake
from services.notification.mails import Mails
from services.notification.message import sender_of
from services.notification.metrics import MAILS_FAILED, MAILS_LAG, MAILS_WAITING
from services.notification.replies.address import ReplyAddress
from services.notification.replies.answers import Answers
from services.notification.replies.http import ReplyPages
from services.notification.replies.listener import Listener
from services.notification.sender import Backoff, Sender
from services.notification.smtp import Connection, Server
from services.notification.spreading import QUIET, Spreading
from services.notification.store import COLLECTIONS, FAILED, Store
from services.notification.writing import Postbox
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
    store = Store(resources.database, resources.links)
    await store.add_hashes()
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
    answers = Answers(
        store,
        settings.uid_domain,
        clock,
        lease=Lease(resources.database, "answers", resources.holder, clock),
        grace=timedelta(minutes=settings.answer_grace_minutes),
        wake=sender.wake,
        tell=resources.wake_relay,
        poll=poll,
    )
    replies = _reply_address(settings)
    listener = None
    if replies is not None and settings.reply_port is not None:
        listener = Listener(
            replies, partial(store.named_by, "reply_hash"), answers.take, settings.host, settings.reply_port
        )
        await _listen(listener)
    intake = Intake(store, mails, spreading, clock, sender.wake)

    async def watch() -> None:
        while True:
            MAILS_WAITING.set(await mails.depth())
            MAILS_LAG.set((await mails.lag(clock())).total_seconds())
            MAILS_FAILED.set(await mails.count(FAILED))
            await asyncio.sleep(METRICS_EVERY)

    async def close() -> None:
        if listener is not None:
            await listener.stop()
        await sender.stop()

    return Service(
        name=NAME,
        routes=[*Api(mails, clock, sender.wake).routes(), *ReplyPages(store, answers, replies).routes()],
        subscriptions=[Subscription(QUEUE, QUEUES[QUEUE], dispatch(NAME, intake.handlers()))],
        tasks={"sender": sender.run, "spreading": spreading.run, "answers": answers.run, "mail-metrics": watch},
        templates=Path(__file__).parent / "replies" / "templates",
        close=close,
    )


def _outside(settings: Settings, resources: Resources) -> tuple[Server, Postbox]:
    problems: list[str] = []
    server = sender = replies = None
    try:
        server = Server.at(settings.smtp_url)
    except ValueError as error:
        problems.append(f"LECTERN_SMTP_URL: {error}")
    try:
        sender = sender_of(settings.mail_from)
    except ValueError as error:
        problems.append(f"LECTERN_MAIL_FROM: {error}")
    try:
        replies = _reply_address(settings)
    except ValueError as error:
        problems.append(f"LECTERN_REPLY_ADDRESS: {error}")
    if settings.reply_address is None:
        for name in ("invitations", "reply_port"):
            if getattr(settings, name):
                problems.append(f"LECTERN_{name.upper()}: answers need an address; set LECTERN_REPLY_ADDRESS")
    if server is None or sender is None or problems:
        raise SettingsError("The settings cannot work:\n" + "\n".join(f"  - {line}" for line in problems))
    invites = replies if settings.invitations is not False else None
    return server, Postbox(sender, settings.uid_domain, settings.public_url, resources.links, invites)


def _reply_address(settings: Settings) -> ReplyAddress | None:
    return ReplyAddress.of(settings.reply_address) if settings.reply_address is not None else None


async def _listen(listener: Listener) -> None:
    try:
        await listener.start()
    except OSError as error:
        raise ConnectionError(
            f"Port {listener.port} cannot be used for answers ({error.strerror}). Choose another with LECTERN_REPLY_PORT."
        ) from error
