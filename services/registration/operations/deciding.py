"""Deciding about one registration over HTTP, for organisers: yes and no, offers, numbers, requirements, transfer, erasure."""

from __future__ import annotations

from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from services.registration.answers import Answered, answered
from services.registration.asking import CancelRequest, Requests
from services.registration.commands import Accept, Approve, Decline, Erase, GiveNumbers, OfOne, Reconfirm, Relink
from services.registration.export import export
from services.registration.operations.parameters import (
    IDEMPOTENCY_KEY,
    LANGUAGE,
    REGISTRATION_ID,
    caller_of,
    registration_in,
)
from services.registration.store import Store
from shared.clock import Clock
from shared.contracts.registration import Numbers, PersonDetails, RequirementState
from shared.web.access import require_organiser
from shared.web.openapi import Answer, Body, Operation, Parameter
from shared.web.pages import language_of
from shared.web.problems import Problem, read_json, validate

_ONE = "/api/v1/registrations/{id}"
_ANSWERED = Answer("What stands now", Answered)
_WRITES = (REGISTRATION_ID, IDEMPOTENCY_KEY)
_MAY_FAIL = (400, 404, 409, 422)
_SESSIONS = Body("Which sessions; without a body, the whole registration", CancelRequest, required=False)

By = Literal[RequirementState.GRANTED, RequirementState.REFUSED, RequirementState.REVOKED]


class NumbersGiven(BaseModel):
    """The numbers that other systems gave to the person, by requirement; those that are not named stay."""

    model_config = ConfigDict(extra="forbid")

    numbers: Numbers = Field(min_length=1)


class StateGiven(BaseModel):
    """What another organisation decided."""

    model_config = ConfigDict(extra="forbid")

    state: By


class Export(BaseModel):
    """Everything that is kept of one person. Instants are UTC; what is null is not known, or does not apply."""

    exported_at: str
    event: dict[str, Any]
    registration: dict[str, Any]
    person: dict[str, Any]
    answers: list[dict[str, Any]]
    consents: list[dict[str, Any]]
    requirements: list[dict[str, Any]]
    code: str | None
    numbers: dict[str, str]
    seats: list[dict[str, Any]]
    decisions: list[dict[str, Any]]


class Deciding:
    """The operations about one registration that only organisers have."""

    def __init__(self, requests: Requests, store: Store, clock: Clock) -> None:
        self._requests, self._store, self._clock = requests, store, clock

    def operations(self) -> list[Operation]:
        """The operations."""
        return [
            self._sessions("approve", Approve, "Say yes to a registration, or to some of its sessions"),
            self._sessions("decline", Decline, "Say no to a registration, or to some of its sessions"),
            self._sessions("accept", Accept, "Take, for the person, what is offered, or the offers of some sessions"),
            self._plain("reconfirm", Reconfirm, "Note that the person still comes"),
            self._plain("relink", Relink, "Make all private addresses of the person void; new ones hold from now on"),
            Operation(
                "giveNumbers",
                "PUT",
                f"{_ONE}/numbers",
                self.give_numbers,
                "Note the numbers that other systems gave to the person; what was decided under them counts at once",
                {200: _ANSWERED},
                _WRITES,
                Body("The numbers by requirement", NumbersGiven),
                _MAY_FAIL,
                organiser=True,
            ),
            Operation(
                "decideRequirement",
                "PUT",
                f"{_ONE}/requirements/{{requirement}}",
                self.decide_requirement,
                "Note by hand what another organisation decided on the person",
                {200: _ANSWERED},
                [*_WRITES, Parameter("requirement", "path", "The id of the event's requirement")],
                Body("What was decided", StateGiven),
                _MAY_FAIL,
                organiser=True,
            ),
            Operation(
                "transferRegistration",
                "POST",
                f"{_ONE}/transfer",
                self.transfer,
                "Hand seats and places in line on to a named colleague; the answer has the colleague's registration",
                {200: _ANSWERED},
                _WRITES,
                Body("Who comes instead", PersonDetails),
                _MAY_FAIL,
                organiser=True,
            ),
            Operation(
                "eraseRegistration",
                "DELETE",
                _ONE,
                self.erase,
                "Forget the person, in all services; seats of an event to come are given up, of a past one the counts stay",
                {200: Answer("What stands, without the person", Answered)},
                _WRITES,
                problems=_MAY_FAIL,
                organiser=True,
            ),
            Operation(
                "exportRegistration",
                "GET",
                f"{_ONE}/export",
                self.export,
                "Everything that is kept of the person, and nothing of anybody else",
                {200: Answer("Registration, answers, consents, requirements, seats and decisions", Export)},
                [REGISTRATION_ID, LANGUAGE],
                problems=[404],
                organiser=True,
            ),
        ]

    def _sessions(self, name: str, command: type[OfOne], summary: str) -> Operation:
        """An operation that is about the whole registration, or about some of its sessions."""

        async def handle(request: web.Request) -> web.Response:
            require_organiser(request)
            asked = validate(CancelRequest, await read_json(request) if request.can_read_body else {})
            registration = await registration_in(request, self._store)
            sessions = tuple(asked.sessions)
            answer = await self._requests.decide(command, registration, caller_of(request), sessions=sessions)
            return web.json_response(answered(answer))

        answers = {200: _ANSWERED}
        path = f"{_ONE}/{name}"
        return Operation(
            f"{name}Registration", "POST", path, handle, summary, answers, _WRITES, _SESSIONS, _MAY_FAIL, organiser=True
        )

    def _plain(self, name: str, command: type[OfOne], summary: str) -> Operation:
        """An operation with nothing more to say; a body is not read."""

        async def handle(request: web.Request) -> web.Response:
            require_organiser(request)
            registration = await registration_in(request, self._store)
            return web.json_response(answered(await self._requests.decide(command, registration, caller_of(request))))

        answers, path = {200: _ANSWERED}, f"{_ONE}/{name}"
        return Operation(
            f"{name}Registration", "POST", path, handle, summary, answers, _WRITES, None, _MAY_FAIL, organiser=True
        )

    async def give_numbers(self, request: web.Request) -> web.Response:
        """Numbers that are not named stay."""
        require_organiser(request)
        asked = validate(NumbersGiven, await read_json(request))
        registration = await registration_in(request, self._store)
        answer = await self._requests.decide(GiveNumbers, registration, caller_of(request), numbers=asked.numbers)
        return web.json_response(answered(answer))

    async def decide_requirement(self, request: web.Request) -> web.Response:
        """Counts from now on, over what was decided before."""
        require_organiser(request)
        asked = validate(StateGiven, await read_json(request))
        registration = await registration_in(request, self._store)
        event = await self._store.event(registration.event_id)
        requirement = request.match_info["requirement"]
        if event is None or requirement not in {needed.id for needed in event.requirements}:
            raise Problem(404, "unknown-requirement", f"The event does not require {requirement[:80]!r}.")
        answer = await self._requests.decide_requirement(
            registration.event_id, requirement, asked.state, caller_of(request), registration_id=registration.id
        )
        return web.json_response(answered(answer))

    async def transfer(self, request: web.Request) -> web.Response:
        """All seats and places, or none."""
        require_organiser(request)
        person = validate(PersonDetails, await read_json(request))
        registration = await registration_in(request, self._store)
        return web.json_response(answered(await self._requests.transfer(registration, person, caller_of(request))))

    async def erase(self, request: web.Request) -> web.Response:
        """There is no way back."""
        require_organiser(request)
        registration = await registration_in(request, self._store)
        return web.json_response(answered(await self._requests.decide(Erase, registration, caller_of(request))))

    async def export(self, request: web.Request) -> web.Response:
        """As a file to keep."""
        require_organiser(request)
        registration = await registration_in(request, self._store)
        body = await export(self._store, registration, self._clock(), language_of(request))
        headers = {
            "Content-Disposition": f'attachment; filename="registration-{registration.id}.json"',
            "Cache-Control": "private, no-store",
        }
        return web.json_response(body, headers=headers)
