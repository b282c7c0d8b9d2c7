"""Desks of several processes take turns at a crowded event: they spare work, and seats are exact with them or without."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from services.registration.commands import Register, ReviseEvent, ReviseSession
from services.registration.desk import Desks
from services.registration.schema import COLLECTIONS
from services.registration.store import Store
from shared.clock import new_id, utc_now
from shared.links import Links
from shared.storage.inbox import INBOX
from shared.storage.ledger import LEDGERS, OUTBOX, Conflict, Entry, Ledgers, Page
from shared.storage.mongo import Database
from shared.storage.turns import PATIENCE, Turns
from tests.support.events import milipol, person, workshop
from tests.support.waiting import until

EVENT, W1 = "milipol-2019", "milipol-2019-workshop-1"
SEATS, PEOPLE, CLIENTS = 100, 1200, 20
SELDOM = 20
"""Conflicts of the crowd until each process has noticed the others; without turns there are several times as many."""


@pytest.fixture
async def three_desks(database: Database) -> AsyncIterator[list[Desks]]:
    """As three processes have them, with an agenda."""
    await database.declare([LEDGERS, OUTBOX, INBOX, *COLLECTIONS])
    desks = [Desks(Store(database, Links("k" * 32)), utc_now, new_id, lambda: None) for _ in range(3)]
    await desks[0].ask(EVENT, ReviseEvent(id="event", event=milipol(admission={"window": {}})))
    await desks[0].ask(EVENT, ReviseSession(id="s", session=workshop(1, capacity=SEATS, starts_at=None)))
    yield desks
    await asyncio.gather(*(one.close() for one in desks))


@pytest.fixture
def conflicts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The streams on which a commit came too late, in order."""
    commit, seen = Ledgers.commit, []

    async def noted(self: Ledgers, page: Page, state: Any, **rest: Any) -> Entry:
        try:
            return await commit(self, page, state, **rest)
        except Conflict:
            seen.append(page.stream)
            raise

    monkeypatch.setattr(Ledgers, "commit", noted)
    return seen


async def register(desks: Desks, number: int) -> None:
    someone = person(f"p{number}")
    await desks.ask(EVENT, Register(id=new_id(), registration_id=f"r-{number}", person=someone, sessions=(W1,)))


async def crowd(three: list[Desks]) -> None:
    """Everybody asks, some at each desk, one after another."""

    async def client(number: int) -> None:
        for one in range(number, PEOPLE, 3 * CLIENTS):
            await register(three[number % 3], one)

    await asyncio.gather(*(client(number) for number in range(3 * CLIENTS)))


async def held(database: Database) -> dict[str, tuple[int, int]]:
    """Confirmed and waiting, by the ledger and by the people."""
    ledger = await database["ledgers"].find_one({"_id": f"events/{EVENT}"})
    assert ledger is not None
    line = ledger["state"]["sessions"][W1]
    people = [
        int(await database["registrations"].count_documents({"choices.state": state}))
        for state in ("confirmed", "waitlisted")
    ]
    return {"ledger": (line["confirmed"], line["waiting"]), "people": (people[0], people[1])}


EXACT = {"ledger": (SEATS, PEOPLE - SEATS), "people": (SEATS, PEOPLE - SEATS)}


async def no_turns(self: Turns, known: Page | None) -> Page | None:
    return known


async def always_my_turn(self: Turns, known: Page | None) -> Page | None:
    """Every process believes that the turn is its own, and that nobody wrote since."""
    self.ticket = "mine"
    return known


async def test_desks_that_take_turns_seldom_decide_in_vain(
    three_desks: list[Desks], conflicts: list[str], database: Database
) -> None:
    await crowd(three_desks)
    assert await held(database) == EXACT
    assert len(conflicts) <= SELDOM, "until each has noticed the others"
    await asyncio.gather(*(one.close() for one in three_desks))
    ledger = await database["ledgers"].find_one({"_id": f"events/{EVENT}"})
    assert ledger is not None
    assert ledger["queue"] == [], "nobody leaves a ticket behind"


@pytest.mark.parametrize("take", [no_turns, always_my_turn])
async def test_control_seats_are_exact_without_turns_only_work_is_wasted(
    take: Callable[[Turns, Page | None], Awaitable[Page | None]],
    three_desks: list[Desks],
    conflicts: list[str],
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Turns, "take", take)
    await crowd(three_desks)
    assert await held(database) == EXACT
    assert len(conflicts) > SELDOM


async def test_control_with_turns_but_without_compare_and_set_seats_are_oversold(
    three_desks: list[Desks], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that hold the turn at once, as after a pause of the machine."""
    monkeypatch.setattr(Turns, "take", always_my_turn)
    commit = Ledgers.commit

    async def blind(self: Ledgers, page: Page, state: Any, **rest: Any) -> Entry:
        while True:
            try:
                return await commit(self, page, state, **rest)
            except Conflict:
                newest = await self.load(page.stream)
                page = Page(page.stream, newest.version, page.state, page.entries)

    monkeypatch.setattr(Ledgers, "commit", blind)
    await crowd(three_desks)
    assert (await held(database))["people"][0] > SEATS


async def test_turn_of_a_process_that_died_holds_nobody_up(three_desks: list[Desks], database: Database) -> None:
    await crowd(three_desks)
    await asyncio.gather(*(one.close() for one in three_desks))
    ledgers = Ledgers(database)
    await ledgers.queue_up(f"events/{EVENT}", "dead")
    successors = [Desks(Store(database, Links("k" * 32)), utc_now, new_id, lambda: None) for _ in range(2)]
    began = time.perf_counter()
    await asyncio.gather(
        *(register(successors[number % 2], PEOPLE + number) for number in range(40)),
    )
    took = time.perf_counter() - began

    async def gone() -> bool:
        ledger = await database["ledgers"].find_one({"_id": f"events/{EVENT}"})
        return ledger is not None and "dead" not in ledger["queue"]

    await until(gone, 5, "the dead one's ticket is gone")
    await asyncio.gather(*(one.close() for one in successors))
    assert took < 3 * PATIENCE
