"""The only module that speaks to a CalDAV server, by the plainest of `caldav`'s means: a request and its answer.

Byte-exact bodies, no redirects followed, a time limit on everything; each answer is told as it is and decided upon
elsewhere (docs/decisions/0005). Accounts of one server share connections, and nothing else.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Any

import aiohttp
from caldav.aio import AsyncDAVClient
from caldav.lib.error import AuthorizationError, DAVError, RateLimitError, parse_preconditions
from caldav.lib.python_utilities import WireBytes
from caldav.response import DAVResponse

from services.calendar_sync.answers import Answer, Blame, Fault
from services.calendar_sync.dav_http import LARGEST_ANSWER, LARGEST_RECEIPT, READS, DavHttp, TooLarge
from services.calendar_sync.metrics import DAV_SECONDS
from services.calendar_sync.trouble import Trouble
from shared.outward import NotPermitted
from shared.outward_aiohttp import KEPT_ALIVE, shared_ssl_context

_LONGEST_TAG = 1000
"""Characters of an ETag, and of a sync token, that are kept."""

_UNREADABLE = (
    DAVError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    RecursionError,
)
"""How `caldav` and what it stands on stumble over answers that are none."""

# It logs what servers say, on debug passwords, and a traceback for every odd element of an answer.
logging.getLogger("caldav").setLevel(logging.CRITICAL)


class DavServer:
    """The connections to one server (an origin). `timeout` in seconds bounds every request as a whole.

    `connector` decides where connections may lead; None: anywhere, for addresses that the operator configured.
    """

    def __init__(
        self,
        origin: str,
        *,
        connector: Callable[[], aiohttp.BaseConnector] | None = None,
        timeout: float = 20.0,
        connections: int = 8,
    ) -> None:
        self.origin = origin
        self._timeout = timeout
        self._closed = False
        self._client = _Client(
            connector or partial(_anywhere, connections),
            url=origin,
            timeout=timeout,
            enable_rfc6764=False,
            rate_limit_handle=False,
            features={"http.multiplexing": {"support": "unsupported"}},
        )

    def session(self, username: str | None = None, password: str | None = None) -> DavSession:
        """Requests in the name of one account."""
        return DavSession(self, _authorization(username, password or "") if username is not None else {})

    async def request(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """One request and its answer. Raises Fault where there is none, and after `close`: who has a session still, asks too
        late, and its connection would be closed by nobody."""
        if self._closed:
            words = "The connection to the calendar server was closed."
            raise Fault(words, Blame.SERVER, kind=Trouble.UNREACHABLE)
        started, status = time.perf_counter(), "none"
        try:
            answer = await self._answer(method, url, body, headers)
            status = str(answer.status)
            return answer
        finally:
            DAV_SECONDS.labels(method, status).observe(time.perf_counter() - started)

    async def close(self) -> None:
        """Closes the connections, for good."""
        self._closed = True
        await self._client.close()

    async def _answer(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._client.request(url, method, WireBytes(body) if body else "", headers)
            return _read(method, body, response)
        except RateLimitError as error:
            return Answer(error.status or 503, retry_after=error.retry_after_seconds)
        except AuthorizationError as error:
            return Answer(error.status or 403, refusals=_names_of(error.preconditions))
        except aiohttp.ClientConnectorCertificateError as error:
            words = "The calendar server's certificate is not valid."
            raise Fault(words, Blame.SERVER, kind=Trouble.CERTIFICATE) from error
        except (aiohttp.ClientConnectorError, NotPermitted) as error:
            words = "The calendar server cannot be reached."
            raise Fault(words, Blame.SERVER, kind=Trouble.UNREACHABLE) from error
        except TimeoutError as error:
            words = f"The calendar server did not answer within {self._timeout:.0f} s."
            raise Fault(words, Blame.SERVER, kind=Trouble.UNREACHABLE, unknown=True) from error
        except (aiohttp.ClientError, OSError) as error:
            words = "The connection to the calendar server broke."
            raise Fault(words, Blame.SERVER, kind=Trouble.UNREACHABLE, unknown=True) from error
        except TooLarge as error:
            most = LARGEST_ANSWER if method in READS else LARGEST_RECEIPT
            words = f"The calendar server's answer is larger than {most // 1024} KiB."
            blame = Blame.OBJECT if method == "GET" else Blame.ACCOUNT
            raise Fault(words, blame, kind=Trouble.OTHER, unknown=True, lasting=True) from error
        except _UNREADABLE as error:
            # What an object holds may be anything that one person put there: nobody else's calendar waits for that.
            blame = Blame.OBJECT if method == "GET" else Blame.SERVER
            words = "The calendar server's answer cannot be read."
            raise Fault(words, blame, kind=Trouble.OTHER, unknown=True) from error

    async def __aenter__(self) -> DavServer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class DavSession:
    """Requests to a server in the name of one account."""

    def __init__(self, server: DavServer, headers: Mapping[str, str]) -> None:
        self._server, self._headers = server, headers

    async def ask(self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """One request to an absolute address, or a path on the server. Raises Fault where no answer comes."""
        address = url if "://" in url else self._server.origin + url
        return await self._server.request(method, address, body, {**self._headers, **(headers or {})})


class _Client(AsyncDAVClient):  # type: ignore[misc]
    """caldav's client on our own connections, however often it makes a new session."""

    def __init__(self, connector: Callable[[], aiohttp.BaseConnector], **settings: Any) -> None:
        self._connector = connector
        super().__init__(**settings)

    def _create_session(self) -> None:
        self.session = DavHttp(self._connector)


def _anywhere(connections: int) -> aiohttp.BaseConnector:
    return aiohttp.TCPConnector(limit=connections, ssl=shared_ssl_context(), keepalive_timeout=KEPT_ALIVE)


def _authorization(username: str, password: str) -> dict[str, str]:
    # Sent at once: while the kind of authentication is negotiated, the client would send a body twice after a lost answer.
    told = base64.b64encode(f"{username}:{password}".encode()).decode()
    return {"Authorization": f"Basic {told}"}


def _read(method: str, asked: bytes, response: DAVResponse) -> Answer:
    text = response.raw.encode()
    lists = response.status == 207 and method in ("PROPFIND", "REPORT")
    if lists and method == "REPORT" and b"sync-collection" in asked:
        changes = response.parse_sync_collection()
        return Answer(
            status=response.status,
            body=text,
            listing=tuple((one.href, _tag(one.etag)) for one in changes.changed if one.href and one.status < 400),
            absent=(
                *(href for href in changes.deleted if href),
                *(one.href for one in changes.changed if one.href and one.status in (404, 410)),
            ),
            sync_token=_tag(changes.sync_token),
            truncated=changes.truncated,
        )
    listed = response.parse_propfind() if lists else []
    return Answer(
        status=response.status,
        etag=_tag(response.headers.get("ETag")),
        body=text,
        refusals=_names_of(parse_preconditions(text)) if response.status >= 400 else (),
        listing=tuple(
            (one.href, _tag(one.properties.get("{DAV:}getetag"))) for one in listed if one.href and one.status < 400
        ),
        absent=tuple(one.href.rstrip("/") for one in listed if one.href and one.status in (404, 410)),
    )


def _tag(told: object) -> str | None:
    """An ETag or a sync token; None for what is none, or is longer than anybody needs: it is stored for each object."""
    return told if isinstance(told, str) and len(told) <= _LONGEST_TAG else None


def _names_of(preconditions: list[str]) -> tuple[str, ...]:
    # They are told and logged as they are; those of the standards are shorter and fewer.
    return tuple(tag.rpartition("}")[2][:60] for tag in preconditions[:5])
