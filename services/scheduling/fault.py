"""A fault of an agenda: where it stands, its code, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Where something stands in the agenda's data: ("sessions", 3, "starts")."""


@dataclass(frozen=True)
class Fault:
    """Something that must be mended before the agenda can be kept."""

    path: Path
    code: str
    message: str
