"""Scheduling as a process of its own: its facts leave through the transport, registration's come in, and a stop loses nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from services.scheduling.agenda_file import read_agenda
from services.scheduling.domain import publish
from services.scheduling.service import build
from services.scheduling.store import COLLECTIONS, Decision, Draft, Store
from services.scheduling.views import Views
from shared.contracts.cloudevent import CloudEvent, decode
from shared.contracts.registration import SEATS_CHANGED, SeatsState, SessionSeats
from shared.contracts.registry import EVENTS
from shared.contracts.scheduling import SESSION_REVISED
from shared.facts import fact
from shared.messaging.port import Binding, Delivery, Outgoing, Subscription
from shared.process import Process, running
from shared.storage.inbox import INBOX
from shared.storage.ledger import LEDGERS, OUTBOX, Ledgers
from shared.storage.mongo import Database
from tests.conftest import MakeSettings
from tests.support.lectern import ORGANISER
from tests.support.waiting import until

SAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "milipol-2019.yaml"
NOW = datetime(2019, 10, 1, 12, tzinfo=UTC)


async def call(process: Process, method: str, path: str, **request: object) -> aiohttp.ClientResponse:
    async with aiohttp.ClientSession() as http:
        answer = await http.request(method, process.address + path, **request)  # type: ignore[arg-type]
        await answer.read()
        return answer


async def import_and_publish(process: Process) -> None:
    headers = {**ORGANISER, "Content-Type": "application/yaml"}
    answer = await call(process, "POST", "/api/v1/events/import", data=SAMPLE.read_bytes(), headers=headers)
    assert answer.status == 201
    assert (await call(process, "POST", "/api/v1/events/milipol-2019/publish", headers=ORGANISER)).status == 200


async def test_facts_reach_whoever_listens_and_a_reschedule_reaches_them_once_more(settings: MakeSettings) -> None:
    heard: list[CloudEvent] = []

    async def hear(delivery: Delivery) -> None:
        heard.append(decode(delivery.body))

    async with running(Process(settings(), {"scheduling": build}, port=0)) as process:
        assert process.transport is not None
        await process.transport.subscribe(Subscription("listener", (Binding(EVENTS, "lectern.scheduling.#"),), hear))
        await import_and_publish(process)
        await until(lambda: len({event.id for event in heard}) == 8, what="the event and its seven sessions")
        session = "/api/v1/events/milipol-2019/sessions/milipol-2019-workshop-3"
        await call(process, "PATCH", session, json={"starts": "14:30"}, headers=ORGANISER)
        await call(process, "POST", "/api/v1/events/milipol-2019/publish", headers=ORGANISER)
        await until(lambda: len({event.id for event in heard}) == 9, what="the rescheduled session")
    assert [(e.type, e.subject, e.sequence) for e in heard if (e.sequence or 0) > 1] == [
        (SESSION_REVISED, "sessions/milipol-2019-workshop-3", 2)
    ]


async def test_seats_told_by_registration_reach_the_page(settings: MakeSettings) -> None:
    async with running(Process(settings(), {"scheduling": build}, port=0, clock=lambda: NOW)) as process:
        await import_and_publish(process)
        session = SessionSeats(session_id="milipol-2019-workshop-1", capacity=60, confirmed=60, waiting=3)
        state = SeatsState(event_id="milipol-2019", sessions=[session])
        event = fact(SEATS_CHANGED, "events/milipol-2019/seats", 1, state, at=NOW)
        assert process.transport is not None
        await process.transport.publish([Outgoing(EVENTS, event)])

        async def shown() -> bool:
            page = await call(process, "GET", "/events/milipol-2019?lang=en")
            return "full: waiting list (3 waiting)" in await page.text()

        await until(shown, what="the waiting list on the page")


async def test_a_stop_between_commit_and_settling_delays_views_and_facts_and_loses_none(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await database.declare([LEDGERS, OUTBOX, INBOX, *COLLECTIONS])
    store = Store(database, lambda: NOW, lambda: None)
    agenda = read_agenda(SAMPLE.read_bytes(), is_json=False)

    class Stopped(BaseException):
        """Stands for the end of the process."""

    async def stopped(*_: object) -> None:
        raise Stopped

    def publishing(before: Draft | None) -> Decision:
        return Decision(Draft(agenda, 0), publish(agenda, None, {}, NOW))

    with monkeypatch.context() as patch:
        patch.setattr(Ledgers, "settle", stopped)
        with pytest.raises(Stopped):
            await store.change("milipol-2019", publishing)
    assert await Views(database).event("milipol-2019") is None
    assert await database[OUTBOX.name].count_documents({}) == 0, "control: nothing was written but the ledger"
    draft = await store.draft("milipol-2019")
    assert draft is not None
    assert draft.published is not None, "and yet it is decided"
    await Ledgers(database).settle_left_over(datetime(2019, 10, 1, 13, tzinfo=UTC))
    assert len(await Views(database).sessions("milipol-2019")) == 7
    assert await database[OUTBOX.name].count_documents({}) == 8
