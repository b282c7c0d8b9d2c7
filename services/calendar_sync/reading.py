"""Agendas as the workers read them: once per version, however many calendars of the event are looked at."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from services.calendar_sync.store import Agenda, Store

_KEPT = 200


class Agendas:
    """Keeps agendas in memory; each look costs one read of a version, and a new version is read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[str, Agenda] = OrderedDict()
        self._reads: dict[str, asyncio.Lock] = {}

    async def get(self, event_id: str) -> Agenda:
        """The event's agenda as it stands."""
        version = await self._store.version(event_id)
        async with self._reads.setdefault(event_id, asyncio.Lock()):
            kept = self._kept.get(event_id)
            if kept is None or kept.version < version:
                kept = await self._store.agenda(event_id)
                self._kept[event_id] = kept
                if len(self._kept) > _KEPT:
                    old, _ = self._kept.popitem(last=False)
                    self._reads.pop(old, None)
            self._kept.move_to_end(event_id)
            return kept
