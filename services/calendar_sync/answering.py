"""Answers that came back from calendars, kept and told: what was noticed, what is given up and when, what was lost.

Each registration has a ledger: what is told and what is remembered of it are one commit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from services.calendar_sync.declining import Notice, notices_of
from services.calendar_sync.domain import Whose
from services.calendar_sync.metrics import ANSWERS
from services.calendar_sync.store import REGISTRATIONS
from shared.clock import Clock
from shared.contracts.base import json_of
from shared.contracts.calendar_sync import ANSWER_NOTICED, CALENDAR_LOST, AnswerNoticed, CalendarLost, Lost
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registration import REGISTRATION_CANCELLED, REGISTRATION_ERASED, RegistrationCancelled, Through
from shared.facts import fact
from shared.storage.inbox import was_applied
from shared.storage.ledger import LEDGERS, Conflict, Ledgers, Page
from shared.storage.mongo import Database, Document

_ROUNDS = 5
_log = structlog.get_logger()


class Answering:
    """Keeps and tells answers. `grace`: how long after it was noticed a seat is given up."""

    def __init__(self, database: Database, clock: Clock, grace: timedelta, wake_relay: Callable[[], None]) -> None:
        self._database, self._ledgers = database, Ledgers(database)
        self._clock, self.grace, self._wake_relay = clock, grace, wake_relay

    async def notices(self, registration_id: str) -> dict[str, Notice]:
        """What was noticed, by session."""
        return notices_of((await self._ledgers.load(_stream(registration_id))).state.get("sessions", {}))

    async def notice(self, whose: Whose, sessions: Sequence[str], noticed_at: datetime, *, clear: bool) -> None:
        """Notes that sessions are gone and tells it. `clear`: their seats are given up after the grace time, which begins
        now, however long ago that was; else the person is asked."""
        frees_at = max(noticed_at, self._clock().replace(microsecond=0)) + self.grace if clear else None
        told = AnswerNoticed(
            registration_id=whose.registration_id,
            event_id=whose.event_id,
            sessions=list(sessions),
            noticed_at=noticed_at,
            frees_at=frees_at,
        )

        def change(notices: dict[str, Notice], version: int) -> list[CloudEvent] | None:
            if all(id_ in notices and notices[id_].noticed_at == noticed_at for id_ in sessions):
                return None  # told before a crash
            notices.update({id_: Notice(noticed_at, frees_at) for id_ in sessions})
            subject = f"calendars/{whose.registration_id}"
            return [fact(ANSWER_NOTICED, subject, version, told, at=self._clock())]

        await self._commit(whose.registration_id, change)
        ANSWERS.labels("noticed" if clear else "asked").inc(len(sessions))
        _log.info("calendar_answer_noticed", registration_id=whose.registration_id, sessions=len(sessions), clear=clear)

    async def free(self, whose: Whose, sessions: Sequence[str]) -> None:
        """Gives the seats up: asks registration for it, in the person's name."""
        now = self._clock()

        def change(notices: dict[str, Notice], version: int) -> list[CloudEvent] | None:
            # The person may have said meanwhile that the seat is kept: then `frees_at` is gone.
            still = [
                id_
                for id_ in sessions
                if id_ in notices and notices[id_].freed_at is None and notices[id_].frees_at is not None
            ]
            notices.update({id_: replace(notices[id_], freed_at=now) for id_ in still})
            if not still:
                return None
            wish = RegistrationCancelled(
                event_id=whose.event_id,
                registration_id=whose.registration_id,
                sessions=still,
                through=Through.CALENDAR,
            )
            return [
                CloudEvent(
                    id=f"calendar-answer:{whose.registration_id}:{version}",
                    source="/lectern/calendar-sync",
                    type=REGISTRATION_CANCELLED,
                    time=now,
                    data=json_of(wish),
                )
            ]

        await self._commit(whose.registration_id, change)
        ANSWERS.labels("taken").inc(len(sessions))
        _log.info("calendar_answer_taken", registration_id=whose.registration_id, sessions=len(sessions))

    async def keep(self, registration_id: str, sessions: Sequence[str] | None = None) -> list[str]:
        """The person keeps these seats (None: all whose time has not come): nothing is given up any more. Returns which; a
        seat that was given up already is not among them. There is nothing to tell: registration never knew."""
        now = self._clock()
        kept: list[str] = []

        def change(notices: dict[str, Notice], _: int) -> list[CloudEvent] | None:
            kept[:] = [
                id_
                for id_, notice in notices.items()
                if notice.freed_at is None and notice.kept_at is None and (sessions is None or id_ in sessions)
            ]
            notices.update({id_: replace(notices[id_], frees_at=None, kept_at=now) for id_ in kept})
            return [] if kept else None

        await self._commit(registration_id, change)
        return kept

    async def lost(self, whose: Whose, reason: Lost, since: datetime) -> None:
        """Tells that the person's calendar is out of reach, once for each time that it began to fail (`since`): whoever dies
        before that is noted elsewhere may tell it again."""
        told = CalendarLost(registration_id=whose.registration_id, event_id=whose.event_id, reason=reason, since=since)

        def change(_: dict[str, Notice], version: int) -> list[CloudEvent] | None:
            return [fact(CALENDAR_LOST, f"calendars/{whose.registration_id}", version, told, at=self._clock())]

        known = {"reason": str(reason), "since": since.replace(microsecond=0)}
        if await self._commit(whose.registration_id, change, lost=known):
            _log.warning("calendar_lost", registration_id=whose.registration_id, reason=str(reason))

    async def forget(self, registration_id: str) -> None:
        """Forgets what was noticed; what was not told yet, because a process died, is told first. Safe to repeat."""
        for _ in range(_ROUNDS):
            page = await self._ledgers.load(_stream(registration_id))
            if page.version == 0:
                return
            await self._ledgers.settle(page.stream, page.entries)
            gone = {"_id": page.stream, "version": page.version, "entries": []}
            if (await self._database[LEDGERS.name].delete_one(gone)).deleted_count:
                return
        raise Conflict(registration_id)

    async def left_over(self) -> list[str]:
        """The registrations of people who were forgotten, and of which something noticed is kept all the same: a process
        died before it was removed, or a look that was under way noted it."""
        ledgers = self._database[LEDGERS.name].find({"_id": {"$regex": f"^{_stream('')}"}}, {"_id": 1})
        ids = [row["_id"].removeprefix(_stream("")) async for row in ledgers]
        people = self._database[REGISTRATIONS.name].find({"_id": {"$in": ids}}, {"_id": 1})
        known = {row["_id"] async for row in people}
        return [
            id_
            for id_ in ids
            if id_ not in known and await was_applied(self._database, REGISTRATION_ERASED, f"registrations/{id_}")
        ]

    async def _commit(
        self,
        registration_id: str,
        change: Callable[[dict[str, Notice], int], list[CloudEvent] | None],
        *,
        lost: Document | None = None,
    ) -> bool:
        """Commits a change of the notices, and what is told of it; False where there is nothing to change. `lost`: how the
        calendar is out of reach; where that is known, it was told."""
        for _ in range(_ROUNDS):
            page: Page = await self._ledgers.load(_stream(registration_id))
            notices = notices_of(page.state.get("sessions", {}))
            facts = change(notices, page.version + 1)
            if facts is None or (lost is not None and page.state.get("lost") == lost):
                return False
            state: Document = {"sessions": {id_: notice.as_data() for id_, notice in notices.items()}}
            if lost is not None:
                state["lost"] = lost
            try:
                entry = await self._ledgers.commit(page, state, at=self._clock(), facts=facts)
            except Conflict:
                continue
            await self._ledgers.settle(page.stream, [entry])
            self._wake_relay()
            return True
        raise Conflict(registration_id)


def _stream(registration_id: str) -> str:
    return f"calendars/{registration_id}"
