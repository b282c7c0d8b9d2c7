"""An organiser at the desk of attendees with a browser, and what stands behind it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
from lxml import html

from services.registration.registrations import Registration
from services.registration.store import Store
from shared.config import Settings
from shared.contracts.base import json_of
from shared.links import Links
from shared.process import Process, running
from tests.support.events import BEFORE_CLOSE, milipol, person, workshop
from tests.support.lectern import lectern

TOKEN = "the-organisers-token-of-the-tests"
DESK = "/organise/attendees/milipol-2019"
W1, W2 = "milipol-2019-workshop-1", "milipol-2019-workshop-2"
KINDS = [
    {"id": "police", "name": {"en": "Police", "fr": "Police"}, "quota": 1},
    {"id": "research", "name": {"en": "Research", "fr": "Recherche"}},
]


@dataclass
class Shown:
    """A page as it came."""

    status: int
    text: str
    headers: dict[str, str]
    address: str

    @property
    def words(self) -> str:
        """What a reader sees, without the markup."""
        return " ".join(html.document_fromstring(self.text).text_content().split())

    def form(self, **has: str) -> tuple[str, list[tuple[str, str]]]:
        """The form that has these values, in fields or on buttons: its address and its fields as a browser would send them."""
        for form in html.document_fromstring(self.text).forms:
            buttons = [(b.get("name"), b.get("value")) for b in form.iter("button") if b.get("name")]
            boxes = [(b.get("name"), b.get("value")) for b in form.iter("input") if b.get("type") == "checkbox"]
            fields = [(name, value or "") for name, value in form.form_values()]
            if all(item in [*fields, *buttons, *boxes] for item in has.items()):
                return form.action, fields
        raise AssertionError(f"no form with {has} in {self.words[:400]}")


@dataclass
class Desk:
    """An organiser with a browser, and what stands behind it."""

    http: aiohttp.ClientSession
    process: Process
    now: list[datetime]
    language: str = "en"
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        return Store(self.process.databases["registration"], Links("the-link-key-of-the-tests-and-of-nothing-else"))

    async def get(self, path: str) -> Shown:
        return await self._shown(self.http.get(self.process.address + path, headers=self._headers))

    async def post(self, path: str, data: Any) -> Shown:
        return await self._shown(self.http.post(self.process.address + path, data=data, headers=self._headers))

    async def send(self, page: Shown | str, has: dict[str, str], *add: tuple[str, str], **changes: str) -> Shown:
        """Presses a button, or sends a form, of the page. `changes` are of fields, `add` further ones."""
        shown = await self.get(page) if isinstance(page, str) else page
        where, values = shown.form(**has)
        kept = [(name, value) for name, value in values if name not in changes and name not in has]
        return await self.post(where, [*kept, *has.items(), *changes.items(), *add])

    async def sign_in(self) -> None:
        await self.post("/organise/sign-in", {"token": TOKEN, "next": ""})

    async def has(self, name: str, *sessions: str, **rest: Any) -> dict[str, Any]:
        """Registers somebody by the API; what was answered."""
        details = {key: rest.pop(key) for key in ("audience", "country", "affiliation") if key in rest}
        body = {
            "event_id": "milipol-2019",
            "person": json_of(person(name, **details)),
            "sessions": list(sessions),
            **rest,
        }
        async with self.http.post(f"{self.process.address}/api/v1/registrations", json=body) as response:
            answer: dict[str, Any] = await response.json(content_type=None)
            if response.status == 201:
                self.ids[name] = answer["registration_id"]
            return answer

    def page_of(self, name: str) -> str:
        return f"{DESK}/people/{self.ids[name]}"

    async def registration(self, name: str) -> Registration:
        found = await self.store.registration(self.ids[name])
        assert found is not None
        return found

    async def press(self, name: str, act: str, **has: str) -> Shown:
        """Presses a button of a person's page."""
        return await self.send(self.page_of(name), {"act": act, **has})

    @property
    def _headers(self) -> dict[str, str]:
        return {"Accept": "text/html", "Accept-Language": self.language}

    async def _shown(self, request: Any) -> Shown:
        async with request as response:
            return Shown(response.status, await response.text(), dict(response.headers), response.url.path)


def agenda(**admission: Any) -> list[Any]:
    """The workshops: two kinds of attendee, a registration elsewhere, two sessions of which the first has one seat."""
    event = milipol(
        audiences=KINDS, admission={"capacity": 3, **admission.pop("event", {})}, **admission.pop("also", {})
    )
    return [event, workshop(1, capacity=1, **admission), workshop(2, capacity=5)]


@contextlib.asynccontextmanager
async def desk_of_attendees(settings: Settings) -> AsyncIterator[Desk]:
    """A desk whose organiser is signed in; no event is published. The clock stands still until it is set."""
    now = [BEFORE_CLOSE]
    jar = aiohttp.CookieJar(unsafe=True)
    process = lectern(settings, ["scheduling", "registration"], clock=lambda: now[0])
    async with running(process), aiohttp.ClientSession(cookie_jar=jar) as http:
        desk = Desk(http, process, now)
        await desk.sign_in()
        yield desk
