"""Everything at once over three processes and two transports: registering, swapping, cancelling, capacities that change, holds
that lapse, the fair's decisions. The audit proves seats, order and outcomes; without the safeguard it names what is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from services.registration.audit.reading import Auditor
from shared.clock import utc_now
from shared.config import Settings
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registration import (
    GROUP_REQUESTED,
    REGISTRATION_CANCELLED,
    REGISTRATION_REQUESTED,
    REQUIREMENT_GRANTED,
)
from shared.contracts.registry import EVENTS, INTAKE
from shared.contracts.scheduling import EVENT_REVISED, SESSION_REVISED, EventState, SessionState
from shared.facts import fact
from shared.messaging.port import Outgoing, Transport
from shared.messaging.topology import QUEUES
from shared.process import make_transport
from shared.process import running as in_process
from shared.storage.mongo import Database, Mongo
from tests.support.events import PUBLISHED, milipol, workshop
from tests.support.lectern import ORGANISER, lectern
from tests.support.processes import running
from tests.support.rabbitmq import RabbitNode
from tests.support.registration_process import NO_COMPARE_AND_SET
from tests.support.waiting import until

PROCESS = "tests.support.registration_process"
EVENT = "milipol-2019"
SESSIONS = [f"{EVENT}-workshop-{number}" for number in (1, 2, 3)]
PEOPLE = 240
KINDS = ("police", "research")


def event(revision: int = 1) -> EventState:
    """The fair is needed, and seats are held for it; some seats at the event are set aside."""
    return milipol(
        revision,
        starts_on="2090-11-20",
        ends_on="2090-11-20",
        audiences=[{"id": "police", "name": {"en": "Police"}, "quota": 40}, {"id": "research", "name": {"en": "R"}}],
        requirements=[{"id": "fair", "name": {"en": "Fair"}, "policy": "hold", "hold_days": 1}],
        admission={"capacity": 150, "window": {}, "overlaps": "refuse"},
    )


def session(number: int, revision: int = 1, capacity: int = 40) -> SessionState:
    """Workshops 1 and 2 are at the same time."""
    return workshop(number, revision, capacity=capacity, starts_at=None, ends_at=None)


def told(state: EventState | SessionState) -> Outgoing:
    kind, type_ = ("events", EVENT_REVISED) if isinstance(state, EventState) else ("sessions", SESSION_REVISED)
    return Outgoing(EVENTS, fact(type_, f"{kind}/{state.id}", state.revision, state, at=PUBLISHED))


class Crowd:
    """Everybody who wants something, by HTTP or by message."""

    def __init__(self, addresses: list[str], transport: Transport, http: aiohttp.ClientSession) -> None:
        self._addresses, self._transport, self._http = addresses, transport, http
        self._numbers = itertools.count()
        self.registered: list[str] = []

    async def storm(self) -> None:
        """All of it at once; each kind of request on both transports."""
        await asyncio.gather(
            *(self._person(number) for number in range(PEOPLE)),
            self._groups(),
            self._organiser(),
            self._fair(),
        )

    async def _person(self, number: int) -> None:
        chosen = [SESSIONS[number % 3], SESSIONS[(number + 1) % 3]]
        if number % 3 == 2:
            await self.send(
                REGISTRATION_REQUESTED, {"event_id": EVENT, "person": self._who(number), "sessions": chosen}
            )
            if number % 4 == 0:
                await self.send(REGISTRATION_CANCELLED, {"event_id": EVENT, "email": f"p{number}@example.org"})
            return
        answer = await self.post(
            "/api/v1/registrations", {"event_id": EVENT, "person": self._who(number), "sessions": chosen}
        )
        id_ = answer["registration_id"]
        self.registered.append(id_)
        match number % 6:
            case 0:
                await self.post(f"/api/v1/registrations/{id_}/cancel", {}, ok=(200, 409))
            case 1:
                await self.put(f"/api/v1/registrations/{id_}/sessions", {"sessions": [SESSIONS[(number + 2) % 3]]})
            case 3:
                await self.post(f"/api/v1/registrations/{id_}/cancel", {"sessions": chosen[:1]}, ok=(200, 409))
            case 4:
                colleague = {"name": "Colleague", "email": f"colleague-{number}@example.org"}
                await self.post(f"/api/v1/registrations/{id_}/transfer", colleague, ok=(200, 409))

    def _who(self, number: int) -> dict[str, Any]:
        return {"name": f"P{number}", "email": f"p{number}@example.org", "audience": KINDS[number % 2]}

    async def _groups(self) -> None:
        for group in range(4):
            people = [
                {"person": self._who(1000 + group * 20 + one), "sessions": [SESSIONS[one % 3]]} for one in range(20)
            ]
            await self.send(GROUP_REQUESTED, {"event_id": EVENT, "people": people})

    async def _organiser(self) -> None:
        for revision, capacity in enumerate((20, 60, 35, 70), start=2):
            for number in (1, 2, 3):
                await self._transport.publish([told(session(number, revision, capacity))])

    async def _fair(self) -> None:
        for number in range(0, PEOPLE, 2):
            data = {"event_id": EVENT, "requirement": "fair", "email": f"p{number}@example.org"}
            await self.send(REQUIREMENT_GRANTED, data)

    async def send(self, type_: str, data: dict[str, Any]) -> None:
        id_ = f"m{next(self._numbers)}"
        message = CloudEvent(id=id_, source="https://badge.example.org", type=type_, time=utc_now(), data=data)
        await self._transport.publish([Outgoing(INTAKE, message)])

    async def post(self, path: str, body: dict[str, Any], ok: tuple[int, ...] = (200, 201)) -> dict[str, Any]:
        return await self._ask("POST", path, body, ok)

    async def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self._ask("PUT", path, body, (200, 409))

    async def _ask(self, method: str, path: str, body: dict[str, Any], ok: tuple[int, ...]) -> dict[str, Any]:
        url = self._addresses[next(self._numbers) % len(self._addresses)]
        async with self._http.request(method, url + path, json=body, headers=ORGANISER) as response:
            assert response.status in ok, await response.text()
            answer: dict[str, Any] = await response.json()
            return answer


@contextlib.asynccontextmanager
async def three_desks(settings: Settings, *arguments: str) -> AsyncIterator[list[str]]:
    """The addresses of three registrations: processes of their own on RabbitMQ; on the local transport, in this one."""
    async with contextlib.AsyncExitStack() as stack:
        if settings.broker_url.startswith("local:"):
            offices = [lectern(settings, ["registration"]) for _ in range(3)]
            yield [(await stack.enter_async_context(in_process(office))).address for office in offices]
        else:
            processes = [await stack.enter_async_context(running(settings, PROCESS, *arguments)) for _ in range(3)]
            await asyncio.gather(*(process.ready() for process in processes))
            yield [process.url for process in processes]


@contextlib.asynccontextmanager
async def turmoil(settings: Settings, database: Database, *arguments: str) -> AsyncIterator[Crowd]:
    """Three registrations, the seats published, and the crowd at their doors."""
    transport = make_transport(settings, "others")
    await transport.start()
    for queue, bindings in QUEUES.items():
        await transport.declare(queue, bindings)
    await transport.publish([told(event()), *(told(session(number)) for number in (1, 2, 3))])
    async with contextlib.AsyncExitStack() as stack:
        addresses = await stack.enter_async_context(three_desks(settings, *arguments))

        async def known() -> bool:
            return (
                await database["sessions"].count_documents({}) == 3
                and await database["events"].count_documents({}) == 1
            )

        await until(known, 20, "the seats are published")
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=48)))
        yield Crowd(addresses, transport, http)
    await transport.close()


@pytest.fixture
async def registration_database(settings: Callable[..., Settings]) -> AsyncIterator[Database]:
    chosen = settings()
    mongo = Mongo(chosen.mongodb_uri, chosen.database_prefix)
    yield mongo.database("registration")
    mongo.close()


async def _quiet(database: Database) -> bool:
    """Every message is answered, and nothing is left to write out."""
    return await database["ledgers"].count_documents({"entries.0": {"$exists": True}}) == 0


async def _everything_answered(database: Database) -> bool:
    groups = await database["registrations"].count_documents({"person.email": {"$regex": r"^p10\d\d@"}})
    by_message = await database["registrations"].count_documents({"person.email": {"$regex": r"^p\d{1,3}@"}})
    revisions = await database["sessions"].count_documents({"state.revision": 5})
    return groups == 80 and by_message == PEOPLE and revisions == 3 and await _quiet(database)


async def test_the_audit_is_clean_after_everything_at_once(
    on_both_transports: dict[str, str], settings: Callable[..., Settings], registration_database: Database
) -> None:
    database = registration_database
    chosen = settings(**on_both_transports, log_level="warning")
    async with turmoil(chosen, database) as crowd:
        await crowd.storm()
        await until(lambda: _everything_answered(database), 60, "everything is answered")
        # Time is over for every seat that is still held: all processes look at once, and all lapse at once.
        past = {"hold_until": PUBLISHED, "due_at": PUBLISHED}
        held = await database["registrations"].count_documents({"state": "pending"})
        assert held
        await database["registrations"].update_many({"state": "pending"}, {"$set": past})

        async def lapsed() -> bool:
            due = {"due_at": {"$lte": utc_now()}}
            return not await database["registrations"].count_documents(due) and await _quiet(database)

        await until(lapsed, 60, "every held seat has lapsed")
        report = await Auditor(database).audit(EVENT)
        assert report is not None
        assert report.differences == ()
        ledger = await database["ledgers"].find_one({"_id": f"events/{EVENT}"})
        assert ledger is not None
        for line in (ledger["state"]["event"], *ledger["state"]["sessions"].values()):
            assert line["confirmed"] <= line["rules"]["capacity"]


@pytest.mark.rabbitmq
async def test_control_without_compare_and_set_the_audit_names_what_is_wrong(
    settings: Callable[..., Settings], rabbit: RabbitNode, registration_database: Database
) -> None:
    chosen = settings(broker_url=rabbit.url, log_level="error")
    async with turmoil(chosen, registration_database, "--without", NO_COMPARE_AND_SET) as crowd:
        with contextlib.suppress(AssertionError):  # some answers are as wrong as the seats
            await crowd.storm()
        await until(lambda: _quiet(registration_database), 60, "what was decided is written out")
        report = await Auditor(registration_database).audit(EVENT)
        assert report is not None
        assert report.differences
