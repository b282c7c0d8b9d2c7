"""Connections to addresses that somebody entered, by aiohttp: checked, and made to the very address that was checked.

The name is looked up once for each connection and the connection goes to what was found and judged, so that a name
that leads elsewhere a moment later (DNS rebinding) gains nothing. The certificate is still asked for by the name.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import NoReturn

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from shared.outward import HTTPS_ONLY, Address, AddressRule, NotPermitted, check_parsed

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
"""All addresses of a host, for a port. Raises OSError where it has none."""

_MOST_TRIED = 4
"""Of a host's addresses."""
_CONNECT_SECONDS = 10.0
"""For the look-up of a name, and for each attempt to connect, TLS with it."""
KEPT_ALIVE = 4.0
"""Seconds that a connection waits for the next request: Apache ends one after five, and what is sent just then is lost."""


class Refused(NotPermitted, aiohttp.ClientConnectionError):
    """NotPermitted as aiohttp tells it: to who knows aiohttp only, a connection that could not be made."""


class Broken(aiohttp.ClientConnectionError):
    """The connection ended before an answer came: whether the server did what it was asked is not known."""


def guarded_connector(
    rule: AddressRule,
    resolve: Resolve | None = None,
    ssl_context: ssl.SSLContext | None = None,
    *,
    connections: int = 100,
) -> aiohttp.BaseConnector:
    """Connections for `outward_session` that go where `rule` lets them; requests raise Refused otherwise.

    Every request is checked, so redirects may be followed. No proxy is used: it would connect in our stead, unchecked.
    `resolve` is the system's own unless given. `connections` bounds those with TLS and those without, each. To be
    called on the running loop.
    """
    return _Guarded(rule, resolve or _system, ssl_context or shared_ssl_context(), connections)


def outward_session(connector: aiohttp.BaseConnector, *, redirects: bool = False) -> aiohttp.ClientSession:
    """A session for servers that are not ours, guarded or not; it closes `connector` with itself.

    Nothing is kept between two requests, nothing taken from the environment, nothing unpacked, and nothing sent twice:
    a PUT with "If-None-Match: *" would be told 412 of its own success. Such requests raise Broken. No time limit holds
    for the whole of a request: callers set one. Without `redirects`, to be redirected raises aiohttp.TooManyRedirects,
    unless a request says `allow_redirects=False`.
    """
    tracing = aiohttp.TraceConfig()
    if not redirects:
        tracing.on_request_redirect.append(_redirected)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS),
        trust_env=False,
        auto_decompress=False,
        middlewares=(_once,),
        trace_configs=[] if redirects else [tracing],
    )


@functools.cache
def shared_ssl_context() -> ssl.SSLContext:
    """The context of all outward connections: making one takes longer than a request."""
    context = httpx.create_ssl_context()  # the certificates that the command line trusts too
    context.set_alpn_protocols(["http/1.1"])
    return context


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Of a connection that broke, aiohttp sends what is idempotent again, unless it is told another error."""
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise  # nothing was sent
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise Broken(str(error)) from error


async def _redirected(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, told: aiohttp.TraceRequestRedirectParams
) -> NoReturn:
    raise aiohttp.TooManyRedirects(told.response.request_info, (told.response,))


async def _system(host: str, port: int) -> list[Address]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))


class _Guarded(aiohttp.BaseConnector):
    """Two pools, as plain http may go to fewer places."""

    def __init__(self, rule: AddressRule, resolve: Resolve, context: ssl.SSLContext, connections: int) -> None:
        super().__init__(limit=connections)
        self._pools = {
            scheme: _pool(_Judge(rule, plain=scheme == "http"), resolve, context, connections)
            for scheme in ("https", "http")
        }

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        """A connection for this request, new or kept."""
        try:
            check_parsed(req.url)
        except NotPermitted as error:
            raise Refused(error.words) from None
        if req.proxy is not None:
            raise Refused()
        if timeout.sock_connect is None or timeout.sock_connect > _CONNECT_SECONDS:
            timeout = aiohttp.ClientTimeout(
                total=timeout.total,
                connect=timeout.connect,
                sock_read=timeout.sock_read,
                sock_connect=_CONNECT_SECONDS,
                ceil_threshold=timeout.ceil_threshold,
            )
        return await self._pools[req.url.scheme].connect(req, traces, timeout)

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Closes all connections."""
        await super().close(abort_ssl=abort_ssl)
        for pool in self._pools.values():
            await pool.close(abort_ssl=abort_ssl)


def _pool(judge: _Judge, resolve: Resolve, context: ssl.SSLContext, connections: int) -> aiohttp.TCPConnector:
    """Judges a name by all its addresses, and each address once more as its socket is made: a number in the URL is not
    looked up."""

    def judged(address: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, place = address
        judge([ipaddress.ip_address(place[0])])
        return socket.socket(family, kind, protocol)

    return aiohttp.TCPConnector(
        ssl=context,
        resolver=_Judging(judge, resolve),
        use_dns_cache=False,
        socket_factory=judged,
        limit=connections,
        keepalive_timeout=KEPT_ALIVE,
    )


class _Judge:
    """`plain`: without TLS, which only allowed networks may do without."""

    def __init__(self, rule: AddressRule, *, plain: bool) -> None:
        self._rule, self._plain = rule, plain

    def __call__(self, addresses: Iterable[Address]) -> None:
        """Raises Refused unless all of them are permitted."""
        addresses = list(addresses)
        if not all(map(self._rule.permitted, addresses)):
            raise Refused()
        if self._plain and not all(map(self._rule.allowed, addresses)):
            raise Refused(HTTPS_ONLY)  # of public addresses only: else it would tell which names our own network has


class _Judging(AbstractResolver):
    def __init__(self, judge: _Judge, resolve: Resolve) -> None:
        self._judge, self._resolve = judge, resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The first of the host's addresses, once all of them are permitted. Raises Refused, OSError, TimeoutError."""
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                addresses = await self._resolve(host, port)
        except UnicodeError as error:
            raise OSError(errno.EINVAL, "the name is none") from error
        self._judge(addresses)
        if not addresses:
            raise OSError(errno.EADDRNOTAVAIL, "the name leads nowhere")
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses[:_MOST_TRIED]
        ]

    async def close(self) -> None:
        """It holds nothing."""
