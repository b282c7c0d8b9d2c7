"""Which events need no further look: nothing was left to do, and nothing was committed since.

What a look finds in an event depends on what is stored, which only commits change, and on which of its moments are over. So
an event that is over, with a hundred thousand people who are forgotten by now, is gone through once and not every half minute.
A process that starts knows nothing, and looks once.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime, timedelta

from shared.storage.ledger import Page

SETTLED = timedelta(minutes=1)
"""How long after the last commit somebody may still be writing out what was decided."""


class Quiet:
    """Remembers the events in which nothing was left."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Hashable, datetime]] = {}
        self._done: set[str] = set()

    def rests(self, page: Page, moment: Hashable, now: datetime) -> bool:
        """Whether there is nothing to look for, by the event's ledger as it stands `now` (UTC) and at which `moment` of the
        event: nothing was left when it stood just so."""
        standing = (page.version, moment)
        if self._seen.get(page.stream, (None, now))[0] != standing:
            self._seen[page.stream] = standing, now
            self._done.discard(page.stream)
        return page.stream in self._done

    def nothing_left(self, page: Page, now: datetime) -> None:
        """A look that began `now`, after `rests`, found nothing. It counts when all was written out by then."""
        if not page.entries and now - self._seen[page.stream][1] >= SETTLED:
            self._done.add(page.stream)
