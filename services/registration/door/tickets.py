"""Tickets: what the QR code at the entrance says. Signed, without personal data, void with the other private addresses.

A ticket is `<registration id>.<token>`; the token is made with the deployment's key over the registration's present link
generation (shared.links), so that whoever has a new private address has a new ticket too, and the old one opens no door.
"""

from __future__ import annotations

import hmac
import re

from services.registration.registrations import Registration
from shared.links import Links

CHECK_IN = "check-in"
"""Purpose of a ticket's token: /c/{ticket}"""

LONGEST = 500
"""Signs of the longest text that is looked at as a ticket: an address and a ticket."""

_FORM = re.compile(r"(?:.*/c/)?([0-9a-z-]{1,80})\.([a-z2-7]{32})(?:[/?#].*)?", re.DOTALL)


def ticket_of(registration: Registration, links: Links) -> str:
    """The registration's ticket as it is now."""
    return f"{registration.id}.{links.token(CHECK_IN, registration.id, registration.link_generation)}"


def ticket_path(ticket: str) -> str:
    """The path that a ticket's QR code leads to, behind the public address."""
    return f"/c/{ticket}"


def parts_of(text: str) -> tuple[str, str] | None:
    """The registration's id and the token in what was scanned or typed: a ticket, or its whole address. None where it is
    no ticket by its form. Capitals do not matter: some scanners write nothing else."""
    found = _FORM.fullmatch(text.strip().lower()) if len(text) <= LONGEST else None
    return (found[1], found[2]) if found else None


def is_ticket_of(registration: Registration, token: str, links: Links) -> bool:
    """Whether `token` is the one of the registration's present ticket, in a time that tells nothing about it. Never for
    somebody who was forgotten."""
    expected = links.token(CHECK_IN, registration.id, registration.link_generation)
    return hmac.compare_digest(token.encode(), expected.encode()) and not registration.erased
