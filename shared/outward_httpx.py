"""Connections to addresses that somebody entered, by httpx: checked, and made to the very address that was checked.

The name is looked up once for each connection and the connection goes to what was found and judged, so that a name
that leads elsewhere a moment later (DNS rebinding) gains nothing. The certificate is still asked for by the name.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import httpcore
import httpx

from shared.outward import HTTPS_ONLY, Address, AddressRule, NotPermitted, check_url

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
"""All addresses of a host, for a port. Raises OSError where it has none."""

_MOST_TRIED = 4
"""Of a host's addresses; each has its share of the time to connect."""
_CONNECT_SECONDS = 10.0


class Refused(NotPermitted, httpx.ConnectError):
    """NotPermitted as httpx tells it: to who knows httpx only, a connection that could not be made."""


def guarded_transport(
    rule: AddressRule, resolve: Resolve | None = None, ssl_context: ssl.SSLContext | None = None
) -> httpx.AsyncBaseTransport:
    """A transport for httpx.AsyncClient that goes where `rule` lets it; requests raise Refused otherwise.

    Every request is checked, so the client may follow redirects. No proxy is used, whatever the environment says:
    a proxy would connect in our stead, unchecked. `resolve` is the system's own unless given.
    """
    return _Guarded(rule, resolve or _system, ssl_context or shared_ssl_context())


@functools.cache
def shared_ssl_context() -> ssl.SSLContext:
    """The context of all outward connections: making one takes longer than a request."""
    return httpx.create_ssl_context()


async def _system(host: str, port: int) -> list[Address]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))


class _Guarded(httpx.AsyncBaseTransport):
    """Two pools, as plain http may go to fewer places."""

    def __init__(self, rule: AddressRule, resolve: Resolve, context: ssl.SSLContext) -> None:
        self._pools = {
            "https": _Pool(_Backend(rule, resolve, plain=False), context),
            "http": _Pool(_Backend(rule, resolve, plain=True), context),
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            check_url(str(request.url))
        except NotPermitted as error:
            raise Refused(error.words) from None
        return await self._pools[request.url.scheme].handle_async_request(request)

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()


class _Pool(httpx.AsyncHTTPTransport):
    """httpx' own transport on a pool with our backend: it has no argument for one."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend, context: ssl.SSLContext) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=backend,
        )


class _Backend(httpcore.AsyncNetworkBackend):
    """Looks up, judges, connects to what was judged. `plain`: without TLS, which only allowed networks may do without."""

    def __init__(self, rule: AddressRule, resolve: Resolve, *, plain: bool) -> None:
        self._rule, self._resolve, self._plain = rule, resolve, plain
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first of the host's addresses that takes one, once all of them are permitted."""
        deadline = time.monotonic() + (_CONNECT_SECONDS if timeout is None else timeout)
        addresses = await self._addresses(host, port, deadline)
        if not all(map(self._rule.permitted, addresses)):
            raise Refused()
        if self._plain and not all(map(self._rule.allowed, addresses)):
            raise Refused(HTTPS_ONLY)  # of public addresses only: else it would tell which names our own network has
        tried = addresses[:_MOST_TRIED]
        for place, address in enumerate(tried):
            share = max(0.0, deadline - time.monotonic()) / (len(tried) - place)
            try:
                return await self._inner.connect_tcp(str(address), port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if place == len(tried) - 1:
                    raise
        raise httpcore.ConnectError(f"no address for port {port}")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise Refused()

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)

    async def _addresses(self, host: str, port: int, deadline: float) -> Sequence[Address]:
        try:
            return [ipaddress.ip_address(host)]
        except ValueError:
            pass  # a name
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                return await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the name was not found in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name leads nowhere") from error
