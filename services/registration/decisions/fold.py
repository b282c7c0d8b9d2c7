"""The state of one decision while its commands are folded over it: seats, lines, registrations, and what is told. Pure."""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.registration.codes import Code
from services.registration.commands import Answer
from services.registration.decisions.log import Effect, effects
from services.registration.registrations import Held, Registration
from services.registration.replacing import replace
from services.registration.requirements import Grant, number_keys
from services.registration.rules import Rules
from services.registration.seats import EVENT, GROUP, Line, Seats, with_reserve
from shared.contracts.registration import Outcome, Reason, RegistrationReminded, SeatState


@dataclass(frozen=True)
class Waiting:
    """One place in a line. `left` when the person got a seat or gave up; places are never reused."""

    line: str
    place: int
    registration_id: str
    left: bool = False
    kind: str | None = None
    """The kind of attendee: seats may be set aside for some kinds."""


@dataclass(frozen=True)
class Snapshot:
    """What the commands need: seats, the registrations named or heading a line, the answers given before.

    `lines` holds the first in each line, in order of place; at least as many as seats can come free. `members` are the
    e-mail addresses, of those named, that are on a list of members.
    """

    seats: Seats
    registrations: Mapping[str, Registration] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)
    lines: Mapping[str, Sequence[Waiting]] = field(default_factory=dict)
    codes: Mapping[str, Code] = field(default_factory=dict)
    grants: Mapping[tuple[str, str], Grant] = field(default_factory=dict)
    members: frozenset[str] = frozenset()
    version: int = 1
    """The version of the ledger that this decision will be."""


def lines_of(seats: Seats) -> Iterable[tuple[str, Line]]:
    """All lines with their names."""
    if seats.event is not None:
        yield EVENT, seats.event
    yield from seats.sessions.items()


class Fold:
    """Seats and registrations as they stand in the middle of a decision at `now` (UTC)."""

    def __init__(self, snapshot: Snapshot, now: datetime) -> None:
        self.snapshot = snapshot
        self.now = now
        self.event_id = snapshot.seats.event_id
        self.lines: dict[str, Line] = dict(lines_of(snapshot.seats))
        self.audiences = snapshot.seats.audiences
        self.registrations: dict[str, Registration] = dict(snapshot.registrations)
        self.by_email = {r.person.email: r.id for r in snapshot.registrations.values()}
        self.by_number: dict[str, str] = {}
        """Whose number it is: of an active registration, by the number's key."""
        for registration in snapshot.registrations.values():
            self._note_numbers(registration)
        self.answers = dict(snapshot.answers)
        self.codes: dict[str, Code] = dict(snapshot.codes)
        self.grants: dict[tuple[str, str], Grant] = dict(snapshot.grants)
        self.correlation: str | None = None
        self.by_hand = False
        """Whether an organiser asks for a seat in somebody's name, or says what it waited for: also of what has begun, or is
        over. Of one command only; who moves up meanwhile does not by it."""
        self.changed: dict[str, Registration] = {}
        self.changed_codes: dict[str, Code] = {}
        self.changed_grants: dict[tuple[str, str], Grant] = {}
        self.waiting: dict[tuple[str, int], Waiting] = {}
        self.positions: dict[tuple[str, str], int] = {}
        self.correlations: dict[str, str | None] = {}
        self.effects: list[Effect] = []
        self.reminders: list[RegistrationReminded] = []
        self.repeated: list[str] = []
        self.erased: dict[str, tuple[str, ...]] = {}
        """The keys of who was forgotten, by registration."""

    def fork(self) -> Fold:
        """A copy to try something on."""
        other = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, dict | list):
                setattr(other, name, value.copy())
        return other

    def adopt(self, other: Fold) -> None:
        """Takes over what was tried on a copy."""
        vars(self).update(vars(other))

    # What stands

    def seats(self) -> Seats:
        """All lines as they stand."""
        sessions = {name: line for name, line in self.lines.items() if name != EVENT}
        return Seats(self.event_id, self.lines.get(EVENT), sessions, self.audiences)

    @property
    def rules(self) -> Rules:
        """The event's own rules. Raises KeyError for an event that is not known."""
        return self.lines[EVENT].rules

    def code_of(self, registration: Registration) -> Code | None:
        """The code that a registration was made with."""
        return self.codes.get(registration.code) if registration.code else None

    # Seats and places in line

    def group_in(self, name: str, code: Code | None) -> str | None:
        """The group whose reserved seat in line `name` somebody with `code` can have; None: there is none left."""
        if code is None or code.group is None or code.ended(self.now) or (name != EVENT and name not in code.sessions):
            return None
        kind = self.lines[name].kinds.get(code.group)
        return code.group if kind is not None and kind.own > 0 else None

    def attendee(self, name: str, registration: Registration) -> str | None:
        """The kind of attendee that somebody is counted as in a line; None where it does not count that kind."""
        audience = registration.person.audience
        return audience if audience in self.lines[name].kinds else None

    def admits(self, name: str, registration: Registration) -> tuple[bool, str | None]:
        """Whether the line gives the person a seat now, and what the seat is counted as: the code's group where one of its
        seats is left, else the kind of attendee. It stays counted so, whatever the rules are later."""
        kind = self.group_in(name, self.code_of(registration)) or self.attendee(name, registration)
        return self.lines[name].admits(kind), kind

    def take(self, name: str, kind: str | None) -> None:
        """Counts a seat as taken."""
        self.lines[name] = self.lines[name].seated(kind)

    def queue(self, name: str, registration: Registration) -> tuple[int, str | None]:
        """Puts the person at the end of the line; the place, and what it is counted as."""
        line, kind = self.lines[name], self.attendee(name, registration)
        place = line.next_place
        self.lines[name] = line.queued(kind)
        self.waiting[name, place] = Waiting(name, place, registration.id, kind=kind)
        self.positions[name, registration.id] = line.waiting + 1
        return place, kind

    def release(self, name: str, registration: Registration, item: Registration | Held) -> None:
        """Gives back what `item` (the registration, or one choice of it) has in line `name`: a seat, or a place."""
        if item.takes_seat:
            line = self.lines[name].freed(item.kind)
            if item.kind is not None and item.kind.startswith(GROUP) and line.waiting:
                # A freed seat belongs to those who wait, whoever it was kept for; one with the same code may be among them.
                line = with_reserve(line, item.kind, max(0, (line.kinds[item.kind].quota or 0) - 1))
            self.lines[name] = line
        elif item.state is SeatState.WAITLISTED and item.place is not None:
            self.leave(name, item.place, registration.id, item.kind)

    def leave(self, name: str, place: int, registration_id: str, kind: str | None) -> None:
        """Ends a place in line."""
        self.lines[name] = self.lines[name].left(kind)
        self.waiting[name, place] = Waiting(name, place, registration_id, left=True, kind=kind)
        self.positions.pop((name, registration_id), None)

    def in_line(self, name: str) -> list[Waiting]:
        """Those known to wait in line `name`, in order; newcomers of this decision only behind a line (or, where seats are
        set aside, those of their kind in it) that is known to its end."""
        first = list(self.snapshot.lines.get(name, ()))
        before = dict(lines_of(self.snapshot.seats)).get(name)
        set_aside = self.lines[name].set_aside
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
        now = (self.waiting.get((name, waiting.place), waiting) for waiting in first)
        return sorted((w for w in now if not w.left), key=lambda waiting: waiting.place)

    def known_to(self, name: str) -> float:
        """The last place in line `name` up to which everybody who waits is known, of whatever kind."""
        if not self.lines[name].set_aside or name not in (before := dict(lines_of(self.snapshot.seats))):
            return math.inf
        last: dict[str | None, int] = {}
        loaded: Counter[str | None] = Counter()
        for waiting in self.snapshot.lines.get(name, ()):
            loaded[waiting.kind] += 1
            last[waiting.kind] = max(waiting.place, last.get(waiting.kind, 0))
        line = before[name]
        kinds = (None, *line.kinds)
        return min((last.get(kind, 0) for kind in kinds if loaded[kind] < line.waiting_of(kind)), default=math.inf)

    # Bookkeeping

    def keep(self, registration: Registration) -> None:
        """The registration stands so from now on."""
        before = self.registrations.get(registration.id)
        self.effects.extend(effects(before, registration))
        if before is not None and before.person.email != registration.person.email:
            self.by_email.pop(before.person.email, None)
        self.registrations[registration.id] = registration
        self.by_email[registration.person.email] = registration.id
        self._note_numbers(registration)
        self.changed[registration.id] = registration
        self.correlations[registration.id] = self.correlation

    def taken_numbers(self, numbers: Mapping[str, str], registration_id: str | None) -> set[str]:
        """The requirements whose number another registration gave first: a number admits one person."""
        keys = number_keys(self.event_id, numbers) if numbers else {}
        return {id_ for id_, key in keys.items() if self.by_number.get(key, registration_id) != registration_id}

    def _note_numbers(self, registration: Registration) -> None:
        if not registration.numbers:
            return
        for key in number_keys(self.event_id, registration.numbers).values():
            if registration.active:
                self.by_number.setdefault(key, registration.id)
            elif self.by_number.get(key) == registration.id:
                del self.by_number[key]

    def changed_now(self, before: Registration, after: Registration) -> Registration:
        """Keeps `after` where it differs; returns how the registration stands."""
        if after != before:
            self.keep(replace(after, changed_at=self.now))
        return self.registrations[before.id]

    def keep_code(self, code: Code) -> None:
        """The code stands so from now on."""
        self.codes[code.id] = self.changed_codes[code.id] = code

    def keep_grant(self, grant: Grant) -> None:
        """The decision of another organisation stands so from now on."""
        self.grants[grant.requirement, grant.key] = self.changed_grants[grant.requirement, grant.key] = grant

    def use_code(self, id_: str | None, times: int) -> None:
        """Counts that a registration uses a code (1), or does not any more (-1)."""
        if id_ is not None and id_ in self.codes:
            self.keep_code(replace(self.codes[id_], used=max(0, self.codes[id_].used + times)))

    # Answers

    def rejected(self, *reasons: Reason) -> Answer:
        """The answer that nothing was changed, and why."""
        return Answer(Outcome.REJECTED, tuple(reasons), self.event_id)

    def accepted(self, registration: Registration) -> Answer:
        """The answer that says how the registration stands."""
        return Answer(
            Outcome.ACCEPTED,
            event_id=registration.event_id,
            registration_id=registration.id,
            state=registration.state,
            position=registration.position(self.positions, EVENT),
            choices=tuple(registration.choices_told(self.positions)),
            held=registration.held_meanwhile,
            until=registration.stands_until,
            cause=registration.cause,
        )
