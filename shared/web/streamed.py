"""An answer of any length, sent piece by piece as it is made: as a whole it is never in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp import web

from shared.web.app import CORRELATION_HEADER, correlation_id

STALLED = 60.0
"""Seconds in which a client has to take a piece; then the connection is broken off."""


async def streamed(
    request: web.Request, response: web.StreamResponse, pieces: AsyncGenerator[bytes, None], stalled: float = STALLED
) -> web.StreamResponse:
    """Sends `response` with `pieces` as its body; to HEAD without them. A client that goes away, or takes nothing for
    `stalled` seconds, ends them.

    The head is sent with the first piece: what fails until then is answered as any error. What fails later breaks the
    connection off, so that nobody takes a part for the whole, and is raised.
    """
    response.headers[CORRELATION_HEADER] = correlation_id()
    async with aclosing(pieces):
        if request.method == "HEAD":
            await response.prepare(request)
            return response
        piece: bytes | None = await anext(pieces, None)
        await response.prepare(request)
        try:
            while piece is not None:
                if not await _taken(response, piece, stalled):
                    _break_off(request)
                    return response
                piece = await anext(pieces, None)
        except Exception:
            _break_off(request)
            raise
    return response


async def _taken(response: web.StreamResponse, piece: bytes, stalled: float) -> bool:
    """Whether the client is still there. That it went away is its own affair and no fault."""
    try:
        async with asyncio.timeout(stalled):
            await response.write(piece)
    except (ConnectionError, TimeoutError):
        return False
    return True


def _break_off(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
