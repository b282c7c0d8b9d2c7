"""What a form says of a refusal, in the reader's words: the field's label and what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from shared.contracts.base import Text, said_in
from shared.contracts.scheduling import EventState, SessionState

Gettext = Callable[[str], str]


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
    "sessions": _("Sessions"),
}

_REMEDIES = {
    "already-registered": _("You are registered already. Use the private address in your mail to change or cancel."),
    "audience-needed": _("Please choose."),
    "unknown-audience": _("Please choose from the list."),
    "cancelled": _("It is cancelled."),
    "choice-needed": _("Choose at least one session."),
    "closed": _("Registration is closed."),
    "full": _("It is full and has no waiting list."),
    "not-here": _("Registration is not taken here."),
    "not-open-yet": _("Registration is not open yet."),
    "started": _("It has begun already."),
    "unknown-session": _("This session is not part of the event."),
    "no-choice-needed": _("It is open to everyone registered."),
    "repeated": _("It is named twice."),
    "too-many": _("You have chosen more sessions than one person may have; leave one out."),
    "overlap": _("It is at the same time as another session that you chose; choose one of the two."),
    "answer-needed": _("Please answer this question."),
    "wrong-answer": _("Please choose from the list."),
    "consent-needed": _("Without this consent there is no registration."),
}

_FORM_REMEDIES = {
    "person.name": _("Please give your name, at most 200 characters."),
    "person.email": _("Please give an e-mail address, such as ada@example.org."),
    "person.country": _("Two letters, such as FI or FR."),
    "person.affiliation": _("At most 200 characters."),
}


def said(
    errors: Sequence[Mapping[str, str]],
    chosen: Sequence[str],
    event: EventState,
    sessions: Mapping[str, SessionState],
    language: str,
    gettext: Gettext,
) -> list[dict[str, str]]:
    """Each problem with the label of its field, or the title of its session, and its remedy in the reader's language."""
    asked = {q.id: q.label for q in event.questions} | {q.id: q.label for s in sessions.values() for q in s.questions}
    return [_said(error, chosen, asked, sessions, language, gettext) for error in errors]


def _said(
    error: Mapping[str, str],
    chosen: Sequence[str],
    asked: Mapping[str, Text],
    sessions: Mapping[str, SessionState],
    language: str,
    gettext: Gettext,
) -> dict[str, str]:
    field, _dot, number = (
        error["field"].partition(".") if error["field"].startswith("sessions.") else (error["field"], "", "")
    )
    label = gettext(_LABELS[field]) if field in _LABELS else field
    if number.isdecimal() and int(number) < len(chosen) and chosen[int(number)] in sessions:
        label = said_in(sessions[chosen[int(number)]].title, language)
    if field.startswith("answers.") and field.removeprefix("answers.") in asked:
        label = said_in(asked[field.removeprefix("answers.")], language)
    remedy = _REMEDIES.get(error["code"]) or _FORM_REMEDIES.get(field)
    return {"field": label, "message": gettext(remedy) if remedy else error["message"]}
