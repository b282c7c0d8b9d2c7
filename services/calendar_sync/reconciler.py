"""What differs between the calendar as it should be and as it is known to be, and what to do about it. Pure.

Desired objects follow from facts; known objects are what we wrote, as the server answered it. Nothing is asked of a
server for what is equal, and nothing that is not ours is ever in the table, so it can never be touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.calendar_sync.answers import strong


@dataclass(frozen=True)
class Desired:
    """An object as it should be. `body` is what is written; `fingerprint` is the hash of what matters in it.

    `mark` is the address that ends our description: what a person adds behind it is theirs. `chosen`: the person holds a
    seat in it that can be given up.
    """

    session_id: str
    uid: str
    name: str
    body: bytes
    fingerprint: str
    revision: int
    since: datetime
    correlation_id: str | None
    mark: str | None = None
    chosen: bool = False


@dataclass(frozen=True)
class Known:
    """An object as we know it on the server; `etag` None: there is none, or we do not know it.

    `written` is the fingerprint we wrote, `stored` the one the server then showed (it may rewrite what matters).
    `there` False: we have not written it yet, or it is gone. `look`: read it before deciding anything. `theirs`: a person
    added something to it, which the next write has to keep. `absent_since`: somebody removed or declined it (UTC), and
    that may be an answer: until that is settled it is not written again. `missed_at`: when it was last found missing or
    declined. `kept`: the seat is kept, so that it is written over a "no" that stands in it.
    """

    calendar: str
    session_id: str
    name: str
    there: bool = False
    etag: str | None = None
    written: str | None = None
    stored: str | None = None
    revision: int = 0
    look: bool = False
    attempts: int = 0
    next_attempt: datetime | None = None
    error: str | None = None
    error_kind: str | None = None
    error_at: datetime | None = None
    drifted_at: datetime | None = None
    theirs: bool = False
    absent_since: datetime | None = None
    missed_at: datetime | None = None
    elsewhere: str | None = None
    """The fingerprint of what we wrote of it last, where the person moved it to another calendar of the account: as long as
    we have nothing else to say, nothing is done; then it is brought right there."""
    stands_in: str | None = None
    """The path of that calendar, as it was found last."""
    kept: bool = False

    @property
    def stands(self) -> bool:
        """Whether it stands on the server, here or in another calendar, or may stand there."""
        return self.there or self.look or self.elsewhere is not None


class Kind(StrEnum):
    """What an object needs."""

    WRITE = "write"
    REMOVE = "remove"


@dataclass(frozen=True)
class Difference:
    """One object that is not as it should be, since when, and what it needs."""

    kind: Kind
    session_id: str
    since: datetime
    desired: Desired | None
    known: Known | None

    def may_try(self, now: datetime) -> bool:
        """Whether its pause after a failure is over."""
        return self.known is None or self.known.next_attempt is None or self.known.next_attempt <= now


def differences(
    desired: Iterable[Desired], known: Mapping[str, Known], unwanted_since: Mapping[str, datetime], now: datetime
) -> list[Difference]:
    """Every object that differs, the longest waiting first. `unwanted_since`: when a session left the calendar."""
    found: list[Difference] = []
    wanted: set[str] = set()
    for want in desired:
        wanted.add(want.session_id)
        have = known.get(want.session_id)
        if have is not None and (have.absent_since is not None or have.elsewhere == want.fingerprint):
            continue
        if have is not None and have.there and not have.look and have.written == want.fingerprint:
            continue
        since = want.since if have is None or have.drifted_at is None else max(want.since, have.drifted_at)
        found.append(Difference(Kind.WRITE, want.session_id, since, want, have))
    for session_id, have in known.items():
        if session_id not in wanted and have.stands:
            since = unwanted_since.get(session_id, now)
            found.append(Difference(Kind.REMOVE, session_id, since, None, have))
    return sorted(found, key=lambda item: (item.since, item.session_id))


@dataclass(frozen=True)
class Listing:
    """What a server says stands in a calendar: names and ETags. `whole`: all of it; else what changed, and what is gone."""

    etags: Mapping[str, str | None]
    whole: bool = True
    gone: frozenset[str] = frozenset()

    def lacks(self, name: str) -> bool:
        """Whether it says that nothing stands under `name`."""
        return name not in self.etags if self.whole else name in self.gone


def drifted(known: Iterable[Known], listing: Listing, now: datetime, *, look_at_all: bool = False) -> list[Known]:
    """The known objects that are not as we left them, by the server's list of names and ETags.

    One that is gone is to be written again; one with another ETag is to be looked at (`look_at_all`: each, where ETags
    prove nothing). Names that are not ours are somebody else's objects and are passed over.
    """
    changed: list[Known] = []
    silent = listing.whole and not listing.etags  # emptied, or a server that does not tell: look before writing
    for have in known:
        if not have.there:
            continue
        if listing.lacks(have.name):
            gone = replace(have, there=False, etag=None, look=silent, next_attempt=None)
            changed.append(replace(gone, drifted_at=now, missed_at=now))
            continue
        if have.look or have.name not in listing.etags:
            continue
        if look_at_all or have.etag is None or strong(listing.etags[have.name]) != have.etag:
            changed.append(replace(have, look=True, next_attempt=None, drifted_at=now))
    return changed


def moved_back(known: Iterable[Known], listing: Listing, now: datetime) -> list[Known]:
    """The objects that stood in another calendar and are listed in this one again, under their name: to be looked at."""
    return [
        replace(have, look=True, next_attempt=None, drifted_at=now, elsewhere=None, stands_in=None)
        for have in known
        if have.elsewhere is not None and not have.there and have.name in listing.etags
    ]


@dataclass(frozen=True)
class Seen:
    """An object as read from the server; `uid` and `fingerprint` None: it is no calendar object we understand."""

    name: str
    etag: str | None
    uid: str | None
    fingerprint: str | None
    body: bytes = b""
    declined: bool = False
    """The person says in it: I do not come."""
    attended: bool = False
    """It names attendees."""


class Verdict(StrEnum):
    """What to do after reading what stands at an object's address."""

    SETTLED = "settled"
    CREATE = "create"
    REPLACE = "replace"
    FOREIGN = "foreign"
    DECLINED = "declined"


def judge(uid: str, fingerprint: str | None, seen: Seen | None, known: Known | None) -> Verdict:
    """Decides after an unclear answer, a lost one, or a changed ETag, from what really stands there.

    An object with another UID is foreign and stays as it is. One that cannot be read is ours only if we wrote it.
    """
    if seen is None:
        return Verdict.CREATE
    ours = known is not None and known.there
    if seen.uid is None:
        return Verdict.REPLACE if ours else Verdict.FOREIGN
    if seen.uid != uid:
        return Verdict.FOREIGN
    if seen.declined:
        return Verdict.DECLINED
    same = {fingerprint}
    if known is not None and known.written == fingerprint and known.stored is not None:
        same.add(known.stored)
    return Verdict.SETTLED if seen.fingerprint in same else Verdict.REPLACE
