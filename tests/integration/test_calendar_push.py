"""Shared calendars on real servers: the same stories on Radicale and on Xandikos; the tests do not know which one it is."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from services.calendar_sync.domain import GRACE, Scope, ScopeKind
from services.calendar_sync.fleet import Fleet
from shared.calendar.fingerprint import read
from tests.support.caldav_servers import XandikosNode
from tests.support.calendar_harness import TOKEN, CalendarSync, unfolded
from tests.support.calendar_samples import efus, milipol, registration, session, workshop
from tests.support.radicale import RadicaleNode

EVENT = "milipol-2019"
SHARED = f"event/{EVENT}"


@dataclass
class Account:
    """A calendar home on a server, as any other client would use it."""

    home: str
    username: str | None = None
    password: str | None = None

    async def ask(self, method: str, path: str, body: bytes | str = b"", **headers: str) -> httpx.Response:
        auth = (self.username, self.password) if self.username and self.password else None
        async with httpx.AsyncClient(auth=auth, timeout=20) as client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, self.home + path, content=body, headers=named)

    async def object(self, session_id: str, event_id: str = EVENT) -> httpx.Response:
        return await self.ask("GET", f"{event_id}/{session_id}.ics")

    async def text(self, session_id: str, event_id: str = EVENT) -> str:
        response = await self.object(session_id, event_id)
        assert response.status_code == 200
        return unfolded(response.text)

    async def title(self, event_id: str = EVENT) -> str:
        body = '<propfind xmlns="DAV:"><prop><displayname/></prop></propfind>'
        response = await self.ask("PROPFIND", f"{event_id}/", body, Depth="0", Content_Type="application/xml")
        found = re.search(r"displayname>([^<]*)<", response.text)
        assert found is not None, response.text
        return found[1]

    async def names(self, event_id: str = EVENT) -> list[str]:
        response = await self.ask("PROPFIND", f"{event_id}/", Depth="1")
        assert response.status_code == 207
        return sorted(
            part.partition("<")[0] for part in response.text.split(f"/{event_id}/")[1:] if part.partition("<")[0]
        )


@pytest.fixture(params=["radicale", "xandikos"])
async def account(request: pytest.FixtureRequest) -> AsyncIterator[Account]:
    if request.param == "radicale":
        radicale = RadicaleNode()
        try:
            await radicale.start()
            yield Account(f"{radicale.url}{radicale.username}/", radicale.username, radicale.password)
        finally:
            await radicale.stop()
    else:
        xandikos = XandikosNode()
        try:
            await xandikos.start()
            yield Account(xandikos.home)
        finally:
            await xandikos.stop()


@pytest.fixture
async def worker(sync: CalendarSync, account: Account) -> AsyncIterator[Fleet]:
    worker = await sync.connect(account.home, account.username, account.password)
    yield worker
    await sync.close()


async def test_published_sessions_stand_in_the_event_s_calendar(
    sync: CalendarSync, worker: Fleet, account: Account
) -> None:
    await sync.tell(milipol(), workshop(1), workshop(2, join_url="https://join.example/2"))
    await worker.round()
    text = await account.text("milipol-2019-workshop-2")
    assert "UID:milipol-2019-workshop-2@lectern.test\n" in text
    assert "TZID:Europe/Paris" in text
    assert "T104000" in text
    assert "join.example" not in text
    assert await account.names() == ["milipol-2019-workshop-1.ics", "milipol-2019-workshop-2.ics"]
    assert await account.title() == "AI in law enforcement: practitioner workshops"


async def test_second_look_asks_nothing_of_the_server(sync: CalendarSync, worker: Fleet, account: Account) -> None:
    await sync.tell(milipol(), workshop(1))
    await worker.round()
    etag = (await account.object("milipol-2019-workshop-1")).headers["ETag"]
    with capture_logs() as logs:
        sync.clock.move(minutes=11)
        assert await worker.round() == 1
    assert logs == []
    assert (await account.object("milipol-2019-workshop-1")).headers["ETag"] == etag


async def test_reschedule_keeps_the_uid_and_raises_the_sequence(
    sync: CalendarSync, worker: Fleet, account: Account
) -> None:
    await sync.tell(milipol(), workshop(1))
    await worker.round()
    await sync.tell(workshop(1, revision=2, start="2019-11-20T16:00"))
    await worker.round()
    text = await account.text("milipol-2019-workshop-1")
    assert "UID:milipol-2019-workshop-1@lectern.test\n" in text
    assert "SEQUENCE:2\n" in text
    assert "20191120T160000" in text
    assert await account.names() == ["milipol-2019-workshop-1.ics"]


async def test_date_only_session_and_languages(sync: CalendarSync, worker: Fleet, account: Account) -> None:
    titles = {"fr": "Sécurité dès la conception"}
    await sync.tell(efus(), session("efus-2021-round-3-session-1", "2021-03-31", zone="Europe/Brussels", title=titles))
    await worker.round()
    text = await account.text("efus-2021-round-3-session-1", "efus-2021-round-3")
    assert "DTSTART;VALUE=DATE:20210331\n" in text
    assert "Sécurité dès la conception" in text


async def test_cancelled_session_is_updated_and_removed_after_the_grace_time(
    sync: CalendarSync, worker: Fleet, account: Account
) -> None:
    await sync.tell(milipol(), workshop(1), workshop(2))
    await worker.round()
    gone = workshop(1, revision=2, status="cancelled")
    await sync.tell(gone)
    await worker.round()
    assert "STATUS:CANCELLED\n" in await account.text("milipol-2019-workshop-1")
    sync.clock.now = gone.published_at + GRACE - timedelta(seconds=1)
    await worker.round()
    assert (await account.object("milipol-2019-workshop-1")).status_code == 200
    sync.clock.now = gone.published_at + GRACE
    await worker.round()
    assert await account.names() == ["milipol-2019-workshop-2.ics"]
    assert set(await sync.objects(EVENT)) == {"milipol-2019-workshop-2"}


async def test_object_that_somebody_deleted_is_written_again(
    sync: CalendarSync, worker: Fleet, account: Account
) -> None:
    await sync.tell(milipol(), workshop(1))
    await worker.round()
    await account.ask("DELETE", f"{EVENT}/milipol-2019-workshop-1.ics")
    sync.clock.move(minutes=1)
    await worker.round()
    assert await account.names() == []  # the control: before the check is due nobody knows
    sync.clock.move(minutes=10)
    await worker.round()
    assert await account.names() == ["milipol-2019-workshop-1.ics"]


async def test_object_that_somebody_changed_is_set_right(sync: CalendarSync, worker: Fleet, account: Account) -> None:
    await sync.tell(milipol(), workshop(1))
    await worker.round()
    ours = (await account.object("milipol-2019-workshop-1")).text
    moved = ours.replace("T094000", "T120000")
    assert (
        await account.ask("PUT", f"{EVENT}/milipol-2019-workshop-1.ics", moved, Content_Type="text/calendar")
    ).is_success
    sync.clock.move(minutes=10)
    await worker.round()
    assert "T094000" in await account.text("milipol-2019-workshop-1")


async def test_change_of_ours_meets_a_change_by_somebody_and_wins(
    sync: CalendarSync, worker: Fleet, account: Account
) -> None:
    await sync.tell(milipol(), workshop(1))
    await worker.round()
    ours = (await account.object("milipol-2019-workshop-1")).text
    await account.ask(
        "PUT", f"{EVENT}/milipol-2019-workshop-1.ics", ours.replace("T094000", "T120000"), Content_Type="text/calendar"
    )
    await sync.tell(workshop(1, revision=2, start="2019-11-20T16:00"))
    await worker.round()
    assert "20191120T160000" in await account.text("milipol-2019-workshop-1")


async def test_alarm_that_somebody_added_is_left(sync: CalendarSync, worker: Fleet, account: Account) -> None:
    await sync.tell(milipol(), workshop(1))
    await worker.round()
    ours = (await account.object("milipol-2019-workshop-1")).text
    alarm = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT15M\r\nDESCRIPTION:soon\r\nEND:VALARM\r\nEND:VEVENT"
    noted = ours.replace("END:VEVENT", alarm)
    assert (
        await account.ask("PUT", f"{EVENT}/milipol-2019-workshop-1.ics", noted, Content_Type="text/calendar")
    ).is_success
    sync.clock.move(minutes=10)
    await worker.round()
    assert "VALARM" in await account.text("milipol-2019-workshop-1")


async def test_foreign_object_is_never_touched(sync: CalendarSync, worker: Fleet, account: Account) -> None:
    await sync.tell(milipol(), workshop(1), workshop(2))
    await worker.round()
    theirs = (await account.object("milipol-2019-workshop-1")).text.replace(
        "milipol-2019-workshop-1@lectern.test", "lunch@example.org"
    )
    assert (await account.ask("PUT", f"{EVENT}/lunch.ics", theirs, Content_Type="text/calendar")).is_success
    before = await account.object("lunch")
    await sync.tell(workshop(1, revision=2, start="2019-11-20T16:00"), workshop(2, revision=2, status="cancelled"))
    await worker.round()
    sync.clock.move(days=60)
    await worker.round()
    after = await account.object("lunch")
    assert (after.text, after.headers["ETag"]) == (before.text, before.headers["ETag"])
    assert await account.names() == ["lunch.ics", "milipol-2019-workshop-1.ics"]


async def test_foreign_object_at_our_address_stays_and_ours_stands_beside_it(
    sync: CalendarSync, worker: Fleet, account: Account
) -> None:
    await sync.tell(milipol(), workshop(1))
    await worker.round()
    theirs = (await account.object("milipol-2019-workshop-1")).text.replace(
        "milipol-2019-workshop-1@", "milipol-2019-workshop-2@elsewhere."
    )
    assert (
        await account.ask("PUT", f"{EVENT}/milipol-2019-workshop-2.ics", theirs, Content_Type="text/calendar")
    ).is_success
    await sync.tell(workshop(2))
    await worker.round()
    assert "elsewhere" in (await account.object("milipol-2019-workshop-2")).text
    assert "UID:milipol-2019-workshop-2@lectern.test" in await account.text("milipol-2019-workshop-2.lectern")


async def test_our_object_under_another_name_is_found_by_its_uid(
    sync: CalendarSync, worker: Fleet, account: Account
) -> None:
    """The database was lost, and the server (or a person) has given the object another name."""
    await sync.tell(milipol(), workshop(1))
    await worker.round()
    ours = (await account.object("milipol-2019-workshop-1")).text
    await account.ask("DELETE", f"{EVENT}/milipol-2019-workshop-1.ics")
    assert (await account.ask("PUT", f"{EVENT}/renamed.ics", ours, Content_Type="text/calendar")).is_success
    await sync.accounts.forget_object(SHARED, "milipol-2019-workshop-1")
    await sync.tell(workshop(1, revision=2, start="2019-11-20T16:00"))
    await worker.round()
    assert await account.names() == ["renamed.ics"]
    assert "20191120T160000" in await account.text("renamed")


async def test_lost_database_adopts_what_is_there_without_writing(
    sync: CalendarSync, worker: Fleet, account: Account
) -> None:
    await sync.tell(milipol(), workshop(1))
    await worker.round()
    etag = (await account.object("milipol-2019-workshop-1")).headers["ETag"]
    await sync.accounts.forget_object(SHARED, "milipol-2019-workshop-1")
    await sync.tell(milipol(revision=2))
    await worker.round()
    assert (await account.object("milipol-2019-workshop-1")).headers["ETag"] == etag
    known = (await sync.objects(EVENT))["milipol-2019-workshop-1"]
    assert (known.there, known.etag) == (True, etag)


async def test_calendar_that_somebody_removed_is_made_again(
    sync: CalendarSync, worker: Fleet, account: Account
) -> None:
    await sync.tell(milipol(), workshop(1), workshop(2))
    await worker.round()
    assert (await account.ask("DELETE", f"{EVENT}/")).is_success
    sync.clock.move(minutes=10)
    await worker.round()
    assert await account.names() == ["milipol-2019-workshop-1.ics", "milipol-2019-workshop-2.ics"]


async def test_calendar_removed_between_checks_is_found_by_the_next_write(
    sync: CalendarSync, worker: Fleet, account: Account
) -> None:
    await sync.tell(milipol(), workshop(1))
    await worker.round()
    assert (await account.ask("DELETE", f"{EVENT}/")).is_success
    await sync.tell(workshop(1, revision=2))
    await worker.round()
    sync.clock.move(seconds=30)
    await worker.round()
    assert await account.names() == ["milipol-2019-workshop-1.ics"]


async def test_renamed_event_renames_its_calendar(sync: CalendarSync, worker: Fleet, account: Account) -> None:
    await sync.tell(milipol(), workshop(1))
    await worker.round()
    await sync.tell(milipol(revision=2, title={"en": "Practitioners meet"}))
    await worker.round()
    assert await account.title() == "Practitioners meet"


async def test_one_correlation_id_goes_from_the_request_to_the_calendar_object(
    sync: CalendarSync, worker: Fleet, account: Account
) -> None:
    await sync.tell(milipol(), workshop(1))
    await worker.round()
    await sync.tell(workshop(1, revision=2), correlation_id="from-the-organiser-1")
    with capture_logs(processors=[merge_contextvars]) as logs:
        await worker.round()
    (written,) = [line for line in logs if line["event"] == "calendar_object_written"]
    assert (written["session_id"], written["revision"]) == ("milipol-2019-workshop-1", 2)
    assert written["correlation_id"] == "from-the-organiser-1"


async def test_registrations_never_reach_the_shared_calendar(
    sync: CalendarSync, worker: Fleet, account: Account
) -> None:
    await sync.tell(milipol(), workshop(1), registration(EVENT, {"milipol-2019-workshop-1": "confirmed"}))
    await worker.round()
    assert "Ada" not in await account.text("milipol-2019-workshop-1")


async def test_organiser_sees_what_is_written_and_what_waits(
    sync: CalendarSync, worker: Fleet, account: Account, aiohttp_client: Any
) -> None:
    await sync.tell(milipol(), workshop(1), workshop(2))
    await worker.spread()
    client = await aiohttp_client(sync.app())
    assert (await client.get("/api/v1/calendars")).status == 401
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    before = await (await client.get("/api/v1/calendars", headers=bearer)).json()
    assert [(c["written"], c["waiting"], c["waiting_since"]) for c in before["calendars"]] == [
        (0, 2, "2019-10-02T12:00:00Z")
    ]
    await worker.round()
    after = await (await client.get("/api/v1/calendars", headers=bearer)).json()
    (calendar,) = after["calendars"]
    assert (calendar["written"], calendar["waiting"], calendar["waiting_since"], calendar["last_error"]) == (
        2,
        0,
        None,
        None,
    )
    assert calendar["address"] == f"{account.home}{EVENT}/"
    assert after["server"]["state"] == "working"
    one = await (await client.get(f"/api/v1/calendars/{EVENT}", headers=bearer)).json()
    assert [(o["session_id"], o["state"]) for o in one["objects"]] == [
        ("milipol-2019-workshop-1", "written"),
        ("milipol-2019-workshop-2", "written"),
    ]
    assert "password" not in json.dumps(after)


async def test_written_object_says_what_we_meant(sync: CalendarSync, worker: Fleet, account: Account) -> None:
    await sync.tell(milipol(), workshop(1))
    await worker.round()
    agenda = await sync.store.agenda(EVENT)
    assert agenda.event is not None
    scope = Scope(ScopeKind.EVENT, EVENT)
    (want,) = sync.tools.objects.desired(agenda, agenda.event, scope, sync.clock(), language="en")
    said = read((await account.object("milipol-2019-workshop-1")).content)
    assert said is not None
    assert (said.uid, said.fingerprint) == (want.uid, want.fingerprint)
