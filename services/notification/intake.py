"""What notification does on messages: keeps a copy, and notes who may have news."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta

from services.notification.domain import Kind, Notice
from services.notification.former import leave
from services.notification.mails import Mails
from services.notification.picture import same_seats, seats
from services.notification.replies.judging import ASKED_FOR
from services.notification.spreading import Spreading
from services.notification.store import Store
from shared.clock import Clock
from shared.contracts.calendar_sync import ANSWER_NOTICED, CALENDAR_LOST, AnswerNoticed, CalendarLost
from shared.contracts.cloudevent import CloudEvent, InvalidMessage, problem
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
    Through,
)
from shared.contracts.registry import payload
from shared.contracts.scheduling import EVENT_REVISED, SESSION_REVISED, EventState, SessionState
from shared.messaging.consumer import EventHandler
from shared.messaging.port import Delivery
from shared.storage.inbox import when_newest
from shared.storage.mongo import Session

ENDED_BY_ERASURE = (REGISTRATION_CHANGED,)
"""What comes too late for a person who was forgotten."""

REPEATED_FOR = timedelta(days=4)
"""For how long somebody is told that the form was filled in once more; as long as a mail server is given to take it."""

_REMINDERS = {
    Reminder.REQUIREMENT: Kind.REQUIREMENT_REMINDER,
    Reminder.RECONFIRMATION: Kind.RECONFIRMATION_REMINDER,
}


class Intake:
    """Handlers of the facts; each is one transaction, or one write, so that a repeated or old fact changes nothing."""

    def __init__(
        self, store: Store, mails: Mails, spreading: Spreading, clock: Clock, wake: Callable[[], None]
    ) -> None:
        self._store, self._mails, self._spreading, self._clock, self._wake = store, mails, spreading, clock, wake
        # All facts of an agenda mark one document: taking turns is cheaper than running lost transactions again.
        self._turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def handlers(self) -> dict[str, EventHandler]:
        """The handler of each type of message."""
        return {
            EVENT_REVISED: self.event_revised,
            SESSION_REVISED: self.session_revised,
            REGISTRATION_CHANGED: self.registration_changed,
            REGISTRATION_REMINDED: self.registration_reminded,
            REGISTRATION_REPEATED: self.registration_repeated,
            REGISTRATION_ERASED: self.registration_erased,
            ANSWER_NOTICED: self.answer_noticed,
            CALENDAR_LOST: self.calendar_lost,
        }

    async def event_revised(self, event: CloudEvent, _: Delivery) -> None:
        """An event was published or changed: whoever was told something else has news after a quiet time."""
        state = payload(event, EventState)

        async def apply(session: Session) -> None:
            await self._store.keep_event(state, session)
            await self._agenda_changed(state.id, event, session)

        async with self._turns[state.id]:
            await when_newest(self._store.database, event, apply)
        self._wake()

    async def session_revised(self, event: CloudEvent, _: Delivery) -> None:
        """A session was published or changed: as for the event; all sessions of one publication make one mail."""
        state = payload(event, SessionState)

        async def apply(session: Session) -> None:
            await self._store.keep_session(state, session)
            await self._agenda_changed(state.event_id, event, session)

        async with self._turns[state.event_id]:
            await when_newest(self._store.database, event, apply)
        self._wake()

    async def registration_changed(self, event: CloudEvent, _: Delivery) -> None:
        """A registration was made, or one of its seats changed: news at once, unless only the place in line moved."""
        state = payload(event, RegistrationState)

        async def apply(session: Session) -> None:
            earlier = await self._store.registration(state.id, session)
            await self._store.keep_registration(state, session)
            if earlier is not None and (lost := seats(earlier.state) - seats(state)):
                await self._store.settle_answers(state.id, sorted(lost), session)
            if earlier is not None and earlier.state.person.email != state.person.email:
                await leave(self._store, self._mails, earlier, state, session, self._clock(), event)
            if earlier is None or not same_seats(earlier.state, state):
                await self._mails.due([state.id], session, self._clock(), event.correlationid or event.id)

        await when_newest(self._store.database, event, apply)
        self._wake()

    async def registration_reminded(self, event: CloudEvent, _: Delivery) -> None:
        """Something must be done in time: one mail, unless it is done, or too late, when the mail's turn comes."""
        told = payload(event, RegistrationReminded)
        await self._notify(event, told.registration_id, told.event_id, Notice(_REMINDERS[told.about], told.until))

    async def registration_repeated(self, event: CloudEvent, _: Delivery) -> None:
        """Somebody registered with the address of a person who is registered: one mail, to that person."""
        told = payload(event, RegistrationRepeated)
        notice = Notice(Kind.REPEATED, event.time + REPEATED_FOR)
        await self._notify(event, told.registration_id, told.event_id, notice)

    async def answer_noticed(self, event: CloudEvent, _: Delivery) -> None:
        """Sessions are gone from a connected calendar: one mail, that the seats are given up or whether they are to be."""
        told = payload(event, AnswerNoticed)
        kind = Kind.ANSWER_UNCLEAR if told.frees_at is None else Kind.ANSWER_NOTICED
        notice = Notice(kind, told.frees_at or event.time + ASKED_FOR, tuple(told.sessions), Through.CALENDAR)
        await self._notify(event, told.registration_id, told.event_id, notice)

    async def calendar_lost(self, event: CloudEvent, _: Delivery) -> None:
        """A connected calendar is out of reach: one mail."""
        told = payload(event, CalendarLost)
        notice = Notice(Kind.CALENDAR_LOST, event.time + ASKED_FOR, lost=told.reason)
        await self._notify(event, told.registration_id, told.event_id, notice)

    async def registration_erased(self, event: CloudEvent, _: Delivery) -> None:
        """A person is forgotten, and no older fact brings the person back."""
        told = payload(event, RegistrationErased)

        async def apply(session: Session) -> None:
            await self._store.forget(told.registration_id, session)

        await when_newest(self._store.database, event, apply, ends=ENDED_BY_ERASURE)

    async def _notify(self, event: CloudEvent, registration_id: str, event_id: str, notice: Notice) -> None:
        if event.sequence is None:
            raise InvalidMessage([problem("sequence", "a fact needs a sequence")])
        correlation_id = event.correlationid or event.id
        await self._mails.notify(registration_id, event_id, notice, event.sequence, self._clock(), correlation_id)
        self._wake()

    async def _agenda_changed(self, event_id: str, event: CloudEvent, session: Session) -> None:
        now = self._clock()
        await self._spreading.note(event_id, session, now, event.correlationid or event.id)
        await self._mails.no_longer_put_off(event_id, session, now)
