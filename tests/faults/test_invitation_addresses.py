"""Invitations that move to another address while mails are under way and processes die: none is lost, none comes twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notification import former, intake
from services.notification.mails import CLAIM, Mail, Mails
from services.notification.smtp import Connection
from shared.contracts.cloudevent import CloudEvent
from shared.storage.mongo import Database
from tests.integration.test_invitation_addresses import ADA, AGENDA, BOTH, NEW, ada, invited, seen, work
from tests.support.notification import Office, reply_address, told
from tests.support.smtp import SmtpSink


class Crash(BaseException):
    """The process is gone."""


@pytest.fixture
async def office(database: Database, smtp_sink: SmtpSink) -> Office:
    return await Office(database, smtp_sink.url, invites=True).open()


async def recovered(office: Office) -> None:
    office.clock.pass_(CLAIM + timedelta(seconds=1))
    await office.mails.recover(office.clock())
    await work(office)


def counted(sink: SmtpSink, email: str) -> dict[tuple[str, str], set[int]]:
    """The SEQUENCE numbers of each METHOD and workshop that an address got."""
    found: dict[tuple[str, str], set[int]] = {}
    for method, number, sequence, _ in seen(sink, email):
        found.setdefault((method, number), set()).add(sequence)
    return found


@pytest.mark.parametrize("survived", range(5), ids=lambda n: f"after {n} mails")
@pytest.mark.parametrize("noted", [True, False], ids=["between two mails", "its answer lost"])
async def test_a_crash_at_any_mail_of_the_move_loses_and_doubles_nothing(
    office: Office, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch, survived: int, noted: bool
) -> None:
    """Two invitations at the old address, a letter and two at the new one."""
    await invited(office, smtp_sink, BOTH)
    note, count = Mails.accepted, 0

    async def die(self: Mails, mail: Mail, *rest: Any) -> bool:
        nonlocal count
        count += 1
        if count > survived and not noted:
            raise Crash
        done = await note(self, mail, *rest)
        if count > survived:
            raise Crash
        return done

    await office.hear(*told(ada(BOTH, 2, generation=2, email=NEW)))
    office.sender._lanes = 1
    with monkeypatch.context() as dying:
        dying.setattr(Mails, "accepted", die)
        with pytest.raises(Crash):
            await work(office)
    await recovered(office)
    ids = [str(mail["Message-ID"]) for mail in smtp_sink.mails]
    assert len(set(ids)) == 5
    assert len(ids) == (5 if noted else 6), (
        "said again word for word where the answer was lost, with the same Message-ID"
    )
    assert counted(smtp_sink, ADA) == {("CANCEL", "1"): {2}, ("CANCEL", "2"): {2}}
    last = {number: max(seqs) for (method, number), seqs in counted(smtp_sink, NEW).items() if method == "REQUEST"}
    assert set(last) == {"1", "2"}
    assert min(last.values()) >= 3
    assert ADA not in str(await office.store.registrations.find_one({}))
    assert await office.mails.depth() == 0


async def test_a_crash_while_the_change_is_noted_leaves_all_or_nothing_of_it(
    office: Office, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    await invited(office, smtp_sink, BOTH)
    [change] = told(ada(BOTH, 2, email=NEW))

    async def die(*_: object) -> None:
        raise Crash

    for write in ("note", "invite"):
        with monkeypatch.context() as dying:
            dying.setattr(Mails, write, die)
            with pytest.raises(Crash):
                await office.hear(change)
        assert NEW not in str(await office.store.registrations.find_one({}))
        assert await office.mails.depth() == 0
    await office.hear(change, change)
    await work(office)
    assert len(smtp_sink.mails) == 4


@pytest.fixture
def changed_while_sending(office: Office, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The address changes in the moment in which the first mail is on its way to the old one."""

    def at(moment: str) -> None:
        [change] = told(ada({1: "confirmed"}, 2, email=NEW))
        owner: Any = Mails if moment == "freeze" else Connection
        write, changed = getattr(owner, moment), False

        async def changes_first(self: Any, *arguments: Any) -> Any:
            nonlocal changed
            if not changed:
                changed = True
                await office.hear(change)
            return await write(self, *arguments)

        monkeypatch.setattr(owner, moment, changes_first)

    return at


async def test_an_invitation_on_its_way_to_the_old_address_is_withdrawn_there(
    office: Office, smtp_sink: SmtpSink, changed_while_sending: Any
) -> None:
    changed_while_sending("send")
    await office.hear(*told(*AGENDA, ada({1: "confirmed"}, 1)))
    await work(office)
    assert [row[:3] for row in seen(smtp_sink, ADA)] == [("REQUEST", "1", 1), ("CANCEL", "1", 2)]
    assert [row[:3] for row in seen(smtp_sink, NEW)] == [("REQUEST", "1", 3)]
    assert await office.mails.depth() == 0


async def test_an_attempt_that_has_not_begun_goes_to_the_new_address_alone(
    office: Office, smtp_sink: SmtpSink, changed_while_sending: Any
) -> None:
    changed_while_sending("freeze")
    await office.hear(*told(*AGENDA, ada({1: "confirmed"}, 1)))
    await work(office)
    assert smtp_sink.to(ADA) == []
    assert [row[:3] for row in seen(smtp_sink, NEW)] == [("REQUEST", "1", 1)]


async def test_without_calling_attempts_back_the_new_address_would_lack_the_invitation(
    office: Office, smtp_sink: SmtpSink, changed_while_sending: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: what went to the old address is noted for the new one."""

    async def nothing(*_: object) -> None:
        return None

    monkeypatch.setattr(former, "_call_back", nothing)
    monkeypatch.setattr(former, "_held", lambda *_: _none())
    changed_while_sending("send")
    await office.hear(*told(*AGENDA, ada({1: "confirmed"}, 1)))
    await work(office)
    assert [row[:3] for row in seen(smtp_sink, ADA)] == [("REQUEST", "1", 1)]
    assert seen(smtp_sink, NEW) == []


async def _none() -> dict[str, Any]:
    return {}


async def test_without_leaving_it_the_old_address_would_keep_the_entry(
    office: Office, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of all of it: what happened before."""

    async def nothing(*_: object) -> None:
        return None

    monkeypatch.setattr(intake, "leave", nothing)
    await invited(office, smtp_sink, {1: "confirmed"})
    await office.hear(*told(ada({1: "confirmed"}, 2, email=NEW)))
    await work(office)
    assert smtp_sink.mails == []


async def test_new_private_addresses_while_the_invitation_is_on_its_way_come_after_it(
    office: Office, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer is lost, too: it is said again word for word, and then with the address of now."""
    await office.hear(*told(*AGENDA, ada({1: "confirmed"}, 1)))
    changes: list[CloudEvent] = told(ada({1: "confirmed"}, 2, generation=2))

    async def die(*_: object) -> bool:
        await office.hear(*changes)
        raise Crash

    with monkeypatch.context() as dying:
        dying.setattr(Mails, "accepted", die)
        with pytest.raises(Crash):
            await work(office)
    await recovered(office)
    assert seen(smtp_sink, ADA) == [
        ("REQUEST", "1", 1, reply_address()),
        ("REQUEST", "1", 1, reply_address()),
        ("REQUEST", "1", 2, reply_address(generation=2)),
    ]
