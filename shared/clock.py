"""Time and ids as arguments, so that tests decide what the time is."""

from __future__ import annotations

import os
import secrets
import zoneinfo
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present instant, in UTC."""

Monotonic = Callable[[], float]
"""Returns seconds since some moment, whatever becomes of the machine's clock (time.monotonic)."""

Ids = Callable[[], str]
"""Returns a new id that nobody can guess."""


def utc_now() -> datetime:
    """The present instant in UTC, to the millisecond: MongoDB keeps no more."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def ordered_id(now: datetime, random: str) -> str:
    """An id of 30 signs that sorts by time and ends in 76 random bits: new documents lie beside each other in indexes."""
    return f"{int(now.timestamp() * 1000):011x}{random[:19]}"


def new_id() -> str:
    """A new random id: 120 bits of the system's generator, readable letters and digits."""
    while True:
        try:
            return _ready.popleft()
        except IndexError:
            _make_ready()


_ready: deque[str] = deque()
"""Ids that nobody has yet. They are fetched many at a time: each fetch is a call of the system, and lets another thread in."""


def _make_ready(count: int = 256) -> None:
    digits = secrets.token_hex(15 * count)
    _ready.extend(digits[at : at + 30] for at in range(0, len(digits), 30))


os.register_at_fork(after_in_child=_ready.clear)  # parent and child would give out the same


def use_own_zone_rules() -> None:
    """Reads the rules of time zones from the locked package tzdata and not from the machine, so that all processes agree
    and an upgrade of the package brings new rules. Where PYTHONTZPATH is set, the operator has chosen."""
    if "PYTHONTZPATH" not in os.environ:
        zoneinfo.reset_tzpath(to=())
        zoneinfo.ZoneInfo.clear_cache()
