"""An agenda as named parts (`event`, `sessions.<id>`, `order.sessions` ...), so that a change writes what changed and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.scheduling.agenda import Agenda

SECTIONS = ("blocks", "rooms", "people", "sessions")
"""The lists of an agenda whose items have an id."""

Parts = dict[str, Any]
"""JSON data by dotted name. Ids have no dots, so a name is also a path in a document."""


@dataclass(frozen=True)
class Delta:
    """What makes the next version out of the one before: parts to set, and names to remove."""

    set: Parts
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.set or self.removed)


def parts_of(agenda: Agenda) -> Parts:
    """The parts of `agenda`. `order.<section>` lists the ids of a section in their order."""
    return parts_of_data(agenda.as_data())


def parts_of_data(data: Mapping[str, Any]) -> Parts:
    """The parts of an agenda's JSON data."""
    parts: Parts = {"event": data["event"]}
    for section in SECTIONS:
        items = data.get(section, [])
        parts |= {f"{section}.{item['id']}": item for item in items}
        if items:
            parts[f"order.{section}"] = [item["id"] for item in items]
    return parts


def data_of(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON data of the agenda that has these parts."""
    data: dict[str, Any] = {"event": parts["event"]}
    for section in SECTIONS:
        if order := parts.get(f"order.{section}"):
            data[section] = [parts[f"{section}.{id_}"] for id_ in order]
    return data


def agenda_of_parts(parts: Mapping[str, Any]) -> Agenda:
    """The agenda that has these parts."""
    return Agenda.model_validate(data_of(parts))


def delta(before: Mapping[str, Any], after: Mapping[str, Any]) -> Delta:
    """What changed from one set of parts to the next."""
    changed = {name: part for name, part in after.items() if name not in before or before[name] != part}
    return Delta(changed, tuple(name for name in before if name not in after))


def flat(document: Mapping[str, Any]) -> Parts:
    """Parts as a document nests them, by dotted name again."""
    parts: Parts = {"event": document["event"]}
    for section in (*SECTIONS, "order"):
        parts |= {f"{section}.{id_}": part for id_, part in document.get(section, {}).items()}
    return parts
