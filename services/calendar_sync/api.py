"""Calendar-sync over HTTP, for organisers: every operation, and the OpenAPI document of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from services.calendar_sync.operations.private import PrivateCalendars
from services.calendar_sync.operations.reading import Reading
from services.calendar_sync.operations.tending import Tending
from services.calendar_sync.shared_calendars import SharedCalendars
from services.calendar_sync.tools import Tools
from services.calendar_sync.upkeep import Upkeep
from shared.web.openapi import Operation, document, routes_of

VERSION = "1"
_ABOUT = (
    "How every calendar stands: what is written, what waits, since when, and the last error in plain words; repair and verify. "
    "Instants are UTC. A refusal is application/problem+json and says what to do."
)


class CalendarsApi:
    """The routes of calendar-sync that are not feeds or pages. `shared` None: no server is configured; `private`: what
    attendees' programs may do."""

    def __init__(self, tools: Tools, shared: SharedCalendars | None, private: Sequence[Operation] = ()) -> None:
        upkeep = Upkeep(tools.accounts, tools.agendas, shared) if tools is not None else None
        nothing: Any = None
        self._operations: list[Operation] = [
            *Reading(tools, shared).operations(),
            *Tending(tools, upkeep or nothing).operations(),
            *private,
        ]

    def routes(self) -> list[web.RouteDef]:
        """The routes of all operations, and of the document that describes them."""
        described = self.document()

        async def show(_: web.Request) -> web.Response:
            return web.json_response(described)

        return [*routes_of(self._operations), web.get("/api/v1/calendar-sync/openapi.json", show)]

    def document(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document."""
        return document("Lectern calendar-sync", VERSION, _ABOUT, self._operations)


def described() -> CalendarsApi:
    """All operations, to describe them: with nothing behind them."""
    nothing: Any = None
    return CalendarsApi(nothing, None, PrivateCalendars(nothing, nothing, nothing).operations())


def main() -> None:
    """Writes the document to standard output: `python -m services.calendar_sync.api > docs/openapi-calendar-sync.json`."""
    sys.stdout.write(json.dumps(described().document(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
