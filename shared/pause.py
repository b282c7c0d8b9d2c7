"""Waiting for a signal, or for some time, whichever is first."""

from __future__ import annotations

import asyncio


async def signalled(signal: asyncio.Event, seconds: float | None) -> bool:
    """Whether `signal` was set within `seconds` (None: waits for it).

    Not asyncio.wait_for: before Python 3.12 it swallows a cancellation that comes in the same moment as the signal, and
    the task that was to end goes on for ever.
    """
    try:
        async with asyncio.timeout(seconds):
            await signal.wait()
    except TimeoutError:
        return False
    return True
