"""2,000 people ask three registration processes for 400 seats at once: exactly 400 get one, the rest wait in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from shared.config import Settings
from shared.contracts.registry import EVENTS
from shared.contracts.scheduling import EVENT_REVISED, SESSION_REVISED
from shared.facts import fact
from shared.messaging.port import Outgoing
from shared.messaging.rabbit import RabbitTransport
from shared.messaging.topology import QUEUES
from shared.storage.mongo import Database, Mongo
from tests.support.events import PUBLISHED, milipol, workshop
from tests.support.processes import Running, running
from tests.support.rabbitmq import RabbitNode
from tests.support.registration_process import NO_COMPARE_AND_SET
from tests.support.waiting import until

pytestmark = pytest.mark.rabbitmq

PROCESS = "tests.support.registration_process"
SESSION = "milipol-2019-workshop-1"
SEATS = 400


@contextlib.asynccontextmanager
async def three_processes(settings: Settings, *arguments: str) -> AsyncIterator[list[Running]]:
    """Three registration processes on one database, with the workshop's seats published."""
    publisher = RabbitTransport(settings.broker_url, name="scheduling")
    await publisher.start()
    for queue, bindings in QUEUES.items():
        await publisher.declare(queue, bindings)
    event, session = milipol(admission={"window": {}}), workshop(1, capacity=SEATS, starts_at=None)
    await publisher.publish(
        [
            Outgoing(EVENTS, fact(EVENT_REVISED, f"events/{event.id}", 1, event, at=PUBLISHED)),
            Outgoing(EVENTS, fact(SESSION_REVISED, f"sessions/{session.id}", 1, session, at=PUBLISHED)),
        ]
    )
    await publisher.close()
    async with contextlib.AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(running(settings, PROCESS, *arguments)) for _ in range(3)]
        await asyncio.gather(*(process.ready() for process in processes))
        yield processes


async def ledger(database: Database) -> dict[str, Any]:
    document = await database["ledgers"].find_one({"_id": "events/milipol-2019"})
    return dict((document or {}).get("state", {}).get("sessions", {}).get(SESSION, {}))


async def ask_all(processes: list[Running], people: int, clients: int = 96) -> list[dict[str, Any]]:
    """Everybody asks, spread over the processes, `clients` at a time; the answers."""
    numbers = iter(range(people))
    answers: list[dict[str, Any]] = []

    async def client(session: aiohttp.ClientSession, number: int) -> None:
        for person in numbers:
            body = {
                "event_id": "milipol-2019",
                "person": {"name": f"Person {person}", "email": f"person-{person}@example.org"},
                "sessions": [SESSION],
            }
            url = processes[number % len(processes)].url
            async with session.post(f"{url}/api/v1/registrations", json=body) as response:
                assert response.status == 201, await response.text()
                answers.append(await response.json())

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(client(session, number) for number in range(clients)))
    return answers


@pytest.fixture
async def registration_database(settings: Callable[..., Settings], rabbit: RabbitNode) -> AsyncIterator[Database]:
    chosen = settings(broker_url=rabbit.url)
    mongo = Mongo(chosen.mongodb_uri, chosen.database_prefix)
    yield mongo.database("registration")
    mongo.close()


async def test_three_processes_give_exactly_the_seats_there_are(
    settings: Callable[..., Settings], rabbit: RabbitNode, registration_database: Database
) -> None:
    database = registration_database
    async with three_processes(settings(broker_url=rabbit.url, log_level="warning")) as processes:
        await until(lambda: _published(database), 20, "the seats are published")
        answers = await ask_all(processes, 2000)
        choices = [answer["choices"][0] for answer in answers]
        assert Counter(choice["state"] for choice in choices) == {"confirmed": SEATS, "waitlisted": 2000 - SEATS}
        positions = sorted(choice["position"] for choice in choices if choice["state"] == "waitlisted")
        assert positions == list(range(1, 2000 - SEATS + 1)), "each position was given once"
        line = await ledger(database)
        assert (line["confirmed"], line["waiting"]) == (SEATS, 2000 - SEATS)
        await until(lambda: _settled(database), 20, "everything is settled")
        held = Counter([d["choices"][0]["state"] async for d in database["registrations"].find({})])
        assert held == {"confirmed": SEATS, "waitlisted": 2000 - SEATS}
        places = sorted([d["place"] async for d in database["waiting_list"].find({"left": False})])
        assert places == list(range(1, 2000 - SEATS + 1)), "places are gap-free"


async def test_control_without_compare_and_set_seats_are_oversold(
    settings: Callable[..., Settings], rabbit: RabbitNode, registration_database: Database
) -> None:
    chosen = settings(broker_url=rabbit.url, log_level="warning")
    async with three_processes(chosen, "--without", NO_COMPARE_AND_SET) as processes:
        await until(lambda: _published(registration_database), 20, "the seats are published")
        answers = await ask_all(processes, 2000)
        confirmed = sum(answer["choices"][0]["state"] == "confirmed" for answer in answers)
        assert confirmed > SEATS


async def _published(database: Database) -> bool:
    return (await ledger(database)).get("rules", {}).get("capacity") == SEATS and bool(
        await database["sessions"].find_one({"_id": SESSION})
    )


async def _settled(database: Database) -> bool:
    return await database["ledgers"].count_documents({"entries.0": {"$exists": True}}) == 0
