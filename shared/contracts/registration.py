"""What registration tells (facts), and what it is asked to do (intake messages of other systems)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, EmailStr, Field

from shared.contracts.base import Contract, Identifier, Instant, Language

REGISTRATION_CHANGED = "lectern.registration.registration-changed.v1"
SEATS_CHANGED = "lectern.registration.seats-changed.v1"
REQUEST_ANSWERED = "lectern.registration.request-answered.v1"

REGISTRATION_REQUESTED = "lectern.intake.registration-requested.v1"
REGISTRATION_CANCELLED = "lectern.intake.registration-cancelled.v1"
REGISTRATION_CHANGE_REQUESTED = "lectern.intake.registration-change-requested.v1"


class SeatState(StrEnum):
    """What became of one choice. `pending`: a requirement is missing, for example a seat at the event itself."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    WAITLISTED = "waitlisted"
    OFFERED = "offered"
    CANCELLED = "cancelled"
    ATTENDED = "attended"


class Outcome(StrEnum):
    """The answer to a request."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"


def _normal_email(value: str) -> str:
    return value.strip().lower()


Email = Annotated[EmailStr, AfterValidator(_normal_email)]
"""An e-mail address in lower case: two spellings of one address are one person."""


class PersonDetails(Contract):
    """Who registers: no more than the mails and the lists need."""

    name: str = Field(min_length=1, max_length=200)
    email: Email
    language: Language = "en"
    audience: Identifier | None = Field(default=None, description="The kind of audience, where the event has kinds")
    affiliation: str | None = Field(default=None, max_length=200)
    country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2")


Answers = Annotated[dict[Identifier, bool | Annotated[str, Field(max_length=5000)]], Field(max_length=200)]
"""Answers by the question's id: text, true or false, or for a choice its text in any language."""


class RegistrationRequested(Contract):
    """A person asks for a seat at an event and, where sessions are chosen, in sessions."""

    event_id: Identifier
    person: PersonDetails
    sessions: list[Identifier] = Field(default=[], max_length=200)
    answers: Answers = {}


class RegistrationChangeRequested(Contract):
    """A registration's sessions are changed to `sessions`, all at once or not at all: a seat is given up only for a seat. A
    full session that is named beside all that is held is waited for. The person is named by registration id or by e-mail."""

    event_id: Identifier
    registration_id: str | None = Field(default=None, max_length=80)
    email: Email | None = None
    sessions: list[Identifier] = Field(max_length=200, description="All that are wanted from now on")
    answers: Answers = {}


class RegistrationCancelled(Contract):
    """A registration, or some sessions of it, are given up. The person is named by registration id or by e-mail."""

    event_id: Identifier
    registration_id: str | None = Field(default=None, max_length=80)
    email: Email | None = None
    sessions: list[Identifier] | None = Field(
        default=None, max_length=200, description="Empty or missing: the whole registration"
    )


class Choice(Contract):
    """One session of a registration and what became of it. `position` is the place in line at that moment, from 1."""

    session_id: Identifier
    state: SeatState
    position: int | None = Field(default=None, ge=1)


class RegistrationState(Contract):
    """A registration as it stands: the subject's full state."""

    id: str
    event_id: Identifier
    state: SeatState
    position: int | None = Field(default=None, ge=1)
    person: PersonDetails
    choices: list[Choice] = []
    link_generation: int = Field(default=1, ge=1, description="Raised to revoke the private addresses made before")
    registered_at: Instant
    changed_at: Instant


class SessionSeats(Contract):
    """Seats of one session; `capacity` None: no limit."""

    session_id: Identifier
    capacity: int | None = None
    confirmed: int = 0
    waiting: int = 0


class AudienceSeats(Contract):
    """Seats at the event by kind of audience; `quota` None: none are set aside."""

    audience: Identifier
    quota: int | None = None
    confirmed: int = 0
    waiting: int = 0


class SeatsState(Contract):
    """How full an event and its sessions are."""

    event_id: Identifier
    capacity: int | None = None
    confirmed: int = 0
    waiting: int = 0
    sessions: list[SessionSeats] = []
    audiences: list[AudienceSeats] = []


class Reason(Contract):
    """Why a request, or one choice of it, was not granted."""

    code: str
    field: str
    message: str


class RequestAnswered(Contract):
    """The answer to one intake message: its id is the `causationid` of this event."""

    request_id: str
    outcome: Outcome
    reasons: list[Reason] = []
    event_id: Identifier | None = None
    registration_id: str | None = None
    state: SeatState | None = None
    choices: list[Choice] = []
