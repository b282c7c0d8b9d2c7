"""Which of two equal times on the wall an instant is, on the day when clocks are put back. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def which_hour(local: datetime, instant: datetime | None, zone: str) -> str | None:
    """`first` or `second` where a clock in `zone` shows `local` (no offset) twice; None where it shows it once, where no
    instant is known, or where `instant` is neither of the two."""
    if instant is None:
        return None
    place = ZoneInfo(zone)
    first, second = (local.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first >= second:  # once, or not at all: clocks go forward over it
        return None
    return {first: "first", second: "second"}.get(instant.astimezone(UTC))
