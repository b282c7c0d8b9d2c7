"""`lectern audit registration` against registration on a real MongoDB, also while it works and while commits are unsettled."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.registration.audit.findings import Report
from services.registration.audit.reading import Auditor
from services.registration.service import build
from shared.config import PREFIX
from shared.contracts.base import json_of
from shared.process import Process, running
from shared.storage.ledger import Entry, Ledgers, Page
from shared.storage.mongo import Database, Document, PyMongoError, Session, SnapshotGone
from tests.conftest import MakeSettings
from tests.support.agenda import tell_agenda
from tests.support.events import BEFORE_CLOSE, milipol, person, workshop
from tests.support.lectern import ORGANISER
from tests.support.processes import free_port
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
EVENT = "milipol-2019"
W1, W2 = f"{EVENT}-workshop-1", f"{EVENT}-workshop-2"
AUDIT = "/api/v1/registration/audit"
TOKEN = ORGANISER["Authorization"].removeprefix("Bearer ")


@dataclass
class Desk:
    """Registration with two workshops of one seat each, and whoever asks it."""

    http: aiohttp.ClientSession
    process: Process

    @property
    def database(self) -> Database:
        return self.process.databases["registration"]

    async def post(self, path: str, body: Any = None) -> Any:
        async with self.http.post(path, json=body, headers=ORGANISER) as response:
            assert response.ok, await response.text()
            return await response.json()

    async def register(self, name: str, *sessions: str) -> str:
        body = {"event_id": EVENT, "person": json_of(person(name)), "sessions": list(sessions)}
        return str((await self.post("/api/v1/registrations", body))["registration_id"])

    async def cancel(self, registration_id: str) -> None:
        await self.post(f"/api/v1/registrations/{registration_id}/cancel")

    async def audited(self, **query: str) -> Any:
        async with self.http.get(AUDIT, params=query, headers=ORGANISER) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def stored(self, collection: str, id_: str) -> Document:
        document = await self.database[collection].find_one({"_id": id_})
        assert document is not None
        return document

    async def one_goes_and_one_moves_up(self) -> tuple[str, str]:
        """Ada's seat in workshop 1 is Bob's now, and Cyd waits; the ids of Bob and Cyd."""
        ada, bob, cyd = [await self.register(name, W1, W2) for name in ("ada", "bob", "cyd")]
        await self.cancel(ada)
        return bob, cyd


@pytest.fixture
async def desk(settings: MakeSettings) -> AsyncIterator[Desk]:
    process = Process(settings(), {"registration": build}, port=0, clock=lambda: BEFORE_CLOSE)
    async with running(process), aiohttp.ClientSession(process.address) as http:
        event = milipol(audiences=[], requirements=[])
        await tell_agenda(process, event, workshop(1, capacity=1), workshop(2, capacity=5))
        yield Desk(http, process)


async def test_what_the_service_did_is_proven(desk: Desk) -> None:
    await desk.one_goes_and_one_moves_up()
    (report,) = (await desk.audited(event_id=EVENT))["items"]
    assert report["proven"], report
    assert report["differences"] == []
    checked = report["checked"]
    assert (checked["registrations"], checked["waiting"], checked["places"], checked["promotions"]) == (3, 1, 2, 1)
    assert checked["seats"] == 2 + 1 + 2, "at the event and in both workshops"


async def test_without_an_event_all_that_have_seats_are_audited_page_by_page(desk: Desk) -> None:
    await tell_agenda(desk.process, milipol(id="another-2019", audiences=[], requirements=[]))

    async def both() -> bool:
        return [report["event_id"] for report in (await desk.audited())["items"]] == ["another-2019", EVENT]

    await until(both, 30, "both events are audited")
    first = await desk.audited(limit="1")
    second = await desk.audited(limit="1", cursor=first["next_cursor"])
    assert [report["event_id"] for page in (first, second) for report in page["items"]] == ["another-2019", EVENT]
    assert second["next_cursor"] is None


async def test_only_organisers_may_ask_and_an_unknown_event_is_told(desk: Desk) -> None:
    async with desk.http.get(AUDIT) as response:
        assert response.status == 401
    async with desk.http.get(AUDIT, params={"event_id": "nowhere"}, headers=ORGANISER) as response:
        assert (response.status, (await response.json())["type"]) == (404, "urn:lectern:problem:unknown-event")


# Consistent reading


async def reports_while_people_come_and_go(desk: Desk, enough: Callable[[list[Report]], bool]) -> list[Report]:
    """Audits one after the other, while others register and cancel without a pause, until there is `enough`."""
    numbers = itertools.count()
    reports: list[Report] = []

    async def one_more() -> bool:
        report = await Auditor(desk.database).audit(EVENT)
        assert report is not None
        reports.append(report)
        return enough(reports)

    async def come_and_go() -> None:
        while True:
            registration_id = await desk.register(f"p{next(numbers)}", W1, W2)
            await desk.cancel(registration_id)

    busy = [asyncio.create_task(come_and_go()) for _ in range(8)]
    try:
        await until(one_more, 60, "enough reports")
    finally:
        for task in busy:
            task.cancel()
        ended = await asyncio.gather(*busy, return_exceptions=True)
    assert all(isinstance(error, asyncio.CancelledError) for error in ended), ended
    return reports


async def test_an_event_is_read_as_it_stood_at_one_moment(desk: Desk) -> None:
    reports = await reports_while_people_come_and_go(desk, lambda told: len({report.version for report in told}) >= 30)
    assert [report.differences for report in reports if not report.proven] == []


async def test_read_one_after_the_other_it_would_differ(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: no snapshot."""

    @contextlib.asynccontextmanager
    async def nothing(_: Database) -> AsyncIterator[None]:
        yield None

    monkeypatch.setattr(Database, "snapshot", nothing)
    await reports_while_people_come_and_go(desk, lambda told: not told[-1].proven)


async def test_commits_that_are_not_written_out_yet_count(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await desk.register("ada", W1)

    async def away(*_: object) -> None:
        raise PyMongoError("what is committed cannot be written out just now")

    monkeypatch.setattr(Ledgers, "apply", away)
    await desk.register("bob", W1, W2)
    await desk.cancel(ada)
    page = await Ledgers(desk.database).load(f"events/{EVENT}")
    assert [entry for entry in page.entries if isinstance(entry, Entry)], "there is something to lay over"
    report = await Auditor(desk.database).audit(EVENT)
    assert report is not None
    assert report.proven, report.differences
    assert report.version == page.version
    monkeypatch.setattr(Page, "overlay", lambda *_: {})  # the control: only what is written out
    without = await Auditor(desk.database).audit(EVENT)
    assert without is not None
    assert not without.proven


async def test_snapshot_that_cannot_be_had_is_told_as_such(database: Database) -> None:
    await database["old"].insert_one({"_id": 1})
    async with database.snapshot() as session:
        assert await database["old"].find_one({}, session=session)
        await database["old"].update_one({"_id": 1}, {"$set": {"changed": True}})
        assert await database["old"].find_one({}, session=session) == {"_id": 1}, "as it stood"

    async def read_what_was_made_since() -> None:
        async with database.snapshot() as session:
            await database["old"].find_one({}, session=session)
            await database["new"].insert_one({"_id": 1})
            await database["new"].find_one({}, session=session)

    with pytest.raises(SnapshotGone):
        await read_what_was_made_since()


async def test_audit_begins_again_where_the_snapshot_is_gone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """And does not for ever."""
    snapshot, gone = Database.snapshot, [2]

    @contextlib.asynccontextmanager
    async def going(database: Database) -> AsyncIterator[Session]:
        async with snapshot(database) as session:
            yield session
            gone[0] -= 1
            if gone[0] >= 0:
                raise SnapshotGone(database.name)

    monkeypatch.setattr(Database, "snapshot", going)
    assert (await desk.audited(event_id=EVENT))["items"][0]["proven"]
    gone[0] = 3
    async with desk.http.get(AUDIT, headers=ORGANISER) as response:
        assert response.status == 503
        assert (await response.json())["type"] == "urn:lectern:problem:audit-too-slow"


# What was tampered with


async def test_a_place_that_was_swapped_is_named(desk: Desk) -> None:
    await desk.one_goes_and_one_moves_up()
    dan = await desk.register("dan", W1)
    rows = desk.database["waiting_list"]
    await rows.update_one({"_id": f"{EVENT}/{W1}/{3:09}"}, {"$set": {"left": True}})
    (report,) = (await desk.audited(event_id=EVENT))["items"]
    assert not report["proven"]
    assert {(d["code"], d["line"], d["registration_id"]) for d in report["differences"]} == {
        ("registration-without-place", W1, dan),
        ("log-end-place", W1, dan),
    }


async def test_a_seat_given_past_the_desk_is_named(desk: Desk) -> None:
    _, cyd = await desk.one_goes_and_one_moves_up()
    change = {"$set": {"choices.0.state": "confirmed", "choices.0.place": None}}
    await desk.database["registrations"].update_one({"_id": cyd}, change)
    (report,) = (await desk.audited(event_id=EVENT))["items"]
    assert {"seats-count", "log-end-seat", "oversold"} <= {d["code"] for d in report["differences"]}


# The command


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


async def lectern(folder: Path, *arguments: str, **variables: str) -> Ran:
    """In a process of its own, as one types it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.command_line", "audit", "registration", *arguments),
        cwd=folder,
        env=inherited | {"PYTHONPATH": str(ROOT)} | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert TOKEN.encode() not in out + err, "the token is never printed"
    assert b"Traceback" not in err, err.decode()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


async def test_command_ends_with_0_where_all_is_proven_and_1_where_something_differs(
    desk: Desk, tmp_path: Path
) -> None:
    _, cyd = await desk.one_goes_and_one_moves_up()
    here = {"LECTERN_URL": desk.process.address, "LECTERN_ORGANISER_TOKEN": TOKEN}
    ran = await lectern(tmp_path, **here)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith(f"{EVENT}: proven at version ")
    assert "3 registrations, 5 seats, 1 waiting, 2 places" in ran.out
    assert ran.out.rstrip().endswith(", 1 promotion")

    await desk.database["waiting_list"].update_one({"_id": f"{EVENT}/{W1}/{2:09}"}, {"$set": {"left": True}})
    ran = await lectern(tmp_path, "--event", EVENT, **here)
    assert (ran.status, ran.err) == (1, "")
    *lines, last = ran.out.splitlines()
    assert (
        f"{EVENT}: registration-without-place: registration {cyd} waits at place 2 of session '{W1}', which is not its own"
        in lines
    )
    assert last.startswith(f"{EVENT}: {len(lines)} differences at version ")

    ran = await lectern(tmp_path, "--json", **here)
    assert ran.status == 1
    (report,) = json.loads(ran.out)["items"]
    assert len(report["differences"]) == len(lines)


async def test_command_ends_with_2_where_it_asked_wrongly_and_3_where_nobody_answered(
    desk: Desk, tmp_path: Path
) -> None:
    here = {"LECTERN_URL": desk.process.address, "LECTERN_ORGANISER_TOKEN": TOKEN}
    failures = {
        "unknown event": await lectern(tmp_path, "--event", "nowhere", **here),
        "no token": await lectern(tmp_path, LECTERN_URL=desk.process.address),
        "wrong token": await lectern(tmp_path, LECTERN_URL=desk.process.address, LECTERN_ORGANISER_TOKEN="another"),
        "no address": await lectern(tmp_path, "--url", "there", **here),
        "nobody there": await lectern(
            tmp_path, LECTERN_URL=f"http://127.0.0.1:{free_port()}", LECTERN_ORGANISER_TOKEN=TOKEN
        ),
    }
    assert {name: ran.status for name, ran in failures.items()} == dict.fromkeys(failures, 2) | {"nobody there": 3}
    assert all(ran.err and not ran.out for ran in failures.values())
