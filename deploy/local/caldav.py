"""A private CalDAV server: Radicale as a child process, with its calendars in a folder of ours."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

from deploy.local.children import Child, free_port, port_is_free, until_listening

USER = "lectern"
ATTENDEE = "attendee"
"""An account with calendars of its own, to be connected on a person's calendar page."""

CALDAV = Path(__file__).resolve().parents[1] / "caldav"
"""The folder of Radicale's settings, shared with the image."""


class RadicaleNode:
    """One Radicale. `url` stays the same before and after a restart, from start to start as long as the port is free."""

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self._folder = folder
        self._log = folder / "radicale.log"
        self._port_file = folder / "port"
        self._child: Child | None = None
        self.username = USER
        passwords = self._same_passwords()
        self.password, self.attendee_password = passwords[USER], passwords[ATTENDEE]
        self.port = self._choose_port(port)

    @property
    def url(self) -> str:
        """Where the server answers."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def home(self) -> str:
        """The account's collection, in which its calendars lie: the address for LECTERN_CALDAV_URL."""
        return f"{self.url}{self.username}/"

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    async def start(self) -> None:
        """Starts it and returns when it takes connections. Raises ChildFailed with its log."""
        self._port_file.write_text(str(self.port), encoding="ascii")
        self._child = Child(
            "Radicale",
            [
                *(sys.executable, "-m", "radicale", "--config", str(CALDAV / "config")),
                *("--server-hosts", f"127.0.0.1:{self.port}"),
                *("--storage-filesystem-folder", str(self._folder / "collections")),
                *("--auth-htpasswd-filename", str(self._folder / "users")),
                *("--rights-file", str(CALDAV / "rights")),
            ],
            self._log,
        )
        await until_listening(self._child, self.port)

    async def stop(self) -> None:
        """Stops it in order; its calendars stay."""
        if self._child is not None:
            await self._child.stop(patience=3)

    async def kill(self) -> None:
        """Ends it as a power cut would, by SIGKILL; its calendars stay."""
        if self._child is not None:
            await self._child.kill()

    async def restart(self) -> None:
        """Stops it in order and starts it again with its calendars, on the same port."""
        await self.stop()
        await self.start()

    @property
    def users(self) -> Path:
        """The file with a line for each account, its name and its password; what somebody adds to it stays."""
        return self._folder / "users"

    def _same_passwords(self) -> dict[str, str]:
        """The password of each account: made at the first start, kept for the next."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.users.touch(mode=0o600)
        lines = self.users.read_text(encoding="utf-8").splitlines()
        known = {name: password for name, _, password in (line.partition(":") for line in lines if line.strip())}
        made = {name: secrets.token_urlsafe(18) for name in (USER, ATTENDEE) if name not in known}
        if made:
            lines += [f"{name}:{password}" for name, password in made.items()]
            self.users.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return known | made

    def _choose_port(self, wished: int | None) -> int:
        """The port of the last start, because calendar programs remember it; else the wished one; else any."""
        last = int(self._port_file.read_text(encoding="ascii")) if self._port_file.exists() else None
        for port in (last, wished):
            if port is not None and port_is_free(port):
                return port
        return free_port()
