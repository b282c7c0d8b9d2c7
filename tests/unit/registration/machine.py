"""A desk played with dictionaries for its store, and what must hold whatever is played on it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.registration.codes import Code
from services.registration.commands import (
    ORGANISER,
    Accept,
    Answer,
    Approve,
    Cancel,
    Change,
    CheckIn,
    Command,
    DecideRequirement,
    Decline,
    Erase,
    OfOne,
    Reconfirm,
    Register,
    ReviseEvent,
    ReviseSession,
    RevokeCode,
    SetCodes,
    Tick,
    Transfer,
    UndoCheckIn,
)
from services.registration.decisions.log import Entry
from services.registration.domain import Decision, Snapshot, Waiting, decide
from services.registration.registrations import Registration
from services.registration.requirements import Grant
from services.registration.seats import EVENT, Line, Seats, changed_state, seats_from
from shared.contracts.registration import Outcome, RequirementState, SeatState, Through
from shared.contracts.scheduling import EventState, SessionState
from tests.support.events import BEFORE_CLOSE, milipol, person, workshop

KINDS = ("research", "police")
QUOTAS = st.tuples(*(st.one_of(st.none(), st.integers(0, 3)) for _ in KINDS))
NAMES = st.sampled_from([f"p{n}" for n in range(8)])
SESSIONS = st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=3, unique=True)
WHICH = st.integers(0, 50)
AWAITS = frozenset({SeatState.WAITLISTED, SeatState.OFFERED})
Quotas = tuple[int | None, ...]
LONG = bool(os.environ.get("LECTERN_TEST_LONG"))


def session(number: int) -> str:
    """The id of a workshop."""
    return f"milipol-2019-workshop-{number}"


class Registrations(RuleBasedStateMachine):
    """Each round decides a batch of commands at the moment `now`."""

    @initialize(
        capacity=st.integers(0, 3),
        event_capacity=st.one_of(st.none(), st.integers(0, 4)),
        quotas=QUOTAS,
        most=st.sampled_from([None, 2]),
        overlaps=st.sampled_from(["allow", "refuse"]),
        policy=st.sampled_from(["told", "told", "hold", "first"]),
        offers=st.sampled_from([None, None, 24]),
        approval=st.sampled_from([False, False, True]),
        reconfirms=st.booleans(),
        quota=st.sampled_from([None, 1]),
    )
    def publish(
        self,
        capacity: int,
        event_capacity: int | None,
        quotas: Quotas,
        most: int | None,
        overlaps: str,
        policy: str = "told",
        offers: int | None = None,
        approval: bool = False,
        reconfirms: bool = False,
        quota: int | None = None,
    ) -> None:
        self.quotas = quotas
        ask = {"ask_days": 7, "answer_days": 2} if reconfirms else None
        self.admission: dict[str, Any] = {
            "max_sessions": most, "overlaps": overlaps, "approval": approval, "offer_hours": offers,
            "reconfirmation": ask,
        }  # fmt: skip
        self.policy = policy
        self.of_session: dict[str, Any] = {
            "offer_hours": offers, "quotas": {} if quota is None else {"police": quota}, "cutoff_hours": 12,
        }  # fmt: skip
        self.now = BEFORE_CLOSE
        self.seats = Seats("milipol-2019")
        self.state: dict[str, object] = {}
        self.registrations: dict[str, Registration] = {}
        self.waiting: dict[tuple[str, int], Waiting] = {}
        self.codes: dict[str, Code] = {}
        self.grants: dict[tuple[str, str], Grant] = {}
        self.answers: dict[str, Answer] = {}
        self.log: list[Entry] = []
        self.batch: list[Command] = []
        self.done: list[Command] = []
        self.count = 0
        self.revision = 1
        self.batch.append(ReviseEvent(id="e1", event=self._event(1, event_capacity)))
        self.batch.extend(ReviseSession(id=f"s{n}", session=self._workshop(n, 1, capacity)) for n in (1, 2, 3))
        self.decide()

    def _event(self, revision: int, capacity: int | None) -> EventState:
        kinds = [
            {"id": id_, "name": {"en": id_}, "quota": quota} for id_, quota in zip(KINDS, self.quotas, strict=True)
        ]
        fair = {"id": "fair", "name": {"en": "Fair"}, "policy": self.policy, "hold_days": 3, "remind_days": 1}
        admission = {"capacity": capacity, "calendar_answers": True, **self.admission}
        return milipol(revision, audiences=kinds, requirements=[fair], admission=admission)

    def _workshop(self, number: int, revision: int, capacity: int | None) -> SessionState:
        """Workshops 1 and 2 overlap."""
        changes: dict[str, Any] = {"starts_at": datetime(2019, 11, 20, 9, 0, tzinfo=UTC)} if number == 2 else {}
        return workshop(number, revision, capacity=capacity, admission=self.of_session, **changes)

    # What people do

    def _id(self) -> str:
        self.count += 1
        return f"c{self.count}"

    def _someone(self, which: int, *states: SeatState) -> Registration | None:
        """A registration that is active, in one of `states` where some are given (it, or a choice of it)."""
        found = [
            r
            for r in self.registrations.values()
            if r.active and (not states or {r.state, *(h.state for h in r.choices)} & set(states))
        ]
        return found[which % len(found)] if found else None

    @rule(
        names=st.lists(NAMES, min_size=1, max_size=6, unique=True),
        sessions=SESSIONS,
        code=st.sampled_from([None, None, "guest-1"]),
        anonymous=st.booleans(),
        by=st.sampled_from(["attendee", "attendee", ORGANISER]),
    )
    def register(
        self,
        names: list[str],
        sessions: list[int],
        code: str | None = None,
        anonymous: bool = False,
        by: str = "attendee",
    ) -> None:
        for name in names:
            id_ = self._id()
            self.batch.append(
                Register(
                    id=id_,
                    by=by,
                    repeatable=True,
                    registration_id=f"r{id_}",
                    person=person(name, audience=KINDS[int(name[1:]) % len(KINDS)]),
                    sessions=tuple(map(session, sessions)),
                    code=code,
                    anonymous=anonymous,
                )
            )

    @rule(which=WHICH, part=st.booleans(), by_organiser=st.booleans(), through=st.sampled_from([None, *Through]))
    def cancel(self, which: int, part: bool, by_organiser: bool = False, through: Through | None = None) -> None:
        """Somebody who holds or awaits a seat gives up everything, or one session, perhaps by calendar; or an organiser says
        no."""
        someone = self._someone(which)
        if someone is None:
            return
        held = [choice.session_id for choice in someone.choices if choice.state is not SeatState.CANCELLED]
        sessions = (held[which % len(held)],) if part and held else ()
        if by_organiser:
            self.batch.append(Decline(id=self._id(), repeatable=True, registration_id=someone.id, sessions=sessions))
        else:
            email = someone.person.email
            self.batch.append(Cancel(id=self._id(), repeatable=True, email=email, sessions=sessions, through=through))

    @rule(which=WHICH, sessions=SESSIONS)
    def change(self, which: int, sessions: list[int]) -> None:
        """Somebody wants other sessions from now on."""
        someone = self._someone(which)
        if someone is not None:
            chosen = tuple(map(session, sessions))
            self.batch.append(Change(id=self._id(), repeatable=True, registration_id=someone.id, sessions=chosen))

    @rule(which=WHICH, name=NAMES)
    def cancel_while_a_passer_by_asks(self, which: int, name: str) -> None:
        """A seat is given up, and in the same moment somebody asks for it who did not wait."""
        self.decide()
        someone = self._someone(which)
        if someone is not None and someone.choices:
            self.cancel(which, part=False)
            self.register([name], [int(choice.session_id[-1]) for choice in someone.choices])
            self.decide()

    @rule(name=NAMES)
    def cancel_nothing(self, name: str) -> None:
        """Somebody gives up what perhaps was never had."""
        self.batch.append(Cancel(id=self._id(), repeatable=True, email=f"{name}@example.org"))

    @rule(which=WHICH, sessions=SESSIONS)
    def change_twice(self, which: int, sessions: list[int]) -> None:
        """The same change sent again under another id (a double click) takes nothing away."""
        self.decide()
        if self._someone(which) is None:
            return
        self.change(which, sessions)
        self.decide()
        before = {id_: _seats_of(r) for id_, r in self.registrations.items()}
        self.change(which, sessions)
        self.decide()
        after = {id_: _seats_of(r) for id_, r in self.registrations.items()}
        assert all(before[id_] <= after[id_] for id_ in before)

    @rule(which=WHICH)
    def accept(self, which: int) -> None:
        """Somebody takes what is offered."""
        if (someone := self._someone(which, SeatState.OFFERED)) is not None:
            self.batch.append(Accept(id=self._id(), repeatable=True, registration_id=someone.id))

    @rule(which=WHICH, part=st.booleans(), by=st.sampled_from(["clock", ORGANISER]))
    def approve(self, which: int, part: bool, by: str = "clock") -> None:
        """Somebody says yes: an organiser, or a machine."""
        if (someone := self._someone(which, SeatState.PENDING)) is not None:
            sessions = (someone.choices[0].session_id,) if part and someone.choices else ()
            self.batch.append(
                Approve(id=self._id(), by=by, repeatable=True, registration_id=someone.id, sessions=sessions)
            )

    @rule(name=NAMES, state=st.sampled_from(RequirementState), hours=st.integers(0, 30))
    def the_fair_decides(self, name: str, state: RequirementState, hours: int) -> None:
        """The other organisation decided so many hours ago; decisions arrive in any order, also before the person."""
        self.batch.append(
            DecideRequirement(
                id=self._id(),
                repeatable=True,
                requirement="fair",
                state=state,
                email=f"{name}@example.org",
                decided_at=self.now - timedelta(hours=hours),
            )
        )

    @rule(which=WHICH, name=NAMES)
    def transfer(self, which: int, name: str) -> None:
        """Somebody hands the seat to a colleague, who may be registered already."""
        if (someone := self._someone(which)) is not None:
            id_ = self._id()
            self.batch.append(
                Transfer(id=id_, repeatable=True, registration_id=someone.id, to_id=f"r{id_}", person=person(name))
            )

    @rule(which=WHICH, number=st.sampled_from([None, 1, 2]), undo=st.booleans())
    def check_in(self, which: int, number: int | None, undo: bool) -> None:
        """Somebody is here; or it was a mistake."""
        if (someone := self._someone(which)) is not None:
            session_id = session(number) if number else None
            if undo:
                command: Command = UndoCheckIn(
                    id=self._id(), repeatable=True, registration_id=someone.id, session_id=session_id
                )
            else:
                command = CheckIn(
                    id=self._id(), repeatable=True, registration_id=someone.id, session_id=session_id, at=self.now
                )
            self.batch.append(command)

    @rule(which=WHICH)
    def reconfirm(self, which: int) -> None:
        """Somebody still comes."""
        if (someone := self._someone(which)) is not None:
            self.batch.append(Reconfirm(id=self._id(), repeatable=True, registration_id=someone.id))

    @rule(which=WHICH)
    def erase(self, which: int) -> None:
        """Somebody wishes to be forgotten."""
        if (someone := self._someone(which)) is not None:
            self.batch.append(Erase(id=self._id(), repeatable=True, registration_id=someone.id))

    # What organisers and the clock do

    @rule(number=st.sampled_from([1, 2, 3]), capacity=st.one_of(st.none(), st.integers(0, 4)))
    def change_capacity(self, number: int, capacity: int | None) -> None:
        self.revision += 1
        self.batch.append(
            ReviseSession(id=f"v{self.revision}", session=self._workshop(number, self.revision, capacity))
        )

    @rule(capacity=st.one_of(st.none(), st.integers(0, 5)), quotas=QUOTAS)
    def change_event_capacity(self, capacity: int | None, quotas: Quotas) -> None:
        self.revision += 1
        self.quotas = quotas
        self.batch.append(ReviseEvent(id=f"v{self.revision}", event=self._event(self.revision, capacity)))

    @rule(reserved=st.integers(0, 2), uses=st.sampled_from([None, 2]), ends=st.booleans())
    def set_code(self, reserved: int, uses: int | None, ends: bool) -> None:
        """A code for workshop 1, with seats of its own."""
        code = Code(
            id="GUEST1",
            spelled="guest-1",
            sessions=(session(1),),
            uses=uses,
            reserved=reserved,
            expires_at=self.now + timedelta(days=1) if ends else None,
        )
        self.batch.append(SetCodes(id=self._id(), codes=(code,)))

    @rule()
    def revoke_code(self) -> None:
        self.batch.append(RevokeCode(id=self._id(), code="guest 1"))

    @precondition(lambda self: self.registrations)
    @rule(hours=st.sampled_from([0, 6, 25, 80, 200, 480]))
    def time_passes(self, hours: int) -> None:
        """The clock asks for whatever is due."""
        self.decide()
        self.now += timedelta(hours=hours)
        self.batch.append(Tick(id=self._id(), registrations=tuple(self.registrations), codes=tuple(self.codes)))
        self.decide()
        for registration in self.registrations.values():
            assert registration.due_at is None or registration.due_at > self.now, "what is due is done"

    @rule()
    def decide(self) -> None:
        if not self.batch:
            return
        before = dict(self.registrations)
        seats_before = self.seats
        lines = {line: self._waiting_ids(line) for line in (EVENT, *self.seats.sessions)}
        decision = decide(self._snapshot(), self.batch, self.now)
        assert len(decision.answers) == len(self.batch)
        for command, answer in zip(self.batch, decision.answers, strict=True):
            if command.repeatable:
                self.answers[command.id] = answer
                self.done.append(command)
        self._commit(decision)
        self._never_oversold(seats_before, self.batch)
        self._nothing_was_given_once_it_was_over(seats_before, self.batch)
        self._seats_set_aside_were_left(seats_before, self.batch)
        self._queue_order_was_kept(lines, before, decision)
        self._no_seat_was_lost_by_a_change(before, self.batch, decision.answers)
        self.batch = []

    @rule()
    def replay(self) -> None:
        """Every answered command again: the first answer, and nothing else."""
        decision = decide(self._snapshot(), self.done, self.now)
        for command, answer in zip(self.done, decision.answers, strict=True):
            assert answer.outcome is Outcome.DUPLICATE
            first = self.answers[command.id]
            assert (answer.registration_id, answer.choices, answer.reasons) == (
                first.registration_id, first.choices, first.reasons,
            )  # fmt: skip
        assert not decision.registrations
        assert not decision.waiting
        assert not decision.log
        assert decision.seats == self.seats

    # The store

    def _snapshot(self) -> Snapshot:
        lines = {
            line: [w for (name, _), w in sorted(self.waiting.items()) if name == line and not w.left]
            for line in (EVENT, *self.seats.sessions)
        }
        return Snapshot(self.seats, self.registrations, self.answers, lines, codes=self.codes, grants=self.grants)

    def _commit(self, decision: Decision) -> None:
        self.registrations |= decision.registrations
        self.codes |= decision.codes
        self.grants |= decision.grants
        self.log += decision.log
        self.waiting |= {(w.line, w.place): w for w in decision.waiting}
        for name, value in changed_state(self.seats, decision.seats).items():
            first, _, rest = name.partition(".")
            if rest:
                self.state.setdefault(first, {})[rest] = value  # type: ignore[index]
            else:
                self.state[first] = value
        self.seats = decision.seats
        assert seats_from("milipol-2019", self.state) == self.seats

    def _waiting_ids(self, line: str) -> list[str]:
        return [w.registration_id for (name, _), w in sorted(self.waiting.items()) if name == line and not w.left]

    def _holds(self, registration: Registration, line: str) -> bool:
        if line == EVENT:
            return registration.takes_seat
        held = registration.choice(line)
        return held is not None and held.takes_seat

    # What must hold after a decision

    def _no_seat_was_lost_by_a_change(
        self, before: Mapping[str, Registration], commands: list[Command], answers: tuple[Answer, ...]
    ) -> None:
        """Who only asked to change has what was asked for, or still all that was had."""
        if any(isinstance(c, Tick) for c in commands):
            return
        for id_, old in before.items():
            mine = [
                (c, a)
                for c, a in zip(commands, answers, strict=True)
                if old.id in _named(c) or old.person.email in _named(c)
            ]
            command, answer = mine[0] if len(mine) == 1 else (None, None)
            if not isinstance(command, Change) or answer is None:
                continue
            had, has = _seats_of(old), _seats_of(self.registrations[id_])
            if answer.outcome is Outcome.REJECTED:
                assert had <= has, "nothing is given up for nothing"
                continue
            awaited = {h.session_id for h in old.choices if h.state is not SeatState.CANCELLED}
            assert had & set(command.sessions) <= has, "what is wanted stays"
            if had - set(command.sessions):
                assert set(command.sessions) - awaited <= has, "a seat is given up only for a seat"

    def _seats_set_aside_were_left(self, before: Seats, commands: list[Command]) -> None:
        """Nobody took a seat that is set aside for another kind (unless the rules changed in between)."""
        if any(isinstance(c, ReviseEvent | ReviseSession | SetCodes | RevokeCode | Tick) for c in commands):
            return
        for name, line in _all_lines(self.seats).items():
            old = _all_lines(before).get(name)
            if old is None or line.rules.capacity is None or not line.set_aside:
                continue
            for_everybody = max(0, line.rules.capacity - sum(kind.quota or 0 for kind in line.kinds.values()))
            assert _beyond(line) <= max(for_everybody, _beyond(old))

    def _queue_order_was_kept(
        self, lines: Mapping[str, list[str]], before: Mapping[str, Registration], decision: Decision
    ) -> None:
        """Nobody who waited is overtaken: those promoted are the first of those who did not give up; and while they wait,
        no newcomer gets a seat that is not set aside for another kind, or reserved for a code."""
        if any(isinstance(c, Tick | SetCodes | RevokeCode) for c in self.batch):
            return
        busy = {name for command in self.batch for name in _named(command)}
        for line, ids in lines.items():
            if self.seats.line(line).set_aside:
                continue
            stayed = [id_ for id_ in ids if id_ not in busy and self.registrations[id_].person.email not in busy]
            stayed = [id_ for id_ in stayed if not self.registrations[id_].erased and self.registrations[id_].active]
            seated = [self._holds(self.registrations[id_], line) for id_ in stayed]
            assert seated == sorted(seated, reverse=True)
            if not all(seated):
                newcomers = [
                    effect.registration_id
                    for entry in decision.log
                    for effect in entry.effects
                    if entry.command in ("register", "change") and effect.line == line and effect.took == 1
                ]
                newcomers = [id_ for id_ in newcomers if self._holds(self.registrations[id_], line)]
                assert not newcomers, "nobody passes those who wait"

    def _nothing_was_given_once_it_was_over(self, before: Seats, commands: list[Command]) -> None:
        """What has ended gets nobody more but by an organiser's hand, neither from the line nor anew; and nobody joins a line
        that moves no more."""
        by_hand = any(command.by == ORGANISER for command in commands)
        for name, line in _all_lines(before).items():
            after = _all_lines(self.seats)[name]
            if line.rules.ended(self.now) and not by_hand:
                assert after.confirmed <= line.confirmed
            if not line.promotes(self.now):
                assert after.waiting <= line.waiting

    def _never_oversold(self, before: Seats, commands: list[Command]) -> None:
        """Never more seats taken than there were, or than the highest capacity of the batch allows."""
        for name, line in _all_lines(self.seats).items():
            old = _all_lines(before).get(name)
            limits = [line.rules.capacity, old.rules.capacity if old else 0]
            limits += [
                c.session.admission.capacity for c in commands if isinstance(c, ReviseSession) and c.session.id == name
            ]
            limits += [c.event.admission.capacity for c in commands if isinstance(c, ReviseEvent) and name == EVENT]
            if None not in limits:
                assert line.confirmed <= max([old.confirmed if old else 0, *(n for n in limits if n is not None)])

    # What must hold always

    @invariant()
    def nobody_has_more_than_the_limits_allow(self) -> None:
        for registration in getattr(self, "registrations", {}).values():
            chosen = {h.session_id for h in registration.choices if h.state is not SeatState.CANCELLED}
            if self.admission["max_sessions"] is not None:
                assert len(chosen) <= self.admission["max_sessions"]
            if self.admission["overlaps"] == "refuse":
                sure = {h.session_id for h in registration.choices if h.takes_seat and not h.instead_of}
                assert not {session(1), session(2)} <= sure

    @invariant()
    def no_count_is_below_zero(self) -> None:
        for line in _all_lines(self.seats).values() if hasattr(self, "seats") else ():
            assert line.confirmed >= 0
            assert line.waiting >= 0
            assert all(kind.confirmed >= 0 and kind.waiting >= 0 for kind in line.kinds.values())

    @invariant()
    def counts_are_exact(self) -> None:
        if not hasattr(self, "seats"):
            return
        for name, line in _all_lines(self.seats).items():
            assert line.confirmed == sum(self._holds(r, name) for r in self.registrations.values())
            assert line.waiting == len(self._waiting_ids(name))
            assert sorted(self._waiting_ids(name)) == sorted(
                r.id for r in self.registrations.values() if _state(r, name) is SeatState.WAITLISTED
            )
            counted = Counter(_counted_as(r, name) for r in self.registrations.values() if self._holds(r, name))
            waiting = Counter(w.kind for (n, _), w in self.waiting.items() if n == name and not w.left)
            for id_, kind in line.kinds.items():
                assert kind.confirmed == counted[id_]
                assert kind.waiting == waiting[id_]
            places = [place for line_name, place in self.waiting if line_name == name]
            assert sorted(places) == list(range(1, line.next_place)), "places are gap-free"

    @invariant()
    def the_log_tells_every_seat(self) -> None:
        """Whoever reads the log from its beginning finds the same seats, and the same people in line."""
        if not hasattr(self, "log"):
            return
        taken: Counter[str] = Counter()
        queues: dict[str, set[int]] = {}
        for entry in self.log:
            for effect in entry.effects:
                taken[effect.line] += effect.took
                if effect.left is not None:
                    queues[effect.line].remove(effect.left)
                if effect.joined is not None:
                    queues.setdefault(effect.line, set()).add(effect.joined)
        for name, line in _all_lines(self.seats).items():
            assert taken[name] == line.confirmed
            assert queues.get(name, set()) == {p for (n, p), w in self.waiting.items() if n == name and not w.left}

    @invariant()
    def states_agree_with_each_other(self) -> None:
        for registration in getattr(self, "registrations", {}).values():
            held = [h for h in registration.choices if h.takes_seat]
            assert not held or registration.takes_seat, "a seat in a session needs one at the event"
            assert (registration.hold_until is not None) == (
                registration.state is SeatState.PENDING and registration.held
            )
            assert (registration.until is not None) == (registration.state is SeatState.OFFERED)
            assert all((h.until is not None) == (h.state is SeatState.OFFERED) for h in registration.choices)
            if not registration.active:
                assert all(h.state is SeatState.CANCELLED for h in registration.choices)
            if self.policy == "first" and registration.takes_seat and registration.state is not SeatState.ATTENDED:
                assert registration.requirements["fair"] is RequirementState.GRANTED
            if self.policy == "hold" and registration.state is SeatState.CONFIRMED:
                assert registration.requirements["fair"] is RequirementState.GRANTED
            if self.admission["approval"]:
                assert registration.approved or not registration.takes_seat

    @invariant()
    def codes_are_used_as_often_as_they_may(self) -> None:
        for code in getattr(self, "codes", {}).values():
            assert code.used == sum(r.active and r.code == code.id for r in self.registrations.values())

    @invariant()
    def nobody_forgotten_can_be_recognised(self) -> None:
        for registration in getattr(self, "registrations", {}).values():
            if registration.erased:
                assert not registration.person.name
                assert registration.person.email == f"{registration.id}@erased.invalid"
                assert not registration.answers
                assert not registration.numbers

    @invariant()
    def no_seat_is_free_while_somebody_waits(self) -> None:
        if hasattr(self, "seats"):
            for line in _all_lines(self.seats).values():
                if not line.promotes(self.now):
                    continue
                for kind in (None, *line.kinds):
                    assert not (line.waiting_of(kind) and line.free_for(kind) != 0)
                assert not line.waiting or line.set_aside or line.free == 0


def _all_lines(seats: Seats) -> dict[str, Line]:
    return ({} if seats.event is None else {EVENT: seats.event}) | dict(seats.sessions)


def _beyond(line: Line) -> int:
    """Seats for everybody that are taken."""
    return line.confirmed - sum(min(kind.confirmed, kind.quota or 0) for kind in line.kinds.values())


def _seats_of(registration: Registration) -> set[str]:
    return {h.session_id for h in registration.choices if h.takes_seat}


def _state(registration: Registration, line: str) -> SeatState | None:
    if line == EVENT:
        return registration.state
    held = registration.choice(line)
    return held.state if held else None


def _counted_as(registration: Registration, line: str) -> str | None:
    if line == EVENT:
        return registration.kind
    held = registration.choice(line)
    return held.kind if held else None


def _named(command: Command) -> set[str]:
    """The ids and addresses of those whom a command is about."""
    named = {getattr(command, "registration_id", None), getattr(command, "email", None)}
    if isinstance(command, Register | Transfer):
        named.add(command.person.email)
    if isinstance(command, OfOne):
        named.add(command.registration_id)
    return {name for name in named if name is not None}
