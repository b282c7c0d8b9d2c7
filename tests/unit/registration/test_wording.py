"""The words of refusals: every reason that a person can meet is said in the reader's language, beside its field."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import services.registration
from services.registration import wording
from services.registration.rules import Rules
from services.registration.seats import Line, Seats
from services.registration.wording import Wording
from shared.web.i18n import translations
from tests.support.events import BEFORE_CLOSE, CLOSES, milipol, workshop

FILES = (
    "admission.py",
    "codes.py",
    "answered.py",
    "decisions/asking.py",
    "decisions/conditions.py",
    "decisions/giving_up.py",
    "decisions/naming.py",
)
FOR_OTHERS = {"nobody-named", "unknown-event"}
"""Met by other systems only."""


def codes() -> set[str]:
    """The codes of all reasons in the rules of admission and in what the private page asks."""
    found: set[str] = set()
    for name in FILES:
        text = (Path(services.registration.__file__).parent / name).read_text()
        found.update(re.findall(r'(?:code=|_reason\(\s*)"([a-z-]+)"', text))
    return found - FOR_OTHERS


def said(field: str, code: str, *chosen: str, language: str = "en") -> tuple[str, str, str]:
    event = milipol(questions=[{"id": "needs", "label": {"en": "Your needs", "fr": "Vos besoins"}}])
    sessions = [workshop(1), workshop(2)]
    seats = Seats(event.id, sessions={session.id: Line(Rules(opens=CLOSES)) for session in sessions})
    words = Wording(event, sessions, seats, language, BEFORE_CLOSE)
    [fault] = words.said([{"field": field, "code": code, "message": "for programs"}], chosen)
    return fault.field, fault.message, fault.at


@pytest.mark.parametrize("code", sorted(codes()))
def test_every_reason_is_said_in_both_languages(code: str) -> None:
    english = wording._REMEDIES.get(code)
    assert english, f"{code} has no words"
    assert translations("fr").gettext(english) != english


def test_reasons_were_found() -> None:
    """Control: the look at the rules sees what is there."""
    assert {"full", "code-used-up", "no-offer", "cannot-receive", "consent-needed"} <= codes()


@pytest.mark.parametrize(
    ("field", "code", "label", "at"),
    [
        ("person.email", "members-only", "E-mail", "email"),
        ("person.audience", "audience-needed", "You come as", "audience"),
        ("code", "unknown-code", "Invitation code", "code"),
        ("sessions", "choice-needed", "Sessions", "sessions"),
        ("sessions.1", "code-needed", "Workshop 2", "session-milipol-2019-workshop-2"),
        ("answers.needs", "answer-needed", "Your needs", "q.needs"),
        ("numbers.fair", "unknown-requirement", "Milipol Paris", "numbers.fair"),
        ("event_id", "closed", "Event", ""),
        ("registration_id", "too-late", "Your registration", ""),
    ],
)
def test_reason_stands_beside_its_field(field: str, code: str, label: str, at: str) -> None:
    name, message, place = said(field, code, "milipol-2019-workshop-1", "milipol-2019-workshop-2")
    assert (name, place) == (label, at)
    assert message != "for programs"


def test_full_session_that_can_be_waited_for_says_how() -> None:
    assert "To wait for it" in said("sessions.0", "full", "milipol-2019-workshop-1")[1]


def test_session_that_opens_later_says_when() -> None:
    _, message, _ = said("sessions.0", "not-open-yet", "milipol-2019-workshop-1")
    assert message == "Registration opens on Wednesday, 13 November 2019, 00:00 (Europe/Paris, UTC+1)."


def test_unknown_reason_is_said_as_it_came() -> None:
    assert said("event_id", "of-tomorrow")[1] == "for programs"
