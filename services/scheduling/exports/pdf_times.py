"""Times on the sheet: the clock beside a session, and where the zone and its offset from UTC must stand. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from services.scheduling.exports.pdf_reader import Reader
from services.scheduling.time_zones import offset_at
from shared.contracts.local_time import offset_name
from shared.contracts.scheduling import EventState, SessionState
from shared.web.i18n import clock_time
from shared.web.times import offset


class Zones:
    """The zones and offsets of an event's sessions: said once where they are the same, else by day, else by session."""

    def __init__(self, event: EventState, sessions: Sequence[SessionState]) -> None:
        self._days: dict[date, list[str]] = {}
        self._offsets: dict[str, list[str]] = {}
        for session in sessions:
            if session.starts_local is None:
                continue
            _once(self._days.setdefault(session.date, []), _zone(session))
            for name in _offsets(session):
                _once(self._offsets.setdefault(session.zone, []), name)
        if not self._offsets:
            noons = [datetime.combine(on, time(12), ZoneInfo(event.zone)) for on in (event.starts_on, event.ends_on)]
            self._offsets[event.zone] = list(dict.fromkeys(offset_name(offset_at(noon, event.zone)) for noon in noons))

    def all(self) -> str:
        """Every zone with its offsets: Europe/Paris (UTC+1 / UTC+2)."""
        return "; ".join(f"{zone} ({' / '.join(offsets)})" for zone, offsets in self._offsets.items())

    def of_day(self, day: date) -> str:
        """The zone and offset of a day, for its heading; empty where it goes without saying or is not the same all day."""
        said = self._days.get(day, [])
        return said[0] if len(said) == 1 and len({name for names in self._days.values() for name in names}) > 1 else ""

    def of_session(self, session: SessionState) -> str:
        """The zone and offset of a session, where those of its day are not all the same."""
        return _zone(session) if session.starts_local is not None and len(self._days[session.date]) > 1 else ""


def clock(session: SessionState, language: str) -> str:
    """09:40–10:55; 09:40 where no end is known; empty where no time is."""
    if session.starts_local is None:
        return ""
    start = clock_time(session.starts_local, language)
    return f"{start}–{clock_time(session.ends_local, language)}" if session.ends_local is not None else start


def until(session: SessionState, reader: Reader) -> str:
    """The day on which a session ends, where it is another than that on which it starts."""
    if session.starts_local is None or session.ends_local is None:
        return ""
    last = session.ends_local.date()
    return reader.words("until %(day)s") % {"day": reader.day(last)} if last != session.starts_local.date() else ""


def days(event: EventState, reader: Reader) -> str:
    """The event's day, or its first and last."""
    first, last = reader.day(event.starts_on), reader.day(event.ends_on)
    return first if event.starts_on == event.ends_on else f"{first} – {last}"


def _zone(session: SessionState) -> str:
    """Europe/Paris, UTC+2; with both offsets where the clocks change during the session."""
    return f"{session.zone}, {' → '.join(_offsets(session))}"


def _offsets(session: SessionState) -> list[str]:
    starts, ends = session.starts_local, session.ends_local
    names = [offset(starts, session.starts_at, session.zone)] if starts is not None else []
    if ends is not None:
        _once(names, offset(ends, session.ends_at, session.zone))
    return names


def _once(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)
