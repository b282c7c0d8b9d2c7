"""What pages, lists and tasks read of registration, and the copies of the published agenda that they show. Nothing here decides."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from services.registration import counts
from services.registration.codes import Code
from services.registration.documents import code_from, registration_from
from services.registration.registrations import Registration
from services.registration.schema import (
    CODES,
    DECISIONS,
    EVENTS,
    REGISTRATIONS,
    SESSIONS,
    WAITING,
    Wanted,
    stream_of,
)
from services.registration.seats import EVENT, Seats, seats_from
from shared.contracts.base import json_of
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registration import Cause, SeatState
from shared.contracts.scheduling import EventState, SessionState
from shared.links import token_hash
from shared.storage.inbox import when_newest
from shared.storage.ledger import Ledgers
from shared.storage.mongo import Database, Document, Session


class Moment(Enum):
    """What the time asks of an event."""

    NOTHING = "nothing"
    ASKING = "asking"
    """Everybody is asked whether they still come."""
    FORGETTING = "forgetting"


def moment_of(seats: Seats, now: datetime) -> Moment:
    """What the time asks of the event at `now` (UTC)."""
    if seats.event is None:
        return Moment.NOTHING
    rules = seats.event.rules
    if rules.forgets(now):
        return Moment.FORGETTING
    if rules.reconfirm_at is not None and rules.begins is not None and rules.scheduled:
        return Moment.ASKING if rules.reconfirm_at <= now < rules.begins else Moment.NOTHING
    return Moment.NOTHING


class Readings:
    """Everything that is read outside a decision."""

    def __init__(self, database: Database) -> None:
        self.ledgers = Ledgers(database)
        self._database = database
        self._registrations = database[REGISTRATIONS.name]
        self._waiting = database[WAITING.name]

    async def registration(self, id_: str) -> Registration | None:
        """The registration with this id."""
        document = await self._registrations.find_one({"_id": id_})
        return registration_from(id_, document) if document else None

    async def registration_of(self, event_id: str, email: str) -> Registration | None:
        """The registration of whoever has this address at an event."""
        document = await self._registrations.find_one({"event_id": event_id, "person.email": email})
        return registration_from(document["_id"], document) if document else None

    async def registrations_with(
        self, event_id: str, emails: Collection[str], number_keys: Collection[str]
    ) -> list[Registration]:
        """The registrations of an event with one of these addresses, or one of these numbers (their keys)."""
        named = [{"person.email": {"$in": list(emails)}}, {"number_keys": {"$in": list(number_keys)}}]
        cursor = self._registrations.find({"event_id": event_id, "$or": named})
        return [registration_from(document["_id"], document) async for document in cursor]

    async def registration_by_token(self, token: str) -> Registration | None:
        """The registration whose private address ends in `token`."""
        document = await self._registrations.find_one({"manage_hash": token_hash(token)})
        return registration_from(document["_id"], document) if document else None

    async def registrations(
        self, event_id: str, after: str | None, limit: int, *, wanted: Wanted | None = None
    ) -> list[Registration]:
        """A page of an event's registrations, oldest first (ids sort by time), behind the id `after`."""
        return [registration_from(d["_id"], d) for d in await self.rows(event_id, after, limit, wanted=wanted)]

    async def rows(
        self, event_id: str, after: str | None, limit: int, *, wanted: Wanted | None = None
    ) -> list[Document]:
        """The same page as it is stored."""
        query: Document = {"event_id": event_id} | ({"_id": {"$gt": after}} if after else {})
        query |= wanted.query() if wanted is not None else {}
        # In the order of the event's own index: by ids alone, those of other events would be gone through.
        order = [("event_id", 1), ("_id", 1)]
        return await self._registrations.find(query, batch_size=limit).sort(order).limit(limit).to_list(None)

    async def counts(self, event_id: str) -> dict[str, Any]:
        """How many registrations of an event there are, by all that organisers count."""
        groups = await self._registrations.aggregate(counts.pipeline(event_id), hint=counts.ORDER).to_list(None)
        return await asyncio.to_thread(counts.told, groups)

    async def awaits_approval(self, event_id: str) -> bool:
        """Whether somebody waits for an organiser's yes, at the event or in a session."""
        waits = {"state": SeatState.PENDING.value, "cause": Cause.APPROVAL.value}
        # Each half stands for itself, with all that its own index asks for.
        in_session = {"choices.cause": Cause.APPROVAL.value, "choices": {"$elemMatch": waits}}
        query = {"$or": [{"event_id": event_id, **one} for one in (waits, in_session)]}
        return await self._registrations.find_one(query, {"_id": 1}) is not None

    async def position(self, event_id: str, line: str, place: int) -> int:
        """The present position, from 1, of the one who has `place` in `line`."""
        ahead = {"event_id": event_id, "line": line, "left": False, "place": {"$lt": place}}
        return 1 + int(await self._waiting.count_documents(ahead))

    async def positions(self, registration: Registration) -> dict[tuple[str, str], int]:
        """All present positions of a registration, by (line, registration id)."""
        waiting = [(EVENT, registration.place)] if registration.place else []
        waiting += [(held.session_id, held.place) for held in registration.choices if held.place]
        found = await asyncio.gather(*(self.position(registration.event_id, n, p) for n, p in waiting if p))
        return {(name, registration.id): position for (name, _), position in zip(waiting, found, strict=True)}

    async def seats(self, event_id: str) -> Seats:
        """The seats as they stand."""
        return seats_from(event_id, (await self.ledgers.load(stream_of(event_id))).state)

    async def event(self, event_id: str) -> EventState | None:
        """The event as published."""
        document = await self._database[EVENTS.name].find_one({"_id": event_id})
        return EventState.model_validate(document["state"]) if document else None

    async def sessions(self, event_id: str) -> list[SessionState]:
        """The event's sessions as published, in order of time."""
        found = [
            SessionState.model_validate(d["state"])
            async for d in self._database[SESSIONS.name].find({"event_id": event_id})
        ]
        return sorted(found, key=lambda s: (s.date, s.starts_local is None, str(s.starts_local), s.number or 0, s.id))

    async def keep_event(self, event: CloudEvent, state: EventState) -> None:
        """Keeps the newest state of an event, for pages."""

        async def keep(session: Session) -> None:
            document = {"schema": 1, "state": json_of(state)}
            await self._database[EVENTS.name].replace_one({"_id": state.id}, document, upsert=True, session=session)

        await when_newest(self._database, event, keep)

    async def keep_session(self, event: CloudEvent, state: SessionState) -> None:
        """Keeps the newest state of a session, for pages."""

        async def keep(session: Session) -> None:
            document = {"schema": 1, "event_id": state.event_id, "state": json_of(state)}
            await self._database[SESSIONS.name].replace_one({"_id": state.id}, document, upsert=True, session=session)

        await when_newest(self._database, event, keep)

    async def codes(self, event_id: str, after: str | None = None, limit: int = 500) -> list[Code]:
        """A page of the event's invitation codes, in order, behind the code `after`."""
        query: Document = {"event_id": event_id} | ({"_id": {"$gt": f"{event_id}/{after}"}} if after else {})
        return [code_from(d) async for d in self._database[CODES.name].find(query).sort("_id", 1).limit(limit)]

    async def codes_named(self, event_id: str, ids: Collection[str]) -> dict[str, Code]:
        """Those of the event's invitation codes that have one of these ids, by id."""
        query = {"_id": {"$in": [f"{event_id}/{id_}" for id_ in ids]}}
        return {document["code"]: code_from(document) async for document in self._database[CODES.name].find(query)}

    async def due(
        self, now: datetime, limit: int, *, without: Iterable[str] = ()
    ) -> dict[str, tuple[list[str], list[str]]]:
        """By event, the registrations and the codes for which something is due at `now` (UTC), oldest first; not of the
        events in `without`."""
        found: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
        late: Document = {"due_at": {"$lte": now}, "event_id": {"$nin": sorted(without)}}
        async for document in self._registrations.find(late, {"event_id": 1}).sort("due_at", 1).limit(limit):
            found[document["event_id"]][0].append(document["_id"])
        codes = self._database[CODES.name].find(late, {"event_id": 1, "code": 1}).sort("due_at", 1).limit(limit)
        async for document in codes:
            found[document["event_id"]][1].append(document["code"])
        return dict(found)

    async def to_look_at(self, event_id: str, seats: Seats, now: datetime, limit: int) -> list[str]:
        """Registrations of an event that its rules concern now: pending under older rules, to be asked whether they still
        come, or to be forgotten."""
        if seats.event is None:
            return []
        rules, moment = seats.event.rules, moment_of(seats, now)
        if moment is Moment.FORGETTING:
            return await self._ids({"event_id": event_id, "erased": {"$ne": True}}, limit)
        concerned: list[Document] = [{"state": SeatState.PENDING.value, "rules_revision": {"$lt": rules.revision}}]
        unneeded = [name for name, line in seats.sessions.items() if line.rules.by_choice and not line.rules.approval]
        waits = {"state": SeatState.PENDING.value, "cause": Cause.APPROVAL.value}
        if unneeded:  # a session that needs no yes any more
            choice = {"$elemMatch": {"session_id": {"$in": unneeded}, **waits}}
            seated = {"$in": [SeatState.CONFIRMED.value, SeatState.ATTENDED.value]}
            concerned.append({"choices.cause": Cause.APPROVAL.value, "choices": choice, "state": seated})
        if moment is Moment.ASKING:
            before = {"$lt": rules.reconfirm_at}
            unasked = {"state": SeatState.CONFIRMED.value, "asked_at": {"$exists": False}, "registered_at": before}
            concerned.append(unasked)
        return await self._ids({"event_id": event_id, "$or": concerned}, limit)

    async def _ids(self, query: Document, limit: int) -> list[str]:
        return [d["_id"] async for d in self._registrations.find(query, {"_id": 1}).sort("_id", 1).limit(limit)]

    async def decisions(
        self, event_id: str, about: Collection[str] = (), since: int = 0
    ) -> AsyncIterator[Mapping[str, Any]]:
        """The commits of an event's log in order, from the version `since` on: all, or those about one of the registrations
        or keys of people in `about`."""
        query: Document = {"event_id": event_id} | ({"about": {"$in": sorted(about)}} if about else {})
        query |= {"version": {"$gte": since}} if since else {}
        async for document in self._database[DECISIONS.name].find(query).sort("version", 1):
            yield document
