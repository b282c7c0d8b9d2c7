"""Entries that a person moved to another calendar of the connected account: they are brought right where they stand now.

Such an entry is found by its UID. None is ever created there, and what we never wrote is left alone. So is one that names
attendees, in the connected calendar as well: it came with an invitation, and a server would answer or write to them in the
person's name; there it is the entry, and nothing is written beside it. Where an entry is not found any more, or stands in
the connected calendar as well, that one is brought right in the ordinary way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from services.calendar_sync.accounts_store import Account, Calendar
from services.calendar_sync.answers import Blame, Fault
from services.calendar_sync.pusher import Declined, Invited, Pusher, Vanished, is_ours
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


@dataclass(frozen=True)
class Search:
    """What a search of the account's other calendars found; `whole`: all of them could be looked in."""

    standing: Standing | None
    whole: bool = True


class Following:
    """Writes and removes objects where they stand: in `calendar`, with `pusher`, or where the person moved them. Raises what
    a Pusher raises, but not Invited and Vanished. In the organisation's account nothing is followed."""

    def __init__(self, tools: Tools, account: Account, calendar: Calendar, pusher: Pusher) -> None:
        self._tools, self._account, self._calendar = tools, account, calendar
        self.pusher = pusher
        self._left = SEARCHES

    async def write(self, want: Desired, have: Known, *, heeds_answers: bool) -> Known:
        """Brings the object to what is desired, where it stands; returns what is known of it then."""
        one = replace(self.pusher, heeds_answers=heeds_answers)
        try:
            return await self._written(one, want, have)
        except Invited:
            # It is the entry: a second one beside it would help nobody.
            _log.info("calendar_invitation_left_alone", calendar=self._calendar.id, session_id=want.session_id)
            return replace(
                Known(calendar=have.calendar, session_id=want.session_id, name=want.name),
                written=have.written,
                revision=want.revision,
                missed_at=have.missed_at,
                elsewhere=want.fingerprint,
            )

    async def _written(self, one: Pusher, want: Desired, have: Known) -> Known:
        if have.elsewhere is not None:
            followed = await self._followed(one, want, have)
            if followed is not None:
                return followed
            have = replace(have, look=True, elsewhere=None, stands_in=None)
        try:
            return await replace(one, tells_vanished=self._account.personal).write(want, have)
        except Vanished:
            followed = await self._searched(one, want, have)
            return followed or await one.write(want, replace(have, there=False, etag=None, look=False))
        except Fault as fault:
            followed = await self._searched(one, want, have) if fault.kind is Trouble.ELSEWHERE else None
            if followed is None:
                raise
            return followed

    async def remove(self, uid: str, have: Known) -> None:
        """Removes our object, where it stands."""
        own = self._tools.objects.name(have.session_id, self._calendar.scope)
        if have.elsewhere is None:
            if await self.pusher.remove(uid, have, own_name=own) or not self._may_follow(have):
                return
            self._count()
        here = await self._here(uid, None, have)
        if here is not None and await self.pusher.remove(uid, replace(have, name=here.name, look=True), own_name=own):
            return
        search = await self.find(uid, None, have.stands_in) if self._may_follow(have) else Search(None)
        standing = search.standing
        if standing is not None and not standing.seen.attended:
            there = replace(have, name=standing.seen.name, etag=None, look=True)
            await standing.pusher.remove(uid, there, own_name=own)
            _log.info("calendar_object_followed", calendar=self._calendar.id, session_id=have.session_id, removed=True)

    async def find(self, uid: str, mark: str | None, last: str | None = None, *, everywhere: bool = False) -> Search:
        """Where this UID stands in another calendar of the account; `last` is where it was found before. One that came with
        an invitation is told only where there is no other. Passed over are calendars that are connected themselves or being
        cleared, because each of them is looked after by itself, unless `everywhere` counts."""
        mine = self.pusher.calendar
        passed = [mine.path]
        if not everywhere:
            known = await self._tools.accounts.calendars(registration_id=self._account.registration_id)
            passed.extend(other.path for other in known if other.id != self._calendar.id)
        first = Search(None)
        if last is not None and not any(mine.beside(path).is_same(last) for path in passed):
            first = await self._among([mine.beside(last)], uid, mark, sure=True)
            if first.standing is not None and not first.standing.seen.attended:
                return first
            passed.append(last)
        siblings, whole = await mine.siblings(self._account.home)
        others = [other for other in siblings if not any(other.is_same(path) for path in passed)]
        search = await self._among(others, uid, mark)
        return Search(search.standing or first.standing, whole and search.whole)

    async def _among(
        self, calendars: Sequence[RemoteCalendar], uid: str, mark: str | None, *, sure: bool = False
    ) -> Search:
        """Where this UID stands in one of these calendars. `sure`: a failure that proves nothing is raised."""
        invited: Standing | None = None
        whole = True
        for calendar in calendars:
            one = replace(self.pusher, calendar=calendar)
            try:
                seen = await one.seen(uid, mark)
            except Fault as fault:
                if not _of_one_calendar(fault):
                    raise
                if sure and fault.unknown:
                    raise Fault(fault.words, Blame.OBJECT, kind=fault.kind, unknown=True) from fault
                seen, whole = None, False
            if seen is not None and not seen.attended:
                return Search(Standing(one, seen))
            if seen is not None and invited is None:
                invited = Standing(one, seen)
        return Search(invited, whole)

    def _may_follow(self, have: Known) -> bool:
        """Whether an entry that stands in another calendar may be ours: what we never wrote is somebody's own copy."""
        return self._account.personal and (have.there or have.written is not None)

    def _count(self) -> None:
        """Counts a search for an entry of which nobody knew that it was moved. Raises Fault where this look had enough."""
        if self._left <= 0:
            words = "The session is searched for in the account's other calendars at the next look."
            raise Fault(words, Blame.OBJECT, kind=Trouble.OTHER)
        self._left -= 1

    async def _searched(self, one: Pusher, want: Desired, have: Known) -> Known | None:
        if not self._may_follow(have):
            return None
        self._count()
        return await self._followed(one, want, have)

    async def _followed(self, one: Pusher, want: Desired, have: Known) -> Known | None:
        """What is known once the entry was brought right in another calendar; None where it stands in none, or here."""
        here = await self._here(want.uid, want.mark, have)
        if here is not None and here.attended and not is_ours(here.name, want.name):
            raise Invited
        if here is not None or not self._may_follow(have):
            return None
        standing = (await self.find(want.uid, want.mark, have.stands_in)).standing
        if standing is None:
            return None
        there = replace(standing.pusher, heeds_answers=one.heeds_answers)
        try:
            if not await there.rewrite(want, standing.seen):
                return None
        except Declined:
            raise Declined(standing.path) from None
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
        try:
            return await self.pusher.seen(uid, mark)
        except Fault as fault:
            if fault.blame is not Blame.OBJECT or (have.elsewhere is not None and fault.unknown):
                raise
            return None


def _of_one_calendar(fault: Fault) -> bool:
    """Whether a failed search is no more than that of one calendar: refused, failed, or with an answer too large to read."""
    return fault.blame is Blame.OBJECT or (fault.blame is Blame.ACCOUNT and fault.unknown)
