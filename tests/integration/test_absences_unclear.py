"""Absences that nobody can be sure of: calendars that cannot be looked in, and looks that fail while they are judged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from services.calendar_sync.dav_http import LARGEST_ANSWER
from services.calendar_sync.fleet import Fleet
from services.calendar_sync.following import Following, Search
from services.calendar_sync.look import Look
from services.calendar_sync.pusher import Pusher
from services.calendar_sync.reconciler import Known
from shared.contracts.calendar_sync import ANSWER_NOTICED
from shared.contracts.registration import REGISTRATION_CANCELLED
from tests.integration.test_answers_come_back import IDS, cancelled, connected, looks, name, told
from tests.integration.test_moved_entries import ID, LATER, disconnected, move, moved, nothing_answered
from tests.support.calendar_harness import CalendarSync
from tests.support.calendar_samples import workshop
from tests.support.quirky import ALWAYS, Quirks, QuirkyServer, plays

FAMILY: dict[str, Any] = {"method": "REPORT", "path": "/family/", "times": ALWAYS}
HOME: dict[str, Any] = {"method": "PROPFIND", "times": ALWAYS}


@pytest.fixture
async def server() -> AsyncIterator[QuirkyServer]:
    async with QuirkyServer(Quirks()) as server:
        yield server


async def with_family(sync: CalendarSync, server: QuirkyServer) -> Fleet:
    """Somebody with two calendars, of which one is connected."""
    server.add_person("anna", calendars=("personal", "family"))
    return await connected(sync, server)


async def asked(sync: CalendarSync) -> bool:
    """Whether the person was asked, and no seat was given up."""
    assert await told(sync, REGISTRATION_CANCELLED) == []
    return [notice.get("frees_at") for notice in await told(sync, ANSWER_NOTICED)] == [None]


@pytest.mark.parametrize("status", [403, 500])
async def test_moved_to_a_calendar_that_cannot_be_searched_is_asked_about(
    sync: CalendarSync, server: QuirkyServer, status: int
) -> None:
    fleet = await with_family(sync, server)
    move(server)
    server.cut_in(plays.status(status), **FAMILY)
    await looks(sync, fleet, hours=3)
    assert await asked(sync)
    assert server.names("anna", "family") == [name(ID)]


async def test_calendar_whose_answer_is_too_large_could_not_be_searched(
    sync: CalendarSync, server: QuirkyServer
) -> None:
    fleet = await with_family(sync, server)
    move(server)
    server.cut_in(plays.status(207, " " * (LARGEST_ANSWER + 1)), **FAMILY)
    await looks(sync, fleet, minutes=24)
    assert await asked(sync)
    account = await sync.accounts.account("account-anna")
    assert account is not None
    assert account.error is None


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_account_whose_calendars_are_not_listed_is_asked(
    sync: CalendarSync, server: QuirkyServer, status: int
) -> None:
    fleet = await with_family(sync, server)
    move(server)
    server.cut_in(plays.status(status), **HOME)
    await looks(sync, fleet, minutes=24)
    assert await asked(sync)


@pytest.mark.parametrize("more", [19, 20])
async def test_last_of_many_calendars_is_searched_or_the_person_asked(
    sync: CalendarSync, server: QuirkyServer, more: int
) -> None:
    server.add_person("anna", calendars=("personal", *(f"a{number:02}" for number in range(more)), "family"))
    fleet = await connected(sync, server)
    move(server)
    await looks(sync, fleet, hours=3)
    if more == 19:
        await nothing_answered(sync)
    else:
        assert await asked(sync)


async def test_control_that_takes_a_failed_search_for_none_gives_the_seat_up(
    sync: CalendarSync, server: QuirkyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = Following.find

    async def trusting(*given: Any, **named: Any) -> Search:
        return replace(await find(*given, **named), whole=True)

    monkeypatch.setattr(Following, "find", trusting)
    fleet = await with_family(sync, server)
    move(server)
    server.cut_in(plays.status(500), **FAMILY)
    await looks(sync, fleet, hours=3)
    assert len(await told(sync, REGISTRATION_CANCELLED)) == 1


async def test_what_cannot_be_searched_for_when_the_time_is_over_is_not_given_up(
    sync: CalendarSync, server: QuirkyServer
) -> None:
    fleet = await with_family(sync, server)
    held = server.held("anna", name(ID))
    server.delete("anna", name(ID))
    await looks(sync, fleet, minutes=12)
    (notice,) = await told(sync, ANSWER_NOTICED)
    assert notice["frees_at"] is not None
    server.put("anna", name(ID), held.body, "family")
    server.cut_in(plays.status(500), **FAMILY)
    await looks(sync, fleet, hours=3)
    assert await told(sync, REGISTRATION_CANCELLED) == []
    assert [notice.get("frees_at") for notice in (await told(sync, ANSWER_NOTICED))[1:]] == [None]


async def test_removal_is_an_answer_although_the_look_that_found_it_failed(
    sync: CalendarSync, server: QuirkyServer
) -> None:
    fleet = await with_family(sync, server)
    server.delete("anna", name(ID))
    server.cut_in(plays.status(503), method="PROPFIND", times=2)
    await looks(sync, fleet, minutes=45)
    assert [notice["sessions"] for notice in await told(sync, ANSWER_NOTICED)] == [[ID]]
    assert name(ID) not in server.names("anna")


async def test_moved_entry_stands_once_although_the_look_that_found_it_failed(
    sync: CalendarSync, server: QuirkyServer
) -> None:
    fleet = await with_family(sync, server)
    move(server)
    server.cut_in(plays.status(503), method="REPORT", path="/family/", times=1)
    await looks(sync, fleet, minutes=45)
    assert (name(ID) in server.names("anna"), server.names("anna", "family")) == (False, [name(ID)])
    await nothing_answered(sync)


async def test_control_that_notes_an_absence_before_it_is_judged_loses_the_answer(
    sync: CalendarSync, server: QuirkyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = Look._checked

    async def noting(look: Look, *given: Any) -> tuple[dict[str, Known], bool, list[Known]]:
        known, reported, changed = await checked(look, *given)
        await sync.accounts.keep_objects(changed)
        return known, reported, changed

    monkeypatch.setattr(Look, "_checked", noting)
    fleet = await with_family(sync, server)
    server.delete("anna", name(ID))
    server.cut_in(plays.status(503), method="PROPFIND", times=2)
    await looks(sync, fleet, minutes=45)
    assert await told(sync, ANSWER_NOTICED) == []
    assert name(ID) in server.names("anna")


async def test_many_moved_at_once_are_followed_over_several_looks(sync: CalendarSync, server: QuirkyServer) -> None:
    fleet = await with_family(sync, server)
    for id_ in IDS:
        move_one(server, id_)
    await sync.tell(*(workshop(number, revision=2, **LATER) for number in range(1, 5)))
    await fleet.round()
    assert len(server.names("anna", "family")) == 4
    assert server.names("anna") == []


async def test_no_more_are_searched_for_in_one_look_than_allowed_and_none_is_forgotten(
    sync: CalendarSync, server: QuirkyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.calendar_sync.following.SEARCHES", 2)
    fleet = await with_family(sync, server)
    for id_ in IDS:
        move_one(server, id_)
    await disconnect_slowly(sync)
    assert server.names("anna", "family") == []
    assert await sync.accounts.accounts_of("anna") == []
    assert fleet is sync.fleet


async def test_sixth_moved_entry_is_not_written_a_second_time(
    sync: CalendarSync, server: QuirkyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.calendar_sync.following.SEARCHES", 2)
    fleet = await with_family(sync, server)
    for id_ in IDS:
        move_one(server, id_)
    await sync.tell(*(workshop(number, revision=2, **LATER) for number in range(1, 5)))
    await fleet.round()
    assert server.names("anna") == []
    await looks(sync, fleet, hours=1)
    assert server.names("anna") == []
    assert ["T160000" in server.text("anna", name(id_), "family") for id_ in IDS] == [True] * 4


async def test_control_that_goes_on_without_a_search_writes_entries_a_second_time(
    sync: CalendarSync, server: QuirkyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.calendar_sync.following.SEARCHES", 2)
    searched = Following._searched

    async def silently(following: Following, *given: Any) -> Known | None:
        return await searched(following, *given) if following._left > 0 else None

    monkeypatch.setattr(Following, "_searched", silently)
    fleet = await with_family(sync, server)
    for id_ in IDS:
        move_one(server, id_)
    await sync.tell(*(workshop(number, revision=2, **LATER) for number in range(1, 5)))
    await fleet.round()
    assert len(server.names("anna")) == 2


async def test_control_without_heeding_it_a_no_in_a_moved_entry_is_overwritten(
    sync: CalendarSync, server: QuirkyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewrite = Pusher.rewrite
    monkeypatch.setattr(Pusher, "rewrite", lambda one, *given: rewrite(replace(one, heeds_answers=False), *given))
    fleet = await moved(sync, server)
    server.edit("anna", name(ID), cancelled, "family")
    await sync.tell(workshop(2, revision=2, **LATER))
    await looks(sync, fleet, minutes=12)
    assert "STATUS:CONFIRMED" in server.text("anna", name(ID), "family")
    assert await told(sync, ANSWER_NOTICED) == []


async def test_moved_entry_that_is_declined_there_is_left_and_the_person_asked(
    sync: CalendarSync, server: QuirkyServer
) -> None:
    fleet = await moved(sync, server)
    server.edit("anna", name(ID), cancelled, "family")
    declined = server.held("anna", name(ID), "family").body
    await sync.tell(workshop(2, revision=2, **LATER))
    await looks(sync, fleet, hours=3)
    assert server.held("anna", name(ID), "family").body == declined
    assert name(ID) not in server.names("anna")
    assert await asked(sync)
    # The seat is kept, and the next change is written over the "no".
    await sync.tell(workshop(2, revision=3, **LATER))
    await looks(sync, fleet, minutes=12)
    assert "STATUS:CONFIRMED" in server.text("anna", name(ID), "family")
    await disconnected(sync, fleet)
    assert server.names("anna", "family") == []


def move_one(server: QuirkyServer, id_: str) -> None:
    """The person moves the entry of a session to another calendar."""
    server.put("anna", name(id_), server.held("anna", name(id_)).body, "family")
    server.delete("anna", name(id_))


async def disconnect_slowly(sync: CalendarSync) -> None:
    """The person disconnects, and several looks clear the account."""
    now = sync.clock()
    await sync.accounts.leave("anna", now.replace(year=now.year + 1), now)
    await looks(sync, sync.fleet, hours=1)
