"""A session that a person removes from a connected calendar frees the seat: after a grace time, and never by mistake."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.calendar_sync import declining
from services.calendar_sync.accounts_store import AccountState
from services.calendar_sync.connecting import Connecting
from services.calendar_sync.domain import Whose
from services.calendar_sync.fleet import Fleet
from shared.contracts.calendar_sync import ANSWER_NOTICED, CALENDAR_LOST
from shared.contracts.registration import REGISTRATION_CANCELLED
from tests.support.calendar_harness import CalendarSync
from tests.support.calendar_samples import milipol, registration, workshop
from tests.support.quirky import Quirks, QuirkyServer

EVENT = "milipol-2019"
IDS = [f"{EVENT}-workshop-{number}" for number in range(1, 5)]
ANSWERS: dict[str, Any] = {"admission": {"calendar_answers": True}}


@pytest.fixture
async def server() -> AsyncIterator[QuirkyServer]:
    async with QuirkyServer(Quirks()) as server:
        yield server


async def connected(sync: CalendarSync, server: QuirkyServer, *people: str, sessions: int = 4, **event: Any) -> Fleet:
    """The event's workshops, and people with a seat in each of them who connected their calendars."""
    await sync.tell(milipol(**({**ANSWERS, **event})), *(workshop(number) for number in range(1, sessions + 1)))
    for person in people or ("anna",):
        if person not in server.people:
            server.add_person(person)
        await sync.tell(registration(EVENT, dict.fromkeys(IDS[:sessions], "confirmed"), id_=person))
        await sync.connect_person(person, EVENT, server.home_url(person), "personal", person, "secret")
    fleet = sync.work()
    await fleet.round()
    return fleet


def name(session_id: str, person: str = "anna") -> str:
    return f"{session_id}-{person}.ics"


async def looks(sync: CalendarSync, fleet: Fleet, **time: float) -> None:
    """Time passes, and the calendars are looked at as they fall due."""
    end = sync.clock.now + timedelta(**time)
    while sync.clock.now < end:
        sync.clock.now = min(end, sync.clock.now + timedelta(minutes=11))
        await fleet.round()


async def told(sync: CalendarSync, type_: str) -> list[dict[str, Any]]:
    """The data of all messages of this type that left."""
    events = [json.loads(event["text"]) for event in await sync.told()]
    return [event["data"] for event in events if event["type"] == type_]


class TestAnswer:
    async def test_removed_session_is_noticed_at_once_and_freed_after_the_grace_time(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server)
        server.delete("anna", name(IDS[1]))
        await looks(sync, fleet, minutes=12)
        (notice,) = await told(sync, ANSWER_NOTICED)
        assert (notice["registration_id"], notice["sessions"]) == ("anna", [IDS[1]])
        assert notice["frees_at"] > notice["noticed_at"]
        assert await told(sync, REGISTRATION_CANCELLED) == []
        assert name(IDS[1]) not in server.names("anna")
        await looks(sync, fleet, minutes=70)
        (wish,) = await told(sync, REGISTRATION_CANCELLED)
        assert wish == {
            "event_id": EVENT,
            "registration_id": "anna",
            "sessions": [IDS[1]],
            "through": "calendar",
        }
        assert len(await told(sync, ANSWER_NOTICED)) == 1

    async def test_seat_that_is_given_up_leaves_nothing_to_remember(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server)
        server.delete("anna", name(IDS[1]))
        await looks(sync, fleet, minutes=90)
        seats = dict.fromkeys(IDS, "confirmed") | {IDS[1]: "cancelled"}
        await sync.tell(registration(EVENT, seats, id_="anna", sequence=2), sequence=2)
        await fleet.round()
        assert set(await sync.accounts.objects("person//anna")) == set(IDS) - {IDS[1]}
        # The seat is had again: it stands in the calendar again, and may be given up again.
        await sync.tell(registration(EVENT, dict.fromkeys(IDS, "confirmed"), id_="anna", sequence=3), sequence=3)
        await fleet.round()
        assert name(IDS[1]) in server.names("anna")
        server.delete("anna", name(IDS[1]))
        await looks(sync, fleet, minutes=12)
        assert len(await told(sync, ANSWER_NOTICED)) == 2
        assert len(await told(sync, REGISTRATION_CANCELLED)) == 1

    async def test_object_put_back_within_the_grace_time_keeps_the_seat(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server)
        body = server.calendar("anna").objects[name(IDS[1])].body
        server.delete("anna", name(IDS[1]))
        await looks(sync, fleet, minutes=12)
        server.put("anna", name(IDS[1]), body)
        await looks(sync, fleet, minutes=120)
        assert await told(sync, REGISTRATION_CANCELLED) == []
        assert server.uids("anna") == sorted(set(server.uids("anna")))

    async def test_control_without_the_second_look_the_seat_would_be_gone(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        sync.grace = timedelta(0)
        sync.tools = sync.make_tools()
        fleet = await connected(sync, server)
        body = server.calendar("anna").objects[name(IDS[1])].body
        server.delete("anna", name(IDS[1]))
        await looks(sync, fleet, minutes=24)
        server.put("anna", name(IDS[1]), body)
        await looks(sync, fleet, minutes=120)
        assert len(await told(sync, REGISTRATION_CANCELLED)) == 1

    async def test_session_declined_in_the_calendar_is_an_answer_too(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server)
        server.edit("anna", name(IDS[0]), lambda text: text.replace("\r\nSTATUS:CONFIRMED", "\r\nSTATUS:CANCELLED"))
        await looks(sync, fleet, minutes=100)
        assert [wish["sessions"] for wish in await told(sync, REGISTRATION_CANCELLED)] == [[IDS[0]]]

    async def test_last_session_counts_where_the_server_itself_tells_of_the_removal(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server, sessions=1)
        await looks(sync, fleet, minutes=12)  # from here on the server tells changes alone
        server.delete("anna", name(IDS[0]))
        await looks(sync, fleet, minutes=100)
        assert len(await told(sync, REGISTRATION_CANCELLED)) == 1

    async def test_object_is_written_again_where_registration_keeps_the_seat(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server)
        server.delete("anna", name(IDS[1]))
        await looks(sync, fleet, minutes=90)
        assert name(IDS[1]) not in server.names("anna")
        await looks(sync, fleet, minutes=90)
        assert name(IDS[1]) in server.names("anna")
        assert len(await told(sync, REGISTRATION_CANCELLED)) == 1


class TestNoAnswer:
    async def test_event_that_takes_no_answers_repairs_the_calendar(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server, admission={})
        server.delete("anna", name(IDS[1]))
        await looks(sync, fleet, minutes=120)
        assert name(IDS[1]) in server.names("anna")
        assert await told(sync, ANSWER_NOTICED) == []

    async def test_session_without_a_seat_of_its_own_is_written_again(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server, sessions=3)
        await sync.tell(workshop(4, by_choice=False))
        await fleet.round()
        server.delete("anna", name(IDS[3]))
        await looks(sync, fleet, minutes=12)
        assert name(IDS[3]) in server.names("anna")
        assert await told(sync, ANSWER_NOTICED) == []

    async def test_session_that_begins_within_the_grace_time_is_too_late_to_give_up(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server)
        starts = workshop(1).starts_at
        assert starts is not None
        sync.clock.now = starts - timedelta(minutes=30)
        server.delete("anna", name(IDS[0]))
        await fleet.round()
        assert await told(sync, ANSWER_NOTICED) == []
        assert name(IDS[0]) in server.names("anna")


class TestNeverByMistake:
    async def test_emptied_calendar_frees_nothing_is_filled_again_and_the_person_is_asked_once(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server)
        server.wipe("anna")
        await looks(sync, fleet, hours=6)
        (question,) = await told(sync, ANSWER_NOTICED)
        assert (sorted(question["sessions"]), question.get("frees_at")) == (IDS, None)
        assert await told(sync, REGISTRATION_CANCELLED) == []
        assert server.names("anna") == [name(id_) for id_ in IDS]

    async def test_control_without_the_threshold_every_seat_would_be_freed(
        self, sync: CalendarSync, server: QuirkyServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.calendar_sync.came_back.reading", lambda _: declining.Reading.ANSWER)
        fleet = await connected(sync, server)
        server.wipe("anna")
        await looks(sync, fleet, hours=2)
        assert [sorted(wish["sessions"]) for wish in await told(sync, REGISTRATION_CANCELLED)] == [IDS]

    async def test_server_that_lists_nothing_for_hours_frees_nothing_and_gets_no_second_copy(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server)
        server.quirks.lists_nothing = True
        await looks(sync, fleet, hours=6)
        server.quirks.lists_nothing = False
        await looks(sync, fleet, hours=1)
        assert await told(sync, REGISTRATION_CANCELLED) == []
        assert server.names("anna") == [name(id_) for id_ in IDS]

    async def test_only_session_of_a_server_that_tells_no_changes_is_asked_about(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        server.quirks.no_sync_collection = True
        fleet = await connected(sync, server, sessions=1)
        server.delete("anna", name(IDS[0]))
        await looks(sync, fleet, hours=3)
        assert [notice.get("frees_at") for notice in await told(sync, ANSWER_NOTICED)] == [None]
        assert await told(sync, REGISTRATION_CANCELLED) == []

    @pytest.mark.parametrize("accident", ["lost", "restored"])
    async def test_server_that_loses_one_object_of_everybody_frees_no_seat(
        self, sync: CalendarSync, server: QuirkyServer, accident: str
    ) -> None:
        people = [f"person-{number}" for number in range(6)]
        fleet = await connected(sync, server, *people)
        if accident == "restored":
            backup = server.backup()
            await sync.tell(workshop(1, revision=2))
            await fleet.round()
            for person in people:
                server.delete(person, name(IDS[3], person))
            server.restore(backup)
            for person in people:
                server.delete(person, name(IDS[2], person))
        else:
            for person in people:
                server.delete(person, name(IDS[2], person))
        await looks(sync, fleet, hours=6)
        freed = await told(sync, REGISTRATION_CANCELLED)
        assert freed == []
        for person in people:
            assert server.names(person) == sorted(name(id_, person) for id_ in IDS)

    async def test_removed_calendar_frees_nothing_and_its_person_is_told(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server)
        server.remove_calendar("anna")
        await looks(sync, fleet, hours=4)
        assert await told(sync, REGISTRATION_CANCELLED) == []
        assert [lost["reason"] for lost in await told(sync, CALENDAR_LOST)] == ["calendar"]
        (account,) = await sync.accounts.accounts_of("anna")
        assert account.state is AccountState.LOST

    @pytest.mark.parametrize("answers", [True, False])
    async def test_session_moved_to_another_calendar_of_the_account_is_left_there(
        self, sync: CalendarSync, server: QuirkyServer, answers: bool
    ) -> None:
        server.add_person("anna", calendars=("personal", "family"))
        fleet = await connected(sync, server, admission={"calendar_answers": answers})
        body = server.calendar("anna").objects[name(IDS[1])].body
        server.delete("anna", name(IDS[1]))
        server.put("anna", name(IDS[1]), body, "family")
        await looks(sync, fleet, hours=3)
        assert await told(sync, ANSWER_NOTICED) == []
        assert await told(sync, REGISTRATION_CANCELLED) == []
        assert server.uids("anna") == sorted(set(server.uids("anna")))
        assert server.names("anna", "family") == [name(IDS[1])]
        # What has changed is written where the person put it.
        await sync.tell(workshop(2, revision=2))
        await looks(sync, fleet, minutes=12)
        assert "SEQUENCE:2\n" in server.text("anna", name(IDS[1]), "family")
        assert name(IDS[1]) not in server.names("anna")
        assert await told(sync, ANSWER_NOTICED) == []

    async def test_calendar_that_vanishes_during_the_grace_time_frees_nothing(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server)
        server.delete("anna", name(IDS[1]))
        await looks(sync, fleet, minutes=12)
        server.remove_calendar("anna")
        await looks(sync, fleet, hours=4)
        assert await told(sync, REGISTRATION_CANCELLED) == []

    async def test_refused_password_frees_nothing_is_tried_seldom_and_told_once(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server)
        server.change_password("anna", "another")
        asked = len(server.requests)
        await looks(sync, fleet, hours=30)
        assert await told(sync, REGISTRATION_CANCELLED) == []
        assert [lost["reason"] for lost in await told(sync, CALENDAR_LOST)] == ["password"]
        assert len(server.requests) - asked < 12

    async def test_calendar_that_is_emptied_little_by_little_frees_nothing(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server)
        server.delete("anna", name(IDS[0]))
        await looks(sync, fleet, minutes=11)
        for id_ in IDS[1:]:
            server.delete("anna", name(id_))
        await looks(sync, fleet, hours=6)
        assert await told(sync, REGISTRATION_CANCELLED) == []
        assert server.names("anna") == [name(id_) for id_ in IDS]
        clear, question = await told(sync, ANSWER_NOTICED)  # who was told that a seat goes is told that it does not
        assert (clear["sessions"], sorted(question["sessions"])) == ([IDS[0]], IDS)

    async def test_server_restored_during_a_long_grace_time_frees_nothing(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        sync.grace = timedelta(hours=24)
        sync.tools = sync.make_tools()
        people = [f"person-{number}" for number in range(6)]
        fleet = await connected(sync, server, *people)
        for person in people:
            server.delete(person, name(IDS[2], person))
        await looks(sync, fleet, hours=26)
        assert await told(sync, REGISTRATION_CANCELLED) == []

    async def test_server_that_lists_nothing_when_the_time_is_over_frees_nothing(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server)
        server.delete("anna", name(IDS[1]))
        await looks(sync, fleet, minutes=12)
        server.quirks.lists_nothing = True
        await looks(sync, fleet, hours=4)
        assert await told(sync, REGISTRATION_CANCELLED) == []

    @pytest.mark.parametrize("after", [0, 12], ids=["between two looks", "within the grace time"])
    async def test_object_put_back_under_another_name_keeps_the_seat(
        self, sync: CalendarSync, server: QuirkyServer, after: int
    ) -> None:
        fleet = await connected(sync, server)
        body = server.calendar("anna").objects[name(IDS[1])].body
        server.delete("anna", name(IDS[1]))
        await looks(sync, fleet, minutes=after)
        server.put("anna", "taken-back.ics", body)
        await looks(sync, fleet, hours=4)
        assert await told(sync, REGISTRATION_CANCELLED) == []
        assert len(await told(sync, ANSWER_NOTICED)) == (1 if after else 0)
        assert server.uids("anna") == sorted(set(server.uids("anna")))

    async def test_seat_that_is_taken_again_meanwhile_is_kept(self, sync: CalendarSync, server: QuirkyServer) -> None:
        fleet = await connected(sync, server)
        server.delete("anna", name(IDS[1]))
        await looks(sync, fleet, minutes=12)
        for sequence, state in ((2, "cancelled"), (3, "confirmed")):  # both before the server is asked again
            seats = dict.fromkeys(IDS, "confirmed") | {IDS[1]: state}
            await sync.tell(registration(EVENT, seats, id_="anna", sequence=sequence), sequence=sequence)
        await looks(sync, fleet, hours=3)
        assert await told(sync, REGISTRATION_CANCELLED) == []
        assert name(IDS[1]) in server.names("anna")

    async def test_grace_time_begins_when_the_person_is_told(self, sync: CalendarSync) -> None:
        noticed = sync.clock.now
        sync.clock.move(days=2)
        await sync.tools.answering.notice(Whose("anna", EVENT), [IDS[0]], noticed, clear=True)
        notices = await sync.tools.answering.notices("anna")
        assert notices[IDS[0]].frees_at == sync.clock.now + sync.grace


def cancelled(text: str) -> str:
    return text.replace("\r\nSTATUS:CONFIRMED", "\r\nSTATUS:CANCELLED")


class TestDeclinedInTheCalendar:
    async def test_many_declined_at_one_look_free_nothing_and_the_person_is_asked(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server)
        for id_ in IDS:
            server.edit("anna", name(id_), cancelled)
        await looks(sync, fleet, hours=4)
        assert await told(sync, REGISTRATION_CANCELLED) == []
        (question,) = await told(sync, ANSWER_NOTICED)
        assert (sorted(question["sessions"]), question.get("frees_at")) == (IDS, None)
        assert all("\nSTATUS:CONFIRMED" in text for text in server.objects("anna").values())

    async def test_seat_that_is_kept_stays_although_the_object_said_no(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server)
        server.edit("anna", name(IDS[0]), cancelled)
        await looks(sync, fleet, minutes=12)
        person = await sync.store.person("anna")
        assert person is not None
        await Connecting(sync.tools, fleet.wake).keep(person, IDS[0])
        await looks(sync, fleet, hours=4)
        assert await told(sync, REGISTRATION_CANCELLED) == []
        assert len(await told(sync, ANSWER_NOTICED)) == 1
        assert "\nSTATUS:CONFIRMED" in server.text("anna", name(IDS[0]))
        server.edit("anna", name(IDS[0]), cancelled)  # and may be declined again
        await looks(sync, fleet, hours=2)
        assert len(await told(sync, REGISTRATION_CANCELLED)) == 1

    async def test_registration_that_keeps_the_seat_is_asked_once(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server)
        server.edit("anna", name(IDS[0]), cancelled)
        await looks(sync, fleet, hours=8)
        assert len(await told(sync, REGISTRATION_CANCELLED)) == 1
        assert "\nSTATUS:CONFIRMED" in server.text("anna", name(IDS[0]))

    async def test_guest_of_the_person_who_declines_frees_nothing(
        self, sync: CalendarSync, server: QuirkyServer
    ) -> None:
        fleet = await connected(sync, server)
        guest = "ORGANIZER:mailto:anna@example.org\r\nATTENDEE;PARTSTAT=DECLINED:mailto:guest@example.org\r\nEND:VEVENT"
        server.edit("anna", name(IDS[0]), lambda text: text.replace("END:VEVENT", guest))
        await looks(sync, fleet, hours=3)
        assert await told(sync, ANSWER_NOTICED) == []


async def test_accounts_of_an_event_that_is_long_over_are_forgotten_and_the_calendar_keeps_what_it_has(
    sync: CalendarSync, server: QuirkyServer
) -> None:
    fleet = await connected(sync, server)
    sync.clock.now = datetime(2019, 12, 20, 12, tzinfo=UTC)  # thirty days after the 20th of November
    assert await fleet.swept() == 0
    sync.clock.move(days=1)
    assert await fleet.swept() == 1
    assert await sync.accounts.all_accounts() == []
    assert server.names("anna") == [name(id_) for id_ in IDS]
