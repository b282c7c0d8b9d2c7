"""What a registration costs in an event of 1,000 people and of 100,000: the desk on a real MongoDB, no HTTP."""

from __future__ import annotations

import asyncio
import time

from services.registration.commands import Register, ReviseEvent, ReviseSession
from services.registration.desk import Desks
from services.registration.schema import COLLECTIONS
from services.registration.store import Store
from shared.clock import new_id, ordered_id, utc_now
from shared.config import Settings
from shared.links import Links
from shared.storage.inbox import INBOX
from shared.storage.lease import LEASES
from shared.storage.ledger import LEDGERS, OUTBOX
from shared.storage.mongo import Mongo
from tests.benchmarks.agenda import SESSION
from tests.benchmarks.figures import Table, percentile
from tests.support.events import BEFORE_CLOSE, milipol, person, workshop

SMALL, LARGE, SAMPLE, CLIENTS = 1_000, 100_000, 2_000, 64


async def run(settings: Settings, table: Table) -> None:
    """Registers 100,000 people; cost at the beginning and at the end, in both cases of one who joins the waiting list."""
    mongo = Mongo(settings.mongodb_uri, settings.database_prefix)
    database = mongo.database("registration")
    await database.declare([LEDGERS, OUTBOX, INBOX, LEASES, *COLLECTIONS])
    links = Links(settings.link_key.get_secret_value())
    desks = Desks(Store(database, links), lambda: BEFORE_CLOSE, new_id, lambda: None)
    await desks.ask("milipol-2019", ReviseEvent(id="event", event=milipol()))
    await desks.ask("milipol-2019", ReviseSession(id="session", session=workshop(1, capacity=SMALL // 2)))
    count = 0

    async def register(people: int) -> float:
        """Seconds for each of `people` more registrations."""
        nonlocal count
        numbers = iter(range(count, count + people))
        count += people

        async def client() -> None:
            for number in numbers:
                someone = person(f"person-{number}")
                command = Register(
                    id=new_id(), registration_id=ordered_id(utc_now(), new_id()), person=someone, sessions=(SESSION,)
                )
                await desks.ask("milipol-2019", command)

        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        return (time.perf_counter() - began) / people

    await register(SMALL)
    # The middle of several short runs: a pause of the machine must not decide the ratio.
    small = percentile([await register(SAMPLE // 4) for _ in range(5)], 0.5)
    while count < LARGE:
        await register(min(5_000, LARGE - count))
        await database[OUTBOX.name].delete_many({})  # nobody relays here; a real outbox is empty most of the time
    large = percentile([await register(SAMPLE // 4) for _ in range(5)], 0.5)
    await desks.close()
    await database.drop()
    mongo.close()
    table.add("Cost of a registration at 1,000 people", f"{small * 1000:.2f} ms")
    table.add("Cost of a registration at 100,000 people", f"{large * 1000:.2f} ms")
    table.add("  growth", f"{large / small:.2f}", "aim under 1.2")
