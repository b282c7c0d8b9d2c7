"""HTTP clients that cost little: they share the machine with what they measure. One connection each, one request at a time."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from tests.benchmarks.agenda import SESSION

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class _Client(asyncio.Protocol):
    """Posts the next of `bodies` as soon as the one before is answered with 201, to their end."""

    def __init__(self, host: str, bodies: Iterator[bytes], seconds: list[float]) -> None:
        self._host, self._bodies, self._seconds = host, bodies, seconds
        self._received = b""
        self._started = 0.0
        self._over = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        body = next(self._bodies, None)
        if body is None:
            self._over = True
            self._transport.close()
            return
        head = f"POST /api/v1/registrations HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
        self._started = time.perf_counter()
        self._transport.write(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not blank or length is None or len(body) < int(length[1]):
            return
        if not head.startswith(b"HTTP/1.1 201"):
            self.done.set_exception(AssertionError(self._received[:2000].decode(errors="replace")))
            self._transport.close()
            return
        self._received = b""
        self._seconds.append(time.perf_counter() - self._started)
        self._ask()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            if self._over:
                self.done.set_result(None)
            else:
                self.done.set_exception(ConnectionError("the connection was closed"))


async def ask_for(seconds: float, urls: Sequence[str], clients: int, prefix: str) -> list[float]:
    """The seconds of each answer to `clients` clients that are spread over `urls` and ask for `seconds` seconds."""
    took: list[float] = []
    end = time.perf_counter() + seconds

    def bodies(name: str) -> Iterator[bytes]:
        asked = 0
        while time.perf_counter() < end:
            asked += 1
            person = {"name": f"Person {asked}", "email": f"{name}-{asked}@example.org"}
            yield json.dumps({"event_id": "milipol-2019", "person": person, "sessions": [SESSION]}).encode()

    await asyncio.gather(
        *(_ask(urls[number % len(urls)], bodies(f"{prefix}-{number}"), took) for number in range(clients))
    )
    return took


async def ask_each(url: str, bodies: Iterable[bytes], clients: int) -> list[float]:
    """The seconds of each answer to `clients` clients that post all `bodies`, each once."""
    took: list[float] = []
    left = iter(bodies)
    await asyncio.gather(*(_ask(url, left, took) for _ in range(clients)))
    return took


async def _ask(url: str, bodies: Iterator[bytes], took: list[float]) -> None:
    address = urlsplit(url)
    client = _Client(address.netloc, bodies, took)
    await asyncio.get_running_loop().create_connection(lambda: client, address.hostname or "", address.port or 80)
    await client.done
