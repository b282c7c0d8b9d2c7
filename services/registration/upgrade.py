"""What an earlier form of the data lacks, filled in once at the start: seats by kind of attendee, and the rules that are new.

An older process does not know this form: stop all of registration before the first new one starts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from services.registration.domain import HOLDS
from services.registration.seats import (
    EVENT,
    Kind,
    Seats,
    changed_state,
    rules_of_event,
    rules_of_session,
    seats_from,
    with_quotas,
)
from services.registration.store import EVENTS, REGISTRATIONS, SESSIONS, WAITING, event_of
from shared.clock import Clock
from shared.contracts.registration import SeatState
from shared.contracts.scheduling import EventState, SessionState
from shared.storage.ledger import Conflict, Ledgers
from shared.storage.mongo import Database

FORM = 2
_log = structlog.get_logger()


async def upgrade(database: Database, clock: Clock) -> None:
    """Brings every ledger of seats to this form. Somebody who commits first makes it look again."""
    ledgers = Ledgers(database)
    for stream in await ledgers.streams():
        event_id = event_of(stream)
        while event_id is not None:
            page = await ledgers.load(stream)
            seats = seats_from(event_id, page.state)
            if seats.event is None or page.state.get("form") == FORM or _is_new(page.state["event"]):
                break
            await ledgers.settle(stream, page.entries)
            after = await _filled_in(database, seats)
            try:
                await ledgers.commit(page, {**changed_state(seats, after), "form": FORM}, at=clock())
            except Conflict:
                continue
            _log.info("seats_upgraded", event_id=event_id)


def _is_new(event: Mapping[str, Any]) -> bool:
    """Whether the event's line was written by this form from the beginning."""
    return "questions" in event["rules"]


async def _filled_in(database: Database, seats: Seats) -> Seats:
    assert seats.event is not None
    event = replace(seats.event, kinds=await _counted(database, seats.event_id))
    document = await database[EVENTS.name].find_one({"_id": seats.event_id})
    if document is not None:
        state = EventState.model_validate(document["state"])
        if state.revision == event.rules.revision:
            event = with_quotas(replace(event, rules=rules_of_event(state)), state.audiences)
    sessions = dict(seats.sessions)
    async for document in database[SESSIONS.name].find({"event_id": seats.event_id}):
        session = SessionState.model_validate(document["state"])
        line = sessions.get(session.id)
        if line is not None and line.rules.revision == session.revision:
            sessions[session.id] = replace(line, rules=rules_of_session(session))
    return replace(seats, event=event, sessions=sessions)


async def _counted(database: Database, event_id: str) -> dict[str, Kind]:
    confirmed: Counter[str] = Counter()
    waiting: Counter[str] = Counter()
    holding = {state.value for state in HOLDS}
    async for document in database[REGISTRATIONS.name].find({"event_id": event_id}, {"person": 1, "state": 1}):
        kind = document["person"].get("audience")
        if kind is None:
            continue
        if document["state"] in holding:
            confirmed[kind] += 1
        elif document["state"] == SeatState.WAITLISTED.value:
            waiting[kind] += 1
            row = {"event_id": event_id, "line": EVENT, "registration_id": document["_id"], "left": False}
            await database[WAITING.name].update_one(row, {"$set": {"kind": kind}})
    return {kind: Kind(None, confirmed[kind], waiting[kind]) for kind in sorted({*confirmed, *waiting})}
