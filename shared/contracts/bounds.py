"""How many members an object may have that strangers send: refused before it is looked at field by field, which costs a
hundred times more than counting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BeforeValidator
from pydantic_core import PydanticKnownError

MOST_MEMBERS = 1000
"""How many members one object of JSON may have; ours have a few dozen, or are named by the ids of one event's parts."""


def too_wide(body: bytes, raw: Any, most: int = MOST_MEMBERS) -> int | None:
    """How many members the first object of `raw` has that has more than `most`, at any depth; None where none has. `body`
    is the JSON that `raw` was read from: one with few colons is not looked through."""
    if body.count(b":") <= most:
        return None
    pending = [raw]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            if len(node) > most:
                return len(node)
            pending.extend(value for value in node.values() if isinstance(value, (dict, list)))
        elif isinstance(node, list):
            pending.extend(value for value in node if isinstance(value, (dict, list)))
    return None


def at_most(most: int) -> BeforeValidator:
    """Counts an object's members before any of them is validated: one that is too long is told by its length alone."""

    def counted(value: Any) -> Any:
        if isinstance(value, Mapping) and len(value) > most:
            told = {"field_type": "Dictionary", "max_length": most, "actual_length": len(value)}
            raise PydanticKnownError("too_long", told)
        return value

    return BeforeValidator(counted)
