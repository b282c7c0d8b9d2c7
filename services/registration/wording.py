"""What a form says of a refusal, in the reader's words: the field's label, what to do, and beside which field it belongs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.registration.attendee.fullness import fullness
from services.registration.seats import EVENT, Line, Seats
from shared.contracts.base import said_in
from shared.contracts.scheduling import EventState, Question, RequirementPolicy, SessionState
from shared.web.i18n import translations
from shared.web.times import moment


def _(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


_LABELS = {
    "person.name": _("Name"),
    "person.email": _("E-mail"),
    "person.country": _("Country"),
    "person.affiliation": _("Organisation"),
    "person.audience": _("You come as"),
    "person.language": _("Language of your mails"),
    "event_id": _("Event"),
    "registration_id": _("Your registration"),
    "sessions": _("Sessions"),
    "code": _("Invitation code"),
}

_REMEDIES = {
    "already-registered": _("You are registered already. Use the private address in your mail to change or cancel."),
    "answer-needed": _("Please answer this question."),
    "audience-needed": _("Please choose."),
    "cancelled": _("It is cancelled."),
    "cannot-receive": _("The seat cannot be handed to this address; perhaps it has a registration already."),
    "choice-needed": _("Choose at least one session."),
    "closed": _("Registration is closed."),
    "code-expired": _("This code is no longer valid. Please ask whoever gave it to you for another one."),
    "code-needed": _("It is by invitation: please give the code that you were sent."),
    "code-of-another": _("This code is for another e-mail address. Use the address that the invitation was sent to."),
    "code-used-up": _("This code has been used as often as it may be. Please ask whoever gave it to you."),
    "consent-needed": _("Without this consent there is no registration."),
    "full": _("It is full and has no waiting list."),
    "members-only": _("It is for members. Use the e-mail address that you are known by as a member."),
    "checked-in": _("You were checked in there. Ask the organisers if that is a mistake."),
    "code-kept": _("You registered with another code. Ask the organisers to change it."),
    "forgotten": _("The time to keep registrations of this event is over."),
    "no-seat-yet": _("It gives no seat at once. Choose it beside what you have, so that you lose nothing."),
    "number-taken": _("Somebody else gave this number. Leave it out, and ask the organisers."),
    "no-choice-needed": _("It is open to everyone registered."),
    "no-offer": _("Nothing is offered here any more. This page shows what stands now."),
    "no-transfers": _("Seats of this event cannot be handed on. Cancel, so that the next in line gets it."),
    "not-chosen": _("It is not in your registration any more. This page shows what stands now."),
    "not-here": _("Registration is not taken here."),
    "not-open-yet": _("Registration is not open yet."),
    "offer-lapsed": _("The time to accept this offer is over."),
    "over": _("It is over."),
    "nobody-named": _("Nobody was named."),
    "own-address": _("This is your own address: give your colleague's."),
    "overlap": _("It is at the same time as another session that you chose; choose one of the two."),
    "repeated": _("It is named twice."),
    "requirement-missing": _("This person needs the registration with the other organisation first."),
    "started": _("It has begun already."),
    "too-late": _("This seat was used, or the event is over."),
    "too-many": _("You have chosen more sessions than one person may have; leave one out."),
    "unknown-audience": _("Please choose from the list."),
    "unknown-code": _("There is no such code for this event. Please check how it is spelled."),
    "unknown-question": _("Nobody asks this any more; leave it out."),
    "unknown-registration": _("There is no such registration any more."),
    "unknown-requirement": _("This is not needed any more; leave it out."),
    "unknown-session": _("This session is not part of the event."),
    "worded-otherwise": _("The text has changed. Read the new one, and tick the box again if you agree."),
    "wrong-answer": _("Please choose from the list."),
}
"""By the reason's code (admission, codes, answered, decisions)."""

_SESSION_OVER = _("It is over. Choose a session that is still to come.")
_EVENT_OVER = _("It is over. Ask its organisers if you were there and are not registered.")
_FULL_BUT_WAITED_FOR = _("It is full. To wait for it, choose it beside what you have.")
_CANCELLED_REGISTRATION = _("This registration is cancelled.")
_FIRST_ELSEWHERE = _("Whoever takes the seat must be registered with %(name)s first.")
_OPENS = _("Registration opens on %(moment)s.")

_FORM_REMEDIES = {
    "person.name": _("Please give your name, at most 200 characters."),
    "person.email": _("Please give an e-mail address, such as ada@example.org."),
    "person.country": _("Please choose from the list."),
    "person.affiliation": _("At most 200 characters."),
    "person.audience": _("Please choose from the list."),
    "person.language": _("Please choose from the list."),
    "code": _("At most 80 characters."),
    "numbers": _("At most 80 characters."),
    "answers": _("This is too long; shorten it."),
    "sessions": _("This session is not part of the event."),
}
"""What to do about a field that cannot be read, by its name or its first part."""

_AT = {f"person.{name}": name for name in ("name", "email", "country", "affiliation", "audience", "language")}


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: the `field` as the reader knows it, what to do, and the id of its place on the page (empty:
    it concerns the whole)."""

    field: str
    message: str
    at: str
    link: str = ""
    """An address that helps."""


class Wording:
    """The words for whoever reads `language` of a form for `event`, as it stands at `now` (UTC)."""

    def __init__(
        self, event: EventState, sessions: Sequence[SessionState], seats: Seats, language: str, now: datetime
    ) -> None:
        self._event, self._seats, self._language, self._now = event, seats, language, now
        self._sessions = {session.id: session for session in sessions}
        self._gettext: Callable[[str], str] = translations(language).gettext

    def said(self, errors: Sequence[Mapping[str, str]], chosen: Sequence[str]) -> list[Fault]:
        """Each problem once, in the reader's words; `chosen` are the sessions of the request, in order."""
        return list(dict.fromkeys(self._said(error, chosen) for error in errors))

    def _said(self, error: Mapping[str, str], chosen: Sequence[str]) -> Fault:
        field, code = error["field"], error.get("code", "")
        first, _dot, rest = field.partition(".")
        if first == "sessions" and rest.isdecimal() and int(rest) < len(chosen) and chosen[int(rest)] in self._sessions:
            id_ = chosen[int(rest)]
            message = self._remedy(code, "sessions", self._seats.sessions.get(id_)) or error["message"]
            return Fault(self._text(self._sessions[id_].title), message, f"session-{id_}")
        message = self._remedy(code, field, self._line(field)) or error["message"]
        if first == "answers":
            id_ = rest.partition(".")[0]
            label = next((self._text(asked.label) for asked in self._questions() if asked.id == id_), field)
            return Fault(label, message, f"q.{id_}")
        if first == "numbers":
            id_ = rest.partition(".")[0]
            return Fault(self._requirement(id_), message, f"numbers.{id_}")
        if code == "requirement-missing":
            return self._first_elsewhere(message)
        label = _LABELS.get(field, _LABELS.get(first, ""))
        at = _AT.get(field, first if first in ("sessions", "code") else "")
        return Fault(self._gettext(label) if label else field, message, at)

    def _remedy(self, code: str, field: str, line: Line | None) -> str:
        if code == "full" and line is not None and fullness(line, self._seats.audiences, self._now).waits:
            return self._gettext(_FULL_BUT_WAITED_FOR)
        if code == "over" and field in ("sessions", "event_id"):
            return self._gettext(_SESSION_OVER if field == "sessions" else _EVENT_OVER)
        if code == "not-open-yet" and line is not None and line.rules.opens is not None:
            opens = moment(line.rules.opens, self._event.zone, self._language)
            return self._gettext(_OPENS) % {"moment": opens}
        if code == "cancelled" and field == "registration_id":
            return self._gettext(_CANCELLED_REGISTRATION)
        remedy = _REMEDIES.get(code) or _FORM_REMEDIES.get(field) or _FORM_REMEDIES.get(field.partition(".")[0])
        return self._gettext(remedy) if remedy else ""

    def _first_elsewhere(self, message: str) -> Fault:
        """Whom somebody has to be registered with before a seat can be theirs."""
        first = [needed for needed in self._event.requirements if needed.policy is RequirementPolicy.FIRST]
        if first:
            names = ", ".join(self._text(needed.name) for needed in first)
            message = self._gettext(_FIRST_ELSEWHERE) % {"name": names}
        link = next((needed.url for needed in first if needed.url), "")
        return Fault(self._gettext(_LABELS["person.email"]), message, "email", link)

    def _line(self, field: str) -> Line | None:
        return self._seats.line(EVENT) if field == "event_id" and self._seats.event is not None else None

    def _questions(self) -> Iterator[Question]:
        yield from self._event.questions
        for session in self._sessions.values():
            yield from session.questions

    def _requirement(self, id_: str) -> str:
        return next((self._text(needed.name) for needed in self._event.requirements if needed.id == id_), id_)

    def _text(self, text: Mapping[str, str]) -> str:
        return said_in(dict(text), self._language, self._event.languages[0])
