"""Reads every object of a calendar back from its server and compares it with what was written; changes nothing.

It asks slowly and apart from the workers (GENTLY), leaves alone a server or an account that is left alone, and stops at an
account whose password is refused: many servers lock an account that tries often.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from services.calendar_sync.accounts_store import CALENDARS, Account, AccountState, Calendar
from services.calendar_sync.answers import Blame, Fault
from services.calendar_sync.breaker import Breaker
from services.calendar_sync.pace import Pace, Slots, Stopped, believed
from services.calendar_sync.profile import Profile
from services.calendar_sync.pusher import Pusher
from services.calendar_sync.reconciler import Desired, Known, Verdict
from services.calendar_sync.remote_calendar import Asks, RemoteCalendar
from services.calendar_sync.status import CalendarStatus, Statuses
from services.calendar_sync.tools import Tools

GENTLY = Pace(per_server=2, per_account=2)
"""Beside the worker's requests to a server no more than these."""

_READINGS = 3
"""How often an object is read again that was written while it was read."""


class What(StrEnum):
    """How an object differs from what was written."""

    GONE = "gone"
    CHANGED = "changed"
    FOREIGN = "foreign"
    """Something else stands in its place."""
    DECLINED = "declined"
    """The person says in it: I do not come."""


_WHAT = {
    Verdict.CREATE: What.GONE,
    Verdict.REPLACE: What.CHANGED,
    Verdict.FOREIGN: What.FOREIGN,
    Verdict.DECLINED: What.DECLINED,
}


@dataclass(frozen=True)
class Different:
    """An object that is not as it was written."""

    known: Known
    what: What


@dataclass
class Verified:
    """One calendar, read back. `waiting`: objects that are known not to be right yet, and so were not read; `unread`: those
    that could not be read, and `error` says why."""

    calendar: Calendar
    waiting: int = 0
    equal: int = 0
    unread: int = 0
    different: list[Different] = field(default_factory=list)
    error: str | None = None


class Verifying:
    """Reads calendars back. `may_go_on` is asked before each request."""

    def __init__(self, tools: Tools, may_go_on: Callable[[], bool] = lambda: True, pace: Pace = GENTLY) -> None:
        self._tools, self._may_go_on, self._pace = tools, may_go_on, pace
        self._servers: dict[str, tuple[Slots, Breaker]] = {}

    async def verify(self, calendar: Calendar) -> Verified:
        """One calendar. Never raises for what a server does."""
        tools, now = self._tools, self._tools.clock()
        (status,) = await Statuses(tools).of([calendar], now)
        to_read = await self._to_read(status)
        verified = Verified(calendar, waiting=len(status.waiting))
        account = await tools.accounts.account(calendar.account)
        verified.error = await self._left_alone(account, now)
        if account is None or verified.error is not None:
            verified.unread = len(to_read)
            return verified
        slots, breaker = self._server(calendar.server)
        try:
            session = slots.session(account.id, tools.clients.session(account))
        except Fault as fault:
            verified.error, verified.unread = fault.words, len(to_read)
            return verified
        one = _One(self._tools, account, calendar, session, breaker, verified)
        await asyncio.gather(*(one.read(want, have) for want, have in to_read))
        if not verified.unread:
            await tools.accounts.database[CALENDARS.name].update_one(
                {"_id": calendar.id}, {"$set": {"verified_at": now}}
            )
        return verified

    async def _to_read(self, status: CalendarStatus) -> list[tuple[Desired, Known]]:
        """What stands on the server as far as we know, with what it is to be compared with: what we wrote there."""
        tools, calendar = self._tools, status.calendar
        waiting = {difference.session_id for difference in status.waiting}
        kept = {k: have for k, have in status.known.items() if have.there and k not in waiting and have.written}
        return [
            (
                Desired(
                    session_id=session_id,
                    uid=tools.objects.uid(session_id, calendar.scope),
                    name=have.name,
                    body=b"",
                    fingerprint=have.written or "",
                    revision=have.revision,
                    since=tools.clock(),
                    correlation_id=None,
                    mark=status.marks.get(session_id),
                ),
                have,
            )
            for session_id, have in kept.items()
        ]

    async def _left_alone(self, account: Account | None, now: datetime) -> str | None:
        if account is None:
            return "The account is no longer there."
        if account.state is AccountState.LOST:
            return account.error or "The account is lost: only its person can mend it."
        if account.paused_until is not None and account.paused_until > now:
            return "The server asked to be left alone in the name of this account."
        fares = (await self._tools.accounts.servers()).get(account.server)
        if fares is not None and fares.paused_until is not None and fares.paused_until > now:
            return fares.error or "The server is left alone after failures."
        return None

    def _server(self, server: str) -> tuple[Slots, Breaker]:
        if server not in self._servers:
            breaker = Breaker()
            self._servers[server] = (Slots(self._pace, breaker, self._tools.clock, self._may_go_on), breaker)
        return self._servers[server]


@dataclass
class _One:
    """The reading of one calendar's objects."""

    tools: Tools
    account: Account
    calendar: Calendar
    session: Asks
    breaker: Breaker
    verified: Verified
    refused: bool = False

    async def read(self, want: Desired, have: Known) -> None:
        """Reads one object and notes what became of it."""
        verified = self.verified
        try:
            verdict = await self._verdict(want, have)
        except Stopped:
            verified.unread += 1
            verified.error = verified.error or "The server is left alone after failures."
        except Fault as fault:
            verified.unread += 1
            verified.error = fault.words
            await self._failed(fault)
        else:
            self.breaker.succeeded()
            if verdict is None:
                verified.waiting += 1
            elif verdict is Verdict.SETTLED:
                verified.equal += 1
            else:
                verified.different.append(Different(have, _WHAT[verdict]))

    async def _verdict(self, want: Desired, have: Known) -> Verdict | None:
        """How it stands; None where it is not to be compared any more. What a worker wrote while it was read is no difference."""
        pusher = Pusher(RemoteCalendar(self.session, self.calendar.path), self.account.profile or Profile())
        for _ in range(_READINGS):
            if self.refused:
                raise Stopped
            verdict = await pusher.verify(want, have)
            if verdict is Verdict.SETTLED:
                return verdict
            newer = (await self.tools.accounts.objects(self.calendar.id)).get(have.session_id)
            if newer is None or not newer.there or newer.look or newer.written is None:
                return None
            if (newer.etag, newer.written, newer.name) == (have.etag, have.written, have.name):
                return verdict
            want, have = replace(want, fingerprint=newer.written), newer
        return None

    async def _failed(self, fault: Fault) -> None:
        now = self.tools.clock()
        if fault.blame is Blame.SERVER:
            self.breaker.failed(now, self.tools.chance(), fault.retry_after)
        elif fault.blame is Blame.ACCOUNT:
            self.refused = True
            if fault.retry_after is not None:
                await self.tools.accounts.note_account(self.account.id, paused_until=now + believed(fault.retry_after))


def sessions_of(different: Sequence[Different], *what: What) -> list[Known]:
    """The objects that differ in one of these ways."""
    return [one.known for one in different if one.what in what]
