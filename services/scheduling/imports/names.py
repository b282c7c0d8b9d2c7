"""What a file calls a room, a block, a person or a session, and which of the agenda's ids that is."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

MAX_ID = 80
_ID = re.compile(r"^[a-z0-9][a-z0-9-]{0,79}$")


def session_id(event_id: str, key: str) -> str:
    """The id of the session that a file calls `key`: always the same for the same key, and an id of this event."""
    if _ID.match(key) and key.startswith(f"{event_id}-"):
        return key
    wanted = f"{event_id}-{slug(key)}"
    if len(wanted) <= MAX_ID and slug(key):
        return wanted
    return f"{event_id[: MAX_ID - 11].rstrip('-')}-{hashlib.sha256(key.encode()).hexdigest()[:10]}"


def slug(words: str) -> str:
    """Words as a part of an id: Café de l'Hôtel becomes cafe-de-l-hotel."""
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


class Names:
    """A list of the agenda whose items the file calls by name: found again by it in any language, else added.

    `language` None: the name is the same in all languages (a person's).
    """

    def __init__(self, items: Sequence[Mapping[str, Any]], field: str, language: str | None) -> None:
        self.items = [dict(item) for item in items]
        self.by_id = {item["id"]: item for item in self.items}
        self._field, self._language = field, language
        self._by_name: dict[str, str] = {}
        for item in self.items:
            said = item.get(field, {})
            for name in [said] if isinstance(said, str) else said.values():
                self._by_name.setdefault(folded(name), item["id"])

    def id_of(self, name: object) -> str | None:
        """The id of what the file calls `name`; None for no name."""
        if not isinstance(name, str) or not name.strip():
            return None
        known = self._by_name.get(folded(name))
        if known is None:
            known = self._new_id(name)
            said: Any = name.strip() if self._language is None else {self._language: name.strip()}
            self.by_id[known] = {"id": known, self._field: said}
            self.items.append(self.by_id[known])
            self._by_name[folded(name)] = known
        return known

    def calls(self, id_: object, name: object) -> bool:
        """Whether the item `id_` has this name, in any language; no item, no name."""
        item = self.by_id.get(id_) if isinstance(id_, str) else None
        said = item.get(self._field, {}) if item is not None else {}
        return is_called({"": said} if isinstance(said, str) else said, name)

    def _new_id(self, name: str) -> str:
        base = slug(name)[: MAX_ID - 11].strip("-") or hashlib.sha256(name.encode()).hexdigest()[:10]
        numbered = (base if n == 1 else f"{base}-{n}" for n in range(1, len(self.items) + 2))
        return next(id_ for id_ in numbered if id_ not in self.by_id)


def is_called(text: Mapping[str, str], name: object) -> bool:
    """Whether `text` is `name` in one of its languages, or both are empty."""
    wanted = folded(str(name or ""))
    return wanted in {folded(words) for words in text.values()} if any(text.values()) else not wanted


def folded(name: str) -> str:
    """A name without what does not tell one from another: blanks, and capitals or small letters."""
    return " ".join(unix_lines(name).split()).casefold()


def unix_lines(words: str) -> str:
    """Without the line ends of one system or the other, and without byte order marks: files do not keep them."""
    return words.replace("\r\n", "\n").replace("\r", "\n").replace("\ufeff", "").strip()
