"""Registrations with other organisations: in every order of arrival, held or first, lapsing, taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from services.registration.commands import Accept, Approve, Cancel, DecideRequirement, Erase, GiveNumbers, ReviseEvent
from shared.contracts.registration import Cause, RequirementState, SeatState
from tests.support.events import BEFORE_CLOSE, milipol
from tests.unit.registration.world import FAIR, W1, World

GRANTED, REFUSED, REVOKED = RequirementState.GRANTED, RequirementState.REFUSED, RequirementState.REVOKED


def decided(world: World, name: str, state: RequirementState, hours: float = 0.0) -> DecideRequirement:
    """What the fair decided so many hours ago."""
    return DecideRequirement(
        id=world.id(),
        requirement="fair",
        state=state,
        email=f"{name}@example.org",
        decided_at=world.now - timedelta(hours=hours),
    )


def test_a_seat_is_held_while_the_requirement_is_missing_and_confirmed_when_it_is_granted() -> None:
    world = World(policy="hold")
    ada = world.come("ada")
    assert (ada.state, ada.held, ada.cause) == (SeatState.PENDING, True, Cause.REQUIREMENT)
    assert ada.hold_until == BEFORE_CLOSE + timedelta(days=7)
    assert (world.choice("ada").state, world.choice("ada").held) == (SeatState.PENDING, True)
    assert world.seats.sessions[W1].confirmed == 1, "the seat is taken meanwhile"
    world.ask(decided(world, "ada", GRANTED))
    assert world.state("ada") is SeatState.CONFIRMED
    assert world.choice("ada").state is SeatState.CONFIRMED
    assert world.of("ada").hold_until is None


def test_what_was_granted_before_the_registration_counts() -> None:
    world = World(policy="hold")
    world.ask(decided(world, "ada", GRANTED))
    world.ask(decided(world, "ada", GRANTED))
    assert world.come("ada").state is SeatState.CONFIRMED


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("registers_after", range(4))
def test_the_newest_decision_counts_in_whatever_order_decisions_and_the_person_arrive(
    order: tuple[int, ...], registers_after: int
) -> None:
    for newest in (GRANTED, REVOKED):
        world = World(policy="hold")
        decisions = [decided(world, "ada", s, h) for s, h in ((GRANTED, 9), (REFUSED, 5), (newest, 1))]
        for number in range(4):
            if number == registers_after:
                world.come("ada")
            if number < 3:
                world.ask(decisions[order[number]])
        assert world.of("ada").requirements == {"fair": newest}
        wanted = SeatState.CONFIRMED if newest is GRANTED else SeatState.PENDING
        assert world.state("ada") is wanted


def test_a_hold_that_lapses_gives_the_seat_to_the_queue_after_a_reminder() -> None:
    world = World(1, policy="hold")
    world.come("ada")
    world.ask(decided(world, "bob", GRANTED))
    world.come("bob")
    assert world.choice("bob").state is SeatState.WAITLISTED
    world.wait(days=5)
    assert [(r.registration_id, r.about.value) for r in world.reminded] == [("r-ada", "requirement")]
    world.wait(days=1, hours=23)
    assert world.state("ada") is SeatState.PENDING
    assert len(world.reminded) == 1, "once"
    world.wait(hours=1)
    assert (world.state("ada"), world.of("ada").cause) == (SeatState.CANCELLED, Cause.REQUIREMENT_LAPSED)
    assert world.choice("bob").state is SeatState.CONFIRMED


def test_a_hold_ends_when_the_event_begins() -> None:
    world = World(
        policy="hold", requirements=[{"id": "fair", "name": {"en": "Fair"}, "policy": "hold", "hold_days": 90}]
    )
    begins = world.seats.event.rules.begins if world.seats.event else None
    assert world.come("ada").hold_until == begins


def test_what_comes_first_gives_neither_seat_nor_place_before_it_is_granted() -> None:
    world = World(1, policy="first")
    ada = world.come("ada")
    assert (ada.state, ada.held, ada.cause) == (SeatState.PENDING, False, Cause.REQUIREMENT)
    assert world.seats.sessions[W1].confirmed == 0
    world.ask(decided(world, "bob", GRANTED))
    assert world.come("bob").state is SeatState.CONFIRMED
    world.ask(decided(world, "ada", GRANTED))
    assert world.choice("ada").state is SeatState.WAITLISTED, "the place in line is that of the grant"


def test_what_comes_first_and_is_taken_back_frees_the_seat_at_once() -> None:
    world = World(1, policy="first")
    for name in ("ada", "bob"):
        world.ask(decided(world, name, GRANTED))
        world.come(name)
    world.ask(decided(world, "ada", REVOKED))
    assert (world.state("ada"), world.of("ada").held) == (SeatState.PENDING, False)
    assert world.choice("bob").state is SeatState.CONFIRMED
    world.wait(hours=1)
    world.ask(decided(world, "ada", GRANTED))
    assert world.choice("ada").state is SeatState.WAITLISTED, "behind whoever waits by then"


def test_a_requirement_taken_back_from_a_confirmed_person_starts_a_new_hold() -> None:
    world = World(policy="hold")
    world.ask(decided(world, "ada", GRANTED, 2))
    world.come("ada")
    world.ask(decided(world, "ada", REVOKED))
    assert (world.state("ada"), world.of("ada").held) == (SeatState.PENDING, True)
    assert world.of("ada").hold_until == world.now + timedelta(days=7)
    assert world.choice("ada").held


def test_a_person_is_found_by_the_number_there_given_at_once_or_later() -> None:
    world = World(policy="hold")

    def by_number(number: str) -> DecideRequirement:
        return DecideRequirement(id=world.id(), requirement="fair", state=GRANTED, number=number)

    world.come("ada", numbers={"fair": "MP 77"})
    world.ask(by_number("mp77"))
    assert world.state("ada") is SeatState.CONFIRMED
    world.ask(by_number("MP-78"))
    world.come("bob")
    assert world.state("bob") is SeatState.PENDING
    world.ask(GiveNumbers(id=world.id(), registration_id="r-bob", numbers={"fair": "MP-78"}))
    assert world.state("bob") is SeatState.CONFIRMED


def test_a_requirement_that_is_only_told_holds_nothing_back() -> None:
    world = World(policy="told")
    assert world.come("ada").state is SeatState.CONFIRMED
    assert world.of("ada").requirements == {"fair": RequirementState.MISSING}


def test_a_requirement_that_the_event_does_not_have_is_named() -> None:
    world = World()
    command = DecideRequirement(id="d", requirement="gala", state=GRANTED, email="ada@example.org")
    assert world.reasons(command) == [("unknown-requirement", "requirement")]
    assert world.reasons(world.register("ada", numbers={"gala": "1"})) == [("unknown-requirement", "numbers.gala")]


def test_a_fast_clock_elsewhere_does_not_win_over_what_follows() -> None:
    world = World(policy="hold")
    world.come("ada")
    world.ask(decided(world, "ada", GRANTED, -48))
    world.wait(hours=1)
    world.ask(decided(world, "ada", REVOKED))
    assert world.of("ada").requirements == {"fair": REVOKED}


def test_rules_that_ask_less_let_those_go_on_who_waited_for_them() -> None:
    world = World(policy="first")
    world.come("ada")
    relaxed = {**world.event, "requirements": []}
    world.do(ReviseEvent(id="later", event=milipol(2, **relaxed)))
    assert world.state("ada") is SeatState.PENDING
    world.wait(seconds=1)
    assert world.state("ada") is SeatState.CONFIRMED


def test_who_is_pending_can_give_up_and_the_held_seat_goes_on() -> None:
    world = World(1, policy="hold")
    world.come("ada")
    world.ask(decided(world, "bob", GRANTED))
    world.come("bob")
    world.ask(Cancel(id="x", registration_id="r-ada"))
    assert world.choice("bob").state is SeatState.CONFIRMED
    world.wait(days=30)
    assert world.of("ada").cause is Cause.GIVEN_UP, "nothing lapses that was given up"


def test_a_decision_that_names_somebody_by_address_and_by_number_counts_under_both() -> None:
    world = World(policy="hold")
    command = decided(world, "ada", GRANTED)
    world.ask(replace(command, number="MP-79"))
    assert world.come("ada").state is SeatState.CONFIRMED
    assert world.come("bob", numbers={"fair": "MP-79"}).state is SeatState.CONFIRMED, "known there by another address"


def test_a_number_admits_one_person() -> None:
    world = World(policy="first")
    command = DecideRequirement(id="g", requirement="fair", state=GRANTED, number="MP-1")
    world.ask(command)
    assert world.come("ada", numbers={"fair": "MP-1"}).state is SeatState.CONFIRMED
    assert world.reasons(world.register("bob", numbers={"fair": "mp-1"})) == [("number-taken", "numbers.fair")]
    eva = world.come("eva", numbers={"fair": "mp-1"}, anonymous=True)
    assert (eva.state, dict(eva.numbers)) == (SeatState.PENDING, {}), (
        "nobody learns that it is taken, or is let in by it"
    )
    later = GiveNumbers(id=world.id(), registration_id="r-eva", numbers={"fair": "MP 1"})
    assert world.reasons(later) == [("number-taken", "numbers.fair")]
    world.ask(Cancel(id="x", registration_id="r-ada"))
    assert world.come("bob", numbers={"fair": "MP-1"}).state is SeatState.CONFIRMED, "given up, it is free"


def test_numbers_that_anybody_can_try_make_no_member() -> None:
    world = World(admission={"members_only": True}, members={"requirement": "fair"})
    world.ask(DecideRequirement(id="g", requirement="fair", state=GRANTED, number="MP-1"))
    for number in ("MP-1", "MP-2"):
        command = world.register("eva", numbers={"fair": number}, anonymous=True)
        assert world.reasons(command) == [("members-only", "person.email")]
    assert world.come("ada", numbers={"fair": "MP-1"}).member, "who knows their people may name them so"


def test_earlier_numbers_are_forgotten_with_the_person_too() -> None:
    world = World(policy="hold")
    world.come("ada", numbers={"fair": "MP-1"})
    before = set(world.of("ada").keys)
    world.ask(GiveNumbers(id=world.id(), registration_id="r-ada", numbers={"fair": "MP-2"}))
    decision = world.do(Erase(id="e", registration_id="r-ada"))
    assert before < set(decision.erased["r-ada"])


def test_nothing_is_kept_of_an_event_whose_time_is_over() -> None:
    world = World(policy="hold", retention_days=30)
    rules = world.seats.event.rules if world.seats.event else None
    assert rules is not None
    assert rules.forget_at is not None
    world.now = rules.forget_at
    command = DecideRequirement(id="g", requirement="fair", state=GRANTED, email="ada@example.org")
    assert world.reasons(command) == [("forgotten", "event_id")]
    assert not world.grants


def test_rules_that_ask_more_hold_for_those_who_wait_or_are_offered() -> None:
    first = [{**FAIR, "policy": "first"}]
    for rules, cause in (({"requirements": first}, Cause.REQUIREMENT), ({"approval": True}, Cause.APPROVAL)):
        for offer_hours in (None, 24):
            world = World(admission={"capacity": 1, "offer_hours": offer_hours})
            for name in ("ada", "bob"):
                world.come(name)
            if offer_hours:
                world.ask(Cancel(id="x", registration_id="r-ada"))
                assert world.state("bob") is SeatState.OFFERED
            admission = {"capacity": 1, "offer_hours": offer_hours, "approval": "approval" in rules}
            requirements = rules.get("requirements", world.event["requirements"])
            world.do(
                ReviseEvent(
                    id="r", event=milipol(2, **{**world.event, "requirements": requirements}, admission=admission)
                )
            )
            if offer_hours:
                world.ask(Accept(id="y", registration_id="r-bob"))
            else:
                world.ask(Cancel(id="x", registration_id="r-ada"))
            assert (world.state("bob"), world.of("bob").cause) == (SeatState.PENDING, cause)
            assert not world.of("bob").takes_seat


def test_a_requirement_that_is_added_takes_no_seat_from_those_who_have_one() -> None:
    world = World(policy="hold")
    world.ask(decided(world, "ada", GRANTED))
    world.come("ada")
    badge = {"id": "badge", "name": {"en": "Badge"}, "policy": "first"}
    needs = [*world.event["requirements"], badge]
    world.do(ReviseEvent(id="r", event=milipol(2, **{**world.event, "requirements": needs})))
    world.ask(decided(world, "ada", GRANTED))
    world.ask(GiveNumbers(id=world.id(), registration_id="r-ada", numbers={"fair": "MP-1"}))
    assert world.state("ada") is SeatState.CONFIRMED
    assert world.come("bob").cause is Cause.REQUIREMENT, "it is one for those who come from now on"


def test_a_yes_before_the_clock_looked_asks_for_what_was_added() -> None:
    world = World(admission={"approval": True}, requirements=[])
    world.come("ada")
    first = [{**FAIR, "policy": "first"}]
    world.do(ReviseEvent(id="r", event=milipol(2, requirements=first, admission={"approval": True})))
    world.ask(Approve(id="a", registration_id="r-ada"))
    assert (world.state("ada"), world.of("ada").cause) == (SeatState.PENDING, Cause.REQUIREMENT)


def test_of_two_decisions_of_the_same_moment_the_stricter_counts_under_whatever_name() -> None:
    world = World(policy="hold")
    world.come("ada", numbers={"fair": "MP-1"})
    granted = decided(world, "ada", GRANTED)
    world.ask(granted)
    world.ask(replace(granted, id="n", state=REVOKED, email=None, number="MP-1"))
    assert world.of("ada").requirements == {"fair": REVOKED}
