"""Who comes, over HTTP, for organisers: the list, one registration, the table, the counts."""

from __future__ import annotations

from aiohttp import web

from services.registration.answers import Counts, Registrations, RegistrationShown, shown
from services.registration.downloads import Downloads
from services.registration.operations.narrowing import NARROWED, narrowed_in
from services.registration.operations.parameters import (
    CURSOR,
    EVENT_ID,
    LANGUAGE,
    LIMIT,
    REGISTRATION_ID,
    event_in,
    limit_in,
    registration_in,
)
from services.registration.store import Store
from shared.web.access import require_organiser
from shared.web.openapi import Answer, Operation
from shared.web.pages import language_of

_ALL = "/api/v1/registrations"


class Reading:
    """The operations that change nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._downloads = Downloads(store)

    def operations(self) -> list[Operation]:
        """The operations. Fixed paths stand before the one with an id: the first that fits is taken."""
        return [
            Operation(
                "listRegistrations",
                "GET",
                _ALL,
                self.list_registrations,
                "The registrations of an event, oldest first",
                {200: Answer("A page of registrations", Registrations)},
                [EVENT_ID, LIMIT, CURSOR, *NARROWED],
                problems=[400, 404],
                organiser=True,
            ),
            Operation(
                "downloadAttendees",
                "GET",
                f"{_ALL}/table.csv",
                self.table,
                "Everybody who registered for an event, as a table for a spreadsheet",
                {200: Answer("The table", media=["text/csv"])},
                [EVENT_ID, LANGUAGE],
                problems=[400, 404],
                organiser=True,
            ),
            Operation(
                "countRegistrations",
                "GET",
                f"{_ALL}/counts",
                self.counts,
                "How many come: by state, kind of attendee, country, language and session",
                {200: Answer("The counts", Counts)},
                [EVENT_ID],
                problems=[400, 404],
                organiser=True,
            ),
            Operation(
                "showRegistration",
                "GET",
                f"{_ALL}/{{id}}",
                self.show,
                "One registration, with the places in line",
                {200: Answer("The registration", RegistrationShown)},
                [REGISTRATION_ID],
                problems=[404],
                organiser=True,
            ),
        ]

    async def list_registrations(self, request: web.Request) -> web.Response:
        """Without the places in line: each would be a count of its own."""
        require_organiser(request)
        limit, wanted, event = limit_in(request), narrowed_in(request), await event_in(request, self._store)
        found = await self._store.registrations(event.id, request.query.get("cursor"), limit + 1, wanted=wanted)
        more = found[limit - 1].id if len(found) > limit else None
        return web.json_response({"items": [shown(r, {}) for r in found[:limit]], "next_cursor": more})

    async def table(self, request: web.Request) -> web.StreamResponse:
        """Cells that a spreadsheet would take for a formula are made harmless."""
        require_organiser(request)
        event = await event_in(request, self._store)
        sessions = await self._store.sessions(event.id)
        return await self._downloads.attendees(request, event, sessions, language_of(request))

    async def counts(self, request: web.Request) -> web.Response:
        """As they stand."""
        require_organiser(request)
        event = await event_in(request, self._store)
        return web.json_response({"event_id": event.id, **await self._store.counts(event.id)})

    async def show(self, request: web.Request) -> web.Response:
        """With what the person answered."""
        require_organiser(request)
        registration = await registration_in(request, self._store)
        return web.json_response(shown(registration, await self._store.positions(registration)))
