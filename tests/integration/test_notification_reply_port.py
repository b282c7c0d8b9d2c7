"""The port that takes answers to invitations: whom it lets in, and what it bears."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

import aiosmtplib
import pytest

from services.notification.replies.listener import Listener
from shared.contracts.scheduling import EventState, SessionState
from shared.storage.mongo import Database
from tests.support.events import milipol, workshop
from tests.support.handing_over import hand_over
from tests.support.notification import REPLIES, Office, registration, reply_address, told
from tests.support.replies import Said, gmail
from tests.support.smtp import SmtpSink
from tests.support.waiting import until

ADA = "ada@example.org"
OPEN = milipol(admission={"calendar_answers": True})
WORKSHOPS: list[EventState | SessionState] = [workshop(1)]
TO_ADA = reply_address()


def uid(number: int = 1) -> str:
    return f"milipol-2019-workshop-{number}.reg-ada@lectern.test"


@pytest.fixture
async def office(database: Database, smtp_sink: SmtpSink) -> Office:
    office = await Office(database, smtp_sink.url, invites=True).open()
    await office.hear(*told(OPEN, *WORKSHOPS, registration({1: "confirmed"})))
    await office.work()
    smtp_sink.mails.clear()
    office.clock.pass_(timedelta(hours=1))
    return office


@pytest.fixture
async def listener(office: Office) -> AsyncIterator[Listener]:
    listener = Listener(
        REPLIES, partial(office.store.named_by, "reply_hash"), office.answers.take, "127.0.0.1", 0, most_connections=4
    )
    await listener.start()
    yield listener
    await listener.stop()


@pytest.mark.parametrize(
    "to",
    [
        "eve@example.org",
        "answers@replies.lectern.test",
        "answers+short@replies.lectern.test",
        TO_ADA.replace("answers+", "answer+"),
        TO_ADA.replace("replies.", "elsewhere."),
        REPLIES.with_token("a" * 32),
        f"{TO_ADA}%example.org@example.org",
    ],
)
async def test_only_addresses_of_registrations_are_taken_and_nothing_is_sent_on(listener: Listener, to: str) -> None:
    with pytest.raises(aiosmtplib.SMTPResponseException) as refused:
        await hand_over(listener, gmail(Said(uid=uid())), to=to)
    assert refused.value.code in (550, 553)


async def test_one_recipient_and_one_mail_of_a_bounded_size(listener: Listener) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=listener.port) as client:
        await client.mail(ADA)
        await client.rcpt(TO_ADA)
        with pytest.raises(aiosmtplib.SMTPRecipientRefused) as second:
            await client.rcpt(TO_ADA)
        assert second.value.code == 452
        with pytest.raises(aiosmtplib.SMTPResponseException) as large:
            await client.data(b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n" * 600_000)
        assert large.value.code == 552


async def test_whoever_tries_out_addresses_is_hung_up_on(listener: Listener) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=listener.port) as client:
        await client.mail("eve@example.org")
        codes = set()
        for number in range(60):
            try:
                await client.rcpt(REPLIES.with_token(f"{number:02}".replace("0", "a").replace("1", "b") * 16))
            except aiosmtplib.SMTPRecipientRefused as error:
                codes.add(error.code)
            except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPResponseException):
                break
        assert number < 55
        assert codes <= {550, 553, 421}


async def test_connections_are_limited_and_come_free_again(listener: Listener) -> None:
    held = [aiosmtplib.SMTP(hostname="127.0.0.1", port=listener.port) for _ in range(4)]
    for client in held:
        await client.connect()
    with pytest.raises(aiosmtplib.SMTPException):
        await hand_over(listener, gmail(Said(uid=uid())))
    for client in held:
        await client.quit()

    async def taken() -> bool:
        try:
            await hand_over(listener, gmail(Said(uid=uid())))
        except aiosmtplib.SMTPException:
            return False
        return True

    await until(taken, what="the port is free again")


async def test_a_mail_server_may_hand_over_by_lmtp(office: Office, listener: Listener) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)

    async def said(line: str) -> str:
        writer.write(line.encode() + b"\r\n")
        answer = (await reader.readline()).decode()
        while answer[3:4] == "-":
            answer = (await reader.readline()).decode()
        return answer[:3]

    assert (await reader.readline()).startswith(b"220")
    assert await said("LHLO mail.example.org") == "250"
    assert await said(f"MAIL FROM:<{ADA}>") == "250"
    assert await said(f"RCPT TO:<{TO_ADA}>") == "250"
    assert await said("DATA") == "354"
    assert await said(gmail(Said(uid=uid())).decode() + "\r\n.") == "250"
    writer.close()
    assert list(await office.answers.waiting("reg-ada")) == ["milipol-2019-workshop-1"]


async def test_a_database_that_is_away_puts_the_mail_off(office: Office, listener: Listener) -> None:
    async def away(*_: object) -> None:
        raise NotKnownYet

    class NotKnownYet(Exception):
        pass

    listener._take = away
    with pytest.raises(aiosmtplib.SMTPDataError) as put_off:
        await hand_over(listener, gmail(Said(uid=uid())))
    assert put_off.value.code == 451
