"""A consent is to what was read: a wording that is another one by the time that the yes arrives is not agreed to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.registration.commands import Change, ReviseEvent, ReviseSession
from services.registration.consents import Consent, digest_of, text_of
from services.registration.decisions.log import Entry
from services.registration.registrations import Registration
from services.registration.seats import Line
from shared.contracts.scheduling import Question
from tests.support.events import BEFORE_CLOSE, milipol, workshop
from tests.unit.registration.world import W1, W2, World

FIRST = {"en": "Photos of me may be shown", "fr": "Des photos de moi peuvent être montrées"}
SECOND = {"en": "Photos and films of me may be shown", "fr": "Des photos et films de moi peuvent être montrés"}
THIRD = {"en": "Anything of me may be shown"}
UNREAD = [("worded-otherwise", "answers.photos")]


def asked(label: dict[str, str], **changes: Any) -> dict[str, Any]:
    return {"id": "photos", "label": label, "kind": "consent"} | changes


def reworded(one: World, label: dict[str, str], revision: int = 2) -> None:
    changed = one.event | {"questions": [asked(label)]}
    one.do(ReviseEvent(id=f"e{revision}", event=milipol(revision, admission={}, **changed)))


def agrees(one: World, read: str | None, *sessions: str) -> Change:
    """Ada sends her page with a tick beside the wording `read`."""
    shown = {} if read is None else {"photos": digest_of(read)}
    return Change(
        id=one.id(), registration_id="r-ada", sessions=sessions or (W1,), answers={"photos": "yes"}, shown=shown
    )


@pytest.fixture
def one() -> World:
    return World(questions=[asked(FIRST)])


# A registration


def test_who_read_the_earlier_wording_is_not_registered_with_the_later_one(one: World) -> None:
    reworded(one, SECOND)
    read = {"photos": digest_of(FIRST["en"])}
    assert one.reasons(one.register("ada", answers={"photos": "yes"}, shown=read)) == UNREAD
    assert one.come("eve", answers={}, shown=read).consents == {}, "who does not agree is asked nothing"
    unsaid = one.come("bob", answers={"photos": "yes"})
    assert unsaid.consents["photos"].wording == digest_of(SECOND["en"]), "control: without the mark it is recorded so"


def test_what_was_read_is_what_is_recorded_in_whichever_language(one: World) -> None:
    read = {"photos": digest_of(FIRST["fr"])}
    ada = one.come("ada", answers={"photos": "yes"}, shown=read, language="en")
    assert ada.consents["photos"].wording == digest_of(FIRST["fr"])


def test_wordings_that_the_desk_does_not_know_refuse_nobody(one: World) -> None:
    line = one.seats.event
    assert line is not None
    one.seats = replace(one.seats, event=unworded(line))
    ada = one.come("ada", answers={"photos": "yes"}, shown={"photos": digest_of(FIRST["en"])})
    assert ada.consents == {"photos": Consent(BEFORE_CLOSE)}


def test_one_name_for_the_questions_of_two_sessions_refuses_neither_wording(one: World) -> None:
    one = World()
    for number, label in ((1, FIRST), (2, SECOND)):
        one.do(ReviseSession(id=f"w{number}", session=workshop(number, 2, questions=[asked(label)])))
    for name, label in (("ada", FIRST), ("bob", SECOND)):
        shown = {"photos": digest_of(label["en"])}
        given = one.come(name, W1, W2, answers={"photos": "yes"}, shown=shown).consents
        assert given["photos"].wording == digest_of(label["en"])
    assert one.reasons(one.register("eve", W1, W2, answers={"photos": "yes"}, shown={"photos": "other"})) == UNREAD


# The private page


def test_unchanged_tick_of_an_earlier_wording_leaves_the_earlier_record(one: World) -> None:
    before = one.come("ada", answers={"photos": "yes"}).consents
    reworded(one, SECOND)
    one.wait(days=1)
    one.ask(agrees(one, FIRST["en"], W1, W2))
    assert one.of("ada").consents == before
    assert one.of("ada").choice(W2) is not None, "and whatever else was changed is"
    one.ask(agrees(one, SECOND["en"]))
    assert one.of("ada").consents == {"photos": Consent(one.now, digest_of(SECOND["en"]))}, (
        "control: the new one was read"
    )


def test_tick_of_an_earlier_wording_takes_no_later_record_back(one: World) -> None:
    one.come("ada", answers={"photos": "yes"})
    reworded(one, SECOND)
    one.ask(agrees(one, SECOND["en"]))
    later = one.of("ada").consents
    one.ask(agrees(one, FIRST["en"]))
    assert one.of("ada").consents == later


def test_new_tick_beside_words_that_changed_meanwhile_is_refused(one: World) -> None:
    one.come("ada")
    reworded(one, SECOND)
    assert one.reasons(agrees(one, FIRST["en"])) == UNREAD
    one.ask(agrees(one, SECOND["en"]))
    reworded(one, THIRD, 3)
    before = one.of("ada").consents
    assert one.reasons(agrees(one, FIRST["en"])) == UNREAD, "neither what she agreed to nor what is asked"
    assert one.of("ada").consents == before


def test_tick_of_a_consent_of_unknown_wording_stays_as_it_was(one: World) -> None:
    one.come("ada", answers={"photos": "yes"})
    one.registrations["r-ada"] = Registration(**{**vars(one.of("ada")), "consents": {"photos": Consent(BEFORE_CLOSE)}})
    reworded(one, SECOND)
    one.wait(days=1)
    one.ask(agrees(one, FIRST["en"]))
    assert one.of("ada").consents == {"photos": Consent(BEFORE_CLOSE)}


# The words


def test_lost_words_are_not_those_of_today() -> None:
    question = Question.model_validate(asked(SECOND))
    assert text_of(Consent(BEFORE_CLOSE, digest_of(FIRST["en"])), question) is None
    assert text_of(Consent(BEFORE_CLOSE, digest_of(SECOND["fr"])), question) == SECOND["fr"], "the digest tells"
    assert text_of(Consent(BEFORE_CLOSE, digest_of(FIRST["en"]), FIRST["en"]), question) == FIRST["en"]
    assert text_of(Consent(BEFORE_CLOSE), question) is None


# The same revision once more


def unworded(line: Line) -> Line:
    """As an earlier form of the data had it."""
    questions = tuple(replace(question, wordings=()) for question in line.rules.questions)
    return replace(line, rules=replace(line.rules, questions=questions, language="en"))


def test_same_revision_fills_in_what_can_be_agreed_to() -> None:
    one = World(questions=[asked(FIRST)], languages=["fr", "en"])
    published = ReviseEvent(id="again", event=milipol(admission={}, **one.event))
    session = ReviseSession(id="s-again", session=workshop(1, 2, questions=[asked(SECOND, id="films")]))
    one.do(session)
    whole = one.seats
    assert whole.event is not None
    sessions = {**whole.sessions, W1: unworded(whole.sessions[W1])}
    one.seats = replace(whole, event=unworded(whole.event), sessions=sessions)
    assert one.seats.wordings == set()
    log: list[Entry] = [*one.log]
    for _ in range(2):
        one.do(published, session)
        assert one.seats == whole
    assert one.log == log, "no seat is decided by it"


def test_same_revision_with_other_rules_changes_nothing(one: World) -> None:
    before = one.seats
    other = one.event | {"questions": [asked(SECOND, required=True)]}
    one.do(ReviseEvent(id="again", event=milipol(admission={}, **other)))
    assert one.seats == before
