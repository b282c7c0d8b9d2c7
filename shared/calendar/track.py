"""The key of a track in addresses. A track has no id: it is known by its name in the event's first language."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from shared.contracts.base import Text, said_in

LONGEST = 60
"""Letters of a key without its digest."""

_PLAIN = re.compile(r"[a-z0-9]+(?: [a-z0-9]+)*")


def track_key(name: Text, default_language: str) -> str:
    """The key of the track `name`, in small ASCII letters, digits and hyphens: always the same for the same name.

    Capitals and blanks tell no two tracks apart. A name that lost anything else on the way gets a short digest, so that
    different tracks never share a key.
    """
    said = said_in(name, default_language, default_language)
    folded = " ".join(unicodedata.normalize("NFC", said).split()).casefold()
    letters = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")
    if _PLAIN.fullmatch(folded) and len(slug) <= LONGEST:
        return slug
    digest = hashlib.sha256(folded.encode()).hexdigest()[:8]
    return "-".join(filter(None, (slug[:LONGEST].strip("-"), digest)))
