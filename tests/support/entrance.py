"""An event's entrance: people with tickets, helpers with phones, on a real registration service."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp

from services.registration.door.tickets import ticket_of
from services.registration.service import build
from services.registration.store import Store
from shared.config import Settings
from shared.contracts.base import json_of
from shared.contracts.scheduling import EventState
from shared.links import Links
from shared.process import Process, running
from tests.support.agenda import tell_agenda
from tests.support.events import BEFORE_CLOSE, milipol, person, workshop
from tests.support.lectern import ORGANISER
from tests.support.waiting import until

EVENT, OTHER = "milipol-2019", "other-2019"
W1, W2 = "milipol-2019-workshop-1", "milipol-2019-workshop-2"
MORNING = datetime(2019, 11, 20, 8, 31, tzinfo=UTC)
"""09:31 in Paris, on the day."""


def scan_of(ticket: str | None, *, at: datetime = MORNING, **rest: Any) -> dict[str, Any]:
    return {"id": str(uuid.uuid4()), "at": at.isoformat(), "ticket": ticket} | rest


@dataclass
class Entrance:
    """A venue's entrance: people with tickets, helpers with phones."""

    process: Process
    settings: Settings
    now: list[datetime]
    tickets: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def links(self) -> Links:
        return Links(self.settings.link_key.get_secret_value())

    @property
    def store(self) -> Store:
        return Store(self.process.databases["registration"], self.links)

    def phone(self, **rest: Any) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(self.process.address, cookie_jar=aiohttp.CookieJar(unsafe=True), **rest)

    async def organiser(self, method: str, path: str, body: Any = None) -> Any:
        async with self.phone(headers=ORGANISER) as http, http.request(method, path, json=body) as answer:
            assert answer.status in (200, 201), await answer.text()
            return await answer.json()

    async def register(self, name: str, *sessions: str, event: str = EVENT) -> str:
        """Registers a person; the ticket."""
        kind = {"audience": "police"} if event == EVENT else {}
        body = {"event_id": event, "person": json_of(person(name, **kind)), "sessions": list(sessions)}
        answer = await self.organiser("POST", "/api/v1/registrations", body)
        registration = await self.store.registration(answer["registration_id"])
        assert registration is not None
        self.ids[name] = registration.id
        self.tickets[name] = ticket_of(registration, self.links)
        return self.tickets[name]

    async def door(self, event: str = EVENT) -> str:
        """The path of the event's door."""
        address = (await self.organiser("GET", f"/api/v1/registration/doors/{event}"))["address"]
        assert address.startswith(self.settings.public_url)
        return str(address.removeprefix(self.settings.public_url.rstrip("/")))

    async def send(self, phone: aiohttp.ClientSession, *scans: dict[str, Any], event: str = EVENT, **rest: Any) -> Any:
        body = {"event_id": event, "scans": list(scans)} | rest
        async with phone.post("/api/v1/registration/check-ins", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()


@contextlib.asynccontextmanager
async def entrance_of(chosen: Settings) -> AsyncIterator[Entrance]:
    """An entrance on the morning of two events: Ada and Eve have seats, Bob waits, Joe is of the other event."""
    now = [BEFORE_CLOSE]
    process = Process(chosen, {"registration": build}, port=0, clock=lambda: now[0])
    async with running(process):
        kinds = [{"id": "police", "name": {"en": "Police", "fr": "Police nationale"}}]
        fair = {"id": "fair", "name": {"en": "Milipol Paris"}, "policy": "first"}
        other = milipol(id=OTHER, requirements=[fair])
        await tell_agenda(process, milipol(audiences=kinds, requirements=[]), workshop(1, capacity=1), workshop(2))
        await _publish_also(process, other)
        entrance = Entrance(process, chosen, now)
        await entrance.register("ada", W1, W2)
        await entrance.register("bob", W1)
        await entrance.register("eve", W2)
        await entrance.register("joe", f"{OTHER}-workshop", event=OTHER)
        now[0] = MORNING
        yield entrance


async def _publish_also(process: Process, event: EventState) -> None:
    await tell_agenda(process, event, workshop(1, id=f"{event.id}-workshop", event_id=event.id))
    events = process.databases["registration"]["events"]

    async def known() -> bool:
        return await events.count_documents({}) == 2

    await until(known, 20, "both events are known")
