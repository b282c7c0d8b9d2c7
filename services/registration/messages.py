"""What other systems' messages ask of the desk: each intake message as the commands that it means."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypedDict

from services.registration.commands import Cancel, Change, Command, DecideRequirement, Refuse, Register
from shared.clock import Ids
from shared.contracts.cloudevent import CloudEvent, InvalidMessage
from shared.contracts.registration import (
    GROUP_REQUESTED,
    REGISTRATION_CANCELLED,
    REGISTRATION_CHANGE_REQUESTED,
    REGISTRATION_REQUESTED,
    REQUIREMENT_GRANTED,
    REQUIREMENT_REFUSED,
    REQUIREMENT_REVOKED,
    GroupRequested,
    Reason,
    RegistrationCancelled,
    RegistrationChangeRequested,
    RegistrationRequested,
    RequirementDecided,
    RequirementState,
)
from shared.contracts.registry import payload


class Common(TypedDict):
    """The fields that every command from a message has."""

    id: str
    by: str
    correlation_id: str
    repeatable: bool
    request_id: str


Meaning = tuple[str | None, list[Command]]
"""The event that a message is about, None where it cannot be read, and what is asked."""


def commands_of(event: CloudEvent, publisher: str | None, ids: Ids) -> Meaning:
    """What `event` asks; `publisher` as the broker or the token named it."""
    id_ = message_key(event, publisher)
    common: Common = {
        "id": id_,
        "by": f"message:{publisher or 'unnamed'}",
        "correlation_id": event.correlationid or event.id,
        "repeatable": True,
        "request_id": event.id,
    }
    try:
        return _READERS[event.type](event, common, ids)
    except InvalidMessage as error:
        # The envelope can be read, so its sender can be answered: better than to park it in silence.
        reasons = (Reason(code=p["code"], field=p["field"], message=p["message"]) for p in error.problems)
        return None, [refusal(event, publisher, None, *reasons)]


def refusal(event: CloudEvent, publisher: str | None, event_id: str | None, *reasons: Reason) -> Refuse:
    """The answer to a message that asks nothing that could be decided."""
    return Refuse(
        id=message_key(event, publisher),
        by=f"message:{publisher or 'unnamed'}",
        correlation_id=event.correlationid or event.id,
        repeatable=True,
        request_id=event.id,
        event_id=event_id,
        reasons=tuple(reasons),
    )


def message_key(event: CloudEvent, publisher: str | None) -> str:
    """What makes a message the same message: publisher, source and id (CloudEvents 1.0, section 3.1.1)."""
    return hashlib.sha256("\n".join(("message", publisher or "", event.source, event.id)).encode()).hexdigest()


def _register(event: CloudEvent, common: Common, ids: Ids) -> Meaning:
    asked = payload(event, RegistrationRequested)
    command = Register(
        **common,
        registration_id=ids(),
        person=asked.person,
        sessions=tuple(asked.sessions),
        answers=asked.answers,
        code=asked.code,
        numbers=asked.numbers,
    )
    return asked.event_id, [command]


def _register_group(event: CloudEvent, common: Common, ids: Ids) -> Meaning:
    """Each person is a command of its own: some may be refused, and a message that comes again asks nobody twice."""
    asked = payload(event, GroupRequested)
    commands: list[Command] = []
    for item, one in enumerate(asked.people, 1):
        of_one: Common = {**common, "id": f"{common['id']}/{item}"}
        commands.append(
            Register(
                **of_one,
                item=item,
                registration_id=ids(),
                person=one.person,
                sessions=tuple(one.sessions),
                answers=one.answers,
                code=one.code,
                numbers=one.numbers,
            )
        )
    return asked.event_id, commands


def _change(event: CloudEvent, common: Common, _: Ids) -> Meaning:
    asked = payload(event, RegistrationChangeRequested)
    command = Change(
        **common,
        registration_id=asked.registration_id,
        email=asked.email,
        sessions=tuple(asked.sessions),
        answers=asked.answers,
        code=asked.code,
    )
    return asked.event_id, [command]


def _cancel(event: CloudEvent, common: Common, _: Ids) -> Meaning:
    asked = payload(event, RegistrationCancelled)
    if asked.through is not None:  # the person's own word: whoever sent it only passed it on
        common = {**common, "by": common["by"].replace("message", asked.through.value, 1)}
    command = Cancel(
        **common,
        registration_id=asked.registration_id,
        email=asked.email,
        sessions=tuple(asked.sessions or ()),
        through=asked.through,
    )
    return asked.event_id, [command]


def _decided(state: RequirementState) -> Callable[[CloudEvent, Common, Ids], Meaning]:
    def read(event: CloudEvent, common: Common, _: Ids) -> Meaning:
        asked = payload(event, RequirementDecided)
        command = DecideRequirement(
            **common,
            requirement=asked.requirement,
            state=state,
            email=asked.email,
            number=asked.number,
            # When it was decided there; else when it was sent, so that two messages that overtake each other are in order.
            decided_at=asked.decided_at or event.time,
        )
        return asked.event_id, [command]

    return read


_READERS: dict[str, Callable[[CloudEvent, Common, Ids], Meaning]] = {
    REGISTRATION_REQUESTED: _register,
    GROUP_REQUESTED: _register_group,
    REGISTRATION_CHANGE_REQUESTED: _change,
    REGISTRATION_CANCELLED: _cancel,
    REQUIREMENT_GRANTED: _decided(RequirementState.GRANTED),
    REQUIREMENT_REFUSED: _decided(RequirementState.REFUSED),
    REQUIREMENT_REVOKED: _decided(RequirementState.REVOKED),
}

TYPES = tuple(_READERS)
"""The types of message that registration answers."""
