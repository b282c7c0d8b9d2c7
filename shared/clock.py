"""Time and ids as arguments, so that tests decide what the time is."""

from __future__ import annotations

import os
import secrets
import zoneinfo
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
    """A new random id: 120 bits, readable letters and digits."""
    return secrets.token_hex(15)


def use_own_zone_rules() -> None:
    """Reads the rules of time zones from the locked package tzdata and not from the machine, so that all processes agree
    and an upgrade of the package brings new rules. Where PYTHONTZPATH is set, the operator has chosen."""
    if "PYTHONTZPATH" not in os.environ:
        zoneinfo.reset_tzpath(to=())
        zoneinfo.ZoneInfo.clear_cache()
