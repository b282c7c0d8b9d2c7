"""What happens beside a look: other calendars fall due, somebody disconnects, asks for a list, or configures a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from services.calendar_sync import worker
from services.calendar_sync.accounts_store import Account, AccountState
from services.calendar_sync.answers import Answer
from services.calendar_sync.domain import ScopeKind
from services.calendar_sync.fleet import Fleet
from services.calendar_sync.remote_calendar import Asks
from shared.storage.mongo import PyMongoError
from tests.support.calendar_harness import CalendarSync
from tests.support.calendar_samples import milipol, registration, workshop
from tests.support.quirky import Quirks, QuirkyServer
from tests.support.waiting import until

EVENT = "milipol-2019"
IDS = [f"{EVENT}-workshop-{number}" for number in range(1, 3)]


@pytest.fixture
async def server() -> AsyncIterator[QuirkyServer]:
    async with QuirkyServer(Quirks()) as server:
        yield server


def name(session_id: str, person: str) -> str:
    return f"{session_id}-{person}.ics"


async def connected(
    sync: CalendarSync, server: QuirkyServer, *people: str, calendar: str = "personal", **more: Any
) -> Fleet:
    await sync.tell(milipol(), workshop(1), workshop(2))
    for person in people:
        server.add_person(person)
        await sync.tell(registration(EVENT, dict.fromkeys(IDS, "confirmed"), id_=person))
        await sync.connect_person(person, EVENT, server.home_url(person), calendar, person, "secret", **more)
    fleet = sync.work()
    await fleet.round()
    return fleet


@dataclass
class Stalled:
    """An account's requests, which do not come through before the gate opens."""

    inner: Asks
    reached: asyncio.Event
    gate: asyncio.Event

    async def ask(self, *told: Any, **more: Any) -> Answer:
        self.reached.set()
        await self.gate.wait()
        return await self.inner.ask(*told, **more)


async def other_is_served(sync: CalendarSync, server: QuirkyServer, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether what falls due while the look at another account stalls is seen to before that look ends."""
    fleet = await connected(sync, server, "anna", "bert")
    reached, gate, inner = asyncio.Event(), asyncio.Event(), sync.tools.clients.session

    def session(account: Account) -> Asks:
        asks: Asks = inner(account)
        return Stalled(asks, reached, gate) if account.registration_id == "anna" else asks

    monkeypatch.setattr(sync.tools.clients, "session", session)
    left = {IDS[1]: "confirmed"}
    await sync.tell(registration(EVENT, left, id_="anna", sequence=2), sequence=2)
    round_ = asyncio.create_task(fleet.round())
    await asyncio.wait_for(reached.wait(), 10)
    await sync.tell(registration(EVENT, left, id_="bert", sequence=2), sequence=2)
    try:
        await until(lambda: name(IDS[0], "bert") not in server.names("bert"), timeout=1.5)
    except AssertionError:
        return False
    finally:
        gate.set()
        await round_
    return True


async def test_calendar_that_falls_due_does_not_wait_for_a_slow_look(
    sync: CalendarSync, server: QuirkyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_AGAIN", 0.1)
    assert await other_is_served(sync, server, monkeypatch)


async def test_control_it_would_wait_if_only_the_end_of_a_look_began_the_next(
    sync: CalendarSync, server: QuirkyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_AGAIN", None)
    assert not await other_is_served(sync, server, monkeypatch)


async def test_fault_of_the_database_ends_the_round_instead_of_repeating_it_without_a_pause(
    sync: CalendarSync, server: QuirkyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = await connected(sync, server, "anna")
    await sync.accounts.check_all(sync.clock())
    tried = 0

    async def away(_: object) -> None:
        nonlocal tried
        tried += 1
        raise PyMongoError

    monkeypatch.setattr(sync.accounts, "keep_objects", away)
    async with asyncio.timeout(10):
        await fleet.round()
    assert tried == 1


async def test_who_disconnects_while_a_lost_account_is_found_well_again_is_forgotten(
    sync: CalendarSync, server: QuirkyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = await connected(sync, server, "anna")
    await sync.accounts.note_account("account-anna", state=AccountState.LOST, lost="password", error="refused")
    note, now = sync.accounts.note_account, sync.clock()

    async def meanwhile(id_: str, **fields: Any) -> None:
        if "state" in fields:
            await sync.accounts.leave("anna", now + timedelta(days=7), now)
        await note(id_, **fields)

    monkeypatch.setattr(sync.accounts, "note_account", meanwhile)
    await sync.accounts.check_all(now)
    await fleet.round()
    sync.clock.move(minutes=1)
    await fleet.round()
    assert await sync.accounts.accounts_of("anna") == []
    assert server.names("anna") == []


async def test_list_that_is_asked_for_during_a_look_is_made_after_it(sync: CalendarSync, server: QuirkyServer) -> None:
    await connected(sync, server, "anna")
    (looked_at,) = await sync.accounts.calendars()
    await sync.accounts.check_all(sync.clock())
    seen = replace(looked_at, checked_at=sync.clock(), sync_token="t", title="New")
    await sync.accounts.looked_at(seen, due=sync.clock() + timedelta(hours=1))
    (calendar,) = await sync.accounts.calendars()
    assert (calendar.checked_at, calendar.sync_token, calendar.due) == (None, None, sync.clock())
    assert calendar.title == "New"


@pytest.mark.parametrize("lists_nothing", [True, False])
async def test_calendar_that_lectern_made_is_kept_where_a_person_put_something_in_it(
    sync: CalendarSync, server: QuirkyServer, lists_nothing: bool
) -> None:
    fleet = await connected(sync, server, "anna", calendar="made", ours=True)
    body = server.calendar("anna", "made").objects[name(IDS[0], "anna")].body
    server.put("anna", "dentist.ics", body.replace(b"UID:", b"UID:dentist-"), "made")
    server.quirks.lists_nothing = lists_nothing
    await sync.accounts.leave("anna", sync.clock() + timedelta(days=7), sync.clock())
    await fleet.round()
    assert server.names("anna", "made") == ["dentist.ics"]
    assert await sync.accounts.accounts_of("anna") == []


async def test_empty_calendar_that_lectern_made_goes_with_its_entries(sync: CalendarSync, server: QuirkyServer) -> None:
    fleet = await connected(sync, server, "anna", calendar="made", ours=True)
    await sync.accounts.leave("anna", sync.clock() + timedelta(days=7), sync.clock())
    await fleet.round()
    assert server.asked("DELETE")[-1].path.rstrip("/").endswith("/made")


async def test_server_that_is_configured_later_gets_the_events_that_are_there(
    sync: CalendarSync, server: QuirkyServer
) -> None:
    await sync.tell(milipol(), workshop(1, room_id="hall-4"))
    await sync.work().round()  # no server is configured yet
    server.add_person("org")
    home = server.home_url("org")
    await (await sync.connect(home, "org", "secret")).round()
    (event,) = await sync.accounts.calendars()
    assert event.scope.kind is ScopeKind.EVENT
    assert sync.shared is not None
    await sync.shared.declare(sync.clock())  # a new start with the same settings
    assert await sync.store.changed_agendas() == []
    await (await sync.connect(home, "org", "secret", kinds=(ScopeKind.EVENT, ScopeKind.ROOM))).round()
    assert {one.scope.kind for one in await sync.accounts.calendars()} == {ScopeKind.EVENT, ScopeKind.ROOM}
