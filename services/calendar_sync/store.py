"""Collections of calendar-sync that facts fill: agendas, and what calendars need to know of registrations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.calendar_sync.domain import Seats
from shared.contracts.base import json_of
from shared.contracts.registration import SeatState
from shared.contracts.scheduling import EventState, SessionState
from shared.storage.mongo import Collection, Database, Document, Index, ReturnDocument, Session

EVENTS = Collection("events")
SESSIONS = Collection("sessions", (Index((("event_id", 1),)),))
AGENDAS = Collection("agendas", (Index((("series", 1),)), Index((("fresh", 1),), partial={"fresh": True})))
REGISTRATIONS = Collection(
    "registrations",
    (
        Index((("token_hash", 1),), unique=True),
        Index((("page_hash", 1),)),
        Index((("ended", 1),)),
        Index((("event_id", 1),)),
    ),
)

COLLECTIONS = (EVENTS, SESSIONS, AGENDAS, REGISTRATIONS)

_ENDED_KEPT = 20
"""How many replaced addresses of a feed are remembered, to be answered as gone and not as unknown."""


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
class Person:
    """A registration as its page about calendars needs it: seats, addresses and wishes."""

    seats: Seats
    generation: int
    feed_generation: int
    feed_off: bool


class Store:
    """Reads and writes of what facts tell."""

    def __init__(self, database: Database) -> None:
        self.database = database

    # Agendas

    async def keep_event(self, event: EventState, at: datetime, correlation_id: str | None, session: Session) -> None:
        """Keeps the event's newest state."""
        document = {"schema": 1, "state": json_of(event), "accepted_at": at, "correlation_id": correlation_id}
        await self.database[EVENTS.name].replace_one({"_id": event.id}, document, upsert=True, session=session)
        await self._changed(event.id, at, session, {"series": event.series.id if event.series else None})

    async def keep_session(
        self, state: SessionState, at: datetime, correlation_id: str | None, session: Session
    ) -> None:
        """Keeps the session's newest state."""
        document = {
            "schema": 1,
            "event_id": state.event_id,
            "state": json_of(state),
            "accepted_at": at,
            "correlation_id": correlation_id,
        }
        await self.database[SESSIONS.name].replace_one({"_id": state.id}, document, upsert=True, session=session)
        await self._changed(state.event_id, at, session, {})

    async def _changed(self, event_id: str, at: datetime, session: Session, more: Document) -> None:
        await self.database[AGENDAS.name].update_one(
            {"_id": event_id},
            {"$inc": {"version": 1}, "$set": {"changed_at": at, "fresh": True, **more}},
            upsert=True,
            session=session,
        )

    async def over_before(self, day: date) -> list[str]:
        """Events whose last day was before `day`."""
        found = self.database[EVENTS.name].find({"state.ends_on": {"$lt": day.isoformat()}}, {"_id": 1})
        return [one["_id"] async for one in found]

    async def changed_agendas(self) -> list[tuple[str, int]]:
        """Events whose agenda changed since their calendars were marked, with the agenda's version."""
        return [
            (d["_id"], d["version"]) async for d in self.database[AGENDAS.name].find({"fresh": True}, {"version": 1})
        ]

    async def agenda_spread(self, event_id: str, version: int) -> None:
        """The calendars of this version were marked."""
        await self.database[AGENDAS.name].update_one({"_id": event_id, "version": version}, {"$unset": {"fresh": ""}})

    async def version(self, event_id: str) -> int:
        """The version of the event's agenda; 0 where nothing was ever told of it."""
        found = await self.database[AGENDAS.name].find_one({"_id": event_id}, {"version": 1})
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

    # Registrations

    async def keep_seats(self, seats: Seats, generation: int, session: Session) -> int:
        """Keeps what calendars need of a registration, and what the person wished meanwhile; returns the feed's generation.

        The caller writes the hashes of the addresses next (`keep_addresses`), in the same transaction.
        """
        kept = await self.database[REGISTRATIONS.name].find_one_and_update(
            {"_id": seats.registration_id},
            {
                "$set": {
                    "schema": 2,
                    "event_id": seats.event_id,
                    "state": str(seats.state),
                    "choices": [{"session_id": id_, "state": str(state)} for id_, state in seats.choices.items()],
                    "language": seats.language,
                    "changed_at": seats.changed_at,
                    "generation": generation,
                },
                # Feeds go by it: while it is the same, nothing that was told or wished is another.
                "$inc": {"version": 1},
                # The index on the feed's hash is unique: until the real one is written, the id stands for it.
                "$setOnInsert": {"feed_generation": 1, "token_hash": f"new {seats.registration_id}"},
            },
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        return int(kept.get("feed_generation", 1))

    async def keep_addresses(
        self, registration_id: str, token_hash: str, page_hash: str, session: Session | None = None
    ) -> None:
        """Writes the hashes of the person's addresses: what was there before ends."""
        await self.database[REGISTRATIONS.name].update_one(
            {"_id": registration_id}, {"$set": {"token_hash": token_hash, "page_hash": page_hash}}, session=session
        )

    async def forget_seats(self, registration_id: str, session: Session) -> None:
        """Forgets a person. The hash of the feed's address goes as well: nobody can be found by it any more."""
        await self.database[REGISTRATIONS.name].delete_one({"_id": registration_id}, session=session)

    async def person(self, registration_id: str) -> Person | None:
        """The registration with this id."""
        return _person(await self.database[REGISTRATIONS.name].find_one({"_id": registration_id}))

    async def person_at(self, page_hash: str) -> Person | None:
        """The registration whose calendar page has this token now."""
        return _person(await self.database[REGISTRATIONS.name].find_one({"page_hash": page_hash}))

    async def new_feed_address(self, person: Person, token_hash: str) -> bool:
        """Replaces the address of the person's feed; False where somebody was faster. The old one is answered as gone."""
        registrations = self.database[REGISTRATIONS.name]
        found = await registrations.find_one_and_update(
            {"_id": person.seats.registration_id, "feed_generation": person.feed_generation},
            {"$set": {"token_hash": token_hash, "feed_generation": person.feed_generation + 1}},
        )
        if found is None:
            return False
        await registrations.update_one(
            {"_id": person.seats.registration_id},
            {"$push": {"ended": {"$each": [found["token_hash"]], "$slice": -_ENDED_KEPT}}},
        )
        return True

    async def wish(
        self, registration_id: str, *, show_waiting: bool | None = None, feed_off: bool | None = None
    ) -> None:
        """Keeps what the person wishes of the calendar; None leaves a wish as it is."""
        wishes = {"show_waiting": show_waiting, "feed_off": feed_off}
        changed = {name: value for name, value in wishes.items() if value is not None}
        if changed:
            await self.database[REGISTRATIONS.name].update_one(
                {"_id": registration_id}, {"$set": changed, "$inc": {"version": 1}}
            )


def _person(found: Mapping[str, Any] | None) -> Person | None:
    if found is None:
        return None
    return Person(
        seats=seats_from(found),
        generation=found.get("generation", 1),
        feed_generation=found.get("feed_generation", 1),
        feed_off=found.get("feed_off", False),
    )


def seats_from(found: Mapping[str, Any]) -> Seats:
    """The seats in a stored registration."""
    return Seats(
        registration_id=found["_id"],
        event_id=found["event_id"],
        state=SeatState(found["state"]),
        choices={choice["session_id"]: SeatState(choice["state"]) for choice in found["choices"]},
        language=found["language"],
        changed_at=found["changed_at"],
        show_waiting=found.get("show_waiting", False),
    )
