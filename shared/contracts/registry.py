"""All message types in one table: type -> model, owner and exchange. Validation, AsyncAPI and the golden files read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from shared.contracts import calendar_sync, registration, scheduling
from shared.contracts.base import Contract
from shared.contracts.cloudevent import CloudEvent, InvalidMessage, problem, problems_of

EVENTS = "lectern.events"
INTAKE = "lectern.intake"

C = TypeVar("C", bound=Contract)


@dataclass(frozen=True)
class MessageType:
    """One type of message: its model, the exchange it travels on, the service that sends or (intake) answers it."""

    name: str
    model: type[Contract]
    exchange: str
    owner: str
    subject: str
    summary: str


MESSAGES: dict[str, MessageType] = {
    message.name: message
    for message in (
        MessageType(
            scheduling.EVENT_REVISED, scheduling.EventState, EVENTS, "scheduling", "events/{event_id}",
            "An event was published, or a published event changed or was cancelled.",
        ),
        MessageType(
            scheduling.SESSION_REVISED, scheduling.SessionState, EVENTS, "scheduling", "sessions/{session_id}",
            "A session was published, rescheduled, changed or cancelled.",
        ),
        MessageType(
            registration.REGISTRATION_CHANGED, registration.RegistrationState, EVENTS, "registration",
            "registrations/{registration_id}", "A registration was made, or one of its seats changed.",
        ),
        MessageType(
            registration.SEATS_CHANGED, registration.SeatsState, EVENTS, "registration", "events/{event_id}/seats",
            "The number of seats taken in an event or its sessions changed.",
        ),
        MessageType(
            registration.REQUEST_ANSWERED, registration.RequestAnswered, EVENTS, "registration",
            "requests/{request_id}", "An intake message was accepted, rejected (with all reasons) or found a duplicate.",
        ),
        MessageType(
            registration.REGISTRATION_REMINDED, registration.RegistrationReminded, EVENTS, "registration",
            "registrations/{registration_id}", "Something must be done in time, or a seat is given up.",
        ),
        MessageType(
            registration.REGISTRATION_REPEATED, registration.RegistrationRepeated, EVENTS, "registration",
            "registrations/{registration_id}", "Somebody registered with the address of a person who is registered.",
        ),
        MessageType(
            registration.REGISTRATION_ERASED, registration.RegistrationErased, EVENTS, "registration",
            "registrations/{registration_id}", "A person is to be forgotten.",
        ),
        MessageType(
            calendar_sync.ANSWER_NOTICED, calendar_sync.AnswerNoticed, EVENTS, "calendar-sync",
            "calendars/{registration_id}", "Sessions are gone from a person's connected calendar, or were declined there.",
        ),
        MessageType(
            calendar_sync.CALENDAR_LOST, calendar_sync.CalendarLost, EVENTS, "calendar-sync",
            "calendars/{registration_id}", "A person's connected calendar is out of reach.",
        ),
        MessageType(
            registration.REGISTRATION_REQUESTED, registration.RegistrationRequested, INTAKE, "registration",
            "any", "Another system asks for a registration.",
        ),
        MessageType(
            registration.REGISTRATION_CHANGE_REQUESTED, registration.RegistrationChangeRequested, INTAKE, "registration",
            "any", "Another system asks to change the sessions of a registration, all at once or not at all.",
        ),
        MessageType(
            registration.REGISTRATION_CANCELLED, registration.RegistrationCancelled, INTAKE, "registration",
            "any", "Another system gives up a registration, or some sessions of it.",
        ),
        MessageType(
            registration.GROUP_REQUESTED, registration.GroupRequested, INTAKE, "registration",
            "any", "Another system registers a group; each person is answered.",
        ),
        MessageType(
            registration.REQUIREMENT_GRANTED, registration.RequirementDecided, INTAKE, "registration",
            "any", "Another organisation registered a person there.",
        ),
        MessageType(
            registration.REQUIREMENT_REFUSED, registration.RequirementDecided, INTAKE, "registration",
            "any", "Another organisation refused to register a person.",
        ),
        MessageType(
            registration.REQUIREMENT_REVOKED, registration.RequirementDecided, INTAKE, "registration",
            "any", "Another organisation took a person's registration back.",
        ),
    )
}  # fmt: skip


def payload(event: CloudEvent, model: type[C]) -> C:
    """The event's data as `model`. Raises InvalidMessage, which names every field that is wrong."""
    try:
        return model.model_validate(event.data)
    except ValidationError as error:
        raise InvalidMessage(problems_of(error, "data")) from error


def check_type(event: CloudEvent) -> MessageType:
    """The registered type of `event`. Raises InvalidMessage for a type or version that nobody here knows."""
    known = MESSAGES.get(event.type)
    if known is None:
        family = event.type.rpartition(".v")[0]
        versions = sorted(name for name in MESSAGES if name.rpartition(".v")[0] == family)
        remedy = f"send {' or '.join(versions)}" if versions else f"known types: {', '.join(sorted(MESSAGES))}"
        raise InvalidMessage([problem("type", f"unknown type or version {event.type!r}; {remedy}", "unknown-type")])
    return known
