"""Sends mails that are due: claims a row, finds the news, hands the mail to the SMTP server, notes what was told.

One case nobody can know: the server took the mail and its answer was lost, or this process died before it noted the
answer. Then the row still holds what was said, and it is said again word for word, with the same Message-ID. In every
other case a mail is sent exactly once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from time import perf_counter
from types import TracebackType
from typing import Protocol, Self

import structlog
from structlog.contextvars import bound_contextvars

from services.notification.domain import Telling, tell, tell_of
from services.notification.letter import Letter, addresses, compose
from services.notification.mails import Mail, Mails
from services.notification.message import UnusableAddress, address, build, message_id
from services.notification.metrics import MAIL_SECONDS, MAILS, SMTP_UNREACHABLE
from services.notification.picture import Picture
from services.notification.rendering import render
from services.notification.smtp import Deferred, Refused, Unreachable
from services.notification.store import Copy, Store, present, reference
from shared.clock import Clock, Ids
from shared.links import Links
from shared.pause import signalled
from shared.storage.lease import Lease
from shared.storage.mongo import Document, PyMongoError

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


@dataclass(frozen=True)
class Postbox:
    """Who sends, and what the mails point to."""

    sender: Address
    domain: str
    public_url: str
    links: Links


@dataclass(frozen=True)
class _Attempt:
    telling: Telling
    before: Picture | None
    now: Picture
    after: Document


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
            await self._unknown(mail)
            return False
        attempt = await self._attempt(mail, copy)
        if attempt is None:
            return False
        kind, started = attempt.telling.kind.value, perf_counter()
        try:
            recipient, message = self._message(mail, copy, attempt)
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
        if not await self._mails.accepted(mail, attempt.after, now):
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

    async def _unknown(self, mail: Mail) -> None:
        """The person was forgotten, and there is nobody to tell; or a fact of its own was faster than the registration."""
        if mail.notice is None or self._too_late(mail) or await self._store.is_forgotten(mail.registration_id):
            await self._mails.drop(mail)
        else:
            await self._wait(mail)

    def _too_late(self, mail: Mail) -> bool:
        return mail.notice is not None and self._clock() >= mail.notice.until

    async def _wait(self, mail: Mail) -> None:
        # The facts that are missing bring the mail back at once; the growing pause is for their race with us.
        pause = timedelta(seconds=min(60.0, 0.5 * 2 ** min(mail.put_off, 10)))
        await self._mails.put_off(mail, self._clock() + pause)
        _log.info("mail_put_off", event_id=mail.event_id, seconds=pause.total_seconds())

    async def _attempt(self, mail: Mail, copy: Copy) -> _Attempt | None:
        """What this attempt says; None where there is nothing to say (the row goes), or not yet (it waits)."""
        if self._too_late(mail):
            await self._drop(mail)
            return None
        if mail.frozen is not None:
            return await self._again(mail, copy, mail.frozen)
        now = present(copy, await self._store.agenda(mail.event_id))
        if now is None:
            await self._wait(mail)
            return None
        told = copy.told if mail.notice is None else None
        before = (await self._store.pictures(mail.event_id, [told]))[0] if told is not None else None
        telling = self._telling(mail, before, now)
        if telling is None:
            await self._drop(mail)
            return None
        after = reference(now)
        frozen = {"before": told, "after": after}
        if not await self._mails.freeze(mail, frozen, telling.kind.value, self._clock()):
            return None
        return _Attempt(telling, before, now, after)

    async def _again(self, mail: Mail, copy: Copy, frozen: Document) -> _Attempt | None:
        if mail.notice is not None:  # a reminder need not be said again to somebody who has done it meanwhile
            standing = present(copy, await self._store.agenda(mail.event_id))
            if standing is not None and self._telling(mail, None, standing) is None:
                await self._drop(mail)
                return None
        references = [view for view in (frozen["before"], frozen["after"]) if view is not None]
        *earlier, now = await self._store.pictures(mail.event_id, references)
        before = earlier[0] if earlier else None
        telling = self._telling(mail, before, now)
        if telling is None:
            await self._drop(mail)
            return None
        return _Attempt(telling, before, now, frozen["after"])

    def _telling(self, mail: Mail, before: Picture | None, now: Picture) -> Telling | None:
        if mail.notice is None:
            return tell(before, now)
        telling = tell_of(mail.notice, now)
        late = telling is not None and telling.until is not None and self._clock() >= telling.until
        return None if late else telling

    async def _drop(self, mail: Mail) -> None:
        await self._mails.drop(mail)
        if mail.notice is not None:
            MAILS.labels(mail.notice.kind.value, "not-needed").inc()
            _log.info("mail_not_needed", kind=mail.notice.kind.value, too_late=self._too_late(mail))

    def _message(self, mail: Mail, copy: Copy, attempt: _Attempt) -> tuple[str, bytes]:
        person, box = copy.state.person, self._postbox
        private = addresses(box.links, box.public_url, copy.state.id, copy.state.link_generation)
        letter = compose(attempt.telling, attempt.before, attempt.now, person, private)
        recipient = address(letter.name, person.email)
        message = build(
            sender=box.sender,
            recipient=recipient,
            reply_to=_reply_to(letter),
            subject=letter.subject,
            language=letter.language,
            body=render(letter),
            date=self._clock(),
            id_=message_id(mail.id, box.domain),
            correlation_id=mail.correlation_id,
        )
        return recipient.addr_spec, message

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


def _reply_to(letter: Letter) -> Address | None:
    """The first contact that mail can be sent to."""
    for contact in letter.contacts:
        if contact.email:
            with contextlib.suppress(UnusableAddress):
                return address(contact.name, contact.email)
    return None
