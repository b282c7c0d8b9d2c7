"""Cells of tables that people open in a spreadsheet: text from strangers must not become a formula."""

from __future__ import annotations

import re

_RISKY = re.compile(r"'*[=+\-@\t\r]")


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if _RISKY.match(cell) else cell


def as_written(cell: str) -> str:
    """What `harmless` was given."""
    return cell[1:] if cell.startswith("'") and _RISKY.match(cell) else cell
