"""The rules change: the published agenda, and invitation codes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from services.registration.admission import unknown_event
from services.registration.codes import Code, normal
from services.registration.commands import Answer, ReviseEvent, ReviseSession, RevokeCode, SetCodes
from services.registration.decisions.fold import Fold
from services.registration.rules import Rules, rules_of_event, rules_of_session
from services.registration.seats import EVENT, Line, kinds_of_session, with_quotas, with_reserve
from shared.contracts.registration import Outcome, Reason


def revise_event(fold: Fold, command: ReviseEvent) -> Answer:
    """The event as published; an older revision changes nothing. The same one fills in what can be agreed to, where an
    earlier form of the data lacks it."""
    line = fold.lines.get(EVENT)
    rules = rules_of_event(command.event)
    if line is None or rules.revision > line.rules.revision:
        line = Line(rules) if line is None else replace(line, rules=rules)
        fold.lines[EVENT] = with_quotas(line, command.event.audiences)
        fold.audiences = tuple(kind.id for kind in command.event.audiences)
        for name, session in list(fold.lines.items()):
            if name != EVENT:
                fold.lines[name] = counting(session, fold.audiences)
    elif _lacks_wordings(line, rules):
        fold.lines[EVENT] = replace(line, rules=rules)
    return Answer(Outcome.ACCEPTED, event_id=command.event.id)


def revise_session(fold: Fold, command: ReviseSession) -> Answer:
    """A session as published; an older revision changes nothing, and the same one does as of an event."""
    session = command.session
    line = fold.lines.get(session.id)
    rules = rules_of_session(session)
    if line is None or rules.revision > line.rules.revision:
        fold.lines[session.id] = counting(Line(rules) if line is None else replace(line, rules=rules), fold.audiences)
    elif _lacks_wordings(line, rules):
        fold.lines[session.id] = replace(line, rules=rules)
    return Answer(Outcome.ACCEPTED, event_id=session.event_id)


def set_codes(fold: Fold, command: SetCodes) -> Answer:
    """Codes are made, or their rules changed: all of them or none."""
    if EVENT not in fold.lines:
        return fold.rejected(unknown_event(fold.event_id))
    tried = fold.fork()
    reasons: list[Reason] = []
    for number, code in enumerate(command.codes):
        reasons += _code_faults(tried, number, code)
        _set_code(tried, code)
    if reasons:
        return fold.rejected(*reasons)
    for code in command.codes:
        _set_code(fold, code)
    return Answer(Outcome.ACCEPTED, event_id=fold.event_id)


def revoke_code(fold: Fold, command: RevokeCode) -> Answer:
    """The code is of no use any more, and seats that were kept for it are free."""
    code = fold.codes.get(normal(command.code))
    if code is None:
        return fold.rejected(Reason(code="unknown-code", field="code", message="there is no such code"))
    fold.keep_code(replace(code, revoked=True))
    give_reserve_back(fold, fold.codes[code.id])
    return Answer(Outcome.ACCEPTED, event_id=fold.event_id)


def give_reserve_back(fold: Fold, code: Code) -> None:
    """Seats that were kept for a code, and that nobody took, are for everybody."""
    _reserve(fold, code, 0)
    fold.keep_code(replace(code, released=True))


def counting(line: Line, audiences: Sequence[str]) -> Line:
    """The session's line, with all kinds of attendee counted."""
    if not line.rules.by_choice:
        return line
    return with_quotas(line, kinds_of_session(audiences, dict(line.rules.quotas)))


def _lacks_wordings(line: Line, rules: Rules) -> bool:
    """Whether the line has the same revision of `rules`, but for what can be agreed to and the language that it is said in."""
    return line.rules != rules and _unworded(line.rules) == _unworded(rules)


def _unworded(rules: Rules) -> Rules:
    return replace(rules, language="", questions=tuple(replace(question, wordings=()) for question in rules.questions))


def _code_faults(fold: Fold, number: int, code: Code) -> Iterator[Reason]:
    field = f"codes.{number}"
    # A code that there is may be ended so; a new one would be of no use to anybody.
    if code.id not in fold.codes and code.expires_at is not None and fold.now >= code.expires_at:
        message = "a new code cannot end in the past; give a later time, or leave it out"
        yield Reason(code="over", field=f"{field}.expires_at", message=message)
    for place, session_id in enumerate(code.sessions):
        if session_id not in fold.lines:
            message = f"there is no session {session_id!r} in this event"
            yield Reason(code="unknown-session", field=f"{field}.sessions.{place}", message=message)
    if code.uses is not None and code.reserved > code.uses:
        message = f"more seats are reserved than the code has uses; reserve at most {code.uses}"
        yield Reason(code="reserve-too-large", field=f"{field}.reserved", message=message)
    for name in _lines_with_reserve(fold, code):
        before = fold.lines[name].kinds.get(f"@{code.id}")
        more = code.reserved - (before.quota or 0 if before else 0)
        free = fold.lines[name].free_for(None)
        if free is not None and more > free:
            where = "the event" if name == EVENT else f"session {name!r}"
            message = f"only {free} seats of {where} are free; reserve fewer, or raise the capacity"
            yield Reason(code="reserve-too-large", field=f"{field}.reserved", message=message)


def _set_code(fold: Fold, code: Code) -> None:
    before = fold.codes.get(code.id)
    if before is not None:
        _reserve(fold, before, 0)
        code = replace(code, used=before.used)
    _reserve(fold, code, 0 if code.ended(fold.now) else code.reserved)
    fold.keep_code(replace(code, released=code.ended(fold.now)))


def _reserve(fold: Fold, code: Code, seats: int) -> None:
    if code.group is None:
        return
    for name in _lines_with_reserve(fold, code):
        fold.lines[name] = with_reserve(fold.lines[name], code.group, seats)


def _lines_with_reserve(fold: Fold, code: Code) -> list[str]:
    return [name for name in (EVENT, *code.sessions) if name in fold.lines] if code.reserved else []
