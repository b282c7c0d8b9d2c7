"""The relay: order within a stream, fairness between streams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.clock import utc_now
from shared.contracts.registration import SEATS_CHANGED, SeatsState
from shared.facts import fact
from shared.messaging.local import LocalTransport
from shared.storage.lease import LEASES
from shared.storage.ledger import LEDGERS, OUTBOX, Entry, Ledgers, Page
from shared.storage.mongo import Database
from shared.storage.outbox import Relay
from tests.support.listener import Listener, listening


@pytest.fixture
async def relay(database: Database, tmp_path: Path) -> AsyncIterator[tuple[Relay, Listener]]:
    await database.declare([LEDGERS, OUTBOX, LEASES])
    transport = LocalTransport(str(tmp_path / "messages.sqlite"))
    await transport.start()
    async with listening(transport) as listener:
        yield Relay(database, transport, utc_now, "test", window=10), listener
    await transport.close()


async def commit(ledgers: Ledgers, stream: str, version: int, facts: int = 1) -> Entry:
    """Commits the next version of a stream, with so many facts; nothing is written out yet."""
    page = Page(stream) if version == 1 else await ledgers.load(stream)
    told = [
        fact(SEATS_CHANGED, f"events/{stream}-{number}/seats", version, SeatsState(event_id=stream), at=utc_now())
        for number in range(facts)
    ]
    return await ledgers.commit(page, {"n": version}, at=utc_now(), facts=told)


async def test_facts_wait_for_an_older_commit_that_is_not_written_out(
    relay: tuple[Relay, Listener], database: Database
) -> None:
    ledgers = Ledgers(database)
    first, second = await commit(ledgers, "a", 1), await commit(ledgers, "a", 2)
    await ledgers.settle("a", [second])
    assert await relay[0].drain() == 0, "the second commit's fact waits for the first"
    await ledgers.settle("a", [first])
    assert await relay[0].drain() == 2
    told = await relay[1].wait_for(SEATS_CHANGED, 2)
    assert [event.sequence for event in told] == [1, 2]


async def test_stream_that_is_held_back_keeps_no_other_waiting(
    relay: tuple[Relay, Listener], database: Database
) -> None:
    """More facts than a window wait behind a commit of `a` that is not written out; `b` has one that may go."""
    ledgers = Ledgers(database)
    await commit(ledgers, "a", 1)
    await ledgers.settle("a", [await commit(ledgers, "a", 2, facts=30)])
    await ledgers.settle("b", [await commit(ledgers, "b", 1)])
    assert await relay[0].drain() == 1
    (told,) = await relay[1].wait_for(SEATS_CHANGED)
    assert told.data["event_id"] == "b"


async def test_crowded_stream_leaves_a_share_of_each_window_to_others(
    relay: tuple[Relay, Listener], database: Database
) -> None:
    ledgers = Ledgers(database)
    await ledgers.settle("a", [await commit(ledgers, "a", 1, facts=100)])
    await ledgers.settle("b", [await commit(ledgers, "b", 1)])
    await relay[0].drain()
    told = await relay[1].wait_for(SEATS_CHANGED, 2)
    assert "b" in {event.data["event_id"] for event in told}
