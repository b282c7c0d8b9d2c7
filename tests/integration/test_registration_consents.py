"""What somebody agreed to, word for word: on a real MongoDB, by form, by API, in the export, and through an upgrade."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from services.registration.consents import Consent, digest_of
from services.registration.schema import COLLECTIONS
from services.registration.upgrade import upgrade
from shared.contracts.scheduling import EventState
from shared.storage.ledger import Ledgers
from shared.storage.mongo import Database, PyMongoError
from tests.conftest import MakeSettings
from tests.support.agenda import tell_agenda
from tests.support.attendee import attendee
from tests.support.attendees_desk import desk_of_attendees
from tests.support.events import BEFORE_CLOSE, milipol, workshop
from tests.support.registration_desk import W1, RegistrationDesk, registration_desk
from tests.support.waiting import until

PHOTOS = {"en": "Photos of me may be shown", "fr": "Des photos de moi peuvent être montrées"}
OTHER = {"en": "Photos and films of me may be shown", "fr": "Des photos et films de moi peuvent être montrés"}
NEWS = {"id": "news", "label": {"en": "Tell me of the next one"}, "kind": "consent"}


def event(label: dict[str, str] = PHOTOS, revision: int = 1, **changes: Any) -> EventState:
    photos = {"id": "photos", "label": label, "kind": "consent", "required": True}
    return milipol(revision, requirements=[], questions=[photos, NEWS], **changes)


async def reworded(desk: RegistrationDesk) -> None:
    await tell_agenda(desk.process, event(OTHER, 2))

    async def known() -> bool:
        return await desk.database["events"].count_documents({"state.revision": 2}) == 1

    await until(known, 20, "registration knows the new wording")


async def test_wording_of_then_is_exported_and_told_to_organisers_whatever_it_is_now(settings: MakeSettings) -> None:
    async with registration_desk(settings(), event(), workshop(1)) as desk:
        ada = await desk.registered("ada", W1, answers={"photos": True, "news": True}, details={"language": "fr"})
        desk.now[0] += timedelta(days=1)
        await reworded(desk)
        await desk.registered("bob", W1, answers={"photos": True})
        given = {"photos": "2019-11-01T09:00:00Z", "news": "2019-11-01T09:00:00Z"}
        shown = await desk.one(ada)
        assert shown["consents"] == given
        assert shown["agreed_to"] == {"photos": PHOTOS["fr"], "news": "Tell me of the next one"}
        kept = (await desk.ask("GET", f"/api/v1/registrations/{ada}/export?lang=en")).body
        assert kept["consents"] == [
            {
                "id": "news",
                "question": "Tell me of the next one",
                "given_at": "2019-11-01T09:00:00Z",
                "agreed_to": "Tell me of the next one",
                "worded_otherwise_since": False,
            },
            {
                "id": "photos",
                "question": OTHER["en"],
                "given_at": "2019-11-01T09:00:00Z",
                "agreed_to": PHOTOS["fr"],
                "worded_otherwise_since": True,
            },
        ]
        log = json.dumps((await desk.ask("GET", f"/api/v1/registrations/{ada}/decisions")).body)
        assert "photos" not in log.lower(), "the log of decisions has no texts"
        changed = {"sessions": [W1], "answers": {"photos": True}}
        assert (await desk.ask("PUT", f"/api/v1/registrations/{ada}/sessions", changed)).status == 200
        again = await desk.one(ada)
        assert again["consents"] == given | {"photos": "2019-11-02T09:00:00Z"}
        assert again["agreed_to"]["photos"] == OTHER["fr"]


async def test_texts_are_kept_once_however_many_agree(settings: MakeSettings) -> None:
    async with registration_desk(settings(), event(), workshop(1, capacity=None)) as desk:
        for number in range(5):
            await desk.registered(f"p{number}", W1, answers={"photos": True})
        await reworded(desk)
        await desk.registered("eve", W1, answers={"photos": True})
        texts = [row["text"] async for row in desk.database["wordings"].find({})]
        assert sorted(texts) == sorted([*PHOTOS.values(), *OTHER.values(), NEWS["label"]["en"]])  # type: ignore[index]
        stored = [repr(row) async for row in desk.database["registrations"].find({})]
        assert len(stored) == 6
        assert not any(PHOTOS["en"] in row for row in stored)
        (report,) = (await desk.ask("GET", "/api/v1/registration/audit?event_id=milipol-2019")).body["items"]
        assert report["proven"], report


async def test_page_in_another_language_than_the_mails_is_what_was_read(settings: MakeSettings) -> None:
    async with attendee(settings(), event(audiences=[]), workshop(1)) as one:
        page = await one.fill_in("ada", W1, lang="fr", **{"q.photos": "yes", "language": "en"})
        assert page.status == 201, page.words
        ada = await one.registration("ada")
        assert ada.person.language == "en"
        assert ada.consents == {"photos": Consent(BEFORE_CLOSE, digest_of(PHOTOS["fr"]))}
        own = one.own(ada)
        assert PHOTOS["fr"] in (await one.get(own)).words, "as it was agreed to"
        await one.post(f"{own}/answers?lang=fr", {"open.news": "yes", "q.news": "yes"})
        news = (await one.registration("ada")).consents["news"]
        assert news.wording == digest_of("Tell me of the next one"), "there is no French"
        data = json.loads((await one.get(f"{own}/data.json")).text)
        assert {given["id"]: given["agreed_to"] for given in data["consents"]}["photos"] == PHOTOS["fr"]


async def test_no_box_is_ticked_for_words_that_were_not_agreed_to(settings: MakeSettings) -> None:
    async with attendee(settings(), event(audiences=[]), workshop(1)) as one:
        ada = await one.registered("ada", W1, **{"q.photos": "yes", "q.news": "yes"})
        own = one.own(ada)
        assert 'name="q.news" value="yes" checked' in (await one.get(own)).text
        changed = event(audiences=[]).model_copy(update={"revision": 2})
        news = changed.questions[1].model_copy(update={"label": {"en": "Tell me of all events"}})
        await tell_agenda(one.process, changed.model_copy(update={"questions": [changed.questions[0], news]}))

        async def told() -> bool:
            return "you agreed to another wording: “Tell me of the next one”" in (await one.get(own)).words

        await until(told, 20, "the new wording is known")
        assert 'name="q.news" value="yes" checked' not in (await one.get(own)).text
        one.now[0] += timedelta(days=1)
        await one.post(own + "/answers", {"open.news": "yes", "q.news": "yes"})
        given = (await one.registration("ada")).consents["news"]
        assert given == Consent(one.now[0], digest_of("Tell me of all events"))
        page = await one.get(own)
        assert "another wording" not in page.words
        assert 'name="q.news" value="yes" checked' in page.text


async def test_organisers_page_of_a_person_says_what_was_agreed_to(settings: MakeSettings) -> None:
    async with desk_of_attendees(settings()) as desk:
        await tell_agenda(desk.process, event(audiences=[]), workshop(1))
        await desk.has("ada", W1, answers={"photos": True})
        said = (await desk.get(desk.page_of("ada"))).words
        assert f"Agreed to: “{PHOTOS['en']}”" in said
        assert "worded otherwise" not in said
        await tell_agenda(desk.process, event(OTHER, 2, audiences=[]))

        async def told() -> bool:
            words = (await desk.get(desk.page_of("ada"))).words
            return f"Agreed to: “{PHOTOS['en']}” It is worded otherwise since." in words

        await until(told, 20, "the new wording is known")


# An earlier form


async def test_older_consents_are_read_and_wordings_are_kept_from_the_upgrade_on(settings: MakeSettings) -> None:
    async with registration_desk(settings(), event(), workshop(1)) as desk:
        ada = await desk.registered("ada", W1, answers={"photos": True})
        database, stream = desk.database, f"events/{event().id}"
        # As it was stored before wordings were kept.
        await database["registrations"].update_one({"_id": ada}, {"$set": {"consents": {"photos": BEFORE_CLOSE}}})
        await database["wordings"].delete_many({})
        ledgers = Ledgers(database)
        page = await ledgers.load(stream)
        await ledgers.settle(stream, page.entries)
        rules: dict[str, Any] = dict(page.state["event"]["rules"])
        rules["questions"] = [{k: v for k, v in q.items() if k != "wordings"} for q in rules["questions"]]
        del rules["language"]
        await ledgers.commit(page, {"event.rules": rules}, at=BEFORE_CLOSE)
        shown = await desk.one(ada)
        assert (shown["consents"], "agreed_to" in shown) == ({"photos": "2019-11-01T09:00:00Z"}, False)
        kept = (await desk.ask("GET", f"/api/v1/registrations/{ada}/export")).body["consents"]
        assert [(one["agreed_to"], one["worded_otherwise_since"]) for one in kept] == [(None, None)]
        for _ in range(2):
            await upgrade(database, lambda: BEFORE_CLOSE)
        upgraded = await ledgers.load(stream)
        assert upgraded.version == page.version + 2, "once"
        await ledgers.settle(stream, upgraded.entries)
        assert await database["wordings"].count_documents({}) == 3
        bob = await desk.registered("bob", W1, answers={"photos": True})
        assert (await desk.one(bob))["agreed_to"] == {"photos": PHOTOS["en"]}
        assert "agreed_to" not in await desk.one(ada), "nobody knows what it was"


@pytest.mark.parametrize("consent", ["yes", {"wording": "abc"}, {"at": BEFORE_CLOSE, "wording": 1}])
async def test_consent_without_a_moment_is_not_stored(database: Database, consent: Any) -> None:
    await database.declare([*COLLECTIONS])
    row: dict[str, Any] = {
        "event_id": "e", "person": {}, "state": "confirmed", "choices": [], "link_generation": 1, "revision": 1,
    }  # fmt: skip
    for number, good in enumerate((BEFORE_CLOSE, {"at": BEFORE_CLOSE}, {"at": BEFORE_CLOSE, "wording": "abc"})):
        person = {"email": f"{number}@example.org"}
        await database["registrations"].insert_one(
            row | {"_id": f"good-{number}", "person": person, "consents": {"photos": good}}
        )
    with pytest.raises(PyMongoError):
        await database["registrations"].insert_one(row | {"_id": "bad", "consents": {"photos": consent}})
