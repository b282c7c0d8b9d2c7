"""Sessions that a person moved to another calendar of the connected account: brought right there, and no seat lost by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.calendar_sync.fleet import Fleet
from services.calendar_sync.following import Following
from services.calendar_sync.reconciler import Known
from shared.contracts.calendar_sync import ANSWER_NOTICED
from shared.contracts.registration import REGISTRATION_CANCELLED
from tests.integration.test_answers_come_back import EVENT, IDS, connected, looks, name, told
from tests.support.calendar_harness import CalendarSync
from tests.support.calendar_samples import registration, workshop
from tests.support.quirky import ALWAYS, PRESETS, Quirks, QuirkyServer, cyrus, plays

ID = IDS[1]
"""Of workshop 2, which is moved."""
LATER = {"start": "2019-11-20T16:00"}


@pytest.fixture
async def server() -> AsyncIterator[QuirkyServer]:
    async with QuirkyServer(Quirks()) as server:
        yield server


def move(server: QuirkyServer, to: str = "family", *, under: str = name(ID)) -> str:
    """The person's program puts the entry into another calendar and takes it out of ours. Returns its text."""
    held = server.held("anna", name(ID))
    server.put("anna", under, held.body, to)
    server.delete("anna", name(ID))
    return held.text


async def moved(sync: CalendarSync, server: QuirkyServer, **event: Any) -> Fleet:
    """A connected calendar, one of its four sessions moved, and that noticed."""
    server.add_person("anna", calendars=("personal", "family", "work"))
    fleet = await connected(sync, server, **event)
    move(server)
    await looks(sync, fleet, minutes=12)
    assert (await known(sync))[ID].elsewhere is not None
    return fleet


async def known(sync: CalendarSync) -> dict[str, Known]:
    return await sync.accounts.objects("person//anna")


async def seats(sync: CalendarSync, fleet: Fleet, **states: str) -> None:
    """The person's registration changes."""
    choices = dict.fromkeys(IDS, "confirmed") | {IDS[int(n[1:]) - 1]: state for n, state in states.items()}
    await sync.tell(registration(EVENT, choices, id_="anna", sequence=2), sequence=2)
    await fleet.round()


async def nothing_answered(sync: CalendarSync) -> None:
    assert await told(sync, ANSWER_NOTICED) == []
    assert await told(sync, REGISTRATION_CANCELLED) == []


async def disconnected(sync: CalendarSync, fleet: Fleet) -> None:
    now = sync.clock()
    await sync.accounts.leave("anna", now + timedelta(days=7), now)
    await fleet.round()
    assert await sync.accounts.accounts_of("anna") == []


@pytest.mark.parametrize("preset", ["plain", "sogo", "cyrus", "google"])
async def test_moved_session_is_rescheduled_where_it_stands(sync: CalendarSync, preset: str) -> None:
    async with QuirkyServer(PRESETS[preset]()) as server:
        fleet = await moved(sync, server)
        server.edit("anna", name(ID), lambda text: text.replace("END:VEVENT", "COLOR:teal\r\nEND:VEVENT"), "family")
        for revision in (2, 3):
            await sync.tell(workshop(2, revision=revision, start=f"2019-11-20T1{revision}:30"))
            await looks(sync, fleet, minutes=12)
            text = server.text("anna", name(ID), "family")
            assert f"T1{revision}3000" in text
            assert f"SEQUENCE:{revision}\n" in text
            assert "COLOR:teal\n" in text
            assert name(ID) not in server.names("anna")
        assert server.uids("anna") == sorted(set(server.uids("anna")))
        for asked in server.asked("PUT", "DELETE"):
            assert "If-Match" in asked.headers or "If-None-Match" in asked.headers or "lectern-test" in asked.path
        await nothing_answered(sync)


async def test_control_without_following_the_moved_copy_stays_stale(
    sync: CalendarSync, server: QuirkyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_followed(*_: object) -> None:
        return None

    monkeypatch.setattr(Following, "_followed", not_followed)
    fleet = await moved(sync, server)
    await sync.tell(workshop(2, revision=2, **LATER))
    await looks(sync, fleet, minutes=12)
    assert "T104000" in server.text("anna", name(ID), "family")
    assert "T160000" in server.text("anna", name(ID))
    assert len(server.uids("anna")) == len(set(server.uids("anna"))) + 1


async def test_moved_session_is_cancelled_and_vanishes_where_it_stands(
    sync: CalendarSync, server: QuirkyServer
) -> None:
    fleet = await moved(sync, server)
    gone = workshop(2, revision=2, status="cancelled")
    await sync.tell(gone)
    await looks(sync, fleet, minutes=12)
    assert "STATUS:CANCELLED" in server.text("anna", name(ID), "family")
    sync.clock.now = gone.published_at + timedelta(days=31)
    await fleet.round()
    assert server.names("anna", "family") == []
    assert ID not in await known(sync)
    await nothing_answered(sync)


@pytest.mark.parametrize("noticed", [True, False])
async def test_seat_that_is_given_up_takes_the_moved_entry_away(
    sync: CalendarSync, server: QuirkyServer, noticed: bool
) -> None:
    server.add_person("anna", calendars=("personal", "family"))
    fleet = await connected(sync, server)
    move(server)
    if noticed:
        await looks(sync, fleet, minutes=12)
    await seats(sync, fleet, _2="cancelled")
    await looks(sync, fleet, minutes=12)
    assert server.names("anna", "family") == []
    assert len(server.names("anna")) == 3
    assert ID not in await known(sync)
    # The seat is had again: it stands where the person connected.
    await sync.tell(registration(EVENT, dict.fromkeys(IDS, "confirmed"), id_="anna", sequence=3), sequence=3)
    await fleet.round()
    assert name(ID) in server.names("anna")


@pytest.mark.parametrize("noticed", [True, False])
async def test_disconnecting_takes_the_moved_entry_away_too_and_nothing_else(
    sync: CalendarSync, server: QuirkyServer, noticed: bool
) -> None:
    server.add_person("anna", calendars=("personal", "family"))
    fleet = await connected(sync, server)
    text = move(server)
    server.put("anna", "other.ics", text.replace("UID:", "UID:other-").replace("\n", "\r\n"), "family")
    if noticed:
        await looks(sync, fleet, minutes=12)
    await disconnected(sync, fleet)
    assert server.names("anna", "family") == ["other.ics"]
    assert server.names("anna") == []


async def test_entry_that_was_removed_where_it_was_moved_to_is_written_anew_and_no_answer(
    sync: CalendarSync, server: QuirkyServer
) -> None:
    fleet = await moved(sync, server)
    server.delete("anna", name(ID), "family")
    await looks(sync, fleet, hours=3)
    await nothing_answered(sync)
    await sync.tell(workshop(2, revision=2, **LATER))
    await looks(sync, fleet, minutes=12)
    assert "T160000" in server.text("anna", name(ID))
    await nothing_answered(sync)
    # From here on it is as any other: removing it is an answer.
    server.delete("anna", name(ID))
    await looks(sync, fleet, minutes=12)
    assert [notice["sessions"] for notice in await told(sync, ANSWER_NOTICED)] == [[ID]]


@pytest.mark.parametrize("under", [name(ID), "renamed.ics"])
@pytest.mark.parametrize("copied", [True, False])
async def test_entry_that_is_back_in_the_connected_calendar_is_brought_right_there(
    sync: CalendarSync, server: QuirkyServer, under: str, copied: bool
) -> None:
    fleet = await moved(sync, server)
    held = server.held("anna", name(ID), "family")
    server.put("anna", under, held.body)
    if not copied:
        server.delete("anna", name(ID), "family")
    await looks(sync, fleet, hours=1)
    await sync.tell(workshop(2, revision=2, **LATER))
    await looks(sync, fleet, minutes=12)
    assert "T160000" in server.text("anna", under)
    assert server.names("anna").count(under) == len(server.names("anna")) - 3
    if copied:
        assert server.held("anna", name(ID), "family") == held, "a copy is not touched"
    assert (await known(sync))[ID].elsewhere is None
    await nothing_answered(sync)


async def test_entry_that_is_moved_on_is_followed(sync: CalendarSync, server: QuirkyServer) -> None:
    fleet = await moved(sync, server)
    held = server.held("anna", name(ID), "family")
    server.put("anna", "further.ics", held.body, "work")
    server.delete("anna", name(ID), "family")
    await sync.tell(workshop(2, revision=2, **LATER))
    await looks(sync, fleet, minutes=12)
    assert "T160000" in server.text("anna", "further.ics", "work")
    assert server.names("anna", "family") == []
    assert name(ID) not in server.names("anna")


async def test_move_that_our_own_write_meets_first_is_followed(sync: CalendarSync, server: QuirkyServer) -> None:
    server.add_person("anna", calendars=("personal", "family"))
    fleet = await connected(sync, server)
    move(server)
    await sync.tell(workshop(2, revision=2, **LATER))
    await fleet.round()
    assert "T160000" in server.text("anna", name(ID), "family")
    assert name(ID) not in server.names("anna")
    await looks(sync, fleet, hours=3)
    await nothing_answered(sync)


async def test_entry_of_an_invitation_is_nobody_s_move_and_never_touched(
    sync: CalendarSync, server: QuirkyServer
) -> None:
    """It has our UID; a server would answer for the person if we changed or removed it."""
    server.add_person("anna", calendars=("personal", "family"))
    fleet = await connected(sync, server)
    ours = server.held("anna", name(ID)).text.replace("\n", "\r\n")
    organiser = (
        f"ORGANIZER:mailto:answers+{'a2' * 16}@replies.example.org\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:a@x.example\r\n"
    )
    server.put("anna", "mailed.ics", ours.replace("END:VEVENT", f"{organiser}END:VEVENT"), "family")
    invited = server.held("anna", "mailed.ics", "family")
    server.delete("anna", name(ID))
    await looks(sync, fleet, hours=2)
    await nothing_answered(sync)
    await sync.tell(workshop(2, revision=2, **LATER))
    await looks(sync, fleet, minutes=12)
    assert "T160000" in server.text("anna", name(ID))
    await disconnected(sync, fleet)
    assert server.held("anna", "mailed.ics", "family") == invited
    assert server.names("anna") == []


async def test_server_that_fails_while_it_is_asked_makes_no_second_copy(
    sync: CalendarSync, server: QuirkyServer
) -> None:
    fleet = await moved(sync, server)
    server.cut_in(plays.status(500), method="REPORT", path="/family/", times=1)
    await sync.tell(workshop(2, revision=2, **LATER))
    await fleet.round()
    assert "T104000" in server.text("anna", name(ID), "family")
    await looks(sync, fleet, minutes=30)
    assert "T160000" in server.text("anna", name(ID), "family")
    assert name(ID) not in server.names("anna")


@pytest.mark.parametrize("status", [403, 501])
async def test_server_that_does_not_search_keeps_nothing_from_being_written(sync: CalendarSync, status: int) -> None:
    async with QuirkyServer(Quirks(no_sync_collection=True)) as server:
        fleet = await connected(sync, server, admission={"calendar_answers": False})
        server.cut_in(plays.status(status), method="REPORT", times=ALWAYS)
        server.delete("anna", name(ID))
        await sync.tell(workshop(2, revision=2, **LATER))
        await looks(sync, fleet, minutes=12)
        assert "T160000" in server.text("anna", name(ID))


async def test_account_where_nothing_was_moved_is_asked_nothing_more(sync: CalendarSync, server: QuirkyServer) -> None:
    server.add_person("anna", calendars=("personal", "family", "work"))
    fleet = await connected(sync, server)
    asked = len(server.requests)
    await sync.tell(*(workshop(number, revision=2, **LATER) for number in range(1, 5)))
    await fleet.round()
    assert [one.method for one in server.requests[asked:]] == ["PUT"] * 4


async def test_known_place_is_asked_alone(sync: CalendarSync, server: QuirkyServer) -> None:
    fleet = await moved(sync, server)
    asked = len(server.requests)
    await sync.tell(workshop(2, revision=2, **LATER))
    await fleet.round()
    assert [(one.method, one.path.split("/")[3]) for one in server.requests[asked:]] == [
        ("REPORT", "personal"), ("REPORT", "family"), ("GET", "family"), ("PUT", "family"),
    ]  # fmt: skip


async def test_calendar_that_was_emptied_is_not_searched_for_object_by_object(
    sync: CalendarSync, server: QuirkyServer
) -> None:
    people = [f"{EVENT}-workshop-{number}" for number in range(1, 10)]
    server.add_person("anna", calendars=("personal", *(f"other-{number}" for number in range(30))))
    await connected(sync, server)
    await sync.tell(*(workshop(number) for number in range(5, 10)))
    await sync.tell(registration(EVENT, dict.fromkeys(people, "confirmed"), id_="anna", sequence=2), sequence=2)
    fleet = sync.fleet
    await fleet.round()
    server.wipe("anna")
    asked = len(server.requests)
    await sync.tell(*(workshop(number, revision=2, **LATER) for number in range(1, 10)))
    await fleet.round()
    assert len(server.names("anna")) == 5, "the others are searched for at the next look"
    assert len([one for one in server.requests[asked:] if one.method in ("PROPFIND", "REPORT")]) <= 5 * 22 + 9
    await looks(sync, fleet, minutes=30)
    assert len(server.names("anna")) == 9
    assert await told(sync, REGISTRATION_CANCELLED) == []


async def test_uid_refused_because_of_a_moved_entry_is_followed(sync: CalendarSync) -> None:
    """Cyrus allows a UID once in all calendars of an account; where it was moved to is known to nobody any more."""
    async with QuirkyServer(cyrus()) as server:
        server.add_person("anna", calendars=("personal", "family"))
        fleet = await connected(sync, server)
        move(server, under="moved.ics")
        have = (await known(sync))[ID]
        await sync.accounts.keep_objects([replace(have, there=False, etag=None)])
        await sync.tell(workshop(2, revision=2, **LATER))
        await looks(sync, fleet, minutes=12)
        assert "T160000" in server.text("anna", "moved.ics", "family")
        assert all(have.error is None for have in (await known(sync)).values())


async def test_session_that_stands_in_a_calendar_that_is_still_being_cleared_is_no_answer(
    sync: CalendarSync, server: QuirkyServer
) -> None:
    server.add_person("anna", calendars=("personal", "family"))
    fleet = await connected(sync, server)
    old = (await sync.accounts.calendars(registration_id="anna"))[0]
    path = server.calendar("anna", "family").path
    later = sync.clock() + timedelta(days=30)
    await sync.accounts.keep_calendar(replace(old, id="old", path=path, leaving=True, due=later))
    await sync.accounts.keep_objects([Known("old", IDS[0], "waits.ics", there=True, next_attempt=later)])
    move(server)
    await looks(sync, fleet, hours=3)
    await nothing_answered(sync)
    # Nothing is written where everything is being removed.
    await sync.tell(workshop(2, revision=2, **LATER))
    await looks(sync, fleet, minutes=12)
    assert "T160000" in server.text("anna", name(ID))
    assert "T104000" in server.text("anna", name(ID), "family")


async def test_another_connected_calendar_looks_after_itself(sync: CalendarSync, server: QuirkyServer) -> None:
    """The person disconnects, and connects the very calendar to which a session was moved: what is cleared is not that."""
    await moved(sync, server)
    now = sync.clock()
    await sync.accounts.leave("anna", now + timedelta(days=7), now)
    old = (await sync.accounts.calendars(registration_id="anna"))[0]
    home = server.home_url("anna")
    await sync.connect_person("again", EVENT, home, "family", "anna", "secret")
    made = (await sync.accounts.calendars(account="account-again"))[0]
    await sync.accounts.database["calendars"].update_one({"_id": made.id}, {"$set": {"registration_id": "anna"}})
    following = Known(old.id, ID, name(ID), elsewhere="f", stands_in=f"{server.calendar('anna', 'family').path}")
    await sync.accounts.keep_objects([following])
    await sync.fleet.round()
    assert server.names("anna", "family") == [name(ID)]
    assert server.names("anna") == []
