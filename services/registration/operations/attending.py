"""Checking people in over HTTP, and taking it back."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from services.registration.answers import Answered, answered
from services.registration.asking import Requests
from services.registration.commands import CheckIn, UndoCheckIn
from services.registration.operations.parameters import IDEMPOTENCY_KEY, REGISTRATION_ID, caller_of, registration_in
from services.registration.store import Store
from shared.clock import Clock
from shared.contracts.base import Identifier, Instant
from shared.web.access import require_organiser
from shared.web.openapi import Answer, Body, Operation
from shared.web.problems import read_json, validate

_ANSWERED = Answer("What stands now", Answered)
_WRITES = (REGISTRATION_ID, IDEMPOTENCY_KEY)


class CheckedIn(BaseModel):
    """Where and when somebody came: at the event where no session is named; now where no instant is. One that is still to
    come is taken as now."""

    model_config = ConfigDict(extra="forbid")

    session_id: Identifier | None = None
    at: Instant | None = None


class NotCheckedIn(BaseModel):
    """What was a mistake: the check-in to one session or, where none is named, all of it."""

    model_config = ConfigDict(extra="forbid")

    session_id: Identifier | None = None


class Attending:
    """The operations that say who is here."""

    def __init__(self, requests: Requests, store: Store, clock: Clock) -> None:
        self._requests, self._store, self._clock = requests, store, clock

    def operations(self) -> list[Operation]:
        """The operations."""
        return [
            Operation(
                "checkInRegistration",
                "POST",
                "/api/v1/registrations/{id}/check-in",
                self.check_in,
                "The person is here: at the event, or in one session. Who was checked in already is told so, with the time",
                {200: _ANSWERED},
                _WRITES,
                Body("Where and when; without a body, at the event and now", CheckedIn, required=False),
                [400, 404, 409, 422],
                organiser=True,
            ),
            Operation(
                "undoCheckInOfRegistration",
                "POST",
                "/api/v1/registrations/{id}/undo-check-in",
                self.undo,
                "It was a mistake: the seat is confirmed as before",
                {200: _ANSWERED},
                _WRITES,
                Body("Which session; without a body, all of it", NotCheckedIn, required=False),
                [400, 404, 409, 422],
                organiser=True,
            ),
        ]

    async def check_in(self, request: web.Request) -> web.Response:
        """Sent again with the same key it is no second scan."""
        require_organiser(request)
        asked = validate(CheckedIn, await read_json(request) if request.can_read_body else {})
        registration = await registration_in(request, self._store)
        answer = await self._requests.decide(
            CheckIn,
            registration,
            caller_of(request),
            as_said=asked,
            session_id=asked.session_id,
            at=asked.at or self._clock(),
        )
        return web.json_response(answered(answer))

    async def undo(self, request: web.Request) -> web.Response:
        """What was not checked in stays as it is."""
        require_organiser(request)
        asked = validate(NotCheckedIn, await read_json(request) if request.can_read_body else {})
        registration = await registration_in(request, self._store)
        answer = await self._requests.decide(UndoCheckIn, registration, caller_of(request), session_id=asked.session_id)
        return web.json_response(answered(answer))
