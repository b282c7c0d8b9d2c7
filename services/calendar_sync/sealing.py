"""Passwords of connected accounts, sealed: what is stored opens with a key of the operator and with nothing else.

Fernet tokens (AES-128-CBC and HMAC-SHA-256; github.com/fernet/spec). The newest key seals, every key opens, so that keys
can be changed while passwords are stored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Unreadable(Exception):
    """What is stored opens with none of the keys: it was sealed with a lost one, or is damaged."""


class Sealing:
    """Seals with the first of `keys`. Raises ValueError where one is no key, and never shows it."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("LECTERN_CREDENTIAL_KEYS: there is no key; make one with `python -m deploy.keys`")
        made = [_fernet(key, place, len(keys)) for place, key in enumerate(keys, 1)]
        self._newest, self._all = made[0], MultiFernet(made)

    def seal(self, text: str) -> str:
        """`text`, sealed with the newest key; different every time."""
        return self._newest.encrypt(text.encode()).decode("ascii")

    def open(self, text: str) -> str:
        """What was sealed as `text`. Raises Unreadable."""
        try:
            return self._all.decrypt(text.encode()).decode()
        except InvalidToken:
            raise Unreadable("Sealed with a key that is not in LECTERN_CREDENTIAL_KEYS, or damaged.") from None

    def is_newest(self, text: str) -> bool:
        """Whether `text` was sealed with the newest key; if not, open it and seal it anew before the old key goes."""
        try:
            self._newest.decrypt(text.encode())
        except InvalidToken:
            return False
        return True


_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")
"""256 bits in URL-safe base64. Fernet itself takes some misspelt ones for others."""


def _fernet(key: str, place: int, of: int) -> Fernet:
    if not _KEY.fullmatch(key):
        raise ValueError(
            f"LECTERN_CREDENTIAL_KEYS: key {place} of {of} is no key; make one with `python -m deploy.keys`"
        )
    return Fernet(key)
