"""How calendars, accounts and servers stand, over HTTP, for organisers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from services.calendar_sync.account_status import accounts_page, own_server, servers_page
from services.calendar_sync.accounts_store import ServerState
from services.calendar_sync.operations import shown
from services.calendar_sync.operations.parameters import (
    CURSOR,
    EVENT,
    KIND,
    LIMIT,
    NAME,
    OF_EVENT,
    OF_REGISTRATION,
    STATE,
    TROUBLE,
    fields_in,
    flag_in,
    limit_in,
    scope_in,
    state_in,
)
from services.calendar_sync.shared_calendars import SharedCalendars
from services.calendar_sync.status import SHARED, Statuses
from services.calendar_sync.tools import Tools
from shared.web.access import require_organiser
from shared.web.openapi import Answer, Operation
from shared.web.problems import Problem

CALENDARS = "/api/v1/calendars"
OF_PART = f"{CALENDARS}/{{event_id}}/{{kind}}/{{name}}"


class Reading:
    """The operations that change nothing. `shared` None: no server is configured for the organisation."""

    def __init__(self, tools: Tools, shared: SharedCalendars | None) -> None:
        self._tools, self._shared = tools, shared

    def operations(self) -> list[Operation]:
        """The operations."""
        one = {200: Answer("The calendar, with every object", shown.CalendarDetail)}
        return [
            Operation(
                "listCalendars",
                "GET",
                CALENDARS,
                self.list_calendars,
                "The shared calendars: what is written, what waits, since when, and the last error",
                {200: Answer("A page of calendars, and the server that they are on", shown.Calendars)},
                [OF_EVENT, LIMIT, CURSOR],
                problems=[400, 404],
                organiser=True,
            ),
            Operation(
                "showEventCalendar",
                "GET",
                f"{CALENDARS}/{{event_id}}",
                self.show,
                "The shared calendar of an event",
                one,
                [EVENT],
                problems=[404],
                organiser=True,
            ),
            Operation(
                "showPartCalendar",
                "GET",
                OF_PART,
                self.show,
                "The shared calendar of a track or a room",
                one,
                [EVENT, KIND, NAME],
                problems=[404],
                organiser=True,
            ),
            Operation(
                "listCalendarAccounts",
                "GET",
                "/api/v1/calendar-accounts",
                self.list_accounts,
                "Attendees' own connected accounts, without anything personal",
                {200: Answer("A page of accounts", shown.Accounts)},
                [OF_EVENT, OF_REGISTRATION, STATE, TROUBLE, LIMIT, CURSOR],
                problems=[400, 404],
                organiser=True,
            ),
            Operation(
                "listCalendarServers",
                "GET",
                "/api/v1/calendar-servers",
                self.list_servers,
                "The calendar servers: which work, which fail or are left alone, since when and why",
                {200: Answer("A page of servers", shown.Servers)},
                [LIMIT, CURSOR],
                problems=[400],
                organiser=True,
            ),
        ]

    async def list_calendars(self, request: web.Request) -> web.Response:
        """In the order of their ids."""
        require_organiser(request)
        limit, cursor, now = limit_in(request), request.query.get("cursor"), self._tools.clock()
        wanted = {**SHARED, **fields_in(request, "event_id")}
        await self._known_event(wanted)
        found, more = await Statuses(self._tools).page(wanted, cursor, limit, now)
        fares = await own_server(self._tools, self._shared.server) if self._shared is not None else ServerState()
        server = shown.home(self._shared.home if self._shared is not None else None, fares, now)
        calendars = [shown.calendar(status) for status in found]
        return web.json_response({"server": server, "calendars": calendars, "next_cursor": more})

    async def show(self, request: web.Request) -> web.Response:
        """One calendar, with every session's object."""
        require_organiser(request)
        status = await Statuses(self._tools).one(scope_in(request).key, self._tools.clock())
        if status is None:
            raise no_such_calendar()
        return web.json_response({**shown.calendar(status), "objects": shown.objects(status)})

    async def list_accounts(self, request: web.Request) -> web.Response:
        """In the order of their ids."""
        require_organiser(request)
        limit, cursor, trouble = limit_in(request), request.query.get("cursor"), flag_in(request, "trouble")
        wanted = {**fields_in(request, "event_id", "registration_id"), **state_in(request)}
        await self._known_event(wanted)
        found, more = await accounts_page(self._tools, wanted, cursor, limit, self._tools.clock(), trouble=trouble)
        return web.json_response({"items": [shown.account(status) for status in found], "next_cursor": more})

    async def _known_event(self, wanted: Mapping[str, Any]) -> None:
        """Raises Problem 404 where the list is asked for of an event that there is not: an empty one would say all is well."""
        event_id = wanted.get("event_id")
        if event_id is not None and not await self._tools.store.version(event_id):
            raise Problem(
                404,
                "no-such-event",
                f"No event {event_id!r} has been published; GET /api/v1/events lists those that have.",
            )

    async def list_servers(self, request: web.Request) -> web.Response:
        """In the order of their addresses."""
        require_organiser(request)
        found, more = await servers_page(self._tools, request.query.get("cursor"), limit_in(request))
        now = self._tools.clock()
        return web.json_response({"items": [shown.server(status, now) for status in found], "next_cursor": more})


def no_such_calendar() -> Problem:
    """There is no calendar at this address."""
    return Problem(
        404,
        "no-such-calendar",
        "Lectern keeps no such calendar. GET /api/v1/calendars and /api/v1/calendar-accounts list those it keeps.",
    )
