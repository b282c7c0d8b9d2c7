"""The log of decisions: who asked what, what was answered and why, and what became of which seat. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.registration.registrations import Registration
from services.registration.seats import EVENT
from shared.contracts.registration import SeatState


@dataclass(frozen=True)
class Effect:
    """What became of one seat: `took` is 1 where it was taken, -1 where it came free. `place`: joined or left the line."""

    registration_id: str
    line: str
    before: SeatState | None
    after: SeatState
    took: int = 0
    joined: int | None = None
    left: int | None = None


@dataclass(frozen=True)
class Entry:
    """One command's decision. `person` stands for somebody who was refused and has no registration (a key, no address)."""

    by: str
    command: str
    outcome: str
    reasons: tuple[tuple[str, str], ...] = ()
    """Code and field of each reason; in place of a session's number in the request, session:<id>."""
    registration_id: str | None = None
    person: str | None = None
    effects: tuple[Effect, ...] = ()
    capacities: tuple[tuple[str, int | None], ...] = ()
    """Lines whose number of seats is another from now on; None: no limit."""


def effects(before: Registration | None, after: Registration) -> Iterator[Effect]:
    """What differs between two states of a registration."""
    if before is None or _differs(before, after):
        yield Effect(
            after.id,
            EVENT,
            before.state if before else None,
            after.state,
            int(after.takes_seat) - int(before is not None and before.takes_seat),
            *_moved(before.place if before else None, after.place),
        )
    for held in after.choices:
        old = before.choice(held.session_id) if before else None
        took = int(held.takes_seat) - int(old is not None and old.takes_seat)
        place = old.place if old else None
        if old is None or old.state is not held.state or took or place != held.place:
            yield Effect(
                after.id, held.session_id, old.state if old else None, held.state, took, *_moved(place, held.place)
            )


def _differs(before: Registration, after: Registration) -> bool:
    return (before.state, before.takes_seat, before.place) != (after.state, after.takes_seat, after.place)


def _moved(before: int | None, after: int | None) -> tuple[int | None, int | None]:
    """The place that was joined, and the one that was left."""
    return (None, None) if before == after else (after, before)
