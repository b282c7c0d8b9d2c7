"""Lists of members: whether an address is on one can be asked; the addresses themselves are not kept."""

from __future__ import annotations

import hashlib


def member_key(list_: str, email: str) -> str:
    """The id under which `email` is on the list."""
    digest = hashlib.sha256(f"member\n{list_}\n{email}".encode()).hexdigest()
    return f"{list_}/{digest}"
