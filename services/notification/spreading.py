"""From a changed agenda to the people it concerns: after a quiet time, whoever was told something else gets a mail.

The agenda carries a mark that it is to be spread. Spreading compares what each person was told with what stands now,
so it may be broken off and begun again, and changes that follow each other closely make one mail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from services.notification.domain import tell
from services.notification.mails import Mails
from services.notification.store import Agenda, Copy, Store, present, reference
from shared.clock import Clock
from shared.storage.lease import Lease
from shared.storage.mongo import Document, PyMongoError, Session, UpdateOne

QUIET = timedelta(seconds=5)
"""How long an agenda must be quiet before its changes are told."""

PATIENCE = 12
"""After so many quiet times the changes are told even though more keep coming."""

PAGE = 200
"""Registrations looked at together: one transaction notes their mails."""

_log = structlog.get_logger()


class Spreading:
    """Spreads changed agendas. `quiet` is the quiet time; `on_news` is called when there are mails to send."""

    def __init__(
        self,
        store: Store,
        mails: Mails,
        clock: Clock,
        quiet: timedelta = QUIET,
        *,
        lease: Lease,
        on_news: Callable[[], None],
        poll: float = 0.5,
    ) -> None:
        self._store, self._mails, self._clock, self._quiet = store, mails, clock, quiet
        self._lease, self._on_news, self._poll = lease, on_news, poll

    async def run(self) -> None:
        """Spreads until cancelled, in one process at a time. A fault of the database delays, it loses nothing."""
        try:
            while True:
                try:
                    if await self._lease.hold() and await self.spread_due():
                        self._on_news()
                except PyMongoError as error:
                    _log.warning("spreading_delayed", error=type(error).__name__)
                await asyncio.sleep(self._poll)
        finally:
            await self._lease.release()

    async def note(self, event_id: str, session: Session, now: datetime, correlation_id: str | None) -> None:
        """Marks an agenda as changed; each change begins the quiet time anew, up to `PATIENCE` times."""
        mark = await self._store.events.find_one({"_id": event_id}, {"unspread": 1, "since": 1}, session=session)
        since = mark["since"] if mark is not None and mark.get("unspread") else now
        await self._store.events.update_one(
            {"_id": event_id},
            {
                "$set": {
                    "unspread": True,
                    "since": since,
                    "spread_at": min(now + self._quiet, since + PATIENCE * self._quiet),
                    "correlation_id": correlation_id,
                },
                "$inc": {"changes": 1},
            },
            upsert=True,
            session=session,
        )

    async def spread_due(self) -> int:
        """Spreads every agenda whose quiet time is over; returns how many people have news."""
        now = self._clock()
        people = 0
        async for mark in self._store.events.find({"unspread": True, "spread_at": {"$lte": now}}):
            event_id = mark["_id"]
            count = await self._spread(event_id, mark.get("correlation_id"))
            await self._store.events.update_one(
                {"_id": event_id, "changes": mark["changes"]}, {"$set": {"unspread": False}}
            )
            _log.info("agenda_changes_spread", event_id=event_id, mails=count)
            people += count
        return people

    async def _spread(self, event_id: str, correlation_id: str | None) -> int:
        agenda = await self._store.agenda(event_id)
        count, last = 0, ""
        while True:
            rows = self._store.registrations.find({"event_id": event_id, "_id": {"$gt": last}}).sort("_id", 1)
            page = [(row["_id"], Copy.of(row)) async for row in rows.limit(PAGE)]
            if not page:
                return count
            last = page[-1][0]
            count += await self._spread_page(event_id, page, agenda, correlation_id)

    async def _spread_page(
        self, event_id: str, page: list[tuple[str, Copy]], agenda: Agenda, correlation_id: str | None
    ) -> int:
        news: list[str] = []
        # Who was never told anything has a row that waits for its first mail. It may be under way and say what stood
        # before: then the next one is due after it.
        untold = [id_ for id_, copy in page if copy.told is None]
        known: list[UpdateOne] = []
        changed: list[tuple[str, Copy, Document]] = []
        for id_, copy in page:
            if copy.told is not None and not _up_to_date(copy.told, agenda):
                changed.append((id_, copy, copy.told))
        before = await self._store.pictures(event_id, [told for _, _, told in changed])
        for (id_, copy, told), earlier in zip(changed, before, strict=True):
            now = present(copy, agenda)
            if now is None:
                continue  # a chosen session is not known yet; its fact marks the agenda again
            if tell(earlier, now) is not None:
                news.append(id_)
            else:
                # A first publication is not told, but from now on a change of it is one.
                current = reference(now)
                sessions = {**told["sessions"], **current["sessions"]}
                known.append(
                    UpdateOne(
                        {"_id": id_, "tellings": copy.tellings},
                        {"$set": {"told.sessions": sessions, "told.event": current["event"]}},
                    )
                )
        if known:
            await self._store.registrations.bulk_write(known, ordered=False)
        if news or untold:

            async def work(session: Session) -> None:
                await self._mails.due([*news, *untold], session, self._clock(), correlation_id)

            await self._store.database.atomically(work)
        return len(news)


def _up_to_date(told: Document, agenda: Agenda) -> bool:
    return (
        agenda.event is not None
        and told["event"] == agenda.event.revision
        and all(told["sessions"].get(id_) == session.revision for id_, session in agenda.sessions.items())
    )
