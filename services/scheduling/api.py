"""Scheduling over HTTP: every operation, and the OpenAPI document of them."""

from __future__ import annotations

import json
import sys
from typing import Any

from aiohttp import web

from services.scheduling.editing import Editor
from services.scheduling.operations.drafts import Drafts
from services.scheduling.operations.publishing import Publishing
from services.scheduling.operations.reading import Reading
from services.scheduling.store import Store
from services.scheduling.views import Views
from shared.web.openapi import Operation, document, routes_of

VERSION = "1"
_ABOUT = (
    "The agenda and its truth: import, edit, publish, cancel and read agendas. Local times are in the zone that stands beside "
    "them; instants are UTC. Errors are application/problem+json and name each field."
)


class Api:
    """The routes of scheduling that are not pages."""

    def __init__(self, store: Store, views: Views, editor: Editor) -> None:
        self._operations: list[Operation] = [
            *Reading(views).operations(),
            *Drafts(store, views, editor).operations(),
            *Publishing(store, views, editor).operations(),
        ]

    def routes(self) -> list[web.RouteDef]:
        """The routes of all operations, and of the document that describes them."""
        described = self.document()

        async def show(_: web.Request) -> web.Response:
            return web.json_response(described)

        return [*routes_of(self._operations), web.get("/api/v1/scheduling/openapi.json", show)]

    def document(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document."""
        return document("Lectern scheduling", VERSION, _ABOUT, self._operations)


def main() -> None:
    """Writes the document to standard output: `python -m services.scheduling.api > docs/openapi-scheduling.json`."""
    nothing: Any = None
    described = Api(nothing, nothing, Editor(nothing, nothing)).document()
    sys.stdout.write(json.dumps(described, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
