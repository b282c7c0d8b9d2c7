"""Starts everything the embedded default is made of, in order, and stops it in the opposite order."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import structlog

from deploy.keys import CREDENTIAL_KEYS, LINK_KEY, ORGANISER_TOKEN, keep
from deploy.local.caldav import RadicaleNode
from deploy.local.children import ChildFailed, free_port, port_is_free
from deploy.local.mail_catcher import MailCatcher
from deploy.local.mongod import MongodNode
from services.__main__ import ALL_PORT, SERVICES
from shared.clock import utc_now
from shared.config import Settings, read_settings
from shared.process import PortTaken, Process

_log = structlog.get_logger()
_CALDAV_PORT = 5232
_REPLY_ADDRESS = "answers@replies.lectern.test"
_THIS_MACHINE = "127.0.0.0/8 ::1/128"
"""So that an account on the Radicale of this machine can be connected, to try it."""


@dataclass
class Launcher:
    """The embedded default with its data in `home`. `environment` has the user's own LECTERN_ settings."""

    home: Path
    environment: Mapping[str, str]
    mails: MailCatcher = field(init=False)
    process: Process = field(init=False)
    settings: Settings = field(init=False)
    mongod: MongodNode | None = None
    radicale: RadicaleNode | None = None
    _serving: bool = False

    def __post_init__(self) -> None:
        self.secrets = self.home / "secrets"
        self.mails = MailCatcher(self.home / "mails", utc_now)

    def check(self) -> int:
        """The port that will be used. Raises SettingsError or PortTaken, before anything is started."""
        settings = self._read(self._defaults())
        port = (ALL_PORT if settings.port is None else settings.port) or free_port()
        if not port_is_free(port):
            raise PortTaken(
                f"Port {port} is in use. Stop what uses it, or choose another: LECTERN_PORT={port + 10} make run"
            )
        return port

    async def start(self, port: int) -> None:
        """Starts all of it; when this returns, pages and API answer on `port`. Raises PortTaken, MongodMissing,
        ChildFailed, ConnectionError or SettingsError, each with a remedy; then stop() clears away what had started."""
        own = {"LECTERN_PORT": str(port), **await self._servers()}
        if "LECTERN_PUBLIC_URL" not in self.environment:
            own["LECTERN_PUBLIC_URL"] = f"http://localhost:{port}"
        self.settings = self._read({**self._defaults(), **own})
        builds = {name: build for name, (build, _) in SERVICES.items()}
        self.process = Process(self.settings, {**builds, "local-mails": self.mails.build}, port=port)
        await self.process.start()
        self._serving = True

    async def stop(self) -> None:
        """Stops what runs, the services first, so that they find their servers until the end."""
        if self._serving:
            self._serving = False
            await self.process.stop()
        self.mails.stop()
        await asyncio.gather(*(node.stop() for node in (self.radicale, self.mongod) if node is not None))

    @property
    def catches_mails(self) -> bool:
        """Whether mails go to the catcher and not to a server that the user named."""
        return not self._given("SMTP_URL")

    async def watch(self) -> None:
        """Returns never while all is well. Raises ChildFailed when a server of ours ends."""
        while True:
            for name, node in (("MongoDB", self.mongod), ("Radicale", self.radicale)):
                if node is not None and not node.running:
                    raise ChildFailed(f"{name} ended; its log is in {self.home.resolve()}")
            await asyncio.sleep(0.5)

    async def _servers(self) -> dict[str, str]:
        """Starts the servers that the user did not name himself; returns the settings that lead to them."""
        found: dict[str, str] = {}
        starting = []
        if not self._given("MONGODB_URI"):
            self.mongod = MongodNode(self.home / "mongodb")
            starting.append(self.mongod.start())
            found["LECTERN_MONGODB_URI"] = self.mongod.uri
        if not self._given("CALDAV_URL"):
            self.radicale = RadicaleNode(self.home / "calendars", port=_CALDAV_PORT)
            starting.append(self.radicale.start())
            found["LECTERN_CALDAV_URL"] = self.radicale.home
            found["LECTERN_CALDAV_USERNAME"] = self.radicale.username
            found["LECTERN_CALDAV_PASSWORD"] = self.radicale.password
        if not self._given("SMTP_URL"):
            found["LECTERN_SMTP_URL"] = await self.mails.start()
            if not self._given("REPLY_ADDRESS"):
                self.mails.hand_on(_REPLY_ADDRESS.partition("@")[2], free_port())
                found["LECTERN_REPLY_ADDRESS"] = _REPLY_ADDRESS
                found["LECTERN_REPLY_PORT"] = str(self.mails.hands_on_to)
        done = await asyncio.gather(*starting, return_exceptions=True)
        for fault in done:
            if isinstance(fault, BaseException):
                raise fault
        return found

    def _defaults(self) -> dict[str, str]:
        """What differs from the services' own defaults, unless the user says otherwise."""
        messages = (self.home / "messages.sqlite").resolve()
        defaults = {
            "LECTERN_BROKER_URL": f"local:{quote(str(messages))}",
            "LECTERN_LINK_KEY": keep(self.secrets, LINK_KEY),
            "LECTERN_ORGANISER_TOKEN": keep(self.secrets, ORGANISER_TOKEN),
            "LECTERN_CREDENTIAL_KEYS": keep(self.secrets, CREDENTIAL_KEYS),
            "LECTERN_ACCOUNT_NETWORKS": _THIS_MACHINE,
        }
        return {name: value for name, value in defaults.items() if not self._given(name.removeprefix("LECTERN_"))}

    def _given(self, name: str) -> bool:
        return f"LECTERN_{name}" in self.environment or f"LECTERN_{name}_FILE" in self.environment

    def _read(self, own: Mapping[str, str]) -> Settings:
        return read_settings({**self.environment, **own})
