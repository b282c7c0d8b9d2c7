"""Private CalDAV servers of the tests: Xandikos beside Radicale, and one that plays faults from a script."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

from aiohttp import web

from deploy.local.children import Child, free_port, until_listening


class XandikosNode:
    """A Xandikos that starts empty; `home` is the collection of its calendars."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="lectern-xandikos-"))
        self._child: Child | None = None
        self.port = free_port()

    @property
    def home(self) -> str:
        return f"http://127.0.0.1:{self.port}/user/calendars/"

    async def start(self) -> None:
        self._child = Child(
            "Xandikos",
            [
                *(sys.executable, "-m", "xandikos", "serve", "--autocreate", "--defaults", "--no-detect-systemd"),
                *("-d", str(self._folder / "data"), "--state-dir", str(self._folder / "state")),
                *("-l", "127.0.0.1", "-p", str(self.port)),
            ],
            self._folder / "xandikos.log",
        )
        await until_listening(self._child, self.port)

    async def stop(self) -> None:
        if self._child is not None:
            await self._child.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


Play = Callable[[web.Request, "ScriptedServer"], Awaitable[web.StreamResponse | None]]
"""A part of the script: an answer of its own, or None to let the server answer as it should."""


@dataclass
class Stored:
    """An object of the scripted server."""

    body: bytes
    etag: str


@dataclass
class ScriptedServer:
    """A small CalDAV server in this process. `plays` are asked in turn, one for each request that it sees.

    `objects` is what it holds, by path; `requests` what it was asked: (method, path, headers).
    """

    plays: list[Play] = field(default_factory=list)
    always: Play | None = None
    weak_etags: bool = False
    put_etag: bool = True
    objects: dict[str, Stored] = field(default_factory=dict)
    calendars: set[str] = field(default_factory=set)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    busy: int = 0
    most_busy: int = 0
    _runner: web.AppRunner | None = None
    port: int = 0

    @property
    def home(self) -> str:
        return f"http://127.0.0.1:{self.port}/home/"

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def asked(self, *methods: str) -> list[tuple[str, str, dict[str, str]]]:
        """The requests with these methods."""
        return [request for request in self.requests if request[0] in methods]

    def put(self, path: str, body: bytes) -> str:
        """Stores an object as somebody else's client would; returns its ETag."""
        number = len(self.requests) + len(self.objects)
        digest = hashlib.sha256(body + str(number).encode()).hexdigest()[:16]
        etag = f'W/"{digest}"' if self.weak_etags else f'"{digest}"'
        self.objects[path] = Stored(body, etag)
        return etag

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path, dict(request.headers)))
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            play = self.plays.pop(0) if self.plays else self.always
            if play is not None:
                answer = await play(request, self)
                if answer is not None:
                    return answer
            return await self.answer(request)
        finally:
            self.busy -= 1

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What a server that does everything right would say."""
        path, folder = request.path, request.path.rpartition("/")[0] + "/"
        if request.method == "MKCALENDAR":
            self.calendars.add(path)
            return web.Response(status=201)
        if request.method == "PROPPATCH":
            return web.Response(status=207, text='<multistatus xmlns="DAV:"/>', content_type="application/xml")
        if request.method in ("PROPFIND", "REPORT"):
            if path not in self.calendars:
                return web.Response(status=404)
            body = (await request.read()).decode()
            names = [
                name
                for name, stored in self.objects.items()
                if name.startswith(path)
                and (request.method == "PROPFIND" or any(
                    line[4:] in body for line in stored.body.decode().split("\r\n") if line.startswith("UID:")
                ))
            ]  # fmt: skip
            entries = "".join(
                f"<response><href>{escape(name)}</href><propstat><prop><getetag>{escape(self.objects[name].etag)}</getetag>"
                "</prop><status>HTTP/1.1 200 OK</status></propstat></response>"
                for name in names
            )
            text = f'<?xml version="1.0"?><multistatus xmlns="DAV:">{entries}</multistatus>'
            return web.Response(status=207, text=text, content_type="application/xml")
        held = self.objects.get(path)
        if request.method == "PUT":
            if folder not in self.calendars:
                return web.Response(status=409)
            if not _holds(request, held):
                return web.Response(status=412)
            etag = self.put(path, await request.read())
            headers = {"ETag": etag} if self.put_etag else {}
            return web.Response(status=204 if held else 201, headers=headers)
        if held is None:
            return web.Response(status=404)
        if request.method == "DELETE":
            if not _holds(request, held):
                return web.Response(status=412)
            del self.objects[path]
            return web.Response(status=204)
        return web.Response(body=held.body, headers={"ETag": held.etag, "Content-Type": "text/calendar"})


def _holds(request: web.Request, held: Stored | None) -> bool:
    if request.headers.get("If-None-Match") == "*" and held is not None:
        return False
    match = request.headers.get("If-Match")
    if match is None:
        return True
    return held is not None and match in ("*", held.etag)


def status(code: int, **headers: str) -> Play:
    """An answer with this status and nothing done."""

    async def play(_: web.Request, __: ScriptedServer) -> web.StreamResponse:
        return web.Response(status=code, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return play


async def answer_lost(request: web.Request, server: ScriptedServer) -> web.StreamResponse | None:
    """The request is carried out, and the connection breaks before the answer."""
    await server.answer(request)
    if request.transport is not None:
        request.transport.close()
    return web.Response(status=500)


async def as_it_should(_: web.Request, __: ScriptedServer) -> web.StreamResponse | None:
    """No fault."""
    return None


async def login_page(request: web.Request, _: ScriptedServer) -> web.StreamResponse | None:
    """A proxy that sends everybody to a page to sign in, which answers 200."""
    if request.path == "/login":
        return web.Response(text="<html>Sign in</html>", content_type="text/html")
    return web.Response(status=302, headers={"Location": "/login"})


async def silence(_: web.Request, __: ScriptedServer) -> web.StreamResponse | None:
    """No answer at all, until the client gives up."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    return web.Response(status=500)


async def drip(request: web.Request, _: ScriptedServer) -> web.StreamResponse | None:
    """An answer that comes a byte at a time and never ends: no single read takes long."""
    response = web.StreamResponse()
    await response.prepare(request)
    with contextlib.suppress(ConnectionError, asyncio.CancelledError):
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.05)
    return response
