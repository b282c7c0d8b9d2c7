"""TLS in front of a plain server of the tests, with a certificate of tests.support.own_certificates."""

from __future__ import annotations

import asyncio
from typing import Self

from tests.support.own_certificates import server_context
from tests.support.tcp_proxy import TcpProxy


class TlsFront(TcpProxy):
    """Takes TLS on a free loopback port and forwards in the clear to `host:port`. Use as `async with`."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=server_context())
        return self
