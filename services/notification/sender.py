"""Sends mails that are due: claims a row, finds the news, hands the mail to the SMTP server, notes what was told.

One case nobody can know: the server took the mail and its answer was lost, or this process died before it noted the
answer. Then the row still holds what was said, and it is said again word for word, with the same Message-ID. In every
other case a mail is sent exactly once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from types import TracebackType
from typing import Protocol, Self

import structlog
from structlog.contextvars import bound_contextvars

from services.notification.attempts import Attempts
from services.notification.former import addressed
from services.notification.mails import Mail, Mails
from services.notification.message import UnusableAddress
from services.notification.metrics import MAIL_SECONDS, MAILS, SMTP_UNREACHABLE
from services.notification.smtp import Deferred, Refused, Unreachable
from services.notification.store import Store
from services.notification.writing import Postbox
from shared.clock import Clock, Ids
from shared.pause import signalled
from shared.storage.lease import Lease
from shared.storage.mongo import PyMongoError

ATTEMPT_LIMIT = 120.0
"""Seconds that one attempt may last; shorter than a claim."""

LONGEST_PAUSE = 30.0
"""Seconds between two tries to reach a server that is away, at most."""

_log = structlog.get_logger()


class Connects(Protocol):
    """A connection to the SMTP server, as `smtp.Connection` is one."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def send(self, sender: str, recipient: str, message: bytes) -> None: ...


@dataclass(frozen=True)
class Backoff:
    """When a mail that the server put off is tried again: doubling from `first` to `longest`, given up after `patience`.

    RFC 5321 section 4.5.4.1 asks for at least half an hour between later attempts and four to five days of patience.
    """

    first: timedelta = timedelta(seconds=60)
    longest: timedelta = timedelta(hours=1)
    patience: timedelta = timedelta(days=4)

    def after(self, attempts: int, jitter: float) -> timedelta:
        """The pause after the `attempts`-th attempt (from 1); `jitter` from 0 to 1 spreads it over its second half."""
        pause: timedelta = min(self.longest, self.first * (1 << min(attempts - 1, 30)))
        return pause * (0.5 + jitter / 2)


class Sender:
    """The worker of mails. `lanes` connections are used at a time; `random` returns numbers from 0 to 1."""

    def __init__(
        self,
        store: Store,
        mails: Mails,
        postbox: Postbox,
        connect: Callable[[], Connects],
        *,
        lease: Lease,
        clock: Clock,
        ids: Ids,
        random: Callable[[], float],
        lanes: int = 4,
        poll: float = 0.5,
        backoff: Backoff | None = None,
    ) -> None:
        self._store, self._mails, self._postbox, self._connect = store, mails, postbox, connect
        self._lease, self._clock, self._ids, self._random = lease, clock, ids, random
        self._lanes, self._poll = lanes, poll
        self._backoff = backoff or Backoff()
        self._attempts = Attempts(store, mails, clock, invites=postbox.replies is not None)
        self._woken = asyncio.Event()
        self._stop = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def wake(self) -> None:
        """Something is due: send now, not at the next poll."""
        self._woken.set()

    async def run(self) -> None:
        """Sends until stopped. While the server cannot be reached everything waits, and no mail's attempts are counted."""
        pause = 0.0
        try:
            while not self._stop.is_set():
                # While the server is away, new mails must not make us knock more often: only `stop` ends that pause.
                signal, wait = (self._stop, pause) if pause else (self._woken, self._poll)
                await signalled(signal, wait)
                self._woken.clear()
                try:
                    if await self._lease.hold():
                        await self._mails.recover(self._clock())
                        await self.send_due()
                    pause = 0.0
                except (Unreachable, PyMongoError) as error:
                    pause = min(LONGEST_PAUSE, max(self._poll, pause * 2)) * (0.75 + self._random() / 4)
                    # A driver's error may name hosts and documents; ours names a reply code.
                    reason = str(error) if isinstance(error, Unreachable) else type(error).__name__
                    _log.warning("mails_delayed", reason=reason, retry_in=round(pause, 1))
        finally:
            await self._lease.release()

    async def stop(self, timeout: float = 10.0) -> None:
        """Takes no more mails and waits up to `timeout` seconds for those under way, so that their answers are noted."""
        self._stop.set()
        self._woken.set()
        if not await signalled(self._idle, timeout):
            _log.warning("mails_under_way_at_stop", waited=timeout)

    async def send_due(self) -> int:
        """Sends everything that is due now; returns how many mails the server took. Raises Unreachable."""
        self._idle.clear()
        try:
            results = await asyncio.gather(*(self._lane() for _ in range(self._lanes)), return_exceptions=True)
        finally:
            self._idle.set()
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            raise next((error for error in failures if not isinstance(error, Unreachable)), failures[0])
        return sum(result for result in results if isinstance(result, int))

    async def _lane(self) -> int:
        sent = 0
        async with self._connect() as connection:
            while not self._stop.is_set() and await self._lease.hold():
                mail = await self._mails.claim(self._ids(), self._clock())
                if mail is None:
                    break
                with bound_contextvars(mail_id=mail.id, correlation_id=mail.correlation_id):
                    sent += await self._send(mail, connection)
        return sent

    async def _send(self, mail: Mail, connection: Connects) -> bool:
        copy = await self._store.registration(mail.registration_id)
        if copy is None:
            await self._attempts.unknown(mail)
            return False
        attempt = await self._attempts.find(mail, copy)
        if attempt is None:
            return False
        kind, started = attempt.telling.kind.value, perf_counter()
        try:
            registration = addressed(copy, mail.notice)
            recipient, message = self._postbox.write(mail, registration, attempt, self._clock())
        except UnusableAddress as error:
            await self._give_up(mail, kind, f"address: {error}")
            return False
        except Exception as error:  # noqa: BLE001 - told, and failed: one mail must not hold up all others
            await self._give_up(mail, kind, f"cannot be written: {type(error).__name__}")
            return False
        try:
            async with asyncio.timeout(ATTEMPT_LIMIT):
                await connection.send(self._postbox.sender.addr_spec, recipient, message)
        except Deferred as error:
            await self._put_back(mail, kind, str(error))
            return False
        except Refused as error:
            await self._give_up(mail, kind, str(error))
            return False
        except Unreachable as error:
            SMTP_UNREACHABLE.inc()
            await self._mails.release(mail, answer_lost=error.answer_lost)
            raise
        except TimeoutError as error:
            SMTP_UNREACHABLE.inc()
            await self._mails.release(mail, answer_lost=True)
            raise Unreachable("attempt took too long", answer_lost=True) from error
        now = self._clock()
        if not await self._mails.accepted(mail, attempt.after, now, attempt.encloses, attempt.follow):
            _log.warning("mail_claim_lost", kind=kind)
        MAILS.labels(kind, "sent").inc()
        MAIL_SECONDS.observe(max(0.0, (now - mail.created_at).total_seconds()))
        _log.info(
            "mail_sent",
            kind=kind,
            registration_id=mail.registration_id,
            attempt=mail.attempts + 1,
            milliseconds=round((perf_counter() - started) * 1000, 1),
        )
        return True

    async def _put_back(self, mail: Mail, kind: str, reason: str) -> None:
        now: datetime = self._clock()
        if now - (mail.first_tried_at or now) >= self._backoff.patience:
            await self._give_up(mail, kind, reason)
            return
        until = now + self._backoff.after(mail.attempts + 1, self._random())
        await self._mails.defer(mail, until, reason)
        MAILS.labels(kind, "deferred").inc()
        _log.info("mail_deferred", kind=kind, reason=reason, attempt=mail.attempts + 1)

    async def _give_up(self, mail: Mail, kind: str, reason: str) -> None:
        await self._mails.fail(mail, reason, self._clock())
        MAILS.labels(kind, "failed").inc()
        _log.warning("mail_failed", kind=kind, reason=reason, attempt=mail.attempts + 1)
