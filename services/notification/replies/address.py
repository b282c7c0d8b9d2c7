"""The address that answers to invitations go to: one for each registration, which nobody can guess."""

from __future__ import annotations

import re
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from shared.links import REPLY, Links

KEEP = "keep"
"""Purpose of the address of the page on which somebody keeps what a calendar declined: /answers/{token}"""

_TOKEN = re.compile(r"^[a-z2-7]{32}$")


@dataclass(frozen=True)
class ReplyAddress:
    """The address as settings name it: answers@replies.example.org stands for answers+<token>@replies.example.org."""

    local: str
    domain: str

    @classmethod
    def of(cls, text: str) -> ReplyAddress:
        """The address in `text`. Raises ValueError with the remedy."""
        remedy = "should be an address at which Lectern gets mail, for example answers@replies.example.org"
        try:
            found = validate_email(text, check_deliverability=False, test_environment=True)
        except EmailNotValidError as error:
            raise ValueError(remedy) from error
        if found.ascii_email is None or "+" in found.local_part:
            raise ValueError(f"{remedy}, in ASCII and without +")
        local, _, domain = found.ascii_email.rpartition("@")
        return cls(local.lower(), domain.lower())

    def with_token(self, token: str) -> str:
        """The address of one registration."""
        return f"{self.local}+{token}@{self.domain}"

    def token_in(self, address: str) -> str | None:
        """The token in an address of this form; None for any other."""
        local, _, domain = address.strip().strip("<>").lower().rpartition("@")
        name, _, token = local.partition("+")
        right = domain == self.domain and name == self.local and _TOKEN.match(token)
        return token if right else None


def reply_token(links: Links, registration_id: str, generation: int) -> str:
    """The token in the address of a registration."""
    return links.token(REPLY, registration_id, generation)


def keep_token(links: Links, registration_id: str, generation: int) -> str:
    """The token of the page on which somebody keeps what a calendar declined."""
    return links.token(KEEP, registration_id, generation)


def keep_path(links: Links, registration_id: str, generation: int) -> str:
    """The path of that page."""
    return f"/answers/{keep_token(links, registration_id, generation)}"
