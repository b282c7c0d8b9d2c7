"""What is wrong with a calendar: a few kinds, and a plain sentence about each that has a translation. Pure.

Whoever raises a fault says of which kind it is; the kind is kept beside its English words, which are a detail for experts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


def N_(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


class Trouble(StrEnum):
    """What is wrong."""

    PASSWORD = "password"  # noqa: S105 - a name
    GONE = "gone"
    NO_RIGHT = "no-right"
    FULL = "full"
    ELSEWHERE = "elsewhere"
    TAKEN = "taken"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    CERTIFICATE = "certificate"
    MOVED = "moved"
    BEING_MADE = "being-made"
    TOO_MANY = "too-many"
    NOT_MADE = "not-made"
    KEY = "key"
    HERE = "here"
    """The fault is ours."""
    OTHER = "other"


SENTENCES: Mapping[Trouble, str] = {
    Trouble.PASSWORD: N_(
        "The server no longer takes the user name and password. Connect again with a new app password."
    ),
    Trouble.GONE: N_("The calendar is no longer there. Connect again and choose another one."),
    Trouble.NO_RIGHT: N_(
        "The server does not let Lectern write in this calendar. Connect again and choose another one."
    ),
    Trouble.FULL: N_("The calendar server has no room left."),
    Trouble.ELSEWHERE: N_(
        "A session stands in another calendar of the same account, and is left there. Remove it there to have it here."
    ),
    Trouble.TAKEN: N_("Something else stands where a session is to be written; it was left alone."),
    Trouble.BUSY: N_("The calendar server is busy. Lectern tries again by itself."),
    Trouble.UNREACHABLE: N_("The calendar server does not answer. Lectern tries again by itself."),
    Trouble.CERTIFICATE: N_("The certificate of the calendar server is not valid, so nothing is sent to it."),
    Trouble.MOVED: N_("The calendar server sends us elsewhere, perhaps to a page to sign in. Connect again."),
    Trouble.BEING_MADE: N_("The calendar server is still making the calendar."),
    Trouble.TOO_MANY: N_("So many calendars were made in this account that the next has to wait an hour."),
    Trouble.NOT_MADE: N_("The calendar server makes no new calendar. Connect again and choose one that is there."),
    Trouble.KEY: N_("The stored password can no longer be read here. Connect again."),
    Trouble.HERE: N_("The fault is with Lectern, not with the calendar server. Lectern tries again by itself."),
    Trouble.OTHER: N_("The calendar server did not do what it was asked. Lectern tries again by itself."),
}
"""What the person is told whose calendar it is, in English."""

CONNECT_AGAIN = frozenset(
    {Trouble.PASSWORD, Trouble.GONE, Trouble.NO_RIGHT, Trouble.MOVED, Trouble.NOT_MADE, Trouble.KEY}
)
"""What the person mends by connecting anew."""

FOR_ORGANISERS: Mapping[Trouble, str] = {
    **SENTENCES,
    Trouble.PASSWORD: N_(
        "The server does not take the user name and password of Lectern. Whoever runs Lectern has to set the right ones."
    ),
    Trouble.GONE: N_("The calendar is no longer there."),
    Trouble.NO_RIGHT: N_(
        "The server does not let Lectern write in this calendar. Whoever runs the server has to allow it."
    ),
    Trouble.FULL: N_("The calendar server has no room left. Whoever runs it has to make room."),
    Trouble.CERTIFICATE: N_(
        "The certificate of the calendar server is not valid, so nothing is sent to it. Whoever runs it has to renew the "
        "certificate."
    ),
    Trouble.MOVED: N_(
        "The calendar server sends us elsewhere, perhaps to a page to sign in. Whoever runs Lectern has to set the right "
        "address."
    ),
    Trouble.NOT_MADE: N_("The calendar server makes no new calendar. Whoever runs it has to allow that."),
    Trouble.KEY: N_(
        "A stored password can no longer be read. Whoever runs Lectern has to set the key again that it was sealed with."
    ),
    Trouble.HERE: N_(
        "The fault is with Lectern, not with the calendar server. Lectern tries again by itself; its log says more."
    ),
}
"""What organisers are told of a calendar of the organisation or of a server, in English."""


@dataclass(frozen=True)
class Said:
    """A fault that was met: of which kind, in which English words, and when (UTC)."""

    kind: Trouble
    words: str
    at: datetime | None = None


class Noting(Protocol):
    """Whatever keeps the last fault that was met with it: its words (None: none), its kind and its moment."""

    @property
    def error(self) -> str | None: ...

    @property
    def error_kind(self) -> str | None: ...

    @property
    def error_at(self) -> datetime | None: ...


def said(words: str | None, kind: str | None, at: datetime | None) -> Said | None:
    """A fault as it is stored; None where there are no words. Of another kind is what was stored before kinds were."""
    if words is None:
        return None
    return Said(Trouble(kind) if kind in set(Trouble) else Trouble.OTHER, words, at)


def said_of(one: Noting) -> Said | None:
    """The last fault of `one`; None where there is none."""
    return said(one.error, one.error_kind, one.error_at)


def newest(told: Iterable[Said | None]) -> Said | None:
    """The fault that was met last, None where there is none."""
    known = [one for one in told if one is not None]
    return max(known, key=lambda one: one.at.timestamp() if one.at else 0.0, default=None)
