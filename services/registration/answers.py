"""What registration answers over HTTP: the JSON, and models of it for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from services.registration.commands import Answer
from services.registration.registrations import Registration
from services.registration.seats import EVENT
from shared.contracts.base import Instant, json_of
from shared.contracts.registration import (
    Answers,
    Cause,
    Choice,
    Numbers,
    Outcome,
    PersonDetails,
    RegistrationState,
    SeatState,
)


class Answered(BaseModel):
    """What became of a request. `position` is the place in the event's own line; `repeated`: an earlier request with the
    same Idempotency-Key got this answer first."""

    registration_id: str | None
    event_id: str | None
    state: SeatState | None
    choices: list[Choice]
    repeated: bool
    position: int | None = Field(default=None, ge=1)
    held: bool = Field(default=False, description="Pending: a seat is held meanwhile")
    until: Instant | None = Field(default=None, description="Until when a held seat is held, or an offer stands")
    cause: Cause | None = Field(default=None, description="Why it is pending or cancelled")


class PersonShown(PersonDetails):
    """Who registered; name and address are empty where the person was forgotten."""

    name: str = Field(max_length=200)
    email: str


class RegistrationShown(RegistrationState):
    """A registration as organisers see it, with what the person answered, and when and to what each consent was given."""

    person: PersonShown
    answers: Answers
    code: str | None = Field(default=None, description="The invitation code that it was made with")
    numbers: Numbers = {}
    consents: dict[str, Instant] = Field(default={}, description="By the question: when it was agreed to")
    agreed_to: dict[str, str] = Field(
        default={},
        description="By the question: the wording that was agreed to, in the language in which it was read. In the answer about "
        "one registration, not in lists; missing where it was not kept, as of older consents",
    )
    attended_at: Instant | None = None
    member: bool = False
    erased: bool = False


class Registrations(BaseModel):
    """A page of registrations, oldest first; `next_cursor` null: the last page."""

    items: list[RegistrationShown]
    next_cursor: str | None


class Counts(BaseModel):
    """How many registrations there are by state; of those that are not cancelled, how many by kind of attendee, country and
    language (an empty name: not said), by requirement and state, and by code; by session, how many in which state. People
    who were forgotten are counted as before."""

    event_id: str
    states: dict[str, int]
    audiences: dict[str, int]
    countries: dict[str, int]
    languages: dict[str, int]
    sessions: dict[str, dict[str, int]]
    attended: int = Field(description="Checked in at the event")
    offered: int = Field(description="Seats at the event that are offered")
    held: int = Field(description="Seats at the event that are held for somebody for whom something is missing")
    sessions_held: dict[str, int] = Field(description="By session: seats that are held so")
    requirements: dict[str, dict[str, int]]
    codes: dict[str, int]
    erased: int


def answered(answer: Answer) -> dict[str, Any]:
    """The answer as JSON data (Answered)."""
    body: dict[str, Any] = {
        "registration_id": answer.registration_id,
        "event_id": answer.event_id,
        "state": answer.state,
        "choices": [json_of(choice) for choice in answer.choices],
        "repeated": answer.outcome is Outcome.DUPLICATE,
    }
    if answer.position:
        body["position"] = answer.position
    if answer.held:
        body["held"] = True
    if answer.until:
        body["until"] = _instant(answer.until)
    if answer.cause:
        body["cause"] = str(answer.cause)
    return body


def shown(registration: Registration, positions: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    """The registration as JSON data (RegistrationShown); `positions` by (line, registration id) where one is known."""
    told = registration.told(positions, EVENT)
    if registration.erased:
        # Nobody stands here any more; what is left is for the counts.
        told = told.model_copy(update={"person": told.person.model_copy(update={"name": "", "email": ""})})
    also = {
        "answers": dict(registration.answers),
        "code": registration.code,
        "numbers": dict(registration.numbers),
        "consents": {id_: _instant(consent.at) for id_, consent in registration.consents.items()},
        "agreed_to": {id_: consent.text for id_, consent in registration.consents.items() if consent.text},
        "attended_at": _instant(registration.attended_at) if registration.attended_at else None,
        "member": registration.member,
        "erased": registration.erased,
    }
    return json_of(told) | {name: value for name, value in also.items() if value or name == "answers"}


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
