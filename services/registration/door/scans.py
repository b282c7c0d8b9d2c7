"""What a helper's phone sends, and what it is answered: the JSON of check-in, and models of it for the OpenAPI document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from services.registration.door.tickets import LONGEST
from shared.contracts.base import Identifier, Instant

MOST = 100
"""How many scans are sent at once at the most."""

_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2999, 12, 31, tzinfo=UTC)

At = Annotated[
    AwareDatetime, Field(ge=_EARLIEST, le=_LATEST), AfterValidator(lambda at: at.astimezone(UTC))
]  # bounded first: an instant at the end of all time has no UTC


class Scan(BaseModel):
    """One scan, as noted on a phone: of a ticket, or of somebody found by name. `id` makes it repeatable."""

    model_config = ConfigDict(extra="forbid")

    id: UUID = Field(description="Made for this scan; sent again with the same id, it gets the first answer")
    at: At = Field(description="When it was scanned; the future is taken for now")
    ticket: str | None = Field(
        default=None, min_length=1, max_length=LONGEST, description="What was read: a ticket, or its whole address"
    )
    registration_id: str | None = Field(default=None, pattern=r"^[0-9a-z-]{1,80}$")
    session_id: Identifier | None = Field(default=None, description="Into this session; else the event")
    undo: bool = Field(default=False, description="The check-in was a mistake")

    @model_validator(mode="after")
    def _somebody_is_named(self) -> Self:
        if (self.ticket is None) == (self.registration_id is None):
            raise ValueError("name the person by ticket or by registration_id, and not by both")
        return self


class Scans(BaseModel):
    """What a phone has noted, in order. With no scans, only the counter is asked for."""

    model_config = ConfigDict(extra="forbid")

    event_id: Identifier
    scans: list[Scan] = Field(default=[], max_length=MOST)
    session_id: Identifier | None = Field(default=None, description="Whose counter is wanted; none: the event's")


class ScanOutcome(StrEnum):
    """What became of one scan."""

    CHECKED_IN = "checked-in"
    UNDONE = "undone"
    ALREADY = "already"
    """Checked in before, at `since`."""
    OTHER_EVENT = "other-event"
    UNKNOWN = "unknown"
    """No ticket of ours, or one whose private addresses were made new since."""
    CANCELLED = "cancelled"
    WAITS = "waits"
    """On the waiting list, or offered a seat that was not taken."""
    PENDING = "pending"
    """Something is `missing`."""
    NOT_CHOSEN = "not-chosen"
    """Registered, without a seat in this session."""
    REFUSED = "refused"
    """The same id came with another scan before, or the desk said no for a reason of its own."""


class HeldSession(BaseModel):
    """A session that the person has chosen."""

    title: str
    state: str


@dataclass(frozen=True)
class Shown:
    """Whose ticket it is, in words, before it is scanned. `message`: how the registration stands."""

    message: str
    name: str
    kind: str | None
    sessions: list[HeldSession]
    missing: list[str]


class Scanned(BaseModel):
    """The answer to one scan; texts in the language that was asked for."""

    id: str
    outcome: ScanOutcome
    message: str = Field(description="The outcome in words")
    name: str | None = None
    kind: str | None = Field(default=None, description="The kind of attendee")
    sessions: list[HeldSession] = []
    since: Instant | None = Field(default=None, description="Since when the person is here")
    missing: list[str] = Field(default=[], description="Pending: what is missing, in words")


class Counter(BaseModel):
    """How many are here, of those who have a seat."""

    checked_in: int
    expected: int


class ScansAnswered(BaseModel):
    """An answer for each scan, in order. `now` lets a phone know how wrong its clock is."""

    scans: list[Scanned]
    counter: Counter
    now: Instant


class DoorAddress(BaseModel):
    """Where helpers check people in. Whoever has the address may."""

    address: str


class DoorRenewed(DoorAddress):
    """The present address. `repeated`: an earlier request with the same Idempotency-Key made it new."""

    repeated: bool


class Found(BaseModel):
    """Somebody found by name, at the door."""

    id: str
    name: str
    kind: str | None
    state: str
