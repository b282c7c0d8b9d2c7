"""A whole Lectern with a mail server and a calendar server, and the hands of everybody who uses it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from icalendar import Calendar

from shared.config import Settings
from shared.contracts.base import json_of
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registration import REGISTRATION_REQUESTED, REQUEST_ANSWERED, REQUIREMENT_GRANTED, PersonDetails
from shared.contracts.registry import INTAKE
from shared.links import FEED, MANAGE, Links, feed_path, manage_path
from shared.messaging.port import Outgoing
from shared.process import Process, running
from tests.support.lectern import ORGANISER, lectern
from tests.support.listener import Listener, listening
from tests.support.radicale import RadicaleNode
from tests.support.smtp import SmtpSink, text_of
from tests.support.waiting import until

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"


class StoryClock:
    """A clock that begins at `start` and runs as fast as the real one, and can be put forward."""

    def __init__(self, start: datetime) -> None:
        self._start, self._began = start, time.monotonic()

    def __call__(self) -> datetime:
        return self._start + timedelta(milliseconds=int((time.monotonic() - self._began) * 1000))

    def advance(self, by: timedelta) -> None:
        """Time passes at once."""
        self._start += by


@dataclass
class Story:
    """What organisers, attendees and other systems do, and what they see."""

    process: Process
    settings: Settings
    http: aiohttp.ClientSession
    listener: Listener
    mails: SmtpSink
    calendars: RadicaleNode
    clock: StoryClock

    # The organiser

    async def organiser(self, method: str, path: str, body: Any = None, **rest: Any) -> dict[str, Any]:
        headers = ORGANISER | rest.pop("headers", {})
        async with self.http.request(
            method, self.process.address + path, json=body, headers=headers, **rest
        ) as response:
            answer: dict[str, Any] = await response.json(content_type=None)
            assert response.status < 300, answer
            return answer

    async def import_example(self, name: str) -> None:
        """Imports a sample event and publishes it; waits until every service knows it."""
        body = (EXAMPLES / f"{name}.yaml").read_bytes()
        await self.organiser("POST", "/api/v1/events/import", headers={"Content-Type": "application/yaml"}, data=body)
        await self.publish(name, "First version")
        await until(lambda: self._known(name), 20, "registration knows the event and its sessions")

    async def _known(self, event_id: str) -> bool:
        published = await self.organiser("GET", f"/api/v1/events/{event_id}")
        database = self.process.databases["registration"]
        known = await database["sessions"].count_documents({"event_id": event_id})
        return known == len(published["sessions"]) and bool(await database["events"].find_one({"_id": event_id}))

    async def publish(self, event_id: str, note: str) -> dict[str, Any]:
        return await self.organiser("POST", f"/api/v1/events/{event_id}/publish", {"note": {"en": note}})

    async def change_session(
        self, event_id: str, session_id: str, change: dict[str, Any], note: str = "Changed"
    ) -> None:
        await self.organiser("PATCH", f"/api/v1/events/{event_id}/sessions/{session_id}", change)
        revision = (await self.publish(event_id, note))["revision"]
        sessions = self.process.databases["registration"]["sessions"]

        async def known() -> bool:
            document = await sessions.find_one({"_id": session_id})
            return document is not None and bool(document["state"]["revision"] >= revision)

        await until(known, 20, "registration knows the change")

    # Attendees and other systems

    async def register(self, event_id: str, person: PersonDetails, *sessions: str) -> dict[str, Any]:
        """By the HTTP API."""
        body = {"event_id": event_id, "person": json_of(person), "sessions": list(sessions)}
        async with self.http.post(self.process.address + "/api/v1/registrations", json=body) as response:
            answer: dict[str, Any] = await response.json(content_type=None)
            assert response.status == 201, answer
            return answer

    async def request(self, id_: str, event_id: str, person: PersonDetails, *sessions: str) -> None:
        """By another system's message."""
        data = {"event_id": event_id, "person": json_of(person), "sessions": list(sessions)}
        await self.send(id_, REGISTRATION_REQUESTED, data)

    async def send(self, id_: str, type_: str, data: dict[str, Any]) -> None:
        """Another system's message of any type."""
        source = "https://badge.example.org"
        event = CloudEvent(id=id_, source=source, type=type_, time=self.process.clock(), data=data)
        assert self.process.transport is not None
        await self.process.transport.publish([Outgoing(INTAKE, event)])

    async def fair_decides(self, id_: str, email: str, type_: str = REQUIREMENT_GRANTED) -> None:
        """The fair at Milipol tells what it decided on somebody, and is answered."""
        await self.send(id_, type_, {"event_id": "milipol-2019", "requirement": "milipol-badge", "email": email})

        async def answered() -> bool:
            return any(event.causationid == id_ for event in self.listener.of_type(REQUEST_ANSWERED))

        await until(answered, 20, f"the fair's message {id_} is answered")

    async def until_state(self, event_id: str, email: str, *states: str) -> dict[str, Any]:
        """The registration, once it is in one of `states`."""

        async def reached() -> bool:
            return (await self.registration_of(event_id, email))["state"] in states

        await until(reached, 30, f"the registration is {' or '.join(states)}")
        return await self.registration_of(event_id, email)

    async def registration_of(self, event_id: str, email: str) -> dict[str, Any]:
        """The registration of a person, once there is one."""

        async def found() -> dict[str, Any] | None:
            document: dict[str, Any] | None = await self.process.databases["registration"]["registrations"].find_one(
                {"event_id": event_id, "person.email": email}
            )
            return document

        async def there() -> bool:
            return await found() is not None

        await until(there, 15, f"the registration at {event_id}")
        document = await found()
        assert document is not None
        return document

    def private_page(self, registration_id: str) -> str:
        return manage_path(self._links.token(MANAGE, registration_id))

    def private_feed(self, registration_id: str) -> str:
        return feed_path(self._links.token(FEED, registration_id))

    @property
    def _links(self) -> Links:
        return Links(self.settings.link_key.get_secret_value())

    async def page(self, path: str, **headers: str) -> str:
        async with self.http.get(self.process.address + path, headers={"Accept": "text/html"} | headers) as response:
            assert response.status == 200, await response.text()
            return await response.text()

    # Calendars

    async def feed(self, path: str) -> dict[str, Any]:
        """The entries of a feed by summary."""
        async with self.http.get(self.process.address + path) as response:
            if response.status == 404:
                return {}
            assert response.status == 200
            return entries(await response.read())

    async def shared_calendar(self) -> dict[str, Any]:
        """All entries of the organisation's calendars on the CalDAV server, read as a client reads them."""
        found: dict[str, Any] = {}
        login = aiohttp.BasicAuth(self.calendars.username, self.calendars.password)
        for collection in await self._children(self.calendars.home, login):
            for url in await self._children(collection, login):
                async with self.http.get(url, auth=login) as response:
                    if response.status == 404:  # gone since it was listed: the entry of a probe, or a session's
                        continue
                    assert response.status == 200
                    found |= entries(await response.read())
        return found

    async def _children(self, url: str, login: aiohttp.BasicAuth) -> list[str]:
        from xml.etree import ElementTree

        async with self.http.request("PROPFIND", url, headers={"Depth": "1"}, auth=login) as response:
            if response.status in (404, 500):  # 500: Radicale met a file that went while it listed
                return []
            tree = ElementTree.fromstring(await response.text())
        path = urlsplit(url).path
        hrefs = [element.text or "" for element in tree.iter("{DAV:}href") if element.text]
        hrefs = [
            href for href in dict.fromkeys(hrefs) if href.startswith(path) and href.rstrip("/") != path.rstrip("/")
        ]
        return [self.calendars.url.rstrip("/") + href for href in hrefs]

    async def until_entry(
        self, where: Callable[[], Any], check: Callable[[dict[str, Any]], bool], what: str
    ) -> dict[str, Any]:
        """Waits until the entries of a feed or calendar pass `check`; returns them."""

        async def holds() -> bool:
            return check(await where())

        await until(holds, 30, what)
        found: dict[str, Any] = await where()
        return found

    # Mails

    async def mail(self, email: str, subject: str = "", count: int = 1) -> EmailMessage:
        return (await self.mails.wait_for(email, subject, count=count, timeout=30))[-1]

    async def mail_text(self, email: str, subject: str = "", count: int = 1) -> str:
        return text_of(await self.mail(email, subject, count))


def entries(data: bytes) -> dict[str, Any]:
    """The events of a calendar by UID's first part: the session's id."""
    calendar = Calendar.from_ical(data)
    return {str(event["UID"]).partition("@")[0].partition(".")[0]: event for event in calendar.walk("VEVENT")}


def start(entry: Any) -> Any:
    """When an entry begins: a local time with its zone, or a day."""
    return entry["DTSTART"].dt


@contextlib.asynccontextmanager
async def story(settings: Settings, start: datetime, mails: SmtpSink, calendars: RadicaleNode) -> AsyncIterator[Story]:
    """Lectern at the instant `start`, with somebody who listens to its facts."""
    clock = StoryClock(start)
    process = lectern(settings, clock=clock)
    async with running(process), aiohttp.ClientSession() as http:
        assert process.transport is not None
        async with listening(process.transport) as listener:
            yield Story(process, settings, http, listener, mails, calendars, clock)
