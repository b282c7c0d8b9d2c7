"""HTTP registrations on one hot session: 64 waiting clients, durable answers, against a bare handler in the same run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

from shared.config import Settings
from tests.benchmarks.agenda import request, taken_in, tell
from tests.benchmarks.figures import Table, percentile
from tests.benchmarks.lean_client import ask_each
from tests.support.processes import free_port, running
from tests.support.waiting import until

CLIENTS = 64
PEOPLE = 10_000
SEATS = 4_000


async def ask_all(url: str, people: int) -> tuple[float, list[float]]:
    """Requests per second, and the seconds that each took."""
    bodies = (json.dumps(request(number, all_rules=True)).encode() for number in range(people))
    began = time.perf_counter()
    seconds = await ask_each(url, bodies, CLIENTS)
    return people / (time.perf_counter() - began), seconds


@contextlib.asynccontextmanager
async def bare_handler() -> AsyncIterator[str]:
    """An aiohttp process that reads the same body and answers at once: nothing is decided, nothing stored."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.benchmarks.hot_session", str(port))
    url = f"http://127.0.0.1:{port}/api/v1/registrations"

    async def answers() -> bool:
        with contextlib.suppress(aiohttp.ClientError):
            async with aiohttp.ClientSession() as session, session.post(url, json={}) as response:
                return response.status == 201
        return False

    try:
        await until(answers, 15, "the bare handler answers")
        yield url
    finally:
        process.kill()
        await process.wait()


async def run(settings: Settings, table: Table) -> None:
    """One process; the baseline first."""
    async with bare_handler() as url:
        bare, _ = await ask_all(url, PEOPLE)
    await tell(settings, SEATS, all_rules=True)
    async with running(settings, "services", "registration") as process:
        await process.ready()
        await taken_in(settings)
        rate, seconds = await ask_all(f"{process.url}/api/v1/registrations", PEOPLE)
    table.add("HTTP registrations, 64 clients, durable, all rules on", f"{rate:.0f}/s", "aim 1,000/s")
    table.add("  p50", f"{percentile(seconds, 0.5) * 1000:.0f} ms")
    table.add("  p99", f"{percentile(seconds, 0.99) * 1000:.0f} ms", "aim under 250 ms")
    table.add("  against a bare aiohttp handler", f"{rate / bare:.2f}", f"bare: {bare:.0f}/s")


def _bare(port: int) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(await request.json(), status=201)

    app = web.Application()
    app.router.add_post("/api/v1/registrations", answer)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    _bare(int(sys.argv[1]))
