"""The agenda of the benchmarks, told to the registration service as scheduling would."""

from __future__ import annotations

from shared.config import Settings
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registry import EVENTS
from shared.contracts.scheduling import EVENT_REVISED, SESSION_REVISED
from shared.facts import fact
from shared.messaging.port import Outgoing
from shared.messaging.rabbit import RabbitTransport
from shared.messaging.topology import QUEUES
from shared.storage.mongo import Database, Mongo
from tests.support.events import PUBLISHED, milipol, workshop
from tests.support.waiting import until

SESSION = "milipol-2019-workshop-1"


def facts(seats: int) -> list[CloudEvent]:
    """One event with one hot session; registration is open for ever."""
    event, session = milipol(admission={"window": {}}), workshop(1, capacity=seats, starts_at=None)
    return [
        fact(EVENT_REVISED, f"events/{event.id}", 1, event, at=PUBLISHED),
        fact(SESSION_REVISED, f"sessions/{session.id}", 1, session, at=PUBLISHED),
    ]


async def tell(settings: Settings, seats: int) -> None:
    """Publishes the agenda; it waits in the queue until registration comes."""
    transport = RabbitTransport(settings.broker_url, name="agenda")
    await transport.start()
    for queue, bindings in QUEUES.items():
        await transport.declare(queue, bindings)
    await transport.publish([Outgoing(EVENTS, one) for one in facts(seats)])
    await transport.close()


async def taken_in(settings: Settings) -> None:
    """Waits until registration knows the agenda."""
    mongo = Mongo(settings.mongodb_uri, settings.database_prefix)
    database: Database = mongo.database("registration")

    async def known() -> bool:
        return bool(await database["sessions"].find_one({})) and bool(await database["events"].find_one({}))

    try:
        await until(known, 30, "the agenda is known")
    finally:
        mongo.close()
