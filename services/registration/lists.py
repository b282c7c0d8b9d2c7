"""Who comes, for organisers: the list as a table, and the counts by state, session, kind of attendee and country."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.registration.registrations import Held, Registration
from shared.cells import harmless
from shared.contracts.base import said_in
from shared.contracts.registration import RequirementState, SeatState
from shared.contracts.scheduling import EventState, Question, SessionState

_ALWAYS = (
    "registration_id", "state", "name", "email", "language", "audience", "affiliation", "country", "registered_at",
    "changed_at", "cause", "offered_until", "held_until", "code", "attended_at",
)  # fmt: skip


def table(
    event: EventState, sessions: Sequence[SessionState], registrations: Iterable[Registration], language: str
) -> bytes:
    """A row for each registration, a column for each requirement, for each session that is chosen and for each question;
    RFC 4180, UTF-8 with a mark that spreadsheets need. Instants are UTC. Titles and labels are in `language`, else in the
    event's first. Who was forgotten has no row."""
    chosen = [session for session in sessions if session.by_choice]
    questions = [*event.questions, *(question for session in sessions for question in session.questions)]
    first = event.languages[0]
    head = [
        *_ALWAYS,
        *(f"{needed.id}: {said_in(needed.name, language, first)}" for needed in event.requirements),
        *(f"{session.id}: {said_in(session.title, language, first)}" for session in chosen),
        *(f"{question.id}: {said_in(question.label, language, first)}" for question in questions),
    ]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([harmless(cell) for cell in head])
    needed = [requirement.id for requirement in event.requirements]
    for registration in registrations:
        if not registration.erased:
            writer.writerow([harmless(cell) for cell in _row(registration, needed, chosen, questions)])
    return text.getvalue().encode("utf-8-sig")


def counts(registrations: Iterable[Registration]) -> dict[str, Any]:
    """How many registrations there are by state; of those that have or await a seat, how many by kind of attendee, by
    country and language, by requirement and state, and by code; by session and state. `held` and `offered` are seats at the
    event that are kept until something is granted, or taken; `sessions_held` are those of sessions. Who was forgotten is
    counted as before."""
    states: Counter[str] = Counter()
    audiences: Counter[str] = Counter()
    countries: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    requirements: dict[str, Counter[str]] = {}
    sessions: dict[str, Counter[str]] = {}
    held_in: Counter[str] = Counter()
    attended = held_at_event = erased = 0
    for registration in registrations:
        states[registration.state.value] += 1
        attended += registration.attended_at is not None
        held_at_event += _is_held(registration)
        erased += registration.erased
        if registration.state is not SeatState.CANCELLED:
            person = registration.person
            audiences[person.audience or ""] += 1
            countries[person.country or ""] += 1
            languages[person.language] += 1
            if registration.code is not None:
                codes[registration.code] += 1
            for id_, state in registration.requirements.items():
                requirements.setdefault(id_, Counter())[state.value] += 1
        for held in registration.choices:
            sessions.setdefault(held.session_id, Counter())[held.state.value] += 1
            held_in[held.session_id] += _is_held(held)
    return {
        "states": _sorted(states),
        "audiences": _sorted(audiences),
        "countries": _sorted(countries),
        "languages": _sorted(languages),
        "sessions": {id_: _sorted(count) for id_, count in sorted(sessions.items())},
        "attended": attended,
        "offered": states[SeatState.OFFERED.value],
        "held": held_at_event,
        "sessions_held": _sorted(+held_in),
        "requirements": {id_: _sorted(count) for id_, count in sorted(requirements.items())},
        "codes": _sorted(codes),
        "erased": erased,
    }


def _row(
    registration: Registration, needed: Sequence[str], chosen: Sequence[SessionState], questions: Sequence[Question]
) -> list[str]:
    person = registration.person
    held = {choice.session_id: choice.state.value for choice in registration.choices}
    return [
        registration.id,
        registration.state.value,
        person.name,
        person.email,
        person.language,
        person.audience or "",
        person.affiliation or "",
        person.country or "",
        _instant(registration.registered_at),
        _instant(registration.changed_at),
        registration.cause.value if registration.cause else "",
        _instant(_offered_until(registration)),
        _instant(registration.hold_until),
        registration.code or "",
        _instant(registration.attended_at),
        *(registration.requirements.get(id_, RequirementState.MISSING).value for id_ in needed),
        *(held.get(session.id, "") for session in chosen),
        *(_said(registration.answers.get(question.id, "")) for question in questions),
    ]


def _is_held(seat: Registration | Held) -> bool:
    """Whether a seat is kept for somebody for whom something is missing."""
    return seat.state is SeatState.PENDING and seat.held


def _offered_until(registration: Registration) -> datetime | None:
    """When the first offer that the person has lapses, at the event or in a session."""
    until = (registration.until, *(held.until for held in registration.choices))
    return min((instant for instant in until if instant is not None), default=None)


def _instant(instant: datetime | None) -> str:
    return instant.isoformat(timespec="seconds") if instant else ""


def _said(answer: str | bool) -> str:
    return ("yes" if answer else "no") if isinstance(answer, bool) else answer


def _sorted(count: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(count.items(), key=lambda item: (-item[1], item[0])))
