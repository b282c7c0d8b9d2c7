"""A person's calendar that lives by mail: a Xandikos which takes invitations by LMTP and answers by SMTP."""

from __future__ import annotations

import asyncio
import re
import shutil
import smtplib
import sys
import tempfile
from email.message import EmailMessage
from pathlib import Path

import aiohttp

from deploy.local.children import Child, free_port, until_listening

_ADDRESSES = """<?xml version="1.0"?><D:propertyupdate xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>
<C:calendar-user-address-set><D:href>mailto:{email}</D:href></C:calendar-user-address-set></D:prop></D:set></D:propertyupdate>"""


class MailingCalendar:
    """The calendar of `email`; its answers go to the SMTP server on the loopback port `answers_to`."""

    def __init__(self, email: str, answers_to: int) -> None:
        self._email, self._answers_to = email, answers_to
        self._folder = Path(tempfile.mkdtemp(prefix="lectern-xandikos-mail-"))
        self._child: Child | None = None
        self.port, self._lmtp = free_port(), free_port()

    @property
    def url(self) -> str:
        """The calendar that invitations come into."""
        return f"http://127.0.0.1:{self.port}/user/calendars/calendar/"

    async def start(self) -> None:
        """Starts it, and tells it whose it is."""
        self._child = Child(
            "Xandikos",
            [
                *(sys.executable, "-m", "xandikos", "serve", "--autocreate", "--defaults", "--no-detect-systemd"),
                *("-d", str(self._folder / "data"), "--state-dir", str(self._folder / "state")),
                *("-l", "127.0.0.1", "-p", str(self.port), "--imip-listen", f"127.0.0.1:{self._lmtp}"),
                *("--imip-send", "smtp", "--smtp-host", "127.0.0.1", "--smtp-port", str(self._answers_to)),
                *("--smtp-from", "calendars@example.org"),
            ],
            self._folder / "xandikos.log",
        )
        await until_listening(self._child, self.port)
        await until_listening(self._child, self._lmtp)
        async with aiohttp.ClientSession() as client:
            body = _ADDRESSES.format(email=self._email)
            principal, xml = f"http://127.0.0.1:{self.port}/user/", {"Content-Type": "application/xml"}
            async with client.request("PROPPATCH", principal, data=body, headers=xml) as response:
                assert response.status == 207, await response.text()

    async def stop(self) -> None:
        """Ends it, and removes all it kept."""
        if self._child is not None:
            await self._child.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def deliver(self, mail: EmailMessage) -> None:
        """Hands a mail over as a mail server does."""
        await asyncio.to_thread(self._handed_over, mail.as_bytes())

    def _handed_over(self, raw: bytes) -> None:
        with smtplib.LMTP("127.0.0.1", self._lmtp, timeout=10) as client:
            client.sendmail("lectern@lectern.test", [self._email], raw)

    async def entries(self) -> dict[str, str]:
        """All entries by address."""
        found: dict[str, str] = {}
        async with aiohttp.ClientSession() as client:
            async with client.request("PROPFIND", self.url, headers={"Depth": "1"}) as response:
                hrefs = re.findall(r"<[^>]*href>([^<]*\.ics)</", await response.text())
            for href in hrefs:
                async with client.get(f"http://127.0.0.1:{self.port}{href}") as response:
                    if response.status == 200:
                        found[href] = await response.text()
        return found

    async def answer(self, partstat: str) -> None:
        """The person answers the one invitation there is."""
        [(href, text)] = (await self.entries()).items()
        unfolded = re.sub(r"\r\n[ \t]", "", text)
        said = re.sub(r"(ATTENDEE[^\r\n]*PARTSTAT=)[A-Z-]+", rf"\g<1>{partstat}", unfolded)
        async with (
            aiohttp.ClientSession() as client,
            client.put(
                f"http://127.0.0.1:{self.port}{href}",
                data=said.encode(),
                headers={"Content-Type": "text/calendar; charset=utf-8"},
            ) as response,
        ):
            assert response.status in (200, 201, 204), await response.text()
