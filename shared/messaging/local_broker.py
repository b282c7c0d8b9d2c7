"""The broker inside the process: routes to queues, hands out up to the prefetch, puts off, parks. Its memory is `Store`."""

from __future__ import annotations

import asyncio
import heapq
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from shared.clock import Clock
from shared.messaging.local_store import Parked, Store, Stored
from shared.messaging.mischief import Mischief
from shared.messaging.patterns import matches
from shared.messaging.port import Binding, Outgoing, Subscription

BUFFER = 512
"""Messages of a queue that are kept in memory; the others stay in the file until it is their turn."""

_log = structlog.get_logger()


@dataclass(eq=False)
class Seat:
    """One consumer at a queue: takes messages while it has a free hand."""

    subscription: Subscription
    deal_with: Callable[[Stored], Awaitable[None]]
    running: set[asyncio.Task[None]] = field(default_factory=set)
    leaving: bool = False

    @property
    def free(self) -> bool:
        """Whether it takes another message now."""
        return not self.leaving and len(self.running) < self.subscription.prefetch


@dataclass(eq=False)
class Line:
    """A queue: what is bound to it, who consumes it, and the messages at its head."""

    name: str
    bindings: set[Binding] = field(default_factory=set)
    seats: deque[Seat] = field(default_factory=deque)
    waiting: deque[Stored] = field(default_factory=deque)
    read_up_to: int = 0
    all_read: bool = False
    """Nothing of this queue is in the file that is not in memory."""
    missed: bool = False
    """Something arrived while the file was being read; whether the answer holds it is not known."""
    reading: asyncio.Task[None] | None = None


class LocalBroker:
    """Shared by every LocalTransport of a process that names the same file."""

    def __init__(self, path: Path, clock: Clock, mischief: Mischief | None) -> None:
        self.store = Store(path)
        self._clock = clock
        self._mischief = mischief
        self._lines: dict[str, Line] = {}
        self._put_off: list[tuple[float, int, str]] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._fetching: set[asyncio.Task[None]] = set()
        self._routes: dict[tuple[str, str], list[Line]] = {}

    async def open(self) -> None:
        """Opens the file; what it holds is handed out again, also what somebody had in hand when the process ended."""
        await self.store.open()
        for queue, exchange, pattern in await self.store.bindings():
            self._lines.setdefault(queue, Line(queue)).bindings.add(Binding(exchange, pattern))
        self._put_off = await self.store.put_off_until()
        heapq.heapify(self._put_off)
        self._set_alarm()

    async def close(self) -> None:
        """Lets go of the file. Nobody consumes any more."""
        if self._alarm is not None:
            self._alarm.cancel()
        reading = [line.reading for line in self._lines.values() if line.reading is not None]
        for task in (*reading, *self._fetching):
            task.cancel()
        await asyncio.gather(*reading, *self._fetching, return_exceptions=True)
        await self.store.close()

    async def declare(self, queue: str, bindings: Iterable[Binding]) -> None:
        """Adds a queue, or bindings to it."""
        line = self._lines.setdefault(queue, Line(queue))
        line.bindings.update(bindings)
        self._routes.clear()
        await self.store.bind([(queue, binding.exchange, binding.pattern) for binding in bindings])

    async def publish(self, messages: Sequence[Outgoing]) -> list[int]:
        """Stores the messages in every queue that takes them; returns the indices of those that no queue takes."""
        unroutable: list[int] = []
        stored: list[Stored] = []
        now = self._clock().timestamp()
        for index, message in enumerate(messages):
            key = message.event.type
            lines = self._route(message.exchange, key)
            if not lines:
                unroutable.append(index)
                continue
            body = message.event.encode()
            for line in lines:
                for _ in range(self._mischief.copies() if self._mischief else 1):
                    pause = self._mischief.wait() if self._mischief else 0.0
                    stored.append(Stored(0, line.name, message.exchange, key, body, due=now + pause if pause else None))
        if stored:
            # Ids are taken here, without a pause before the store's turn: so a queue is read in the order of its ids.
            stored = [replace(s, id=n) for s, n in zip(stored, self.store.take_ids(len(stored)), strict=True)]
            added = self.store.add(stored)
            # A callback, so that a publisher who gives up waiting does not leave messages behind that nobody hands out.
            added.add_done_callback(lambda done: None if done.exception() else self._arrived(stored))
            await asyncio.shield(added)
        return unroutable

    def sit(self, seat: Seat) -> None:
        """A consumer begins."""
        line = self._lines[seat.subscription.queue]
        line.seats.append(seat)
        self._serve(line)

    def rise(self, seat: Seat) -> None:
        """A consumer takes no more; what it has in hand it still settles."""
        seat.leaving = True
        line = self._lines[seat.subscription.queue]
        if seat in line.seats:
            line.seats.remove(seat)

    def done(self, message: Stored) -> None:
        """The message was handled."""
        self.store.remove(message.id)

    def give_back(self, message: Stored) -> None:
        """The message was not dealt with; it is the next one."""
        line = self._lines[message.queue]
        line.waiting.appendleft(message)
        self._serve(line)

    async def again(self, message: Stored, delay: float) -> None:
        """The message failed and comes again after `delay` seconds."""
        due = self._clock().timestamp() + delay
        await self.store.put_off(message.id, message.attempt + 1, due)
        self._wait_for(due, message)

    async def park(self, message: Stored, letter: Parked) -> None:
        """The message goes to the dead letters."""
        await self.store.park(message.id, letter)

    def _route(self, exchange: str, key: str) -> list[Line]:
        lines = self._routes.get((exchange, key))
        if lines is None:
            lines = [
                line
                for line in self._lines.values()
                if any(binding.exchange == exchange and matches(binding.pattern, key) for binding in line.bindings)
            ]
            if len(self._routes) > 10_000:
                self._routes.clear()
            self._routes[exchange, key] = lines
        return lines

    def _arrived(self, stored: Iterable[Stored]) -> None:
        touched: dict[str, Line] = {}
        for message in stored:
            line = touched[message.queue] = self._lines[message.queue]
            if message.due is not None:
                self._wait_for(message.due, message)
            elif line.reading is not None:
                line.missed = True
            elif line.all_read and message.id > line.read_up_to and len(line.waiting) < BUFFER:
                line.waiting.append(message)
                line.read_up_to = message.id
            else:
                line.all_read = False
        for line in touched.values():
            self._serve(line)

    def _serve(self, line: Line) -> None:
        """Hands out while somebody has a free hand; consumers of the same queue take turns."""
        while line.waiting:
            for _ in range(len(line.seats)):
                line.seats.rotate(-1)
                if line.seats[-1].free:
                    break
            else:
                return
            position = self._mischief.pick(len(line.waiting)) if self._mischief else 0
            message = line.waiting[position]
            del line.waiting[position]
            self._hand(line, line.seats[-1], message)
        if line.seats and not line.all_read and line.reading is None:
            line.reading = asyncio.create_task(self._read(line), name=f"local-read:{line.name}")

    def _hand(self, line: Line, seat: Seat, message: Stored) -> None:
        async def deal() -> None:
            await seat.deal_with(message)

        task = asyncio.create_task(deal(), name=f"handle:{line.name}")
        seat.running.add(task)

        def over(finished: asyncio.Task[None]) -> None:
            seat.running.discard(finished)
            if not finished.cancelled() and finished.exception() is not None:
                # Only the store can fail here: the message stays in the file and comes again after the next start.
                _log.error("message_not_settled", queue=line.name, error=type(finished.exception()).__name__)
            self._serve(line)

        task.add_done_callback(over)

    async def _read(self, line: Line) -> None:
        """Reads on where memory ends and the file goes on."""
        try:
            line.missed = False
            messages = await self.store.ready(line.name, line.read_up_to, BUFFER)
            line.all_read = len(messages) < BUFFER and not line.missed
            if messages:
                line.waiting.extend(messages)
                line.read_up_to = messages[-1].id
        except (sqlite3.Error, ConnectionError) as error:
            _log.error("local_queue_unreadable", queue=line.name, error=type(error).__name__)
            return
        finally:
            line.reading = None
        self._serve(line)

    def _wait_for(self, due: float, message: Stored) -> None:
        heapq.heappush(self._put_off, (due, message.id, message.queue))
        self._set_alarm()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._put_off:
            pause = max(0.0, self._put_off[0][0] - self._clock().timestamp())
            self._alarm = asyncio.get_running_loop().call_later(pause, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        now = self._clock().timestamp()
        due: list[int] = []
        while self._put_off and self._put_off[0][0] <= now:
            due.append(heapq.heappop(self._put_off)[1])
        if due:
            task = asyncio.create_task(self._fetch(due), name="local-fetch")
            self._fetching.add(task)
            task.add_done_callback(self._fetching.discard)
        self._set_alarm()

    async def _fetch(self, identities: Sequence[int]) -> None:
        for message in await self.store.fetch(identities):
            line = self._lines[message.queue]
            line.waiting.append(message)
            self._serve(line)
