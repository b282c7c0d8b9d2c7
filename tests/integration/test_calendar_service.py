"""The service as a process runs it: facts from the broker, feeds and status over HTTP, objects on a real server."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from services.calendar_sync.service import build
from shared.clock import utc_now
from shared.contracts.base import Contract
from shared.contracts.registration import REGISTRATION_CHANGED
from shared.contracts.registry import EVENTS
from shared.contracts.scheduling import EVENT_REVISED, SESSION_REVISED
from shared.facts import fact
from shared.links import FEED, Links, feed_path
from shared.messaging.port import Outgoing
from shared.process import Process, running
from tests.conftest import MakeSettings
from tests.support.calendar_samples import milipol, registration, workshop
from tests.support.radicale import RadicaleNode
from tests.support.waiting import until


async def publish(process: Process, *facts: tuple[str, str, int, Contract]) -> None:
    assert process.transport is not None
    await process.transport.publish(
        [
            Outgoing(EVENTS, fact(kind, subject, number, state, at=utc_now(), correlation_id="c-1"))
            for kind, subject, number, state in facts
        ]
    )


async def test_published_session_reaches_feeds_and_the_calendar_server(
    settings: MakeSettings, radicale: RadicaleNode, capsys: pytest.CaptureFixture[str]
) -> None:
    home = f"{radicale.url}{radicale.username}/"
    given = settings(caldav_url=home, caldav_username=radicale.username, caldav_password=radicale.password)
    token = Links(given.link_key.get_secret_value()).token(FEED, "r1")
    auth = aiohttp.BasicAuth(radicale.username, radicale.password)
    bearer = {"Authorization": f"Bearer {given.organiser_token.get_secret_value()}"}
    async with running(Process(given, {"calendar-sync": build}, port=0)) as process, aiohttp.ClientSession() as http:

        async def status_is(waiting: int, written: int) -> bool:
            async with http.get(f"{process.address}/api/v1/calendars", headers=bearer) as response:
                calendars: list[dict[str, Any]] = (await response.json())["calendars"]
            return [(c["waiting"], c["written"]) for c in calendars] == [(waiting, written)]

        chosen = {"milipol-2019-workshop-1": "confirmed"}
        await publish(
            process,
            (SESSION_REVISED, "sessions/milipol-2019-workshop-1", 1, workshop(1)),
            (EVENT_REVISED, "events/milipol-2019", 1, milipol()),
            (REGISTRATION_CHANGED, "registrations/r1", 1, registration("milipol-2019", chosen)),
        )
        await until(lambda: status_is(0, 1), what="the object to be written")
        async with http.get(f"{home}milipol-2019/milipol-2019-workshop-1.ics", auth=auth) as response:
            assert "SEQUENCE:1" in await response.text()
        async with http.get(f"{process.address}{feed_path(token)}") as response:
            assert (response.status, "milipol-2019-workshop-1.r1@" in await response.text()) == (200, True)

        moved = workshop(1, revision=2, start="2019-11-20T16:00")
        await publish(process, (SESSION_REVISED, "sessions/milipol-2019-workshop-1", 2, moved))

        async def moved_on_the_server() -> bool:
            async with http.get(f"{home}milipol-2019/milipol-2019-workshop-1.ics", auth=auth) as response:
                return "20191120T160000" in await response.text()

        await until(moved_on_the_server, what="the reschedule to reach the calendar server")
        async with http.post(
            f"{process.address}/api/v1/calendar-verifications", json={"repair": True}, headers=bearer
        ) as response:
            assert response.status == 202
            where = response.headers["Location"]

        async def verified() -> bool:
            async with http.get(f"{process.address}{where}", headers=bearer) as response:
                job = await response.json()
            return (job["state"], job["equal"], job["different"]) == ("done", 1, 0)

        await until(verified, what="the verification")
        async with http.get(f"{process.address}/organise/calendars", allow_redirects=False) as response:
            assert response.status == 303
        async with http.post(f"{process.address}/organise/sign-in", data={}) as response:
            pass
        async with http.get(f"{process.address}/metrics") as response:
            assert "lectern_caldav_request_seconds" in await response.text()
    logged = capsys.readouterr().out
    assert token not in logged
    assert radicale.password not in logged
    assert "task_failed" not in logged


async def test_without_a_calendar_server_there_are_feeds_only(settings: MakeSettings) -> None:
    given = settings()
    bearer = {"Authorization": f"Bearer {given.organiser_token.get_secret_value()}"}
    async with running(Process(given, {"calendar-sync": build}, port=0)) as process, aiohttp.ClientSession() as http:
        await publish(
            process,
            (EVENT_REVISED, "events/milipol-2019", 1, milipol()),
            (SESSION_REVISED, "sessions/milipol-2019-workshop-1", 1, workshop(1)),
        )

        async def served() -> bool:
            async with http.get(f"{process.address}/feeds/events/milipol-2019.ics") as response:
                return response.status == 200 and "workshop-1" in await response.text()

        await until(served, what="the feed")
        async with http.get(f"{process.address}/api/v1/calendars", headers=bearer) as response:
            assert await response.json() == {
                "server": {"address": None, "state": "none", "last_error": None, "paused_until": None},
                "calendars": [],
                "next_cursor": None,
            }
