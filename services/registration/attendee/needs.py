"""What the people of one session answered, for its chairs: needs and ideas, and from what sort of place they come. No names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from babel import Locale

from services.registration.readings import Readings
from services.registration.registrations import Registration
from services.registration.schema import SESSIONS, Wanted
from shared.contracts.base import Text, said_in
from shared.contracts.registration import SeatState
from shared.contracts.scheduling import EventState, Question, SessionState
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
    """Reads the answers to a session's questions, and to the event's."""

    def __init__(self, database: Database, readings: Readings) -> None:
        self._sessions, self._readings = database[SESSIONS.name], readings

    async def session(self, session_id: str) -> SessionState | None:
        """The session as published."""
        document = await self._sessions.find_one({"_id": session_id})
        return SessionState.model_validate(document["state"]) if document else None

    async def people(self, session: SessionState) -> list[Registration]:
        """Those who have or await a seat in the session; where nobody chooses it, at the event."""
        wanted = Wanted(session_id=session.id) if session.by_choice else None
        found: list[Registration] = []
        page: list[Registration] | None = None
        while page is None or len(page) == _AT_ONCE:
            after = page[-1].id if page else None
            page = await self._readings.registrations(session.event_id, after, _AT_ONCE, wanted=wanted)
            found += page
        return [one for one in found if not one.erased and one.state not in _GONE]


def asked_of(
    event: EventState, session: SessionState, people: Sequence[Registration], language: str, yes: str, no: str
) -> list[Asked]:
    """Every question with its answers, the session's own first. A consent is no need: it is left out. `yes` and `no` are
    the words for it."""
    reader = _Reader(event, language, yes, no)
    return [
        reader.asked(question, people)
        for question in (*session.questions, *event.questions)
        if question.kind != "consent"
    ]


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
