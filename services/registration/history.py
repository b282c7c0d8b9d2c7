"""The log of decisions as it is read: of a whole event, or what concerns one person and nobody else."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from services.registration.decisions.log import Entry
from services.registration.documents import entries_from
from services.registration.explained import explained
from services.registration.registrations import Registration
from services.registration.requirements import person_key
from services.registration.seats import EVENT
from services.registration.store import Store


class Place(NamedTuple):
    """Where a decision stands in the log: the commit's version, and the number in it from 0."""

    version: int
    number: int

    def __str__(self) -> str:
        return f"{self.version}.{self.number}"

    @classmethod
    def read(cls, text: str) -> Place | None:
        """The place that was written so; None where nothing was."""
        found = re.fullmatch(r"([0-9]{1,15})\.([0-9]{1,9})", text)
        return cls(int(found[1]), int(found[2])) if found else None


@dataclass(frozen=True)
class Decided:
    """One decision, where it stands and when it was made (UTC)."""

    place: Place
    at: datetime
    entry: Entry


async def decisions(
    store: Store, event_id: str, about: Collection[str] = (), *, after: Place | None = None, limit: int | None = None
) -> list[Decided]:
    """The event's decisions behind the place `after`, oldest first: all, or those about one of the registrations or keys of
    people in `about`, and then nothing of anybody else."""
    found: list[Decided] = []
    async for document in store.decisions(event_id, about, since=after.version if after else 0):
        for number, entry in enumerate(entries_from(document)):
            place = Place(document["version"], number)
            own = _concerning(entry, about) if about else entry
            if own is None or (after is not None and place <= after):
                continue
            found.append(Decided(place, document["at"], own))
            if len(found) == limit:
                return found
    return found


def names_of(registration: Registration) -> list[str]:
    """What the log knows a person by: the registration, and the key of whoever was refused before there was one."""
    if registration.erased:
        return [registration.id]
    return [registration.id, person_key(registration.event_id, registration.person.email)]


def told(decided: Decided, language: str = "en") -> dict[str, Any]:
    """A decision as JSON data, with its reasons in words. A `session_id` that is null is the event itself."""
    entry = decided.entry
    return {
        "at": _instant(decided.at),
        "by": entry.by,
        "asked": entry.command,
        "outcome": entry.outcome,
        "reasons": [
            {"code": code, "field": field, "message": explained(code, language)} for code, field in entry.reasons
        ],
        "registration_id": entry.registration_id,
        "seats": [
            {
                "registration_id": effect.registration_id,
                "session_id": _session(effect.line),
                "before": effect.before.value if effect.before else None,
                "after": effect.after.value,
                "seat": {1: "taken", -1: "freed"}.get(effect.took),
                "joined_at_place": effect.joined,
                "left_place": effect.left,
            }
            for effect in entry.effects
        ],
        "capacities": [{"session_id": _session(line), "capacity": capacity} for line, capacity in entry.capacities],
    }


def _concerning(entry: Entry, names: Collection[str]) -> Entry | None:
    effects = tuple(effect for effect in entry.effects if effect.registration_id in names)
    own = entry.registration_id in names
    if not own and entry.person not in names and not effects:
        return None
    return replace(
        entry, effects=effects, registration_id=entry.registration_id if own else None, person=None, capacities=()
    )


def _session(line: str) -> str | None:
    return None if line == EVENT else line


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
