"""What time asks of registration: due holds, offers and reminders, the question who still comes, forgetting.

Everything due stands in the stored data, so a stopped process loses nothing: the next one finds it. Two processes that look
at once ask the desk twice, and the second finds nothing due.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from services.registration.commands import Tick
from services.registration.desk import Desks
from services.registration.quiet import Quiet
from services.registration.readings import moment_of
from services.registration.schema import event_of
from services.registration.seats import seats_from
from services.registration.store import Store
from shared.clock import Clock, Ids

AT_ONCE = 250
"""How many registrations one look takes of each sort; more are found by the next."""

_log = structlog.get_logger()


RESTS = timedelta(seconds=10)
"""How long an event whose desk could not answer is left alone, so that the others come first."""


class Timekeeper:
    """Looks for what is due, and has the desks do it."""

    def __init__(self, desks: Desks, store: Store, clock: Clock, ids: Ids) -> None:
        self._desks, self._store, self._clock, self._ids = desks, store, clock, ids
        self._resting: dict[str, datetime] = {}
        self._quiet = Quiet()

    async def due(self) -> int:
        """Does what is due now: returns how many registrations and codes were dealt with."""
        now = self._clock()
        self._resting = {event_id: until for event_id, until in self._resting.items() if until > now}
        found = await self._store.due(now, AT_ONCE, without=self._resting)
        done = 0
        for event_id, (registrations, codes) in found.items():
            if await self._tick(event_id, registrations, codes):
                done += len(registrations) + len(codes)
        return done

    async def look(self) -> None:
        """Looks at each event: whose rules changed, who is to be asked, who is to be forgotten."""
        for stream in await self._store.ledgers.streams():
            event_id = event_of(stream)
            while event_id is not None:
                page, now = await self._store.ledgers.load(stream), self._clock()
                seats = seats_from(event_id, page.state)
                if self._quiet.rests(page, moment_of(seats, now), now):
                    break
                registrations = await self._store.to_look_at(event_id, seats, now, AT_ONCE)
                if not registrations:
                    self._quiet.nothing_left(page, now)
                    break
                if not await self._tick(event_id, registrations, []):
                    break
                if len(registrations) < AT_ONCE:
                    break

    async def _tick(self, event_id: str, registrations: list[str], codes: list[str]) -> bool:
        """Whether the desk answered."""
        tick = Tick(id=self._ids(), registrations=tuple(registrations), codes=tuple(codes))
        try:
            await self._desks.ask(event_id, tick)
        except Exception as error:  # noqa: BLE001 - one event must not keep the others; a later look finds it again
            _log.warning("time_waits", event_id=event_id, error=type(error).__name__)
            self._resting[event_id] = self._clock() + RESTS
            return False
        return True
