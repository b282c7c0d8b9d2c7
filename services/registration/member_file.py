"""Files of members: addresses, one a line. Read line by line, so that a file of millions of lines costs no more than one of
as many as are taken."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from services.registration.requirement_file import FileRefused, text_of
from shared.contracts.cloudevent import problem
from shared.contracts.registration import Email

MOST = 100_000
"""How many addresses are taken at once."""
MOST_WRONG = 100
"""How many of those that are none are told; the rest is counted."""

_ADDRESS: TypeAdapter[str] = TypeAdapter(Email)
W = TypeVar("W")


@dataclass(frozen=True)
class Addresses(Generic[W]):
    """The addresses, each once; where stood what is none, and how much more of that there is."""

    emails: list[str]
    wrong: list[W]
    more: int


def read_addresses(given: Iterable[tuple[W, str]]) -> Addresses[W]:
    """Looks at texts, each given with where it stands. Raises FileRefused for too many."""
    emails: dict[str, None] = {}
    wrong: list[W] = []
    more = 0
    for number, (where, text) in enumerate(given):
        if number == MOST:
            message = f"more than {MOST} addresses; add the rest with another file"
            raise FileRefused(problem("body", message, "too-many"))
        try:
            emails[_ADDRESS.validate_python(text)] = None
        except ValidationError:
            if len(wrong) < MOST_WRONG:
                wrong.append(where)
            else:
                more += 1
    return Addresses(list(emails), wrong, more)


def lines_of(body: bytes) -> Iterator[tuple[int, str]]:
    """The lines that say something, each with its number, from 1; a heading is passed over. Raises FileRefused for what is
    not UTF-8."""
    first = True
    for number, line in enumerate(io.StringIO(text_of(body), newline=""), 1):
        bare = line.strip().strip('",;').strip()
        if bare and not (first and bare.lower() in ("email", "e-mail")):
            yield number, bare
        first = first and not bare
