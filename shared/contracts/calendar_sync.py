"""What calendar-sync tells: what it saw in attendees' own calendars."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from shared.contracts.base import Contract, Identifier, Instant

ANSWER_NOTICED = "lectern.calendar-sync.answer-noticed.v1"
CALENDAR_LOST = "lectern.calendar-sync.calendar-lost.v1"


class AnswerNoticed(Contract):
    """Sessions are gone from a person's connected calendar, or were declined there, at an event that takes this for an answer.

    With `frees_at` the seats are given up then, unless the person says otherwise. Without it the case is unclear (the
    whole calendar may have been emptied): nothing is given up, the person is asked.
    """

    registration_id: str
    event_id: Identifier
    sessions: list[Identifier] = Field(min_length=1)
    noticed_at: Instant
    frees_at: Instant | None = None


class Lost(StrEnum):
    """Why nothing can be written in a person's calendar any more."""

    PASSWORD = "password"  # noqa: S105 - a reason, no secret
    """The server refuses the user name or the password."""
    CALENDAR = "calendar"
    """The calendar is gone, or may no longer be written."""
    SERVER = "server"
    """The server has not answered for days."""


class CalendarLost(Contract):
    """A person's connected calendar is out of reach; only the person can mend it."""

    registration_id: str
    event_id: Identifier
    reason: Lost
    since: Instant
