"""HTTP for `caldav`: what its asynchronous client asks of httpx, answered by aiohttp, which costs a tenth.

One call is one request. Nothing is followed, unpacked or kept between two requests, and an answer has a largest size.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from shared.outward_aiohttp import outward_session

LARGEST_ANSWER = 4 * 1024 * 1024
"""Bytes of an answer that are read at the most: a list of about ten thousand objects. As XML it takes forty times as much
memory."""

LARGEST_RECEIPT = 256 * 1024
"""The same of an answer that has nothing to tell but how a write went: it is taken for XML all the same."""

READS = frozenset({"GET", "PROPFIND", "REPORT"})

_AS_WRITTEN = re.compile(r"[!-~]+")


class TooLarge(Exception):
    """The answer is larger than anything a calendar server has to say to us."""


class Compressed(ValueError):
    """The answer is compressed, although we take none: of a few kilobytes become gigabytes."""


@dataclass(frozen=True, slots=True)
class Received:
    """An answer as `caldav` reads one of httpx."""

    status_code: int
    reason_phrase: str
    headers: Mapping[str, str]
    content: bytes
    url: str

    @property
    def text(self) -> str:
        """The body, always as UTF-8: a server may name any of Python's codecs, and some of those unpack, or take the
        square of the length."""
        return self.content.decode(errors="replace")


class DavHttp:
    """A session for `caldav`; `connector` makes its connections, once there is a running loop."""

    def __init__(self, connector: Callable[[], aiohttp.BaseConnector]) -> None:
        self._connector = connector
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        url: str,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        auth: None = None,
        timeout: float | None = None,
    ) -> Received:
        """One request and its answer. Raises TooLarge, Compressed, and what aiohttp raises."""
        if self._session is None:
            self._session = outward_session(self._connector())
        # An address is asked for as the server wrote it: "%40" and "@" may be two objects to it.
        address = URL(url, encoded=_AS_WRITTEN.fullmatch(url) is not None)
        told = {"Accept-Encoding": "identity", **(headers or {})}  # what arrives is as large as it says
        async with self._session.request(
            method, address, data=content, headers=told, allow_redirects=False
        ) as response:
            if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("identity", ""):
                response.close()  # what else is on its way is not read
                raise Compressed
            body = await _read(response, LARGEST_ANSWER if method in READS else LARGEST_RECEIPT)
            return Received(response.status, response.reason or "", response.headers, body, url)

    async def aclose(self) -> None:
        """Closes the connections; a later request makes new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > most:
            response.close()
            raise TooLarge
        parts.append(part)
    return b"".join(parts)
