"""Check-in for those who are at no door: what they send is not read, and what they make up costs next to nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest

from services.registration.door import operations
from services.registration.door.doors import MOST_COOKIES
from services.registration.door.tickets import ticket_path
from services.registration.handed_out import HandedOut
from services.registration.readings import Readings
from shared.config import Settings
from shared.web import problems
from tests.support.entrance import EVENT, OTHER, Entrance, entrance_of, scan_of
from tests.support.lectern import ORGANISER

CHECK_INS = "/api/v1/registration/check-ins"
JSON = {"Content-Type": "application/json"}
MADE_UP = {"Cookie": f"lectern_door.{EVENT}=1"}
WIDE = json.dumps({"event_id": EVENT} | {f"f{n}": 1 for n in range(70_000)}).encode()


@pytest.fixture
async def entrance(settings: Callable[..., Settings]) -> AsyncIterator[Entrance]:
    async with entrance_of(settings()) as begun:
        yield begun


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was read of the database, by subject."""
    noted: list[str] = []
    event, tokens = Readings.event, HandedOut.tokens

    async def event_noted(self: Readings, event_id: str) -> Any:
        noted.append(f"event {event_id}")
        return await event(self, event_id)

    async def tokens_noted(self: HandedOut, subjects: Iterable[str]) -> dict[str, str]:
        asked = list(subjects)
        noted.extend(f"door {one}" for one in asked)
        return await tokens(self, asked)

    monkeypatch.setattr(Readings, "event", event_noted)
    monkeypatch.setattr(HandedOut, "tokens", tokens_noted)
    return noted


async def test_nothing_that_a_stranger_sends_is_read_and_made_up_cookies_are_counted(
    entrance: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[str] = []
    read_json = problems.read_json

    async def noted(request: Any, *rest: Any) -> Any:
        bodies.append(request.path)
        return await read_json(request, *rest)

    monkeypatch.setattr(operations, "read_json", noted)
    async with entrance.phone() as stranger:

        async def status(headers: dict[str, str]) -> int:
            async with stranger.post(CHECK_INS, data=WIDE, headers=JSON | headers) as answer:
                return answer.status

        most = entrance.settings.wrong_sign_ins
        assert [await status({}) for _ in range(most + 1)] == [401] * (most + 1), "who says nothing guesses nothing"
        assert [await status(MADE_UP) for _ in range(most + 1)] == [401] * most + [429]
        assert bodies == []
        assert await status(ORGANISER) == 413, "control: who may is read, up to a limit"
        assert bodies == [CHECK_INS]


async def test_wrong_token_of_an_organiser_is_counted_at_the_door_too(entrance: Entrance) -> None:
    async with entrance.phone() as stranger:
        statuses = []
        for _ in range(entrance.settings.wrong_sign_ins + 1):
            async with stranger.post(CHECK_INS, json={}, headers={"Authorization": "Bearer wrong"}) as answer:
                statuses.append(answer.status)
    assert statuses == [401] * entrance.settings.wrong_sign_ins + [429]


async def test_phones_with_a_void_cookie_keep_nobody_from_the_new_address(entrance: Entrance) -> None:
    """They go on asking, from the address that all phones of the venue have."""
    async with entrance.phone() as phone:
        async with phone.get(await entrance.door()) as page:
            assert page.status == 200
        await entrance.organiser("POST", f"/api/v1/registration/doors/{EVENT}/renew")
        for _ in range(3 * entrance.settings.wrong_sign_ins):
            async with phone.post(CHECK_INS, json={"event_id": EVENT}) as answer:
                assert answer.status == 401
        async with phone.get(await entrance.door()) as page:
            assert page.status == 200
        answer = await entrance.send(phone, scan_of(entrance.tickets["ada"]))
        assert answer["scans"][0]["outcome"] == "checked-in"


async def test_right_cookie_goes_through_after_too_many_wrong_ones(entrance: Entrance) -> None:
    async with entrance.phone() as phone, entrance.phone() as stranger:
        async with phone.get(await entrance.door()) as page:
            assert page.status == 200
        for _ in range(entrance.settings.wrong_sign_ins + 1):
            async with stranger.post(CHECK_INS, json={}, headers=MADE_UP) as answer:
                await answer.read()
        assert answer.status == 429
        await entrance.send(phone, scan_of(entrance.tickets["ada"]))
        async with phone.post(CHECK_INS, json={"event_id": OTHER}) as answer:
            assert answer.status == 401, "at one door, the other stays shut"
        async with phone.post(CHECK_INS, data=WIDE, headers=JSON) as answer:
            assert answer.status == 413
        async with phone.post(CHECK_INS, data=WIDE[:60_000].rpartition(b",")[0] + b"}", headers=JSON) as answer:
            [told] = (await answer.json())["errors"]
            assert (answer.status, told["code"]) == (422, "too-many-members")


async def test_many_made_up_cookies_make_few_reads_and_none_of_events(entrance: Entrance, read: list[str]) -> None:
    cookies = "; ".join(f"lectern_door.e{number}=1" for number in range(350))
    async with entrance.phone() as stranger:
        async with stranger.get("/c/x", headers={"Cookie": cookies}) as page:
            assert page.status == 404
        assert read == [f"door e{number}" for number in range(350 - MOST_COOKIES, 350)]
        read.clear()
        async with stranger.get("/c/x", headers={"Cookie": "lectern_door.$=1; lectern_door.=1"}) as page:
            assert page.status == 404
        assert read == []


async def test_phone_of_several_doors_is_at_each_of_them(entrance: Entrance, read: list[str]) -> None:
    """Control to the one above: what is proven is read. A ticket of a third event says so, whatever its length."""
    async with entrance.phone() as phone:
        for event in (EVENT, OTHER):
            async with phone.get(await entrance.door(event)) as page:
                assert page.status == 200
        await entrance.send(phone, scan_of(entrance.tickets["ada"]))
        await entrance.send(phone, scan_of(entrance.tickets["joe"]), event=OTHER)
        read.clear()
        async with phone.get(ticket_path("x" * 2000)) as page:
            assert "This ticket is not valid" in await page.text()
        assert read == [f"door {EVENT}", f"door {OTHER}", f"event {EVENT}"]
