"""A registration service of a test, and somebody with an HTTP client and the organiser's token."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp

from services.registration.service import build
from shared.config import Settings
from shared.contracts.base import json_of
from shared.contracts.cloudevent import CONTENT_TYPE, CloudEvent
from shared.contracts.scheduling import EventState, SessionState
from shared.process import Process, running
from shared.storage.mongo import Database
from tests.support.agenda import tell_agenda
from tests.support.events import BEFORE_CLOSE, person
from tests.support.lectern import ORGANISER

W1, W2, W3 = (f"milipol-2019-workshop-{number}" for number in (1, 2, 3))


@dataclass
class Answered:
    """An answer by HTTP."""

    status: int
    body: Any
    headers: dict[str, str]


@dataclass
class RegistrationDesk:
    """The service's address, its process, and its time (UTC)."""

    http: aiohttp.ClientSession
    process: Process
    now: list[datetime]

    @property
    def database(self) -> Database:
        return self.process.databases["registration"]

    async def ask(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, anonymous: bool = False, **rest: Any
    ) -> Answered:
        """Sends `body` as JSON, or as it is where `rest` has a `data`; `key` is the Idempotency-Key."""
        headers = ({} if anonymous else ORGANISER) | ({"Idempotency-Key": key} if key else {}) | rest.pop("headers", {})
        request = self.http.request(method, self.process.address + path, json=body, headers=headers, **rest)
        async with request as answer:
            content = await answer.read()
            is_json = "json" in answer.content_type
            return Answered(answer.status, json.loads(content) if is_json else content.decode(), dict(answer.headers))

    async def register(self, name: str, *sessions: str, anonymous: bool = True, **rest: Any) -> Answered:
        """Registers an invented person; `details` of the person, and other fields of the request, may be given."""
        body = {
            "event_id": "milipol-2019",
            "person": json_of(person(name, **rest.pop("details", {}))),
            "sessions": list(sessions),
            **rest,
        }
        return await self.ask("POST", "/api/v1/registrations", body, anonymous=anonymous)

    async def registered(self, name: str, *sessions: str, **rest: Any) -> str:
        """The id of a new registration."""
        answer = await self.register(name, *sessions, **rest)
        assert answer.status == 201, answer.body
        return str(answer.body["registration_id"])

    async def one(self, id_: str) -> Any:
        """A registration as organisers see it."""
        return (await self.ask("GET", f"/api/v1/registrations/{id_}")).body

    async def send(self, type_: str, data: Any, id_: str = "message-1") -> Answered:
        """Sends an intake message over HTTP."""
        event = CloudEvent(id=id_, source="https://badge.example.org", type=type_, time=self.now[0], data=data)
        return await self.ask("POST", "/api/v1/intake", data=event.encode(), headers={"Content-Type": CONTENT_TYPE})


@asynccontextmanager
async def registration_desk(
    settings: Settings, event: EventState, *sessions: SessionState
) -> AsyncIterator[RegistrationDesk]:
    """A running registration service that knows the event; its time stands still, before registration closes."""
    now = [BEFORE_CLOSE]
    process = Process(settings, {"registration": build}, port=0, clock=lambda: now[0])
    async with running(process), aiohttp.ClientSession() as http:
        await tell_agenda(process, event, *sessions)
        yield RegistrationDesk(http, process, now)
