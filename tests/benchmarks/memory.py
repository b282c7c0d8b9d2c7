"""Idle memory of each service in a process of its own."""

from __future__ import annotations

import asyncio
import sys

import psutil

from services.__main__ import SERVICES
from shared.config import Settings
from tests.benchmarks.figures import Table
from tests.support.processes import running


async def run(settings: Settings, table: Table) -> None:
    """Resident set of each service once it is ready, against a bare Python with aiohttp imported."""
    bare = await _bare()
    table.add("Memory of a bare Python with aiohttp", f"{bare:.0f} MiB")
    for name in SERVICES:
        async with running(settings, "services", name) as process:
            await process.ready()
            used = psutil.Process(process.process.pid).memory_info().rss / 2**20
            table.add(f"Idle memory of {name}", f"{used:.0f} MiB", f"{used / bare:.1f} times the bare one")


async def _bare() -> float:
    code = "import aiohttp, psutil; print(psutil.Process().memory_info().rss)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return int(output) / 2**20
