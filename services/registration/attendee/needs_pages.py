"""The page on which a session's chairs read what its people need, before it begins. Whoever has the address can read it."""

from __future__ import annotations

import hmac

from aiohttp import web

from services.registration.attendee.needs import Needs, asked_of
from services.registration.readings import Readings
from shared.links import Links
from shared.storage.mongo import Database
from shared.web.i18n import translations
from shared.web.pages import language_of, render
from shared.web.problems import Problem

CHAIR = "chair"
"""Purpose of the token of a session's chairs: /needs/{session}/{token}"""


def needs_path(links: Links, session_id: str) -> str:
    """The path of the page for the chairs of a session; organisers hand it out."""
    return f"/needs/{session_id}/{links.token(CHAIR, session_id)}"


class NeedsPages:
    """The routes of chairs."""

    def __init__(self, database: Database, readings: Readings, links: Links) -> None:
        self._needs, self._readings, self._links = Needs(database, readings), readings, links

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/needs/{session_id}/{token}", self.page)]

    async def page(self, request: web.Request) -> web.Response:
        """The answers. Raises Problem 404 for a token that is not the session's, and for no session alike."""
        session_id, given = request.match_info["session_id"], request.match_info["token"]
        expected = self._links.token(CHAIR, session_id)
        right = hmac.compare_digest(given.encode(errors="replace"), expected.encode())
        session = await self._needs.session(session_id) if right else None
        event = await self._readings.event(session.event_id) if session is not None else None
        if session is None or event is None:
            raise Problem(404, "unknown-address", "There is nothing at this address.")
        people = await self._needs.people(session)
        language = language_of(request)
        say = translations(language).gettext
        context = {
            "event": event,
            "session": session,
            "people": len(people),
            "asked": asked_of(event, session, people, language, say("Yes"), say("No")),
        }
        return render(request, "registration/needs.html", context, private=True)
