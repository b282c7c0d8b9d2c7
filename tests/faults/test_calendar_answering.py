"""A process that dies between two writes about a person's connected calendar: told once, and forgotten all the same.

The death is an exception from a collection in the middle; each safeguard has its control.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from services.calendar_sync.accounts_store import AccountState
from services.calendar_sync.answering import Answering
from services.calendar_sync.answers import Blame, Fault
from services.calendar_sync.domain import Whose
from services.calendar_sync.trouble import Trouble
from services.calendar_sync.worker import Worker
from shared.contracts.calendar_sync import ANSWER_NOTICED, CALENDAR_LOST, Lost
from shared.storage.lease import Lease
from shared.storage.ledger import LEDGERS, OUTBOX, Ledgers
from shared.storage.mongo import Database
from tests.support.calendar_harness import CalendarSync
from tests.support.calendar_samples import milipol, registration, workshop

EVENT = "milipol-2019"
ONE = f"{EVENT}-workshop-1"
ANNA = Whose("anna", EVENT)
SERVER = "http://calendars.test"


class Killed(BaseException):
    """The process is gone."""


class Dying:
    """A collection at whose first write of one kind the process dies, before it."""

    def __init__(self, collection: Any, write: str) -> None:
        self._collection, self._write = collection, write

    def __getattr__(self, name: str) -> Any:
        if name != self._write:
            return getattr(self._collection, name)

        async def die(*_: object, **__: object) -> None:
            raise Killed

        return die


@contextmanager
def dies_at(monkeypatch: pytest.MonkeyPatch, collection: str, write: str) -> Iterator[None]:
    """Within it, the process dies at `write` to `collection`."""
    plain = Database.__getitem__

    def wrapped(self: Database, name: str) -> Any:
        return Dying(plain(self, name), write) if name == collection else plain(self, name)

    with monkeypatch.context() as dying:
        dying.setattr(Database, "__getitem__", wrapped)
        with pytest.raises(Killed):
            yield


@pytest.fixture
async def sync(database: Database) -> CalendarSync:
    sync = await CalendarSync(database).prepare()
    await sync.tell(milipol(), workshop(1), registration(EVENT, {ONE: "confirmed"}, id_="anna"))
    return sync


def process(sync: CalendarSync) -> Answering:
    """A process of its own: what it remembers dies with it."""
    return Answering(sync.database, sync.clock, sync.grace, lambda: None)


async def noticed(sync: CalendarSync) -> None:
    await process(sync).notice(ANNA, [ONE], sync.clock.now, clear=True)


async def ledgers(sync: CalendarSync) -> list[str]:
    return await Ledgers(sync.database).streams()


async def told(sync: CalendarSync, type_: str) -> list[Any]:
    await Ledgers(sync.database).settle_left_over(sync.clock.now + timedelta(minutes=1))
    events = [json.loads(event["text"]) for event in await sync.told()]
    return [event["data"] for event in events if event["type"] == type_]


# --- forgetting ----------------------------------------------------------------------------------------------------


async def left_by_the_dead(sync: CalendarSync, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something was noticed, and the process died between the commit and its settling."""
    with dies_at(monkeypatch, OUTBOX.name, "bulk_write"):
        await noticed(sync)
    assert await ledgers(sync) == ["calendars/anna"]


async def test_what_a_dead_process_left_is_told_and_then_forgotten(
    sync: CalendarSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    await left_by_the_dead(sync, monkeypatch)
    await sync.erase("anna")
    assert await ledgers(sync) == []
    assert len(await told(sync, ANSWER_NOTICED)) == 1


async def test_removing_only_what_is_settled_keeps_it_for_ever(
    sync: CalendarSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: what `forget` did."""
    await left_by_the_dead(sync, monkeypatch)
    await sync.database[LEDGERS.name].delete_one({"_id": "calendars/anna", "entries": []})
    await told(sync, ANSWER_NOTICED)
    assert await ledgers(sync) == ["calendars/anna"]


@pytest.mark.parametrize("write", ["update_one", "delete_one"], ids=["while telling", "before removing"])
async def test_a_process_that_dies_while_it_forgets_is_followed_by_one_that_does(
    sync: CalendarSync, monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    await left_by_the_dead(sync, monkeypatch)
    with dies_at(monkeypatch, LEDGERS.name, write):
        sync.intake._forget_answers = process(sync).forget
        await sync.erase("anna")
    fleet = sync.work()
    assert await ledgers(sync) == ["calendars/anna"], "the control: without another round it stays"
    await fleet.swept()
    assert await ledgers(sync) == []
    assert len(await told(sync, ANSWER_NOTICED)) == 1


async def test_a_process_that_dies_between_the_calendar_and_the_answers_is_followed_at_the_next_round(
    sync: CalendarSync,
) -> None:
    """All was removed from the calendar; what was noticed and the account are still to be forgotten."""
    calendar = await sync.connect_person("anna", EVENT, f"{SERVER}/anna/", "personal")
    await noticed(sync)
    await sync.erase("anna")
    await sync.accounts.forget_calendar(calendar.id)
    await sync.work().swept()
    assert await ledgers(sync) == []
    assert await sync.accounts.accounts_of("anna") == []


async def test_what_is_noticed_while_a_person_is_forgotten_does_not_stay(sync: CalendarSync) -> None:
    await sync.erase("anna")
    await noticed(sync)
    await sync.work().swept()
    assert await ledgers(sync) == []


async def test_nothing_is_forgotten_of_those_who_stay(sync: CalendarSync) -> None:
    await noticed(sync)
    await sync.work().swept()
    assert list(await process(sync).notices("anna")) == [ONE]


async def test_what_is_being_removed_from_a_calendar_is_remembered_until_then(sync: CalendarSync) -> None:
    await sync.connect_person("anna", EVENT, f"{SERVER}/anna/", "personal")
    await noticed(sync)
    await sync.erase("anna")
    fleet = sync.work()
    await fleet.swept()
    assert await ledgers(sync) == ["calendars/anna"]
    sync.clock.move(days=8)
    await fleet.swept()
    assert await ledgers(sync) == []


# --- a calendar that is lost ---------------------------------------------------------------------------------------

REFUSED = Fault("refused", Blame.ACCOUNT, kind=Trouble.PASSWORD, refused=True)


async def failing(sync: CalendarSync) -> None:
    """The password of Anna's account has been refused for long: at the next refusal she is told."""
    await sync.connect_person("anna", EVENT, f"{SERVER}/anna/", "personal")
    since = sync.clock.now - timedelta(days=2)
    await sync.accounts.note_account("account-anna", failing_since=since, refusals=5)


async def refused(sync: CalendarSync) -> None:
    """What a process does on one more refusal."""
    account = await sync.accounts.account("account-anna")
    assert account is not None
    worker = Worker(SERVER, sync.tools, Lease(sync.database, "caldav", "test", sync.clock))
    await worker._trouble(account, REFUSED, sync.clock())


async def test_a_lost_calendar_is_told_once_though_the_process_dies_before_it_notes_so(
    sync: CalendarSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    await failing(sync)
    with dies_at(monkeypatch, "accounts", "update_one"):
        await refused(sync)
    (account,) = await sync.accounts.accounts_of("anna")
    assert account.state is AccountState.WORKING, "what the crash kept from being noted"
    sync.clock.move(minutes=5)
    await refused(sync)
    assert [one["reason"] for one in await told(sync, CALENDAR_LOST)] == ["password"]
    (account,) = await sync.accounts.accounts_of("anna")
    assert account.state is AccountState.LOST


async def test_what_is_not_remembered_is_told_twice(sync: CalendarSync, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    await failing(sync)
    with dies_at(monkeypatch, "accounts", "update_one"):
        await refused(sync)
    await sync.database[LEDGERS.name].update_one({"_id": "calendars/anna"}, {"$unset": {"state.lost": ""}})
    await refused(sync)
    assert len(await told(sync, CALENDAR_LOST)) == 2


async def test_a_lost_calendar_is_told_though_the_process_dies_before_it_tells(
    sync: CalendarSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    await failing(sync)
    with dies_at(monkeypatch, OUTBOX.name, "bulk_write"):
        await refused(sync)
    await refused(sync)
    assert len(await told(sync, CALENDAR_LOST)) == 1


async def test_a_calendar_that_is_lost_again_is_told_again(sync: CalendarSync) -> None:
    await failing(sync)
    await refused(sync)
    found_again: dict[str, Any] = {"failing_since": None, "refusals": 0, "lost": None}
    await sync.accounts.note_account("account-anna", state=AccountState.WORKING, **found_again)
    sync.clock.move(days=3)
    await sync.accounts.note_account("account-anna", failing_since=sync.clock.now - timedelta(days=2), refusals=5)
    await refused(sync)
    assert len(await told(sync, CALENDAR_LOST)) == 2


async def test_another_reason_is_told_as_well(sync: CalendarSync) -> None:
    for reason in (Lost.SERVER, Lost.SERVER, Lost.PASSWORD):
        await process(sync).lost(ANNA, reason, sync.clock.now)
    assert [one["reason"] for one in await told(sync, CALENDAR_LOST)] == ["server", "password"]


async def test_what_was_noticed_stays_when_a_calendar_is_lost(sync: CalendarSync) -> None:
    await noticed(sync)
    await process(sync).lost(ANNA, Lost.PASSWORD, sync.clock.now)
    assert list(await process(sync).notices("anna")) == [ONE]
    await process(sync).keep("anna")
    await process(sync).lost(ANNA, Lost.PASSWORD, sync.clock.now)
    assert len(await told(sync, CALENDAR_LOST)) == 1
