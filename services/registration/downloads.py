"""The table of an event's attendees on its way to an organiser: read, written and sent some hundred rows at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from aiohttp import web

from services.registration.lists import Table
from services.registration.schema import Wanted
from services.registration.store import Store
from shared.contracts.scheduling import EventState, SessionState
from shared.web.streamed import streamed
from shared.web.visit import NOT_KEPT

AT_ONCE = 500
"""How many registrations one look takes."""


class Downloads:
    """Sends tables. However many are asked for at once, rows of one are made at a time: the desk has the rest."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._one = asyncio.Lock()

    async def attendees(
        self,
        request: web.Request,
        event: EventState,
        sessions: Sequence[SessionState],
        language: str,
        wanted: Wanted | None = None,
    ) -> web.StreamResponse:
        """Everybody, or those who are `wanted`, oldest first: as a file of RFC 4180. Who registers, or changes, meanwhile is
        in it as of the moment in which those rows were read."""
        headers = {"Content-Disposition": f'attachment; filename="{event.id}-attendees.csv"', **NOT_KEPT}
        response = web.StreamResponse(headers=headers)
        response.content_type, response.charset = "text/csv", "utf-8"
        return await streamed(request, response, self._pieces(Table(event, sessions, language), event.id, wanted))

    async def _pieces(self, table: Table, event_id: str, wanted: Wanted | None) -> AsyncGenerator[bytes, None]:
        """By ranges of ids: no cursor waits in the database for a client that is slow, or gone."""
        before, after = table.head(), None
        while True:
            async with self._one:
                found = await self._store.rows(event_id, after, AT_ONCE, wanted=wanted)
                # In a thread, so that others are answered meanwhile.
                rows = await asyncio.to_thread(table.rows, found)
            yield before + rows
            if len(found) < AT_ONCE:
                return
            before, after = b"", found[-1]["_id"]
