"""Whatever happens in whatever order: never oversold, queue order kept, one outcome each, replays change nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from services.registration.commands import (
    Answer,
    Cancel,
    Change,
    Command,
    Register,
    Registration,
    ReviseEvent,
    ReviseSession,
)
from services.registration.domain import HOLDS, Snapshot, Waiting, decide
from services.registration.seats import EVENT, Line, Seats, changed_state, seats_from
from shared.contracts.registration import Outcome, SeatState
from shared.contracts.scheduling import EventState, SessionState
from tests.support.events import BEFORE_CLOSE, milipol, person, workshop

KINDS = ("research", "police")
QUOTAS = st.tuples(*(st.one_of(st.none(), st.integers(0, 3)) for _ in KINDS))
NAMES = st.sampled_from([f"p{n}" for n in range(8)])
SESSIONS = st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=3, unique=True)
AWAITS = HOLDS | {SeatState.WAITLISTED}
Quotas = tuple[int | None, ...]
LONG = bool(os.environ.get("LECTERN_TEST_LONG"))


class Registrations(RuleBasedStateMachine):
    """A desk, played with a dictionary for its store; each round decides a batch of commands."""

    @initialize(
        capacity=st.integers(0, 3),
        event_capacity=st.one_of(st.none(), st.integers(0, 4)),
        quotas=QUOTAS,
        most=st.sampled_from([None, 2]),
        overlaps=st.sampled_from(["allow", "refuse"]),
    )
    def publish(
        self, capacity: int, event_capacity: int | None, quotas: Quotas, most: int | None, overlaps: str
    ) -> None:
        self.quotas = quotas
        self.admission: dict[str, Any] = {"max_sessions": most, "overlaps": overlaps}
        self.seats = Seats("milipol-2019")
        self.state: dict[str, object] = {}
        self.registrations: dict[str, Registration] = {}
        self.waiting: dict[tuple[str, int], Waiting] = {}
        self.answers: dict[str, Answer] = {}
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
        return milipol(revision, audiences=kinds, admission={"capacity": capacity, **self.admission})

    def _workshop(self, number: int, revision: int, capacity: int | None) -> SessionState:
        """Workshops 1 and 2 overlap."""
        changes: dict[str, Any] = {"starts_at": datetime(2019, 11, 20, 9, 0, tzinfo=UTC)} if number == 2 else {}
        return workshop(number, revision, capacity=capacity, **changes)

    @rule(names=st.lists(NAMES, min_size=1, max_size=6, unique=True), sessions=SESSIONS)
    def register(self, names: list[str], sessions: list[int]) -> None:
        chosen = tuple(f"milipol-2019-workshop-{n}" for n in sessions)
        for name in names:
            self.count += 1
            id_, registration_id = f"c{self.count}", f"r{self.count}"
            self.batch.append(
                Register(
                    id=id_,
                    repeatable=True,
                    registration_id=registration_id,
                    person=person(name, audience=KINDS[int(name[1:]) % len(KINDS)]),
                    sessions=chosen,
                )
            )

    @precondition(lambda self: any(r.active for r in self.registrations.values()))
    @rule(which=st.integers(0, 50), part=st.booleans())
    def cancel(self, which: int, part: bool) -> None:
        """Somebody who holds or awaits a seat gives up everything, or one session."""
        active = [r for r in self.registrations.values() if r.active]
        someone = active[which % len(active)]
        held = [choice.session_id for choice in someone.choices if choice.state is not SeatState.CANCELLED]
        self.count += 1
        self.batch.append(
            Cancel(
                id=f"c{self.count}",
                repeatable=True,
                email=someone.person.email,
                sessions=(held[which % len(held)],) if part and held else (),
            )
        )

    @precondition(lambda self: any(r.active for r in self.registrations.values()))
    @rule(which=st.integers(0, 50), sessions=SESSIONS)
    def change(self, which: int, sessions: list[int]) -> None:
        """Somebody wants other sessions from now on."""
        active = [r for r in self.registrations.values() if r.active]
        self.count += 1
        chosen = tuple(f"milipol-2019-workshop-{n}" for n in sessions)
        self.batch.append(
            Change(
                id=f"c{self.count}",
                repeatable=True,
                registration_id=active[which % len(active)].id,
                sessions=chosen,
            )
        )

    @rule(which=st.integers(0, 50), name=NAMES)
    def cancel_while_a_passer_by_asks(self, which: int, name: str) -> None:
        """A seat is given up, and in the same moment somebody asks for it who did not wait."""
        self.decide()
        active = [r for r in self.registrations.values() if r.active]
        if active:
            self.cancel(which, part=False)
            chosen = [choice.session_id for choice in active[which % len(active)].choices]
            self.register([name], [int(session_id[-1]) for session_id in chosen])
            self.decide()

    @rule(name=NAMES)
    def cancel_nothing(self, name: str) -> None:
        """Somebody gives up what perhaps was never had."""
        self.count += 1
        self.batch.append(Cancel(id=f"c{self.count}", repeatable=True, email=f"{name}@example.org"))

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

    @rule()
    def decide(self) -> None:
        if not self.batch:
            return
        seats_before = self.seats
        before = {line: self._waiting_ids(line) for line in (EVENT, *self.seats.sessions)}
        held_before = dict(self.registrations)
        taken = {r.id: {h.session_id for h in r.choices if h.state in HOLDS} for r in self.registrations.values()}
        decision = decide(self._snapshot(), self.batch, BEFORE_CLOSE)
        assert len(decision.answers) == len(self.batch)
        for command, answer in zip(self.batch, decision.answers, strict=True):
            if command.repeatable:
                self.answers[command.id] = answer
                self.done.append(command)
        self.registrations |= decision.registrations
        self.waiting |= {(w.line, w.place): w for w in decision.waiting}
        for name, value in changed_state(self.seats, decision.seats).items():
            first, _, rest = name.partition(".")
            if rest:
                self.state.setdefault(first, {})[rest] = value  # type: ignore[index]
            else:
                self.state[first] = value
        self.seats = decision.seats
        assert seats_from("milipol-2019", self.state) == self.seats
        self._never_oversold(seats_before, self.batch)
        self._seats_set_aside_were_left(seats_before, self.batch)
        cancelled = {c.email for c in self.batch if isinstance(c, Cancel)}
        changed = {c.registration_id for c in self.batch if isinstance(c, Change)}
        cancelled |= {self.registrations[id_].person.email for id_ in changed if id_ is not None}
        self._queue_order_was_kept(before, taken, cancelled)
        self._no_seat_was_lost_by_a_change(held_before, self.batch, decision.answers)
        self.batch = []

    def _no_seat_was_lost_by_a_change(
        self, before: dict[str, Registration], commands: list[Command], answers: tuple[Answer, ...]
    ) -> None:
        """Who only asked to change has what was asked for, or still all that was had."""
        for id_, old in before.items():
            mine = [
                (c, a)
                for c, a in zip(commands, answers, strict=True)
                if getattr(c, "registration_id", None) == id_ or getattr(c, "email", None) == old.person.email
            ]
            command, answer = mine[0] if len(mine) == 1 else (None, None)
            if not isinstance(command, Change) or answer is None:
                continue
            had = {h.session_id for h in old.choices if h.state in HOLDS}
            has = {h.session_id for h in self.registrations[id_].choices if h.state in HOLDS}
            if answer.outcome is Outcome.REJECTED:
                assert had <= has, "nothing is given up for nothing"
                continue
            awaited = {h.session_id for h in old.choices if h.state in AWAITS}
            assert had & set(command.sessions) <= has, "what is wanted stays"
            if had - set(command.sessions):
                assert set(command.sessions) - awaited <= has, "a seat is given up only for a seat"

    @invariant()
    def nobody_has_more_than_the_limits_allow(self) -> None:
        for registration in getattr(self, "registrations", {}).values():
            chosen = {h.session_id for h in registration.choices if h.state in AWAITS}
            if self.admission["max_sessions"] is not None:
                assert len(chosen) <= self.admission["max_sessions"]
            if self.admission["overlaps"] == "refuse":
                assert not {"milipol-2019-workshop-1", "milipol-2019-workshop-2"} <= chosen

    @invariant()
    def no_count_is_below_zero(self) -> None:
        for line in _all_lines(self.seats).values() if hasattr(self, "seats") else ():
            assert line.confirmed >= 0
            assert line.waiting >= 0
            assert all(kind.confirmed >= 0 and kind.waiting >= 0 for kind in line.kinds.values())

    @rule(which=st.integers(0, 50), sessions=SESSIONS)
    def change_twice(self, which: int, sessions: list[int]) -> None:
        """The same change sent again under another id (a double click) takes nothing away."""
        active = [r for r in self.registrations.values() if r.active]
        self.decide()
        if not any(r.active for r in self.registrations.values()) or not active:
            return
        self.change(which, sessions)
        self.decide()
        before = {id_: {h.session_id for h in r.choices if h.state in HOLDS} for id_, r in self.registrations.items()}
        self.change(which, sessions)
        self.decide()
        after = {id_: {h.session_id for h in r.choices if h.state in HOLDS} for id_, r in self.registrations.items()}
        assert all(before[id_] <= after[id_] for id_ in before)

    def _seats_set_aside_were_left(self, before: Seats, commands: list[Command]) -> None:
        """Nobody took a seat that is set aside for another kind (unless quotas or capacity changed in between)."""
        event, old = self.seats.event, before.event
        if event is None or old is None or any(isinstance(c, ReviseEvent) for c in commands):
            return
        if event.rules.capacity is None or not any(self.quotas):
            return
        quotas = dict(zip(KINDS, self.quotas, strict=True))
        for_everybody = max(0, event.rules.capacity - sum(quota or 0 for quota in quotas.values()))

        def taken(line: Line) -> int:
            return sum(max(0, line.kinds[id_].confirmed - (quota or 0)) for id_, quota in quotas.items())

        assert taken(event) <= max(for_everybody, taken(old))

    def _queue_order_was_kept(
        self, before: dict[str, list[str]], taken: dict[str, set[str]], cancelled: set[str | None]
    ) -> None:
        """Nobody who waited is overtaken: those promoted are the first of those who did not give up."""
        for line, ids in before.items():
            if line == EVENT:
                continue
            stayed = [id_ for id_ in ids if self.registrations[id_].person.email not in cancelled]
            seated = [self._holds(id_, line) and line not in taken.get(id_, set()) for id_ in stayed]
            assert seated == sorted(seated, reverse=True)
            if not all(seated):
                held_before = {id_ for id_, lines in taken.items() if line in lines}
                newcomers = [
                    id_
                    for id_ in self.registrations
                    if self._holds(id_, line) and id_ not in held_before and id_ not in ids
                ]
                assert not newcomers, "nobody passes those who wait"

    @rule()
    def replay(self) -> None:
        """Every answered command again: the first answer, and nothing else."""
        decision = decide(self._snapshot(), self.done, BEFORE_CLOSE + timedelta(days=1))
        for command, answer in zip(self.done, decision.answers, strict=True):
            assert answer.outcome is Outcome.DUPLICATE
            first = self.answers[command.id]
            assert (answer.registration_id, answer.choices, answer.reasons) == (
                first.registration_id, first.choices, first.reasons,
            )  # fmt: skip
        assert not decision.registrations
        assert not decision.waiting
        assert decision.seats == self.seats

    @invariant()
    def counts_are_exact(self) -> None:
        if not hasattr(self, "seats"):
            return
        for line_name, line in _all_lines(self.seats).items():
            assert line.confirmed == sum(self._holds(id_, line_name) for id_ in self.registrations)
            assert line.waiting == len(self._waiting_ids(line_name))
            for id_, kind in line.kinds.items():
                of_kind = [r for r in self.registrations.values() if r.person.audience == id_]
                assert kind.confirmed == sum(self._holds(r.id, line_name) for r in of_kind)
                waits = {w.registration_id for (n, _), w in self.waiting.items() if n == line_name and not w.left}
                assert kind.waiting == len(waits & {r.id for r in of_kind})
            places = [place for name, place in self.waiting if name == line_name]
            assert sorted(places) == list(range(1, line.next_place)), "places are gap-free"

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

    @invariant()
    def no_seat_is_free_while_somebody_waits(self) -> None:
        if hasattr(self, "seats"):
            for line in _all_lines(self.seats).values():
                for kind in (None, *line.kinds):
                    assert not (line.waiting_of(kind) and line.free_for(kind) != 0)
                assert not line.waiting or line.set_aside or line.free == 0

    def _holds(self, id_: str, line: str) -> bool:
        registration = self.registrations[id_]
        if line == EVENT:
            return registration.state is SeatState.CONFIRMED
        return any(held.session_id == line and held.state in HOLDS for held in registration.choices)

    def _waiting_ids(self, line: str) -> list[str]:
        return [w.registration_id for (name, _), w in sorted(self.waiting.items()) if name == line and not w.left]

    def _snapshot(self) -> Snapshot:
        lines = {
            line: [w for (name, _), w in sorted(self.waiting.items()) if name == line and not w.left]
            for line in (EVENT, *self.seats.sessions)
        }
        return Snapshot(self.seats, self.registrations, self.answers, lines)


def _all_lines(seats: Seats) -> dict[str, Line]:
    return ({} if seats.event is None else {EVENT: seats.event}) | dict(seats.sessions)


TestRegistrations = Registrations.TestCase
TestRegistrations.settings = settings(
    max_examples=3000 if LONG else 300, stateful_step_count=60 if LONG else 30, deadline=None
)


Step = Callable[[Registrations], None]
NOBODY_ASIDE = (None, None)


def play(*steps: Step) -> None:
    """Plays the steps, each decided and checked, as the machine would have come to them."""
    machine = Registrations()
    for step in steps:
        step(machine)
        machine.decide()
        machine.counts_are_exact()
        machine.no_seat_is_free_while_somebody_waits()


def begin(capacity: int, event_capacity: int | None = None, quotas: Quotas = NOBODY_ASIDE) -> Step:
    return lambda m: m.publish(capacity, event_capacity, quotas, None, "allow")


def ask(*names: str) -> Step:
    return lambda m: m.register(list(names), [1])


@pytest.mark.parametrize(
    ("safeguard", "broken", "steps"),
    [
        pytest.param(
            "admits",
            lambda line, kind=None: line.free_for(kind) != 0,
            (begin(1), ask("p0"), ask("p1"), lambda m: m.cancel_while_a_passer_by_asks(0, "p2")),
            id="newcomers pass those who wait",
        ),
        pytest.param("free", property(lambda line: None), (begin(1), ask("p0", "p1")), id="nobody counts"),
        pytest.param(
            "left",
            lambda line, kind=None: line,
            (begin(1), ask("p0"), ask("p1"), lambda m: m.cancel(0, part=False)),
            id="who was promoted still counts as waiting",
        ),
        pytest.param(
            "free_for",
            lambda line, kind: line.free,
            (begin(9, 2, (1, 1)), ask("p0", "p2")),
            id="seats set aside go to anybody",
        ),
    ],
)
def test_control_a_broken_rule_is_found(
    safeguard: str, broken: object, steps: tuple[Step, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    play(*steps)
    monkeypatch.setattr(Line, safeguard, broken)
    with pytest.raises(AssertionError):
        play(*steps)
