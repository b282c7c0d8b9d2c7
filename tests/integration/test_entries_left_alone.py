"""Entries with our UID in a person's account that we leave alone: mailed invitations, and copies that we never wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.calendar_sync import pusher
from services.calendar_sync.following import Following
from services.calendar_sync.trouble import Trouble
from tests.integration.test_answers_come_back import EVENT, connected, looks, name
from tests.integration.test_moved_entries import ID, LATER, disconnected, known, nothing_answered
from tests.support.calendar_harness import CalendarSync
from tests.support.calendar_samples import workshop
from tests.support.quirky import PRESETS, Quirks, QuirkyServer, cyrus

INVITED = (
    f"ORGANIZER:mailto:answers+{'a2' * 16}@replies.example.org\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:a@x.example\r\n"
)


@pytest.fixture
async def server() -> AsyncIterator[QuirkyServer]:
    async with QuirkyServer(Quirks()) as server:
        yield server


def invite(server: QuirkyServer, under: str = "mailed.ics") -> bytes:
    """Our entry is gone, and the mailed invitation that the person accepted stands in the connected calendar."""
    ours = server.held("anna", name(ID)).text.replace("\n", "\r\n")
    server.delete("anna", name(ID))
    server.put("anna", under, ours.replace("END:VEVENT", f"{INVITED}END:VEVENT"))
    return server.held("anna", under).body


async def rescheduled(sync: CalendarSync) -> None:
    await sync.tell(workshop(2, revision=2, **LATER))
    await looks(sync, sync.fleet, minutes=12)


@pytest.mark.parametrize("preset", ["plain", "cyrus", "google"])
@pytest.mark.parametrize("noticed", [True, False])
async def test_invitation_in_the_connected_calendar_is_the_entry_and_never_touched(
    sync: CalendarSync, preset: str, noticed: bool
) -> None:
    async with QuirkyServer(PRESETS[preset]()) as server:
        fleet = await connected(sync, server)
        invited = invite(server)
        if noticed:
            await looks(sync, fleet, minutes=30)
        await rescheduled(sync)
        assert server.held("anna", "mailed.ics").body == invited
        assert name(ID) not in server.names("anna"), "no second one beside it"
        assert (await known(sync))[ID].error is None
        await nothing_answered(sync)
        await disconnected(sync, fleet)
        assert server.names("anna") == ["mailed.ics"]
        assert server.held("anna", "mailed.ics").body == invited


@pytest.mark.parametrize("preset", ["plain", "cyrus"])
async def test_calendar_that_holds_the_accepted_invitation_is_connected(sync: CalendarSync, preset: str) -> None:
    async with QuirkyServer(PRESETS[preset]()) as server:
        await connected(sync, server)
        invited = invite(server).replace(b"SUMMARY:", b"SUMMARY:Invitation ")
        await sync.accounts.forget_account("account-anna")
        server.wipe("anna")
        server.put("anna", "mailed.ics", invited)
        invited = server.held("anna", "mailed.ics").body
        await sync.connect_person("anna", EVENT, server.home_url("anna"), "personal", "anna", "secret")
        fleet = sync.work()
        await fleet.round()
        assert len(server.names("anna")) == 4
        await rescheduled(sync)
        assert server.held("anna", "mailed.ics").body == invited
        # Without it, the next change is written as ours.
        server.delete("anna", "mailed.ics")
        await sync.tell(workshop(2, revision=3, **LATER))
        await looks(sync, fleet, minutes=12)
        assert "T160000" in server.text("anna", name(ID))


async def test_entry_that_an_invitation_took_the_place_of_is_left_alone(
    sync: CalendarSync, server: QuirkyServer
) -> None:
    """A program put our entry under another name, and the person accepts the invitation into that."""
    fleet = await connected(sync, server)
    held = server.held("anna", name(ID))
    server.delete("anna", name(ID))
    server.put("anna", "renamed.ics", held.body)
    await rescheduled(sync)
    assert (await known(sync))[ID].name == "renamed.ics"
    server.edit("anna", "renamed.ics", lambda text: text.replace("END:VEVENT", f"{INVITED}END:VEVENT"))
    invited = server.held("anna", "renamed.ics").body
    await disconnected(sync, fleet)
    assert server.names("anna") == ["renamed.ics"]
    assert server.held("anna", "renamed.ics").body == invited


async def test_control_without_asking_for_attendees_the_invitation_is_overwritten_and_removed(
    sync: CalendarSync, server: QuirkyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pusher, "is_ours", lambda *_: True)
    monkeypatch.setattr(Following, "_here", lambda *_: nobody())
    fleet = await connected(sync, server)
    invite(server)
    await rescheduled(sync)
    assert "ATTENDEE" not in server.text("anna", "mailed.ics")
    await disconnected(sync, fleet)
    assert server.names("anna") == []


async def nobody() -> None:
    return None


async def imported(sync: CalendarSync, server: QuirkyServer) -> None:
    """The person imported a feed into another calendar of the account, and then connects it; every UID may stand once."""
    server.add_person("anna", calendars=("personal", "family"))
    await connected(sync, server)
    body = server.held("anna", name(ID)).body
    await sync.accounts.forget_account("account-anna")
    server.wipe("anna")
    server.put("anna", "import-7.ics", body, "family")
    await sync.connect_person("anna", EVENT, server.home_url("anna"), "personal", "anna", "secret")
    await sync.work().round()
    await looks(sync, sync.fleet, minutes=12)


async def test_copy_that_we_never_wrote_is_neither_changed_nor_removed(sync: CalendarSync) -> None:
    async with QuirkyServer(cyrus()) as server:
        await imported(sync, server)
        body = server.held("anna", "import-7.ics", "family").body
        assert (await known(sync))[ID].error_kind == Trouble.ELSEWHERE
        await rescheduled(sync)
        await disconnected(sync, sync.fleet)
        assert server.held("anna", "import-7.ics", "family").body == body
        assert server.names("anna") == []


async def test_control_that_follows_what_it_never_wrote_removes_the_copy(
    sync: CalendarSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Following, "_may_follow", lambda *_: True)
    async with QuirkyServer(cyrus()) as server:
        await imported(sync, server)
        await disconnected(sync, sync.fleet)
        assert server.names("anna", "family") == []
