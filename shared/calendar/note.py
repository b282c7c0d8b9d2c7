"""A person's notes around our description: told apart by a seal of what we wrote, or behind the page's address, which ends it."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from shared.calendar.text import plain

LONGEST = 10_000
"""Characters of the notes that are kept."""
MOST_PLACES = 100
"""In how many places of a stored description our text is looked for."""

_SEAL = re.compile(r"([1-9]\d{0,4})-([0-9a-f]{20})")
_ADDRESS = re.compile(r"://\S+")
"""Our description ends with one."""


@dataclass(frozen=True)
class Notes:
    """What a person wrote in front of our description and behind it; "" where there is nothing."""

    front: str = ""
    behind: str = ""


def seal(ours: str) -> str:
    """Tells our description in what somebody wrote around it: how many signs it has and their digest, blanks left out,
    because programs fold, trim and join lines."""
    signs = "".join(plain(ours).split())
    return f"{len(signs)}-{_digest(signs)}"


def without_note(description: str, mark: str, sealed: str = "") -> str:
    """Our part of a stored description: what `sealed` tells, up to the first line that ends with the page's address `mark`."""
    said = plain(description)
    found = next(iter(_sealed_in(said, sealed)), None)
    if found is not None:
        said = said[found[0] : found[1]]
    end = next(_ends(said, mark), None)
    return said if end is None else said[:end]


def notes_around(description: str, ours: str, mark: str, *, sealed: str = "", same: bool = False) -> Notes:
    """What stands around our part of a stored description.

    `sealed` is the seal that stands in the stored object, "" where its server dropped it. `ours` is our description as it
    is to be; `same`: that is also what we wrote last. Where a note in front could not be told apart again, for want of a
    seal, it moves behind our text. Where our text was changed, only what stands behind it is known to be a note.
    """
    said = plain(description)
    found = _sealed_in(said, sealed)
    if found:
        return _around(said, found)
    # Without the seal nothing else tells that what stands in front is not an older text of ours, which ended alike.
    found = _sealed_in(said, seal(ours)) if same else []
    if found:
        notes = _around(said, found)
        return notes if sealed else Notes(behind=_joined(notes.front, notes.behind))
    return Notes(behind=_note_behind(said, plain(ours), mark))


def _note_behind(said: str, known: str, mark: str) -> str:
    """Where the stored text begins with our known one, all the rest is the note. Else it is what follows the last line that
    ends with the page's address, in whichever language that line was written."""
    if said.startswith(known) and not said[len(known) :][:1].strip():
        note = said[len(known) :]
    else:
        ends = list(_ends(said, mark))
        note = said[ends[-1] :] if ends else ""
    return _short(note)


def _sealed_in(said: str, sealed: str) -> list[tuple[int, int]]:
    """Where the text with this seal stands: beginning and end, each time that it is there."""
    form = _SEAL.fullmatch(sealed)
    if form is None:
        return []
    length, digest = int(form[1]), form[2]
    signs = "".join(said.split())
    if len(signs) == length and _digest(signs) == digest:
        return [(0, len(said))]
    places = [place for place, sign in enumerate(said) if not sign.isspace()]
    found: list[tuple[int, int]] = []
    for tries, address in enumerate(_ADDRESS.finditer(said)):
        if tries == MOST_PLACES:
            break
        end = bisect_left(places, address.end())
        start = end - length
        if start < 0 or (found and places[start] < found[-1][1]):
            continue
        if _digest(signs[start:end]) == digest:
            found.append((places[start], address.end()))
    return found


def _around(said: str, found: list[tuple[int, int]]) -> Notes:
    """What stands before our text and behind it; a second copy of it, which a program made, is no note."""
    rest = [said[end:start] for (_, end), (start, _) in zip(found, [*found[1:], (len(said), 0)], strict=True)]
    front = _short(said[: found[0][0]])
    return Notes(front, _short(_joined(*rest))[: LONGEST - len(front)].rstrip())


def _joined(*notes: str) -> str:
    return "\n\n".join(note for one in notes if (note := one.strip()))


def _short(note: str) -> str:
    return note.strip()[:LONGEST].rstrip()


def _digest(signs: str) -> str:
    return hashlib.sha256(signs.encode()).hexdigest()[:20]


def _ends(said: str, mark: str) -> Iterator[int]:
    """Where the lines end that end with the page's address; its query tells the language, which may have changed.

    Anybody may have written the text: a query ends where the next address may begin, so that nothing is read twice.
    """
    page = mark.partition("?")[0]
    if page:
        for found in re.finditer(rf"(?:^|[\s(<]){re.escape(page)}(?:\?[^\s(<]*+)?(?=[ \t]*$)", said, re.M):
            yield found.end()
