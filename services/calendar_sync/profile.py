"""What writing to a server depends on: the peculiarities that a probe found, and what is assumed where none was. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any


def N_(text: str) -> str:
    """Marks a text for translation; it is translated where it is shown."""
    return text


@dataclass(frozen=True)
class Profile:
    """How a server behaves. The defaults assume the least that any known server keeps (shared/CALENDARS.md)."""

    none_match: bool = False
    """`If-None-Match: *` refuses to overwrite what exists."""
    match: bool = False
    """`If-Match` accepts the ETag that a GET shows, refuses another one, and ETags change with the object."""
    match_missing: bool = False
    """`If-Match` of an object that is not there refuses instead of creating it."""
    etag_on_put: bool = False
    """The answer to a PUT carries the strong ETag that a GET then shows."""
    strong_etags: bool = False
    """ETags are there and strong: they may stand in If-Match (RFC 9110, section 13.1.1)."""
    etags_reused: bool = True
    """An object that is made again after a removal may carry an ETag that another body had before."""
    sync_collection: bool = False
    """A sync-collection report tells removals since a token (RFC 6578)."""
    uid_refused: bool = False
    """A UID a second time in one calendar is refused."""
    makes_calendars: bool | None = None
    """Whether it makes calendars for clients; None: nobody has tried. A probe does not try."""
    keeps_unknown: bool = False
    """Unknown X-properties and alarms survive being stored."""
    writes: bool | None = None
    """Whether the account may write in the calendar that was probed; None: not known."""
    probed_at: datetime | None = None
    """When the probe ended (UTC); None: there was none, and everything here is assumed."""
    left_behind: tuple[str, ...] = ()
    """Addresses of probe objects that could not be removed, to be removed later."""

    @property
    def needs_look_before_create(self) -> bool:
        """Whether a new object may be written only after a look that nothing is there: the server does not look itself."""
        return not self.none_match

    @property
    def needs_look_before_update(self) -> bool:
        """Whether an update or a removal needs a look first: no condition that the server keeps says "only if as we know it".

        With `etags_reused` a matching ETag may be that of another body (RFC 9110 section 8.8.1 forbids it; SOGo does it).
        """
        return not (self.match and self.match_missing) or self.etags_reused

    @property
    def needs_look_after_put(self) -> bool:
        """Whether the ETag of what was written has to be read."""
        return not self.etag_on_put

    def words(self) -> list[str]:
        """What is peculiar, a plain English sentence (a msgid) each; empty for a server that does everything right."""
        if self.probed_at is None:
            return [NOT_PROBED]
        if self.writes is False:
            return [NO_RIGHT]
        told = [
            (not self.none_match, OVERWRITES),
            (not self.strong_etags, NO_STRONG_ETAGS),
            (self.strong_etags and not self.match, IGNORES_IF_MATCH),
            (not self.match_missing, CREATES_MISSING),
            (not self.etag_on_put, NO_ETAG_ON_PUT),
            (self.etags_reused, REUSES_ETAGS),
            (not self.sync_collection, NO_SYNC),
            (not self.uid_refused, TAKES_UID_TWICE),
            (self.makes_calendars is False, MAKES_NO_CALENDARS),
            (not self.keeps_unknown, DROPS_UNKNOWN),
            (bool(self.left_behind), LEFT_BEHIND),
        ]
        return [words for holds, words in told if holds]

    def as_data(self) -> dict[str, Any]:
        """As a document keeps it."""
        return {one.name: getattr(self, one.name) for one in fields(self)} | {"left_behind": list(self.left_behind)}

    @classmethod
    def from_data(cls, data: Mapping[str, Any] | None) -> Profile:
        """A stored profile; what it does not say (None, or written by an older version) is assumed carefully."""
        known = {one.name for one in fields(cls)}
        values = {name: value for name, value in (data or {}).items() if name in known}
        if "left_behind" in values:
            values["left_behind"] = tuple(values["left_behind"])
        return cls(**values)


UNKNOWN = Profile()
"""Of a server that nobody has probed: the least is assumed."""

NOT_PROBED = N_("This calendar server has not been tried out yet; Lectern looks before it writes.")
NO_RIGHT = N_("The account may not write in this calendar.")
OVERWRITES = N_(
    "The server overwrites an entry that exists although it is asked not to; Lectern looks before it creates one."
)
NO_STRONG_ETAGS = N_(
    "The server gives no exact version marks (strong ETags); Lectern looks before it changes an entry."
)
IGNORES_IF_MATCH = N_(
    "The server lets an outdated change overwrite a newer one; Lectern looks before it changes an entry."
)
CREATES_MISSING = N_(
    "The server creates a removed entry anew when asked to change it; Lectern looks before it changes an entry."
)
NO_ETAG_ON_PUT = N_("The server does not say which version it stored; Lectern reads each entry after writing it.")
REUSES_ETAGS = N_(
    "The server uses version marks again for other contents; Lectern compares contents before it changes an entry."
)
NO_SYNC = N_("The server does not tell reliably what was removed; Lectern compares whole lists.")
TAKES_UID_TWICE = N_(
    "The server stores the same entry twice without complaint; Lectern searches before it creates one."
)
MAKES_NO_CALENDARS = N_("The server makes no calendars for other programs; choose one that exists.")
DROPS_UNKNOWN = N_("The server does not keep reminders and additions of other programs.")
LEFT_BEHIND = N_("An entry of the connection test could not be removed yet; Lectern tries again.")

PECULIARITIES = (
    NOT_PROBED, NO_RIGHT, OVERWRITES, NO_STRONG_ETAGS, IGNORES_IF_MATCH, CREATES_MISSING, NO_ETAG_ON_PUT,
    REUSES_ETAGS, NO_SYNC, TAKES_UID_TWICE, MAKES_NO_CALENDARS, DROPS_UNKNOWN, LEFT_BEHIND,
)  # fmt: skip
"""Every sentence that `words` may say; each has a translation."""
