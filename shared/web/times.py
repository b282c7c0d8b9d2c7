"""Times in words: a session's local time with the zone's name and the offset from UTC, right on that very day."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shared.contracts.local_time import offset_name
from shared.contracts.scheduling import SessionState
from shared.web.i18n import clock_time, day


def span(session: SessionState, language: str, *, to_be_announced: str) -> str:
    """The session's time without its date, for example "09:40–10:55 (Europe/Paris, UTC+1)".

    A session that ends on another day names that day; one that has a date only reads `to_be_announced`.
    """
    if session.starts_local is None:
        return to_be_announced
    start, end = session.starts_local, session.ends_local
    first = offset(start, session.starts_at, session.zone)
    if end is None:
        return f"{clock_time(start, language)} ({session.zone}, {first})"
    last = offset(end, session.ends_at, session.zone)
    until = clock_time(end, language)
    if end.date() != start.date():
        until = f"{day(end.date(), language)}, {until}"
    offsets = first if first == last else f"{first} → {last}"
    dash = "–" if end.date() == start.date() else " – "
    return f"{clock_time(start, language)}{dash}{until} ({session.zone}, {offsets})"


def moment(instant: datetime, zone: str, language: str) -> str:
    """A point in time (UTC) on the clocks of `zone`: Friday, 15 November 2019, 10:30 (Europe/Paris, UTC+1)."""
    local = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    ahead = offset(local, instant, zone)
    named = zone if zone == ahead else f"{zone}, {ahead}"
    return f"{day(local.date(), language)}, {clock_time(local, language)} ({named})"


def offset(local: datetime, instant: datetime | None, zone: str) -> str:
    """The offset of a local time, for example "UTC+1" or "UTC-3:30"; from the published instant where there is one."""
    if instant is not None:
        ahead = local.replace(tzinfo=None) - instant.replace(tzinfo=None)
    else:
        ahead = local.replace(tzinfo=ZoneInfo(zone)).utcoffset() or timedelta(0)
    return offset_name(ahead)
