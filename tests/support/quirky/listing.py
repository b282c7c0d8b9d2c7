"""PROPFIND: what each kind of resource says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from aiohttp import web

from tests.support.quirky.holdings import READ, WRITE, CalendarHeld, Held, Person
from tests.support.quirky.multistatus import CS, C, D, element, href, multistatus, parsed, properties, refused
from tests.support.quirky.synchronising import token

if TYPE_CHECKING:
    from tests.support.quirky.server import QuirkyServer

Resource = tuple[str, dict[str, str]]
"""Path and properties (tag: inner XML)."""

_WRITING = ("write", "write-content", "write-properties", "bind", "unbind")
_REPORTS = (f"{C}calendar-query", f"{C}calendar-multiget")


async def propfind(
    request: web.Request, server: QuirkyServer, person: Person, resources: list[Resource]
) -> web.Response:
    """The first of `resources` is the one asked for; the others are its members (Depth 1)."""
    depth = request.headers.get("Depth", "infinity")
    if depth not in ("0", "1"):
        return refused(403, f"{D}propfind-finite-depth")
    root = parsed(await request.read())
    prop = root.find(f"{D}prop") if root is not None else None
    asked = [child.tag for child in prop] if prop is not None else None
    responses: list[str] = []
    for path, has in resources if depth == "1" else resources[:1]:
        tags = list(has) if asked is None else asked
        found = {tag: has[tag] for tag in tags if tag in has}
        responses.append(properties(path, found, [tag for tag in tags if tag not in has]))
    return multistatus(responses)


def of_root(path: str, person: Person) -> Resource:
    """A collection above the homes: only whom one is."""
    return path, {f"{D}resourcetype": element(f"{D}collection"), **_who(person)}


def of_principal(person: Person) -> Resource:
    return person.principal, {
        f"{D}resourcetype": element(f"{D}principal"),
        f"{D}displayname": escape(person.name.capitalize()),
        f"{C}calendar-home-set": href(person.home),
        f"{C}calendar-user-address-set": element(f"{D}href", escape(f"mailto:{person.mail}")),
        f"{D}principal-URL": href(person.principal),
        **_who(person),
    }


def of_home(person: Person) -> Resource:
    return person.home, {
        f"{D}resourcetype": element(f"{D}collection"),
        f"{D}displayname": escape(person.name),
        f"{D}current-user-privilege-set": _privileges((READ, *_WRITING)),
        f"{D}owner": href(person.principal),
        **_who(person),
    }


def of_calendar(calendar: CalendarHeld, person: Person, server: QuirkyServer) -> Resource:
    rights = [READ] if calendar.may(person.name, READ) else []
    if calendar.may(person.name, WRITE):
        rights += _WRITING
    reports = [*_REPORTS] if server.quirks.no_sync_collection else [*_REPORTS, f"{D}sync-collection"]
    has = {
        f"{D}resourcetype": element(f"{D}collection") + element(f"{C}calendar"),
        f"{D}displayname": escape(calendar.title),
        f"{D}owner": href(f"/principals/{calendar.owner}/"),
        f"{D}current-user-privilege-set": _privileges(rights),
        f"{C}supported-calendar-component-set": '<c:comp name="VEVENT"/><c:comp name="VTODO"/>',
        f"{D}supported-report-set": "".join(
            element(f"{D}supported-report", element(f"{D}report", element(report))) for report in reports
        ),
        f"{CS}getctag": f'"{calendar.identity}-{calendar.number}"',
        **_who(person),
        **calendar.properties,
    }
    if not server.quirks.no_sync_collection:
        has[f"{D}sync-token"] = escape(token(calendar, server))
    return calendar.path, has


def of_object(calendar: CalendarHeld, name: str, held: Held) -> Resource:
    return calendar.path + name, {
        f"{D}getetag": escape(held.etag),
        f"{D}resourcetype": "",
        f"{D}getcontenttype": "text/calendar; charset=utf-8; component=VEVENT",
        f"{D}getcontentlength": str(len(held.body)),
    }


def _who(person: Person) -> dict[str, str]:
    return {f"{D}current-user-principal": href(person.principal)}


def _privileges(names: object) -> str:
    assert isinstance(names, (list, tuple))
    return "".join(element(f"{D}privilege", element(D + name)) for name in names)
