"""Limits of requests by HTTP: who asks too often is told when to come again, kindly; organisers are not counted."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from services.registration.service import build as registration
from services.scheduling.service import build as scheduling
from shared.contracts.base import json_of
from shared.links import MANAGE, Links, manage_path
from shared.process import Process, running
from tests.conftest import MakeSettings
from tests.support.agenda import tell_agenda
from tests.support.events import BEFORE_CLOSE, milipol, person, workshop
from tests.support.lectern import ORGANISER

W2 = "milipol-2019-workshop-2"
BROWSER = {"Accept": "text/html", "Accept-Language": "fr"}
TOKEN = ORGANISER["Authorization"].removeprefix("Bearer ")


@dataclass
class Told:
    """An answer."""

    status: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Crowd:
    """People who all come from one address; the seconds of the limits stand still until they are set."""

    http: aiohttp.ClientSession
    process: Process
    seconds: list[float]
    number: int = 0

    async def post(self, path: str, headers: dict[str, str] | None = None, **body: Any) -> Told:
        request = self.http.post(
            self.process.address + path, headers=headers, allow_redirects=False, **(body or {"json": {}})
        )
        async with request as answer:
            return Told(answer.status, await answer.text(), dict(answer.headers))

    async def register(self, headers: dict[str, str] | None = None) -> Told:
        self.number += 1
        body = {"event_id": "milipol-2019", "person": json_of(person(f"p{self.number}")), "sessions": [W2]}
        return await self.post("/api/v1/registrations", headers, json=body)

    async def fill_in(self, path: str = "/events/milipol-2019/register") -> Told:
        self.number += 1
        form = {"name": "Ada", "email": f"f{self.number}@example.org", "sessions": W2}
        return await self.post(path, BROWSER, data=form)


@contextlib.asynccontextmanager
async def crowd(settings: MakeSettings, **limits: Any) -> AsyncIterator[Crowd]:
    seconds = [0.0]
    chosen = settings(**limits)
    services = {"registration": registration, "scheduling": scheduling}
    process = Process(chosen, services, port=0, clock=lambda: BEFORE_CLOSE, monotonic=lambda: seconds[0])
    async with running(process), aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        await tell_agenda(process, milipol(audiences=[]), workshop(1), workshop(2, capacity=500))
        yield Crowd(http, process, seconds)


async def test_registrations_of_one_address_are_limited_and_go_on_after_a_while(settings: MakeSettings) -> None:
    async with crowd(settings, register_burst=3, register_rate=0.5) as people:
        assert [(await people.register()).status for _ in range(3)] == [201] * 3
        refused = await people.register()
        assert (refused.status, refused.headers["Content-Type"]) == (429, "application/problem+json; charset=utf-8")
        assert "urn:lectern:problem:too-many-requests" in refused.text
        assert refused.headers["Retry-After"] == "2"
        people.seconds[0] += 2
        assert (await people.register()).status == 201


async def test_control_without_limit_all_registrations_go_through(settings: MakeSettings) -> None:
    async with crowd(settings, register_burst=0) as people:
        assert [(await people.register()).status for _ in range(20)] == [201] * 20


async def test_organiser_token_is_not_counted_and_a_wrong_one_is(settings: MakeSettings) -> None:
    async with crowd(settings, register_burst=1, register_rate=0.01) as people:
        assert [(await people.register(ORGANISER)).status for _ in range(5)] == [201] * 5
        wrong = {"Authorization": "Bearer not-the-token-of-anybody"}
        assert [(await people.register(wrong)).status for _ in range(2)] == [201, 429]


async def test_form_that_is_sent_too_often_gets_a_page_in_the_readers_language(settings: MakeSettings) -> None:
    async with crowd(settings, register_burst=1, register_rate=0.1) as people:
        assert (await people.fill_in()).status == 201
        refused = await people.fill_in()
        assert (refused.status, refused.headers["Retry-After"]) == (429, "10")
        assert refused.headers["Content-Type"].startswith("text/html")
        assert "<h1>" in refused.text
        assert refused.headers["Content-Language"] == "fr"
        assert (await people.register()).status == 429, "form and API are one way in"


async def test_private_pages_have_a_limit_of_their_own(settings: MakeSettings) -> None:
    async with crowd(settings, private_burst=2, private_rate=0.1, register_burst=1) as people:
        id_ = (await people.register()).text.partition('"registration_id": "')[2].partition('"')[0]
        path = manage_path(Links(people.process.settings.link_key.get_secret_value()).token(MANAGE, id_))
        assert (await people.fill_in(f"{path}/sessions")).status == 303
        assert (await people.fill_in(f"{path}/cancel")).status == 400, "nothing named"
        for action in ("sessions", "cancel"):
            refused = await people.fill_in(f"{path}/{action}")
            assert (refused.status, refused.headers["Retry-After"]) == (429, "10")
        async with people.http.get(people.process.address + path) as page:
            assert page.status == 200, "reading is not limited"


async def test_five_wrong_tokens_a_minute_and_then_not_even_the_right_one(settings: MakeSettings) -> None:
    async with crowd(settings) as people:

        async def sign_in(token: str) -> Told:
            return await people.post("/organise/sign-in", BROWSER, data={"token": token})

        assert [(await sign_in(TOKEN)).status for _ in range(10)] == [303] * 10, "right ones are not counted"
        assert [(await sign_in("wrong")).status for _ in range(5)] == [401] * 5
        for token in ("wrong", TOKEN):
            refused = await sign_in(token)
            assert (refused.status, refused.headers["Retry-After"]) == (429, "12"), "else guessing would go on"
            assert "Set-Cookie" not in refused.headers
            assert refused.headers["Cache-Control"] == "private, no-store"
        people.seconds[0] += 12
        assert (await sign_in(TOKEN)).status == 303


async def test_control_without_limit_guessing_goes_on(settings: MakeSettings) -> None:
    async with crowd(settings, wrong_sign_ins=0) as people:
        tries = [await people.post("/organise/sign-in", BROWSER, data={"token": "wrong"}) for _ in range(12)]
        assert [told.status for told in tries] == [401] * 12


@pytest.mark.parametrize(("proxies", "statuses"), [("127.0.0.0/8", [201, 201, 429]), ("", [201, 429, 429])])
async def test_behind_a_proxy_of_ours_each_client_is_counted_apart(
    settings: MakeSettings, proxies: str, statuses: list[int]
) -> None:
    async with crowd(settings, register_burst=1, register_rate=0.01, trusted_proxies=proxies) as people:
        clients = ("198.51.100.1", "198.51.100.2", "203.0.113.9, 198.51.100.1")
        assert [(await people.register({"X-Forwarded-For": client})).status for client in clients] == statuses
