"""Parts of scripts for single requests: `server.cut_in(play, method="PUT")`, `server.plays`, `server.always`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from aiohttp import web

from tests.support.quirky.server import Play, QuirkyServer
from tests.support.quirky.trouble import half, lost


async def as_it_should(_: web.Request, __: QuirkyServer) -> web.StreamResponse | None:
    """No fault."""
    return None


def status(code: int, body: str = "", **headers: str) -> Play:
    """An answer with this status and nothing done; `Retry_After="30"` is a header."""

    async def play(_: web.Request, __: QuirkyServer) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, headers=named, text=body or None)

    return play


def meanwhile(does: Callable[[], object]) -> Play:
    """Something happens just before the request is carried out: a race."""

    async def play(_: web.Request, __: QuirkyServer) -> web.StreamResponse | None:
        does()
        return None

    return play


async def answer_lost(request: web.Request, server: QuirkyServer) -> web.StreamResponse | None:
    """The request is carried out, and the connection breaks before the answer."""
    await server.answer(request)
    return lost(request)


async def request_lost(request: web.Request, _: QuirkyServer) -> web.StreamResponse | None:
    """The connection breaks before anything is carried out."""
    return lost(request)


async def half_a_body(request: web.Request, server: QuirkyServer) -> web.StreamResponse | None:
    """The connection breaks in the middle of the answer's body."""
    return await half(request, await server.answer(request), whole=False)


async def captive_portal(_: web.Request, __: QuirkyServer) -> web.StreamResponse | None:
    """A page to sign in with status 200 for every request, also for writes: nothing is carried out."""
    return web.Response(text="<html><title>Sign in</title></html>", content_type="text/html")


async def silence(_: web.Request, __: QuirkyServer) -> web.StreamResponse | None:
    """No answer at all, until the client gives up."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    return web.Response(status=500)


async def headers_that_never_end(request: web.Request, _: QuirkyServer) -> web.StreamResponse | None:
    """The headers come a sign at a time and never end: no single read takes long."""
    with contextlib.suppress(ConnectionError, asyncio.CancelledError):
        if request.transport is not None:
            request.transport.write(b"HTTP/1.1 207 Multi-Status\r\nX-Slow: ")
        while request.transport is not None and not request.transport.is_closing():
            request.transport.write(b"x")
            await asyncio.sleep(0.05)
    return lost(request)


async def body_that_never_ends(request: web.Request, _: QuirkyServer) -> web.StreamResponse | None:
    """The body comes a byte at a time and never ends."""
    response = web.StreamResponse()
    await response.prepare(request)
    with contextlib.suppress(ConnectionError, asyncio.CancelledError):
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.05)
    return response


def until_let_go(gate: asyncio.Event) -> Play:
    """The request waits until the test sets `gate`, then it is carried out."""

    async def play(_: web.Request, __: QuirkyServer) -> web.StreamResponse | None:
        await gate.wait()
        return None

    return play
