"""Reads multistatus answers (RFC 4918, section 13) of servers that nobody vouches for.

No document type, so no entities; bounded in depth and size; hrefs as they were written. `caldav`'s own reader decodes
hrefs, gives up on one refused property, and writes what it cannot read to the log: for a server of our choice that will
do (docs/decisions/0005), here it will not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

DAV = "{DAV:}"
CALDAV = "{urn:ietf:params:xml:ns:caldav}"
APPLE = "{http://apple.com/ns/ical/}"
CALENDARSERVER = "{http://calendarserver.org/ns/}"

_DEEPEST = 60
_MOST_ELEMENTS = 60_000

_NOT_A_CALENDAR = {"subscribed", "deleted-calendar", "trash-bin", "schedule-inbox", "schedule-outbox"}


class NotMultistatus(Exception):
    """The text is no multistatus answer, or one that asks for too much."""


@dataclass(frozen=True)
class Resource:
    """What an answer says of one resource: its properties, each by its name with namespace."""

    href: str
    status: int = 200
    properties: dict[str, Element] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """A property's text, without white space around it; None where it has none."""
        found = self.properties.get(name)
        return ((found.text or "").strip() or None) if found is not None else None

    def hrefs(self, name: str) -> list[str]:
        """The addresses in a property."""
        found = self.properties.get(name)
        elements = found.iterfind(f"{DAV}href") if found is not None else ()
        return [text for element in elements if (text := (element.text or "").strip())]

    def names(self, name: str) -> set[str] | None:
        """The names of all elements below a property; None where the property is not told."""
        found = self.properties.get(name)
        return {element.tag for element in found.iter()} - {found.tag} if found is not None else None


def read_multistatus(body: bytes) -> list[Resource]:
    """The resources of an answer. Raises NotMultistatus."""
    parser = XMLParser(target=_Bounded())  # noqa: S314 - _Bounded refuses what could be made to grow
    try:
        parser.feed(body)
        root = parser.close()
    except (ParseError, ValueError, LookupError) as error:
        raise NotMultistatus(str(error)) from None
    if root.tag != f"{DAV}multistatus":
        raise NotMultistatus("another kind of XML")
    return list(_resources(root))


def is_calendar(resource: Resource) -> bool:
    """Whether it is a calendar, and neither a removed nor a subscribed one (RFC 4791, section 4.2), nor a scheduling inbox or
    outbox (RFC 6638, section 2)."""
    kinds = resource.names(f"{DAV}resourcetype") or set()
    return f"{CALDAV}calendar" in kinds and not {kind.rpartition("}")[2] for kind in kinds} & _NOT_A_CALENDAR


def components(resource: Resource) -> tuple[str, ...] | None:
    """What a calendar takes, such as VEVENT; None where the server does not tell (RFC 4791, section 5.2.3)."""
    told = resource.properties.get(f"{CALDAV}supported-calendar-component-set")
    return None if told is None else tuple(one.get("name", "").upper() for one in told.iterfind(f"{CALDAV}comp"))


def holds_events(resource: Resource) -> bool:
    """Whether events may stand in it, as far as is known."""
    return is_calendar(resource) and "VEVENT" in (components(resource) or ("VEVENT",))


class _Bounded(TreeBuilder):
    def __init__(self) -> None:
        super().__init__()
        self._depth = self._count = 0

    def doctype(self, name: str, public_id: str | None, system_id: str | None) -> None:
        raise NotMultistatus("a document type")

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        self._count += 1
        if self._depth > _DEEPEST or self._count > _MOST_ELEMENTS:
            raise NotMultistatus("too much of it")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def _resources(root: Element) -> Iterator[Resource]:
    for response in root.iterfind(f"{DAV}response"):
        properties = {
            found.tag: found
            for propstat in response.iterfind(f"{DAV}propstat")
            if _status(propstat) < 300
            for prop in propstat.iterfind(f"{DAV}prop")
            for found in prop
        }
        for href in response.iterfind(f"{DAV}href"):
            yield Resource((href.text or "").strip(), _status(response), properties)


def _status(element: Element) -> int:
    parts = (element.findtext(f"{DAV}status") or "").split()
    return int(parts[1]) if len(parts) > 1 and parts[1].isascii() and parts[1].isdigit() and len(parts[1]) == 3 else 200
