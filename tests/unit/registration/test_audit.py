"""The audit finds nothing, whatever is played; and it names whatever is tampered with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis.stateful import invariant

from services.registration.audit.findings import MOST, Report
from services.registration.audit.proof import Commit, audit
from services.registration.codes import Code
from services.registration.decisions.fold import Fold
from services.registration.decisions.log import Effect, Entry
from services.registration.domain import Decision, Waiting
from services.registration.registrations import Registration
from services.registration.seats import EVENT, GROUP, Kind, Line, Seats, with_reserve
from shared.contracts.registration import SeatState
from tests.unit.registration.machine import LONG, Registrations, session

W1 = session(1)


class Audited(Registrations):
    """The machine, which keeps the log by commits and is audited after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.version = 0
        self.commits: list[Commit] = []

    def _commit(self, decision: Decision) -> None:
        super()._commit(decision)
        self.version += 1
        if decision.log:
            self.commits.append((self.version, decision.log))

    def audited(self) -> Report:
        return audit(
            self.seats,
            self.registrations.values(),
            self.waiting.values(),
            self.codes.values(),
            self.commits,
            self.version,
        )

    @invariant()
    def audit_is_clean(self) -> None:
        if getattr(self, "seats", None) is not None:
            assert not self.audited().differences


TestAudited = Audited.TestCase
TestAudited.settings = settings(
    max_examples=3000 if LONG else 200, stateful_step_count=60 if LONG else 30, deadline=None
)


class Unchecked(Audited):
    """Plays on whatever happens: what goes wrong is for the audit to find."""

    def _never_oversold(self, *_: object) -> None: ...

    def _seats_set_aside_were_left(self, *_: object) -> None: ...

    def _queue_order_was_kept(self, *_: object) -> None: ...

    def _no_seat_was_lost_by_a_change(self, *_: object) -> None: ...

    @property
    def codes_found(self) -> set[str]:
        return {difference.code for difference in self.audited().differences}

    def registration(self, name: str) -> Registration:
        return next(r for r in self.registrations.values() if r.person.email == f"{name}@example.org")

    def number(self, name: str) -> int:
        """Which of those who are active it is."""
        return [r.id for r in self.registrations.values() if r.active].index(self.registration(name).id)

    def told(self, line: str, **changes: object) -> None:
        """The ledger says so of a line."""
        if line == EVENT:
            assert self.seats.event is not None
            self.seats = replace(self.seats, event=replace(self.seats.event, **changes))  # type: ignore[arg-type]
        else:
            changed: Line = replace(self.seats.sessions[line], **changes)  # type: ignore[arg-type]
            self.seats = replace(self.seats, sessions={**self.seats.sessions, line: changed})

    def give(self, registration: Registration, **changes: object) -> None:
        """The registration is stored so."""
        self.registrations[registration.id] = replace(registration, **changes)  # type: ignore[arg-type]

    def row(self, place: int, **changes: object) -> None:
        """The place in line of the first workshop is stored so."""
        self.waiting[W1, place] = replace(self.waiting[W1, place], **changes)  # type: ignore[arg-type]


def play(capacity: int = 1, **rules: object) -> Unchecked:
    """Workshop 1: Zero gave the seat up and One got it; Two, Three and Five wait at places 2 to 4. One came with a code."""
    machine = Unchecked()
    machine.publish(capacity, None, (None, None), None, "allow", **rules)
    machine.set_code(0, None, False)
    machine.decide()
    machine.register(["p0"], [1])
    machine.register(["p1"], [1], "guest-1")
    machine.register(["p2", "p3", "p5"], [1])
    machine.decide()
    machine.cancel(machine.number("p0"), False)
    machine.decide()
    return machine


def test_report_says_what_was_looked_at() -> None:
    report = play().audited()
    assert report.proven
    assert (report.event_id, report.version) == ("milipol-2019", 4)
    assert {name: report.checked[name] for name in ("lines", "registrations", "seats", "waiting", "places")} == {
        "lines": 4, "registrations": 5, "seats": 5, "waiting": 3, "places": 4,
    }  # fmt: skip
    assert {name: report.checked[name] for name in ("codes", "commits", "promotions", "not_judged")} == {
        "codes": 1, "commits": 4, "promotions": 1, "not_judged": 0,
    }  # fmt: skip


def test_capacity_lowered_below_what_is_taken_is_right() -> None:
    machine = play(capacity=3)
    machine.change_capacity(1, 1)
    machine.decide()
    assert machine.seats.line(W1).confirmed == 3
    assert machine.audited().proven


def test_more_than_was_taken_when_it_was_lowered_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = play(capacity=3)
    machine.change_capacity(1, 1)
    machine.decide()
    monkeypatch.setattr(Line, "admits", lambda *_: True)
    machine.register(["p7"], [1])
    machine.decide()
    assert machine.seats.line(W1).confirmed == 4
    found = {d.message for d in machine.audited().differences if d.code == "oversold"}
    assert f"commit {machine.version} gave 4 seats of session '{W1}', which had 1" in found
    assert len(found) == 2, "the commit, and what stands now"


def balance(machine: Unchecked) -> Commit:
    """All seats and places as they stand, as an upgrade notes them."""
    effects = tuple(
        effect
        for r in machine.registrations.values()
        for effect in (
            Effect(r.id, EVENT, None, r.state, int(r.takes_seat), r.place),
            *(Effect(r.id, h.session_id, None, h.state, int(h.takes_seat), h.place) for h in r.choices),
        )
    )
    capacities = tuple((name, machine.seats.line(name).rules.capacity) for name in (EVENT, *machine.seats.sessions))
    machine.version += 1
    return machine.version, (Entry("clock", "upgrade", "accepted", effects=effects, capacities=capacities),)


def test_log_may_begin_with_an_opening_balance() -> None:
    machine = play()
    machine.commits = [balance(machine)]
    assert machine.audited().proven
    machine.register(["p7"], [1])
    machine.cancel(1, False)
    machine.decide()
    machine.change_capacity(1, 3)
    machine.decide()
    assert machine.audited().proven
    assert machine.audited().checked["promotions"] > 1


def test_balance_in_the_middle_of_the_log_must_be_what_the_log_came_to() -> None:
    machine = play()
    true, without_the_last = balance(machine), machine.commits[:-1]
    machine.commits.append(true)
    assert machine.audited().proven
    machine.change_capacity(1, 3)
    machine.decide()
    assert machine.audited().proven
    machine.commits = [*without_the_last, true, *machine.commits[-1:]]
    assert "log-balance" in machine.codes_found


# What the desk does wrong, and writes down as it did it


def test_seat_too_many_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = play()
    monkeypatch.setattr(Line, "admits", lambda *_: True)
    machine.register(["p7"], [1])
    machine.decide()
    assert "oversold" in machine.codes_found


def test_passer_by_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The safeguard is off: whoever asks while a seat is free gets it."""
    machine = play()
    monkeypatch.setattr(Line, "admits", lambda line, kind=None: line.free_for(kind) != 0)
    machine.cancel(machine.number("p1"), False)
    machine.register(["p7"], [1])
    machine.decide()
    seven = machine.registration("p7")
    assert [(d.code, d.line, d.registration_id) for d in machine.audited().differences] == [("passer-by", W1, seven.id)]


def test_passer_by_who_hands_the_seat_on_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = play()
    monkeypatch.setattr(Line, "admits", lambda line, kind=None: line.free_for(kind) != 0)
    machine.cancel(machine.number("p1"), False)
    machine.register(["p7"], [1])
    machine.decide()
    machine.transfer(machine.number("p7"), "p6")
    machine.decide()
    six = machine.registration("p6")
    assert [(d.code, d.registration_id) for d in machine.audited().differences] == [("passer-by", six.id)]


def test_seat_kept_for_a_code_is_no_passer_by() -> None:
    machine = Unchecked()
    machine.publish(2, None, (None, None), None, "allow")
    machine.set_code(1, None, False)
    machine.decide()
    machine.register(["p0", "p2", "p4"], [1])
    machine.decide()
    machine.register(["p6"], [1], "guest-1")
    machine.decide()
    assert machine.registration("p6").choices[0].kind == "@GUEST1"
    assert machine.audited().proven
    six = machine.registration("p6")
    held = replace(six.choices[0], kind="research")
    machine.give(six, choices=(held,))
    assert "passer-by" in machine.codes_found, "without the code it would be one"


def test_who_was_jumped_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = play()
    first, last = machine.waiting[W1, 3], machine.waiting[W1, 4]
    assert first.kind == last.kind == "police"
    monkeypatch.setattr(Fold, "in_line", lambda _, name: [last] if name == W1 else [])
    machine.change_capacity(1, 2)
    machine.decide()
    assert [(d.code, d.registration_id) for d in machine.audited().differences] == [("jumped", first.registration_id)]


# What is stored otherwise than it was decided

Tampered = Callable[[Unchecked], None]


def count_one_more(machine: Unchecked) -> None:
    machine.told(W1, confirmed=2)


def count_one_more_waiting(machine: Unchecked) -> None:
    machine.told(W1, waiting=4)


def count_a_kind_wrongly(machine: Unchecked) -> None:
    machine.told(W1, kinds={**machine.seats.line(W1).kinds, "police": Kind(None, 2, 2)})


def count_a_waiting_kind_wrongly(machine: Unchecked) -> None:
    machine.told(W1, kinds={**machine.seats.line(W1).kinds, "police": Kind(None, 1, 3)})


def have_fewer_seats(machine: Unchecked) -> None:
    machine.told(W1, rules=replace(machine.seats.line(W1).rules, capacity=0))


def give_a_seat(machine: Unchecked) -> None:
    two = machine.registration("p2")
    held = replace(two.choices[0], state=SeatState.CONFIRMED, place=None)
    machine.give(two, choices=(held,))


def take_a_seat_away(machine: Unchecked) -> None:
    one = machine.registration("p1")
    machine.give(one, state=SeatState.CANCELLED)


def swap_two_places(machine: Unchecked) -> None:
    """Everywhere but in the log."""
    two, three = machine.registration("p2"), machine.registration("p3")
    machine.give(two, choices=(replace(two.choices[0], place=3),))
    machine.give(three, choices=(replace(three.choices[0], place=2),))
    machine.row(2, registration_id=three.id, kind="police")
    machine.row(3, registration_id=two.id, kind="research")


def leave_a_place_out(machine: Unchecked) -> None:
    del machine.waiting[W1, 1]


def invent_a_place(machine: Unchecked) -> None:
    machine.waiting[W1, 9] = Waiting(W1, 9, machine.registration("p0").id, kind="research")


def keep_a_place_open(machine: Unchecked) -> None:
    machine.row(1, left=False)


def end_a_place(machine: Unchecked) -> None:
    machine.row(3, left=True)


def make_a_place_of_another_kind(machine: Unchecked) -> None:
    machine.row(3, kind="research")


def use_a_code(machine: Unchecked) -> None:
    machine.codes["GUEST1"] = replace(machine.codes["GUEST1"], used=0)


def lose_a_code(machine: Unchecked) -> None:
    machine.codes.clear()


def keep_seats_for_a_code_that_ended(machine: Unchecked) -> None:
    line = machine.seats.sessions[W1]
    machine.seats = replace(
        machine.seats, sessions={**machine.seats.sessions, W1: with_reserve(line, f"{GROUP}GUEST1", 2)}
    )
    machine.codes["GUEST1"] = Code("GUEST1", "guest-1", (W1,), used=1, reserved=2, released=True)


def lose_a_registration(machine: Unchecked) -> None:
    del machine.registrations[machine.registration("p1").id]


def choose_what_is_not_there(machine: Unchecked) -> None:
    one = machine.registration("p1")
    machine.give(one, choices=(*one.choices, replace(one.choices[0], session_id="nowhere")))


def offer_without_end(machine: Unchecked) -> None:
    machine.give(machine.registration("p1"), state=SeatState.OFFERED)


def hold_without_end(machine: Unchecked) -> None:
    machine.give(machine.registration("p1"), state=SeatState.PENDING, held=True)


def forget_a_commit(machine: Unchecked) -> None:
    del machine.commits[-1]


def forget_the_beginning(machine: Unchecked) -> None:
    del machine.commits[0]


def forget_an_entry(machine: Unchecked) -> None:
    version, entries = machine.commits[2]
    machine.commits[2] = (version, entries[1:])


def refuse_what_was_done(machine: Unchecked) -> None:
    version, entries = machine.commits[2]
    machine.commits[2] = (version, tuple(replace(entry, outcome="rejected") for entry in entries))


def repeat_a_commit(machine: Unchecked) -> None:
    machine.commits.append(machine.commits[-1])


def swap_two_commits(machine: Unchecked) -> None:
    machine.commits[2:] = machine.commits[2:][::-1]


def log_the_future(machine: Unchecked) -> None:
    machine.commits[-1] = (machine.version + 1, machine.commits[-1][1])


@pytest.mark.parametrize(
    ("tamper", "codes"),
    [
        (count_one_more, {"seats-count", "log-end-count", "oversold"}),
        (count_one_more_waiting, {"waiting-count"}),
        (count_a_kind_wrongly, {"kind-seats-count"}),
        (count_a_waiting_kind_wrongly, {"kind-waiting-count"}),
        (have_fewer_seats, {"log-end-capacity"}),
        (give_a_seat, {"seats-count", "waiting-count", "place-without-registration", "log-end-seat", "oversold"}),
        (take_a_seat_away, {"contradiction", "seats-count", "log-end-state", "code-uses"}),
        (swap_two_places, {"log-end-place"}),
        (leave_a_place_out, {"place-missing"}),
        (invent_a_place, {"place-not-given", "place-without-registration", "log-end-place"}),
        (keep_a_place_open, {"place-without-registration", "log-end-place"}),
        (end_a_place, {"registration-without-place", "log-end-place"}),
        (make_a_place_of_another_kind, {"place-of-another-kind"}),
        (use_a_code, {"code-uses"}),
        (lose_a_code, {"unknown-code"}),
        (keep_seats_for_a_code_that_ended, {"code-reserve"}),
        (lose_a_registration, {"seats-count", "log-end-state", "code-uses"}),
        (choose_what_is_not_there, {"unknown-session", "log-end-state"}),
        (offer_without_end, {"contradiction", "log-end-state"}),
        (hold_without_end, {"contradiction", "log-end-state"}),
        (forget_a_commit, {"log-end-state", "log-end-seat", "log-end-place"}),
        (forget_the_beginning, {"log-beginning"}),
        (forget_an_entry, {"log-state", "log-seat"}),
        (refuse_what_was_done, {"log-refusal"}),
        (repeat_a_commit, {"log-order", "log-state", "log-place"}),
        (swap_two_commits, {"log-order", "log-state"}),
        (log_the_future, {"log-order"}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_was_tampered_with_is_named(tamper: Tampered, codes: set[str]) -> None:
    machine = play()
    assert machine.audited().proven
    tamper(machine)
    assert codes <= machine.codes_found


def test_seat_that_went_to_the_line_is_missing_in_no_reserve() -> None:
    """Two were reserved; one was given up while others waited, and went to them."""
    machine = play()
    machine.codes["GUEST1"] = Code("GUEST1", "guest-1", (W1,), used=1, reserved=2)
    assert machine.audited().proven


def test_differences_name_no_person() -> None:
    machine = play()
    for tamper in (give_a_seat, swap_two_places, use_a_code, forget_a_commit):
        tamper(machine)
    told = " ".join(difference.message for difference in machine.audited().differences)
    assert "example.org" not in told
    assert "guest-1" not in told, "who reads the report cannot use the code"


def test_only_so_many_differences_are_named() -> None:
    seats = Seats("milipol-2019", Line(play().seats.line(EVENT).rules, next_place=MOST + 2))
    report = audit(seats, (), (), (), (), 1)
    assert len(report.differences) == MOST
    assert report.left_out == 4 - 1, "one place more; the event's capacity and next place by the log"
