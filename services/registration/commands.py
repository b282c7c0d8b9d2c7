"""What the registration desk can be asked, and what it answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.contracts.registration import (
    Choice,
    Outcome,
    PersonDetails,
    Reason,
    RegistrationState,
    RequestAnswered,
    SeatState,
)
from shared.contracts.scheduling import EventState, SessionState


@dataclass(frozen=True, kw_only=True)
class Command:
    """Something that the desk is asked. `id` is stored with the answer where `repeatable`.

    `request_id` is set where the answer is told as an event (intake messages): the id of the message.
    """

    id: str
    correlation_id: str | None = None
    repeatable: bool = False
    fingerprint: str | None = None
    """A digest of what is asked: the same id with another one is a mistake, not a repetition."""
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Register(Command):
    """A person asks for a seat at the event and in `sessions`. `registration_id` is the id to use if it is a new one."""

    registration_id: str
    person: PersonDetails
    sessions: tuple[str, ...] = ()
    answers: Mapping[str, str | bool] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Change(Command):
    """A registration's sessions become `sessions`, all at once or not at all: a seat is given up only for a seat. Named by
    id or by e-mail."""

    registration_id: str | None = None
    email: str | None = None
    sessions: tuple[str, ...] = ()
    answers: Mapping[str, str | bool] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Cancel(Command):
    """A registration, or some of its sessions, are given up. Named by id or by e-mail."""

    registration_id: str | None = None
    email: str | None = None
    sessions: tuple[str, ...] = ()


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


@dataclass(frozen=True)
class Held:
    """One choice of a registration; `place` is the place in the session's line while it waits."""

    session_id: str
    state: SeatState
    place: int | None = None


@dataclass(frozen=True)
class Registration:
    """A registration as the desk keeps it. Instants are UTC; `place` is the place in the event's own line."""

    id: str
    event_id: str
    person: PersonDetails
    state: SeatState
    place: int | None
    choices: tuple[Held, ...]
    link_generation: int
    registered_at: datetime
    changed_at: datetime
    answers: Mapping[str, str | bool] = field(default_factory=dict)
    """What was answered, by the question's id: for organisers, told to nobody."""

    @property
    def active(self) -> bool:
        """Whether it holds or awaits a seat."""
        return self.state is not SeatState.CANCELLED

    def told(self, positions: Mapping[tuple[str, str], int], event_line: str) -> RegistrationState:
        """The registration's full state for the outside; `positions` by (line, registration id) where one is known."""
        return RegistrationState(
            id=self.id,
            event_id=self.event_id,
            state=self.state,
            position=positions.get((event_line, self.id)) if self.state is SeatState.WAITLISTED else None,
            person=self.person,
            choices=[
                Choice(
                    session_id=held.session_id,
                    state=held.state,
                    position=positions.get((held.session_id, self.id)) if held.state is SeatState.WAITLISTED else None,
                )
                for held in self.choices
            ],
            link_generation=self.link_generation,
            registered_at=self.registered_at,
            changed_at=self.changed_at,
        )


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

    def told(self, request_id: str) -> RequestAnswered:
        """The answer as an event's data."""
        return RequestAnswered(
            request_id=request_id,
            outcome=self.outcome,
            reasons=list(self.reasons),
            event_id=self.event_id,
            registration_id=self.registration_id,
            state=self.state,
            choices=list(self.choices),
        )
