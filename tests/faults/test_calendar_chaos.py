"""Chaos on calendar servers while an event is rescheduled hundreds of times: all converges, and nobody else waits.

Four servers with the accounts of one event. One goes down, one becomes slow and changes passwords, one loses its data
and comes back from an older backup; the last one is well all the time.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from services.calendar_sync.breaker import Breaker
from services.calendar_sync.came_back import CameBack
from services.calendar_sync.domain import Scope, ScopeKind
from services.calendar_sync.fleet import Fleet
from services.calendar_sync.pace import Pace
from shared.contracts.registration import REGISTRATION_CANCELLED
from shared.storage.mongo import Database, Document
from tests.support.calendar_harness import CalendarSync
from tests.support.calendar_samples import milipol, registration, workshop
from tests.support.quirky import Quirks, QuirkyServer, cyrus, icloud, plays, sogo

EVENT = "milipol-2019"
LUNCH = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:lunch@example.org\r\n"
    "DTSTAMP:20191001T000000Z\r\nDTSTART:20191120T110000Z\r\nSUMMARY:Lunch\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
STEPS = 20
"""So many parts the reschedules are told in; workers have a round after each."""


@dataclass(frozen=True)
class Size:
    """How much happens: accounts (a quarter on each server), sessions of the event, reschedules told."""

    accounts: int
    sessions: int
    reschedules: int
    patience: float = 2.0
    """Seconds that an answer may take: servers and clients of the test share one process."""


SIZES = [
    pytest.param(Size(40, 3, 100), id="a fifth"),
    pytest.param(Size(200, 3, 500, 8.0), id="whole", marks=pytest.mark.long),
]


@dataclass
class City:
    """Four servers, calendar-sync, and everybody's account."""

    sync: CalendarSync
    size: Size
    servers: list[QuirkyServer]
    fleet: Fleet = field(init=False)
    revisions: dict[int, int] = field(default_factory=dict)
    chance: random.Random = field(default_factory=lambda: random.Random(5))
    people: dict[str, tuple[QuirkyServer, str]] = field(default_factory=dict)
    emptied: list[QuirkyServer] = field(default_factory=list)
    """Servers that have lost what other people's clients had written."""
    changed: int = 0
    """Sessions that differed at the beginning of a round, summed up."""

    async def settle_in(self, pace: Pace | None = None) -> None:
        """Everybody connects, and all is written once."""
        await self.sync.tell(milipol(admission={"calendar_answers": True}))
        self.revisions = dict.fromkeys(range(1, self.size.sessions + 1), 1)
        await self.sync.tell(*(workshop(number) for number in self.revisions))
        choices = {f"{EVENT}-workshop-{number}": "confirmed" for number in self.revisions}
        for number in range(self.size.accounts):
            id_, server = f"r{number}", self.servers[number % len(self.servers)]
            person = f"person{number}"
            server.add_person(person)
            server.put(person, "lunch.ics", LUNCH)
            self.people[id_] = (server, person)
            await self.sync.tell(registration(EVENT, choices, id_=id_))
            await self.sync.connect_person(id_, EVENT, server.home_url(person), "personal", person, "secret")
        self.fleet = self.sync.work(timeout=self.size.patience, pace=pace)
        for _ in range(3):
            await self.fleet.round()
            self.sync.clock.move(seconds=20)
        for server in self.servers:
            server.requests.clear()

    async def reschedule(self) -> None:
        """One part of the reschedules, told one after the other."""
        before = dict(self.revisions)
        for _ in range(self.size.reschedules // STEPS):
            number = self.chance.choice(list(self.revisions))
            self.revisions[number] += 1
            start = f"2019-11-{20 + self.revisions[number] % 5}T{8 + self.revisions[number] % 10:02}:40"
            await self.sync.tell(workshop(number, revision=self.revisions[number], start=start))
        self.changed += sum(before[number] != revision for number, revision in self.revisions.items())

    async def wrong(self, server: QuirkyServer | None = None) -> list[str]:
        """The registrations whose calendar is not what it should be, by what the servers themselves hold."""
        agenda = await self.sync.store.agenda(EVENT)
        assert agenda.event is not None
        found = []
        for id_, (where, person) in self.people.items():
            if server is not None and where is not server:
                continue
            seats = await self.sync.store.person(id_)
            assert seats is not None
            desired = self.sync.tools.objects.desired(
                agenda, agenda.event, Scope(ScopeKind.PERSON, EVENT, id_), self.sync.clock(),
                language="en", seats=seats.seats,
            )  # fmt: skip
            held = {one.uid: one.text for one in where.calendar(person).objects.values()}
            lunch = held.pop("lunch@example.org", None)
            assert lunch == LUNCH.replace("\r\n", "\n") or (lunch is None and where in self.emptied)
            assert where.uids(person) == sorted(set(where.uids(person))), "a UID stands there twice"
            right = held.keys() == {want.uid for want in desired} and all(
                f"\nSEQUENCE:{want.revision}\n" in held[want.uid] for want in desired
            )
            if not right:
                found.append(id_)
        return found

    async def converge(self, rounds: int = 30) -> int:
        """Lets time pass until all is right; returns after how many rounds."""
        for number in range(rounds):
            if not await self.wrong():
                return number
            await self.fleet.round()
            self.sync.clock.move(minutes=5)
        raise AssertionError(f"not right after {rounds} rounds: {await self.wrong()}")


@asynccontextmanager
async def city(database: Database, size: Size, pace: Pace | None = None) -> AsyncIterator[City]:
    sync = await CalendarSync(database).prepare()
    servers = [QuirkyServer(quirks) for quirks in (Quirks(), sogo(), icloud(), cyrus())]
    try:
        for server in servers:
            await server.start()
        built = City(sync, size, servers)
        await built.settle_in(pace)
        assert await built.wrong() == []
        yield built
    finally:
        await sync.close()
        for server in servers:
            await server.stop()


@pytest.mark.parametrize("size", SIZES)
async def test_everything_converges_and_the_healthy_server_waits_for_nobody(database: Database, size: Size) -> None:
    async with city(database, size) as here:
        well, down, slow, losing = here.servers
        mine = [person for where, person in here.people.values() if where is slow]
        backup = losing.backup()
        still: list[bool] = []
        took: list[float] = []
        for step in range(STEPS):
            if step == 2:
                await down.stop()
            if step == 3:
                slow.quirks.slow_headers = 0.02
            if step == 5:
                losing.lose_data()
                here.emptied.append(losing)
            if step == 7:
                slow.quirks.slow_headers = 2 * size.patience  # beyond the time limit
            if step == 9:
                losing.restore(backup)
                here.emptied.clear()
            if step == 12:
                slow.quirks.slow_headers = 0.0
                for person in mine[:2]:
                    slow.change_password(person, "new")
            await here.reschedule()
            others = asyncio.create_task(here.fleet.round())
            started = time.perf_counter()
            await _until_right(here, well, others)
            took.append(time.perf_counter() - started)
            still.append(not others.done())
            await others
            assert await here.wrong(well) == [], "the healthy server is right after every round"
            here.sync.clock.move(seconds=30)
        writes = len(well.asked("PUT"))
        await down.start()
        for id_, (where, person) in here.people.items():
            if where is slow and person in mine[:2]:
                await here.sync.connect_person(id_, EVENT, where.home_url(person), "personal", person, "new")
        rounds = await here.converge()
        quiet, troubled = sorted(took[:2]), sorted(took[2:])
        print(
            f"\n{size}: healthy server right after {quiet[-1]:.2f} s of a round without trouble, {troubled[len(troubled) // 2]:.2f} s "
            f"(median) and {troubled[-1]:.2f} s (longest) with it; {len(well.requests)} requests, {writes} writes for "
            f"{here.changed * size.accounts // 4} changed objects, {size.reschedules} reschedules; all right {rounds} rounds later"
        )
        assert still[7], "it is right while the others are still waited for"
        assert writes == here.changed * size.accounts // 4, (
            "one write for each object that differs, however often it changed"
        )
        assert len(well.requests) <= 1.1 * writes
        assert await _freed(here) == []
        # Hours later, too: what was noticed is settled, and no seat was given up.
        for _ in range(8):
            here.sync.clock.move(minutes=30)
            await here.fleet.round()
        assert await _freed(here) == []
        assert await here.wrong() == []


async def _until_right(here: City, server: QuirkyServer, others: asyncio.Task[int]) -> None:
    """Returns as soon as the server's accounts are right, or the round of all is over."""
    while not others.done() and await here.wrong(server):
        await asyncio.wait([others], timeout=0.1)


SMALL = Size(16, 4, 20)


@pytest.mark.parametrize("apart", [True, False], ids=["apart", "control: one after the other"])
async def test_slow_server_delays_no_other(database: Database, apart: bool) -> None:
    async with city(database, SMALL) as here:
        well, _, slow, _ = here.servers
        gate = asyncio.Event()
        slow.always = plays.until_let_go(gate)
        here.sync.tools.clients._servers.clear()
        here.fleet = here.sync.work(timeout=30)
        await here.reschedule()
        await here.fleet.spread()
        if apart:
            others = asyncio.create_task(here.fleet.round())
        else:
            others = asyncio.create_task(_in_one_row(here, [slow, well]))
        await _until_held(slow)
        if apart:
            await _until_right(here, well, others)
        else:
            await asyncio.wait([others], timeout=0.3)
        assert not others.done()
        assert (await here.wrong(well) == []) is apart
        gate.set()
        await others
        assert await here.wrong(well) == []


async def _in_one_row(here: City, servers: list[QuirkyServer]) -> int:
    return sum([await here.fleet.worker(server.url).round() for server in servers])


async def _until_held(server: QuirkyServer) -> None:
    while server.busy == 0:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("threshold", [3, 10_000], ids=["breaker", "control: no breaker"])
async def test_dead_server_is_not_asked_for_each_object(database: Database, threshold: int) -> None:
    async with city(database, SMALL) as here:
        dead = here.servers[1]
        objects = SMALL.accounts // 4 * SMALL.sessions
        here.fleet = here.sync.work(breaker=Breaker(threshold=threshold))
        dead.always = plays.status(502)
        for number in here.revisions:
            here.revisions[number] += 1
            await here.sync.tell(workshop(number, revision=here.revisions[number], start="2019-11-21T10:00"))
        await here.fleet.round()
        asked = len(dead.requests)
        assert asked <= 3 + here.sync.tools.pace.per_server if threshold == 3 else asked >= objects
        assert await here.wrong(here.servers[0]) == []
        dead.always = None
        await here.converge()


@pytest.mark.parametrize(
    ("kind", "accounts", "guarded"),
    [
        ("lose_data", 5, True),
        ("restore", 5, True),
        ("restore", 2, True),
        pytest.param("restore", 2, False, id="control: whether the server remembers is not asked"),
    ],
)
async def test_lost_data_gives_up_no_seat(
    database: Database, kind: str, accounts: int, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every account of the server lacks the session that was written last; not one seat is given up for it."""
    if not guarded:
        settle = CameBack.settle

        async def unaware(came_back: CameBack, *told: Any, reported: bool, history_lost: bool) -> Any:
            return await settle(came_back, *told, reported=reported)

        monkeypatch.setattr(CameBack, "settle", unaware)
    async with city(database, Size(accounts * 4, 1, 20)) as here:
        server = here.servers[0]
        backup = server.backup()
        choices = {f"{EVENT}-workshop-{number}": "confirmed" for number in (1, 2)}
        await here.sync.tell(workshop(2))
        for id_ in here.people:
            await here.sync.tell(registration(EVENT, choices, id_=id_, sequence=2), sequence=2)
        await _time_passes(here, 3)
        if kind == "restore":
            server.restore(backup)
        else:
            server.lose_data()
            here.emptied.append(server)
        await _time_passes(here, 14)
        assert (await _freed(here) == []) is guarded
        if guarded:
            assert await here.wrong() == []
            assert "lectern.calendar-sync.answer-noticed.v1" in [event["type"] for event in await here.sync.told()]


async def _time_passes(here: City, rounds: int) -> None:
    for _ in range(rounds):
        here.sync.clock.move(minutes=11)
        await here.fleet.round()


async def _freed(here: City) -> list[Document]:
    """What calendar-sync asked registration to give up."""
    return [event for event in await here.sync.told() if event["type"] == REGISTRATION_CANCELLED]
