"""Who is here: checking in at the event or in a session, and taking it back. Pure."""

from __future__ import annotations

from datetime import datetime

from services.registration.commands import Answer, CheckIn, UndoCheckIn
from services.registration.decisions import seating
from services.registration.decisions.fold import Fold
from services.registration.decisions.naming import named
from services.registration.registrations import Held, Registration
from services.registration.replacing import replace
from shared.contracts.registration import Reason, SeatState


def check_in(fold: Fold, command: CheckIn) -> Answer:
    """The person is here. A second scan is told, with the time of the first."""
    registration = named(fold, command)
    if isinstance(registration, Reason):
        return fold.rejected(registration)
    refusal = _refusal(registration, command.session_id)
    if refusal is not None:
        return fold.rejected(refusal)
    at = min(command.at, fold.now)
    choices = tuple(
        replace(held, state=SeatState.ATTENDED, attended_at=at) if held.session_id == command.session_id else held
        for held in registration.choices
    )
    changed = replace(
        registration,
        state=SeatState.ATTENDED,
        attended_at=registration.attended_at or at,
        choices=choices,
        # Who is here need not say any more that they come.
        reconfirm_until=None,
        remind_at=None,
    )
    return fold.accepted(fold.changed_now(registration, changed))


def undo(fold: Fold, command: UndoCheckIn) -> Answer:
    """It was a mistake: the seat is confirmed as before. What was not checked in stays as it is."""
    registration = named(fold, command)
    if isinstance(registration, Reason):
        return fold.rejected(registration)
    choices = tuple(
        replace(held, state=SeatState.CONFIRMED, attended_at=None)
        if held.state is SeatState.ATTENDED and command.session_id in (None, held.session_id)
        else held
        for held in registration.choices
    )
    changed = replace(registration, choices=choices)
    if registration.state is SeatState.ATTENDED and (command.session_id is None or _only_there(registration, changed)):
        changed = replace(changed, state=SeatState.CONFIRMED, attended_at=None)
    if changed.state is not registration.state:
        changed = seating.settle(fold, changed)  # what came meanwhile counts now
    return fold.accepted(fold.changed_now(registration, changed))


def _only_there(before: Registration, after: Registration) -> bool:
    """Whether the person counted as here only by the session that was taken back: the same scan, and no other."""
    taken_back = [old.attended_at for old, new in zip(before.choices, after.choices, strict=True) if old != new]
    elsewhere = any(held.state is SeatState.ATTENDED for held in after.choices)
    return not elsewhere and before.attended_at in taken_back


def _refusal(registration: Registration, session_id: str | None) -> Reason | None:
    """Why the person cannot be checked in."""
    item: Registration | Held = registration
    if session_id is not None and registration.state in (SeatState.CONFIRMED, SeatState.ATTENDED):
        held = registration.choice(session_id)
        if held is None or held.state is SeatState.CANCELLED:
            message = f"this person has no seat in session {session_id!r}"
            return Reason(code="not-chosen", field="session_id", message=message)
        item = held
    match item.state:
        case SeatState.ATTENDED if item.attended_at is not None:
            message = f"checked in already, at {_when(item.attended_at)}"
            return Reason(code="already-checked-in", field="registration_id", message=message)
        case SeatState.CONFIRMED | SeatState.ATTENDED:
            return None
        case SeatState.PENDING:
            message = "no confirmed seat: something is missing; an organiser can look it up"
            return Reason(code="pending", field="registration_id", message=message)
        case SeatState.WAITLISTED | SeatState.OFFERED:
            return Reason(code="waits", field="registration_id", message="no seat: this person is on the waiting list")
    return Reason(code="cancelled", field="registration_id", message="this registration is cancelled")


def _when(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M UTC")
