"""What must hold on every CalDAV server; the tests do not know which one they meet."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from services.calendar_sync import accounts_store, store
from services.calendar_sync.domain import GRACE
from services.calendar_sync.following import Following
from shared.storage.inbox import INBOX
from shared.storage.lease import LEASES
from shared.storage.ledger import LEDGERS, OUTBOX
from shared.storage.mongo import Database, Mongo
from tests.behaviour.calendar_kit import EVENT, LUNCH, Desk, Entry, Place, watched_sync
from tests.support.calendar_samples import milipol, workshop

NOT_STORED = ("METHOD", "ORGANIZER", "ATTENDEE")
CHECK = timedelta(minutes=11)
COLLECTIONS = [one.name for one in (*store.COLLECTIONS, *accounts_store.COLLECTIONS, INBOX, LEASES, LEDGERS, OUTBOX)]


class CalendarLife:
    """The whole life of a calendar. Inherited for each server, which gives the fixture `place`."""

    @pytest.fixture(scope="class")
    def prefix(self, mongo_uri: str) -> Iterator[str]:
        """One database for all tests of the class: making one takes longer than a test."""
        name = f"t{secrets.token_hex(6)}"
        yield name
        asyncio.run(_dropped(mongo_uri, name))

    @pytest.fixture
    async def database(self, mongo_uri: str, prefix: str) -> AsyncIterator[Database]:
        mongo = Mongo(mongo_uri, prefix)
        database = mongo.database("test")
        for collection in COLLECTIONS:
            await database[collection].delete_many({})
        yield database
        mongo.close()

    @pytest.fixture(params=["shared", "personal"])
    def whose(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    async def desk(self, database: Database, place: Place, whose: str) -> AsyncIterator[Desk]:
        """Two workshops written, somebody's lunch beside them; afterwards what holds at all times is looked at."""
        desk = Desk(await watched_sync(database), place, whose == "personal")
        await desk.connect()
        await desk.tell(milipol(), *desk.choices(1, 2))
        await desk.settle()
        await place.put(desk.calendar, "lunch.ics", LUNCH)
        lunch = (await desk.entries())["lunch.ics"]
        await desk.tell(workshop(1), workshop(2))
        await desk.settle()
        yield desk
        await looked_over(desk, lunch)
        await desk.sync.close()

    async def test_whole_life_of_a_calendar(self, desk: Desk) -> None:
        """Rescheduled, changed and removed by somebody, an answer lost, cancelled, gone; each time all comes right."""
        await desk.tell(workshop(1, revision=2, start="2019-11-20T16:00"))
        await desk.settle()
        await desk.edit(1, lambda text: text.replace("T160000", "T120000"))
        await desk.place.delete(desk.calendar, desk.name(2))
        desk.sync.clock.now += CHECK
        await desk.settle()
        assert "T160000" in await desk.text(1)
        assert "T104000" in await desk.text(2)
        desk.wire.lost.append(("PUT", desk.name(1)))
        await desk.tell(workshop(1, revision=3, start="2019-11-20T15:00"), workshop(2, revision=2, status="cancelled"))
        await desk.settle()
        assert "T150000" in await desk.text(1)
        assert "STATUS:CANCELLED\n" in await desk.text(2)
        desk.sync.clock.move(days=60)
        await desk.settle()
        assert sorted(await desk.ours()) == [desk.name(1)]
        desk.sync.clock.now += CHECK
        desk.wire.asked.clear()
        await desk.settle()
        assert [one for one in desk.wire.asked if one.writes] == []


class CalendarSuite(CalendarLife):
    """Each behaviour by itself."""

    async def test_each_session_is_written_once(self, desk: Desk) -> None:
        assert sorted(await desk.ours()) == [desk.name(1), desk.name(2)]
        assert "T104000" in await desk.text(2)
        for _ in range(3):
            await desk.tell(milipol(revision=2))
            await desk.settle()
        assert sorted(await desk.ours()) == [desk.name(1), desk.name(2)]
        assert all(one.there and not one.look for one in (await desk.known()).values())

    async def test_nothing_is_asked_for_what_is_equal(self, desk: Desk) -> None:
        await desk.settle()
        desk.wire.asked.clear()
        await desk.tell(milipol(revision=2))
        await desk.work()
        assert desk.wire.asked == []
        profile = (await desk.kept()).profile
        assert profile is not None
        desk.sync.clock.now += CHECK
        await desk.work()
        assert [one for one in desk.wire.asked if one.writes] == []
        if not profile.etags_reused and profile.strong_etags:
            assert [one.method for one in desk.wire.asked] in (["PROPFIND"], ["REPORT"])

    async def test_reschedule_keeps_the_uid_and_raises_the_sequence(self, desk: Desk) -> None:
        for revision in range(2, 6):
            await desk.tell(workshop(1, revision=revision, start=f"2019-11-20T{10 + revision}:30"))
        desk.wire.asked.clear()
        await desk.work()
        text = await desk.text(1)
        assert "SEQUENCE:5\n" in text
        assert "T153000" in text
        assert len(desk.wire.of("PUT")) == 1
        assert len(await desk.ours()) == 2

    async def test_cancelled_session_is_shown_and_vanishes_after_its_grace(self, desk: Desk) -> None:
        gone = workshop(1, revision=2, status="cancelled")
        await desk.tell(gone)
        await desk.work()
        text = await desk.text(1)
        assert "STATUS:CANCELLED\n" in text
        assert "TRANSP:TRANSPARENT\n" in text
        desk.sync.clock.now = gone.published_at + GRACE - timedelta(seconds=1)
        await desk.work()
        assert len(await desk.ours()) == 2
        desk.sync.clock.now = gone.published_at + GRACE
        await desk.settle()
        assert sorted(await desk.ours()) == [desk.name(2)]

    async def test_seat_given_up_takes_its_entry_away(self, desk: Desk) -> None:
        if not desk.personal:
            return
        await desk.tell(*desk.choices(2, sequence=2), sequence=2)
        await desk.settle()
        assert sorted(await desk.ours()) == [desk.name(2)]
        await desk.tell(*desk.choices(1, 2, sequence=3), sequence=3)
        await desk.settle()
        assert sorted(await desk.ours()) == [desk.name(1), desk.name(2)]

    @pytest.mark.parametrize("lost", ["first", "change", "removal"])
    async def test_lost_answer_is_settled(self, desk: Desk, lost: str) -> None:
        number = 3 if lost == "first" else 1
        desk.wire.lost.append(("DELETE" if lost == "removal" else "PUT", desk.name(number)))
        desk.wire.asked.clear()
        if lost == "first":
            await desk.tell(*desk.choices(1, 2, 3, sequence=2), sequence=2)
        changes = {"status": "cancelled"} if lost == "removal" else {"start": "2019-11-20T16:00"}
        told = workshop(number, revision=2, **changes)
        await desk.tell(told)
        if lost == "removal":
            await desk.settle()
            desk.sync.clock.now = told.published_at + GRACE
        desk.wire.asked.clear()
        await desk.settle()
        assert desk.wire.lost == []
        if lost == "removal":
            assert sorted(await desk.ours()) == [desk.name(2)]
        else:
            assert "T160000" in await desk.text(number)
            profile = (await desk.kept()).profile
            assert profile is not None
            # Where our revision is dropped, nothing proves that what stands there is the newest.
            assert len(desk.wire.of("PUT")) <= (1 if profile.keeps_unknown else 2), (
                "what was stored is not written again"
            )
        assert not any(one.look for one in (await desk.known()).values())

    async def test_what_somebody_changed_or_removed_is_set_right(self, desk: Desk) -> None:
        await desk.edit(1, lambda text: text.replace("T094000", "T120000"))
        await desk.place.delete(desk.calendar, desk.name(2))
        desk.sync.clock.now += CHECK
        await desk.settle()
        assert "T094000" in await desk.text(1)
        assert "T104000" in await desk.text(2)

    async def test_change_of_ours_that_meets_somebody_s_change_wins(self, desk: Desk) -> None:
        await desk.edit(1, lambda text: text.replace("T094000", "T120000"))
        await desk.tell(workshop(1, revision=2, start="2019-11-20T16:00"))
        await desk.settle()
        text = await desk.text(1)
        assert "20191120T160000" in text
        assert "SEQUENCE:2\n" in text

    async def test_what_a_person_added_survives_a_reschedule(self, desk: Desk) -> None:
        alarm = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT15M\r\nDESCRIPTION:soon\r\nEND:VALARM\r\nEND:VEVENT"
        await desk.edit(1, lambda text: _noted(text.replace("END:VEVENT", f"COLOR:teal\r\n{alarm}")))
        desk.sync.clock.now += CHECK
        await desk.settle()
        await desk.tell(workshop(1, revision=2, start="2019-11-20T16:00"))
        await desk.settle()
        text = await desk.text(1)
        assert "20191120T160000" in text
        assert (text.count("ask her first"), text.count("bring the charger")) == (1, 1)
        assert "COLOR:teal\n" in text
        profile = (await desk.kept()).profile
        assert profile is not None
        if profile.keeps_unknown:
            assert "TRIGGER:-PT15M\n" in text

    @pytest.mark.parametrize("whose", ["personal"])
    @pytest.mark.parametrize("end", ["cancelled", "given up", "disconnected"])
    async def test_follows_what_a_person_moved(self, desk: Desk, end: str) -> None:
        other = await desk.move_away(1, "family")
        desk.sync.clock.now += CHECK
        await desk.settle()
        assert sorted(await desk.ours()) == [desk.name(2)]
        assert await desk.place.entries("family") == other
        for revision in (2, 3):
            await desk.tell(workshop(1, revision=revision, start=f"2019-11-20T1{revision}:30"))
            await desk.settle()
            (text,) = [one.text for one in (await desk.place.entries("family")).values()]
            assert f"T1{revision}3000" in text
            assert "COLOR:teal\n" in text
            assert sorted(await desk.ours()) == [desk.name(2)], "nothing is written in the connected calendar"
        if end == "cancelled":
            gone = workshop(1, revision=4, status="cancelled")
            await desk.tell(gone)
            await desk.settle()
            (text,) = [one.text for one in (await desk.place.entries("family")).values()]
            assert "STATUS:CANCELLED\n" in text
            desk.sync.clock.now = gone.published_at + GRACE
        elif end == "given up":
            await desk.tell(*desk.choices(2, sequence=2), sequence=2)
        else:
            now = desk.sync.clock()
            await desk.sync.accounts.leave("r1", now + timedelta(days=7), now)
        await desk.settle()
        assert await desk.place.entries("family") == {}
        assert sorted(await desk.ours()) == ([] if end == "disconnected" else [desk.name(2)])

    @pytest.mark.parametrize("whose", ["personal"])
    async def test_control_without_following_a_moved_copy_stays_stale(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def not_followed(*_: object) -> None:
            return None

        monkeypatch.setattr(Following, "_followed", not_followed)
        other = await desk.move_away(1, "family")
        desk.sync.clock.now += CHECK
        await desk.settle()
        await desk.tell(workshop(1, revision=2, start="2019-11-20T16:00"))
        await desk.settle()
        assert await desk.place.entries("family") == other
        assert "T160000" not in str(other)

    async def test_foreign_object_at_our_address_stays(self, desk: Desk) -> None:
        theirs = LUNCH.replace("lunch@example.org", "dinner@example.org")
        await desk.place.put(desk.calendar, desk.name(3), theirs)
        before = (await desk.entries())[desk.name(3)]
        await desk.tell(*desk.choices(1, 2, 3, sequence=2), sequence=2)
        await desk.tell(workshop(3))
        await desk.settle()
        await desk.tell(workshop(3, revision=2, start="2019-11-20T16:00"))
        await desk.settle()
        assert (await desk.entries())[desk.name(3)] == before
        assert "T160000" in await desk.text(3)

    async def test_lost_memory_ends_in_no_duplicates(self, desk: Desk) -> None:
        """The process died after its writes, or the database is an older one; one entry has another name by now."""
        ours = (await desk.entries())[desk.name(1)]
        await desk.place.delete(desk.calendar, desk.name(1))
        await desk.place.put(desk.calendar, "renamed.ics", ours.body.decode())
        for number in (1, 2):
            await desk.sync.accounts.forget_object(desk.id, f"{EVENT}-workshop-{number}")
        await desk.tell(workshop(1, revision=2, start="2019-11-20T16:00"))
        await desk.settle()
        assert "T160000" in await desk.text(1)
        assert "T104000" in await desk.text(2)
        assert sorted(await desk.ours()) == [desk.name(2), "renamed.ics"]

    async def test_disconnected_person_keeps_nothing_of_ours(self, desk: Desk) -> None:
        if not desk.personal:
            return
        now = desk.sync.clock()
        assert await desk.sync.accounts.leave("r1", now + timedelta(days=7), now) == 1
        await desk.settle()
        assert sorted(await desk.entries()) == ["lunch.ics"]
        assert await desk.sync.accounts.accounts_of("r1") == []
        assert await desk.sync.accounts.calendars() == []
        assert await desk.known() == {}


async def _dropped(mongo_uri: str, prefix: str) -> None:
    mongo = Mongo(mongo_uri, prefix)
    await mongo.database("test").drop()
    mongo.close()


async def looked_over(desk: Desk, lunch: Entry) -> None:
    """What holds whatever happens: nobody else's entry touched, no UID twice, no write without a condition, no mail."""
    entries = await desk.entries()
    assert entries["lunch.ics"] == lunch
    uids = [one.uid for one in entries.values()]
    assert sorted(uids) == sorted(set(uids))
    assert not any("lunch" in one.path for one in desk.wire.asked)
    for one in desk.wire.asked:
        # The probe looks what an entry of its own does; all else is written under a condition.
        if one.writes and "lectern-test-" not in one.path:
            assert "If-Match" in one.headers or one.headers.get("If-None-Match") == "*", one
        if one.method == "PUT":
            assert not any(f"\n{name}" in one.body.decode() for name in NOT_STORED), one
    assert desk.place.mailed() == []
    assert not any("lectern-test-" in name for name in entries)


def _noted(text: str) -> str:
    """A person writes notes before and behind our description."""
    lines = text.split("\r\n")
    return "\r\n".join(
        line.replace(":", ":ask her first\\n\\n", 1) + "\\n\\nbring the charger"
        if line.startswith("DESCRIPTION") and "soon" not in line
        else line
        for line in lines
    )
