"""What time does: holds and offers lapse, reminders are due, people are asked whether they still come. Pure."""

from __future__ import annotations

from datetime import timedelta

from services.registration.commands import Answer, Tick
from services.registration.decisions import seating
from services.registration.decisions.fold import Fold
from services.registration.decisions.giving_up import forget
from services.registration.decisions.revising import give_reserve_back
from services.registration.registrations import Registration
from services.registration.replacing import replace
from services.registration.seats import EVENT
from shared.contracts.registration import Cause, Outcome, RegistrationReminded, Reminder, SeatState

REMIND_BEFORE = timedelta(days=1)
"""How long before the time to reconfirm is over a reminder goes out."""


def tick(fold: Fold, command: Tick) -> Answer:
    """Does whatever is due by now; looked at twice, it is done once."""
    if EVENT in fold.lines:
        for code_id in command.codes:
            code = fold.codes.get(code_id)
            if code is not None and code.ended(fold.now) and not code.released:
                give_reserve_back(fold, code)
        for id_ in command.registrations:
            registration = fold.registrations.get(id_)
            if registration is not None and not registration.erased:
                _one(fold, registration)
    return Answer(Outcome.ACCEPTED, event_id=fold.event_id)


def _one(fold: Fold, registration: Registration) -> None:
    rules = fold.rules
    if rules.forgets(fold.now):
        forget(fold, registration)
        return
    if not registration.active:
        return
    if registration.state is SeatState.PENDING and registration.rules_revision < rules.revision:
        settled = seating.settle(fold, seating.with_requirements(fold, registration))
        if settled == replace(registration, rules_revision=settled.rules_revision):
            fold.keep(settled)  # looked at, and nothing to tell
            registration = settled
        else:
            registration = fold.changed_now(registration, settled)
    if registration.takes_seat and registration.state is not SeatState.OFFERED and _waits_in_vain(fold, registration):
        registration = fold.changed_now(registration, seating.seat_choices(fold, registration))
    registration = _lapsed(fold, registration)
    if not registration.active:
        return
    registration = _asked(fold, registration)
    _reminded(fold, registration)


def _waits_in_vain(fold: Fold, registration: Registration) -> bool:
    """Whether a choice waits for an organiser's yes that is not asked for any more."""
    return any(
        held.state is SeatState.PENDING and not held.held and not fold.lines[held.session_id].rules.approval
        for held in registration.choices
        if held.session_id in fold.lines
    )


def _lapsed(fold: Fold, registration: Registration) -> Registration:
    now = fold.now
    if registration.hold_until is not None and now >= registration.hold_until:
        return seating.give_up(fold, registration, None, Cause.REQUIREMENT_LAPSED)
    registration = _still_asked(fold, registration)
    if registration.reconfirm_until is not None and now >= registration.reconfirm_until:
        return seating.give_up(fold, registration, None, Cause.NOT_RECONFIRMED)
    if registration.until is not None and now >= registration.until:
        return seating.give_up(fold, registration, None, Cause.OFFER_LAPSED)
    lapsed = {held.session_id for held in registration.choices if held.until is not None and now >= held.until}
    return seating.give_up(fold, registration, lapsed, Cause.OFFER_LAPSED) if lapsed else registration


def _still_asked(fold: Fold, registration: Registration) -> Registration:
    """A question whose time was moved, or that is not asked any more, takes no seat; it is asked again in its new time."""
    rules, asked_at = fold.rules, registration.asked_at
    if registration.reconfirm_until is None or asked_at is None:
        return registration
    if rules.scheduled and rules.reconfirm_at is not None and rules.reconfirm_at <= asked_at:
        return registration
    return fold.changed_now(registration, replace(registration, asked_at=None, reconfirm_until=None, remind_at=None))


def _asked(fold: Fold, registration: Registration) -> Registration:
    """Asks whether the person still comes, once; nobody who registered after the asking began."""
    rules = fold.rules
    at, begins = rules.reconfirm_at, rules.begins
    if at is None or begins is None or not rules.scheduled or not at <= fold.now < begins:
        return registration
    if registration.state is not SeatState.CONFIRMED or registration.asked_at or registration.registered_at >= at:
        return registration
    until = min(fold.now + timedelta(days=rules.reconfirm_days), begins)
    remind_at = until - REMIND_BEFORE
    asked = replace(
        registration,
        asked_at=fold.now,
        reconfirm_until=until,
        remind_at=remind_at if remind_at > fold.now else None,
    )
    return fold.changed_now(registration, asked)


def _reminded(fold: Fold, registration: Registration) -> None:
    if registration.remind_at is None or fold.now < registration.remind_at:
        return
    about, until = Reminder.REQUIREMENT, registration.hold_until
    if until is None:
        about, until = Reminder.RECONFIRMATION, registration.reconfirm_until
    if until is not None and fold.rules.scheduled:
        fold.reminders.append(
            RegistrationReminded(
                registration_id=registration.id, event_id=registration.event_id, about=about, until=until
            )
        )
    fold.keep(replace(registration, remind_at=None))
