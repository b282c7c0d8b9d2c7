"""Addresses that organisers hand out: to helpers at the door, and to the chairs of each session."""

from __future__ import annotations

from aiohttp import web

from services.registration.attendee.needs import read_by_chairs
from services.registration.attendee.needs_pages import needs_path
from services.registration.door.doors import Doors
from services.registration.handed_out import CHAIR, HandedOut, last_day
from services.registration.organiser.visit import OF_EVENT, Gate, Visit, meant, reader_of
from services.registration.store import Store
from shared.clock import Clock
from shared.contracts.scheduling import Role
from shared.links import Links
from shared.storage.mongo import Database
from shared.web.access import SETTINGS
from shared.web.qr import qr_code
from shared.web.visit import nowhere

_LINKS = f"{OF_EVENT}/links"


class LinkPages:
    """`/organise/attendees/{event_id}/links`."""

    def __init__(self, store: Store, database: Database, links: Links, clock: Clock) -> None:
        self._store = store
        self._doors = Doors(database, links, clock)
        self._chairs = HandedOut(CHAIR, database, links, clock)

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        """The routes."""
        return [web.get(_LINKS, gate.page(self.show)), web.post(_LINKS, gate.form(self.renew))]

    async def show(self, visit: Visit) -> web.Response:
        """The addresses as they hold now."""
        reader = await reader_of(visit, self._store)
        base = visit.request.app[SETTINGS].public_url.rstrip("/")
        door = base + await self._doors.path(visit.event_id)
        asked = [one for one in reader.sessions if read_by_chairs(reader.event, one, reader.sessions)]
        tokens = await self._chairs.tokens(session.id for session in asked)
        done, renewed = visit.request.query.get("done"), visit.request.query.get("of", "")
        context = {
            "reader": reader,
            "door": door,
            "door_code": qr_code(door),
            "chairs": [
                (
                    session.id,
                    reader.line(session.id),
                    [person.name for person in session.people if person.role is Role.CHAIR],
                    base + needs_path(session.id, tokens[session.id]),
                )
                for session in asked
            ],
            "last_day": last_day(reader.event),
            "done": done == "door",
            "renewed": reader.line(renewed) if done == "chairs" and renewed in reader.session else "",
        }
        return visit.page("links.html", context)

    async def renew(self, visit: Visit) -> web.Response:
        """A new address for the door, or for the chairs of the form's session; the one before opens nothing any more.
        Raises Problem 400 where it is not said to be meant, and 404 for a session of another event."""
        meant(visit)
        reader = await reader_of(visit, self._store)
        session_id = visit.said("session")
        if not session_id:
            await self._doors.renew(visit.event_id)
            return visit.go(f"{visit.desk}/links", done="door")
        if session_id not in reader.session:
            raise nowhere()
        await self._chairs.renew(session_id)
        return visit.go(f"{visit.desk}/links", done="chairs", of=session_id)
