"""The attendee's page about their calendar: the feed, what waits, seats that were removed from a calendar, kind refusals."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest

from services.calendar_sync.domain import Whose
from shared.storage.mongo import Database
from tests.support.calendar_harness import CalendarSync
from tests.support.calendar_samples import milipol, registration, workshop
from tests.support.own_calendars import OwnCalendars, Place, own_calendars, place

WORKSHOPS = [f"milipol-2019-workshop-{number}" for number in (1, 2, 3, 4)]
ALL = dict.fromkeys(WORKSHOPS, "confirmed")


@pytest.fixture
async def sync(database: Database) -> AsyncIterator[CalendarSync]:
    sync = await CalendarSync(database).prepare()
    await sync.tell(milipol(admission={"calendar_answers": True}), *map(workshop, (1, 2, 3, 4)))
    await sync.tell(registration("milipol-2019", ALL))
    yield sync
    await sync.close()


@pytest.fixture
async def server() -> AsyncIterator[Place]:
    async with place("plain") as one:
        yield one


@pytest.fixture
async def people(sync: CalendarSync, server: Place) -> AsyncIterator[OwnCalendars]:
    async with own_calendars(sync, server) as found:
        yield found


def links(text: str) -> list[str]:
    return [html.unescape(link) for link in re.findall(r'href="([^"]+)"', text)]


def feed_on(text: str) -> str:
    found = re.search(r'id="feed" value="([^"]+)"', text)
    assert found is not None, text
    return found[1]


async def status_of(people: OwnCalendars, feed: str) -> int:
    async with people.http.get(urlsplit(feed).path) as answer:
        return answer.status


async def test_every_application_is_led_to_the_feed(people: OwnCalendars) -> None:
    page = await people.page()
    feed = feed_on(page.text)
    assert feed.startswith("https://lectern.test/feeds/private/")
    assert await status_of(people, feed) == 200
    webcal = feed.replace("https:", "webcal:")
    google, live, office = (
        next(link for link in links(page.text) if host in link)
        for host in ("google.com", "live.com", "office.com")
    )  # fmt: skip
    assert links(page.text).count(webcal) == 2
    assert parse_qs(urlsplit(google).query)["cid"] == [webcal]
    title = "AI in law enforcement: practitioner workshops"
    assert parse_qs(urlsplit(live).query) == parse_qs(urlsplit(office).query) == {"url": [feed], "name": [title]}
    assert "<svg" in page.text
    assert "Wednesday, 20 November 2019" in page.words


async def test_nobody_keeps_the_page_and_nothing_foreign_is_loaded(people: OwnCalendars) -> None:
    page = await people.page()
    assert page.headers["Cache-Control"] == "private, no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert "<script" not in page.text
    assert " style=" not in page.text


async def test_the_feed_gets_a_new_address_and_can_be_switched_off(people: OwnCalendars) -> None:
    old = feed_on((await people.page()).text)
    new = feed_on((await people.form("new-address")).text)
    assert [await status_of(people, feed) for feed in (old, new)] == [410, 200]
    off = await people.form("feed", on="no")
    assert "The feed is off" in off.words
    assert new not in off.text
    assert await status_of(people, new) == 410
    assert (await people.api()).body["feed"] is None
    assert feed_on((await people.form("feed", on="yes")).text) == new
    assert await status_of(people, new) == 200
    again = (await people.api("feed-address")).body["feed"]
    assert [await status_of(people, feed) for feed in (new, again)] == [410, 200]


async def test_what_is_waited_for_is_shown_on_wish_in_feed_and_calendar(
    people: OwnCalendars, server: Place, sync: CalendarSync
) -> None:
    waits = ALL | {WORKSHOPS[3]: "waitlisted"}
    await sync.tell(registration("milipol-2019", waits, sequence=2), sequence=2)
    assert (await people.connected(server)).body["written"] == 3
    page = await people.form("waiting", show="yes")
    assert "are shown as tentative" in page.words
    await people.work()
    assert (await people.api()).body["written"] == 4
    assert "STATUS:TENTATIVE" in (await server.ask("GET", f"work/{WORKSHOPS[3]}-r1.ics")).text
    await people.form("waiting", show="no")
    await people.work()
    assert (await people.api()).body["written"] == 3


async def test_without_keys_nothing_is_offered_to_connect(sync: CalendarSync) -> None:
    async with own_calendars(sync, sealed=False) as people:
        page = await people.page()
        assert "password" not in page.text
        assert (await people.api()).body["connects"] is False
        told = await people.api("connect", address="anna@example.org", password="x")
        assert (told.status, told.body["type"]) == (409, "urn:lectern:problem:not-offered")


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"address": "", "password": "x"}, "address"),
        ({"address": "https://dav.example.org/", "password": "x"}, "username"),
        ({"address": "anna@example.org", "password": ""}, "password"),
        ({"address": "not an address", "username": "anna", "password": "x"}, "address"),
        ({"address": "hello", "password": "x"}, "address"),
        ({"address": "a b", "password": "x"}, "address"),
        ({"address": "@", "password": "x"}, "address"),
        ({"address": "anna@gmail.com", "password": "x"}, "address"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field(people: OwnCalendars, fields: dict[str, str], at: str) -> None:
    page = await people.form("connect", **fields)
    assert page.status == 422
    assert f'id="{at}-wrong"' in page.text
    assert fields["address"] in html.unescape(page.text)
    told = await people.api("connect", **fields)
    assert (told.status, [error["field"] for error in told.body["errors"]]) == (422, [at])


async def test_all_that_is_wrong_is_said_at_once(people: OwnCalendars) -> None:
    page = await people.form("connect", address="hello", password="")
    assert re.findall(r'id="(\w+)-wrong"', page.text) == ["address", "password"]
    assert re.findall(r'<a href="#(\w+)">', page.text) == ["address", "password"]


async def test_who_tries_too_often_keeps_what_was_filled_in_but_for_the_password(people: OwnCalendars) -> None:
    fields = {"address": "https://dav.example.net/ada", "username": "ada", "password": "not-to-be-shown"}
    for _ in range(5):
        assert (await people.form_at_once("connect", address="hello", password="x")).status == 422
    page = await people.form_at_once("connect", **fields)
    assert (page.status, page.headers["Retry-After"]) == (429, "120")
    assert page.headers["Cache-Control"] == "private, no-store"
    assert "This was tried several times. Please wait two minutes, then try again." in page.words
    assert page.text.index("This was tried several times") < page.text.index('id="address"')
    assert [f'value="{fields[name]}"' in page.text for name in ("address", "username")] == [True, True]
    assert "not-to-be-shown" not in page.text


async def test_a_choice_that_is_sent_too_soon_stays_chosen(sync: CalendarSync, server: Place) -> None:
    async with own_calendars(sync, server, private_burst=1, private_rate=1 / 60) as people:
        choices = (await people.found(server)).body["choices"]
        assert len(choices) > 1
        await people.form("waiting", show="yes")
        page = await people.form_at_once("choose", calendar=choices[1]["id"])
        assert (page.status, page.headers["Retry-After"]) == (429, "60")
        assert re.findall(r'value="(\w+)" required checked', page.text) == [choices[1]["id"]]
        assert "Many requests came from your address at once." in page.words
        chosen = await people.form("choose", calendar=choices[1]["id"])
        assert "Connected." in chosen.words


async def test_a_removed_session_can_be_kept(people: OwnCalendars, server: Place, sync: CalendarSync) -> None:
    assert server.quirky is not None
    await people.connected(server)
    server.quirky.delete("anna", f"{WORKSHOPS[0]}-r1.ics", "work")
    sync.clock.move(minutes=11)
    await people.work(2)
    page = await people.page()
    assert "Your seat goes to others on Wednesday, 2 October 2019, 15:1" in page.words
    kept = await people.form("keep", session=WORKSHOPS[0])
    assert "You keep your seat." in kept.words
    assert "Your seat goes to others" not in kept.words
    await people.work()
    assert f"{WORKSHOPS[0]}-r1.ics" in await server.names("work")
    sync.clock.move(hours=2)
    await people.work()
    assert [event["type"] for event in await sync.told()] == ["lectern.calendar-sync.answer-noticed.v1"]
    assert "This has changed meanwhile" in (await people.form("keep", session=WORKSHOPS[0])).words


async def test_a_look_that_is_under_way_cannot_give_up_a_seat_that_is_kept(
    people: OwnCalendars, sync: CalendarSync
) -> None:
    answering, whose = sync.tools.answering, Whose("r1", "milipol-2019")
    await answering.notice(whose, WORKSHOPS[:2], sync.clock(), clear=True)
    await people.form("keep", session=WORKSHOPS[0])
    await answering.free(whose, WORKSHOPS[:2])
    notices = await answering.notices("r1")
    assert [notices[id_].freed_at is not None for id_ in WORKSHOPS[:2]] == [False, True]


async def test_control_a_seat_that_nobody_keeps_is_given_up(
    people: OwnCalendars, server: Place, sync: CalendarSync
) -> None:
    assert server.quirky is not None
    await people.connected(server)
    server.quirky.delete("anna", f"{WORKSHOPS[0]}-r1.ics", "work")
    sync.clock.move(minutes=11)
    await people.work(2)
    sync.clock.move(hours=2)
    await people.work(2)
    assert "lectern.intake.registration-cancelled.v1" in [event["type"] for event in await sync.told()]
    assert "This has changed meanwhile" in (await people.form("keep", session=WORKSHOPS[0])).words


async def test_who_disconnects_or_moves_meanwhile_keeps_the_seat(
    people: OwnCalendars, server: Place, sync: CalendarSync
) -> None:
    assert server.quirky is not None
    await people.connected(server)
    server.quirky.delete("anna", f"{WORKSHOPS[0]}-r1.ics", "work")
    sync.clock.move(minutes=11)
    await people.work(2)
    assert (await people.connected(server, "home")).body["written"] == 4
    assert "Your seat goes to others" not in (await people.page()).words
    sync.clock.move(hours=2)
    await people.work()
    assert [event["type"] for event in await sync.told()] == ["lectern.calendar-sync.answer-noticed.v1"]


async def test_answers_before_and_after_connecting_again_are_told_under_different_numbers(
    people: OwnCalendars, server: Place, sync: CalendarSync
) -> None:
    assert server.quirky is not None
    for session_id in WORKSHOPS[:2]:
        await people.connected(server)
        server.quirky.delete("anna", f"{session_id}-r1.ics", "work")
        sync.clock.move(minutes=11)
        await people.work(2)
        sync.clock.move(hours=2)
        await people.work(2)
        await people.api("disconnect")
        await people.work()
    ids = [event["id"] for event in await sync.told()]
    assert len(ids) == len(set(ids)) == 4


async def test_an_emptied_calendar_is_asked_about(people: OwnCalendars, server: Place, sync: CalendarSync) -> None:
    assert server.quirky is not None
    await people.connected(server)
    server.quirky.wipe("anna", "work")
    sync.clock.move(minutes=11)
    await people.work()
    page = await people.page()
    assert page.words.count("This is no clear answer, so you keep your seat") == 4
    manage = [link for link in links(page.text) if link.startswith("/r/")]
    assert len(manage) == 5
    kept = await people.form("keep", session=WORKSHOPS[0])
    assert kept.words.count("This is no clear answer") == 3


async def test_an_address_that_was_replaced_opens_nothing(people: OwnCalendars, sync: CalendarSync) -> None:
    assert (await people.page()).status == 200
    await sync.tell(registration("milipol-2019", ALL, link_generation=2, sequence=3), sequence=3)
    page = await people.page()
    assert page.status == 404
    assert "There is no calendar at this private address." in page.words
    assert page.headers["Cache-Control"] == "private, no-store"
    assert [(await people.form(action)).status for action in ("feed", "disconnect", "keep")] == [404] * 3
    assert (await people.api("disconnect")).status == 404


async def test_nothing_connected_says_so(people: OwnCalendars) -> None:
    assert "This has changed meanwhile" in (await people.form("disconnect")).words
    assert "This has changed meanwhile" in (await people.form("choose", calendar="none")).words
    assert [(await people.api(action)).status for action in ("disconnect", "test")] == [409, 409]
    assert (await people.api("choose", calendar="none")).status == 409
