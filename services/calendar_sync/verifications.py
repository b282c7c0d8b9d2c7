"""Verifications as jobs: asked for over HTTP, worked by one process at a time, gone on with after a crash, told as they go."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog

from services.calendar_sync.accounts_store import CALENDARS, Calendar
from services.calendar_sync.tools import Tools
from services.calendar_sync.upkeep import Upkeep
from services.calendar_sync.verifying import Verified, Verifying, What, sessions_of
from shared.storage.lease import Lease
from shared.storage.mongo import Collection, Database, Document, Index, PyMongoError

VERIFICATIONS = Collection(
    "verifications",
    (Index((("state", 1), ("started_at", 1))), Index((("finished_at", 1),), expire_after=30 * 24 * 3600)),
)

COLLECTIONS = (VERIFICATIONS,)

TOLD_CALENDARS = 100
"""So many calendars that are not well are told of one by one."""

TOLD_OBJECTS = 100
"""So many objects of each."""

_PAGE = 20
_log = structlog.get_logger()


class JobState(StrEnum):
    """How far a verification is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"


_UNDONE = {"$in": [str(JobState.WAITING), str(JobState.RUNNING)]}


@dataclass(frozen=True)
class Verification:
    """One verification as stored; `found` has the calendars that are not well, `troubled` counts them all."""

    id: str
    state: JobState
    wanted: Mapping[str, str]
    repair: bool
    started_at: datetime
    finished_at: datetime | None
    total: int
    done: int
    equal: int
    different: int
    waiting: int
    unread: int
    troubled: int
    found: list[Document]


class Verifications:
    """The stored verifications."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = database[VERIFICATIONS.name]

    async def ask(
        self, wanted: Mapping[str, str], fields: Mapping[str, Any], *, repair: bool, id_: str, now: datetime
    ) -> str:
        """Asks for one of the calendars with these `fields` (`wanted`: as it was asked for); returns its id. One that is asked
        for already and not done is the same."""
        same = {"wanted": dict(wanted), "repair": repair, "state": _UNDONE}
        found = await self._jobs.find_one(same, {"_id": 1})
        if found is not None:
            return str(found["_id"])
        total = await self._database[CALENDARS.name].count_documents({**fields, "leaving": False})
        counted = dict.fromkeys(("done", "equal", "different", "waiting", "unread", "troubled"), 0)
        job = {
            "_id": id_,
            "state": str(JobState.WAITING),
            "wanted": dict(wanted),
            "fields": dict(fields),
            "repair": repair,
        }
        await self._jobs.insert_one(
            {**job, **counted, "total": total, "started_at": now, "found": [], "page": [], "cursor": None, "schema": 1}
        )
        return id_

    async def get(self, id_: str) -> Verification | None:
        """The verification with this id."""
        job = await self._jobs.find_one({"_id": id_})
        if job is None:
            return None
        values: dict[str, Any] = {
            name: job.get(name) for name in Verification.__dataclass_fields__ if name not in ("id", "state")
        }
        return Verification(id=job["_id"], state=JobState(job["state"]), **values)

    async def next(self) -> Document | None:
        """The oldest that is not done."""
        return await self._jobs.find_one({"state": _UNDONE}, sort=[("started_at", 1)])

    async def note(self, id_: str, change: Document) -> None:
        """Notes how far it is."""
        await self._jobs.update_one({"_id": id_}, change)

    async def count(self, id_: str, calendar: str, change: Document) -> None:
        """Counts a calendar, once however often it was read."""
        counted = {**change, "$addToSet": {"page": calendar}}
        await self._jobs.update_one({"_id": id_, "page": {"$ne": calendar}}, counted)


class Verifier:
    """Works verifications, one after the other. `poll` in seconds."""

    def __init__(self, tools: Tools, upkeep: Upkeep, lease: Lease, poll: float = 1.0) -> None:
        self._tools, self._upkeep, self._lease, self._poll = tools, upkeep, lease, poll
        self.store = Verifications(tools.accounts.database)
        self._held = False

    async def run(self) -> None:
        """Works until cancelled."""
        try:
            while True:
                try:
                    if not await self.round():
                        await asyncio.sleep(self._poll)
                except PyMongoError as error:
                    _log.warning("calendar_verification_delayed", error=type(error).__name__)
                    await asyncio.sleep(self._poll)
        finally:
            self._held = False

    async def round(self) -> bool:
        """Works the next verification to its end; False where there is none, or another process works it."""
        job = await self.store.next()
        if job is None:
            return False
        self._held = await self._lease.hold()
        if not self._held:
            return False
        await self.store.note(job["_id"], {"$set": {"state": str(JobState.RUNNING)}})
        verifying = Verifying(self._tools, lambda: self._held)
        cursor, finished = job["cursor"], set(job["page"])
        while self._held:
            page = await self._page(job["fields"], cursor)
            if not page:
                await self._end(job["_id"])
                return True
            holding = asyncio.create_task(self._hold())
            reading = [asyncio.create_task(self._one(job, verifying, c)) for c in page if c.id not in finished]
            try:
                await asyncio.gather(*reading)
            finally:
                for task in (holding, *reading):
                    task.cancel()
                await asyncio.gather(holding, *reading, return_exceptions=True)
            cursor, finished = page[-1].id, set()
            await self.store.note(job["_id"], {"$set": {"cursor": cursor, "page": []}})
        return False

    async def _hold(self) -> None:
        """Keeps the lease while calendars are read."""
        while self._held:
            await asyncio.sleep(1.0)
            self._held = await self._lease.hold()

    async def _page(self, fields: Mapping[str, Any], cursor: str | None) -> list[Calendar]:
        after = {"_id": {"$gt": cursor}} if cursor is not None else {}
        wanted = {"$and": [dict(fields), after, {"leaving": False}]}
        found = self._tools.accounts.database[CALENDARS.name].find(wanted, {"_id": 1}).sort("_id", 1).limit(_PAGE)
        ids = [one["_id"] async for one in found]
        return await self._tools.accounts.calendars(_id={"$in": ids}) if ids else []

    async def _one(self, job: Document, verifying: Verifying, calendar: Calendar) -> None:
        verified = await verifying.verify(calendar)
        if not self._held:
            return  # whoever works it now reads this calendar again
        trouble = bool(verified.different or verified.unread or verified.error)
        counted = {
            "done": 1,
            "equal": verified.equal,
            "different": len(verified.different),
            "waiting": verified.waiting,
            "unread": verified.unread,
            "troubled": int(trouble),
        }
        change: Document = {"$inc": counted}
        if trouble:
            change["$push"] = {"found": {"$each": [_told(verified)], "$slice": TOLD_CALENDARS}}
        if job["repair"] and verified.different:
            await self._repair(verified)
        await self.store.count(job["_id"], calendar.id, change)

    async def _repair(self, verified: Verified) -> None:
        """What is gone is found by listing the calendar anew: there it is told apart from a person's answer."""
        now = self._tools.clock()
        others = sessions_of(verified.different, What.CHANGED, What.FOREIGN, What.DECLINED)
        await self._upkeep.look_again(others, now)
        await self._upkeep.repair({"_id": verified.calendar.id}, now)
        _log.info("calendar_repair_asked", calendar=verified.calendar.id, objects=len(verified.different))

    async def _end(self, id_: str) -> None:
        done = {"state": str(JobState.DONE), "finished_at": self._tools.clock()}
        await self.store.note(id_, {"$set": done, "$unset": {"page": "", "cursor": ""}})
        await self._lease.release()
        _log.info("calendar_verification_done", verification=id_)


def _told(verified: Verified) -> Document:
    scope = verified.calendar.scope
    return {
        "id": verified.calendar.id,
        "kind": str(scope.kind),
        "event_id": scope.event_id,
        "name": scope.name,
        "equal": verified.equal,
        "waiting": verified.waiting,
        "unread": verified.unread,
        "error": verified.error,
        "different": len(verified.different),
        "objects": [
            {"session_id": one.known.session_id, "what": str(one.what)} for one in verified.different[:TOLD_OBJECTS]
        ],
    }
