"""A registration as the desk keeps it: the seat at the event, one choice for each session, and what is still open. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.registration.consents import Consent
from services.registration.requirements import keys_of
from shared.contracts.registration import (
    Cause,
    Choice,
    PersonDetails,
    RegistrationState,
    RequirementState,
    RequirementStatus,
    SeatState,
)

HOLDS = frozenset({SeatState.CONFIRMED, SeatState.OFFERED, SeatState.ATTENDED})
"""States that take a seat whatever else is open; a pending choice takes one where it is `held`."""

Positions = Mapping[tuple[str, str], int]
"""Places in line, by line and registration."""


@dataclass(frozen=True)
class Held:
    """One choice of a registration; `place` is the place in the session's line while it waits. Instants are UTC."""

    session_id: str
    state: SeatState
    place: int | None = None
    kind: str | None = None
    """What the seat, or the place in line, is counted as there: a kind of attendee, or a code's group."""
    held: bool = False
    until: datetime | None = None
    """Until when an offer stands."""
    instead_of: tuple[str, ...] = ()
    approved: bool = False
    cause: Cause | None = None
    attended_at: datetime | None = None

    @property
    def takes_seat(self) -> bool:
        """Whether a seat of the session is this person's."""
        return self.state in HOLDS or (self.state is SeatState.PENDING and self.held)


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
    kind: str | None = None
    """What the seat at the event, or the place in its line, is counted as."""
    held: bool = False
    until: datetime | None = None
    """Until when an offer of a seat at the event stands."""
    cause: Cause | None = None
    approved: bool = False
    code: str | None = None
    numbers: Mapping[str, str] = field(default_factory=dict)
    """Numbers that other systems gave to the person, by requirement."""
    former_keys: tuple[str, ...] = ()
    """Keys of numbers that were given earlier: when the person is forgotten, what is kept under them is removed too."""
    requirements: Mapping[str, RequirementState] = field(default_factory=dict)
    hold_until: datetime | None = None
    remind_at: datetime | None = None
    reconfirm_until: datetime | None = None
    asked_at: datetime | None = None
    """When it was asked whether the person still comes."""
    rules_revision: int = 0
    """The event's revision by which what is open was last looked at."""
    member: bool = False
    consents: Mapping[str, Consent] = field(default_factory=dict)
    """When each consent was given, and to which wording, by the question's id."""
    attended_at: datetime | None = None
    repeated_at: datetime | None = None
    erased: bool = False
    handed_on: bool = False
    """Whether a colleague handed it on to this person."""

    @property
    def active(self) -> bool:
        """Whether it holds or awaits a seat."""
        return self.state is not SeatState.CANCELLED

    @property
    def takes_seat(self) -> bool:
        """Whether a seat at the event is this person's."""
        return self.state in HOLDS or (self.state is SeatState.PENDING and self.held)

    @property
    def keys(self) -> list[str]:
        """The keys under which other organisations' decisions on this person are kept."""
        return [] if self.erased else keys_of(self.event_id, self.person.email, self.numbers)

    @property
    def due_at(self) -> datetime | None:
        """When something has to be done about it next, if nothing happens before."""
        return min(self._due(), default=None)

    def _due(self) -> Iterator[datetime]:
        instants = (self.hold_until, self.remind_at, self.until, self.reconfirm_until)
        yield from (instant for instant in instants if instant is not None)
        yield from (held.until for held in self.choices if held.until is not None)

    def choice(self, session_id: str) -> Held | None:
        """What the person has of a session."""
        return next((held for held in self.choices if held.session_id == session_id), None)

    @property
    def held_meanwhile(self) -> bool:
        """Whether a seat at the event is held until something is fulfilled."""
        return self.held and self.state is SeatState.PENDING

    @property
    def stands_until(self) -> datetime | None:
        """Until when the seat at the event is offered, or held."""
        return self.until or self.hold_until

    def position(self, positions: Positions, event_line: str) -> int | None:
        """The place in the event's own line, where one is known."""
        return positions.get((event_line, self.id)) if self.state is SeatState.WAITLISTED else None

    def choices_told(self, positions: Positions) -> list[Choice]:
        """The choices for the outside."""
        return [
            Choice(
                session_id=held.session_id,
                state=held.state,
                position=positions.get((held.session_id, self.id)) if held.state is SeatState.WAITLISTED else None,
                held=held.held and held.state is SeatState.PENDING,
                until=held.until if held.state is SeatState.OFFERED else None,
                instead_of=list(held.instead_of),
                cause=held.cause,
            )
            for held in self.choices
        ]

    def told(self, positions: Positions, event_line: str) -> RegistrationState:
        """The registration's full state for the outside; `positions` by (line, registration id) where one is known."""
        return RegistrationState(
            id=self.id,
            event_id=self.event_id,
            state=self.state,
            position=self.position(positions, event_line),
            person=self.person,
            choices=self.choices_told(positions),
            link_generation=self.link_generation,
            registered_at=self.registered_at,
            changed_at=self.changed_at,
            held=self.held_meanwhile,
            until=self.stands_until,
            cause=self.cause,
            requirements=[RequirementStatus(id=id_, state=state) for id_, state in self.requirements.items()],
            reconfirm_until=self.reconfirm_until,
            handed_on=self.handed_on,
        )
