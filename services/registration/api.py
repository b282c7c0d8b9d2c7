"""Registration over HTTP: every operation, and the OpenAPI document of them."""

from __future__ import annotations

import json
import sys
from typing import Any

from aiohttp import web

from services.registration.asking import Requests
from services.registration.audit.reading import Auditor
from services.registration.door.door import Door
from services.registration.door.operations import AtTheDoor
from services.registration.intake import Intake
from services.registration.member_lists import MemberLists
from services.registration.operations.attending import Attending
from services.registration.operations.auditing import Auditing
from services.registration.operations.codes import Codes
from services.registration.operations.deciding import Deciding
from services.registration.operations.growing import Growing
from services.registration.operations.intake import Receiving
from services.registration.operations.log import Log
from services.registration.operations.members import Members
from services.registration.operations.reading import Reading
from services.registration.operations.requests import Asking
from services.registration.operations.requirements import Requirements
from services.registration.replies import Replies
from services.registration.store import Store
from shared.clock import Clock, Ids
from shared.storage.mongo import Database
from shared.web.openapi import Operation, document, routes_of

VERSION = "1"
_ABOUT = (
    "Who has a seat: register, change, cancel, and read who comes. Every choice of a registration has a state of its own. "
    "Instants are UTC. A refusal is application/problem+json and names all reasons at once, each with its field and remedy."
)


class Api:
    """The routes of registration that are not pages."""

    def __init__(
        self,
        requests: Requests,
        store: Store,
        intake: Intake,
        auditor: Auditor,
        door: Door,
        database: Database,
        clock: Clock,
        ids: Ids,
    ) -> None:
        replies = Replies(database, clock)
        self._operations: list[Operation] = [
            *Asking(requests, store).operations(),
            *Reading(store).operations(),
            *Deciding(requests, store, clock).operations(),
            *Attending(requests, store, clock).operations(),
            *Requirements(requests, store, replies).operations(),
            *Codes(requests, store).operations(),
            *Members(MemberLists(database, clock, ids), replies).operations(),
            *Log(store).operations(),
            *Growing(database).operations(),
            *Receiving(intake).operations(),
            *AtTheDoor(door, replies).operations(),
            *Auditing(auditor).operations(),
        ]

    def routes(self) -> list[web.RouteDef]:
        """The routes of all operations, and of the document that describes them."""
        described = self.document()

        async def show(_: web.Request) -> web.Response:
            return web.json_response(described)

        return [*routes_of(self._operations), web.get("/api/v1/registration/openapi.json", show)]

    def document(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document."""
        return document("Lectern registration", VERSION, _ABOUT, self._operations)


def main() -> None:
    """Writes the document to standard output: `python -m services.registration.api > docs/openapi-registration.json`."""
    nothing: Any = None
    described = Api(*[nothing] * 8).document()
    sys.stdout.write(json.dumps(described, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
