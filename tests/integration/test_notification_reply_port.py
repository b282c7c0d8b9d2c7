"""The port that takes answers to invitations: whom it lets in, and what it bears."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import aiosmtplib
import pytest

from services.notification.replies.listener import MOST_MAILS, Listener, _peer
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
    async with listening(office, most_connections=4) as listener:
        yield listener


@asynccontextmanager
async def listening(office: Office, **bounds: Any) -> AsyncIterator[Listener]:
    named = partial(office.store.named_by, "reply_hash")
    listener = Listener(REPLIES, named, office.answers.take, "127.0.0.1", 0, **bounds)
    await listener.start()
    try:
        yield listener
    finally:
        await listener.stop()


class Callers:
    """Peers whose connections stay open."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._open: list[asyncio.StreamWriter] = []

    async def greeted(self, count: int, source: str = "127.0.0.1") -> list[str]:
        """What so many new connections from `source` are greeted with."""
        words = []
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._listener.port, local_addr=(source, 0))
            self._open.append(writer)
            words.append((await reader.readline()).decode()[:9].replace("220 repli", "220"))
        return words


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


async def test_one_peer_with_many_connections_leaves_room_for_others(office: Office) -> None:
    async with listening(office, most_connections=4, most_of_one=2) as listener:
        callers = Callers(listener)
        assert await callers.greeted(10) == ["220", "220", *["421 4.7.0"] * 8]
        assert await callers.greeted(2, "127.0.0.2") == ["220", "220"]
        assert await callers.greeted(1, "127.0.0.3") == ["421 4.3.2"], "the bound of all together"


async def test_without_a_bound_for_each_one_peer_shuts_all_others_out(office: Office) -> None:
    """The control."""
    async with listening(office, most_connections=4, most_of_one=10) as listener:
        callers = Callers(listener)
        await callers.greeted(10)
        assert await callers.greeted(1, "127.0.0.2") == ["421 4.3.2"]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_whoever_is_one_too_many_is_told_so_on_either_loop(loop: str) -> None:
    """The connections of uvloop are of none of asyncio's classes."""

    async def nobody(*_: object) -> None:
        return None

    async def story() -> bytes:
        listener = Listener(REPLIES, nobody, nobody, "127.0.0.1", 0, most_of_one=0)
        await listener.start()
        try:
            async with asyncio.timeout(20):
                reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
                answer = await reader.read()
                writer.close()
                return answer
        finally:
            await listener.stop()

    factory = asyncio.new_event_loop if loop == "asyncio" else pytest.importorskip("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(story()).startswith(b"421 4.7.0 ")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("192.0.2.1", 1), ("192.0.2.2", 1), False),
        (("192.0.2.1", 1), ("192.0.2.1", 2), True),
        (("192.0.2.1", 1), ("::ffff:192.0.2.1", 1, 0, 0), True),
        (("2001:db8::1", 1, 0, 0), ("2001:db8::2", 1, 0, 0), True),
        (("2001:db8::1", 1, 0, 0), ("2001:db8:0:1::1", 1, 0, 0), False),
        (("fe80::1%eth0", 1, 0, 2), ("fe80::2%eth0", 1, 0, 2), True),
        (None, ("192.0.2.1", 1), False),
    ],
)
def test_a_peer_is_an_address_or_an_ipv6_network(one: Any, other: Any, same: bool) -> None:
    assert (_peer(one) == _peer(other)) is same


@pytest.mark.parametrize("bounded", [True, False], ids=["bounded", "the control"])
async def test_a_connection_hands_over_so_many_mails_and_the_next_goes_on(office: Office, bounded: bool) -> None:
    async with listening(office, most_mails=2 if bounded else 10) as listener:
        raw = gmail(Said(uid=uid()))
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=listener.port) as client:
            for _ in range(2):
                await client.sendmail(ADA, [TO_ADA], raw)
            if not bounded:
                await client.sendmail(ADA, [TO_ADA], raw)
                return
            with pytest.raises((aiosmtplib.SMTPResponseException, aiosmtplib.SMTPServerDisconnected)) as enough:
                await client.sendmail(ADA, [TO_ADA], raw)
            assert getattr(enough.value, "code", 421) == 421
        await hand_over(listener, raw)


async def test_a_mail_server_that_keeps_its_connection_hands_over_two_hundred_mails(office: Office) -> None:
    """Postfix says RSET before each further mail. All that a mail consists of may come as often as mails may."""
    async with listening(office) as listener:
        taken = 0

        async def take(*_: object) -> None:
            nonlocal taken
            taken += 1

        listener._take = take
        raw = b"Subject: x\r\n\r\nx\r\n"
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=listener.port) as client:
            for number in range(MOST_MAILS):
                if number:
                    await client.rset()
                await client.sendmail(ADA, [TO_ADA], raw)
            assert taken == MOST_MAILS == 200
            with pytest.raises((aiosmtplib.SMTPResponseException, aiosmtplib.SMTPServerDisconnected)):
                await client.sendmail(ADA, [TO_ADA], raw)


@pytest.mark.parametrize("bound", ["timeout", "longest"])
async def test_a_connection_ends_with_a_word_when_its_time_is_over(office: Office, bound: str) -> None:
    """Silence, or commands without an end."""
    async with listening(office, **{bound: 0.2}) as listener, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        lines = []
        while line := await reader.readline():
            lines.append(line.decode()[:3])
            if bound == "longest" and len(lines) < 40:
                writer.write(b"NOOP\r\n" if len(lines) > 1 else b"HELO mail.example.org\r\n")
        assert lines[0] == "220"
        assert lines[-1] == "421"
        writer.close()
        await until(lambda: not listener._open, what="the place is free")


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
