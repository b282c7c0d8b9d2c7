"""Answers that come back at one look: sessions that are gone from a person's calendar, or declined there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from services.calendar_sync.accounts_store import Account, Calendar
from services.calendar_sync.answers import Blame, Fault
from services.calendar_sync.declining import (
    SUSPICIOUS,
    Evidence,
    Next,
    Notice,
    Reading,
    may_answer,
    next_step,
    reading,
    to_ask,
)
from services.calendar_sync.pusher import Pusher
from services.calendar_sync.reconciler import Desired, Known, Verdict
from services.calendar_sync.store import Agenda
from services.calendar_sync.tools import Tools
from shared.contracts.scheduling import EventState

_log = structlog.get_logger()


class CameBack:
    """What a look at a person's calendar does about sessions that the person removed or declined."""

    def __init__(
        self,
        tools: Tools,
        account: Account,
        calendar: Calendar,
        pusher: Pusher,
        agenda: Agenda,
        event: EventState,
        desired: Sequence[Desired],
        now: datetime,
    ) -> None:
        self._tools, self._account, self._calendar, self._pusher = tools, account, calendar, pusher
        self._event, self._now = event, now
        self._wanted = {want.session_id: want for want in desired}
        self._sessions = {told.state.id: told.state for told in agenda.sessions}
        # Stored times have no more than milliseconds, and a notice is known by its moment.
        self._moment = now.replace(microsecond=0)

    def may_answer(self, want: Desired, grace: timedelta | None = None) -> bool:
        """Whether the seat in this session can be given up by calendar, now or `grace` from now."""
        session = self._sessions.get(want.session_id)
        wait = self._tools.answering.grace if grace is None else grace
        return want.chosen and session is not None and may_answer(self._event, session, self._now, wait)

    async def settle(
        self, known: dict[str, Known], changed: Sequence[Known], *, reported: bool
    ) -> tuple[dict[str, Known], list[datetime]]:
        """Goes on with the absences that are known, and judges those that are new. Returns what is known then, and when to
        look again."""
        known = await self._new(known, changed, reported=reported)
        absent = [have for have in known.values() if have.absent_since is not None]
        if not absent:
            return known, []
        notices = await self._tools.answering.notices(self._account.whose().registration_id)
        steps = {have.session_id: self._step(have, notices.get(have.session_id)) for have in absent}
        again = [have for have in absent if steps[have.session_id] is Next.WRITE_AGAIN]
        told = [have for have in absent if steps[have.session_id] is Next.NOTICE]
        for moment in {have.absent_since for have in told if have.absent_since is not None}:
            sessions = [have.session_id for have in told if have.absent_since == moment]
            await self._tools.answering.notice(self._account.whose(), sessions, moment, clear=True)
        free = [have for have in absent if steps[have.session_id] is Next.FREE]
        if free:
            again.extend(await self._freed(free, known, notices))
        known = known | await self._written_again(again)
        times = [self._now + timedelta(minutes=1)] if told else []
        for have in absent:
            notice = notices.get(have.session_id)
            if steps[have.session_id] is Next.WAIT and notice is not None and notice.frees_at is not None:
                times.append(max(notice.frees_at, self._now + timedelta(seconds=30)))
        return known, times

    async def declined(self, have: Known) -> datetime:
        """An object that stands there, declined by the person; when to look at it again."""
        evidence = Evidence(0, 1, reported=True, declined=1)
        if reading(evidence) is Reading.ANSWER:
            await self._tools.accounts.keep_objects(
                [replace(have, there=True, look=False, absent_since=self._moment, next_attempt=None)]
            )
        return self._now

    async def _new(self, known: dict[str, Known], changed: Sequence[Known], *, reported: bool) -> dict[str, Known]:
        gone = [
            have
            for have in changed
            if not have.there
            and have.absent_since is None
            and (want := self._wanted.get(have.session_id)) is not None
            and self.may_answer(want)
        ]
        if not gone:
            return known
        lost = sum(not have.there for have in changed)
        if await self._reads_as_answer(lost, known, reported=reported):
            absent = [replace(have, absent_since=self._moment) for have in gone]
            await self._tools.accounts.keep_objects(absent)
            return known | {have.session_id: have for have in absent}
        await self._ask(gone)
        return known  # and so they are written again

    async def _reads_as_answer(self, gone: int, known: dict[str, Known], *, reported: bool) -> bool:
        hit, accounts = await self._tools.accounts.absences(self._calendar.server, self._now - SUSPICIOUS)
        kept = sum(have.there for have in known.values())
        evidence = Evidence(gone, kept, reported, accounts_hit=max(1, hit), accounts=accounts)
        return reading(evidence) is Reading.ANSWER

    def _step(self, have: Known, notice: Notice | None) -> Next:
        want = self._wanted.get(have.session_id)
        if want is None or not self.may_answer(want, timedelta(0)):
            return Next.WRITE_AGAIN  # nothing to give up any more, or no answers are taken
        assert have.absent_since is not None
        return next_step(have.absent_since, notice, self._now)

    async def _freed(self, free: Sequence[Known], known: dict[str, Known], notices: dict[str, Notice]) -> list[Known]:
        """Looks once more, at all of the calendar: what is still gone is given up. Returns what is written again."""
        listing = await self._pusher.calendar.listing()
        if listing is None:
            raise Fault("The calendar is no longer there.", Blame.ACCOUNT, gone=True)
        back: list[Known] = []
        still: list[Known] = []
        for have in free:
            if have.there:
                verdict = await self._pusher.verify(self._wanted[have.session_id], have)
                (still if verdict is Verdict.DECLINED else back).append(have)
            else:
                (back if have.name in listing.etags else still).append(have)
        there = {id_: have for id_, have in known.items() if have.there and have.name in listing.etags}
        gone = sum(not have.there for have in still)
        # The grace time is over: an object that the server told of as removed, and that is still not there, is gone.
        if still and await self._reads_as_answer(gone, there, reported=True):
            await self._tools.answering.free(self._account.whose(), [have.session_id for have in still])
            return back
        if still:
            await self._ask(still)
        return [*back, *still]

    async def _ask(self, gone: Sequence[Known]) -> None:
        """What is gone is no clear answer: the person is asked, and nothing is given up."""
        notices = await self._tools.answering.notices(self._account.whose().registration_id)
        sessions = [have.session_id for have in gone if to_ask(notices.get(have.session_id), self._now)]
        _log.warning("calendar_answer_unclear", calendar=self._calendar.id, sessions=len(gone))
        if sessions:
            await self._tools.answering.notice(self._account.whose(), sessions, self._moment, clear=False)

    async def _written_again(self, again: Sequence[Known]) -> dict[str, Known]:
        changed = [replace(have, absent_since=None, look=True, drifted_at=self._now) for have in again]
        await self._tools.accounts.keep_objects(changed)
        return {have.session_id: have for have in changed}
