"""Real processes for tests that need to kill one, or to run several at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp

from shared.config import PREFIX, Settings
from tests.support.waiting import until


@dataclass
class Running:
    """A process of a test; its output is in `log`."""

    process: asyncio.subprocess.Process
    url: str
    log: bytearray

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    async def ready(self) -> None:
        """Waits until the process answers, and all that it needs."""

        async def answers() -> bool:
            assert self.alive, self.log.decode()[-3000:]
            with contextlib.suppress(aiohttp.ClientError):
                async with aiohttp.ClientSession() as session, session.get(f"{self.url}/ready") as response:
                    return response.status == 200
            return False

        await until(answers, 30, "the process is ready")

    async def died(self, timeout: float = 30) -> None:
        """Waits until the process has been killed."""
        async with asyncio.timeout(timeout):
            assert await self.process.wait() == -signal.SIGKILL, self.log.decode()[-3000:]


def environment(settings: Settings) -> dict[str, str]:
    """The settings as a process reads them."""
    values = settings.model_dump(exclude_none=True)
    secrets = {name for name, value in values.items() if hasattr(value, "get_secret_value")}
    plain = {n: (v.get_secret_value() if n in secrets else str(v)) for n, v in values.items()}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return inherited | {PREFIX + name.upper(): value for name, value in plain.items()}


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def running(settings: Settings, *arguments: str) -> AsyncIterator[Running]:
    """`python -m` with these arguments and settings, killed at the end of the block. Wait for `ready()`."""
    port = free_port()
    chosen = settings.model_copy(update={"port": port})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *arguments,
        env=environment(chosen),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    log = bytearray()

    async def read() -> None:
        assert process.stdout is not None
        while chunk := await process.stdout.read(65536):
            log.extend(chunk)
            del log[:-200_000]

    reader = asyncio.create_task(read())
    try:
        yield Running(process, f"http://{settings.host}:{port}", log)
    except BaseException:
        print(log.decode(errors="replace")[-6000:])  # pytest shows it beside the failure
        raise
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reader
