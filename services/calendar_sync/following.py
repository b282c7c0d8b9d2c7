"""Entries that a person moved to another calendar of the connected account: they are brought right where they stand now.

Such an entry is found by its UID. None is ever created there, and one that names attendees is left alone: it came with an
invitation, and a server would answer or write to them in the person's name. Where an entry is not found any more, or
stands in the connected calendar as well, that one is brought right in the ordinary way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import structlog

from services.calendar_sync.accounts_store import Account, Calendar
from services.calendar_sync.answers import Blame, Fault
from services.calendar_sync.pusher import Pusher, Vanished
from services.calendar_sync.reconciler import Desired, Known, Seen
from services.calendar_sync.remote_calendar import RemoteCalendar
from services.calendar_sync.tools import Tools
from services.calendar_sync.trouble import Trouble

SEARCHES = 5
"""For how many entries of which nobody knew that they were moved all calendars are searched in one look."""

_log = structlog.get_logger()


@dataclass(frozen=True)
class Standing:
    """An entry of ours in another calendar, as it was read there."""

    pusher: Pusher
    seen: Seen

    @property
    def path(self) -> str:
        """The path of that calendar."""
        return self.pusher.calendar.path


class Following:
    """Writes and removes objects where they stand: in `calendar`, with `pusher`, or where the person moved them. Raises what
    a Pusher raises. In the organisation's account nothing is followed."""

    def __init__(self, tools: Tools, account: Account, calendar: Calendar, pusher: Pusher) -> None:
        self._tools, self._account, self._calendar = tools, account, calendar
        self.pusher = pusher
        self._left = SEARCHES if account.personal else 0

    async def write(self, want: Desired, have: Known, *, heeds_answers: bool) -> Known:
        """Brings the object to what is desired, where it stands; returns what is known of it then."""
        one = replace(self.pusher, heeds_answers=heeds_answers)
        if have.elsewhere is not None:
            followed = await self._followed(want, have)
            if followed is not None:
                return followed
            have = replace(have, look=True, elsewhere=None, stands_in=None)
        try:
            return await replace(one, tells_vanished=self._left > 0).write(want, have)
        except Vanished:
            followed = await self._searched(want, have)
            return followed or await one.write(want, replace(have, there=False, etag=None, look=False))
        except Fault as fault:
            followed = await self._searched(want, have) if fault.kind is Trouble.ELSEWHERE else None
            if followed is None:
                raise
            return followed

    async def remove(self, uid: str, have: Known) -> None:
        """Removes our object, where it stands."""
        if have.elsewhere is None:
            if await self.pusher.remove(uid, have) or not self._left:
                return
            self._left -= 1
        here = await self._here(uid, None, have)
        if here is not None:
            await self.pusher.remove(uid, replace(have, name=here.name, look=True))
            return
        standing = await self.find(uid, None, have.stands_in)
        if standing is not None and not standing.seen.attended:
            there = replace(have, name=standing.seen.name, etag=None, look=True)
            await standing.pusher.remove(uid, there)
            _log.info("calendar_object_followed", calendar=self._calendar.id, session_id=have.session_id, removed=True)

    async def find(
        self, uid: str, mark: str | None, last: str | None = None, *, everywhere: bool = False
    ) -> Standing | None:
        """Where this UID stands in another calendar of the account; `last` is where it was found before. One that came with
        an invitation is told only where there is no other. Passed over are calendars that are connected themselves or being
        cleared, because each of them is looked after by itself, unless `everywhere` counts."""
        invited: Standing | None = None
        async for other in self._others(last, everywhere=everywhere):
            one = replace(self.pusher, calendar=other)
            seen = await self._seen(one, uid, mark, sure=last is not None and other.is_same(last))
            if seen is not None and not seen.attended:
                return Standing(one, seen)
            if seen is not None and invited is None:
                invited = Standing(one, seen)
        return invited

    async def _others(self, last: str | None, *, everywhere: bool) -> AsyncIterator[RemoteCalendar]:
        """The other calendars of the account, `last` first."""
        mine = self.pusher.calendar
        ours = [mine.path]
        if not everywhere:
            known = await self._tools.accounts.calendars(registration_id=self._account.registration_id)
            ours.extend(other.path for other in known if other.id != self._calendar.id)
        if last is not None and not any(mine.beside(path).is_same(last) for path in ours):
            yield mine.beside(last)
            ours.append(last)
        for other in await mine.siblings(self._account.home):
            if not any(other.is_same(path) for path in ours):
                yield other

    async def _searched(self, want: Desired, have: Known) -> Known | None:
        if not self._left:
            return None
        self._left -= 1
        return await self._followed(want, have)

    async def _followed(self, want: Desired, have: Known) -> Known | None:
        """What is known once the entry was brought right in another calendar; None where it stands in none, or here."""
        if await self._here(want.uid, want.mark, have) is not None:
            return None
        standing = await self.find(want.uid, want.mark, have.stands_in)
        if standing is None or not await standing.pusher.rewrite(want, standing.seen):
            return None
        _log.info("calendar_object_followed", calendar=self._calendar.id, session_id=want.session_id, removed=False)
        return replace(
            Known(calendar=have.calendar, session_id=want.session_id, name=have.name),
            written=want.fingerprint,
            revision=want.revision,
            missed_at=have.missed_at,
            elsewhere=want.fingerprint,
            stands_in=standing.path,
        )

    async def _here(self, uid: str, mark: str | None, have: Known) -> Seen | None:
        """Our object in the connected calendar. Of one that was not known to be moved, a server that does not search may
        keep nothing from being written."""
        return await self._seen(self.pusher, uid, mark, sure=have.elsewhere is not None)

    async def _seen(self, one: Pusher, uid: str, mark: str | None, *, sure: bool) -> Seen | None:
        """What is found with this UID. A calendar that does not search holds nothing; `sure`: a failure proves nothing."""
        try:
            return await one.seen(uid, mark)
        except Fault as fault:
            if fault.blame is not Blame.OBJECT or (sure and fault.unknown):
                raise
            return None
