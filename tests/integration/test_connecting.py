"""An attendee connects a calendar of their own: found by e-mail address, chosen, written, left; the same on every server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from structlog.testing import capture_logs

from services.calendar_sync.accounts_store import ACCOUNTS, CALENDARS, Account, AccountState, ServerState
from services.calendar_sync.connecting import TooLate, reseal
from services.calendar_sync.connections import MOST_LEAVING
from services.calendar_sync.sealing import Sealing
from services.calendar_sync.worker import Worker
from shared.storage.mongo import Database
from tests.support.calendar_harness import CalendarSync
from tests.support.calendar_samples import milipol, registration, workshop
from tests.support.own_calendars import OwnCalendars, Place, own_calendars, place
from tests.support.quirky import plays

W1, W2 = "milipol-2019-workshop-1", "milipol-2019-workshop-2"
OURS = [f"{W1}-r1.ics", f"{W2}-r1.ics"]
EVERYWHERE = [
    *("radicale", "sogo", "google"),
    *(pytest.param(name, marks=pytest.mark.long) for name in ("xandikos", "cyrus", "icloud", "nextcloud")),
]


def seats(id_: str = "r1") -> dict[str, str]:
    return {W1: "confirmed", W2: "confirmed"}


@pytest.fixture
async def sync(database: Database) -> AsyncIterator[CalendarSync]:
    sync = await CalendarSync(database).prepare()
    event = milipol(admission={"calendar_answers": True})
    await sync.tell(event, workshop(1), workshop(2), registration("milipol-2019", seats()))
    await sync.tell(registration("milipol-2019", seats("r2"), id_="r2"))
    yield sync
    await sync.close()


@pytest.fixture(params=EVERYWHERE)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    async with place(request.param) as one:
        yield one


@pytest.fixture
async def plain() -> AsyncIterator[Place]:
    async with place("plain") as one:
        yield one


@pytest.fixture
async def people(sync: CalendarSync, server: Place) -> AsyncIterator[OwnCalendars]:
    async with own_calendars(sync, server) as found:
        yield found


@pytest.fixture
async def at_plain(sync: CalendarSync, plain: Place) -> AsyncIterator[OwnCalendars]:
    async with own_calendars(sync, plain) as found:
        yield found


async def left_over(sync: CalendarSync) -> tuple[int, int]:
    """How many accounts and calendars are remembered."""
    database = sync.database
    return await database[ACCOUNTS.name].count_documents({}), await database[CALENDARS.name].count_documents({})


class TestEverywhere:
    async def test_found_by_email_chosen_written_and_left(self, people: OwnCalendars, server: Place) -> None:
        found = await people.found(server)
        assert (found.status, found.body["state"]) == (200, "choosing")
        assert {"work", "home"} <= {one["name"].lower() for one in found.body["choices"]}
        stands = (await people.connected(server)).body
        assert (stands["state"], stands["written"], stands["waiting"], stands["last_error"]) == ("working", 2, 0, None)
        assert stands["server"].startswith("https://dav.example.org:")
        assert await server.names("work") == ["dentist-work.ics", *OURS]
        await people.sync.tell(workshop(1, revision=2, start="2019-11-20T16:00"))
        await people.work()
        assert "20191120T160000" in (await server.ask("GET", f"work/{OURS[0]}")).text.replace("\r\n ", "")
        assert (await people.api("disconnect")).body["clearing"] != []
        await people.work()
        assert await server.names("work") == ["dentist-work.ics"]
        assert await server.names("home") == ["dentist-home.ics"]
        assert (await people.api()).body["state"] == "none"
        assert await left_over(people.sync) == (0, 0)

    async def test_another_calendar_of_the_account_leaves_nothing_behind_and_doubles_nothing(
        self, people: OwnCalendars, server: Place
    ) -> None:
        await people.connected(server, "work")
        stands = (await people.connected(server, "home")).body
        assert (stands["state"], stands["written"], stands["waiting"]) == ("working", 2, 0)
        assert await server.names("work") == ["dentist-work.ics"]
        assert await server.names("home") == ["dentist-home.ics", *OURS]
        assert await left_over(people.sync) == (1, 1)


@pytest.mark.parametrize("server", ["radicale", "sogo", "cyrus"], indirect=True)
class TestAgain:
    async def test_the_same_calendar_again_is_not_written_again(self, people: OwnCalendars, server: Place) -> None:
        await people.connected(server)
        before = [(await server.ask("GET", f"work/{name}")).headers["ETag"] for name in OURS]
        assert (await people.connected(server)).body["written"] == 2
        assert [(await server.ask("GET", f"work/{name}")).headers["ETag"] for name in OURS] == before
        assert await left_over(people.sync) == (1, 1)

    async def test_left_and_chosen_again_at_once_all_of_it_is_there(self, people: OwnCalendars, server: Place) -> None:
        await people.connected(server)
        await people.api("disconnect")
        assert (await people.connected(server)).body["written"] == 2
        assert await server.names("work") == ["dentist-work.ics", *OURS]
        assert await left_over(people.sync) == (1, 1)
        assert await people.sync.told() == [], "nothing of this was taken for an answer"


@pytest.mark.parametrize("kind", ["radicale", "nextcloud", "icloud"])
async def test_a_calendar_that_we_made_goes_with_us(sync: CalendarSync, kind: str) -> None:
    async with place(kind) as server, own_calendars(sync, server) as people:
        before = await server.calendars()
        assert (await people.connected(server, "new")).body["written"] == 2
        (made,) = await server.calendars() - before
        assert await server.names(made) == OURS
        await people.api("disconnect")
        await people.work()
        assert await server.calendars() == before


async def test_a_server_that_says_it_makes_calendars_and_does_not_is_told_and_left(sync: CalendarSync) -> None:
    async with place("google") as server, own_calendars(sync, server) as people:
        stands = (await people.connected(server, "new")).body
        told = stands["last_error"]
        assert (stands["written"], told["kind"], told["message"]) == (
            0, "not-made", "The calendar server makes no new calendar (405).",
        )  # fmt: skip
        assert "Connect again and choose one that is there." in (await people.page()).words
        assert (await people.connected(server, "home")).body["written"] == 2
        assert await left_over(sync) == (1, 1)


async def test_from_one_server_to_another(sync: CalendarSync, plain: Place) -> None:
    async with place("cyrus") as old, own_calendars(sync, old) as people:
        await people.connected(old)
        found = await people.found(plain, address=f"{plain.plain}/", username="anna")
        chosen = next(one["id"] for one in found.body["choices"] if one["name"].lower() == "home")
        await people.api("choose", calendar=chosen)
        await people.work()
        assert await old.names("work") == ["dentist-work.ics"]
        assert await plain.names("home") == ["dentist-home.ics", *OURS]
        assert await left_over(sync) == (1, 1)


async def test_a_changed_password_opens_the_old_calendar_for_its_removal(sync: CalendarSync) -> None:
    async with place("cyrus") as server, own_calendars(sync, server) as people:
        assert server.quirky is not None
        await people.connected(server, "work")
        server.quirky.change_password("anna", "another")
        server.password, server.signs_in = "another", ("anna", "another")
        sync.clock.move(hours=2)
        await people.work(2)
        assert (await people.connected(server, "home")).body["state"] == "working"
        assert await server.names("work") == ["dentist-work.ics"]
        assert await server.names("home") == ["dentist-home.ics", *OURS]


async def refusals_after_a_move(people: OwnCalendars, server: Place) -> list[int | None]:
    """The answers to our writes in the new calendar that were no success, while the old one lets go of nothing at first."""
    assert server.quirky is not None
    await people.connected(server, "work")
    server.quirky.cut_in(plays.status(500), method="DELETE", path="-r1.ics", times=4)
    assert (await people.connected(server, "home")).status == 200
    written = [one for one in server.quirky.asked("PUT") if "/home/" in one.path and "-r1" in one.path]
    return [one.status for one in written if one.status not in (200, 201, 204)]


async def test_the_new_calendar_waits_until_the_old_one_of_the_account_is_cleared(sync: CalendarSync) -> None:
    async with place("cyrus") as server, own_calendars(sync, server) as people:
        assert await refusals_after_a_move(people, server) == []
        assert await server.names("home") == ["dentist-home.ics", *OURS]


async def test_control_without_the_wait_the_same_session_stands_in_two_calendars(
    sync: CalendarSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> bool:
        return False

    monkeypatch.setattr(Worker, "_must_wait", never)
    async with place("cyrus") as server, own_calendars(sync, server) as people:
        assert 403 in await refusals_after_a_move(people, server)
        assert (await people.api()).body["waiting"] > 0


async def test_two_people_in_one_calendar_do_not_touch_each_other(at_plain: OwnCalendars, plain: Place) -> None:
    await at_plain.connected(plain)
    await at_plain.connected(plain, registration_id="r2")
    theirs = [f"{W1}-r2.ics", f"{W2}-r2.ics"]
    assert await plain.names("work") == sorted(["dentist-work.ics", *OURS, *theirs])
    await at_plain.api("disconnect")
    await at_plain.work()
    assert await plain.names("work") == ["dentist-work.ics", *theirs]
    assert (await at_plain.api("", "r2")).body["written"] == 2


async def test_a_wrong_password_is_told_and_nothing_is_kept(at_plain: OwnCalendars, plain: Place) -> None:
    with capture_logs() as logs:
        told = await at_plain.found(plain, password="not-the-one")
    assert told.status == 422
    assert told.body["type"] == "urn:lectern:problem:wrong-password"
    (error,) = told.body["errors"]
    assert (error["field"], error["message"]) == (
        "password", "dav.example.org does not take this user name and password.",
    )  # fmt: skip
    page = await at_plain.form("connect", address=plain.email, username="anna", password="not-the-one")
    assert page.status == 422
    assert "dav.example.org does not take this user name and password." in page.words
    assert 'value="anna@example.org"' in page.text
    for said in (told.text, page.text, str(logs)):
        assert "not-the-one" not in said
    assert await left_over(at_plain.sync) == (0, 0)


async def test_the_password_is_stored_sealed_and_told_to_nobody(at_plain: OwnCalendars, plain: Place) -> None:
    with capture_logs() as logs:
        told = await at_plain.connected(plain)
    (account,) = [found async for found in at_plain.sync.database[ACCOUNTS.name].find({})]
    assert "secret" not in told.text.replace('"secret"', "")
    assert account["secret"] != plain.password
    assert at_plain.sync.sealing.open(account["secret"]) == plain.password
    page = await at_plain.page()
    assert account["secret"] not in page.text + told.text
    assert plain.password not in str([{k: v for k, v in one.items() if k != "event"} for one in logs])


async def test_an_address_in_our_own_network_is_refused_like_one_that_is_not_there(
    sync: CalendarSync, plain: Place
) -> None:
    assert plain.quirky is not None
    asked = len(plain.quirky.requests)
    async with own_calendars(sync, plain, allowed=False) as people:
        told = await people.found(plain)
        by_url = await people.found(plain, address=f"{plain.plain.replace('http:', 'https:')}/")
    words = "This address cannot be reached from the internet. Please check how it is written."
    assert [(one.status, one.body["detail"]) for one in (told, by_url)] == [(422, words)] * 2
    assert len(plain.quirky.requests) == asked


async def test_control_where_the_operator_allows_the_network_it_is_found(at_plain: OwnCalendars, plain: Place) -> None:
    assert (await at_plain.found(plain)).status == 200


async def test_few_tries_from_one_client_and_about_one_registration(sync: CalendarSync, plain: Place) -> None:
    async with own_calendars(sync, plain, trusted_proxies="127.0.0.0/8") as people:
        path = f"/api/v1/private-calendars/{people.token()}/connect"

        async def tried(client: str, path: str = path) -> int:
            async with people.http.post(path, json={}, headers={"X-Forwarded-For": client}) as answer:
                return answer.status

        assert [await tried("198.51.100.1") for _ in range(6)] == [422] * 5 + [429]
        assert await tried("198.51.100.2") == 429, "the registration is counted wherever requests come from"
        other = path.replace(people.token(), people.token("r2"))
        assert await tried("198.51.100.1", other) == 429, "and the client whomever they are about"
        assert await tried("198.51.100.3", other) == 422
        people.seconds[0] += 121
        assert await tried("198.51.100.2") == 422


async def test_an_account_that_nobody_chooses_from_is_forgotten_with_its_password(
    at_plain: OwnCalendars, plain: Place
) -> None:
    found = (await at_plain.found(plain)).body
    at_plain.sync.clock.move(minutes=61)
    assert (await at_plain.api()).body["choices"] == []
    assert (await at_plain.api("choose", calendar=found["choices"][0]["id"])).status == 409
    assert await at_plain.sync.fleet.swept() == 1
    assert await left_over(at_plain.sync) == (0, 0)


async def test_a_second_try_replaces_the_first_and_stopping_forgets_it(at_plain: OwnCalendars, plain: Place) -> None:
    await at_plain.found(plain)
    await at_plain.found(plain)
    assert await left_over(at_plain.sync) == (1, 0)
    assert "Nothing was connected." in (await at_plain.form("choose", stop="yes")).words
    assert await left_over(at_plain.sync) == (0, 0)


async def test_chosen_twice_at_once_is_connected_once(at_plain: OwnCalendars, plain: Place) -> None:
    choices = (await at_plain.found(plain)).body["choices"]
    answers = await asyncio.gather(*(at_plain.api("choose", calendar=one["id"]) for one in choices))
    assert sorted(one.status for one in answers) == [200] + [409] * (len(choices) - 1)
    assert await left_over(at_plain.sync) == (1, 1)


async def test_who_is_forgotten_connects_nothing_any_more(at_plain: OwnCalendars, plain: Place) -> None:
    person = await at_plain.person()
    await at_plain.found(plain)
    await at_plain.sync.erase()
    assert [(await at_plain.page()).status, (await at_plain.api()).status] == [404, 404]
    assert "If you asked to be forgotten, it is done." in (await at_plain.page()).words
    assert (await left_over(at_plain.sync))[0] == 0
    with pytest.raises(TooLate):
        await at_plain.connecting.connect(person, plain.email, plain.username, plain.password)
    assert await left_over(at_plain.sync) == (0, 0)


async def test_erasure_removes_what_was_written_and_the_account(at_plain: OwnCalendars, plain: Place) -> None:
    await at_plain.connected(plain)
    await at_plain.sync.erase()
    await at_plain.work()
    assert await plain.names("work") == ["dentist-work.ics"]
    assert await left_over(at_plain.sync) == (0, 0)


async def test_a_server_that_nobody_uses_any_more_is_forgotten(at_plain: OwnCalendars, plain: Place) -> None:
    """Its address may name a person."""
    await at_plain.connected(plain)
    sync = at_plain.sync
    (account,) = await sync.accounts.all_accounts()
    await sync.accounts.keep_server(account.server, ServerState("The calendar server cannot be reached."))
    await sync.fleet.swept()
    assert set(await sync.accounts.servers()) == {account.server}
    assert sync.fleet.worker(account.server) is sync.fleet.worker(account.server)
    kept = sync.fleet.worker(account.server)
    await sync.erase()
    await at_plain.work()
    await sync.accounts.keep_server(account.server, ServerState("The calendar server cannot be reached."))
    await sync.fleet.swept()
    assert await sync.accounts.servers() == {}
    assert sync.fleet.worker(account.server) is not kept


async def test_of_many_accounts_that_leave_the_oldest_are_given_up(at_plain: OwnCalendars, plain: Place) -> None:
    """Each has a worker, perhaps on a server that never answers: one person cannot begin hundreds."""
    sync = at_plain.sync
    now = sync.clock()
    for number in range(MOST_LEAVING + 3):
        await sync.accounts.keep_account(
            Account(
                id=f"old-{number}", server=f"https://dead-{number}.example.org", home="", registration_id="r1",
                event_id="milipol-2019", state=AccountState.LEAVING, secret="sealed",
                created_at=now - timedelta(hours=1, minutes=-number), expires_at=now + timedelta(days=7),
            )
        )  # fmt: skip
    await at_plain.connected(plain)
    assert sorted(one.id for one in await sync.accounts.expired_accounts(sync.clock())) == ["old-0", "old-1", "old-2"]
    assert await sync.fleet.swept() == 3
    assert (await left_over(sync))[0] == MOST_LEAVING + 1


async def test_leaving_removes_what_a_test_of_the_connection_left_behind(at_plain: OwnCalendars, plain: Place) -> None:
    await at_plain.connected(plain)
    (account,) = await at_plain.sync.accounts.all_accounts()
    (calendar,) = await at_plain.sync.accounts.calendars(account=account.id)
    litter = f"{calendar.path}lectern-test-1.ics"
    body = b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:lectern-test-1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    await at_plain.sync.tools.clients.session(account).ask("PUT", litter, body, {"Content-Type": "text/calendar"})
    await at_plain.sync.accounts.note_account(account.id, litter=[litter])
    assert "lectern-test-1.ics" in await plain.names("work")
    await at_plain.form("disconnect")
    await at_plain.work()
    assert await plain.names("work") == ["dentist-work.ics"]


async def test_the_test_says_what_is_wrong(at_plain: OwnCalendars, plain: Place) -> None:
    assert plain.quirky is not None
    assert (await at_plain.api("test")).status == 409
    await at_plain.connected(plain)
    assert (await at_plain.api("test")).body == {"works": True, "error": None, "kind": None}
    assert "The calendar server answers, and your calendar is there." in (await at_plain.form("test")).words
    plain.quirky.remove_calendar("anna", "work")
    gone = {"works": False, "error": "The calendar is no longer there.", "kind": "gone"}
    assert (await at_plain.api("test")).body == gone
    plain.quirky.change_password("anna", "another")
    told = await at_plain.form("test")
    assert "The server no longer takes the user name and password." in told.words
    await plain.quirky.stop()
    assert "The calendar server does not answer." in (await at_plain.form("test")).words


async def test_a_lost_calendar_goes_on_with_a_new_password(at_plain: OwnCalendars, plain: Place) -> None:
    assert plain.quirky is not None
    await at_plain.connected(plain)
    plain.quirky.change_password("anna", "another")
    for _ in range(6):
        at_plain.sync.clock.move(hours=1)
        await at_plain.sync.fleet.round()
    lost = (await at_plain.api()).body
    assert (lost["state"], lost["lost"]) == ("lost", "password")
    assert "Connect again with a new app password." in (await at_plain.page()).words
    plain.password, plain.signs_in = "another", ("anna", "another")
    assert (await at_plain.connected(plain)).body["state"] == "working"
    await at_plain.sync.tell(workshop(1, revision=2, start="2019-11-20T16:00"))
    await at_plain.work()
    assert (await at_plain.api()).body["written"] == 2


async def test_passwords_are_sealed_anew_with_the_newest_key(at_plain: OwnCalendars, plain: Place) -> None:
    first, second = (Fernet.generate_key().decode() for _ in range(2))
    accounts, clients = at_plain.sync.accounts, at_plain.sync.tools.clients
    clients.sealing = Sealing([first])
    await at_plain.connected(plain)
    await at_plain.found(plain, "r2")
    clients.sealing = Sealing([second, first])
    assert [await reseal(accounts, clients.sealing) for _ in range(2)] == [2, 0]
    clients.sealing = Sealing([second])
    assert (await at_plain.api("test")).body["works"] is True
    assert await reseal(accounts, Sealing([Fernet.generate_key().decode()])) == 0, "what cannot be read is left alone"
    states = [one.state for one in await accounts.all_accounts()]
    assert sorted(states) == [AccountState.CHOOSING, AccountState.WORKING]
