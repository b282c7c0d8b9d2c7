"""Feeds over HTTP: what they hold, who may read them, and conditional requests."""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from icalendar import Calendar
from prometheus_client import REGISTRY

from services.calendar_sync import intake
from services.calendar_sync.domain import GRACE
from services.calendar_sync.feeds.batch import Batch
from shared.storage.mongo import AutoReconnect, Database
from tests.support.calendar_harness import CalendarSync, unfolded
from tests.support.calendar_samples import efus, milipol, registration, session, workshop

Client = TestClient[Any, Any]
MakeClient = Callable[..., Awaitable[Client]]


@pytest.fixture
async def sync(database: Database) -> CalendarSync:
    return await CalendarSync(database).prepare()


async def read(client: Client, path: str, **headers: str) -> tuple[ClientResponse, bytes]:
    response = await client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return response, await response.read()


PUBLIC = "/feeds/events/milipol-2019.ics"


async def test_event_s_feed_shows_every_session_and_no_link_to_join(
    sync: CalendarSync, aiohttp_client: MakeClient
) -> None:
    await sync.tell(milipol(), workshop(1, join_url="https://join.example/1"), workshop(2))
    client = await aiohttp_client(sync.app())
    response, body = await read(client, PUBLIC)
    text = unfolded(body)
    assert response.status == 200
    assert "UID:milipol-2019-workshop-1@lectern.test\n" in text
    assert "UID:milipol-2019-workshop-2@lectern.test\n" in text
    assert "join.example" not in text
    assert len(Calendar.from_ical(body).walk("VEVENT")) == 2


async def test_headers_are_those_that_calendar_programs_need(sync: CalendarSync, aiohttp_client: MakeClient) -> None:
    await sync.tell(milipol(), workshop())
    client = await aiohttp_client(sync.app())
    response, body = await read(client, PUBLIC, Accept="application/x-nothing", Accept_Encoding="identity")
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert response.headers["Cache-Control"] == "private, max-age=0, must-revalidate"
    assert response.headers["X-Robots-Tag"] == "noindex"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Content-Disposition"] == 'inline; filename="milipol-2019.ics"'
    assert response.headers["ETag"].startswith('"')
    assert response.headers["Last-Modified"] == "Tue, 01 Oct 2019 08:00:00 GMT"
    head = await client.head(PUBLIC, headers={"Accept-Encoding": "identity"})
    assert (head.status, head.headers["ETag"]) == (200, response.headers["ETag"])
    assert int(head.headers["Content-Length"]) == len(body)


async def test_poll_that_changes_nothing_gets_304_and_renders_nothing(
    sync: CalendarSync, aiohttp_client: MakeClient
) -> None:
    await sync.tell(milipol(), workshop())
    client = await aiohttp_client(sync.app())
    response, _ = await read(client, PUBLIC)
    before = REGISTRY.get_sample_value("lectern_calendar_entries_rendered_total")
    for header in (
        response.headers["ETag"],
        f"W/{response.headers['ETag']}",
        f'"other", {response.headers["ETag"]}',
        "*",
    ):
        again, body = await read(client, PUBLIC, If_None_Match=header)
        assert (again.status, body) == (304, b"")
        assert again.headers["ETag"] == response.headers["ETag"]
    assert REGISTRY.get_sample_value("lectern_calendar_entries_rendered_total") == before
    other, _ = await read(client, PUBLIC, If_None_Match='"other"', If_Modified_Since=response.headers["Last-Modified"])
    assert other.status == 200
    since, _ = await read(client, PUBLIC, If_Modified_Since=response.headers["Last-Modified"])
    assert since.status == 304
    older, _ = await read(client, PUBLIC, If_Modified_Since="Tue, 01 Oct 2019 07:59:59 GMT")
    assert older.status == 200


async def test_feed_is_the_same_bytes_after_a_restart(sync: CalendarSync, aiohttp_client: MakeClient) -> None:
    await sync.tell(milipol(), workshop())
    client = await aiohttp_client(sync.app())
    first, body = await read(client, PUBLIC)
    sync.clock.move(days=3)
    again = CalendarSync(sync.database, sync.clock)
    second, same = await read(await aiohttp_client(again.app()), PUBLIC)
    assert (second.headers["ETag"], same) == (first.headers["ETag"], body)


async def test_gzip_holds_the_same_feed_under_its_own_etag(sync: CalendarSync, aiohttp_client: MakeClient) -> None:
    await sync.tell(milipol(), workshop())
    client = await aiohttp_client(sync.app(), auto_decompress=False)
    plain, body = await read(client, PUBLIC, Accept_Encoding="identity")
    packed, zipped = await read(client, PUBLIC, Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped) == body
    assert packed.headers["ETag"] != plain.headers["ETag"]
    again, _ = await read(client, PUBLIC, Accept_Encoding="gzip", If_None_Match=packed.headers["ETag"])
    assert again.status == 304
    refused, _ = await read(client, PUBLIC, Accept_Encoding="gzip;q=0")
    assert "Content-Encoding" not in refused.headers


async def test_reschedule_keeps_the_uid_and_raises_the_sequence(sync: CalendarSync, aiohttp_client: MakeClient) -> None:
    await sync.tell(milipol(), workshop())
    client = await aiohttp_client(sync.app())
    first, _ = await read(client, PUBLIC)
    await sync.tell(workshop(revision=2, start="2019-11-20T16:00"))
    second, body = await read(client, PUBLIC, If_None_Match=first.headers["ETag"])
    text = unfolded(body)
    assert second.status == 200
    assert "UID:milipol-2019-workshop-1@lectern.test\n" in text
    assert "SEQUENCE:2\n" in text
    assert "DTSTART;TZID=Europe/Paris:20191120T160000\n" in text
    assert second.headers["Last-Modified"] == "Wed, 02 Oct 2019 08:00:00 GMT"


async def test_older_fact_that_comes_late_changes_nothing(sync: CalendarSync, aiohttp_client: MakeClient) -> None:
    await sync.tell(workshop(revision=2, start="2019-11-20T16:00"), milipol(), workshop(revision=1), milipol())
    _, body = await read(await aiohttp_client(sync.app()), PUBLIC)
    assert "SEQUENCE:2\n" in unfolded(body)
    assert await sync.store.version("milipol-2019") == 2


async def test_cancelled_session_is_shown_as_cancelled_and_then_leaves(
    sync: CalendarSync, aiohttp_client: MakeClient
) -> None:
    await sync.tell(milipol(), workshop(1), workshop(2, revision=2, status="cancelled"))
    client = await aiohttp_client(sync.app())
    first, body = await read(client, PUBLIC)
    assert "SUMMARY:Cancelled: Cooperation" in unfolded(body)
    assert "STATUS:CANCELLED\n" in unfolded(body)
    sync.clock.now = workshop(2, revision=2).published_at + GRACE
    second, later = await read(client, PUBLIC, If_None_Match=first.headers["ETag"])
    assert second.status == 200
    assert "workshop-2" not in unfolded(later)
    assert "workshop-1" in unfolded(later)
    assert second.headers["Last-Modified"] != first.headers["Last-Modified"]


async def test_french_feed_is_french_where_there_is_french(sync: CalendarSync, aiohttp_client: MakeClient) -> None:
    titles = {"en": "Fair use of AI", "fr": "Usage équitable de l’IA"}
    await sync.tell(
        efus(),
        session(
            "efus-2021-round-3-session-1", "2021-03-31", zone="Europe/Brussels", title={"en": "Security by design"}
        ),
        session("efus-2021-round-3-session-2", "2021-05-05T14:00", zone="Europe/Brussels", title=titles),
    )
    client = await aiohttp_client(sync.app())
    response, body = await read(client, "/feeds/events/efus-2021-round-3.ics?lang=fr")
    text = unfolded(body)
    assert response.headers["Content-Language"] == "fr"
    assert "X-WR-CALNAME:Innovation et sécurité urbaine : troisième cycle\n" in text
    assert "SUMMARY:Usage équitable de l’IA\n" in text
    assert "SUMMARY:Security by design" in text
    assert "DTSTART;VALUE=DATE:20210331\n" in text
    other, _ = await read(client, "/feeds/events/efus-2021-round-3.ics?lang=xx")
    assert other.headers["Content-Language"] == "en"


async def test_days_of_changing_clocks_are_right_in_helsinki_and_paris(
    sync: CalendarSync, aiohttp_client: MakeClient
) -> None:
    sessions = [
        session(f"efus-2021-round-3-session-{n}", f"2021-03-{day}T14:00", zone=zone)
        for n, (zone, day) in enumerate(((z, d) for z in ("Europe/Helsinki", "Europe/Paris") for d in (27, 28, 29)), 1)
    ]
    await sync.tell(efus(), *sessions)
    _, body = await read(await aiohttp_client(sync.app()), "/feeds/events/efus-2021-round-3.ics")
    unfolded(body)
    events = {str(event["UID"]).partition("@")[0]: event for event in Calendar.from_ical(body).walk("VEVENT")}
    for state in sessions:
        assert state.starts_at is not None
        assert events[state.id].decoded("DTSTART") == state.starts_at
        assert events[state.id].decoded("DTSTART").hour == 14


@pytest.mark.parametrize(
    "path", ["/feeds/events/nothing-here.ics", "/feeds/private/abcdefghijklmnopqrstuvwxyz234567.ics"]
)
async def test_unknown_address_is_404(sync: CalendarSync, aiohttp_client: MakeClient, path: str) -> None:
    response, _ = await read(await aiohttp_client(sync.app()), path)
    assert response.status == 404


class TestPersonalFeed:
    async def test_holds_the_confirmed_sessions_with_the_link_to_join(
        self, sync: CalendarSync, aiohttp_client: MakeClient
    ) -> None:
        chosen = {"milipol-2019-workshop-1": "confirmed", "milipol-2019-workshop-2": "waitlisted"}
        await sync.tell(
            milipol(),
            workshop(1, join_url="https://join.example/1"),
            workshop(2),
            workshop(3),
            registration("milipol-2019", chosen),
        )
        response, body = await read(await aiohttp_client(sync.app()), sync.feed_address("r1"))
        text = unfolded(body)
        assert response.status == 200
        assert "UID:milipol-2019-workshop-1.r1@lectern.test\n" in text
        assert text.count("BEGIN:VEVENT") == 1
        assert "CONFERENCE;FEATURE=VIDEO;LABEL=Join;VALUE=URI:https://join.example/1\n" in text
        assert "Ada" not in text

    async def test_follows_a_promotion(self, sync: CalendarSync, aiohttp_client: MakeClient) -> None:
        waiting = registration("milipol-2019", {"milipol-2019-workshop-1": "waitlisted"})
        await sync.tell(milipol(), workshop(1), waiting)
        client = await aiohttp_client(sync.app())
        first, body = await read(client, sync.feed_address("r1"))
        assert "BEGIN:VEVENT" not in unfolded(body)
        await sync.tell(registration("milipol-2019", {"milipol-2019-workshop-1": "confirmed"}, sequence=2), sequence=2)
        second, body = await read(client, sync.feed_address("r1"), If_None_Match=first.headers["ETag"])
        assert second.status == 200
        assert "BEGIN:VEVENT" in unfolded(body)

    async def test_comes_in_the_language_of_the_person(self, sync: CalendarSync, aiohttp_client: MakeClient) -> None:
        person = {"name": "Ada", "email": "ada@example.org", "language": "fr"}
        await sync.tell(efus(), registration("efus-2021-round-3", person=person))
        response, _ = await read(await aiohttp_client(sync.app()), sync.feed_address("r1"))
        assert response.headers["Content-Language"] == "fr"

    async def test_old_address_ends_when_the_link_is_renewed(
        self, sync: CalendarSync, aiohttp_client: MakeClient
    ) -> None:
        await sync.tell(milipol(), workshop(), registration("milipol-2019"))
        client = await aiohttp_client(sync.app())
        assert (await read(client, sync.feed_address("r1")))[0].status == 200
        await sync.tell(registration("milipol-2019", sequence=2, link_generation=2), sequence=2)
        assert (await read(client, sync.feed_address("r1", 1)))[0].status == 404
        assert (await read(client, sync.feed_address("r1", 2)))[0].status == 200

    @pytest.mark.parametrize(
        "seats",
        [
            {"state": "confirmed", "choice": "offered"},
            {"state": "confirmed", "choice": "pending", "held": True},
            {"state": "offered", "choice": "confirmed"},
            {"state": "pending", "choice": "confirmed", "held": True},
        ],
    )
    async def test_what_is_held_or_offered_is_not_in_it_and_tells_no_link_to_join(
        self, sync: CalendarSync, aiohttp_client: MakeClient, seats: dict[str, Any]
    ) -> None:
        chosen = {"milipol-2019-workshop-1": seats.pop("choice")}
        link = workshop(1, join_url="https://join.example/1")
        await sync.tell(milipol(), link, registration("milipol-2019", chosen, **seats))
        client = await aiohttp_client(sync.app())
        _, body = await read(client, sync.feed_address("r1"))
        assert "BEGIN:VEVENT" not in unfolded(body)
        assert "join.example" not in unfolded(body)
        confirmed = registration("milipol-2019", {"milipol-2019-workshop-1": "confirmed"}, sequence=2)
        await sync.tell(confirmed, sequence=2)
        _, body = await read(client, sync.feed_address("r1"))
        assert "https://join.example/1" in unfolded(body)

    @pytest.mark.parametrize("order", ["told, erased", "erased, told", "told, erased, told", "erased, told, erased"])
    async def test_is_gone_when_the_person_is_erased_and_does_not_come_back(
        self, sync: CalendarSync, aiohttp_client: MakeClient, order: str
    ) -> None:
        await sync.tell(milipol(), workshop())
        client = await aiohttp_client(sync.app())
        for fact in order.split(", "):
            if fact == "erased":
                await sync.erase()
                assert (await read(client, sync.feed_address("r1")))[0].status == 404
            else:
                await sync.tell(registration("milipol-2019", {"milipol-2019-workshop-1": "confirmed"}))
                await read(client, sync.feed_address("r1"))
        assert (await read(client, sync.feed_address("r1")))[0].status == 404
        assert await sync.database["registrations"].count_documents({}) == 0
        assert (await read(client, PUBLIC))[0].status == 200

    async def test_would_come_back_if_older_facts_were_not_ended(
        self, sync: CalendarSync, aiohttp_client: MakeClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(intake, "ENDED_BY_ERASURE", ())
        await sync.tell(milipol(), workshop())
        await sync.erase()
        await sync.tell(registration("milipol-2019"))
        response, _ = await read(await aiohttp_client(sync.app()), sync.feed_address("r1"))
        assert response.status == 200, "the control: the late fact brought the feed back"

    async def test_neither_token_nor_name_nor_mail_is_stored_or_logged(
        self, sync: CalendarSync, aiohttp_client: MakeClient, capsys: pytest.CaptureFixture[str]
    ) -> None:
        await sync.tell(milipol(), workshop(), registration("milipol-2019"))
        address = sync.feed_address("r1")
        client = await aiohttp_client(sync.app())
        response, _ = await read(client, address)
        assert response.status == 200
        await sync.store.wish("r1", feed_off=True)
        assert (await read(client, address))[0].status == 410, "what fails has a line in the log"
        stored = repr([document async for document in sync.database["registrations"].find({})])
        logged = capsys.readouterr().out
        assert "http_request" in logged
        token = address.rpartition("/")[2].removesuffix(".ics")
        for secret in (token, "Ada", "ada@example.org"):
            assert secret not in stored
            assert secret not in logged

    async def test_two_people_have_their_own_uids_and_one_rendering(
        self, sync: CalendarSync, aiohttp_client: MakeClient
    ) -> None:
        chosen = {"milipol-2019-workshop-1": "confirmed"}
        people = [registration("milipol-2019", chosen, id_=f"r{n}") for n in range(5)]
        await sync.tell(milipol(), workshop(1), *people)
        client = await aiohttp_client(sync.app())
        before = REGISTRY.get_sample_value("lectern_calendar_entries_rendered_total") or 0
        for person in people:
            _, body = await read(client, sync.feed_address(person.id))
            assert f"UID:milipol-2019-workshop-1.{person.id}@lectern.test\n" in unfolded(body)
        assert (REGISTRY.get_sample_value("lectern_calendar_entries_rendered_total") or 0) - before == 1


class TestDatabaseDown:
    async def test_last_known_feed_is_served(
        self, sync: CalendarSync, aiohttp_client: MakeClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await sync.tell(milipol(), workshop())
        client = await aiohttp_client(sync.app())
        first, body = await read(client, PUBLIC)
        monkeypatch.setattr(Batch, "ask", Mock(side_effect=AutoReconnect("down")))
        again, same = await read(client, PUBLIC)
        assert (again.status, same, again.headers["ETag"]) == (200, body, first.headers["ETag"])

    async def test_feed_never_served_before_asks_to_come_again(
        self, sync: CalendarSync, aiohttp_client: MakeClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The control: without a feed in memory there is nothing to fall back upon."""
        await sync.tell(milipol(), workshop())
        monkeypatch.setattr(Batch, "ask", Mock(side_effect=AutoReconnect("down")))
        response, _ = await read(await aiohttp_client(sync.app()), PUBLIC)
        assert (response.status, response.headers["Retry-After"]) == (503, "60")
