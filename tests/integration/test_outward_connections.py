"""Connections to entered addresses reach what was checked, whatever names, redirects and proxies say meanwhile."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import httpcore
import httpx
import pytest
from aiohttp import web

from shared.outward import HTTPS_ONLY, UNREACHABLE, Address, AddressRule, NotPermitted
from shared.outward_httpx import Refused, guarded_transport, shared_ssl_context
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


def client(resolve: Rebinding, rule: AddressRule = FRIENDLY, **rest: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=guarded_transport(rule, resolve, client_context()), **rest)


def url(site: Site, host: str = "example.org", path: str = "/x") -> str:
    return f"{site.scheme}://{host}:{site.port}{path}"


class Unpinned(httpcore.AsyncNetworkBackend):
    """The control: the name is looked up and judged, and then connected to by name, which looks it up again."""

    def __init__(self, resolve: Rebinding) -> None:
        self._resolve, self._inner = resolve, httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        assert all(map(FRIENDLY.permitted, await self._resolve(host, port)))
        [address] = await self._resolve(host, port)
        return await self._inner.connect_tcp(str(address), port, timeout, local_address, socket_options)


async def test_a_name_that_changes_after_it_was_checked_gains_nothing(site: Site) -> None:
    resolve = Rebinding([FRIEND], [SECRET])
    async with client(resolve) as http:
        assert (await http.get(url(site))).text == FRIEND
        assert resolve.asked == 1
        with pytest.raises(Refused):
            await http.get(url(site))
    assert site.reached == [FRIEND]


async def test_control_without_pinning_the_same_name_reaches_our_network(site: Site) -> None:
    async with httpcore.AsyncConnectionPool(
        ssl_context=client_context(), network_backend=Unpinned(Rebinding([FRIEND], [SECRET]))
    ) as pool:
        await pool.request("GET", url(site))
    assert site.reached == [SECRET]


async def test_one_forbidden_address_among_several_is_enough_to_stay_away(site: Site) -> None:
    for answer in ([FRIEND, SECRET], [SECRET, FRIEND], ["8.8.8.8", "::1"]):
        async with client(Rebinding(answer)) as http:
            with pytest.raises(Refused):
                await http.get(url(site))
    assert site.reached == []


async def test_the_next_address_is_tried_where_the_first_takes_no_connection(site: Site) -> None:
    rule = AddressRule((ipaddress.ip_network("127.0.0.0/8"),))
    async with client(Rebinding(["127.0.0.3", FRIEND]), rule) as http:
        assert (await http.get(url(site))).text == FRIEND


@pytest.mark.parametrize("private", [SECRET, "localhost", "[::1]", "127.0.0.1.", "2130706433", "127.1", "0x7f.1"])
async def test_a_redirect_to_our_network_is_not_followed(site: Site, private: str) -> None:
    site.location = url(site, private, "/secret")
    async with client(Rebinding([FRIEND], [SECRET]), follow_redirects=True) as http:
        with pytest.raises(NotPermitted):
            await http.get(url(site, path="/"))
    assert site.reached == [FRIEND]


async def test_control_an_unguarded_client_follows_the_redirect(site: Site) -> None:
    site.location = url(site, SECRET, "/secret")
    context = client_context()
    async with httpx.AsyncClient(verify=context, follow_redirects=True, trust_env=False) as http:
        await http.get(url(site, FRIEND, "/"), extensions={"sni_hostname": "example.org"})
    assert site.reached == [FRIEND, SECRET]


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "[::1]", "127.1", "0x7f000001", "2130706433", "0", "localhost.", "[::ffff:127.0.0.1]"]
)  # fmt: skip
async def test_our_own_names_and_numbers_lead_nowhere_with_the_systems_resolver(site: Site, host: str) -> None:
    async with httpx.AsyncClient(transport=guarded_transport(AddressRule())) as http:
        with pytest.raises(httpx.ConnectError):  # Refused, or a name that this machine does not know
            await http.get(url(site, host))
    assert site.reached == []


async def test_the_certificate_is_asked_for_by_name() -> None:
    site = Site()
    await site.start(tls=True)
    try:
        async with client(Rebinding([FRIEND])) as http:
            assert (await http.get(url(site))).status_code == 200
            with pytest.raises(httpx.ConnectError, match="Hostname mismatch"):
                await http.get(url(site, "unknown.example"))
    finally:
        await site.stop()


async def test_plain_http_goes_to_allowed_networks_only() -> None:
    resolve = Rebinding(["8.8.8.8"])
    async with client(resolve) as http:
        with pytest.raises(Refused) as caught:
            await http.get("http://example.org/")
    assert (caught.value.words, resolve.asked) == (HTTPS_ONLY, 1)


async def test_without_tls_a_name_of_our_own_network_is_refused_like_one_that_is_not_there() -> None:
    async with client(Rebinding(["172.18.0.3"])) as http:
        with pytest.raises(Refused) as inside:
            await http.get("http://mongo/")
    assert inside.value.words == UNREACHABLE
    async with client(Rebinding(["8.8.8.8"])) as http:
        with pytest.raises(Refused) as public:
            await http.get("http://example.org/")
    assert public.value.words == HTTPS_ONLY, "the control: there the remedy is told"


async def test_a_redirect_from_https_to_http_is_refused_on_the_internet(site: Site) -> None:
    site.location = f"http://elsewhere.example.org:{site.port}/"
    async with client(Rebinding([FRIEND], ["8.8.8.8"]), follow_redirects=True) as http:
        with pytest.raises(Refused, match="https"):
            await http.get(url(site, path="/"))
    assert site.reached == [FRIEND]


async def test_no_proxy_of_the_environment_is_asked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://{SECRET}:{site.port}")
    async with client(Rebinding([FRIEND])) as http:
        assert (await http.get(url(site))).text == FRIEND
    assert site.reached == [FRIEND]


async def test_a_name_that_leads_nowhere_or_never_is_a_connection_that_failed() -> None:
    async def nowhere(host: str, port: int) -> Sequence[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    async def never(host: str, port: int) -> Sequence[Address]:
        await asyncio.Event().wait()
        return []

    for resolve, kind in ((nowhere, httpx.ConnectError), (never, httpx.ConnectTimeout)):
        async with httpx.AsyncClient(transport=guarded_transport(AddressRule(), resolve), timeout=0.05) as http:
            with pytest.raises(kind) as caught:
                await http.get("https://example.org/")
        assert not isinstance(caught.value, NotPermitted)


async def test_a_refusal_is_to_httpx_a_connection_that_failed() -> None:
    async with httpx.AsyncClient(transport=guarded_transport(AddressRule())) as http:
        with pytest.raises(httpx.ConnectError) as caught:
            await http.get("https://[::1]/")
    assert str(caught.value) == UNREACHABLE
    assert shared_ssl_context() is shared_ssl_context()
