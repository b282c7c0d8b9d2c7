"""What feeds read: versions at every poll, many polls in one read; agendas only when their version is another."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from sys import intern

from services.calendar_sync.domain import Seats
from services.calendar_sync.feeds.batch import Batch
from services.calendar_sync.feeds.programme import Programme
from services.calendar_sync.store import AGENDAS, EVENTS, REGISTRATIONS, SESSIONS, Agenda, Told, seats_from
from shared.contracts.scheduling import EventState, SessionState
from shared.storage.mongo import Database, Document

SESSIONS_KEPT = 50_000
"""How many sessions' worth of agendas stay in memory."""

_OF_AN_AGENDA = {"version": 1, "changed_at": 1}
_OF_A_HOLDER = {"_id": 0, "token_hash": 1, "event_id": 1, "version": 1, "changed_at": 1, "feed_off": 1}
_OF_A_PERSON = dict.fromkeys(
    ("token_hash", "event_id", "state", "choices", "language", "changed_at", "show_waiting"), 1
)

Mark = tuple[int, datetime | None]
"""Which agenda it is: the number of facts told of it, and the moment of the last; a number may come again after a backup was
put back."""

Version = tuple[tuple[str, Mark], ...]
"""What a feed's agendas were when it was made: the mark of each event's."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose feed it is, as little as a poll has to know: `version` and `changed_at` are others with all that was told or
    wished of the person; the moment as well, because a version may come again after a backup was put back.

    `ended`: the address was replaced by a new one, or the person ended the feed.
    """

    event_id: str
    version: int = 0
    changed_at: datetime | None = None
    ended: bool = False


_ENDED = Holder("", ended=True)


class Reading:
    """Reads of the feeds, gathered."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._programmes: OrderedDict[str, tuple[Mark, Programme]] = OrderedDict()
        self._held = 0
        self.marks: Batch[str, Mark] = Batch(self._marks)
        """The mark of an agenda by event; nothing where nothing was ever told of it."""
        self.series: Batch[str, Version] = Batch(self._series)
        """The marks of all agendas of a series, by event."""
        self.holders: Batch[str, Holder] = Batch(self._holders)
        """Whose feed it is, by the hash of its token."""
        self.persons: Batch[str, Seats] = Batch(self._persons)
        """What the person has and wishes, by the hash of the feed's token."""
        self._loads: Batch[str, Programme] = Batch(self._load, most=5, timeout=30)

    async def programme(self, event_id: str, mark: Mark) -> Programme | None:
        """The event's agenda of this mark, or a later one; None while its own fact has not come."""
        kept = self._programmes.get(event_id)
        if kept is not None and kept[0] == mark:
            self._programmes.move_to_end(event_id)
            return kept[1]
        return await self._loads.ask(event_id)

    async def _marks(self, event_ids: Collection[str]) -> Mapping[str, Mark]:
        cursor = self._database[AGENDAS.name].find(_among(event_ids), _OF_AN_AGENDA, batch_size=len(event_ids) + 1)
        return {found["_id"]: _mark(found) for found in await cursor.to_list(None)}

    async def _series(self, series_ids: Collection[str]) -> Mapping[str, Version]:
        wanted = {"series": {"$in": list(series_ids)}}
        versions: dict[str, list[tuple[str, Mark]]] = defaultdict(list)
        for found in await self._database[AGENDAS.name].find(wanted, {**_OF_AN_AGENDA, "series": 1}).to_list(None):
            versions[found["series"]].append((found["_id"], _mark(found)))
        return {series_id: tuple(sorted(rounds)) for series_id, rounds in versions.items()}

    async def _holders(self, hashes: Collection[str]) -> Mapping[str, Holder]:
        registrations = self._database[REGISTRATIONS.name]
        cursor = registrations.find(_with_token(hashes), _OF_A_HOLDER, batch_size=len(hashes) + 1)
        found = {
            one["token_hash"]: Holder(
                one["event_id"], one.get("version", 0), one["changed_at"], one.get("feed_off", False)
            )
            for one in await cursor.to_list(None)
        }
        # An $or over both fields would be one read; this one is needed for wrong addresses only.
        if missing := [hashed for hashed in hashes if hashed not in found]:
            for person in await registrations.find({"ended": {"$in": missing}}, {"ended": 1}).to_list(None):
                found.update({hashed: _ENDED for hashed in missing if hashed in person["ended"]})
        return found

    async def _persons(self, hashes: Collection[str]) -> Mapping[str, Seats]:
        cursor = self._database[REGISTRATIONS.name].find(_with_token(hashes), _OF_A_PERSON, batch_size=len(hashes) + 1)
        return {one["token_hash"]: _slim(seats_from(one)) for one in await cursor.to_list(None)}

    async def _load(self, event_ids: Collection[str]) -> Mapping[str, Programme]:
        # The marks first: what is read after them is at least as new.
        marks = await self._marks(event_ids)
        events = {
            found["_id"]: found for found in await self._database[EVENTS.name].find(_among(event_ids)).to_list(None)
        }
        sessions: dict[str, list[Told]] = defaultdict(list)
        wanted = {"event_id": {"$in": [event_id for event_id in event_ids if event_id in events]}}
        async for found in self._database[SESSIONS.name].find(wanted):
            sessions[found["event_id"]].append(
                Told(SessionState.model_validate(found["state"]), found["accepted_at"], found["correlation_id"])
            )
        loaded = {}
        for event_id, event in events.items():
            mark = marks.get(event_id, (0, None))
            loaded[event_id] = _programme(mark[0], event, tuple(sessions[event_id]))
            self._keep(mark, loaded[event_id])
        return loaded

    def _keep(self, mark: Mark, programme: Programme) -> None:
        before = self._programmes.pop(programme.event.id, None)
        self._held += len(programme.sessions) - (len(before[1].sessions) if before is not None else 0)
        self._programmes[programme.event.id] = (mark, programme)
        while self._held > SESSIONS_KEPT and len(self._programmes) > 1:
            _, (_, oldest) = self._programmes.popitem(last=False)
            self._held -= len(oldest.sessions)


def _mark(agenda: Document) -> Mark:
    return agenda["version"], agenda.get("changed_at")


def _programme(version: int, event: Document, sessions: tuple[Told, ...]) -> Programme:
    state = EventState.model_validate(event["state"])
    return Programme(Agenda(version, state, event["accepted_at"], event["correlation_id"], sessions), state)


def _slim(seats: Seats) -> Seats:
    """The same; names that thousands share are in memory once."""
    return replace(seats, event_id=intern(seats.event_id), choices={intern(k): v for k, v in seats.choices.items()})


def _with_token(hashes: Collection[str]) -> Document:
    return {"token_hash": {"$in": list(hashes)}}


def _among(ids: Collection[str]) -> Document:
    return {"_id": {"$in": list(ids)}}
