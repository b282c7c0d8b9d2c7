"""PUT, GET and DELETE of objects, with their conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from tests.support.quirky.holdings import WRITE, CalendarHeld, Held, Person, uid_of
from tests.support.quirky.multistatus import C, D, element, href, refused
from tests.support.quirky.quirks import Quirks
from tests.support.quirky.rewriting import acceptable, attendees, rewritten

if TYPE_CHECKING:
    from tests.support.quirky.server import QuirkyServer


def read(calendar: CalendarHeld, name: str, quirks: Quirks) -> web.Response:
    """GET of an object."""
    held = calendar.objects.get(name)
    if held is None or quirks.hides_objects:
        return web.Response(status=404)
    headers = {"ETag": held.etag, "Content-Type": "text/calendar; charset=utf-8"}
    return web.Response(body=held.body, headers=headers)


async def put(
    request: web.Request, server: QuirkyServer, person: Person, calendar: CalendarHeld, name: str
) -> web.Response:
    """PUT of an object (RFC 4791, section 5.3.2)."""
    quirks, body = server.quirks, await request.read()
    if not calendar.may(person.name, WRITE):
        return forbidden(quirks, "write-content")
    held = calendar.objects.get(name)
    if not _holds(request, held, quirks):
        return web.Response(status=412)
    if not acceptable(body):
        everything = quirks.answers_412_for_everything
        return refused(412) if everything else refused(403, f"{C}valid-calendar-data")
    conflict = _conflict(server, calendar, name, uid_of(body))
    if conflict is not None:
        return conflict
    owner = server.people[calendar.owner]
    server.mailed.extend((owner.name, line) for line in attendees(body))
    stored = calendar.store(name, rewritten(body, quirks, owner.mail), quirks, server.second())
    headers: dict[str, str] = {}
    if quirks.wrong_etag_on_put:
        headers["ETag"] = f'"as-sent-{stored.number}"'
    elif not quirks.no_etag_on_put:
        headers["ETag"] = stored.etag
    return web.Response(status=201 if held is None else 204, headers=headers)


def delete(
    request: web.Request, server: QuirkyServer, person: Person, calendar: CalendarHeld, name: str
) -> web.Response:
    """DELETE of an object."""
    if not calendar.may(person.name, WRITE):
        return forbidden(server.quirks, "unbind")
    held = calendar.objects.get(name)
    if held is None:
        return web.Response(status=404)
    if not _holds(request, held, server.quirks):
        return web.Response(status=412)
    calendar.remove(name, server.second())
    return web.Response(status=204)


def forbidden(quirks: Quirks, privilege: str) -> web.Response:
    """No right."""
    if quirks.not_found_for_forbidden:
        return web.Response(status=404)
    return refused(
        403, f"{D}need-privileges", element(f"{D}resource", element(f"{D}privilege", element(D + privilege)))
    )


def _holds(request: web.Request, held: Held | None, quirks: Quirks) -> bool:
    if request.headers.get("If-None-Match") == "*" and held is not None and not quirks.ignores_if_none_match:
        return False
    match = request.headers.get("If-Match")
    if match is None:
        return True
    if held is None:
        return quirks.creates_on_if_match_of_missing
    if quirks.ignores_if_match or match == "*":
        return True
    return match == held.etag and not match.startswith("W/")


def _conflict(server: QuirkyServer, calendar: CalendarHeld, name: str, uid: str) -> web.Response | None:
    quirks, precondition = server.quirks, f"{C}no-uid-conflict"
    others = calendar.named(uid) - {name}
    if others and not quirks.accepts_uid_twice:
        if quirks.answers_412_for_everything:
            return refused(412)
        if quirks.uid_conflict_unnamed:
            return refused(quirks.uid_conflict_status)
        return refused(quirks.uid_conflict_status, precondition, href(calendar.path + min(others)))
    if quirks.uid_account_wide:
        for other in server.people[calendar.owner].calendars.values():
            if other is not calendar and other.named(uid):
                return refused(403, precondition, href(other.path + min(other.named(uid))))
    return None
