"""A private MongoDB for the tests: the embedded launcher's own node, with its data in a temporary folder."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from deploy.local import mongod

FORGETFUL = ("--syncdelay", "5", "--setParameter", "minSnapshotHistoryWindowInSeconds=20")
"""What was dropped leaves its files at the next checkpoint after this window. With the usual five minutes and one, thousands of
dropped databases, a file for each collection and index, come to more files than a process may have open."""


NO_EXPIRY = ("--setParameter", "ttlMonitorEnabled=false")
"""Many tests live in 2019: by the machine's clock, what they keep for a day is over and would go at any minute."""


class MongodNode(mongod.MongodNode):
    """A node that starts empty. `await start()`, `stop()` (removes the data), `kill()`, `halt()`, `restart()`; `uri` stays the same."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="lectern-mongod-"))
        super().__init__(self._home, cache_gigabytes=0.5, options=(*FORGETFUL, *NO_EXPIRY))

    async def halt(self) -> None:
        """Stops it in order; its data stay for the next start."""
        await super().stop()

    async def stop(self) -> None:
        """Ends it and removes its data."""
        await super().kill()
        shutil.rmtree(self._home, ignore_errors=True)

    async def restart(self) -> None:
        """Stops it in order and starts it again with its data, on the same port."""
        await self.halt()
        await self.start()
