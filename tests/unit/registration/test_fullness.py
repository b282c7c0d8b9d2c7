"""What the pages say of seats: how many are left for whoever comes, which kinds are full, and whether one can wait."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.registration.attendee.fullness import Fullness, Openness, fullness, openness
from services.registration.rules import Rules
from services.registration.seats import Kind, Line
from tests.support.events import BEFORE_CLOSE as NOW

HOUR = timedelta(hours=1)
KINDS = ("police", "research")


def test_line_without_a_limit_is_never_full() -> None:
    assert fullness(Line(Rules()), (), NOW) == Fullness()
    assert fullness(None, (), NOW) == Fullness()


def test_seats_reserved_for_a_code_are_not_left_for_others() -> None:
    line = Line(Rules(capacity=5), confirmed=1, kinds={"@MEET": Kind(quota=3, confirmed=1)})
    assert fullness(line, (), NOW) == Fullness(free=2)
    taken = Line(Rules(capacity=5), confirmed=3, kinds={"@MEET": Kind(quota=3, confirmed=1)})
    assert fullness(taken, (), NOW) == Fullness(free=0, full=True)


def test_kind_is_full_while_seats_are_set_aside_for_another() -> None:
    kinds = {"police": Kind(quota=1, confirmed=1), "research": Kind(quota=1)}
    assert fullness(Line(Rules(capacity=2), 1, kinds=kinds), KINDS, NOW) == Fullness(free=1, full_for=("police",))
    both = {kind: Kind(quota=1, confirmed=1) for kind in KINDS}
    assert fullness(Line(Rules(capacity=2), 2, kinds=both), KINDS, NOW) == Fullness(free=0, full=True)


def test_kind_that_is_no_longer_published_says_nothing() -> None:
    kinds = {"police": Kind(), "gone": Kind(confirmed=1)}
    assert fullness(Line(Rules(capacity=2), 1, kinds=kinds), ("police",), NOW) == Fullness(free=1)


@pytest.mark.parametrize(
    ("rules", "waits"),
    [({}, True), ({"waiting_list": False}, False), ({"cutoff": NOW}, False), ({"cutoff": NOW + HOUR}, True)],
)
def test_place_in_line_is_promised_only_where_there_is_one(rules: dict[str, object], waits: bool) -> None:
    line = Line(Rules(capacity=1, **rules), confirmed=1)  # type: ignore[arg-type]
    assert fullness(line, (), NOW) == Fullness(free=0, full=True, waits=waits)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({}, Openness.OPEN),
        ({"opens": NOW}, Openness.OPEN),
        ({"opens": NOW + HOUR}, Openness.NOT_YET),
        ({"closes": NOW}, Openness.CLOSED),
        ({"closes": NOW + HOUR}, Openness.OPEN),
        ({"starts": NOW}, Openness.CLOSED),
        ({"over": NOW}, Openness.CLOSED),
        ({"over": NOW + HOUR}, Openness.OPEN),
        ({"over": NOW, "opens": NOW + HOUR}, Openness.CLOSED),
        ({"open": False, "closes": NOW}, Openness.NOT_HERE),
        ({"scheduled": False, "closes": NOW}, Openness.CANCELLED),
    ],
)
def test_bounds_of_registration_are_the_desks(rules: dict[str, object], expected: Openness) -> None:
    assert openness(Line(Rules(**rules)), NOW) is expected  # type: ignore[arg-type]
    assert openness(None, NOW) is Openness.NOT_HERE
