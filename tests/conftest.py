"""What tests may ask for by name: private servers, a fresh database, settings of a whole process."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.clock import use_own_zone_rules
from shared.config import Settings
from shared.storage.mongo import Database, Mongo
from tests.support.calendar_harness import CalendarSync
from tests.support.emptied import emptied
from tests.support.mongod import MongodNode
from tests.support.rabbitmq import RabbitNode
from tests.support.radicale import RadicaleNode
from tests.support.smtp import SmtpSink

MakeSettings = Callable[..., Settings]

use_own_zone_rules()  # as the services do: the machine's own rules may be older


@pytest.fixture(scope="session")
def mongo_uri() -> Iterator[str]:
    """The address of the run's own MongoDB, or LECTERN_TEST_MONGODB_URI."""
    given = os.environ.get("LECTERN_TEST_MONGODB_URI")
    if given:
        yield given
        return
    node = MongodNode()
    try:
        asyncio.run(node.start())
        yield node.uri
    finally:
        asyncio.run(node.stop())


@pytest.fixture
async def mongod() -> AsyncIterator[MongodNode]:
    """A MongoDB of this test alone, which it may kill and start again."""
    node = MongodNode()
    try:
        await node.start()
        yield node
    finally:
        await node.stop()


@pytest.fixture
def database_prefix() -> str:
    """A prefix that no other test uses."""
    return f"t{secrets.token_hex(6)}"


@pytest.fixture
async def database(mongo_uri: str, database_prefix: str) -> AsyncIterator[Database]:
    """An empty database of this test, removed afterwards."""
    mongo = Mongo(mongo_uri, database_prefix)
    fresh = mongo.database("test")
    yield fresh
    await fresh.drop()
    mongo.close()


@pytest.fixture
async def sync(database: Database) -> AsyncIterator[CalendarSync]:
    """What calendar-sync is made of, on this test's database, in the hands of the test."""
    sync = await CalendarSync(database).prepare()
    yield sync
    await sync.close()


@pytest.fixture(scope="session")
def rabbit_node() -> Iterator[RabbitNode]:
    """The run's own RabbitMQ; who kills or restarts one starts a RabbitNode of its own."""
    node = RabbitNode()
    try:
        asyncio.run(node.start())
        yield node
    finally:
        asyncio.run(node.kill())  # an orderly end takes long, and nothing of it is kept
        asyncio.run(node.stop())


@pytest.fixture
def rabbit(rabbit_node: RabbitNode) -> RabbitNode:
    """The run's own RabbitMQ, with nothing left in its queues by an earlier test."""
    asyncio.run(emptied(rabbit_node.url))
    return rabbit_node


@pytest.fixture(params=["local", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def on_both_transports(request: pytest.FixtureRequest) -> dict[str, str]:
    """Runs the test twice, on each transport; the changes that `settings` needs for it."""
    return {} if request.param == "local" else {"broker_url": request.getfixturevalue("rabbit").url}


@pytest.fixture
async def radicale() -> AsyncIterator[RadicaleNode]:
    """A CalDAV server of this test alone, empty."""
    node = RadicaleNode()
    try:
        await node.start()
        yield node
    finally:
        await node.stop()


@pytest.fixture
async def smtp_sink() -> AsyncIterator[SmtpSink]:
    """A mail server of this test alone, which keeps what it gets."""
    sink = SmtpSink()
    await sink.start()
    yield sink
    await sink.stop()


@pytest.fixture
async def settings(mongo_uri: str, database_prefix: str, tmp_path: Path) -> AsyncIterator[MakeSettings]:
    """Makes the settings of a process of this test; keyword arguments change them. Its databases are removed afterwards.

    For example `settings(broker_url=rabbit.url, smtp_url=smtp_sink.url, **radicale.settings)`.
    """

    def make(**changes: Any) -> Settings:
        defaults: dict[str, Any] = {
            "mongodb_uri": mongo_uri,
            "database_prefix": database_prefix,
            "broker_url": f"local:{tmp_path / 'messages.sqlite'}",
            "retry_first": 0.05,
            "retry_longest": 0.5,
            "port": 0,
            "public_url": "http://lectern.test",
            "link_key": "the-link-key-of-the-tests-and-of-nothing-else",
            "organiser_token": "the-organisers-token-of-the-tests",
            # Everybody of a test comes from one address; what limits do is tested where they are.
            "register_burst": 1_000_000,
            "private_burst": 1_000_000,
        }
        return Settings(**(defaults | changes))

    yield make
    mongo = Mongo(mongo_uri, database_prefix)
    for service in ("registration", "scheduling", "notification", "calendar_sync"):
        await mongo.database(service).drop()
    mongo.close()
