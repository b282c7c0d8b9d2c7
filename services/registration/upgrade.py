"""What an earlier form of the data lacks, filled in once at the start: how many seats each kind of attendee has."""

from __future__ import annotations

from collections import Counter

import structlog

from services.registration.domain import HOLDS
from services.registration.seats import EVENT, seats_from
from services.registration.store import REGISTRATIONS, WAITING, event_of
from shared.clock import Clock
from shared.contracts.registration import SeatState
from shared.storage.ledger import Conflict, Ledgers
from shared.storage.mongo import Database

_log = structlog.get_logger()


async def upgrade(database: Database, clock: Clock) -> None:
    """Counts attendees by kind where the ledger does not yet. Somebody who commits first makes it look again."""
    ledgers = Ledgers(database)
    for stream in await ledgers.streams():
        event_id = event_of(stream)
        while event_id is not None:
            page = await ledgers.load(stream)
            seats = seats_from(event_id, page.state)
            if seats.event is None or seats.event.kinds or not seats.audiences:
                break
            await ledgers.settle(stream, page.entries)
            kinds = await _counted(database, event_id, seats.audiences)
            try:
                await ledgers.commit(page, {"event.kinds": kinds}, at=clock())
            except Conflict:
                continue
            _log.info("attendees_counted_by_kind", event_id=event_id)


async def _counted(database: Database, event_id: str, audiences: tuple[str, ...]) -> dict[str, dict[str, int | None]]:
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
    names = {*audiences, *confirmed, *waiting}
    # The quotas come with the next revision of the event.
    return {name: {"quota": None, "confirmed": confirmed[name], "waiting": waiting[name]} for name in sorted(names)}
