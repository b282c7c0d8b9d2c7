"""What calendar-sync saw in a connected calendar, told to the person, on a real MongoDB and a real mail server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.calendar_sync import Lost
from shared.contracts.scheduling import EventState, SessionState
from shared.links import CALENDAR, calendar_path
from shared.storage.mongo import Database
from tests.support.events import milipol, workshop
from tests.support.notification import LINKS, Office, erased, lost, noticed, registration, told
from tests.support.smtp import SmtpSink, text_of

ADA = "ada@example.org"
AGENDA: list[EventState | SessionState] = [milipol(), *(workshop(number) for number in (1, 2))]
FREES = datetime(2019, 11, 1, 10, 0, tzinfo=UTC)
PAGE = "http://lectern.test" + calendar_path(LINKS.token(CALENDAR, "reg-ada"))


@pytest.fixture
async def office(database: Database, smtp_sink: SmtpSink) -> Office:
    office = await Office(database, smtp_sink.url).open()
    await office.hear(*told(*AGENDA, registration({1: "confirmed", 2: "confirmed"})))
    await office.work()
    smtp_sink.mails.clear()
    return office


def subjects(sink: SmtpSink) -> list[str]:
    return [str(mail["Subject"]).strip() for mail in sink.to(ADA)]


async def test_a_session_gone_from_the_calendar_is_told_with_the_time_and_the_page(
    office: Office, smtp_sink: SmtpSink
) -> None:
    fact = noticed(1, frees_at=FREES)
    await office.hear(fact, fact)
    assert await office.work() == 1
    text = text_of(smtp_sink.to(ADA)[0]).replace("\r\n", "\n")
    assert subjects(smtp_sink) == ["Do you want to keep your seat? Workshop 1 (Practitioner workshops at Milipol)"]
    assert "You removed or declined “Workshop 1” in your calendar." in text
    assert "Your seat is given up at this time: Friday, 1 November 2019, 11:00 (Europe/Paris, UTC+1)." in text
    assert f"I want to keep my seat:\n  {PAGE}" in text
    assert "Workshop 2" not in text


async def test_what_is_unclear_is_a_question(office: Office, smtp_sink: SmtpSink) -> None:
    await office.hear(noticed(1, 2))
    assert await office.work() == 1
    text = text_of(smtp_sink.to(ADA)[0]).replace("\r\n", "\n")
    assert subjects(smtp_sink) == ["Do you want to keep your sessions? Practitioner workshops at Milipol"]
    assert "nothing was changed: you still have your seats" in text
    assert "http://lectern.test/r/" in text


@pytest.mark.parametrize("settled", ["given up", "too late"])
async def test_what_is_settled_is_not_told(office: Office, smtp_sink: SmtpSink, settled: str) -> None:
    gone = registration({1: {"state": "cancelled", "cause": "calendar"}, 2: "confirmed"}, version=2)
    if settled == "given up":
        await office.hear(*told(gone))
        await office.work()
        smtp_sink.mails.clear()
    else:
        office.clock.pass_(timedelta(hours=2))
    await office.hear(noticed(1, frees_at=FREES))
    assert await office.work() == 0


async def test_a_seat_given_up_by_calendar_says_why(office: Office, smtp_sink: SmtpSink) -> None:
    await office.hear(*told(registration({1: {"state": "cancelled", "cause": "calendar"}, 2: "confirmed"}, version=2)))
    await office.work()
    assert subjects(smtp_sink) == ["Session given up: Workshop 1 (Practitioner workshops at Milipol)"]
    assert "You removed or declined it in your calendar" in text_of(smtp_sink.to(ADA)[0])


@pytest.mark.parametrize(
    ("reason", "said"),
    [(Lost.PASSWORD, "user name and the password"), (Lost.CALENDAR, "not there any more"), (Lost.SERVER, "for days")],
)
async def test_a_calendar_out_of_reach_is_told_with_the_reason(
    office: Office, smtp_sink: SmtpSink, reason: Lost, said: str
) -> None:
    await office.hear(lost(reason))
    assert await office.work() == 1
    text = text_of(smtp_sink.to(ADA)[0]).replace("\r\n", "\n")
    assert said in text
    assert f"Connect your calendar again:\n  {PAGE}" in text


async def test_whoever_is_forgotten_is_told_nothing_of_a_calendar(office: Office, smtp_sink: SmtpSink) -> None:
    await office.hear(noticed(1, frees_at=FREES), lost(Lost.SERVER), erased(), noticed(2, sequence=2))
    assert await office.work() == 0
    assert await office.mails.depth() == 0
