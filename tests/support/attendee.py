"""An attendee with a browser that runs no script, and the hands of organisers and of time behind the registration service."""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp

from services.registration.asking import Caller, Requests, Who
from services.registration.desk import Desks
from services.registration.registrations import Registration
from services.registration.service import build
from services.registration.store import Store
from services.registration.timekeeper import Timekeeper
from shared.clock import new_id, ordered_id
from shared.config import Settings
from shared.contracts.registration import RequirementState
from shared.contracts.scheduling import EventState, SessionState
from shared.links import MANAGE, Links, manage_path
from shared.process import Process, running
from tests.support.agenda import tell_agenda
from tests.support.events import BEFORE_CLOSE
from tests.support.waiting import until

EVENT = "milipol-2019"
FORM = f"/events/{EVENT}/register"
ORGANISER = Caller(Who.ORGANISER)


@dataclass
class Page:
    """An answer: where it was found, and what it says."""

    status: int
    text: str
    path: str
    headers: Mapping[str, str]

    @property
    def words(self) -> str:
        """The text as it is read: no marks, one space between words."""
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", self.text)).split())

    def hidden(self, name: str) -> str:
        """The value of a hidden field."""
        found = re.search(rf'type="hidden" name="{name}" value="([^"]*)"', self.text)
        assert found is not None, self.text
        return found.group(1)


@dataclass
class Attendee:
    """Whoever has a browser; `requests` and `time` act on the same database as the service that is looked at."""

    process: Process
    http: aiohttp.ClientSession
    links: Links
    store: Store
    requests: Requests
    time: Timekeeper
    now: list[datetime]

    async def get(self, path: str, **rest: Any) -> Page:
        async with self.http.get(self.process.address + path, headers={"Accept": "text/html"}, **rest) as answer:
            return Page(answer.status, await answer.text(), answer.url.path, answer.headers)

    async def post(self, path: str, fields: Mapping[str, str] | Sequence[tuple[str, str]] = (), **rest: Any) -> Page:
        url, headers = self.process.address + path, {"Accept": "text/html"}
        async with self.http.post(url, data=fields, headers=headers, **rest) as answer:
            return Page(answer.status, await answer.text(), answer.url.path, answer.headers)

    async def fill_in(self, name: str, *sessions: str, lang: str = "en", **fields: str) -> Page:
        """Fills the form in and sends it, with the key of the page that was shown."""
        shown = await self.get(f"{FORM}?lang={lang}")
        person = {"key": shown.hidden("key"), "name": name.title(), "email": f"{name}@example.org"}
        sent = [*(person | fields).items(), *(("sessions", session) for session in sessions)]
        return await self.post(f"{FORM}?lang={lang}", sent)

    async def registered(self, name: str, *sessions: str, **fields: str) -> Registration:
        """Registers by the form, and returns how the registration stands."""
        page = await self.fill_in(name, *sessions, **fields)
        assert page.status == 201, page.words
        return await self.registration(name)

    async def registration(self, name: str) -> Registration:
        """How a person's registration stands."""
        found = [
            r for r in await self.store.registrations(EVENT, None, 1000) if r.person.email == f"{name}@example.org"
        ]
        assert len(found) == 1, name
        return found[0]

    def own(self, registration: Registration) -> str:
        """The path of the private page."""
        return manage_path(self.links.token(MANAGE, registration.id, registration.link_generation))

    async def granted(self, name: str = "", *, number: str | None = None, state: str = "granted") -> None:
        """The fair decides on somebody."""
        email = None if number else f"{name}@example.org"
        decided = RequirementState(state)
        await self.requests.decide_requirement(EVENT, "fair", decided, ORGANISER, email=email, number=number)


@contextlib.asynccontextmanager
async def attendee(settings: Settings, event: EventState, *sessions: SessionState) -> AsyncIterator[Attendee]:
    """The registration service with an agenda, before registration closes."""
    now = [BEFORE_CLOSE]
    process = Process(settings, {"registration": build}, port=0, clock=lambda: now[0])
    async with running(process), aiohttp.ClientSession() as http:
        await tell_agenda(process, event, *sessions)
        links = Links(settings.link_key.get_secret_value())
        store = Store(process.databases["registration"], links)
        desks = Desks(store, process.clock, new_id, lambda: None)
        requests = Requests(desks, lambda: ordered_id(now[0], new_id()))
        time = Timekeeper(desks, store, process.clock, new_id)
        yield Attendee(process, http, links, store, requests, time, now)
        await desks.close()


async def told_anew(attendee: Attendee, event: EventState, *sessions: SessionState) -> None:
    """A later revision is published; waits until registration has taken it in."""
    await tell_agenda(attendee.process, event, *sessions)
    database = attendee.process.databases["registration"]
    wanted = {"events": {event.id: event.revision}, "sessions": {s.id: s.revision for s in sessions}}

    async def known() -> bool:
        for collection, revisions in wanted.items():
            for id_, revision in revisions.items():
                if not await database[collection].count_documents({"_id": id_, "state.revision": revision}):
                    return False
        return True

    await until(known, 20, "registration knows the new revisions")
