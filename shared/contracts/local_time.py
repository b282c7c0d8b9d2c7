"""How people write an offset from UTC. Pure."""

from __future__ import annotations

from datetime import timedelta


def offset_name(offset: timedelta) -> str:
    """An offset as people write it: UTC, UTC+1, UTC-3:30."""
    minutes = round(offset.total_seconds() / 60)
    if minutes == 0:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02d}" if rest else "")
