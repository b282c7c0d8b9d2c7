"""Invitation codes: who may use one, for what, how often and until when; some have seats reserved for them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.registration.seats import GROUP
from shared.contracts.registration import Reason

FIELD = "code"


@dataclass(frozen=True)
class Code:
    """An invitation code of one event. `sessions`: those it opens; none: the event and all of them. Instants are UTC."""

    id: str
    spelled: str
    sessions: tuple[str, ...] = ()
    uses: int | None = None
    """How many registrations may use it; None: as many as come."""
    used: int = 0
    expires_at: datetime | None = None
    person: str | None = None
    """Personal: the key of the one e-mail address that may use it (requirements.person_key)."""
    reserved: int = 0
    """Seats at the event, and in each of `sessions`, that are kept for whoever comes with it."""
    released: bool = False
    """Whether reserved seats that nobody took were given back: it was revoked, or its time is over."""
    revoked: bool = False
    label: str = ""

    @property
    def group(self) -> str | None:
        """What its people are counted as in a line, where it has seats of its own."""
        return f"{GROUP}{self.id}" if self.reserved else None

    def ended(self, now: datetime) -> bool:
        """Whether it is of no use any more at `now`."""
        return self.revoked or (self.expires_at is not None and now >= self.expires_at)

    def opens(self, session_id: str) -> bool:
        """Whether it is a code for this session."""
        return not self.sessions or session_id in self.sessions


def normal(code: str) -> str:
    """The code without what people mistype: capitals and digits only."""
    return "".join(sign for sign in code.upper() if sign.isalnum())


def faults(code: Code | None, person: str, now: datetime, *, used_before: bool = False) -> Iterator[Reason]:
    """Why a code that was given cannot be used by the person with the key `person`."""
    if code is None or code.revoked:
        yield _reason("unknown-code", "there is no such code for this event; check the spelling")
        return
    if code.person is not None and code.person != person:
        yield _reason("code-of-another", "this code is for another person's e-mail address")
    if code.ended(now):
        yield _reason("code-expired", "this code is no longer valid; ask whoever gave it to you for another one")
    elif not used_before and code.uses is not None and code.used >= code.uses:
        yield _reason("code-used-up", "this code was used as often as it may be; ask whoever gave it to you")


def another() -> Reason:
    """The reason where a registration that was made with one code is to have another: the first may have opened the event."""
    return _reason("code-kept", "this registration was made with another code; ask the organisers to change it")


def missing(code: Code | None, chosen: Sequence[str] | None, sessions: Sequence[tuple[int, str]]) -> Iterator[Reason]:
    """What cannot be had without a (fitting) code; `sessions` are those that need one, with their number in the request.
    `chosen`: all that are asked for, where the event needs a code; one for some sessions opens it to those who choose them."""
    if chosen is not None and (code is None or (code.sessions and not set(code.sessions) & set(chosen))):
        yield _reason("code-needed", "this event is by invitation; give the code of your invitation")
    for number, session_id in sessions:
        if code is None or not code.opens(session_id):
            message = f"session {session_id!r} is by invitation; give a code for it"
            yield Reason(code="code-needed", field=f"sessions.{number}", message=message)


def _reason(code: str, message: str) -> Reason:
    return Reason(code=code, field=FIELD, message=message)
