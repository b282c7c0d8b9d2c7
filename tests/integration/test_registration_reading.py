"""Reading registrations by HTTP: odd parameters are told, and the document of all operations is there to read."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from yarl import URL

from services.registration.service import build
from shared.process import Process, running
from tests.conftest import MakeSettings
from tests.support.agenda import tell_agenda
from tests.support.events import BEFORE_CLOSE, milipol, workshop
from tests.support.lectern import ORGANISER


@pytest.fixture
async def client(settings: MakeSettings) -> AsyncIterator[aiohttp.ClientSession]:
    process = Process(settings(), {"registration": build}, port=0, clock=lambda: BEFORE_CLOSE)
    async with running(process), aiohttp.ClientSession(process.address) as http:
        await tell_agenda(process, milipol(audiences=[]), workshop(1))
        yield http


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("q=%00", 400),
        ("q=a%0Ab", 400),
        ("q=%5C(", 200),
        ("q=%FF", 200),
        ("q=" + "a" * 201, 400),
        ("state=gone", 400),
        ("limit=0", 400),
        ("limit=201", 400),
        ("limit=%D9%A3", 400),
        ("limit=" + "9" * 5000, 400),
        ("session=%00&cursor=%00", 200),
    ],
)
async def test_odd_parameters_are_told_and_are_no_fault(client: aiohttp.ClientSession, query: str, status: int) -> None:
    address = URL(f"/api/v1/registrations?event_id=milipol-2019&{query}", encoded=True)
    async with client.get(address, headers=ORGANISER) as answer:
        assert answer.status == status, await answer.text()


@pytest.mark.parametrize("path", ["registrations", "registrations/counts", "registrations/table.csv"])
async def test_unknown_event_is_told_and_is_no_empty_list(client: aiohttp.ClientSession, path: str) -> None:
    async with client.get(f"/api/v1/{path}", params={"event_id": "nope"}, headers=ORGANISER) as answer:
        assert (answer.status, (await answer.json())["type"]) == (404, "urn:lectern:problem:unknown-event")


async def test_service_tells_its_own_operations(client: aiohttp.ClientSession) -> None:
    async with client.get("/api/v1/registration/openapi.json") as answer:
        assert answer.status == 200
        told = await answer.json()
    assert told["openapi"] == "3.1.0"
    assert told["paths"]["/api/v1/registrations"]["post"]["responses"]["429"]
