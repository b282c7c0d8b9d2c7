"""A desk in a process of its own, with its clients and no HTTP: `python -m tests.benchmarks.desk_process`, settings from
the environment, one JSON line of orders on its input, one of figures on its output."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import asdict, dataclass

from prometheus_client import REGISTRY

from services.registration.commands import Register
from services.registration.desk import Desks
from services.registration.store import Store
from shared.clock import new_id, ordered_id, utc_now
from shared.config import Settings, read_settings
from shared.links import Links
from shared.storage.mongo import Mongo
from tests.benchmarks.agenda import SESSION
from tests.support.events import person
from tests.support.processes import environment

EVENT = "milipol-2019"


@dataclass(frozen=True)
class Orders:
    """How many clients of this process ask, for how many seconds, and what their people are called."""

    clients: int
    seconds: float
    prefix: str


@dataclass(frozen=True)
class Figures:
    """What one process saw: the seconds that each answer took; rounds, and how many of them had to be decided again."""

    seconds: list[float]
    rounds: float
    conflicts: float


class DeskProcess:
    """A process that waits for orders. Start it with `start`, then `measure`; `stop` ends it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, settings: Settings) -> DeskProcess:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.benchmarks.desk_process",
            env=environment(settings),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**26,
        )
        started = cls(process)
        assert await started._line() == b"ready\n"
        return started

    async def measure(self, orders: Orders) -> Figures:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(orders)).encode() + b"\n")
        return Figures(**json.loads(await self._line()))

    async def stop(self) -> None:
        self._process.kill()
        await self._process.wait()

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        return await self._process.stdout.readline()


async def _ask(desks: Desks, orders: Orders) -> list[float]:
    seconds: list[float] = []
    end = time.perf_counter() + orders.seconds

    async def client(number: int) -> None:
        asked = 0
        while (started := time.perf_counter()) < end:
            asked += 1
            someone = person(f"{orders.prefix}-{number}-{asked}")
            registration_id = ordered_id(utc_now(), new_id())
            await desks.ask(
                EVENT, Register(id=new_id(), registration_id=registration_id, person=someone, sessions=(SESSION,))
            )
            seconds.append(time.perf_counter() - started)

    await asyncio.gather(*(client(number) for number in range(orders.clients)))
    return seconds


async def _main() -> None:
    settings = read_settings(os.environ)
    mongo = Mongo(settings.mongodb_uri, settings.database_prefix)
    store = Store(mongo.database("registration"), Links(settings.link_key.get_secret_value()))
    desks = Desks(store, utc_now, new_id, lambda: None)
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        rounds, conflicts = _sample("lectern_desk_round_commands_count"), _sample("lectern_desk_conflicts_total")
        seconds = await _ask(desks, Orders(**json.loads(line)))
        figures = Figures(
            seconds,
            _sample("lectern_desk_round_commands_count") - rounds,
            _sample("lectern_desk_conflicts_total") - conflicts,
        )
        print(json.dumps(asdict(figures)), flush=True)


def _sample(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0.0


if __name__ == "__main__":
    asyncio.run(_main())
