"""What time asks of registration: due holds, offers and reminders, the question who still comes, forgetting.

Everything due stands in the stored data, so a stopped process loses nothing: the next one finds it. Two processes that look
at once ask the desk twice, and the second finds nothing due.
"""

from __future__ import annotations

import structlog

from services.registration.commands import Tick
from services.registration.desk import Desks, Overloaded
from services.registration.schema import event_of
from services.registration.store import Store
from shared.clock import Clock, Ids
from shared.storage.mongo import PyMongoError

AT_ONCE = 250
"""How many registrations one look takes of each sort; more are found by the next."""

_log = structlog.get_logger()


class Timekeeper:
    """Looks for what is due, and has the desks do it."""

    def __init__(self, desks: Desks, store: Store, clock: Clock, ids: Ids) -> None:
        self._desks, self._store, self._clock, self._ids = desks, store, clock, ids

    async def due(self) -> int:
        """Does what is due now: returns how many registrations and codes were looked at."""
        found = await self._store.due(self._clock(), AT_ONCE)
        for event_id, (registrations, codes) in found.items():
            await self._tick(event_id, registrations, codes)
        return sum(len(registrations) + len(codes) for registrations, codes in found.values())

    async def look(self) -> None:
        """Looks at each event: whose rules changed, who is to be asked, who is to be forgotten."""
        for stream in await self._store.ledgers.streams():
            event_id = event_of(stream)
            if event_id is not None:
                seats = await self._store.seats(event_id)
                registrations = await self._store.to_look_at(event_id, seats, self._clock(), AT_ONCE)
                if registrations:
                    await self._tick(event_id, registrations, [])

    async def _tick(self, event_id: str, registrations: list[str], codes: list[str]) -> None:
        tick = Tick(id=self._ids(), registrations=tuple(registrations), codes=tuple(codes))
        try:
            await self._desks.ask(event_id, tick)
        except (Overloaded, PyMongoError) as error:  # one event must not keep the others; the next look finds it again
            _log.warning("time_waits", event_id=event_id, error=type(error).__name__)
