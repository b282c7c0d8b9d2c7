"""HTTP clients that read and cost little: one connection each, kept alive, one request at a time, from one list for all."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ETAG = re.compile(rb"\r\netag: *([^\r]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Get:
    """A request. `etag` makes it conditional; `name` is the asker's own."""

    path: str
    etag: bytes = b""
    name: int = 0


@dataclass(frozen=True)
class Answered:
    """What came back for a request, when it was answered (time.perf_counter), and its size in bytes."""

    get: Get
    status: int
    etag: bytes
    at: float
    size: int


class _Reader(asyncio.Protocol):
    def __init__(self, host: str, gets: Iterator[Get], told: Callable[[Answered], None]) -> None:
        self._host, self._gets, self._told = host.encode(), gets, told
        self._received = b""
        self._get: Get | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._get = next(self._gets, None)
        if self._get is None:
            self._transport.close()
            return
        condition = b"If-None-Match: %b\r\n" % self._get.etag if self._get.etag else b""
        self._transport.write(
            b"GET %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (self._get.path.encode(), self._host, condition)
        )

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank or self._get is None:
            return
        status = int(head[9:12])
        length = _LENGTH.search(head)
        if status != 304 and (length is None or len(body) < int(length[1])):
            return
        etag = _ETAG.search(head)
        size, self._received = len(self._received), b""
        self._told(Answered(self._get, status, etag[1] if etag else b"", time.perf_counter(), size))
        self._ask()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            if self._get is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(ConnectionError("the connection was closed"))


async def read_all(url: str, gets: Iterator[Get], clients: int, told: Callable[[Answered], None]) -> None:
    """Sends all `gets` by so many clients, and tells of each answer."""
    address = urlsplit(url)
    readers = [_Reader(address.netloc, gets, told) for _ in range(clients)]
    loop = asyncio.get_running_loop()
    for reader in readers:
        await loop.create_connection(lambda made=reader: made, address.hostname or "", address.port or 80)  # type: ignore[misc]
    await asyncio.gather(*(reader.done for reader in readers))


async def rate(url: str, gets: Callable[[int], Get], clients: int, seconds: float, status: int) -> float:
    """Answers a second to `clients` clients that ask for so long. Raises AssertionError for another status."""
    end = time.perf_counter() + seconds
    answered = 0

    def asked() -> Iterator[Get]:
        number = 0
        while time.perf_counter() < end:
            yield gets(number)
            number += 1

    def told(one: Answered) -> None:
        nonlocal answered
        assert one.status == status, one
        answered += 1

    began = time.perf_counter()
    await read_all(url, asked(), clients, told)
    return answered / (time.perf_counter() - began)
