"""Which registration a command is about. Pure."""

from __future__ import annotations

from services.registration.admission import unknown_event
from services.registration.commands import Cancel, Change, OfOne
from services.registration.decisions.fold import Fold
from services.registration.registrations import Registration
from services.registration.seats import EVENT
from shared.contracts.registration import Reason, SeatState


def named(fold: Fold, command: Cancel | Change | OfOne) -> Registration | Reason:
    """The registration that a command names, by id or by e-mail, or why there is none."""
    if EVENT not in fold.lines:
        return unknown_event(fold.event_id)
    email = None if isinstance(command, OfOne) else command.email
    if not command.registration_id and not email:
        message = "name the person by registration_id or by email"
        return Reason(code="nobody-named", field="registration_id", message=message)
    registration = fold.registrations.get(command.registration_id or fold.by_email.get(email or "", ""))
    if registration is None or registration.erased or (email and registration.person.email != email):
        field_name = "registration_id" if command.registration_id else "email"
        message = "there is no such registration at this event"
        return Reason(code="unknown-registration", field=field_name, message=message)
    return registration


def active(fold: Fold, command: OfOne) -> Registration | Reason:
    """The registration, where it holds or awaits a seat."""
    registration = named(fold, command)
    if isinstance(registration, Registration) and not registration.active:
        message = "this registration is cancelled; register again"
        return Reason(code="cancelled", field="registration_id", message=message)
    return registration


def not_chosen(registration: Registration, sessions: tuple[str, ...], *states: SeatState) -> list[Reason]:
    """Which of `sessions` the registration does not have (in one of `states`, where some are given)."""
    has = {held.session_id for held in registration.choices if not states or held.state in states}
    return [
        Reason(
            code="not-chosen", field=f"sessions.{number}", message=f"session {session_id!r} is not in this registration"
        )
        for number, session_id in enumerate(sessions)
        if session_id not in has
    ]
