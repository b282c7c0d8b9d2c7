"""The difference of two agendas, or of two published states: per subject and field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_KEYED = ("blocks", "rooms", "people", "sessions")
_NOT_TOLD = frozenset({"revision", "published_at", "note"})


class What(StrEnum):
    """What became of a subject."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True)
class FieldChange:
    """One field of one subject, before and after (None: it was, or is, not there)."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Change:
    """What became of one subject: `event`, `sessions/<id>`, `people/<id>`, `rooms/<id>` or `blocks/<id>`."""

    subject: str
    what: What
    fields: tuple[FieldChange, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "subject": self.subject,
            "what": self.what.value,
            "fields": [_field_data(field) for field in self.fields],
        }


def difference(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[Change]:
    """What `after` has that `before` has not, and the reverse. Both are JSON data with `event` and lists with ids."""
    if before is None:
        before = {}
    changes: list[Change] = []
    if "event" not in after:
        pass  # only some of the subjects are compared
    elif "event" not in before:
        changes.append(Change("event", What.ADDED))
    elif fields := _fields(before["event"], after["event"]):
        changes.append(Change("event", What.CHANGED, fields))
    for section in _KEYED:
        old = {item["id"]: item for item in before.get(section, [])}
        new = {item["id"]: item for item in after.get(section, [])}
        for id_, item in new.items():
            if id_ not in old:
                changes.append(Change(f"{section}/{id_}", What.ADDED))
            elif fields := _fields(old[id_], item):
                changes.append(Change(f"{section}/{id_}", What.CHANGED, fields))
        changes.extend(Change(f"{section}/{id_}", What.REMOVED) for id_ in old if id_ not in new)
        stayed = [id_ for id_ in new if id_ in old]
        was = [id_ for id_ in old if id_ in new]
        if stayed != was:
            changes.append(Change(section, What.CHANGED, (FieldChange("order", was, stayed),)))
    return changes


def _fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    names = [*after, *(name for name in before if name not in after)]
    return tuple(
        FieldChange(name, before.get(name), after.get(name))
        for name in names
        if name not in _NOT_TOLD and before.get(name) != after.get(name)
    )


def seen(changes: Sequence[Change], public: Sequence[Change]) -> list[dict[str, Any]]:
    """What of `changes` everybody may know, without repeating it: the names of the fields, and values only where the
    public ones are others."""
    private = {change.subject: {field.field: field for field in change.fields} for change in changes}
    return [
        {
            "subject": change.subject,
            "what": change.what.value,
            "fields": [
                field.field if private.get(change.subject, {}).get(field.field) == field else _field_data(field)
                for field in change.fields
            ],
        }
        for change in public
    ]


def as_seen(changes: Sequence[Mapping[str, Any]], public: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The public changes, made whole again from `changes` as data and what `seen` made of them."""
    private = {change["subject"]: {field["field"]: field for field in change["fields"]} for change in changes}
    return [
        {
            **change,
            "fields": [
                private[change["subject"]][field] if isinstance(field, str) else field for field in change["fields"]
            ],
        }
        for change in public
    ]


def _field_data(field: FieldChange) -> dict[str, Any]:
    return {"field": field.field, "before": field.before, "after": field.after}
