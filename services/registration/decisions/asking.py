"""Asking for seats: a registration, and the change of its sessions. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from services.registration import answered, codes
from services.registration.admission import change_refusals, questions_of, refusals
from services.registration.codes import Code
from services.registration.commands import Answer, Change, Register
from services.registration.consents import CONSENT, Consent, outdated, shown, worded_otherwise
from services.registration.decisions import seating
from services.registration.decisions.fold import Fold
from services.registration.decisions.naming import named
from services.registration.registrations import Held, Registration
from services.registration.replacing import replace
from services.registration.requirements import person_key
from services.registration.rules import Asked
from services.registration.seats import EVENT
from shared.contracts.registration import Cause, PersonDetails, Reason, SeatState

REPEATED_AT_MOST = timedelta(days=1)
"""How long nobody is told again that somebody registers with the same address."""


def register(fold: Fold, command: Register) -> Answer:
    """A person asks for a seat at the event and in sessions."""
    known = fold.registrations.get(fold.by_email.get(command.person.email, ""))
    code = fold.codes.get(codes.normal(command.code)) if command.code else None
    seats, member = fold.seats(), _member(fold, command)
    reasons = refusals(
        seats,
        command,
        fold.now,
        known=known,
        code=code,
        groups=_groups(fold, code),
        member=member,
        by_hand=fold.by_hand,
    )
    reasons += _unread(questions_of(seats, command.sessions), command)
    taken = fold.taken_numbers(command.numbers, known.id if known else None)
    if not command.anonymous:
        reasons += [number_taken(id_) for id_ in sorted(taken)]
    if reasons:
        return fold.rejected(*reasons)
    if known is not None and known.active:
        return _repeated(fold, known, command)
    questions = questions_of(seats, command.sessions)
    answer = _new(fold, known, command, questions, taken, member=member)
    # Whoever registers again has the old id, and its age would tell that there was a registration before.
    return replace(answer, registration_id=command.registration_id) if command.anonymous else answer


def is_member(fold: Fold, person: PersonDetails, numbers: Mapping[str, str]) -> bool:
    """Whether somebody is a member: by the address's domain, by a list, or by what another organisation granted."""
    rules = fold.rules if EVENT in fold.lines else None
    if rules is None:
        return False
    if person.email.rpartition("@")[2] in rules.member_domains or person.email in fold.snapshot.members:
        return True
    return rules.member_requirement is not None and seating.granted(
        fold, rules.member_requirement, person.email, numbers
    )


def change(fold: Fold, command: Change) -> Answer:
    """All at once or not at all: no seat is given up before the new one is had."""
    registration = named(fold, command)
    if isinstance(registration, Reason):
        return fold.rejected(registration)
    dropped_here = [
        h.session_id
        for h in registration.choices
        if h.state is SeatState.ATTENDED and h.session_id not in command.sessions
    ]
    if dropped_here:
        message = "this person was checked in there; undo the check-in first"
        return fold.rejected(Reason(code="checked-in", field="sessions", message=message))
    if not registration.active:
        message = "this registration is cancelled; register again"
        return fold.rejected(Reason(code="cancelled", field="registration_id", message=message))
    seats = fold.seats()
    held = {h.session_id: h for h in registration.choices if h.state is not SeatState.CANCELLED}
    added = [id_ for id_ in dict.fromkeys(command.sessions) if id_ not in held]
    dropped = [id_ for id_ in held if id_ not in command.sessions]
    # A seat is given up only for a seat; who would rather wait chooses the full session beside what is held.
    may_wait = not registration.takes_seat or not any(held[id_].takes_seat for id_ in dropped)
    code = fold.codes.get(codes.normal(command.code)) if command.code else fold.code_of(registration)
    if not command.code and code is not None and code.ended(fold.now):
        code = None  # what it opened stays open; it opens nothing more
    reasons = change_refusals(
        seats,
        command.sessions,
        list(held),
        added,
        fold.now,
        may_wait=may_wait,
        code=code,
        groups=_groups(fold, code),
        kind=registration.person.audience,
        member=registration.member,
        awaited={id_ for id_, one in held.items() if not one.takes_seat},
        offered={id_: one.instead_of for id_, one in held.items() if one.instead_of},
        seated=registration.takes_seat,
        by_hand=fold.by_hand,
    )
    if command.code:
        person = person_key(fold.event_id, registration.person.email)
        used_before = code is not None and registration.code == code.id
        reasons += codes.faults(code, person, fold.now, used_before=used_before)
        if registration.code is not None and not used_before:
            reasons.append(codes.another())
    asked = questions_of(seats, added, of_event=False)
    also = [q for q in questions_of(seats, command.sessions) if q.id in command.answers and q not in asked]
    questions = questions_of(seats, command.sessions)
    reasons += answered.faults([*asked, *also], command.answers)
    reasons += _unread(questions, command, registration.consents)
    if reasons:
        return fold.rejected(*reasons)
    wished = (Held(session_id, SeatState.PENDING, cause=Cause.EVENT_SEAT) for session_id in added)
    changed = replace(
        registration,
        choices=tuple(_newest([*registration.choices, *wished])),
        answers=answered.normal(questions, {**registration.answers, **command.answers}),
        consents=consents(fold, questions, command.answers, registration, command.language, command.shown),
        code=registration.code or (code.id if code else None),
    )
    tried = fold.fork()
    if changed.code != registration.code:
        tried.use_code(changed.code, 1)
    if registration.takes_seat and registration.state is not SeatState.OFFERED:
        changed = seating.seat_choices(tried, changed, dropped)
    without = {h.session_id for h in changed.choices if h.session_id in added and not h.takes_seat}
    if without and any(held[id_].takes_seat for id_ in dropped):
        return fold.rejected(*(_no_seat(number, id_) for number, id_ in enumerate(command.sessions) if id_ in without))
    choices = (
        seating.released(tried, changed, h, Cause.GIVEN_UP) if h.session_id in dropped else h for h in changed.choices
    )
    answer = tried.accepted(tried.changed_now(registration, replace(changed, choices=tuple(choices))))
    fold.adopt(tried)
    return answer


def _no_seat(number: int, session_id: str) -> Reason:
    message = f"session {session_id!r} gives no seat at once; choose it beside what you have"
    return Reason(code="no-seat-yet", field=f"sessions.{number}", message=message)


def number_taken(requirement: str) -> Reason:
    """The reason where somebody else gave the number first."""
    message = "somebody else gave this number; leave it out, and ask the organisers"
    return Reason(code="number-taken", field=f"numbers.{requirement}", message=message)


def _member(fold: Fold, command: Register) -> bool:
    """Whether whoever asks is a member. Numbers that anybody can try do not make one."""
    return is_member(fold, command.person, {} if command.anonymous else command.numbers)


def _groups(fold: Fold, code: Code | None) -> Mapping[str, str | None]:
    """By line, the group of whoever comes with `code`, where it has a seat left."""
    return {name: fold.group_in(name, code) for name in fold.lines} if code is not None else {}


def _new(
    fold: Fold,
    known: Registration | None,
    command: Register,
    questions: Sequence[Asked],
    taken: Collection[str],
    *,
    member: bool,
) -> Answer:
    code = fold.codes.get(codes.normal(command.code)) if command.code else None
    registration = Registration(
        id=known.id if known else command.registration_id,
        event_id=fold.event_id,
        # Where the event names no kinds of attendee, nobody is of one.
        person=command.person if fold.audiences else command.person.model_copy(update={"audience": None}),
        state=SeatState.PENDING,
        place=None,
        choices=tuple(Held(id_, SeatState.PENDING, cause=Cause.EVENT_SEAT) for id_ in command.sessions),
        link_generation=known.link_generation if known else 1,
        registered_at=fold.now,
        changed_at=fold.now,
        answers=answered.normal(questions, command.answers),
        code=code.id if code else None,
        numbers={id_: number for id_, number in command.numbers.items() if id_ not in taken},
        member=member,
    )
    registration = replace(
        registration,
        consents=consents(fold, questions, command.answers, registration, command.language, command.shown),
    )
    fold.use_code(registration.code, 1)
    registration = seating.settle(fold, seating.with_requirements(fold, registration))
    fold.keep(registration)
    return fold.accepted(registration)


def _repeated(fold: Fold, known: Registration, command: Register) -> Answer:
    """Somebody is registered already, and whoever asks may not learn it: the answer is that of a newcomer, nothing is
    changed, and the person is told by mail."""
    tried = fold.fork()
    del tried.registrations[known.id]
    questions, taken = questions_of(fold.seats(), command.sessions), fold.taken_numbers(command.numbers, None)
    answer = _new(tried, None, command, questions, taken, member=_member(fold, command))
    if known.repeated_at is None or fold.now - known.repeated_at >= REPEATED_AT_MOST:
        fold.keep(replace(known, repeated_at=fold.now))
        fold.repeated.append(known.id)
    return answer


def consents(
    fold: Fold,
    questions: Iterable[Asked],
    answers: Mapping[str, str | bool],
    registration: Registration,
    language: str | None = None,
    read: Mapping[str, str] | None = None,
) -> dict[str, Consent]:
    """When each consent that is asked for was given, at first, and to which wording: what was `read` where that is said, else
    what the question says in `language`. One that was taken back is gone. Who agrees again once the wording is another one
    has agreed to that one, then; who only read the earlier one again has not."""
    read = read or {}
    asked = {id_: question for id_, question in _consents_among(questions, read).items() if id_ in answers}
    given = {id_: question for id_, question in sorted(asked.items()) if answered.agreed(answers[id_])}
    languages = (language or registration.person.language, fold.rules.language)
    kept = dict(registration.consents)
    for id_ in asked.keys() - given.keys():
        kept.pop(id_, None)
    for id_, question in given.items():
        before, seen = kept.get(id_), read.get(id_)
        if before is not None and (not question.wordings or _stands(before, question, seen)):
            continue
        said = seen if seen in dict(question.wordings).values() else shown(question.wordings, languages)
        kept[id_] = Consent(fold.now, said)
    return kept


def _unread(
    questions: Sequence[Asked], command: Register | Change, before: Mapping[str, Consent] | None = None
) -> Iterator[Reason]:
    """The reasons where somebody agrees to what is worded otherwise by now. A box that was shown with the tick of an earlier
    consent is no new one."""
    for id_, question in _consents_among(questions, command.shown).items():
        read, earlier = command.shown.get(id_), (before or {}).get(id_)
        if not answered.agreed(command.answers.get(id_)) or not outdated(read, question.wordings):
            continue
        if earlier is None or not _stands(earlier, question, read):
            message = "the text is another one by now; read the new text, and tick the box again"
            yield Reason(code="worded-otherwise", field=f"answers.{id_}", message=message)


def _consents_among(questions: Iterable[Asked], read: Mapping[str, str]) -> dict[str, Asked]:
    """The consents by id. Two sessions may ask under one id; then it is the question that was read, else the last."""
    found: dict[str, Asked] = {}
    for question in questions:
        if question.kind != CONSENT:
            continue
        if question.id not in found or outdated(read.get(question.id), found[question.id].wordings):
            found[question.id] = question
    return found


def _stands(before: Consent, question: Asked, read: str | None) -> bool:
    """Whether a yes of somebody who `read` a wording is the one that was given `before`."""
    if not worded_otherwise(before, question.wordings):
        return True
    return read is not None and before.wording == read


def _newest(choices: Iterable[Held]) -> list[Held]:
    """One choice for each session: a session that is chosen again takes the place of the choice that was given up."""
    by_session: dict[str, Held] = {}
    for held in choices:
        by_session[held.session_id] = held
    return list(by_session.values())
