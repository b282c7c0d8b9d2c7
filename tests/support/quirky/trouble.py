"""What goes wrong between a client and a server that works: proxies, limits, broken connections."""

from __future__ import annotations

import asyncio

from aiohttp import web

from tests.support.quirky.quirks import ALWAYS, Quirks


def on_the_way(request: web.Request, quirks: Quirks) -> web.Response | None:
    """An answer before the server has seen the request; None where it comes through."""
    if request.path == "/login":
        return web.Response(text="<html><title>Sign in</title></html>", content_type="text/html")
    if request.path == "/.well-known/caldav":
        return web.Response(status=301, headers={"Location": "/"})
    if _takes(quirks, "busy_for"):
        headers = {"Retry-After": quirks.busy_retry_after} if quirks.busy_retry_after is not None else {}
        return web.Response(status=quirks.busy_status, headers=headers, text="Busy")
    if _takes(quirks, "login_redirect_for"):
        return web.Response(status=302, headers={"Location": "/login"})
    return None


async def on_the_way_back(
    request: web.Request, answer: web.Response, quirks: Quirks, *, writes: bool
) -> web.StreamResponse:
    """What the client gets of an answer, and when."""
    if writes and _takes(quirks, "answer_lost_times"):
        return lost(request)
    if quirks.slow_headers:
        await asyncio.sleep(quirks.slow_headers)
    if answer.body and quirks.half_a_body_times and _takes(quirks, "half_a_body_times"):
        return await half(request, answer, whole=quirks.half_a_body_looks_whole)
    return answer


def lost(request: web.Request) -> web.Response:
    """Breaks the connection instead of answering."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def half(request: web.Request, answer: web.Response, *, whole: bool) -> web.StreamResponse:
    """Half the body of `answer`; the connection breaks, unless it is to look `whole`."""
    body = answer.body if isinstance(answer.body, bytes) else b""
    piece = body[: len(body) // 2]
    headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
    if whole:
        return web.Response(status=answer.status, headers=headers, body=piece)
    response = web.StreamResponse(status=answer.status, headers=headers | {"Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(piece)
    if request.transport is not None:
        request.transport.close()
    return response


def _takes(quirks: Quirks, count: str) -> bool:
    """Uses up one of a count; whether there was one."""
    left: int = getattr(quirks, count)
    if left > 0:
        setattr(quirks, count, left - 1)
    return left > 0 or left == ALWAYS
