"""The worker of the calendar server: takes what differs, longest waiting first, and brings it right.

It goes by state and not by messages: what a crash or a dead server left undone is still different at the next look.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from structlog.contextvars import bound_contextvars

from services.calendar_sync.answers import Blame, Fault, fault_of
from services.calendar_sync.breaker import Breaker, Gate, backoff
from services.calendar_sync.caldav_client import CalDavClient
from services.calendar_sync.metrics import OBJECTS, REPAIRED, SERVER_PAUSED
from services.calendar_sync.pusher import Pusher
from services.calendar_sync.reconciler import Difference, Kind, Known, differences, drifted
from services.calendar_sync.rendering import Rendering
from services.calendar_sync.store import Agenda, Calendar, ServerState, Store
from shared.clock import Clock
from shared.contracts.base import said_in
from shared.contracts.scheduling import EventState
from shared.pause import signalled
from shared.storage.lease import Lease
from shared.storage.mongo import PyMongoError

_log = structlog.get_logger()


@dataclass(frozen=True)
class Pace:
    """How the worker treats the server. `check_every`: how often it looks whether somebody changed our objects."""

    poll: float = 0.5
    check_every: timedelta = timedelta(minutes=10)
    concurrency: int = 4
    calendars_at_once: int = 8
    objects_at_once: int = 64
    """Of one calendar in one look, so that a large one does not keep others waiting."""
    first_pause: timedelta = timedelta(seconds=1)
    longest_pause: timedelta = timedelta(minutes=15)
    longest_server_pause: timedelta = timedelta(seconds=30)


class Worker:
    """Works one server; the lease sees to it that one process at a time does. `chance` gives numbers in [0, 1)."""

    def __init__(
        self,
        store: Store,
        rendering: Rendering,
        client: CalDavClient,
        lease: Lease,
        clock: Clock,
        chance: Callable[[], float],
        *,
        pace: Pace | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        self._store, self._rendering, self._client, self._lease = store, rendering, client, lease
        self._clock, self._chance = clock, chance
        self._pace = pace or Pace()
        self._breaker = breaker or Breaker()
        self._pusher = Pusher(client)
        self._slots = asyncio.Semaphore(self._pace.concurrency)
        self._woken = asyncio.Event()
        self._stopping = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._told_fault = True  # a state that an earlier process left is cleared by the first success

    def wake(self) -> None:
        """Something changed: look now."""
        self._woken.set()

    async def run(self) -> None:
        """Works until cancelled or closed."""
        self._idle.clear()
        try:
            while not self._stopping:
                await signalled(self._woken, self._pace.poll)
                self._woken.clear()
                try:
                    await self.round()
                except PyMongoError as error:
                    _log.warning("calendar_round_delayed", error=type(error).__name__)
                    await asyncio.sleep(self._pace.poll)
        finally:
            with contextlib.suppress(PyMongoError):
                await self._lease.release()
            if self._stopping:
                await self._client.close()
            self._idle.set()

    async def close(self, patience: float = 5.0) -> None:
        """Takes nothing new and waits up to `patience` seconds for the request under way."""
        self._stopping = True
        self.wake()
        await signalled(self._idle, patience)

    async def round(self) -> int:
        """Looks at every calendar that is due, as far as the server lets us; returns how many were looked at."""
        now = self._clock()
        if self._stopping or not await self._lease.hold():
            return 0
        gate = self._breaker.gate(now)
        SERVER_PAUSED.set(gate is not Gate.CLOSED)
        if gate is Gate.OPEN:
            return 0
        probe = gate is Gate.HALF_OPEN
        due = await self._store.due(now, 1 if probe else self._pace.calendars_at_once)
        await asyncio.gather(*(self._look(calendar, probe) for calendar in due))
        return len(due)

    async def _look(self, calendar: Calendar, probe: bool) -> None:
        """One look at a calendar: check it where that is due, then bring right what differs."""
        now = self._clock()
        agenda = await self._store.agenda(calendar.event_id)
        calendar = replace(calendar, version=agenda.version)
        if agenda.event is None:  # sessions told before their event; its own fact makes the calendar due again
            await self._store.looked_at(calendar, due=now + self._pace.check_every)
            return
        known = await self._store.objects(calendar.event_id)
        try:
            calendar, known = await self._checked(calendar, agenda.event, known, now)
            desired = self._rendering.desired(agenda, agenda.event, now)
        except Fault as fault:
            await self._failed(fault)
            await self._postponed(calendar, fault.words, fault, now)
            return
        except ValueError as error:
            _log.exception("calendar_not_rendered", event_id=calendar.event_id)
            await self._postponed(calendar, f"The calendar cannot be written: {error}", None, now)
            return
        found = differences(desired, known, self._rendering.unwanted_since(agenda, agenda.event), now)
        ready = [difference for difference in found if difference.may_try(now)]
        results = await asyncio.gather(
            *(
                self._bring_right(calendar.event_id, difference)
                for difference in ready[: 1 if probe else self._pace.objects_at_once]
            )
        )
        done = sum(result is None for result in results)
        faults = [result for result in results if isinstance(result, _Later)]
        latest = next((later.words for later in faults if later.words), None)
        calendar = replace(
            calendar,
            attempts=0,
            pushed=agenda.version if done == len(found) else calendar.pushed,
            # After a refusal the next look begins with the server's own list: the calendar itself may be gone.
            checked_at=None if any(later.check for later in faults) else calendar.checked_at,
            error=None if done == len(found) else (latest or calendar.error),
            error_at=now if latest else calendar.error_at,
        )
        await self._store.looked_at(calendar, due=self._next_look(calendar, agenda, found, faults, done, now))

    def _next_look(
        self,
        calendar: Calendar,
        agenda: Agenda,
        found: list[Difference],
        faults: list[_Later],
        done: int,
        now: datetime,
    ) -> datetime:
        times = [(calendar.checked_at or now) + self._pace.check_every]
        times.extend(later.again for later in faults)
        times.extend(d.known.next_attempt for d in found if d.known and d.known.next_attempt and not d.may_try(now))
        if agenda.event is not None:
            times.extend(end for end in self._rendering.unwanted_since(agenda, agenda.event).values() if end > now)
        untried = len(found) - done - len(faults) - sum(not d.may_try(now) for d in found)
        if untried > 0:
            self.wake()
            return self._clock()
        return min(times)

    async def _postponed(self, calendar: Calendar, words: str, fault: Fault | None, now: datetime) -> None:
        attempts = calendar.attempts + 1
        calendar = replace(calendar, attempts=attempts, error=words, error_at=now)
        await self._store.looked_at(calendar, due=now + self._pause(attempts, fault))

    async def _checked(
        self, calendar: Calendar, event: EventState, known: dict[str, Known], now: datetime
    ) -> tuple[Calendar, dict[str, Known]]:
        """Makes the calendar where it is missing and finds what others changed in it, when that is due."""
        title = said_in(event.title, event.languages[0])
        if calendar.checked_at is not None and now - calendar.checked_at < self._pace.check_every:
            if calendar.title != title:
                calendar = await self._renamed(calendar, title)
            return calendar, known
        async with self._slots:
            listing = await self._client.listing(calendar.event_id)
            if listing is None:
                about = said_in(event.subtitle, event.languages[0]) or title
                answer = await self._client.make_calendar(calendar.event_id, title, about, event.languages[0])
                listing = await self._client.listing(calendar.event_id)
                if listing is None:  # refused, or being made while we wait
                    raise fault_of(answer) if not answer.done else Fault("The calendar is being made.", Blame.OBJECT)
                _log.info("calendar_made", event_id=calendar.event_id)
        await self._succeeded()
        changed = drifted(known.values(), listing, now)
        await self._store.keep_objects(changed)
        if changed:
            _log.info("calendar_drift_found", event_id=calendar.event_id, objects=len(changed))
        calendar = replace(calendar, checked_at=now, title=calendar.title or title)
        if calendar.title != title:
            calendar = await self._renamed(calendar, title)
        return calendar, known | {item.session_id: item for item in changed}

    async def _renamed(self, calendar: Calendar, title: str) -> Calendar:
        async with self._slots:
            answer = await self._client.rename_calendar(calendar.event_id, title)
        if not (answer.done or answer.status == 207 or answer.unclear):
            raise fault_of(answer)
        _log.info("calendar_renamed", event_id=calendar.event_id, status=answer.status)
        return replace(calendar, title=title)

    async def _bring_right(self, event_id: str, difference: Difference) -> _Later | None:
        """Brings one object right; None when that is done, else when to come back to it."""
        async with self._slots:
            now = self._clock()
            if self._stopping or self._breaker.gate(now) is Gate.OPEN or not await self._lease.hold():
                return _Later(now)
            want = difference.desired
            correlation_id = want.correlation_id if want is not None else None
            name = want.name if want is not None else ""
            have = difference.known or Known(difference.session_id, event_id, name)
            with bound_contextvars(correlation_id=correlation_id):
                try:
                    if difference.kind is Kind.WRITE and want is not None:
                        await self._store.keep_objects([await self._pusher.write(event_id, want, have)])
                        _log.info(
                            "calendar_object_written",
                            event_id=event_id,
                            session_id=want.session_id,
                            revision=want.revision,
                            repaired=have.drifted_at is not None,
                        )
                    else:
                        await self._pusher.remove(event_id, self._rendering.uid(difference.session_id), have)
                        await self._store.forget_object(difference.session_id)
                        _log.info("calendar_object_removed", event_id=event_id, session_id=difference.session_id)
                except Fault as fault:
                    return await self._not_yet(have, fault)
            OBJECTS.labels(str(difference.kind)).inc()
            if have.drifted_at is not None:
                REPAIRED.inc()
            await self._succeeded()
            return None

    async def _not_yet(self, have: Known, fault: Fault) -> _Later:
        now = self._clock()
        attempts = have.attempts + 1
        again = now + self._pause(attempts, fault)
        await self._store.keep_objects(
            [
                replace(
                    have,
                    attempts=attempts,
                    next_attempt=again,
                    error=fault.words,
                    error_at=now,
                    look=have.look or fault.unknown,
                )
            ]
        )
        OBJECTS.labels("failed").inc()
        _log.warning(
            "calendar_object_delayed",
            event_id=have.event_id,
            session_id=have.session_id,
            reason=fault.words,
            attempts=attempts,
        )
        await self._failed(fault)
        return _Later(again, fault.words, check=fault.blame is Blame.OBJECT)

    def _pause(self, attempts: int, fault: Fault | None) -> timedelta:
        """How long one object or calendar waits. The server's own pause is the breaker's, so that one stays short."""
        by_server = fault is not None and fault.blame is Blame.SERVER
        longest = self._pace.longest_server_pause if by_server else self._pace.longest_pause
        return backoff(attempts, self._chance(), self._pace.first_pause, longest)

    async def _failed(self, fault: Fault) -> None:
        if fault.blame is not Blame.SERVER:
            return
        now = self._clock()
        self._breaker.failed(now, self._chance(), fault.retry_after)
        self._told_fault = True
        SERVER_PAUSED.set(self._breaker.gate(now) is not Gate.CLOSED)
        await self._store.keep_server(ServerState(fault.words, now, self._breaker.until))

    async def _succeeded(self) -> None:
        was_paused = self._breaker.until is not None
        self._breaker.succeeded()
        if self._told_fault:
            self._told_fault = False
            await self._store.keep_server(ServerState())
        if was_paused:
            SERVER_PAUSED.set(0)
            self.wake()


@dataclass(frozen=True)
class _Later:
    """An object that is not right yet: when to come back to it, and why."""

    again: datetime
    words: str | None = None
    check: bool = False
