"""The registration service as a process of its own, for tests that kill it or take a safeguard away.

`python -m tests.support.registration_process [--kill-at POINT] [--without SAFEGUARD]`; settings from the environment.
A kill is SIGKILL, at the first time that a person called Crash is concerned.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from collections.abc import Sequence
from typing import Any

from services.registration.service import build
from shared.config import read_settings
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registry import EVENTS
from shared.messaging.port import Delivery, Outgoing, Subscription
from shared.messaging.rabbit import RabbitTransport
from shared.observability.logs import configure_logging
from shared.process import Process, run
from shared.storage.ledger import Conflict, Entry, Ledgers, Page

DECIDE_COMMIT = "between-decide-and-commit"
COMMIT_PUBLISH = "between-commit-and-publish"
PUBLISH_MARK = "between-publish-and-mark"
RECEIVE_ACKNOWLEDGE = "between-handle-and-acknowledge"
POINTS = (DECIDE_COMMIT, COMMIT_PUBLISH, PUBLISH_MARK, RECEIVE_ACKNOWLEDGE)

NO_OUTBOX = "outbox"
NO_COMPARE_AND_SET = "compare-and-set"


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _concerns_crash(facts: Sequence[CloudEvent]) -> bool:
    return any(fact.data.get("person", {}).get("name") == "Crash" for fact in facts)


def kill_at(point: str) -> None:
    """Ends the process at `point` of the way of data."""
    commit, publish, subscribe = Ledgers.commit, RabbitTransport.publish, RabbitTransport.subscribe

    async def dying_commit(self: Ledgers, page: Page, state: Any, **rest: Any) -> Entry:
        concerned = _concerns_crash(rest.get("facts", ()))
        if concerned and point == DECIDE_COMMIT:
            _die()
        entry = await commit(self, page, state, **rest)
        if concerned and point == COMMIT_PUBLISH:
            _die()
        return entry

    async def dying_publish(self: RabbitTransport, messages: Sequence[Outgoing], timeout: float = 10.0) -> None:
        await publish(self, messages, timeout)
        if point == PUBLISH_MARK and any(b'"Crash"' in message.event.encode() for message in messages):
            _die()

    async def dying_subscribe(self: RabbitTransport, subscription: Subscription) -> None:
        async def handle(delivery: Delivery) -> None:
            await subscription.handler(delivery)
            if point == RECEIVE_ACKNOWLEDGE and b'"Crash"' in delivery.body:
                _die()

        await subscribe(self, Subscription(subscription.queue, subscription.bindings, handle, subscription.prefetch))

    Ledgers.commit = dying_commit  # type: ignore[method-assign]
    RabbitTransport.publish = dying_publish  # type: ignore[method-assign]
    RabbitTransport.subscribe = dying_subscribe  # type: ignore[method-assign]


def without_outbox(transport: RabbitTransport) -> None:
    """The textbook mistake: state is committed, then the facts are published directly."""
    commit = Ledgers.commit

    async def publishing_commit(self: Ledgers, page: Page, state: Any, **rest: Any) -> Entry:
        facts = rest.pop("facts", ())
        entry = await commit(self, page, state, **rest)
        if _concerns_crash(facts):
            _die()
        await transport.publish([Outgoing(EVENTS, fact) for fact in facts])
        return entry

    Ledgers.commit = publishing_commit  # type: ignore[method-assign]


def without_compare_and_set() -> None:
    """Commits whatever was decided, also on a version that is no longer the newest."""
    commit = Ledgers.commit

    async def blind_commit(self: Ledgers, page: Page, state: Any, **rest: Any) -> Entry:
        while True:
            try:
                return await commit(self, page, state, **rest)
            except Conflict:
                newest = await self.load(page.stream)
                page = Page(page.stream, newest.version, page.state, page.entries)

    Ledgers.commit = blind_commit  # type: ignore[method-assign]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kill-at", choices=POINTS)
    parser.add_argument("--without", choices=(NO_OUTBOX, NO_COMPARE_AND_SET))
    arguments = parser.parse_args()
    settings = read_settings(os.environ)
    configure_logging(settings.log_level)
    transport = RabbitTransport(settings.broker_url, name="registration")
    if arguments.kill_at:
        kill_at(arguments.kill_at)
    if arguments.without == NO_OUTBOX:
        without_outbox(transport)
    if arguments.without == NO_COMPARE_AND_SET:
        without_compare_and_set()
    asyncio.run(run(Process(settings, {"registration": build}, port=settings.port or 0, transport=transport)))


if __name__ == "__main__":
    main()
