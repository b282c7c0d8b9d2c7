"""What the client costs: PUTs through it against plain aiohttp, on a stub that takes everything and on Radicale; and how many
requests a changed object takes."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from statistics import median

import aiohttp

from services.calendar_sync.caldav_client import DavServer
from services.calendar_sync.domain import Scope, ScopeKind
from services.calendar_sync.remote_calendar import RemoteCalendar
from shared.config import Settings
from shared.storage.mongo import Database, Mongo
from tests.benchmarks.figures import Table
from tests.support.calendar_harness import CalendarSync
from tests.support.calendar_samples import milipol, workshop
from tests.support.radicale import RadicaleNode

STUB_PUTS, RADICALE_PUTS, AT_ONCE, PAIRS = 2_000, 200, 10, 3
SESSIONS = 300
Put = Callable[[int], Awaitable[None]]


@contextlib.asynccontextmanager
async def stubs(ports: int) -> AsyncIterator[list[int]]:
    """The ports of stub servers in a process of their own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.dav_stub", str(ports), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield [int(port) for port in (await process.stdout.readline()).split()]
    finally:
        process.terminate()
        await process.wait()


async def run(settings: Settings, table: Table) -> None:
    """Both servers, in pairs, one client after the other; then one agenda revised on the stub."""
    async with stubs(1) as (port,):
        ours, plain = await _compared(f"http://127.0.0.1:{port}", "/stub", None, STUB_PUTS)
        _tell(table, "a stub", ours, plain, "aim 0.5")
        mongo = Mongo(settings.mongodb_uri, settings.database_prefix)
        database = mongo.database("calendar_sync")
        await _requests_for_each_change(database, port, table)
        await database.drop()
        mongo.close()
    radicale = RadicaleNode()
    await radicale.start()
    try:
        login = (radicale.username, radicale.password)
        ours, plain = await _compared(radicale.url.rstrip("/"), f"/{radicale.username}/bench", login, RADICALE_PUTS)
    finally:
        await radicale.stop()
    _tell(table, "Radicale", ours, plain, "aim 0.9")


def _tell(table: Table, server: str, ours: Sequence[float], plain: Sequence[float], aim: str) -> None:
    ratios = sorted(mine / bare for mine, bare in zip(ours, plain, strict=True))
    table.add(f"PUTs on {server}, {AT_ONCE} at once", f"{median(ours):.0f}/s")
    said = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    table.add("  against plain aiohttp", f"{median(ratios):.2f}", f"{aim}; of {said}; bare: {median(plain):.0f}/s")


async def _compared(
    origin: str, folder: str, login: tuple[str, str] | None, count: int
) -> tuple[list[float], list[float]]:
    """PUTs a second, by ours and by plain aiohttp, taking turns so that both meet calendars of the same size."""
    ours: list[float] = []
    plain: list[float] = []
    auth = aiohttp.BasicAuth(*login) if login else None
    async with DavServer(origin, connections=AT_ONCE) as server, aiohttp.ClientSession(auth=auth) as http:
        for pair in range(PAIRS):
            calendar = RemoteCalendar(server.session(*(login or (None, None))), f"{folder}-ours-{pair}/")
            await calendar.make("Bench", "Bench", "en")
            ours.append(await _rate(lambda number, c=calendar: _by_ours(c, number), count))  # type: ignore[misc]
            address = f"{origin}{folder}-plain-{pair}/"
            await RemoteCalendar(server.session(*(login or (None, None))), f"{folder}-plain-{pair}/").make(
                "B", "B", "en"
            )
            plain.append(await _rate(lambda number, a=address: _by_aiohttp(http, a, number), count))  # type: ignore[misc]
    return ours, plain


async def _by_ours(calendar: RemoteCalendar, number: int) -> None:
    answer = await calendar.put(f"{number}.ics", _body(number), match=None)
    assert answer.done, answer


async def _by_aiohttp(http: aiohttp.ClientSession, address: str, number: int) -> None:
    headers = {"Content-Type": "text/calendar; charset=utf-8", "If-None-Match": "*"}
    async with http.put(f"{address}{number}.ics", data=_body(number), headers=headers) as response:
        assert response.status in (201, 204), response.status
        await response.read()


async def _rate(put: Put, count: int) -> float:
    numbers = iter(range(count))

    async def client() -> None:
        for number in numbers:
            await put(number)

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(AT_ONCE)))
    return count / (time.perf_counter() - began)


def _body(number: int) -> bytes:
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//bench//EN", "BEGIN:VEVENT", f"UID:bench-{number}",
        "DTSTAMP:20191015T080000Z", "DTSTART:20191120T141000Z", "DTEND:20191120T151000Z", "SUMMARY:Bench",
        f"DESCRIPTION:{'About the workshop. ' * 3}", "END:VEVENT", "END:VCALENDAR", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


async def _requests_for_each_change(database: Database, port: int, table: Table) -> None:
    """An agenda is written, then every session is moved five times before the worker looks."""
    sync = await CalendarSync(database).prepare()
    sync.clock.now = datetime(2019, 10, 2, tzinfo=UTC)
    fleet = await sync.connect(f"http://127.0.0.1:{port}/home/")
    sessions = [workshop(1).model_copy(update={"id": f"session-{number}"}) for number in range(SESSIONS)]
    await sync.tell(milipol(), *sessions)
    await fleet.round()
    async with aiohttp.ClientSession() as http:
        await _asked(http, port)
        for revision in range(2, 7):
            await sync.tell(*(session.model_copy(update={"revision": revision}) for session in sessions))
        began = time.perf_counter()
        await fleet.round()
        seconds = time.perf_counter() - began
        asked = await _asked(http, port)
    known = await sync.accounts.objects(Scope(ScopeKind.EVENT, "milipol-2019").key)
    assert {have.revision for have in known.values()} == {6}
    await sync.close()
    requests = sum(asked.values())
    table.add("Requests for each changed object, five changes each", f"{requests / SESSIONS:.2f}", "aim 1.0")
    table.add("  objects brought right, with all that is kept of them", f"{SESSIONS / seconds:.0f}/s")


async def _asked(http: aiohttp.ClientSession, port: int) -> dict[str, int]:
    async with http.post(f"http://127.0.0.1:{port}/count") as response:
        found: dict[str, int] = await response.json()
        return found
