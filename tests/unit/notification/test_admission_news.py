"""What has to be told of held and offered seats, registrations elsewhere, and the question who still comes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notification.domain import Kind, Notice, SeatNews, Telling, tell, tell_of
from services.notification.picture import Picture, picture, same_seats
from services.notification.store import _seat, _stored
from shared.contracts.registration import RegistrationState, SeatState
from tests.support.events import BEFORE_CLOSE, milipol, workshop
from tests.support.notification import registration

SOON, LATER = BEFORE_CLOSE + timedelta(days=3), BEFORE_CLOSE + timedelta(days=6)
W1, W2 = "milipol-2019-workshop-1", "milipol-2019-workshop-2"


def view(state: RegistrationState, **event: Any) -> Picture:
    seen = picture(state, milipol(**event), {s.id: s for s in (workshop(n) for n in (1, 2, 3, 4))})
    assert seen is not None
    return seen


def fair(state: str) -> dict[str, Any]:
    return {"requirements": [{"id": "fair", "state": state}]}


def pending(requirement: str = "missing", **changes: Any) -> RegistrationState:
    held: dict[str, Any] = {"state": "pending", "held": True, "until": SOON, "cause": "requirement"}
    return registration(**(held | fair(requirement) | changes))


def between(before: RegistrationState, after: RegistrationState) -> Telling | None:
    """The mail from one state to the next; the quick look of the intake must see whatever there is to tell."""
    telling = tell(view(before), view(after))
    assert telling is None or not same_seats(before, after)
    return telling


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, False),
        ({"until": LATER}, True),
        ({"held": False, "until": None}, True),
        ({"cause": "approval"}, True),
        ({"position": 3}, False),
        (fair("refused"), True),
        (fair("revoked"), True),
        (fair("granted"), False),
    ],
)
def test_what_is_news_while_a_seat_is_held(changes: dict[str, Any], told: bool) -> None:
    telling = between(pending(), pending(**changes))
    assert (telling is not None) is told
    assert telling is None or telling.kind is Kind.PENDING


def test_a_granted_requirement_is_told_with_the_confirmation() -> None:
    granted = pending("granted")
    telling = between(pending(), registration(**fair("granted")))
    assert telling is not None
    assert (telling.kind, telling.requirements) == (Kind.CONFIRMED, ("fair",))
    assert between(pending(), granted) is None
    again = between(pending(), pending("revoked"))
    assert again is not None
    assert again.requirements == ("fair",)


def test_a_requirement_that_is_told_only_is_news_when_it_is_refused_and_when_that_is_put_right() -> None:
    missing, refused, granted = (registration(**fair(state)) for state in ("missing", "refused", "granted"))
    assert between(missing, granted) is None
    bad = between(missing, refused)
    assert bad is not None
    assert (bad.kind, bad.seats) == (Kind.PENDING, ())
    good = between(refused, granted)
    assert good is not None
    assert good.kind is Kind.CHANGED
    assert between(refused, missing) is None


def test_what_older_facts_did_not_say_is_no_news() -> None:
    """Facts told before there were requirements and causes, and the same registration told again with them."""
    assert between(registration(), registration(**fair("missing"))) is None
    before, after = registration({1: "pending"}), registration({1: {"state": "pending", "cause": "event-seat"}})
    assert between(before, after) is None


def test_an_offer_is_news_and_so_is_another_end_of_it_or_another_price() -> None:
    offer = {"state": "offered", "until": SOON}
    first = between(registration({1: "waitlisted"}), registration({1: offer}))
    assert first is not None
    assert (first.kind, first.seats) == (Kind.OFFERED, (SeatNews(W1, SeatState.WAITLISTED, SeatState.OFFERED),))
    for other in ({"until": LATER}, {"instead_of": [W2]}):
        telling = between(registration({1: offer}), registration({1: offer | other}))
        assert telling is not None
        assert telling.kind is Kind.OFFERED
    swap = [registration({1: offer | {"instead_of": order}}) for order in ([W1, W2], [W2, W1])]
    assert between(*swap) is None


@pytest.mark.parametrize("state", ["pending", "offered"])
def test_an_accepted_offer_and_a_completed_registration_are_confirmed_not_promoted(state: str) -> None:
    before = registration(state=state, held=state == "pending", until=SOON)
    telling = between(before, registration())
    assert telling is not None
    assert telling.kind is Kind.CONFIRMED


def test_it_is_asked_once_whether_somebody_still_comes_and_the_answer_is_no_news() -> None:
    asked = registration(reconfirm_until=SOON)
    telling = between(registration(), asked)
    assert telling is not None
    assert (telling.kind, telling.asked) == (Kind.RECONFIRM, True)
    assert between(asked, asked) is None
    assert between(asked, registration()) is None
    later = between(asked, registration(reconfirm_until=LATER))
    assert later is not None
    assert later.asked
    waiting = registration(state="waitlisted", reconfirm_until=SOON)
    first = tell(None, view(waiting))
    assert first is not None
    assert not first.asked


def test_who_is_being_forgotten_is_told_nothing() -> None:
    assert between(registration({1: "confirmed"}), registration(state="cancelled", cause="erased")) is None


def reminder(state: RegistrationState, kind: Kind, **event: Any) -> Telling | None:
    return tell_of(Notice(kind, SOON), view(state, **event))


@pytest.mark.parametrize(
    ("state", "sent"),
    [
        (pending(), True),
        (registration({1: {"state": "pending", "held": True, "cause": "requirement"}}, until=SOON), True),
        (pending("granted"), False),
        (pending(held=False), False),
        (pending(cause="approval"), False),
        (registration(), False),
        (registration(state="cancelled"), False),
        (registration(state="waitlisted"), False),
    ],
)
def test_a_missing_requirement_is_reminded_of_only_while_a_seat_is_held_for_it(
    state: RegistrationState, sent: bool
) -> None:
    telling = reminder(state, Kind.REQUIREMENT_REMINDER)
    assert (telling is not None) is sent
    assert telling is None or telling.until == SOON


def test_a_reminder_says_the_end_that_stands_now() -> None:
    telling = reminder(pending(until=LATER), Kind.REQUIREMENT_REMINDER)
    assert telling is not None
    assert telling.until == LATER


@pytest.mark.parametrize(
    ("state", "sent"),
    [
        (registration(reconfirm_until=SOON), True),
        (registration(), False),
        (registration(state="cancelled", reconfirm_until=SOON), False),
    ],
)
def test_who_has_answered_is_not_reminded(state: RegistrationState, sent: bool) -> None:
    assert (reminder(state, Kind.RECONFIRMATION_REMINDER) is not None) is sent


@pytest.mark.parametrize("kind", [Kind.REQUIREMENT_REMINDER, Kind.RECONFIRMATION_REMINDER, Kind.REPEATED])
def test_of_a_cancelled_event_nobody_is_reminded(kind: Kind) -> None:
    assert reminder(pending(reconfirm_until=SOON), kind, status="cancelled") is None


def test_a_repeated_registration_is_told_whatever_stands_unless_it_is_over() -> None:
    for state in ("pending", "waitlisted", "offered", "confirmed"):
        assert reminder(registration(state=state), Kind.REPEATED) is not None
    assert reminder(registration(state="cancelled"), Kind.REPEATED) is None


def test_a_seat_is_stored_to_the_microsecond_and_older_forms_are_read() -> None:
    exact = SOON + timedelta(microseconds=123456)
    seat = view(registration({1: {"state": "offered", "until": exact, "instead_of": [W2]}})).choices[W1]
    assert seat.until == exact
    assert _seat(_stored(seat)) == seat
    old = _seat(["waitlisted", 4])
    assert (old.state, old.position, old.held, old.until) == (SeatState.WAITLISTED, 4, False, None)


def test_new_private_addresses_are_news_for_whoever_knows_the_old_ones() -> None:
    before, after = registration(), registration(link_generation=2)
    telling = between(before, after)
    assert telling is not None
    assert (telling.kind, telling.new_address) == (Kind.NEW_ADDRESS, True)
    assert between(after, after) is None
    first = tell(None, view(after))
    assert first is not None
    assert not first.new_address, "who was never told an address learns the present one"
    gone = registration(state="cancelled", link_generation=2)
    assert between(registration(state="cancelled"), gone) is None
