"""HTTP API of calendar-sync, for organisers: how every shared calendar stands on the calendar server."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web

from services.calendar_sync.reconciler import Kind
from services.calendar_sync.rendering import Rendering
from services.calendar_sync.status import CalendarStatus, overview, status_of
from services.calendar_sync.store import ServerState, Store
from shared.clock import Clock
from shared.contracts.base import said_in
from shared.web.access import require_organiser
from shared.web.problems import Problem


class CalendarsApi:
    """GET /api/v1/calendars and GET /api/v1/calendars/{event_id}. `home`: the server's collection, None without one."""

    def __init__(self, store: Store, rendering: Rendering, clock: Clock, home: str | None) -> None:
        self._store, self._rendering, self._clock, self._home = store, rendering, clock, home

    def routes(self) -> list[web.RouteDef]:
        """The API's routes."""
        return [
            web.get("/api/v1/calendars", self.list),
            web.get("/api/v1/calendars/{event_id}", self.one),
        ]

    async def list(self, request: web.Request) -> web.Response:
        """Every calendar: written, waiting, since when, last error."""
        require_organiser(request)
        now = self._clock()
        statuses = await overview(self._store, self._rendering, now) if self._home is not None else []
        server = _server(self._home, await self._store.server(), now)
        return web.json_response({"server": server, "calendars": [self._calendar(status) for status in statuses]})

    async def one(self, request: web.Request) -> web.Response:
        """One calendar, with every session's object."""
        require_organiser(request)
        calendar = await self._store.calendar(request.match_info["event_id"])
        if calendar is None or self._home is None:
            raise Problem(404, "no-such-calendar", "There is no shared calendar of this event.")
        status = await status_of(self._store, self._rendering, calendar, self._clock())
        return web.json_response({**self._calendar(status), "objects": _objects(status)})

    def _calendar(self, status: CalendarStatus) -> dict[str, Any]:
        event, error = status.agenda.event, status.last_error
        title = said_in(event.title, event.languages[0]) if event is not None else status.calendar.event_id
        return {
            "event_id": status.calendar.event_id,
            "title": title,
            "address": f"{(self._home or '').rstrip('/')}/{status.calendar.event_id}/",
            "written": status.written,
            "waiting": len(status.waiting),
            "waiting_since": _instant(status.waiting_since),
            "last_error": {"message": error[0], "at": _instant(error[1])} if error else None,
            "checked_at": _instant(status.calendar.checked_at),
        }


def _server(home: str | None, state: ServerState, now: datetime) -> dict[str, Any]:
    if home is None:
        return {"address": None, "state": "none", "last_error": None, "paused_until": None}
    paused = state.paused_until is not None and state.paused_until > now
    return {
        "address": home,
        "state": "paused" if paused else "failing" if state.error else "working",
        "last_error": {"message": state.error, "at": _instant(state.error_at)} if state.error else None,
        "paused_until": _instant(state.paused_until) if paused else None,
    }


def _objects(status: CalendarStatus) -> list[dict[str, Any]]:
    waiting = {difference.session_id: difference for difference in status.waiting}
    rows = []
    for session_id in sorted({*waiting, *status.known}):
        difference, known = waiting.get(session_id), status.known.get(session_id)
        state = "written" if difference is None else "to-remove" if difference.kind is Kind.REMOVE else "waiting"
        rows.append(
            {
                "session_id": session_id,
                "state": state,
                "revision": known.revision if known is not None and known.there else None,
                "since": _instant(difference.since) if difference else None,
                "attempts": known.attempts if known else 0,
                "next_attempt": _instant(known.next_attempt) if known else None,
                "last_error": known.error if known else None,
            }
        )
    return rows


def _instant(value: datetime | None) -> str | None:
    return value.isoformat().replace("+00:00", "Z") if value is not None else None
