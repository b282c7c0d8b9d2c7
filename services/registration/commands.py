"""What the registration desk can be asked, and what it answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.registration.codes import Code
from shared.contracts.registration import (
    Cause,
    Choice,
    Outcome,
    PersonDetails,
    Reason,
    RequestAnswered,
    RequirementState,
    SeatState,
    Through,
)
from shared.contracts.scheduling import EventState, SessionState

ORGANISER = "organiser"
"""Who asks, where an organiser does so by hand."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Something that the desk is asked. `id` is stored with the answer where `repeatable`.

    `request_id` is set where the answer is told as an event (intake messages): the id of the message.
    """

    id: str
    by: str = "clock"
    """Who asks, for the log of decisions: attendee, organiser, message:<publisher>, agenda, clock, door; calendar:<publisher>
    and invitation:<publisher>, where an attendee's own word came through a calendar."""
    correlation_id: str | None = None
    repeatable: bool = False
    fingerprint: str | None = None
    """A digest of what is asked: the same id with another one is a mistake, not a repetition."""
    request_id: str | None = None
    item: int | None = None
    """The number of the person in a group's message, from 1."""


@dataclass(frozen=True, kw_only=True)
class Register(Command):
    """A person asks for a seat at the event and in `sessions`. `registration_id` is the id to use if it is a new one.

    `anonymous`: whoever asks may not learn who is registered already. `language`: in which the person read what is agreed to;
    None: the person's own. `shown`: the digest of what was read, by the question's id; none: nobody said.
    """

    registration_id: str
    person: PersonDetails
    sessions: tuple[str, ...] = ()
    answers: Mapping[str, str | bool] = field(default_factory=dict)
    code: str | None = None
    numbers: Mapping[str, str] = field(default_factory=dict)
    anonymous: bool = False
    language: str | None = None
    shown: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Change(Command):
    """A registration's sessions become `sessions`, all at once or not at all: a seat is given up only for a seat. Named by
    id or by e-mail. `language`: in which the person read what is agreed to; None: the person's own. `shown`: the digest of
    what was read, by the question's id; none: nobody said."""

    registration_id: str | None = None
    email: str | None = None
    sessions: tuple[str, ...] = ()
    answers: Mapping[str, str | bool] = field(default_factory=dict)
    code: str | None = None
    language: str | None = None
    shown: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Cancel(Command):
    """A registration, or some of its sessions, are given up. Named by id or by e-mail. `through`: where the person said it,
    if not on a page."""

    registration_id: str | None = None
    email: str | None = None
    sessions: tuple[str, ...] = ()
    through: Through | None = None


@dataclass(frozen=True, kw_only=True)
class Refuse(Command):
    """A request that cannot be read or names an unknown event: it is only answered."""

    event_id: str | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, kw_only=True)
class ReviseEvent(Command):
    """The event's published rules changed."""

    event: EventState


@dataclass(frozen=True, kw_only=True)
class ReviseSession(Command):
    """A session's published rules changed."""

    session: SessionState


@dataclass(frozen=True, kw_only=True)
class Promote(Command):
    """Seats are free while people wait: go on promoting (the desk asks itself)."""


@dataclass(frozen=True, kw_only=True)
class OfOne(Command):
    """Something about one registration, named by its id."""

    registration_id: str


@dataclass(frozen=True, kw_only=True)
class Approve(OfOne):
    """An organiser says yes: to the registration and, where `sessions` are named, to these only."""

    sessions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Decline(OfOne):
    """An organiser says no: to the whole registration or, where `sessions` are named, to these."""

    sessions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Accept(OfOne):
    """The person takes what is offered: everything or, where `sessions` are named, these. What it is instead of, goes."""

    sessions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reconfirm(OfOne):
    """The person still comes."""


@dataclass(frozen=True, kw_only=True)
class GiveNumbers(OfOne):
    """The person tells the numbers that other systems gave."""

    numbers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class DecideRequirement(Command):
    """Another organisation decided, or an organiser by hand. The person is named by e-mail, number or registration;
    `decided_at` None: now."""

    requirement: str
    state: RequirementState
    email: str | None = None
    number: str | None = None
    registration_id: str | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Transfer(OfOne):
    """The person's seats, and places in line, become `person`'s, under the new id `to_id`."""

    to_id: str
    person: PersonDetails
    answers: Mapping[str, str | bool] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CheckIn(OfOne):
    """The person is here, at the event or in one session, since `at` (UTC)."""

    at: datetime
    session_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class UndoCheckIn(OfOne):
    """It was a mistake: the person is not here, at the event and in all sessions or, where one is named, in this one."""

    session_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Relink(OfOne):
    """All private addresses of the registration are void; new ones hold from now on."""


@dataclass(frozen=True, kw_only=True)
class Erase(OfOne):
    """The person is forgotten. Seats of an event to come are given up; of a past one, the bare counts stay."""


@dataclass(frozen=True, kw_only=True)
class SetCodes(Command):
    """Invitation codes are made, or their rules changed; how often they were used stays."""

    codes: tuple[Code, ...]


@dataclass(frozen=True, kw_only=True)
class RevokeCode(Command):
    """A code cannot be used any more; who registered with it keeps the seat."""

    code: str


@dataclass(frozen=True, kw_only=True)
class Tick(Command):
    """Time has passed: whatever is due for these registrations and codes is done (the clock asks)."""

    registrations: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What became of a command: exactly one for each."""

    outcome: Outcome
    reasons: tuple[Reason, ...] = ()
    event_id: str | None = None
    registration_id: str | None = None
    state: SeatState | None = None
    position: int | None = None
    choices: tuple[Choice, ...] = field(default=())
    fingerprint: str | None = None
    held: bool = False
    until: datetime | None = None
    cause: Cause | None = None

    def told(self, request_id: str, item: int | None = None) -> RequestAnswered:
        """The answer as an event's data."""
        return RequestAnswered(
            request_id=request_id,
            outcome=self.outcome,
            reasons=list(self.reasons),
            event_id=self.event_id,
            registration_id=self.registration_id,
            state=self.state,
            choices=list(self.choices),
            item=item,
        )
