"""Notification in the test's own hands: facts are handed to its consumer directly, and it spreads and sends when told to."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from services.notification.intake import Intake
from services.notification.mails import Mails
from services.notification.message import sender_of
from services.notification.replies.address import ReplyAddress, reply_token
from services.notification.replies.answers import GRACE, Answers
from services.notification.sender import Backoff, Connects, Sender
from services.notification.smtp import Connection, Server
from services.notification.spreading import Spreading
from services.notification.store import COLLECTIONS, Store, mail_id
from services.notification.writing import Postbox
from shared.contracts.calendar_sync import ANSWER_NOTICED, CALENDAR_LOST, AnswerNoticed, CalendarLost, Lost
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registration import (
    REGISTRATION_CHANGED,
    REGISTRATION_ERASED,
    REGISTRATION_REMINDED,
    REGISTRATION_REPEATED,
    RegistrationErased,
    RegistrationReminded,
    RegistrationRepeated,
    RegistrationState,
    Reminder,
)
from shared.contracts.scheduling import EVENT_REVISED, SESSION_REVISED, EventState, SessionState
from shared.facts import fact
from shared.links import Links
from shared.messaging.consumer import dispatch
from shared.messaging.port import Delivery
from shared.storage.inbox import INBOX
from shared.storage.lease import LEASES, Lease
from shared.storage.ledger import LEDGERS, OUTBOX
from shared.storage.mongo import Database
from tests.support.events import PUBLISHED, person

QUIET = timedelta(seconds=5)
LINKS = Links("k" * 32)
REPLIES = ReplyAddress("answers", "replies.lectern.test")


class Now:
    """A clock that stands until it is moved."""

    def __init__(self, at: datetime = datetime(2019, 11, 1, 9, 0, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, time: timedelta) -> None:
        """Moves the clock on."""
        self.at += time


class Office:
    """The parts of notification on a real database and a real mail server, with nothing running by itself."""

    def __init__(
        self,
        database: Database,
        smtp_url: str,
        *,
        clock: Now | None = None,
        name: Callable[[str, int], str] = mail_id,
        backoff: Backoff | None = None,
        holder: str = "test",
        timeout: float = 5,
        connect: Callable[[], Connects] | None = None,
        invites: bool = False,
        grace: timedelta = GRACE,
    ) -> None:
        self.database = database
        self.clock = clock or Now()
        self.store = Store(database, LINKS)
        self.mails = Mails(self.store, name)
        numbers = itertools.count(1)
        self.spreading = Spreading(
            self.store,
            self.mails,
            self.clock,
            QUIET,
            lease=Lease(database, "spreading", holder, self.clock),
            on_news=lambda: None,
        )
        server = Server.at(smtp_url)
        self.sender = Sender(
            self.store,
            self.mails,
            Postbox(
                sender_of("Lectern <lectern@lectern.test>"),
                "lectern.test",
                "http://lectern.test",
                LINKS,
                REPLIES if invites else None,
            ),
            connect or (lambda: Connection(server, "lectern.test", timeout)),
            lease=Lease(database, "sender", holder, self.clock),
            clock=self.clock,
            ids=lambda: f"{holder}-{next(numbers)}",
            random=lambda: 1.0,
            backoff=backoff,
        )
        self.answers = Answers(
            self.store,
            "lectern.test",
            self.clock,
            lease=Lease(database, "answers", holder, self.clock),
            grace=grace,
        )
        self.intake = Intake(self.store, self.mails, self.spreading, self.clock, lambda: None)
        self.handle = dispatch("notification", self.intake.handlers())

    async def open(self) -> Office:
        """Declares the collections."""
        await self.database.declare([*COLLECTIONS, INBOX, LEASES, LEDGERS, OUTBOX])
        return self

    async def hear(self, *facts: CloudEvent) -> None:
        """Handles facts one after the other, as they come from the queue."""
        for item in facts:
            await self.handle(Delivery("lectern.notification", item.type, item.encode()))

    async def spread(self) -> int:
        """Lets the quiet time pass and spreads what changed."""
        self.clock.pass_(QUIET + timedelta(seconds=1))
        return await self.spreading.spread_due()

    async def work(self) -> int:
        """Spreads and sends all there is; returns how many mails the server took."""
        await self.spread()
        return await self.sender.send_due()

    async def row(self, id_: str) -> dict[str, Any]:
        """A mail's row."""
        row = await self.store.mails.find_one({"_id": id_})
        assert row is not None, id_
        return row


def told(*states: EventState | SessionState | RegistrationState, sequence: int | None = None) -> list[CloudEvent]:
    """The facts that tell these states. A registration's sequence is the minute of its change unless it is given."""
    return list(_facts(states, sequence))


def _facts(
    states: Iterable[EventState | SessionState | RegistrationState], sequence: int | None
) -> Iterable[CloudEvent]:
    for state in states:
        if isinstance(state, EventState):
            yield fact(EVENT_REVISED, f"events/{state.id}", sequence or state.revision, state, at=PUBLISHED)
        elif isinstance(state, SessionState):
            yield fact(SESSION_REVISED, f"sessions/{state.id}", sequence or state.revision, state, at=PUBLISHED)
        else:
            minutes = int((state.changed_at - state.registered_at).total_seconds() // 60) + 1
            yield fact(REGISTRATION_CHANGED, f"registrations/{state.id}", sequence or minutes, state, at=PUBLISHED)


def reminded(about: str, until: datetime, *, sequence: int = 5, name: str = "ada") -> CloudEvent:
    """The fact that something must be done before `until`."""
    data = RegistrationReminded(
        registration_id=f"reg-{name}", event_id="milipol-2019", about=Reminder(about), until=until
    )
    return fact(REGISTRATION_REMINDED, f"registrations/reg-{name}", sequence, data, at=Now().at)


def repeated(*, sequence: int = 5, name: str = "ada") -> CloudEvent:
    """The fact that somebody registered with the address of a person who is registered."""
    data = RegistrationRepeated(registration_id=f"reg-{name}", event_id="milipol-2019")
    return fact(REGISTRATION_REPEATED, f"registrations/reg-{name}", sequence, data, at=Now().at)


def noticed(*workshops: int, frees_at: datetime | None = None, sequence: int = 1, name: str = "ada") -> CloudEvent:
    """The fact that workshops are gone from a person's connected calendar."""
    data = AnswerNoticed(
        registration_id=f"reg-{name}",
        event_id="milipol-2019",
        sessions=[f"milipol-2019-workshop-{number}" for number in workshops],
        noticed_at=Now().at,
        frees_at=frees_at,
    )
    return fact(ANSWER_NOTICED, f"calendars/reg-{name}", sequence, data, at=Now().at)


def lost(reason: Lost, *, sequence: int = 1, name: str = "ada") -> CloudEvent:
    """The fact that a person's connected calendar is out of reach."""
    data = CalendarLost(registration_id=f"reg-{name}", event_id="milipol-2019", reason=reason, since=Now().at)
    return fact(CALENDAR_LOST, f"calendars/reg-{name}", sequence, data, at=Now().at)


def reply_address(name: str = "ada", generation: int = 1) -> str:
    """The address that a person's answers to invitations go to."""
    return REPLIES.with_token(reply_token(LINKS, f"reg-{name}", generation))


def erased(*, sequence: int = 9, name: str = "ada") -> CloudEvent:
    """The fact that a person is to be forgotten."""
    data = RegistrationErased(registration_id=f"reg-{name}", event_id="milipol-2019", erased_at=Now().at)
    return fact(REGISTRATION_ERASED, f"registrations/reg-{name}", sequence, data, at=Now().at)


def registration(
    choices: Mapping[int, str | dict[str, Any]] | None = None,
    *,
    state: str = "confirmed",
    version: int = 1,
    name: str = "ada",
    position: int | None = None,
    positions: dict[int, int] | None = None,
    event_id: str = "milipol-2019",
    **changes: Any,
) -> RegistrationState:
    """A registration for the workshops; `version` is its sequence as a fact.

    `choices` by workshop number: a state, or all fields of the choice but its session.
    """
    return RegistrationState.model_validate(
        {
            "id": f"reg-{name}",
            "event_id": event_id,
            "state": state,
            "position": position,
            "person": person(name).model_dump() | changes.pop("person", {}),
            "choices": [
                {
                    "session_id": f"{event_id}-workshop-{number}",
                    "position": (positions or {}).get(number),
                    **({"state": seat} if isinstance(seat, str) else seat),
                }
                for number, seat in (choices or {}).items()
            ],
            "registered_at": PUBLISHED,
            "changed_at": PUBLISHED + timedelta(minutes=version - 1),
        }
        | changes
    )
