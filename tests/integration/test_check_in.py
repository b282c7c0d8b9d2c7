"""Check-in at the door: every answer a helper may get, scans that come late, twice and in another order, and who may."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from services.registration.door.tickets import ticket_path
from shared.config import Settings
from tests.support.entrance import EVENT, MORNING, OTHER, W1, W2, Entrance, entrance_of, scan_of
from tests.support.lectern import ORGANISER


@pytest.fixture
async def entrance(settings: Callable[..., Settings]) -> AsyncIterator[Entrance]:
    async with entrance_of(settings()) as begun:
        yield begun


@pytest.fixture
async def phone(entrance: Entrance) -> AsyncIterator[aiohttp.ClientSession]:
    """A helper's phone at the door."""
    async with entrance.phone() as phone:
        async with phone.get(await entrance.door()) as page:
            assert page.status == 200
        yield phone


async def test_somebody_with_a_seat_is_checked_in_and_counted(entrance: Entrance, phone: aiohttp.ClientSession) -> None:
    answer = await entrance.send(phone, scan_of(entrance.tickets["ada"]))
    [scanned] = answer["scans"]
    assert (scanned["outcome"], scanned["message"]) == ("checked-in", "Checked in")
    assert (scanned["name"], scanned["kind"]) == ("Ada", "Police")
    assert [held["title"] for held in scanned["sessions"]] == ["Workshop 1", "Workshop 2"]
    assert answer["counter"] == {"checked_in": 1, "expected": 3}
    counts = await entrance.organiser("GET", f"/api/v1/registrations/counts?event_id={EVENT}")
    assert counts["states"]["attended"] == 1


async def test_second_scan_is_told_with_the_local_time_of_the_first(
    entrance: Entrance, phone: aiohttp.ClientSession
) -> None:
    await entrance.send(phone, scan_of(entrance.tickets["ada"]))
    entrance.now[0] = MORNING + timedelta(minutes=10)
    answer = await entrance.send(phone, scan_of(entrance.tickets["ada"], at=entrance.now[0]))
    assert answer["scans"][0]["outcome"] == "already"
    assert answer["scans"][0]["message"] == "Checked in already, at 09:31"
    assert answer["counter"]["checked_in"] == 1
    entrance.now[0] = MORNING + timedelta(days=1)
    answer = await entrance.send(phone, scan_of(entrance.tickets["ada"], at=entrance.now[0]))
    assert answer["scans"][0]["message"] == "Checked in already, on Wednesday, 20 November 2019 at 09:31"


async def test_ticket_of_another_event_is_told_and_nothing_more(
    entrance: Entrance, phone: aiohttp.ClientSession
) -> None:
    by_id = scan_of(None, registration_id=entrance.ids["joe"])
    answer = await entrance.send(phone, scan_of(entrance.tickets["joe"]), by_id)
    assert [one["outcome"] for one in answer["scans"]] == ["other-event", "unknown"]
    assert "Joe" not in json.dumps(answer)
    assert OTHER not in json.dumps(answer)


async def test_revoked_and_invented_tickets_open_nothing(entrance: Entrance, phone: aiohttp.ClientSession) -> None:
    before = entrance.tickets["ada"]
    registrations = entrance.process.databases["registration"]["registrations"]
    await registrations.update_one({"_id": entrance.ids["ada"]}, {"$set": {"link_generation": 2}})
    invented = f"{entrance.ids['bob']}.{'a' * 32}"
    answer = await entrance.send(phone, scan_of(before), scan_of(invented), scan_of("hello"))
    assert [one["outcome"] for one in answer["scans"]] == ["unknown"] * 3
    assert answer["counter"]["checked_in"] == 0


async def test_who_waits_or_gave_up_has_no_way_in(entrance: Entrance, phone: aiohttp.ClientSession) -> None:
    await entrance.organiser("POST", f"/api/v1/registrations/{entrance.ids['eve']}/cancel", {})
    waits = scan_of(entrance.tickets["bob"], session_id=W1)
    answer = await entrance.send(phone, waits, scan_of(entrance.tickets["eve"]))
    assert [(one["outcome"], one["name"]) for one in answer["scans"]] == [("waits", "Bob"), ("cancelled", "Eve")]


async def test_what_is_missing_is_named(entrance: Entrance) -> None:
    async with entrance.phone() as phone:
        async with phone.get(await entrance.door(OTHER)) as page:
            assert page.status == 200
        answer = await entrance.send(phone, scan_of(entrance.tickets["joe"]), event=OTHER)
    [scanned] = answer["scans"]
    assert (scanned["outcome"], scanned["missing"]) == ("pending", ["The registration with Milipol Paris is missing."])


async def test_sessions_are_entered_one_by_one(entrance: Entrance, phone: aiohttp.ClientSession) -> None:
    answer = await entrance.send(phone, scan_of(entrance.tickets["ada"], session_id=W2), session_id=W2)
    assert answer["scans"][0]["outcome"] == "checked-in"
    assert [held["state"] for held in answer["scans"][0]["sessions"]] == ["confirmed", "is here"]
    assert answer["counter"] == {"checked_in": 1, "expected": 2}
    answer = await entrance.send(phone, scan_of(entrance.tickets["bob"], session_id=W2), session_id=W1)
    assert answer["scans"][0]["outcome"] == "not-chosen"
    assert answer["counter"] == {"checked_in": 0, "expected": 1}


async def test_undo_is_as_if_nobody_had_come(entrance: Entrance, phone: aiohttp.ClientSession) -> None:
    first = scan_of(entrance.tickets["ada"])
    undo = scan_of(entrance.tickets["ada"], undo=True)
    answer = await entrance.send(phone, first, undo)
    assert [one["outcome"] for one in answer["scans"]] == ["checked-in", "undone"]
    assert answer["counter"]["checked_in"] == 0
    answer = await entrance.send(phone, undo, scan_of(entrance.tickets["ada"]))
    assert [one["outcome"] for one in answer["scans"]] == ["undone", "checked-in"]
    answer = await entrance.send(phone, undo)
    assert answer["scans"][0]["outcome"] == "undone", "the first answer, again"
    assert answer["counter"]["checked_in"] == 1, "and nothing is undone by it"


async def test_scans_that_come_late_twice_and_in_another_order_count_once(
    entrance: Entrance, phone: aiohttp.ClientSession
) -> None:
    """What a phone noted without network: each keeps its own time, and the answer that was lost is given again."""
    early = [scan_of(entrance.tickets[name], at=MORNING - timedelta(minutes=30 - n)) for n, name in enumerate(["ada", "bob", "eve"])]  # fmt: skip
    answers = await asyncio.gather(
        entrance.send(phone, early[2], early[0]), entrance.send(phone, early[0], early[1], early[2])
    )
    last = await entrance.send(phone, *reversed(early), early[1])
    for answer in (*answers, last):
        assert {one["outcome"] for one in answer["scans"]} == {"checked-in"}
    assert [one["id"] for one in last["scans"]] == [early[2]["id"], early[1]["id"], early[0]["id"], early[1]["id"]]
    assert last["counter"] == {"checked_in": 3, "expected": 3}
    ada = await entrance.store.registration(entrance.ids["ada"])
    assert ada is not None
    assert ada.attended_at == MORNING - timedelta(minutes=30)

    # Control: with an id of its own each time, the same scan is a second one.
    again = await entrance.send(phone, early[0] | {"id": str(uuid.uuid4())})
    assert again["scans"][0]["outcome"] == "already"


async def test_id_of_a_scan_belongs_to_it(entrance: Entrance, phone: aiohttp.ClientSession) -> None:
    first = scan_of(entrance.tickets["ada"])
    answer = await entrance.send(phone, first)
    answer = await entrance.send(phone, first | {"ticket": entrance.tickets["bob"]})
    assert answer["scans"][0]["outcome"] == "refused"
    assert answer["counter"]["checked_in"] == 1


async def test_door_opens_one_event_only(entrance: Entrance, phone: aiohttp.ClientSession) -> None:
    body = {"event_id": OTHER, "scans": [scan_of(entrance.tickets["joe"])]}
    async with phone.post("/api/v1/registration/check-ins", json=body) as answer:
        assert (answer.status, answer.content_type) == (401, "application/problem+json")
    for path in (f"/check-in/{OTHER}", f"/check-in/{OTHER}/people?q=joe"):
        async with phone.get(path) as page:
            assert page.status == 403, path
    async with phone.get(ticket_path(entrance.tickets["joe"])) as page:
        text = await page.text()
        assert page.status == 200
        assert "This ticket is for another event" in text
        assert "Joe" not in text


async def test_without_a_door_nobody_is_checked_in(entrance: Entrance) -> None:
    async with entrance.phone() as stranger:
        body = {"event_id": EVENT, "scans": [scan_of(entrance.tickets["ada"])]}
        async with stranger.post("/api/v1/registration/check-ins", json=body) as answer:
            assert answer.status == 401
        async with stranger.get(f"/check-in/{EVENT}") as page:
            assert page.status == 403
        async with stranger.get(ticket_path(entrance.tickets["ada"])) as page:
            text = await page.text()
            assert page.status == 200
            assert "Show this at the entrance" in text
            assert "Ada" not in text
        async with stranger.post(ticket_path(entrance.tickets["ada"]) + "/0198a7b3c2d4e5f60718293a4b5c6d") as page:
            assert page.status == 404
    ada = await entrance.store.registration(entrance.ids["ada"])
    assert ada is not None
    assert ada.attended_at is None


async def test_new_address_of_the_door_closes_the_old_one_on_every_phone(
    entrance: Entrance, phone: aiohttp.ClientSession
) -> None:
    old = await entrance.door()
    new = (await entrance.organiser("POST", f"/api/v1/registration/doors/{EVENT}/renew"))["address"]
    assert new.endswith(await entrance.door())
    assert await entrance.door() != old
    async with phone.get(f"/check-in/{EVENT}") as page:
        assert page.status == 403
    async with phone.get(old) as page:
        assert page.status == 404
    async with phone.get(await entrance.door()) as page:
        assert page.status == 200


async def test_repeated_request_for_a_new_address_makes_one(entrance: Entrance) -> None:
    path = f"/api/v1/registration/doors/{EVENT}/renew"
    answers = []
    async with entrance.phone(headers=ORGANISER) as http:
        for key in ("one", "one", "two"):
            async with http.post(path, headers={"Idempotency-Key": key}) as answer:
                assert answer.status == 200
                answers.append(await answer.json())
        async with http.post(path.replace(EVENT, OTHER), headers={"Idempotency-Key": "one"}) as answer:
            assert answer.status == 422, "the key of another request"
    assert [answer["repeated"] for answer in answers] == [False, True, False]
    assert answers[0]["address"] == answers[1]["address"] != answers[2]["address"]
    assert answers[2]["address"].endswith(await entrance.door())


async def test_door_closes_some_days_after_the_event(entrance: Entrance, phone: aiohttp.ClientSession) -> None:
    entrance.now[0] = MORNING + timedelta(days=7)
    await entrance.send(phone)
    entrance.now[0] = MORNING + timedelta(days=8)
    async with phone.get(f"/check-in/{EVENT}") as page:
        assert page.status == 403


async def test_wrong_addresses_of_doors_are_counted(entrance: Entrance) -> None:
    async with entrance.phone() as stranger:
        for _ in range(entrance.settings.wrong_sign_ins):
            async with stranger.get(f"/check-in/{EVENT}/{'a' * 32}") as page:
                assert page.status == 404
        async with stranger.get(await entrance.door()) as page:
            assert (page.status, "Retry-After" in page.headers) == (429, True)


async def test_cookie_of_the_door_is_out_of_reach_of_scripts_and_other_sites(entrance: Entrance) -> None:
    async with (
        entrance.phone() as phone,
        phone.get(await entrance.door(), allow_redirects=False) as answer,
    ):
        assert (answer.status, answer.headers["Location"]) == (303, f"/check-in/{EVENT}?lang=en")
        cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"lectern_door.{EVENT}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert ("Secure" in cookie) == entrance.settings.public_url.startswith("https:")


def button_of(text: str) -> str:
    """The address that the page's button sends to."""
    [address] = re.findall(r'<form method="post" action="([^"]+)"', text)
    return str(address)


async def test_ticket_opened_by_the_phones_camera_shows_whose_it_is_and_checks_nobody_in(
    entrance: Entrance, phone: aiohttp.ClientSession
) -> None:
    """A helper may as well have tapped it in a mail, or a phone have fetched it to show what is behind it."""
    for path in ("", "", "?lang=en"):
        async with phone.get(ticket_path(entrance.tickets["ada"]) + path) as page:
            text = await page.text()
            assert (page.status, page.headers["Cache-Control"]) == (200, "private, no-store")
        assert "Ada" in text
        assert "confirmed" in text
    async with phone.get(button_of(text)) as page:
        assert page.url.path == ticket_path(entrance.tickets["ada"]), "opened, and not sent"
        text = await page.text()
    ada = await entrance.store.registration(entrance.ids["ada"])
    assert ada is not None
    assert ada.attended_at is None
    async with phone.post(button_of(text)) as page:
        assert 'data-outcome="checked-in"' in await page.text(), "control: the button does"
    ada = await entrance.store.registration(entrance.ids["ada"])
    assert ada is not None
    assert ada.attended_at is not None


async def test_button_of_a_ticket_checks_in_once_and_can_be_undone(
    entrance: Entrance, phone: aiohttp.ClientSession
) -> None:
    ticket = ticket_path(entrance.tickets["ada"])
    async with phone.get(ticket) as page:
        button = button_of(await page.text())
    async with phone.post(button) as page:
        text = await page.text()
    assert "Checked in" in text
    undo = button_of(text)
    async with phone.post(button) as page:
        assert 'data-outcome="checked-in"' in await page.text(), "pressed twice, it is one scan"
    async with phone.get(ticket) as page:
        text = await page.text()
        assert "Checked in already, at 09:31" in text
        assert button_of(text).partition("?")[0].endswith("/undo"), "there is nothing but to undo it"
    async with phone.get(undo) as page:
        assert page.url.path == ticket
    async with phone.post(undo) as page:
        assert 'data-outcome="undone"' in await page.text()
    async with phone.post(button) as page:
        assert 'data-outcome="undone"' in await page.text(), "going back does not check in again"
    ada = await entrance.store.registration(entrance.ids["ada"])
    assert ada is not None
    assert ada.attended_at is None


async def test_ticket_is_checked_in_into_the_session_that_was_chosen_on_the_phone(
    entrance: Entrance, phone: aiohttp.ClientSession
) -> None:
    ticket, into = ticket_path(entrance.tickets["ada"]), "Check in into: <strong>{}</strong>"
    async with phone.get(ticket) as page:
        assert into.format("the event") in await page.text(), "control: nothing was chosen"
    chosen = {"lectern_entrance." + EVENT: W1}
    async with phone.get(ticket, cookies=chosen) as page:
        text = await page.text()
    assert into.format("Workshop 1") in text
    form = {"session": W1}
    async with phone.post(button_of(text), data=form) as page:
        text = await page.text()
    assert 'data-outcome="checked-in"' in text
    assert into.format("Workshop 1") in text
    ada = await entrance.store.registration(entrance.ids["ada"])
    assert ada is not None
    assert [held.session_id for held in ada.choices if held.attended_at is not None] == [W1]
    async with phone.post(button_of(text), data=form) as page:
        assert 'data-outcome="undone"' in await page.text()
    async with phone.get(ticket, cookies={"lectern_entrance." + EVENT: "no-such-session"}) as page:
        assert into.format("the event") in await page.text()


async def test_ticket_of_somebody_without_a_seat_says_so_before_and_after(
    entrance: Entrance, phone: aiohttp.ClientSession
) -> None:
    await entrance.organiser("POST", f"/api/v1/registrations/{entrance.ids['eve']}/cancel", {})
    async with phone.get(ticket_path(entrance.tickets["eve"])) as page:
        text = await page.text()
    assert "cancelled" in text
    async with phone.post(button_of(text)) as page:
        assert 'data-outcome="cancelled"' in await page.text()


async def test_search_shows_names_of_this_event_and_no_addresses(
    entrance: Entrance, phone: aiohttp.ClientSession
) -> None:
    async with phone.get(f"/check-in/{EVENT}/people", params={"q": "ÀDA"}) as answer:
        found = (await answer.json())["items"]
    assert found == [{"id": entrance.ids["ada"], "name": "Ada", "kind": "Police", "state": "confirmed"}]
    for text in ("joe", "example.org", "ada@"):
        async with phone.get(f"/check-in/{EVENT}/people", params={"q": text}) as answer:
            assert (await answer.json())["items"] == [], text
    async with phone.get(f"/check-in/{EVENT}/people", params={"q": "a"}) as answer:
        assert answer.status == 400
    answered = await entrance.send(phone, scan_of(None, registration_id=entrance.ids["ada"]))
    assert answered["scans"][0]["outcome"] == "checked-in"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": "1"}, "scans.0.id"),
        ({"at": "2019-11-20T08:31:00"}, "scans.0.at"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "scans.0.at"),
        ({"ticket": None}, "scans.0"),
        ({"registration_id": "r"}, "scans.0"),
        ({"colour": "red"}, "scans.0.colour"),
    ],
)
async def test_wrong_scan_is_told_by_its_field(
    entrance: Entrance, phone: aiohttp.ClientSession, change: dict[str, Any], field: str
) -> None:
    body = {"event_id": EVENT, "scans": [scan_of(entrance.tickets["ada"]) | change]}
    async with phone.post("/api/v1/registration/check-ins", json=body) as answer:
        told = await answer.json()
        assert answer.status == 422
        assert [error["field"] for error in told["errors"]] == [field]


async def test_organisers_may_check_in_and_the_log_says_who_did(
    entrance: Entrance, phone: aiohttp.ClientSession
) -> None:
    async with entrance.phone(headers=ORGANISER) as desk:
        await entrance.send(desk, scan_of(entrance.tickets["ada"]))
    await entrance.send(phone, scan_of(entrance.tickets["eve"]))
    log = [entry async for entry in entrance.store.decisions(EVENT)]
    said = json.dumps(log, default=str)
    assert "organiser" in said
    assert "door" in said
