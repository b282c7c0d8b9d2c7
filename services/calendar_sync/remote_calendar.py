"""One calendar on a CalDAV server: its objects, its list, its changes, itself. Requests and what they answer, no decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol
from urllib.parse import quote, unquote, urlsplit
from xml.etree.ElementTree import Element, SubElement, tostring

from services.calendar_sync.answers import Answer, Blame, Fault, InvalidToken, fault_of
from services.calendar_sync.multistatus import NotMultistatus, holds_events, read_multistatus
from services.calendar_sync.reconciler import Listing
from services.calendar_sync.trouble import Trouble

_DAV = "DAV:"
_CALDAV = "urn:ietf:params:xml:ns:caldav"
_XML = {"Content-Type": "application/xml; charset=utf-8"}
_LISTING = b'<?xml version="1.0"?><propfind xmlns="DAV:"><prop><getetag/><resourcetype/></prop></propfind>'
_KINDS = (
    b'<?xml version="1.0"?><propfind xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop><resourcetype/>'
    b"<C:supported-calendar-component-set/></prop></propfind>"
)
_SIBLINGS = 20
"""How many other calendars of the account are searched in."""
_PAGES = 50
"""How many parts of a truncated report are read in one go."""
_MOST_OBJECTS = 100_000
"""How many objects a report may tell of in all its parts: they are held in memory together."""


class Asks(Protocol):
    """Requests in the name of one account; `url` is absolute, or a path on the account's server."""

    async def ask(
        self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer: ...


class RemoteCalendar:
    """The calendar at `path` (percent-encoded, as the server names it)."""

    def __init__(self, session: Asks, path: str) -> None:
        self._session = session
        self.path = path if path.endswith("/") else path + "/"
        self._folder = unquote(urlsplit(self.path).path).rstrip("/")

    def address(self, name: str = "") -> str:
        """The address of the calendar, or of an object in it."""
        return self.path + quote(name)

    async def put(self, name: str, body: bytes, *, match: str | None) -> Answer:
        """Writes an object: a new one (`match` None: `If-None-Match: *`), or the one with the ETag `match` ("*": any)."""
        condition = {"If-None-Match": "*"} if match is None else {"If-Match": match}
        headers = {"Content-Type": "text/calendar; charset=utf-8", **condition}
        return await self._session.ask("PUT", self.address(name), body, headers)

    async def get(self, name: str) -> Answer:
        """Reads an object."""
        return await self._session.ask("GET", self.address(name), b"", {"Accept": "text/calendar"})

    async def delete(self, name: str, *, match: str) -> Answer:
        """Removes the object with the ETag `match`."""
        return await self._session.ask("DELETE", self.address(name), b"", {"If-Match": match})

    async def listing(self) -> Listing | None:
        """The names of all objects with their ETags (PROPFIND, Depth 1); None where there is no such calendar."""
        answer = await self._session.ask("PROPFIND", self.path, _LISTING, _XML | {"Depth": "1"})
        # Xandikos says 207, and in it that the collection is 404.
        if answer.missing or self._folder in {path.rstrip("/") for path in answer.absent}:
            return None
        if answer.status != 207:
            raise fault_of(answer)
        return Listing(self._names(answer.listing))

    async def changes(self, token: str | None) -> tuple[Listing | None, str | None]:
        """What changed since `token`, or everything where there is none, and the next token (sync-collection, RFC 6578).

        None where there is no such calendar. Raises InvalidToken where the token is refused, in whatever way (403, 409,
        410, 412), and Fault.
        """
        etags: dict[str, str | None] = {}
        gone: set[str] = set()
        asked = token
        for _ in range(_PAGES):
            body = _sync_query(asked)
            answer = await self._session.ask("REPORT", self.path, body, _XML | {"Depth": "0"})
            if answer.status != 207:
                if asked is not None and answer.status in (400, 403, 409, 410, 412):
                    raise InvalidToken
                if answer.missing:
                    return None, None
                raise fault_of(answer)
            listed, absent = self._names(answer.listing), self._names((path, None) for path in answer.absent)
            for name, etag in listed.items():
                etags[name] = etag
                gone.discard(name)
            for name in absent:
                etags.pop(name, None)
                gone.add(name)
            if len(etags) + len(gone) > _MOST_OBJECTS:
                break
            if not answer.truncated or answer.sync_token in (None, asked):
                # A part with no way to the next one proves nothing about what it leaves out.
                whole = token is None and not answer.truncated
                return Listing(etags, whole=whole, gone=frozenset(gone)), answer.sync_token
            asked = answer.sync_token
        words = "The calendar server goes on telling changes without an end."
        raise Fault(words, Blame.ACCOUNT, kind=Trouble.OTHER, lasting=True)

    async def find(self, uid: str) -> list[str]:
        """The names of objects whose UID holds `uid` (calendar-query, RFC 4791 section 7.8): read them to be sure."""
        answer = await self._session.ask("REPORT", self.path, _uid_query(uid), _XML | {"Depth": "1"})
        if answer.missing:
            return []
        if answer.status != 207:
            raise fault_of(answer)
        return list(self._names(answer.listing))

    def beside(self, path: str) -> RemoteCalendar:
        """Another calendar of the same account."""
        return RemoteCalendar(self._session, path)

    def is_same(self, path: str) -> bool:
        """Whether `path` leads to this calendar, however it is percent-encoded."""
        return unquote(urlsplit(path).path).rstrip("/") == self._folder

    async def siblings(self, home: str) -> tuple[list[RemoteCalendar], bool]:
        """The other calendars for events below `home` (PROPFIND, Depth 1), at most _SIBLINGS of them, and whether that is
        all: False where there are more, or the server does not say. Raises Fault where it is the server or the account
        that fails."""
        answer = await self._session.ask("PROPFIND", home, _KINDS, _XML | {"Depth": "1"})
        if answer.status != 207:
            fault = fault_of(answer)
            if fault.blame is not Blame.OBJECT:
                raise fault
            return [], False
        try:
            resources = read_multistatus(answer.body)
        except NotMultistatus:
            return [], False
        paths = [urlsplit(one.href).path for one in resources if one.status < 400 and holds_events(one)]
        others = [self.beside(path) for path in dict.fromkeys(paths) if path and not self.is_same(path)]
        return others[:_SIBLINGS], len(others) <= _SIBLINGS

    async def make(self, title: str, description: str, language: str) -> Answer:
        """Makes the calendar, for events (MKCALENDAR, RFC 4791 section 5.3.1)."""
        root = Element(f"{{{_CALDAV}}}mkcalendar")
        prop = SubElement(SubElement(root, f"{{{_DAV}}}set"), f"{{{_DAV}}}prop")
        SubElement(prop, f"{{{_DAV}}}displayname").text = title
        told = SubElement(prop, f"{{{_CALDAV}}}calendar-description")
        told.set("{http://www.w3.org/XML/1998/namespace}lang", language)
        told.text = description
        kinds = SubElement(prop, f"{{{_CALDAV}}}supported-calendar-component-set")
        SubElement(kinds, f"{{{_CALDAV}}}comp", {"name": "VEVENT"})
        return await self._session.ask("MKCALENDAR", self.path, _document(root), _XML)

    async def rename(self, title: str) -> Answer:
        """Gives the calendar another name (PROPPATCH, RFC 4918 section 9.2)."""
        root = Element(f"{{{_DAV}}}propertyupdate")
        prop = SubElement(SubElement(root, f"{{{_DAV}}}set"), f"{{{_DAV}}}prop")
        SubElement(prop, f"{{{_DAV}}}displayname").text = title
        return await self._session.ask("PROPPATCH", self.path, _document(root), _XML)

    async def remove(self) -> Answer:
        """Removes the calendar itself with all that is in it."""
        return await self._session.ask("DELETE", self.path)

    def _names(self, listed: Iterable[tuple[str, str | None]]) -> dict[str, str | None]:
        """The last part of every address in a listing, without the calendar itself and collections in it."""
        names: dict[str, str | None] = {}
        for path, etag in listed:
            folder, _, name = path.rpartition("/")  # the client has decoded it
            if name and folder == self._folder:
                names[name] = etag
        return names


def _sync_query(token: str | None) -> bytes:
    root = Element(f"{{{_DAV}}}sync-collection")
    SubElement(root, f"{{{_DAV}}}sync-token").text = token
    SubElement(root, f"{{{_DAV}}}sync-level").text = "1"
    SubElement(SubElement(root, f"{{{_DAV}}}prop"), f"{{{_DAV}}}getetag")
    return _document(root)


def _uid_query(uid: str) -> bytes:
    root = Element(f"{{{_CALDAV}}}calendar-query")
    SubElement(SubElement(root, f"{{{_DAV}}}prop"), f"{{{_DAV}}}getetag")
    calendar = SubElement(SubElement(root, f"{{{_CALDAV}}}filter"), f"{{{_CALDAV}}}comp-filter", {"name": "VCALENDAR"})
    event = SubElement(calendar, f"{{{_CALDAV}}}comp-filter", {"name": "VEVENT"})
    match = SubElement(event, f"{{{_CALDAV}}}prop-filter", {"name": "UID"})
    SubElement(match, f"{{{_CALDAV}}}text-match", {"collation": "i;octet"}).text = uid
    return _document(root)


def _document(root: Element) -> bytes:
    body: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return body
