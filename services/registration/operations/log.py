"""The log of decisions over HTTP, for organisers: about one registration, about a person, about a whole event."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from services.registration.history import Place, decisions, names_of, told
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
from services.registration.requirements import person_key
from services.registration.store import Store
from shared.contracts.base import Instant
from shared.contracts.registration import Email, Reason, SeatState
from shared.web.access import require_organiser
from shared.web.openapi import Answer, Operation, Parameter
from shared.web.pages import language_of
from shared.web.problems import Problem

_ADDRESS: TypeAdapter[str] = TypeAdapter(Email)
EMAIL = Parameter("email", "query", "Only what was decided about the person with this address, registered or refused")


class SeatChanged(BaseModel):
    """What became of one seat, and of a place in line. `session_id` null: the seat at the event itself."""

    registration_id: str
    session_id: str | None
    before: SeatState | None
    after: SeatState
    seat: str | None = Field(description="taken, freed, or null where neither")
    joined_at_place: int | None = Field(description="The place in line that was taken; places are never reused")
    left_place: int | None


class CapacityChanged(BaseModel):
    """How many seats there are from then on; null: no limit. `session_id` null: at the event itself."""

    session_id: str | None
    capacity: int | None


class Decision(BaseModel):
    """One decision: when, who asked (attendee, organiser, message:<publisher>, agenda, clock, door, line; calendar:<publisher>
    and invitation:<publisher>: the attendee, by calendar or in answer to the invitation), for what, what was answered and why, and what became of which seat."""

    at: Instant
    by: str
    asked: str
    outcome: str
    reasons: list[Reason]
    registration_id: str | None
    seats: list[SeatChanged]
    capacities: list[CapacityChanged]


class Decisions(BaseModel):
    """A page of decisions, oldest first; `next_cursor` null: the last page."""

    items: list[Decision]
    next_cursor: str | None


class Log:
    """The operations that say what was decided."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def operations(self) -> list[Operation]:
        """The operations."""
        return [
            Operation(
                "listDecisionsOfRegistration",
                "GET",
                "/api/v1/registrations/{id}/decisions",
                self.of_registration,
                "What was decided about a registration, oldest first, with reasons in words",
                {200: Answer("A page of decisions", Decisions)},
                [REGISTRATION_ID, LIMIT, CURSOR, LANGUAGE],
                problems=[400, 404],
                organiser=True,
            ),
            Operation(
                "listDecisions",
                "GET",
                "/api/v1/registration/decisions",
                self.of_event,
                "What was decided at an event, or about one person, also one who was refused and never got a registration",
                {200: Answer("A page of decisions", Decisions)},
                [EVENT_ID, EMAIL, LIMIT, CURSOR, LANGUAGE],
                problems=[400, 404],
                organiser=True,
            ),
        ]

    async def of_registration(self, request: web.Request) -> web.Response:
        """Attempts that were refused before there was a registration are among them."""
        require_organiser(request)
        registration = await registration_in(request, self._store)
        return await self._page(request, registration.event_id, names_of(registration))

    async def of_event(self, request: web.Request) -> web.Response:
        """Nothing is kept of an address but a key that is made from it."""
        require_organiser(request)
        event = await event_in(request, self._store)
        given = request.query.get("email")
        if given is None:
            return await self._page(request, event.id, [])
        try:
            email = _ADDRESS.validate_python(given)
        except ValidationError as error:
            raise Problem(400, "bad-email", "email is an e-mail address.") from error
        registration = await self._store.registration_of(event.id, email)
        names = names_of(registration) if registration is not None else [person_key(event.id, email)]
        return await self._page(request, event.id, names)

    async def _page(self, request: web.Request, event_id: str, about: list[str]) -> web.Response:
        limit, cursor, language = limit_in(request), request.query.get("cursor"), language_of(request)
        after = Place.read(cursor) if cursor is not None else None
        if cursor is not None and after is None:
            raise Problem(400, "bad-cursor", "cursor is the next_cursor of the page before.")
        found = await decisions(self._store, event_id, about, after=after, limit=limit + 1)
        following = str(found[limit - 1].place) if len(found) > limit else None
        headers = {"Cache-Control": "private, no-store"}
        items = [told(one, language) for one in found[:limit]]
        return web.json_response({"items": items, "next_cursor": following}, headers=headers)
