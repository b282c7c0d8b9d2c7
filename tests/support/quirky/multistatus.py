"""The XML that the quirky server reads and writes."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from aiohttp import web

D, C, CS = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}", "{http://calendarserver.org/ns/}"
_PREFIXES = {D: "d", C: "c", CS: "cs"}
_OPEN = '<d:{} xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav" xmlns:cs="http://calendarserver.org/ns/">'


class BadXml(Exception):
    """A body that is no XML."""


def parsed(body: bytes) -> ElementTree.Element | None:
    """The body's root; None where there is none."""
    if not body.strip():
        return None
    try:
        return ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise BadXml(str(error)) from error


def element(tag: str, inner: str = "") -> str:
    """An element whose tag is in Clark notation (`{DAV:}href`); `inner` is XML."""
    space, _, name = tag.rpartition("}")
    prefix = _PREFIXES.get(space + "}")
    if prefix is None:
        return f"<x:{name} xmlns:x={quoteattr(space.lstrip('{'))}>{inner}</x:{name}>"
    return f"<{prefix}:{name}>{inner}</{prefix}:{name}>" if inner else f"<{prefix}:{name}/>"


def href(path: str) -> str:
    """The href element of a path."""
    return element(f"{D}href", escape(quote(path)))


def properties(path: str, found: dict[str, str], lacking: Iterable[str] = ()) -> str:
    """A response with properties that are there (tag: inner XML) and tags of those that are not."""
    parts = [_propstat("200 OK", "".join(element(tag, inner) for tag, inner in found.items()))] if found else []
    missing = "".join(element(tag) for tag in lacking)
    if missing or not parts:
        parts.append(_propstat("404 Not Found", missing))
    return element(f"{D}response", href(path) + "".join(parts))


def gone(path: str, status: str = "404 Not Found") -> str:
    """A response about a path as a whole (RFC 6578, section 3.4: what was removed)."""
    return element(f"{D}response", href(path) + element(f"{D}status", f"HTTP/1.1 {status}"))


def multistatus(responses: Iterable[str], end: str = "") -> web.Response:
    """207."""
    text = f'<?xml version="1.0" encoding="utf-8"?>\n{_OPEN.format("multistatus")}{"".join(responses)}{end}</d:multistatus>'
    return web.Response(status=207, text=text, content_type="application/xml", charset="utf-8")


def refused(status: int, precondition: str = "", inner: str = "") -> web.Response:
    """An error with its DAV:error precondition (a tag in Clark notation), or without."""
    if not precondition:
        return web.Response(status=status)
    text = f'<?xml version="1.0" encoding="utf-8"?>\n{_OPEN.format("error")}{element(precondition, inner)}</d:error>'
    return web.Response(status=status, text=text, content_type="application/xml", charset="utf-8")


def _propstat(status: str, inner: str) -> str:
    return element(f"{D}propstat", element(f"{D}prop", inner) + element(f"{D}status", f"HTTP/1.1 {status}"))
