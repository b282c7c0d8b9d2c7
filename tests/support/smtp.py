"""A private SMTP server that keeps every mail it gets, for the tests to read."""

from __future__ import annotations

import asyncio
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP as SMTP_POLICY

from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.children import free_port
from tests.support.waiting import until


class SmtpSink:
    """Takes mails on a loopback port. `mails` holds them, oldest first; `reply` decides what the next mails are told."""

    def __init__(self) -> None:
        self.port = free_port()
        self.mails: list[EmailMessage] = []
        self.reply = "250 OK"
        """What DATA is answered; set it to, say, "451 later" or "550 no" to play a server that refuses."""
        self.only = ""
        """Mails without this in their subject are put off."""
        self.refused = 0
        self._server: asyncio.Server | None = None
        self._conversations: list[SMTP] = []

    @property
    def url(self) -> str:
        """The address for LECTERN_SMTP_URL."""
        return f"smtp://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Begins to listen, on the same port after a stop."""
        loop = asyncio.get_running_loop()

        def converse() -> SMTP:
            self._conversations.append(SMTP(self, hostname="localhost", enable_SMTPUTF8=True, loop=loop))
            return self._conversations[-1]

        self._server = await loop.create_server(converse, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Stops listening and hangs up: the mail server is down. What came stays in `mails`."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for conversation in self._conversations:
            if conversation.transport is not None:
                conversation.transport.abort()
        self._conversations.clear()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keeps the mail, or answers as `reply` says."""
        if not self.reply.startswith("2"):
            self.refused += 1
            return self.reply
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        mail = BytesParser(_class=EmailMessage, policy=SMTP_POLICY).parsebytes(raw)
        if self.only not in str(mail["Subject"]):
            return "451 later"
        self.mails.append(mail)
        return self.reply

    def to(self, email: str) -> list[EmailMessage]:
        """The mails to one person, oldest first."""
        return [mail for mail in self.mails if email.lower() in _recipients(mail)]

    async def wait_for(
        self, email: str, subject: str = "", *, count: int = 1, timeout: float = 15
    ) -> list[EmailMessage]:
        """Waits (seconds) until `count` mails to `email` with `subject` in their subject are here; returns them."""

        def found() -> list[EmailMessage]:
            return [mail for mail in self.to(email) if subject.lower() in str(mail["Subject"]).lower()]

        await until(
            lambda: len(found()) >= count,
            timeout,
            f"{count} mail(s) to {email} about {subject!r}; {[str(m['Subject']) for m in self.to(email)]} came",
        )
        return found()


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    """The mail's text (`plain` or `html`); empty where it has none."""
    part = mail.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else ""


def _recipients(mail: EmailMessage) -> list[str]:
    addresses: tuple[Address, ...] = mail["To"].addresses if mail["To"] is not None else ()
    return [address.addr_spec.lower() for address in addresses]
