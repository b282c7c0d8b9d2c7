"""Giving seats up: cancelling, an organiser's no, handing a seat to a colleague, being forgotten. Pure."""

from __future__ import annotations

from services.registration import answered
from services.registration.admission import members_only, questions_of
from services.registration.commands import Answer, Cancel, Decline, Erase, Relink, Transfer
from services.registration.decisions import calendar_answers, seating
from services.registration.decisions.asking import consents, is_member
from services.registration.decisions.fold import Fold, Waiting
from services.registration.decisions.naming import active, named, not_chosen
from services.registration.registrations import Held, Registration
from services.registration.replacing import replace
from services.registration.seats import EVENT
from shared.contracts.registration import Cause, PersonDetails, Reason, SeatState


def cancel(fold: Fold, command: Cancel | Decline) -> Answer:
    """The registration, or some of its sessions, end; an organiser's no is told as such."""
    registration = named(fold, command)
    if isinstance(registration, Reason):
        return fold.rejected(registration)
    if isinstance(command, Cancel) and command.through is not None:
        return calendar_answers.given_up(fold, registration, command.sessions)
    if unknown := not_chosen(registration, command.sessions):
        return fold.rejected(*unknown)
    here = [h.session_id for h in registration.choices if h.state is SeatState.ATTENDED]
    if registration.state is SeatState.ATTENDED and (not command.sessions or set(here) & set(command.sessions)):
        message = "this person was checked in; undo the check-in first"
        return fold.rejected(Reason(code="checked-in", field="registration_id", message=message))
    cause = Cause.DECLINED if isinstance(command, Decline) else Cause.GIVEN_UP
    return fold.accepted(seating.give_up(fold, registration, set(command.sessions) or None, cause))


def transfer(fold: Fold, command: Transfer) -> Answer:
    """Seats and places in line go to a named colleague, in one commit; nobody in line gains or loses by it."""
    registration = active(fold, command)
    if isinstance(registration, Reason):
        return fold.rejected(registration)
    # The seat is one of its kind of attendee, so it stays one.
    person = command.person.model_copy(update={"audience": registration.person.audience})
    known = fold.registrations.get(fold.by_email.get(person.email, ""))
    reasons = [*_transfer_refusals(fold, registration, person, known)]
    questions = questions_of(fold.seats(), [held.session_id for held in registration.choices])
    reasons += answered.faults([q for q in questions if q.id in command.answers], command.answers)
    if reasons:
        return fold.rejected(*reasons)
    to_id = known.id if known else command.to_id
    new = replace(
        registration,
        id=to_id,
        person=person,
        choices=tuple(h for h in registration.choices if h.state is not SeatState.CANCELLED),
        answers=answered.normal(questions, command.answers),
        numbers={},
        former_keys=(),
        consents={},
        link_generation=known.link_generation if known else 1,
        registered_at=fold.now,
        changed_at=fold.now,
        repeated_at=None,
        handed_on=True,
        member=is_member(fold, person, {}),
    )
    new = replace(new, consents=consents(fold, questions, command.answers, new))
    # Before anything is looked at again: what is left then is left by the new person.
    for name, place, kind in _places(registration):
        fold.waiting[name, place] = Waiting(name, place, to_id, kind=kind)
        if (position := fold.positions.pop((name, registration.id), None)) is not None:
            fold.positions[name, to_id] = position
    new = seating.settle(fold, seating.with_requirements(fold, new))
    gone = (
        h if h.state is SeatState.CANCELLED else Held(h.session_id, SeatState.CANCELLED, cause=Cause.TRANSFERRED)
        for h in registration.choices
    )
    old = seating.bare(registration, SeatState.CANCELLED, Cause.TRANSFERRED)
    old = replace(old, code=None, choices=tuple(gone), changed_at=fold.now)
    fold.keep(old)
    fold.keep(new)
    return fold.accepted(new)


def relink(fold: Fold, command: Relink) -> Answer:
    """All private addresses made before are void."""
    registration = named(fold, command)
    if isinstance(registration, Reason):
        return fold.rejected(registration)
    changed = replace(registration, link_generation=registration.link_generation + 1)
    return fold.accepted(fold.changed_now(registration, changed))


def erase(fold: Fold, command: Erase) -> Answer:
    """The person is forgotten."""
    registration = named(fold, command)
    if isinstance(registration, Reason):
        return fold.rejected(registration)
    return fold.accepted(forget(fold, registration))


def forget(fold: Fold, registration: Registration) -> Registration:
    """The registration without the person. Seats of a past event stay in the counts; others are given up."""
    keys = [*registration.keys, *registration.former_keys]
    over = fold.rules.over
    had = (SeatState.CONFIRMED, SeatState.ATTENDED)
    stays = over is not None and fold.now >= over and registration.state in had
    open_ = {held.session_id for held in registration.choices if held.state not in had}
    registration = seating.give_up(fold, registration, open_ if stays else None, Cause.ERASED)
    if registration.active:
        fold.use_code(registration.code, -1)
    person = registration.person
    nobody = PersonDetails.model_construct(
        name="",
        email=f"{registration.id}@erased.invalid",
        language=person.language,
        audience=person.audience,
        affiliation=None,
        country=person.country,
    )
    fold.erased[registration.id] = tuple(keys)
    fold.keep(
        replace(
            registration,
            person=nobody,
            answers={},
            numbers={},
            former_keys=(),
            requirements={},
            consents={},
            code=None,
            remind_at=None,
            hold_until=None,
            reconfirm_until=None,
            link_generation=registration.link_generation + 1,
            erased=True,
            changed_at=fold.now,
        )
    )
    return fold.registrations[registration.id]


def _transfer_refusals(
    fold: Fold, registration: Registration, person: PersonDetails, known: Registration | None
) -> list[Reason]:
    rules = fold.rules
    reasons = []
    if not rules.transfers:
        message = "seats of this event cannot be handed on; cancel, so that the next in line gets it"
        reasons.append(Reason(code="no-transfers", field="registration_id", message=message))
    if registration.state is SeatState.ATTENDED or (rules.over is not None and fold.now >= rules.over):
        message = "this seat was used, or the event is over"
        reasons.append(Reason(code="too-late", field="registration_id", message=message))
    if known is not None and known.active:
        message = "the seat cannot be handed to this address; perhaps it has a registration already"
        reasons.append(Reason(code="cannot-receive", field="person.email", message=message))
    chosen = {h.session_id for h in registration.choices if h.state is not SeatState.CANCELLED}
    closed = rules.members_only or any(fold.lines[id_].rules.members_only for id_ in chosen)
    if closed and not is_member(fold, person, {}):
        reasons.append(members_only("person.email", "this seat"))
    for needed in rules.requirements:
        if needed.first and not seating.granted(fold, needed.id, person.email, {}):
            message = f"this person must be registered for {needed.id!r} first"
            reasons.append(Reason(code="requirement-missing", field="person.email", message=message))
    return reasons


def _places(registration: Registration) -> list[tuple[str, int, str | None]]:
    places = [(EVENT, registration.place, registration.kind)] if registration.place is not None else []
    places += [(h.session_id, h.place, h.kind) for h in registration.choices if h.place is not None]
    return places
