"""Servers in trouble, and several people on one: few requests, plain words, nothing mixed up, and all comes right again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, Literal

import httpx
import pytest

from services.calendar_sync.accounts_store import Account, AccountState, personal_calendar_id
from services.calendar_sync.breaker import Breaker
from services.calendar_sync.domain import ScopeKind
from services.calendar_sync.fleet import Fleet
from shared.contracts.calendar_sync import CALENDAR_LOST
from tests.behaviour.calendar_kit import EVENT, LUNCH
from tests.support.calendar_harness import CalendarSync
from tests.support.calendar_samples import milipol, registration, workshop
from tests.support.quirky import ALWAYS, PRESETS, Quirks, QuirkyServer, cyrus, nextcloud, plays, sogo

ONE = f"{EVENT}-workshop-1"
Connects = Callable[..., Awaitable[Fleet]]


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[QuirkyServer]]]:
    async with AsyncExitStack() as stack:

        async def start(quirks: Quirks | None = None, *people: str) -> QuirkyServer:
            server = QuirkyServer(quirks or Quirks())
            for person in people or ("anna",):
                server.add_person(person)
                server.put(person, "lunch.ics", LUNCH)
            return await stack.enter_async_context(server)

        yield start


async def connected(
    sync: CalendarSync, server: QuirkyServer, *, workshops: int = 1, timeout: float = 5.0, **people: str
) -> Fleet:
    """People by registration (r1="anna") with seats in all workshops, connected and not yet looked at."""
    choices = {f"{EVENT}-workshop-{number}": "confirmed" for number in range(1, workshops + 1)}
    await sync.tell(milipol(), *(workshop(number) for number in range(1, workshops + 1)))
    for id_, person in (people or {"r1": "anna"}).items():
        await sync.tell(registration(EVENT, choices, id_=id_))
        await sync.connect_person(id_, EVENT, server.home_url(person), "personal", person, "secret")
    return sync.work(timeout=timeout)


async def settle(sync: CalendarSync, fleet: Fleet, rounds: int = 6, **pause: float) -> None:
    for _ in range(rounds):
        await fleet.round()
        sync.clock.move(**(pause or {"seconds": 30}))


async def account(sync: CalendarSync, id_: str = "r1") -> Account:
    found = await sync.accounts.account(f"account-{id_}")
    assert found is not None
    return found


async def words(sync: CalendarSync, id_: str = "r1") -> list[str]:
    """All that is told of failures."""
    calendar = await sync.accounts.calendar(personal_calendar_id(id_))
    assert calendar is not None
    said = [(await account(sync, id_)).error, calendar.error]
    said += [one.error for one in (await sync.accounts.objects(calendar.id)).values()]
    said += [one.error for one in (await sync.accounts.servers()).values()]
    return [one for one in said if one]


async def losses(sync: CalendarSync) -> list[tuple[str, str]]:
    """What people were told of calendars out of reach: why, and who."""
    told = [json.loads(event["text"]) for event in await sync.told() if event["type"] == CALENDAR_LOST]
    return [(event["data"]["reason"], event["data"]["registration_id"]) for event in told]


def sequences(server: QuirkyServer, person: str = "anna") -> dict[str, str]:
    """The SEQUENCE of each of our entries, by name."""
    return {
        name: text.partition("\nSEQUENCE:")[2].partition("\n")[0]
        for name, text in server.objects(person).items()
        if name != "lunch.ics"
    }


class TestSeveralPeople:
    @pytest.mark.parametrize("preset", ["sogo", "icloud", "nextcloud"])
    async def test_no_cookie_acts_for_another_account(self, sync: CalendarSync, serve: Any, preset: str) -> None:
        server = await serve(PRESETS[preset](), "anna", "berta")
        fleet = await connected(sync, server, workshops=2, r1="anna", r2="berta")
        await settle(sync, fleet)
        await sync.tell(workshop(1, revision=2))
        await settle(sync, fleet)
        for id_, person in (("r1", "anna"), ("r2", "berta")):
            assert sequences(server, person) == {f"{ONE}-{id_}.ics": "2", f"{EVENT}-workshop-2-{id_}.ics": "1"}
        assert all(one.path.split("/")[2] == one.user for one in server.requests)
        assert not any("Cookie" in one.headers for one in server.requests)

    async def test_control_a_client_with_one_jar_for_all_acts_for_another(self, serve: Any) -> None:
        server = await serve(Quirks(session_cookies=True), "anna", "berta")
        async with httpx.AsyncClient() as client:
            await client.request("PROPFIND", server.home_url("anna"), auth=("anna", "secret"), headers={"Depth": "0"})
            await client.request("PROPFIND", server.home_url("berta"), auth=("berta", "secret"), headers={"Depth": "0"})
        assert [one.user for one in server.requests] == ["anna", "anna"]

    @pytest.mark.parametrize("preset", ["plain", "sogo", "cyrus", "google"])
    async def test_two_people_in_one_calendar_keep_apart(self, sync: CalendarSync, serve: Any, preset: str) -> None:
        server = await serve(PRESETS[preset]())
        fleet = await connected(sync, server, r1="anna", r2="anna")
        await settle(sync, fleet)
        both = {f"{ONE}-r1.ics": "1", f"{ONE}-r2.ics": "1"}
        assert sequences(server) == both
        await sync.tell(workshop(1, revision=2))
        await settle(sync, fleet)
        assert sequences(server) == dict.fromkeys(both, "2")
        assert await sync.accounts.leave("r1", sync.clock() + timedelta(days=1), sync.clock()) == 1
        await settle(sync, fleet)
        assert server.names("anna") == ["lunch.ics", f"{ONE}-r2.ics"]
        assert await sync.accounts.account("account-r1") is None


class TestSynchronisation:
    @pytest.mark.parametrize("refusal", ["403", "412", "accepted_silently"])
    async def test_refused_token_loses_nothing(
        self, sync: CalendarSync, serve: Any, refusal: Literal["403", "412", "accepted_silently"]
    ) -> None:
        server = await serve(Quirks(sync_token_refusal=refusal))
        fleet = await connected(sync, server, workshops=3)
        await settle(sync, fleet)
        server.edit("anna", f"{ONE}-r1.ics", lambda text: text.replace("T094000", "T120000"))
        server.delete("anna", f"{EVENT}-workshop-2-r1.ics")
        server.forget_tokens("anna")
        # What is accepted silently tells no removals: those are found by the whole list, once a day.
        await settle(sync, fleet, 4, minutes=11)
        assert "T094000" in server.text("anna", f"{ONE}-r1.ics")
        sync.clock.move(hours=24)
        await settle(sync, fleet)
        assert sequences(server) == {f"{EVENT}-workshop-{number}-r1.ics": "1" for number in (1, 2, 3)}

    async def test_tokens_of_one_second_lose_nothing_in_the_long_run(self, sync: CalendarSync, serve: Any) -> None:
        server = await serve()
        fleet = await connected(sync, server, workshops=2)
        await settle(sync, fleet)
        server.quirks.sync_tokens_of_one_second = True  # after the probe, which would have seen it
        server.clock = lambda: sync.clock().timestamp()
        await settle(sync, fleet, 3, minutes=11)
        while await fleet.round() == 0:
            sync.clock.move(minutes=1)
        server.delete("anna", f"{ONE}-r1.ics")  # in the second in which the token was given
        sync.clock.move(minutes=11)
        await fleet.round()
        assert f"{ONE}-r1.ics" not in server.names("anna"), "the control: changes alone do not tell it"
        sync.clock.move(hours=24)
        await settle(sync, fleet)
        assert f"{ONE}-r1.ics" in server.names("anna")

    async def test_truncated_reports_are_read_to_the_end(self, sync: CalendarSync, serve: Any) -> None:
        server = await serve(Quirks(sync_page_size=2))
        fleet = await connected(sync, server, workshops=9)
        await settle(sync, fleet)
        for number in range(1, 6):
            server.delete("anna", f"{EVENT}-workshop-{number}-r1.ics")
        for number in range(6, 10):
            server.edit(
                "anna", f"{EVENT}-workshop-{number}-r1.ics", lambda text: text.replace("SEQUENCE:1", "SEQUENCE:0")
            )
        asked = len(server.requests)
        await settle(sync, fleet, 4, minutes=11)
        assert sequences(server) == {f"{EVENT}-workshop-{number}-r1.ics": "1" for number in range(1, 10)}
        assert len(server.asked("REPORT")) >= 5
        assert len([one for one in server.requests[asked:] if one.method == "PUT"]) == 9


class TestMakingCalendars:
    async def test_asynchronous_creation_ends_with_one_calendar(self, sync: CalendarSync, serve: Any) -> None:
        server = await serve(Quirks(async_mkcalendar=4, mkcalendar_status=202))
        fleet = await sync.connect(server.home_url("anna"), "anna", "secret", profile=None)
        await sync.tell(milipol(), workshop(1))
        await settle(sync, fleet, 12)
        assert sorted(server.people["anna"].calendars) == [EVENT, "personal"]
        assert server.names("anna", EVENT) == [f"{ONE}.ics"]
        made = (await sync.accounts.all_accounts())[0].made
        assert len(made) == 1

    async def test_budget_of_new_calendars_is_kept(self, sync: CalendarSync, serve: Any) -> None:
        server = await serve(nextcloud())
        server.clock = lambda: sync.clock().timestamp()
        fleet = await sync.connect(
            server.home_url("anna"), "anna", "secret", profile=None, kinds=(ScopeKind.EVENT, ScopeKind.ROOM)
        )
        await sync.tell(milipol(), *(workshop(number, room_id=f"room-{number}") for number in range(1, 15)))
        await settle(sync, fleet, 6, minutes=5)
        assert len(server.asked("MKCALENDAR")) == 8
        await settle(sync, fleet, 12, minutes=20)
        made = [one.status for one in server.asked("MKCALENDAR")]
        assert made == [201] * 15
        assert all(len(held.objects) == 1 for name, held in server.people["anna"].calendars.items() if "room" in name)


class TestBusyServer:
    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize("retry_after", ["600", None])
    async def test_busy_server_is_asked_little(
        self, sync: CalendarSync, serve: Any, status: int, retry_after: str | None
    ) -> None:
        server = await serve()
        fleet = await connected(sync, server, workshops=12)
        await settle(sync, fleet)
        server.quirks.busy_status, server.quirks.busy_retry_after, server.quirks.busy_for = status, retry_after, ALWAYS
        asked = len(server.requests)
        await sync.tell(*(workshop(number, revision=2) for number in range(1, 13)))
        await settle(sync, fleet, 19, seconds=30)
        assert len(server.requests) - asked <= (4 if retry_after else 40)
        assert any(f"busy ({status})" in one for one in await words(sync))
        server.quirks.busy_for = 0
        await settle(sync, fleet, 12, minutes=2)
        assert set(sequences(server).values()) == {"2"}

    async def test_account_that_is_throttled_keeps_no_other_waiting(self, sync: CalendarSync, serve: Any) -> None:
        server = await serve(None, "anna", "berta")
        fleet = await connected(sync, server, workshops=12, r1="anna", r2="berta")
        await settle(sync, fleet)
        server.cut_in(plays.status(429, Retry_After="900"), path="/anna/", times=ALWAYS)
        asked = len(server.requests)
        await sync.tell(*(workshop(number, revision=2) for number in range(1, 13)))
        await fleet.round()
        assert set(sequences(server, "berta").values()) == {"2"}
        assert sum("/anna/" in one.path for one in server.requests[asked:]) <= 4
        server.cuts.clear()
        await settle(sync, fleet, 6, minutes=5)
        assert set(sequences(server).values()) == {"2"}


class TestOnTheWay:
    async def test_login_page_is_no_success(self, sync: CalendarSync, serve: Any) -> None:
        server = await serve()
        fleet = await connected(sync, server)
        await settle(sync, fleet)
        server.quirks.login_redirect_for = ALWAYS
        await sync.tell(workshop(1, revision=2))
        await settle(sync, fleet, 3)
        assert any("login page" in one for one in await words(sync))
        assert not any(one.path == "/login" for one in server.requests)
        assert sequences(server) == {f"{ONE}-r1.ics": "1"}
        server.quirks.login_redirect_for = 0
        await settle(sync, fleet, 8, minutes=1)
        assert sequences(server) == {f"{ONE}-r1.ics": "2"}

    @pytest.mark.parametrize("play", [plays.silence, plays.headers_that_never_end, plays.body_that_never_ends])
    async def test_slow_answer_is_given_up_and_told(self, sync: CalendarSync, serve: Any, play: Any) -> None:
        server = await serve()
        fleet = await connected(sync, server, timeout=0.3)
        await settle(sync, fleet)
        server.cut_in(play, method="PUT", times=1)
        await sync.tell(workshop(1, revision=2))
        await fleet.round()
        assert any("did not answer" in one for one in await words(sync))
        await settle(sync, fleet)
        assert sequences(server) == {f"{ONE}-r1.ics": "2"}

    @pytest.mark.parametrize("tls", ["self_signed", "garbage"])
    async def test_broken_tls_is_told_in_plain_words(
        self, sync: CalendarSync, serve: Any, tls: Literal["self_signed", "garbage"]
    ) -> None:
        server = await serve(Quirks(tls=tls))
        fleet = await connected(sync, server)
        await settle(sync, fleet, 2)
        expected = "certificate is not valid" if tls == "self_signed" else "cannot be reached"
        said = await words(sync)
        assert said
        assert all(expected in one for one in said)
        assert server.requests == []


class TestPasswordRefused:
    @pytest.mark.parametrize("preset", ["plain", "sogo", "cyrus"])
    async def test_few_attempts_told_once_and_well_after_connecting_again(
        self, sync: CalendarSync, serve: Any, preset: str
    ) -> None:
        server = await serve(PRESETS[preset]())
        fleet = await connected(sync, server, workshops=12)
        await settle(sync, fleet)
        server.expire("anna")
        await sync.tell(*(workshop(number, revision=2) for number in range(1, 13)))
        asked = len(server.requests)
        await settle(sync, fleet, 12, minutes=1)
        assert len(server.requests) - asked <= 5, "many servers lock an account that is tried with a wrong password"
        await settle(sync, fleet, 72, minutes=20)
        assert len(server.requests) - asked <= 16
        assert await losses(sync) == [("password", "r1")]
        assert (await account(sync)).state is AccountState.LOST
        assert any("refuses the user name or the password" in one for one in await words(sync))
        server.change_password("anna", "new")
        await sync.connect_person("r1", EVENT, server.home_url("anna"), "personal", "anna", "new")
        await settle(sync, fleet, 6, minutes=10)
        assert set(sequences(server).values()) == {"2"}
        assert (await account(sync)).state is AccountState.WORKING
        assert len(await losses(sync)) == 1


class TestOtherCalendars:
    async def test_uid_that_an_invitation_has_in_another_calendar_is_left_alone(
        self, sync: CalendarSync, serve: Any
    ) -> None:
        server = await serve(cyrus())
        server.people["anna"].add("old", "Old")
        fleet = await connected(sync, server, workshops=2)
        await settle(sync, fleet)
        invited = "ATTENDEE;PARTSTAT=ACCEPTED:mailto:anna@example.org\r\nEND:VEVENT"
        moved = server.held("anna", f"{ONE}-r1.ics").body.replace(b"END:VEVENT", invited.encode())
        server.put("anna", "moved.ics", moved, "old")
        moved = server.held("anna", "moved.ics", "old").body
        server.delete("anna", f"{ONE}-r1.ics")
        asked = len(server.asked("PUT"))
        await settle(sync, fleet, 36, minutes=10)
        assert len(server.asked("PUT")) == asked, "it stands there already"
        # What is new to say is refused by a server that allows a UID once in all calendars of an account.
        await sync.tell(workshop(1, revision=2))
        await settle(sync, fleet, 36, minutes=10)
        assert server.held("anna", "moved.ics", "old").body == moved
        assert f"{ONE}-r1.ics" not in server.names("anna")
        assert len(server.asked("PUT")) - asked <= 7, "once an hour at the most"
        assert any("another calendar of the same account" in one for one in await words(sync))
        await sync.tell(workshop(2, revision=2))
        await settle(sync, fleet)
        assert sequences(server) == {f"{EVENT}-workshop-2-r1.ics": "2"}
        server.delete("anna", "moved.ics", "old")
        await settle(sync, fleet, 30, hours=1)
        assert f"{ONE}-r1.ics" in server.names("anna")

    @pytest.mark.parametrize("preset", ["plain", "google"])
    async def test_calendar_that_a_person_removed_is_not_made_again(
        self, sync: CalendarSync, serve: Any, preset: str
    ) -> None:
        server = await serve(PRESETS[preset]())
        fleet = await connected(sync, server)
        await settle(sync, fleet)
        server.remove_calendar("anna")
        await sync.tell(workshop(1, revision=2))  # the write finds it first, before any list is due
        await settle(sync, fleet, 24, minutes=10)
        assert server.asked("MKCALENDAR") == []
        assert await losses(sync) == [("calendar", "r1")]

    async def test_breaker_is_open_for_all_calendars_of_a_dead_server(self, sync: CalendarSync, serve: Any) -> None:
        server = await serve(sogo(), "anna", "berta")
        await connected(sync, server, workshops=8, r1="anna", r2="berta")
        fleet = sync.work(breaker=Breaker(threshold=3))
        await settle(sync, fleet)
        server.always = plays.status(502)
        asked = len(server.requests)
        await sync.tell(*(workshop(number, revision=2) for number in range(1, 9)))
        await fleet.round()
        assert len(server.requests) - asked <= 3 + sync.tools.pace.per_server
        server.always = None
        await settle(sync, fleet, 8, minutes=1)
        assert set(sequences(server).values()) | set(sequences(server, "berta").values()) == {"2"}
