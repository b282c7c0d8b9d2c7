"""Consents: the moment and the wording as it was then, in the language in which it was read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.registration import consents
from services.registration.commands import Change, Erase, ReviseEvent, ReviseSession, Transfer
from services.registration.consents import Consent, digest_of, shown
from services.registration.documents import registration_document, registration_from
from services.registration.registrations import Registration
from services.registration.seats import changed_state, seats_from
from tests.support.events import BEFORE_CLOSE, milipol, person, workshop
from tests.unit.registration.world import W1, W2, World

PHOTOS = {"en": "Photos of me may be shown", "fr": "Des photos de moi peuvent être montrées"}
OTHER = {"en": "Photos and films of me may be shown", "fr": "Des photos et films de moi peuvent être montrés"}
LATER = timedelta(days=1)


def asked(label: dict[str, str], **changes: Any) -> dict[str, Any]:
    return {"id": "photos", "label": label, "kind": "consent"} | changes


def world(label: dict[str, str] = PHOTOS, **event: Any) -> World:
    return World(questions=[asked(label)], **event)


def reword(one: World, label: dict[str, str], revision: int = 2) -> None:
    changed = one.event | {"questions": [asked(label)]}
    one.do(ReviseEvent(id=f"e{revision}", event=milipol(revision, admission={}, **changed)))


def answer(one: World, name: str, agrees: bool, **changes: Any) -> None:
    one.ask(Change(id=one.id(), registration_id=f"r-{name}", sessions=(W1,), answers={"photos": agrees}, **changes))


def test_consent_is_to_the_wording_in_the_persons_language() -> None:
    one = world()
    one.come("ada", answers={"photos": True})
    command = one.register("bob", answers={"photos": True})
    one.ask(type(command)(**{**vars(command), "person": person("bob", language="fr")}))
    assert one.of("ada").consents == {"photos": Consent(BEFORE_CLOSE, digest_of(PHOTOS["en"]))}
    assert one.of("bob").consents == {"photos": Consent(BEFORE_CLOSE, digest_of(PHOTOS["fr"]))}


def test_language_of_the_page_counts_more_than_that_of_the_mails() -> None:
    one = world()
    one.come("ada", answers={"photos": True}, language="fr")
    assert one.of("ada").consents["photos"].wording == digest_of(PHOTOS["fr"])


def test_what_a_language_lacks_is_agreed_to_in_the_events_first() -> None:
    german = {"de": "Fotos", "fr": PHOTOS["fr"], "en": PHOTOS["en"]}
    one = world(german, languages=["fr", "en"])
    one.come("ada", answers={"photos": True}, language="fi")
    assert one.of("ada").consents["photos"].wording == digest_of(PHOTOS["fr"])


@pytest.mark.parametrize(
    ("languages", "expected"), [(("en",), "E"), (("fi", "fr"), "F"), (("fi", "sv"), "F"), ((), "F")]
)
def test_shown_is_what_said_in_says(languages: tuple[str, ...], expected: str) -> None:
    assert shown((("fr", "F"), ("en", "E")), languages) == expected
    assert shown((), languages) is None


def test_earlier_consent_stays_as_it_was_when_the_question_is_worded_otherwise() -> None:
    one = world()
    before = one.come("ada", answers={"photos": True}).consents
    reword(one, OTHER)
    one.wait(days=1)
    one.ask(Change(id=one.id(), registration_id="r-ada", sessions=(W1, W2)))
    assert one.of("ada").consents == before, "it was not asked again"
    assert one.come("bob", answers={"photos": True}).consents["photos"].wording == digest_of(OTHER["en"])


def test_who_agrees_again_to_the_same_keeps_the_first_moment_and_to_another_wording_has_a_new_record() -> None:
    one = world()
    first = one.come("ada", answers={"photos": True}).consents["photos"]
    one.now += LATER
    answer(one, "ada", True)
    answer(one, "ada", True, language="fr")
    assert one.of("ada").consents["photos"] == first, "the same question, read in either language"
    reword(one, OTHER)
    one.now += LATER
    answer(one, "ada", True)
    assert one.of("ada").consents["photos"] == Consent(one.now, digest_of(OTHER["en"]))


def test_consent_that_is_taken_back_is_gone_and_given_again_is_a_new_one() -> None:
    one = world()
    one.come("ada", answers={"photos": True})
    one.now += LATER
    answer(one, "ada", False)
    assert one.of("ada").consents == {}
    answer(one, "ada", True)
    assert one.of("ada").consents["photos"].at == one.now


def test_consent_of_before_wordings_were_kept_stays_until_it_is_taken_back() -> None:
    one = world()
    one.come("ada", answers={"photos": True})
    one.registrations["r-ada"] = Registration(**{**vars(one.of("ada")), "consents": {"photos": Consent(BEFORE_CLOSE)}})
    one.now += LATER
    one.ask(Change(id=one.id(), registration_id="r-ada", sessions=(W1, W2)))
    assert one.of("ada").consents["photos"] == Consent(BEFORE_CLOSE)
    answer(one, "ada", True)
    assert one.of("ada").consents["photos"] == Consent(BEFORE_CLOSE), "what was agreed to is not known to be another"
    answer(one, "ada", False)
    answer(one, "ada", True)
    assert one.of("ada").consents["photos"] == Consent(one.now, digest_of(PHOTOS["en"]))


def test_consent_to_a_sessions_question_is_worded_too_and_a_text_is_no_consent() -> None:
    one = World(questions=[{"id": "needs", "label": {"en": "Needs"}}])
    one.do(ReviseSession(id="s", session=workshop(1, 2, questions=[asked(PHOTOS)])))
    one.come("ada", answers={"photos": "yes", "needs": "A ramp"})
    assert one.of("ada").consents == {"photos": Consent(BEFORE_CLOSE, digest_of(PHOTOS["en"]))}
    assert one.seats.wordings == {digest_of(text) for text in PHOTOS.values()}


def test_colleague_agrees_alone_and_who_is_forgotten_agreed_to_nothing() -> None:
    one = world()
    one.come("ada", answers={"photos": True})
    eve = person("eve", language="fr")
    one.ask(Transfer(id="t", registration_id="r-ada", to_id="r-eve", person=eve, answers={"photos": True}))
    assert one.of("eve").consents["photos"].wording == digest_of(PHOTOS["fr"])
    one.ask(Transfer(id="t2", registration_id="r-eve", to_id="r-bob", person=person("bob")))
    assert one.of("bob").consents == {}
    one.ask(Erase(id="x", registration_id="r-eve"))
    assert one.of("eve").consents == {}


def test_registration_carries_a_digest_and_no_text_and_is_read_back_as_it_was() -> None:
    long = {"en": "I agree; " * 500 + "gladly."}
    one = world(long)
    ada = one.come("ada", answers={"photos": True})
    document = registration_document(ada, "hash")
    assert document["consents"] == {"photos": {"at": BEFORE_CLOSE, "wording": digest_of(long["en"])}}
    assert long["en"] not in repr(document)
    assert len(repr(changed_state(World().seats, one.seats))) < 10_000, "nor does the ledger, which every commit writes"
    assert long["en"] not in repr(changed_state(World().seats, one.seats))
    assert registration_from(ada.id, document | {"_id": ada.id}).consents == ada.consents


def test_consent_in_the_older_form_is_read_as_one_of_unknown_wording() -> None:
    document = registration_document(world().come("ada"), "hash") | {"consents": {"photos": BEFORE_CLOSE}}
    assert registration_from("r-ada", document).consents == {"photos": Consent(BEFORE_CLOSE)}


def test_ledger_of_before_wordings_were_kept_is_read() -> None:
    state = changed_state(World().seats, world().seats)
    [question] = state["event"]["rules"]["questions"]
    del question["wordings"], state["event"]["rules"]["language"]
    seats = seats_from("milipol-2019", state)
    assert seats.event is not None
    assert (seats.event.rules.questions[0].wordings, seats.event.rules.language) == ((), "en")


def test_texts_are_those_of_consents_alone() -> None:
    event = milipol(questions=[asked(PHOTOS), asked(PHOTOS, id="again"), {"id": "needs", "label": {"en": "Needs"}}])
    assert consents.texts(event.questions) == {digest_of(text): text for text in PHOTOS.values()}
