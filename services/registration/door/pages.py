"""The helper's pages: the door's address, the scan page, and what the scan page loads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from services.registration.door.door import Door
from services.registration.door.people import LONGEST, SHORTEST
from services.registration.door.scans import Found
from services.registration.door.texts import script_texts
from services.registration.door.ticket_pages import TicketPages
from services.registration.door.wording import at_the_door, kind_in_words, state_in_words
from shared.contracts.base import json_of
from shared.contracts.scheduling import EventState
from shared.web.i18n import translations
from shared.web.pages import language_of, render
from shared.web.problems import Problem

_FILES = Path(__file__).parent / "static"
_SENT = ("scan.js", "queue.js", "camera.js", "scan.css", "worker.js")
_FILE_HEADERS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


def _(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


_CLOSED = _(
    "This page is for helpers at the entrance. Please open the address that the organisers gave you; if it does not work any more, ask them for the new one."
)


class DoorPages:
    """The routes of check-in that are pages, or belong to one."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def routes(self) -> list[web.RouteDef]:
        """The routes. An event's id has no dot, and no door a token called `people`."""
        return [
            *(web.get(f"/check-in/{name}", _file(name)) for name in _SENT),
            web.get("/check-in/{event_id}", self._scan_page),
            web.get("/check-in/{event_id}/people", self._people),
            web.get("/check-in/{event_id}/{token}", self._open),
            *TicketPages(self._door).routes(),
        ]

    async def _open(self, request: web.Request) -> web.Response:
        """The door's address: from here on, this phone stands at the door."""
        event = await self._door.store.event(request.match_info["event_id"])
        token = request.match_info["token"]
        if event is None or not await self._door.doors.may_open(request, event, token):
            raise Problem(404, "no-door", _CLOSED)
        # The secret goes out of the address bar.
        location = f"/check-in/{event.id}?lang={language_of(request)}"
        answer = web.Response(status=303, headers={"Location": location, "Cache-Control": "private, no-store"})
        self._door.doors.remember(request, answer, event.id, token)
        return answer

    async def _scan_page(self, request: web.Request) -> web.Response:
        event = await self._event(request)
        published = await self._door.store.sessions(event.id)
        context = {
            "event": event,
            "sessions": at_the_door(published),
            "counter": await self._door.people.counter(event.id, None),
            "texts": script_texts(translations(language_of(request)).gettext),
        }
        return render(request, "registration/door/scan.html", context, private=True)

    async def _people(self, request: web.Request) -> web.Response:
        """People by name: no more of each than a door needs."""
        event = await self._event(request)
        language, text = language_of(request), request.query.get("q", "").strip()
        if not SHORTEST <= len(text) <= LONGEST or not text.isprintable():
            raise Problem(400, "bad-query", f"q is a part of a name, from {SHORTEST} to {LONGEST} letters.")
        gettext = translations(language).gettext
        found = [
            Found(
                id=one.id,
                name=one.person.name,
                kind=kind_in_words(one, event, language),
                state=state_in_words(one.state, gettext),
            )
            for one in await self._door.people.named(event.id, text)
        ]
        headers = {"Cache-Control": "private, no-store"}
        return web.json_response({"items": [json_of(one) for one in found]}, headers=headers)

    async def _event(self, request: web.Request) -> EventState:
        """The event at whose door the request is. Raises Problem 403."""
        event = await self._door.store.event(request.match_info["event_id"])
        if event is None or not await self._door.doors.stands_at(request, event):
            raise Problem(403, "no-door", _CLOSED)
        return event


def _file(name: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def send(_: web.Request) -> web.FileResponse:
        return web.FileResponse(_FILES / name, headers=_FILE_HEADERS)

    return send
