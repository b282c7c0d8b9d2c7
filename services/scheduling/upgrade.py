"""What an earlier form of the data lacks, filled in once at the start; where nothing is lacking, it only looks."""

from __future__ import annotations

import structlog

from services.scheduling.store import Store, event_of
from services.scheduling.views import AGENDAS, EVENTS, agenda_view
from shared.clock import Clock
from shared.storage.ledger import Ledgers
from shared.storage.mongo import Database, DuplicateKeyError

_log = structlog.get_logger()


async def upgrade(database: Database, store: Store, clock: Clock) -> None:
    """Views of schema 1 do not say which series and programme an event is of, and there was no list of agendas."""
    events = database[EVENTS.name]
    async for document in events.find({"schema": 1}):
        state = document["state"]
        keys = {"series": (state.get("series") or {}).get("id"), "programme": state.get("programme_id")}
        await events.update_one({"_id": document["_id"], "schema": 1}, {"$set": {**keys, "schema": 2}})
    listed = {document["_id"] async for document in database[AGENDAS.name].find({}, {"_id": 1})}
    for stream in await Ledgers(database).streams():
        event_id = event_of(stream)
        draft = await store.draft(event_id) if event_id not in listed else None
        if draft is None:
            continue
        line = agenda_view(draft.agenda, draft.version, draft.published, clock())
        try:
            # Revision 0: whatever the ledger writes is newer.
            await database[AGENDAS.name].insert_one({"_id": event_id, **line.document, "revision": 0})
        except DuplicateKeyError:
            continue  # another process was faster
        _log.info("agenda_listed", event_id=event_id)
