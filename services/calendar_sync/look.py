"""One look at one calendar: see that it is there, find what others changed, bring right what differs, or clear it away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from structlog.contextvars import bound_contextvars

from services.calendar_sync.accounts_store import Account, AccountState, Calendar
from services.calendar_sync.answers import Answer, Blame, Fault, InvalidToken, fault_of
from services.calendar_sync.came_back import CameBack
from services.calendar_sync.domain import Seats
from services.calendar_sync.following import Following
from services.calendar_sync.metrics import OBJECTS, REPAIRED
from services.calendar_sync.pace import Stopped, may_make_calendar
from services.calendar_sync.probing import ProbeFailed, probe
from services.calendar_sync.profile import Profile
from services.calendar_sync.pusher import Declined, Pusher
from services.calendar_sync.reconciler import (
    Desired,
    Difference,
    Kind,
    Known,
    Listing,
    differences,
    drifted,
    moved_back,
)
from services.calendar_sync.remote_calendar import Asks, RemoteCalendar
from services.calendar_sync.store import Agenda
from services.calendar_sync.tools import Tools
from services.calendar_sync.trouble import Trouble
from shared.contracts.base import said_in
from shared.contracts.scheduling import EventState

_log = structlog.get_logger()

Settled = Callable[[], Awaitable[None]]
Failed = Callable[[Fault, Account], Awaitable[None]]
Pause = Callable[[int, Fault | None], timedelta]


class Result(StrEnum):
    """How a look ended."""

    WELL = "well"
    """The server took part, and nothing of the account's failed."""
    PARTLY = "partly"
    IDLE = "idle"
    """Nothing was asked of the server."""
    GONE = "gone"
    """The calendar is forgotten."""


@dataclass(frozen=True)
class Looked:
    """What a look found out, and when to look again."""

    calendar: Calendar
    due: datetime
    result: Result


@dataclass(frozen=True)
class _Later:
    """An object that is not right yet: when to come back to it, and why."""

    again: datetime
    fault: Fault | None = None
    check: bool = False


class Look:
    """A look at `calendar` of `account` with `session`; `now` is its moment. `alone`: what one look at a time may do in the
    account."""

    def __init__(
        self,
        tools: Tools,
        account: Account,
        calendar: Calendar,
        session: Asks,
        succeeded: Settled,
        failed: Failed,
        pause: Pause,
        now: datetime,
        alone: asyncio.Lock,
    ) -> None:
        self._tools, self._account, self._calendar = tools, account, calendar
        self._session = session
        self._remote = RemoteCalendar(session, calendar.path)
        self._succeeded, self._failed, self._pause = succeeded, failed, pause
        self._now, self._alone = now, alone
        self._profile = account.profile
        self._asked = self._history_lost = False
        self._written: list[Known] = []
        self._changed: list[str] = []

    async def bring_right(self, limit: int | None = None) -> Looked:
        """Brings what differs right: `limit` objects at the most. Raises Fault and Stopped."""
        tools, calendar, now = self._tools, self._calendar, self._now
        agenda = await tools.agendas.get(calendar.scope.event_id)
        event = agenda.event
        if event is None:  # sessions told before their event; its own fact makes the calendar due again
            return Looked(calendar, now + tools.pace.check_every, Result.IDLE)
        seats = await self._seats()
        language = seats.language if seats is not None else (calendar.language or event.languages[0])
        known = await tools.accounts.objects(calendar.id)
        known, reported, changed = await self._checked(agenda, event, language, known)
        desired = tools.objects.desired(agenda, event, calendar.scope, now, language=language, seats=seats)
        times: list[datetime] = []
        following = self._following()
        came_back: CameBack | None = None
        if self._account.personal and seats is not None:
            came_back = CameBack(tools, self._account, self._calendar, following, agenda, event, desired, now)
            known, times = await came_back.settle(known, changed, reported=reported, history_lost=self._history_lost)
        # Not before it is judged: a look that fails until here finds it again, because the token is not kept either.
        await tools.accounts.keep_objects([known[session_id] for session_id in self._changed])
        found = differences(desired, known, tools.objects.unwanted_since(agenda, event, seats), now)
        await self._forget_unwanted(known, desired)
        ready = [difference for difference in found if difference.may_try(now)]
        most = tools.pace.objects_at_once if limit is None else limit
        try:
            results = await asyncio.gather(
                *(self._bring_one(difference, following, came_back) for difference in ready[:most])
            )
        finally:
            # Kept together: what a crash keeps from being noted is found on the server, as we wrote it.
            await tools.accounts.keep_objects(self._written)
        if came_back is not None:
            await came_back.settle_declined(known)
        return self._looked(agenda, event, seats, found, results, times)

    async def leave(self) -> Looked:
        """Removes what Lectern wrote, and only that; then forgets the calendar. Raises Fault and Stopped."""
        tools, now = self._tools, self._now
        await self._cleaned()
        known = await tools.accounts.objects(self._calendar.id)
        following = self._following()
        removable = await self._removable(known)
        results = await asyncio.gather(
            *(
                self._bring_one(Difference(Kind.REMOVE, have.session_id, now, None, have), following, None)
                for have in known.values()
                if have.stands and (have.next_attempt is None or have.next_attempt <= now)
            )
        )
        left = await tools.accounts.objects(self._calendar.id)
        waiting = [have for have in left.values() if have.stands]
        if waiting:
            times = [have.next_attempt or now for have in waiting]
            latest = next((later.fault for later in results if later is not None and later.fault), None)
            calendar = _noted(replace(self._calendar, error_at=now), latest)
            return Looked(calendar, max(min(times), now + tools.pace.first_pause), Result.PARTLY)
        if removable:
            listing = await self._remote.listing()
            if listing is not None and not listing.etags:
                await self._remote.remove()
        await tools.accounts.forget_calendar(self._calendar.id)
        if self._account.personal and self._account.state is AccountState.LEAVING:
            latest_account = await tools.accounts.account(self._account.id)
            if (latest_account or self._account).erased:  # perhaps since this look began
                # Not before: its facts are numbered, and the same number twice would be taken for a repetition.
                await tools.answering.forget(self._account.whose().registration_id)
            await tools.accounts.forget_account(self._account.id)
        _log.info("calendar_left", calendar=self._calendar.id)
        return Looked(self._calendar, now, Result.GONE)

    async def _removable(self, known: Mapping[str, Known]) -> bool:
        """Whether the calendar itself may go when it is empty: Lectern made it, and the server's list can be trusted, because
        it has what we wrote. Else what a person put there might be removed unseen."""
        if not self._calendar.ours or self._calendar.title is None:
            return False
        written = [have.name for have in known.values() if have.there]
        listing = await self._remote.listing() if written else None
        return listing is None or any(name in listing.etags for name in written)

    async def _seats(self) -> Seats | None:
        if self._calendar.scope.shared:
            return None
        person = await self._tools.store.person(self._calendar.scope.name)
        return person.seats if person is not None else None

    # What is there

    async def _checked(
        self, agenda: Agenda, event: EventState, language: str, known: dict[str, Known]
    ) -> tuple[dict[str, Known], bool, list[Known]]:
        """Makes the calendar where it is missing and finds what others changed in it, when that is due. Returns what is known
        then, whether the server itself told of the changes, and what changed. Of what is gone no more is kept than when it
        was missed, which looks at other accounts have to know."""
        tools, now, pace = self._tools, self._now, self._tools.pace
        title = tools.objects.title(agenda, event, self._calendar.scope, language)
        checked_at = self._calendar.checked_at
        if checked_at is not None and now - checked_at < pace.check_every and self._profile is not None:
            await self._named(title)
            return known, False, []
        await self._cleaned()
        listing = await self._listed()
        if listing is None:
            async with self._alone:
                listing = await self._made(title, event, language)
        await self._succeeded()
        self._asked = True
        if self._profile is None:
            async with self._alone:
                await self._probed()
        again = listing.whole and self._profile is not None and self._profile.etags_reused
        changed = drifted(known.values(), listing, now, look_at_all=again)
        back = moved_back(known.values(), listing, now)
        gone = [have.session_id for have in changed if not have.there]
        await tools.accounts.keep_objects([replace(known[session_id], missed_at=now) for session_id in gone])
        self._changed = [item.session_id for item in (*changed, *back)]
        if changed:
            _log.info("calendar_drift_found", calendar=self._calendar.id, objects=len(changed))
        self._calendar = replace(
            self._calendar,
            checked_at=now,
            listed_at=now if listing.whole else self._calendar.listed_at,
            title=self._calendar.title or title,
        )
        await self._named(title)
        return known | {item.session_id: item for item in (*changed, *back)}, not listing.whole, changed

    async def _listed(self) -> Listing | None:
        """The server's list: of changes alone where it tells them, and of everything now and then all the same."""
        if self._profile is None or not self._profile.sync_collection:
            return await self._remote.listing()
        token, listed_at = self._calendar.sync_token, self._calendar.listed_at
        if listed_at is None or self._now - listed_at >= self._tools.pace.list_every:
            token = None
        try:
            listing, token = await self._remote.changes(token)
        except InvalidToken:
            _log.info("calendar_sync_token_refused", calendar=self._calendar.id)
            self._history_lost = True
            listing, token = await self._remote.changes(None)
        self._calendar = replace(self._calendar, sync_token=token)
        return listing

    async def _made(self, title: str, event: EventState, language: str) -> Listing:
        seen = self._calendar.title is not None  # `checked_at` is forgotten after a failure
        if self._account.personal and seen:
            # Whoever removed the whole calendar does not want a new one unasked; a server may also have lost it.
            raise Fault("The calendar is no longer there.", Blame.ACCOUNT, kind=Trouble.GONE, gone=True)
        # Other calendars of the account may have been made since this look began.
        self._account = await self._tools.accounts.account(self._account.id) or self._account
        if not may_make_calendar(self._account.made, self._now, self._tools.pace):
            words = "So many calendars were made here that the next has to wait an hour."
            raise Fault(words, Blame.OBJECT, kind=Trouble.TOO_MANY, lasting=True)
        about = said_in(event.subtitle, language, event.languages[0]) or title
        answer = await self._remote.make(title, about, language)
        if answer.done or answer.status == 202:
            self._account = replace(self._account, made=(*self._account.made[-20:], self._now))
            await self._tools.accounts.note_account(self._account.id, made=list(self._account.made))
        listing = await self._remote.listing()
        if listing is None:  # refused, or being made while we wait
            if answer.done or answer.status == 202:
                raise Fault("The calendar is being made.", Blame.OBJECT, kind=Trouble.BEING_MADE)
            if self._account.personal and (answer.unclear or answer.status == 501):
                words = f"The calendar server makes no new calendar ({answer.status})."
                raise Fault(words, Blame.OBJECT, kind=Trouble.NOT_MADE, lasting=True)
            raise fault_of(answer)
        _log.info("calendar_made", calendar=self._calendar.id)
        return listing

    async def _probed(self) -> None:
        account = await self._tools.accounts.account(self._account.id)
        if account is not None and account.profile is not None:  # by a look at another of its calendars
            self._profile = account.profile
            return
        try:
            profile = await probe(self._session, self._calendar.path, self._now, self._tools.ids)
        except ProbeFailed as failed:
            await self._tools.accounts.note_account(self._account.id, litter=list(failed.left_behind))
            raise
        self._profile = profile
        await self._tools.accounts.note_account(self._account.id, profile=profile, litter=list(profile.left_behind))
        _log.info("calendar_server_probed", account=self._account.id, peculiar=len(self._profile.words()))

    async def _cleaned(self) -> None:
        """Removes what an earlier probe could not remove."""
        if self._account.litter:
            left = [a for a in self._account.litter if not _cleared(await self._session.ask("DELETE", a))]
            self._account = replace(self._account, litter=tuple(left))
            await self._tools.accounts.note_account(self._account.id, litter=left)

    async def _named(self, title: str) -> None:
        """Gives a calendar of ours its new name. A calendar that a person made keeps theirs."""
        if self._calendar.title in (None, title):
            return
        if self._calendar.ours:
            answer = await self._remote.rename(title)
            if not (answer.done or answer.status == 207 or answer.unclear):
                raise fault_of(answer)
            _log.info("calendar_renamed", calendar=self._calendar.id, status=answer.status)
        self._calendar = replace(self._calendar, title=title)

    # What differs

    def _following(self) -> Following:
        pusher = Pusher(self._remote, self._profile or Profile())
        return Following(self._tools, self._account, self._calendar, pusher)

    async def _bring_one(
        self, difference: Difference, following: Following, came_back: CameBack | None
    ) -> _Later | None:
        """Brings one object right; None when that is done, else when to come back to it."""
        calendar, want = self._calendar, difference.desired
        name = want.name if want is not None else ""
        have = difference.known or Known(calendar.id, difference.session_id, name)
        with bound_contextvars(correlation_id=want.correlation_id if want is not None else None):
            try:
                if difference.kind is Kind.WRITE and want is not None:
                    heeds = came_back is not None and not have.kept and came_back.may_answer(want)
                    self._written.append(await following.write(want, have, heeds_answers=heeds))
                    _log.info(
                        "calendar_object_written",
                        calendar=calendar.id,
                        session_id=want.session_id,
                        revision=want.revision,
                        repaired=have.drifted_at is not None,
                    )
                else:
                    await following.remove(self._tools.objects.uid(difference.session_id, calendar.scope), have)
                    await self._tools.accounts.forget_object(calendar.id, difference.session_id)
                    _log.info("calendar_object_removed", calendar=calendar.id, session_id=difference.session_id)
            except Declined as declined:
                assert came_back is not None
                return _Later(came_back.declined(have, declined.stands_in))
            except Stopped:
                return _Later(self._now)
            except Fault as fault:
                return await self._not_yet(have, fault)
        self._asked = True
        OBJECTS.labels(str(difference.kind)).inc()
        if have.drifted_at is not None:
            REPAIRED.inc()
        await self._succeeded()
        return None

    async def _not_yet(self, have: Known, fault: Fault) -> _Later:
        await self._failed(fault, self._account)  # first of all: the next request waits for its slot already
        now = self._tools.clock()
        attempts = have.attempts + 1
        again = now + self._pause(attempts, fault)
        await self._tools.accounts.keep_objects(
            [
                replace(
                    have,
                    attempts=attempts,
                    next_attempt=again,
                    error=fault.words,
                    error_kind=str(fault.kind),
                    error_at=now,
                    look=have.look or fault.unknown,
                )
            ]
        )
        OBJECTS.labels("failed").inc()
        _log.warning(
            "calendar_object_delayed",
            calendar=self._calendar.id,
            session_id=have.session_id,
            reason=fault.words,
            attempts=attempts,
        )
        # After a refusal the next look begins with the server's own list: the calendar itself may be gone.
        return _Later(again, fault, check=fault.blame is not Blame.SERVER)

    async def _forget_unwanted(self, known: dict[str, Known], desired: Sequence[Desired]) -> None:
        """What is neither there nor wanted any more needs no memory."""
        wanted = {want.session_id for want in desired}
        for have in known.values():
            if have.session_id not in wanted and not have.stands:
                await self._tools.accounts.forget_object(self._calendar.id, have.session_id)

    def _looked(
        self,
        agenda: Agenda,
        event: EventState,
        seats: Seats | None,
        found: Sequence[Difference],
        results: Sequence[_Later | None],
        times: Iterable[datetime],
    ) -> Looked:
        now, pace = self._now, self._tools.pace
        faults = [result for result in results if result is not None]
        done = len(results) - len(faults)
        latest = next((later.fault for later in faults if later.fault), None)
        checked_at = None if any(later.check for later in faults) else self._calendar.checked_at
        right = done == len(found)
        calendar = replace(
            _noted(self._calendar, latest),
            attempts=0,
            pushed=agenda.version if right else self._calendar.pushed,
            checked_at=checked_at,
            error_at=now if latest else self._calendar.error_at,
        )
        if right:
            calendar = replace(calendar, error=None, error_kind=None)
        when = [(checked_at or now) + pace.check_every, *times, *(later.again for later in faults)]
        when.extend(d.known.next_attempt for d in found if d.known and d.known.next_attempt and not d.may_try(now))
        ends = self._tools.objects.unwanted_since(agenda, event, seats).values()
        when.extend(end for end in ends if end > now)
        untried = len(found) - len(results) - sum(not d.may_try(now) for d in found)
        due = self._tools.clock() if untried > 0 else min(when)
        well = (self._asked or not found) and not any(later.check for later in faults)
        return Looked(calendar, due, (Result.WELL if self._asked else Result.IDLE) if well else Result.PARTLY)


def _noted(calendar: Calendar, fault: Fault | None) -> Calendar:
    return replace(calendar, error=fault.words, error_kind=str(fault.kind)) if fault is not None else calendar


def _cleared(answer: Answer) -> bool:
    return answer.done or answer.missing
