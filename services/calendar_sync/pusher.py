"""One object brought right: one conditional request; whatever its answer leaves open is settled by reading back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from services.calendar_sync.answers import Answer, Blame, Fault, fault_of, strong
from services.calendar_sync.merging import LARGEST, has_theirs, merged
from services.calendar_sync.profile import Profile
from services.calendar_sync.reconciler import Desired, Known, Seen, Verdict, judge
from services.calendar_sync.remote_calendar import RemoteCalendar
from services.calendar_sync.trouble import Trouble
from shared.calendar.fingerprint import Said, read

_READ_BESIDE = 16 * 1024
"""Octets; ours have two or three thousand."""

_ROUNDS = 4
"""How often an object is looked at and tried again in one go before others have their turn."""


class Declined(Exception):
    """The person says in the object itself: I do not come. Nothing was written. `stands_in`: the path of the other calendar
    to which the person moved it."""

    def __init__(self, stands_in: str | None = None) -> None:
        super().__init__()
        self.stands_in = stands_in


class Vanished(Exception):
    """The object is no longer where it was written. Nothing was written."""


class Invited(Exception):
    """The session stands in the calendar as a mailed invitation, which is left alone. Nothing was written."""


@dataclass(frozen=True)
class Pusher:
    """Writes and removes single objects of one calendar. Raises Fault where it did not succeed.

    `heeds_answers`: an object that the person declined is told by Declined, and not written again. `tells_vanished`: one
    that is gone is told by Vanished. An object of the same UID that stands under a name that is not ours and names attendees
    came with an invitation: it is told by Invited.
    """

    calendar: RemoteCalendar
    profile: Profile
    heeds_answers: bool = False
    tells_vanished: bool = False

    async def write(self, want: Desired, have: Known) -> Known:
        """Brings the object to what is desired; returns what is known of it then."""
        name, condition = have.name, have.etag if have.there else None
        look = self._looks_first(have)
        refused: Answer | None = None
        theirs: bytes | None = None
        same = have.there and have.written == want.fingerprint
        for _ in range(_ROUNDS):
            if look:
                seen = await self._read(name, want.mark)
                if seen is not None and seen.attended and seen.uid == want.uid and not is_ours(name, want.name):
                    raise Invited
                verdict = judge(want.uid, want.fingerprint, seen, have if name == have.name else None)
                if verdict is Verdict.DECLINED:
                    if self.heeds_answers and want.chosen:
                        raise Declined
                    verdict = Verdict.REPLACE
                if verdict is Verdict.FOREIGN:
                    if name == _second_name(want.name):
                        words = "Another object stands at this address; it was left alone."
                        raise Fault(words, Blame.OBJECT, kind=Trouble.TAKEN)
                    name, refused = _second_name(want.name), None
                    continue
                if seen is not None and seen.uid == want.uid and has_theirs(seen.body, want.body, same=same):
                    theirs = seen.body
                if verdict is Verdict.SETTLED and seen is not None:
                    return _settled(want, have, name, strong(seen.etag), seen.fingerprint, theirs=theirs is not None)
                if verdict is Verdict.CREATE:
                    elsewhere = await self._elsewhere(want, name, refused)
                    if elsewhere is not None:
                        name, refused = elsewhere, None
                        continue
                    if self.tells_vanished and have.there:
                        raise Vanished
                    if refused is not None and condition is None:
                        raise fault_of(refused)
                condition = None if seen is None else (strong(seen.etag) or "*")
            body = want.body if theirs is None else merged(want.body, theirs, want.mark or "", same=same)
            answer = await self.calendar.put(name, body, match=condition)
            if answer.done:
                return await self._written(want, have, name, answer, theirs=theirs is not None)
            if not answer.unclear:
                raise fault_of(answer)
            look, refused = True, answer
        raise Fault("The object goes on changing while it is written.", Blame.OBJECT, kind=Trouble.OTHER)

    async def rewrite(self, want: Desired, seen: Seen | None) -> bool:
        """Brings our object right that a look found as `seen`, by whatever name. False where it is not there any more, or is
        somebody else's: none is ever created. Raises Declined as `write` does."""
        for _ in range(_ROUNDS):
            if seen is None or seen.uid != want.uid or seen.attended:
                return False
            if seen.declined and self.heeds_answers and want.chosen:
                raise Declined
            if seen.fingerprint == want.fingerprint:
                return True
            body = merged(want.body, seen.body, want.mark or "")
            answer = await self.calendar.put(seen.name, body, match=strong(seen.etag) or "*")
            if answer.done:
                return True
            if answer.status not in (404, 409, 410, 412):
                raise fault_of(answer)
            seen = await self._read(seen.name, want.mark)
        raise Fault("The object goes on changing while it is written.", Blame.OBJECT, kind=Trouble.OTHER)

    async def remove(self, uid: str, have: Known, *, own_name: str | None = None) -> bool:
        """Removes our object; False where it is not there any more. What another UID has taken the place of is left alone,
        and what names attendees under another name than `own_name`, where that is given."""
        condition = have.etag
        found = own_name is not None and not is_ours(have.name, own_name)
        look = found or have.look or have.etag is None or self.profile.needs_look_before_update
        for _ in range(_ROUNDS):
            if look:
                seen = await self._read(have.name, None)
                if judge(uid, None, seen, have) in (Verdict.CREATE, Verdict.FOREIGN):
                    return False
                if found and seen is not None and seen.attended:
                    return False
                condition = (strong(seen.etag) if seen is not None else None) or "*"
            answer = await self.calendar.delete(have.name, match=condition or "*")
            if answer.done:
                return True
            if not answer.unclear:
                raise fault_of(answer)
            look = True
        raise Fault("The object goes on changing while it is removed.", Blame.OBJECT, kind=Trouble.OTHER)

    async def verify(self, want: Desired, have: Known) -> Verdict:
        """Reads the object back and compares it with what it should be."""
        return judge(want.uid, want.fingerprint, await self._read(have.name, want.mark), have)

    def _looks_first(self, have: Known) -> bool:
        if have.look or have.theirs or (have.there and have.etag is None):
            return True
        return self.profile.needs_look_before_update if have.there else self.profile.needs_look_before_create

    async def _elsewhere(self, want: Desired, name: str, refused: Answer | None) -> str | None:
        """Where else in the calendar our UID stands: when nothing stands at our address and yet it was refused, or on a
        server that would take the same UID twice."""
        if refused is None and self.profile.uid_refused:
            return None
        return await self.found(want, name)

    async def found(self, want: Desired, name: str) -> str | None:
        """Under which name but `name` our UID stands in the calendar: a program may have put it there again by itself."""
        seen = await self.seen(want.uid, want.mark, besides=name)
        return seen.name if seen is not None else None

    async def seen(self, uid: str, mark: str | None, *, besides: str = "") -> Seen | None:
        """The object with this UID, wherever in the calendar it stands but under the name `besides`; one that came with an
        invitation only where there is no other."""
        invited: Seen | None = None
        for name in await self.calendar.find(uid):
            seen = await self._read(name, mark) if name != besides else None
            if seen is not None and seen.uid == uid:
                if not seen.attended:
                    return seen
                invited = invited or seen
        return invited

    async def _written(self, want: Desired, have: Known, name: str, answer: Answer, *, theirs: bool) -> Known:
        etag = None if self.profile.needs_look_after_put else strong(answer.etag)
        if etag is not None:
            return _settled(want, have, name, etag, want.fingerprint, theirs=theirs)
        # No ETag, a weak one, or one that is not what a GET shows: the server may have rewritten what we sent.
        seen = await self._read(name, want.mark)
        if seen is None or seen.uid != want.uid:
            words = "The object is not there after it was written."
            raise Fault(words, Blame.OBJECT, kind=Trouble.OTHER, unknown=True)
        return _settled(want, have, name, strong(seen.etag), seen.fingerprint, theirs=theirs)

    async def _read(self, name: str, mark: str | None) -> Seen | None:
        answer = await self.calendar.get(name)
        if answer.missing:
            return None
        if answer.status != 200:
            raise fault_of(answer)
        said = await _said(answer.body, mark)
        if said is None:
            return Seen(name, answer.etag, None, None, answer.body)
        return Seen(
            name,
            answer.etag,
            said.uid,
            said.fingerprint,
            answer.body,
            declined=said.declined,
            attended=said.attended,
        )


async def _said(body: bytes, mark: str | None) -> Said | None:
    """What a body says; a large one is read beside, so that nothing waits for it, and a huge one not at all."""
    if len(body) > LARGEST:
        return None
    return await asyncio.to_thread(read, body, mark) if len(body) > _READ_BESIDE else read(body, mark)


def _second_name(name: str) -> str:
    """Where our object is written when something else stands under `name`."""
    return f"{name.removesuffix('.ics')}.lectern.ics"


def is_ours(name: str, own: str) -> bool:
    """Whether we chose `name` ourselves, for the object whose name is to be `own`."""
    return name in (own, _second_name(own))


def _settled(want: Desired, have: Known, name: str, etag: str | None, stored: str | None, *, theirs: bool) -> Known:
    return replace(
        Known(calendar=have.calendar, session_id=want.session_id, name=name),
        there=True,
        etag=etag,
        written=want.fingerprint,
        stored=stored,
        revision=want.revision,
        theirs=theirs,
        missed_at=have.missed_at,
    )
