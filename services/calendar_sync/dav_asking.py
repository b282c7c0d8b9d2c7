"""One question to a server that an attendee named: bounded in time and size, its redirects followed with care."""

from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from services.calendar_sync.discovery_failed import DiscoveryFailed, Reason, is_icloud, refuse_known
from services.calendar_sync.multistatus import NotMultistatus, Resource, read_multistatus
from services.calendar_sync.service_location import Entered, host_of
from shared.outward import HTTPS_ONLY, NotPermitted, check_url

_MOST_REDIRECTS = 5
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_IN_NO_URL = re.compile(r'[\s"<>`{}]')
_LOGIN = re.compile(r"log-?in|sign-?in|\bsso\b|saml|oauth|\bauth", re.IGNORECASE)


@dataclass(frozen=True)
class Limits:
    """How long (seconds) and how much one server may take of us."""

    request_seconds: float = 20.0
    whole_seconds: float = 60.0
    most_bytes: int = 2_000_000


@dataclass(frozen=True)
class Reply:
    """An answer that is no redirect, and the address that gave it."""

    url: str
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def host(self) -> str:
        """Who answered."""
        return host_of(self.url)


class Asking:
    """Asks in the name of the attendee; the password goes to the site that the attendee named and to no other.

    `http` is a session on a guarded connector (shared/outward_aiohttp.py), without cookies: it may serve many attendees.
    """

    def __init__(self, http: aiohttp.ClientSession, entered: Entered, password: str, limits: Limits) -> None:
        self._http, self._entered, self._limits = http, entered, limits
        self._headers = {
            "User-Agent": "Lectern (calendar)",
            "Accept-Encoding": "identity",  # so that what arrives is as long as it says
        }
        if entered.username is not None:
            pair = f"{entered.username}:{password}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair).decode('ascii')}"

    async def properties(self, url: str, question: bytes, depth: int) -> tuple[str, list[Resource]]:
        """The answer to a PROPFIND (RFC 4918, section 9.1) and its address. Raises DiscoveryFailed."""
        headers = {"Depth": str(depth), "Content-Type": "application/xml; charset=utf-8"}
        reply = await self.ask("PROPFIND", url, question, headers)
        if reply.status == 207:
            try:
                return reply.url, read_multistatus(reply.body)
            except NotMultistatus:
                raise DiscoveryFailed(Reason.UNREADABLE, host=reply.host) from None
        raise _refusal(reply)

    async def ask(self, method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Reply:
        """The answer, redirects followed. Raises DiscoveryFailed where there is none that may be had."""
        for _ in range(_MOST_REDIRECTS + 1):
            reply = await self._once(method, url, body, headers or {})
            if not 300 <= reply.status < 400 or "Location" not in reply.headers:
                return reply
            url = self._next(reply)
        raise DiscoveryFailed(Reason.NOT_ANSWERING, host=reply.host)

    def link(self, base: str, href: str) -> str:
        """The address that `href` in the answer of `base` means. Raises DiscoveryFailed where it is of another site."""
        here, host = URL(base, encoded=True), host_of(base)
        try:
            there = URL(_joined(base, href), encoded=True)
            if there.raw_host == host and there.scheme == "http" != here.scheme:
                # Behind a proxy that ends TLS, servers write http:// of themselves.
                there = there.with_scheme(here.scheme).with_port(here.explicit_port)
        except (ValueError, NotPermitted):
            raise DiscoveryFailed(Reason.UNREADABLE, host=host) from None
        self._trust(here, there)
        return str(there)

    def _next(self, reply: Reply) -> str:
        if reply.status == 303:  # "see another page": an answer for people
            raise DiscoveryFailed(Reason.LOGIN_PAGE, host=reply.host)
        try:
            url = _joined(reply.url, reply.headers["Location"])
        except (ValueError, NotPermitted):
            raise DiscoveryFailed(Reason.NOT_ANSWERING, host=reply.host) from None
        self._trust(URL(reply.url, encoded=True), URL(url, encoded=True))
        return url

    def _trust(self, here: URL, there: URL) -> None:
        ours, host = here.raw_host or "", there.raw_host or ""
        if here.scheme != there.scheme:
            raise DiscoveryFailed(Reason.UNREACHABLE, HTTPS_ONLY)
        if self._entered.trusts(host):
            return
        refuse_known(host)
        if _LOGIN.search(host) or _LOGIN.search(there.path):
            raise DiscoveryFailed(Reason.LOGIN_PAGE, host=ours)
        raise DiscoveryFailed(Reason.ELSEWHERE, host=ours, target=host)

    async def _once(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> Reply:
        host = host_of(url)
        try:
            async with (
                asyncio.timeout(self._limits.request_seconds),
                self._http.request(
                    method,
                    URL(url, encoded=True),
                    data=body or None,
                    headers={**self._headers, **headers},
                    allow_redirects=False,
                ) as response,
            ):
                return Reply(url, response.status, response.headers, await self._read(response, host))
        except NotPermitted as error:
            raise DiscoveryFailed(Reason.UNREACHABLE, error.words) from None
        except (TimeoutError, aiohttp.ClientConnectorSSLError):
            raise DiscoveryFailed(Reason.NOT_ANSWERING, host=host) from None
        except aiohttp.ClientConnectorCertificateError:
            raise DiscoveryFailed(Reason.CERTIFICATE, host=host) from None
        except aiohttp.ClientConnectorError:
            raise DiscoveryFailed(Reason.UNREACHABLE) from None
        except (aiohttp.ClientError, OSError):
            raise DiscoveryFailed(Reason.NOT_ANSWERING, host=host) from None

    async def _read(self, response: aiohttp.ClientResponse, host: str) -> bytes:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise DiscoveryFailed(Reason.UNREADABLE, host=host)
        parts, length = [], 0
        async for part in response.content.iter_any():
            length += len(part)
            if length > self._limits.most_bytes:
                raise DiscoveryFailed(Reason.UNREADABLE, host=host)
            parts.append(part)
        return b"".join(parts)


def _joined(base: str, reference: str) -> str:
    """The address that `reference` means in an answer of `base`, without its fragment. Raises NotPermitted, ValueError.

    What is no part of any URL is quoted, as browsers do; the rest stays as the server wrote it.
    """
    if _CONTROL.search(reference):  # urljoin would leave it out
        raise ValueError("no address")
    written = _IN_NO_URL.sub(lambda match: quote(match[0]), reference.partition("#")[0])
    return check_url(urljoin(base, written))


def _refusal(reply: Reply) -> DiscoveryFailed:
    """What an answer other than 207 means."""
    host, status = reply.host, reply.status
    if status == 401:
        if is_icloud(host):
            return DiscoveryFailed(Reason.APP_PASSWORD)
        ways = [way.lower() for way in reply.headers.getall("WWW-Authenticate", [])]
        if ways and not any(re.search(r"(?:^|,\s*)basic\b", way) for way in ways):
            return DiscoveryFailed(Reason.OTHER_SIGN_IN, host=host)
        return DiscoveryFailed(Reason.WRONG_PASSWORD, host=host)
    if status == 403:
        return DiscoveryFailed(Reason.FORBIDDEN, host=host)
    if status in (404, 410):
        return DiscoveryFailed(Reason.NOT_FOUND)
    if status == 429 or status >= 500:
        return DiscoveryFailed(Reason.NOT_ANSWERING if status != 501 else Reason.NO_CALDAV, host=host)
    if status == 200 and "html" in reply.headers.get("Content-Type", "").lower():
        return DiscoveryFailed(Reason.LOGIN_PAGE, host=host)
    return DiscoveryFailed(Reason.NO_CALDAV, host=host)
