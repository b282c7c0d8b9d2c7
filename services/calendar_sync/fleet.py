"""All servers at once: a worker for each that has something due, so that a dead or slow one never keeps another waiting."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta

import structlog

from services.calendar_sync.accounts_store import Account, AccountState
from services.calendar_sync.breaker import Breaker
from services.calendar_sync.shared_calendars import SharedCalendars
from services.calendar_sync.tools import Tools
from services.calendar_sync.worker import Worker
from shared.pause import signalled
from shared.storage.lease import Lease
from shared.storage.mongo import Database, PyMongoError

KEPT_AFTER_THE_EVENT = timedelta(days=30)
"""How long after an event's last day the accounts that were connected for it are kept."""

SWEEP_EVERY = 60.0
"""Seconds between two looks for accounts whose time is over."""

_log = structlog.get_logger()

MakeLease = Callable[[str], Lease]


class Fleet:
    """Wakes the worker of each server that has calendars due. `shared` None: no server is configured for the organisation."""

    def __init__(
        self, tools: Tools, database: Database, lease_of: MakeLease, shared: SharedCalendars | None,
        breaker_of: Callable[[], Breaker] = Breaker,
    ) -> None:  # fmt: skip
        self._tools, self._database, self._lease_of, self._shared = tools, database, lease_of, shared
        self._breaker_of = breaker_of
        self._workers: dict[str, Worker] = {}
        self._rounds: dict[str, asyncio.Task[int]] = {}
        self._woken = asyncio.Event()
        self._stopping = False
        self._idle = asyncio.Event()
        self._idle.set()

    def wake(self) -> None:
        """Something changed: look now."""
        self._woken.set()

    async def run(self) -> None:
        """Works until cancelled or closed."""
        self._idle.clear()
        try:
            while not self._stopping:
                await signalled(self._woken, self._tools.pace.poll)
                self._woken.clear()
                try:
                    await self.begin()
                except PyMongoError as error:
                    _log.warning("calendar_round_delayed", error=type(error).__name__)
                    await asyncio.sleep(self._tools.pace.poll)
        finally:
            await self._end()
            self._idle.set()

    async def begin(self) -> None:
        """Marks what new agendas concern, and begins a round for each server that has something due and none under way."""
        await self.spread()
        for server in await self._tools.accounts.servers_due(self._tools.clock()):
            if self._stopping or server in self._rounds:
                continue
            task = asyncio.create_task(self.worker(server).round())
            self._rounds[server] = task
            task.add_done_callback(lambda done, server=server: self._ended(server, done))  # type: ignore[misc]

    async def round(self) -> int:
        """One round of all servers, to its end; returns how many calendars were looked at."""
        await self.spread()
        servers = await self._tools.accounts.servers_due(self._tools.clock())
        return sum(await asyncio.gather(*(self.worker(server).round() for server in servers)))

    def worker(self, server: str) -> Worker:
        """The worker of a server; it keeps how the server fares from round to round."""
        if server not in self._workers:
            self._workers[server] = Worker(server, self._tools, self._lease_of(server), self._breaker_of())
        return self._workers[server]

    async def spread(self) -> None:
        """Marks the calendars of agendas that changed: once, however many facts came meanwhile."""
        now = self._tools.clock()
        for event_id, version in await self._tools.store.changed_agendas():
            if self._shared is not None:
                await self._shared.see_to(event_id, await self._tools.agendas.get(event_id), now)
            await self._tools.accounts.mark_event(event_id, now)
            await self._tools.store.agenda_spread(event_id, version)

    async def sweep(self) -> None:
        """Forgets accounts whose time is over, every now and then until cancelled: left half-way, or out of reach."""
        while True:
            await self.swept()
            await asyncio.sleep(SWEEP_EVERY)

    async def swept(self) -> int:
        """Forgets accounts whose time is over; returns how many."""
        accounts = await self._tools.accounts.expired_accounts(self._tools.clock())
        for account in accounts:
            if account.state is AccountState.LEAVING:
                _log.warning("calendar_not_cleared", account=account.id)
                if account.erased:
                    await self._tools.answering.forget(account.whose().registration_id)
            await self._tools.accounts.forget_account(account.id)
        over = await self._over()
        for account in over:
            _log.info("calendar_account_over", account=account.id)
            await self._tools.accounts.forget_account(account.id)
        await self._forget_left_over()
        await self._let_go()
        return len(accounts) + len(over)

    async def _over(self) -> list[Account]:
        """Accounts of people whose event is long over: what was written stays theirs, and no password is kept for it."""
        events = await self._tools.store.over_before((self._tools.clock() - KEPT_AFTER_THE_EVENT).date())
        return await self._tools.accounts.accounts_at(events)

    async def _forget_left_over(self) -> None:
        """Goes on with the forgetting of people where a process died in the middle of it."""
        kept = self._tools.accounts
        for registration_id in await self._tools.answering.left_over():
            accounts = await kept.accounts_of(registration_id)
            # Where something is still being removed from a calendar, that comes first.
            if not [one for account in accounts for one in await kept.calendars(account=account.id)]:
                await self._tools.answering.forget(registration_id)
                for account in accounts:
                    await kept.forget_account(account.id)

    async def _let_go(self) -> None:
        """Ends the workers and the connections of servers on which nothing stands any more."""
        used = await self._tools.accounts.forget_servers()
        for server in [one for one in self._workers if one not in used and one not in self._rounds]:
            await self._workers[server].release()
            if server not in self._rounds:  # nobody connected a calendar on it meanwhile
                del self._workers[server]
                await self._tools.clients.close(server)

    async def close(self, patience: float = 5.0) -> None:
        """Takes nothing new and waits up to `patience` seconds for the requests under way."""
        self._stopping = True
        for worker in self._workers.values():
            worker.stop()
        self.wake()
        await signalled(self._idle, patience)

    def _ended(self, server: str, done: asyncio.Task[int]) -> None:
        self._rounds.pop(server, None)
        if done.cancelled():
            return
        error = done.exception()
        if isinstance(error, PyMongoError):
            _log.warning("calendar_round_delayed", error=type(error).__name__)
        elif error is not None:
            _log.error("calendar_round_failed", server=server, exc_info=error)

    async def _end(self) -> None:
        rounds = list(self._rounds.values())
        if not self._stopping:
            for task in rounds:
                task.cancel()
        await asyncio.gather(*rounds, return_exceptions=True)
        with contextlib.suppress(PyMongoError):
            await asyncio.gather(*(worker.release() for worker in self._workers.values()))
        await self._tools.clients.close()
