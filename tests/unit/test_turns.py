"""Turns at a ledger: in order of arrival, past the dead, never for ever; on a clock that only the test moves."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable
from typing import Any, cast

import pytest

from shared.storage.ledger import Ledgers, Page
from shared.storage.mongo import AutoReconnect
from shared.storage.turns import CALM, PATIENCE, STUCK, TURN, Turns


class Desk:
    """A ledger's queue in memory and a clock; sleeping moves the clock and lets others run."""

    def __init__(self) -> None:
        self.queue: list[str] = []
        self.version = 7
        self.now = 100.0
        self.looks = 0
        self.away = False
        self._names = map(str, itertools.count())

    async def queue_up(self, stream: str, ticket: str) -> tuple[list[str], int]:
        if self.away:
            raise AutoReconnect
        self.queue.append(ticket)
        return list(self.queue), self.version

    async def look(self, stream: str, ticket: str) -> tuple[list[str], Page | None]:
        self.looks += 1
        return list(self.queue), Page(stream, self.version) if self.queue[:1] == [ticket] else None

    async def leave(self, stream: str, ticket: str) -> None:
        if ticket in self.queue:
            self.queue.remove(ticket)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)

    def process(self, name: str, *, contended: bool = True) -> Turns:
        turns = Turns(
            cast(Ledgers, self),
            "events/e",
            lambda: f"{name}{next(self._names)}",
            seconds=lambda: self.now,
            sleep=self.sleep,
            jitter=random.Random(1),
        )
        if contended:
            turns.others_seen()
        return turns


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_nobody_queues_up_while_nobody_is_in_the_way(desk: Desk) -> None:
    alone, known = desk.process("a", contended=False), Page("events/e", 7)
    assert await alone.take(known) is known
    assert (alone.ticket, desk.queue) == (None, [])


async def test_turns_end_some_seconds_after_the_last_sign_of_others(desk: Desk) -> None:
    turns = desk.process("a")
    await turns.take(None)
    assert turns.ticket is not None
    await turns.close()
    desk.now += CALM
    await turns.take(None)
    assert turns.ticket is None


async def test_page_of_an_earlier_turn_is_good_only_while_nobody_wrote(desk: Desk) -> None:
    turns, known = desk.process("a"), Page("events/e", 7)
    assert await turns.take(known) is known
    await turns.close()
    desk.version = 8
    assert await turns.take(known) == Page("events/e", 8)


async def test_who_comes_back_after_a_turn_stands_behind_those_who_wait(desk: Desk) -> None:
    processes = {name: desk.process(name) for name in "abc"}
    order: list[str] = []

    async def work(name: str) -> None:
        for _ in range(20):
            await processes[name].take(None)
            order.append(name)
            await desk.sleep(0.01)
            processes[name].hand_over()

    await asyncio.gather(*map(work, processes))
    assert order == list("abc") * 20


async def test_turn_is_over_after_a_while_although_there_is_more_to_do(desk: Desk) -> None:
    turns = desk.process("a")
    await turns.take(None)
    assert not turns.over
    desk.now += TURN
    assert turns.over


async def test_turn_of_a_dead_process_is_taken_after_a_moment(desk: Desk) -> None:
    dead, alive = desk.process("dead"), desk.process("b")
    await dead.take(None)
    began = desk.now
    assert await alive.take(None) == Page("events/e", 7)
    assert STUCK <= desk.now - began < 1.2 * STUCK
    assert desk.queue == [alive.ticket]


async def test_holder_that_moves_is_not_taken_for_dead(desk: Desk) -> None:
    """One waits long behind several, each of them well within its time."""
    desk.queue = [f"other{n}" for n in range(5)]
    last, times = desk.process("z"), iter(range(1, 6))
    leave: Callable[..., Any] = desk.leave
    taken: list[str] = []

    async def noted(stream: str, ticket: str) -> None:
        taken.append(ticket)
        await leave(stream, ticket)

    desk.leave = noted  # type: ignore[method-assign]
    began, step = desk.now, next(times)

    async def sleep(seconds: float) -> None:
        nonlocal step
        desk.now += seconds
        if step <= 5 and desk.now - began > step * 0.6 * STUCK:
            desk.queue.pop(0)
            step += 1

    last._sleep = sleep
    assert await last.take(None) is not None
    assert taken == []


async def test_nobody_waits_for_ever(desk: Desk) -> None:
    desk.queue = [f"dead{n}" for n in range(50)]
    turns, began = desk.process("a"), desk.now
    assert await turns.take(Page("events/e", 7)) is None, "goes on, with a page that is loaded anew"
    assert PATIENCE <= desk.now - began < 1.2 * PATIENCE


async def test_without_the_database_one_goes_on_without_a_turn(desk: Desk) -> None:
    desk.away = True
    turns = desk.process("a")
    assert await turns.take(Page("events/e", 7)) is None
    assert turns.ticket is None
    await turns.close()


async def test_who_waits_looks_seldom(desk: Desk) -> None:
    """Looks cost the machine that the holder works on."""
    holder, other = desk.process("a"), desk.process("b")
    await holder.take(None)
    ends = desk.now + 0.1

    async def sleep(seconds: float) -> None:
        await desk.sleep(seconds)
        if desk.now >= ends:
            holder.hand_over()

    other._sleep = sleep
    assert await other.take(None) is not None
    assert desk.looks < 100, "less than one in a millisecond"
