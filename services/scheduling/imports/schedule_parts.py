"""A schedule file of either form, taken apart: what it says of the conference, its events, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time

from services.scheduling.domain import AgendaRefused
from services.scheduling.exports.schedule import DAY_BEGINS
from services.scheduling.imports.foreign import ForeignLink
from shared.contracts.cloudevent import problem

MAX_FILE = 8 * 1024 * 1024
"""The largest file that is read, in bytes."""
MAX_PROBLEMS = 200
"""How many faults are told at once."""


@dataclass
class Problems:
    """What is wrong with a file, collected so that it can be told at once."""

    told: list[dict[str, str]] = field(default_factory=list)
    more: int = 0

    def add(self, line: int | None, name: str, message: str, code: str = "invalid") -> None:
        """Adds one, at `line`, about the field `name`."""
        if len(self.told) >= MAX_PROBLEMS:
            self.more += 1
        else:
            self.told.append(fault(line, name, message, code))

    def refuse(self) -> None:
        """Raises AgendaRefused where there is any."""
        if self.told:
            raise self.refusal()

    def refusal(self) -> AgendaRefused:
        """All of them."""
        more = f"and {self.more} more; mend these first, then import again"
        return AgendaRefused([*self.told, problem("body", more, "more")] if self.more else self.told)


@dataclass
class FileEvent:
    """An event of a file: its plain fields as text where it has them, and the line of each.

    `above` is the room that it stands in; `day` the date of the day that it stands in, which begins at `day_begins`.
    """

    line: int | None
    values: dict[str, str]
    lines: dict[str, int] = field(default_factory=dict)
    persons: list[str] = field(default_factory=list)
    links: list[ForeignLink] = field(default_factory=list)
    attachments: list[ForeignLink] = field(default_factory=list)
    above: str = ""
    day: str = ""
    day_begins: time = DAY_BEGINS


@dataclass
class FileSchedule:
    """A file: what it says of the conference, as text, and its events."""

    generator: str = ""
    language: str = ""
    conference: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    events: list[FileEvent] = field(default_factory=list)


def fault(line: int | None, name: str, message: str, code: str) -> dict[str, str]:
    """One thing that is wrong, with its line where it is known."""
    name = "".join(letter for letter in name if letter.isprintable())[:200] or "body"
    if line is None:
        return problem(name, message, code)
    return {**problem(name, f"line {line}: {message}", code), "line": str(line)}


def refuse_oversize(body: bytes) -> None:
    """Raises AgendaRefused for a file that is larger than any schedule."""
    if len(body) > MAX_FILE:
        message = f"the file has {len(body)} bytes; at most {MAX_FILE} are read: split it, or leave out texts"
        raise AgendaRefused([problem("body", message, "too-large")])


def short(words: str) -> str:
    """A value for a message: on one line, and not a page long."""
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in words[:200]).split())
    return plain if len(plain) <= 40 else f"{plain[:40]}…"
