"""What is told of a decision: changed registrations, reminders, who is forgotten, answers to messages, how full it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.registration.commands import Command
from services.registration.domain import Decision, seats_told
from services.registration.seats import EVENT, Seats
from shared.contracts.base import Contract
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registration import (
    REGISTRATION_CHANGED,
    REGISTRATION_ERASED,
    REGISTRATION_REMINDED,
    REGISTRATION_REPEATED,
    REQUEST_ANSWERED,
    SEATS_CHANGED,
    RegistrationErased,
    RegistrationRepeated,
)
from shared.facts import fact


def facts_of(
    commands: Sequence[Command], before: Seats, decision: Decision, version: int, now: datetime
) -> list[CloudEvent]:
    """The facts of a decision that is committed as `version` of the event's ledger at `now` (UTC)."""
    event_id = decision.seats.event_id
    told: list[CloudEvent] = []

    def tell(type_: str, id_: str, data: Contract) -> None:
        correlation_id = decision.correlations.get(id_)
        told.append(fact(type_, f"registrations/{id_}", version, data, at=now, correlation_id=correlation_id))

    for registration in decision.registrations.values():
        if not registration.erased:
            tell(REGISTRATION_CHANGED, registration.id, registration.told(decision.positions, EVENT))
    for id_ in decision.erased:
        tell(REGISTRATION_ERASED, id_, RegistrationErased(registration_id=id_, event_id=event_id, erased_at=now))
    for reminder in decision.reminders:
        tell(REGISTRATION_REMINDED, reminder.registration_id, reminder)
    for id_ in decision.repeated:
        tell(REGISTRATION_REPEATED, id_, RegistrationRepeated(registration_id=id_, event_id=event_id))
    for number, (command, answer) in enumerate(zip(commands, decision.answers, strict=True)):
        if command.request_id is None:
            continue
        answered = fact(
            REQUEST_ANSWERED,
            f"requests/{command.request_id}",
            version,
            answer.told(command.request_id, command.item),
            at=now,
            correlation_id=command.correlation_id,
            causation_id=command.request_id,
        )
        # Two messages of one decision may bear the same id, the second as a duplicate: each has its own answer.
        told.append(answered.model_copy(update={"id": f"{answered.id}:{number}"}))
    if decision.seats.event is not None:
        seats = seats_told(decision.seats)
        if seats != seats_told(before):
            told.append(fact(SEATS_CHANGED, f"events/{event_id}/seats", version, seats, at=now))
    return told
