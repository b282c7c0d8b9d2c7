"""The registration process is killed at every seam of the way of data: nothing is lost, nothing doubled, seats exact."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from shared.clock import utc_now
from shared.config import Settings
from shared.contracts.base import json_of
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registration import (
    REGISTRATION_CHANGED,
    REGISTRATION_REQUESTED,
    REQUEST_ANSWERED,
    RegistrationRequested,
)
from shared.contracts.registry import EVENTS, INTAKE
from shared.contracts.scheduling import EVENT_REVISED, SESSION_REVISED
from shared.facts import fact
from shared.messaging.port import Outgoing
from shared.messaging.rabbit import RabbitTransport
from shared.messaging.topology import QUEUES
from shared.storage.mongo import Mongo
from tests.support.events import PUBLISHED, milipol, person, workshop
from tests.support.listener import Listener, listening
from tests.support.processes import running
from tests.support.rabbitmq import RabbitNode
from tests.support.registration_process import NO_OUTBOX, POINTS
from tests.support.waiting import until

pytestmark = pytest.mark.rabbitmq

PROCESS = "tests.support.registration_process"
OPEN: dict[str, object] = {"window": {}}


@pytest.fixture
async def broker(rabbit: RabbitNode) -> AsyncIterator[RabbitTransport]:
    """A publisher beside the service, on the run's own broker."""
    transport = RabbitTransport(rabbit.url, name="badge site")
    await transport.start()
    for queue, bindings in QUEUES.items():
        await transport.declare(queue, bindings)
    yield transport
    await transport.close()


async def publish_agenda(transport: RabbitTransport) -> None:
    """The workshops, with two seats each, in a future that does not end."""
    event = milipol(admission=OPEN)
    await transport.publish([Outgoing(EVENTS, fact(EVENT_REVISED, f"events/{event.id}", 1, event, at=PUBLISHED))])
    session = workshop(1, capacity=2, starts_at=None)
    await transport.publish(
        [Outgoing(EVENTS, fact(SESSION_REVISED, f"sessions/{session.id}", 1, session, at=PUBLISHED))]
    )


def request(name: str) -> Outgoing:
    """A badge site's message: `name` wants workshop 1."""
    asked = RegistrationRequested(event_id="milipol-2019", person=person(name), sessions=["milipol-2019-workshop-1"])
    event = CloudEvent(
        id=f"badge-{name}",
        source="https://badge.example.org",
        type=REGISTRATION_REQUESTED,
        time=utc_now(),
        data=json_of(asked),
    )
    return Outgoing(INTAKE, event)


async def seats_and_people(settings: Settings) -> tuple[int, int, int]:
    """Confirmed and waiting by the ledger, and registrations, of workshop 1."""
    mongo = Mongo(settings.mongodb_uri, settings.database_prefix)
    try:
        database = mongo.database("registration")
        ledger = await database["ledgers"].find_one({"_id": "events/milipol-2019"})
        line = (ledger or {})["state"]["sessions"]["milipol-2019-workshop-1"]
        return line["confirmed"], line["waiting"], await database["registrations"].count_documents({})
    finally:
        mongo.close()


async def known(settings: Settings) -> bool:
    """Whether the service has taken the agenda in."""
    try:
        await seats_and_people(settings)
    except KeyError:
        return False
    return True


def states_told(listener: Listener) -> dict[str, str]:
    """By person: the state of the seat, as the newest fact tells it."""
    newest = sorted(listener.of_type(REGISTRATION_CHANGED), key=lambda event: event.sequence or 0)
    return {event.data["person"]["name"]: event.data["choices"][0]["state"] for event in newest}


@pytest.mark.parametrize("point", POINTS)
async def test_killed_process_loses_nothing_and_doubles_nothing(
    point: str, broker: RabbitTransport, rabbit: RabbitNode, settings: Callable[..., Settings]
) -> None:
    chosen = settings(broker_url=rabbit.url)
    async with listening(broker) as listener:
        await publish_agenda(broker)
        async with running(chosen, PROCESS, "--kill-at", point) as doomed:
            await doomed.ready()
            await until(lambda: known(chosen), 20, "the agenda is known")
            await broker.publish([request("ada")])
            await listener.wait_for(REQUEST_ANSWERED)
            await broker.publish([request("crash")])
            await doomed.died()
        async with running(chosen, PROCESS) as successor:
            await successor.ready()
            await broker.publish([request("eve")])
            answers = await listener.wait_for(REQUEST_ANSWERED, 3)
            await until(lambda: len(states_told(listener)) == 3, 20, "all three are told of")
        assert await seats_and_people(chosen) == (2, 1, 3)
        assert states_told(listener) == {"Ada": "confirmed", "Crash": "confirmed", "Eve": "waitlisted"}
        outcomes = [answer.data["outcome"] for answer in answers if answer.data["request_id"] == "badge-crash"]
        # Killed before the acknowledgement, the message comes again and is answered again: as a duplicate.
        assert outcomes[0] == "accepted"
        assert set(outcomes[1:]) <= {"duplicate"}


async def test_control_without_the_outbox_the_fact_is_lost(
    broker: RabbitTransport, rabbit: RabbitNode, settings: Callable[..., Settings]
) -> None:
    chosen = settings(broker_url=rabbit.url)
    async with listening(broker) as listener:
        await publish_agenda(broker)
        async with running(chosen, PROCESS, "--without", NO_OUTBOX) as doomed:
            await doomed.ready()
            await until(lambda: known(chosen), 20, "the agenda is known")
            await broker.publish([request("crash")])
            await doomed.died()
        async with running(chosen, PROCESS) as successor:
            await successor.ready()
            await broker.publish([request("eve")])
            await until(lambda: "Eve" in states_told(listener), 20, "a later person is told of")
        assert await seats_and_people(chosen) == (2, 0, 2)
        assert "Crash" not in states_told(listener), "the seat is taken, and nobody was told"
