"""The registration form: what it says of seats and rules, what is wrong beside each field, and that it gives nobody away."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import pytest

from services.registration.codes import Code
from shared.contracts.countries import COUNTRIES
from shared.contracts.registration import Cause, RegistrationRequested, SeatState
from shared.contracts.scheduling import SessionState
from shared.web.problems import Problem
from tests.conftest import MakeSettings
from tests.support.attendee import EVENT, FORM, ORGANISER, Attendee, attendee
from tests.support.events import BEFORE_CLOSE, CLOSES, milipol, workshop

W1, W2, W3 = (f"milipol-2019-workshop-{number}" for number in (1, 2, 3))
KINDS = [
    {"id": "police", "name": {"en": "Police", "fr": "Police"}},
    {"id": "research", "name": {"en": "Research", "fr": "Recherche"}},
]
FAIR = {
    "id": "fair",
    "name": {"en": "Milipol Paris"},
    "url": "https://fair.example.org/badge",
    "code": "H2020MP2019",
    "policy": "hold",
    "hold_days": 5,
}


@pytest.fixture
async def ada(settings: MakeSettings) -> AsyncIterator[Attendee]:
    """Workshop 1 has one seat, 2 sets one aside for each kind, 3 is by invitation and for members."""
    event = milipol(audiences=KINDS, requirements=[FAIR], members={"domains": ["members.example.org"]})
    aside = {"quotas": {"police": 1, "research": 1}}
    closed = {"code_needed": True, "members_only": True, "approval": True}
    sessions = (workshop(1, capacity=1), workshop(2, admission=aside), workshop(3, admission=closed))
    async with attendee(settings(), event, *sessions) as one:
        yield one


async def test_rules_of_admission_stand_beside_what_they_are_for(ada: Attendee) -> None:
    page = await ada.get(FORM)
    assert "By invitation: you need a code. For members only. The organisers decide on each seat." in page.words
    assert "Your seat is held for 5 days until this registration is there." in page.words
    assert "https://fair.example.org/badge" in page.text
    assert "Your code there: H2020MP2019" in page.words
    assert "Your number at Milipol Paris (optional)" in page.words


async def test_code_of_the_address_is_filled_in_and_kept_in_the_other_language(ada: Attendee) -> None:
    page = await ada.get(FORM + "?code=MEET%26%22GREET")
    assert 'name="code" autocomplete="off"' in page.text
    assert 'value="MEET&amp;&#34;GREET"' in page.text
    assert "?lang=fr&amp;code=MEET%26%22GREET" in page.text
    assert page.headers["Cache-Control"] == "private, no-store", "an address with a code is a secret"


async def test_code_is_out_of_the_way_where_nothing_needs_one(settings: MakeSettings) -> None:
    async with attendee(settings(), milipol(audiences=[], requirements=[]), workshop(1)) as one:
        assert "I have an invitation code" not in (await one.get(FORM)).words, "there is none"
        assert "<details open>" in (await one.get(FORM + "?code=A")).text
        await one.requests.set_codes(EVENT, [Code("MEET", "Meet")], ORGANISER)
        page = await one.get(FORM)
        assert "<summary>I have an invitation code</summary>" in page.text
        assert "<details>" in page.text


async def test_kinds_that_are_full_are_named_where_seats_are_set_aside(ada: Attendee) -> None:
    assert "full for" not in (await ada.get(FORM)).words
    await ada.registered("bob", W2, audience="police")
    assert "1 seat left · full for Police: waiting list" in (await ada.get(FORM)).words
    await ada.registered("cyd", W2, audience="research")
    assert "Workshop 2 full: waiting list, nobody waits yet" in (await ada.get(FORM)).words


async def test_every_reason_stands_beside_its_field(ada: Attendee) -> None:
    page = await ada.fill_in("eve", W3, code="NOPE")
    assert page.status == 409
    for at, words in (
        ("code", "There is no such code for this event."),
        ("audience", "Please choose."),
        (f"session-{W3}", "It is for members."),
    ):
        assert f'href="#{at}"' in page.text
        assert f'id="{at}-wrong">{words}' in page.text
        assert f'aria-describedby="{at}-wrong" aria-invalid="true"' in page.text
    assert 'value="Eve"' in page.text
    assert 'value="NOPE"' in page.text, "what was typed is kept"


async def test_reasons_are_said_in_french(ada: Attendee) -> None:
    page = await ada.fill_in("eve", W3, code="NOPE", lang="fr")
    assert "Atelier 3 : C'est réservé aux membres." in page.words
    assert "Ce code n'existe pas pour cet événement." in page.words


async def test_code_opens_what_is_by_invitation(ada: Attendee) -> None:
    await ada.requests.set_codes(EVENT, [Code("MEET", "Meet", sessions=(W3,))], ORGANISER)
    page = await ada.fill_in("eve", W3, code="me-et", audience="police", email="eve@members.example.org")
    assert page.status == 201
    assert "The organisers decide about this seat." in page.words
    [eve] = await ada.store.registrations(EVENT, None, 1000)
    assert (eve.code, eve.member) == ("MEET", True)
    assert [held.cause for held in eve.choices] == [Cause.APPROVAL]


async def test_number_of_another_organisation_counts_at_once(ada: Attendee) -> None:
    await ada.granted(number="MP 77")
    page = await ada.fill_in("eve", W1, audience="police", **{"numbers.fair": "mp77"})
    assert "You are registered" in page.words
    eve = await ada.registration("eve")
    assert eve.numbers == {"fair": "mp77"}
    assert eve.state is SeatState.CONFIRMED


async def test_result_says_what_is_missing_and_until_when_the_seat_is_held(ada: Attendee) -> None:
    page = await ada.fill_in("eve", W1, audience="police")
    assert "Something is still missing" in page.words
    assert "A seat is held for you until Wednesday, 6 November 2019, 10:00 (Europe/Paris, UTC+1)." in page.words
    assert "It is confirmed by itself as soon as nothing is missing any more." in page.words
    french = await ada.fill_in("zoe", W1, audience="police", lang="fr")
    assert "mercredi 6 novembre 2019, 10:00 (Europe/Paris, UTC+1)" in french.words


@pytest.mark.parametrize(
    ("changes", "sessions"),
    [
        ({}, (W1, W2)),
        ({"requirements": []}, (W2,)),
        ({"admission": {"capacity": 1}}, (W1,)),
        ({"admission": {"approval": True}}, (W1,)),
    ],
    ids=["held", "confirmed", "waitlisted", "approval"],
)
async def test_result_of_a_registered_address_is_a_newcomers(
    settings: MakeSettings, changes: dict[str, Any], sessions: tuple[str, ...]
) -> None:
    """Whoever fills the form in may not learn who is registered: not by the words, the headers or the status."""
    event = milipol(**({"audiences": [], "requirements": [FAIR]} | changes))
    async with attendee(settings(), event, workshop(1, capacity=1), workshop(2, capacity=9)) as one:
        before = await one.registered("known", W2)
        await one.registered("other", W1)
        repeated = await one.fill_in("known", *sessions)
        newcomer = await one.fill_in("fresh", *sessions)
        assert repeated.status == newcomer.status == 201
        assert repeated.text.replace("known@", "fresh@") == newcomer.text
        kept = [{k: v for k, v in page.headers.items() if k in _STABLE} for page in (repeated, newcomer)]
        assert kept[0] == kept[1]
        assert "If this address was registered before, nothing was changed now" in newcomer.words
        after = await one.registration("known")
        assert after.choices == before.choices, "nothing was changed"
        assert after.repeated_at is not None, "and the person is told by mail"
        again = RegistrationRequested(event_id=EVENT, person=before.person, sessions=list(sessions))
        with pytest.raises(Problem) as refused:
            await one.requests.register(again, ORGANISER)
        assert [error["code"] for error in refused.value.errors] == ["already-registered"], "control: organisers see it"


_STABLE = ("Cache-Control", "Content-Type", "Referrer-Policy", "X-Robots-Tag", "Content-Security-Policy")


async def test_form_sent_by_a_double_click_registers_once(ada: Attendee) -> None:
    shown = await ada.get(FORM)
    fields = {
        "key": shown.hidden("key"),
        "name": "Eve",
        "email": "eve@example.org",
        "audience": "police",
        "sessions": W1,
    }
    pages = await asyncio.gather(ada.post(FORM, fields), ada.post(FORM, fields))
    assert [page.status for page in pages] == [201, 201]
    assert pages[0].text == pages[1].text
    again = await ada.post(FORM, fields)
    assert again.text == pages[0].text, "reloading gets the first answer"
    assert (await ada.registration("eve")).repeated_at is None


async def test_country_is_chosen_by_its_name(ada: Attendee) -> None:
    page = await ada.get(FORM + "?lang=fr")
    names = re.findall(r'<option value="[A-Z]{2}">([^<]+)</option>', page.text)
    assert names.index("Équateur") < names.index("Finlande") < names.index("Suède") < names.index("Zambie")
    assert len(names) == len(COUNTRIES)
    for name, country, code in (("eve", "Sweden", "SE"), ("zoe", "finlande", "FI"), ("kim", "no", "NO")):
        assert (await ada.fill_in(name, W2, audience="police", country=country)).status == 201
        assert (await ada.registration(name)).person.country == code
    page = await ada.fill_in("dan", W2, audience="police", country="Sw")
    assert page.status == 422
    assert 'id="country-wrong">Please choose from the list.' in page.text


@pytest.mark.parametrize(
    ("sessions", "words"),
    [
        ((workshop(1, admission={"window": {"closes": BEFORE_CLOSE}}),), "Registration is closed."),
        (
            (workshop(1, admission={"window": {"opens": CLOSES}}), workshop(2, admission={"open": False})),
            "Registration opens on Wednesday, 13 November 2019, 00:00 (Europe/Paris, UTC+1).",
        ),
    ],
    ids=["closed", "later"],
)
async def test_form_without_a_session_to_choose_is_not_shown(
    settings: MakeSettings, sessions: tuple[SessionState, ...], words: str
) -> None:
    async with attendee(settings(), milipol(audiences=[], requirements=[]), *sessions) as one:
        page = await one.get(FORM)
        assert words in page.words
        assert "<form" not in page.text
        assert "seats left" not in page.words


async def test_form_of_a_past_event_is_not_shown(settings: MakeSettings) -> None:
    open_ended = milipol(audiences=[], requirements=[], admission={"window": {}}, ends_on=date(2019, 11, 20))
    async with attendee(settings(), open_ended, workshop(1, starts_at=None, ends_at=None)) as one:
        assert "<form" in (await one.get(FORM)).text, "control"
        one.now[0] += timedelta(days=60)
        page = await one.get(FORM)
        assert "Registration is closed." in page.words
        assert "<form" not in page.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"admission": {"window": {"opens": CLOSES}}},
            "Registration opens on Wednesday, 13 November 2019, 00:00 (Europe/Paris, UTC+1).",
        ),
        ({"status": "cancelled"}, "This event does not take place."),
        ({"admission": {"open": False}}, "Registration is not taken here."),
    ],
    ids=["later", "cancelled", "elsewhere"],
)
async def test_form_that_takes_nobody_says_why(settings: MakeSettings, changes: dict[str, Any], words: str) -> None:
    async with attendee(settings(), milipol(audiences=[], requirements=[], **changes), workshop(1)) as one:
        page = await one.get(FORM)
        assert words in page.words
        assert "<form" not in page.text
