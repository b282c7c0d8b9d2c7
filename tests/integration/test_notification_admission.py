"""Held and offered seats, reminders and repeated registrations, on a real MongoDB and a real mail server."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.notification import mails
from services.notification.mails import CLAIM, Mails
from services.notification.service import build
from services.notification.smtp import Unreachable
from shared.clock import utc_now
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registry import EVENTS
from shared.contracts.scheduling import EventState, SessionState
from shared.messaging.port import Outgoing
from shared.process import Process, running
from shared.storage.mongo import Database
from tests.conftest import MakeSettings
from tests.support.events import milipol, workshop
from tests.support.notification import Office, erased, registration, reminded, repeated, told
from tests.support.smtp import SmtpSink, text_of
from tests.support.waiting import until

ADA = "ada@example.org"
AGENDA: list[EventState | SessionState] = [milipol(), *(workshop(number) for number in (1, 2))]
SOON = datetime.fromisoformat("2019-11-08T09:30:00.123456+00:00")
HELD: dict[str, Any] = {
    "state": "pending",
    "held": True,
    "until": SOON,
    "cause": "requirement",
    "requirements": [{"id": "fair", "state": "missing"}],
}


class Crash(BaseException):
    """The process is gone."""


@pytest.fixture
async def office(database: Database, smtp_sink: SmtpSink) -> Office:
    return await Office(database, smtp_sink.url).open()


def subjects(sink: SmtpSink, email: str = ADA) -> list[str]:
    return [str(mail["Subject"]).partition(": ")[0] for mail in sink.to(email)]


async def held(office: Office, **changes: Any) -> None:
    """Ada has been told that a seat is held for her, or what `changes` make of it."""
    await office.hear(*told(*AGENDA, registration(**HELD | changes)))
    assert await office.work() == 1


# --- held, offered, asked ------------------------------------------------------------------------------------------


async def test_held_then_longer_then_granted_and_confirmed(office: Office, smtp_sink: SmtpSink) -> None:
    await held(office)
    assert await office.work() == 0, "what was told is stored to the microsecond"
    await office.hear(*told(registration(**HELD | {"until": SOON + timedelta(days=2)}, version=2)))
    assert await office.work() == 1
    granted: dict[str, Any] = {"requirements": [{"id": "fair", "state": "granted"}]}
    await office.hear(*told(registration(**HELD | granted | {"until": SOON + timedelta(days=2)}, version=3)))
    assert await office.work() == 0, "told with the confirmation"
    await office.hear(*told(registration(**granted, version=4)))
    assert await office.work() == 1
    assert subjects(smtp_sink) == ["Not complete yet", "Not complete yet", "Confirmed"]
    first, second, third = (text_of(mail) for mail in smtp_sink.to(ADA))
    assert "until Friday, 8 November 2019, 10:30 (Europe/Paris, UTC+1)" in first
    assert "until Sunday, 10 November 2019, 10:30 (Europe/Paris, UTC+1)" in second
    assert "Milipol Paris has confirmed your registration there." in third


async def test_offered_then_lapsed(office: Office, smtp_sink: SmtpSink) -> None:
    await office.hear(*told(*AGENDA, registration({1: "waitlisted", 2: "confirmed"})))
    await office.work()
    offered: dict[int, Any] = {1: {"state": "offered", "until": SOON}, 2: "confirmed"}
    await office.hear(*told(registration(offered, version=2)))
    await office.work()
    lapsed: dict[int, Any] = {1: {"state": "cancelled", "cause": "offer-lapsed"}, 2: "confirmed"}
    await office.hear(*told(registration(lapsed, version=3)))
    await office.work()
    ended = "No seat in Workshop 1 (Practitioner workshops at Milipol)"
    assert subjects(smtp_sink) == ["Confirmed", "A seat is offered to you", ended]
    assert "not accepted in time" in text_of(smtp_sink.to(ADA)[2])


async def test_asked_then_answered_is_one_mail(office: Office, smtp_sink: SmtpSink) -> None:
    await office.hear(*told(*AGENDA, registration()))
    await office.work()
    await office.hear(*told(registration(reconfirm_until=SOON, version=2)))
    assert await office.work() == 1
    await office.hear(*told(registration(version=3)))
    assert await office.work() == 0
    assert subjects(smtp_sink)[1] == "Do you still come? Practitioner workshops at Milipol"


async def test_what_was_told_in_the_older_form_is_not_told_again(office: Office, smtp_sink: SmtpSink) -> None:
    await office.hear(*told(*AGENDA, registration({1: "waitlisted"}, positions={1: 2})))
    await office.work()
    older = {"told.seat": ["confirmed", None], "told.choices": {"milipol-2019-workshop-1": ["waitlisted", 2]}}
    await office.store.registrations.update_one(
        {"_id": "reg-ada"}, {"$set": older, "$unset": {"told.requirements": "", "told.reconfirm_until": ""}}
    )
    state = registration({1: "waitlisted"}, version=2, requirements=[{"id": "fair"}])
    await office.hear(*told(state, workshop(1, 2, title={"en": "New title"})))
    assert await office.work() == 1
    assert subjects(smtp_sink) == ["Waiting list", "Changed"]


# --- reminders and repeated registrations --------------------------------------------------------------------------


async def test_a_reminder_is_one_mail_however_often_its_fact_comes(office: Office, smtp_sink: SmtpSink) -> None:
    await held(office)
    fact = reminded("requirement", SOON)
    await office.hear(fact, fact)
    assert await office.work() == 1
    await office.hear(fact)
    assert await office.work() == 0
    assert subjects(smtp_sink) == ["Not complete yet", "Reminder, something is missing"]
    row = await office.row("reg-ada.requirement-reminder.5")
    assert (row["state"], row["kind"]) == ("sent", "requirement-reminder")
    assert "H2020MP2019" in text_of(smtp_sink.to(ADA)[1])


async def test_a_reminder_would_go_out_twice_if_rows_had_other_ids(
    office: Office, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = itertools.count()
    monkeypatch.setattr(mails, "notice_id", lambda *_: f"random-{next(numbers)}")
    await held(office)
    fact = reminded("requirement", SOON)
    await office.hear(fact, fact)
    assert await office.work() == 2, "the control: one fact, two mails"


async def test_two_reminders_are_two_mails_in_whatever_order_they_come(office: Office, smtp_sink: SmtpSink) -> None:
    confirmed = registration({1: {"state": "pending", "held": True}}, until=SOON, reconfirm_until=SOON)
    await office.hear(*told(*AGENDA, confirmed))
    await office.work()
    await office.hear(reminded("reconfirmation", SOON, sequence=7), reminded("requirement", SOON, sequence=6))
    assert await office.work() == 2
    assert sorted(subjects(smtp_sink)[1:]) == [
        "Reminder, do you still come? Practitioner workshops at Milipol",
        "Reminder, something is missing",
    ]


@pytest.mark.parametrize(
    "settled",
    [
        registration(version=2, requirements=[{"id": "fair", "state": "granted"}]),
        registration(state="cancelled", cause="given-up", version=2),
    ],
)
async def test_a_reminder_of_what_is_settled_meanwhile_is_not_sent(
    office: Office, smtp_sink: SmtpSink, settled: Any
) -> None:
    await held(office)
    await office.hear(reminded("requirement", SOON), *told(settled))
    await office.work()
    assert "Reminder, something is missing" not in subjects(smtp_sink)
    assert await office.store.mails.find_one({"_id": "reg-ada.requirement-reminder.5"}) is None


async def test_a_reminder_is_not_sent_once_the_time_is_over(office: Office, smtp_sink: SmtpSink) -> None:
    await held(office)
    await smtp_sink.stop()
    await office.hear(reminded("requirement", SOON))
    with pytest.raises(Unreachable):
        await office.work()
    office.clock.at = SOON
    await smtp_sink.start()
    assert await office.work() == 0
    assert subjects(smtp_sink) == ["Not complete yet"]
    assert await office.mails.depth() == 0


async def reminder_with_a_lost_answer(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server took Ada's reminder, and the process died before it noted that."""
    await held(office)
    await office.hear(reminded("requirement", SOON))

    async def die(*_: object) -> bool:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Mails, "accepted", die)
        with pytest.raises(Crash):
            await office.sender.send_due()


async def recovered(office: Office) -> None:
    """Another process takes up what the dead one left."""
    office.clock.pass_(CLAIM + timedelta(seconds=1))
    await office.mails.recover(office.clock())
    await office.work()
    assert await office.work() == 0


def reminders(sink: SmtpSink) -> list[tuple[str, str]]:
    mails = [mail for mail in sink.to(ADA) if str(mail["Subject"]).startswith("Reminder")]
    return [(str(mail["Message-ID"]), text_of(mail)) for mail in mails]


async def test_a_reminder_whose_answer_was_lost_is_the_same_mail_again(
    office: Office, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reminder_with_a_lost_answer(office, monkeypatch)
    await office.hear(*told(registration(**HELD | {"until": SOON + timedelta(days=1)}, version=2)))
    await recovered(office)
    first, second = reminders(smtp_sink)
    assert first == second, "the same Message-ID and the same words, though the seat is held longer now"


@pytest.mark.parametrize("meanwhile", ["settled", "too late", "erased"])
async def test_a_reminder_whose_answer_was_lost_is_not_said_again_where_it_is_not_needed(
    office: Office, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    await reminder_with_a_lost_answer(office, monkeypatch)
    if meanwhile == "settled":
        await office.hear(*told(registration(version=2)))
    elif meanwhile == "erased":
        await office.hear(erased())
    else:
        office.clock.at = SOON
    await recovered(office)
    assert len(reminders(smtp_sink)) == 1
    assert await office.mails.depth() == 0


async def test_a_reminder_changes_nothing_in_what_the_person_was_told(office: Office, smtp_sink: SmtpSink) -> None:
    await held(office)
    before = await office.store.registration("reg-ada")
    await office.hear(reminded("requirement", SOON))
    assert await office.work() == 1
    after = await office.store.registration("reg-ada")
    assert before is not None
    assert after is not None
    assert (before.told, before.tellings) == (after.told, after.tellings)


async def test_a_repeated_registration_is_told_once_with_the_private_address(
    office: Office, smtp_sink: SmtpSink
) -> None:
    await office.hear(*told(*AGENDA, registration({1: "confirmed"})))
    await office.work()
    await office.hear(repeated(), repeated())
    assert await office.work() == 1
    assert subjects(smtp_sink) == ["Confirmed", "You are registered already"]
    first, second = (text_of(mail) for mail in smtp_sink.to(ADA))
    address = next(line for line in first.splitlines() if "http://lectern.test/r/" in line)
    assert address in second
    assert "nothing was changed" in second


async def test_a_fact_of_its_own_that_is_faster_than_the_registration_waits_for_it(
    office: Office, smtp_sink: SmtpSink
) -> None:
    await office.hear(repeated())
    assert await office.work() == 0
    await office.hear(*told(*AGENDA, registration({1: "confirmed"})))
    office.clock.pass_(timedelta(seconds=2))
    assert await office.work() == 2
    assert sorted(subjects(smtp_sink)) == ["Confirmed", "You are registered already"]


async def test_all_of_it_comes_through_the_services_own_queue(settings: MakeSettings, smtp_sink: SmtpSink) -> None:
    process = Process(settings(smtp_url=smtp_sink.url), {"notification": build}, port=0)
    tomorrow = utc_now() + timedelta(days=1)
    async with running(process):

        async def publish(*facts: CloudEvent) -> None:
            assert process.transport is not None
            await process.transport.publish([Outgoing(EVENTS, fact) for fact in facts])

        async def forgotten() -> bool:
            return await process.databases["notification"]["registrations"].count_documents({}) == 0

        await publish(*told(*AGENDA, registration()))
        await smtp_sink.wait_for(ADA, "Confirmed")
        await publish(*told(registration(reconfirm_until=tomorrow, version=2)))
        await smtp_sink.wait_for(ADA, "Do you still come?")
        await publish(reminded("reconfirmation", tomorrow))
        await smtp_sink.wait_for(ADA, "Reminder, do you still come?")
        await publish(erased())
        await until(forgotten, what="the person is forgotten")
    assert len(smtp_sink.mails) == 3
