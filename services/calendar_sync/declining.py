"""Whether an object that is gone from a person's calendar means "I do not come". Pure.

A seat that is given up by mistake may be lost for good. So what could as well be an emptied or moved calendar, a restored
server or a lost account is never taken for an answer: the object is written again, and the person is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.contracts.scheduling import EventState, SessionState, Status

AT_MOST = 2
"""So many sessions gone at one look, or within one grace time, may have been removed one by one; more look like an emptied
calendar."""

MANY_ACCOUNTS = 3
"""Objects gone from so many accounts of one server within SUSPICIOUS look like the server's doing..."""

LARGE_PART = 5
"""... where that is more than one in so many of its accounts."""

SUSPICIOUS = timedelta(hours=6)

ANSWERED_WITHIN = timedelta(hours=1)
"""How long a seat that was given up may still stand before the object is written again: registration said no."""

ASK_AGAIN = timedelta(days=1)


@dataclass(frozen=True)
class Evidence:
    """What one look found. `gone` of our objects that hold a seat; `kept`: all of ours that are still there; `reported`: the
    server itself told of the removals, by their addresses; `declined`: the objects stand there, declined by the person.
    What was noticed before and is not given up yet counts as well.
    """

    gone: int
    kept: int
    reported: bool
    declined: int = 0
    accounts_hit: int = 0
    accounts: int = 1


class Reading(StrEnum):
    """What the evidence means."""

    ANSWER = "answer"
    UNCLEAR = "unclear"


def reading(evidence: Evidence) -> Reading:
    """Whether this is an answer."""
    if evidence.gone + evidence.declined > AT_MOST:
        return Reading.UNCLEAR
    if evidence.accounts_hit >= MANY_ACCOUNTS and evidence.accounts_hit * LARGE_PART > evidence.accounts:
        return Reading.UNCLEAR
    if evidence.gone and not evidence.kept and not (evidence.reported and evidence.gone == 1):
        return Reading.UNCLEAR  # nothing of ours is left: the calendar may have been emptied
    return Reading.ANSWER


def may_answer(event: EventState, session: SessionState, now: datetime, grace: timedelta) -> bool:
    """Whether giving up `session` by calendar is possible: the event takes such answers, and there is time enough."""
    if not event.admission.calendar_answers or Status.CANCELLED in (event.status, session.status):
        return False
    return session.by_choice and (session.starts_at is None or now + grace < session.starts_at)


@dataclass(frozen=True)
class Notice:
    """One absence that was noticed: when, when the seat is given up (None: the person was asked, or keeps it), and when it
    was; `kept_at`: when the person said that it was no answer."""

    noticed_at: datetime
    frees_at: datetime | None = None
    freed_at: datetime | None = None
    kept_at: datetime | None = None

    def as_data(self) -> dict[str, datetime | None]:
        return {
            "noticed_at": self.noticed_at,
            "frees_at": self.frees_at,
            "freed_at": self.freed_at,
            "kept_at": self.kept_at,
        }


def notices_of(state: Mapping[str, Mapping[str, datetime | None]]) -> dict[str, Notice]:
    """The notices in a stored state, by session."""
    found = {}
    for session_id, data in state.items():
        noticed_at = data["noticed_at"]
        assert noticed_at is not None
        found[session_id] = Notice(noticed_at, data.get("frees_at"), data.get("freed_at"), data.get("kept_at"))
    return found


class Next(StrEnum):
    """What becomes of an absence now."""

    NOTICE = "notice"
    WAIT = "wait"
    FREE = "free"
    WRITE_AGAIN = "write-again"


def next_step(absent_since: datetime, notice: Notice | None, now: datetime) -> Next:
    """What becomes of an absence that was taken for an answer."""
    if notice is None or notice.noticed_at != absent_since:
        return Next.NOTICE
    if notice.freed_at is not None:
        return Next.WRITE_AGAIN if now >= notice.freed_at + ANSWERED_WITHIN else Next.WAIT
    if notice.frees_at is None:
        return Next.WRITE_AGAIN
    return Next.FREE if now >= notice.frees_at else Next.WAIT


def to_ask(notice: Notice | None, now: datetime) -> bool:
    """Whether the person is asked about an unclear absence: not again within a day, but where the person was told that the
    seat is given up."""
    told_otherwise = notice is not None and notice.frees_at is not None and notice.freed_at is None
    return notice is None or told_otherwise or now - notice.noticed_at >= ASK_AGAIN
