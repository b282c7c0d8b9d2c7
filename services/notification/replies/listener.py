"""Takes mail at the reply address by SMTP or LMTP (RFC 5321, RFC 2033), for registrations there are, and sends nothing on.

One recipient a mail: so both protocols answer DATA alike, and an answer is about one registration.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Awaitable, Callable
from typing import cast

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

from services.notification.metrics import REPLY_CONNECTIONS
from services.notification.replies.address import ReplyAddress
from services.notification.replies.answers import NotKnown, NotNow
from services.notification.replies.reading import MAX_BYTES
from shared.storage.mongo import PyMongoError

MOST_CONNECTIONS = 50
MOST_OF_ONE = 20
"""Connections at a time of one peer; as many as Postfix opens to one destination unless it is told otherwise."""
MOST_MAILS = 200
"""Mails on one connection; whoever has more opens another. Enough for a mail server that keeps its connection while it has
mails: what it is refused comes again only minutes later."""
TIMEOUT = 60.0
"""Seconds without a command, or for a mail, after which a connection is closed."""
LONGEST = 300.0
"""Seconds that a connection may last."""
_LAST_WORD = 5.0
"""Seconds in which the peer may read why its connection ends."""
MOST_RECIPIENTS_TRIED = 50
"""Recipients refused on one connection: nobody tries out addresses."""
MOST_COMMANDS = 50
"""Any other command on one connection, each; those that a mail consists of come as often as mails may."""

_log = structlog.get_logger()
# Its routine lines hold addresses; what goes wrong is told by `handle_exception`.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)

Named = Callable[[str], Awaitable[str | None]]
"""The registration that a token names."""
Take = Callable[[str, bytes, str | None], Awaitable[object]]
"""Takes a mail for a registration; raises NotKnown and NotNow."""


class Conversation(SMTP):  # type: ignore[misc]
    """One connection. A server that hands over by LMTP greets with LHLO."""

    async def smtp_LHLO(self, hostname: str) -> None:
        await self.smtp_EHLO(hostname)


class Listener:
    """Listens on `port` of `host`; 0 for a free one, which is in `port` then."""

    def __init__(
        self,
        address: ReplyAddress,
        named: Named,
        take: Take,
        host: str,
        port: int,
        *,
        most_connections: int = MOST_CONNECTIONS,
        most_of_one: int = MOST_OF_ONE,
        most_mails: int = MOST_MAILS,
        timeout: float = TIMEOUT,
        longest: float = LONGEST,
    ) -> None:
        self._address, self._named, self._take, self._host, self.port = address, named, take, host, port
        self._most, self._most_of_one, self._most_mails = most_connections, most_of_one, most_mails
        self._timeout, self._longest = timeout, longest
        self._server: asyncio.Server | None = None
        self._open: dict[Conversation, str] = {}

    async def start(self) -> None:
        """Begins to listen. Raises OSError where the port is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Door(self.admit), self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        _log.info("mail_replies_listening", port=self.port)

    async def stop(self) -> None:
        """Stops listening and hangs up; a mail that was not answered for is sent again by its server."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for conversation in list(self._open):
            if conversation.transport is not None:
                conversation.transport.abort()
        self._open.clear()

    def admit(self, peer: str) -> asyncio.Protocol:
        """What a new connection of `peer` is answered with: a conversation, or that there are too many."""
        if len(self._open) >= self._most:
            REPLY_CONNECTIONS.labels("refused").inc()
            return _Busy(f"421 4.3.2 {self.hostname} is busy, try again later")
        if sum(one == peer for one in self._open.values()) >= self._most_of_one:
            REPLY_CONNECTIONS.labels("refused-peer").inc()
            return _Busy(f"421 4.7.0 {self.hostname} has too many connections with you, try again later")
        REPLY_CONNECTIONS.labels("taken").inc()
        opened = _Counted(self, self._timeout, self._longest, self._most_mails)
        self._open[opened] = peer
        return opened

    def closed(self, conversation: Conversation) -> None:
        """A connection has ended."""
        self._open.pop(conversation, None)

    @property
    def hostname(self) -> str:
        """How it greets."""
        return self._address.domain

    # The names of the following are aiosmtpd's.

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Only the addresses of registrations there are; the same words for all others."""
        if envelope.rcpt_tos:
            return "452 4.5.3 one recipient at a time"
        token = self._address.token_in(address)
        try:
            known = token is not None and await self._named(token) is not None
        except PyMongoError as error:
            _log.warning("mail_reply_delayed", error=type(error).__name__)
            return "451 4.3.0 try again later"
        if not known:
            return "550 5.1.1 no such address here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Takes the mail: when this is answered, what follows from it is in the database."""
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode(errors="replace")
        token = self._address.token_in(envelope.rcpt_tos[0])
        try:
            registration_id = await self._named(token) if token is not None else None
            if registration_id is None:
                return "550 5.1.1 no such address here"
            await self._take(registration_id, raw, (envelope.mail_from or "").strip("<>"))
        except NotKnown:
            return "550 5.1.1 no such address here"
        except (NotNow, PyMongoError) as error:
            _log.warning("mail_reply_delayed", error=type(error).__name__)
            return "451 4.3.0 try again later"
        return "250 2.0.0 OK"

    async def handle_VRFY(self, server: SMTP, session: Session, envelope: Envelope, address: str) -> str:
        """Nobody is told which addresses there are."""
        return "252 2.5.0 send mail, and see"

    async def handle_exception(self, error: Exception) -> str:
        """A fault of ours: the mail comes again."""
        _log.error("mail_reply_failed", error=type(error).__name__)
        return "451 4.3.0 try again later"


class _Counted(Conversation):
    """A connection that counts, and ends after a while whatever is said on it."""

    def __init__(self, listener: Listener, timeout: float, longest: float, most_mails: int) -> None:
        super().__init__(
            listener,
            data_size_limit=MAX_BYTES,
            enable_SMTPUTF8=True,
            hostname=listener.hostname,
            ident="Lectern",
            timeout=timeout,
            auth_require_tls=True,
            command_call_limit={
                # RSET: Postfix sends it before it uses a connection again.
                **dict.fromkeys(("MAIL", "DATA", "RSET"), most_mails),
                "RCPT": most_mails + MOST_RECIPIENTS_TRIED,
                "*": MOST_COMMANDS,
            },
            loop=asyncio.get_running_loop(),
        )
        self._listener, self._longest = listener, longest
        self._refused = 0
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._end = asyncio.get_running_loop().call_later(self._longest, self._over)

    async def smtp_RCPT(self, arg: str) -> None:
        if self._refused >= MOST_RECIPIENTS_TRIED:
            await self.push("421 4.7.0 too many recipients that are not here")
            if self.transport is not None:
                self.transport.close()
            return
        taken = len(self.envelope.rcpt_tos)
        await super().smtp_RCPT(arg)
        self._refused += len(self.envelope.rcpt_tos) == taken

    def connection_lost(self, error: Exception | None) -> None:
        if self._end is not None:
            self._end.cancel()
        self._listener.closed(self)
        super().connection_lost(error)

    def _timeout_cb(self) -> None:  # aiosmtpd's name: it hangs up without a word
        self._over()

    def _over(self) -> None:
        if self.transport is None:
            return
        transport = cast(asyncio.Transport, self.transport)
        if not transport.is_closing() and not transport.get_write_buffer_size():
            transport.write(b"421 4.4.2 the time for this connection is over, try again\r\n")
            transport.close()
            if self._end is not None:
                self._end.cancel()
            self._end = asyncio.get_running_loop().call_later(_LAST_WORD, transport.abort)
        else:  # the peer does not read
            transport.abort()


class _Door(asyncio.Protocol):
    """A connection of which nothing is known yet: once it is known who calls, another takes its place."""

    def __init__(self, admit: Callable[[str], asyncio.Protocol]) -> None:
        self._admit = admit

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        protocol = self._admit(_peer(transport.get_extra_info("peername")))
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


class _Busy(asyncio.Protocol):
    """A connection too many: told to come back (RFC 5321, section 3.8)."""

    def __init__(self, answer: str) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        writable = cast(asyncio.Transport, transport)  # by name only: uvloop's are none of asyncio's classes
        writable.write(f"{self._answer}\r\n".encode())
        writable.close()


def _peer(name: tuple[str, int] | tuple[str, int, int, int] | None) -> str:
    """Who calls, as it is counted: an IPv4 address, or the network of an IPv6 address, of which one owner has very many."""
    if not name:
        return ""
    address = ipaddress.ip_address(name[0].partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else address)
