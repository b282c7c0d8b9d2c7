"""The page on which a session's chairs read what its people need, before it begins. Whoever has the address can read it."""

from __future__ import annotations

from aiohttp import web

from services.registration.attendee.needs import Needs, asked_of, read_by_chairs
from services.registration.handed_out import CHAIR, HandedOut, last_day
from services.registration.readings import Readings
from shared.clock import Clock
from shared.links import Links
from shared.storage.mongo import Database
from shared.web.i18n import translations
from shared.web.pages import language_of, render
from shared.web.problems import Problem


def _(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


_NOTHING = _(
    "There is nothing at this address. If you chair a session, please ask its organisers for the address that is valid now."
)


def needs_path(session_id: str, token: str) -> str:
    """The path of the page for the chairs of a session; organisers hand it out."""
    return f"/needs/{session_id}/{token}"


class NeedsPages:
    """The routes of chairs."""

    def __init__(self, database: Database, readings: Readings, links: Links, clock: Clock) -> None:
        self._needs, self._readings = Needs(database, readings), readings
        self._handed_out = HandedOut(CHAIR, database, links, clock)

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/needs/{session_id}/{token}", self.page)]

    async def page(self, request: web.Request) -> web.Response:
        """The answers; some days after the event, a page (410) that says that it is closed. Raises Problem 404 for a token
        that is not the session's present one, and for no session alike."""
        session_id, given = request.match_info["session_id"], request.match_info["token"]
        right = await self._handed_out.is_present(session_id, given)
        session = await self._needs.session(session_id) if right else None
        event = await self._readings.event(session.event_id) if session is not None else None
        if session is None or event is None:
            raise Problem(404, "unknown-address", _NOTHING, headers={"Cache-Control": "private, no-store"})
        context = {"event": event, "session": session, "last_day": last_day(event)}
        if self._handed_out.closed(event):
            return render(request, "registration/needs_closed.html", context, 410, private=True)
        sessions = await self._readings.sessions(event.id)
        people = await self._needs.people(session, sessions)
        language = language_of(request)
        say = translations(language).gettext
        questions = read_by_chairs(event, session, sessions)
        context |= {
            "people": len(people),
            "asked": asked_of(event, questions, people, language, say("Yes"), say("No")),
        }
        return render(request, "registration/needs.html", context, private=True)
