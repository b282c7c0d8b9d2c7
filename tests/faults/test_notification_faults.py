"""Every mail once, through faults of the mail server and of this process; each safeguard has its control."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from services.notification.mails import CLAIM, Mails
from services.notification.picture import Picture
from services.notification.sender import Backoff
from services.notification.smtp import Unreachable
from services.notification.store import Store
from shared.contracts.scheduling import EventState, SessionState
from shared.storage.mongo import Database
from tests.support.events import milipol, workshop
from tests.support.notification import Office, registration, told
from tests.support.smtp import SmtpSink, text_of
from tests.support.waiting import until

ADA = "ada@example.org"
AGENDA: list[EventState | SessionState] = [milipol(), *(workshop(number) for number in (1, 2, 3, 4))]
SOON = Backoff(first=timedelta(seconds=30), longest=timedelta(minutes=5), patience=timedelta(hours=1))


class Crash(BaseException):
    """The process is gone."""


class Gate(SmtpSink):
    """A mail server that keeps what it gets, and answers only when told to; `hang_up`: it never answers."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.hang_up = False

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = await super().handle_DATA(server, session, envelope)
        if self.hang_up:
            assert server.transport is not None
            server.transport.abort()
            return answer
        await self.open.wait()
        return answer


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    sink = Gate()
    await sink.start()
    yield sink
    sink.open.set()
    await sink.stop()


async def ready(office: Office) -> Office:
    """An open office where Ada's first mail is due."""
    await office.open()
    await office.hear(*told(*AGENDA, registration({1: "confirmed"})))
    return office


# --- the mail server is down ---------------------------------------------------------------------------------------


async def test_a_mail_waits_for_a_server_that_is_down_and_is_sent_once(database: Database, smtp_sink: SmtpSink) -> None:
    office = await ready(Office(database, smtp_sink.url))
    await smtp_sink.stop()
    for _ in range(20):
        with pytest.raises(Unreachable):
            await office.work()
    row = await office.row("reg-ada.1")
    assert (row["state"], row["attempts"]) == ("waiting", 0), "the mail is not to blame"
    await smtp_sink.start()
    assert await office.work() == 1
    assert await office.work() == 0
    assert len(smtp_sink.mails) == 1


async def test_a_mail_would_be_stuck_if_it_were_not_put_back(
    database: Database, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget(*_: object, **__: object) -> None:
        return None

    office = await ready(Office(database, smtp_sink.url))
    monkeypatch.setattr(Mails, "release", forget)
    await smtp_sink.stop()
    with pytest.raises(Unreachable):
        await office.work()
    await smtp_sink.start()
    assert await office.work() == 0, "the control: nobody sends it"


async def test_the_running_worker_delivers_when_the_server_comes_back(database: Database, smtp_sink: SmtpSink) -> None:
    office = await ready(Office(database, smtp_sink.url))
    await smtp_sink.stop()
    worker = asyncio.create_task(office.sender.run())
    office.sender.wake()
    await until(lambda: _frozen(office), what="a first try")
    await smtp_sink.start()
    await smtp_sink.wait_for(ADA, "Confirmed")
    await office.sender.stop()
    await worker
    assert len(smtp_sink.mails) == 1
    assert (await office.row("reg-ada.1"))["state"] == "sent"


async def _frozen(office: Office) -> bool:
    return "first_tried_at" in await office.row("reg-ada.1")


# --- the mail server says no ---------------------------------------------------------------------------------------


async def test_a_mail_that_was_put_off_comes_later_and_once(database: Database, smtp_sink: SmtpSink) -> None:
    office = await ready(Office(database, smtp_sink.url, backoff=SOON))
    smtp_sink.reply = "451 4.7.1 greylisted"
    assert await office.work() == 0
    row = await office.row("reg-ada.1")
    assert (row["state"], row["attempts"], row["reason"]) == ("waiting", 1, "451 4.7.1")
    smtp_sink.reply = "250 OK"
    assert await office.work() == 0, "not before the pause is over"
    office.clock.pass_(timedelta(seconds=30))
    assert await office.work() == 1
    assert await office.work() == 0
    assert len(smtp_sink.mails) == 1


async def test_without_patience_a_mail_that_was_put_off_is_lost(database: Database, smtp_sink: SmtpSink) -> None:
    office = await ready(Office(database, smtp_sink.url, backoff=Backoff(patience=timedelta(0))))
    smtp_sink.reply = "451 4.7.1 greylisted"
    await office.work()
    smtp_sink.reply = "250 OK"
    office.clock.pass_(timedelta(days=1))
    assert await office.work() == 0, "the control: it was given up"
    assert (await office.row("reg-ada.1"))["state"] == "failed"


async def test_a_refused_mail_fails_and_does_not_hold_up_the_others(database: Database, smtp_sink: SmtpSink) -> None:
    office = await ready(Office(database, smtp_sink.url))
    smtp_sink.reply = "550 5.1.1 no such user"
    await office.work()
    assert (await office.row("reg-ada.1"))["reason"] == "550 5.1.1"
    smtp_sink.reply = "250 OK"
    await office.hear(*told(registration({1: "confirmed"}, name="bob")))
    assert await office.work() == 1
    assert len(smtp_sink.to("bob@example.org")) == 1


async def test_more_news_for_somebody_who_was_refused_are_tried_with_all_that_was_missed(
    database: Database, smtp_sink: SmtpSink
) -> None:
    office = await ready(Office(database, smtp_sink.url))
    smtp_sink.reply = "550 5.1.1 no such user"
    await office.work()
    smtp_sink.reply = "250 OK"
    await office.hear(*told(registration({1: "confirmed", 2: "confirmed"}, version=2)))
    assert await office.work() == 1
    assert "2 sessions are confirmed." in text_of(smtp_sink.mails[0])


async def test_a_mail_that_cannot_be_written_does_not_hold_up_the_others(
    database: Database, smtp_sink: SmtpSink
) -> None:
    office = await Office(database, smtp_sink.url).open()
    await office.hear(
        *told(
            *AGENDA,
            registration({1: "confirmed"}, name="joerg", person={"email": "jörg@example.org"}),
            registration({1: "confirmed"}),
        )
    )
    assert await office.work() == 1
    assert (await office.row("reg-joerg.1"))["reason"].startswith("address:")


# --- the process dies, or the answer is lost -----------------------------------------------------------------------


async def crash_before_the_mark(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ada's mail is taken by the server, and the process dies before it notes that."""

    async def die(*_: object) -> bool:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Mails, "accepted", die)
        with pytest.raises(Crash):
            await office.sender.send_due()
    assert (await office.row("reg-ada.1"))["state"] == "sending"


async def test_after_a_crash_between_sending_and_noting_the_same_mail_is_sent_again(
    database: Database, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = await ready(Office(database, smtp_sink.url))
    await crash_before_the_mark(office, monkeypatch)
    await office.hear(*told(workshop(1, 2, title={"en": "New title"})))  # the world goes on meanwhile
    office.clock.pass_(CLAIM + timedelta(seconds=1))
    await office.mails.recover(office.clock())
    assert await office.sender.send_due() == 1
    first, second = smtp_sink.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert text_of(first) == text_of(second), "the same Message-ID, so the same words"
    assert await office.work() == 1
    assert "Title: Workshop 1 → New title" in text_of(smtp_sink.mails[2])


async def test_other_words_would_go_out_under_the_same_message_id_if_they_were_not_frozen(
    database: Database, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = await ready(Office(database, smtp_sink.url))
    await crash_before_the_mark(office, monkeypatch)
    await office.store.mails.update_many({}, {"$unset": {"frozen": ""}})
    await office.hear(*told(workshop(1, 2, title={"en": "New title"})))
    office.clock.pass_(CLAIM + timedelta(seconds=1))
    await office.mails.recover(office.clock())
    await office.sender.send_due()
    first, second = smtp_sink.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert text_of(first) != text_of(second), "the control: a reader who keeps the first never learns the new title"


async def test_an_answer_that_was_lost_means_the_same_mail_again(database: Database, gate: Gate) -> None:
    office = await ready(Office(database, gate.url))
    gate.hang_up = True
    with pytest.raises(Unreachable) as lost:
        await office.sender.send_due()
    assert lost.value.answer_lost
    gate.hang_up = False
    gate.open.set()
    assert await office.work() == 1
    assert len(gate.mails) >= 2, "two, and one more where another lane took it up before the server came back"
    assert len({(mail["Message-ID"], text_of(mail)) for mail in gate.mails}) == 1
    assert await office.work() == 0


async def test_a_stop_waits_for_the_answer_that_is_under_way(database: Database, gate: Gate) -> None:
    office = await ready(Office(database, gate.url))
    worker = asyncio.create_task(office.sender.run())
    await gate.wait_for(ADA)
    stopping = asyncio.create_task(office.sender.stop())
    gate.open.set()
    await stopping
    await worker
    assert (await office.row("reg-ada.1"))["state"] == "sent"


# --- facts come twice, processes come twice ------------------------------------------------------------------------


async def redelivered(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ada's registration is handled three times, as if the inbox and the comparison of seats were not there."""

    async def everything_is_new(*_: object) -> bool:
        return True

    with monkeypatch.context() as patch:
        patch.setattr("shared.storage.inbox._accepted", everything_is_new)
        patch.setattr("services.notification.intake.same_seats", lambda *_: False)
        await office.hear(*told(registration({1: "confirmed"})) * 3)


async def send_at_once(office: Office, gate: Gate, mails: int) -> None:
    """Sends with an answer that comes only after `mails` mails are under way together."""
    sending = asyncio.create_task(office.sender.send_due())
    await gate.wait_for(ADA, count=mails)
    gate.open.set()
    await sending
    await office.work()


async def test_a_fact_that_comes_again_makes_no_second_mail(
    database: Database, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = await Office(database, gate.url).open()
    await office.hear(*told(*AGENDA))
    await redelivered(office, monkeypatch)
    await send_at_once(office, gate, 1)
    await redelivered(office, monkeypatch)
    await office.work()
    assert len(gate.mails) == 1


async def test_a_fact_that_comes_again_would_make_a_second_mail_if_rows_had_other_ids(
    database: Database, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = itertools.count()
    office = await Office(database, gate.url, name=lambda *_: f"random-{next(numbers)}").open()
    await office.hear(*told(*AGENDA))
    await redelivered(office, monkeypatch)
    await send_at_once(office, gate, 3)
    assert len(gate.mails) == 3, "the control: one fact, three mails"


async def test_two_processes_send_each_mail_once(database: Database, smtp_sink: SmtpSink) -> None:
    one = await ready(Office(database, smtp_sink.url))
    other = Office(database, smtp_sink.url, clock=one.clock)  # the same holder: the lease does not keep it away
    await one.hear(*told(*(registration({1: "confirmed"}, name=f"p{n}") for n in range(40))))
    sent = await asyncio.gather(one.sender.send_due(), other.sender.send_due())
    assert sum(sent) == 41
    assert len(smtp_sink.mails) == 41


async def test_two_processes_would_send_a_mail_twice_without_a_claim(database: Database, gate: Gate) -> None:
    office = await ready(Office(database, gate.url))
    other = Office(database, gate.url, clock=office.clock)
    sending = [asyncio.create_task(office.sender.send_due())]
    await gate.wait_for(ADA, count=1)
    # The mail is under way, and its claim is taken away: for the other process it waits.
    await office.store.mails.update_many({}, {"$set": {"state": "waiting"}})
    sending.append(asyncio.create_task(other.sender.send_due()))
    await gate.wait_for(ADA, count=2)
    gate.open.set()
    async with asyncio.timeout(20):
        await asyncio.gather(*sending)
    assert len(gate.mails) == 2, "the control: the same mail went out twice"


async def test_another_process_waits_while_one_has_the_lease(database: Database, smtp_sink: SmtpSink) -> None:
    one = await ready(Office(database, smtp_sink.url, holder="one"))
    other = Office(database, smtp_sink.url, holder="other", clock=one.clock)
    await one.open()
    assert await one.sender.send_due() == 1
    await one.hear(*told(registration({2: "confirmed"}, name="bob")))
    assert await other.sender.send_due() == 0
    one.clock.pass_(timedelta(seconds=30))  # `one` has died
    assert await other.sender.send_due() == 1


async def test_news_that_come_while_a_mail_is_under_way_get_a_mail_of_their_own(database: Database, gate: Gate) -> None:
    office = await ready(Office(database, gate.url))
    sending = asyncio.create_task(office.sender.send_due())
    await gate.wait_for(ADA)
    await office.hear(*told(registration({1: "cancelled"}, state="cancelled", version=2)))
    gate.open.set()
    await sending
    await office.work()
    assert [str(mail["Subject"]).partition(":")[0] for mail in gate.mails] == ["Confirmed", "Registration cancelled"]
    assert gate.mails[0]["Message-ID"] != gate.mails[1]["Message-ID"]


async def test_spreading_that_broke_off_is_done_again_without_doubling(
    database: Database, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = await ready(Office(database, smtp_sink.url))
    await office.work()
    await office.hear(*told(workshop(1, 2, title={"en": "New title"})))
    read = Store.pictures

    async def die(self: Store, *arguments: object) -> list[Picture]:
        await read(self, *arguments)  # type: ignore[arg-type]
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Store, "pictures", die)
        with pytest.raises(Crash):
            await office.spread()
    assert await office.work() == 1
    assert await office.work() == 0
    assert len(smtp_sink.mails) == 2
