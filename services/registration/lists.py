"""Who comes, for organisers: the list as a table."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.registration.documents import registration_from
from services.registration.registrations import Registration
from shared.cells import harmless
from shared.contracts.base import said_in
from shared.contracts.registration import RequirementState
from shared.contracts.scheduling import EventState, Question, SessionState

_ALWAYS = (
    "registration_id", "state", "name", "email", "language", "audience", "affiliation", "country", "registered_at",
    "changed_at", "cause", "offered_until", "held_until", "code", "attended_at",
)  # fmt: skip


class Table:
    """A row for each registration, a column for each requirement, for each session that is chosen and for each question;
    RFC 4180, UTF-8. Instants are UTC. Titles and labels are in `language`, else in the event's first. Cells that a
    spreadsheet would take for a formula are made harmless."""

    def __init__(self, event: EventState, sessions: Sequence[SessionState], language: str) -> None:
        first = event.languages[0]
        self._needed = [requirement.id for requirement in event.requirements]
        self._chosen = [session for session in sessions if session.by_choice]
        self._questions = [*event.questions, *(question for session in sessions for question in session.questions)]
        self._head = [
            *_ALWAYS,
            *(f"{needed.id}: {said_in(needed.name, language, first)}" for needed in event.requirements),
            *(f"{session.id}: {said_in(session.title, language, first)}" for session in self._chosen),
            *(f"{question.id}: {said_in(question.label, language, first)}" for question in self._questions),
        ]

    def head(self) -> bytes:
        """The names of the columns, behind a mark that spreadsheets need."""
        return codecs.BOM_UTF8 + _written([self._head])

    def rows(self, stored: Iterable[Mapping[str, Any]]) -> bytes:
        """The rows of registrations as they are stored. Who was forgotten has none."""
        registrations = (registration_from(document["_id"], document) for document in stored)
        return _written(
            _row(one, self._needed, self._chosen, self._questions) for one in registrations if not one.erased
        )


def _written(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


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


def _offered_until(registration: Registration) -> datetime | None:
    """When the first offer that the person has lapses, at the event or in a session."""
    until = (registration.until, *(held.until for held in registration.choices))
    return min((instant for instant in until if instant is not None), default=None)


def _instant(instant: datetime | None) -> str:
    return instant.isoformat(timespec="seconds") if instant else ""


def _said(answer: str | bool) -> str:
    return ("yes" if answer else "no") if isinstance(answer, bool) else answer
