"""The only module that speaks to a CalDAV server, by the plainest of `caldav`'s means: put and request.

Byte-exact bodies, conditional headers always, no redirects followed, a time limit on everything; each answer is told
as it is and decided upon elsewhere (docs/decisions/0005).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from types import TracebackType
from urllib.parse import quote, unquote, urlsplit
from xml.etree.ElementTree import Element, SubElement, tostring

import httpx
from caldav.aio import AsyncDAVClient
from caldav.lib.error import AuthorizationError, DAVError, RateLimitError, parse_preconditions
from caldav.lib.python_utilities import WireBytes

from services.calendar_sync.answers import Answer, Blame, Fault, fault_of
from services.calendar_sync.metrics import DAV_SECONDS

_DAV = "DAV:"
_CALDAV = "urn:ietf:params:xml:ns:caldav"


class CalDavClient:
    """The calendars under one home collection. `timeout` in seconds bounds every request as a whole."""

    def __init__(
        self, home: str, username: str | None = None, password: str | None = None, *, timeout: float = 20.0
    ) -> None:
        self._home = home if home.endswith("/") else home + "/"
        self._timeout = timeout
        # The kind of authentication is pinned: negotiating it, the client would send a body twice after a lost answer.
        self._client = AsyncDAVClient(
            url=self._home,
            username=username,
            password=password,
            auth_type="basic" if username else None,
            timeout=timeout,
            enable_rfc6764=False,
            rate_limit_handle=False,
            features={"http.multiplexing": {"support": "unsupported"}},
        )

    @property
    def home(self) -> str:
        """The address of the collection that holds the calendars."""
        return self._home

    def address(self, calendar: str, name: str = "") -> str:
        """The address of a calendar, or of an object in it."""
        return f"{self._home}{quote(calendar)}/{quote(name)}"

    async def put(self, calendar: str, name: str, body: bytes, *, match: str | None) -> Answer:
        """Writes an object: a new one (`match` None: `If-None-Match: *`), or the one with the ETag `match` ("*": any)."""
        condition = {"If-None-Match": "*"} if match is None else {"If-Match": match}
        headers = {"Content-Type": "text/calendar; charset=utf-8", **condition}
        return await self._ask("PUT", self.address(calendar, name), WireBytes(body), headers)

    async def get(self, calendar: str, name: str) -> Answer:
        """Reads an object."""
        return await self._ask("GET", self.address(calendar, name), b"", {"Accept": "text/calendar"})

    async def delete(self, calendar: str, name: str, *, match: str) -> Answer:
        """Removes the object with the ETag `match`."""
        return await self._ask("DELETE", self.address(calendar, name), b"", {"If-Match": match})

    async def listing(self, calendar: str) -> dict[str, str | None] | None:
        """The names of all objects with their ETags (PROPFIND, Depth 1); None where there is no such calendar."""
        answer = await self._ask("PROPFIND", self.address(calendar), _LISTING, _XML_HEADERS | {"Depth": "1"})
        # Xandikos says 207, and in it that the collection is 404.
        if answer.missing or self._collection(calendar) in answer.absent:
            return None
        if answer.status != 207:
            raise fault_of(answer)
        return self._names(answer, calendar)

    async def find(self, calendar: str, uid: str) -> list[str]:
        """The names of objects whose UID holds `uid` (calendar-query, RFC 4791 section 7.8): read them to be sure."""
        answer = await self._ask("REPORT", self.address(calendar), _uid_query(uid), _XML_HEADERS | {"Depth": "1"})
        if answer.missing:
            return []
        if answer.status != 207:
            raise fault_of(answer)
        return list(self._names(answer, calendar))

    async def make_calendar(self, calendar: str, title: str, description: str, language: str) -> Answer:
        """Makes a calendar for events (MKCALENDAR, RFC 4791 section 5.3.1)."""
        root = Element(f"{{{_CALDAV}}}mkcalendar")
        prop = SubElement(SubElement(root, f"{{{_DAV}}}set"), f"{{{_DAV}}}prop")
        SubElement(prop, f"{{{_DAV}}}displayname").text = title
        told = SubElement(prop, f"{{{_CALDAV}}}calendar-description")
        told.set("{http://www.w3.org/XML/1998/namespace}lang", language)
        told.text = description
        kinds = SubElement(prop, f"{{{_CALDAV}}}supported-calendar-component-set")
        SubElement(kinds, f"{{{_CALDAV}}}comp", {"name": "VEVENT"})
        body: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
        return await self._ask("MKCALENDAR", self.address(calendar), body, _XML_HEADERS)

    async def rename_calendar(self, calendar: str, title: str) -> Answer:
        """Gives a calendar another name (PROPPATCH, RFC 4918 section 9.2)."""
        root = Element(f"{{{_DAV}}}propertyupdate")
        prop = SubElement(SubElement(root, f"{{{_DAV}}}set"), f"{{{_DAV}}}prop")
        SubElement(prop, f"{{{_DAV}}}displayname").text = title
        body: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
        return await self._ask("PROPPATCH", self.address(calendar), body, _XML_HEADERS)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def __aenter__(self) -> CalDavClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _ask(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        started, status = time.perf_counter(), "none"
        try:
            answer = await self._request(method, url, body, headers)
            status = str(answer.status)
            return answer
        finally:
            DAV_SECONDS.labels(method, status).observe(time.perf_counter() - started)

    async def _request(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            async with asyncio.timeout(self._timeout):  # httpx' own limits hold for each read, not for the whole
                response = await self._client.request(url, method, body, headers)
            text = response.raw.encode()
            lists = response.status == 207 and method in ("PROPFIND", "REPORT")
            listed = response.parse_propfind() if lists else []
            answer = Answer(
                status=response.status,
                etag=response.headers.get("ETag"),
                body=text,
                refusals=_names_of(parse_preconditions(text)) if response.status >= 400 else (),
                listing=tuple((one.href, one.properties.get("{DAV:}getetag")) for one in listed if one.status < 400),
                absent=tuple(one.href.rstrip("/") for one in listed if one.status in (404, 410)),
            )
        except RateLimitError as error:
            return Answer(error.status or 503, retry_after=error.retry_after_seconds)
        except AuthorizationError as error:
            return Answer(error.status or 403, refusals=_names_of(error.preconditions))
        except httpx.ConnectError as error:
            raise Fault("The calendar server cannot be reached.", Blame.SERVER) from error
        except (TimeoutError, httpx.TimeoutException) as error:
            words = f"The calendar server did not answer within {self._timeout:.0f} s."
            raise Fault(words, Blame.SERVER, unknown=True) from error
        except (httpx.HTTPError, OSError) as error:
            raise Fault("The connection to the calendar server broke.", Blame.SERVER, unknown=True) from error
        except (DAVError, SyntaxError, ValueError) as error:  # XML that is none
            raise Fault("The calendar server's answer cannot be read.", Blame.SERVER, unknown=True) from error
        return answer

    def _collection(self, calendar: str) -> str:
        return unquote(urlsplit(self.address(calendar)).path).rstrip("/")

    def _names(self, answer: Answer, calendar: str) -> dict[str, str | None]:
        """The last part of every address in a listing, without the calendar itself and collections in it."""
        collection = self._collection(calendar)
        names: dict[str, str | None] = {}
        for path, etag in answer.listing:
            folder, _, name = path.rpartition("/")
            if name and folder == collection:
                names[name] = etag
        return names


_XML_HEADERS = {"Content-Type": "application/xml; charset=utf-8"}
_LISTING = b'<?xml version="1.0"?><propfind xmlns="DAV:"><prop><getetag/><resourcetype/></prop></propfind>'


def _uid_query(uid: str) -> bytes:
    root = Element(f"{{{_CALDAV}}}calendar-query")
    SubElement(SubElement(root, f"{{{_DAV}}}prop"), f"{{{_DAV}}}getetag")
    calendar = SubElement(SubElement(root, f"{{{_CALDAV}}}filter"), f"{{{_CALDAV}}}comp-filter", {"name": "VCALENDAR"})
    event = SubElement(calendar, f"{{{_CALDAV}}}comp-filter", {"name": "VEVENT"})
    match = SubElement(event, f"{{{_CALDAV}}}prop-filter", {"name": "UID"})
    SubElement(match, f"{{{_CALDAV}}}text-match", {"collation": "i;octet"}).text = uid
    query: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return query


def _names_of(preconditions: list[str]) -> tuple[str, ...]:
    return tuple(tag.rpartition("}")[2] for tag in preconditions)
