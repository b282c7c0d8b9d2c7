"""Addresses that organisers hand out: to helpers at the door, and to the chairs of each session."""

from __future__ import annotations

from aiohttp import web

from services.registration.attendee.needs_pages import needs_path
from services.registration.door.doors import Doors
from services.registration.organiser.visit import OF_EVENT, Gate, Visit, reader_of
from services.registration.organiser.words import Reader
from services.registration.store import Store
from shared.clock import Clock
from shared.contracts.scheduling import SessionState
from shared.links import Links
from shared.storage.mongo import Database
from shared.web.access import SETTINGS

_LINKS = f"{OF_EVENT}/links"


class LinkPages:
    """`/organise/attendees/{event_id}/links`."""

    def __init__(self, store: Store, database: Database, links: Links, clock: Clock) -> None:
        self._store, self._links = store, links
        self._doors = Doors(database, links, clock)

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        """The routes."""
        return [web.get(_LINKS, gate.page(self.show)), web.post(_LINKS, gate.form(self.renew))]

    async def show(self, visit: Visit) -> web.Response:
        """The addresses as they hold now."""
        reader = await reader_of(visit, self._store)
        base = visit.request.app[SETTINGS].public_url.rstrip("/")
        context = {
            "reader": reader,
            "door": base + await self._doors.path(visit.event_id),
            "chairs": [
                (
                    reader.line(session.id),
                    [person.name for person in session.people if person.role == "chair"],
                    base + needs_path(self._links, session.id),
                )
                for session in reader.sessions
                if _is_asked(session, reader)
            ],
            "done": visit.request.query.get("done") == "door",
        }
        return visit.page("links.html", context)

    async def renew(self, visit: Visit) -> web.Response:
        """A new address for the door; the one before opens nothing any more."""
        await reader_of(visit, self._store)
        await self._doors.renew(visit.event_id)
        return visit.go(f"{visit.desk}/links", done="door")


def _is_asked(session: SessionState, reader: Reader) -> bool:
    """Whether there is anything for the session's chairs to read."""
    return bool(session.questions or (session.by_choice and reader.event.questions))
