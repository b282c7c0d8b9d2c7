"""What an audit says: what it looked at, and each difference in plain words. Pure; no names, no addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.registration.seats import EVENT

MOST = 1000
"""How many differences a report names; the others are only counted."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it must be. `line` is @event or a session's id; None: it is about no line."""

    code: str
    message: str
    line: str | None = None
    registration_id: str | None = None


@dataclass(frozen=True)
class Report:
    """What the audit of one event found. `checked` says how much was looked at, by what it is."""

    event_id: str
    version: int
    """The version of the ledger that was audited."""
    checked: Mapping[str, int]
    differences: tuple[Difference, ...] = ()
    left_out: int = 0
    """How many more differences there are than the report names."""

    @property
    def proven(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


@dataclass
class Findings:
    """The differences found so far, and what was looked at."""

    checked: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    left_out: int = 0

    def add(self, code: str, message: str, line: str | None = None, registration_id: str | None = None) -> None:
        """One more difference."""
        if len(self.differences) < MOST:
            self.differences.append(Difference(code, message, line, registration_id))
        else:
            self.left_out += 1


def called(line: str) -> str:
    """A line in words."""
    return "the event" if line == EVENT else f"session {line!r}"
