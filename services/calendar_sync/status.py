"""How every calendar stands: what is written, what waits, since when, and the last error in plain words."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from services.calendar_sync.metrics import WAITING, WAITING_SECONDS
from services.calendar_sync.reconciler import Difference, Known, differences
from services.calendar_sync.rendering import Rendering
from services.calendar_sync.store import Agenda, Calendar, Store
from shared.clock import Clock


@dataclass(frozen=True)
class CalendarStatus:
    """One calendar, compared with what it should be."""

    calendar: Calendar
    agenda: Agenda
    known: dict[str, Known]
    waiting: list[Difference]

    @property
    def written(self) -> int:
        """Objects that are as they should be."""
        changing = {difference.session_id for difference in self.waiting}
        return sum(have.there and session_id not in changing for session_id, have in self.known.items())

    @property
    def waiting_since(self) -> datetime | None:
        """Since when the longest waiting object waits (UTC)."""
        return min((difference.since for difference in self.waiting), default=None)

    @property
    def last_error(self) -> tuple[str, datetime | None] | None:
        """The newest error of the calendar or one of its waiting objects."""
        if not self.waiting and self.calendar.error is None:
            return None
        told = [(self.calendar.error, self.calendar.error_at)]
        told.extend((d.known.error, d.known.error_at) for d in self.waiting if d.known is not None)
        known = [(words, at) for words, at in told if words is not None]
        return max(known, key=lambda item: item[1].timestamp() if item[1] else 0.0, default=None)


async def status_of(store: Store, rendering: Rendering, calendar: Calendar, now: datetime) -> CalendarStatus:
    """One calendar's status, worked out from the state and not from counters that could be wrong."""
    agenda, known = await store.agenda(calendar.event_id), await store.objects(calendar.event_id)
    if agenda.event is None:
        return CalendarStatus(calendar, agenda, known, [])
    unwanted = rendering.unwanted_since(agenda, agenda.event)
    waiting = differences(rendering.desired(agenda, agenda.event, now), known, unwanted, now)
    return CalendarStatus(calendar, agenda, known, waiting)


async def overview(store: Store, rendering: Rendering, now: datetime) -> list[CalendarStatus]:
    """All calendars whose event is known."""
    found = [await status_of(store, rendering, calendar, now) for calendar in await store.calendars()]
    return [status for status in found if status.agenda.event is not None]


async def watch(store: Store, rendering: Rendering, clock: Clock, every: float = 15.0) -> None:
    """Keeps the metrics of what waits up to date, until cancelled; `every` in seconds."""
    while True:
        now = clock()
        statuses = await overview(store, rendering, now)
        since = [status.waiting_since for status in statuses if status.waiting_since is not None]
        WAITING.set(sum(len(status.waiting) for status in statuses))
        WAITING_SECONDS.set(max(0.0, (now - min(since)).total_seconds()) if since else 0.0)
        await asyncio.sleep(every)
