"""Unclear answers of calendar servers: lost ones, refusals, login pages, missing and weak ETags.

Each safeguard has a control that shows what happens without it.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import httpx
import pytest
from aiohttp import web

from services.calendar_sync import remote_calendar
from services.calendar_sync.answers import Answer, Blame, Fault
from services.calendar_sync.caldav_client import DavServer
from services.calendar_sync.dav_http import LARGEST_ANSWER, LARGEST_RECEIPT
from services.calendar_sync.domain import Scope, ScopeKind
from services.calendar_sync.fleet import Fleet
from services.calendar_sync.remote_calendar import RemoteCalendar
from tests.support.caldav_servers import (
    Play,
    ScriptedServer,
    answer_lost,
    as_it_should,
    login_page,
    status,
)
from tests.support.calendar_harness import TOKEN, CalendarSync, unfolded
from tests.support.calendar_samples import milipol, workshop

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


class TestAnswerLost:
    async def test_stored_put_whose_answer_was_lost_is_settled_without_a_second_write(
        self, sync: CalendarSync, worker: Fleet, server: ScriptedServer
    ) -> None:
        await sync.tell(milipol(), workshop(1))
        server.plays = [as_it_should, as_it_should, as_it_should, answer_lost]
        await worker.round()
        assert (await sync.objects(EVENT))["milipol-2019-workshop-1"].look
        sync.clock.move(seconds=5)
        await worker.round()
        known = (await sync.objects(EVENT))["milipol-2019-workshop-1"]
        assert (known.there, known.etag) == (True, server.objects[ONE].etag)
        assert len(server.asked("PUT")) == 1

    async def test_lost_answer_to_a_reschedule_is_settled_too(
        self, sync: CalendarSync, worker: Fleet, server: ScriptedServer
    ) -> None:
        await prepared(sync, worker)
        server.plays = [answer_lost]
        await sync.tell(workshop(1, revision=2))
        await settle(sync, worker, 3)
        assert len(server.asked("PUT")) == 2
        assert (await sync.objects(EVENT))["milipol-2019-workshop-1"].revision == 2

    async def test_control_a_plain_retry_takes_its_own_object_for_a_conflict(self, server: ScriptedServer) -> None:
        server.calendars.add(f"/home/{EVENT}/")
        server.plays = [answer_lost]
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.HTTPError):
                await client.put(server.home + ONE.removeprefix("/home/"), content=b"x", headers={"If-None-Match": "*"})
            again = await client.put(
                server.home + ONE.removeprefix("/home/"), content=b"x", headers={"If-None-Match": "*"}
            )
        assert again.status_code == 412

    async def test_process_that_died_after_the_put_finds_its_object_again(
        self, sync: CalendarSync, worker: Fleet, server: ScriptedServer
    ) -> None:
        await prepared(sync, worker)
        await sync.accounts.forget_object(SHARED, "milipol-2019-workshop-1")  # what the crash kept from being noted
        await sync.tell(milipol(revision=2))
        etag = server.objects[ONE].etag
        await worker.round()
        assert server.objects[ONE].etag == etag
        assert (await sync.objects(EVENT))["milipol-2019-workshop-1"].etag == etag


class TestLoginPage:
    async def test_redirect_to_a_login_page_is_no_success(
        self, sync: CalendarSync, worker: Fleet, server: ScriptedServer
    ) -> None:
        await prepared(sync, worker)
        server.always = login_page
        await sync.tell(workshop(1, revision=2))
        await worker.round()
        known = (await sync.objects(EVENT))["milipol-2019-workshop-1"]
        assert known.revision == 1
        assert "login page" in (known.error or "")
        assert not [path for _, path, _ in server.requests if path == "/login"]
        server.always = None
        await settle(sync, worker, 4)
        assert (await sync.objects(EVENT))["milipol-2019-workshop-1"].revision == 2

    async def test_control_a_client_that_follows_believes_it_has_written(self, server: ScriptedServer) -> None:
        server.always = login_page
        async with httpx.AsyncClient(follow_redirects=True) as client:
            response = await client.put(server.home + f"{EVENT}/x.ics", content=b"x")
        assert response.status_code == 200
        assert server.objects == {}


class TestRefusal:
    async def test_412_on_an_object_as_desired_is_settled(
        self, sync: CalendarSync, worker: Fleet, server: ScriptedServer
    ) -> None:
        await prepared(sync, worker)
        server.put(ONE, server.objects[ONE].body)  # the same content under another ETag, as after a restore
        await sync.tell(workshop(1, revision=2))
        await worker.round()
        assert "SEQUENCE:2" in unfolded(server.objects[ONE].body)

    async def test_412_for_a_bad_body_is_told_and_others_go_on(
        self, sync: CalendarSync, worker: Fleet, server: ScriptedServer
    ) -> None:
        async def refuse_the_first(request: web.Request, _: ScriptedServer) -> web.StreamResponse | None:
            return web.Response(status=412) if request.method == "PUT" and request.path == ONE else None

        server.always = refuse_the_first
        await sync.tell(milipol(), workshop(1), workshop(2))
        await worker.round()
        assert TWO in server.objects
        known = (await sync.objects(EVENT))["milipol-2019-workshop-1"]
        assert "refuses the object (412)" in (known.error or "")
        server.always = None
        await settle(sync, worker, 6)
        assert ONE in server.objects

    async def test_object_that_the_server_always_fails_on_starves_nobody(
        self, sync: CalendarSync, worker: Fleet, server: ScriptedServer
    ) -> None:
        async def poison(request: web.Request, _: ScriptedServer) -> web.StreamResponse | None:
            return web.Response(status=500) if request.path == ONE else None

        server.always = poison
        await sync.tell(milipol(), workshop(1))
        await settle(sync, worker, 20, 30)
        for revision in range(1, 6):
            await sync.tell(workshop(2, revision=revision))
            await worker.round()
            assert f"SEQUENCE:{revision}\n" in unfolded(server.objects[TWO].body)
            sync.clock.move(seconds=1)

    async def test_uid_conflict_403_is_told_with_its_name(
        self, sync: CalendarSync, worker: Fleet, server: ScriptedServer
    ) -> None:
        body = (
            '<?xml version="1.0"?><error xmlns="DAV:"><no-uid-conflict xmlns="urn:ietf:params:xml:ns:caldav"/></error>'
        )

        async def refuse(request: web.Request, _: ScriptedServer) -> web.StreamResponse | None:
            if request.method != "PUT":
                return None
            return web.Response(status=403, text=body, content_type="application/xml")

        server.always = refuse
        await prepared(sync, worker)
        known = (await sync.objects(EVENT))["milipol-2019-workshop-1"]
        assert "another calendar of the same account (403: no-uid-conflict)" in (known.error or "")

    async def test_wrong_password_is_told_in_plain_words(
        self, sync: CalendarSync, worker: Fleet, server: ScriptedServer, aiohttp_client: Any
    ) -> None:
        server.always = status(401)
        await sync.tell(milipol(), workshop(1))
        await settle(sync, worker, 6)
        client = await aiohttp_client(sync.app())
        answer = await (await client.get("/api/v1/calendars", headers={"Authorization": f"Bearer {TOKEN}"})).json()
        assert answer["calendars"][0]["waiting"] == 1
        assert "password" in answer["calendars"][0]["last_error"]["message"]
        assert answer["server"]["state"] in ("paused", "failing")


class TestEtags:
    async def test_put_without_an_etag_is_read_back(
        self, sync: CalendarSync, worker: Fleet, server: ScriptedServer
    ) -> None:
        server.put_etag = False
        await prepared(sync, worker)
        assert (await sync.objects(EVENT))["milipol-2019-workshop-1"].etag == server.objects[ONE].etag
        assert [request[0] for request in server.requests[-2:]] == ["PUT", "GET"]

    async def test_weak_etag_never_goes_into_if_match(
        self, sync: CalendarSync, worker: Fleet, server: ScriptedServer
    ) -> None:
        server.weak_etags = True
        await prepared(sync, worker)
        await sync.tell(workshop(1, revision=2))
        await worker.round()
        assert "SEQUENCE:2" in unfolded(server.objects[ONE].body)
        conditions = [headers.get("If-Match") or headers.get("If-None-Match") for _, _, headers in server.asked("PUT")]
        assert conditions == ["*", "*"]

    async def test_every_write_carries_a_condition(
        self, sync: CalendarSync, worker: Fleet, server: ScriptedServer
    ) -> None:
        await prepared(sync, worker, workshops=2)
        await sync.tell(workshop(1, revision=2), workshop(2, revision=2, status="cancelled"))
        await worker.round()
        sync.clock.move(days=60)
        await worker.round()
        writes = server.asked("PUT", "DELETE")
        assert len(writes) == 5
        assert all("If-Match" in headers or headers.get("If-None-Match") == "*" for _, _, headers in writes)

    async def test_body_goes_out_byte_for_byte(self, sync: CalendarSync, worker: Fleet, server: ScriptedServer) -> None:
        await prepared(sync, worker)
        agenda = await sync.store.agenda(EVENT)
        assert agenda.event is not None
        scope = Scope(ScopeKind.EVENT, EVENT)
        (want,) = sync.tools.objects.desired(agenda, agenda.event, scope, sync.clock(), language="en")
        assert server.objects[ONE].body == want.body
        assert b"METHOD" not in want.body
        assert b"ORGANIZER" not in want.body
        assert b"ATTENDEE" not in want.body

    async def test_one_request_for_one_change(self, sync: CalendarSync, worker: Fleet, server: ScriptedServer) -> None:
        await prepared(sync, worker, workshops=3)
        server.requests.clear()
        await sync.tell(workshop(2, revision=2))
        await worker.round()
        assert [(method, path) for method, path, _ in server.requests] == [("PUT", TWO)]

    async def test_changes_between_two_looks_are_one_write(
        self, sync: CalendarSync, worker: Fleet, server: ScriptedServer
    ) -> None:
        await prepared(sync, worker)
        server.requests.clear()
        for revision in range(2, 20):
            await sync.tell(workshop(1, revision=revision))
        await worker.round()
        assert len(server.requests) == 1
        assert "SEQUENCE:19\n" in unfolded(server.objects[ONE].body)


class TestServerThatRewrites:
    async def test_server_that_rewrites_what_matters_is_not_fought(
        self, sync: CalendarSync, worker: Fleet, server: ScriptedServer
    ) -> None:
        """It shortens the description of what it stores, and gives no ETag for it (as DAViCal does)."""
        server.put_etag = False

        async def shorten(request: web.Request, held: ScriptedServer) -> web.StreamResponse | None:
            if request.method != "PUT":
                return None
            answer = await held.answer(request)
            body = held.objects[request.path].body
            held.objects[request.path].body = body.replace(b"Ministry of the Interior", b"Ministry")
            return answer

        server.always = shorten
        await prepared(sync, worker)
        sync.clock.move(minutes=11)
        await worker.round()
        sync.clock.move(minutes=11)
        await worker.round()
        assert len(server.asked("PUT")) == 1


async def test_client_sends_no_request_twice_by_itself(server: ScriptedServer) -> None:
    """`caldav` negotiates and retries on its own unless told not to: one call is one request."""
    plays: list[Play] = [answer_lost, status(401), status(503, Retry_After="1"), status(429), status(500)]
    server.calendars.add("/home/c/")
    async with DavServer(server.home.removesuffix("/home/"), timeout=1.0) as connections:
        calendar = RemoteCalendar(connections.session("user", "password"), "/home/c/")
        for number, play in enumerate(plays):
            server.requests.clear()
            server.plays = [play]
            await asyncio.gather(calendar.put(f"{number}.ics", b"x\r\n", match=None), return_exceptions=True)
            assert len(server.requests) == 1, play


_BOMB = gzip.compress(b" " * (4 * LARGEST_ANSWER))


def answering(status: int, body: bytes, **headers: str) -> Play:
    """An answer of a server that means harm."""

    async def play(_: web.Request, __: ScriptedServer) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, headers=named)

    return play


def _multistatus(inner: str) -> bytes:
    return f'<?xml version="1.0"?><multistatus xmlns="DAV:">{inner}</multistatus>'.encode()


class TestHostileServer:
    @pytest.mark.parametrize(
        "play",
        [
            answering(207, _BOMB, Content_Type="application/xml", Content_Encoding="gzip"),
            answering(207, b"x" * 2000, Content_Type="application/xml", Content_Encoding="br"),
            answering(207, b" " * (LARGEST_ANSWER + 1), Content_Type="application/xml"),
            answering(207, b"<a>", Content_Type="application/xml"),
        ],
        ids=["unpacks to gigabytes", "packed in another way", "too large", "half of it"],
    )
    async def test_answer_that_is_none_is_a_fault(self, server: ScriptedServer, play: Play) -> None:
        server.plays = [play]
        async with DavServer(server.home.removesuffix("/home/")) as connections:
            with pytest.raises(Fault):
                await RemoteCalendar(connections.session("user", "password"), "/home/c/").listing()

    async def test_answer_is_unpacked_without_the_bound(self, server: ScriptedServer) -> None:
        """The control: a client unpacks whatever it is sent."""
        server.plays = [answering(207, _BOMB, Content_Type="application/xml", Content_Encoding="gzip")]
        async with aiohttp.ClientSession() as http, http.get(server.home) as response:
            assert len(await response.read()) == 4 * LARGEST_ANSWER > 100 * len(_BOMB)

    @pytest.mark.parametrize("codec", ["zlib", "hex", "rot13", "punycode", "idna", "undefined"])
    async def test_server_does_not_choose_the_codec(self, server: ScriptedServer, codec: str) -> None:
        server.plays = [answering(200, b"a" * 100, Content_Type=f"text/html; charset={codec}")]
        async with DavServer(server.home.removesuffix("/home/")) as connections:
            answer = await RemoteCalendar(connections.session("user", "password"), "/home/c/").get("a.ics")
            assert answer.body == b"a" * 100

    @pytest.mark.parametrize(
        "inner",
        [
            "<response><propstat><status>HTTP/1.1 200 OK</status><prop/></propstat></response>",
            "<response><status>HTTP/1.1 404 Not Found</status></response>",
            "<response><href>/home/c/a.ics</href><propstat><prop><getetag><x/><y/></getetag></prop></propstat></response>",
            f"<response><href>/home/c/a.ics</href><propstat><prop><getetag>{'e' * 5000}</getetag></prop></propstat></response>",
        ],
        ids=["no address", "no address of what is gone", "an etag that is none", "an endless etag"],
    )
    async def test_odd_elements_of_a_list_are_passed_over(self, server: ScriptedServer, inner: str) -> None:
        server.plays = [answering(207, _multistatus(inner), Content_Type="application/xml")]
        async with DavServer(server.home.removesuffix("/home/")) as connections:
            listing = await RemoteCalendar(connections.session("user", "password"), "/home/c/").listing()
        assert listing is not None
        assert set(listing.etags.values()) <= {None}

    async def test_object_that_cannot_be_read_is_not_the_servers_fault(self, server: ScriptedServer) -> None:
        """Else who stores a few such objects would have all accounts on that server wait."""
        blames = []
        async with DavServer(server.home.removesuffix("/home/")) as connections:
            calendar = RemoteCalendar(connections.session("user", "password"), "/home/c/")
            for ask in (lambda: calendar.get("a.ics"), calendar.listing):
                server.plays = [answering(207, b"\xff\xfe", Content_Type="text/calendar")]
                with pytest.raises(Fault) as caught:
                    await ask()
                blames.append(caught.value.blame)
        assert blames == [Blame.OBJECT, Blame.SERVER]

    async def test_report_of_very_many_objects_in_parts_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Fifty parts of the largest size would be held in memory together."""

        class Endless:
            parts = 0

            async def ask(self, *_: object, **__: object) -> Answer:
                self.parts += 1
                listing = tuple((f"/c/{self.parts}-{number}.ics", None) for number in range(10))
                return Answer(207, listing=listing, sync_token=str(self.parts), truncated=True)

        monkeypatch.setattr(remote_calendar, "_MOST_OBJECTS", 25)
        server = Endless()
        with pytest.raises(Fault, match="without an end"):
            await RemoteCalendar(server, "/c/").changes(None)
        assert server.parts == 3

    async def test_what_a_server_says_of_a_refusal_is_kept_short(self, server: ScriptedServer) -> None:
        names = "".join(f"<n{number}{'n' * 20_000}/>" for number in range(10))
        server.plays = [answering(403, f'<error xmlns="DAV:">{names}</error>'.encode(), Content_Type="application/xml")]
        async with DavServer(server.home.removesuffix("/home/")) as connections:
            calendar = RemoteCalendar(connections.session("user", "password"), "/home/c/")
            answer = await calendar.put("a.ics", b"x\r\n", match=None)
        assert answer.status == 403
        assert 0 < sum(map(len, answer.refusals)) < 500

    async def test_answer_to_a_write_has_little_to_tell(self, server: ScriptedServer) -> None:
        server.plays = [answering(201, b" " * (LARGEST_RECEIPT + 1))]
        async with DavServer(server.home.removesuffix("/home/")) as connections:
            calendar = RemoteCalendar(connections.session("user", "password"), "/home/c/")
            with pytest.raises(Fault, match="larger than"):
                await calendar.put("a.ics", b"x\r\n", match=None)

    @pytest.mark.parametrize(("method", "blame"), [("GET", Blame.OBJECT), ("PROPFIND", Blame.ACCOUNT)])
    async def test_object_that_is_too_large_keeps_no_other_of_the_account_waiting(
        self, server: ScriptedServer, method: str, blame: Blame
    ) -> None:
        server.plays = [answering(200, b" " * (LARGEST_ANSWER + 1))]
        async with DavServer(server.home.removesuffix("/home/")) as connections:
            with pytest.raises(Fault, match="larger than") as caught:
                await connections.session("user", "password").ask(method, "/home/c/a.ics")
        assert (caught.value.blame, caught.value.lasting) == (blame, True)

    async def test_unforeseen_fault_is_tried_again_later_and_keeps_no_other_waiting(
        self, sync: CalendarSync, worker: Fleet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def unforeseen(_: RemoteCalendar) -> None:
            raise TypeError

        await sync.tell(milipol(), workshop(1))
        monkeypatch.setattr(RemoteCalendar, "listing", unforeseen)
        await worker.round()
        (calendar,) = await sync.accounts.calendars(event_id=EVENT)
        assert calendar.attempts == 1
        assert calendar.due > sync.clock()
        monkeypatch.undo()
        await settle(sync, worker, rounds=3)
        assert len(await sync.objects(EVENT)) == 1
