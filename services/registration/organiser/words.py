"""How registrations read to organisers: states, causes, reasons, who asked for what, moments, names of things."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale

from services.registration.explained import REASONS, explained
from services.registration.seats import EVENT
from shared.contracts.base import Text, said_in
from shared.contracts.local_time import offset_name
from shared.contracts.registration import Cause, RequirementState, SeatState
from shared.contracts.scheduling import EventState, Question, SessionState
from shared.web.i18n import clock_time, day

Words = Callable[[str], str]
"""The catalogue's gettext."""


class Reader:
    """An organiser who reads of one event, in one language."""

    def __init__(self, event: EventState, sessions: Sequence[SessionState], language: str, words: Words) -> None:
        self.event, self.sessions, self.language, self.words = event, sessions, language, words
        self.session = {session.id: session for session in sessions}
        self.states, self.causes, self.requirement_states = states(words), causes(words), requirement_states(words)

    @property
    def title(self) -> str:
        """The event's title."""
        return self.text(self.event.title)

    @property
    def chosen(self) -> list[SessionState]:
        """The sessions that people choose."""
        return [session for session in self.sessions if session.by_choice]

    def text(self, text: Text) -> str:
        """A text in the reader's language, else in the event's first."""
        return said_in(text, self.language, self.event.languages[0])

    def line(self, name: str) -> str:
        """What a line of seats is called: the event's, or a session's title (its id, where it is not published any more)."""
        if name == EVENT:
            return self.words("The event")
        session = self.session.get(name)
        return self.text(session.title) if session is not None else name

    def kind(self, id_: str | None) -> str:
        """What a kind of attendee is called."""
        return next((self.text(kind.name) for kind in self.event.audiences if kind.id == id_), id_ or "")

    def requirement(self, id_: str) -> str:
        """What a registration elsewhere is called."""
        return next((self.text(needed.name) for needed in self.event.requirements if needed.id == id_), id_)

    def questions(self) -> dict[str, Question]:
        """All questions of the event and its sessions."""
        return {q.id: q for q in (*self.event.questions, *(q for s in self.sessions for q in s.questions))}

    def answer(self, answer: str | bool) -> str:
        """An answer to a question."""
        return (self.words("yes") if answer else self.words("no")) if isinstance(answer, bool) else answer

    def options(self, question: Question) -> list[tuple[str, str]]:
        """What can be chosen as an answer: the value to send, and how it reads."""
        if question.kind == "yes-no":
            return [("yes", self.words("yes")), ("no", self.words("no"))]
        return [(said_in(choice, self.event.languages[0]), self.text(choice)) for choice in question.choices]

    def country(self, code: str | None) -> str:
        """A country's name by its ISO 3166-1 code."""
        return str(Locale.parse(self.language).territories.get(code, code)) if code else ""

    def tongue(self, code: str) -> str:
        """A language's name by its ISO 639-1 code."""
        return str(Locale.parse(self.language).languages.get(code, code))

    def moment(self, instant: datetime) -> str:
        """Wednesday, 20 November 2019, 09:40 (UTC+1), by the clocks of the event."""
        local = instant.astimezone(ZoneInfo(self.event.zone))
        offset = local.utcoffset()
        at = f"{day(local.date(), self.language)}, {clock_time(local, self.language)}"
        return at if offset is None else f"{at} ({offset_name(offset)})"

    def reason(self, code: str, field: str, named: Sequence[str] = ()) -> str:
        """Why something was refused; `named` are the sessions that were named, in their order."""
        return self._said(self._about(field, named), explained(code, self.language))

    def problems(self, errors: Sequence[Mapping[str, Any]], named: Sequence[str] = ()) -> list[str]:
        """What a form's errors say: a reason that is known in words, else as it was found, in English."""
        return [
            self.reason(error["code"], error["field"], named)
            if error.get("code") in REASONS
            else self._said(self._about(error["field"], named) or error["field"], error["message"])
            for error in errors
        ]

    def _said(self, about: str, said: str) -> str:
        return self.words("{field}: {said}").format(field=about, said=said) if about else said

    def _about(self, field: str, named: Sequence[str]) -> str:
        if field.startswith("session:"):
            return self.line(field.removeprefix("session:"))
        section, _, rest = field.partition(".")
        number = rest.partition(".")[0]
        if section == "sessions" and number.isdecimal():
            if int(number) < len(named):
                return self.line(named[int(number)])
            return ""
        if section == "answers" and number in (asked := self.questions()):
            return self.text(asked[number].label)
        return fields(self.words).get(field, "")


def fields(words: Words) -> dict[str, str]:
    """What the fields of a request are called, where naming them helps."""
    return {
        "event_id": words("The event"),
        "code": words("Invitation code"),
        "person.name": words("Name"),
        "person.email": words("E-mail"),
        "person.audience": words("Kind of attendee"),
        "person.country": words("Country"),
        "person.affiliation": words("Organisation"),
    }


def states(words: Words) -> dict[str, str]:
    """States of a registration, or of a seat in a session, by their value."""
    return {
        SeatState.CONFIRMED.value: words("confirmed"),
        SeatState.PENDING.value: words("pending"),
        SeatState.WAITLISTED.value: words("on the waiting list"),
        SeatState.OFFERED.value: words("offered"),
        SeatState.ATTENDED.value: words("attended"),
        SeatState.CANCELLED.value: words("cancelled"),
    }


def causes(words: Words) -> dict[str, str]:
    """Why something is pending or cancelled, by the value."""
    return {
        Cause.APPROVAL.value: words("waits for an organiser's yes"),
        Cause.REQUIREMENT.value: words("waits for a registration elsewhere"),
        Cause.EVENT_SEAT.value: words("waits for a seat at the event"),
        Cause.GIVEN_UP.value: words("given up"),
        Cause.DECLINED.value: words("an organiser said no"),
        Cause.REQUIREMENT_LAPSED.value: words("the registration elsewhere was not there in time"),
        Cause.OFFER_LAPSED.value: words("the offer was not taken in time"),
        Cause.NOT_RECONFIRMED.value: words("it was not said in time that the person still comes"),
        Cause.SWAPPED.value: words("given up for another session"),
        Cause.TRANSFERRED.value: words("handed on to a colleague"),
        Cause.FULL.value: words("full when the seat at the event came"),
        Cause.OVERLAP.value: words("at the same time as another seat"),
        Cause.OVER.value: words("it had begun or was called off when the seat at the event came"),
        Cause.ERASED.value: words("the person was forgotten"),
        Cause.CALENDAR.value: words("removed from the person's calendar, or declined there or in the invitation"),
    }


def requirement_states(words: Words) -> dict[str, str]:
    """What another organisation said, by the value."""
    return {
        RequirementState.MISSING.value: words("missing"),
        RequirementState.GRANTED.value: words("granted"),
        RequirementState.REFUSED.value: words("refused"),
        RequirementState.REVOKED.value: words("revoked"),
    }
