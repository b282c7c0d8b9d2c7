"""What registration does on messages: agenda facts become rules and copies, requests of other systems become commands."""

from __future__ import annotations

import hashlib

from services.registration.admission import unknown_event
from services.registration.commands import Answer, Cancel, Change, Command, Refuse, Register, ReviseEvent, ReviseSession
from services.registration.desk import Desks
from services.registration.store import UNKNOWN, Store
from shared.clock import Ids
from shared.contracts.cloudevent import CloudEvent, InvalidMessage
from shared.contracts.registration import (
    REGISTRATION_CANCELLED,
    REGISTRATION_CHANGE_REQUESTED,
    REGISTRATION_REQUESTED,
    Reason,
    RegistrationCancelled,
    RegistrationChangeRequested,
    RegistrationRequested,
)
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
            REGISTRATION_REQUESTED: self._requested,
            REGISTRATION_CANCELLED: self._requested,
            REGISTRATION_CHANGE_REQUESTED: self._requested,
        }

    async def _event_revised(self, event: CloudEvent, _: Delivery) -> None:
        state = payload(event, EventState)
        await self._desks.ask(state.id, ReviseEvent(id=event.id, correlation_id=event.correlationid, event=state))
        await self._store.keep_event(event, state)

    async def _session_revised(self, event: CloudEvent, _: Delivery) -> None:
        state = payload(event, SessionState)
        await self._desks.ask(
            state.event_id, ReviseSession(id=event.id, correlation_id=event.correlationid, session=state)
        )
        await self._store.keep_session(event, state)

    async def _requested(self, event: CloudEvent, delivery: Delivery) -> None:
        await self.answer(event, publisher=delivery.user_id)

    async def answer(self, event: CloudEvent, publisher: str | None) -> Answer:
        """The answer to an intake message, also told as an event; `publisher` as the broker or the token named it."""
        event_id, command = self._command(event, publisher)
        if not isinstance(command, Refuse) and not await self._desks.known(event_id):
            command = _refuse(command.id, event, event_id, unknown_event(event_id))
        return await self._desks.ask(UNKNOWN if isinstance(command, Refuse) else event_id, command)

    def _command(self, event: CloudEvent, publisher: str | None) -> tuple[str, Command]:
        id_ = message_key(event, publisher)
        correlation = event.correlationid or event.id
        try:
            if event.type == REGISTRATION_REQUESTED:
                asked = payload(event, RegistrationRequested)
                return asked.event_id, Register(
                    id=id_,
                    correlation_id=correlation,
                    repeatable=True,
                    request_id=event.id,
                    registration_id=self._ids(),
                    person=asked.person,
                    sessions=tuple(asked.sessions),
                    answers=asked.answers,
                )
            if event.type == REGISTRATION_CHANGE_REQUESTED:
                wanted = payload(event, RegistrationChangeRequested)
                return wanted.event_id, Change(
                    id=id_,
                    correlation_id=correlation,
                    repeatable=True,
                    request_id=event.id,
                    registration_id=wanted.registration_id,
                    email=wanted.email,
                    sessions=tuple(wanted.sessions),
                    answers=wanted.answers,
                )
            given_up = payload(event, RegistrationCancelled)
        except InvalidMessage as error:
            # The envelope can be read, so its sender can be answered: better than to park it in silence.
            reasons = (Reason(code=p["code"], field=p["field"], message=p["message"]) for p in error.problems)
            return UNKNOWN, _refuse(id_, event, None, *reasons)
        return given_up.event_id, Cancel(
            id=id_,
            correlation_id=correlation,
            repeatable=True,
            request_id=event.id,
            registration_id=given_up.registration_id,
            email=given_up.email,
            sessions=tuple(given_up.sessions or ()),
        )


def message_key(event: CloudEvent, publisher: str | None) -> str:
    """What makes a message the same message: publisher, source and id (CloudEvents 1.0, section 3.1.1)."""
    return hashlib.sha256("\n".join(("message", publisher or "", event.source, event.id)).encode()).hexdigest()


def _refuse(id_: str, event: CloudEvent, event_id: str | None, *reasons: Reason) -> Refuse:
    return Refuse(
        id=id_,
        correlation_id=event.correlationid or event.id,
        repeatable=True,
        request_id=event.id,
        event_id=event_id,
        reasons=tuple(reasons),
    )
