"""Child processes that end with their starter, whatever happens to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

_TIED = Path(__file__).with_name("tied.py")
_POLL = 0.02
"""Seconds between two looks at a process that should end."""


class ChildFailed(Exception):
    """A child process did not start or ended too early; the message ends with what it wrote."""


class Child:
    """One child process with its log. In its own process group, so that Ctrl-C reaches its starter only, which stops it in order."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        if threading.current_thread() is not threading.main_thread():
            # The kernel ties a child to the thread that started it (prctl(2)), so a short-lived thread would end it.
            raise RuntimeError("children are started by the main thread only")
        self.name = name
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_TIED), str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def check(self) -> None:
        """Raises ChildFailed where the process has ended."""
        if not self.running:
            raise ChildFailed(f"{self.name} ended with status {self._process.returncode}:\n{self.last_words()}")

    async def stop(self, patience: float = 10.0) -> None:
        """Asks it to end, waits up to `patience` seconds, then ends it."""
        if self.running:
            self._process.send_signal(signal.SIGTERM)
            await self._ended(patience)
        await self.kill()

    async def kill(self) -> None:
        """Ends it as a power cut would, by SIGKILL."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._ended(10.0)

    def last_words(self) -> str:
        """The end of its log."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-3000:]

    async def _ended(self, patience: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        while self.running and loop.time() < deadline:  # noqa: ASYNC110 - the system tells of its end by no event
            await asyncio.sleep(_POLL)


async def until_listening(child: Child, port: int, timeout: float = 20.0) -> None:
    """Returns when `child` takes connections on the loopback `port`. Raises ChildFailed when it ends or is too slow."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while loop.time() < deadline:
        child.check()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(_POLL)
            continue
        writer.close()
        return
    raise ChildFailed(f"{child.name} did not answer on port {port} within {timeout:g} s:\n{child.last_words()}")


def free_port() -> int:
    """A loopback port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Whether a server could listen on the loopback `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
