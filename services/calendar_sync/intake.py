"""What calendar-sync does on messages: keeps the newest agenda and seats, and wakes the worker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from services.calendar_sync.accounts_store import AccountsStore
from services.calendar_sync.domain import chosen_seats, seats_of
from services.calendar_sync.store import Store
from shared.clock import Clock
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registration import (
    REGISTRATION_CHANGED,
    REGISTRATION_ERASED,
    RegistrationErased,
    RegistrationState,
)
from shared.contracts.registry import payload
from shared.contracts.scheduling import EVENT_REVISED, SESSION_REVISED, EventState, SessionState
from shared.links import CALENDAR, Links, feed_token, token_hash
from shared.messaging.consumer import EventHandler
from shared.messaging.port import Delivery
from shared.storage.inbox import when_newest
from shared.storage.mongo import Session

CLEARED_WITHIN = timedelta(days=7)
"""How long it is tried to remove from a person's calendar what Lectern wrote; after that the account is forgotten."""

ENDED_BY_ERASURE = (REGISTRATION_CHANGED,)
"""What comes too late for a person who was forgotten."""

KeepAnswers = Callable[[str, Sequence[str]], Awaitable[object]]
"""Nothing that was noticed of these sessions of a registration is an answer any more."""


class Intake:
    """The handlers of facts. `wake` is called after a change that calendars have to follow."""

    def __init__(
        self,
        store: Store,
        accounts: AccountsStore,
        forget_answers: Callable[[str], Awaitable[None]],
        links: Links,
        clock: Clock,
        wake: Callable[[], None],
        keep_answers: KeepAnswers,
    ) -> None:
        self._store, self._accounts, self._forget_answers = store, accounts, forget_answers
        self._links, self._clock, self._wake = links, clock, wake
        self._keep_answers = keep_answers

    def handlers(self) -> dict[str, EventHandler]:
        """Message type -> handler."""
        return {
            EVENT_REVISED: self.event_revised,
            SESSION_REVISED: self.session_revised,
            REGISTRATION_CHANGED: self.registration_changed,
            REGISTRATION_ERASED: self.registration_erased,
        }

    async def event_revised(self, event: CloudEvent, _: Delivery) -> None:
        state = payload(event, EventState)

        async def apply(session: Session) -> None:
            await self._store.keep_event(state, self._clock(), event.correlationid, session)

        await when_newest(self._store.database, event, apply)
        self._wake()

    async def session_revised(self, event: CloudEvent, _: Delivery) -> None:
        state = payload(event, SessionState)

        async def apply(session: Session) -> None:
            await self._store.keep_session(state, self._clock(), event.correlationid, session)

        await when_newest(self._store.database, event, apply)
        self._wake()

    async def registration_changed(self, event: CloudEvent, _: Delivery) -> None:
        state = payload(event, RegistrationState)
        page = self._links.token(CALENDAR, state.id, state.link_generation)
        earlier = await self._store.person(state.id)
        lost = chosen_seats(earlier.seats) - chosen_seats(seats_of(state)) if earlier is not None else set()
        if lost:
            # Before it is noted, and so repeated with the fact: a seat that is taken again is not given up for what was
            # noticed before.
            await self._keep_answers(state.id, sorted(lost))

        async def apply(session: Session) -> None:
            feed_generation = await self._store.keep_seats(seats_of(state), state.link_generation, session)
            feed = feed_token(self._links, state.id, state.link_generation, feed_generation)
            await self._store.keep_addresses(state.id, token_hash(feed), token_hash(page), session)
            await self._accounts.mark_person(state.id, self._clock(), session)

        await when_newest(self._store.database, event, apply)
        self._wake()

    async def registration_erased(self, event: CloudEvent, _: Delivery) -> None:
        told = payload(event, RegistrationErased)

        async def apply(session: Session) -> None:
            await self._store.forget_seats(told.registration_id, session)

        await when_newest(self._store.database, event, apply, ends=ENDED_BY_ERASURE)
        # Beside the transaction, and repeated with the fact: what was written in a calendar of theirs is to be removed.
        now = self._clock()
        if not await self._accounts.leave(told.registration_id, now + CLEARED_WITHIN, now, erased=True):
            await self._forget_answers(told.registration_id)
        self._wake()
