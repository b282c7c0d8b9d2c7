"""Runs the benchmarks on private servers: `python -m tests.benchmarks [name ...]`; without names, all."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

from shared.config import Settings
from shared.observability.logs import configure_logging
from tests.benchmarks import (
    agenda_size,
    calendar_accounts,
    calendar_writes,
    feeds,
    growth,
    hot_session,
    intake,
    memory,
    promotion,
    reschedule,
    three_processes,
)
from tests.benchmarks.figures import Table
from tests.support.emptied import emptied
from tests.support.mongod import MongodNode
from tests.support.rabbitmq import RabbitNode
from tests.support.radicale import RadicaleNode
from tests.support.smtp import SmtpSink

Benchmark = Callable[[Settings, Table], Awaitable[None]]

BENCHMARKS: dict[str, Benchmark] = {
    "hot-session": hot_session.run,
    "intake": intake.run,
    "reschedule": reschedule.run,
    "feeds": feeds.run,
    "calendar-writes": calendar_writes.run,
    "calendar-accounts": calendar_accounts.run,
    "growth": growth.run,
    "agenda-size": agenda_size.run,
    "memory": memory.run,
    "promotion": promotion.run,
    "three-processes": three_processes.run,
}


@contextlib.asynccontextmanager
async def servers() -> AsyncIterator[Callable[[], Settings]]:
    """Private servers; each call gives settings with a database prefix of their own."""
    mongod, rabbit, radicale, smtp = MongodNode(), RabbitNode(), RadicaleNode(), SmtpSink()
    await asyncio.gather(mongod.start(), rabbit.start(), radicale.start(), smtp.start())
    try:
        yield lambda: Settings(
            mongodb_uri=mongod.uri,
            broker_url=rabbit.url,
            database_prefix=f"b{secrets.token_hex(6)}",
            link_key="the-link-key-of-the-benchmarks-and-of-nothing-else",
            organiser_token="the-organisers-token-of-the-tests",
            register_burst=10_000_000,  # all come from one address; counted they are
            smtp_url=smtp.url,
            log_level="warning",
            port=0,
            **radicale.settings,
        )
    finally:
        await smtp.stop()
        await radicale.stop()
        await rabbit.kill()
        await rabbit.stop()
        await mongod.stop()


async def main(names: list[str]) -> None:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        raise SystemExit(f"unknown: {', '.join(unknown)}; choose from {', '.join(BENCHMARKS)}")
    configure_logging("warning", stream="stderr")
    table = Table()
    async with servers() as settings:
        for name in names or BENCHMARKS:
            print(name, flush=True)
            chosen = settings()
            await emptied(chosen.broker_url)  # what the one before left for services that it did not start
            await BENCHMARKS[name](chosen, table)
    print("\n" + table.show())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
