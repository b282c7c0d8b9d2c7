"""Calendar servers that are busy, silent or down, and processes that die: all converges, and nobody else waits.

Each safeguard has a control that shows what happens without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from aiohttp import web

from services.calendar_sync.accounts_store import ServerState
from services.calendar_sync.breaker import Breaker
from services.calendar_sync.domain import Scope, ScopeKind
from services.calendar_sync.fleet import Fleet
from services.calendar_sync.pace import Pace
from tests.support.caldav_servers import (
    ScriptedServer,
    as_it_should,
    drip,
    silence,
    status,
)
from tests.support.calendar_harness import CalendarSync, unfolded
from tests.support.calendar_samples import efus, milipol, session, workshop
from tests.support.radicale import RadicaleNode
from tests.support.waiting import until

EVENT = "milipol-2019"
SHARED = f"event/{EVENT}"
ONE = f"/home/{EVENT}/milipol-2019-workshop-1.ics"
TWO = f"/home/{EVENT}/milipol-2019-workshop-2.ics"


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def worker(sync: CalendarSync, server: ScriptedServer) -> AsyncIterator[Fleet]:
    yield await sync.connect(server.home, timeout=1.0)
    await sync.close()


async def settle(sync: CalendarSync, worker: Fleet, rounds: int = 12, seconds: float = 20) -> None:
    """Lets time pass until nothing is due for a while."""
    for _ in range(rounds):
        await worker.round()
        sync.clock.move(seconds=seconds)


async def prepared(sync: CalendarSync, worker: Fleet, *, workshops: int = 1) -> None:
    """The event's calendar with its objects, as the start of a story."""
    await sync.tell(milipol(), *(workshop(n) for n in range(1, workshops + 1)))
    await worker.round()


class TestBusyServer:
    async def test_retry_after_is_respected(self, sync: CalendarSync, worker: Fleet, server: ScriptedServer) -> None:
        await prepared(sync, worker)
        server.always = status(503, Retry_After="120")
        await sync.tell(workshop(1, revision=2))
        await worker.round()
        asked = len(server.requests)
        for _ in range(11):
            sync.clock.move(seconds=10)
            await worker.round()
        assert len(server.requests) == asked
        server.always = None
        sync.clock.move(seconds=10)
        await worker.round()
        assert (await sync.objects(EVENT))["milipol-2019-workshop-1"].revision == 2

    async def test_control_without_retry_after_it_is_asked_again_sooner(
        self, sync: CalendarSync, worker: Fleet, server: ScriptedServer
    ) -> None:
        await prepared(sync, worker)
        server.always = status(503)
        await sync.tell(workshop(1, revision=2))
        await worker.round()
        asked = len(server.requests)
        for _ in range(11):
            sync.clock.move(seconds=10)
            await worker.round()
        assert len(server.requests) > asked

    async def test_503_on_many_objects_opens_the_breaker_instead_of_asking_for_each(
        self, sync: CalendarSync, server: ScriptedServer
    ) -> None:
        worker = await sync.connect(server.home, breaker=Breaker(threshold=3), pace=Pace(per_server=2))
        await sync.tell(milipol(), *(workshop(1).model_copy(update={"id": f"s-{n}"}) for n in range(50)))
        server.plays = [as_it_should, as_it_should, as_it_should]
        server.always = status(503)
        await worker.round()
        assert len(server.asked("PUT")) <= 3 + 2  # the breaker's threshold, and what was under way
        server.always = None
        await settle(sync, worker, 8, 60)
        assert len(server.objects) == 50
        await sync.close()

    async def test_control_without_a_breaker_every_object_asks(
        self, sync: CalendarSync, server: ScriptedServer
    ) -> None:
        worker = await sync.connect(server.home, breaker=Breaker(threshold=10_000), pace=Pace(per_server=2))
        await sync.tell(milipol(), *(workshop(1).model_copy(update={"id": f"s-{n}"}) for n in range(50)))
        server.plays = [as_it_should, as_it_should, as_it_should]
        server.always = status(503)
        await worker.round()
        assert len(server.asked("PUT")) == 50
        await sync.close()

    async def test_no_more_requests_at_once_than_allowed(self, sync: CalendarSync, server: ScriptedServer) -> None:
        worker = await sync.connect(server.home, pace=Pace(per_server=3))

        async def slow(_: web.Request, held: ScriptedServer) -> None:
            with_others = asyncio.Event()
            asyncio.get_running_loop().call_later(0.02, with_others.set)
            await with_others.wait()

        server.always = slow
        await sync.tell(milipol(), *(workshop(1).model_copy(update={"id": f"s-{n}"}) for n in range(20)))
        await worker.round()
        assert len(server.objects) == 20
        assert server.most_busy == 3
        await sync.close()


class TestServerDown:
    async def test_everything_that_changed_meanwhile_is_there_when_it_is_back(
        self, sync: CalendarSync, radicale: RadicaleNode
    ) -> None:
        worker = await sync.connect(f"{radicale.url}{radicale.username}/", radicale.username, radicale.password)
        await prepared(sync, worker, workshops=3)
        await radicale.halt()
        for revision in range(2, 5):
            await sync.tell(
                *(workshop(n, revision=revision, start=f"2019-11-20T{10 + revision}:30") for n in (1, 2, 3))
            )
            await worker.round()
            sync.clock.move(minutes=5)
        waiting = await sync.objects(EVENT)
        assert {known.revision for known in waiting.values()} == {1}
        assert (await sync.accounts.servers())[
            radicale.url.rstrip("/")
        ].error == "The calendar server cannot be reached."
        await radicale.start()
        await settle(sync, worker, 6, 60)
        assert {known.revision for known in (await sync.objects(EVENT)).values()} == {4}
        assert (await sync.accounts.servers())[radicale.url.rstrip("/")] == ServerState()
        async with httpx.AsyncClient(auth=(radicale.username, radicale.password)) as client:
            for number in (1, 2, 3):
                text = (
                    await client.get(f"{radicale.url}{radicale.username}/{EVENT}/milipol-2019-workshop-{number}.ics")
                ).text
                assert "T143000" in text
                assert "SEQUENCE:4" in text
        await sync.close()

    async def test_control_what_is_sent_once_only_is_lost_while_the_server_is_down(
        self, sync: CalendarSync, radicale: RadicaleNode
    ) -> None:
        """Without state to compare with, a message handled while the server is down leaves no trace."""
        worker = await sync.connect(f"{radicale.url}{radicale.username}/", radicale.username, radicale.password)
        await prepared(sync, worker)
        await radicale.halt()
        await sync.tell(workshop(1, revision=2))
        await worker.round()
        calendar = await sync.accounts.calendar(SHARED)
        assert calendar is not None
        have = (await sync.objects(EVENT))["milipol-2019-workshop-1"]
        agenda = await sync.store.agenda(EVENT)
        assert agenda.event is not None
        scope = Scope(ScopeKind.EVENT, EVENT)
        (want,) = sync.tools.objects.desired(agenda, agenda.event, scope, sync.clock(), language="en")
        await sync.accounts.keep_objects([replace(have, written=want.fingerprint)])  # "sent", as fire-and-forget has it
        await radicale.start()
        await settle(sync, worker, 6, 30)
        async with httpx.AsyncClient(auth=(radicale.username, radicale.password)) as client:
            text = (await client.get(f"{radicale.url}{radicale.username}/{EVENT}/milipol-2019-workshop-1.ics")).text
        assert "SEQUENCE:1" in text
        await sync.close()

    async def test_server_that_keeps_silent_costs_one_time_limit_and_no_more(
        self, sync: CalendarSync, server: ScriptedServer
    ) -> None:
        worker = await sync.connect(server.home, timeout=0.3)
        await prepared(sync, worker)
        server.always = silence
        await sync.tell(workshop(1, revision=2))
        started = asyncio.get_running_loop().time()
        await worker.round()
        assert asyncio.get_running_loop().time() - started < 3
        known = (await sync.objects(EVENT))["milipol-2019-workshop-1"]
        assert "did not answer" in (known.error or "")
        assert known.look
        server.always = None
        await settle(sync, worker, 4)
        assert "SEQUENCE:2" in unfolded(server.objects[ONE].body)
        await sync.close()

    async def test_answer_that_never_ends_is_given_up(self, sync: CalendarSync, server: ScriptedServer) -> None:
        worker = await sync.connect(server.home, timeout=0.5)
        await prepared(sync, worker)
        server.always = drip
        await sync.tell(workshop(1, revision=2))
        await asyncio.wait_for(worker.round(), 5)
        assert "did not answer" in ((await sync.objects(EVENT))["milipol-2019-workshop-1"].error or "")
        await sync.close()

    async def test_half_an_answer_in_xml_is_a_fault_and_not_an_empty_calendar(
        self, sync: CalendarSync, worker: Fleet, server: ScriptedServer
    ) -> None:
        await prepared(sync, worker)

        async def half(request: web.Request, _: ScriptedServer) -> web.StreamResponse | None:
            if request.method != "PROPFIND":
                return None
            return web.Response(
                status=207, text='<?xml version="1.0"?><multistatus xmlns="DAV:"><resp', content_type="application/xml"
            )

        server.always = half
        sync.clock.move(minutes=11)
        await worker.round()
        assert len(server.asked("PUT")) == 1
        calendar = await sync.accounts.calendar(SHARED)
        assert calendar is not None
        assert calendar.error == "The calendar server's answer cannot be read."


class TestProcesses:
    async def test_one_process_works_and_another_takes_over_when_it_is_gone(
        self, sync: CalendarSync, server: ScriptedServer
    ) -> None:
        first = await sync.connect(server.home, holder="first")
        second = await sync.connect(server.home, holder="second")
        await sync.tell(milipol(), workshop(1))
        assert await first.round() == 1
        await sync.tell(workshop(1, revision=2))
        assert await second.round() == 0
        sync.clock.move(seconds=6)  # the first has died: its lease runs out
        assert await second.round() == 1
        assert "SEQUENCE:2" in unfolded(server.objects[ONE].body)
        await sync.close()

    async def test_two_workers_at_once_still_write_no_object_twice(
        self, sync: CalendarSync, server: ScriptedServer
    ) -> None:
        """The lease saves work only: with it out of the way, conditions and reading back keep everything right."""
        first = await sync.connect(server.home, holder="first")
        second = await sync.connect(server.home, holder="second")
        for fleet in (first, second):
            fleet.worker(server.home.removesuffix("/home/"))._lease.hold = _always  # type: ignore[method-assign]
        await sync.tell(milipol(), *(workshop(n) for n in range(1, 9)))
        await asyncio.gather(first.round(), second.round())
        assert len(server.objects) == 8
        assert all(known.there for known in (await sync.objects(EVENT)).values())
        await sync.close()

    async def test_worker_runs_until_closed_and_finishes_its_request(
        self, sync: CalendarSync, worker: Fleet, server: ScriptedServer
    ) -> None:
        await sync.tell(milipol(), workshop(1))
        task = asyncio.create_task(worker.run())
        await until(lambda: ONE in server.objects)
        await worker.close()
        assert task.done()
        assert task.exception() is None


async def _always() -> bool:
    return True


class TestOthersGoOn:
    async def test_fact_that_comes_during_a_look_is_seen_by_the_next_one(
        self, sync: CalendarSync, worker: Fleet, server: ScriptedServer
    ) -> None:
        await prepared(sync, worker)
        go_on = asyncio.Event()

        async def held(_: web.Request, __: ScriptedServer) -> None:
            await go_on.wait()

        server.plays = [held]
        await sync.tell(workshop(1, revision=2))
        look = asyncio.create_task(worker.round())
        await until(lambda: server.busy > 0)
        await sync.tell(workshop(1, revision=3))
        go_on.set()
        await look
        assert "SEQUENCE:2" in unfolded(server.objects[ONE].body)
        await worker.round()
        assert "SEQUENCE:3" in unfolded(server.objects[ONE].body)

    async def test_large_calendar_is_written_in_parts_and_others_in_between(
        self, sync: CalendarSync, server: ScriptedServer
    ) -> None:
        worker = await sync.connect(server.home, pace=Pace(objects_at_once=10, calendars_at_once=1))
        await sync.tell(milipol(), *(workshop(1).model_copy(update={"id": f"s-{n}"}) for n in range(25)))
        await worker.spread()
        sync.clock.move(seconds=1)
        await sync.tell(efus(), session("efus-2021-round-3-session-2", "2021-05-05T14:00"))
        await worker.spread()
        sync.clock.move(seconds=1)
        await worker.round()
        events = [path.split("/")[2] for method, path, _ in server.requests if method == "PUT"]
        assert events == [EVENT] * 10 + ["efus-2021-round-3"] + [EVENT] * 15
        await sync.close()

    async def test_calendar_that_is_refused_delays_no_other(
        self, sync: CalendarSync, worker: Fleet, server: ScriptedServer
    ) -> None:
        async def refuse_one_calendar(request: web.Request, _: ScriptedServer) -> web.StreamResponse | None:
            return web.Response(status=403) if request.path.startswith(f"/home/{EVENT}/") else None

        server.always = refuse_one_calendar
        await sync.tell(milipol(), workshop(1), efus(), session("efus-2021-round-3-session-2", "2021-05-05T14:00"))
        await worker.round()
        assert "/home/efus-2021-round-3/efus-2021-round-3-session-2.ics" in server.objects
        server.always = None
        await settle(sync, worker, 6)
        assert ONE in server.objects

    async def test_dead_server_delays_neither_facts_nor_feeds(
        self, sync: CalendarSync, server: ScriptedServer, aiohttp_client: Any
    ) -> None:
        worker = await sync.connect(server.home, timeout=5.0)
        server.always = silence
        await sync.tell(milipol(), workshop(1))
        look = asyncio.create_task(worker.round())
        await until(lambda: server.busy > 0)
        client = await aiohttp_client(sync.app())
        await asyncio.wait_for(sync.tell(workshop(1, revision=2)), 2)
        response = await asyncio.wait_for(client.get(f"/feeds/events/{EVENT}.ics"), 2)
        assert "SEQUENCE:2" in await response.text()
        assert not look.done()
        look.cancel()
        await asyncio.gather(look, return_exceptions=True)
        await sync.close()
