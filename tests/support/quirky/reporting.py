"""REPORT: calendar-query by UID, calendar-multiget, sync-collection."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from aiohttp import web

from tests.support.quirky.holdings import CalendarHeld, Held
from tests.support.quirky.multistatus import C, D, gone, multistatus, parsed, properties, refused
from tests.support.quirky.synchronising import sync_collection

if TYPE_CHECKING:
    from tests.support.quirky.server import QuirkyServer


async def report(request: web.Request, server: QuirkyServer, calendar: CalendarHeld) -> web.Response:
    """A report on a calendar. A calendar-query filters by UID (text-match) and by nothing else."""
    root = parsed(await request.read())
    if root is None:
        return web.Response(status=400)
    if root.tag == f"{D}sync-collection":
        return sync_collection(server, calendar, root)
    if root.tag == f"{C}calendar-multiget":
        return _multiget(server, calendar, root)
    if root.tag == f"{C}calendar-query":
        return _query(server, calendar, root)
    return refused(403, f"{D}supported-report")


def _query(server: QuirkyServer, calendar: CalendarHeld, root: Element) -> web.Response:
    if server.quirks.lists_nothing:
        return multistatus([])
    filters = [one for one in root.iter(f"{C}prop-filter") if one.get("name") == "UID"]
    wanted = filters[0].findtext(f"{C}text-match") if filters else None
    if wanted is None:
        names = list(calendar.objects)
    elif calendar.named(wanted):
        names = sorted(calendar.named(wanted))
    else:  # a text-match finds parts, too (RFC 4791, section 9.7.5)
        names = [name for name, held in calendar.objects.items() if wanted in held.uid]
    return multistatus(_shown(calendar.path + name, calendar.objects[name], root) for name in names)


def _multiget(server: QuirkyServer, calendar: CalendarHeld, root: Element) -> web.Response:
    responses: list[str] = []
    for one in root.iter(f"{D}href"):
        path = unquote(urlsplit((one.text or "").strip()).path)
        held = calendar.objects.get(path.removeprefix(calendar.path)) if path.startswith(calendar.path) else None
        if held is None or server.quirks.hides_objects:
            responses.append(gone(path))
        else:
            responses.append(_shown(path, held, root))
    return multistatus(responses)


def _shown(path: str, held: Held, root: Element) -> str:
    prop = root.find(f"{D}prop")
    asked = [child.tag for child in prop] if prop is not None else [f"{D}getetag"]
    has = {f"{D}getetag": escape(held.etag)}
    if f"{C}calendar-data" in asked:
        # A carriage return in XML text is a line feed to its reader, unless it is a character reference.
        has[f"{C}calendar-data"] = escape(held.body.decode(errors="replace")).replace("\r", "&#13;")
    return properties(path, {tag: has[tag] for tag in asked if tag in has}, [tag for tag in asked if tag not in has])
