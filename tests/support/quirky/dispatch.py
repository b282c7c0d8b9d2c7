"""Which resource a path names, who may see it, and what a method does there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from tests.support.quirky import listing, writing
from tests.support.quirky.holdings import READ, WRITE, CalendarHeld, Person
from tests.support.quirky.making import make_calendar, set_properties
from tests.support.quirky.multistatus import BadXml, refused
from tests.support.quirky.reporting import report

if TYPE_CHECKING:
    from tests.support.quirky.server import QuirkyServer

_DAV = "1, 3, access-control, calendar-access, extended-mkcol"
_ALLOW = "OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND, PROPPATCH, REPORT, MKCALENDAR"


async def carried_out(request: web.Request, person: Person, server: QuirkyServer) -> web.Response:
    """The answer to one request of `person`."""
    if request.method == "OPTIONS":
        return web.Response(status=200, headers={"DAV": _DAV, "Allow": _ALLOW})
    try:
        return await _routed(request, person, server)
    except BadXml:
        return web.Response(status=400, text="This is no XML.")


async def _routed(request: web.Request, person: Person, server: QuirkyServer) -> web.Response:
    parts = [part for part in request.path.split("/") if part]
    if len(parts) < 2:
        if parts and parts[0] not in ("principals", "calendars"):
            return web.Response(status=404)
        path = f"/{parts[0]}/" if parts else "/"
        return await _collection(request, person, server, [listing.of_root(path, person)])
    owner = server.people.get(parts[1])
    if parts[0] not in ("principals", "calendars") or owner is None:
        return web.Response(status=404)
    if len(parts) == 2:
        if owner is not person:
            return writing.forbidden(server.quirks, "read")
        if parts[0] == "principals":
            return await _collection(request, person, server, [listing.of_principal(person)])
        calendars = [listing.of_calendar(one, person, server) for one in person.calendars.values()]
        return await _collection(request, person, server, [listing.of_home(person), *calendars])
    if parts[0] == "principals" or len(parts) > 4:
        return web.Response(status=404)
    calendar = owner.calendars.get(parts[2])
    if len(parts) == 3:
        return await _on_calendar(request, person, owner, parts[2], calendar, server)
    if calendar is None:
        missing = server.quirks.missing_calendar_status if request.method == "PUT" else 404
        return web.Response(status=missing)
    return await _on_object(request, person, calendar, parts[3], server)


async def _collection(
    request: web.Request, person: Person, server: QuirkyServer, resources: list[listing.Resource]
) -> web.Response:
    if request.method == "PROPFIND":
        return await listing.propfind(request, server, person, resources)
    return web.Response(status=405, headers={"Allow": "OPTIONS, PROPFIND"})


async def _on_calendar(
    request: web.Request, person: Person, owner: Person, name: str, calendar: CalendarHeld | None, server: QuirkyServer
) -> web.Response:
    if request.method == "MKCALENDAR":
        return await make_calendar(request, person, owner, name, server)
    if calendar is None:
        return web.Response(status=404)
    if not calendar.may(person.name, READ):
        return writing.forbidden(server.quirks, "read")
    if request.method == "PROPFIND":
        resources = [listing.of_calendar(calendar, person, server)]
        if request.headers.get("Depth") == "1" and not server.quirks.lists_nothing:
            resources += [listing.of_object(calendar, one, held) for one, held in calendar.objects.items()]
        return await listing.propfind(request, server, person, resources)
    if request.method == "REPORT":
        return await report(request, server, calendar)
    if request.method == "PROPPATCH":
        return await set_properties(request, person, calendar, server)
    if request.method == "DELETE":
        if not calendar.may(person.name, WRITE):
            return writing.forbidden(server.quirks, "unbind")
        del owner.calendars[name]
        return web.Response(status=204)
    return web.Response(status=405, headers={"Allow": _ALLOW})


async def _on_object(
    request: web.Request, person: Person, calendar: CalendarHeld, name: str, server: QuirkyServer
) -> web.Response:
    if not calendar.may(person.name, READ):
        return writing.forbidden(server.quirks, "read")
    if request.method in ("GET", "HEAD"):
        return writing.read(calendar, name, server.quirks)
    if request.method == "PUT":
        return await writing.put(request, server, person, calendar, name)
    if request.method == "DELETE":
        return writing.delete(request, server, person, calendar, name)
    if request.method == "PROPFIND":
        held = calendar.objects.get(name)
        if held is None or server.quirks.hides_objects:
            return web.Response(status=404)
        return await listing.propfind(request, server, person, [listing.of_object(calendar, name, held)])
    return refused(405)
