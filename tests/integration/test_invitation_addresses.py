"""Invitations that stand when a person's private addresses, or e-mail address, become others; on a real MongoDB and a real
mail server."""

from __future__ import annotations

from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from icalendar import Calendar

from services.notification import invitations
from shared.contracts.registration import RegistrationState
from shared.contracts.scheduling import EventState, SessionState
from shared.links import MANAGE, manage_path
from shared.storage.mongo import Database
from tests.support.events import milipol, workshop
from tests.support.notification import LINKS, Office, erased, registration, reply_address, told
from tests.support.smtp import SmtpSink, text_of

ADA, NEW = "ada@example.org", "augusta@example.net"
AGENDA: list[EventState | SessionState] = [milipol(), *(workshop(number) for number in (1, 2, 3, 4))]
BOTH = {1: "confirmed", 2: "confirmed"}
Seen = tuple[str, str, int, str]


@pytest.fixture
async def office(database: Database, smtp_sink: SmtpSink) -> Office:
    return await Office(database, smtp_sink.url, invites=True).open()


def ada(seats: dict[int, Any], version: int, generation: int = 1, email: str = ADA, **more: Any) -> RegistrationState:
    more["person"] = {"email": email, **more.get("person", {})}
    return registration(seats, version=version, link_generation=generation, **more)


async def invited(office: Office, sink: SmtpSink, seats: dict[int, Any]) -> None:
    """Ada has the invitations to her seats, and a minute passes."""
    await office.hear(*told(*AGENDA, ada(seats, 1)))
    await work(office)
    sink.mails.clear()
    office.clock.pass_(timedelta(minutes=1))


async def work(office: Office) -> None:
    """Sends all there is, and what follows from it."""
    await office.work()
    while await office.sender.send_due():
        pass


def entry(mail: EmailMessage) -> tuple[str, Any] | None:
    """The METHOD and the entry of a mail's calendar; None where it has none."""
    parts = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
    if not parts:
        return None
    calendar = Calendar.from_ical(bytes(parts[0].get_payload(decode=True)))
    return str(calendar["METHOD"]), calendar.walk("VEVENT")[0]


def seen(sink: SmtpSink, email: str) -> list[Seen]:
    """METHOD, workshop, SEQUENCE and reply address of all invitations to `email`, in order of workshop and SEQUENCE."""
    found = [one for mail in sink.to(email) if (one := entry(mail)) is not None]
    rows = []
    for method, event in found:
        assert event["ATTENDEE"] == f"mailto:{email}"
        title, number = str(event["UID"]).partition(".")[0], int(event["SEQUENCE"])
        rows.append((method, title.rpartition("-")[2], number, str(event["ORGANIZER"]).removeprefix("mailto:")))
    return sorted(rows, key=lambda row: (row[1], row[2]))


# --- new private addresses -----------------------------------------------------------------------------------------


async def test_the_mail_with_new_addresses_brings_the_invitation_with_the_new_reply_address(
    office: Office, smtp_sink: SmtpSink
) -> None:
    await invited(office, smtp_sink, {1: "confirmed"})
    await office.hear(*told(ada({1: "confirmed"}, 2, generation=2)))
    await work(office)
    [mail] = smtp_sink.to(ADA)
    assert str(mail["Subject"]).startswith("Your new private address")
    assert seen(smtp_sink, ADA) == [("REQUEST", "1", 2, reply_address(generation=2))]
    found = entry(mail)
    assert found is not None
    assert found[1]["UID"] == "milipol-2019-workshop-1.reg-ada@lectern.test", "an update and not a second entry"
    assert manage_path(LINKS.token(MANAGE, "reg-ada", 2)) in text_of(mail)


async def test_several_invitations_follow_the_mail_with_new_addresses_and_nothing_comes_twice(
    office: Office, smtp_sink: SmtpSink
) -> None:
    await invited(office, smtp_sink, {**BOTH, 3: "waitlisted"})
    await office.hear(*told(ada({**BOTH, 3: "waitlisted"}, 2, generation=2)))
    await work(office)
    assert [str(mail["Subject"]).partition(":")[0] for mail in smtp_sink.to(ADA)] == [
        "Your new private address", "For your calendar", "For your calendar",
    ]  # fmt: skip
    address = reply_address(generation=2)
    assert seen(smtp_sink, ADA) == [("REQUEST", "1", 2, address), ("REQUEST", "2", 2, address)]
    await office.hear(*told(ada({**BOTH, 3: "waitlisted"}, 2, generation=2)))
    await work(office)
    assert len(smtp_sink.mails) == 3


async def test_without_noting_whose_address_stands_in_it_the_invitation_would_keep_a_dead_one(
    office: Office, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr(invitations, "_stands", lambda standing, matter, _: standing.matter == matter)
    await invited(office, smtp_sink, {1: "confirmed"})
    await office.hear(*told(ada({1: "confirmed"}, 2, generation=2)))
    await work(office)
    assert len(smtp_sink.to(ADA)) == 1
    assert seen(smtp_sink, ADA) == []


async def test_who_has_no_invitation_gets_none_and_of_what_is_over_nothing_is_sent(
    office: Office, smtp_sink: SmtpSink
) -> None:
    await invited(office, smtp_sink, {1: "confirmed", 2: "waitlisted"})
    await office.hear(*told(registration({3: "waitlisted"}, name="bob")))
    await work(office)
    office.clock.pass_(timedelta(days=30))
    await office.hear(*told(ada({1: "confirmed", 2: "waitlisted"}, 2, generation=2)))
    await office.hear(*told(registration({3: "waitlisted"}, name="bob", version=2, link_generation=2)))
    await work(office)
    assert [len(smtp_sink.to(email)) for email in (ADA, "bob@example.org")] == [1, 2]
    assert seen(smtp_sink, ADA) == seen(smtp_sink, "bob@example.org") == []


async def test_an_invitation_ends_from_the_address_that_it_came_from(office: Office, smtp_sink: SmtpSink) -> None:
    """A calendar takes a CANCEL from the ORGANIZER of its entry alone."""
    await invited(office, smtp_sink, BOTH)
    await office.hear(*told(ada({1: "confirmed", 2: "cancelled"}, 2, generation=2)))
    await work(office)
    assert seen(smtp_sink, ADA) == [
        ("REQUEST", "1", 2, reply_address(generation=2)),
        ("CANCEL", "2", 2, reply_address()),
    ]
    await office.hear(*told(ada({1: "cancelled", 2: "confirmed"}, 3, generation=2)))
    await work(office)
    assert seen(smtp_sink, ADA)[1] == ("CANCEL", "1", 3, reply_address(generation=2))
    assert seen(smtp_sink, ADA)[3] == ("REQUEST", "2", 3, reply_address(generation=2))


async def test_what_was_sent_before_generations_were_noted_counts_as_of_the_first(
    office: Office, smtp_sink: SmtpSink
) -> None:
    await invited(office, smtp_sink, {1: "confirmed"})
    one = "invited.milipol-2019-workshop-1.generation"
    await office.store.registrations.update_one({"_id": "reg-ada"}, {"$unset": {one: ""}})
    await office.hear(*told(ada({1: "confirmed", 3: "waitlisted"}, 2)))
    await work(office)
    assert seen(smtp_sink, ADA) == []
    await office.hear(*told(ada({1: "confirmed", 3: "waitlisted"}, 3, generation=2)))
    await work(office)
    assert seen(smtp_sink, ADA) == [("REQUEST", "1", 2, reply_address(generation=2))]


# --- a seat handed to a colleague ----------------------------------------------------------------------------------


async def test_a_seat_handed_on_leaves_one_calendar_and_comes_into_the_other(
    office: Office, smtp_sink: SmtpSink
) -> None:
    """Two registrations, so two UIDs; nobody reads of the other's address."""
    await invited(office, smtp_sink, {1: "confirmed"})
    gone = ada({1: {"state": "cancelled", "cause": "transferred"}}, 2, state="cancelled", cause="transferred")
    await office.hear(*told(gone, registration({1: "confirmed"}, name="bob", handed_on=True)))
    await work(office)
    assert seen(smtp_sink, ADA) == [("CANCEL", "1", 2, reply_address())]
    assert seen(smtp_sink, "bob@example.org") == [("REQUEST", "1", 1, reply_address("bob"))]
    assert not any("bob" in mail.as_string() for mail in smtp_sink.to(ADA))
    assert not any("ada" in mail.as_string() for mail in smtp_sink.to("bob@example.org"))


# --- another e-mail address ----------------------------------------------------------------------------------------


async def test_another_e_mail_address_takes_the_invitation_from_the_old_one_to_the_new(
    office: Office, smtp_sink: SmtpSink
) -> None:
    await invited(office, smtp_sink, {1: "confirmed", 2: "waitlisted"})
    await office.hear(*told(ada({1: "confirmed", 2: "waitlisted"}, 2, generation=2, email=NEW)))
    await work(office)
    [farewell] = smtp_sink.to(ADA)
    [letter] = smtp_sink.to(NEW)
    assert seen(smtp_sink, ADA) == [("CANCEL", "1", 2, reply_address())]
    assert seen(smtp_sink, NEW) == [("REQUEST", "1", 3, reply_address(generation=2))], "above the CANCEL"
    assert str(letter["Subject"]).startswith("Your new private address")
    assert "go to another address now" in text_of(farewell)


async def test_the_old_address_reads_nothing_of_the_new_one(office: Office, smtp_sink: SmtpSink) -> None:
    await invited(office, smtp_sink, BOTH)
    await office.hear(*told(ada(BOTH, 2, generation=2, email=NEW, person={"name": "Countess"})))
    await office.hear(*told(workshop(1, 2, join_url="https://join.example.org/new")))
    await work(office)
    assert {method for method, *_ in seen(smtp_sink, ADA)} == {"CANCEL"}
    for mail in smtp_sink.to(ADA):
        calendar = entry(mail)
        assert calendar is not None
        said = mail.as_string() + text_of(mail) + text_of(mail, "html") + calendar[1].to_ical().decode()
        for secret in (NEW, "Countess", reply_address(generation=2), "join.example.org"):
            assert secret not in said
        assert not any(LINKS.token(MANAGE, "reg-ada", one) in said for one in (1, 2))
    assert not any(ADA in mail.as_string() for mail in smtp_sink.to(NEW))


@pytest.mark.parametrize("generation", [1, 2])
async def test_several_invitations_move_once_whether_or_not_a_letter_is_due(
    office: Office, smtp_sink: SmtpSink, generation: int
) -> None:
    await invited(office, smtp_sink, BOTH)
    await office.hear(*told(ada(BOTH, 2, generation=generation, email=NEW)))
    await work(office)
    assert seen(smtp_sink, ADA) == [("CANCEL", "1", 2, reply_address()), ("CANCEL", "2", 2, reply_address())]
    address = reply_address(generation=generation)
    assert seen(smtp_sink, NEW) == [("REQUEST", "1", 3, address), ("REQUEST", "2", 3, address)]
    assert len(smtp_sink.mails) == (5 if generation == 2 else 4)
    await work(office)
    assert len(smtp_sink.mails) == (5 if generation == 2 else 4)


async def test_who_goes_back_to_the_old_address_is_invited_there_again(office: Office, smtp_sink: SmtpSink) -> None:
    await invited(office, smtp_sink, {1: "confirmed"})
    for version, email in ((2, NEW), (3, ADA)):
        await office.hear(*told(ada({1: "confirmed"}, version, email=email)))
        await work(office)
    assert [row[:3] for row in seen(smtp_sink, ADA)] == [("CANCEL", "1", 2), ("REQUEST", "1", 5)]
    assert [row[:3] for row in seen(smtp_sink, NEW)] == [("REQUEST", "1", 3), ("CANCEL", "1", 4)]


async def test_a_seat_given_up_with_the_change_is_withdrawn_at_the_old_address_only(
    office: Office, smtp_sink: SmtpSink
) -> None:
    await invited(office, smtp_sink, BOTH)
    await office.hear(*told(ada({1: "cancelled", 2: "confirmed"}, 2, email=NEW)))
    await work(office)
    assert [row[:3] for row in seen(smtp_sink, ADA)] == [("CANCEL", "1", 2), ("CANCEL", "2", 2)]
    assert [row[:3] for row in seen(smtp_sink, NEW)] == [("REQUEST", "2", 3)]


async def test_who_has_no_invitations_takes_none_along(office: Office, smtp_sink: SmtpSink) -> None:
    await invited(office, smtp_sink, {1: "waitlisted"})
    await office.hear(*told(ada({1: "waitlisted"}, 2, email=NEW)))
    await work(office)
    assert smtp_sink.mails == []


async def test_the_old_address_is_kept_until_nothing_goes_there_any_more(office: Office, smtp_sink: SmtpSink) -> None:
    await invited(office, smtp_sink, BOTH)
    await office.hear(*told(ada(BOTH, 2, email=NEW)))
    assert ADA in str(await office.store.registrations.find_one({}))
    await work(office)
    assert ADA not in str(await office.store.registrations.find_one({}))
    rows = [row async for row in office.store.mails.find({})]
    assert not any("example" in str(row) for row in rows)


async def test_an_old_address_that_takes_no_mail_holds_nothing_up_and_is_forgotten(
    office: Office, smtp_sink: SmtpSink
) -> None:
    await invited(office, smtp_sink, {1: "confirmed"})
    await office.hear(*told(ada({1: "confirmed"}, 2, email=NEW)))
    smtp_sink.reply = "550 5.1.1 no such user"
    mail = await office.mails.claim("test", office.clock())
    assert mail is not None
    await office.mails.release(mail, answer_lost=False)
    await office.sender.send_due()
    smtp_sink.reply = "250 OK"
    rows = [row async for row in office.store.mails.find({"state": "failed"})]
    assert [row["_id"].split(".")[1] for row in rows] == ["invitation"], "an organiser may send that one again"
    await office.mails.retry(rows[0]["_id"], office.clock())
    await work(office)
    assert seen(smtp_sink, ADA) == []
    assert [row[:3] for row in seen(smtp_sink, NEW)] == [("REQUEST", "1", 3)]
    assert ADA not in str(await office.store.registrations.find_one({}))


async def test_who_is_forgotten_gets_nothing_more_at_any_address(office: Office, smtp_sink: SmtpSink) -> None:
    await invited(office, smtp_sink, BOTH)
    await office.hear(*told(ada(BOTH, 2, email=NEW)), erased())
    await work(office)
    assert smtp_sink.mails == []
    assert await office.store.registrations.find_one({}) is None
    assert await office.mails.depth() == 0


async def test_sessions_that_are_over_are_not_withdrawn(office: Office, smtp_sink: SmtpSink) -> None:
    await invited(office, smtp_sink, BOTH)
    office.clock.pass_(timedelta(days=30))
    await office.hear(*told(ada(BOTH, 2, email=NEW)))
    await work(office)
    assert smtp_sink.mails == []
    assert ADA not in str(await office.store.registrations.find_one({}))
