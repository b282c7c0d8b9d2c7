"""Secrets that are made once, where they are first needed, and kept in files that only their owner reads.

`python -m deploy.keys` prints a new key for LECTERN_CREDENTIAL_KEYS.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

LINK_KEY = "link_key"
ORGANISER_TOKEN = "organiser_token"  # noqa: S105 - the name of a file
CREDENTIAL_KEYS = "credential_keys"


def random_key() -> str:
    """A new secret of 240 bits, in letters and digits that need no quoting anywhere."""
    return secrets.token_hex(30)


def credential_key() -> str:
    """A new key that seals passwords, in Fernet's form: 256 bits in URL-safe base64."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


_MAKERS: dict[str, Callable[[], str]] = {CREDENTIAL_KEYS: credential_key}
"""How the secrets are made that are not just random_key()."""


def keep(folder: Path, name: str) -> str:
    """The secret `name` of `folder`; made and written (mode 0600) where it is not there yet."""
    path = folder / name
    if path.exists():
        return path.read_text(encoding="utf-8").strip()
    return write(folder, name, _MAKERS.get(name, random_key)())


def write(folder: Path, name: str, secret: str) -> str:
    """Writes the secret `name` so that nobody but its owner can read it and no half of it is ever seen; returns it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f".{name}.new"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as target:
        target.write(secret + "\n")
    draft.replace(folder / name)
    return secret


if __name__ == "__main__":
    sys.stdout.write(credential_key() + "\n")
