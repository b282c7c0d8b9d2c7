"""Verify reads every object back: what differs is told and put right, and it disturbs neither the server nor the workers."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner
from structlog.testing import capture_logs

from services.calendar_sync.command_line import calendars
from services.calendar_sync.fleet import Fleet
from services.calendar_sync.pace import Pace
from services.calendar_sync.profile import Profile
from services.calendar_sync.pusher import Pusher
from services.calendar_sync.reconciler import Desired, Known, Verdict
from services.calendar_sync.remote_calendar import RemoteCalendar
from services.calendar_sync.upkeep import Upkeep
from services.calendar_sync.verifications import COLLECTIONS, JobState, Verifier
from services.calendar_sync.verifying import Verified, Verifying, _One
from services.command_line import lectern
from shared.storage.lease import Lease
from shared.storage.mongo import Database
from tests.support.calendar_harness import TOKEN, CalendarSync
from tests.support.calendar_samples import efus, milipol, registration, workshop
from tests.support.processes import free_port
from tests.support.quirky import ALWAYS, QuirkyServer, plays
from tests.support.waiting import until

EVENT = "milipol-2019"
SHARED = f"event/{EVENT}"
S = [f"s-{number}" for number in range(5)]


def sessions() -> list[Any]:
    return [workshop(1).model_copy(update={"id": id_}) for id_ in S]


@pytest.fixture
async def server() -> AsyncIterator[QuirkyServer]:
    server = QuirkyServer()
    server.add_person("lectern", "secret", calendars=(EVENT,))
    async with server:
        yield server


@pytest.fixture
async def sync(database: Database) -> AsyncIterator[CalendarSync]:
    await database.declare(COLLECTIONS)
    sync = await CalendarSync(database).prepare()
    yield sync
    await sync.close()


@pytest.fixture
async def fleet(sync: CalendarSync, server: QuirkyServer) -> Fleet:
    """Five sessions, written."""
    fleet = await sync.connect(server.home_url("lectern"), "lectern", "secret")
    await sync.tell(milipol(), *sessions())
    await fleet.round()
    assert len(server.names("lectern", EVENT)) == len(S)
    return fleet


def verifier(sync: CalendarSync, holder: str = "test") -> Verifier:
    upkeep = Upkeep(sync.accounts, sync.tools.agendas, sync.shared)
    lease = Lease(sync.database, "calendar verification", holder, sync.clock)
    return Verifier(sync.tools, upkeep, lease, poll=0.01)


async def verified(sync: CalendarSync, at_once: int = 2) -> Verified:
    calendar = await sync.accounts.calendar(SHARED)
    assert calendar is not None
    return await Verifying(sync.tools, pace=Pace(per_server=at_once, per_account=at_once)).verify(calendar)


def spoil(server: QuirkyServer) -> None:
    """What other clients do: one object removed, one changed, one replaced by something else."""
    server.delete("lectern", f"{S[0]}.ics", EVENT)
    server.edit("lectern", f"{S[1]}.ics", lambda text: text.replace("T094000", "T084000"), EVENT)
    server.edit("lectern", f"{S[2]}.ics", lambda text: text.replace(f"UID:{S[2]}", "UID:theirs"), EVENT)


async def test_equal_calendar_is_equal_and_says_when_it_was_verified(sync: CalendarSync, fleet: Fleet) -> None:
    found = await verified(sync)
    assert (found.equal, found.different, found.unread, found.waiting, found.error) == (5, [], 0, 0, None)
    calendar = await sync.accounts.calendar(SHARED)
    assert calendar is not None
    assert calendar.verified_at == sync.clock.now


async def test_each_difference_is_named_and_nothing_is_changed(
    sync: CalendarSync, fleet: Fleet, server: QuirkyServer
) -> None:
    spoil(server)
    before = server.objects("lectern", EVENT)
    found = await verified(sync)
    assert sorted((one.known.session_id, str(one.what)) for one in found.different) == [
        (S[0], "gone"),
        (S[1], "changed"),
        (S[2], "foreign"),
    ]
    assert (found.equal, server.objects("lectern", EVENT)) == (2, before)


async def test_verification_with_repair_puts_right_what_differs_and_leaves_what_is_foreign(
    sync: CalendarSync, fleet: Fleet, server: QuirkyServer
) -> None:
    spoil(server)
    work = verifier(sync)
    id_ = await work.store.ask({}, {}, repair=True, id_="v1", now=sync.clock.now)
    assert await work.store.ask({}, {}, repair=True, id_="v2", now=sync.clock.now) == id_, "asked twice, it is one"
    assert await work.round()
    job = await work.store.get(id_)
    assert job is not None
    assert (job.state, job.done, job.equal, job.different, job.unread) == (JobState.DONE, 1, 2, 3, 0)
    await fleet.round()
    held = server.objects("lectern", EVENT)
    assert "T094000" in held[f"{S[1]}.ics"]
    assert "UID:theirs" in held[f"{S[2]}.ics"], "foreign: left alone"
    assert len([uid for uid in server.uids("lectern", EVENT) if uid != "theirs@lectern.test"]) == len(S)
    again = await verified(sync)
    assert (again.equal, again.different) == (5, [])


async def test_verification_without_repair_repairs_nothing(
    sync: CalendarSync, fleet: Fleet, server: QuirkyServer
) -> None:
    spoil(server)
    work = verifier(sync)
    await work.store.ask({}, {}, repair=False, id_="v1", now=sync.clock.now)
    await work.round()
    await fleet.round()
    assert f"{S[0]}.ics" not in server.names("lectern", EVENT)


@pytest.mark.parametrize("looks_again", [True, False])
async def test_what_a_worker_writes_meanwhile_is_no_difference(
    sync: CalendarSync, fleet: Fleet, server: QuirkyServer, looks_again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the second look at what is known (the control) it would be told as one."""

    async def worker_is_faster(_: web.Request, __: QuirkyServer) -> None:
        await sync.tell(workshop(1, revision=2, start="2019-11-20T16:00").model_copy(update={"id": S[0]}))
        await fleet.round()

    async def once(self: _One, want: Desired, have: Known) -> Verdict:
        return await Pusher(RemoteCalendar(self.session, self.calendar.path), Profile()).verify(want, have)

    if not looks_again:
        monkeypatch.setattr(_One, "_verdict", once)
    server.cut_in(worker_is_faster, method="GET", path=S[0])
    found = await verified(sync)
    assert [one.known.session_id for one in found.different] == ([] if looks_again else [S[0]])
    assert "T160000" in server.text("lectern", f"{S[0]}.ics", EVENT)


async def test_object_that_is_known_to_wait_is_no_difference(
    sync: CalendarSync, fleet: Fleet, server: QuirkyServer
) -> None:
    await sync.tell(workshop(1, revision=2, start="2019-11-20T16:00").model_copy(update={"id": S[0]}))
    found = await verified(sync)
    assert (found.equal, found.waiting, found.different) == (4, 1, [])


async def test_refused_password_is_not_tried_for_every_object(
    sync: CalendarSync, fleet: Fleet, server: QuirkyServer
) -> None:
    server.change_password("lectern", "another")
    before = len(server.requests)
    found = await verified(sync)
    assert (found.unread, found.equal) == (5, 0)
    assert "password" in (found.error or "")
    assert len(server.requests) - before <= 2, "what was under way"


async def test_server_that_fails_is_left_alone(sync: CalendarSync, fleet: Fleet, server: QuirkyServer) -> None:
    server.cut_in(plays.status(502), times=ALWAYS)
    before = len(server.requests)
    found = await verified(sync)
    assert (found.unread, found.equal, found.different) == (5, 0, [])
    assert len(server.requests) - before <= 4, "the breaker's threshold, and what was under way"


async def test_account_is_left_alone_as_long_as_the_server_asks(
    sync: CalendarSync, fleet: Fleet, server: QuirkyServer
) -> None:
    server.cut_in(plays.status(429, Retry_After="600"), method="GET")
    await verified(sync, at_once=1)
    before = len(server.requests)
    again = await verified(sync)
    assert (again.unread, len(server.requests)) == (5, before)


async def test_no_more_requests_at_once_than_allowed(sync: CalendarSync, fleet: Fleet, server: QuirkyServer) -> None:
    server.most_busy = 0
    assert (await verified(sync)).equal == 5
    assert server.most_busy <= 2


async def test_what_a_crash_left_is_gone_on_with_and_counted_once(
    sync: CalendarSync, fleet: Fleet, server: QuirkyServer
) -> None:
    await sync.tell(efus())
    await fleet.round()
    gate = asyncio.Event()
    server.cut_in(plays.until_let_go(gate), method="GET", times=ALWAYS)
    dying = verifier(sync, "first")
    await dying.store.ask({}, {}, repair=False, id_="v1", now=sync.clock.now)
    task = asyncio.create_task(dying.run())

    async def one_done() -> bool:
        job = await dying.store.get("v1")
        return job is not None and job.done == 1

    await until(one_done, what="the calendar without objects")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    server.cuts.clear()
    gate.set()
    other = verifier(sync, "second")
    assert not await other.round(), "control: the first one's lease still holds"
    sync.clock.move(seconds=10)
    assert await other.round()
    job = await other.store.get("v1")
    assert job is not None
    assert (job.state, job.done, job.total, job.equal) == (JobState.DONE, 2, 2, 5)


async def test_person_s_removal_is_not_undone_by_a_repair_without_a_look_at_what_it_means(
    sync: CalendarSync, server: QuirkyServer
) -> None:
    server.add_person("ada", "secret")
    fleet = await sync.connect(server.home_url("lectern"), "lectern", "secret")
    one, two = f"{EVENT}-workshop-1", f"{EVENT}-workshop-2"
    answers = milipol(admission={"calendar_answers": True})
    await sync.tell(answers, workshop(1), workshop(2), registration(EVENT, {one: "confirmed", two: "confirmed"}))
    await sync.connect_person("r1", EVENT, server.home_url("ada"), "personal", "ada", "secret")
    await fleet.round()
    assert len(server.names("ada")) == 2
    server.delete("ada", server.names("ada")[0])
    work = verifier(sync)
    await work.store.ask({}, {"registration_id": "r1"}, repair=True, id_="v1", now=sync.clock.now)
    await work.round()
    job = await work.store.get("v1")
    assert job is not None
    assert (job.different, job.equal) == (1, 1)
    await fleet.round()
    known = await sync.accounts.objects("person//r1")
    settled = [have.absent_since is not None or have.there for have in known.values()]
    assert all(settled), "noticed as an answer, or written again, by the reconciler's own judgement"


class TestCommand:
    """`lectern calendars` as an operator calls it."""

    @pytest.fixture
    async def address(
        self, sync: CalendarSync, fleet: Fleet, aiohttp_server: Any, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[str]:
        monkeypatch.setattr(calendars, "_ASK_AGAIN", 0.02)
        running = await aiohttp_server(sync.app())
        task = asyncio.create_task(verifier(sync).run())
        with capture_logs():  # the service's own log is not what the command prints
            yield f"http://{running.host}:{running.port}"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def run(self, address: str, *arguments: str, token: str | None = TOKEN) -> tuple[int, str, str]:
        """The exit status, and what it prints."""
        environment = dict.fromkeys((name for name in os.environ if name.startswith("LECTERN_")), None)
        environment |= {"LECTERN_URL": address, "LECTERN_ORGANISER_TOKEN": token}
        ran = await asyncio.to_thread(CliRunner().invoke, lectern, ["calendars", *arguments], env=environment)
        return ran.exit_code, ran.stdout, ran.stderr

    async def test_status_says_what_is_written_and_ends_with_0(self, address: str, server: QuirkyServer) -> None:
        code, out, _ = await self.run(address, "status")
        assert code == 0
        assert out.splitlines() == [
            f"{SHARED}: 5 objects written",
            f"{server.url}: working, 1 calendar of 1 account",
            "accounts: 1 working",
        ]

    async def test_status_ends_with_1_where_something_waits_with_an_error(
        self, address: str, sync: CalendarSync
    ) -> None:
        words = "The server has no room left (507)."
        stuck = {"there": False, "error": words, "error_kind": "full", "error_at": sync.clock.now}
        await sync.database["objects"].update_one({"_id": f"{SHARED}/{S[0]}"}, {"$set": stuck})
        code, out, _ = await self.run(address, "status", "--event", EVENT)
        assert code == 1
        assert f"1 waits since 2019-10-02 12:00 UTC: {words} [full]" in out

    async def test_verify_waits_and_names_what_differs(self, address: str, server: QuirkyServer) -> None:
        assert (await self.run(address, "verify"))[:2] == (0, "1 calendar, 5 objects equal: all equal\n")
        spoil(server)
        code, out, err = await self.run(address, "verify", "--calendar", SHARED)
        assert code == 1
        assert f"{SHARED}: {S[0]} is gone" in out
        assert out.splitlines()[-1] == "1 calendar, 2 objects equal: 3 different, 0 not read"
        assert err == "", "no progress where there is no terminal"
        code, out, _ = await self.run(address, "verify", "--repair", "--json")
        assert (code, json.loads(out)["different"]) == (1, 3)

    async def test_repair_is_asked_for(self, address: str) -> None:
        code, out, _ = await self.run(address, "repair", "--event", EVENT)
        assert (code, out) == (0, "1 calendar will be listed anew and put right.\n")

    async def test_wrong_calls_end_with_2_and_no_answer_with_3(self, address: str) -> None:
        codes = {
            "no token": (await self.run(address, "status", token=None))[0],
            "wrong token": (await self.run(address, "status", token="another"))[0],
            "unknown calendar": (await self.run(address, "verify", "--calendar", "event/nowhere"))[0],
            "two choices": (await self.run(address, "repair", "--event", EVENT, "--server", "x"))[0],
            "nobody there": (await self.run(f"http://127.0.0.1:{free_port()}", "status"))[0],
        }
        assert codes == dict.fromkeys(codes, 2) | {"nobody there": 3}
