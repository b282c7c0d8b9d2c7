"""What is said by calendar: seats that are still had are given up as on the private page, and nothing else is touched."""

from __future__ import annotations

from typing import Any

import pytest

from services.registration.commands import Cancel, Change, CheckIn, Erase, ReviseEvent, ReviseSession, Transfer
from services.registration.registrations import Registration
from shared.contracts.registration import Cause, Outcome, SeatState, Through
from shared.contracts.scheduling import Status
from tests.support.events import milipol, person, workshop
from tests.unit.registration.world import W1, W2, W3, World

ALLOWED: dict[str, Any] = {"calendar_answers": True}


def by_calendar(world: World, name: str, *sessions: str, through: Through = Through.CALENDAR) -> Cancel:
    return Cancel(id=world.id(), registration_id=f"r-{name}", sessions=sessions, through=through, repeatable=True)


def nothing_else(world: World, name: str) -> dict[str, Registration]:
    """How everybody but `name` stands."""
    return {id_: one for id_, one in world.registrations.items() if id_ != f"r-{name}"}


@pytest.mark.parametrize("through", list(Through))
def test_a_seat_is_given_up_to_whoever_waits_and_the_cause_says_how(through: Through) -> None:
    world = World(1, admission=ALLOWED)
    world.come("ada", W1, W2)
    world.come("bob", W1)
    answer = world.ask(by_calendar(world, "ada", W1, through=through))
    assert answer.outcome is Outcome.ACCEPTED
    assert (world.choice("ada").state, world.choice("ada").cause) == (SeatState.CANCELLED, Cause.CALENDAR)
    assert world.choice("ada", W2).state is SeatState.CONFIRMED
    assert world.choice("bob").state is SeatState.CONFIRMED, "the first in line has it"
    assert world.state("ada") is SeatState.CONFIRMED


def test_with_the_last_session_the_registration_ends_as_on_the_private_page() -> None:
    worlds = World(admission=ALLOWED), World(admission=ALLOWED)
    for world, command in zip(worlds, (by_calendar(worlds[0], "ada", W1), Cancel(id="x", registration_id="r-ada", sessions=(W1,))), strict=True):  # fmt: skip
        world.come("ada")
        world.ask(command)
    assert [world.state("ada") for world in worlds] == [SeatState.CANCELLED] * 2
    assert [world.of("ada").cause for world in worlds] == [Cause.CALENDAR, Cause.GIVEN_UP]
    assert worlds[0].seats == worlds[1].seats


def test_a_place_in_line_is_given_up_too() -> None:
    world = World(1, admission=ALLOWED)
    world.come("bob", W1)
    world.come("ada", W1, W2)
    world.ask(by_calendar(world, "ada", W1))
    assert (world.choice("ada").state, world.choice("ada").place) == (SeatState.CANCELLED, None)
    assert world.seats.sessions[W1].waiting == 0


def test_the_session_may_be_chosen_again() -> None:
    world = World(admission=ALLOWED)
    world.come("ada", W1, W2)
    world.ask(by_calendar(world, "ada", W1))
    assert world.ask(Change(id=world.id(), registration_id="r-ada", sessions=(W1, W2))).outcome is Outcome.ACCEPTED
    assert (world.choice("ada").state, world.choice("ada").cause) == (SeatState.CONFIRMED, None)
    world.ask(by_calendar(world, "ada", W1, W2))
    assert world.come("ada", W1).state is SeatState.CONFIRMED, "and the person may register again"


def test_it_gives_nothing_up_where_the_event_does_not_say_so() -> None:
    world = World()
    world.come("ada")
    assert world.reasons(by_calendar(world, "ada", W1)) == [("no-calendar-answers", "through")]
    assert world.choice("ada").state is SeatState.CONFIRMED
    control = Cancel(id="x", registration_id="r-ada", sessions=(W1,))
    assert world.ask(control).outcome is Outcome.ACCEPTED, "control: on the page it is the person's right"


def test_a_whole_registration_is_not_given_up_in_one_word() -> None:
    world = World(admission=ALLOWED)
    world.come("ada")
    assert world.reasons(by_calendar(world, "ada")) == [("choice-needed", "sessions")]
    assert world.state("ada") is SeatState.CONFIRMED


def test_what_the_person_does_not_have_any_more_is_passed_over() -> None:
    world = World(1, admission=ALLOWED)
    world.come("ada", W1, W2)
    world.come("bob", W1)
    world.ask(Cancel(id=world.id(), registration_id="r-ada", sessions=(W1,)))
    before, others, seats = world.of("ada"), nothing_else(world, "ada"), world.seats
    assert world.reasons(by_calendar(world, "ada", W1, W3)) == [
        ("not-chosen", "sessions.0"),
        ("not-chosen", "sessions.1"),
    ]
    assert (world.of("ada"), nothing_else(world, "ada"), world.seats) == (before, others, seats)
    assert world.ask(by_calendar(world, "ada", W1, W2)).outcome is Outcome.ACCEPTED, "one of the two is still had"
    assert (world.choice("ada").cause, world.choice("ada", W2).cause) == (Cause.GIVEN_UP, Cause.CALENDAR)
    assert nothing_else(world, "ada") == others
    assert world.seats.sessions[W1] == seats.sessions[W1]


def test_a_late_answer_ends_no_registration_whose_sessions_were_taken_away() -> None:
    """The control is the same word said on the page: there it means that nothing is wanted any more."""
    ends = {}
    for through in (Through.CALENDAR, None):
        world = World(admission={**ALLOWED, "capacity": 1})
        world.come("bob")
        world.come("ada")
        world.do(ReviseSession(id="off", session=workshop(1, 2, status=Status.CANCELLED)))
        world.ask(Cancel(id=world.id(), registration_id="r-bob"))
        assert (world.state("ada"), world.choice("ada").cause) == (SeatState.CONFIRMED, Cause.OVER)
        world.ask(Cancel(id=world.id(), registration_id="r-ada", sessions=(W1,), through=through))
        ends[through] = world.state("ada")
    assert ends == {Through.CALENDAR: SeatState.CONFIRMED, None: SeatState.CANCELLED}


def test_whoever_has_the_seat_now_keeps_it() -> None:
    world = World(admission=ALLOWED)
    world.come("ada")
    world.ask(Transfer(id=world.id(), registration_id="r-ada", to_id="r-eva", person=person("eva")))
    assert world.reasons(by_calendar(world, "ada", W1)) == [("not-chosen", "sessions.0")]
    assert world.choice("eva").state is SeatState.CONFIRMED
    world.ask(Erase(id=world.id(), registration_id="r-eva"))
    assert world.reasons(by_calendar(world, "eva", W1)) == [("unknown-registration", "registration_id")]


def test_the_same_answer_twice_is_done_once() -> None:
    world = World(1, admission=ALLOWED)
    world.come("ada", W1, W2)
    world.come("bob", W1)
    command = by_calendar(world, "ada", W1)
    world.ask(command)
    others = nothing_else(world, "ada")
    assert world.reasons(by_calendar(world, "ada", W1)) == [("not-chosen", "sessions.0")]
    assert nothing_else(world, "ada") == others
    first, again = World(1, admission=ALLOWED), command
    first.come("ada", W1, W2)
    assert [answer.outcome.value for answer in first.do(again, again).answers] == ["accepted", "duplicate"]


def test_whoever_tidies_away_what_is_called_off_has_begun_or_was_attended_gives_nothing_up() -> None:
    world = World(admission=ALLOWED)
    world.come("ada", W1, W2, W3)
    world.do(ReviseSession(id="off", session=workshop(3, 2, status=Status.CANCELLED)))
    assert world.reasons(by_calendar(world, "ada", W3)) == [("cancelled", "sessions.0")]
    world.ask(CheckIn(id=world.id(), registration_id="r-ada", session_id=W2, at=world.now))
    assert world.reasons(by_calendar(world, "ada", W2)) == [("checked-in", "sessions.0")]
    starts = workshop(1).starts_at
    assert starts is not None
    world.now = starts
    assert world.reasons(by_calendar(world, "ada", W1)) == [("started", "sessions.0")]
    states = [world.choice("ada", id_).state for id_ in (W1, W2, W3)]
    assert states == [SeatState.CONFIRMED, SeatState.ATTENDED, SeatState.CONFIRMED]


def test_registration_may_be_closed_when_a_seat_is_given_up() -> None:
    world = World(admission=ALLOWED)
    world.come("ada", W1, W2)
    closed = {**ALLOWED, "open": False}
    world.do(ReviseEvent(id="closed", event=milipol(2, admission=closed, **world.event)))
    assert world.ask(by_calendar(world, "ada", W1)).outcome is Outcome.ACCEPTED
