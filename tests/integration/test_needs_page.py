"""What chairs read before their session: what its people need, and nothing that says who they are."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.registration.attendee.needs_pages import needs_path
from services.registration.commands import Erase
from tests.conftest import MakeSettings
from tests.support.attendee import ORGANISER, Attendee, attendee
from tests.support.events import milipol, workshop

W1, W2 = "milipol-2019-workshop-1", "milipol-2019-workshop-2"
KINDS = [{"id": "police", "name": {"en": "Police officers", "fr": "Policiers"}}]
NEEDS = {"id": "needs", "label": {"en": "What do you need?", "fr": "De quoi avez-vous besoin ?"}}
PHOTOS = {"id": "photos", "label": {"en": "Photos are taken"}, "kind": "consent"}
LEVEL = {
    "id": "level",
    "label": {"en": "What do you know?", "fr": "Que savez-vous ?"},
    "kind": "choice",
    "choices": [{"en": "Little", "fr": "Peu"}, {"en": "Much", "fr": "Beaucoup"}],
}


@pytest.fixture
async def chair(settings: MakeSettings) -> AsyncIterator[Attendee]:
    event = milipol(audiences=KINDS, requirements=[], questions=[NEEDS, PHOTOS])
    async with attendee(settings(), event, workshop(1, capacity=1, questions=[LEVEL]), workshop(2)) as one:
        common = {"audience": "police", "q.photos": "yes", "q.level": "Little"}
        await one.registered("ada", W1, affiliation="Institute", country="FI", **common, **{"q.needs": "Fewer <forms>"})
        await one.registered("bob", W1, **common, **{"q.needs": "Awaited data"})
        await one.registered("cyd", W2, **common, **{"q.needs": "Another session"})
        await one.registered("dan", W1, **common, **{"q.needs": "Given up"})
        await one.registered("eve", W1, **common, **{"q.needs": "Forgotten"})
        await one.requests.cancel(await one.registration("dan"), [], ORGANISER)
        await one.requests.decide(Erase, await one.registration("eve"), ORGANISER)
        yield one


async def test_chairs_read_needs_and_no_names(chair: Attendee) -> None:
    page = await chair.get(needs_path(chair.links, W1))
    assert page.status == 200
    assert "Fewer <forms> Institute, Police officers, Finland" in page.words
    assert "Awaited data Police officers" in page.words, "who waits has needs too"
    assert "What do you know? Little 2" in page.words
    for hidden in ("Ada", "Bob", "@example.org", "Another session", "Given up", "Forgotten", "Photos"):
        assert hidden not in page.text, hidden
    assert page.headers["Cache-Control"] == "private, no-store"
    assert page.headers["X-Robots-Tag"] == "noindex"


async def test_chairs_read_in_their_language(chair: Attendee) -> None:
    page = await chair.get(needs_path(chair.links, W1) + "?lang=fr")
    assert "Que savez-vous ? Peu 2" in page.words
    assert "Institute, Policiers, Finlande" in page.words


async def test_address_opens_one_session_only(chair: Attendee) -> None:
    token = needs_path(chair.links, W1).rpartition("/")[2]
    assert (await chair.get(f"/needs/{W2}/{token}")).status == 404
    assert (await chair.get(f"/needs/{W1}/{'a' * 32}")).status == 404
    assert (await chair.get(f"/needs/{W1}/%C3%A9")).status == 404
    assert (await chair.get(needs_path(chair.links, "nothing"))).status == 404, "and there must be one"
