"""Several desks on one event: entries left behind, written late or twice at once never make a decision on old ground."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from services.registration.commands import Cancel, Register, ReviseEvent, ReviseSession
from services.registration.desk import Desks
from services.registration.domain import decide
from services.registration.intake import Intake
from services.registration.schema import COLLECTIONS
from services.registration.store import Store
from shared.clock import new_id, utc_now
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registration import REGISTRATION_CANCELLED, REGISTRATION_REQUESTED, Outcome
from shared.links import Links
from shared.storage import ledger as ledger_module
from shared.storage.inbox import INBOX
from shared.storage.ledger import LEDGERS, OUTBOX, Entry, Ledgers, Page, Write
from shared.storage.mongo import Database, ReplaceOne
from tests.support.events import milipol, person, workshop
from tests.support.waiting import until

EVENT, W1 = "milipol-2019", "milipol-2019-workshop-1"


@dataclass
class Office:
    """One process' desks and what they write with."""

    desks: Desks
    store: Store

    async def register(self, name: str, **rest: Any) -> Any:
        command = Register(id=new_id(), registration_id=f"r-{name}", person=person(name), sessions=(W1,), **rest)
        return await self.desks.ask(EVENT, command)

    async def cancel(self, name: str) -> Any:
        return await self.desks.ask(EVENT, Cancel(id=new_id(), registration_id=f"r-{name}"))

    async def agenda(self, capacity: int, revision: int = 1) -> None:
        await self.desks.ask(EVENT, ReviseEvent(id="event", event=milipol(admission={"window": {}})))
        session = workshop(1, revision, capacity=capacity, starts_at=None)
        await self.desks.ask(EVENT, ReviseSession(id=f"session-{revision}", session=session))


@pytest.fixture
async def open_office(database: Database) -> AsyncIterator[Callable[[], Office]]:
    await database.declare([LEDGERS, OUTBOX, INBOX, *COLLECTIONS])
    opened: list[Office] = []

    def open_one() -> Office:
        store = Store(database, Links("k" * 32))
        opened.append(Office(Desks(store, utc_now, new_id, lambda: None), store))
        return opened[-1]

    yield open_one
    await asyncio.gather(*(office.desks.close() for office in opened))


async def audit(database: Database) -> dict[str, tuple[int, int]]:
    """Confirmed and waiting: by the ledger, by the people, by the rows of the waiting list."""
    found = await database["ledgers"].find_one({"_id": f"events/{EVENT}"})
    assert found is not None
    line = found["state"]["sessions"][W1]

    async def people(state: str) -> int:
        held = {"choices": {"$elemMatch": {"session_id": W1, "state": state}}}
        return int(await database["registrations"].count_documents(held))

    waiting = int(await database["waiting_list"].count_documents({"line": W1, "left": False}))
    return {
        "ledger": (line["confirmed"], line["waiting"]),
        "people": (await people("confirmed"), await people("waitlisted")),
        "rows": (line["confirmed"], waiting),
    }


async def an_entry_is_left_behind(open_office: Callable[[], Office], database: Database) -> dict[str, tuple[int, int]]:
    """A process dies between commit and writing out; another goes on at once, and overtakes what was left."""
    dead, alive = open_office(), open_office()
    await dead.agenda(capacity=2)

    async def never(stream: str, entries: Sequence[Entry]) -> None:
        await asyncio.Event().wait()

    dead.store.ledgers.apply = never  # type: ignore[method-assign]
    asked = asyncio.create_task(dead.register("ada"))

    async def committed() -> bool:
        found = await database["ledgers"].find_one({"_id": f"events/{EVENT}"})
        return found is not None and found["state"]["sessions"][W1]["confirmed"] == 1

    await until(committed, 10, "Ada's seat is committed")
    for _ in range(3):  # Ada is impatient
        await alive.cancel("ada")
    await asyncio.gather(*(alive.register(f"p{n}") for n in range(6)))
    await alive.desks.close()
    await alive.store.ledgers.settle_left_over(utc_now(), timedelta(0))
    asked.cancel()
    for task in asyncio.all_tasks():
        if "_finish" in repr(task.get_coro()):
            task.cancel()
    return await audit(database)


async def test_entry_left_behind_by_a_dead_process_frees_no_seat_twice(
    open_office: Callable[[], Office], database: Database
) -> None:
    counts = await an_entry_is_left_behind(open_office, database)
    assert counts == {"ledger": (2, 4), "people": (2, 4), "rows": (2, 4)}


async def test_control_laid_over_newer_documents_an_old_entry_oversells(
    open_office: Callable[[], Office], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay = Page.overlay

    def blind(self: Page, collection: str) -> dict[str, tuple[int, Mapping[str, Any]]]:
        return {id_: (10**9, document) for id_, (_, document) in overlay(self, collection).items()}

    monkeypatch.setattr(Page, "overlay", blind)
    counts = await an_entry_is_left_behind(open_office, database)
    assert counts["people"][0] > 2


async def dropped_revisions(database: Database) -> int:
    """Two writers bring a new document into being at once, revisions 1 and 2: how often is the newer one lost?"""
    await database.declare([LEDGERS, OUTBOX])
    ledgers, count = Ledgers(database), 1500

    def entry(version: int, number: int) -> Entry:
        return Entry(version, utc_now(), (Write("things", f"{number}", {"seen": version}),), ())

    for first in range(0, count, 50):
        both = [ledgers.apply("s", [entry(v, n)]) for n in range(first, first + 50) for v in (1, 2)]
        await asyncio.gather(*both)
    return int(await database["things"].count_documents({"revision": 1}))


async def test_newer_revision_wins_when_a_document_is_written_twice_at_once(database: Database) -> None:
    assert await dropped_revisions(database) == 0


async def test_control_a_duplicate_key_taken_for_a_newer_revision_loses_some(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "replacement", lambda _: ReplaceOne({"_id": "nobody"}, {}))
    assert await dropped_revisions(database) > 0


async def test_refusal_is_never_given_from_a_stale_page(open_office: Callable[[], Office]) -> None:
    """Another process took the organiser's change from the queue; this one has a page of before it."""
    first, second = open_office(), open_office()
    await first.agenda(capacity=1)
    await first.desks.ask(
        EVENT,
        ReviseSession(id="s2", session=workshop(1, 2, capacity=1, starts_at=None, admission={"waiting_list": False})),
    )
    assert (await first.register("ada")).outcome is Outcome.ACCEPTED
    assert [reason.code for reason in (await first.register("bob")).reasons] == ["full"]
    await second.agenda(capacity=5, revision=3)
    assert (await first.register("bob")).outcome is Outcome.ACCEPTED


async def test_command_that_cannot_be_stored_fails_alone(open_office: Callable[[], Office]) -> None:
    office = open_office()
    await office.agenda(capacity=5)
    too_long = Cancel(
        id="x" * 40, registration_id="r-ada", sessions=("y" * 90_000,) * 200, request_id="long", repeatable=True
    )
    asked = [office.register("ada"), office.desks.ask(EVENT, too_long), office.register("bob")]
    ada, failed, bob = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(failed, Exception)
    assert [getattr(one, "outcome", None) for one in (ada, bob)] == [Outcome.ACCEPTED] * 2


async def test_requests_keep_their_order_in_a_fresh_process(open_office: Callable[[], Office]) -> None:
    """A cancellation that was sent after its registration comes after it."""
    await open_office().agenda(capacity=500)
    fresh = open_office()
    intake = Intake(fresh.desks, fresh.store, new_id)

    def message(type_: str, id_: str, data: dict[str, Any]) -> CloudEvent:
        return CloudEvent(id=id_, source="https://badge.example.org", type=type_, time=utc_now(), data=data)

    messages = []
    for n in range(100):
        someone = {"name": f"P{n}", "email": f"p{n}@example.org"}
        asked = {"event_id": EVENT, "person": someone, "sessions": [W1]}
        messages.append(message(REGISTRATION_REQUESTED, f"r{n}", asked))
        given_up = {"event_id": EVENT, "email": someone["email"]}
        messages.append(message(REGISTRATION_CANCELLED, f"c{n}" + "-long" * 35, given_up))
    answers = await asyncio.gather(*(intake.answers(one, None) for one in messages))
    assert {answer.outcome for each in answers for answer in each} == {Outcome.ACCEPTED}


async def test_promotions_left_over_by_a_stopped_process_go_on(
    open_office: Callable[[], Office], database: Database
) -> None:
    office = open_office()
    await office.agenda(capacity=1)
    await asyncio.gather(*(office.register(f"p{n}") for n in range(4)))
    await office.desks.close()
    # As a process leaves it that was stopped between two rounds: the capacity is raised, nobody promoted yet.
    capacity = {"$set": {f"state.sessions.{W1}.rules.capacity": 3}}
    await database["ledgers"].update_one({"_id": f"events/{EVENT}"}, capacity)
    successor = open_office()
    await successor.desks.promote_left_over()
    await successor.desks.close()
    assert (await audit(database))["people"] == (3, 1)


async def test_what_was_read_while_another_process_committed_is_read_again(
    open_office: Callable[[], Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Places in line and people are read a moment apart: what does not fit is no fault where the ledger moved on."""
    one, other = open_office(), open_office()
    await one.agenda(capacity=5)
    torn = [True]

    def torn_once(*arguments: Any) -> Any:
        if torn and torn.pop():
            raise KeyError("r-somebody")
        return decide(*arguments)

    snapshot = one.store.snapshot

    async def meanwhile(*arguments: Any) -> Any:
        read = await snapshot(*arguments)
        monkeypatch.setattr(one.store, "snapshot", snapshot)
        await other.register("bob")
        monkeypatch.setattr("services.registration.desk.decide", torn_once)
        return read

    monkeypatch.setattr(one.store, "snapshot", meanwhile)
    answer = await one.register("ada")
    assert answer.outcome is Outcome.ACCEPTED
    assert not torn


async def test_control_what_does_not_fit_on_a_ledger_that_stands_still_is_a_fault(
    open_office: Callable[[], Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    office = open_office()
    await office.agenda(capacity=5)

    def broken(*_: Any) -> Any:
        raise KeyError("r-somebody")

    monkeypatch.setattr("services.registration.desk.decide", broken)
    with pytest.raises(KeyError):
        await office.register("ada")
