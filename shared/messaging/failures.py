"""What is kept and logged of a handler's error: its class, its place, and its message without what may be personal."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

LONGEST = 300
"""Characters of a message that are kept."""

# An exception's words may quote the document that it failed on. What looks like a value is blanked, the words stay.
_VALUES = (
    re.compile(r"\{.*\}", re.DOTALL),
    re.compile(r"\[.*\]", re.DOTALL),
    re.compile(r"'[^']*'|\"[^\"]*\"|«[^»]*»|“[^”]*”"),
    re.compile(r"[^\s@<>]+@[^\s@<>]+"),
    re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE),
    re.compile(r"\+?\d[\d ()./-]{6,}\d"),
    re.compile(r"\b(?=\w*\d)\w{16,}\b"),
)


def describe(error: BaseException) -> str:
    """The class of `error` and its message; quoted values, addresses, numbers and tokens are replaced by `…`."""
    text = " ".join(str(error)[: LONGEST * 10].split())
    for pattern in _VALUES:
        text = pattern.sub("…", text)
    name = type(error).__name__
    return f"{name}: {text[:LONGEST]}" if text else name


def place(error: BaseException) -> str:
    """File and line where `error` was raised, for the log; no values of variables."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"


def gave_up(attempts: int, error: BaseException) -> str:
    """The reason of a message that was parked because its handler failed too often."""
    return f"gave up after {attempts} attempt{'' if attempts == 1 else 's'}; last error: {describe(error)}"
