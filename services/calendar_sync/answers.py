"""What a CalDAV server answered, and what is wrong in words that an organiser understands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from services.calendar_sync.trouble import Trouble


class Blame(StrEnum):
    """Whose fault it looks like: the server's (all of its calendars wait), one account's, or one object's."""

    SERVER = "server"
    ACCOUNT = "account"
    OBJECT = "object"


class Fault(Exception):
    """A request that did not succeed: in English words, and of which kind. `retry_after` in seconds.

    `unknown`: it may have been carried out all the same. `refused`: the server does not take the password. `gone`: there is no such calendar. `lasting`: no use in trying it
    soon again.
    """

    def __init__(
        self,
        words: str,
        blame: Blame,
        *,
        kind: Trouble,
        retry_after: float | None = None,
        unknown: bool = False,
        refused: bool = False,
        gone: bool = False,
        lasting: bool = False,
    ) -> None:
        super().__init__(words)
        self.words, self.blame, self.kind = words, blame, kind
        self.retry_after, self.unknown = retry_after, unknown
        self.refused, self.gone, self.lasting = refused, gone, lasting


class InvalidToken(Exception):
    """The server does not take the sync token (RFC 6578, section 3.2): list everything anew."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: only what decisions need. `refusals` are the names of the DAV:error preconditions."""

    status: int
    etag: str | None = None
    body: bytes = b""
    retry_after: float | None = None
    refusals: tuple[str, ...] = ()
    listing: tuple[tuple[str, str | None], ...] = ()
    """Of a 207: path and ETag of everything it lists."""
    absent: tuple[str, ...] = ()
    """Of a 207: paths that it says are not there."""
    sync_token: str | None = None
    """Of a 207: the token to ask for later changes with."""
    truncated: bool = False
    """Of a 207: there are more changes than it tells (RFC 6578, section 3.6)."""

    @property
    def done(self) -> bool:
        """Success of a write: 200, 201 or 204, and nothing else (a 302 leads to a login page, not to a calendar)."""
        return self.status in (200, 201, 204)

    @property
    def missing(self) -> bool:
        """Nothing is there."""
        return self.status in (404, 410)

    @property
    def unclear(self) -> bool:
        """An answer that means different things on different servers: look before deciding."""
        return self.status in (400, 403, 404, 405, 409, 410, 412)

    @property
    def uid_taken(self) -> bool:
        """Whether the server says that the UID stands elsewhere in the account (RFC 4791, section 5.3.2.1)."""
        return "no-uid-conflict" in self.refusals


def strong(etag: str | None) -> str | None:
    """The ETag where it may stand in If-Match: a weak one may not (RFC 9110, section 13.1.1)."""
    if etag is None or etag.startswith("W/"):
        return None
    return etag


def fault_of(answer: Answer) -> Fault:
    """What an answer other than success means."""
    status = answer.status
    if status in (429, 503):
        wait = f" and asks us to come again in {answer.retry_after:.0f} s" if answer.retry_after is not None else ""
        blame = Blame.ACCOUNT if status == 429 else Blame.SERVER
        words = f"The calendar server is busy ({status}){wait}."
        return Fault(words, blame, kind=Trouble.BUSY, retry_after=answer.retry_after)
    if 300 <= status < 400:
        words = f"The calendar server sends us elsewhere ({status}), perhaps to a login page; check its address."
        return Fault(words, Blame.SERVER, kind=Trouble.MOVED)
    if status == 401:
        words = "The calendar server refuses the user name or the password (401)."
        return Fault(words, Blame.ACCOUNT, kind=Trouble.PASSWORD, refused=True, lasting=True)
    if status == 507:
        words = "The calendar server has no room left (507)."
        return Fault(words, Blame.ACCOUNT, kind=Trouble.FULL, lasting=True)
    if status in (502, 504):
        words = f"The calendar server does not answer its proxy ({status})."
        return Fault(words, Blame.SERVER, kind=Trouble.UNREACHABLE, unknown=True)
    reason = f": {', '.join(answer.refusals)}" if answer.refusals else ""
    if status >= 500:
        words = f"The calendar server failed ({status}{reason})."
        return Fault(words, Blame.OBJECT, kind=Trouble.OTHER, unknown=True)
    if answer.uid_taken:
        words = (
            f"The session stands in another calendar of the same account ({status}{reason}); it was left alone there."
        )
        return Fault(words, Blame.OBJECT, kind=Trouble.ELSEWHERE, lasting=True)
    kind = Trouble.NO_RIGHT if "need-privileges" in answer.refusals else Trouble.OTHER
    return Fault(f"The calendar server refuses the object ({status}{reason}).", Blame.OBJECT, kind=kind)
