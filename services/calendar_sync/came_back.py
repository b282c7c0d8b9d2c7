"""Answers that come back at one look: sessions that are gone from a person's calendar, or declined there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from services.calendar_sync.accounts_store import Account, Calendar
from services.calendar_sync.answers import Blame, Fault
from services.calendar_sync.declining import (
    AT_MOST,
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
from services.calendar_sync.following import Following
from services.calendar_sync.reconciler import Desired, Known, Verdict
from services.calendar_sync.store import Agenda
from services.calendar_sync.tools import Tools
from services.calendar_sync.trouble import Trouble
from shared.contracts.scheduling import EventState

_log = structlog.get_logger()


class CameBack:
    """What a look at a person's calendar does about sessions that the person removed or declined."""

    def __init__(
        self,
        tools: Tools,
        account: Account,
        calendar: Calendar,
        following: Following,
        agenda: Agenda,
        event: EventState,
        desired: Sequence[Desired],
        now: datetime,
    ) -> None:
        self._tools, self._account, self._calendar = tools, account, calendar
        self._following, self._pusher = following, following.pusher
        self._event, self._now = event, now
        self._wanted = {want.session_id: want for want in desired}
        self._sessions = {told.state.id: told.state for told in agenda.sessions}
        # Stored times have no more than milliseconds, and a notice is known by its moment.
        self._moment = now.replace(microsecond=0)
        self._declined: list[Known] = []
        self._unsure: set[str] = set()

    def may_answer(self, want: Desired, grace: timedelta | None = None) -> bool:
        """Whether the seat in this session can be given up by calendar, now or `grace` from now."""
        session = self._sessions.get(want.session_id)
        wait = self._tools.answering.grace if grace is None else grace
        return want.chosen and session is not None and may_answer(self._event, session, self._now, wait)

    async def settle(
        self, known: dict[str, Known], changed: Sequence[Known], *, reported: bool, history_lost: bool = False
    ) -> tuple[dict[str, Known], list[datetime]]:
        """Goes on with the absences that are known, and judges those that are new. Returns what is known then, and when to
        look again."""
        known, changed = await self._moved(known, changed)
        known = await self._new(known, changed, reported=reported, history_lost=history_lost)
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

    async def _moved(
        self, known: dict[str, Known], changed: Sequence[Known]
    ) -> tuple[dict[str, Known], Sequence[Known]]:
        """Finds what the person moved to another calendar of the account: a session stands in one of them only, and moving it
        there says nothing about the seat. What is wanted no more is removed there."""
        gone = [have for have in changed if not have.there]
        if not 0 < len(gone) <= AT_MOST:
            return known, changed
        moved = [at for have in gone if (at := await self._standing_elsewhere(have)) is not None]
        await self._tools.accounts.keep_objects(moved)
        left_alone = {have.session_id: have for have in moved}
        return known | left_alone, [have for have in changed if have.session_id not in left_alone]

    async def _standing_elsewhere(self, have: Known) -> Known | None:
        """What is known of an object that stands in another calendar of the account; None where it is not found. Where not
        all of them could be looked in, it is noted that this is not sure."""
        want = self._wanted.get(have.session_id)
        uid = self._tools.objects.uid(have.session_id, self._calendar.scope)
        search = await self._following.find(uid, want.mark if want is not None else None, everywhere=True)
        if search.standing is None:
            if not search.whole:
                self._unsure.add(have.session_id)
            return None
        return replace(have, elsewhere=have.written or "", stands_in=search.standing.path, drifted_at=None)

    def declined(self, have: Known, stands_in: str | None) -> datetime:
        """An object that stands there, or in the calendar to which the person moved it, declined by the person; when to look
        at it again."""
        self._declined.append(replace(have, there=stands_in is None, stands_in=stands_in, elsewhere=stands_in))
        return self._now

    async def settle_declined(self, known: Mapping[str, Known]) -> None:
        """Judges all that this look found declined, together: many at once are no answers. About what the person moved to
        another calendar and declined there, the person is asked; the next change is written over it."""
        moved = [have for have in self._declined if not have.there]
        if moved:
            await self._ask(moved)
            await self._tools.accounts.keep_objects([self._left_declined(have) for have in moved])
        found = [replace(have, look=False, missed_at=self._now) for have in self._declined if have.there]
        if found:
            await self._judged(dict(known), found, gone=0, reported=True)

    def _left_declined(self, have: Known) -> Known:
        now = self._wanted[have.session_id].fingerprint
        return replace(have, look=False, etag=None, elsewhere=now, kept=True, drifted_at=None, next_attempt=None)

    async def _new(
        self, known: dict[str, Known], changed: Sequence[Known], *, reported: bool, history_lost: bool
    ) -> dict[str, Known]:
        gone = [
            have
            for have in changed
            if not have.there
            and have.absent_since is None
            and (want := self._wanted.get(have.session_id)) is not None
            and self.may_answer(want)
        ]
        if len(gone) <= AT_MOST:
            gone = [have for have in gone if not await self._stands_elsewhere(have)]
        if not gone:
            return known  # what stands under another name is found there when it is written
        lost = sum(not have.there for have in changed)
        # A server that has forgotten our token may have gone back to an older backup, which lacks what was written last.
        unclear = history_lost or any(have.session_id in self._unsure for have in gone)
        return await self._judged(known, gone, gone=lost, reported=reported, unclear=unclear)

    async def _judged(
        self, known: dict[str, Known], found: Sequence[Known], *, gone: int, reported: bool, unclear: bool = False
    ) -> dict[str, Known]:
        """Judges what one look found, with what was noticed before and still waits: a calendar may be emptied little by
        little. Returns what is known then."""
        waiting = await self._waiting(known)
        clear = not unclear and await self._reads_as_answer(
            gone + sum(not have.there for have in waiting),
            sum(have.there for have in (*found, *waiting)),
            sum(have.there for have in known.values()),
            reported=reported,
            noticed=[self._now],
        )
        if clear:
            absent = [replace(have, absent_since=self._moment, next_attempt=None) for have in found]
            await self._tools.accounts.keep_objects(absent)
            return known | {have.session_id: have for have in absent}
        await self._ask([*found, *waiting])
        # What is gone and new is written again as it is.
        return known | await self._written_again([*(have for have in found if have.there), *waiting])

    async def _waiting(self, known: Mapping[str, Known]) -> list[Known]:
        """Absences that were taken for answers, and whose seats are not given up yet."""
        absent = [have for have in known.values() if have.absent_since is not None]
        notices = await self._tools.answering.notices(self._account.whose().registration_id) if absent else {}
        return [
            have
            for have in absent
            if (notice := notices.get(have.session_id)) is None
            or notice.noticed_at != have.absent_since
            or notice.freed_at is None
        ]

    async def _stands_elsewhere(self, have: Known) -> bool:
        """Whether the session stands in the calendar under another name: a program that takes a removal back, or moves an
        entry there and back, writes it anew. Where the search failed, it is noted that this is not sure."""
        try:
            return await self._pusher.found(self._wanted[have.session_id], have.name) is not None
        except Fault as fault:
            if fault.blame is not Blame.OBJECT:
                raise
            if fault.unknown:
                self._unsure.add(have.session_id)
            return False  # the server does not search

    async def _reads_as_answer(
        self, gone: int, declined: int, kept: int, *, reported: bool, noticed: Sequence[datetime]
    ) -> bool:
        """Whether this is an answer; `noticed` are the moments at which it was found."""
        since, until = min(noticed) - SUSPICIOUS, max(noticed) + SUSPICIOUS
        hit, accounts = await self._tools.accounts.absences(self._calendar.server, since, until)
        evidence = Evidence(gone, kept, reported, declined, accounts_hit=max(1, hit), accounts=accounts)
        return reading(evidence) is Reading.ANSWER

    def _step(self, have: Known, notice: Notice | None) -> Next:
        want = self._wanted.get(have.session_id)
        if want is None or not self.may_answer(want, timedelta(0)):
            return Next.WRITE_AGAIN  # nothing to give up any more, or no answers are taken
        assert have.absent_since is not None
        return next_step(have.absent_since, notice, self._now)

    async def _freed(self, free: Sequence[Known], known: dict[str, Known], notices: dict[str, Notice]) -> list[Known]:
        """Looks once more, at all of the calendar: what is still gone is given up. Returns what is written again; that is
        also what may stand where nobody could look, and the person is asked about it."""
        listing = await self._pusher.calendar.listing()
        if listing is None:
            raise Fault("The calendar is no longer there.", Blame.ACCOUNT, kind=Trouble.GONE, gone=True)
        back: list[Known] = []
        still: list[Known] = []
        for have in free:
            if have.there:
                verdict = await self._pusher.verify(self._wanted[have.session_id], have)
                (still if verdict is Verdict.DECLINED else back).append(have)
            else:
                there_again = have.name in listing.etags or await self._stands_elsewhere(have)
                moved = None if there_again else await self._standing_elsewhere(have)
                unsure = have.session_id in self._unsure
                (back if there_again or moved or unsure else still).append(moved or have)
        unsure_of = [have for have in back if have.session_id in self._unsure]
        if unsure_of:
            await self._ask(unsure_of)
        others = [have for have in known.values() if have.there]
        kept = sum(have.name in listing.etags for have in others)
        # The grace time is over: an object that the server told of as removed, and that is still not there, is gone. But
        # not where it lists nothing of what should be there.
        gone = sum(not have.there for have in still)
        if still and await self._reads_as_answer(
            gone,
            len(still) - gone,
            kept,
            reported=kept > 0 or not others,
            noticed=[have.absent_since for have in still if have.absent_since is not None],
        ):
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
        changed = [replace(have, absent_since=None, look=True, kept=True, drifted_at=self._now) for have in again]
        await self._tools.accounts.keep_objects(changed)
        return {have.session_id: have for have in changed}
