"""Notification on a real MongoDB and a real mail server: from facts to mails."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from services.notification.service import build
from shared.config import SettingsError
from shared.contracts.registry import EVENTS
from shared.contracts.scheduling import EventState, SessionState, Status
from shared.messaging.port import Outgoing
from shared.process import Process, running
from shared.storage.mongo import Database
from tests.conftest import MakeSettings
from tests.support.events import milipol, workshop
from tests.support.notification import QUIET, Now, Office, registration, told
from tests.support.smtp import SmtpSink, text_of
from tests.support.waiting import until

ORGANISER = {"Authorization": "Bearer the-organisers-token-of-the-tests"}
ADA = "ada@example.org"
AGENDA: list[EventState | SessionState] = [milipol(), *(workshop(number) for number in (1, 2, 3, 4))]
MOVED: dict[str, Any] = {
    "starts_local": datetime(2019, 11, 20, 9, 0),
    "starts_at": datetime(2019, 11, 20, 8, 0, tzinfo=UTC),
}


@pytest.fixture
async def office(database: Database, smtp_sink: SmtpSink) -> Office:
    return await Office(database, smtp_sink.url).open()


def subjects(sink: SmtpSink, email: str = ADA) -> list[str]:
    return [str(mail["Subject"]).partition(":")[0] for mail in sink.to(email)]


async def test_waitlisted_then_promoted_then_cancelled(office: Office, smtp_sink: SmtpSink) -> None:
    await office.hear(*told(*AGENDA))
    for version, seat in enumerate(("waitlisted", "confirmed", "cancelled"), start=1):
        state = registration({1: seat}, version=version, positions={1: 2} if version == 1 else None)
        await office.hear(*told(state))
        assert await office.work() == 1
    assert subjects(smtp_sink) == ["Waiting list", "A seat for you", "Session given up"]
    first, second, third = (text_of(mail) for mail in smtp_sink.to(ADA))
    assert "on the waiting list, number 2 in line" in first
    assert "Good news: your seat in “Workshop 1” is confirmed." in second
    assert "Your seat in “Workshop 1” is cancelled." in third


async def test_moving_up_in_line_sends_nothing(office: Office, smtp_sink: SmtpSink) -> None:
    await office.hear(*told(*AGENDA, registration({1: "waitlisted"}, positions={1: 5})))
    await office.work()
    await office.hear(*told(registration({1: "waitlisted"}, positions={1: 4}, version=2)))
    assert await office.work() == 0
    assert len(smtp_sink.mails) == 1


async def test_a_publication_of_several_sessions_is_one_mail_to_each_person_it_concerns(
    office: Office, smtp_sink: SmtpSink
) -> None:
    await office.hear(
        *told(
            *AGENDA,
            registration({1: "confirmed", 2: "waitlisted"}),
            registration({2: "confirmed"}, name="bob"),
            registration({3: "confirmed"}, name="eve"),
        )
    )
    assert await office.work() == 3
    await office.hear(*told(workshop(1, 2, **MOVED)))
    office.clock.pass_(QUIET - timedelta(seconds=1))
    await office.hear(*told(workshop(2, 2, place={"room": {"en": "Room B"}})))
    office.clock.pass_(QUIET - timedelta(seconds=1))
    assert await office.spreading.spread_due() == 0, "the second fact began the quiet time anew"
    assert await office.work() == 2
    assert subjects(smtp_sink) == ["Confirmed", "Changed"]
    assert subjects(smtp_sink, "bob@example.org") == ["Confirmed", "Changed"]
    assert subjects(smtp_sink, "eve@example.org") == ["Confirmed"]
    to_ada = text_of(smtp_sink.to(ADA)[1])
    assert "2 sessions of “Practitioner workshops at Milipol” have changed." in to_ada
    assert "→ 09:00–10:55" in to_ada
    assert "→ Room B" in to_ada
    assert "Workshop 1" not in text_of(smtp_sink.to("bob@example.org")[1])
    assert await office.work() == 0


async def test_an_agenda_that_never_rests_is_told_after_a_while(office: Office, smtp_sink: SmtpSink) -> None:
    await office.hear(*told(*AGENDA, registration({1: "confirmed"})))
    await office.work()
    people = 0
    for revision in range(2, 20):
        await office.hear(*told(workshop(1, revision, title={"en": f"Title {revision}"})))
        office.clock.pass_(QUIET - timedelta(seconds=1))
        people += await office.spreading.spread_due()
    assert people > 0


async def test_a_session_published_later_is_no_news_but_its_change_is(office: Office, smtp_sink: SmtpSink) -> None:
    await office.hear(*told(*AGENDA, registration()))
    await office.work()
    plenary: dict[str, Any] = {"by_choice": False, "id": "milipol-2019-plenary", "title": {"en": "Plenary"}}
    await office.hear(*told(milipol(2), workshop(3, 2, **plenary)))
    assert await office.work() == 0
    await office.hear(*told(workshop(3, 3, **plenary, **MOVED)))
    assert await office.work() == 1
    assert subjects(smtp_sink) == ["Confirmed", "Changed"]


async def test_a_registration_that_arrives_before_its_agenda_waits_for_it(office: Office, smtp_sink: SmtpSink) -> None:
    await office.hear(*told(registration({1: "confirmed"})))
    assert await office.work() == 0
    await office.hear(*told(milipol()))
    assert await office.work() == 0
    row = await office.row("reg-ada.1")
    assert (row["state"], row["attempts"]) == ("waiting", 0)
    await office.hear(*told(workshop(1)))
    assert await office.sender.send_due() == 1
    assert subjects(smtp_sink) == ["Confirmed"]


async def test_a_cancelled_event_is_told_to_everybody_once(office: Office, smtp_sink: SmtpSink) -> None:
    await office.hear(*told(*AGENDA, registration({1: "confirmed"}), registration(name="bob", state="waitlisted")))
    await office.work()
    await office.hear(*told(milipol(2, status=Status.CANCELLED)))
    assert await office.work() == 2
    await office.hear(*told(registration({1: "cancelled"}, state="cancelled", version=2)))
    assert await office.work() == 0
    assert subjects(smtp_sink) == ["Confirmed", "Cancelled"]
    assert "does not take place" in text_of(smtp_sink.to(ADA)[1])


@pytest.mark.parametrize("seed", range(6))
async def test_facts_in_any_order_and_number_make_the_same_mails(
    database: Database, smtp_sink: SmtpSink, seed: int
) -> None:
    office = await Office(database, smtp_sink.url).open()
    facts = told(
        *AGENDA,
        workshop(1, 2, **MOVED),
        milipol(2, place={"venue": {"en": "Hall 5"}}),
        registration({1: "waitlisted", 2: "waitlisted"}),
        registration({1: "confirmed", 2: "waitlisted"}, version=2, positions={2: 3}),
        registration({3: "confirmed"}, name="bob"),
        registration({3: "cancelled"}, name="bob", state="cancelled", version=2),
    )
    arriving = facts + facts[::2]
    random.Random(seed).shuffle(arriving)
    await office.hear(*arriving)
    await office.work()
    assert await office.work() == 0
    assert subjects(smtp_sink) == ["Confirmed"]
    assert subjects(smtp_sink, "bob@example.org") == ["Registration cancelled"]
    text = text_of(smtp_sink.to(ADA)[0])
    assert "1 session is confirmed, 1 session is on the waiting list." in text
    assert "09:00–10:55" in text
    assert "Hall 5" in text


async def test_old_facts_would_be_told_without_the_inbox(
    database: Database, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def everything_is_new(*_: object) -> bool:
        return True

    monkeypatch.setattr("shared.storage.inbox._accepted", everything_is_new)
    office = await Office(database, smtp_sink.url).open()
    await office.hear(*told(*AGENDA, registration({1: "confirmed"}, version=2), registration({1: "waitlisted"})))
    await office.work()
    assert subjects(smtp_sink) == ["Waiting list"], "the control: the older fact won"


async def test_the_private_links_and_the_correlation_id_reach_the_mail(office: Office, smtp_sink: SmtpSink) -> None:
    (fact,) = told(registration({1: "confirmed"}))
    await office.hear(*told(*AGENDA), fact.model_copy(update={"correlationid": "outside-1"}))
    await office.work()
    mail = smtp_sink.mails[0]
    assert mail["X-Correlation-Id"] == "outside-1"
    assert mail["Message-ID"].endswith("@lectern.test>")
    assert "http://lectern.test/r/" in text_of(mail)
    assert "http://lectern.test/calendar/" in text_of(mail, "html")


async def test_rows_hold_no_personal_data(office: Office) -> None:
    await office.hear(*told(*AGENDA, registration({1: "confirmed"}, person={"name": "Augusta King"})))
    await office.work()
    row = await office.row("reg-ada.1")
    assert row["state"] == "sent"
    assert "Augusta" not in str(row)
    assert "example.org" not in str(row)


def settings_of(settings: MakeSettings, sink: SmtpSink, **changes: Any) -> Any:
    return settings(smtp_url=sink.url, **changes)


async def test_the_service_sends_what_is_published_and_shows_it_to_organisers(
    settings: MakeSettings, smtp_sink: SmtpSink
) -> None:
    process = Process(settings_of(settings, smtp_sink), {"notification": build}, port=0)
    async with running(process), aiohttp.ClientSession(process.address, headers=ORGANISER) as client:
        assert process.transport is not None
        facts = told(*AGENDA, registration({1: "confirmed"}))
        await process.transport.publish([Outgoing(EVENTS, fact) for fact in facts])
        await smtp_sink.wait_for(ADA, "Confirmed")

        async def noted() -> bool:
            async with client.get("/api/v1/mails") as response:
                body = await response.json()
                return bool(response.status == 200 and body["counts"]["sent"] == 1)

        await until(noted, what="the mail is noted as sent")
        async with client.get("/api/v1/mails?state=sent&limit=1") as response:
            body = await response.json()
        assert [(row["id"], row["kind"], row["state"]) for row in body["mails"]] == [("reg-ada.1", "confirmed", "sent")]
        assert "example.org" not in str(body)
        async with client.get("/metrics") as response:
            assert 'lectern_mails_total{kind="confirmed",outcome="sent"}' in await response.text()


async def test_organisers_try_a_failed_mail_again(settings: MakeSettings, smtp_sink: SmtpSink) -> None:
    smtp_sink.reply = "550 5.1.1 <ada@example.org> is unknown here"
    process = Process(settings_of(settings, smtp_sink), {"notification": build}, port=0)
    async with running(process), aiohttp.ClientSession(process.address, headers=ORGANISER) as client:
        assert process.transport is not None
        await process.transport.publish(
            [Outgoing(EVENTS, fact) for fact in told(*AGENDA, registration({1: "confirmed"}))]
        )

        async def failed() -> bool:
            async with client.get("/api/v1/mails?state=failed") as response:
                rows = (await response.json())["mails"]
            return [row.get("reason") for row in rows] == ["550 5.1.1"]

        await until(failed, what="the mail has failed, its reason without the address")
        smtp_sink.reply = "250 OK"
        async with client.post("/api/v1/mails/reg-ada.1/retry") as response:
            assert response.status == 202
        await smtp_sink.wait_for(ADA, "Confirmed")

        async def sent() -> bool:
            async with client.post("/api/v1/mails/reg-ada.1/retry") as response:
                return response.status == 409 and "sent" in await response.text()

        await until(sent, what="a sent mail is not sent again")
        async with client.post("/api/v1/mails/nobody.1/retry") as response:
            assert response.status == 404


async def test_the_api_names_wrong_fields_and_is_for_organisers(settings: MakeSettings, smtp_sink: SmtpSink) -> None:
    process = Process(settings_of(settings, smtp_sink), {"notification": build}, port=0)
    async with running(process), aiohttp.ClientSession(process.address) as client:
        async with client.get("/api/v1/mails") as response:
            assert response.status == 401
        async with client.post("/api/v1/mails/reg-ada.1/retry") as response:
            assert response.status == 401
        for query, field in (("state=lost", "state"), ("limit=0", "limit"), ("limit=many", "limit")):
            async with client.get(f"/api/v1/mails?{query}", headers=ORGANISER) as response:
                assert response.status == 422
                assert (await response.json())["errors"][0]["field"] == field


async def test_settings_that_cannot_work_are_named_at_start(settings: MakeSettings) -> None:
    wrong = settings(smtp_url="smtp://mail.example.org?tls=maybe", mail_from="nobody")
    with pytest.raises(SettingsError, match=r"LECTERN_SMTP_URL(.|\n)*LECTERN_MAIL_FROM"):
        await Process(wrong, {"notification": build}, port=0).start()


async def test_cost_of_a_change_grows_with_the_people_it_concerns_only(office: Office, smtp_sink: SmtpSink) -> None:
    people = [registration({1 if n % 10 == 0 else 2: "confirmed"}, name=f"p{n}") for n in range(300)]
    await office.hear(*told(*AGENDA, *people))
    assert await office.work() == 300
    await office.hear(*told(workshop(1, 2, **MOVED)))
    assert await office.spread() == 30
    assert await office.sender.send_due() == 30
    assert len(smtp_sink.mails) == 330
    assert isinstance(office.clock, Now)
