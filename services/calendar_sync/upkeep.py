"""What operators ask of calendars: one more, one less, all of it compared anew, and differences put right now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog

from services.calendar_sync.accounts_store import CALENDARS, OBJECTS, AccountsStore, Calendar
from services.calendar_sync.domain import Scope
from services.calendar_sync.reading import Agendas
from services.calendar_sync.reconciler import Known
from services.calendar_sync.shared_calendars import MADE_BY_THEMSELVES, SharedCalendars, scopes

_log = structlog.get_logger()


class Refusal(StrEnum):
    """Why a calendar is not added or removed."""

    NO_SERVER = "no-calendar-server"
    UNKNOWN = "no-such-part"
    LEAVING = "calendar-leaves"
    BY_ITSELF = "calendar-by-itself"


class Refused(Exception):
    """It is not done; `names`: the tracks' keys or the rooms' ids that the event has."""

    def __init__(self, why: Refusal, names: Sequence[str] = ()) -> None:
        super().__init__(str(why))
        self.why, self.names = why, names


class Upkeep:
    """Adds, removes and repairs. `shared` None: no server is configured for the organisation."""

    def __init__(self, accounts: AccountsStore, agendas: Agendas, shared: SharedCalendars | None) -> None:
        self._accounts, self._agendas, self._shared = accounts, agendas, shared

    async def add(self, scope: Scope, now: datetime, language: str | None = None) -> bool:
        """Adds a shared calendar; False where it is there. Raises Refused."""
        if self._shared is None:
            raise Refused(Refusal.NO_SERVER)
        agenda = await self._agendas.get(scope.event_id)
        possible = scopes(scope.event_id, agenda, frozenset(MADE_BY_THEMSELVES)) if agenda.event is not None else []
        if scope not in possible:
            raise Refused(Refusal.UNKNOWN, [one.name for one in possible if one.kind is scope.kind and one.name])
        if await self._shared.add(scope, now, language):
            _log.info("calendar_added", calendar=scope.key)
            return True
        there = await self._accounts.calendar(scope.key)
        if there is not None and there.leaving:
            raise Refused(Refusal.LEAVING)
        return False

    async def remove(self, calendar: Calendar, now: datetime) -> None:
        """The worker removes what was written, then the calendar. Raises Refused where it would come back by itself."""
        kinds, scope = (self._shared.kinds if self._shared is not None else frozenset()), calendar.scope
        if scope in scopes(scope.event_id, await self._agendas.get(scope.event_id), kinds):
            raise Refused(Refusal.BY_ITSELF)
        await self._accounts.database[CALENDARS.name].update_one(
            {"_id": calendar.id, "leaving": False},
            {"$set": {"leaving": True, "due": now, "changed_at": now}, "$inc": {"marks": 1}},
        )
        _log.info("calendar_leaves", calendar=calendar.id)

    async def repair(self, wanted: Mapping[str, Any], now: datetime) -> int:
        """Calendars with these fields are listed anew, and what differs is tried now, whatever its pause. Returns how many."""
        database = self._accounts.database
        chosen = {**wanted, "leaving": False}
        waits: dict[str, Any] = {"next_attempt": {"$ne": None}}
        if wanted:
            waits["calendar"] = {"$in": [c["_id"] async for c in database[CALENDARS.name].find(chosen, {"_id": 1})]}
        await database[OBJECTS.name].update_many(waits, {"$unset": {"next_attempt": ""}})
        return await self._accounts.check_all(now, **chosen)

    async def look_again(self, known: Sequence[Known], now: datetime) -> None:
        """These objects are read before anything is decided about them; one that was written meanwhile is left as it is."""
        for have in known:
            await self._accounts.database[OBJECTS.name].update_one(
                {
                    "_id": f"{have.calendar}/{have.session_id}",
                    "there": True,
                    "etag": have.etag,
                    "written": have.written,
                },
                {"$set": {"look": True, "drifted_at": now}, "$unset": {"next_attempt": ""}},
            )
