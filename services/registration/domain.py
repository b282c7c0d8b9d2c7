"""The decision about seats: snapshot + commands + now -> new seats, registrations, answers and facts. Pure.

No clock, no I/O. Commands are folded in order of arrival; freed seats go to those who wait, in order of their places.
What each command does stands in services.registration.decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.registration import commands as asked
from services.registration.codes import Code
from services.registration.commands import Answer, Command
from services.registration.decisions import (
    asking,
    attendance,
    conditions,
    due,
    giving_up,
    revising,
    seating,
)
from services.registration.decisions.fold import Fold, Snapshot, Waiting
from services.registration.decisions.log import Entry
from services.registration.registrations import HOLDS, Registration
from services.registration.requirements import Grant, person_key
from services.registration.seats import Seats
from shared.contracts.registration import (
    AudienceSeats,
    Outcome,
    Reason,
    RegistrationReminded,
    SeatsState,
    SessionSeats,
)

__all__ = ["HOLDS", "Decision", "Snapshot", "Waiting", "decide", "seats_told"]

Handler = Callable[[Fold, Any], Answer]

HANDLERS: dict[type[Command], Handler] = {
    asked.Register: asking.register,
    asked.Change: asking.change,
    asked.Cancel: giving_up.cancel,
    asked.Decline: giving_up.cancel,
    asked.Transfer: giving_up.transfer,
    asked.Relink: giving_up.relink,
    asked.Erase: giving_up.erase,
    asked.Approve: conditions.approve,
    asked.Accept: conditions.accept,
    asked.Reconfirm: conditions.reconfirm,
    asked.GiveNumbers: conditions.give_numbers,
    asked.DecideRequirement: conditions.decide_requirement,
    asked.CheckIn: attendance.check_in,
    asked.UndoCheckIn: attendance.undo,
    asked.SetCodes: revising.set_codes,
    asked.RevokeCode: revising.revoke_code,
    asked.ReviseEvent: revising.revise_event,
    asked.ReviseSession: revising.revise_session,
    asked.Tick: due.tick,
    asked.Refuse: lambda _, command: Answer(Outcome.REJECTED, command.reasons, command.event_id),
    asked.Promote: lambda fold, _: Answer(Outcome.ACCEPTED, event_id=fold.event_id),
}
"""What is done for each kind of command."""


@dataclass(frozen=True)
class Decision:
    """What follows: all of it is committed at once, or none. `positions` are places in line by (line, registration)."""

    seats: Seats
    registrations: Mapping[str, Registration]
    waiting: tuple[Waiting, ...]
    answers: tuple[Answer, ...]
    positions: Mapping[tuple[str, str], int]
    correlations: Mapping[str, str | None]
    """The correlation id of the command that last changed a registration, by registration id."""
    codes: Mapping[str, Code] = field(default_factory=dict)
    grants: Mapping[tuple[str, str], Grant] = field(default_factory=dict)
    log: tuple[Entry, ...] = ()
    reminders: tuple[RegistrationReminded, ...] = ()
    repeated: tuple[str, ...] = ()
    """Registrations whose address somebody else filled in."""
    erased: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By registration that is forgotten now: the keys under which other organisations' decisions are kept."""
    promotions_left: bool = False
    """Whether seats are free while people wait: more than the snapshot held."""


def decide(snapshot: Snapshot, commands: Sequence[Command], now: datetime) -> Decision:
    """Decides `commands` in order at the instant `now` (UTC)."""
    fold = Fold(snapshot, now)
    log: list[Entry] = []
    answers = tuple(_answer(fold, command, log) for command in commands)
    seating.promote(fold)
    if fold.effects:
        log.append(Entry("line", "promotion", Outcome.ACCEPTED.value, effects=tuple(fold.effects)))
    return Decision(
        seats=fold.seats(),
        registrations=fold.changed,
        waiting=tuple(fold.waiting.values()),
        answers=answers,
        positions=fold.positions,
        correlations=fold.correlations,
        codes=fold.changed_codes,
        grants=fold.changed_grants,
        log=tuple(log),
        reminders=tuple(fold.reminders),
        repeated=tuple(fold.repeated),
        erased=fold.erased,
        promotions_left=fold.seats().promotions_left(now),
    )


def _answer(fold: Fold, command: Command, log: list[Entry]) -> Answer:
    before = fold.answers.get(command.id)
    if before is not None:
        if before.fingerprint != command.fingerprint:
            message = "this key was used for another request; use a new one"
            return fold.rejected(Reason(code="key-reused", field="Idempotency-Key", message=message))
        return replace(before, outcome=Outcome.DUPLICATE)
    handler = HANDLERS.get(type(command))
    if handler is None:
        raise TypeError(f"the desk does not know {type(command).__name__}")
    fold.correlation = command.correlation_id
    fold.by_hand = command.by == asked.ORGANISER and isinstance(command, _SEATING)
    capacities = {name: line.rules.capacity for name, line in fold.lines.items()} if _revises(command) else {}
    answer = handler(fold, command)
    fold.by_hand = False
    if command.fingerprint is not None:
        answer = replace(answer, fingerprint=command.fingerprint)
    if command.repeatable:
        fold.answers[command.id] = answer
    log += _entry(fold, command, answer, capacities)
    fold.effects.clear()
    return answer


_SEATING = asked.Register | asked.Change | asked.Approve | asked.DecideRequirement | asked.GiveNumbers
"""What may give somebody a seat: where an organiser asks it, also in what is over."""
_REVISING = asked.ReviseEvent | asked.ReviseSession
_QUIET = _REVISING | asked.Tick | asked.Promote | asked.Refuse
"""What the clock or the agenda asks."""


def _revises(command: Command) -> bool:
    return isinstance(command, _REVISING)


def _entry(fold: Fold, command: Command, answer: Answer, before: Mapping[str, int | None]) -> list[Entry]:
    """The command's entry in the log; none where the clock or the agenda asked and nothing changed."""
    effects = tuple(fold.effects)
    capacities: list[tuple[str, int | None]] = []
    if _revises(command):
        capacities = [
            (name, line.rules.capacity)
            for name, line in fold.lines.items()
            if name not in before or before[name] != line.rules.capacity
        ]
    quiet = isinstance(command, _QUIET)
    if quiet and not effects and not capacities:
        return []
    known = answer.registration_id or getattr(command, "registration_id", None)
    person = None
    if isinstance(command, asked.Register):
        # By the person, not by the answer: that may bear an id which leads nowhere.
        known = None if answer.reasons else fold.by_email.get(command.person.email)
        person = person_key(fold.event_id, command.person.email) if answer.reasons else None
    return [
        Entry(
            command.by,
            type(command).__name__.lower(),
            str(answer.outcome),
            tuple((reason.code, _what(reason.field, command)) for reason in answer.reasons),
            known,
            person,
            effects,
            tuple(capacities),
        )
    ]


def _what(field: str, command: Command) -> str:
    """What a reason is about; a session by its id, since the request with its numbers is not kept."""
    part, _, number = field.partition(".")
    named: Sequence[str] = getattr(command, "sessions", ())
    if part == "sessions" and number.isdecimal() and int(number) < len(named):
        return f"session:{named[int(number)]}"
    return field


def seats_told(seats: Seats) -> SeatsState:
    """How full the event is, for the outside."""
    event = seats.event
    return SeatsState(
        event_id=seats.event_id,
        capacity=event.rules.capacity if event else None,
        confirmed=event.confirmed if event else 0,
        waiting=event.waiting if event else 0,
        sessions=[
            SessionSeats(session_id=name, capacity=line.rules.capacity, confirmed=line.confirmed, waiting=line.waiting)
            for name, line in seats.sessions.items()
            if line.rules.by_choice
        ],
        audiences=[
            AudienceSeats(audience=id_, quota=kind.quota, confirmed=kind.confirmed, waiting=kind.waiting)
            for id_, kind in (event.kinds.items() if event else ())
            if id_ in seats.audiences
        ],
    )
