"""Building the facts that a service tells."""

from __future__ import annotations

from datetime import datetime

from shared.contracts.base import Contract, json_of
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registry import MESSAGES


def fact(
    type_: str,
    subject: str,
    sequence: int,
    data: Contract,
    *,
    at: datetime,
    correlation_id: str | None = None,
    causation_id: str | None = None,
) -> CloudEvent:
    """A fact about `subject` at version `sequence`. Its id follows from both, so that telling it twice is one message."""
    owner = MESSAGES[type_].owner
    return CloudEvent(
        id=f"{type_}:{subject}:{sequence}",
        source=f"/lectern/{owner}",
        type=type_,
        subject=subject,
        sequence=sequence,
        time=at,
        correlationid=correlation_id,
        causationid=causation_id,
        data=json_of(data),
    )
