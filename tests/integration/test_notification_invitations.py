"""Mails that carry calendar invitations, on a real MongoDB and a real mail server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from icalendar import Calendar

from services.notification.mails import CLAIM, Mail, Mails
from services.notification.smtp import Unreachable
from shared.contracts.scheduling import EventState, SessionState, Status
from shared.storage.mongo import Database
from tests.support.events import milipol, workshop
from tests.support.notification import Office, registration, reply_address, told
from tests.support.smtp import SmtpSink, text_of

ADA = "ada@example.org"
AGENDA: list[EventState | SessionState] = [milipol(), *(workshop(number) for number in (1, 2, 3, 4))]
MOVED: dict[str, Any] = {
    "starts_local": datetime(2019, 11, 20, 9, 0),
    "starts_at": datetime(2019, 11, 20, 8, 0, tzinfo=UTC),
}


class Crash(BaseException):
    """The process is gone."""


@pytest.fixture
async def office(database: Database, smtp_sink: SmtpSink) -> Office:
    return await Office(database, smtp_sink.url, invites=True).open()


async def work(office: Office) -> int:
    """Sends all there is, and what follows from it."""
    count = await office.work()
    while more := await office.sender.send_due():
        count += more
    return count


def parts(mail: EmailMessage) -> list[str]:
    return [part.get_content_type() for part in mail.walk()]


def invitation(mail: EmailMessage) -> tuple[str, Any] | None:
    """The METHOD and the entry of a mail's calendar; None where it has none."""
    found = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
    if not found:
        return None
    [part] = found
    calendar = Calendar.from_ical(bytes(part.get_payload(decode=True)))
    assert part.get_param("method") == calendar["METHOD"], "one METHOD, equal in MIME and calendar"
    assert str(part.get_param("charset")).lower() == "utf-8"
    [event] = calendar.walk("VEVENT")
    return str(calendar["METHOD"]), event


def sent(sink: SmtpSink) -> list[tuple[str, str, int]]:
    """Method, title and SEQUENCE of all invitations in order of arrival."""
    found = [invitation(mail) for mail in sink.to(ADA)]
    return [(one[0], str(one[1]["SUMMARY"]), int(one[1]["SEQUENCE"])) for one in found if one is not None]


async def test_a_mail_about_one_seat_carries_its_invitation(office: Office, smtp_sink: SmtpSink) -> None:
    await office.hear(*told(*AGENDA, registration({1: "confirmed", 2: "waitlisted"})))
    assert await work(office) == 1
    [mail] = smtp_sink.to(ADA)
    assert parts(mail) == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/calendar", "application/ics",
    ]  # fmt: skip
    [alternative, attached] = list(mail.iter_parts())
    assert attached.get_filename() == "invitation.ics"
    found = invitation(mail)
    assert found is not None
    method, event = found
    assert (method, str(event["SUMMARY"]), event["SEQUENCE"]) == ("REQUEST", "Workshop 1", 1)
    assert event["UID"] == "milipol-2019-workshop-1.reg-ada@lectern.test"
    assert event["ORGANIZER"] == f"mailto:{reply_address()}"
    assert event["ORGANIZER"].params["CN"] == "Practitioner workshops at Milipol"
    assert event["ATTENDEE"] == f"mailto:{ADA}"
    assert event["DTSTART"].dt.isoformat() == "2019-11-20T09:40:00+01:00"
    assert list(alternative.iter_parts())[2].get_payload(decode=True) == attached.get_payload(decode=True)
    assert mail.as_bytes().isascii()
    assert "An answer to it changes nothing" in text_of(mail).replace("\n", " ")


async def test_the_mail_says_so_where_declining_gives_the_seat_up(office: Office, smtp_sink: SmtpSink) -> None:
    event = milipol(admission={"calendar_answers": True})
    await office.hear(*told(event, *AGENDA[1:], registration({1: "confirmed"})))
    await work(office)
    assert "If you decline it there, you give your seat up." in text_of(smtp_sink.mails[0])


async def test_several_seats_are_one_letter_and_one_mail_each_for_the_calendar(
    office: Office, smtp_sink: SmtpSink
) -> None:
    await office.hear(*told(*AGENDA, registration({1: "confirmed", 2: "confirmed", 3: "waitlisted"})))
    assert await work(office) == 3
    letter, *own = smtp_sink.to(ADA)
    assert invitation(letter) is None
    assert str(letter["Subject"]) == "Confirmed: Practitioner workshops at Milipol"
    assert sorted(str(mail["Subject"]) for mail in own) == [
        "For your calendar: Workshop 1 (Practitioner workshops at Milipol)",
        "For your calendar: Workshop 2 (Practitioner workshops at Milipol)",
    ]
    assert sorted(sent(smtp_sink)) == [("REQUEST", "Workshop 1", 1), ("REQUEST", "Workshop 2", 1)]
    assert await work(office) == 0


async def test_moved_given_up_taken_again_and_called_off(office: Office, smtp_sink: SmtpSink) -> None:
    await office.hear(*told(*AGENDA, registration({1: "confirmed"})))
    await work(office)
    await office.hear(*told(workshop(1, 2, **MOVED)))
    await work(office)
    for version, seat in ((2, "cancelled"), (3, "confirmed")):
        await office.hear(*told(registration({1: seat}, version=version)))
        await work(office)
    await office.hear(*told(workshop(1, 3, status="cancelled", **MOVED)))
    await work(office)
    assert sent(smtp_sink) == [
        ("REQUEST", "Workshop 1", 1),
        ("REQUEST", "Workshop 1", 2),
        ("CANCEL", "Workshop 1", 3),
        ("REQUEST", "Workshop 1", 4),
        ("CANCEL", "Cancelled: Workshop 1", 5),
    ]
    stamps = [found[1].decoded("DTSTAMP") for mail in smtp_sink.to(ADA) if (found := invitation(mail))]
    assert stamps == sorted(set(stamps)), "each is newer than the one before"


async def test_one_given_up_and_one_gained_are_two_methods_so_mails_of_their_own(
    office: Office, smtp_sink: SmtpSink
) -> None:
    await office.hear(*told(*AGENDA, registration({1: "confirmed"})))
    await work(office)
    await office.hear(*told(registration({1: "cancelled", 2: "confirmed"}, version=2)))
    assert await work(office) == 3
    assert sorted(sent(smtp_sink)[1:]) == [("CANCEL", "Workshop 1", 2), ("REQUEST", "Workshop 2", 1)]
    out = next(mail for mail in smtp_sink.to(ADA) if "Out of your calendar" in str(mail["Subject"]))
    assert "leaves your calendar" in text_of(out)


async def test_a_cancelled_event_withdraws_all(office: Office, smtp_sink: SmtpSink) -> None:
    await office.hear(*told(*AGENDA, registration({1: "confirmed", 2: "confirmed"})))
    await work(office)
    await office.hear(*told(milipol(2, status=Status.CANCELLED)))
    assert await work(office) == 3
    assert {method for method, _, _ in sent(smtp_sink)[2:]} == {"CANCEL"}


async def test_without_a_reply_address_no_mail_carries_an_invitation(database: Database, smtp_sink: SmtpSink) -> None:
    office = await Office(database, smtp_sink.url).open()
    await office.hear(*told(*AGENDA, registration({1: "confirmed"})))
    await work(office)
    assert parts(smtp_sink.mails[0]) == ["multipart/alternative", "text/plain", "text/html"]


async def test_who_was_registered_before_gets_the_invitation_with_the_next_mail(
    database: Database, smtp_sink: SmtpSink
) -> None:
    before = await Office(database, smtp_sink.url).open()
    await before.hear(*told(*AGENDA, registration({1: "confirmed"})))
    await work(before)
    office = await Office(database, smtp_sink.url, invites=True, clock=before.clock).open()
    assert await work(office) == 0
    await office.hear(*told(workshop(1, 2, **MOVED)))
    await work(office)
    assert sent(smtp_sink) == [("REQUEST", "Workshop 1", 2)]


@pytest.mark.parametrize("seats", [{1: "confirmed"}, {1: "confirmed", 2: "confirmed"}], ids=["in the letter", "apart"])
async def test_a_mail_whose_answer_was_lost_is_the_same_invitation_again(
    office: Office, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch, seats: dict[int, Any]
) -> None:
    """The server has it, the process died before noting that; meanwhile the session moved."""
    await office.hear(*told(*AGENDA, registration(seats)))
    note = Mails.accepted

    async def die(self: Mails, mail: Mail, *rest: Any) -> bool:
        if len(seats) > 1 and mail.notice is None:
            return await note(self, mail, *rest)  # the letter
        raise Crash

    with monkeypatch.context() as dying:
        dying.setattr(Mails, "accepted", die)
        with pytest.raises(Crash):
            await office.work()
    taken = len(smtp_sink.mails)
    office.clock.pass_(CLAIM + timedelta(seconds=1))
    await office.hear(*told(workshop(1, 2, **MOVED), workshop(2, 2, **MOVED)))
    await office.mails.recover(office.clock())
    await work(office)
    by_id: dict[str, list[bytes]] = {}
    for mail in smtp_sink.mails:
        body = (
            bytes(next(p for p in mail.walk() if p.get_content_type() == "text/calendar").get_payload(decode=True))
            if invitation(mail)
            else b""
        )
        by_id.setdefault(str(mail["Message-ID"]), []).append(body)
    repeated = [bodies for bodies in by_id.values() if len(bodies) > 1]
    assert taken >= 1
    assert repeated
    assert all(len(set(bodies)) == 1 for bodies in repeated), "to the byte"
    last = {title: sequence for _, title, sequence in sent(smtp_sink)}
    assert set(last.values()) == {2}, "what moved meanwhile was told after it"


async def test_an_invitation_that_the_server_puts_off_says_what_stands_when_it_goes(
    office: Office, smtp_sink: SmtpSink
) -> None:
    await office.hear(*told(*AGENDA, registration({1: "confirmed", 2: "confirmed"})))
    smtp_sink.only = "Confirmed"
    await work(office)
    smtp_sink.only = ""
    await office.hear(*told(workshop(1, 2, **MOVED)))
    await work(office)
    office.clock.pass_(timedelta(hours=2))
    await work(office)
    assert sorted(sent(smtp_sink)) == [("REQUEST", "Workshop 1", 2), ("REQUEST", "Workshop 2", 1)]


async def test_a_server_that_is_away_loses_and_repeats_nothing(office: Office, smtp_sink: SmtpSink) -> None:
    await office.hear(*told(*AGENDA, registration({1: "confirmed", 2: "confirmed"})))
    await smtp_sink.stop()
    with pytest.raises(Unreachable):
        await office.work()
    await smtp_sink.start()
    await work(office)
    assert sorted(sent(smtp_sink)) == [("REQUEST", "Workshop 1", 1), ("REQUEST", "Workshop 2", 1)]


async def test_rows_and_what_was_sent_hold_no_address(office: Office) -> None:
    await office.hear(*told(*AGENDA, registration({1: "confirmed", 2: "confirmed"}, person={"name": "Augusta"})))
    await work(office)
    rows = [row async for row in office.store.mails.find({})]
    copy = await office.store.registrations.find_one({"_id": "reg-ada"}, {"invited": 1})
    assert len(rows) == 3
    assert not any(word in str([rows, copy]) for word in ("example.org", "Augusta"))
