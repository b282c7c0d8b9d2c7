"""The decision about seats: snapshot + commands + now -> new seats, registrations, answers and facts. Pure.

No clock, no I/O. Commands are folded in order of arrival; freed seats go to those who wait, in order of their places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.registration import answered
from services.registration.admission import change_refusals, questions_of, refusals, unknown_event
from services.registration.commands import (
    Answer,
    Cancel,
    Change,
    Command,
    Held,
    Promote,
    Refuse,
    Register,
    Registration,
    ReviseEvent,
    ReviseSession,
)
from services.registration.seats import EVENT, Line, Seats, rules_of_event, rules_of_session, with_quotas
from shared.contracts.registration import AudienceSeats, Choice, Outcome, Reason, SeatsState, SeatState, SessionSeats

HOLDS = frozenset({SeatState.CONFIRMED, SeatState.OFFERED, SeatState.ATTENDED})
"""States that take a seat."""


@dataclass(frozen=True)
class Waiting:
    """One place in a line. `left` when the person got a seat or gave up; places are never reused."""

    line: str
    place: int
    registration_id: str
    left: bool = False
    kind: str | None = None
    """The kind of attendee, in the event's line: seats may be set aside for some kinds."""


@dataclass(frozen=True)
class Snapshot:
    """What the commands need: seats, the registrations named or heading a line, the answers given before.

    `lines` holds the first in each line, in order of place; at least as many as seats can come free.
    """

    seats: Seats
    registrations: Mapping[str, Registration] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)
    lines: Mapping[str, Sequence[Waiting]] = field(default_factory=dict)


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

    @property
    def promotions_left(self) -> bool:
        """Whether seats are free while people wait: more than the snapshot held."""
        return self.seats.promotions_left


def decide(snapshot: Snapshot, commands: Sequence[Command], now: datetime) -> Decision:
    """Decides `commands` in order at the instant `now` (UTC)."""
    fold = _Fold(snapshot, now)
    answers = tuple(fold.answer(command) for command in commands)
    fold.promote()
    return Decision(
        seats=fold.seats(),
        registrations=fold.changed,
        waiting=tuple(fold.waiting.values()),
        answers=answers,
        positions=fold.positions,
        correlations=fold.correlations,
    )


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


def _kind(name: str, registration: Registration) -> str | None:
    """The kind of attendee that a registration counts as in a line: sessions count no kinds."""
    return registration.person.audience if name == EVENT else None


def _newest(choices: Iterable[Held]) -> list[Held]:
    """One choice for each session: a session that is chosen again takes the place of the choice that was given up."""
    by_session: dict[str, Held] = {}
    for held in choices:
        by_session[held.session_id] = held
    return list(by_session.values())


def _lines(seats: Seats) -> Iterable[tuple[str, Line]]:
    if seats.event is not None:
        yield EVENT, seats.event
    yield from seats.sessions.items()


class _Fold:
    """The state of one decision while its commands are folded over it."""

    def __init__(self, snapshot: Snapshot, now: datetime) -> None:
        self._snapshot = snapshot
        self._now = now
        self._lines = dict(_lines(snapshot.seats))
        self._audiences = snapshot.seats.audiences
        self._registrations = dict(snapshot.registrations)
        self._by_email = {r.person.email: r.id for r in snapshot.registrations.values()}
        self._answers = dict(snapshot.answers)
        self._correlation: str | None = None
        self.changed: dict[str, Registration] = {}
        self.waiting: dict[tuple[str, int], Waiting] = {}
        self.positions: dict[tuple[str, str], int] = {}
        self.correlations: dict[str, str | None] = {}

    def seats(self) -> Seats:
        sessions = {name: line for name, line in self._lines.items() if name != EVENT}
        return Seats(self._snapshot.seats.event_id, self._lines.get(EVENT), sessions, self._audiences)

    def answer(self, command: Command) -> Answer:
        before = self._answers.get(command.id)
        if before is not None:
            if before.fingerprint != command.fingerprint:
                message = "this key was used for another request; use a new one"
                return self._rejected(Reason(code="key-reused", field="Idempotency-Key", message=message))
            return replace(before, outcome=Outcome.DUPLICATE)
        self._correlation = command.correlation_id
        match command:
            case Register():
                answer = self._register(command)
            case Change():
                answer = self._change(command)
            case Cancel():
                answer = self._cancel(command)
            case Refuse():
                answer = Answer(Outcome.REJECTED, command.reasons, command.event_id)
            case ReviseEvent():
                answer = self._revise_event(command)
            case ReviseSession():
                answer = self._revise_session(command)
            case Promote():
                answer = Answer(Outcome.ACCEPTED, event_id=self._snapshot.seats.event_id)
            case _:
                raise TypeError(f"the desk does not know {type(command).__name__}")
        answer = replace(answer, fingerprint=command.fingerprint)
        if command.repeatable:
            self._answers[command.id] = answer
        return answer

    # Seats are asked for

    def _register(self, command: Register) -> Answer:
        known = self._registrations.get(self._by_email.get(command.person.email, ""))
        reasons = refusals(self.seats(), known, command, self._now)
        if reasons:
            return self._rejected(*reasons)
        registration = Registration(
            id=known.id if known else command.registration_id,
            event_id=self._snapshot.seats.event_id,
            # Where the event names no kinds of attendee, nobody is of one.
            person=command.person if self._audiences else command.person.model_copy(update={"audience": None}),
            state=SeatState.PENDING,
            place=None,
            choices=tuple(Held(session_id, SeatState.PENDING) for session_id in command.sessions),
            link_generation=known.link_generation if known else 1,
            registered_at=self._now,
            changed_at=self._now,
            answers=answered.normal(questions_of(self.seats(), command.sessions), command.answers),
        )
        kind = registration.person.audience
        if self._lines[EVENT].admits(kind):
            self._lines[EVENT] = self._lines[EVENT].seated(kind)
            registration = self._seat_choices(replace(registration, state=SeatState.CONFIRMED))
        else:
            place = self._queue(EVENT, registration.id, kind)
            registration = replace(registration, state=SeatState.WAITLISTED, place=place)
        self._keep(registration)
        return self._accepted(registration)

    def _seat_choices(self, registration: Registration) -> Registration:
        """Gives each pending choice a seat, or a place in line: called once the person has a seat at the event.

        A session that was cancelled, has begun, or filled up without a waiting list meanwhile is no choice any more.
        """
        choices = []
        for held in registration.choices:
            line = self._lines[held.session_id]
            if held.state is not SeatState.PENDING:
                choices.append(held)
            elif not line.rules.scheduled or (line.rules.starts is not None and self._now >= line.rules.starts):
                choices.append(replace(held, state=SeatState.CANCELLED))
            elif line.admits():
                self._lines[held.session_id] = line.seated()
                choices.append(replace(held, state=SeatState.CONFIRMED))
            elif not line.rules.waiting_list:
                choices.append(replace(held, state=SeatState.CANCELLED))
            else:
                place = self._queue(held.session_id, registration.id)
                choices.append(replace(held, state=SeatState.WAITLISTED, place=place))
        return replace(registration, choices=tuple(choices))

    # Seats are changed and given up

    def _change(self, command: Change) -> Answer:
        """All at once or not at all: no seat is given up before the new one is had."""
        registration = self._named(command)
        if isinstance(registration, Reason):
            return self._rejected(registration)
        if not registration.active:
            message = "this registration is cancelled; register again"
            return self._rejected(Reason(code="cancelled", field="registration_id", message=message))
        seats = self.seats()
        held = {h.session_id: h for h in registration.choices if h.state is not SeatState.CANCELLED}
        added = [id_ for id_ in dict.fromkeys(command.sessions) if id_ not in held]
        dropped = [id_ for id_ in held if id_ not in command.sessions]
        seated = registration.state is not SeatState.WAITLISTED
        # A seat is given up only for a seat; who would rather wait chooses the full session beside what is held.
        may_wait = not seated or not any(held[id_].state in HOLDS for id_ in dropped)
        reasons = change_refusals(seats, command.sessions, list(held), added, self._now, may_wait=may_wait)
        asked = questions_of(seats, added, of_event=False)
        named = [q for q in questions_of(seats, command.sessions) if q.id in command.answers and q not in asked]
        reasons += answered.faults([*asked, *named], command.answers)
        if reasons:
            return self._rejected(*reasons)
        changed = replace(
            registration,
            choices=tuple(
                _newest([*registration.choices, *(Held(session_id, SeatState.PENDING) for session_id in added)])
            ),
            answers=answered.normal(questions_of(seats, command.sessions), {**registration.answers, **command.answers}),
        )
        if seated:
            changed = self._seat_choices(changed)
        choices = (self._released(changed, h) if h.session_id in dropped else h for h in changed.choices)
        changed = replace(changed, choices=tuple(choices))
        if changed != registration:
            self._keep(replace(changed, changed_at=self._now))
        return self._accepted(self._registrations[registration.id])

    def _named(self, command: Cancel | Change) -> Registration | Reason:
        """The registration that a command names, or why there is none."""
        if EVENT not in self._lines:
            return unknown_event(self._snapshot.seats.event_id)
        registration_id = command.registration_id or self._by_email.get(command.email or "", "")
        registration = self._registrations.get(registration_id)
        if registration is None or (command.email and registration.person.email != command.email):
            field_name = "registration_id" if command.registration_id else "email"
            message = "there is no such registration at this event"
            return Reason(code="unknown-registration", field=field_name, message=message)
        return registration

    def _cancel(self, command: Cancel) -> Answer:
        registration = self._named(command)
        if isinstance(registration, Reason):
            return self._rejected(registration)
        held = {choice.session_id for choice in registration.choices}
        unknown = [
            Reason(
                code="not-chosen",
                field=f"sessions.{number}",
                message=f"session {session_id!r} is not in this registration",
            )
            for number, session_id in enumerate(command.sessions)
            if session_id not in held
        ]
        if unknown:
            return self._rejected(*unknown)
        self._give_up(registration, set(command.sessions) or None)
        return self._accepted(self._registrations[registration.id])

    def _give_up(self, registration: Registration, sessions: set[str] | None) -> None:
        """Gives up `sessions`, or all; with the last session of an event of choices the registration ends too."""
        choices = tuple(
            self._released(registration, held) if sessions is None or held.session_id in sessions else held
            for held in registration.choices
        )
        state, place = registration.state, registration.place
        nothing_left = all(held.state is SeatState.CANCELLED for held in choices)
        if sessions is None or (nothing_left and self.seats().choice_needed):
            self._release(EVENT, registration, state, place)
            state, place = SeatState.CANCELLED, None
        changed = replace(registration, state=state, place=place, choices=choices)
        if changed != registration:
            self._keep(replace(changed, changed_at=self._now))

    def _released(self, registration: Registration, held: Held) -> Held:
        self._release(held.session_id, registration, held.state, held.place)
        return replace(held, state=SeatState.CANCELLED, place=None)

    def _release(self, name: str, registration: Registration, state: SeatState, place: int | None) -> None:
        kind = _kind(name, registration)
        if state in HOLDS:
            self._lines[name] = self._lines[name].freed(kind)
        elif state is SeatState.WAITLISTED and place is not None:
            self._leave(name, place, registration.id, kind)

    # The line

    def _queue(self, name: str, registration_id: str, kind: str | None = None) -> int:
        line = self._lines[name]
        place = line.next_place
        self._lines[name] = line.queued(kind)
        self.waiting[name, place] = Waiting(name, place, registration_id, kind=kind)
        self.positions[name, registration_id] = line.waiting + 1
        return place

    def _leave(self, name: str, place: int, registration_id: str, kind: str | None) -> None:
        self._lines[name] = self._lines[name].left(kind)
        self.waiting[name, place] = Waiting(name, place, registration_id, left=True, kind=kind)
        self.positions.pop((name, registration_id), None)

    def promote(self) -> None:
        """Gives free seats to those who wait, the event's own line first: it lets people into sessions' lines."""
        for name in [EVENT, *(name for name in self._lines if name != EVENT)]:
            if name not in self._lines or not self._lines[name].rules.scheduled:
                continue
            for waiting in self._in_line(name):
                line = self._lines[name]
                if line.free == 0:
                    break
                if line.free_for(waiting.kind) == 0:  # what is left is set aside for others
                    continue
                if self.waiting.get((name, waiting.place), waiting).left:
                    continue
                self._promote_one(name, waiting)

    def _in_line(self, name: str) -> list[Waiting]:
        """Those known to wait in line `name`, in order; newcomers of this decision only behind a line (or, where seats are
        set aside, those of their kind in it) that is known to its end."""
        first = list(self._snapshot.lines.get(name, ()))
        before = dict(_lines(self._snapshot.seats)).get(name)
        set_aside = self._lines[name].set_aside
        loaded = Counter(waiting.kind for waiting in first)

        def known_to_its_end(kind: str | None) -> bool:
            if before is None:
                return True
            if not set_aside:
                return len(first) >= before.waiting
            return loaded[kind] >= before.waiting_of(kind)

        known = {waiting.place for waiting in first}
        first += [
            w
            for (line, place), w in self.waiting.items()
            if line == name and place not in known and known_to_its_end(w.kind)
        ]
        return sorted(first, key=lambda waiting: waiting.place)

    def _promote_one(self, name: str, waiting: Waiting) -> None:
        registration = self._registrations[waiting.registration_id]
        self._leave(name, waiting.place, registration.id, waiting.kind)
        self._lines[name] = self._lines[name].seated(waiting.kind)
        if name == EVENT:
            promoted = self._seat_choices(replace(registration, state=SeatState.CONFIRMED, place=None))
        else:
            promoted = replace(
                registration,
                choices=tuple(
                    replace(held, state=SeatState.CONFIRMED, place=None) if held.session_id == name else held
                    for held in registration.choices
                ),
            )
        self._keep(replace(promoted, changed_at=self._now))

    # The agenda changes

    def _revise_event(self, command: ReviseEvent) -> Answer:
        line = self._lines.get(EVENT)
        rules = rules_of_event(command.event)
        if line is None or rules.revision > line.rules.revision:
            line = Line(rules) if line is None else replace(line, rules=rules)
            self._lines[EVENT] = with_quotas(line, command.event.audiences)
            self._audiences = tuple(kind.id for kind in command.event.audiences)
        return Answer(Outcome.ACCEPTED, event_id=command.event.id)

    def _revise_session(self, command: ReviseSession) -> Answer:
        session = command.session
        line = self._lines.get(session.id)
        rules = rules_of_session(session)
        if line is None or rules.revision > line.rules.revision:
            self._lines[session.id] = Line(rules) if line is None else replace(line, rules=rules)
        return Answer(Outcome.ACCEPTED, event_id=session.event_id)

    # Bookkeeping

    def _keep(self, registration: Registration) -> None:
        self._registrations[registration.id] = registration
        self._by_email[registration.person.email] = registration.id
        self.changed[registration.id] = registration
        self.correlations[registration.id] = self._correlation

    def _rejected(self, *reasons: Reason) -> Answer:
        return Answer(Outcome.REJECTED, tuple(reasons), self._snapshot.seats.event_id)

    def _accepted(self, registration: Registration) -> Answer:
        told = registration.told(self.positions, EVENT)
        return Answer(
            Outcome.ACCEPTED,
            event_id=registration.event_id,
            registration_id=registration.id,
            state=registration.state,
            position=told.position,
            choices=tuple(Choice.model_validate(choice) for choice in told.choices),
        )
