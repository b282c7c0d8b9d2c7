"""Many small reads as few: what is asked for while one read is under way is answered by the next, in one go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Batch(Generic[K, V]):
    """Reads by key. Each read begins after all requests that it answers, so none is told what was true before it came.

    `read` gives what it found by key; it is called with no more than `most` keys, each once. One read is under way at a
    time; one that takes longer than `timeout` seconds fails with TimeoutError.
    """

    def __init__(
        self, read: Callable[[Collection[K]], Awaitable[Mapping[K, V]]], *, most: int = 1000, timeout: float = 5.0
    ) -> None:
        self._read, self._most, self._timeout = read, most, timeout
        self._asked: dict[K, list[asyncio.Future[V | None]]] = {}
        self._reading: asyncio.Task[None] | None = None

    def ask(self, key: K) -> asyncio.Future[V | None]:
        """What there is under `key`; None where there is nothing. Raises what the read raised.

        The read goes on whoever gives up waiting; to ask is enough, so that several can be asked before the first is
        awaited.
        """
        waiter: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(key, []).append(waiter)
        if self._reading is None:
            # A new task begins in the loop's next turn: all requests that came in this one are in its first read.
            self._reading = asyncio.create_task(self._read_all())
        return waiter

    async def _read_all(self) -> None:
        try:
            while self._asked:
                keys = list(self._asked)[: self._most]
                await self._answer({key: self._asked.pop(key) for key in keys})
        finally:
            self._reading = None
            for waiter in _waiting(self._asked):  # there are some only when the process ends
                waiter.cancel()
            self._asked.clear()

    async def _answer(self, asked: Mapping[K, Sequence[asyncio.Future[V | None]]]) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                found = await self._read(asked.keys())
        except asyncio.CancelledError:
            for waiter in _waiting(asked):
                waiter.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - it is the answer of those who asked, and of nobody else
            for waiter in _waiting(asked):
                waiter.set_exception(error)
                waiter.exception()  # whoever left meanwhile leaves no complaint behind
        else:
            for key, waiters in asked.items():
                value = found.get(key)
                for waiter in waiters:
                    if not waiter.done():
                        waiter.set_result(value)


def _waiting(asked: Mapping[K, Sequence[asyncio.Future[V | None]]]) -> list[asyncio.Future[V | None]]:
    return [waiter for waiters in asked.values() for waiter in waiters if not waiter.done()]
