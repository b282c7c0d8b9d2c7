"""Waiting for a condition instead of for a time: the only way a test may wait."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable

POLL = 0.01
"""Seconds between two looks at the condition."""


async def until(condition: Callable[[], bool | Awaitable[bool]], timeout: float = 10, what: str = "") -> None:
    """Returns as soon as `condition` holds. Fails with AssertionError naming `what` after `timeout` seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while True:
        answer = condition()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return
        if loop.time() >= deadline:
            raise AssertionError(f"waited {timeout:g} s in vain for {what or 'the condition'}")
        await asyncio.sleep(POLL)
