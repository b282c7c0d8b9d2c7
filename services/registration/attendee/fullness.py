"""What the attendee's pages say of seats: how many are left, for whom, and whether one can be asked for now. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.registration.seats import GROUP, Line, Seats


@dataclass(frozen=True)
class Fullness:
    """`free` None: no limit. `full`: whoever comes now gets no seat; `full_for`: the kinds of attendees of which that is
    true while others still get one. `waits`: a place in line can be had instead."""

    free: int | None = None
    waiting: int = 0
    full: bool = False
    full_for: tuple[str, ...] = ()
    waits: bool = True


class Openness(StrEnum):
    """Whether a seat can be asked for."""

    OPEN = "open"
    NOT_YET = "not-yet"
    CLOSED = "closed"
    NOT_HERE = "not-here"
    CANCELLED = "cancelled"


def openness_of_form(seats: Seats, now: datetime) -> tuple[Openness, datetime | None]:
    """Whether the form can be sent at `now` (UTC), and from when where that is later. Where a session must be chosen, one
    of them has to be open too."""
    line = seats.event
    here = openness(line, now)
    if here is not Openness.OPEN or not seats.choice_needed:
        return here, line.rules.opens if line is not None else None
    choosable = [one for one in seats.sessions.values() if one.rules.by_choice]
    states = {openness(one, now) for one in choosable}
    if Openness.OPEN in states:
        return Openness.OPEN, None
    if Openness.NOT_YET not in states:
        return Openness.CLOSED, None
    later = (one.rules.opens for one in choosable if openness(one, now) is Openness.NOT_YET and one.rules.opens)
    return Openness.NOT_YET, min(later)


def fullness(line: Line | None, audiences: Sequence[str], now: datetime) -> Fullness:
    """How full a line is for whoever comes at `now` (UTC) without a code; `audiences` are the event's kinds."""
    if line is None:
        return Fullness()
    kinds = [kind for kind in audiences if kind in line.kinds]
    full_for = tuple(kind for kind in kinds if not line.admits(kind))
    full = len(full_for) == len(kinds) if kinds else not line.admits()
    reserved = sum(kind.own for id_, kind in line.kinds.items() if id_.startswith(GROUP))
    return Fullness(
        free=None if line.free is None else max(0, line.free - reserved),
        waiting=line.waiting,
        full=full,
        full_for=() if full else full_for,
        waits=line.rules.waiting_list and line.promotes(now),
    )


def openness(line: Line | None, now: datetime) -> Openness:
    """Whether a seat of the line can be asked for at `now` (UTC)."""
    if line is None or not line.rules.open:
        return Openness.NOT_HERE
    rules = line.rules
    if not rules.scheduled:
        return Openness.CANCELLED
    if rules.ended(now):
        return Openness.CLOSED
    if rules.opens is not None and now < rules.opens:
        return Openness.NOT_YET
    late = any(bound is not None and now >= bound for bound in (rules.closes, rules.starts))
    return Openness.CLOSED if late else Openness.OPEN
