"""A person's note: what somebody wrote in their calendar behind our description, which ends with the address of the page."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shared.calendar.text import plain

LONGEST = 10_000
"""Characters of a note that are kept."""


def without_note(description: str, mark: str) -> str:
    """Our part of a stored description: up to the first line that ends with the page's address `mark`."""
    said = plain(description)
    end = next(_ends(said, mark), None)
    return said if end is None else said[:end]


def note_behind(description: str, ours: str, mark: str) -> str:
    """What stands behind our part of a stored description; "" where there is nothing.

    `ours` is our description as it is to be: where the stored one begins with it, all the rest is the note. Else it is
    what follows the last line that ends with the page's address, in whichever language that line was written.
    """
    said, known = plain(description), plain(ours)
    if said.startswith(known) and not said[len(known) :][:1].strip():
        note = said[len(known) :]
    else:
        ends = list(_ends(said, mark))
        note = said[ends[-1] :] if ends else ""
    return note.strip()[:LONGEST].rstrip()


def _ends(said: str, mark: str) -> Iterator[int]:
    """Where the lines end that end with the page's address; its query tells the language, which may have changed."""
    page = mark.partition("?")[0]
    if page:
        for found in re.finditer(rf"(?:^|[\s(<]){re.escape(page)}(?:\?[^\s]*)?(?=[ \t]*$)", said, re.M):
            yield found.end()
