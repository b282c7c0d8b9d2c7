"""A small server that can be found by CalDAV discovery, as real ones are or should not be: every path is scripted."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from aiohttp import BasicAuth, ClientSession, web

from services.calendar_sync.service_location import Target
from shared.outward import Address, AddressRule
from shared.outward_aiohttp import guarded_connector, outward_session
from tests.support.own_certificates import client_context, server_context

ANNA = BasicAuth("anna@example.org", "sésame", encoding="utf-8")
THIS_MACHINE = ipaddress.ip_network("127.0.0.0/8")

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Asked:
    """A request as it arrived."""

    method: str
    host: str
    path: str
    headers: dict[str, str]
    target: str = ""
    """The path as it stood in the request, byte for byte."""


@dataclass
class DiscoveryServer:
    """Answers `pages` by host and path ("example.org/dav/") or by path alone; what is not there is 404.

    Without the right password it answers 401, except to who asks for one of `open_to_all`.
    """

    pages: dict[str, Page] = field(default_factory=dict)
    open_to_all: set[str] = field(default_factory=set)
    challenge: str = 'Basic realm="calendars"'
    tls: bool = True
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        context = server_context() if self.tls else None
        await web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=context).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def url(self, path: str = "/", host: str = "example.org") -> str:
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}"

    def paths(self, method: str = "PROPFIND") -> list[str]:
        return [asked.path for asked in self.asked if asked.method == method]

    def account(self, **calendars: str) -> None:
        """Everything as it should be: well-known, a principal, a home with `calendars` (name: its properties)."""
        self.pages["/.well-known/caldav"] = redirect("/dav/")
        self.pages["/dav/"] = multistatus(("/dav/", principal("/dav/people/anna/")))
        self.pages["/dav/people/anna/"] = multistatus(("/dav/people/anna/", homes("/dav/calendars/anna/")))
        self.home("/dav/calendars/anna/", **(calendars or {"work": calendar("Work")}))

    def home(
        self, path: str, *, allow: str = "OPTIONS, PROPFIND, MKCALENDAR", about: str = "", **calendars: str
    ) -> None:
        """A calendar home at `path`."""
        entries = [(path, f"<resourcetype><collection/></resourcetype>{about}")]
        entries += [(f"{path}{name}/", properties) for name, properties in calendars.items()]
        listing = multistatus(*entries)

        async def page(request: web.Request) -> web.StreamResponse:
            if request.method == "OPTIONS":
                return web.Response(headers={"Allow": allow, "DAV": "1, 3, calendar-access"})
            return await listing(request)

        self.pages[path] = page

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        host = request.host.partition(":")[0]
        self.asked.append(Asked(request.method, host, request.path, dict(request.headers), request.raw_path))
        page = self.pages.get(f"{host}{request.path}") or self.pages.get(request.path)
        if request.path not in self.open_to_all and request.headers.get("Authorization") != ANNA.encode():
            return web.Response(status=401, headers={"WWW-Authenticate": self.challenge})
        return await page(request) if page else web.Response(status=404)


@dataclass
class Names:
    """A name system in which every host is this machine; `srv` and `txt` by name."""

    srv: dict[str, list[Target]] = field(default_factory=dict)
    txt: dict[str, list[str]] = field(default_factory=dict)
    addresses: dict[str, list[str]] = field(default_factory=dict)

    async def targets(self, name: str) -> Sequence[Target]:
        return self.srv.get(name, [])

    async def texts(self, name: str) -> Sequence[str]:
        return self.txt.get(name, [])

    async def resolve(self, host: str, port: int) -> Sequence[Address]:
        return [ipaddress.ip_address(one) for one in self.addresses.get(host, ["127.0.0.1"])]

    def client(self, context: ssl.SSLContext | None = None) -> ClientSession:
        """A client that may go to this machine and finds every name there."""
        return outward_session(
            guarded_connector(AddressRule((THIS_MACHINE,)), self.resolve, context or client_context())
        )


def redirect(where: str, status: int = 301) -> Page:
    """Sends on."""

    async def page(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": where})

    return page


def text(body: str | bytes, kind: str = "application/xml", status: int = 207) -> Page:
    """Any answer at all."""

    async def page(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, content_type=kind)

    return page


def multistatus(*entries: tuple[str, str]) -> Page:
    """(href, properties) of each resource."""
    responses = "".join(
        f"<response><href>{escape(href)}</href><propstat><prop>{properties}</prop><status>HTTP/1.1 200 OK</status></propstat>"
        "<propstat><prop><owner/></prop><status>HTTP/1.1 403 Forbidden</status></propstat></response>"
        for href, properties in entries
    )
    return text(
        '<?xml version="1.0"?><multistatus xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" '
        f'xmlns:A="http://apple.com/ns/ical/" xmlns:S="http://calendarserver.org/ns/">{responses}</multistatus>'
    )


def principal(href: str) -> str:
    """The property that names the principal."""
    return f"<current-user-principal><href>{href}</href></current-user-principal>"


def homes(*hrefs: str) -> str:
    """The property that names the calendar homes."""
    return "<C:calendar-home-set>" + "".join(f"<href>{href}</href>" for href in hrefs) + "</C:calendar-home-set>"


def calendar(name: str, *components: str, privileges: Sequence[str] = ("read", "write"), more: str = "") -> str:
    """The properties of a calendar; for events unless told otherwise."""
    kinds = "".join(f'<C:comp name="{component}"/>' for component in components or ("VEVENT",))
    may = "".join(f"<privilege><{privilege}/></privilege>" for privilege in privileges)
    return (
        f"<resourcetype><collection/><C:calendar/></resourcetype><displayname>{escape(name)}</displayname>"
        f"<C:supported-calendar-component-set>{kinds}</C:supported-calendar-component-set>"
        f"<current-user-privilege-set>{may}</current-user-privilege-set>{more}"
    )
