"""Collections of calendar-sync: agendas and seats as told by facts, and what is known of the calendar server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from services.calendar_sync.domain import Seats
from services.calendar_sync.reconciler import Known
from shared.contracts.base import json_of
from shared.contracts.registration import SeatState
from shared.contracts.scheduling import EventState, SessionState
from shared.storage.mongo import Collection, Database, Index, Session

EVENTS = Collection("events")
SESSIONS = Collection("sessions", (Index((("event_id", 1),)),))
REGISTRATIONS = Collection(
    "registrations",
    (Index((("token_hash", 1),), unique=True), Index((("event_id", 1),))),
)
CALENDARS = Collection("calendars", (Index((("due", 1), ("changed_at", 1))),))
OBJECTS = Collection("objects", (Index((("event_id", 1),)),))
SERVERS = Collection("servers")

COLLECTIONS = (EVENTS, SESSIONS, REGISTRATIONS, CALENDARS, OBJECTS, SERVERS)


@dataclass(frozen=True)
class Told:
    """A session as told, when that reached us (UTC), and the correlation id of what changed it."""

    state: SessionState
    accepted_at: datetime
    correlation_id: str | None


@dataclass(frozen=True)
class Agenda:
    """All that facts have told of an event. `version` counts them; `event` is None until its own fact has come."""

    version: int
    event: EventState | None
    event_accepted_at: datetime | None
    event_correlation_id: str | None
    sessions: tuple[Told, ...]


@dataclass(frozen=True)
class Calendar:
    """An event's calendar on the server. `version` is the agenda's, `pushed` the one that was last brought there."""

    event_id: str
    version: int
    changed_at: datetime
    pushed: int = 0
    checked_at: datetime | None = None
    title: str | None = None
    attempts: int = 0
    error: str | None = None
    error_at: datetime | None = None


@dataclass(frozen=True)
class ServerState:
    """How the calendar server fares, for people: since when it is left alone, until when, and why."""

    error: str | None = None
    error_at: datetime | None = None
    paused_until: datetime | None = None


class Store:
    """Reads and writes of calendar-sync."""

    def __init__(self, database: Database) -> None:
        self.database = database

    # What facts tell

    async def keep_event(self, event: EventState, at: datetime, correlation_id: str | None, session: Session) -> None:
        """Keeps the event's newest state, and marks its calendar."""
        document = {"schema": 1, "state": json_of(event), "accepted_at": at, "correlation_id": correlation_id}
        await self.database[EVENTS.name].replace_one({"_id": event.id}, document, upsert=True, session=session)
        await self._changed(event.id, at, session)

    async def keep_session(
        self, state: SessionState, at: datetime, correlation_id: str | None, session: Session
    ) -> None:
        """Keeps the session's newest state, and marks its event's calendar."""
        document = {
            "schema": 1,
            "event_id": state.event_id,
            "state": json_of(state),
            "accepted_at": at,
            "correlation_id": correlation_id,
        }
        await self.database[SESSIONS.name].replace_one({"_id": state.id}, document, upsert=True, session=session)
        await self._changed(state.event_id, at, session)

    async def _changed(self, event_id: str, at: datetime, session: Session) -> None:
        await self.database[CALENDARS.name].update_one(
            {"_id": event_id},
            {"$inc": {"version": 1}, "$set": {"due": at, "changed_at": at}},
            upsert=True,
            session=session,
        )

    async def keep_seats(self, seats: Seats, token_hash: str, session: Session) -> None:
        """Keeps what a person's feed needs; raising the link's generation replaces the hash, so the old address ends."""
        document = {
            "schema": 1,
            "event_id": seats.event_id,
            "state": str(seats.state),
            "choices": [{"session_id": id_, "state": str(state)} for id_, state in seats.choices.items()],
            "language": seats.language,
            "changed_at": seats.changed_at,
            "token_hash": token_hash,
        }
        await self.database[REGISTRATIONS.name].replace_one(
            {"_id": seats.registration_id}, document, upsert=True, session=session
        )

    async def forget_seats(self, registration_id: str, session: Session) -> None:
        """Forgets a person. The hash of the feed's address goes as well: nobody can be found by it any more."""
        await self.database[REGISTRATIONS.name].delete_one({"_id": registration_id}, session=session)

    # What feeds and the worker read

    async def version(self, event_id: str) -> int:
        """The version of the event's agenda; 0 where nothing was ever told of it."""
        found = await self.database[CALENDARS.name].find_one({"_id": event_id}, {"version": 1})
        return int(found["version"]) if found else 0

    async def agenda(self, event_id: str) -> Agenda:
        """The event's agenda. The version is read first: what is newer than it shows at the next look."""
        version = await self.version(event_id)
        event = await self.database[EVENTS.name].find_one({"_id": event_id})
        cursor = self.database[SESSIONS.name].find({"event_id": event_id}).sort("_id", 1)
        sessions = tuple(
            [Told(SessionState.model_validate(d["state"]), d["accepted_at"], d["correlation_id"]) async for d in cursor]
        )
        if event is None:
            return Agenda(version, None, None, None, sessions)
        state = EventState.model_validate(event["state"])
        return Agenda(version, state, event["accepted_at"], event["correlation_id"], sessions)

    async def seats(self, token_hash: str) -> Seats | None:
        """The registration whose feed has this token now."""
        found = await self.database[REGISTRATIONS.name].find_one({"token_hash": token_hash})
        if found is None:
            return None
        return Seats(
            registration_id=found["_id"],
            event_id=found["event_id"],
            state=SeatState(found["state"]),
            choices={choice["session_id"]: SeatState(choice["state"]) for choice in found["choices"]},
            language=found["language"],
            changed_at=found["changed_at"],
        )

    # What is known of the server

    async def calendars(self) -> list[Calendar]:
        """All calendars, by event."""
        return [_calendar(found) async for found in self.database[CALENDARS.name].find({}).sort("_id", 1)]

    async def calendar(self, event_id: str) -> Calendar | None:
        """One calendar."""
        found = await self.database[CALENDARS.name].find_one({"_id": event_id})
        return _calendar(found) if found else None

    async def due(self, now: datetime, limit: int) -> list[Calendar]:
        """Calendars to look at now, the longest waiting first."""
        cursor = self.database[CALENDARS.name].find({"due": {"$lte": now}}).sort([("due", 1)]).limit(limit)
        return [_calendar(found) async for found in cursor]

    async def looked_at(self, calendar: Calendar, *, due: datetime) -> None:
        """Notes how a look at the agenda's version `calendar.version` went, and when to look again.

        When a fact came meanwhile, the calendar stays due at once.
        """
        seen = {
            "pushed": calendar.pushed,
            "checked_at": calendar.checked_at,
            "title": calendar.title,
            "attempts": calendar.attempts,
            "error": calendar.error,
            "error_at": calendar.error_at,
        }
        calendars = self.database[CALENDARS.name]
        result = await calendars.update_one(
            {"_id": calendar.event_id, "version": calendar.version}, {"$set": {**seen, "due": due}}
        )
        if result.matched_count == 0:
            await calendars.update_one({"_id": calendar.event_id}, {"$set": seen})

    async def objects(self, event_id: str) -> dict[str, Known]:
        """What is known of the calendar's objects, by session."""
        cursor = self.database[OBJECTS.name].find({"event_id": event_id})
        return {found["_id"]: _known(found) async for found in cursor}

    async def keep_objects(self, known: Sequence[Known]) -> None:
        """Notes what is known now."""
        for item in known:
            document = {"schema": 1, **{k: v for k, v in asdict(item).items() if k != "session_id"}}
            await self.database[OBJECTS.name].replace_one({"_id": item.session_id}, document, upsert=True)

    async def forget_object(self, session_id: str) -> None:
        """The object is gone, and is meant to be."""
        await self.database[OBJECTS.name].delete_one({"_id": session_id})

    async def keep_server(self, state: ServerState) -> None:
        """Notes how the server fares."""
        await self.database[SERVERS.name].replace_one({"_id": "default"}, {"schema": 1, **asdict(state)}, upsert=True)

    async def server(self) -> ServerState:
        """How the server fares."""
        found = await self.database[SERVERS.name].find_one({"_id": "default"})
        return ServerState(found["error"], found["error_at"], found["paused_until"]) if found else ServerState()


def _calendar(found: Mapping[str, Any]) -> Calendar:
    return Calendar(
        event_id=found["_id"],
        version=found["version"],
        changed_at=found["changed_at"],
        pushed=found.get("pushed", 0),
        checked_at=found.get("checked_at"),
        title=found.get("title"),
        attempts=found.get("attempts", 0),
        error=found.get("error"),
        error_at=found.get("error_at"),
    )


def _known(found: Mapping[str, Any]) -> Known:
    fields = {name: found[name] for name in Known.__dataclass_fields__ if name in found}
    return Known(session_id=found["_id"], **fields)
