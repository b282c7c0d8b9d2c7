"""What chairs read before their session: what its people need, and nothing that says who they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from services.registration.attendee.needs_pages import needs_path
from services.registration.commands import Erase
from services.registration.handed_out import CHAIR, HandedOut
from tests.conftest import MakeSettings
from tests.support.attendee import FORM, ORGANISER, Attendee, attendee
from tests.support.events import milipol, workshop

W1, W2 = "milipol-2019-workshop-1", "milipol-2019-workshop-2"
KINDS = [{"id": "police", "name": {"en": "Police officers", "fr": "Policiers"}}]
NEEDS = {"id": "needs", "label": {"en": "What do you need?", "fr": "De quoi avez-vous besoin ?"}}
PHOTOS = {"id": "photos", "label": {"en": "Photos are taken"}, "kind": "consent"}
DIET = {
    "id": "diet",
    "label": {"en": "What do you eat?"},
    "kind": "choice",
    "choices": [{"en": "Anything"}, {"en": "No meat"}],
}
ACCESS = {"id": "access", "label": {"en": "Do you need step-free access?"}, "kind": "yes-no"}
LEVEL = {
    "id": "level",
    "label": {"en": "What do you know?", "fr": "Que savez-vous ?"},
    "kind": "choice",
    "choices": [{"en": "Little", "fr": "Peu"}, {"en": "Much", "fr": "Beaucoup"}],
}
CHAIRED = [{"id": "kim", "name": "Kim Kallio", "role": "chair"}]
EMPTY = "milipol-2019-plenary"


@pytest.fixture
async def chair(settings: MakeSettings) -> AsyncIterator[Attendee]:
    event = milipol(audiences=KINDS, requirements=[], questions=[NEEDS, PHOTOS, DIET, ACCESS])
    sessions = (
        workshop(1, capacity=1, questions=[LEVEL], people=CHAIRED),
        workshop(2),
        workshop(3, id=EMPTY, by_choice=False, people=CHAIRED),
    )
    async with attendee(settings(), event, *sessions) as one:
        common = {"audience": "police", "q.photos": "yes", "q.level": "Little", "q.diet": "No meat", "q.access": "yes"}
        await one.registered("ada", W1, affiliation="Institute", country="FI", **common, **{"q.needs": "Fewer <forms>"})
        await one.registered("bob", W1, **common, **{"q.needs": "Awaited data"})
        await one.registered("cyd", W2, **common, **{"q.needs": "Another session"})
        await one.registered("dan", W1, **common, **{"q.needs": "Given up"})
        await one.registered("eve", W1, **common, **{"q.needs": "Forgotten"})
        await one.requests.cancel(await one.registration("dan"), [], ORGANISER)
        await one.requests.decide(Erase, await one.registration("eve"), ORGANISER)
        yield one


def address(chair: Attendee, session_id: str, generation: int = 1) -> str:
    return needs_path(session_id, chair.links.token(CHAIR, session_id, generation))


async def test_chairs_read_needs_and_no_names(chair: Attendee) -> None:
    page = await chair.get(address(chair, W1))
    assert page.status == 200
    assert "Fewer <forms> Institute, Police officers, Finland" in page.words
    assert "Awaited data Police officers" in page.words, "who waits has needs too"
    assert "What do you know? Little 2" in page.words
    for hidden in ("Ada", "Bob", "@example.org", "Another session", "Given up", "Forgotten", "Photos"):
        assert hidden not in page.text, hidden
    assert page.headers["Cache-Control"] == "private, no-store"
    assert page.headers["X-Robots-Tag"] == "noindex"


async def test_chairs_read_in_their_language(chair: Attendee) -> None:
    page = await chair.get(address(chair, W1) + "?lang=fr")
    assert "Que savez-vous ? Peu 2" in page.words
    assert "Institute, Policiers, Finlande" in page.words


async def test_address_opens_one_session_only(chair: Attendee) -> None:
    token = address(chair, W1).rpartition("/")[2]
    assert (await chair.get(f"/needs/{W2}/{token}")).status == 404
    assert (await chair.get(f"/needs/{W1}/{'a' * 32}")).status == 404
    assert (await chair.get(f"/needs/{W1}/%C3%A9")).status == 404
    assert (await chair.get(address(chair, "nothing"))).status == 404, "and there must be one"


async def test_what_the_event_asks_of_everybody_is_for_its_organisers(chair: Attendee) -> None:
    page = await chair.get(address(chair, W1))
    for hidden in ("What do you eat?", "No meat", "step-free", "Photos"):
        assert hidden not in page.text, hidden


async def test_without_chairs_only_the_sessions_own_answers_are_read(chair: Attendee) -> None:
    page = await chair.get(address(chair, W2))
    assert page.status == 200
    assert "Another session" not in page.text


async def test_session_that_nobody_chooses_beside_others_shows_nobodys_answers(chair: Attendee) -> None:
    page = await chair.get(address(chair, EMPTY))
    assert "0 people" in page.words
    for hidden in ("Fewer", "Awaited data", "Another session"):
        assert hidden not in page.text, hidden


async def test_where_nobody_chooses_chairs_read_the_text_of_everybody_registered(settings: MakeSettings) -> None:
    event = milipol(requirements=[], questions=[NEEDS, ACCESS])
    async with attendee(settings(), event, workshop(1, by_choice=False, people=CHAIRED)) as one:
        await one.registered("ada", **{"q.needs": "Fewer forms", "q.access": "yes"})
        page = await one.get(address(one, W1))
        assert "Fewer forms" in page.words
        assert "step-free" not in page.words


async def test_new_address_closes_the_one_before(chair: Attendee) -> None:
    handed_out = HandedOut(CHAIR, chair.process.databases["registration"], chair.links, chair.process.clock)
    new = needs_path(W1, await handed_out.renew(W1))
    assert (await chair.get(new)).status == 200
    assert (await chair.get(address(chair, W1))).status == 404
    assert (await chair.get(address(chair, W2))).status == 200, "of this session only"
    assert needs_path(W1, await handed_out.renew(W1)) != new
    assert (await chair.get(new)).status == 404, "each time"


async def test_page_closes_some_days_after_the_event_and_says_so(chair: Attendee) -> None:
    chair.now[0] = datetime(2019, 11, 27, 23, 59, tzinfo=UTC)
    assert (await chair.get(address(chair, W1))).status == 200
    chair.now[0] = datetime(2019, 11, 28, tzinfo=UTC)
    page = await chair.get(address(chair, W1))
    assert page.status == 410
    assert "This page is closed: it was for the chairs of the session, until Wednesday, 27 November 2019." in page.words
    assert page.headers["Cache-Control"] == "private, no-store"
    for hidden in ("Fewer", "Awaited data", "Institute", "Little"):
        assert hidden not in page.text, hidden
    assert (await chair.get(f"/needs/{W1}/{'a' * 32}")).status == 404, "only to those who had the address"


async def test_who_answers_is_told_that_chairs_read_it(chair: Attendee) -> None:
    for page in (await chair.get(FORM), await chair.get(chair.own(await chair.registration("ada")))):
        for read in ("q.needs", "q.level"):
            assert f'id="{read}-hint">The chairs of your sessions read your answer' in page.text, read
            assert f'aria-describedby="{read}-hint"' in page.text, read
        for unread in ("q.diet", "q.access", "q.photos"):
            assert f'id="{unread}-hint"' not in page.text, unread


async def test_where_no_session_has_chairs_nobody_is_said_to_read(settings: MakeSettings) -> None:
    async with attendee(settings(), milipol(requirements=[], questions=[NEEDS]), workshop(1)) as one:
        page = await one.get(FORM)
        assert 'id="q.needs"' in page.text
        assert "chairs" not in page.words
