"""What registration tells (facts), and what it is asked to do (intake messages of other systems)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, EmailStr, Field, field_validator, model_validator

from shared.contracts.base import Contract, Identifier, Instant, Language
from shared.contracts.bounds import at_most
from shared.contracts.countries import COUNTRIES, Country

REGISTRATION_CHANGED = "lectern.registration.registration-changed.v1"
SEATS_CHANGED = "lectern.registration.seats-changed.v1"
REQUEST_ANSWERED = "lectern.registration.request-answered.v1"

REGISTRATION_REMINDED = "lectern.registration.registration-reminded.v1"
REGISTRATION_REPEATED = "lectern.registration.registration-repeated.v1"
REGISTRATION_ERASED = "lectern.registration.registration-erased.v1"

REGISTRATION_REQUESTED = "lectern.intake.registration-requested.v1"
REGISTRATION_CANCELLED = "lectern.intake.registration-cancelled.v1"
REGISTRATION_CHANGE_REQUESTED = "lectern.intake.registration-change-requested.v1"
GROUP_REQUESTED = "lectern.intake.group-registration-requested.v1"
REQUIREMENT_GRANTED = "lectern.intake.requirement-granted.v1"
REQUIREMENT_REFUSED = "lectern.intake.requirement-refused.v1"
REQUIREMENT_REVOKED = "lectern.intake.requirement-revoked.v1"


class SeatState(StrEnum):
    """What became of one choice. `pending`: a requirement is missing, for example a seat at the event itself."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    WAITLISTED = "waitlisted"
    OFFERED = "offered"
    CANCELLED = "cancelled"
    ATTENDED = "attended"


class RequirementState(StrEnum):
    """What another organisation said of a registration that is needed there."""

    MISSING = "missing"
    GRANTED = "granted"
    REFUSED = "refused"
    REVOKED = "revoked"


class Cause(StrEnum):
    """Why a choice, or a registration, is pending or cancelled."""

    APPROVAL = "approval"
    """Pending: an organiser has not decided yet."""
    REQUIREMENT = "requirement"
    """Pending: a registration elsewhere is missing."""
    EVENT_SEAT = "event-seat"
    """Pending: there is no seat at the event yet."""
    GIVEN_UP = "given-up"
    DECLINED = "declined"
    """Cancelled: an organiser said no."""
    REQUIREMENT_LAPSED = "requirement-lapsed"
    OFFER_LAPSED = "offer-lapsed"
    NOT_RECONFIRMED = "not-reconfirmed"
    SWAPPED = "swapped"
    TRANSFERRED = "transferred"
    FULL = "full"
    """Cancelled: full, with no waiting list, when the seat at the event came."""
    OVERLAP = "overlap"
    OVER = "over"
    """Cancelled: the session had begun, or was called off, when the seat at the event came."""
    ERASED = "erased"
    CALENDAR = "calendar"
    """Cancelled: the person removed it from a connected calendar, or declined it there or in the invitation."""


class Through(StrEnum):
    """How a person's own word reached us, where it was not said on a page."""

    CALENDAR = "calendar"
    """Removed or declined in a connected calendar."""
    INVITATION = "invitation"
    """Declined in answer to the mailed invitation."""


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
    country: Country | None = Field(default=None, description="ISO 3166-1 alpha-2")


Answers = Annotated[
    dict[Identifier, bool | Annotated[str, Field(max_length=5000)]], Field(max_length=200), at_most(200)
]
"""Answers by the question's id: text, true or false, or for a choice its text in any language."""


InvitationCode = Annotated[str, Field(min_length=1, max_length=80)]
"""An invitation code as somebody types it: case, spaces and hyphens do not matter."""

Numbers = Annotated[
    dict[Identifier, Annotated[str, Field(min_length=1, max_length=80)]], Field(max_length=20), at_most(20)
]
"""The numbers that other systems gave to a person, by the requirement's id."""


class RegistrationRequested(Contract):
    """A person asks for a seat at an event and, where sessions are chosen, in sessions."""

    event_id: Identifier
    person: PersonDetails
    sessions: list[Identifier] = Field(default=[], max_length=200)
    answers: Answers = {}
    code: InvitationCode | None = None
    numbers: Numbers = {}


class GroupMember(Contract):
    """One person of a group, as in a registration of one's own."""

    person: PersonDetails
    sessions: list[Identifier] = Field(default=[], max_length=200)
    answers: Answers = {}
    code: InvitationCode | None = None
    numbers: Numbers = {}


class GroupRequested(Contract):
    """Another system registers up to 500 people at once. Each is decided alone, and answered with the number in `item`."""

    event_id: Identifier
    people: list[GroupMember] = Field(min_length=1, max_length=500)


class RequirementDecided(Contract):
    """Another organisation granted, refused or revoked what it was asked for. The person is named by e-mail or by number
    there; the newest decision counts, in whatever order they arrive, before or after the registration."""

    event_id: Identifier
    requirement: Identifier
    email: Email | None = None
    number: str | None = Field(default=None, min_length=1, max_length=80)
    decided_at: Instant | None = Field(default=None, description="When it was decided there; missing: on arrival")

    @model_validator(mode="after")
    def _somebody_is_named(self) -> Self:
        if self.email is None and self.number is None:
            raise ValueError("name the person by email or by number")
        return self


class RegistrationChangeRequested(Contract):
    """A registration's sessions are changed to `sessions`, all at once or not at all: a seat is given up only for a seat. A
    full session that is named beside all that is held is waited for. The person is named by registration id or by e-mail."""

    event_id: Identifier
    registration_id: str | None = Field(default=None, max_length=80)
    email: Email | None = None
    sessions: list[Identifier] = Field(max_length=200, description="All that are wanted from now on")
    answers: Answers = {}
    code: InvitationCode | None = None


class RegistrationCancelled(Contract):
    """A registration, or some sessions of it, are given up. The person is named by registration id or by e-mail."""

    event_id: Identifier
    registration_id: str | None = Field(default=None, max_length=80)
    email: Email | None = None
    sessions: list[Identifier] | None = Field(
        default=None, max_length=200, description="Empty or missing: the whole registration"
    )
    through: Through | None = Field(default=None, description="How the person said it, where a calendar was the way")


class Choice(Contract):
    """One session of a registration and what became of it. `position` is the place in line at that moment, from 1."""

    session_id: Identifier
    state: SeatState
    position: int | None = Field(default=None, ge=1)
    held: bool = Field(default=False, description="Pending: a seat is held meanwhile")
    until: Instant | None = Field(default=None, description="Offered: until when it can be accepted")
    instead_of: list[Identifier] = Field(
        default=[], description="Offered: sessions at the same time that are given up for it"
    )
    cause: Cause | None = Field(default=None, description="Why it is pending or cancelled")


class RequirementStatus(Contract):
    """How a registration elsewhere stands."""

    id: Identifier
    state: RequirementState = RequirementState.MISSING


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
    held: bool = Field(default=False, description="Pending: a seat is held meanwhile")
    until: Instant | None = Field(default=None, description="Until when a held seat is held, or an offer stands")
    cause: Cause | None = Field(default=None, description="Why it is pending or cancelled")
    requirements: list[RequirementStatus] = []
    reconfirm_until: Instant | None = Field(default=None, description="Until when it must be said: I still come")
    handed_on: bool = Field(default=False, description="A colleague handed it on to this person")

    @field_validator("person", mode="before")
    @classmethod
    def _written_before_codes_were_checked(cls, person: Any) -> Any:
        if not isinstance(person, dict) or person.get("country") is None or person["country"] in COUNTRIES:
            return person
        return {**person, "country": None}


class Reminder(StrEnum):
    """What somebody is reminded of."""

    REQUIREMENT = "requirement"
    RECONFIRMATION = "reconfirmation"


class RegistrationReminded(Contract):
    """Something must be done before `until`, or the seat is given up."""

    registration_id: str
    event_id: Identifier
    about: Reminder
    until: Instant


class RegistrationRepeated(Contract):
    """Somebody asked for a registration with the address of a person who has one; only that person is told."""

    registration_id: str
    event_id: Identifier


class RegistrationErased(Contract):
    """The person wished to be forgotten, or the time to keep the registration is over: every service forgets."""

    registration_id: str
    event_id: Identifier
    erased_at: Instant


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
    item: int | None = Field(default=None, ge=1, description="The number of the person in a group, from 1")
