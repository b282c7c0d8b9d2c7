"""What operators see of calendars and do about them over HTTP: status in pages, repair, calendars of tracks and rooms, metrics."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from services.calendar_sync.accounts_store import AccountState, ServerState
from services.calendar_sync.domain import ScopeKind
from services.calendar_sync.fleet import Fleet
from services.calendar_sync.store import Store
from services.calendar_sync.verifications import COLLECTIONS
from services.calendar_sync.watching import measure
from shared.storage.mongo import Database
from tests.support.calendar_harness import TOKEN, CalendarSync
from tests.support.calendar_samples import efus, milipol, registration, workshop
from tests.support.radicale import RadicaleNode

EVENT = "milipol-2019"
ONE, TWO = f"{EVENT}-workshop-1", f"{EVENT}-workshop-2"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
TRACK = f"/api/v1/calendars/{EVENT}/track/practice"


@pytest.fixture
async def sync(database: Database) -> AsyncIterator[CalendarSync]:
    await database.declare(COLLECTIONS)
    sync = await CalendarSync(database).prepare()
    yield sync
    await sync.close()


@pytest.fixture
async def fleet(sync: CalendarSync, radicale: RadicaleNode) -> Fleet:
    return await sync.connect(radicale.home, radicale.username, radicale.password)


class Api:
    """The organiser's API."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def ask(self, method: str, path: str, status: int = 200, **given: Any) -> Any:
        async with self._client.request(method, path, headers=BEARER, **given) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json()


@pytest.fixture
async def api(sync: CalendarSync, fleet: Fleet, aiohttp_client: Any) -> Api:
    return Api(await aiohttp_client(sync.app()))


async def asked(radicale: RadicaleNode, method: str, path: str, body: str = "") -> httpx.Response:
    """Another client of the shared account."""
    async with httpx.AsyncClient(auth=(radicale.username, radicale.password)) as client:
        return await client.request(method, f"{radicale.home}{path}", content=body)


async def test_calendars_come_in_pages_and_by_event(sync: CalendarSync, fleet: Fleet, api: Api) -> None:
    await sync.tell(milipol(), workshop(1), efus())
    await fleet.round()
    first = await api.ask("GET", "/api/v1/calendars?limit=1")
    second = await api.ask("GET", f"/api/v1/calendars?limit=1&cursor={first['next_cursor']}")
    assert [c["id"] for c in first["calendars"] + second["calendars"]] == ["event/efus-2021-round-3", f"event/{EVENT}"]
    assert second["next_cursor"] is None
    of_event = await api.ask("GET", f"/api/v1/calendars?event_id={EVENT}")
    for path in ("/api/v1/calendars", "/api/v1/calendar-accounts"):
        await api.ask("GET", f"{path}?event_id=mistyped", 404)
    assert [(c["written"], c["waiting"], c["kind"]) for c in of_event["calendars"]] == [(1, 0, "event")]
    for wrong in ("limit=0", "limit=x", "limit=9999"):
        await api.ask("GET", f"/api/v1/calendars?{wrong}", 400)


async def test_calendar_of_a_track_is_made_by_put_and_removed_by_delete_but_not_what_others_wrote(
    sync: CalendarSync, fleet: Fleet, api: Api, radicale: RadicaleNode
) -> None:
    await sync.tell(milipol(), workshop(1, tracks=[{"en": "Practice"}]), workshop(2))
    made = await api.ask("PUT", TRACK, 201)
    assert (made["kind"], made["name"], made["waiting"]) == ("track", "practice", 1)
    await fleet.round()
    assert (await api.ask("PUT", TRACK))["written"] == 1
    folder = f"{EVENT}--track-practice"
    assert (await asked(radicale, "GET", f"{folder}/{ONE}.ics")).status_code == 200
    theirs = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\nBEGIN:VEVENT\r\nUID:theirs\r\nDTSTAMP:20191001T000000Z\r\nDTSTART:20191001T000000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    assert (await asked(radicale, "PUT", f"{folder}/theirs.ics", theirs)).status_code == 201
    leaving = await api.ask("DELETE", TRACK, 202)
    assert (leaving["leaving"], leaving["waiting"]) == (True, 1)
    assert (await api.ask("PUT", TRACK, 409))["type"].endswith("calendar-leaves")
    await fleet.round()
    await api.ask("GET", TRACK, 404)
    assert (await asked(radicale, "GET", f"{folder}/{ONE}.ics")).status_code == 404
    assert (await asked(radicale, "GET", f"{folder}/theirs.ics")).status_code == 200
    assert (await api.ask("GET", f"/api/v1/calendars/{EVENT}"))["written"] == 2, "the event's own calendar stays"


async def test_calendar_that_makes_no_sense_is_refused_with_a_remedy(
    sync: CalendarSync, fleet: Fleet, api: Api
) -> None:
    await sync.tell(milipol(), workshop(1, tracks=[{"en": "Practice"}]))
    await fleet.round()
    assert "practice" in (await api.ask("PUT", f"/api/v1/calendars/{EVENT}/track/theory", 404))["detail"]
    await api.ask("PUT", f"/api/v1/calendars/{EVENT}/person/r1", 404)
    await api.ask("PUT", f"{TRACK}?lang=fr", 400)
    assert "LECTERN_SHARED_CALENDARS" in (await api.ask("DELETE", f"/api/v1/calendars/{EVENT}", 409))["detail"]
    await api.ask("DELETE", TRACK, 404)


async def test_without_a_server_no_calendar_is_made(sync: CalendarSync, aiohttp_client: Any) -> None:
    api = Api(await aiohttp_client(sync.app()))
    await sync.tell(milipol())
    assert "LECTERN_CALDAV_URL" in (await api.ask("PUT", f"/api/v1/calendars/{EVENT}", 409))["detail"]


async def test_repair_puts_right_at_once_what_somebody_removed(
    sync: CalendarSync, fleet: Fleet, api: Api, radicale: RadicaleNode
) -> None:
    await sync.tell(milipol(), workshop(1))
    await fleet.round()
    await asked(radicale, "DELETE", f"{EVENT}/{ONE}.ics")
    await fleet.round()
    gone = await asked(radicale, "GET", f"{EVENT}/{ONE}.ics")
    assert gone.status_code == 404, "control: nobody looks before it is time"
    assert await api.ask("POST", "/api/v1/calendar-repairs", 202, json={"event_id": EVENT}) == {"calendars": 1}
    await fleet.round()
    assert (await asked(radicale, "GET", f"{EVENT}/{ONE}.ics")).status_code == 200
    await api.ask("POST", "/api/v1/calendar-repairs", 404, json={"event_id": "nowhere"})
    await api.ask("POST", "/api/v1/calendar-repairs", 422, json={"event_id": EVENT, "server": "x"})


async def test_repair_does_not_wait_for_the_pause_of_an_object(sync: CalendarSync, fleet: Fleet, api: Api) -> None:
    await sync.tell(milipol(), workshop(1))
    await fleet.round()
    id_ = f"event/{EVENT}/{ONE}"
    later = sync.clock.now.replace(year=2020)
    stuck = {
        "there": False,
        "next_attempt": later,
        "error": "The server has no room left (507).",
        "error_kind": "full",
        "error_at": sync.clock.now,
    }
    await sync.database["objects"].update_one({"_id": id_}, {"$set": stuck})
    waits = await api.ask("GET", f"/api/v1/calendars/{EVENT}")
    assert (waits["waiting"], waits["last_error"]["message"], waits["last_error"]["kind"]) == (
        1,
        stuck["error"],
        "full",
    )
    assert [one["last_error_kind"] for one in waits["objects"]] == ["full"]
    await api.ask("POST", "/api/v1/calendar-repairs", 202, json={})
    await fleet.round()
    assert (await api.ask("GET", f"/api/v1/calendars/{EVENT}"))["written"] == 1


async def test_accounts_are_told_without_anything_personal(
    sync: CalendarSync, fleet: Fleet, api: Api, radicale: RadicaleNode
) -> None:
    await sync.tell(milipol(), workshop(1), workshop(2), registration(EVENT, {ONE: "confirmed"}))
    home = radicale.home
    await asked(radicale, "MKCALENDAR", "secret-name/")
    await sync.connect_person("r1", EVENT, home, "secret-name", radicale.username, radicale.password)
    before = (await api.ask("GET", "/api/v1/calendar-accounts"))["items"]
    assert [(a["registration_id"], a["waiting"], a["written"], a["state"]) for a in before] == [("r1", 1, 0, "working")]
    await fleet.round()
    answer = await api.ask("GET", f"/api/v1/calendar-accounts?event_id={EVENT}&state=working")
    (account,) = answer["items"]
    assert (account["waiting"], account["written"], account["waiting_since"], account["lost"]) == (0, 1, None, None)
    assert account["peculiarities"] is not None
    told = json.dumps(answer)
    assert all(secret not in told for secret in ("secret-name", radicale.username, radicale.password, "Ada"))
    assert (await api.ask("GET", "/api/v1/calendar-accounts?trouble=true"))["items"] == []
    lost = {"state": str(AccountState.LOST), "lost": "password", "failing_since": sync.clock.now, "error": "refused"}
    await sync.accounts.note_account("account-r1", **lost)
    (trouble,) = (await api.ask("GET", "/api/v1/calendar-accounts?trouble=true"))["items"]
    assert (trouble["lost"], trouble["failing_since"]) == ("password", "2019-10-02T12:00:00Z")
    (server,) = (await api.ask("GET", "/api/v1/calendar-servers"))["items"]
    assert (server["accounts"], server["calendars"], server["state"]) == ({"working": 1, "lost": 1}, 2, "working")
    await api.ask("GET", "/api/v1/calendar-accounts?state=asleep", 400)
    await api.ask("GET", "/api/v1/calendar-accounts?trouble=perhaps", 400)


async def test_agenda_is_read_once_for_a_page_of_accounts(
    sync: CalendarSync, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sync.tell(milipol(), workshop(1))
    for number in range(60):
        await sync.connect_person(f"r{number:02}", EVENT, f"https://dav{number % 3}.example/home/", f"c{number}")
    reads: list[str] = []
    agenda, objects = Store.agenda, type(sync.accounts).objects

    async def read(store: Store, event_id: str) -> Any:
        reads.append(event_id)
        return await agenda(store, event_id)

    async def one_by_one(*_: Any) -> Any:
        raise AssertionError(f"{objects} is asked for each calendar")

    monkeypatch.setattr(Store, "agenda", read)
    monkeypatch.setattr(type(sync.accounts), "objects", one_by_one)
    first = await api.ask("GET", "/api/v1/calendar-accounts?limit=50")
    rest = await api.ask("GET", f"/api/v1/calendar-accounts?limit=50&cursor={first['next_cursor']}")
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (50, 10, None)
    assert len(reads) <= 1
    servers = await api.ask("GET", "/api/v1/calendar-servers?limit=2")
    assert len(servers["items"]) == 2
    assert (await api.ask("GET", f"/api/v1/calendar-servers?cursor={servers['next_cursor']}"))["next_cursor"] is None


async def test_metrics_say_what_waits_and_name_nobody(sync: CalendarSync, fleet: Fleet) -> None:
    await sync.tell(milipol(), workshop(1), workshop(2), registration(EVENT, {ONE: "confirmed"}))
    await fleet.spread()
    await sync.connect_person("r1", EVENT, "https://dav.example/home/", "calendar")
    await sync.accounts.keep_server(
        "https://dav.example", ServerState("down", sync.clock.now, sync.clock.now.replace(hour=13))
    )
    sync.clock.move(minutes=5)
    await measure(sync.tools, sync.clock)

    def value(name: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(name, labels)

    assert value("lectern_calendars_waiting", whose="shared") == 1
    assert value("lectern_calendars_waiting", whose="personal") == 1
    assert value("lectern_calendar_objects_waiting") == 3
    assert value("lectern_calendar_waiting_seconds") == 300
    assert value("lectern_calendar_accounts", state="working") == 1
    assert value("lectern_caldav_servers_paused") == 1
    await sync.accounts.note_account("account-r1", state=AccountState.LOST)
    await measure(sync.tools, sync.clock)
    assert value("lectern_calendars_waiting", whose="personal") == 0, "only its person can mend it"
    assert value("lectern_calendar_accounts", state="lost") == 1


async def test_rooms_can_have_calendars_of_their_own(
    sync: CalendarSync, radicale: RadicaleNode, aiohttp_client: Any
) -> None:
    kinds = (ScopeKind.EVENT, ScopeKind.ROOM)
    fleet = await sync.connect(radicale.home, radicale.username, radicale.password, kinds=kinds)
    api = Api(await aiohttp_client(sync.app()))
    await sync.tell(milipol(), workshop(1, room_id="hall-5"))
    await fleet.round()
    assert (await api.ask("GET", f"/api/v1/calendars/{EVENT}/room/hall-5"))["written"] == 1
    await api.ask("DELETE", f"/api/v1/calendars/{EVENT}/room/hall-5", 409)
