"""The feeds of tracks, rooms, series and persons: what stands in which, under which UIDs, and which addresses have ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from icalendar import Calendar
from prometheus_client import REGISTRY

from services.calendar_sync.domain import GRACE
from services.calendar_sync.feeds.memory import Memory
from shared.calendar.track import track_key
from shared.storage.mongo import Database
from tests.support.calendar_harness import unfolded
from tests.support.calendar_samples import efus, milipol, registration, session, workshop
from tests.support.feeds_harness import FeedsHarness

Client = TestClient[Any, Any]
MakeClient = Callable[..., Awaitable[Client]]

DATA = {"en": "Data & AI", "fr": "Données et IA"}
TRACK = f"/feeds/events/milipol-2019/tracks/{track_key(DATA, 'en')}.ics"
ROOM = "/feeds/events/milipol-2019/rooms/hall-4.ics"
SERIES = "/feeds/series/efus-2021.ics"
W1 = "milipol-2019-workshop-1"


@pytest.fixture
async def feeds(database: Database) -> FeedsHarness:
    return await FeedsHarness(database).prepare()


async def read(client: Client, path: str, **headers: str) -> tuple[ClientResponse, bytes]:
    response = await client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return response, await response.read()


def uids(body: bytes) -> list[str]:
    return [str(event["UID"]) for event in Calendar.from_ical(body).walk("VEVENT")]


def round_of(number: int, **changes: Any) -> Any:
    series = {"id": "efus-2021", "name": {"en": "Web conferences", "fr": "Conférences en ligne"}, "round": number}
    return efus(id=f"efus-2021-round-{number}", series=series, **changes)


class TestTracksAndRooms:
    async def test_hold_their_own_sessions_under_uids_of_their_own(
        self, feeds: FeedsHarness, aiohttp_client: MakeClient
    ) -> None:
        await feeds.tell(
            milipol(), workshop(1, tracks=[DATA], room_id="hall-4"), workshop(2, room_id="hall-4"), workshop(3)
        )
        client = await aiohttp_client(feeds.app())
        (_, track), (_, room) = await read(client, TRACK), await read(client, ROOM)
        assert "NAME:AI in law enforcement: practitioner workshops: Data & AI\n" in unfolded(track)
        assert "NAME:AI in law enforcement: practitioner workshops: Hall 4\n" in unfolded(room)
        assert [len(uids(track)), len(uids(room))] == [1, 2]
        _, event = await read(client, "/feeds/events/milipol-2019.ics")
        assert not {*uids(track)} & {*uids(room)}
        assert not {*uids(track), *uids(room)} & {*uids(event)}

    @pytest.mark.parametrize(
        "path",
        [
            "/feeds/events/milipol-2019/tracks/nothing.ics",
            "/feeds/events/milipol-2019/rooms/nothing.ics",
            "/feeds/events/nothing/rooms/hall-4.ics",
            "/feeds/series/nothing.ics",
        ],
    )
    async def test_unknown_one_is_404_in_plain_words(
        self, feeds: FeedsHarness, aiohttp_client: MakeClient, path: str
    ) -> None:
        await feeds.tell(milipol(), workshop(1, room_id="hall-4"))
        response, body = await read(await aiohttp_client(feeds.app()), path)
        assert response.status == 404
        assert b"There is no calendar at this address: no " in body

    async def test_session_that_moves_to_another_room_changes_both_rooms_by_time_as_well(
        self, feeds: FeedsHarness, aiohttp_client: MakeClient
    ) -> None:
        await feeds.tell(milipol(), workshop(1, room_id="hall-4"), workshop(2, room_id="hall-4"))
        client = await aiohttp_client(feeds.app())
        first, _ = await read(client, ROOM)
        await feeds.tell(workshop(2, revision=2, room_id="hall-5"))
        second, body = await read(client, ROOM, If_Modified_Since=first.headers["Last-Modified"])
        assert second.status == 200
        assert len(uids(body)) == 1

    async def test_track_whose_sessions_all_left_is_empty_and_not_unknown(
        self, feeds: FeedsHarness, aiohttp_client: MakeClient
    ) -> None:
        gone = workshop(1, revision=2, status="cancelled", tracks=[DATA])
        await feeds.tell(milipol(), gone)
        feeds.clock.now = gone.published_at + GRACE
        response, body = await read(await aiohttp_client(feeds.app()), TRACK)
        assert (response.status, uids(body)) == (200, [])
        assert unfolded(body)


class TestSeries:
    async def test_two_rounds_are_one_feed_with_one_vtimezone_for_each_zone(
        self, feeds: FeedsHarness, aiohttp_client: MakeClient
    ) -> None:
        await feeds.tell(round_of(3), round_of(4))
        await feeds.tell(
            session("efus-2021-round-3-session-1", "2021-03-31T14:00", zone="Europe/Brussels"),
            session("efus-2021-round-3-session-2", "2021-04-07T14:00", zone="Europe/Helsinki"),
            session("efus-2021-round-4-session-1", "2021-10-31T14:00", zone="Europe/Brussels"),
        )
        client = await aiohttp_client(feeds.app())
        response, body = await read(client, f"{SERIES}?lang=fr")
        text = unfolded(body)
        assert response.headers["Content-Language"] == "fr"
        assert response.headers["Content-Disposition"] == 'inline; filename="efus-2021.ics"'
        assert "NAME:Conférences en ligne\n" in text
        assert text.count("BEGIN:VTIMEZONE") == 2
        assert uids(body) == [
            "efus-2021-round-3-session-1@lectern.test",
            "efus-2021-round-3-session-2@lectern.test",
            "efus-2021-round-4-session-1@lectern.test",
        ]
        again, _ = await read(client, f"{SERIES}?lang=fr", If_None_Match=response.headers["ETag"])
        assert again.status == 304

    async def test_change_in_any_round_shows_and_a_round_that_leaves_is_gone(
        self, feeds: FeedsHarness, aiohttp_client: MakeClient
    ) -> None:
        await feeds.tell(round_of(3), round_of(4, revision=2), session("efus-2021-round-3-session-1", "2021-03-31"))
        client = await aiohttp_client(feeds.app())
        first, _ = await read(client, SERIES)
        await feeds.tell(session("efus-2021-round-4-session-1", "2021-10-31"))
        second, body = await read(client, SERIES, If_None_Match=first.headers["ETag"])
        assert (second.status, len(uids(body))) == (200, 2)
        await feeds.tell(efus(id="efus-2021-round-4", revision=3))
        third, body = await read(client, SERIES, If_Modified_Since=second.headers["Last-Modified"])
        assert (third.status, len(uids(body))) == (200, 1), "even for whoever asks by time alone"


class TestRestored:
    async def test_same_number_after_a_backup_was_put_back_is_another_agenda(
        self, feeds: FeedsHarness, aiohttp_client: MakeClient
    ) -> None:
        event = "/feeds/events/milipol-2019.ics"
        await feeds.tell(
            milipol(), workshop(1, 2, start="2019-11-20T15:00"), registration("milipol-2019", {W1: "confirmed"})
        )
        client = await aiohttp_client(feeds.app())
        for address in (event, feeds.address("r1")):
            assert b"20191120T150000" in (await read(client, address))[1]
        # Put back to the fact before; then another one comes, by another clock's moment.
        await feeds.database["agendas"].update_one({"_id": "milipol-2019"}, {"$inc": {"version": -1}})
        await feeds.database["sessions"].update_one({"_id": W1}, {"$set": {"revision": 1}})
        feeds.clock.move(minutes=1)
        await feeds.tell(workshop(1, 3, start="2019-11-20T16:00"))
        for address in (event, feeds.address("r1")):
            assert b"20191120T160000" in (await read(client, address))[1]


class TestPerson:
    @pytest.mark.parametrize(
        ("state", "words"),
        [("waitlisted", "(waiting list)"), ("offered", "(offered to you)"), ("pending", "(not confirmed yet)")],
    )
    async def test_sees_what_is_waited_for_as_tentative_where_that_is_wished(
        self, feeds: FeedsHarness, aiohttp_client: MakeClient, state: str, words: str
    ) -> None:
        link = workshop(1, join_url="https://join.example/1")
        await feeds.tell(milipol(), link, registration("milipol-2019", {W1: state}))
        client = await aiohttp_client(feeds.app())
        first, body = await read(client, feeds.address("r1"))
        assert uids(body) == []
        await feeds.store.wish("r1", show_waiting=True)
        second, body = await read(client, feeds.address("r1"), If_None_Match=first.headers["ETag"])
        text = unfolded(body)
        assert second.status == 200
        assert f"SUMMARY:Cooperation for high-quality datasets in Europe {words}\n" in text
        assert "STATUS:TENTATIVE\n" in text
        assert "TRANSP:TRANSPARENT\n" in text
        assert "join.example" not in text
        by_time, _ = await read(client, feeds.address("r1"), If_Modified_Since=first.headers["Last-Modified"])
        assert by_time.status == 200, "a wish changes no date of the registration"

    async def test_sees_both_of_two_changes_of_one_moment(
        self, feeds: FeedsHarness, aiohttp_client: MakeClient
    ) -> None:
        waiting = registration("milipol-2019", {W1: "waitlisted"})
        await feeds.tell(milipol(), workshop(1), waiting)
        client = await aiohttp_client(feeds.app())
        first, body = await read(client, feeds.address("r1"))
        assert uids(body) == []
        seated = registration("milipol-2019", {W1: "confirmed"})
        assert seated.changed_at == waiting.changed_at
        await feeds.tell(seated)
        second, body = await read(client, feeds.address("r1"), If_None_Match=first.headers["ETag"])
        assert (second.status, len(uids(body))) == (200, 1)

    async def test_sees_a_cancelled_session_that_was_waited_for_as_cancelled(
        self, feeds: FeedsHarness, aiohttp_client: MakeClient
    ) -> None:
        gone = workshop(1, revision=2, status="cancelled")
        await feeds.tell(milipol(), gone, registration("milipol-2019", {W1: "waitlisted"}))
        await feeds.store.wish("r1", show_waiting=True)
        _, body = await read(await aiohttp_client(feeds.app()), feeds.address("r1"))
        assert "STATUS:CANCELLED\n" in unfolded(body)

    async def test_old_address_is_gone_and_the_new_one_works(
        self, feeds: FeedsHarness, aiohttp_client: MakeClient
    ) -> None:
        await feeds.tell(milipol(), workshop(), registration("milipol-2019", {W1: "confirmed"}))
        client = await aiohttp_client(feeds.app())
        assert (await read(client, feeds.address("r1")))[0].status == 200
        await feeds.rotate("r1")
        old, words = await read(client, feeds.address("r1"))
        assert old.status == 410
        assert b"your private page has the address that works now" in words
        new, body = await read(client, feeds.address("r1", 1, 2))
        assert (new.status, len(uids(body))) == (200, 1)

    async def test_feed_that_was_ended_is_gone_until_it_is_wanted_again(
        self, feeds: FeedsHarness, aiohttp_client: MakeClient
    ) -> None:
        await feeds.tell(milipol(), workshop(), registration("milipol-2019", {W1: "confirmed"}))
        client = await aiohttp_client(feeds.app())
        first, _ = await read(client, feeds.address("r1"))
        await feeds.store.wish("r1", feed_off=True)
        for condition in ({}, {"If_None_Match": first.headers["ETag"]}):
            assert (await read(client, feeds.address("r1"), **condition))[0].status == 410
        await feeds.store.wish("r1", feed_off=False)
        assert (await read(client, feeds.address("r1")))[0].status == 200


class TestEveryFeed:
    async def test_is_the_same_bytes_and_etag_after_a_restart_and_when_its_bytes_were_forgotten(
        self, feeds: FeedsHarness, aiohttp_client: MakeClient
    ) -> None:
        await feeds.tell(
            milipol(), workshop(1, tracks=[DATA], room_id="hall-4"), registration("milipol-2019", {W1: "confirmed"})
        )
        await feeds.tell(
            round_of(3), session("efus-2021-round-3-session-1", "2021-03-31T14:00", zone="Europe/Brussels")
        )
        paths = (TRACK, ROOM, SERIES, feeds.address("r1"), "/feeds/events/milipol-2019.ics")
        before = [await read(await aiohttp_client(feeds.app()), path) for path in paths]
        feeds.clock.move(days=3)
        again = FeedsHarness(feeds.database, feeds.clock)
        again.feeds._memory = Memory(size=0)
        client = await aiohttp_client(again.app())
        for path, (first, body) in zip(paths, before, strict=True):
            second, same = await read(client, path)
            assert first.status == 200, path
            assert (second.headers["ETag"], second.headers["Last-Modified"], same) == (
                first.headers["ETag"],
                first.headers["Last-Modified"],
                body,
            )
            assert uids(body)
            assert unfolded(body)
            head = await client.head(path, headers={"If-None-Match": first.headers["ETag"]})
            assert head.status == 304

    async def test_change_within_the_same_second_is_seen_by_time_alone(
        self, feeds: FeedsHarness, aiohttp_client: MakeClient
    ) -> None:
        await feeds.tell(milipol(), workshop(1))
        client = await aiohttp_client(feeds.app())
        first, _ = await read(client, "/feeds/events/milipol-2019.ics")
        await feeds.tell(workshop(1, 2, published_at=workshop(1).published_at, start="2019-11-20T16:00"))
        second, body = await read(
            client, "/feeds/events/milipol-2019.ics", If_Modified_Since=first.headers["Last-Modified"]
        )
        assert (second.status, b"T160000" in body) == (200, True)

    async def test_reschedule_is_rendered_once_for_everybody(
        self, feeds: FeedsHarness, aiohttp_client: MakeClient
    ) -> None:
        people = [registration("milipol-2019", {W1: "confirmed"}, id_=f"r{n}") for n in range(20)]
        await feeds.tell(milipol(), workshop(1), *people)
        client = await aiohttp_client(feeds.app())
        for person in people:
            await read(client, feeds.address(person.id))
        before = REGISTRY.get_sample_value("lectern_calendar_entries_rendered_total") or 0
        await feeds.tell(workshop(1, 2, start="2019-11-20T16:00"))
        for person in people:
            assert b"T160000" in (await read(client, feeds.address(person.id)))[1]
        assert (REGISTRY.get_sample_value("lectern_calendar_entries_rendered_total") or 0) - before == 1
