"""How every calendar stands: what is written, what waits, since when, and the last error in plain words.

Worked out from what is stored, desired against known, and never from counters that could be wrong.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.calendar_sync.accounts_store import CALENDARS, OBJECTS, Calendar
from services.calendar_sync.domain import ScopeKind, Seats
from services.calendar_sync.reconciler import Difference, Kind, Known, differences
from services.calendar_sync.store import REGISTRATIONS, Agenda, seats_from
from services.calendar_sync.tools import Tools
from services.calendar_sync.trouble import Said, newest, said_of

SHARED = {"scope.kind": {"$ne": str(ScopeKind.PERSON)}}
"""The organisation's calendars."""

Page = tuple[list["CalendarStatus"], str | None]


@dataclass(frozen=True)
class CalendarStatus:
    """One calendar, compared with what it should be. `title` is None while nothing is known of its event."""

    calendar: Calendar
    title: str | None
    known: Mapping[str, Known]
    waiting: Sequence[Difference]
    marks: Mapping[str, str | None] = field(default_factory=dict)
    """By session: the address that ends our description, behind which a person may have written something."""

    @property
    def written(self) -> int:
        """Objects that are as they should be."""
        changing = {difference.session_id for difference in self.waiting}
        return sum(have.there and session_id not in changing for session_id, have in self.known.items())

    @property
    def absent(self) -> int:
        """Objects that the person removed or declined, while it is not settled what that means."""
        return sum(have.absent_since is not None for have in self.known.values())

    @property
    def waiting_since(self) -> datetime | None:
        """Since when the longest waiting object waits (UTC)."""
        return min((difference.since for difference in self.waiting), default=None)

    @property
    def last_error(self) -> Said | None:
        """The newest error of the calendar or of one of its waiting objects."""
        return newest([said_of(self.calendar), *(said_of(d.known) for d in self.waiting if d.known is not None)])


class Statuses:
    """Works statuses out, many calendars at a time: each agenda is read once, objects and seats by one query each."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._database = tools.accounts.database

    async def page(self, wanted: Mapping[str, Any], cursor: str | None, limit: int, now: datetime) -> Page:
        """Calendars with these fields in the order of their ids, after `cursor`; and the next cursor."""
        after = {"_id": {"$gt": cursor}} if cursor is not None else {}
        found = self._database[CALENDARS.name].find({"$and": [dict(wanted), after]}, {"_id": 1})
        ids = [one["_id"] async for one in found.sort("_id", 1).limit(limit + 1)]
        statuses = await self.of(await self._tools.accounts.calendars(_id={"$in": ids[:limit]}), now)
        return statuses, ids[limit - 1] if len(ids) > limit else None

    async def one(self, id_: str, now: datetime) -> CalendarStatus | None:
        """One calendar; None where there is none with this id."""
        calendar = await self._tools.accounts.calendar(id_)
        return (await self.of([calendar], now))[0] if calendar is not None else None

    async def of(self, calendars: Sequence[Calendar], now: datetime) -> list[CalendarStatus]:
        """The statuses of these calendars, in their order."""
        events = {calendar.scope.event_id for calendar in calendars}
        agendas = {event_id: await self._tools.agendas.get(event_id) for event_id in sorted(events)}
        known = await self._known([calendar.id for calendar in calendars])
        seats = await self._seats([c.scope.name for c in calendars if not c.scope.shared])
        found = []
        for calendar in calendars:
            agenda = agendas[calendar.scope.event_id]
            found.append(self._one(calendar, agenda, known[calendar.id], seats.get(calendar.scope.name), now))
            await asyncio.sleep(0)  # requests go on meanwhile
        return found

    def _one(
        self, calendar: Calendar, agenda: Agenda, known: dict[str, Known], seats: Seats | None, now: datetime
    ) -> CalendarStatus:
        objects, event, scope = self._tools.objects, agenda.event, calendar.scope
        if calendar.leaving:
            since = calendar.changed_at or now
            going = [Difference(Kind.REMOVE, k.session_id, since, None, k) for k in known.values() if k.stands]
            return CalendarStatus(calendar, calendar.title, known, going)
        if event is None:
            return CalendarStatus(calendar, calendar.title, known, [])
        language = seats.language if seats is not None else (calendar.language or event.languages[0])
        desired = objects.desired(agenda, event, scope, now, language=language, seats=seats)
        waiting = differences(desired, known, objects.unwanted_since(agenda, event, seats), now)
        title = objects.title(agenda, event, scope, language)
        return CalendarStatus(calendar, title, known, waiting, {want.session_id: want.mark for want in desired})

    async def _known(self, calendars: list[str]) -> dict[str, dict[str, Known]]:
        known: dict[str, dict[str, Known]] = defaultdict(dict)
        async for found in self._database[OBJECTS.name].find({"calendar": {"$in": calendars}}):
            fields = {name: found[name] for name in Known.__dataclass_fields__ if name in found}
            known[found["calendar"]][found["session_id"]] = Known(**fields)
        return known

    async def _seats(self, registrations: list[str]) -> dict[str, Seats]:
        if not registrations:
            return {}
        found = self._database[REGISTRATIONS.name].find({"_id": {"$in": registrations}})
        return {one["_id"]: seats_from(one) async for one in found}
