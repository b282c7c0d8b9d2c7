"""Whatever happens in whatever order: never oversold, queue order kept, one outcome each, replays change nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import settings

from services.registration.decisions import seating
from services.registration.decisions.fold import Fold
from services.registration.registrations import Registration
from services.registration.replacing import replace
from services.registration.seats import EVENT, Line
from shared.contracts.registration import SeatState
from tests.unit.registration.machine import LONG, Quotas, Registrations

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


@pytest.mark.parametrize(
    "event_capacity", [1, 2], ids=["joins a line that moves no more", "has a seat of what is over"]
)
def test_control_who_comes_to_an_event_that_is_over_is_found(
    event_capacity: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def entered(fold: Fold, registration: Registration) -> Registration:
        admitted, kind = fold.admits(EVENT, registration)
        if admitted:
            fold.take(EVENT, kind)
            return seating.seated(fold, replace(registration, kind=kind))
        place, kind = fold.queue(EVENT, registration)
        return replace(registration, state=SeatState.WAITLISTED, place=place, kind=kind, cause=None)

    steps: tuple[Step, ...] = (
        lambda m: m.publish(2, event_capacity, NOBODY_ASIDE, None, "allow", approval=True),
        ask("p0", "p1"),
        lambda m: m.approve(0, part=False),
        lambda m: m.time_passes(480),
        lambda m: m.approve(0, part=False),
    )
    play(*steps)
    monkeypatch.setattr(seating, "_enter", entered)
    with pytest.raises(AssertionError):
        play(*steps)
