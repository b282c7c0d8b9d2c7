"""`python -m deploy.local` (make run): Lectern on this machine, with everything it needs, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from deploy.local.children import ChildFailed
from deploy.local.launcher import Launcher
from deploy.local.mongod import MongodMissing
from deploy.local.samples import SampleRefused, load, register
from deploy.local.welcome import welcome
from shared.clock import use_own_zone_rules, utc_now
from shared.config import SettingsError
from shared.messaging.port import PublishError
from shared.observability.logs import configure_logging
from shared.process import PortTaken

LOG_LIMIT = 20_000_000
"""Bytes after which the log of earlier starts is put aside at a start."""


class AlreadyRunning(Exception):
    """Another launcher uses the same folder."""


def main(arguments: list[str] | None = None) -> int:
    """Runs until SIGINT, SIGTERM or SIGHUP; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, default=Path(".lectern"), help="folder of the data (default: .lectern)")
    parser.add_argument("--empty", action="store_true", help="load no sample events and register nobody")
    chosen = parser.parse_args(arguments)
    use_own_zone_rules()
    chosen.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name.startswith("LECTERN_")}
    try:
        with only_one(chosen.home), log_to(chosen.home / "lectern.log", environment.get("LECTERN_LOG_LEVEL", "info")):
            return asyncio.run(_run(Launcher(chosen.home, environment), samples=not chosen.empty))
    except (AlreadyRunning, PortTaken, MongodMissing, ChildFailed, ConnectionError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 1


async def _run(launcher: Launcher, *, samples: bool) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, _stop_or_leave, stop)
    port = launcher.check()
    print("Starting MongoDB, the calendar server, the mail catcher and the four services ...", flush=True)
    started = time.monotonic()
    life = asyncio.create_task(_live(launcher, port, samples, started))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({life, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if life.done():
            await life  # it ends by itself only when something is wrong, and says what
        print("\nStopping ...", flush=True)
    finally:
        for task in (life, stopped):
            task.cancel()
        await asyncio.gather(life, stopped, return_exceptions=True)
        await launcher.stop()
    print("Stopped. `make run` starts it again with its data.")
    return 0


async def _live(launcher: Launcher, port: int, samples: bool, started: float) -> None:
    await launcher.start(port)
    people = await _load_samples(launcher) if samples else 0
    print(welcome(launcher, people, time.monotonic() - started), flush=True)
    await launcher.watch()


async def _load_samples(launcher: Launcher) -> int:
    """How many people are registered for the sample events, which are loaded where they are not there."""
    here = launcher.process.address
    token = launcher.settings.organiser_token.get_secret_value()
    transport = launcher.process.transport
    if transport is None:
        return 0
    try:
        await load(here, token, utc_now().date())
        return await register(here, token, transport, utc_now)
    except (SampleRefused, PublishError) as error:
        print(f"The sample events could not be loaded, the rest runs: {error}", file=sys.stderr)
        return 0


def _stop_or_leave(stop: asyncio.Event) -> None:
    """The first signal stops in order; a second one, from somebody who will not wait, leaves at once."""
    if stop.is_set():
        os._exit(130)  # the kernel ends the children with us; MongoDB recovers from its journal
    stop.set()


@contextlib.contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Holds `home` for this process. Raises AlreadyRunning."""
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(
                f"Lectern runs already with the data in {home.resolve()}. Stop it first, or use another folder: "
                "python -m deploy.local --home FOLDER (and another LECTERN_PORT)."
            ) from error
        yield


@contextlib.contextmanager
def log_to(path: Path, level: str) -> Iterator[None]:
    """Sends the logs to `path`, so that the terminal keeps the short list."""
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_suffix(".log.old"))
    with path.open("a", encoding="utf-8", buffering=1) as log:
        with contextlib.redirect_stdout(log):  # the loggers keep the stream they find when they are configured
            configure_logging(level if level in ("debug", "info", "warning", "error") else "info")
        yield


if __name__ == "__main__":
    sys.exit(main())
