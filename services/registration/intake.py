"""What registration does on messages: agenda facts become rules and copies, requests of other systems become commands."""

from __future__ import annotations

import asyncio

from services.registration.admission import unknown_event
from services.registration.commands import Answer, Refuse, ReviseEvent, ReviseSession
from services.registration.desk import Desks
from services.registration.messages import TYPES, commands_of, refusal
from services.registration.schema import UNKNOWN
from services.registration.store import Store
from shared.clock import Ids
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registry import payload
from shared.contracts.scheduling import EVENT_REVISED, SESSION_REVISED, EventState, SessionState
from shared.messaging.consumer import EventHandler
from shared.messaging.port import Delivery


class Intake:
    """The handlers of the service's queue."""

    def __init__(self, desks: Desks, store: Store, ids: Ids) -> None:
        self._desks, self._store, self._ids = desks, store, ids

    def handlers(self) -> dict[str, EventHandler]:
        """By type of message."""
        return {
            EVENT_REVISED: self._event_revised,
            SESSION_REVISED: self._session_revised,
            **dict.fromkeys(TYPES, self._requested),
        }

    async def _event_revised(self, event: CloudEvent, _: Delivery) -> None:
        state = payload(event, EventState)
        command = ReviseEvent(id=event.id, by="agenda", correlation_id=event.correlationid, event=state)
        await self._desks.ask(state.id, command)
        await self._store.keep_event(event, state)

    async def _session_revised(self, event: CloudEvent, _: Delivery) -> None:
        state = payload(event, SessionState)
        command = ReviseSession(id=event.id, by="agenda", correlation_id=event.correlationid, session=state)
        await self._desks.ask(state.event_id, command)
        await self._store.keep_session(event, state)

    async def _requested(self, event: CloudEvent, delivery: Delivery) -> None:
        await self.answers(event, publisher=delivery.user_id)

    async def answers(self, event: CloudEvent, publisher: str | None) -> list[Answer]:
        """The answers to an intake message, also told as events: one, or one for each person of a group. `publisher` as the
        broker or the token named it."""
        event_id, commands = commands_of(event, publisher, self._ids)
        if event_id is not None and not await self._desks.known(event_id):
            event_id, commands = None, [refusal(event, publisher, event_id, unknown_event(event_id))]
        desk = UNKNOWN if event_id is None or isinstance(commands[0], Refuse) else event_id
        return await asyncio.gather(*(self._desks.ask(desk, command) for command in commands))
