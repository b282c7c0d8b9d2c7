"""Connections to entered addresses reach what was checked, whatever names, redirects and proxies say meanwhile."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Sequence

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from shared import outward_aiohttp
from shared.outward import HTTPS_ONLY, UNREACHABLE, Address, AddressRule, NotPermitted
from shared.outward_aiohttp import Broken, Refused, guarded_connector, outward_session, shared_ssl_context
from tests.support.own_certificates import client_context, server_context

FRIEND, SECRET = "127.0.0.2", "127.0.0.1"
FRIENDLY = AddressRule((ipaddress.ip_network(f"{FRIEND}/32"),))
"""In these tests 127.0.0.2 plays the internet and 127.0.0.1 our own network."""


class Site:
    """The same port on both addresses, which say who they are; `reached` are the addresses that were asked."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        self.port, self.scheme = 0, "http"
        self.location: str | None = None
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.1)

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        self.reached.append(request.transport.get_extra_info("sockname")[0])
        headers = {"Connection": "close"}  # so that every request makes a connection of its own
        if self.location and request.path == "/":
            return web.Response(status=302, headers={**headers, "Location": self.location})
        return web.Response(text=self.reached[-1], headers=headers)

    async def start(self, *, tls: bool) -> None:
        await self._runner.setup()
        context, self.scheme = (server_context(), "https") if tls else (None, "http")
        for address in (FRIEND, SECRET):
            await web.TCPSite(self._runner, address, self.port, ssl_context=context).start()
            self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self._runner.cleanup()


@pytest.fixture(params=[True, False], ids=["https", "http"])
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    one = Site()
    await one.start(tls=request.param)
    yield one
    await one.stop()


class Rebinding:
    """A name that leads to the next of `answers` each time it is asked, and to the last for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [ipaddress.ip_address(one) for one in answer]


def client(resolve: Rebinding, rule: AddressRule = FRIENDLY, *, redirects: bool = False) -> aiohttp.ClientSession:
    return outward_session(guarded_connector(rule, resolve, client_context()), redirects=redirects)


def strict() -> aiohttp.ClientSession:
    """May go to the internet alone, by the system's resolver."""
    return outward_session(guarded_connector(AddressRule()))


async def text(http: aiohttp.ClientSession, address: str) -> str:
    async with http.get(address) as answer:
        return await answer.text()


def url(site: Site, host: str = "example.org", path: str = "/x") -> str:
    return f"{site.scheme}://{host}:{site.port}{path}"


class Unpinned(AbstractResolver):
    """The control: the name is looked up and judged, and then connected to by name, which looks it up again."""

    def __init__(self, resolve: Rebinding) -> None:
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        assert all(map(FRIENDLY.permitted, await self._resolve(host, port)))
        [address] = await self._resolve(host, port)
        return [ResolveResult(hostname=host, host=str(address), port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        pass


async def test_a_name_that_changes_after_it_was_checked_gains_nothing(site: Site) -> None:
    resolve = Rebinding([FRIEND], [SECRET])
    async with client(resolve) as http:
        assert await text(http, url(site)) == FRIEND
        assert resolve.asked == 1
        with pytest.raises(Refused):
            await text(http, url(site))
    assert site.reached == [FRIEND]


async def test_control_without_pinning_the_same_name_reaches_our_network(site: Site) -> None:
    resolver = Unpinned(Rebinding([FRIEND], [SECRET]))
    connector = aiohttp.TCPConnector(ssl=client_context(), resolver=resolver, use_dns_cache=False)
    async with outward_session(connector) as http:
        await text(http, url(site))
    assert site.reached == [SECRET]


async def test_one_forbidden_address_among_several_is_enough_to_stay_away(site: Site) -> None:
    for answer in ([FRIEND, SECRET], [SECRET, FRIEND], ["8.8.8.8", "::1"]):
        async with client(Rebinding(answer)) as http:
            with pytest.raises(Refused):
                await text(http, url(site))
    assert site.reached == []


async def test_the_next_address_is_tried_where_the_first_takes_no_connection(site: Site) -> None:
    rule = AddressRule((ipaddress.ip_network("127.0.0.0/8"),))
    async with client(Rebinding(["127.0.0.3", FRIEND]), rule) as http:
        assert await text(http, url(site)) == FRIEND


@pytest.mark.parametrize("private", [SECRET, "localhost", "[::1]", "127.0.0.1.", "2130706433", "127.1", "0x7f.1"])
async def test_a_redirect_to_our_network_is_not_followed(site: Site, private: str) -> None:
    site.location = url(site, private, "/secret")
    async with client(Rebinding([FRIEND], [SECRET]), redirects=True) as http:
        with pytest.raises(NotPermitted):
            await text(http, url(site, path="/"))
    assert site.reached == [FRIEND]


async def test_control_an_unguarded_client_follows_the_redirect(site: Site) -> None:
    site.location = url(site, SECRET, "/secret")
    async with (
        outward_session(aiohttp.TCPConnector(ssl=client_context()), redirects=True) as http,
        http.get(url(site, FRIEND, "/"), server_hostname="example.org") as answer,
    ):
        assert await answer.text() == SECRET
    assert site.reached == [FRIEND, SECRET]


async def test_no_redirect_is_followed_unless_that_was_asked_for(site: Site) -> None:
    site.location = url(site, path="/elsewhere")
    async with client(Rebinding([FRIEND])) as http:
        with pytest.raises(aiohttp.TooManyRedirects):
            await text(http, url(site, path="/"))
        async with http.get(url(site, path="/"), allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (302, site.location)
    assert site.reached == [FRIEND, FRIEND]
    async with client(Rebinding([FRIEND]), redirects=True) as http:
        assert await text(http, url(site, path="/")) == FRIEND
    assert len(site.reached) == 4


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "[::1]", "127.1", "0x7f000001", "2130706433", "0", "localhost.", "[::ffff:127.0.0.1]"]
)  # fmt: skip
async def test_our_own_names_and_numbers_lead_nowhere_with_the_systems_resolver(site: Site, host: str) -> None:
    async with strict() as http:
        with pytest.raises(aiohttp.ClientConnectionError):  # Refused, or a name that this machine does not know
            await text(http, url(site, host))
    assert site.reached == []


async def test_the_certificate_is_asked_for_by_name() -> None:
    site = Site()
    await site.start(tls=True)
    try:
        async with client(Rebinding([FRIEND])) as http:
            assert await text(http, url(site)) == FRIEND
            with pytest.raises(aiohttp.ClientConnectorCertificateError, match="Hostname mismatch"):
                await text(http, url(site, "unknown.example"))
    finally:
        await site.stop()


async def test_plain_http_goes_to_allowed_networks_only() -> None:
    resolve = Rebinding(["8.8.8.8"])
    async with client(resolve) as http:
        with pytest.raises(Refused) as caught:
            await text(http, "http://example.org/")
    assert (caught.value.words, resolve.asked) == (HTTPS_ONLY, 1)


async def test_without_tls_a_name_of_our_own_network_is_refused_like_one_that_is_not_there() -> None:
    async with client(Rebinding(["172.18.0.3"])) as http:
        with pytest.raises(Refused) as inside:
            await text(http, "http://mongo/")
    assert inside.value.words == UNREACHABLE
    async with client(Rebinding(["8.8.8.8"])) as http:
        with pytest.raises(Refused) as public:
            await text(http, "http://example.org/")
    assert public.value.words == HTTPS_ONLY, "the control: there the remedy is told"


async def test_a_redirect_from_https_to_http_is_refused_on_the_internet(site: Site) -> None:
    site.location = f"http://elsewhere.example.org:{site.port}/"
    async with client(Rebinding([FRIEND], ["8.8.8.8"]), redirects=True) as http:
        with pytest.raises(Refused, match="https"):
            await text(http, url(site, path="/"))
    assert site.reached == [FRIEND]


async def test_no_proxy_of_the_environment_is_asked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://{SECRET}:{site.port}")
    async with client(Rebinding([FRIEND])) as http:
        assert await text(http, url(site)) == FRIEND
    assert site.reached == [FRIEND]


async def test_a_number_in_the_address_is_judged_although_it_is_not_looked_up(site: Site) -> None:
    async with client(Rebinding([FRIEND])) as http:
        with pytest.raises(Refused):
            await text(http, url(site, SECRET))
    assert site.reached == []


async def test_control_a_connector_that_judges_names_alone_reaches_a_number(site: Site) -> None:
    connector = aiohttp.TCPConnector(ssl=client_context(), resolver=Unpinned(Rebinding([FRIEND])))
    async with (
        outward_session(connector) as http,
        http.get(url(site, SECRET), server_hostname="example.org") as answer,
    ):
        assert await answer.text() == SECRET


async def test_a_proxy_is_not_connected_to_in_the_stead_of_the_host(site: Site) -> None:
    async with client(Rebinding([FRIEND])) as http:
        with pytest.raises(Refused):
            await http.get(url(site), proxy=f"http://{SECRET}:{site.port}")
    assert site.reached == []


async def test_no_more_than_four_addresses_of_a_name_are_tried(site: Site) -> None:
    rule, dead = AddressRule((ipaddress.ip_network("127.0.0.0/8"),)), [f"127.0.0.{n}" for n in range(11, 15)]
    async with client(Rebinding([*dead, FRIEND]), rule) as http:
        with pytest.raises(aiohttp.ClientConnectorError):
            await text(http, url(site))
    async with client(Rebinding([*dead[1:], FRIEND]), rule) as http:
        assert await text(http, url(site)) == FRIEND, "the control"


async def test_a_name_that_leads_nowhere_or_never_is_a_connection_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nowhere(host: str, port: int) -> Sequence[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    async def empty(host: str, port: int) -> Sequence[Address]:
        return []

    async def no_name(host: str, port: int) -> Sequence[Address]:
        raise UnicodeEncodeError("idna", host, 0, 1, "label too long")

    async def never(host: str, port: int) -> Sequence[Address]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(outward_aiohttp, "_CONNECT_SECONDS", 0.05)
    unknown = aiohttp.ClientConnectorDNSError
    for resolve, kind in ((nowhere, unknown), (empty, unknown), (no_name, unknown), (never, TimeoutError)):
        async with outward_session(guarded_connector(AddressRule(), resolve)) as http:
            with pytest.raises(kind) as caught:
                await http.get("https://example.org/")
        assert isinstance(caught.value, aiohttp.ClientConnectionError)
        assert not isinstance(caught.value, NotPermitted)


async def test_a_server_that_never_greets_is_given_up_whatever_the_caller_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outward_aiohttp, "_CONNECT_SECONDS", 0.05)
    listening = socket.create_server((FRIEND, 0))  # takes connections, and says no word of TLS
    try:
        async with client(Rebinding([FRIEND])) as http:
            with pytest.raises(aiohttp.ConnectionTimeoutError):
                await http.get(f"https://example.org:{listening.getsockname()[1]}/", timeout=aiohttp.ClientTimeout())
    finally:
        listening.close()


async def test_a_refusal_is_to_aiohttp_a_connection_that_failed() -> None:
    async with strict() as http:
        with pytest.raises(aiohttp.ClientConnectionError) as caught:
            await http.get("https://[::1]/")
    assert isinstance(caught.value, Refused)
    assert str(caught.value) == caught.value.words == UNREACHABLE
    assert shared_ssl_context() is shared_ssl_context()


class Leaving:
    """Answers the first request of a connection, and goes away once it has read the second; counts what it reads."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for place in range(2):
                head = await reader.readuntil(b"\r\n\r\n")
                self.seen.append(head.decode().partition(" ")[0])
                if place == 0:
                    cookie = b"Set-Cookie: who=anna\r\n"
                    writer.write(b"HTTP/1.1 201 Created\r\n" + cookie + b"Content-Length: 0\r\n\r\n")
                    assert b"cookie" not in head.lower()
        except asyncio.IncompleteReadError:
            pass  # the client went first
        finally:
            writer.close()


async def put_twice(http: aiohttp.ClientSession, port: int) -> int:
    """The status of the second PUT, on a connection that breaks."""
    status = 0
    for _ in range(2):
        async with http.put(f"http://{FRIEND}:{port}/x", headers={"If-None-Match": "*"}) as answer:
            status = answer.status
    return status


@pytest.mark.parametrize("guarded", [True, False])
async def test_nothing_is_sent_twice_when_a_connection_breaks(guarded: bool) -> None:
    leaving = Leaving()
    async with await asyncio.start_server(leaving, FRIEND, 0) as server:
        connector = guarded_connector(FRIENDLY) if guarded else aiohttp.TCPConnector()
        async with outward_session(connector) as http:
            with pytest.raises(Broken):
                await put_twice(http, server.sockets[0].getsockname()[1])
            assert not list(http.cookie_jar)
    assert leaving.seen == ["PUT", "PUT"]


async def test_control_a_session_of_aiohttps_own_sends_it_again() -> None:
    leaving = Leaving()
    async with (
        await asyncio.start_server(leaving, FRIEND, 0) as server,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        assert await put_twice(http, server.sockets[0].getsockname()[1]) == 201
    assert leaving.seen == ["PUT", "PUT", "PUT"]
