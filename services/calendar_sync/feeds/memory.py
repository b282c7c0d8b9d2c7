"""What is remembered of feeds: of very many what a 304 needs, of those read lately the bytes."""

from __future__ import annotations

import gzip
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from services.calendar_sync.domain import Seats

Key = tuple[str, ...]
"""Of a feed: its kind, and what tells it from others of its kind."""

FEEDS_KEPT = 200_000
"""How many feeds' validators are kept, about half a kilobyte each."""

BYTES_KEPT = 64 * 2**20
"""How many bytes of feeds are kept, compressed forms included."""


@dataclass(frozen=True, slots=True)
class Known:
    """A feed without its bytes. While `basis` is the same and `holds_until` (UTC) has not come, it is the same feed."""

    digest: str
    modified: datetime
    stamp: str
    """`modified` as the header Last-Modified."""
    language: str
    filename: str
    basis: tuple[object, ...]
    holds_until: datetime | None
    seats: Seats | None = None
    """Of a personal feed, what it was composed from."""

    def holds(self, basis: tuple[object, ...], now: datetime) -> bool:
        """Whether a feed of this basis is this one now."""
        return self.basis == basis and (self.holds_until is None or now < self.holds_until)


@dataclass(slots=True)
class Body:
    """A feed's bytes."""

    digest: str
    plain: bytes
    packed: bytes | None = None

    def gzipped(self) -> bytes:
        """The bytes, compressed once; without a time in it, so that equal bytes are equal compressed."""
        if self.packed is None:
            self.packed = gzip.compress(self.plain, 6, mtime=0)
        return self.packed

    @property
    def size(self) -> int:
        """What it takes in memory, in bytes."""
        return len(self.plain) + len(self.packed or b"")


class Memory:
    """Feeds by key; the ones not asked for longest are forgotten first."""

    def __init__(self, feeds: int = FEEDS_KEPT, size: int = BYTES_KEPT) -> None:
        self._most_feeds, self._most_bytes = feeds, size
        self._known: OrderedDict[Key, Known] = OrderedDict()
        self._bodies: OrderedDict[Key, Body] = OrderedDict()
        self._held = 0

    def known(self, key: Key) -> Known | None:
        """What is known of the feed."""
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
        return found

    def keep(self, key: Key, known: Known, body: bytes) -> Body:
        """Remembers a feed as it is now."""
        self._known[key] = known
        self._known.move_to_end(key)
        if len(self._known) > self._most_feeds:
            self._known.popitem(last=False)
        self._drop(key)
        made = Body(known.digest, body)
        self._bodies[key] = made
        self._held += made.size
        self._make_room()
        return made

    def body(self, key: Key, digest: str) -> Body | None:
        """The bytes with this digest, where they are still there."""
        found = self._bodies.get(key)
        if found is None or found.digest != digest:
            return None
        self._bodies.move_to_end(key)
        return found

    def packed(self, key: Key, body: Body) -> bytes:
        """The body's compressed form, made once."""
        before = body.size
        packed = body.gzipped()
        if self._bodies.get(key) is body:
            self._held += body.size - before
            self._make_room()
        return packed

    def forget(self, key: Key) -> None:
        """Forgets a feed that is no more."""
        self._known.pop(key, None)
        self._drop(key)

    def _drop(self, key: Key) -> None:
        before = self._bodies.pop(key, None)
        if before is not None:
            self._held -= before.size

    def _make_room(self) -> None:
        while self._held > self._most_bytes and self._bodies:
            self._drop(next(iter(self._bodies)))
