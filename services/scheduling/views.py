"""What readers see, as documents of their own: published events and sessions, the change log, the list of drafts, seats.

`seats` is a copy of what registration tells; everything else is written in the commits of the ledger (store.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from services.scheduling.agenda import Agenda
from services.scheduling.domain import Publication, Published
from services.scheduling.history import REVISIONS
from shared.contracts.base import json_of
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registration import SeatsState
from shared.contracts.scheduling import EventState, SessionState
from shared.storage.inbox import when_newest
from shared.storage.ledger import Write
from shared.storage.mongo import Collection, Database, Index, Session

EVENTS = Collection(
    "events",
    (
        Index((("starts_on", 1), ("_id", 1))),
        Index((("ends_on", 1),)),
        Index((("series", 1), ("starts_on", 1), ("_id", 1))),
        Index((("programme", 1), ("starts_on", 1), ("_id", 1))),
    ),
)
SESSIONS = Collection("sessions", (Index((("event_id", 1),)),))
AGENDAS = Collection("agendas", (Index((("starts_on", 1), ("_id", 1))),))
SEATS = Collection("seats")

Place = tuple[str, str]
"""A place in a list of events: first day and id."""


class Views:
    """Reads what readers see."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def event(self, event_id: str) -> EventState | None:
        """The event as published."""
        document = await self._database[EVENTS.name].find_one({"_id": event_id})
        return EventState.model_validate(document["state"]) if document is not None else None

    async def known(self, event_id: str, *, published: bool) -> bool:
        """Whether there is such an event, as a draft or `published`."""
        collection = EVENTS if published else AGENDAS
        return await self._database[collection.name].find_one({"_id": event_id}, {"_id": 1}) is not None

    async def sessions(self, event_id: str) -> list[SessionState]:
        """The published sessions of an event in the order of time; those without a time come last in their day."""
        found = self._database[SESSIONS.name].find({"event_id": event_id})
        return in_order([SessionState.model_validate(document["state"]) async for document in found])

    async def events(
        self,
        *,
        after: Place | None,
        limit: int,
        from_day: date | None = None,
        series: str | None = None,
        programme: str | None = None,
    ) -> list[EventState]:
        """Published events by first day and id, those after the place `after`; `from_day`: those not over by then;
        `series`, `programme`: those of it."""
        wanted = _behind(after)
        if from_day is not None:
            wanted["ends_on"] = {"$gte": from_day.isoformat()}
        if series is not None:
            wanted["series"] = series
        if programme is not None:
            wanted["programme"] = programme
        cursor = self._database[EVENTS.name].find(wanted).sort([("starts_on", 1), ("_id", 1)]).limit(limit)
        return [EventState.model_validate(document["state"]) async for document in cursor]

    async def past_events(self, before_day: date, limit: int) -> list[EventState]:
        """Published events that were over before `before_day`, the latest first."""
        cursor = self._database[EVENTS.name].find({"ends_on": {"$lt": before_day.isoformat()}})
        cursor = cursor.sort([("starts_on", -1), ("_id", 1)]).limit(limit)
        return [EventState.model_validate(document["state"]) async for document in cursor]

    async def published_until(self, day: date) -> list[str]:
        """The ids of the published events that last until `day` or longer."""
        cursor = self._database[EVENTS.name].find({"ends_on": {"$gte": day.isoformat()}}, {"_id": 1})
        return [document["_id"] async for document in cursor]

    async def agendas(self, *, after: Place | None, limit: int) -> list[dict[str, Any]]:
        """Every agenda, published or not, by first day and id: what the organiser's list shows."""
        cursor = self._database[AGENDAS.name].find(_behind(after)).sort([("starts_on", 1), ("_id", 1)]).limit(limit)
        return [document async for document in cursor]

    async def revisions(self, event_id: str, *, before: int | None, limit: int) -> list[dict[str, Any]]:
        """The change log, newest first, those before the number `before`: number, instant, note, changes."""
        wanted: dict[str, Any] = {"event_id": event_id}
        if before is not None:
            wanted["number"] = {"$lt": before}
        cursor = self._database[REVISIONS.name].find(wanted, {"agenda": 0, "parts": 0, "removed": 0})
        return [document async for document in cursor.sort([("number", -1)]).limit(limit)]

    async def seats(self, event_id: str) -> SeatsState | None:
        """How full the event is, as registration told last."""
        document = await self._database[SEATS.name].find_one({"_id": event_id})
        return SeatsState.model_validate(document["state"]) if document is not None else None

    async def keep_seats(self, event: CloudEvent, seats: SeatsState) -> bool:
        """Keeps what registration told, where it is newer than what is here; False for what is old or a repetition."""

        async def keep(session: Session) -> None:
            await self._database[SEATS.name].replace_one(
                {"_id": seats.event_id}, {"schema": 1, "state": json_of(seats)}, upsert=True, session=session
            )

        return await when_newest(self._database, event, keep)


def in_order(sessions: list[SessionState]) -> list[SessionState]:
    """By time; those without a time come last in their day."""
    return sorted(
        sessions, key=lambda s: (s.date, s.starts_at is None, s.starts_at or s.published_at, s.number or 0, s.id)
    )


def published_views(event_id: str, publication: Publication) -> list[Write]:
    """What a publication changes for readers."""
    event = publication.published.event
    writes = [
        Write(SESSIONS.name, state.id, {"schema": 1, "event_id": event_id, "state": json_of(state)})
        for state in publication.sessions_told
    ]
    if publication.event_told:
        keys = {
            "starts_on": event.starts_on.isoformat(),
            "ends_on": event.ends_on.isoformat(),
            "series": event.series.id if event.series is not None else None,
            "programme": event.programme_id,
        }
        writes.append(Write(EVENTS.name, event_id, {"schema": 2, **keys, "state": json_of(event)}))
    return writes


def agenda_view(agenda: Agenda, version: int, published: Published | None, now: datetime) -> Write:
    """An event's line in the organiser's list, after a change at the instant `now`."""
    event = agenda.event
    view: Mapping[str, Any] = {
        "schema": 1,
        "title": event.title,
        "languages": event.languages,
        "status": event.status.value,
        "starts_on": event.starts_on.isoformat(),
        "ends_on": event.ends_on.isoformat(),
        "sessions": len(agenda.sessions),
        "draft_version": version,
        "published_revision": published.revision if published is not None else None,  # `revision` is the ledger's own
        "changed_at": now,
        "unpublished": published is None or published.agenda != agenda,
    }
    return Write(AGENDAS.name, event.id, view)


def _behind(place: Place | None) -> dict[str, Any]:
    if place is None:
        return {}
    return {"$or": [{"starts_on": {"$gt": place[0]}}, {"starts_on": place[0], "_id": {"$gt": place[1]}}]}
