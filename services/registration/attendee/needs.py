"""What the people of one session answered, for its chairs: needs and ideas, and from what sort of place they come. No names.

Chairs read the session's own questions. Of the event's, only those in free text, where people tell their needs and ideas,
and only the answers of the session's people: what else the event asks of everybody is for its organisers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from babel import Locale

from services.registration.readings import Readings
from services.registration.registrations import Registration
from services.registration.schema import SESSIONS, Wanted
from shared.contracts.base import Text, said_in
from shared.contracts.registration import SeatState
from shared.contracts.scheduling import EventState, Question, Role, SessionState
from shared.storage.mongo import Database

_AT_ONCE = 500
_GONE = (SeatState.CANCELLED,)


@dataclass(frozen=True)
class Need:
    """One answer; `whose` says of the person what there is of affiliation, kind of attendee and country."""

    said: str
    whose: str


@dataclass(frozen=True)
class Asked:
    """A question, and what was answered, oldest first; for a choice, how many chose what."""

    label: str
    answers: tuple[Need, ...]
    counts: tuple[tuple[str, int], ...] = ()


class Needs:
    """Reads a session and the answers of its people."""

    def __init__(self, database: Database, readings: Readings) -> None:
        self._sessions, self._readings = database[SESSIONS.name], readings

    async def session(self, session_id: str) -> SessionState | None:
        """The session as published."""
        document = await self._sessions.find_one({"_id": session_id})
        return SessionState.model_validate(document["state"]) if document else None

    async def people(self, session: SessionState, sessions: Iterable[SessionState]) -> list[Registration]:
        """Those who have or await a seat in the session; where none of the event's `sessions` is chosen, at the event.
        A session that nobody chooses beside others that are chosen has no people of its own."""
        if not _has_people(session, sessions):
            return []
        wanted = Wanted(session_id=session.id) if session.by_choice else None
        found: list[Registration] = []
        page: list[Registration] | None = None
        while page is None or len(page) == _AT_ONCE:
            after = page[-1].id if page else None
            page = await self._readings.registrations(session.event_id, after, _AT_ONCE, wanted=wanted)
            found += page
        return [one for one in found if not one.erased and one.state not in _GONE]


def read_by_chairs(event: EventState, session: SessionState, sessions: Iterable[SessionState]) -> list[Question]:
    """The questions whose answers the session's chairs read: its own, then the event's that they read too. A consent is no
    need: it is left out. `sessions` are all of the event."""
    own = [question for question in session.questions if question.kind != "consent"]
    has_chairs = any(person.role is Role.CHAIR for person in session.people)
    if not has_chairs or not _has_people(session, sessions):
        return own
    return own + [question for question in event.questions if question.kind == "text"]


def read_by_any(event: EventState, sessions: Sequence[SessionState]) -> set[str]:
    """The ids of the questions whose answers the chairs of some session read: who answers is told so."""
    return {question.id for session in sessions for question in read_by_chairs(event, session, sessions)}


def _has_people(session: SessionState, sessions: Iterable[SessionState]) -> bool:
    return session.by_choice or not any(one.by_choice for one in sessions)


def asked_of(
    event: EventState, questions: Iterable[Question], people: Sequence[Registration], language: str, yes: str, no: str
) -> list[Asked]:
    """Every question with what `people` answered. `yes` and `no` are the words for it."""
    reader = _Reader(event, language, yes, no)
    return [reader.asked(question, people) for question in questions]


class _Reader:
    def __init__(self, event: EventState, language: str, yes: str, no: str) -> None:
        self._first, self._language = event.languages[0], language
        self._yes, self._no = yes, no
        self._kinds: Mapping[str, Text] = {kind.id: kind.name for kind in event.audiences}
        self._countries = Locale.parse(language).territories

    def asked(self, question: Question, people: Sequence[Registration]) -> Asked:
        given = [(one, one.answers[question.id]) for one in people if one.answers.get(question.id, "") != ""]
        answers = tuple(Need(self._said(question, answer), self._whose(one)) for one, answer in given)
        label = self._text(question.label)
        if question.kind == "text":
            return Asked(label, answers)
        counts: dict[str, int] = {}
        for need in answers:
            counts[need.said] = counts.get(need.said, 0) + 1
        return Asked(label, answers, tuple(sorted(counts.items(), key=lambda count: (-count[1], count[0]))))

    def _said(self, question: Question, answer: str | bool) -> str:
        if isinstance(answer, bool):
            return self._yes if answer else self._no
        return next((self._text(choice) for choice in question.choices if answer in choice.values()), answer)

    def _whose(self, one: Registration) -> str:
        person = one.person
        kind = self._text(self._kinds.get(person.audience or "", {}))
        country = str(self._countries.get(person.country, person.country)) if person.country else ""
        return ", ".join(part for part in (person.affiliation, kind, country) if part)

    def _text(self, text: Text) -> str:
        return said_in(text, self._language, self._first)
