"""Building the facts that a service tells."""

from __future__ import annotations

import hashlib
from datetime import datetime

from shared.contracts.base import Contract, json_of
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registry import MESSAGES

_LONGEST_ID = 180


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
        id=_fact_id(type_, subject, sequence),
        source=f"/lectern/{owner}",
        type=type_,
        subject=subject,
        sequence=sequence,
        time=at,
        correlationid=correlation_id,
        causationid=causation_id,
        data=json_of(data),
    )


def _fact_id(type_: str, subject: str, sequence: int) -> str:
    id_ = f"{type_}:{subject}:{sequence}"
    if len(id_) <= _LONGEST_ID:
        return id_
    # A subject may bear another system's id, of up to 200 signs.
    return f"{type_}:{hashlib.sha256(subject.encode()).hexdigest()}:{sequence}"
