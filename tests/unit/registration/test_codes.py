"""Invitation codes: who may use them, how often, until when; seats reserved for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.registration.codes import Code, normal
from services.registration.commands import Cancel, Change, RevokeCode, SetCodes
from services.registration.requirements import person_key
from shared.contracts.registration import Outcome, SeatState
from tests.support.events import BEFORE_CLOSE
from tests.unit.registration.world import W1, W2, World

CLOSED: dict[str, Any] = {"admission": {"code_needed": True}}


def with_code(world: World, **fields: Any) -> World:
    code = Code(id="GUEST1", spelled="guest-1", **fields)
    assert world.ask(SetCodes(id=world.id(), codes=(code,))).outcome is Outcome.ACCEPTED
    return world


def test_an_event_by_invitation_needs_a_code_and_takes_it_however_it_is_typed() -> None:
    world = with_code(World(**CLOSED))
    assert world.reasons(world.register("ada")) == [("code-needed", "code")]
    assert world.reasons(world.register("ada", code="guess")) == [("unknown-code", "code")]
    assert world.come("ada", code=" Guest 1 ").state is SeatState.CONFIRMED
    assert world.codes["GUEST1"].used == 1


@pytest.mark.parametrize("typed", ["GUEST1", "guest-1", "Gu est 1", "guest–1"])
def test_case_spaces_and_hyphens_do_not_matter(typed: str) -> None:
    assert normal(typed) == "GUEST1"


def test_a_code_ends_at_its_moment() -> None:
    ends = BEFORE_CLOSE + timedelta(hours=1)
    world = with_code(World(**CLOSED), expires_at=ends)
    world.now = ends - timedelta(microseconds=1)
    assert world.come("ada", code="guest-1").active
    world.now = ends
    assert world.reasons(world.register("bob", code="guest-1")) == [("code-expired", "code")]


def test_a_new_code_cannot_end_in_the_past_and_one_that_there_is_may() -> None:
    world = World(**CLOSED)
    over = Code(id="LATE1", spelled="late-1", expires_at=world.now)
    assert world.reasons(SetCodes(id="x", codes=(over,))) == [("over", "codes.0.expires_at")]
    assert not world.codes
    with_code(world, expires_at=world.now + timedelta(hours=1))
    with_code(world, expires_at=world.now)
    assert world.reasons(world.register("ada", code="guest-1")) == [("code-expired", "code")]


def test_a_code_is_used_as_often_as_it_may_and_a_cancellation_gives_a_use_back() -> None:
    world = with_code(World(**CLOSED), uses=1)
    world.come("ada", code="guest-1")
    assert world.reasons(world.register("bob", code="guest-1")) == [("code-used-up", "code")]
    world.ask(Cancel(id="x", registration_id="r-ada"))
    assert world.come("bob", code="guest-1").active


def test_two_people_with_the_last_use_in_one_moment_are_one_too_many() -> None:
    world = with_code(World(**CLOSED), uses=1)
    decision = world.do(*(world.register(name, code="guest-1") for name in ("ada", "bob")))
    assert [answer.outcome.value for answer in decision.answers] == ["accepted", "rejected"]


def test_a_personal_code_is_for_one_address() -> None:
    world = with_code(World(**CLOSED), person=person_key("milipol-2019", "ada@example.org"))
    assert world.reasons(world.register("bob", code="guest-1")) == [("code-of-another", "code")]
    assert world.come("ada", code="guest-1").active


def test_a_code_may_open_some_sessions_only() -> None:
    world = with_code(World(each={"code_needed": True}), sessions=(W1,))
    command = world.register("ada", W1, W2, code="guest-1")
    assert world.reasons(command) == [("code-needed", "sessions.1")]
    assert world.come("ada", W1, code="guest-1").active


def test_reserved_seats_are_kept_for_the_code_and_go_past_the_queue() -> None:
    world = with_code(World(2), sessions=(W1,), reserved=1)
    for name in ("ada", "bob"):
        world.come(name)
    assert world.choice("bob").state is SeatState.WAITLISTED, "one seat is kept"
    world.come("cyd", code="guest-1")
    assert world.choice("cyd").state is SeatState.CONFIRMED
    assert world.come("dan", code="guest-1").choices[0].state is SeatState.WAITLISTED, "no more than were kept"
    assert world.choice("dan").place == 2


def test_a_reserved_seat_that_is_given_up_is_kept_for_the_code_where_nobody_waits() -> None:
    world = with_code(World(2), sessions=(W1,), reserved=1)
    world.come("cyd", code="guest-1")
    world.ask(Cancel(id="x", registration_id="r-cyd"))
    for name in ("ada", "bob"):
        world.come(name)
    assert world.choice("bob").state is SeatState.WAITLISTED
    assert world.come("dan", code="guest-1").choices[0].state is SeatState.CONFIRMED


def test_a_reserved_seat_that_is_given_up_goes_to_those_who_wait() -> None:
    world = with_code(World(2), sessions=(W1,), reserved=1)
    world.come("ada")
    world.come("cyd", code="guest-1")
    world.come("bob", code="guest-1")
    assert world.choice("bob").state is SeatState.WAITLISTED
    world.ask(Cancel(id="x", registration_id="r-cyd"))
    assert world.choice("bob").state is SeatState.CONFIRMED
    assert world.come("dan", code="guest-1").choices[0].state is SeatState.WAITLISTED, "no later one passes"


def test_one_code_is_not_exchanged_for_another() -> None:
    world = with_code(World(**CLOSED), uses=1)
    world.ask(SetCodes(id="s", codes=(Code(id="OTHER", spelled="other"),)))
    world.come("ada", code="guest-1")
    command = Change(id="c", registration_id="r-ada", sessions=(W1, W2), code="other")
    assert world.reasons(command) == [("code-kept", "code")]
    assert world.reasons(world.register("bob", code="guest-1")) == [("code-used-up", "code")]


def test_a_code_for_some_sessions_opens_the_event_to_those_who_choose_them() -> None:
    world = with_code(World(**CLOSED), sessions=(W2,))
    assert world.reasons(world.register("ada", W1, code="guest-1")) == [("code-needed", "code")]
    assert world.come("ada", W1, W2, code="guest-1").active


def test_a_code_that_ended_opens_nothing_more() -> None:
    world = with_code(World(each={"code_needed": True}))
    world.come("ada", W1, code="guest-1")
    world.ask(RevokeCode(id="x", code="guest-1"))
    command = Change(id="c", registration_id="r-ada", sessions=(W1, W2))
    assert world.reasons(command) == [("code-needed", "sessions.1")]


@pytest.mark.parametrize("ended", ["revoked", "expired"])
def test_reserved_seats_that_nobody_took_go_to_the_queue_when_the_code_ends(ended: str) -> None:
    world = with_code(World(2), sessions=(W1,), reserved=1, expires_at=BEFORE_CLOSE + timedelta(days=1))
    for name in ("ada", "bob"):
        world.come(name)
    if ended == "revoked":
        world.ask(RevokeCode(id="x", code="guest-1"))
    else:
        world.wait(days=1)
    assert world.choice("bob").state is SeatState.CONFIRMED
    assert world.codes["GUEST1"].released


def test_no_more_seats_can_be_reserved_than_are_free() -> None:
    world = World(2)
    world.come("ada")
    code = Code(id="GUEST1", spelled="guest-1", sessions=(W1, "no-such"), reserved=2)
    reasons = world.reasons(SetCodes(id="x", codes=(code,)))
    assert ("reserve-too-large", "codes.0.reserved") in reasons
    assert ("unknown-session", "codes.0.sessions.1") in reasons
    assert not world.codes, "all or none"


def test_a_code_that_is_changed_keeps_how_often_it_was_used() -> None:
    world = with_code(World(2), sessions=(W1,), reserved=1)
    world.come("ada", code="guest-1")
    code = replace(world.codes["GUEST1"], used=0, reserved=0, label="new")
    world.ask(SetCodes(id="y", codes=(code,)))
    assert world.codes["GUEST1"].used == 1
    world.come("bob")
    assert world.choice("bob").state is SeatState.CONFIRMED


def test_a_wrong_code_is_told_also_where_none_is_needed() -> None:
    assert World().reasons(World().register("ada", code="typo")) == [("unknown-code", "code")]


def test_a_used_up_code_does_not_tell_whose_address_used_it() -> None:
    world = with_code(World(**CLOSED), uses=1)
    world.come("ada", code="guest-1")
    for email in ("ada@example.org", "eva@example.org"):
        command = world.register("x", code="guest-1", email=email, anonymous=True)
        assert world.reasons(command) == [("code-used-up", "code")]
