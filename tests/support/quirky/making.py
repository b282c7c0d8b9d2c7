"""MKCALENDAR and PROPPATCH."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, tostring
from xml.sax.saxutils import escape

from aiohttp import web

from tests.support.quirky.holdings import READ, WRITE, CalendarHeld, Person
from tests.support.quirky.multistatus import CS, C, D, multistatus, parsed, properties, refused
from tests.support.quirky.writing import forbidden

if TYPE_CHECKING:
    from tests.support.quirky.server import QuirkyServer

_HOUR = 3600.0
_OWN = (f"{D}displayname", f"{D}resourcetype", f"{C}supported-calendar-component-set", f"{CS}getctag", f"{D}sync-token")


async def make_calendar(
    request: web.Request, person: Person, owner: Person, name: str, server: QuirkyServer
) -> web.Response:
    """MKCALENDAR (RFC 4791, section 5.3.1)."""
    quirks = server.quirks
    if quirks.no_mkcalendar:
        return web.Response(status=quirks.no_mkcalendar)
    if owner is not person:
        return forbidden(quirks, "bind")
    if name in person.calendars or any(made.name == name for _, made in person.coming):
        return refused(405, f"{D}resource-must-be-null")
    root = parsed(await request.read())
    now = server.clock()
    person.made_at = [at for at in person.made_at if at > now - _HOUR]
    if quirks.rate_budget_mkcalendar is not None and len(person.made_at) >= quirks.rate_budget_mkcalendar:
        return web.Response(status=429, text="Too many calendars created")
    person.made_at.append(now)
    made = CalendarHeld(person.name, name, name, {person.name: frozenset({READ, WRITE})})
    if root is not None:
        _set(made, root)
    if quirks.async_mkcalendar:
        person.coming.append((quirks.async_mkcalendar + 1, made))  # this request counts, too, when it is answered
    else:
        person.calendars[name] = made
    return web.Response(status=quirks.mkcalendar_status)


async def set_properties(
    request: web.Request, person: Person, calendar: CalendarHeld, server: QuirkyServer
) -> web.Response:
    """PROPPATCH of a calendar."""
    if not calendar.may(person.name, WRITE):
        return forbidden(server.quirks, "write-properties")
    root = parsed(await request.read())
    if root is None:
        return web.Response(status=400)
    return multistatus([properties(calendar.path, dict.fromkeys(_set(calendar, root), ""))])


def _set(calendar: CalendarHeld, root: Element) -> list[str]:
    """Takes over the properties in every DAV:set; returns their tags."""
    tags: list[str] = []
    for prop in root.iterfind(f"{D}set/{D}prop"):
        for one in prop:
            tags.append(one.tag)
            if one.tag == f"{D}displayname":
                calendar.title = one.text or ""
            elif one.tag not in _OWN:
                calendar.properties[one.tag] = escape(one.text or "") + "".join(
                    tostring(child, "unicode") for child in one
                )
    return tags
