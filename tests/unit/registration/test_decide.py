"""The decision about seats, rule by rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services.registration.commands import Cancel, Command, Register, ReviseEvent, ReviseSession
from services.registration.domain import Decision, Snapshot, Waiting, decide
from services.registration.registrations import Registration
from services.registration.seats import Seats
from shared.contracts.registration import Outcome, SeatState
from tests.support.events import BEFORE_CLOSE, CLOSES, milipol, person, workshop

W1, W2 = "milipol-2019-workshop-1", "milipol-2019-workshop-2"


class World:
    """What a store would keep, so that decisions can follow each other."""

    def __init__(self, capacity: int | None = 2, event_capacity: int | None = None) -> None:
        self.seats = Seats("milipol-2019")
        self.registrations: dict[str, Registration] = {}
        self.waiting: dict[tuple[str, int], Waiting] = {}
        self.now = BEFORE_CLOSE
        self.number = 0
        self.do(ReviseEvent(id="e", event=milipol(admission={"capacity": event_capacity})))
        for n in (1, 2):
            self.do(ReviseSession(id=f"s{n}", session=workshop(n, capacity=capacity)))

    def do(self, *commands: Command) -> Decision:
        lines: dict[str, list[Waiting]] = {}
        for (line, _), waiting in sorted(self.waiting.items()):
            if not waiting.left:
                lines.setdefault(line, []).append(waiting)
        decision = decide(Snapshot(self.seats, self.registrations, {}, lines), commands, self.now)
        self.seats = decision.seats
        self.registrations |= decision.registrations
        self.waiting |= {(w.line, w.place): w for w in decision.waiting}
        return decision

    def register(self, name: str, *sessions: str) -> Register:
        self.number += 1
        return Register(id=f"c{self.number}", registration_id=f"r-{name}", person=person(name), sessions=sessions)

    def state(self, name: str) -> str:
        return self.registrations[f"r-{name}"].state.value

    def states(self, name: str) -> list[str]:
        return [held.state.value for held in self.registrations[f"r-{name}"].choices]


def test_seats_go_first_come_first_served_and_the_rest_waits_in_order() -> None:
    world = World(capacity=2)
    decision = world.do(*(world.register(name, W1) for name in ("ada", "bob", "cyd", "dan")))
    assert [answer.choices[0].state for answer in decision.answers] == [
        "confirmed",
        "confirmed",
        "waitlisted",
        "waitlisted",
    ]
    assert [answer.choices[0].position for answer in decision.answers] == [None, None, 1, 2]


def test_partial_success_is_told_per_session() -> None:
    world = World(capacity=1)
    world.do(world.register("ada", W1))
    (answer,) = world.do(world.register("bob", W1, W2)).answers
    assert answer.outcome is Outcome.ACCEPTED
    assert [(c.session_id, c.state) for c in answer.choices] == [(W1, SeatState.WAITLISTED), (W2, SeatState.CONFIRMED)]


def test_freed_seat_goes_to_the_head_of_the_queue() -> None:
    world = World(capacity=1)
    world.do(*(world.register(name, W1) for name in ("ada", "bob", "cyd")))
    world.do(Cancel(id="x", registration_id="r-ada"))
    assert (world.states("ada"), world.states("bob"), world.states("cyd")) == (
        ["cancelled"],
        ["confirmed"],
        ["waitlisted"],
    )


def test_passer_by_never_takes_a_freed_seat() -> None:
    world = World(capacity=1)
    world.do(world.register("ada", W1), world.register("bob", W1))
    world.do(Cancel(id="x", registration_id="r-ada"), world.register("eve", W1))
    assert (world.states("bob"), world.states("eve")) == (["confirmed"], ["waitlisted"])


def test_raised_capacity_promotes_at_once_and_lowered_capacity_evicts_nobody() -> None:
    world = World(capacity=1)
    world.do(*(world.register(name, W1) for name in ("ada", "bob", "cyd")))
    world.do(ReviseSession(id="up", session=workshop(1, 2, capacity=2)))
    assert world.states("bob") == ["confirmed"]
    world.do(ReviseSession(id="down", session=workshop(1, 3, capacity=1)))
    assert [world.states(name) for name in ("ada", "bob", "cyd")] == [["confirmed"], ["confirmed"], ["waitlisted"]]


def test_older_revision_changes_nothing() -> None:
    world = World(capacity=1)
    world.do(ReviseSession(id="new", session=workshop(1, 5, capacity=9)))
    world.do(ReviseSession(id="old", session=workshop(1, 4, capacity=3)))
    assert world.seats.sessions[W1].rules.capacity == 9


def test_full_event_keeps_choices_pending_until_a_seat_at_the_event_comes_free() -> None:
    world = World(capacity=1, event_capacity=1)
    world.do(world.register("ada", W1), world.register("bob", W1, W2))
    assert world.state("bob") == "waitlisted"
    assert world.states("bob") == ["pending", "pending"]
    world.do(Cancel(id="x", registration_id="r-ada"))
    assert world.state("bob") == "confirmed"
    assert world.states("bob") == ["confirmed", "confirmed"]


def test_giving_up_the_last_session_ends_the_registration() -> None:
    world = World()
    world.do(world.register("ada", W1, W2))
    world.do(Cancel(id="x", registration_id="r-ada", sessions=(W1,)))
    assert world.state("ada") == "confirmed"
    world.do(Cancel(id="y", registration_id="r-ada", sessions=(W2,)))
    assert world.state("ada") == "cancelled"
    assert world.seats.event is not None
    assert world.seats.event.confirmed == 0


def test_who_cancelled_may_register_again_at_the_end_of_the_line() -> None:
    world = World(capacity=1)
    world.do(*(world.register(name, W1) for name in ("ada", "bob", "cyd")))
    world.do(Cancel(id="x", email="bob@example.org"))
    world.do(world.register("bob", W1))
    assert world.waiting[W1, 2].registration_id == "r-cyd"
    assert world.waiting[W1, 3] == Waiting(W1, 3, "r-bob")


def test_second_registration_of_a_person_is_refused() -> None:
    world = World()
    world.do(world.register("ada", W1))
    (answer,) = world.do(replace(world.register("ada", W2), registration_id="other")).answers
    assert [(reason.code, reason.field) for reason in answer.reasons] == [("already-registered", "person.email")]


def test_all_reasons_are_told_at_once() -> None:
    world = World()
    world.do(ReviseSession(id="c", session=workshop(1, 2, status="cancelled")))
    (answer,) = world.do(world.register("ada", W1, "nope", W2, W2)).answers
    assert [(reason.code, reason.field) for reason in answer.reasons] == [
        ("cancelled", "sessions.0"),
        ("unknown-session", "sessions.1"),
        ("repeated", "sessions.3"),
    ]
    assert not world.registrations


def test_registration_closes_at_midnight_in_paris_to_the_second() -> None:
    world = World()
    world.now = CLOSES - timedelta(seconds=1)
    assert world.do(world.register("ada", W1)).answers[0].outcome is Outcome.ACCEPTED
    world.now = CLOSES
    assert [r.code for r in world.do(world.register("bob", W1)).answers[0].reasons] == ["closed"]


def test_full_session_without_waiting_list_is_refused() -> None:
    world = World(capacity=1)
    world.do(ReviseSession(id="n", session=workshop(1, 2, capacity=1, admission={"waiting_list": False})))
    world.do(world.register("ada", W1))
    assert [r.code for r in world.do(world.register("bob", W1)).answers[0].reasons] == ["full"]


def test_event_of_choices_needs_a_choice() -> None:
    world = World()
    assert [r.code for r in world.do(world.register("ada")).answers[0].reasons] == ["choice-needed"]


def test_unknown_event_is_told() -> None:
    decision = decide(Snapshot(Seats("nowhere")), [World().register("ada")], BEFORE_CLOSE)
    assert [r.code for r in decision.answers[0].reasons] == ["unknown-event"]


def test_position_at_the_event_is_told() -> None:
    world = World(event_capacity=1)
    world.do(world.register("ada", W1))
    (answer,) = world.do(world.register("bob", W1)).answers
    assert (answer.state, answer.position) == (SeatState.WAITLISTED, 1)


def test_session_cancelled_while_a_person_waited_for_the_event_is_no_seat() -> None:
    world = World(capacity=5, event_capacity=1)
    world.do(world.register("ada", W1), world.register("bob", W1, W2))
    world.do(ReviseSession(id="c", session=workshop(1, 2, capacity=5, status="cancelled")))
    world.do(Cancel(id="x", registration_id="r-ada"))
    assert world.state("bob") == "confirmed"
    assert world.states("bob") == ["cancelled", "confirmed"]
    assert world.seats.sessions[W1].confirmed == 0
