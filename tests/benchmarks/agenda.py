"""The agenda of the benchmarks, told to the registration service as scheduling would."""

from __future__ import annotations

from shared.config import Settings
from shared.contracts.registry import EVENTS
from shared.messaging.port import Outgoing
from shared.messaging.rabbit import RabbitTransport
from shared.messaging.topology import QUEUES
from shared.storage.mongo import Mongo
from tests.support import agenda as support
from tests.support.agenda import agenda_facts
from tests.support.events import milipol, workshop

SESSION = "milipol-2019-workshop-1"


async def tell(settings: Settings, seats: int) -> None:
    """Publishes the agenda; it waits in the queue until registration comes."""
    event, session = milipol(admission={"window": {}}), workshop(1, capacity=seats, starts_at=None)
    transport = RabbitTransport(settings.broker_url, name="agenda")
    await transport.start()
    for queue, bindings in QUEUES.items():
        await transport.declare(queue, bindings)
    await transport.publish([Outgoing(EVENTS, one) for one in agenda_facts(event, session)])
    await transport.close()


async def taken_in(settings: Settings) -> None:
    """Waits until registration knows the agenda."""
    mongo = Mongo(settings.mongodb_uri, settings.database_prefix)
    try:
        await support.taken_in(mongo.database("registration"))
    finally:
        mongo.close()
