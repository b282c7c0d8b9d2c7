"""Figures of a run: rates, tails, ratios; printed as one table."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass
class Table:
    """What was measured, a row each: name, figure, aim."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, name: str, figure: str, aim: str = "") -> None:
        self.rows.append((name, figure, aim))
        print(f"  {name}: {figure}", flush=True)

    def show(self) -> str:
        wide = max(len(name) for name, _, _ in self.rows)
        figure = max(len(text) for _, text, _ in self.rows)
        lines = [f"{n:<{wide}}  {f:>{figure}}  {a}".rstrip() for n, f, a in self.rows]
        return "\n".join([f"Python {platform.python_version()}, {platform.machine()}", *lines])
