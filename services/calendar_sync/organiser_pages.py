"""`/organise/calendars`: how the shared calendars, the servers and the connected accounts stand, for signed-in organisers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from aiohttp import web

from services.calendar_sync.account_status import accounts_page, servers_page
from services.calendar_sync.accounts_store import ServerState
from services.calendar_sync.domain import ScopeKind
from services.calendar_sync.status import SHARED, CalendarStatus, Statuses
from services.calendar_sync.tools import Tools
from services.calendar_sync.trouble import FOR_ORGANISERS, Said, said_of
from shared.contracts.base import said_in
from shared.web import visit as shared
from shared.web.visit import HOME

PATH = f"{HOME}/calendars"
MOST = 100
"""So many calendars, servers and accounts in trouble are shown on a page."""


@dataclass(frozen=True)
class Visit(shared.Visit):
    """One request of a signed-in organiser about calendars."""

    folder: ClassVar[str] = "calendar-sync/organiser"


class OrganiserPages:
    """The one page; `?event_id=` narrows it to an event."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._gate = shared.Gate[Visit](tools.clock, Visit)

    def routes(self) -> list[web.RouteDef]:
        """The routes."""
        return [web.get(PATH, self._gate.page(self.show))]

    async def show(self, visit: Visit) -> web.Response:
        """As everything stands now."""
        tools, now, query = self._tools, self._tools.clock(), visit.request.query
        event_id = query.get("event_id") or None
        narrowed = {"event_id": event_id} if event_id else {}
        found, more = await Statuses(tools).page({**SHARED, **narrowed}, query.get("cursor"), MOST, now)
        servers, _ = await servers_page(tools, None, MOST)
        trouble, more_trouble = await accounts_page(tools, narrowed, None, MOST, now, trouble=True)
        context: dict[str, Any] = {
            "event_id": event_id,
            "event": await self._title(event_id, visit.language) if event_id else None,
            "calendars": [await self._line(status, visit.language) for status in found],
            "cursor": more,
            "servers": [(one, one.state(now)) for one in servers],
            "connected": await tools.accounts.database["accounts"].count_documents(
                {**narrowed, "registration_id": {"$ne": None}, "state": {"$ne": "choosing"}}
            ),
            "trouble": len(trouble),
            "more_trouble": more_trouble is not None,
            "states": _states(visit),
            "said": partial(_said, visit.words),
        }
        return visit.page("calendars.html", context)

    async def _title(self, event_id: str, language: str) -> str:
        event = (await self._tools.agendas.get(event_id)).event
        return said_in(event.title, language, event.languages[0]) if event is not None else event_id

    async def _line(self, status: CalendarStatus, language: str) -> dict[str, Any]:
        scope = status.calendar.scope
        event = await self._title(scope.event_id, language)
        return {
            "status": status,
            "calendar": status.calendar,
            "title": event if scope.kind is ScopeKind.EVENT else status.title or scope.event_id,
            "address": f"{status.calendar.server}{status.calendar.path}",
        }


def _said(say: Callable[[str], str], one: Said | ServerState | None) -> dict[str, str] | None:
    """The sentence about a fault in the reader's language, and the English words behind it; None where there is none."""
    fault = said_of(one) if isinstance(one, ServerState) else one
    return {"sentence": say(FOR_ORGANISERS[fault.kind]), "words": fault.words} if fault is not None else None


def _states(visit: Visit) -> dict[str, tuple[str, str]]:
    """How a state reads, and the class that it is coloured by."""
    words = visit.words
    return {
        "working": (words("working"), "confirmed"),
        "failing": (words("failing"), "cancelled"),
        "paused": (words("left alone for a while"), "waitlisted"),
    }
