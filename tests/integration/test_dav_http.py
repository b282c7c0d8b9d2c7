"""A request to a calendar server is one request, for the very address, and nothing of it is kept for the next."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from services.calendar_sync.answers import Fault
from services.calendar_sync.caldav_client import DavServer
from services.calendar_sync.dav_http import DavHttp

WRITTEN = "/home/anna%40example.org/a%2Bb%20c%C3%A9/%7Ex.ics"


class Asked:
    """A server that notes what it is asked, and hands out a cookie."""

    def __init__(self) -> None:
        self.targets: list[str] = []
        self.headers: list[dict[str, str]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.targets.append(request.raw_path)
        self.headers.append(dict(request.headers))
        if request.raw_path == "/away":
            return web.Response(status=302, headers={"Location": "/elsewhere"})
        return web.Response(text="ok", headers={"Set-Cookie": "session=of-anna"})


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[tuple[Asked, str]]:
    asked = Asked()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", asked.answer)
    async with TestServer(app) as server:
        yield asked, str(server.make_url("")).rstrip("/")


@pytest.mark.parametrize("path", [WRITTEN, "/home/anna@example.org/a+b.ics", "/a//b/../c.ics?x=%3D%26"])
async def test_an_address_is_asked_for_as_it_is_written(path: str) -> None:
    async with serving() as (asked, origin), DavServer(origin) as server:
        await server.session().ask("GET", path)
    assert asked.targets == [path]


async def test_a_usual_client_would_ask_for_another_address() -> None:
    """The control: to some servers "%40" and "@" are two objects."""
    async with serving() as (asked, origin), aiohttp.ClientSession() as http, http.get(origin + WRITTEN):
        assert asked.targets == [URL(WRITTEN).raw_path] != [WRITTEN]


async def test_an_address_with_other_letters_is_encoded() -> None:
    async with serving() as (asked, origin), DavServer(origin) as server:
        await server.session().ask("GET", "/home/zoé/a b.ics")
    assert asked.targets == ["/home/zo%C3%A9/a%20b.ics"]


async def test_nothing_of_one_account_is_sent_for_another() -> None:
    async with serving() as (asked, origin), DavServer(origin) as server:
        await server.session("anna", "of anna").ask("GET", "/a.ics")
        await server.session("ben", "of ben").ask("GET", "/b.ics")
        await server.session().ask("GET", "/c.ics")
    assert all("Cookie" not in headers for headers in asked.headers)
    told = [headers.get("Authorization") for headers in asked.headers]
    assert len(set(told)) == 3
    assert told[2] is None
    assert {headers["Accept-Encoding"] for headers in asked.headers} == {"identity"}


async def test_nobody_is_sent_on() -> None:
    async with serving() as (asked, origin), DavServer(origin) as server:
        assert (await server.session().ask("PUT", "/away", b"x")).status == 302
    assert asked.targets == ["/away"]


async def test_connections_that_were_closed_are_made_again() -> None:
    async with serving() as (asked, origin):
        http = DavHttp(aiohttp.TCPConnector)
        for _ in range(2):
            assert (await http.request("GET", f"{origin}/a.ics")).text == "ok"
            await http.aclose()
        await http.aclose()
    assert len(asked.targets) == 2


async def test_a_header_cannot_be_smuggled_in_by_an_address() -> None:
    async with serving() as (asked, origin), DavServer(origin) as server:
        with contextlib.suppress(Fault):
            await server.session().ask("GET", "/a.ics HTTP/1.1\r\nX-Smuggled: yes\r\n\r\n")
    assert all("X-Smuggled" not in headers for headers in asked.headers)
    assert len(asked.targets) <= 1


async def test_a_server_that_was_let_go_makes_no_connection_any_more() -> None:
    async with serving() as (asked, origin):
        server = DavServer(origin)
        session = server.session()
        await session.ask("GET", "/a.ics")
        await server.close()
        with pytest.raises(Fault, match="was closed"):
            await session.ask("GET", "/b.ics")
    assert asked.targets == ["/a.ics"]
