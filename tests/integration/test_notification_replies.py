"""Answers to invitations, by real SMTP into a real MongoDB: what is taken, what is told, and what leaves for registration."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any

import aiohttp
import aiosmtplib
import pytest

from services.notification.replies.address import keep_path
from services.notification.replies.answers import NotKnown
from services.notification.replies.listener import Listener
from services.notification.service import build
from shared.config import SettingsError
from shared.contracts.registration import REGISTRATION_CANCELLED, RegistrationCancelled, Through
from shared.contracts.registry import EVENTS
from shared.contracts.scheduling import EventState, SessionState
from shared.links import Links
from shared.messaging.port import Outgoing
from shared.process import Process, running
from shared.storage.mongo import Database
from tests.conftest import MakeSettings
from tests.support.events import milipol, workshop
from tests.support.handing_over import hand_over
from tests.support.notification import REPLIES, Office, erased, registration, reply_address, told
from tests.support.replies import Said, apple, gmail, out_of_office, outlook_com, several
from tests.support.smtp import SmtpSink, text_of
from tests.support.waiting import until

ADA = "ada@example.org"
ORGANISER = {"Authorization": "Bearer the-organisers-token-of-the-tests"}
OPEN = milipol(admission={"calendar_answers": True})
WORKSHOPS: list[EventState | SessionState] = [workshop(number) for number in (1, 2, 3, 4)]
GRACE = timedelta(minutes=60)
TO_ADA = reply_address()


def uid(number: int = 1) -> str:
    return f"milipol-2019-workshop-{number}.reg-ada@lectern.test"


@pytest.fixture
async def office(database: Database, smtp_sink: SmtpSink) -> Office:
    office = await Office(database, smtp_sink.url, invites=True).open()
    await office.hear(*told(OPEN, *WORKSHOPS, registration(dict.fromkeys((1, 2, 3, 4), "confirmed"))))
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


async def leaving(office: Office) -> list[dict[str, Any]]:
    """The messages that wait to leave, oldest first."""
    rows = [row async for row in office.database["outbox"].find({}).sort("_id", 1)]
    return [json.loads(row["event"]["text"]) for row in rows]


def subjects(sink: SmtpSink) -> list[str]:
    return [str(mail["Subject"]).strip().partition("?")[0].partition(":")[0] for mail in sink.to(ADA)]


@pytest.mark.parametrize("write", [gmail, apple], ids=lambda write: str(write.__name__))
async def test_declined_is_told_at_once_and_freed_after_the_grace_time(
    office: Office, smtp_sink: SmtpSink, listener: Listener, write: Any
) -> None:
    await hand_over(listener, write(Said(uid=uid())))
    assert await office.sender.send_due() == 1
    text = text_of(smtp_sink.to(ADA)[0])
    assert subjects(smtp_sink) == ["Do you want to keep your seat"]
    assert "You declined “Workshop 1” in your calendar." in text
    assert "Friday, 1 November 2019, 12:00 (Europe/Paris, UTC+1)" in text
    assert "http://lectern.test/answers/" in text
    assert await office.answers.free_due() == 0
    office.clock.pass_(GRACE - timedelta(seconds=1))
    assert await office.answers.free_due() == 0
    assert await leaving(office) == []
    office.clock.pass_(timedelta(seconds=1))
    assert await office.answers.free_due() == 1
    [message] = await leaving(office)
    assert message["type"] == REGISTRATION_CANCELLED
    asked = RegistrationCancelled.model_validate(message["data"])
    assert (asked.registration_id, asked.sessions, asked.through) == (
        "reg-ada",
        ["milipol-2019-workshop-1"],
        Through.INVITATION,
    )
    assert await office.answers.free_due() == 0
    assert len(await leaving(office)) == 1


async def test_refusal_from_an_alias_is_asked_about_and_frees_nothing(
    office: Office, smtp_sink: SmtpSink, listener: Listener
) -> None:
    """outlook.com answers with the account's first address; a colleague who got the mail would answer with theirs."""
    await hand_over(listener, outlook_com(Said(uid=uid())))
    assert await office.sender.send_due() == 1
    assert subjects(smtp_sink) == ["Do you want to keep your sessions"]
    office.clock.pass_(GRACE * 2)
    assert await office.answers.free_due() == 0
    assert await leaving(office) == []


async def test_accepted_within_the_grace_time_keeps_the_seat(office: Office, listener: Listener) -> None:
    await hand_over(listener, gmail(Said(uid=uid())))
    office.clock.pass_(timedelta(minutes=5))
    await hand_over(listener, gmail(Said("ACCEPTED", uid=uid(), stamp="20191101T093500Z")))
    office.clock.pass_(GRACE)
    assert await office.answers.free_due() == 0
    assert await leaving(office) == []


async def test_without_a_grace_time_the_seat_would_be_gone_before_the_second_word(
    database: Database, smtp_sink: SmtpSink
) -> None:
    office = await Office(database, smtp_sink.url, invites=True, grace=timedelta(0)).open()
    await office.hear(*told(OPEN, *WORKSHOPS, registration({1: "confirmed"})))
    await office.work()
    office.clock.pass_(timedelta(hours=1))
    await office.answers.take("reg-ada", gmail(Said(uid=uid())), ADA)
    assert await office.answers.free_due() == 1, "the control"
    office.clock.pass_(timedelta(minutes=5))
    await office.answers.take("reg-ada", gmail(Said("ACCEPTED", uid=uid(), stamp="20191101T093500Z")), ADA)
    assert len(await leaving(office)) == 1


async def test_answers_in_any_order_and_number_come_to_the_same(office: Office) -> None:
    mails = [
        gmail(Said("DECLINED", uid=uid(), stamp="20191101T093000Z")),
        gmail(Said("ACCEPTED", uid=uid(), stamp="20191101T093100Z")),
        gmail(Said("DECLINED", uid=uid(), stamp="20191101T093200Z")),
        gmail(Said("TENTATIVE", uid=uid(), stamp="20191101T093300Z")),
    ]
    for number, order in enumerate(itertools.permutations(mails)):
        if number % 4 == 0:
            for raw in (*order, order[0]):
                await office.answers.take("reg-ada", raw, ADA)
            assert await office.answers.waiting("reg-ada") == {}


async def test_many_answers_in_one_moment_free_each_seat_once(office: Office) -> None:
    said = [gmail(Said(uid=uid(number))) for number in (1, 2, 3)]
    await asyncio.gather(*(office.answers.take("reg-ada", raw, ADA) for raw in said * 2), return_exceptions=True)
    for raw in said:  # a mail server tries again what was put off
        await office.answers.take("reg-ada", raw, ADA)
    office.clock.pass_(GRACE)
    assert await office.answers.free_due() == 3
    [message] = await leaving(office)
    assert len(message["data"]["sessions"]) == 3


async def test_a_calendar_that_is_emptied_frees_nothing_and_the_person_is_asked_once(
    office: Office, smtp_sink: SmtpSink, listener: Listener
) -> None:
    await hand_over(listener, several([uid(number) for number in (1, 2, 3, 4)]))
    await office.sender.send_due()
    assert subjects(smtp_sink) == ["Do you want to keep your sessions"]
    text = text_of(smtp_sink.to(ADA)[0])
    assert "nothing was changed: you still have your seats" in text
    office.clock.pass_(GRACE * 2)
    assert await office.answers.free_due() == 0
    assert await leaving(office) == []


async def test_an_automatic_answer_frees_nothing(office: Office, smtp_sink: SmtpSink, listener: Listener) -> None:
    await hand_over(listener, out_of_office(), sender="")
    assert await office.sender.send_due() == 0
    await hand_over(listener, gmail(Said(uid=uid())), sender="")
    await office.sender.send_due()
    assert subjects(smtp_sink) == ["Do you want to keep your sessions"]
    office.clock.pass_(GRACE * 2)
    assert await office.answers.free_due() == 0


async def test_where_the_event_does_not_take_answers_nothing_follows(
    office: Office, smtp_sink: SmtpSink, listener: Listener
) -> None:
    await office.hear(*told(milipol(2, admission={"calendar_answers": False})))
    await hand_over(listener, gmail(Said(uid=uid())))
    assert await office.sender.send_due() == 0
    office.clock.pass_(GRACE * 2)
    assert await office.answers.free_due() == 0


@pytest.mark.parametrize("meanwhile", ["opted out", "given up", "cancelled"])
async def test_what_is_settled_when_the_time_is_over_is_left(
    office: Office, listener: Listener, meanwhile: str
) -> None:
    await hand_over(listener, gmail(Said(uid=uid())))
    changes: dict[str, list[Any]] = {
        "opted out": [milipol(2, admission={"calendar_answers": False})],
        "given up": [registration({1: "cancelled", 2: "confirmed"}, version=2)],
        "cancelled": [registration({1: "cancelled"}, state="cancelled", version=2)],
    }
    await office.hear(*told(*changes[meanwhile]))
    office.clock.pass_(GRACE)
    assert await office.answers.free_due() == 0
    assert await leaving(office) == []
    assert await office.answers.waiting("reg-ada") == {}


@pytest.mark.parametrize("told_between", [True, False])
async def test_seat_that_is_taken_again_after_the_no_is_kept(
    office: Office, listener: Listener, told_between: bool
) -> None:
    await hand_over(listener, gmail(Said(uid=uid())))
    for version, state in ((2, "cancelled"), (3, "confirmed")):
        office.clock.pass_(timedelta(minutes=5))
        await office.hear(*told(registration({1: state, 2: "confirmed"}, version=version)))
        if told_between:
            await office.work()
    office.clock.pass_(GRACE)
    assert await office.answers.free_due() == 0
    assert await leaving(office) == []


async def test_an_answer_to_what_was_moved_since_is_old(office: Office, listener: Listener) -> None:
    await office.hear(*told(workshop(1, 2, place={"room": {"en": "Elsewhere"}})))
    await office.work()
    await hand_over(listener, gmail(Said(uid=uid(), sequence=1)))
    assert await office.answers.waiting("reg-ada") == {}
    await hand_over(listener, gmail(Said(uid=uid(), sequence=2)))
    assert list(await office.answers.waiting("reg-ada")) == ["milipol-2019-workshop-1"]


async def test_a_process_that_dies_between_commit_and_settling_loses_and_repeats_nothing(
    office: Office, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledgers = office.answers._ledgers

    class Crash(BaseException):
        pass

    async def die(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as dying:
        dying.setattr(ledgers, "settle", die)
        with pytest.raises(Crash):
            await office.answers.take("reg-ada", gmail(Said(uid=uid())), ADA)
    await office.answers.take("reg-ada", gmail(Said(uid=uid())), ADA)  # the mail server tries again
    await ledgers.settle_left_over(office.clock() + timedelta(minutes=1))
    assert await office.sender.send_due() == 1
    office.clock.pass_(GRACE)
    with monkeypatch.context() as dying:
        dying.setattr(ledgers, "settle", die)
        with pytest.raises(Crash):
            await office.answers.free_due()
    assert await office.answers.free_due() == 0, "decided already, only not written out"
    await ledgers.settle_left_over(office.clock() + timedelta(minutes=1))
    assert len(await leaving(office)) == 1
    assert subjects(smtp_sink) == ["Do you want to keep your seat"]


# --- those who are forgotten ---------------------------------------------------------------------------------------


async def test_who_is_forgotten_leaves_no_answer_behind_and_gets_none(office: Office, listener: Listener) -> None:
    await hand_over(listener, gmail(Said(uid=uid())))
    await office.hear(erased())
    assert [row async for row in office.database["replies"].find({})] == []
    assert await office.mails.depth() == 0
    with pytest.raises(aiosmtplib.SMTPRecipientRefused):
        await hand_over(listener, gmail(Said(uid=uid(2))))
    with pytest.raises(NotKnown):
        await office.answers.take("reg-ada", gmail(Said(uid=uid(2))), ADA)
    office.clock.pass_(GRACE)
    assert await office.answers.free_due() == 0


@pytest.mark.parametrize("step", ["commit", "settle"])
async def test_who_is_forgotten_while_an_answer_is_taken_leaves_nothing_behind(
    office: Office, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    ledgers = office.answers._ledgers
    go_on = getattr(ledgers, step)

    async def erased_before(*arguments: Any, **more: Any) -> Any:
        await office.hear(erased())
        return await go_on(*arguments, **more)

    monkeypatch.setattr(ledgers, step, erased_before)
    try:
        await office.answers.take("reg-ada", gmail(Said(uid=uid())), ADA)
    except NotKnown:
        assert step == "commit"
    assert [row async for row in office.database["replies"].find({})] == []
    assert await office.mails.depth() == 0


async def test_answers_hold_no_address_and_no_words(office: Office) -> None:
    await office.answers.take("reg-ada", gmail(Said(uid=uid())), ADA)
    rows = [row async for row in office.database["replies"].find({})]
    rows += [row async for row in office.database["ledgers"].find({})]
    assert "example.org" not in str(rows)


# --- the service ---------------------------------------------------------------------------------------------------


async def test_the_service_takes_answers_by_port_and_pipe_and_shows_what_can_be_kept(
    settings: MakeSettings, smtp_sink: SmtpSink
) -> None:
    given = settings(smtp_url=smtp_sink.url, reply_address="answers@replies.lectern.test", reply_port=0)
    links = Links(given.link_key.get_secret_value())
    process = Process(given, {"notification": build}, port=0)
    address = REPLIES.with_token(links.token("reply", "reg-ada"))
    event = milipol(admission={"calendar_answers": True, "window": {}})
    later: dict[str, Any] = {
        "date": "2090-11-20", "starts_local": "2090-11-20T09:40:00", "ends_local": "2090-11-20T10:55:00",
        "starts_at": "2090-11-20T08:40:00Z", "ends_at": "2090-11-20T09:55:00Z",
    }  # fmt: skip
    async with running(process), aiohttp.ClientSession(process.address) as client:
        assert process.transport is not None
        states = told(event, workshop(1, **later), workshop(2, **later), registration({1: "confirmed"}))
        await process.transport.publish([Outgoing(EVENTS, fact) for fact in states])
        await smtp_sink.wait_for(ADA, "Confirmed")

        async def invited() -> bool:
            row = await process.databases["notification"]["registrations"].find_one({"_id": "reg-ada"})
            return bool(row and row.get("invited"))

        await until(invited, what="the invitation is noted as sent")
        raw = gmail(Said(uid=uid(), organiser=address))
        path = "/api/v1/mail-replies"
        mail = {"Content-Type": "message/rfc822"}
        async with client.post(path, data=raw, headers=mail) as response:
            assert response.status == 401
        for query, wrong in (("?recipient=eve@example.org", raw), ("", b"To: eve@example.org\r\n\r\n")):
            async with client.post(path + query, data=wrong, headers=mail | ORGANISER) as response:
                assert response.status == 404
                assert (await response.json())["errors"][0]["field"] == "recipient"
        async with client.post(path, json={}, headers=ORGANISER) as response:
            assert response.status == 415
        async with client.post(path, data=b"x" * 1_500_000, headers=mail | ORGANISER) as response:
            assert response.status == 413
        async with client.post(path, data=raw, headers=mail | ORGANISER) as response:
            assert (response.status, await response.json()) == (202, {"answers": ["declined"]})
        await smtp_sink.wait_for(ADA, "Do you want to keep your seat")

        page = keep_path(links, "reg-ada", 1)
        async with client.get(f"{page}?lang=en") as response:
            text = await response.text()
            assert response.status == 200
            assert "Workshop 1" in text
            assert "no-store" in response.headers["Cache-Control"]
        async with client.post(f"{page}?lang=en") as response:
            assert "You keep your seats." in await response.text()
        async with client.get(f"{page}?lang=en") as response:
            assert "Nothing waits for you here" in await response.text()
        async with client.get("/answers/" + "a" * 32) as response:
            assert response.status == 404
        async with client.get("/metrics") as response:
            assert 'lectern_mail_replies_total{outcome="declined"}' in await response.text()


async def test_settings_that_cannot_work_together_are_named(settings: MakeSettings) -> None:
    with pytest.raises(SettingsError, match=r"LECTERN_INVITATIONS(.|\n)*LECTERN_REPLY_PORT"):
        await Process(settings(invitations=True, reply_port=2525), {"notification": build}, port=0).start()
    for wrong in ("answers", "a+b@replies.example.org", "jörg@replies.example.org"):
        with pytest.raises(SettingsError, match="LECTERN_REPLY_ADDRESS"):
            await Process(settings(reply_address=wrong), {"notification": build}, port=0).start()
