"""`make run`: it starts with the samples, says where things are, keeps its data, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import psutil
import pytest

from deploy.local.children import free_port
from deploy.local.mail_folder import CaughtMail, MailFolder
from deploy.local.people import PEOPLE
from deploy.local.samples import SAMPLES
from shared.contracts.registration import REGISTRATION_REQUESTED
from tests.support.waiting import until

REPOSITORY = Path(__file__).resolve().parents[2]
READY = "Ctrl-C stops it"


class Run:
    """One run of the launcher, as a person starts it; `output` is what the terminal shows."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, home: Path) -> None:
        self.process, self.port, self.home = process, port, home
        self.output = ""
        self._reading = asyncio.create_task(self._read())

    @property
    def site(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def organiser(self) -> dict[str, str]:
        token = (self.home / "secrets" / "organiser_token").read_text().strip()
        return {"Authorization": f"Bearer {token}"}

    async def ready(self) -> Run:
        await until(lambda: READY in self.output or self.process.returncode is not None, 60, "the list of addresses")
        assert READY in self.output, self.output
        return self

    async def ended(self, timeout: float = 20) -> int:
        status = await asyncio.wait_for(self.process.wait(), timeout)
        await self._reading
        return status

    def family(self) -> list[psutil.Process]:
        return list(psutil.Process(self.process.pid).children(recursive=True))

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while chunk := await self.process.stdout.read(4096):
            self.output += chunk.decode()


Start = Callable[..., Awaitable[Run]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts launchers with their data in the test's folder; those left are ended after the test."""
    runs: list[Run] = []

    async def begin(*arguments: str, port: int | None = None, home: Path = tmp_path / "lectern") -> Run:
        port = port or free_port()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("LECTERN_")}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deploy.local", "--home", str(home), *arguments),
            cwd=REPOSITORY,
            env={**inherited, "LECTERN_PORT": str(port)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        runs.append(Run(process, port, home))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.returncode is None:
            run.process.kill()
        await run.ended()


async def registered(run: Run) -> set[str]:
    """The e-mail addresses of everybody registered for the samples."""
    found: set[str] = set()
    async with httpx.AsyncClient(base_url=run.site, headers=run.organiser) as client:
        for sample in SAMPLES:
            answer = await client.get("/api/v1/registrations", params={"event_id": sample.event_id, "limit": 200})
            found |= {item["person"]["email"] for item in answer.raise_for_status().json()["items"]}
    return found


def confirmations(run: Run) -> list[CaughtMail]:
    """The first mail to each: some are not registered at the fair yet, so that something is missing."""
    first = ("Confirm", "Not complete", "Encore incomplet")
    return [mail for mail in MailFolder(run.home / "mails").latest() if mail.subject.startswith(first)]


def handled_requests(run: Run) -> int:
    """How many intake messages were dealt with, as the log tells."""
    lines = [json.loads(line) for line in (run.home / "lectern.log").read_text().splitlines() if line.endswith("}")]
    return sum(line["event"] == "message_handled" and line["type"] == REGISTRATION_REQUESTED for line in lines)


async def test_every_address_of_the_list_answers(start: Start) -> None:
    run = await (await start()).ready()
    addresses = [word for word in run.output.split() if word.startswith("http://")]
    assert len(addresses) >= 7
    async with httpx.AsyncClient(follow_redirects=True) as client:

        async def answers(address: str) -> bool:
            return (await client.get(address)).status_code == 200

        for address in addresses:
            # The calendar's objects are pushed a moment after the list is shown.
            await until(lambda: answers(address), 20, address)  # noqa: B023 - awaited within the round
    assert str(run.home / "secrets" / "organiser_token") in run.output


async def test_the_samples_people_are_registered_and_get_their_mails(start: Start) -> None:
    run = await (await start()).ready()
    assert await registered(run) == {person.email for person in PEOPLE}
    await until(lambda: len(confirmations(run)) == len(PEOPLE), 20, "a mail to each")
    async with httpx.AsyncClient(base_url=run.site) as client:
        page = (await client.get("/mails")).text
        assert PEOPLE[0].email in page
        identifier = re.search(r'href="/mails/([^"?]+)', page)
        assert identifier is not None
        assert "/r/" in (await client.get(f"/mails/{identifier[1]}?show=text")).text
        html = await client.get(f"/mails/{identifier[1]}/html")
        assert html.status_code == 200
        assert "sandbox" in html.headers["Content-Security-Policy"]
        assert (await client.get("/mails/../secrets")).status_code == 404


async def test_the_next_start_finds_its_data_and_registers_nobody_twice(start: Start) -> None:
    run = await (await start()).ready()
    await until(lambda: len(confirmations(run)) == len(PEOPLE), 20, "a mail to each")
    async with httpx.AsyncClient(base_url=run.site, headers=run.organiser) as client:
        changed = await client.patch(
            "/api/v1/events/milipol-2019/sessions/milipol-2019-workshop-1", json={"starts": "09:45"}
        )
        assert changed.status_code == 200
        assert (await client.post("/api/v1/events/milipol-2019/publish", json={})).status_code == 200
    run.process.send_signal(signal.SIGINT)
    assert await run.ended() == 0

    again = await (await start(port=run.port)).ready()
    await until(lambda: handled_requests(again) == 2 * len(PEOPLE), 20, "the same requests a second time")
    assert await registered(again) == {person.email for person in PEOPLE}
    assert len(confirmations(again)) == len(PEOPLE), "nobody is told twice"
    async with httpx.AsyncClient(base_url=again.site) as client:
        agenda = (await client.get("/api/v1/events/milipol-2019")).json()
    [moved] = [session for session in agenda["sessions"] if session["id"] == "milipol-2019-workshop-1"]
    assert "T09:45" in moved["starts_local"], "what the organiser changed is still so"


async def test_ctrl_c_ends_it_quickly_with_all_its_children(start: Start) -> None:
    run = await (await start("--empty")).ready()
    family = run.family()
    assert {"mongod"} <= {child.name() for child in family}
    run.process.send_signal(signal.SIGINT)
    assert await run.ended(10) == 0
    assert "Stopped." in run.output
    assert [child for child in family if child.is_running()] == []


async def test_children_end_with_a_launcher_that_is_killed(start: Start) -> None:
    run = await (await start("--empty")).ready()
    family = run.family()
    assert family
    run.process.kill()
    await run.ended()
    await until(lambda: not [child for child in family if child.is_running()], 10, "the end of the children")


async def test_a_used_port_is_told_with_the_remedy(start: Start) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        run = await start(port=other.getsockname()[1])
        assert await run.ended() == 1
    assert f"Port {run.port} is in use" in run.output
    assert "LECTERN_PORT=" in run.output
    assert "Traceback" not in run.output


async def test_one_folder_belongs_to_one_launcher(start: Start) -> None:
    await (await start("--empty")).ready()
    second = await start("--empty")
    assert await second.ended() == 1
    assert "runs already" in second.output
    assert "Traceback" not in second.output
