"""The private page: how everything stands in words, and each thing that can be done there, once and again."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.registration.commands import Approve, Cancel, CheckIn, Decline
from services.registration.door.tickets import ticket_of
from services.registration.registrations import Registration
from shared.contracts.registration import SeatState, Through
from shared.links import CALENDAR, calendar_path
from tests.conftest import MakeSettings
from tests.support.attendee import EVENT, ORGANISER, Attendee, attendee, told_anew
from tests.support.events import CLOSES, milipol, workshop
from tests.support.waiting import until

W1, W2, W3, W4 = (f"milipol-2019-workshop-{number}" for number in (1, 2, 3, 4))
FAIR = {
    "id": "fair",
    "name": {"en": "Milipol Paris"},
    "url": "https://fair.example.org/badge",
    "code": "H2020MP2019",
    "policy": "hold",
    "hold_days": 5,
}
QUESTION = {"id": "needs", "label": {"en": "Your needs", "fr": "Vos besoins"}}
PHOTOS = {"id": "photos", "label": {"en": "Photos are taken"}, "kind": "consent", "required": True}
NEWS = {"id": "news", "label": {"en": "Tell me of the next one"}, "kind": "consent"}


@pytest.fixture
async def ada(settings: MakeSettings) -> AsyncIterator[Attendee]:
    """Nothing is needed elsewhere; 1 and the copy of it that is called 4 are at the same time, each with one seat."""
    event = milipol(audiences=[], requirements=[], admission={"overlaps": "refuse", "reconfirmation": {"ask_days": 10, "answer_days": 5}})  # fmt: skip
    same = workshop(1, capacity=1).model_copy(update={"id": W4})
    async with attendee(
        settings(), event, workshop(1, capacity=1), workshop(2, capacity=5), workshop(3, admission={"approval": True}), same
    ) as one:  # fmt: skip
        yield one


@pytest.fixture
async def fair(settings: MakeSettings) -> AsyncIterator[Attendee]:
    """The fair's registration is needed too."""
    async with attendee(settings(), milipol(audiences=[], requirements=[FAIR]), workshop(1), workshop(2)) as one:
        yield one


async def offered(ada: Attendee) -> Registration:
    """Ada has a seat in workshop 4 and is offered one in 1, at the same time."""
    bob = await ada.registered("bob", W1)
    await ada.registered("ada", W1, W4)
    await ada.requests.cancel(bob, [W1], ORGANISER)
    registration = await ada.registration("ada")
    assert {held.session_id: held.state.value for held in registration.choices} == {W1: "offered", W4: "confirmed"}
    return registration


def states(registration: Registration) -> dict[str, str]:
    return {held.session_id: held.state.value for held in registration.choices}


# What it says


async def test_pending_says_what_is_missing_how_to_get_it_and_until_when(fair: Attendee) -> None:
    registration = await fair.registered("ada", W1)
    page = await fair.get(fair.own(registration))
    assert "A seat is held for you until Wednesday, 6 November 2019, 10:00 (Europe/Paris, UTC+1)." in page.words
    assert "Your registration with Milipol Paris is not known yet." in page.words
    assert "https://fair.example.org/badge" in page.text
    assert "Your code there: H2020MP2019" in page.words
    assert "Your ticket" not in page.words, "nobody gets in without a seat"
    await fair.granted("ada")
    page = await fair.get(fair.own(registration))
    assert "Milipol Paris has confirmed your registration there." in page.words
    assert "Your ticket" in page.words
    await fair.granted("ada", state="revoked")
    page = await fair.get(fair.own(registration))
    assert "Milipol Paris took your registration there back; please ask them about it." in page.words


async def test_number_given_later_is_what_was_missing(fair: Attendee) -> None:
    await fair.granted(number="MP-77")
    registration = await fair.registered("ada", W1)
    assert registration.state is SeatState.PENDING
    page = await fair.post(fair.own(registration) + "/numbers", {"numbers.fair": "mp-77"})
    assert (page.status, page.path) == (200, fair.own(registration))
    assert (await fair.registration("ada")).state is SeatState.CONFIRMED
    page = await fair.post(fair.own(registration) + "/numbers", {"numbers.fair": "1" * 81})
    assert page.status == 422
    await fair.granted("ada", state="refused")
    page = await fair.post(fair.own(registration) + "/numbers", {"numbers.fair": "1" * 81})
    assert 'id="numbers.fair-wrong">At most 80 characters.' in page.text


async def test_waiting_says_the_position(ada: Attendee) -> None:
    await ada.registered("bob", W1)
    registration = await ada.registered("ada", W1)
    page = await ada.get(ada.own(registration))
    assert "on the waiting list Your position: 1. You get a mail as soon as a seat is free." in page.words
    page = await ada.post(ada.own(registration) + "/cancel", {"session": W1})
    assert "You gave it up." in page.words


async def test_full_event_is_waited_for_offered_and_taken(settings: MakeSettings) -> None:
    event = milipol(audiences=[], requirements=[], admission={"capacity": 1, "offer_hours": 24})
    async with attendee(settings(), event, workshop(1)) as one:
        bob = await one.registered("bob", W1)
        registration, cyd = await one.registered("ada", W1), await one.registered("cyd", W1)
        page = await one.get(one.own(registration))
        assert "on the waiting list Your position: 1. You get a mail as soon as a seat is free." in page.words
        assert "pending It is decided when you have a seat at the event." in page.words
        page = await one.post(one.own(cyd) + "/cancel", {"all": "yes"})
        assert "This registration is cancelled. You gave it up." in page.words
        await one.requests.cancel(bob, [], ORGANISER)
        page = await one.get(one.own(registration))
        assert "A seat is offered to you. It is yours if you accept it by Saturday, 2 November 2019" in page.words
        assert "Your ticket" not in page.words, "an offer is no seat yet"
        page = await one.post(one.own(registration) + "/accept", {"key": page.hidden("key")})
        assert "Your ticket" in page.words
        assert states(await one.registration("ada")) == {W1: "confirmed"}


async def test_organisers_yes_and_no_are_said_kindly(ada: Attendee) -> None:
    registration = await ada.registered("ada", W2, W3)
    assert "The organisers decide about this seat." in (await ada.get(ada.own(registration))).words
    await ada.requests.decide(Approve, registration, ORGANISER, sessions=(W3,))
    assert states(await ada.registration("ada"))[W3] == "confirmed"
    await ada.requests.decide(Decline, registration, ORGANISER, sessions=(W3,))
    assert "The organisers could not give you a seat here." in (await ada.get(ada.own(registration))).words


async def test_checked_in_is_said_and_nothing_can_be_handed_on(ada: Attendee) -> None:
    registration = await ada.registered("ada", W2)
    assert "Hand my seat to a colleague" in (await ada.get(ada.own(registration))).words, "control"
    await ada.requests.decide(CheckIn, registration, ORGANISER, at=ada.now[0])
    page = await ada.get(ada.own(registration))
    assert "You checked in: Friday, 1 November 2019, 10:00 (Europe/Paris, UTC+1)." in page.words
    assert "Hand my seat to a colleague" not in page.words
    assert "Your ticket" in page.words


async def test_ticket_is_the_doors(ada: Attendee) -> None:
    registration = await ada.registered("ada", W2)
    page = await ada.get(ada.own(registration))
    assert ticket_of(registration, ada.links) in page.text
    assert "<svg " in page.text


async def test_members_material_is_for_members_with_a_seat(settings: MakeSettings) -> None:
    link = {"title": {"en": "Minutes"}, "url": "https://m.example.org/minutes", "audience": "members"}
    event = milipol(audiences=[], requirements=[], links=[link], members={"domains": ["members.example.org"]})
    async with attendee(settings(), event, workshop(1, outcome=[link]), workshop(2)) as one:
        await one.fill_in("ada", W1, email="ada@members.example.org")
        await one.fill_in("bob", W1)
        await one.fill_in("cyd", W1, email="cyd@members.example.org")
        pages = [await one.get(one.own(r)) for r in await one.store.registrations(EVENT, None, 1000)]
        by_name = {name: next(page for page in pages if f">{name}<" in page.text) for name in ("Ada", "Bob", "Cyd")}
        assert by_name["Ada"].text.count("https://m.example.org/minutes") == 2
        assert "https://m.example.org/minutes" not in by_name["Bob"].text
        assert by_name["Bob"].words.count("There is more here for members.") == 2
        assert by_name["Cyd"].text.count("https://m.example.org/minutes") == 1, (
            "a seat at the event, none in the session"
        )


# What can be done


async def test_swap_is_offered_with_what_it_costs_and_taken_once(ada: Attendee) -> None:
    registration = await offered(ada)
    page = await ada.get(ada.own(registration))
    assert "It is yours if you accept it by Saturday, 2 November 2019, 10:00 (Europe/Paris, UTC+1)" in page.words
    assert "If you accept it, you give up what you have at the same time: Workshop 1." in page.words
    sent = {"key": page.hidden("key"), "session": W1}
    pages = await asyncio.gather(*(ada.post(ada.own(registration) + "/accept", sent) for _ in range(2)))
    assert [page.status for page in pages] == [200, 200], "a double click is one answer"
    assert states(await ada.registration("ada")) == {W1: "confirmed", W4: "cancelled"}
    assert "You took another session at the same time instead." in pages[0].words
    late = await ada.post(ada.own(registration) + "/accept", {"session": W1})
    assert late.status == 409
    assert "Nothing is offered here any more." in late.words


async def test_offer_is_declined_and_what_is_had_stays(ada: Attendee) -> None:
    registration = await offered(ada)
    page = await ada.post(ada.own(registration) + "/cancel", {"session": W1})
    assert page.status == 200
    assert states(await ada.registration("ada")) == {W1: "cancelled", W4: "confirmed"}


async def test_offer_that_is_over_is_told(ada: Attendee) -> None:
    registration = await offered(ada)
    ada.now[0] += timedelta(hours=25)
    page = await ada.post(ada.own(registration) + "/accept", {"session": W1})
    assert page.status == 409, "the offer has lapsed, whether time has looked at it or not"
    await ada.time.due()
    page = await ada.get(ada.own(registration))
    assert "The offered seat was not accepted in time; it goes to the next in line." in page.words


async def test_who_still_comes_says_so(ada: Attendee) -> None:
    registration = await ada.registered("ada", W2)
    assert "Do you still come?" not in (await ada.get(ada.own(registration))).words
    ada.now[0] = CLOSES
    await ada.time.look()
    page = await ada.get(ada.own(registration))
    assert "Do you still come? Please answer by" in page.words
    for _ in range(2):
        page = await ada.post(ada.own(registration) + "/reconfirm")
        assert (page.status, page.path) == (200, ada.own(registration))
    assert "Do you still come?" not in page.words
    assert (await ada.registration("ada")).reconfirm_until is None


async def test_seat_is_handed_to_a_colleague(ada: Attendee) -> None:
    registration = await ada.registered("ada", W2)
    await ada.registered("bob", W2)
    page = await ada.post(ada.own(registration) + "/transfer", {"name": "Bob", "email": "bob@example.org"})
    assert page.status == 409
    assert 'id="email-wrong">The seat cannot be handed to this address' in page.text
    assert '<details class="screen" id="transfer" open>' in page.text
    page = await ada.post(ada.own(registration) + "/transfer", {"name": "Cyd", "email": "cyd"})
    assert page.status == 422
    assert 'id="email-wrong">Please give an e-mail address' in page.text
    sent = {"key": page.hidden("key"), "name": "Cyd", "email": "cyd@example.org"}
    pages = await asyncio.gather(*(ada.post(ada.own(registration) + "/transfer", sent) for _ in range(2)))
    assert [page.status for page in pages] == [200, 200]
    assert "Your seat is handed on. Your colleague gets a mail" in pages[1].words
    assert "Your seat has passed to the colleague who was named." in pages[1].words
    assert f'href="/events/{EVENT}/register?lang=en">Register again</a>' in pages[1].text
    assert states(await ada.registration("cyd")) == {W2: "confirmed"}
    assert (await ada.registration("cyd")).handed_on, "the mail says so"
    assert not registration.handed_on, "control: one's own"


async def test_seat_is_not_handed_on_where_the_event_says_so(settings: MakeSettings) -> None:
    event = milipol(audiences=[], requirements=[], admission={"transfers": False})
    async with attendee(settings(), event, workshop(1)) as one:
        registration = await one.registered("ada", W1)
        assert "Hand my seat" not in (await one.get(one.own(registration))).words
        page = await one.post(one.own(registration) + "/transfer", {"name": "Cyd", "email": "cyd@example.org"})
        assert page.status == 409
        assert "Seats of this event cannot be handed on." in page.words


async def test_page_leads_to_the_page_about_the_calendar_and_names_no_feed(ada: Attendee) -> None:
    registration = await ada.registered("ada", W2)
    path = calendar_path(ada.links.token(CALENDAR, registration.id, registration.link_generation))
    for revision, answers in ((2, False), (3, True)):
        event = milipol(revision, audiences=[], requirements=[], admission={"calendar_answers": answers})
        await told_anew(ada, event)
        page = await ada.get(ada.own(registration) + "?lang=en")
        assert f'href="{path}?lang=en"' in page.text
        assert "/feeds/" not in page.text, "the person may have had a new one made"
        assert ("you give the seat up. You are told" in page.words) is answers


async def test_what_was_given_up_by_calendar_says_so(ada: Attendee) -> None:
    await told_anew(ada, milipol(2, audiences=[], requirements=[], admission={"calendar_answers": True}))
    registration = await ada.registered("ada", W1, W2)
    said = Cancel(id="said", registration_id=registration.id, sessions=(W2,), through=Through.CALENDAR)
    await ada.requests.ask(EVENT, said, ORGANISER)
    page = await ada.get(ada.own(registration) + "?lang=en")
    assert "You removed it from your calendar, or declined it there or in the invitation." in page.words
    assert states(await ada.registration("ada")) == {W1: "confirmed", W2: "cancelled"}


async def test_new_private_address_ends_the_old_ones(ada: Attendee) -> None:
    registration = await ada.registered("ada", W2)
    old = ada.own(registration)
    asked = await ada.get(old + "/new-address")
    assert "All private addresses that you have stop working: this page, your calendar" in asked.words
    page = await ada.post(old + "/new-address", {"key": asked.hidden("key")})
    now = await ada.registration("ada")
    assert (page.status, page.path) == (200, ada.own(now))
    assert ada.own(now) != old
    assert calendar_path(ada.links.token(CALENDAR, now.id, now.link_generation)) in page.text
    assert ticket_of(now, ada.links) in page.text
    again = await ada.post(old + "/new-address", {"key": asked.hidden("key")})
    assert again.status == 404
    assert "If you asked for a new address, use the one in your newest mail." in again.words
    assert (await ada.registration("ada")).link_generation == now.link_generation, "the old address makes no other"


async def test_who_asks_to_be_forgotten_is(ada: Attendee) -> None:
    registration = await ada.registered("ada", W2)
    own = ada.own(registration)
    assert "This cannot be undone." in (await ada.get(own + "/forget")).words
    page = await ada.post(own + "/forget")
    assert page.status == 422
    assert "Please tick the box first." in page.words
    assert (await ada.registration("ada")).state is SeatState.CONFIRMED, "not by a slip of the finger"
    page = await ada.post(own + "/forget", {"sure": "yes"})
    assert (page.status, page.path) == (200, "/r/forgotten")
    assert "Your data is removed" in page.words
    for path in ("", "/forget", "/new-address", "/data.json"):
        gone = await ada.get(own + path)
        assert gone.status == 404
        assert "If you asked to be forgotten, it is done." in gone.words
        assert gone.headers["Cache-Control"] == "private, no-store"
    assert (await ada.post(own + "/forget", {"sure": "yes"})).status == 404
    [nobody] = await ada.store.registrations(EVENT, None, 1000)
    assert (nobody.erased, nobody.person.name, nobody.state) == (True, "", SeatState.CANCELLED)


async def test_own_data_can_be_taken_along(ada: Attendee) -> None:
    registration = await ada.registered("ada", W2, affiliation="Institute")
    page = await ada.get(ada.own(registration) + "/data.json")
    assert page.headers["Content-Disposition"] == 'attachment; filename="registration-milipol-2019.json"'
    assert page.headers["Content-Type"] == "application/json; charset=utf-8"
    told = json.loads(page.text)
    assert told["person"]["email"] == "ada@example.org"
    assert told["person"]["affiliation"] == "Institute"


async def test_question_that_came_later_is_answered(ada: Attendee) -> None:
    registration = await ada.registered("ada", W2)
    assert "Your answers" not in (await ada.get(ada.own(registration))).words
    event = milipol(2, audiences=[], requirements=[], questions=[QUESTION, PHOTOS])
    await told_anew(ada, event)

    async def asked() -> bool:
        seats = await ada.store.seats(EVENT)
        return seats.event is not None and len(seats.event.rules.questions) == 2

    await until(asked, 20, "the desk knows the questions")
    page = await ada.get(ada.own(registration))
    assert "Your answers" in page.words
    page = await ada.post(ada.own(registration) + "/answers", {"q.needs": "Saws"})
    assert page.status == 200
    kept = await ada.registration("ada")
    assert (dict(kept.answers), states(kept)) == ({"needs": "Saws"}, {W2: "confirmed"})
    page = await ada.post(ada.own(registration) + "/answers", {"q.needs": "", "q.photos": "yes"})
    assert "Photos are taken (agreed on Friday, 1 November 2019)" in page.words.replace("( ", "(").replace(" )", ")")
    kept = await ada.registration("ada")
    assert dict(kept.answers) == {"photos": True}
    page = await ada.post(ada.own(registration) + "/answers", {"q.needs": "x" * 5001})
    assert page.status == 422
    assert 'id="q.needs-wrong">This is too long; shorten it.' in page.text


async def test_number_is_answered_with_a_word_and_never_stands_in_the_address(fair: Attendee) -> None:
    own = fair.own(await fair.registered("ada", W1))
    sent = await fair.post(own + "/numbers", {"numbers.fair": "ABC 123"}, allow_redirects=False)
    assert sent.headers["Location"] == f"{own}?lang=en&done=numbers"
    waits = "Noted: ABC 123. Milipol Paris has not told us about it yet; you need do nothing more."
    assert waits in (await fair.get(own + "?done=numbers")).words
    assert waits not in (await fair.get(own)).words, "control: only after it was sent"
    await fair.granted("ada")
    page = (await fair.get(own + "?done=numbers")).words
    assert "Noted: ABC 123." in page
    assert "has not told us" not in page
    assert 'role="status"' not in (await fair.get(own + "?done=nothing")).text


async def test_nothing_is_given_up_by_one_tap(ada: Attendee) -> None:
    await ada.registered("bob", W1)
    page = await ada.get(ada.own(await ada.registered("ada", W1, W2)))
    for session in (W1, W2):
        assert f'<input type="checkbox" name="session" value="{session}" required>' in page.text
    assert '<button class="danger" name=' not in page.text, "no button gives up by itself"
    assert page.text.count("<summary>Give up this seat</summary>") == 1
    assert page.text.count("<summary>Leave the waiting list</summary>") == 1


async def test_seat_is_not_handed_to_oneself(ada: Attendee) -> None:
    registration = await ada.registered("ada", W2)
    page = await ada.post(ada.own(registration) + "/transfer", {"name": "Ada", "email": "ADA@example.org"})
    assert page.status == 409
    assert "This is your own address: give your colleague's." in page.words


async def test_refused_hand_over_names_whom_to_register_with_first(settings: MakeSettings) -> None:
    first = FAIR | {"policy": "first"}
    async with attendee(settings(), milipol(audiences=[], requirements=[first]), workshop(1)) as one:
        registration = await one.registered("ada", W1)
        page = await one.post(one.own(registration) + "/transfer", {"name": "Cyd", "email": "cyd@example.org"})
        assert page.status == 409
        assert "Whoever takes the seat must be registered with Milipol Paris first." in page.words
        assert 'id="email-wrong">' in page.text
        assert page.text.count('href="https://fair.example.org/badge"') == 2, "beside the field too"


async def test_free_consent_is_given_and_taken_back(settings: MakeSettings) -> None:
    event = milipol(audiences=[], requirements=[], questions=[PHOTOS, NEWS])
    async with attendee(settings(), event, workshop(1)) as one:
        refused = await one.fill_in("ada", W1, **{"q.news": "yes"})
        assert "Without this consent there is no registration." in refused.words
        registration = await one.registered("ada", W1, **{"q.photos": "yes"})
        assert set(registration.consents) == {"photos"}, "what was not ticked is no consent"
        own = one.own(registration)
        await one.post(own + "/answers", {"open.news": "yes", "q.news": "yes"})
        assert set((await one.registration("ada")).consents) == {"photos", "news"}
        assert re.search(r'name="q.news" value="yes" checked', (await one.get(own)).text)
        assert 'name="q.photos"' not in (await one.get(own)).text, "a needed one is not taken back"
        await one.post(own + "/answers", {})
        assert set((await one.registration("ada")).consents) == {"photos", "news"}, "control: it was not asked"
        await one.post(own + "/answers", {"open.news": "yes"})
        assert set((await one.registration("ada")).consents) == {"photos"}


# Of every page


POSTS = ("sessions", "answers", "cancel", "accept", "reconfirm", "numbers", "transfer", "new-address", "forget")


async def test_private_pages_are_kept_and_found_by_nobody_else(ada: Attendee) -> None:
    registration = await ada.registered("ada", W2)
    for path in ("", "/new-address", "/forget", "/data.json"):
        page = await ada.get(ada.own(registration) + path)
        assert page.status == 200
        assert page.headers["Cache-Control"] == "private, no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["X-Robots-Tag"] == "noindex"


async def test_every_form_of_the_private_page_is_limited(settings: MakeSettings) -> None:
    event = milipol(audiences=[], requirements=[])
    async with attendee(settings(private_burst=1), event, workshop(1)) as one:
        registration = await one.registered("ada", W1)
        first = await one.post(one.own(registration) + "/reconfirm")
        assert first.status == 200, "control: the first is heard"
        for form in POSTS:
            assert (await one.post(f"{one.own(registration)}/{form}", {"sure": "yes"})).status == 429, form
        assert (await one.registration("ada")).state is SeatState.CONFIRMED


async def test_forms_of_a_wrong_address_tell_nothing(ada: Attendee) -> None:
    for form in POSTS:
        assert (await ada.post(f"/r/{'a' * 32}/{form}", {"all": "yes"})).status == 404, form


async def test_forms_answer_with_see_other(ada: Attendee) -> None:
    """Reloading the page that follows sends nothing again."""
    registration = await ada.registered("ada", W2)
    own = ada.own(registration)
    sent: list[tuple[str, str, dict[str, str]]] = [
        ("reconfirm", "&done=still-coming", {}),
        ("answers", "&done=answers", {}),
        ("numbers", "", {}),
        ("sessions", "&done=sessions", {"sessions": W2}),
    ]
    for form, done, fields in sent:
        page = await ada.post(f"{own}/{form}?lang=fr", fields, allow_redirects=False)
        assert (page.status, page.headers["Location"]) == (303, f"{own}?lang=fr{done}"), form


async def test_language_can_be_changed_where_a_form_was_refused(ada: Attendee) -> None:
    registration = await ada.registered("ada", W2)
    own = ada.own(registration)
    page = await ada.post(own + "/sessions", {"sessions": "milipol-2019-nothing"})
    assert page.status == 409
    assert f'href="{own}?lang=fr"' in page.text
