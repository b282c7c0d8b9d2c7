"""Many small reads as few: who is answered by which read, and what becomes of those whose read failed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import pytest

from services.calendar_sync.feeds.batch import Batch


class Source:
    """What is read. Each read waits until the test lets it go on, and notes the keys it was asked for."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}
        self.reads: list[list[str]] = []
        self.fails = False
        self.go_on = asyncio.Event()
        self.started = asyncio.Event()

    async def read(self, keys: Collection[str]) -> Mapping[str, int]:
        self.reads.append(list(keys))
        seen, fails = dict(self.values), self.fails
        self.started.set()
        await self.go_on.wait()
        if fails:
            raise ConnectionError("away")
        return {key: seen[key] for key in keys if key in seen}


async def test_what_is_asked_in_one_turn_is_one_read() -> None:
    source = Source()
    source.go_on.set()
    source.values = {"a": 1, "b": 2}
    batch = Batch(source.read)
    assert await asyncio.gather(*(batch.ask(key) for key in ("a", "b", "a", "c"))) == [1, 2, 1, None]
    assert source.reads == [["a", "b", "c"]]


async def test_request_is_never_answered_by_a_read_that_began_before_it() -> None:
    source = Source()
    source.values = {"a": 1}
    batch = Batch(source.read)
    first = batch.ask("a")
    await source.started.wait()
    source.values = {"a": 2}
    second, third = batch.ask("a"), batch.ask("a")
    source.go_on.set()
    assert (await first, await second, await third) == (1, 2, 2)
    assert source.reads == [["a"], ["a"]]


async def test_shared_read_would_tell_what_was_true_before() -> None:
    """The control: who joins the read under way is told the old value."""
    source = Source()
    source.values = {"a": 1}
    joined = asyncio.ensure_future(source.read(["a"]))
    await source.started.wait()
    source.values = {"a": 2}
    source.go_on.set()
    assert await joined == {"a": 1}


async def test_failing_read_fails_its_own_requests_and_the_next_one_works() -> None:
    source = Source()
    source.values, source.fails = {"a": 1}, True
    batch = Batch(source.read)
    failing = [batch.ask("a"), batch.ask("b")]
    await source.started.wait()
    source.fails = False
    later = batch.ask("a")
    source.go_on.set()
    for asked in failing:
        with pytest.raises(ConnectionError):
            await asked
    assert await later == 1
    assert await batch.ask("a") == 1


async def test_who_gives_up_takes_nobody_along() -> None:
    source = Source()
    source.values = {"a": 1}
    batch = Batch(source.read)
    leaving, staying = batch.ask("a"), batch.ask("a")
    await source.started.wait()
    leaving.cancel()
    source.go_on.set()
    assert await staying == 1


async def test_read_that_takes_too_long_fails() -> None:
    source = Source()
    batch = Batch(source.read, timeout=0.01)
    with pytest.raises(TimeoutError):
        await batch.ask("a")


async def test_very_many_keys_are_read_in_parts() -> None:
    source = Source()
    source.go_on.set()
    source.values = {str(number): number for number in range(25)}
    batch = Batch(source.read, most=10)
    assert await asyncio.gather(*(batch.ask(str(number)) for number in range(25))) == list(range(25))
    assert [len(keys) for keys in source.reads] == [10, 10, 5]
