"""Registrations with other organisations: what they decided, of whom, and which decision counts. Pure.

What another organisation decides may arrive before its person registers here, after it, twice, or in the wrong order. It
is kept under a key that is made from the e-mail address or from the number there; the newest decision counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.contracts.registration import RequirementState


@dataclass(frozen=True)
class Grant:
    """One decision of another organisation on whoever has `key`. `decided_at` is UTC, by their clock."""

    requirement: str
    key: str
    state: RequirementState
    decided_at: datetime

    @property
    def order(self) -> tuple[datetime, int]:
        """The newest counts; of two of the same moment the stricter, whichever came first."""
        return self.decided_at, _STRICTNESS[self.state]


_STRICTNESS = {
    RequirementState.MISSING: 0,
    RequirementState.GRANTED: 1,
    RequirementState.REFUSED: 2,
    RequirementState.REVOKED: 3,
}

Grants = Mapping[tuple[str, str], Grant]
"""By requirement and key."""


def person_key(event_id: str, email: str) -> str:
    """What stands for an e-mail address of somebody who may not be registered: no list of addresses is kept."""
    return hashlib.sha256(f"person\n{event_id}\n{email}".encode()).hexdigest()


def number_key(event_id: str, requirement: str, number: str) -> str:
    """What stands for the number that another system gave to a person; case, spaces and hyphens do not matter."""
    said = "".join(filter(str.isalnum, number.casefold()))
    return hashlib.sha256(f"number\n{event_id}\n{requirement}\n{said}".encode()).hexdigest()


def number_keys(event_id: str, numbers: Mapping[str, str]) -> dict[str, str]:
    """The key of each number, by requirement."""
    return {id_: number_key(event_id, id_, number) for id_, number in sorted(numbers.items())}


def keys_of(event_id: str, email: str, numbers: Mapping[str, str]) -> list[str]:
    """All keys under which decisions on a person may be kept."""
    return [
        person_key(event_id, email),
        *number_keys(event_id, numbers).values(),
    ]


def standing(requirement: str, keys: Iterable[str], grants: Grants) -> RequirementState:
    """The newest decision on `requirement` under any of `keys`."""
    found = [grants[requirement, key] for key in keys if (requirement, key) in grants]
    return max(found, key=lambda grant: grant.order).state if found else RequirementState.MISSING
