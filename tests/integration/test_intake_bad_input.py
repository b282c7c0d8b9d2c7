"""Bad input on the intake queue: each message is answered or parked with a reason that names the field; the queue goes on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import aio_pika
import pytest

from services.registration.service import build
from shared.config import Settings
from shared.contracts.base import json_of
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registration import REGISTRATION_CHANGED, REGISTRATION_REQUESTED, REQUEST_ANSWERED
from shared.contracts.registry import INTAKE
from shared.messaging.port import DeadLetter, Outgoing
from shared.process import Process, running
from tests.support.agenda import tell_agenda
from tests.support.events import BEFORE_CLOSE, CLOSES, milipol, person, workshop
from tests.support.listener import Listener, listening
from tests.support.rabbitmq import RabbitNode
from tests.support.waiting import until

W1 = "milipol-2019-workshop-1"


@dataclass
class Desk:
    """The registration service behind a transport, with somebody who listens."""

    process: Process
    listener: Listener
    now: list[Any]

    async def ask(self, id_: str, data: dict[str, Any], type_: str = REGISTRATION_REQUESTED) -> None:
        event = CloudEvent(id=id_, source="https://badge.example.org", type=type_, time=BEFORE_CLOSE, data=data)
        assert self.process.transport is not None
        await self.process.transport.publish([Outgoing(INTAKE, event)])

    async def answer(self, id_: str) -> dict[str, Any]:
        def answered() -> list[dict[str, Any]]:
            return [e.data for e in self.listener.of_type(REQUEST_ANSWERED) if e.data["request_id"] == id_]

        await until(lambda: bool(answered()), 15, f"the answer to {id_}")
        return answered()[0]

    async def goes_on(self) -> None:
        """A good message that comes after is answered."""
        await self.ask("good", {"event_id": "milipol-2019", "person": json_of(person("good")), "sessions": [W1]})
        assert (await self.answer("good"))["outcome"] == "accepted"


@pytest.fixture
async def desk(on_both_transports: dict[str, str], settings: Callable[..., Settings]) -> AsyncIterator[Desk]:
    now = [BEFORE_CLOSE]
    process = Process(settings(**on_both_transports), {"registration": build}, port=0, clock=lambda: now[0])
    async with running(process):
        assert process.transport is not None
        async with listening(process.transport) as listener:
            session = workshop(1, capacity=1, admission={"waiting_list": False})
            await tell_agenda(process, milipol(), session)
            yield Desk(process, listener, now)


GOOD = {"event_id": "milipol-2019", "person": {"name": "Ada", "email": "ada@example.org"}, "sessions": [W1]}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"person": {"name": "Ada", "email": "ada"}}, "data.person.email"),
        ({"person": {"name": 7, "email": "ada@example.org"}}, "data.person.name"),
        ({"person": "Ada"}, "data.person"),
        ({"sessions": {"first": W1}}, "data.sessions"),
        ({"event_id": "nowhere"}, "event_id"),
        ({"sessions": ["milipol-2019-workshop-9"]}, "sessions.0"),
        ({"sessions": []}, "sessions"),
    ],
    ids=["e-mail", "type", "person", "sessions", "unknown-event", "unknown-session", "no-choice"],
)
async def test_wrong_request_is_rejected_with_the_field(desk: Desk, change: dict[str, Any], field: str) -> None:
    await desk.ask("bad", GOOD | change)
    answer = await desk.answer("bad")
    assert answer["outcome"] == "rejected"
    assert [reason["field"] for reason in answer["reasons"]] == [field]
    await desk.goes_on()


async def test_full_session_and_closed_window_are_told(desk: Desk) -> None:
    await desk.goes_on()
    await desk.ask("late-1", GOOD)
    assert [(r["code"], r["field"]) for r in (await desk.answer("late-1"))["reasons"]] == [("full", "sessions.0")]
    desk.now[0] = CLOSES
    await desk.ask("late-2", GOOD)
    assert ("closed", "event_id") in [(r["code"], r["field"]) for r in (await desk.answer("late-2"))["reasons"]]


async def test_unknown_version_is_parked_with_the_known_one(desk: Desk) -> None:
    await desk.ask("future", GOOD, "lectern.intake.registration-requested.v9")
    await desk.goes_on()
    assert desk.process.transport is not None
    (letter,) = [
        one for one in await desk.process.transport.dead_letters(500) if b"registration-requested.v9" in one.body
    ]
    assert letter.reason.startswith("type: unknown type or version")
    assert "send lectern.intake.registration-requested.v1" in letter.reason
    assert json.loads(letter.body)["id"] == "future"


async def test_same_message_twice_is_one_registration(desk: Desk) -> None:
    for _ in range(2):
        await desk.ask("twice", GOOD)

    def answers() -> list[str]:
        told = [e for e in desk.listener.of_type(REQUEST_ANSWERED) if e.data["request_id"] == "twice"]
        return sorted(event.data["outcome"] for event in told)

    await until(lambda: len(answers()) == 2, 15, "both are answered")
    assert answers() == ["accepted", "duplicate"]
    assert len({event.subject for event in desk.listener.of_type(REGISTRATION_CHANGED)}) == 1


@pytest.mark.rabbitmq
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "body: not JSON"),
        (b'{"a": "\xff"}', "body: not UTF-8 at byte 7"),
        (b"[]", "body: a CloudEvent is a JSON object"),
        (b" " * 1_500_000, "body: the message has 1500000 bytes; at most 1048576"),
        (b"{}", "id: "),
    ],
    ids=["broken", "not-utf-8", "list", "large", "empty"],
)
async def test_unreadable_message_is_parked_with_its_reason(
    body: bytes, reason: str, rabbit: RabbitNode, settings: Callable[..., Settings]
) -> None:
    process = Process(settings(broker_url=rabbit.url), {"registration": build}, port=0)
    async with running(process), await aio_pika.connect(rabbit.url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(INTAKE)
        await exchange.publish(aio_pika.Message(body), "lectern.intake.registration-requested.v1")
        transport = process.transport
        assert transport is not None

        async def parked() -> list[DeadLetter]:
            return [letter for letter in await transport.dead_letters(500) if letter.body == body]

        async def found() -> bool:
            return len(await parked()) == 1

        await until(found, 15, "the message is parked")
        (letter,) = await parked()
        assert reason in letter.reason
        assert letter.queue == "lectern.registration"


@pytest.mark.rabbitmq
async def test_message_of_5_mb_is_refused_to_its_publisher(
    rabbit: RabbitNode, settings: Callable[..., Settings]
) -> None:
    process = Process(settings(broker_url=rabbit.url), {"registration": build}, port=0)
    async with running(process), await aio_pika.connect(rabbit.url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(INTAKE)
        with pytest.raises(aio_pika.exceptions.ChannelPreconditionFailed, match="larger than configured max size"):
            await exchange.publish(aio_pika.Message(b" " * 5_000_000), "lectern.intake.registration-requested.v1")
