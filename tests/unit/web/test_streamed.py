"""An answer that is sent piece by piece: whole or seen to be broken off, and ended with its client."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import BaseTestServer, TestServer
from structlog.testing import capture_logs

from shared.web import streamed as module
from shared.web.app import make_app
from shared.web.streamed import streamed
from tests.conftest import MakeSettings
from tests.support.waiting import until

PIECE = b"0123456789abcdef" * 4096
"""More than a server puts aside before it waits for the client."""


@dataclass
class Source:
    """Makes pieces: so many, or without end; fails before the piece `fails_at`."""

    pieces: int | None = 3
    fails_at: int | None = None
    made: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> AsyncGenerator[bytes, None]:
        try:
            while self.pieces is None or self.made < self.pieces:
                await asyncio.sleep(0)
                if self.made == self.fails_at:
                    raise RuntimeError("no more")
                self.made += 1
                yield PIECE
        finally:
            self.ended.set()


@contextlib.asynccontextmanager
async def serving(settings: MakeSettings, source: Source, stalled: float = 60) -> AsyncIterator[BaseTestServer]:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/csv; charset=utf-8"})
        return await streamed(request, response, source.run(), stalled)

    async with TestServer(make_app(settings(), [web.get("/", handle)], {}, {})) as server:
        yield server


async def test_all_pieces_come_with_the_correlation_id_of_the_request(settings: MakeSettings) -> None:
    source, headers = Source(), {"X-Correlation-Id": "of-the-test"}
    async with (
        serving(settings, source) as server,
        ClientSession() as http,
        http.get(server.make_url("/"), headers=headers) as answer,
    ):
        assert await answer.read() == PIECE * 3
        assert answer.headers["X-Correlation-Id"] == "of-the-test"
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert source.ended.is_set()


async def test_head_is_answered_without_making_anything(settings: MakeSettings) -> None:
    source = Source()
    async with serving(settings, source) as server, ClientSession() as http:
        for _ in range(2):  # the connection is good for more
            async with http.head(server.make_url("/"), headers={"X-Correlation-Id": "of-the-test"}) as answer:
                assert (answer.status, await answer.read()) == (200, b"")
                assert answer.headers["X-Correlation-Id"] == "of-the-test"
    assert source.made == 0


async def test_what_fails_before_the_first_piece_is_told_as_any_error(settings: MakeSettings) -> None:
    async with (
        serving(settings, Source(fails_at=0)) as server,
        ClientSession() as http,
        http.get(server.make_url("/")) as answer,
    ):
        assert answer.status == 500
        assert (await answer.json(content_type=None))["type"] == "urn:lectern:problem:fault"


async def as_sent(server: BaseTestServer) -> bytes:
    """All bytes of the answer, as they come through the wire, up to where another answer begins."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: lectern.test\r\n\r\n")
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while b"HTTP/1.1 500" not in received and (more := await reader.read(65536)):
            received += more
    writer.close()
    return received


async def test_what_fails_later_breaks_off_so_that_nobody_takes_a_part_for_the_whole(settings: MakeSettings) -> None:
    with capture_logs() as logged:
        async with serving(settings, Source(fails_at=2)) as server:
            received = await as_sent(server)
        async with serving(settings, Source(fails_at=2)) as server, ClientSession() as http:
            with pytest.raises(aiohttp.ClientError):
                async with http.get(server.make_url("/")) as answer:
                    await answer.read()
    assert received.startswith(b"HTTP/1.1 200")
    assert not received.endswith(b"0\r\n\r\n"), "no end is told"
    assert b"HTTP/1.1 500" not in received, "nothing else is in the middle of a table"
    assert [line["event"] for line in logged].count("http_request_failed") == 2


async def test_control_without_breaking_off_the_error_stands_in_the_middle(
    settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_break_off", lambda request: None)
    async with serving(settings, Source(fails_at=2)) as server:
        assert b"HTTP/1.1 500" in await as_sent(server)


async def test_a_client_that_goes_away_ends_the_pieces_and_is_no_fault(settings: MakeSettings) -> None:
    source = Source(pieces=None)
    with capture_logs() as logged:
        async with serving(settings, source) as server:
            reader, writer = await asyncio.open_connection(server.host, server.port)
            writer.write(b"GET / HTTP/1.1\r\nHost: lectern.test\r\n\r\n")
            await reader.readexactly(1000)
            writer.transport.abort()
            await asyncio.wait_for(source.ended.wait(), 10)
            await until(lambda: any(line["event"] == "http_request" for line in logged), what="the request's line")
    assert [line["event"] for line in logged if line["log_level"] in ("warning", "error")] == []


async def test_a_client_that_takes_nothing_is_broken_off(settings: MakeSettings) -> None:
    source = Source(pieces=None)
    async with serving(settings, source, stalled=0.1) as server:
        with socket.create_connection((server.host, server.port or 0)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: lectern.test\r\n\r\n")
            await asyncio.wait_for(source.ended.wait(), 10)
