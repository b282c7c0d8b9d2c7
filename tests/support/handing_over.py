"""A person's mail server, which hands an answer over to the port that Lectern takes answers on."""

from __future__ import annotations

import aiosmtplib

from services.notification.replies.listener import Listener
from tests.support.notification import reply_address


async def hand_over(listener: Listener, raw: bytes, to: str | None = None, sender: str = "ada@example.org") -> None:
    """Raises aiosmtplib's exceptions where it is refused. `to`: Ada's own address for answers unless given."""
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=listener.port) as client:
        await client.mail(sender)
        await client.rcpt(to or reply_address())
        await client.data(raw)
