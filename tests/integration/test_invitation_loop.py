"""The whole loop with another maker's calendar: invited by mail, answered there, and the answer comes back by mail."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from services.notification.replies.listener import Listener
from shared.storage.mongo import Database
from tests.support.events import milipol, workshop
from tests.support.mailing_calendar import MailingCalendar
from tests.support.notification import REPLIES, Now, Office, registration, reply_address, told
from tests.support.smtp import SmtpSink
from tests.support.waiting import until

ADA = "ada@example.org"
AT = datetime(2089, 11, 1, 9, 0, tzinfo=UTC)
"""Later than the real clock, which the other maker's calendar stamps its answers with."""


@pytest.fixture
async def office(database: Database, smtp_sink: SmtpSink) -> Office:
    office = await Office(database, smtp_sink.url, invites=True, clock=Now(AT)).open()
    await office.hear(*told(milipol(admission={"calendar_answers": True, "window": {}}), session(1)))
    return office


@pytest.fixture
async def calendar(office: Office) -> AsyncIterator[MailingCalendar]:
    listener = Listener(REPLIES, partial(office.store.named_by, "reply_hash"), office.answers.take, "127.0.0.1", 0)
    await listener.start()
    calendar = MailingCalendar(ADA, listener.port)
    try:
        await calendar.start()
        yield calendar
    finally:
        await calendar.stop()
        await listener.stop()


def session(revision: int, hour: int = 9) -> Any:
    starts = datetime(2089, 11, 20, hour, 0)
    return workshop(
        1,
        revision,
        date=starts.date(),
        starts_local=starts,
        ends_local=starts + timedelta(hours=1),
        starts_at=starts.replace(tzinfo=UTC) - timedelta(hours=1),
        ends_at=starts.replace(tzinfo=UTC),
    )


async def post(office: Office, smtp_sink: SmtpSink, calendar: MailingCalendar) -> None:
    """All mails that are due are sent, and the person's calendar server gets them."""
    await office.work()
    for mail in smtp_sink.to(ADA):
        await calendar.deliver(mail)
    smtp_sink.mails.clear()


async def waits(office: Office) -> bool:
    """Whether an answer waits for its grace time."""
    return bool(await office.answers.waiting("reg-ada"))


async def test_new_private_addresses_update_the_entry_and_its_answers_arrive(
    office: Office, smtp_sink: SmtpSink, calendar: MailingCalendar
) -> None:
    """Another ORGANIZER with the same UID and a higher SEQUENCE: the same entry, and it answers the address of now."""

    await office.hear(*told(registration({1: "confirmed"})))
    await post(office, smtp_sink, calendar)
    [before] = await calendar.entries()
    await office.hear(*told(registration({1: "confirmed"}, version=2, link_generation=2)))
    await post(office, smtp_sink, calendar)
    [(name, entry)] = (await calendar.entries()).items()
    assert name == before, "no duplicate"
    assert reply_address(generation=2) in entry.replace("\r\n ", "")
    assert reply_address() not in entry.replace("\r\n ", "")
    await calendar.answer("DECLINED")
    await until(lambda: waits(office), what="the answer is here")


async def test_invited_moved_declined_accepted_withdrawn(
    office: Office, smtp_sink: SmtpSink, calendar: MailingCalendar
) -> None:
    async def waits_not() -> bool:
        return not await waits(office)

    await office.hear(*told(registration({1: "confirmed"})))
    await post(office, smtp_sink, calendar)
    [entry] = (await calendar.entries()).values()
    assert "milipol-2019-workshop-1.reg-ada@lectern.test" in entry.replace("\r\n ", "")
    assert "20891120T090000" in entry

    await office.hear(*told(session(2, hour=14)))
    await post(office, smtp_sink, calendar)
    [entry] = (await calendar.entries()).values()
    assert "20891120T140000" in entry, "the same entry, moved"

    await calendar.answer("DECLINED")
    await until(lambda: waits(office), what="the answer is here")
    await calendar.answer("ACCEPTED")
    await until(waits_not, what="the second thought is here")
    second = int(time.time())  # of two words in one second the one that keeps the seat counts
    await until(lambda: time.time() >= second + 1, what="the next second")
    await calendar.answer("DECLINED")
    await until(lambda: waits(office), what="the third is here")
    await office.work()
    smtp_sink.mails.clear()
    office.clock.pass_(timedelta(hours=1))
    assert await office.answers.free_due() == 1

    await office.hear(*told(registration({1: {"state": "cancelled", "cause": "calendar"}}, version=2)))
    await post(office, smtp_sink, calendar)
    entries = list((await calendar.entries()).values())
    assert not entries or all("STATUS:CANCELLED" in entry for entry in entries)
