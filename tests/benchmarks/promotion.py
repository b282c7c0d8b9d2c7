"""1,000 people wait, the capacity is raised by 1,000: seconds until the desk has confirmed all of them and told so."""

from __future__ import annotations

import asyncio
import time

from services.registration.commands import Register, ReviseEvent, ReviseSession
from services.registration.desk import Desks
from services.registration.schema import COLLECTIONS, REGISTRATIONS, stream_of
from services.registration.store import Store
from shared.clock import new_id, ordered_id, utc_now
from shared.config import Settings
from shared.contracts.registration import REGISTRATION_CHANGED, SeatState
from shared.links import Links
from shared.storage.inbox import INBOX
from shared.storage.lease import LEASES
from shared.storage.ledger import LEDGERS, OUTBOX
from shared.storage.mongo import Database, Mongo, ReplaceOne
from tests.benchmarks.agenda import SESSION
from tests.benchmarks.figures import Table
from tests.support.events import milipol, person, workshop
from tests.support.waiting import until

EVENT, SEATED, WAITING = "milipol-2019", 100, 1_000


async def run(settings: Settings, table: Table) -> None:
    """The desk on a real MongoDB, no HTTP and no relay; against rewriting the same registrations in one bulk."""
    mongo = Mongo(settings.mongodb_uri, settings.database_prefix)
    database = mongo.database("registration")
    await database.declare([LEDGERS, OUTBOX, INBOX, LEASES, *COLLECTIONS])
    store = Store(database, Links(settings.link_key.get_secret_value()))
    desks = Desks(store, utc_now, new_id, lambda: None)
    await desks.ask(EVENT, ReviseEvent(id="event", event=milipol(admission={"window": {}})))
    await desks.ask(EVENT, ReviseSession(id="s1", session=workshop(1, capacity=SEATED, starts_at=None)))
    for first in range(0, SEATED + WAITING, 100):
        await asyncio.gather(*(_register(desks, number) for number in range(first, first + 100)))
    assert await _confirmed(database) == SEATED
    before = (await store.ledgers.load(stream_of(EVENT))).version
    raised = workshop(1, 2, capacity=SEATED + WAITING, starts_at=None)
    told = {"version": {"$gt": before}, "event.type": REGISTRATION_CHANGED}

    async def all_told() -> bool:
        return await database[OUTBOX.name].count_documents(told) == WAITING

    began = time.perf_counter()
    await desks.ask(EVENT, ReviseSession(id="s2", session=raised))
    await until(all_told, 60, "everybody is told")
    seconds = time.perf_counter() - began
    await desks.close()
    assert await _confirmed(database) == SEATED + WAITING
    line = (await store.seats(EVENT)).sessions[SESSION]
    assert (line.confirmed, line.waiting) == (SEATED + WAITING, 0)
    bare = await _rewritten(database)
    await database.drop()
    mongo.close()
    table.add(f"Promotion of {WAITING} waiting after a raise", f"{seconds:.2f} s", "aim under 2 s")
    table.add(
        "  against a bare majority write of as many registrations", f"{seconds / bare:.1f}", f"bare: {bare:.2f} s"
    )


async def _register(desks: Desks, number: int) -> None:
    someone, id_ = person(f"person-{number}"), ordered_id(utc_now(), new_id())
    await desks.ask(EVENT, Register(id=new_id(), registration_id=id_, person=someone, sessions=(SESSION,)))


async def _confirmed(database: Database) -> int:
    confirmed = {"choices": {"$elemMatch": {"session_id": SESSION, "state": SeatState.CONFIRMED.value}}}
    return int(await database[REGISTRATIONS.name].count_documents(confirmed))


async def _rewritten(database: Database) -> float:
    """The baseline: seconds to write as many registrations again in one bulk, with nothing decided and nobody told."""
    registrations = [document async for document in database[REGISTRATIONS.name].find({}).limit(WAITING)]
    began = time.perf_counter()
    await database[REGISTRATIONS.name].bulk_write(
        [ReplaceOne({"_id": document["_id"]}, {**document, "revision": 10**6}) for document in registrations],
        ordered=False,
    )
    return time.perf_counter() - began
