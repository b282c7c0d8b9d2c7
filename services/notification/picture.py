"""A picture of all that the mails to one person speak of: as it was told last, or as it stands. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.contracts.registration import Cause, RegistrationState, RequirementState, SeatState
from shared.contracts.scheduling import EventState, SessionKind, SessionState

SEATED = frozenset({SeatState.CONFIRMED, SeatState.ATTENDED})
"""States in which the person has the seat for certain."""


@dataclass(frozen=True)
class Seat:
    """The state of a seat; `position` is the place in line, from 1, where it is known.

    `until` (UTC): until when it is held, or offered; `instead_of`: the sessions that accepting it gives up.
    """

    state: SeatState
    position: int | None = None
    held: bool = False
    until: datetime | None = None
    instead_of: tuple[str, ...] = ()
    cause: Cause | None = None

    @property
    def matter(self) -> tuple[object, ...]:
        """All of it that is news when it becomes different."""
        if self.state in SEATED:
            return (SeatState.CONFIRMED,)  # being checked in is no news to the one who stands at the door
        if self.state is SeatState.PENDING:
            return self.state, self.held, self.until, self.cause if self.cause in _TOLD_CAUSES else None
        if self.state is SeatState.OFFERED:
            return self.state, self.until, self.instead_of
        return (self.state,)

    @property
    def lapses(self) -> bool:
        """Whether it is held only while a registration elsewhere is missing."""
        return self.state is SeatState.PENDING and self.held and self.cause is not Cause.APPROVAL


_TOLD_CAUSES = (Cause.APPROVAL, Cause.REQUIREMENT)


@dataclass(frozen=True)
class Picture:
    """All that the mails to one person speak of, as it was told or as it stands.

    `seat` is the seat at the event, `choices` those in sessions. `sessions` holds the chosen sessions and those that are
    for everybody. `reconfirm_until` (UTC): until when the person is to say that they still come.
    """

    seat: Seat
    choices: Mapping[str, Seat]
    event: EventState
    sessions: Mapping[str, SessionState]
    requirements: Mapping[str, RequirementState] = field(default_factory=dict)
    reconfirm_until: datetime | None = None
    link_generation: int = 1
    """Raised when the private addresses made before became void."""
    handed_on: bool = False
    """Whether a colleague handed the seat on to the person."""


def picture(
    registration: RegistrationState, event: EventState | None, sessions: Mapping[str, SessionState]
) -> Picture | None:
    """What stands for `registration`; None while the event or a chosen session is not known yet.

    `sessions` are all known sessions of the event.
    """
    chosen = {choice.session_id for choice in registration.choices}
    if event is None or not chosen <= sessions.keys():
        return None
    return Picture(
        seat=_event_seat(registration),
        choices=_choices(registration),
        event=event,
        sessions={
            id_: session
            for id_, session in sessions.items()
            if id_ in chosen or (not session.by_choice and session.kind is not SessionKind.BREAK)
        },
        requirements={requirement.id: requirement.state for requirement in registration.requirements},
        reconfirm_until=registration.reconfirm_until,
        link_generation=registration.link_generation,
        handed_on=registration.handed_on,
    )


def same_seats(one: RegistrationState, other: RegistrationState) -> bool:
    """Whether two states of a registration differ in nothing that is news, such as the position in line only."""
    return _standing(one) == _standing(other)


def seats(registration: RegistrationState) -> set[str]:
    """The sessions that were chosen and in which the person has a confirmed seat."""
    if registration.state not in SEATED:
        return set()
    return {choice.session_id for choice in registration.choices if choice.state in SEATED}


def has_seat(view: Picture, session_id: str) -> bool:
    """Whether the person has a confirmed seat in the session: only then the link to join may be shown."""
    if view.seat.state not in SEATED:
        return False
    session = view.sessions[session_id]
    if not session.by_choice:
        return True
    choice = view.choices.get(session_id)
    return choice is not None and choice.state in SEATED


def follows(view: Picture, session_id: str) -> bool:
    """Whether changes of the session are news for the person: who holds or awaits a seat in it."""
    choice = view.choices.get(session_id)
    if view.seat.state is SeatState.CANCELLED:
        return False
    if choice is not None:
        return choice.state is not SeatState.CANCELLED
    return not view.sessions[session_id].by_choice and view.seat.state in SEATED


def _event_seat(state: RegistrationState) -> Seat:
    until = state.until if state.held or state.state is SeatState.OFFERED else None
    return Seat(state.state, state.position, state.held, until, (), state.cause)


def _choices(state: RegistrationState) -> dict[str, Seat]:
    # All that is held for a person is held for the same registration elsewhere, so until the same time.
    held_until = state.until if state.state is not SeatState.OFFERED else None
    return {
        choice.session_id: Seat(
            choice.state,
            choice.position,
            choice.held,
            (choice.until or held_until) if choice.held else choice.until,
            tuple(sorted(choice.instead_of)),
            choice.cause,
        )
        for choice in state.choices
    }


def _standing(state: RegistrationState) -> tuple[object, ...]:
    return (
        _event_seat(state).matter,
        {id_: seat.matter for id_, seat in _choices(state).items()},
        {requirement.id: requirement.state for requirement in state.requirements},
        state.reconfirm_until,
        state.link_generation,
    )
