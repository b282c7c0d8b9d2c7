"""How a series grows: who registered, had a seat and came, round by round."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from services.registration.schema import EVENTS, REGISTRATIONS
from shared.contracts.base import said_in
from shared.contracts.registration import SeatState
from shared.contracts.scheduling import EventState
from shared.storage.mongo import Database, Document

_HAD_SEAT = [SeatState.CONFIRMED.value, SeatState.ATTENDED.value]


async def rounds_of(
    database: Database, series_id: str | None = None, event_ids: Collection[str] = ()
) -> list[EventState]:
    """The published events of a series, or these, in order of rounds; those without one by their first day."""
    query: Document = {"_id": {"$in": list(event_ids)}} if series_id is None else {"state.series.id": series_id}
    events = [EventState.model_validate(document["state"]) async for document in database[EVENTS.name].find(query)]
    return sorted(events, key=lambda event: (event.series.round if event.series else 0, event.starts_on, event.id))


async def growth(database: Database, events: Sequence[EventState], language: str = "en") -> list[dict[str, Any]]:
    """For each of `events`, in this order: how many registered (also those who cancelled later), have or had a seat and
    came, at the event and by session; how many cancelled; from how many countries those are who did not. People who were
    forgotten are counted."""
    ids = [event.id for event in events]
    registrations = database[REGISTRATIONS.name]
    of_event: dict[str, Document] = {}
    for_sessions: dict[str, dict[str, dict[str, int]]] = defaultdict(dict)
    async for document in registrations.aggregate(_by_event(ids)):
        of_event[document["_id"]] = document
    async for document in registrations.aggregate(_by_session(ids)):
        counted = {name: document[name] for name in ("registered", "confirmed", "attended")}
        for_sessions[document["_id"]["event"]][document["_id"]["session"]] = counted
    return [
        {
            "event_id": event.id,
            "title": said_in(event.title, language),
            "series_id": event.series.id if event.series else None,
            "round": event.series.round if event.series else None,
            "starts_on": event.starts_on.isoformat(),
            **{name: of_event.get(event.id, {}).get(name, 0) for name in _COUNTED},
            "countries": len(set(of_event.get(event.id, {}).get("countries", [])) - {None}),
            "sessions": dict(sorted(for_sessions[event.id].items())),
        }
        for event in events
    ]


_COUNTED = ("registered", "confirmed", "attended", "cancelled")


def _by_event(ids: Sequence[str]) -> list[Document]:
    """All is counted where it is stored: an event may have a hundred thousand registrations."""
    country = {"$cond": [{"$ne": ["$state", SeatState.CANCELLED.value]}, "$person.country", None]}
    return [
        {"$match": {"event_id": {"$in": list(ids)}}},
        {
            "$group": {
                "_id": "$event_id",
                **_counts("$state"),
                "cancelled": _how_many({"$eq": ["$state", SeatState.CANCELLED.value]}),
                "countries": {"$addToSet": country},
            }
        },
    ]


def _by_session(ids: Sequence[str]) -> list[Document]:
    return [
        {"$match": {"event_id": {"$in": list(ids)}}},
        {"$unwind": "$choices"},
        {
            "$group": {
                "_id": {"event": "$event_id", "session": "$choices.session_id"},
                **_counts("$choices.state"),
            }
        },
    ]


def _counts(state: str) -> Document:
    return {
        "registered": {"$sum": 1},
        "confirmed": _how_many({"$in": [state, _HAD_SEAT]}),
        "attended": _how_many({"$eq": [state, SeatState.ATTENDED.value]}),
    }


def _how_many(condition: Document) -> Document:
    return {"$sum": {"$cond": [condition, 1, 0]}}
