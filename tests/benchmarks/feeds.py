"""Feeds that are polled: 304s and cached 200s against a bare handler in the same run, and one reschedule that ten thousand
personal feeds have to show."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from services.calendar_sync.domain import seats_of
from services.calendar_sync.store import COLLECTIONS, REGISTRATIONS, Store
from shared.clock import utc_now
from shared.config import Settings
from shared.contracts.base import Contract
from shared.contracts.scheduling import EventState, SessionState
from shared.links import feed_path, token_hash
from shared.storage.mongo import Database, Mongo, Session
from tests.benchmarks.figures import Table
from tests.benchmarks.lean_reader import Answered, Get, rate, read_all
from tests.support.calendar_samples import milipol, registration, workshop
from tests.support.processes import Running, running

CLIENTS, SECONDS, WARM_UP, ROUNDS = 64, 2.0, 0.5, 5
PEOPLE = 10_000
EVENT_FEED = "/feeds/events/milipol-2019.ics"
MOVED = "milipol-2019-workshop-1"


async def run(settings: Settings, table: Table) -> None:
    """The feeds' process at the log level of production."""
    chosen = settings.model_copy(update={"log_level": "info"})
    async with _database(chosen) as database:
        store = Store(database)
        await database.declare(COLLECTIONS)
        for state in (milipol(), *(workshop(number) for number in range(1, 5))):
            await _tell(store, state)
        await _people(store)
        async with _process(chosen, "feeds") as process:
            size = await _size(process, EVENT_FEED)
            async with _process(chosen, "bare", str(size)) as bare:
                await _polls(process, bare, size, table)
            await _reschedule(process, store, table)


async def _polls(process: Running, bare: Running, size: int, table: Table) -> None:
    """Each measured in turn with its bare counterpart, several times; the median of the ratios."""
    etag = await _etag(process, EVENT_FEED)
    people: dict[int, bytes] = {}

    def told(one: Answered) -> None:
        people[one.get.name] = one.etag

    await read_all(process.url, iter([Get(_address(n), name=n) for n in range(PEOPLE)]), CLIENTS, told)
    unchanged = Get("/unchanged", b'"0123456789abcdef0123456789abcdef"')
    kinds = (
        ("304 of an event's feed", lambda _: Get(EVENT_FEED, etag), 304, unchanged, "0.6"),
        ("304 of 10,000 personal feeds", lambda n: Get(_address(n), people[n % PEOPLE]), 304, unchanged, "0.6"),
        ("Cached 200 of an event's feed", lambda _: Get(EVENT_FEED), 200, Get("/whole"), "0.5"),
    )
    for name, get, status, plain, aim in kinds:
        rates: list[tuple[float, float]] = []
        for seconds in (WARM_UP, *[SECONDS] * ROUNDS):
            ours = await rate(process.url, get, CLIENTS, seconds, status)
            rates.append((ours, await rate(bare.url, lambda _, plain=plain: plain, CLIENTS, seconds, status)))  # type: ignore[misc]
        ratios = [ours / theirs for ours, theirs in rates[1:]]
        figure = f"{statistics.median(ours for ours, _ in rates[1:]):,.0f} a second"
        table.add(name, f"{figure}, {statistics.median(ratios):.2f} of a bare handler", f"aim {aim}")
    table.add("  size of that feed", f"{size} bytes")


async def _reschedule(process: Running, store: Store, table: Table) -> None:
    """From the moment that the fact is stored until every personal feed was read with the new time in it."""
    before: dict[int, bytes] = {}

    def kept(one: Answered) -> None:
        before[one.get.name] = one.etag

    await read_all(process.url, iter([Get(_address(n), name=n) for n in range(PEOPLE)]), CLIENTS, kept)
    seconds, rendered = [], []
    for revision in range(2, 2 + ROUNDS):
        made = await _rendered(process)
        fresh: dict[int, bytes] = {}

        def told(one: Answered, fresh: dict[int, bytes] = fresh) -> None:
            assert one.status == 200, "every feed changed"
            fresh[one.get.name] = one.etag

        began = time.perf_counter()
        await _tell(store, workshop(1, revision, start=f"2019-11-20T09:{10 + revision}"))
        polls = [Get(_address(n), before[n], n) for n in range(PEOPLE)]
        await read_all(process.url, iter(polls), CLIENTS, told)
        seconds.append(time.perf_counter() - began)
        rendered.append(await _rendered(process) - made)
        before = fresh
    table.add(f"One reschedule, read in {PEOPLE:,} personal feeds", f"{statistics.median(seconds):.2f} s", "aim 2 s")
    table.add("  entries rendered for it", f"{max(rendered):.0f}", "not 10,000")


def _token(number: int) -> str:
    return f"token-of-person-{number}"


def _address(number: int) -> str:
    return feed_path(_token(number % PEOPLE))


async def _people(store: Store) -> None:
    """One registration as intake keeps it, and as many like it as there are people."""
    chosen = {f"milipol-2019-workshop-{number}": "confirmed" for number in (1, 2)}
    state = registration("milipol-2019", chosen)

    async def keep(session: Session) -> None:
        await store.keep_seats(seats_of(state), 1, session)
        await store.keep_addresses(state.id, token_hash(_token(0)), "page", session)

    await store.database.atomically(keep)
    registrations = store.database[REGISTRATIONS.name]
    pattern = await registrations.find_one({"_id": state.id})
    assert pattern is not None
    await registrations.insert_many(
        [pattern | {"_id": f"r-{n}", "token_hash": token_hash(_token(n))} for n in range(1, PEOPLE)]
    )


async def _tell(store: Store, state: Contract) -> None:
    async def keep(session: Session) -> None:
        if isinstance(state, EventState):
            await store.keep_event(state, utc_now(), None, session)
        elif isinstance(state, SessionState):
            await store.keep_session(state, utc_now(), None, session)

    await store.database.atomically(keep)


@contextlib.asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    mongo = Mongo(settings.mongodb_uri, settings.database_prefix)
    try:
        yield mongo.database("calendar_sync")
    finally:
        mongo.close()


@contextlib.asynccontextmanager
async def _process(settings: Settings, *arguments: Any) -> AsyncIterator[Running]:
    async with running(settings, "tests.benchmarks.feeds_process", *arguments) as process:
        await process.ready()
        yield process


async def _size(process: Running, path: str) -> int:
    async with aiohttp.ClientSession() as http, http.get(process.url + path) as response:
        assert response.status == 200
        return len(await response.read())


async def _etag(process: Running, path: str) -> bytes:
    headers = {"Accept-Encoding": "identity"}
    async with aiohttp.ClientSession() as http, http.get(process.url + path, headers=headers) as response:
        return response.headers["ETag"].encode()


async def _rendered(process: Running) -> float:
    async with aiohttp.ClientSession() as http, http.get(f"{process.url}/metrics") as response:
        lines = (await response.text()).splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("lectern_calendar_entries_rendered_total")))
