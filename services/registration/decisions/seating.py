"""How a person gets seats and loses them: what must be fulfilled first, the event's seat, then each session's. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from services.registration.admission import overlap
from services.registration.decisions.fold import Fold, Waiting
from services.registration.registrations import Held, Registration
from services.registration.replacing import replace
from services.registration.requirements import keys_of, standing
from services.registration.rules import Needed
from services.registration.seats import EVENT
from shared.contracts.registration import Cause, RequirementState, SeatState

SWAP_HOURS = 24
"""How long a swap is offered where the rules name no time for offers."""


def with_requirements(fold: Fold, registration: Registration) -> Registration:
    """The registration with what other organisations decided so far.

    A requirement that was added later is one for those who have nothing yet; it takes no seat or place from anybody.
    """
    keys = registration.keys
    has = registration.state is not SeatState.PENDING or registration.held
    ids = [needed.id for needed in fold.rules.requirements if not has or needed.id in registration.requirements]
    return replace(registration, requirements={id_: standing(id_, keys, fold.grants) for id_ in ids})


def granted(fold: Fold, requirement: str, email: str, numbers: Mapping[str, str]) -> bool:
    """Whether another organisation granted `requirement` to the person."""
    keys = keys_of(fold.event_id, email, numbers)
    return standing(requirement, keys, fold.grants) is RequirementState.GRANTED


def settle(fold: Fold, registration: Registration) -> Registration:
    """Looks again at what is open: a seat is asked for, confirmed, held for some days or taken back, as it now stands."""
    registration = replace(registration, rules_revision=fold.rules.revision)
    cause = _blocked(fold, registration)
    match registration.state:
        case SeatState.PENDING if not registration.held:
            return replace(registration, cause=cause) if cause else _enter(fold, registration)
        case SeatState.CANCELLED | SeatState.ATTENDED:
            return registration
        case _ if cause is Cause.REQUIREMENT:
            return _withdrawn(fold, registration, cause)
        case SeatState.WAITLISTED | SeatState.OFFERED if cause is not None:
            return _withdrawn(fold, registration, cause)
        case SeatState.PENDING if not _held_for(fold, registration):
            return _confirmed(registration)
        case SeatState.CONFIRMED if missing := _held_for(fold, registration):
            choices = tuple(
                replace(held, state=SeatState.PENDING, held=True, cause=Cause.REQUIREMENT)
                if held.state is SeatState.CONFIRMED
                else held
                for held in registration.choices
            )
            return _on_hold(fold, replace(registration, choices=choices), missing)
    return registration


def seated(fold: Fold, registration: Registration) -> Registration:
    """The person has a seat at the event now (it is counted already): confirmed, or held while a requirement is missing."""
    registration = replace(registration, place=None, until=None, cause=None)
    missing = _held_for(fold, registration)
    if missing:
        registration = _on_hold(fold, registration, missing)
    else:
        registration = replace(registration, state=SeatState.CONFIRMED, held=False)
    return seat_choices(fold, registration)


def seat_choices(fold: Fold, registration: Registration, leaving: Collection[str] = ()) -> Registration:
    """Gives each choice that has nothing yet a seat, or a place in line: once the person has a seat at the event.

    Those `leaving` are given up for it in the same decision, so nothing collides with them.

    A session that was cancelled, has begun (unless an organiser asks for it), filled up without a waiting list meanwhile, or
    is at the same time as a seat that is had, is no choice any more.
    """
    choices: list[Held] = []
    for held in registration.choices:
        if held.state is SeatState.PENDING and not held.held:
            held = _seat_one(fold, registration, held, (*choices, *registration.choices[len(choices) :]), leaving)
        choices.append(held)
    return replace(registration, choices=tuple(choices))


def give_up(
    fold: Fold, registration: Registration, sessions: Collection[str] | None, cause: Cause = Cause.GIVEN_UP
) -> Registration:
    """Gives up `sessions`, or all; with the last session of an event of choices the registration ends too."""
    choices = tuple(
        released(fold, registration, held, cause) if sessions is None or held.session_id in sessions else held
        for held in registration.choices
    )
    changed = replace(registration, choices=choices)
    nothing_left = all(held.state is SeatState.CANCELLED for held in choices)
    here = registration.state is SeatState.ATTENDED  # whoever was checked in was there, whatever lapses later
    if sessions is None or (nothing_left and fold.seats().choice_needed and not here):
        changed = ended(fold, registration, changed, cause)
    return fold.changed_now(registration, changed)


def ended(fold: Fold, registration: Registration, changed: Registration, cause: Cause) -> Registration:
    """`changed` without its seat at the event, or its place in line; the code can be used again."""
    if registration.active:
        fold.release(EVENT, registration, registration)
        fold.use_code(registration.code, -1)
    return bare(changed, SeatState.CANCELLED, cause if registration.active else registration.cause)


def bare(registration: Registration, state: SeatState, cause: Cause | None) -> Registration:
    """The registration in `state` with nothing at the event: no seat, no place, no time that runs."""
    return replace(
        registration,
        state=state,
        cause=cause,
        place=None,
        kind=None,
        held=False,
        until=None,
        hold_until=None,
        remind_at=None,
        reconfirm_until=None,
    )


def released(fold: Fold, registration: Registration, held: Held, cause: Cause) -> Held:
    """The choice without its seat or place in line."""
    if held.state is SeatState.CANCELLED:
        return held
    fold.release(held.session_id, registration, held)
    return Held(held.session_id, SeatState.CANCELLED, cause=cause)


def accepted(fold: Fold, registration: Registration, held: Held) -> Registration:
    """The offered session is taken; what is at the same time now is given up for it."""
    given_up = set(clashing(fold, registration.choices, held.session_id))
    choices = []
    for other in registration.choices:
        if other.session_id == held.session_id:
            other = _with_seat(registration, held)
        elif other.session_id in given_up:
            other = released(fold, registration, other, Cause.SWAPPED)
        choices.append(other)
    return replace(registration, choices=tuple(choices))


def clashing(fold: Fold, choices: Sequence[Held], session_id: str) -> tuple[str, ...]:
    """Of a person's `choices`, those with a seat at the same time as `session_id`, where that is not allowed."""
    if fold.rules.overlaps:
        return ()
    return tuple(
        held.session_id
        for held in choices
        if held.session_id != session_id
        and held.takes_seat
        and overlap(fold.lines[held.session_id], fold.lines[session_id])
    )


def promote(fold: Fold) -> None:
    """Gives free seats to those who wait, the event's own line first: it lets people into sessions' lines."""
    for name in [EVENT, *(name for name in fold.lines if name != EVENT)]:
        if name not in fold.lines or not fold.lines[name].promotes(fold.now):
            continue
        if fold.lines[name].free == 0:
            continue
        known_to = fold.known_to(name)
        for waiting in fold.in_line(name):
            line = fold.lines[name]
            if line.free == 0:
                break
            if line.free_for(waiting.kind) == 0:  # what is left is set aside for others
                continue
            own = line.kinds[waiting.kind].own if waiting.kind is not None and waiting.kind in line.kinds else 0
            if not own and waiting.place > known_to:  # somebody of another kind, not loaded, may be before
                continue
            _promote_one(fold, name, waiting)


def _blocked(fold: Fold, registration: Registration) -> Cause | None:
    """Why the person cannot have a seat at all yet."""
    if fold.rules.approval and not registration.approved:
        return Cause.APPROVAL
    if any(needed.first for needed in _missing(fold, registration)):
        return Cause.REQUIREMENT
    return None


def _held_for(fold: Fold, registration: Registration) -> list[Needed]:
    return [needed for needed in _missing(fold, registration) if needed.hold]


def _missing(fold: Fold, registration: Registration) -> list[Needed]:
    return [
        needed
        for needed in fold.rules.requirements
        if registration.requirements.get(needed.id, RequirementState.GRANTED) is not RequirementState.GRANTED
    ]


def _enter(fold: Fold, registration: Registration) -> Registration:
    """Asks for the seat at the event: it is had, or waited for. Once the event is over, only an organiser gives seats by hand;
    in a line that moves no more nobody waits."""
    line = fold.lines[EVENT]
    if line.rules.ended(fold.now) and (not fold.by_hand or line.rules.forgets(fold.now)):
        return _turned_away(fold, registration, Cause.OVER)
    admitted, kind = fold.admits(EVENT, registration)
    if admitted:
        fold.take(EVENT, kind)
        return seated(fold, replace(registration, kind=kind))
    if not line.promotes(fold.now):
        return _turned_away(fold, registration, Cause.FULL)
    place, kind = fold.queue(EVENT, registration)
    return replace(registration, state=SeatState.WAITLISTED, place=place, kind=kind, cause=None)


def _turned_away(fold: Fold, registration: Registration, cause: Cause) -> Registration:
    """The registration without what it asked for: it ends."""
    choices = tuple(released(fold, registration, held, cause) for held in registration.choices)
    return ended(fold, registration, replace(registration, choices=choices), cause)


def _on_hold(fold: Fold, registration: Registration, missing: list[Needed]) -> Registration:
    days = min(missing, key=lambda needed: needed.hold_days)
    until = fold.now + timedelta(days=days.hold_days)
    begins = fold.rules.begins
    if begins is not None and fold.now < begins < until:
        until = begins
    remind_at = until - timedelta(days=days.remind_days)
    return replace(
        registration,
        state=SeatState.PENDING,
        held=True,
        cause=Cause.REQUIREMENT,
        hold_until=until,
        remind_at=remind_at if days.remind_days and remind_at > fold.now else None,
        reconfirm_until=None,
    )


def _confirmed(registration: Registration) -> Registration:
    """Nothing is missing any more: what was held is confirmed."""
    choices = tuple(
        replace(held, state=SeatState.CONFIRMED, held=False, cause=None)
        if held.state is SeatState.PENDING and held.held
        else held
        for held in registration.choices
    )
    return replace(
        registration,
        state=SeatState.CONFIRMED,
        held=False,
        cause=None,
        hold_until=None,
        remind_at=None,
        choices=choices,
    )


def _withdrawn(fold: Fold, registration: Registration, cause: Cause) -> Registration:
    """What must come first is missing (again): seats and places in line go, the wish stays."""
    choices = []
    for held in registration.choices:
        if held.state is not SeatState.CANCELLED:
            fold.release(held.session_id, registration, held)
            held = Held(held.session_id, SeatState.PENDING, approved=held.approved, cause=Cause.EVENT_SEAT)
        choices.append(held)
    fold.release(EVENT, registration, registration)
    withdrawn = replace(registration, choices=tuple(choices))
    return bare(withdrawn, SeatState.PENDING, cause)


def _seat_one(
    fold: Fold, registration: Registration, held: Held, choices: Sequence[Held], leaving: Collection[str]
) -> Held:
    name = held.session_id
    line = fold.lines[name]
    begun = any(bound is not None and fold.now >= bound for bound in (line.rules.starts, line.rules.over))
    if (begun and (not fold.by_hand or fold.rules.forgets(fold.now))) or not line.rules.scheduled:
        return Held(name, SeatState.CANCELLED, cause=Cause.OVER)
    if line.rules.approval and not held.approved:
        return replace(held, cause=Cause.APPROVAL)
    admitted, kind = fold.admits(name, registration)
    if admitted and not set(leaving).issuperset(clashing(fold, choices, name)):
        return Held(name, SeatState.CANCELLED, cause=Cause.OVERLAP)
    if admitted:
        fold.take(name, kind)
        return _with_seat(registration, replace(held, kind=kind))
    if not line.rules.waiting_list or not line.promotes(fold.now):
        return Held(name, SeatState.CANCELLED, cause=Cause.FULL)
    place, kind = fold.queue(name, registration)
    return replace(held, state=SeatState.WAITLISTED, place=place, kind=kind, cause=None)


def _with_seat(registration: Registration, held: Held) -> Held:
    """The choice with its seat: confirmed, or held as long as the registration is."""
    kept, state, cause = registration.state is SeatState.PENDING, SeatState.CONFIRMED, None
    if kept:
        state, cause = SeatState.PENDING, Cause.REQUIREMENT
    return replace(held, state=state, held=kept, cause=cause, place=None, until=None, instead_of=())


def _promote_one(fold: Fold, name: str, waiting: Waiting) -> None:
    registration = fold.registrations[waiting.registration_id]
    if name == EVENT and _blocked(fold, registration):  # the rules ask more than when the place was taken
        fold.keep(replace(settle(fold, registration), changed_at=fold.now))
        return
    hours = fold.lines[name].rules.offer_hours
    fold.leave(name, waiting.place, registration.id, waiting.kind)
    fold.take(name, waiting.kind)
    if name == EVENT:
        registration = replace(registration, place=None, kind=waiting.kind)
        if hours is None:
            promoted = seated(fold, registration)
        else:
            promoted = replace(registration, state=SeatState.OFFERED, until=_offer_ends(fold, name, hours))
    else:
        held = registration.choice(name)
        assert held is not None, "who waits in a session's line has chosen it"
        clash = clashing(fold, registration.choices, name)
        if hours is None and not clash:
            given = _with_seat(registration, held)
        else:
            until = _offer_ends(fold, name, hours or SWAP_HOURS)
            given = replace(held, state=SeatState.OFFERED, place=None, until=until, instead_of=clash)
        choices = tuple(given if other.session_id == name else other for other in registration.choices)
        promoted = replace(registration, choices=choices)
    fold.keep(replace(promoted, changed_at=fold.now))


def _offer_ends(fold: Fold, name: str, hours: int) -> datetime:
    """An offer ends with the time to answer, or when the session begins; with its day, where its time is not known."""
    rules = fold.lines[name].rules
    until = fold.now + timedelta(hours=hours)
    bounds = [bound for bound in (rules.starts, rules.begins, rules.over) if bound is not None and bound > fold.now]
    return min([until, *bounds])
