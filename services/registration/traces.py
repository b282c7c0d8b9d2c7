"""Removing what is left of people who were forgotten, and of events whose time to be kept is over.

A decision only writes that somebody is forgotten. What is kept elsewhere under the person's keys (other organisations'
decisions, the log's marks of who was refused, personal codes) is removed a minute later: by then no earlier decision is still
being written out, and what came after it belongs to somebody who came again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from services.registration.commands import RevokeCode
from services.registration.desk import Desks, Overloaded
from services.registration.quiet import SETTLED, Quiet
from services.registration.schema import CODES, DECISIONS, ERASURES, GRANTS, event_of
from services.registration.seats import Seats, seats_from
from services.registration.store import Store
from shared.clock import Clock, Ids
from shared.storage.mongo import Database, Document, PyMongoError

AT_ONCE = 250
"""How many erasures one look takes."""

GONE = "forgotten"
"""In place of the key of the person that a personal code was for."""

_KEY = {"$regex": "^[0-9a-f]{64}$"}
_log = structlog.get_logger()


class Traces:
    """Removes traces; every step may be done twice."""

    def __init__(self, desks: Desks, store: Store, database: Database, clock: Clock, ids: Ids) -> None:
        self._desks, self._store, self._clock, self._ids = desks, store, clock, ids
        self._erasures, self._grants = database[ERASURES.name], database[GRANTS.name]
        self._codes, self._decisions = database[CODES.name], database[DECISIONS.name]
        self._quiet = Quiet()

    async def remove(self) -> None:
        """Removes what can be removed by now."""
        async for erasure in self._erasures.find({"at": {"$lt": self._clock() - SETTLED}}).limit(AT_ONCE):
            try:
                await self._of_person(erasure)
            except (Overloaded, PyMongoError) as error:  # one must not keep the others; the next look finds it again
                _log.warning("traces_wait", event_id=erasure["event_id"], error=type(error).__name__)
        for stream in await self._store.ledgers.streams():
            event_id = event_of(stream)
            try:
                if event_id is not None:
                    await self._of_event(stream, event_id)
            except (Overloaded, PyMongoError) as error:
                _log.warning("traces_wait", event_id=event_id, error=type(error).__name__)

    async def _of_person(self, erasure: Mapping[str, Any]) -> None:
        event_id, keys, version = erasure["event_id"], erasure["keys"], erasure["revision"]
        of_event = {"event_id": event_id}
        await self._grants.delete_many({**of_event, "key": {"$in": keys}, "revision": {"$lte": version}})
        for key in keys:
            await self._decisions.update_many(
                {**of_event, "about": key, "version": {"$lte": version}},
                {"$pull": {"about": key}, "$set": {"entries.$[one].person": None}},
                array_filters=[{"one.person": key}],
            )
        await self._codes_for({**of_event, "person": {"$in": keys}}, event_id)
        await self._erasures.delete_one({"_id": erasure["_id"]})

    async def _codes_for(self, query: Document, event_id: str) -> None:
        """A personal code ends with its person: nobody else may use it, and nothing says whose it was."""
        async for code in self._codes.find(query, {"code": 1, "revoked": 1}):
            if not code["revoked"]:
                await self._desks.ask(event_id, RevokeCode(id=self._ids(), code=code["code"]))
            await self._codes.update_one({"_id": code["_id"]}, {"$set": {"person": GONE, "label": ""}})

    async def _of_event(self, stream: str, event_id: str) -> None:
        """Where the time to keep people of the event has been over for a while: of those who never had a registration, too."""
        page, now = await self._store.ledgers.load(stream), self._clock()
        if not _is_over(seats_from(event_id, page.state), now) or self._quiet.rests(page, None, now):
            return
        of_event = {"event_id": event_id}
        await self._grants.delete_many(of_event)
        await self._decisions.update_many(
            {**of_event, "about": _KEY},
            {"$pull": {"about": _KEY}, "$set": {"entries.$[one].person": None}},
            array_filters=[{"one.person": {"$type": "string"}}],
        )
        await self._codes_for({**of_event, "person": {"$nin": [None, GONE]}}, event_id)
        self._quiet.nothing_left(page, now)


def _is_over(seats: Seats, now: datetime) -> bool:
    at = seats.event.rules.forget_at if seats.event is not None else None
    return at is not None and now >= at + SETTLED
