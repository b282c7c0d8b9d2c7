"""How full an event is, for its organisers: by state, by session, by kind of attendee, by country."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.registration.schema import REGISTRATIONS
from services.registration.seats import EVENT, GROUP, Line, Seats
from shared.contracts.registration import SeatState
from shared.storage.mongo import Database, Document


@dataclass(frozen=True)
class Tally:
    """How many registrations, or choices of a session, there are by state; `held`: seats of those that are pending."""

    states: Mapping[str, int] = field(default_factory=dict)
    held: int = 0

    @property
    def confirmed(self) -> int:
        """Seats that are sure, used or not."""
        return self.states.get(SeatState.CONFIRMED.value, 0) + self.states.get(SeatState.ATTENDED.value, 0)

    @property
    def kept(self) -> int:
        """Seats that are held for somebody, or offered."""
        return self.held + self.states.get(SeatState.OFFERED.value, 0)

    @property
    def pending(self) -> int:
        """Those for whom something is missing, with no seat meanwhile."""
        return self.states.get(SeatState.PENDING.value, 0) - self.held


@dataclass(frozen=True)
class LineCount:
    """One line: its name, seats that are sure, seats held or offered, people for whom something is missing and who have no
    seat, people who wait, seats in all (None: no limit)."""

    name: str
    confirmed: int
    kept: int
    pending: int
    waiting: int
    capacity: int | None


@dataclass(frozen=True)
class KindCount:
    """One kind of attendee in a line: seats taken, seats set aside (None: none), people who wait."""

    line: str
    kind: str
    taken: int
    quota: int | None
    waiting: int


async def tallies(database: Database, event_id: str) -> dict[str, Tally]:
    """By line (the event's, and each session's): how many there are in which state."""
    one: Document = {"$group": {"_id": {"state": "$state", "held": {"$ifNull": ["$held", False]}}, "n": {"$sum": 1}}}
    of_session = {
        "line": "$choices.session_id",
        "state": "$choices.state",
        "held": {"$ifNull": ["$choices.held", False]},
    }
    each: list[Document] = [{"$unwind": "$choices"}, {"$group": {"_id": of_session, "n": {"$sum": 1}}}]
    pipeline: list[Document] = [
        {"$match": {"event_id": event_id}},
        {"$project": {"state": 1, "held": 1, "choices.session_id": 1, "choices.state": 1, "choices.held": 1}},
        {"$facet": {"event": [one], "sessions": each}},
    ]
    found: dict[str, Any] = {"event": [], "sessions": []}
    async for document in database[REGISTRATIONS.name].aggregate(pipeline):
        found = document
    states: dict[str, dict[str, int]] = {}
    held: dict[str, int] = {}
    for group in (*found["event"], *found["sessions"]):
        name, state, number = group["_id"].get("line", EVENT), group["_id"]["state"], group["n"]
        of_line = states.setdefault(name, {})
        of_line[state] = of_line.get(state, 0) + number
        if state == SeatState.PENDING.value and group["_id"]["held"]:
            held[name] = held.get(name, 0) + number
    return {name: Tally(of_line, held.get(name, 0)) for name, of_line in states.items()}


async def by_country(database: Database, event_id: str) -> dict[str, int]:
    """How many registrations that are not cancelled there are by country; an empty name: not said. Most first."""
    pipeline: list[Document] = [
        {"$match": {"event_id": event_id, "state": {"$ne": SeatState.CANCELLED.value}}},
        {"$group": {"_id": {"$ifNull": ["$person.country", ""]}, "n": {"$sum": 1}}},
        {"$sort": {"n": -1, "_id": 1}},
    ]
    return {group["_id"]: group["n"] async for group in database[REGISTRATIONS.name].aggregate(pipeline)}


def lines(seats: Seats, tallied: Mapping[str, Tally], names: list[str]) -> list[LineCount]:
    """The event's line and those of the sessions `names`, in this order."""
    found = [(EVENT, seats.event), *((name, seats.sessions.get(name)) for name in names)]
    return [
        LineCount(name, tally.confirmed, tally.kept, tally.pending, line.waiting, line.rules.capacity)
        for name, line in found
        if line is not None
        for tally in [tallied.get(name, Tally())]
    ]


def kinds(seats: Seats, names: list[str]) -> list[KindCount]:
    """Kinds of attendee at the event; and in those of the sessions `names` that set seats aside for some."""
    found = [] if seats.event is None else _kinds(EVENT, seats.event)
    for name in names:
        line = seats.sessions.get(name)
        if line is not None and line.rules.quotas:
            found += [kind for kind in _kinds(name, line) if kind.quota is not None]
    return found


def _kinds(name: str, line: Line) -> list[KindCount]:
    return [
        KindCount(name, id_, kind.confirmed, kind.quota, kind.waiting)
        for id_, kind in line.kinds.items()
        if not id_.startswith(GROUP)
    ]
