"""The rules of admission: why a request for a seat is refused, all reasons at once. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from services.registration import answered, codes
from services.registration.codes import Code
from services.registration.commands import Register
from services.registration.registrations import Registration
from services.registration.requirements import person_key
from services.registration.rules import Asked
from services.registration.seats import EVENT, Line, Seats
from shared.contracts.registration import Reason

Groups = Mapping[str, str | None]
"""By line: the code's group that still has a reserved seat for this person."""


def refusals(
    seats: Seats,
    command: Register,
    now: datetime,
    *,
    known: Registration | None,
    code: Code | None,
    groups: Groups,
    member: bool,
    by_hand: bool = False,
) -> list[Reason]:
    """Every reason why `command` cannot be granted at `now` (UTC); empty when it can. `known`: registered before. `by_hand`: that
    something has begun, or is over, is no reason for an organiser, who may note afterwards who was there; as long as
    registrations are kept."""
    event = seats.event
    if event is None:
        return [unknown_event(seats.event_id)]
    kind = command.person.audience
    admitted = event.admits(groups.get(EVENT) or kind)
    reasons = _line_refusals(event, now, "event_id", "this event", admitted, by_hand=by_hand)
    if known is not None and known.active and not command.anonymous:
        reasons.append(
            Reason(
                code="already-registered",
                field="person.email",
                message="this person is registered already; change or cancel through the private link in the mail",
            )
        )
    if seats.audiences and kind not in seats.audiences:
        reasons.append(
            Reason(
                code="unknown-audience" if kind else "audience-needed",
                field="person.audience",
                message=f"give one of: {', '.join(seats.audiences)}",
            )
        )
    if event.rules.members_only and not member:
        reasons.append(members_only("person.email", "this event"))
    if command.code:
        # Whoever may not learn who is registered is answered like a newcomer.
        mine = known is not None and known.active and code is not None and known.code == code.id
        used_before = mine and not command.anonymous
        person = person_key(seats.event_id, command.person.email)
        reasons += codes.faults(code, person, now, used_before=used_before)
    if event.rules.code_needed and (code is not None or not command.code):
        reasons += codes.missing(code, command.sessions, [])
    for id_ in command.numbers:
        if event.rules.needed(id_) is None:
            message = f"this event does not require {id_!r}; leave it out"
            reasons.append(Reason(code="unknown-requirement", field=f"numbers.{id_}", message=message))
    seated = admitted and not event.rules.approval
    reasons += choice_refusals(
        seats,
        command.sessions,
        (),
        now,
        code=code,
        groups=groups,
        kind=kind,
        member=member,
        # One alone collides with nothing, whether it is waited for or not.
        awaited=_full(seats, command.sessions, groups, kind) if seated and len(command.sessions) > 1 else frozenset(),
        by_hand=by_hand,
    )
    reasons += answered.faults(questions_of(seats, command.sessions), command.answers)
    return reasons


def choice_refusals(
    seats: Seats,
    sessions: Sequence[str],
    held: Sequence[str],
    now: datetime,
    *,
    may_wait: bool = True,
    limits: bool = True,
    code: Code | None = None,
    groups: Groups | None = None,
    kind: str | None = None,
    member: bool = False,
    awaited: Collection[str] = frozenset(),
    offered: Mapping[str, Collection[str]] | None = None,
    by_hand: bool = False,
) -> list[Reason]:
    """Every reason why `sessions` cannot be the choice of one person; those `held` already are not asked for again.

    `may_wait` False: a full session is a reason too. `limits` False: how many they are, and when, is no matter. Sessions
    that are only `awaited` collide with nothing: when their turn comes, a swap is offered.
    """
    reasons: list[Reason] = []
    if not sessions and seats.choice_needed:
        reasons.append(Reason(code="choice-needed", field="sessions", message="choose at least one session"))
    chosen: set[str] = set()
    for number, session_id in enumerate(sessions):
        field = f"sessions.{number}"
        line = seats.sessions.get(session_id)
        if line is None:
            message = f"there is no session {session_id!r} in this event"
            reasons.append(Reason(code="unknown-session", field=field, message=message))
        elif session_id in chosen:
            reasons.append(Reason(code="repeated", field=field, message=f"session {session_id!r} is named twice"))
        elif not line.rules.by_choice:
            message = f"session {session_id!r} is open to everyone registered; leave it out"
            reasons.append(Reason(code="no-choice-needed", field=field, message=message))
        elif session_id not in held:
            name = f"session {session_id!r}"
            group = (groups or {}).get(session_id)
            admitted = line.admits(group or _kind_in(line, kind))
            reasons += _line_refusals(line, now, field, name, admitted, may_wait=may_wait, by_hand=by_hand)
            if line.rules.members_only and not member:
                reasons.append(members_only(field, name))
            if line.rules.code_needed:
                reasons += codes.missing(code, None, [(number, session_id)])
        chosen.add(session_id)
    if limits:
        taking_place = [id_ for id_ in sessions if id_ not in seats.sessions or seats.sessions[id_].rules.scheduled]
        reasons += _too_many(seats, set(taking_place))
        reasons += _overlaps(seats, sessions, awaited, offered or {})
    return reasons


def change_refusals(
    seats: Seats,
    sessions: Sequence[str],
    held: Sequence[str],
    added: Sequence[str],
    now: datetime,
    *,
    may_wait: bool,
    code: Code | None,
    groups: Groups,
    kind: str | None,
    member: bool,
    awaited: Collection[str],
    offered: Mapping[str, Collection[str]],
    seated: bool,
    by_hand: bool = False,
) -> list[Reason]:
    """Every reason why a person who has `held` cannot have `sessions` instead. Who only gives up is asked nothing.

    `awaited` are those of `held` that are no seat (yet), `offered` those that may be had, and instead of what; `seated`: the
    person has a seat at the event.
    """
    reasons: list[Reason] = []
    if added and seats.event is not None:
        reasons += _closed(seats.event, now, "event_id", "this event", by_hand=by_hand)
    full = _full(seats, added, groups, kind) if seated else frozenset()
    return reasons + choice_refusals(
        seats,
        sessions,
        held,
        now,
        may_wait=may_wait,
        limits=bool(added),
        code=code,
        groups=groups,
        kind=kind,
        member=member,
        awaited={*awaited, *full} if seated else frozenset(),
        offered=offered,
        by_hand=by_hand,
    )


def questions_of(seats: Seats, sessions: Sequence[str], *, of_event: bool = True) -> list[Asked]:
    """What is asked of somebody who chooses `sessions`, for them and (`of_event`) for the event."""
    asked = list(seats.event.rules.questions) if seats.event is not None and of_event else []
    for session_id in dict.fromkeys(sessions):
        if session_id in seats.sessions:
            asked += seats.sessions[session_id].rules.questions
    return asked


def unknown_event(event_id: str | None) -> Reason:
    """The reason for a request to an event that is not published."""
    return Reason(code="unknown-event", field="event_id", message=f"there is no published event {event_id!r}")


def forgotten(field: str) -> Reason:
    """The reason where the event's registrations are not kept any more: whoever came now would be forgotten at once."""
    message = "the time to keep registrations of this event is over; nothing is kept of it"
    return Reason(code="forgotten", field=field, message=message)


def members_only(field: str, name: str) -> Reason:
    """The reason for somebody who is no member."""
    message = f"{name} is for members; use the address that you are known by as a member"
    return Reason(code="members-only", field=field, message=message)


def overlap(one: Line, other: Line) -> bool:
    """Whether two sessions are at the same time. One without an end is taken as a moment; without a start, as never."""
    first, second = one.rules, other.rules
    if first.starts is None or second.starts is None:
        return False
    ends, other_ends = first.ends or first.starts, second.ends or second.starts
    return first.starts == second.starts or (first.starts < other_ends and second.starts < ends)


def _too_many(seats: Seats, chosen: set[str]) -> Iterator[Reason]:
    most = seats.event.rules.max_sessions if seats.event is not None else None
    if most is not None and len(chosen) > most:
        yield Reason(
            code="too-many",
            field="sessions",
            message=f"at most {most} sessions can be chosen; leave out {len(chosen) - most}",
        )


def _full(seats: Seats, sessions: Sequence[str], groups: Groups, kind: str | None) -> frozenset[str]:
    """Those of `sessions` that would be waited for."""
    return frozenset(
        id_
        for id_ in sessions
        if (line := seats.sessions.get(id_)) is not None and not line.admits(groups.get(id_) or _kind_in(line, kind))
    )


def _kind_in(line: Line, kind: str | None) -> str | None:
    return kind if kind in line.kinds else None


def _overlaps(
    seats: Seats, sessions: Sequence[str], awaited: Collection[str], offered: Mapping[str, Collection[str]]
) -> Iterator[Reason]:
    if seats.event is None or seats.event.rules.overlaps:
        return
    known = [
        (number, id_)
        for number, id_ in enumerate(dict.fromkeys(sessions))
        if id_ in seats.sessions and seats.sessions[id_].rules.scheduled and id_ not in awaited
    ]
    for place, (number, session_id) in enumerate(known):
        for _, earlier in known[:place]:
            instead = earlier in offered.get(session_id, ()) or session_id in offered.get(earlier, ())
            if not instead and overlap(seats.sessions[earlier], seats.sessions[session_id]):
                message = f"session {session_id!r} is at the same time as {earlier!r}; choose one of the two"
                yield Reason(code="overlap", field=f"sessions.{number}", message=message)
                break


def _line_refusals(
    line: Line, now: datetime, field: str, name: str, admitted: bool, *, may_wait: bool = True, by_hand: bool = False
) -> list[Reason]:
    closed = _closed(line, now, field, name, by_hand=by_hand)
    if closed or admitted:
        return closed
    if not line.rules.waiting_list:
        return [Reason(code="full", field=field, message=f"{name} is full and has no waiting list")]
    if not line.promotes(now):
        return [Reason(code="full", field=field, message=f"{name} is full, and its waiting list is closed")]
    if not may_wait:
        message = f"{name} is full; to wait for it, choose it beside what you have"
        return [Reason(code="full", field=field, message=message)]
    return []


def _closed(line: Line, now: datetime, field: str, name: str, *, by_hand: bool) -> list[Reason]:
    """Why nobody can ask for a seat now, full or not."""
    rules = line.rules
    if not rules.scheduled:
        return [Reason(code="cancelled", field=field, message=f"{name} is cancelled")]
    if not rules.open:
        return [Reason(code="not-here", field=field, message=f"registration for {name} is not taken here")]
    if rules.end is not None and rules.ended(now) and not by_hand:
        remedy = (
            "choose a session that is still to come" if rules.begins is None else "ask its organisers if you were there"
        )
        return [Reason(code="over", field=field, message=f"{name} is over since {_when(rules.end)}; {remedy}")]
    if rules.forgets(now):
        return [forgotten(field)]
    if rules.opens is not None and now < rules.opens:
        return [
            Reason(code="not-open-yet", field=field, message=f"registration for {name} opens at {_when(rules.opens)}")
        ]
    if rules.closes is not None and now >= rules.closes:
        return [Reason(code="closed", field=field, message=f"registration for {name} closed at {_when(rules.closes)}")]
    if rules.starts is not None and now >= rules.starts and not by_hand:
        return [Reason(code="started", field=field, message=f"{name} began at {_when(rules.starts)}")]
    return []


def _when(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M UTC")
