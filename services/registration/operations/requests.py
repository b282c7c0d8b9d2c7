"""Register, change and cancel over HTTP."""

from __future__ import annotations

from aiohttp import web

from services.registration.answers import Answered, answered
from services.registration.asking import CancelRequest, ChangeRequest, Requests
from services.registration.operations.parameters import IDEMPOTENCY_KEY, REGISTRATION_ID, caller_of, registration_in
from services.registration.store import Store
from shared.contracts.registration import RegistrationRequested
from shared.web.access import require_organiser
from shared.web.limits import Kind
from shared.web.openapi import Answer, Body, Operation
from shared.web.problems import read_json, validate

_MAX_BODY = 262_144
"""The largest body with which anybody may register, in bytes (256 KiB)."""

_ANSWERED = Answer("What became of it", Answered)


class Asking:
    """The operations that ask the desk for seats, or give them up."""

    def __init__(self, requests: Requests, store: Store) -> None:
        self._requests, self._store = requests, store

    def operations(self) -> list[Operation]:
        """The operations."""
        return [
            Operation(
                "register",
                "POST",
                "/api/v1/registrations",
                self.register,
                "Register a person for an event and sessions of it; each choice has a state of its own in the answer",
                {201: _ANSWERED},
                [IDEMPOTENCY_KEY],
                Body("Who, and what is wanted", RegistrationRequested),
                [404, 409, 422],
                limit=Kind.REGISTER,
            ),
            Operation(
                "changeRegistration",
                "PUT",
                "/api/v1/registrations/{id}/sessions",
                self.change,
                "Make these all the sessions that are wanted, at once or not at all: a seat is given up only for a seat",
                {200: _ANSWERED},
                [REGISTRATION_ID, IDEMPOTENCY_KEY],
                Body("All sessions that are wanted from now on", ChangeRequest),
                [404, 409, 422],
                organiser=True,
            ),
            Operation(
                "cancelRegistration",
                "POST",
                "/api/v1/registrations/{id}/cancel",
                self.cancel,
                "Give up some sessions, or the whole registration; the seats go to those who wait",
                {200: _ANSWERED},
                [REGISTRATION_ID, IDEMPOTENCY_KEY],
                Body("Which sessions; without a body, the whole registration", CancelRequest, required=False),
                [404, 409, 422],
                organiser=True,
            ),
        ]

    async def register(self, request: web.Request) -> web.Response:
        """Anybody may; organisers are told more of who is registered already."""
        asked = validate(RegistrationRequested, await read_json(request, _MAX_BODY))
        answer = await self._requests.register(asked, caller_of(request))
        return web.json_response(answered(answer), status=201)

    async def change(self, request: web.Request) -> web.Response:
        """By the organiser."""
        require_organiser(request)
        asked = validate(ChangeRequest, await read_json(request))
        registration = await registration_in(request, self._store)
        answer = await self._requests.change(registration, asked, caller_of(request))
        return web.json_response(answered(answer))

    async def cancel(self, request: web.Request) -> web.Response:
        """By the organiser."""
        require_organiser(request)
        asked = validate(CancelRequest, await read_json(request) if request.can_read_body else {})
        registration = await registration_in(request, self._store)
        answer = await self._requests.cancel(registration, asked.sessions, caller_of(request))
        return web.json_response(answered(answer))
