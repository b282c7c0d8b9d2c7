"""Who comes, for organisers: the list as a table, and the counts by state, session, kind of attendee and country."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.registration.registrations import Registration
from shared.cells import harmless
from shared.contracts.base import said_in
from shared.contracts.registration import SeatState
from shared.contracts.scheduling import EventState, Question, SessionState

_ALWAYS = (
    "registration_id", "state", "name", "email", "language", "audience", "affiliation", "country", "registered_at",
    "changed_at",
)  # fmt: skip


def table(
    event: EventState, sessions: Sequence[SessionState], registrations: Iterable[Registration], language: str
) -> bytes:
    """A row for each registration, a column for each session that is chosen and for each question; RFC 4180, UTF-8 with a
    mark that spreadsheets need. Instants are UTC. Titles and labels are in `language`, else in the event's first."""
    chosen = [session for session in sessions if session.by_choice]
    questions = [*event.questions, *(question for session in sessions for question in session.questions)]
    first = event.languages[0]
    head = [
        *_ALWAYS,
        *(f"{session.id}: {said_in(session.title, language, first)}" for session in chosen),
        *(f"{question.id}: {said_in(question.label, language, first)}" for question in questions),
    ]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([harmless(cell) for cell in head])
    for registration in registrations:
        writer.writerow([harmless(cell) for cell in _row(registration, chosen, questions)])
    return text.getvalue().encode("utf-8-sig")


def counts(registrations: Iterable[Registration]) -> dict[str, Any]:
    """How many registrations there are by state; of those that have or await a seat, how many by kind of attendee, by
    country and language; and by session and state."""
    states: Counter[str] = Counter()
    audiences: Counter[str] = Counter()
    countries: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    sessions: dict[str, Counter[str]] = {}
    for registration in registrations:
        states[registration.state.value] += 1
        if registration.state is not SeatState.CANCELLED:
            person = registration.person
            audiences[person.audience or ""] += 1
            countries[person.country or ""] += 1
            languages[person.language] += 1
        for held in registration.choices:
            sessions.setdefault(held.session_id, Counter())[held.state.value] += 1
    return {
        "states": _sorted(states),
        "audiences": _sorted(audiences),
        "countries": _sorted(countries),
        "languages": _sorted(languages),
        "sessions": {id_: _sorted(count) for id_, count in sorted(sessions.items())},
    }


def _row(registration: Registration, chosen: Sequence[SessionState], questions: Sequence[Question]) -> list[str]:
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
        registration.registered_at.isoformat(timespec="seconds"),
        registration.changed_at.isoformat(timespec="seconds"),
        *(held.get(session.id, "") for session in chosen),
        *(_said(registration.answers.get(question.id, "")) for question in questions),
    ]


def _said(answer: str | bool) -> str:
    return ("yes" if answer else "no") if isinstance(answer, bool) else answer


def _sorted(count: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(count.items(), key=lambda item: (-item[1], item[0])))
