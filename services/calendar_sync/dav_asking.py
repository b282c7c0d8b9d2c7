"""One question to a server that an attendee named: bounded in time and size, its redirects followed with care."""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from dataclasses import dataclass

import httpx

from services.calendar_sync.discovery_failed import DiscoveryFailed, Reason, is_icloud, refuse_known
from services.calendar_sync.multistatus import NotMultistatus, Resource, read_multistatus
from services.calendar_sync.service_location import Entered
from shared.outward import HTTPS_ONLY, NotPermitted, check_url

_MOST_REDIRECTS = 5
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
    headers: httpx.Headers
    body: bytes

    @property
    def host(self) -> str:
        """Who answered."""
        return httpx.URL(self.url).host


class Asking:
    """Asks in the name of the attendee; the password goes to the site that the attendee named and to no other.

    `http` brings a guarded transport (shared/outward_httpx.py). Its cookies are neither sent nor kept: it may serve
    many attendees.
    """

    def __init__(self, http: httpx.AsyncClient, entered: Entered, password: str, limits: Limits) -> None:
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
        here = httpx.URL(base)
        try:
            there = here.join(href)
            if there.host == here.host and there.scheme == "http" != here.scheme:
                # Behind a proxy that ends TLS, servers write http:// of themselves.
                there = there.copy_with(scheme=here.scheme, port=here.port)
            url = check_url(str(there.copy_with(fragment=None)))
        except (httpx.InvalidURL, ValueError, NotPermitted):
            raise DiscoveryFailed(Reason.UNREADABLE, host=here.host) from None
        self._trust(here, httpx.URL(url))
        return url

    def _next(self, reply: Reply) -> str:
        here = httpx.URL(reply.url)
        if reply.status == 303:  # "see another page": an answer for people
            raise DiscoveryFailed(Reason.LOGIN_PAGE, host=here.host)
        try:
            url = check_url(str(here.join(reply.headers["Location"]).copy_with(fragment=None)))
        except (httpx.InvalidURL, ValueError, NotPermitted):
            raise DiscoveryFailed(Reason.NOT_ANSWERING, host=here.host) from None
        self._trust(here, httpx.URL(url))
        return url

    def _trust(self, here: httpx.URL, there: httpx.URL) -> None:
        host = there.host
        if here.scheme != there.scheme:
            raise DiscoveryFailed(Reason.UNREACHABLE, HTTPS_ONLY)
        if self._entered.trusts(host):
            return
        refuse_known(host)
        if _LOGIN.search(host) or _LOGIN.search(there.path):
            raise DiscoveryFailed(Reason.LOGIN_PAGE, host=here.host)
        raise DiscoveryFailed(Reason.ELSEWHERE, host=here.host, target=host)

    async def _once(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> Reply:
        host, seconds = httpx.URL(url).host, self._limits.request_seconds
        timeouts = {"timeout": httpx.Timeout(seconds).as_dict()}
        # Made by hand and not by the client, which would add its cookies.
        request = httpx.Request(method, url, headers={**self._headers, **headers}, content=body, extensions=timeouts)
        try:
            async with asyncio.timeout(seconds):  # httpx' own limits hold for each read, not for the whole
                response = await self._http.send(request, stream=True, auth=None, follow_redirects=False)
                try:
                    text = await self._read(response)
                finally:
                    await response.aclose()
                    self._http.cookies.clear()
        except NotPermitted as error:
            raise DiscoveryFailed(Reason.UNREACHABLE, error.words) from None
        except (TimeoutError, httpx.TimeoutException):
            raise DiscoveryFailed(Reason.NOT_ANSWERING, host=host) from None
        except httpx.ConnectError as error:
            raise _unconnected(error, host) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            raise DiscoveryFailed(Reason.NOT_ANSWERING, host=host) from None
        return Reply(url, response.status_code, response.headers, text)

    async def _read(self, response: httpx.Response) -> bytes:
        host = response.request.url.host
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise DiscoveryFailed(Reason.UNREADABLE, host=host)
        parts, length = [], 0
        async for part in response.aiter_raw():
            length += len(part)
            if length > self._limits.most_bytes:
                raise DiscoveryFailed(Reason.UNREADABLE, host=host)
            parts.append(part)
        return b"".join(parts)


def _unconnected(error: httpx.ConnectError, host: str) -> DiscoveryFailed:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return DiscoveryFailed(Reason.CERTIFICATE, host=host)
        if isinstance(cause, ssl.SSLError):
            return DiscoveryFailed(Reason.NOT_ANSWERING, host=host)
        cause = cause.__cause__ or cause.__context__
    return DiscoveryFailed(Reason.UNREACHABLE)


def _refusal(reply: Reply) -> DiscoveryFailed:
    """What an answer other than 207 means."""
    host, status = reply.host, reply.status
    if status == 401:
        if is_icloud(host):
            return DiscoveryFailed(Reason.APP_PASSWORD)
        ways = [way.lower() for way in reply.headers.get_list("WWW-Authenticate")]
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
