"""The seats of an event and of each of its sessions: rules, counts and the line of those who wait. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from shared.contracts.scheduling import EventState, SessionKind, SessionState, Status

EVENT = "@event"
"""The name of the line for a seat at the event itself; sessions' lines bear the session's id."""

UNLISTED = (SessionKind.BREAK, SessionKind.SOCIAL)
"""Kinds of session that nobody comes for alone."""


@dataclass(frozen=True, slots=True)
class Rules:
    """When and how seats of a line are given. Instants are UTC; capacity None: as many as come."""

    revision: int = 0
    scheduled: bool = True
    open: bool = True
    capacity: int | None = None
    opens: datetime | None = None
    closes: datetime | None = None
    starts: datetime | None = None
    waiting_list: bool = True
    by_choice: bool = True
    content: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """One counter of seats: how many are confirmed, how many wait, and the next place in line (from 1, never reused)."""

    rules: Rules
    confirmed: int = 0
    waiting: int = 0
    next_place: int = 1

    @property
    def free(self) -> int | None:
        """Seats left; None: no limit. Zero, not less, after the capacity was lowered below what is taken."""
        return None if self.rules.capacity is None else max(0, self.rules.capacity - self.confirmed)

    @property
    def admits(self) -> bool:
        """Whether a newcomer gets a seat now: freed seats belong to those who wait."""
        return self.waiting == 0 and self.free != 0

    def seated(self) -> Line:
        return replace(self, confirmed=self.confirmed + 1)

    def freed(self) -> Line:
        return replace(self, confirmed=self.confirmed - 1)

    def queued(self) -> Line:
        return replace(self, waiting=self.waiting + 1, next_place=self.next_place + 1)

    def left(self) -> Line:
        return replace(self, waiting=self.waiting - 1)


@dataclass(frozen=True)
class Seats:
    """All lines of one event, as of one version of its ledger."""

    event_id: str
    event: Line | None = None
    sessions: Mapping[str, Line] = field(default_factory=dict)
    audiences: tuple[str, ...] = ()

    @property
    def choice_needed(self) -> bool:
        """Whether there is nothing to attend without choosing a session."""
        lines = self.sessions.values()
        return any(line.rules.by_choice for line in lines) and not any(
            line.rules.content and not line.rules.by_choice for line in lines
        )

    @property
    def promotions_left(self) -> bool:
        """Whether seats are free while people wait for them."""
        lines = [*self.sessions.values(), *([self.event] if self.event is not None else [])]
        return any(line.waiting and line.free != 0 and line.rules.scheduled for line in lines)

    def line(self, name: str) -> Line:
        """The line called `name`. Raises KeyError for one that is not there."""
        if name == EVENT:
            if self.event is None:
                raise KeyError(EVENT)
            return self.event
        return self.sessions[name]


def rules_of_event(event: EventState) -> Rules:
    """The rules for a seat at the event itself."""
    return Rules(
        revision=event.revision,
        scheduled=event.status is Status.SCHEDULED,
        open=event.admission.open,
        capacity=event.admission.capacity,
        opens=event.admission.window.opens,
        closes=event.admission.window.closes,
        waiting_list=event.admission.waiting_list,
    )


def rules_of_session(session: SessionState) -> Rules:
    """The rules for a seat in a session."""
    return Rules(
        revision=session.revision,
        scheduled=session.status is Status.SCHEDULED,
        open=session.admission.open,
        capacity=session.admission.capacity,
        opens=session.admission.window.opens,
        closes=session.admission.window.closes,
        starts=session.starts_at,
        waiting_list=session.admission.waiting_list,
        by_choice=session.by_choice,
        content=session.kind not in UNLISTED,
    )


def line_document(line: Line) -> dict[str, Any]:
    """The line as stored."""
    rules = line.rules
    return {
        "rules": {name: getattr(rules, name) for name in Rules.__dataclass_fields__},
        "confirmed": line.confirmed,
        "waiting": line.waiting,
        "next_place": line.next_place,
    }


def line_from(document: Mapping[str, Any]) -> Line:
    """The line from what is stored."""
    return Line(Rules(**document["rules"]), document["confirmed"], document["waiting"], document["next_place"])


def seats_from(event_id: str, state: Mapping[str, Any]) -> Seats:
    """The seats from the ledger's state; none where the event is not known yet."""
    event = state.get("event")
    return Seats(
        event_id,
        None if event is None else line_from(event),
        {name: line_from(line) for name, line in state.get("sessions", {}).items()},
        tuple(state.get("audiences", ())),
    )


def changed_state(before: Seats, after: Seats) -> dict[str, Any]:
    """The ledger's fields that differ, as the dotted names that a commit takes."""
    changes: dict[str, Any] = {}
    if after.event is not None and after.event != before.event:
        changes["event"] = line_document(after.event)
    for name, line in after.sessions.items():
        if before.sessions.get(name) != line:
            changes[f"sessions.{name}"] = line_document(line)
    if after.audiences != before.audiences:
        changes["audiences"] = list(after.audiences)
    return changes
