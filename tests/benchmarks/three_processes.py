"""Three registration processes on one hot event against one in the same run, by desk and by HTTP, with the same clients."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from itertools import chain

from services.registration.commands import ReviseEvent, ReviseSession
from services.registration.desk import Desks
from services.registration.schema import COLLECTIONS
from services.registration.store import Store
from shared.clock import new_id, utc_now
from shared.config import Settings
from shared.links import Links
from shared.storage.inbox import INBOX
from shared.storage.lease import LEASES
from shared.storage.ledger import LEDGERS, OUTBOX
from shared.storage.mongo import Database, Mongo
from tests.benchmarks.agenda import SESSION, taken_in, tell
from tests.benchmarks.desk_process import EVENT, DeskProcess, Figures, Orders
from tests.benchmarks.figures import Table, percentile
from tests.benchmarks.lean_client import ask_for
from tests.support.emptied import emptied
from tests.support.events import milipol, workshop
from tests.support.processes import running

CLIENTS = (66, 192)
"""Waiting clients in all, however many processes they are spread over. With few, a desk waits for the disk, not for work."""

GROUP = 64
"""Documents in one bare write: as many as three processes with 192 clients decide in a round."""

SECONDS, WARM_UP, REPEATS, SEATS = 5.0, 1.0, 3, 4_000


Measure = Callable[[Settings, int, int], Awaitable["Seen"]]
"""With so many processes and so many clients."""


@dataclass(frozen=True)
class Seen:
    """What the clients of one measurement saw."""

    rate: float
    """Registrations answered each second."""
    seconds: list[float]
    """What each answer took."""
    note: str = ""

    def p(self, share: float) -> str:
        return f"{percentile(self.seconds, share) * 1000:.0f} ms"


async def by_desk(settings: Settings, processes: int, clients: int) -> Seen:
    """Desks and clients in the same processes, no HTTP and no relay."""
    async with _database(settings) as database:
        await database.declare([LEDGERS, OUTBOX, INBOX, LEASES, *COLLECTIONS])
        desks = Desks(Store(database, Links(settings.link_key.get_secret_value())), utc_now, new_id, lambda: None)
        await desks.ask(EVENT, ReviseEvent(id="event", event=milipol(admission={"window": {}})))
        session = workshop(1, capacity=SEATS, starts_at=None)
        await desks.ask(EVENT, ReviseSession(id="session", session=session))
        await desks.close()
        started = await asyncio.gather(*(DeskProcess.start(settings) for _ in range(processes)))
        warm_up, figures = await _all(started, WARM_UP, clients), await _all(started, SECONDS, clients)
        await asyncio.gather(*(process.stop() for process in started))
        seconds = list(chain.from_iterable(one.seconds for one in figures))
        await _exact(database, len(seconds) + sum(len(one.seconds) for one in warm_up))
    rounds = sum(one.rounds for one in figures)
    conflicts = sum(one.conflicts for one in figures)
    note = f"{len(seconds) / rounds:.0f} a round, {conflicts / rounds:.2f} conflicts a round"
    return Seen(len(seconds) / SECONDS, seconds, note)


async def _all(started: list[DeskProcess], seconds: float, clients: int) -> list[Figures]:
    share = clients // len(started)
    return await asyncio.gather(*(one.measure(Orders(share, seconds, f"d{new_id()[:8]}")) for one in started))


async def by_http(settings: Settings, processes: int, clients: int) -> Seen:
    """Whole services, with relay and broker; the clients in this process."""
    await emptied(settings.broker_url)
    await tell(settings, SEATS)
    async with contextlib.AsyncExitStack() as stack:
        started = [
            await stack.enter_async_context(running(settings, "services", "registration")) for _ in range(processes)
        ]
        await asyncio.gather(*(process.ready() for process in started))
        await taken_in(settings)
        urls = [process.url for process in started]
        warm_up = await ask_for(WARM_UP, urls, clients, "w")
        used = time.process_time()
        seconds = await ask_for(SECONDS, urls, clients, "p")
        used = time.process_time() - used
        async with _database(settings) as database:
            await _exact(database, len(warm_up) + len(seconds))
    return Seen(len(seconds) / SECONDS, seconds, f"clients took {used / SECONDS:.2f} of {os.cpu_count()} cores")


async def grouped_writes(settings: Settings, size: int = GROUP) -> float:
    """The baseline: documents as big as a registration, written `size` at a time, majority, and nothing decided."""
    async with _database(settings) as database:
        written, end = 0, time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            documents = [
                {
                    "_id": new_id(),
                    "schema": 1,
                    "event_id": EVENT,
                    "person": {"name": f"Person {n}", "email": f"person-{n}@example.org", "language": "en"},
                    "state": "confirmed",
                    "place": None,
                    "choices": [{"session_id": SESSION, "state": "confirmed", "place": None}],
                    "answers": {},
                    "link_generation": 1,
                    "manage_hash": new_id() * 2,
                    "registered_at": utc_now(),
                    "changed_at": utc_now(),
                }
                for n in range(size)
            ]
            await database["bare"].insert_many(documents, ordered=False)
            written += size
    return written / SECONDS


async def run(settings: Settings, table: Table) -> None:
    """One process and three in turn, several times: what the machine does beside it must not decide the ratio."""
    bare = await grouped_writes(settings)
    table.add(f"Bare grouped MongoDB write, {GROUP} documents at a time", f"{bare:.0f}/s")
    for clients in CLIENTS:
        await _compared(settings, table, f"by desk, {clients} clients", by_desk, clients, bare)
        await _compared(settings, table, f"by HTTP, {clients} clients", by_http, clients, bare)


async def _compared(settings: Settings, table: Table, name: str, measure: Measure, clients: int, bare: float) -> None:
    """Adds the middle run of each, by rate, and the middle of the ratios of neighbouring runs."""
    one: list[Seen] = []
    three: list[Seen] = []
    for _ in range(REPEATS):
        for processes, seen in ((1, one), (3, three)):
            fresh = settings.model_copy(update={"database_prefix": f"b{new_id()[:12]}"})
            seen.append(await measure(fresh, processes, clients))
    for what, seen in (("one process", one), ("three processes", three)):
        middle = sorted(seen, key=lambda run: run.rate)[len(seen) // 2]
        table.add(f"Registrations {name}, {what}", f"{middle.rate:.0f}/s", middle.note)
        table.add("  p50, p99", f"{middle.p(0.5)}, {middle.p(0.99)}", "aim: p99 under 500 ms")
        table.add("  against the bare write", f"{middle.rate / bare:.2f}")
    ratios = sorted(after.rate / before.rate for before, after in zip(one, three, strict=True))
    told = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    table.add("  three processes against one", f"{ratios[len(ratios) // 2]:.2f}", f"aim 0.9; of {told}")


async def _exact(database: Database, answered: int) -> None:
    """Who was answered has a seat or a place, and no seat was given twice."""
    found = await database["ledgers"].find_one({"_id": f"events/{EVENT}"})
    assert found is not None
    line = found["state"]["sessions"][SESSION]
    assert line["confirmed"] == min(SEATS, answered), (line["confirmed"], answered)
    assert line["confirmed"] + line["waiting"] == answered, (line, answered)


@contextlib.asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    mongo = Mongo(settings.mongodb_uri, settings.database_prefix)
    try:
        yield mongo.database("registration")
    finally:
        mongo.close()
