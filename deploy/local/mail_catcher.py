"""The mail catcher of the embedded default: an SMTP server that sends nothing on, and pages to read what it got."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.mail_folder import CaughtMail, MailFolder
from services.notification.smtp import Connection, Deferred, Refused, Server, Unreachable
from shared.clock import Clock
from shared.service import Resources, Service
from shared.web.pages import render
from shared.web.problems import Problem

_HTML_HEADERS = {
    # A mail is somebody else's page: it may show itself and open its links elsewhere, run nothing and fetch nothing.
    "Content-Security-Policy": "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class MailCatcher:
    """Listens on a loopback port of its own; `build` makes it readable in the services' own process."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.mails = MailFolder(folder)
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._handed_on: tuple[str, int] | None = None

    def hand_on(self, domain: str, port: int) -> None:
        """From now on, mails to `domain` go on to the loopback `port` as well: answers to invitations come back so."""
        self._handed_on = domain, port

    @property
    def hands_on_to(self) -> int | None:
        """The port that mails go on to."""
        return self._handed_on[1] if self._handed_on is not None else None

    async def start(self) -> str:
        """Begins to listen; returns the address for LECTERN_SMTP_URL."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(self, hostname="localhost", enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0
        )
        return f"smtp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        """Stops listening."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keeps a mail (the name is aiosmtpd's)."""
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        await asyncio.to_thread(self.mails.keep, raw, self._clock(), secrets.token_hex(4))
        return await self._answered(envelope, raw) or "250 kept, not sent"

    async def _answered(self, envelope: Envelope, raw: bytes) -> str | None:
        """What the service said to a mail that is for itself; None for all others."""
        domain, port = self._handed_on or ("", 0)
        own = [address for address in envelope.rcpt_tos if domain and address.lower().endswith(f"@{domain}")]
        if not own:
            return None
        try:
            async with Connection(Server("127.0.0.1", port), "localhost") as connection:
                for address in own:
                    await connection.send(envelope.mail_from or "", address, raw)
        except Refused as error:
            return f"550 {error}"
        except (Deferred, Unreachable) as error:
            return f"451 {error}"
        return "250 kept, and taken as an answer"

    async def build(self, resources: Resources) -> Service:
        """The pages, as one more service of the process."""
        return Service(
            name="local-mails",
            routes=[
                web.get("/mails", self._list),
                web.get("/mails/{id}", self._show),
                web.get("/mails/{id}/html", self._html),
            ],
            templates=Path(__file__).parent / "templates",
        )

    async def _list(self, request: web.Request) -> web.Response:
        mails = await asyncio.to_thread(self.mails.latest)
        return render(request, "local-mails/mails.html", {"mails": mails, "count": self.mails.count()})

    async def _show(self, request: web.Request) -> web.Response:
        mail = self._mail(request)
        shown = request.query.get("show", "")
        if shown not in ("text", "html", "source"):
            shown = "html" if mail.html else "text"
        return render(request, "local-mails/mail.html", {"mail": mail, "shown": shown})

    async def _html(self, request: web.Request) -> web.Response:
        html = '<base target="_blank">' + self._mail(request).html  # links would else open inside the frame
        return web.Response(text=html, content_type="text/html", headers=_HTML_HEADERS)

    def _mail(self, request: web.Request) -> CaughtMail:
        mail = self.mails.mail(request.match_info["id"])
        if mail is None:
            raise Problem(404, "unknown-mail", "There is no such mail.")
        return mail
