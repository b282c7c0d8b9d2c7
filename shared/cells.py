"""Cells of tables that people open in a spreadsheet: text from strangers must not become a formula.

Neither the cell, nor what a spreadsheet makes of it that splits elsewhere: where lists are separated by semicolons (France,
Germany), a table between commas comes apart at every semicolon, tab and line end that a cell holds.
"""

from __future__ import annotations

import re

_SIGN = "[=+\\-@\uff1d\uff0b\uff0d\uff20]"
"""Signs that begin a formula; some spreadsheets take the wide ones of Chinese and Japanese for the same."""

_RISKY = re.compile(rf"'*(?:{_SIGN}|[\t\r])")
_INSIDE = re.compile(rf"([;\t\r\n][\s\"]*)('*)({_SIGN}?)")
"""Where another cell may begin, with what follows. It matches whether or not that is risky, so that a cell is gone through
once however many separators it has."""


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula, nor any part of it."""
    inside = _INSIDE.sub(lambda found: f"{found[1]}'{found[2]}{found[3]}" if found[3] else found[0], cell)
    return f"'{inside}" if _RISKY.match(inside) else inside


def as_written(cell: str) -> str:
    """What `harmless` was given."""
    inside = cell[1:] if cell.startswith("'") and _RISKY.match(cell) else cell
    return _INSIDE.sub(lambda found: f"{found[1]}{found[2][1:]}{found[3]}" if found[3] else found[0], inside)
