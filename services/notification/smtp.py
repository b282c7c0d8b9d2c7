"""The only module that imports the SMTP client: one connection, one mail at a time, and what the server's answers mean.

The answer to DATA is the one thing that nobody can know when the connection breaks before it comes: the mail may have
been taken. `Unreachable.answer_lost` says so; such a mail is sent again, word for word, with the same Message-ID
(RFC 5321 section 6.1 and RFC 1047 describe the case).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

TIMEOUT = 20.0
"""Seconds for connecting and for each answer."""

T = TypeVar("T")

_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")


class Unreachable(Exception):
    """The server cannot be used now; it says nothing about the mail."""

    def __init__(self, reason: str, *, answer_lost: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.answer_lost = reason, answer_lost


class Deferred(Exception):
    """The server does not take this mail now (4yz); try again later."""


class Refused(Exception):
    """The server does not take this mail at all (5yz)."""


@dataclass(frozen=True)
class Server:
    """An SMTP server as settings name it."""

    host: str
    port: int
    tls: bool = False
    starttls: bool = False
    username: str | None = None
    password: str | None = None

    @classmethod
    def at(cls, url: str) -> Server:
        """The server at smtp://[user:password@]host[:port][?starttls=1] or smtps://... Raises ValueError with the remedy."""
        parts = urlsplit(url)
        query = parse_qs(parts.query, keep_blank_values=True)
        starttls = query.pop("starttls", ["0"])[-1]
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or query or starttls not in ("0", "1"):
            raise ValueError(
                "should be smtp://[user:password@]host:port[?starttls=1] or smtps://[user:password@]host:port"
            )
        tls = parts.scheme == "smtps"
        if tls and starttls == "1":
            raise ValueError("smtps:// is encrypted from the start; leave starttls out")
        default = 465 if tls else 587 if starttls == "1" else 25
        return cls(
            host=parts.hostname,
            port=parts.port or default,
            tls=tls,
            starttls=starttls == "1",
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )


class Connection:
    """A connection that is opened by the first mail and closed at the end of the `async with` block."""

    def __init__(self, server: Server, local_name: str, timeout: float = TIMEOUT) -> None:
        self._client = SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls,
            start_tls=server.starttls,
            username=server.username,
            password=server.password,
            local_hostname=local_name,
            timeout=timeout,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._client.is_connected:
            return
        try:
            await self._client.quit(timeout=1.0)
        except (SMTPException, OSError):
            self._client.close()  # the mails are sent; a server that does not say goodbye changes nothing

    async def send(self, sender: str, recipient: str, message: bytes) -> None:
        """Hands `message` (7-bit, CRLF) over. Returns when the server has taken responsibility for it (RFC 5321 6.1).

        Raises Deferred or Refused where the server does not want this mail, Unreachable where it cannot be asked.
        """
        if not self._client.is_connected:
            await _reached(self._client.connect)
        try:
            await _reached(lambda: self._client.mail(sender))
            await _reached(lambda: self._client.rcpt(recipient))
            await _reached(lambda: self._client.data(message), stage_data=True)
        except (Deferred, Refused):
            await self._forget()
            raise

    async def _forget(self) -> None:
        """After a refusal the next mail begins afresh (RSET); a connection that does not take it is closed."""
        try:
            await self._client.rset()
        except (SMTPException, OSError):
            self._client.close()


async def _reached(step: Callable[[], Awaitable[T]], *, stage_data: bool = False) -> T:
    try:
        return await step()
    except (SMTPRecipientRefused, SMTPDataError) as error:
        _judge(error)
    except SMTPSenderRefused as error:
        if error.code in (452, 552):  # too large for this server or this mailbox (RFC 1870)
            _judge(error)
        raise Unreachable(f"sender refused {_code(error)}") from error
    except (SMTPServerDisconnected, SMTPTimeoutError) as error:
        raise Unreachable(type(error).__name__, answer_lost=stage_data) from error
    except SMTPResponseException as error:  # the greeting, EHLO, STARTTLS or the login
        raise Unreachable(f"{type(error).__name__} {_code(error)}") from error
    except (SMTPNotSupported, SMTPException, OSError, ValueError) as error:
        raise Unreachable(type(error).__name__, answer_lost=stage_data and not isinstance(error, ValueError)) from error
    raise AssertionError("unreachable: _judge always raises")


def _judge(error: SMTPResponseException) -> None:
    if error.code == 421:  # the server closes; it says nothing about the mail (RFC 5321 section 3.8)
        raise Unreachable(f"closing {_code(error)}") from error
    if 400 <= error.code < 500:
        raise Deferred(_code(error)) from error
    raise Refused(_code(error)) from error


def _code(error: SMTPResponseException) -> str:
    """The reply code and the enhanced status code (RFC 3463); the words are left out, they may hold an address."""
    enhanced = _ENHANCED.search(error.message)
    return f"{error.code} {enhanced[0]}" if enhanced else str(error.code)
