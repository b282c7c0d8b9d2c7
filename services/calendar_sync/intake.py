"""What calendar-sync does on messages: keeps the newest agenda and seats, and wakes the worker."""

from __future__ import annotations

from collections.abc import Callable

from services.calendar_sync.domain import seats_of
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
from shared.links import FEED, Links, token_hash
from shared.messaging.consumer import EventHandler
from shared.messaging.port import Delivery
from shared.storage.inbox import when_newest
from shared.storage.mongo import Session

ENDED_BY_ERASURE = (REGISTRATION_CHANGED,)
"""What comes too late for a person who was forgotten."""


class Intake:
    """The handlers of facts. `wake` is called after a change that calendars have to follow."""

    def __init__(self, store: Store, links: Links, clock: Clock, wake: Callable[[], None]) -> None:
        self._store, self._links, self._clock, self._wake = store, links, clock, wake

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
        token = self._links.token(FEED, state.id, state.link_generation)

        async def apply(session: Session) -> None:
            await self._store.keep_seats(seats_of(state), token_hash(token), session)

        await when_newest(self._store.database, event, apply)

    async def registration_erased(self, event: CloudEvent, _: Delivery) -> None:
        told = payload(event, RegistrationErased)

        async def apply(session: Session) -> None:
            await self._store.forget_seats(told.registration_id, session)

        await when_newest(self._store.database, event, apply, ends=ENDED_BY_ERASURE)
