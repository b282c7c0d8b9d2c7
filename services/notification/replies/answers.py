"""The answers to invitations as they are kept, and the seats that are given up when the grace time is over.

All of one registration is one stream of the ledger: an answer, the mail that tells of it, and later the request to
registration are each one commit. So nothing is freed that nobody was told of, and nothing is freed twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from services.notification.invitations import sent_of
from services.notification.mails import notice_row
from services.notification.metrics import REPLIES, SEATS_GIVEN_UP
from services.notification.picture import Picture, has_seat
from services.notification.replies.judging import Judgement, Known, Situation, Standing, judge
from services.notification.replies.reading import Word, read
from services.notification.store import MAILS, REPLIES_OF, Copy, Store, present, replies_stream
from shared.calendar.uid import personal_uid
from shared.clock import Clock
from shared.contracts.base import json_of
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registration import REGISTRATION_CANCELLED, RegistrationCancelled, Through
from shared.storage.lease import Lease
from shared.storage.ledger import Conflict, Ledgers, Page, Write
from shared.storage.mongo import Document, PyMongoError

GRACE = timedelta(minutes=60)
TRIES = 8

_log = structlog.get_logger()


class NotKnown(Exception):
    """There is no registration at this address, or not any more."""


class NotNow(Exception):
    """What the answer is about is not known here yet; the sender should try again."""


class Answers:
    """Takes answers and gives seats up. `wake` is called when there is a mail to send, `tell` when there is a message."""

    def __init__(
        self,
        store: Store,
        domain: str,
        clock: Clock,
        *,
        lease: Lease,
        grace: timedelta = GRACE,
        wake: Callable[[], None] = lambda: None,
        tell: Callable[[], None] = lambda: None,
        poll: float = 1.0,
    ) -> None:
        self._store, self._domain, self._clock, self._lease = store, domain, clock, lease
        self._grace, self._wake, self._tell, self._poll = grace, wake, tell, poll
        self._ledgers = Ledgers(store.database)
        self._replies = store.database[REPLIES_OF.name]

    async def take(self, registration_id: str, raw: bytes, sender: str | None) -> tuple[str, ...]:
        """Takes a mail to the address of a registration; what became of each answer in it. Raises NotKnown and NotNow."""
        reading = await asyncio.to_thread(read, raw, sender)
        if not reading.answers:
            REPLIES.labels("automatic" if reading.automatic else "unreadable").inc()
            return ()
        for _ in range(TRIES):
            copy, view = await self._view(registration_id)
            page, known = await self._known(registration_id)
            situation = Situation(view, copy.state.person.email, self._uids(copy), sent_of(copy.invited), known)
            now = self._clock()
            judgement = judge(reading, situation, now, self._grace)
            try:
                await self._commit_answers(copy, page, judgement, now)
            except Conflict:
                continue
            for outcome in judgement.outcomes:
                REPLIES.labels(outcome).inc()
            _log.info("mail_reply_taken", registration_id=registration_id, outcomes=list(judgement.outcomes))
            return judgement.outcomes
        raise NotNow(registration_id)

    async def waiting(self, registration_id: str) -> dict[str, Known]:
        """The sessions whose seats are to be given up, and when."""
        _, known = await self._known(registration_id)
        return {id_: one for id_, one in known.items() if one.standing is Standing.WAITING}

    async def keep(self, registration_id: str) -> int:
        """The person wants what waits to be given up after all; returns how many sessions. Raises NotKnown and NotNow."""
        for _ in range(TRIES):
            copy, _view = await self._view(registration_id)
            page, known = await self._known(registration_id)
            now = self._clock()
            kept = {
                id_: replace(one, standing=Standing.KEPT, stamped_at=max(now, one.stamped_at), frees_at=None)
                for id_, one in known.items()
                if one.standing is Standing.WAITING
            }
            try:
                await self._commit_answers(copy, page, Judgement(kept), now)
            except Conflict:
                continue
            return len(kept)
        raise NotNow(registration_id)

    async def run(self) -> None:
        """Gives up what is due until cancelled, in one process at a time. A fault of the database delays."""
        try:
            while True:
                try:
                    if await self._lease.hold():
                        await self.free_due()
                except PyMongoError as error:
                    _log.warning("answers_delayed", error=type(error).__name__)
                await asyncio.sleep(self._poll)
        finally:
            await self._lease.release()

    async def free_due(self) -> int:
        """Gives up all seats whose grace time is over; returns how many."""
        now = self._clock()
        due = {"standing": Standing.WAITING.value, "frees_at": {"$lte": now}}
        people = sorted({row["registration_id"] async for row in self._replies.find(due, {"registration_id": 1})})
        return sum([await self._free(registration_id, now) for registration_id in people])

    async def _free(self, registration_id: str, now: datetime) -> int:
        copy = await self._store.registration(registration_id)
        try:
            page, known = await self._known(registration_id)
        except NotKnown:  # forgotten in this moment
            return 0
        due = [id_ for id_, one in known.items() if _is_due(one, now)]
        if copy is None or not due:
            return 0
        view = present(copy, await self._store.agenda(copy.state.event_id))
        if view is None:
            return 0
        freed = [id_ for id_ in due if _still_counts(view, id_)]
        changed = {
            id_: replace(known[id_], standing=Standing.FREED if id_ in freed else Standing.SETTLED) for id_ in due
        }
        facts = [self._request(copy, freed, page.version + 1, now)] if freed else []
        try:
            await self._commit(registration_id, page, now, self._writes(copy, changed), facts)
        except Conflict:
            return 0  # somebody answered in this moment: judged again at the next look
        if freed:
            SEATS_GIVEN_UP.inc(len(freed))
            _log.info("seats_given_up_by_reply", registration_id=registration_id, sessions=len(freed))
            self._tell()
        return len(freed)

    def _request(self, copy: Copy, sessions: list[str], version: int, now: datetime) -> CloudEvent:
        """What registration is asked. The id follows from the stream's version: told twice it is one request."""
        id_ = f"invitation-answer:{copy.state.id}:{version}"
        data = RegistrationCancelled(
            event_id=copy.state.event_id,
            registration_id=copy.state.id,
            sessions=sorted(sessions),
            through=Through.INVITATION,
        )
        return CloudEvent(
            id=id_,
            source="/lectern/notification",
            type=REGISTRATION_CANCELLED,
            subject=f"registrations/{copy.state.id}",
            time=now,
            correlationid=id_,
            data=json_of(data),
        )

    async def _view(self, registration_id: str) -> tuple[Copy, Picture]:
        copy = await self._store.registration(registration_id)
        if copy is None:
            raise NotKnown(registration_id)
        view = present(copy, await self._store.agenda(copy.state.event_id))
        if view is None:
            raise NotNow(registration_id)
        return copy, view

    def _uids(self, copy: Copy) -> dict[str, str]:
        sessions = {*(copy.invited or {}), *(choice.session_id for choice in copy.state.choices)}
        return {personal_uid(id_, copy.state.id, self._domain): id_ for id_ in sessions}

    async def _known(self, registration_id: str) -> tuple[Page, dict[str, Known]]:
        """The stream, and the newest answers: as stored, and what the stream still has to write laid over them."""
        page = await self._ledgers.load(replies_stream(registration_id))
        if page.state.get("forgotten"):
            raise NotKnown(registration_id)
        rows: dict[str, Mapping[str, Any]] = {
            row["_id"]: row async for row in self._replies.find({"registration_id": registration_id})
        }
        for id_, (version, document) in page.overlay(REPLIES_OF.name).items():
            if id_ not in rows or rows[id_]["revision"] < version:
                rows[id_] = document
        return page, {row["session_id"]: _known(row) for row in rows.values()}

    async def _commit_answers(self, copy: Copy, page: Page, judgement: Judgement, now: datetime) -> None:
        writes = self._writes(copy, judgement.answers)
        if judgement.notice is not None:
            row = notice_row(
                copy.state.id, copy.state.event_id, judgement.notice, f"reply-{page.version + 1}", now, None
            )
            writes.append(Write(MAILS.name, row.pop("_id"), row))
        if not writes:
            return
        await self._commit(copy.state.id, page, now, writes, ())
        if judgement.notice is not None:
            self._wake()

    def _writes(self, copy: Copy, answers: Mapping[str, Known]) -> list[Write]:
        own = {"schema": 1, "registration_id": copy.state.id, "event_id": copy.state.event_id}
        return [
            Write(REPLIES_OF.name, f"{copy.state.id}/{id_}", {**own, "session_id": id_, **_stored(one)})
            for id_, one in sorted(answers.items())
        ]

    async def _commit(
        self, registration_id: str, page: Page, now: datetime, writes: list[Write], facts: Iterable[CloudEvent]
    ) -> None:
        entry = await self._ledgers.commit(page, {}, at=now, writes=writes, facts=tuple(facts))
        await self._ledgers.settle(page.stream, [entry])
        # Somebody who was forgotten between the commit and its writes leaves nothing behind.
        if (await self._ledgers.load(page.stream)).state.get("forgotten"):
            await self._store.forget_answers(registration_id)


def _still_counts(view: Picture, session_id: str) -> bool:
    """Whether there is a seat left to give up; registration looks once more."""
    session = view.sessions.get(session_id)
    chosen = session is not None and session.by_choice and view.event.admission.calendar_answers
    return chosen and has_seat(view, session_id)


def _is_due(one: Known, now: datetime) -> bool:
    return one.standing is Standing.WAITING and one.frees_at is not None and one.frees_at <= now


def _stored(one: Known) -> Document:
    return {
        "standing": one.standing.value,
        "word": one.word.value,
        "sequence": one.sequence,
        "stamped_at": one.stamped_at,
        "received_at": one.received_at,
        "frees_at": one.frees_at,
    }


def _known(row: Mapping[str, Any]) -> Known:
    return Known(
        Standing(row["standing"]),
        Word(row["word"]),
        row["sequence"],
        row["stamped_at"],
        row["received_at"],
        row.get("frees_at"),
    )
