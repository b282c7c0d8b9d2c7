"""1,000 connected accounts on ten servers, one of them dead: how much later the nine are done than with none dead."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

from services.calendar_sync.accounts_store import CALENDARS
from shared.clock import utc_now
from shared.config import Settings
from shared.storage.mongo import Mongo
from tests.benchmarks.calendar_writes import stubs
from tests.benchmarks.figures import Table
from tests.support.calendar_harness import GOOD, CalendarSync, MovedClock
from tests.support.calendar_samples import milipol, registration, workshop
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import until

ACCOUNTS, SERVERS, SESSIONS = 1_000, 10, 3
EVENT = "milipol-2019"
IDS = [f"{EVENT}-workshop-{number}" for number in range(1, SESSIONS + 1)]


class _Running(MovedClock):
    """The clock on the wall: pauses end by themselves."""

    def __call__(self) -> datetime:
        return utc_now()


async def run(settings: Settings, table: Table) -> None:
    """Every session is moved once; first all servers answer, then the last of them takes connections and says nothing."""
    mongo = Mongo(settings.mongodb_uri, settings.database_prefix)
    async with stubs(SERVERS) as ports, TcpProxy("127.0.0.1", ports[-1]) as dead:
        dead.stall()
        without = await _reschedule(mongo, "all", ports)
        with_one = await _reschedule(mongo, "one_dead", [*ports[:-1], dead.port])
    mongo.close()
    alive = ACCOUNTS * (SERVERS - 1) // SERVERS
    table.add(f"{alive} accounts on nine servers, {SESSIONS} objects each, ten alive", f"{without:.1f} s")
    table.add("  with the tenth dead", f"{with_one:.1f} s")
    table.add("  throughput of the nine with one dead", f"{without / with_one:.2f}", "aim: no loss")


async def _reschedule(mongo: Mongo, name: str, ports: list[int]) -> float:
    """Seconds until the accounts on the first nine servers show the new time."""
    database = mongo.database(name)
    sync = await CalendarSync(database, clock=_Running()).prepare()
    await sync.tell(milipol(), *(workshop(number) for number in range(1, SESSIONS + 1)))
    for number in range(ACCOUNTS):
        person = f"person-{number}"
        await sync.tell(registration(EVENT, dict.fromkeys(IDS, "confirmed"), id_=person))
        port = ports[number % SERVERS]
        await sync.connect_person(person, EVENT, f"http://127.0.0.1:{port}/{person}/", "calendar", profile=GOOD)
    fleet = sync.work(timeout=2.0)
    task = asyncio.create_task(fleet.run())
    servers = [f"http://127.0.0.1:{port}" for port in ports[: SERVERS - 1]]
    try:
        await _until_pushed(sync, servers)
        began = time.perf_counter()
        await sync.tell(*(workshop(number, revision=2) for number in range(1, SESSIONS + 1)))
        fleet.wake()
        await _until_pushed(sync, servers)
        return time.perf_counter() - began
    finally:
        await fleet.close(patience=10.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await sync.close()
        await database.drop()


async def _until_pushed(sync: CalendarSync, servers: list[str]) -> None:
    """Waits until the calendars on these servers show the agenda as it stands."""
    version = await sync.store.version(EVENT)
    behind = {"server": {"$in": servers}, "pushed": {"$lt": version}}

    async def done() -> bool:
        return not await sync.database[CALENDARS.name].count_documents(behind, limit=1)

    await until(done, 120, "the calendars show the agenda")
