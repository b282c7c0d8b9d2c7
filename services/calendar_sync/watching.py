"""Keeps the metrics of what waits up to date: worked out from what is stored, with a bound on the work of each round."""

from __future__ import annotations

import asyncio

import structlog

from services.calendar_sync.accounts_store import ACCOUNTS as STORED_ACCOUNTS
from services.calendar_sync.accounts_store import CALENDARS, AccountState
from services.calendar_sync.metrics import ACCOUNTS, CALENDARS_WAITING, SERVERS_PAUSED, WAITING, WAITING_SECONDS
from services.calendar_sync.status import SHARED, CalendarStatus, Statuses
from services.calendar_sync.tools import Tools
from shared.clock import Clock
from shared.storage.mongo import Document, PyMongoError

LOOKED_AT = 500
"""So many personal calendars are compared in one round, those first that changed first; beyond that they are counted only."""

_PAGE = 100
_log = structlog.get_logger()


async def watch(tools: Tools, clock: Clock, every: float = 15.0) -> None:
    """Measures until cancelled; `every` in seconds."""
    while True:
        try:
            await measure(tools, clock)
        except PyMongoError as error:
            _log.warning("calendar_metrics_delayed", error=type(error).__name__)
        await asyncio.sleep(every)


async def measure(tools: Tools, clock: Clock) -> None:
    """One round."""
    now, database = clock(), tools.accounts.database
    statuses = Statuses(tools)
    waiting: list[CalendarStatus] = []
    cursor: str | None = None
    while True:
        found, cursor = await statuses.page(SHARED, cursor, _PAGE, now)
        waiting += [status for status in found if status.waiting]
        if cursor is None:
            break
    shared = len(waiting)
    # A personal calendar that waits is due, or its last look left an error. What only its person can mend is told by state.
    lost = await database[STORED_ACCOUNTS.name].distinct("_id", {"state": str(AccountState.LOST)})
    maybe: Document = {
        "scope.kind": "person",
        "account": {"$nin": lost},
        "$or": [{"due": {"$lte": now}}, {"error": {"$ne": None}}],
    }
    calendars = database[CALENDARS.name]
    found_ids = [c["_id"] async for c in calendars.find(maybe, {"_id": 1}).sort("changed_at", 1).limit(LOOKED_AT + 1)]
    for start in range(0, min(LOOKED_AT, len(found_ids)), _PAGE):
        ids = found_ids[start : min(start + _PAGE, LOOKED_AT)]
        page = await statuses.of(await tools.accounts.calendars(_id={"$in": ids}), now)
        waiting += [status for status in page if status.waiting]
    beyond = await calendars.count_documents(maybe) - LOOKED_AT if len(found_ids) > LOOKED_AT else 0
    since = [status.waiting_since for status in waiting if status.waiting_since is not None]
    WAITING.set(sum(len(status.waiting) for status in waiting))
    WAITING_SECONDS.set(max(0.0, (now - min(since)).total_seconds()) if since else 0.0)
    CALENDARS_WAITING.labels("shared").set(shared)
    CALENDARS_WAITING.labels("personal").set(len(waiting) - shared + max(0, beyond))
    by_state = {str(state): 0 for state in AccountState}
    grouped: list[Document] = [
        {"$match": {"registration_id": {"$ne": None}}},
        {"$group": {"_id": "$state", "number": {"$sum": 1}}},
    ]
    async for group in database[STORED_ACCOUNTS.name].aggregate(grouped):
        by_state[group["_id"]] = group["number"]
    for state, number in by_state.items():
        ACCOUNTS.labels(state).set(number)
    servers = await tools.accounts.servers()
    SERVERS_PAUSED.set(sum(s.paused_until is not None and s.paused_until > now for s in servers.values()))
