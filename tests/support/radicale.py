"""A private CalDAV server for the tests: the embedded launcher's own Radicale, with its calendars in a temporary folder."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from deploy.local import caldav


class RadicaleNode(caldav.RadicaleNode):
    """A server that starts empty: `url`, `username`, `password`; `await start()`, `stop()` (removes all), `halt()`, `kill()`, `restart()`."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="lectern-radicale-"))
        super().__init__(self._home)

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a process that keeps its calendars here."""
        return {"caldav_url": self.home, "caldav_username": self.username, "caldav_password": self.password}

    async def halt(self) -> None:
        """Stops it in order; its calendars stay for the next start."""
        await super().stop()

    async def stop(self) -> None:
        """Ends it and removes its calendars."""
        await super().kill()
        shutil.rmtree(self._home, ignore_errors=True)

    async def restart(self) -> None:
        """Stops it in order and starts it again with its calendars, on the same port."""
        await self.halt()
        await self.start()
