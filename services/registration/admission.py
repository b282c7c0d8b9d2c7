"""The rules of admission: why a request for a seat is refused, all reasons at once. Pure."""

from __future__ import annotations

from datetime import datetime

from services.registration.commands import Register, Registration
from services.registration.seats import Line, Seats
from shared.contracts.registration import Reason


def refusals(seats: Seats, known: Registration | None, command: Register, now: datetime) -> list[Reason]:
    """Every reason why `command` cannot be granted at `now` (UTC); empty when it can."""
    event = seats.event
    if event is None:
        return [unknown_event(seats.event_id)]
    reasons = _line_refusals(event, now, "event_id", "this event")
    if known is not None and known.active:
        reasons.append(
            Reason(
                code="already-registered",
                field="person.email",
                message="this person is registered already; change or cancel through the private link in the mail",
            )
        )
    if seats.audiences and command.person.audience not in seats.audiences:
        reasons.append(
            Reason(
                code="unknown-audience" if command.person.audience else "audience-needed",
                field="person.audience",
                message=f"give one of: {', '.join(seats.audiences)}",
            )
        )
    if not command.sessions and seats.choice_needed:
        reasons.append(Reason(code="choice-needed", field="sessions", message="choose at least one session"))
    chosen: set[str] = set()
    for number, session_id in enumerate(command.sessions):
        field = f"sessions.{number}"
        line = seats.sessions.get(session_id)
        if line is None:
            reasons.append(
                Reason(code="unknown-session", field=field, message=f"there is no session {session_id!r} in this event")
            )
        elif session_id in chosen:
            reasons.append(Reason(code="repeated", field=field, message=f"session {session_id!r} is named twice"))
        elif not line.rules.by_choice:
            reasons.append(
                Reason(
                    code="no-choice-needed",
                    field=field,
                    message=f"session {session_id!r} is open to everyone registered; leave it out",
                )
            )
        else:
            reasons.extend(_line_refusals(line, now, field, f"session {session_id!r}"))
        chosen.add(session_id)
    return reasons


def unknown_event(event_id: str | None) -> Reason:
    """The reason for a request to an event that is not published."""
    return Reason(code="unknown-event", field="event_id", message=f"there is no published event {event_id!r}")


def _line_refusals(line: Line, now: datetime, field: str, name: str) -> list[Reason]:
    rules = line.rules
    if not rules.scheduled:
        return [Reason(code="cancelled", field=field, message=f"{name} is cancelled")]
    if not rules.open:
        return [Reason(code="not-here", field=field, message=f"registration for {name} is not taken here")]
    if rules.opens is not None and now < rules.opens:
        return [
            Reason(code="not-open-yet", field=field, message=f"registration for {name} opens at {_when(rules.opens)}")
        ]
    if rules.closes is not None and now >= rules.closes:
        return [Reason(code="closed", field=field, message=f"registration for {name} closed at {_when(rules.closes)}")]
    if rules.starts is not None and now >= rules.starts:
        return [Reason(code="started", field=field, message=f"{name} began at {_when(rules.starts)}")]
    if not line.admits and not rules.waiting_list:
        return [Reason(code="full", field=field, message=f"{name} is full and has no waiting list")]
    return []


def _when(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M UTC")
