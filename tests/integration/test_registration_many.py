"""An event with many registrations: read by index and piece by piece, and not looked through again for nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from services.registration import downloads
from services.registration.documents import registration_document
from services.registration.lists import Table
from services.registration.organiser.filters import Filter
from services.registration.readings import Readings
from services.registration.registrations import Held, Registration
from services.registration.schema import COLLECTIONS
from shared.contracts.registration import Cause, SeatState
from shared.storage.mongo import Database, Document
from tests.conftest import MakeSettings
from tests.support.events import BEFORE_CLOSE, milipol, person, workshop
from tests.support.lectern import ORGANISER
from tests.support.registration_desk import W1, RegistrationDesk, registration_desk

EVENT, MANY = "milipol-2019", 600
TABLE = f"/api/v1/registrations/table.csv?event_id={EVENT}"


def stored(number: int, event_id: str = EVENT, **changes: Any) -> Document:
    one = Registration(
        id=f"{event_id}-{number:05}",
        event_id=event_id,
        person=person(f"p{number}"),
        state=SeatState.CONFIRMED,
        place=None,
        choices=(Held(W1, SeatState.CONFIRMED),),
        link_generation=1,
        registered_at=BEFORE_CLOSE,
        changed_at=BEFORE_CLOSE,
    )
    one = replace(one, **changes)
    return {"_id": one.id, **registration_document(one, f"of {one.id}"), "revision": 1}


async def keep(database: Database, documents: Iterable[Document]) -> None:
    await database["registrations"].insert_many(list(documents))


@pytest.fixture
async def readings(database: Database) -> AsyncIterator[Readings]:
    """Two events with many registrations; the database writes down how it found what is asked for."""
    await database.declare(COLLECTIONS)
    await keep(database, [stored(n, event_id) for event_id in (EVENT, "another") for n in range(MANY)])
    await database["registrations"].database.command("profile", 2)
    yield Readings(database)
    await database["registrations"].database.command("profile", 0)


async def looks(database: Database) -> Sequence[Mapping[str, Any]]:
    """How registrations were looked for so far."""
    asked = {"ns": f"{database.name}.registrations", "op": {"$in": ["query", "command"]}}
    return await database["system.profile"].find(asked).sort("ts", 1).to_list(None)


async def test_a_page_is_found_by_the_index_however_far_behind_it_is(readings: Readings, database: Database) -> None:
    after, pages = None, 0
    while page := await readings.registrations(EVENT, after, 51):
        after, pages = page[-1].id, pages + 1
    found = await looks(database)
    assert len(found) == pages + 1 == 13
    for look in found:
        assert look["planSummary"] == "IXSCAN { event_id: 1, _id: 1 }"
        assert look["docsExamined"] <= 51
        assert not look.get("hasSortStage")


async def test_control_a_page_by_number_would_go_through_all_before_it(readings: Readings, database: Database) -> None:
    await database["registrations"].find({"event_id": EVENT}).sort("_id", 1).skip(500).limit(51).to_list(None)
    [look] = await looks(database)
    assert look["keysExamined"] > 500


@pytest.mark.parametrize(
    "narrowed", [Filter(text="p59"), Filter(state=SeatState.CANCELLED), Filter(cause=Cause.GIVEN_UP)]
)
async def test_a_search_reads_no_other_event(readings: Readings, database: Database, narrowed: Filter) -> None:
    await readings.registrations(EVENT, None, 51, wanted=narrowed)
    [look] = await looks(database)
    assert look["planSummary"].startswith("IXSCAN")
    assert look["docsExamined"] <= MANY
    assert not look.get("hasSortStage")


async def test_who_waits_for_a_yes_is_found_without_going_through_the_others(
    readings: Readings, database: Database
) -> None:
    assert not await readings.awaits_approval(EVENT)
    [look] = await looks(database)
    assert "COLLSCAN" not in look["planSummary"]
    assert look["docsExamined"] == 0
    waits: dict[str, Any] = {"state": SeatState.PENDING, "cause": Cause.APPROVAL}
    await keep(database, [stored(MANY, "another", **waits)])
    assert not await readings.awaits_approval(EVENT), "of another event"
    await keep(
        database,
        [stored(MANY, choices=(Held(W1, SeatState.PENDING, cause=Cause.APPROVAL), Held("other", SeatState.CONFIRMED)))],
    )
    assert await readings.awaits_approval(EVENT), "in a session"
    await database["registrations"].delete_one({"_id": f"{EVENT}-{MANY:05}"})
    mixed = (Held(W1, SeatState.CANCELLED, cause=Cause.APPROVAL), Held("other", SeatState.PENDING))
    await keep(database, [stored(MANY, choices=mixed)])
    assert not await readings.awaits_approval(EVENT), "one was refused, another waits for something else"
    await keep(database, [stored(MANY + 1, **waits)])
    assert await readings.awaits_approval(EVENT), "at the event"


async def test_counting_reads_each_registration_of_the_event_once(readings: Readings, database: Database) -> None:
    counted = await readings.counts(EVENT)
    assert counted["states"] == {"confirmed": MANY}
    [look] = await looks(database)
    assert look["planSummary"].startswith("IXSCAN")
    assert look["docsExamined"] == MANY


@pytest.fixture
async def desk(settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RegistrationDesk]:
    """A desk whose tables are made seven rows at a time."""
    monkeypatch.setattr(downloads, "AT_ONCE", 7)
    async with registration_desk(settings(), milipol(audiences=[]), workshop(1)) as desk:
        yield desk


@pytest.mark.parametrize("many", [0, 6, 7, 8, 50])
async def test_the_table_in_pieces_is_the_table_in_one(desk: RegistrationDesk, many: int) -> None:
    documents = [stored(n, erased=7 <= n < 14 or n % 9 == 5) for n in range(many)]
    if documents:
        await keep(desk.database, reversed(documents))
    table = Table(milipol(audiences=[]), [workshop(1)], "en")
    async with desk.http.get(desk.process.address + TABLE, headers=ORGANISER) as answer:
        assert await answer.read() == table.head() + table.rows(documents)
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{EVENT}-attendees.csv"'
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["X-Correlation-Id"]


async def test_head_tells_of_the_table_what_get_does(desk: RegistrationDesk) -> None:
    heads = []
    for method in ("GET", "HEAD"):
        async with desk.http.request(method, desk.process.address + TABLE, headers=ORGANISER) as answer:
            skipped = ("date", "x-correlation-id", "transfer-encoding")
            heads.append((answer.status, {k: v for k, v in answer.headers.items() if k.lower() not in skipped}))
    assert heads[0] == heads[1]


async def test_rows_of_one_table_are_made_at_a_time_and_never_in_the_loop(
    desk: RegistrationDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(desk.database, [stored(n) for n in range(40)])
    at_work, most, threads, rows = 0, 0, set(), Table.rows

    def watched(self: Table, documents: Any) -> bytes:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        threads.add(threading.current_thread())
        try:
            return rows(self, documents)
        finally:
            at_work -= 1

    monkeypatch.setattr(Table, "rows", watched)
    answers = await asyncio.gather(*(desk.ask("GET", TABLE) for _ in range(6)))
    assert {answer.body for answer in answers} == {answers[0].body}
    assert answers[0].body.count("\r\n") == 41
    assert most == 1
    assert threading.main_thread() not in threads
