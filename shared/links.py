"""Private addresses: unguessable, made from a key and never stored in clear, revocable by their generation.

A token is HMAC-SHA-256 over purpose, subject and generation, cut to 160 bits. Whoever has the key can make the link
again (for a mail, a page), so no message and no database has to carry it; look-ups store its SHA-256 only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

_BYTES = 20


class Links:
    """Makes private tokens with the deployment's key."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def token(self, purpose: str, subject: str, generation: int = 1) -> str:
        """The token for `subject`, 32 letters and digits. `purpose` keeps, say, a feed's token from opening a registration."""
        digest = hmac.new(self._key, f"{purpose}\n{subject}\n{generation}".encode(), hashlib.sha256).digest()
        return base64.b32encode(digest[:_BYTES]).decode().lower()


MANAGE = "manage"
"""Purpose of the address of a registration's private page: /r/{token}"""

FEEDS = "/feeds/"
"""What the path of every calendar feed begins with."""

FEED = "feed"
"""Purpose of the address of a person's calendar feed: /feeds/private/{token}.ics"""

CALENDAR = "calendar"
"""Purpose of the address of the page about a person's calendar: /calendar/{token}"""

REPLY = "reply"
"""Purpose of the address that answers to a mailed invitation go to."""


def feed_token(links: Links, registration_id: str, generation: int, feed_generation: int = 1) -> str:
    """The token of a person's feed. The person may have a new one made (`feed_generation`), all others stay."""
    subject = registration_id if feed_generation == 1 else f"{registration_id}\n{feed_generation}"
    return links.token(FEED, subject, generation)


def token_hash(token: str) -> str:
    """What is stored to find a token again."""
    return hashlib.sha256(token.encode()).hexdigest()


def manage_path(token: str) -> str:
    """The path of a registration's private page."""
    return f"/r/{token}"


def calendar_path(token: str) -> str:
    """The path of the page about a person's calendar."""
    return f"/calendar/{token}"


def feed_path(token: str) -> str:
    """The path of a person's calendar feed."""
    return f"{FEEDS}private/{token}.ics"
