"""Who was erased is forgotten by notification and never comes back, on a real MongoDB and a real mail server."""

from __future__ import annotations

import asyncio
import itertools
from datetime import datetime
from typing import Any

import pytest

from services.notification import intake
from services.notification.mails import Mails
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.scheduling import EventState, SessionState
from shared.storage.mongo import Database
from tests.support.events import milipol, workshop
from tests.support.notification import Office, erased, registration, reminded, repeated, told
from tests.support.smtp import SmtpSink

AGENDA: list[EventState | SessionState] = [milipol(), *(workshop(number) for number in (1, 2))]
SOON = datetime.fromisoformat("2019-11-08T09:30:00+00:00")


@pytest.fixture
async def office(database: Database, smtp_sink: SmtpSink) -> Office:
    return await Office(database, smtp_sink.url).open()


def subjects(sink: SmtpSink, email: str = "ada@example.org") -> list[str]:
    return [str(mail["Subject"]).partition(": ")[0] for mail in sink.to(email)]


async def personal(office: Office) -> str:
    """All documents of the service that name the person or the registration, but for the inbox and mails that were sent."""
    rows = []
    for name in ("registrations", "mails"):
        rows += [row async for row in office.database[name].find({}) if row.get("state") != "sent"]
    return str(rows)


ORDERS = list(itertools.permutations(["changed", "again", "erased", "erased"]))


@pytest.mark.parametrize("order", sorted(set(ORDERS)))
async def test_a_person_who_was_erased_never_comes_back(
    office: Office, smtp_sink: SmtpSink, order: tuple[str, ...]
) -> None:
    facts = {
        "changed": told(registration({1: "confirmed"}))[0],
        "again": told(registration({1: "confirmed", 2: "confirmed"}, version=2))[0],
        "erased": erased(),
    }
    await office.hear(*told(*AGENDA), *(facts[name] for name in order))
    assert await office.work() == 0
    assert "ada" not in await personal(office)
    assert subjects(smtp_sink) == []


@pytest.mark.parametrize("late", [told(registration({1: "confirmed"}))[0]])
async def test_a_person_who_was_erased_would_come_back_if_older_facts_were_not_ended(
    office: Office, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch, late: CloudEvent
) -> None:
    monkeypatch.setattr(intake, "ENDED_BY_ERASURE", ())
    await office.hear(*told(*AGENDA), erased(), late)
    assert await office.work() == 1
    assert "ada@example.org" in await personal(office), "the control: the late fact brought her back"


async def test_erasure_takes_waiting_and_failed_mails_and_leaves_a_count_without_a_person(
    office: Office, smtp_sink: SmtpSink
) -> None:
    await office.hear(*told(*AGENDA, registration({1: "confirmed"})))
    await office.work()
    smtp_sink.reply = "550 5.1.1 no such user"
    await office.hear(*told(registration({1: "cancelled"}, version=2)))
    await office.work()
    smtp_sink.reply = "250 OK"
    await office.hear(repeated(), reminded("requirement", SOON), erased())
    assert await office.work() == 0
    rows = [row async for row in office.store.mails.find({})]
    assert [(row["_id"], row["state"]) for row in rows] == [("reg-ada.1", "sent")]
    assert not any(word in str(rows).casefold() for word in ("example.org", "'ada", "frozen"))
    assert await office.mails.counts() == {"waiting": 0, "sending": 0, "sent": 1, "failed": 0}


async def test_a_fact_of_its_own_that_comes_after_the_erasure_is_told_to_nobody(
    office: Office, smtp_sink: SmtpSink
) -> None:
    await office.hear(*told(*AGENDA, registration({1: "confirmed"})))
    await office.work()
    await office.hear(erased(), repeated(), reminded("requirement", SOON))
    assert await office.work() == 0
    assert await office.mails.depth() == 0
    assert len(smtp_sink.mails) == 1


async def test_a_person_erased_while_the_mail_is_under_way_does_not_come_back(
    database: Database, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has the mail, and before that is noted the person is forgotten."""
    office = await Office(database, smtp_sink.url).open()
    await office.hear(*told(*AGENDA, registration({1: "confirmed"})))
    reached, go_on = asyncio.Event(), asyncio.Event()
    note = Mails.accepted

    async def accepted(self: Mails, *arguments: Any) -> bool:
        reached.set()
        await go_on.wait()
        return await note(self, *arguments)

    monkeypatch.setattr(Mails, "accepted", accepted)
    sending = asyncio.create_task(office.sender.send_due())
    async with asyncio.timeout(20):
        await reached.wait()
        await office.hear(erased())
        go_on.set()
        await sending
    assert "ada" not in await personal(office)
    assert [row async for row in office.store.mails.find({})] == []
    assert await office.work() == 0


@pytest.mark.parametrize("moment", ["freeze", "put_off", "fail", "defer"])
async def test_a_person_erased_at_any_moment_of_an_attempt_does_not_come_back(
    database: Database, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    office = await Office(database, smtp_sink.url).open()
    agenda = [] if moment == "put_off" else AGENDA
    smtp_sink.reply = {"fail": "550 no", "defer": "451 later"}.get(moment, "250 OK")
    await office.hear(*told(*agenda, registration({1: "confirmed"})))
    write = getattr(Mails, moment)

    async def erased_before(self: Mails, *arguments: Any) -> Any:
        await office.hear(erased())
        return await write(self, *arguments)

    monkeypatch.setattr(Mails, moment, erased_before)
    await office.work()
    assert "ada" not in await personal(office)
    assert smtp_sink.mails == []
    assert await office.work() == 0


async def test_an_agenda_that_changes_while_somebody_is_erased_tells_the_others(
    office: Office, smtp_sink: SmtpSink
) -> None:
    await office.hear(*told(*AGENDA, registration({1: "confirmed"}), registration({1: "confirmed"}, name="bob")))
    await office.work()
    await office.hear(*told(workshop(1, 2, title={"en": "New title"})), erased())
    assert await office.work() == 1
    assert subjects(smtp_sink, "bob@example.org") == ["Confirmed", "Changed"]
    assert subjects(smtp_sink) == ["Confirmed"]
