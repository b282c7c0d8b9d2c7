"""The worker of one server: takes the calendars that are due, longest waiting first, and keeps the server's own pace.

It goes by state and not by messages: what a crash or a dead server left undone is still different at the next look.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from services.calendar_sync.accounts_store import Account, AccountState, Calendar, ServerState
from services.calendar_sync.answers import Blame, Fault
from services.calendar_sync.breaker import Breaker, Gate, backoff
from services.calendar_sync.look import Look, Looked, Result
from services.calendar_sync.pace import Slots, Stopped, believed, postponed
from services.calendar_sync.tools import Tools
from services.calendar_sync.trouble import Trouble
from shared.contracts.calendar_sync import Lost
from shared.storage.lease import Lease
from shared.storage.mongo import PyMongoError

CLEARED_FIRST = timedelta(minutes=10)
"""How long a newly connected calendar waits for an earlier one on the same server to be cleared."""

CLEARING_POLL = timedelta(seconds=1)

_AGAIN = 1.0
"""Seconds after which the lease is seen to, and what fell due meanwhile, however slow the looks under way are."""

_log = structlog.get_logger()


class Worker:
    """Works one server; the lease sees to it that one process at a time does."""

    def __init__(self, server: str, tools: Tools, lease: Lease, breaker: Breaker | None = None) -> None:
        self.server = server
        self._tools, self._lease = tools, lease
        self._breaker = breaker or Breaker()
        self._stopping = False
        self._held = self._delayed = False
        self._slots = Slots(tools.pace, self._breaker, tools.clock, lambda: self._held and not self._stopping)
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._seen_accounts: set[str] = set()
        self._alone: dict[str, asyncio.Lock] = {}
        self._failing_since: datetime | None = None
        self._told_fault = True  # a state that an earlier process left is cleared by the first success

    def stop(self) -> None:
        """Takes nothing new."""
        self._stopping = True

    async def round(self) -> int:
        """Looks at every calendar that is due, as far as the server lets us; returns how many were looked at.

        A slow calendar keeps no other waiting: whenever one is done, or falls due, the next begins.
        """
        count, self._delayed = 0, False
        try:
            while await self._more():
                await asyncio.wait(self._looking.values(), timeout=_AGAIN, return_when=asyncio.FIRST_COMPLETED)
                count += self._collect()
        finally:
            if self._looking:
                await asyncio.gather(*self._looking.values(), return_exceptions=True)
                count += self._collect()
        return count

    async def release(self) -> None:
        """Lets another process take over."""
        self._held = False
        await self._lease.release()

    async def _more(self) -> bool:
        """Begins looks while there are calendars due and places free; False where nothing is under way."""
        now = self._tools.clock()
        self._held = not (self._stopping or self._delayed) and await self._lease.hold()
        if self._held and (gate := self._breaker.gate(now)) is not Gate.OPEN:
            probe = gate is Gate.HALF_OPEN
            room = (1 if probe else self._tools.pace.calendars_at_once) - len(self._looking)
            if room > 0:
                due = await self._tools.accounts.due(self.server, now, room + len(self._looking))
                for calendar in [one for one in due if one.id not in self._looking][:room]:
                    self._looking[calendar.id] = asyncio.create_task(self._look(calendar, probe))
        return bool(self._looking)

    def _collect(self) -> int:
        done = [id_ for id_, task in self._looking.items() if task.done()]
        for id_ in done:
            error = self._looking.pop(id_).exception()
            if isinstance(error, PyMongoError):
                _log.warning("calendar_look_delayed", error=type(error).__name__)
                self._held, self._delayed = False, True  # the next round begins after a pause
            elif error is not None:
                raise error
        return len(done)

    async def _look(self, calendar: Calendar, probe: bool) -> None:
        tools, now = self._tools, self._tools.clock()
        account = await tools.accounts.account(calendar.account)
        if account is None:
            await tools.accounts.forget_calendar(calendar.id)
            return
        if account.paused_until is not None and account.paused_until > now:
            await tools.accounts.looked_at(calendar, due=account.paused_until)
            return
        if await self._must_wait(account, calendar, now):
            await tools.accounts.looked_at(calendar, due=now + CLEARING_POLL)
            return
        self._seen_accounts.add(account.id)
        try:
            session = self._slots.session(account.id, tools.clients.session(account))
            alone = self._alone.setdefault(account.id, asyncio.Lock())
            look = Look(tools, account, calendar, session, self._succeeded, self._failed, self._pause, now, alone)
            looked = await (look.leave() if calendar.leaving else look.bring_right(1 if probe else None))
            if looked.result is Result.GONE:
                return
            await self._settle(account, looked)
        except Stopped:
            return
        except Fault as fault:
            await self._failed(fault, account)
            await self._postpone(account, calendar, fault.words, fault.kind, fault, now)
        except ValueError as error:
            _log.exception("calendar_not_rendered", calendar=calendar.id)
            words = f"The calendar cannot be written: {error}"
            await self._postpone(account, calendar, words, Trouble.HERE, None, now)
        except PyMongoError:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, it keeps no other calendar waiting and is not tried again at once
            _log.exception("calendar_look_failed", calendar=calendar.id)
            words = "Something went wrong here while the calendar was written."
            await self._postpone(account, calendar, words, Trouble.HERE, None, now)

    async def _must_wait(self, account: Account, calendar: Calendar, now: datetime) -> bool:
        """Whether a calendar that was just connected waits until an earlier one of its person is cleared: no session stands
        in two calendars of one account, and what is removed there is not taken for an answer here."""
        if not account.personal or calendar.leaving or calendar.checked_at is not None:
            return False
        late = account.created_at is None or now - account.created_at >= CLEARED_FIRST
        return await self._tools.accounts.clearing(calendar, same_place=late)

    async def _settle(self, account: Account, looked: Looked) -> None:
        if looked.result is Result.WELL and (account.failing_since or account.error or account.lost):
            state = AccountState.WORKING if account.state is AccountState.LOST else account.state
            await self._tools.accounts.note_account(
                account.id, state=state, failing_since=None, refusals=0, error=None, error_kind=None, error_at=None,
                lost=None, paused_until=None,
            )  # fmt: skip
        await self._tools.accounts.looked_at(looked.calendar, due=looked.due)

    async def _postpone(
        self, account: Account, calendar: Calendar, words: str, kind: Trouble, fault: Fault | None, now: datetime
    ) -> None:
        attempts = calendar.attempts + 1
        calendar = replace(calendar, attempts=attempts, error=words, error_kind=str(kind), error_at=now)
        pause = self._pause(attempts, fault)
        if fault is not None:
            pause = max(pause, await self._trouble(account, fault, now))
        await self._tools.accounts.looked_at(calendar, due=now + pause)

    async def _trouble(self, account: Account, fault: Fault, now: datetime) -> timedelta:
        """Keeps how long an account has been failing; tells its person when only the person can mend it. Returns how long it
        waits at the least."""
        pace, since = self._tools.pace, account.failing_since or now
        fields = {"failing_since": since, "error": fault.words, "error_kind": str(fault.kind), "error_at": now}
        reason: Lost | None = None
        if fault.refused:
            fields["refusals"] = account.refusals + 1
            reason = Lost.PASSWORD if account.refusals >= 2 and now - since >= pace.lost_after else None
        elif fault.gone:
            reason = Lost.CALENDAR if now - since >= pace.lost_after else None
        elif fault.blame is Blame.SERVER and now - since >= pace.dead_after:
            reason = Lost.SERVER
        if reason is not None and account.personal and account.state is not AccountState.LEAVING:
            fields["lost"] = str(reason)
            if reason is not Lost.SERVER:
                fields["state"] = str(AccountState.LOST)
            if account.lost != str(reason):
                await self._tools.answering.lost(account.whose(), reason, since)
        await self._tools.accounts.note_account(account.id, **fields)
        lost = fields.get("state") == str(AccountState.LOST) or account.state is AccountState.LOST
        return timedelta(days=1) if lost else timedelta(0)

    def _pause(self, attempts: int, fault: Fault | None) -> timedelta:
        """How long one object or calendar waits after its failure number `attempts`."""
        pace = self._tools.pace

        def wait(number: int, longest: timedelta) -> timedelta:
            return backoff(number, self._tools.chance(), pace.first_pause, longest)

        return postponed(fault, attempts, wait, pace) if fault is not None else wait(attempts, pace.longest_pause)

    async def _failed(self, fault: Fault, account: Account) -> None:
        now, tools = self._tools.clock(), self._tools
        # Many servers throttle one account by 503: where others go on, the account alone waits as long as it is told.
        alone = len(self._seen_accounts) <= 1
        if fault.blame is Blame.SERVER:
            self._breaker.failed(now, tools.chance(), fault.retry_after if alone else None)
        if fault.retry_after is not None and not (alone and fault.blame is Blame.SERVER):
            await tools.accounts.note_account(account.id, paused_until=now + believed(fault.retry_after))
        if fault.blame is not Blame.SERVER:
            return
        self._told_fault = True
        self._failing_since = self._failing_since or now
        state = ServerState(fault.words, now, self._breaker.until, self._failing_since, str(fault.kind))
        await tools.accounts.keep_server(self.server, state)

    async def _succeeded(self) -> None:
        self._breaker.succeeded()
        self._failing_since = None
        if self._told_fault:
            self._told_fault = False
            await self._tools.accounts.keep_server(self.server, ServerState())
