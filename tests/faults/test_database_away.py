"""MongoDB is away for longer than all retries together: messages wait, requests are told, nothing is parked or lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
import pytest

from services.registration.service import build
from shared.clock import utc_now
from shared.config import Settings
from shared.contracts.base import json_of
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registration import REGISTRATION_REQUESTED, REQUEST_ANSWERED
from shared.contracts.registry import INTAKE
from shared.messaging import consumer
from shared.messaging.port import DeadLetter, Outgoing
from shared.process import Process, running
from tests.support.agenda import tell_agenda
from tests.support.events import milipol, person, workshop
from tests.support.listener import listening
from tests.support.mongod import MongodNode
from tests.support.waiting import until

SESSION = "milipol-2019-workshop-1"


def request() -> Outgoing:
    data = {"event_id": "milipol-2019", "person": json_of(person()), "sessions": [SESSION]}
    source = "https://badge.example.org"
    return Outgoing(
        INTAKE, CloudEvent(id="badge-1", source=source, type=REGISTRATION_REQUESTED, time=utc_now(), data=data)
    )


def begun(settings: Callable[..., Settings], mongod: MongodNode) -> Process:
    """Registration on a MongoDB of its own; a single counted failure parks a message."""
    return Process(settings(mongodb_uri=mongod.uri, retry_attempts=1), {"registration": build}, port=0)


async def with_agenda(process: Process) -> None:
    await tell_agenda(process, milipol(admission={"window": {}}), workshop(1, starts_at=None))


async def parked(process: Process) -> list[DeadLetter]:
    assert process.transport is not None
    return await process.transport.dead_letters()


async def test_message_waits_for_the_database_and_is_answered(
    settings: Callable[..., Settings], mongod: MongodNode
) -> None:
    async with running(begun(settings, mongod)) as process:
        assert process.transport is not None
        await with_agenda(process)
        async with listening(process.transport) as listener:
            await mongod.kill()
            await process.transport.publish([request()])
            async with aiohttp.ClientSession() as http:
                body = {"event_id": "milipol-2019", "person": json_of(person("bob")), "sessions": [SESSION]}
                async with http.post(f"{process.address}/api/v1/registrations", json=body) as response:
                    assert (response.status, response.headers["Retry-After"]) == (503, "5")
            assert not await parked(process)
            await mongod.restart()
            (answer,) = await listener.wait_for(REQUEST_ANSWERED, timeout=40)
            assert answer.data["outcome"] == "accepted"
        assert not await parked(process)


async def test_control_counted_as_a_failure_the_message_is_parked(
    settings: Callable[..., Settings], mongod: MongodNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "UNAVAILABLE", ())
    async with running(begun(settings, mongod)) as process:
        assert process.transport is not None
        await with_agenda(process)
        await mongod.kill()
        await process.transport.publish([request()])

        async def is_parked() -> bool:
            return bool(await parked(process))

        await until(is_parked, 40, "the message is parked")
        await mongod.restart()
        await asyncio.wait_for(process.stop(), 30)


async def test_process_stops_although_the_database_is_gone(
    settings: Callable[..., Settings], mongod: MongodNode
) -> None:
    process = begun(settings, mongod)
    await process.start()
    await with_agenda(process)
    await mongod.kill()
    await asyncio.wait_for(process.stop(), 60)
    await mongod.restart()
