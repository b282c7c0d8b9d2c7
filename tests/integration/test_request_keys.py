"""Idempotency-Key by HTTP: while the first request runs, a second is told so; a form that is sent twice gets one page."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from services.registration.desk import Desk
from services.registration.running import Running
from services.registration.service import build
from shared.contracts.base import json_of
from shared.process import Process, running
from tests.conftest import MakeSettings
from tests.support.agenda import tell_agenda
from tests.support.events import BEFORE_CLOSE, milipol, person, workshop
from tests.support.lectern import ORGANISER
from tests.support.waiting import until

W1, W2 = "milipol-2019-workshop-1", "milipol-2019-workshop-2"
KEY = {"Idempotency-Key": "once"}


@dataclass
class Door:
    """Holds the desk's rounds while it is shut."""

    opened: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0

    async def reached(self, number: int = 1) -> None:
        await until(lambda: self.waiting >= number, 10, "the desk is asked")


@dataclass
class Client:
    """Somebody with an HTTP client."""

    http: aiohttp.ClientSession
    url: str
    door: Door

    async def send(self, path: str, body: Any, method: str = "POST", **headers: str) -> tuple[int, Any, dict[str, str]]:
        request = self.http.request(method, self.url + path, json=body, headers={**ORGANISER, **KEY, **headers})
        async with request as answer:
            return answer.status, await answer.json(content_type=None), dict(answer.headers)

    async def register(self, name: str = "ada") -> tuple[int, Any, dict[str, str]]:
        body = {"event_id": "milipol-2019", "person": json_of(person(name)), "sessions": [W1]}
        return await self.send("/api/v1/registrations", body)


@pytest.fixture
async def client(settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    door = Door()
    door.opened.set()
    ask = Desk.ask

    async def held(self: Desk, command: Any) -> Any:
        door.waiting += 1
        await door.opened.wait()
        return await ask(self, command)

    process = Process(settings(), {"registration": build}, port=0, clock=lambda: BEFORE_CLOSE)
    async with running(process), aiohttp.ClientSession() as http:
        await tell_agenda(process, milipol(audiences=[]), workshop(1), workshop(2))
        monkeypatch.setattr(Desk, "ask", held)
        yield Client(http, process.address, door)


Ask = Callable[[Client, str], Any]
WRITING: dict[str, Ask] = {
    "register": lambda client, _: client.register("bob"),
    "change": lambda client, id_: client.send(f"/api/v1/registrations/{id_}/sessions", {"sessions": [W2]}, "PUT"),
    "cancel": lambda client, id_: client.send(f"/api/v1/registrations/{id_}/cancel", {"sessions": [W1]}),
    "relink": lambda client, id_: client.send(f"/api/v1/registrations/{id_}/relink", None),
    "transfer": lambda client, id_: client.send(f"/api/v1/registrations/{id_}/transfer", json_of(person("cyd"))),
    "erase": lambda client, id_: client.send(f"/api/v1/registrations/{id_}", None, "DELETE"),
    "codes": lambda client, _: client.send("/api/v1/registration/codes?event_id=milipol-2019", {"codes": [{}]}),
    "file": lambda client, _: client.send(
        "/api/v1/registration/requirements?event_id=milipol-2019&requirement=fair", [{"email": "ada@example.org"}]
    ),
}


@contextlib.contextmanager
def shut(door: Door) -> Iterator[None]:
    door.opened.clear()
    door.waiting = 0
    try:
        yield
    finally:
        door.opened.set()


@pytest.mark.parametrize("operation", WRITING)
async def test_while_the_first_request_of_a_key_runs_a_second_is_told_so(client: Client, operation: str) -> None:
    _, ada, _ = await client.send(
        "/api/v1/registrations",
        {"event_id": "milipol-2019", "person": json_of(person("ada")), "sessions": [W1]},
        **{"Idempotency-Key": "before"},
    )
    with shut(client.door):
        first = asyncio.create_task(WRITING[operation](client, ada["registration_id"]))
        await client.door.reached()
        status, body, headers = await WRITING[operation](client, ada["registration_id"])
        assert (status, body["type"]) == (409, "urn:lectern:problem:request-running")
        assert int(headers["Retry-After"]) >= 1
    status, body, _ = await first
    assert status in (200, 201)
    again, repeated, _ = await WRITING[operation](client, ada["registration_id"])
    assert (again, repeated) == (status, body | {"repeated": True}), "afterwards, the first answer"


async def test_control_without_the_safeguard_the_second_waits_for_the_desk(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Running, "one", lambda self, id_: contextlib.nullcontext())
    with shut(client.door):
        both = [asyncio.create_task(client.register()) for _ in range(2)]
        await client.door.reached(2)
    assert [(await one)[0] for one in both] == [201, 201]


async def test_key_is_free_when_the_first_request_was_refused(client: Client) -> None:
    """With the answer kept: the same refusal again, and not `request-running`."""
    path, body = (
        "/api/v1/registrations",
        {"event_id": "milipol-2019", "person": json_of(person()), "sessions": ["none"]},
    )
    first = await client.send(path, body)
    again = await client.send(path, body)
    assert (first[0], first[1]["errors"]) == (again[0], again[1]["errors"])
    assert again[1]["type"] == "urn:lectern:problem:refused"


async def test_form_that_is_sent_by_a_double_click_gets_the_same_page_twice(client: Client) -> None:
    form = {"key": "hidden", "name": "Eve", "email": "eve@example.org", "sessions": W1}

    async def send() -> tuple[int, str]:
        async with client.http.post(f"{client.url}/events/milipol-2019/register", data=form) as answer:
            return answer.status, await answer.text()

    with shut(client.door):
        both = [asyncio.create_task(send()) for _ in range(2)]
        await client.door.reached(2)
    (status, page), (again, other) = [await one for one in both]
    assert (status, again) == (201, 201)
    assert page == other
    assert "You are registered" in page
