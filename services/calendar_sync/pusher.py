"""One object brought right: one conditional request; whatever its answer leaves open is settled by reading back."""

from __future__ import annotations

from dataclasses import replace

from services.calendar_sync.answers import Answer, Blame, Fault, fault_of, strong
from services.calendar_sync.caldav_client import CalDavClient
from services.calendar_sync.reconciler import Desired, Known, Seen, Verdict, judge
from shared.calendar.fingerprint import read

_ROUNDS = 4
"""How often an object is looked at and tried again in one go before others have their turn."""


class Pusher:
    """Writes and removes single objects. Raises Fault where it did not succeed."""

    def __init__(self, client: CalDavClient) -> None:
        self._client = client

    async def write(self, calendar: str, want: Desired, have: Known) -> Known:
        """Brings the object to what is desired; returns what is known of it then."""
        name, condition = have.name, have.etag if have.there else None
        look = have.look or (have.there and have.etag is None)
        refused: Answer | None = None
        for _ in range(_ROUNDS):
            if look:
                seen = await self._read(calendar, name)
                verdict = judge(
                    want.uid, want.fingerprint, seen, replace(have, name=name) if name == have.name else None
                )
                if verdict is Verdict.FOREIGN:
                    if name == _second_name(want):
                        raise Fault("Another object stands at this address; it was left alone.", Blame.OBJECT)
                    name, refused = _second_name(want), None
                    continue
                if verdict is Verdict.SETTLED and seen is not None:
                    return _settled(want, have, name, strong(seen.etag), seen.fingerprint)
                if verdict is Verdict.CREATE and refused is not None:
                    # Nothing stands there, and yet it was refused: its UID may stand elsewhere in the calendar.
                    elsewhere = await self._find(calendar, want.uid)
                    if elsewhere is not None and elsewhere != name:
                        name, refused = elsewhere, None
                        continue
                    if condition is None:
                        raise fault_of(refused)
                condition = None if seen is None else (strong(seen.etag) or "*")
            answer = await self._client.put(calendar, name, want.body, match=condition)
            if answer.done:
                return await self._written(calendar, want, have, name, answer)
            if not answer.unclear:
                raise fault_of(answer)
            look, refused = True, answer
        raise Fault("The object goes on changing while it is written.", Blame.OBJECT)

    async def remove(self, calendar: str, uid: str, have: Known) -> None:
        """Removes our object; what another UID has taken the place of is left alone."""
        condition, look = have.etag, have.look or have.etag is None
        for _ in range(_ROUNDS):
            if look:
                seen = await self._read(calendar, have.name)
                if judge(uid, None, seen, have) in (Verdict.CREATE, Verdict.FOREIGN):
                    return
                condition = (strong(seen.etag) if seen is not None else None) or "*"
            answer = await self._client.delete(calendar, have.name, match=condition or "*")
            if answer.done:
                return
            if not answer.unclear:
                raise fault_of(answer)
            look = True
        raise Fault("The object goes on changing while it is removed.", Blame.OBJECT)

    async def _written(self, calendar: str, want: Desired, have: Known, name: str, answer: Answer) -> Known:
        etag = strong(answer.etag)
        if etag is not None:
            return _settled(want, have, name, etag, want.fingerprint)
        # No ETag, or a weak one: the server may have rewritten what we sent.
        seen = await self._read(calendar, name)
        if seen is None or seen.uid != want.uid:
            raise Fault("The object is not there after it was written.", Blame.OBJECT, unknown=True)
        return _settled(want, have, name, strong(seen.etag), seen.fingerprint)

    async def _read(self, calendar: str, name: str) -> Seen | None:
        answer = await self._client.get(calendar, name)
        if answer.missing:
            return None
        if answer.status != 200:
            raise fault_of(answer)
        said = read(answer.body)
        return Seen(name, answer.etag, said.uid if said else None, said.fingerprint if said else None)

    async def _find(self, calendar: str, uid: str) -> str | None:
        for name in await self._client.find(calendar, uid):
            seen = await self._read(calendar, name)
            if seen is not None and seen.uid == uid:
                return name
        return None


def _second_name(want: Desired) -> str:
    return f"{want.session_id}.lectern.ics"


def _settled(want: Desired, have: Known, name: str, etag: str | None, stored: str | None) -> Known:
    return Known(
        session_id=want.session_id,
        event_id=have.event_id,
        name=name,
        there=True,
        etag=etag,
        written=want.fingerprint,
        stored=stored,
        revision=want.revision,
    )
