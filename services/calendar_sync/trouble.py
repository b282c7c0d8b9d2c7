"""What is wrong with a person's calendar, in a few plain sentences that have a translation. Pure.

What workers keep of a fault are English words for organisers, with numbers in them; here they become one of few kinds.
"""

from __future__ import annotations

import re
from enum import StrEnum


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
    OTHER = "other"


SENTENCES = {
    Trouble.PASSWORD: N_(
        "The server no longer takes the user name and password. Connect again with a new app password."
    ),
    Trouble.GONE: N_("The calendar is no longer there. Connect again and choose another one."),
    Trouble.NO_RIGHT: N_("The server does not let Lectern write in this calendar. Choose another one."),
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
    Trouble.OTHER: N_("The calendar server did not do what it was asked. Lectern tries again by itself."),
}
"""What a person is told, in English."""

_PATTERNS = (
    (r"refuses the user name or the password", Trouble.PASSWORD),
    (r"stored password cannot be read", Trouble.KEY),
    (r"calendar is no longer there", Trouble.GONE),
    (r"may not write|need-privileges", Trouble.NO_RIGHT),
    (r"no room left", Trouble.FULL),
    (r"stands in another calendar", Trouble.ELSEWHERE),
    (r"Another object stands", Trouble.TAKEN),
    (r"is busy", Trouble.BUSY),
    (r"certificate is not valid", Trouble.CERTIFICATE),
    (r"sends us elsewhere", Trouble.MOVED),
    (r"is being made", Trouble.BEING_MADE),
    (r"So many calendars", Trouble.TOO_MANY),
    (r"makes no new calendar", Trouble.NOT_MADE),
    (r"cannot be reached|did not answer|does not answer|connection .* broke|cannot be read\.$|is larger than", Trouble.UNREACHABLE),
    (r"server failed|refuses the object|goes on |not there after it was written|cannot be written|was interrupted", Trouble.OTHER),
)  # fmt: skip
"""By what an error says (answers.py and whoever raises Fault); the first that fits."""


def trouble_of(words: str) -> Trouble | None:
    """What an error's words mean; None for words that nobody says."""
    return next((trouble for pattern, trouble in _PATTERNS if re.search(pattern, words)), None)
