"""Consents while the wording changes: what the form showed is what counts, what was agreed to is never lost, and it can be taken
back as long as the registration stands."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from services.registration.commands import Register, ReviseEvent
from services.registration.consents import Consent, digest_of
from services.registration.domain import decide
from shared.contracts.scheduling import EventState
from shared.storage.ledger import Ledgers
from tests.conftest import MakeSettings
from tests.support.agenda import tell_agenda
from tests.support.attendee import EVENT, FORM, Attendee, Page, attendee, told_anew
from tests.support.attendees_desk import desk_of_attendees
from tests.support.events import BEFORE_CLOSE, CLOSES, milipol, person, workshop
from tests.support.registration_desk import W1, W2
from tests.support.waiting import until

OLD = {"en": "Photos of me may be shown", "fr": "Des photos de moi peuvent être montrées"}
NEW = {"en": "Photos and films of me may be shown", "fr": "Des photos et films de moi peuvent être montrés"}
NEEDS = {"id": "needs", "label": {"en": "Your needs"}}
REMEDY = "The text has changed. Read the new one, and tick the box again if you agree."


def event(label: dict[str, str] = OLD, revision: int = 1, *, required: bool = False) -> EventState:
    photos = {"id": "photos", "label": label, "kind": "consent", "required": required}
    return milipol(revision, audiences=[], requirements=[], questions=[photos, NEEDS])


async def reworded(one: Attendee, label: dict[str, str] = NEW, revision: int = 2, *, required: bool = False) -> None:
    """The organiser publishes another wording; waits until the desk and the pages have it."""
    await told_anew(one, event(label, revision, required=required))

    async def known() -> bool:
        return digest_of(label["en"]) in (await one.store.seats(EVENT)).wordings

    await until(known, 20, "the desk knows the new wording")


def box(page: Page, question: str = "photos") -> tuple[str, bool]:
    """What the form says of the box of a consent: the wording beside it, and whether it is ticked."""
    return page.hidden(f"shown.{question}"), f'name="q.{question}" value="yes" checked' in page.text


def person_of(page: Page, name: str) -> dict[str, str]:
    return {"key": page.hidden("key"), "name": name.title(), "email": f"{name}@example.org", "sessions": W1}


async def test_form_that_was_open_while_the_wording_changed_is_shown_again_with_the_new_one(
    settings: MakeSettings,
) -> None:
    async with attendee(settings(), event(required=True), workshop(1)) as one:
        empty = await one.get(f"{FORM}?lang=en")
        assert box(empty) == (digest_of(OLD["en"]), False)
        await reworded(one, required=True)
        sent = person_of(empty, "ada") | {"q.photos": "yes", "shown.photos": empty.hidden("shown.photos")}
        refused = await one.post(f"{FORM}?lang=en", sent)
        assert refused.status == 409
        assert REMEDY in refused.words
        assert 'id="q.photos-wrong"' in refused.text
        assert NEW["en"] in refused.words
        assert box(refused) == (digest_of(NEW["en"]), False), "nobody ticked it for the new words"
        again = person_of(refused, "ada") | {"q.photos": "yes", "shown.photos": refused.hidden("shown.photos")}
        assert (await one.post(f"{FORM}?lang=en", again)).status == 201
        assert (await one.registration("ada")).consents == {"photos": Consent(BEFORE_CLOSE, digest_of(NEW["en"]))}


async def test_box_stays_ticked_where_the_form_has_another_fault_and_the_words_are_the_same(
    settings: MakeSettings,
) -> None:
    async with attendee(settings(), event(), workshop(1)) as one:
        empty = await one.get(f"{FORM}?lang=fr")
        sent = person_of(empty, "ada") | {"q.photos": "yes", "shown.photos": empty.hidden("shown.photos")}
        faulty = await one.post(f"{FORM}?lang=fr", sent | {"email": "nobody"})
        assert (faulty.status, box(faulty)) == (422, (digest_of(OLD["fr"]), True))
        await reworded(one)
        faulty = await one.post(f"{FORM}?lang=fr", sent | {"email": "nobody"})
        assert (faulty.status, box(faulty)) == (422, (digest_of(NEW["fr"]), False)), "control: the words are others"


async def test_page_that_was_open_while_the_wording_changed_leaves_the_record(settings: MakeSettings) -> None:
    async with attendee(settings(), event(), workshop(1)) as one:
        ada = await one.registered("ada", W1, **{"q.photos": "yes"})
        own = one.own(ada)
        # Read in another language than it was agreed to: the tick is still the one of then.
        page = await one.get(f"{own}?lang=fr")
        assert box(page) == (digest_of(OLD["en"]), True)
        await reworded(one)
        one.now[0] += timedelta(days=1)
        sent = {"open.photos": "yes", "q.photos": "yes", "shown.photos": page.hidden("shown.photos"), "q.needs": "Saws"}
        page = await one.post(f"{own}/answers?lang=fr", sent)
        assert page.status == 200, page.words
        kept = await one.registration("ada")
        assert (kept.answers["needs"], kept.consents) == ("Saws", ada.consents)
        assert box(page) == (digest_of(NEW["fr"]), False)
        sent |= {"shown.photos": page.hidden("shown.photos")}
        assert box(await one.post(f"{own}/answers?lang=fr", sent)) == (digest_of(NEW["fr"]), True)
        assert (await one.registration("ada")).consents == {"photos": Consent(one.now[0], digest_of(NEW["fr"]))}


async def test_box_newly_ticked_beside_the_earlier_words_is_refused_on_the_private_page(settings: MakeSettings) -> None:
    async with attendee(settings(), event(), workshop(1)) as one:
        own = one.own(await one.registered("ada", W1))
        page = await one.get(own)
        await reworded(one)
        sent = {"open.photos": "yes", "q.photos": "yes", "shown.photos": page.hidden("shown.photos"), "q.needs": "Saws"}
        refused = await one.post(f"{own}/answers", sent)
        assert (refused.status, box(refused)) == (409, (digest_of(NEW["en"]), False))
        assert REMEDY in refused.words
        assert "Saws" in refused.text, "what was filled in is kept"
        kept = await one.registration("ada")
        assert (dict(kept.answers), kept.consents) == ({}, {})


async def test_box_that_was_unticked_is_not_ticked_again_beside_another_fault(settings: MakeSettings) -> None:
    async with attendee(settings(), event(), workshop(1)) as one:
        own = one.own(await one.registered("ada", W1, **{"q.photos": "yes"}))
        sent = {"open.photos": "yes", "shown.photos": (await one.get(own)).hidden("shown.photos")}
        faulty = await one.post(f"{own}/answers", sent | {"q.needs": "x" * 5001})
        assert (faulty.status, box(faulty)[1]) == (422, False)


async def test_two_sessions_that_ask_under_one_id_are_each_agreed_to_in_their_own_words(settings: MakeSettings) -> None:
    sessions = [
        workshop(n, questions=[{"id": "photos", "label": said, "kind": "consent"}]) for n, said in ((1, OLD), (2, NEW))
    ]
    async with attendee(settings(), milipol(audiences=[], requirements=[]), *sessions) as one:
        for name, session, said in (("ada", W1, OLD), ("bob", W2, NEW)):
            form = await one.get(f"{FORM}?lang=en")
            both = [("shown.photos", found) for found in re.findall(r'name="shown.photos" value="([^"]*)"', form.text)]
            assert [found for _, found in both] == [digest_of(OLD["en"]), digest_of(NEW["en"])]
            sent = [*(person_of(form, name) | {"q.photos": "yes", "sessions": session}).items(), *both]
            page = await one.post(f"{FORM}?lang=en", sent)
            assert page.status == 201, page.words
            assert (await one.registration(name)).consents["photos"].wording == digest_of(said["en"])


# Once registration is closed


@pytest.mark.parametrize("later", [timedelta(hours=1), timedelta(days=20)], ids=["before the event", "after it"])
async def test_consent_to_a_sessions_question_is_taken_back_once_registration_is_closed(
    settings: MakeSettings, later: timedelta
) -> None:
    photos = {"id": "photos", "label": OLD, "kind": "consent"}
    asking = workshop(1, questions=[photos, NEEDS])
    async with attendee(settings(), milipol(audiences=[], requirements=[]), asking, workshop(2)) as one:
        ada = await one.registered("ada", W1, **{"q.photos": "yes", "q.needs": "Saws"})
        plain = one.own(await one.registered("bob", W2))
        one.now[0] = CLOSES + later
        page = await one.get(one.own(ada))
        assert box(page) == (digest_of(OLD["en"]), True)
        assert f'value="{W1}" checked' in page.text
        assert not re.search(rf'name="sessions" value="{W2}"', page.text), "control: nothing more can be chosen"
        assert 'name="sessions"' not in (await one.get(plain)).text, "who is asked nothing has nothing to change"
        sent = {"sessions": W1, "open.photos": "yes", "shown.photos": page.hidden("shown.photos"), "q.needs": "A ramp"}
        page = await one.post(one.own(ada) + "/sessions", sent)
        assert page.status == 200, page.words
        kept = await one.registration("ada")
        assert (kept.answers["needs"], kept.answers["photos"], kept.consents) == ("A ramp", False, {})
        assert [(held.session_id, held.state.value) for held in kept.choices] == [(W1, "confirmed")]


# The words of then


async def test_wording_that_stood_for_a_part_of_a_round_is_kept_for_whoever_agreed_to_it(
    settings: MakeSettings,
) -> None:
    last = {"en": "Nothing of me is shown"}
    async with attendee(settings(), event(), workshop(1)) as one:
        ledgers, stream = Ledgers(one.process.databases["registration"]), f"events/{EVENT}"
        page = await ledgers.load(stream)
        commands = (
            ReviseEvent(id="two", event=event(NEW, 2)),
            Register(id="a", registration_id="a", person=person("ada"), sessions=(W1,), answers={"photos": True}),
            ReviseEvent(id="three", event=event(last, 3)),
        )
        before = await one.store.snapshot(page, EVENT, commands)
        decision = decide(before, commands, BEFORE_CLOSE)
        agreed_to = decision.registrations["a"].consents["photos"].wording
        assert agreed_to == digest_of(NEW["en"])
        assert agreed_to not in decision.seats.wordings, "control: it does not stand at the end of the round"
        state, writes = one.store.writes(commands, before, decision, BEFORE_CLOSE)
        await ledgers.settle(stream, [await ledgers.commit(page, state, at=BEFORE_CLOSE, writes=writes)])
        ada = await one.store.registration("a")
        assert ada is not None
        assert ada.consents["photos"].text == NEW["en"]
        # Told once more, late: the revisions are known, and nothing is written.
        page = await ledgers.load(stream)
        before = await one.store.snapshot(page, EVENT, commands[:1])
        told_late = one.store.writes(commands[:1], before, decide(before, commands[:1], BEFORE_CLOSE), BEFORE_CLOSE)
        assert told_late == ({}, [])


async def test_lost_words_are_never_those_of_today(settings: MakeSettings) -> None:
    async with attendee(settings(), event(required=True), workshop(1)) as one:
        ada = await one.registered("ada", W1, **{"q.photos": "yes"})
        await one.process.databases["registration"]["wordings"].delete_many({})
        own = one.own(ada)
        assert f"{OLD['en']} (agreed on" in (await one.get(own)).words, "the digest tells that they are those of today"
        await reworded(one, required=True)
        words = (await one.get(own)).words
        assert f"you agreed to another wording, which was not kept. The present one: “{NEW['en']}”" in words
        assert f"{NEW['en']} (agreed on" not in words
        assert OLD["en"] not in words
        [given] = json.loads((await one.get(f"{own}/data.json")).text)["consents"]
        assert (given["agreed_to"], given["worded_otherwise_since"]) == (None, True)


async def test_organisers_are_told_that_words_are_lost(settings: MakeSettings) -> None:
    async with desk_of_attendees(settings()) as desk:
        await tell_agenda(desk.process, event(), workshop(1))
        await desk.has("ada", W1, answers={"photos": True})
        await desk.process.databases["registration"]["wordings"].delete_many({})
        await tell_agenda(desk.process, event(NEW, 2))

        async def told() -> Any:
            words = (await desk.get(desk.page_of("ada"))).words
            return "The wording at that time was not kept. It is worded otherwise since." in words

        await until(told, 20, "the new wording is known")
        assert "Agreed to:" not in (await desk.get(desk.page_of("ada"))).words
