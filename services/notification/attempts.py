"""What one attempt to send a mail says: the news as they stand, or word for word what an earlier attempt said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from services.notification.domain import INVITATIONS, Kind, Notice, Telling, tell, tell_of
from services.notification.former import withdrawal
from services.notification.invitations import Due, due_invitations, sent_of
from services.notification.mails import Mail, Mails
from services.notification.metrics import MAILS
from services.notification.picture import Picture
from services.notification.store import Agenda, Copy, Store, present, reference
from shared.calendar.invitation import Method
from shared.clock import Clock
from shared.storage.mongo import Document

_log = structlog.get_logger()


@dataclass(frozen=True)
class Attempt:
    """What is said, and what the person was told once it is. `at` (UTC): when it was first tried to be said so."""

    telling: Telling
    before: Picture | None
    now: Picture
    after: Document
    at: datetime
    encloses: Due | None = None
    """The invitation that the mail carries."""
    follow: tuple[str, ...] = ()
    """Sessions whose invitations follow in mails of their own."""


class Attempts:
    """Finds what there is to say. `invites`: whether mails carry invitations to sessions."""

    def __init__(self, store: Store, mails: Mails, clock: Clock, *, invites: bool) -> None:
        self._store, self._mails, self._clock, self._invites = store, mails, clock, invites

    async def find(self, mail: Mail, copy: Copy) -> Attempt | None:
        """What this attempt says; None where there is nothing to say (the row goes), or not yet (it waits)."""
        if self.too_late(mail):
            await self._drop(mail)
            return None
        if mail.frozen is not None:
            return await self._again(mail, copy, mail.frozen)
        agenda = await self._store.agenda(mail.event_id)
        now = present(copy, agenda)
        if now is None:
            await self.wait(mail)
            return None
        told = copy.told if mail.notice is None else None
        before = (await self._store.pictures(mail.event_id, [told]))[0] if told is not None else None
        attempt = await self._standing(mail, copy, agenda, before, now)
        if attempt is None:
            await self._drop(mail)
            return None
        frozen: Document = {
            "before": told,
            "after": attempt.after,
            "at": attempt.at.isoformat(),
            "follow": list(attempt.follow),
            "news": mail.news,
        }
        if attempt.encloses is not None:
            frozen["encloses"] = attempt.encloses.stored()
        if not await self._mails.freeze(mail, frozen, attempt.telling.kind.value, attempt.at):
            return None
        return attempt

    async def unknown(self, mail: Mail) -> None:
        """The person was forgotten, and there is nobody to tell; or a fact of its own was faster than the registration."""
        if mail.notice is None or self.too_late(mail) or await self._store.is_forgotten(mail.registration_id):
            await self._mails.drop(mail)
        else:
            await self.wait(mail)

    def too_late(self, mail: Mail) -> bool:
        """Whether nobody needs the mail any more."""
        until = mail.notice.until if mail.notice is not None else None
        return until is not None and self._clock() >= until

    async def wait(self, mail: Mail) -> None:
        """Puts the mail off until what it needs is known."""
        # The facts that are missing bring the mail back at once; the growing pause is for their race with us.
        pause = timedelta(seconds=min(60.0, 0.5 * 2 ** min(mail.put_off, 10)))
        await self._mails.put_off(mail, self._clock() + pause)
        _log.info("mail_put_off", event_id=mail.event_id, seconds=pause.total_seconds())

    async def _standing(
        self, mail: Mail, copy: Copy, agenda: Agenda, before: Picture | None, now: Picture
    ) -> Attempt | None:
        at: datetime = self._clock()
        due = due_invitations(now, agenda.sessions, sent_of(copy.invited), at) if self._invites else ()
        if mail.notice is not None and mail.notice.kind in INVITATIONS:
            [session_id] = mail.notice.sessions
            if mail.notice.former is not None:
                one = withdrawal(mail.notice, copy, agenda, at) if self._invites else None
            else:
                one = next((one for one in due if one.session_id == session_id), None)
            if one is None:
                return None
            # A session that the person has no longer is in no picture of theirs; its end is told all the same.
            now = replace(now, sessions={**now.sessions, session_id: agenda.sessions[session_id]})
            return Attempt(_invitation(one, mail.notice), None, now, reference(now), at, one)
        telling = self._telling(mail, before, now)
        if telling is None:
            return None
        if mail.notice is not None:
            return Attempt(telling, before, now, reference(now), at)
        encloses = due[0] if len(due) == 1 and due[0].session_id in now.sessions else None
        if encloses is not None and encloses.session_id in await self._mails.open_invitations(copy.state.id):
            encloses = None  # a mail about it is under way: that one tells it, or the next after it
        follow = tuple(one.session_id for one in due if one is not encloses)
        return Attempt(telling, before, now, reference(now), at, encloses, follow)

    async def _again(self, mail: Mail, copy: Copy, frozen: Document) -> Attempt | None:
        notice = mail.notice is not None
        invitation = mail.notice is not None and mail.notice.kind in INVITATIONS
        if notice and not invitation:  # a reminder need not be said again to somebody who has done it meanwhile
            standing = present(copy, await self._store.agenda(mail.event_id))
            if standing is not None and self._telling(mail, None, standing) is None:
                await self._drop(mail)
                return None
        references = [view for view in (frozen["before"], frozen["after"]) if view is not None]
        *earlier, now = await self._store.pictures(mail.event_id, references)
        before = earlier[0] if earlier else None
        encloses = Due.of(frozen["encloses"]) if "encloses" in frozen else None
        if mail.notice is not None and invitation and encloses is not None:
            telling: Telling | None = _invitation(encloses, mail.notice)
        else:
            telling = self._telling(mail, before, now)
        if telling is None:
            await self._drop(mail)
            return None
        at = datetime.fromisoformat(frozen["at"]) if "at" in frozen else self._clock()
        return Attempt(telling, before, now, frozen["after"], at, encloses, tuple(frozen.get("follow", ())))

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
            _log.info("mail_not_needed", kind=mail.notice.kind.value, too_late=self.too_late(mail))


def _invitation(due: Due, notice: Notice) -> Telling:
    kind = Kind.INVITATION if due.method is Method.REQUEST else Kind.WITHDRAWAL
    return Telling(kind, about=(due.session_id,), to_former=notice.former is not None)
