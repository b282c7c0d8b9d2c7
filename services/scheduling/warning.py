"""A warning about a draft: what to look at, where, and whether publishing waits for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Warning:
    """A warning about a draft. Where it `blocks`, publishing is refused until it is dealt with."""

    code: str
    field: str
    message: str
    blocks: bool = False
    about: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """The ids of what else is concerned: `session`, `person`, `room`."""
    readings: Mapping[str, datetime] = dataclasses.field(default_factory=dict)
    """For a zone check: each answer, and what it makes of the time in question, in UTC."""

    def as_data(self) -> dict[str, Any]:
        """JSON-ready."""
        readings = [{"answer": answer, "utc": at.isoformat()} for answer, at in self.readings.items()]
        return {
            "code": self.code,
            "field": self.field,
            "message": self.message,
            "blocks": self.blocks,
            "about": dict(self.about),
            "readings": readings,
        }
