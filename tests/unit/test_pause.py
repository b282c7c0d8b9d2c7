"""A cancellation that comes together with the signal ends the task all the same."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

import pytest

from shared.pause import signalled

Wait = Callable[[asyncio.Event], Awaitable[object]]


async def cancelled_at(step: int, wait: Wait) -> bool:
    """Whether a task that waits ends when it is cancelled `step` turns of the loop after the signal."""
    signal, went_on = asyncio.Event(), False

    async def work() -> None:
        nonlocal went_on
        await wait(signal)
        went_on = True
        await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    signal.set()
    for _ in range(step):
        await asyncio.sleep(0)
    if went_on:
        task.cancel()
        return True  # it had its signal before: no race
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=0.05)
    task.cancel()
    return bool(done)


@pytest.mark.parametrize("step", range(4))
async def test_a_cancellation_together_with_the_signal_is_not_lost(step: int) -> None:
    assert await cancelled_at(step, lambda signal: signalled(signal, 30))


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="mended in Python 3.12")
async def test_control_wait_for_loses_it() -> None:
    ended = [await cancelled_at(step, lambda signal: asyncio.wait_for(signal.wait(), 30)) for step in range(4)]
    assert not all(ended)


async def test_it_says_whether_the_signal_came() -> None:
    signal = asyncio.Event()
    assert not await signalled(signal, 0.01)
    signal.set()
    assert await signalled(signal, 0.01)
