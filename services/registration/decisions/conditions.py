"""What stands between a wish and a seat: an organiser's yes, other organisations, an offer to take, "I still come". Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from services.registration.admission import forgotten, unknown_event
from services.registration.commands import Accept, Answer, Approve, DecideRequirement, GiveNumbers, Reconfirm
from services.registration.decisions import seating
from services.registration.decisions.asking import number_taken
from services.registration.decisions.fold import Fold
from services.registration.decisions.naming import active, not_chosen
from services.registration.registrations import Registration
from services.registration.replacing import replace
from services.registration.requirements import Grant, number_key, person_key
from services.registration.seats import EVENT
from shared.contracts.registration import Outcome, Reason, SeatState


def approve(fold: Fold, command: Approve) -> Answer:
    """An organiser says yes; the seat is given, or waited for, from then on."""
    registration = active(fold, command)
    if isinstance(registration, Reason):
        return fold.rejected(registration)
    if unknown := not_chosen(registration, command.sessions):
        return fold.rejected(*unknown)
    choices = tuple(
        replace(held, approved=True) if not command.sessions or held.session_id in command.sessions else held
        for held in registration.choices
    )
    approved = replace(registration, choices=choices, approved=registration.approved or not command.sessions)
    settled = seating.settle(fold, seating.with_requirements(fold, approved))
    if settled.takes_seat and settled.state is not SeatState.OFFERED:
        settled = seating.seat_choices(fold, settled)
    return fold.accepted(fold.changed_now(registration, settled))


def accept(fold: Fold, command: Accept) -> Answer:
    """The person takes what is offered."""
    registration = active(fold, command)
    if isinstance(registration, Reason):
        return fold.rejected(registration)
    offered = [h.session_id for h in registration.choices if h.state is SeatState.OFFERED]
    if command.sessions and (gone := not_chosen(registration, command.sessions, SeatState.OFFERED)):
        return fold.rejected(*(replace_code(reason) for reason in gone))
    if registration.state is not SeatState.OFFERED and not offered:
        message = "nothing is offered any more; the private page shows what stands"
        return fold.rejected(Reason(code="no-offer", field="registration_id", message=message))
    changed = registration
    late = [registration.until] if registration.state is SeatState.OFFERED else []
    late += [h.until for h in registration.choices if h.session_id in (command.sessions or offered)]
    if any(until is not None and fold.now >= until for until in late):
        message = "the time to accept this offer is over"
        return fold.rejected(Reason(code="offer-lapsed", field="registration_id", message=message))
    if faults := _not_as_offered(fold, registration, command.sessions or offered):
        return fold.rejected(*faults)
    if registration.state is SeatState.OFFERED:
        changed = seating.settle(fold, registration)
        if changed.state is SeatState.OFFERED:  # nothing that must come first is missing
            changed = seating.seated(fold, changed)
    for session_id in command.sessions or offered:
        held = changed.choice(session_id)
        if held is not None and held.state is SeatState.OFFERED:
            changed = seating.accepted(fold, changed, held)
    return fold.accepted(fold.changed_now(registration, changed))


def _not_as_offered(fold: Fold, registration: Registration, sessions: Iterable[str]) -> list[Reason]:
    """Why what was offered cannot be had as it was offered: the agenda is another since."""
    reasons = []
    for session_id in sessions:
        held, rules = registration.choice(session_id), fold.lines[session_id].rules
        if held is None or held.state is not SeatState.OFFERED:
            continue
        field = f"session {session_id!r}"
        if not rules.scheduled:
            reasons.append(Reason(code="cancelled", field="sessions", message=f"{field} is cancelled"))
        elif rules.ended(fold.now):
            reasons.append(Reason(code="over", field="sessions", message=f"{field} is over; this offer ended with it"))
        elif rules.starts is not None and fold.now >= rules.starts:
            reasons.append(Reason(code="started", field="sessions", message=f"{field} has begun"))
        elif not set(seating.clashing(fold, registration.choices, session_id)) <= set(held.instead_of):
            message = f"{field} is now at the same time as another seat of yours; give that one up first"
            reasons.append(Reason(code="overlap", field="sessions", message=message))
    return reasons


def replace_code(reason: Reason) -> Reason:
    """The same session, of which nothing is offered."""
    return reason.model_copy(update={"code": "no-offer", "message": "of this session nothing is offered any more"})


def reconfirm(fold: Fold, command: Reconfirm) -> Answer:
    """The person still comes. Said before it is asked, it is not asked."""
    registration = active(fold, command)
    if isinstance(registration, Reason):
        return fold.rejected(registration)
    changed = replace(registration, asked_at=registration.asked_at or fold.now, reconfirm_until=None)
    if registration.reconfirm_until is not None:
        changed = replace(changed, remind_at=None)
    return fold.accepted(fold.changed_now(registration, changed))


def give_numbers(fold: Fold, command: GiveNumbers) -> Answer:
    """The numbers that other systems gave to the person: what they decided under them counts now."""
    registration = active(fold, command)
    if isinstance(registration, Reason):
        return fold.rejected(registration)
    unknown = [_unknown(f"numbers.{id_}", id_) for id_ in command.numbers if fold.rules.needed(id_) is None]
    unknown += [number_taken(id_) for id_ in sorted(fold.taken_numbers(command.numbers, registration.id))]
    if unknown:
        return fold.rejected(*unknown)
    numbered = replace(registration, numbers={**registration.numbers, **command.numbers})
    former = set(registration.keys) - set(numbered.keys)
    numbered = replace(numbered, former_keys=tuple(sorted({*registration.former_keys, *former})))
    settled = seating.settle(fold, seating.with_requirements(fold, numbered))
    return fold.accepted(fold.changed_now(registration, settled))


def decide_requirement(fold: Fold, command: DecideRequirement) -> Answer:
    """Another organisation decided on somebody, registered here or not yet; an older decision changes nothing."""
    if EVENT not in fold.lines:
        return fold.rejected(unknown_event(fold.event_id))
    if fold.rules.needed(command.requirement) is None:
        return fold.rejected(_unknown("requirement", command.requirement))
    if fold.rules.forgets(fold.now):
        return fold.rejected(forgotten("event_id"))
    keys = _keys(fold, command)
    if isinstance(keys, Reason):
        return fold.rejected(keys)
    for key in keys:
        grant = Grant(command.requirement, key, command.state, _not_later(command.decided_at, fold.now))
        before = fold.grants.get((command.requirement, key))
        if before is None or before.order < grant.order:
            fold.keep_grant(grant)
    touched = None
    for registration in list(fold.registrations.values()):
        if not keys.isdisjoint(registration.keys):
            touched = _looked_at_again(fold, registration)
    if touched is not None:
        return fold.accepted(touched)
    return Answer(Outcome.ACCEPTED, event_id=fold.event_id)


def _looked_at_again(fold: Fold, registration: Registration) -> Registration:
    known = seating.with_requirements(fold, registration)
    if known.requirements == registration.requirements or not registration.active:
        return registration
    return fold.changed_now(registration, seating.settle(fold, known))


def _keys(fold: Fold, command: DecideRequirement) -> set[str] | Reason:
    """Under what the decision is kept: everything that the person is named by."""
    if command.registration_id is not None:
        registration = fold.registrations.get(command.registration_id)
        if registration is None or registration.erased:
            message = "there is no such registration at this event"
            return Reason(code="unknown-registration", field="registration_id", message=message)
        return {person_key(fold.event_id, registration.person.email)}
    keys = set()
    if command.email is not None:
        keys.add(person_key(fold.event_id, command.email))
    if command.number is not None:
        keys.add(number_key(fold.event_id, command.requirement, command.number))
    return keys or Reason(code="nobody-named", field="email", message="name the person by email or by number")


def _unknown(field: str, requirement: str) -> Reason:
    message = f"this event does not require {requirement!r}"
    return Reason(code="unknown-requirement", field=field, message=message)


def _not_later(decided_at: datetime | None, now: datetime) -> datetime:
    """A clock that is fast must not make a decision win over all that follow."""
    return now if decided_at is None else min(decided_at, now)
