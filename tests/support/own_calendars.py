"""Attendees who connect calendars of their own: real servers behind TLS and e-mail discovery, the real page and API, workers
that the test sets going."""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from aiohttp import BaseConnector
from aiohttp.test_utils import TestClient, TestServer

from services.calendar_sync import page as page_package
from services.calendar_sync.clients import Clients, Credentials
from services.calendar_sync.connecting import Connecting
from services.calendar_sync.feeds import Feeds
from services.calendar_sync.operations.private import PrivateCalendars
from services.calendar_sync.page.handlers import CalendarPage
from services.calendar_sync.private_access import PrivateAccess
from services.calendar_sync.service_location import Target
from services.calendar_sync.store import Person
from shared.config import Settings
from shared.links import CALENDAR, calendar_path, token_hash
from shared.outward import AddressRule
from shared.outward_aiohttp import guarded_connector
from shared.web.app import make_app
from shared.web.openapi import routes_of
from tests.support.caldav_discovery import THIS_MACHINE, Names
from tests.support.caldav_servers import XandikosNode
from tests.support.calendar_harness import LOCAL, CalendarSync
from tests.support.own_certificates import client_context
from tests.support.quirky import PRESETS, QuirkyServer
from tests.support.radicale import RadicaleNode
from tests.support.tls_front import TlsFront

HOST = "dav.example.org"
TEMPLATES = Path(page_package.__file__).parents[1] / "templates"

FOREIGN = "\r\n".join(
    (
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Somebody//Else//EN", "BEGIN:VEVENT", "UID:dentist@example.net",
        "DTSTAMP:20190101T000000Z", "DTSTART:20191121T080000Z", "DTEND:20191121T090000Z", "SUMMARY:Dentist",
        "END:VEVENT", "END:VCALENDAR", "",
    )
)  # fmt: skip
"""An entry of the person's own, which nobody of us may touch."""


_NAMED = (
    '<C:mkcalendar xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><set><prop><displayname>{}</displayname></prop></set>'
    "</C:mkcalendar>"
)


@dataclass
class Place:
    """An account on some server, as its owner sees it: `email` and `password` are what is entered."""

    plain: str
    home: str
    email: str
    username: str | None
    password: str
    signs_in: tuple[str, str] | None
    quirky: QuirkyServer | None = None

    async def ask(self, method: str, path: str, body: str = "", **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(auth=self.signs_in, timeout=20, trust_env=False) as http:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await http.request(method, self.plain + self.home + path, content=body, headers=named)

    async def make(self, calendar: str) -> None:
        """A calendar made with another program, with a foreign entry in it."""
        if self.quirky is None:
            assert (await self.ask("MKCALENDAR", f"{calendar}/", _NAMED.format(calendar))).status_code == 201
        theirs = FOREIGN.replace("dentist@", f"{calendar}@")
        answer = await self.ask("PUT", f"{calendar}/dentist-{calendar}.ics", theirs, Content_Type="text/calendar")
        assert answer.status_code in (200, 201, 204), answer.text

    async def names(self, calendar: str) -> list[str]:
        """The names of the objects in a calendar; none where there is no calendar."""
        answer = await self.ask("PROPFIND", f"{calendar}/", Depth="1")
        if answer.status_code != 207:
            return []
        return sorted(set(re.findall(rf"/{re.escape(calendar)}/([^</]+)<", answer.text)))

    async def calendars(self) -> set[str]:
        """The names of the collections in the home."""
        answer = await self.ask("PROPFIND", "", Depth="1")
        return set(re.findall(rf"{re.escape(self.home)}([^</]+)/<", answer.text))


@contextlib.asynccontextmanager
async def place(kind: str) -> AsyncIterator[Place]:
    """An account of a server of this kind, with the calendars work and home in it."""
    async with contextlib.AsyncExitStack() as stack:
        if kind == "radicale":
            radicale = RadicaleNode()
            stack.push_async_callback(radicale.stop)
            await radicale.start()
            keys = (radicale.username, radicale.password)
            one = Place(
                radicale.url.rstrip("/"), f"/{radicale.username}/", "anna@example.org", radicale.username, keys[1], keys
            )
        elif kind == "xandikos":
            xandikos = XandikosNode()
            stack.push_async_callback(xandikos.stop)
            await xandikos.start()
            one = Place(f"http://127.0.0.1:{xandikos.port}", "/user/calendars/", "anna@example.org", None, "any", None)
        else:
            server = QuirkyServer(PRESETS[kind]())
            server.add_person("anna", calendars=("work", "home"))
            await stack.enter_async_context(server)
            one = Place(
                server.url, "/calendars/anna/", "anna@example.org", "anna", "secret", ("anna", "secret"), server
            )
        for calendar in ("work", "home"):
            await one.make(calendar)
        yield one


@dataclass
class TrustingClients(Clients):
    """Clients to whom every name is this machine, and who trust the tests' own certificates."""

    names: Names = field(default_factory=Names)

    def connector(self) -> BaseConnector:
        return guarded_connector(self.rule, self.names.resolve, client_context())


@dataclass
class Answered:
    """An answer: its status, its text, and the JSON in it."""

    status: int
    text: str
    body: Any
    headers: dict[str, str]

    @property
    def words(self) -> str:
        """The text as it is read."""
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", self.text)).split())


@dataclass
class OwnCalendars:
    """The service's HTTP side and its workers on one database; `seconds` is what limits go by, in a list of one."""

    sync: CalendarSync
    connecting: Connecting
    http: TestClient[Any, Any]
    names: Names
    seconds: list[float]

    def path(self, registration_id: str = "r1") -> str:
        """The path of a person's page."""
        return calendar_path(self.token(registration_id))

    def token(self, registration_id: str = "r1") -> str:
        """The token of a person's page."""
        return self.sync.links.token(CALENDAR, registration_id, 1)

    async def person(self, registration_id: str = "r1") -> Person:
        found = await self.sync.store.person_at(token_hash(self.token(registration_id)))
        assert found is not None
        return found

    async def page(self, registration_id: str = "r1", lang: str = "en") -> Answered:
        return await self._ask("GET", f"{self.path(registration_id)}?lang={lang}")

    async def form(self, action: str, registration_id: str = "r1", **fields: str) -> Answered:
        """Sends a form of the page, as a browser does; the answer is the page that follows."""
        self.seconds[0] += 120
        return await self.form_at_once(action, registration_id, **fields)

    async def form_at_once(self, action: str, registration_id: str = "r1", **fields: str) -> Answered:
        """The same without a pause before it, so that the limits count it with what was sent before."""
        path = f"{self.path(registration_id)}/{action}?lang=en"
        return await self._ask("POST", path, data=fields, allow_redirects=True)

    async def api(self, action: str = "", registration_id: str = "r1", **body: Any) -> Answered:
        self.seconds[0] += 120
        path = f"/api/v1/private-calendars/{self.token(registration_id)}"
        if not action:
            return await self._ask("GET", path)
        return await self._ask("POST", f"{path}/{action}", **({"json": body} if body else {}))

    async def _ask(self, method: str, path: str, **rest: Any) -> Answered:
        headers = {"Accept": "text/html"} if path.startswith("/calendar/") else {}
        async with self.http.request(method, path, headers=headers, **rest) as answer:
            text = await answer.text()
            is_json = "json" in answer.headers.get("Content-Type", "")
            return Answered(
                answer.status, text, await answer.json(content_type=None) if is_json else None, dict(answer.headers)
            )

    async def connected(self, where: Place, calendar: str = "work", registration_id: str = "r1") -> Answered:
        """Connects the calendar of this name, and works until nothing is left to do."""
        found = await self.found(where, registration_id)
        chosen = next(one["id"] for one in found.body["choices"] if calendar in (one["name"].lower(), one["id"]))
        answer = await self.api("choose", registration_id, calendar=chosen)
        assert answer.status == 200, answer.text
        await self.work()
        return await self.api("", registration_id)

    async def found(self, where: Place, registration_id: str = "r1", **changes: str) -> Answered:
        """Enters the account."""
        entered = {"address": where.email, "password": where.password}
        if where.username is not None:
            entered["username"] = where.username
        return await self.api("connect", registration_id, **(entered | changes))

    async def work(self, rounds: int = 8) -> None:
        """Lets the workers work, a while after each other."""
        for _ in range(rounds):
            await self.sync.fleet.round()
            self.sync.clock.move(seconds=10)


@contextlib.asynccontextmanager
async def own_calendars(
    sync: CalendarSync, *places: Place, allowed: bool = True, sealed: bool = True, **settings: Any
) -> AsyncIterator[OwnCalendars]:
    """People whose e-mail domain leads to the first of `places`. `allowed`: this machine may be spoken to."""
    async with contextlib.AsyncExitStack() as stack:
        names = Names()
        if places:
            port = int(places[0].plain.rpartition(":")[2])
            front = await stack.enter_async_context(TlsFront("127.0.0.1", port))
            names.srv["_caldavs._tcp.example.org"] = [Target(1, 1, front.port, HOST)]
        rule = AddressRule((THIS_MACHINE,) if allowed else ())
        clients = TrustingClients(Credentials(), sync.sealing if sealed else None, rule, timeout=10.0, names=names)
        stack.push_async_callback(clients.close)
        sync.tools = replace(sync.tools, clients=clients)
        sync.work()
        access = PrivateAccess(sync.tools, sync.links, "https://lectern.test")
        connecting = Connecting(sync.tools, sync.fleet.wake, names)
        seconds = [0.0]
        app = make_app(
            Settings.model_validate(LOCAL.model_dump() | settings),
            [
                *CalendarPage(sync.tools, connecting, access).routes(),
                *routes_of(PrivateCalendars(sync.tools, connecting, access).operations()),
                *Feeds(sync.store, sync.rendering, sync.clock).routes(),
            ],
            {"calendar-sync": TEMPLATES},
            {},
            lambda: seconds[0],
        )
        http = await stack.enter_async_context(TestClient(TestServer(app)))
        yield OwnCalendars(sync, connecting, http, names, seconds)
