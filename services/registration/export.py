"""Everything that is kept of one person, for that person: what was said, what was decided, and why. Nobody else's data."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.registration.consents import text_of, worded_otherwise, wordings
from services.registration.history import decisions, names_of, told
from services.registration.registrations import Held, Registration
from services.registration.seats import EVENT
from services.registration.store import Store
from shared.contracts.base import said_in
from shared.contracts.scheduling import EventState, Question, SessionState


async def export(store: Store, registration: Registration, now: datetime, language: str = "en") -> dict[str, Any]:
    """What is kept, at `now` (UTC), as JSON data. Titles, questions and reasons are in `language` where they exist in it, what
    was agreed to as it was read; instants are UTC. Of a person who was forgotten, what is left without the person."""
    event, sessions, positions, decided = await asyncio.gather(
        store.event(registration.event_id),
        store.sessions(registration.event_id),
        store.positions(registration),
        decisions(store, registration.event_id, names_of(registration)),
    )
    asked = _asked(event, sessions)
    questions = {question.id: said_in(question.label, language) for question in asked}
    offered = {question.id: wordings(question) for question in asked}
    by_id = {question.id: question for question in asked}
    places = {line: position for (line, _), position in positions.items()}
    person = {} if registration.erased else registration.person.model_dump(mode="json", exclude_none=True)
    return {
        "exported_at": _instant(now),
        "event": {"id": registration.event_id, "title": said_in(event.title, language) if event else ""},
        "registration": {
            "id": registration.id,
            "state": registration.state.value,
            "cause": registration.cause.value if registration.cause else None,
            "seat_held": registration.held,
            "position": places.get(EVENT),
            "offered_until": _instant(registration.until),
            "held_until": _instant(registration.hold_until),
            "reconfirm_until": _instant(registration.reconfirm_until),
            "approved": registration.approved,
            "member": registration.member,
            "registered_at": _instant(registration.registered_at),
            "changed_at": _instant(registration.changed_at),
            "attended_at": _instant(registration.attended_at),
            "somebody_asked_again_at": _instant(registration.repeated_at),
            "forgotten": registration.erased,
        },
        "person": person,
        "answers": [
            {"id": id_, "question": questions.get(id_, ""), "answer": answer}
            for id_, answer in registration.answers.items()
        ],
        "consents": [
            {
                "id": id_,
                "question": questions.get(id_, ""),
                "given_at": _instant(consent.at),
                "agreed_to": text_of(consent, by_id.get(id_)),
                "worded_otherwise_since": worded_otherwise(consent, offered.get(id_, ())) if consent.wording else None,
            }
            for id_, consent in registration.consents.items()
        ],
        "requirements": [
            {"id": id_, "name": _requirement(event, id_, language), "state": state.value}
            for id_, state in registration.requirements.items()
        ],
        "code": registration.code,
        "numbers": dict(registration.numbers),
        "seats": _seats(registration, sessions, places, language),
        "decisions": [told(one, language) for one in decided],
    }


def _seats(
    registration: Registration, sessions: Sequence[SessionState], places: Mapping[str, int], language: str
) -> list[dict[str, Any]]:
    """Each choice with what it is of, in order of time."""
    known = {session.id: session for session in sessions}
    order = {session.id: number for number, session in enumerate(sessions)}
    choices = sorted(registration.choices, key=lambda held: order.get(held.session_id, len(order)))
    return [_seat(held, known.get(held.session_id), places, language) for held in choices]


def _seat(held: Held, session: SessionState | None, places: Mapping[str, int], language: str) -> dict[str, Any]:
    return {
        "session_id": held.session_id,
        "title": said_in(session.title, language) if session else "",
        "starts_at": _instant(session.starts_at if session else None),
        "ends_at": _instant(session.ends_at if session else None),
        "state": held.state.value,
        "cause": held.cause.value if held.cause else None,
        "seat_held": held.held,
        "position": places.get(held.session_id),
        "offered_until": _instant(held.until),
        "instead_of": list(held.instead_of),
        "approved": held.approved,
        "attended_at": _instant(held.attended_at),
    }


def _asked(event: EventState | None, sessions: Sequence[SessionState]) -> list[Question]:
    return [*(event.questions if event else ()), *(question for s in sessions for question in s.questions)]


def _requirement(event: EventState | None, id_: str, language: str) -> str:
    requirements = event.requirements if event else []
    return next((said_in(needed.name, language) for needed in requirements if needed.id == id_), "")


def _instant(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at is not None else None
