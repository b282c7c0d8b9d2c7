"""Calendar feeds over HTTP: of events, their tracks and rooms, and series for everybody; of one person at a secret address.

A poll that finds nothing new costs a share in one read of versions; when the database does not answer, the feed as it last
was is served, because some calendar programs hammer on errors and others drop the subscription.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from sys import intern

import structlog
from aiohttp import web
from prometheus_client import Counter

from services.calendar_sync.domain import Seats
from services.calendar_sync.feeds.answering import language_asked, not_modified, takes_gzip, unchanged, whole
from services.calendar_sync.feeds.composing import Composing
from services.calendar_sync.feeds.memory import Body, Key, Known, Memory
from services.calendar_sync.feeds.programme import Programme
from services.calendar_sync.feeds.reading import Holder, Mark, Reading, Version
from services.calendar_sync.metrics import FEEDS
from services.calendar_sync.rendering import Rendering
from services.calendar_sync.store import Store
from shared.clock import Clock
from shared.links import token_hash
from shared.storage.mongo import PyMongoError
from shared.web.problems import Problem

_log = structlog.get_logger()


def N_(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


_MISSING = {
    "event": N_("There is no calendar at this address: no event of this name has been published."),
    "track": N_("There is no calendar at this address: no session of this event is in such a track."),
    "room": N_("There is no calendar at this address: no session of this event is in such a room."),
    "series": N_("There is no calendar at this address: no event of such a series has been published."),
    "private": N_(
        "There is no calendar at this address; it may have been mistyped, or forgotten with its registration."
    ),
}
_GONE = N_(
    "This calendar is no longer kept at this address. If it was yours, your private page has the address that works now."
)
_AWAY = N_("The calendar cannot be read just now; please try again in a minute.")


@dataclass(frozen=True, slots=True)
class Composed:
    """A feed as it was just made."""

    body: bytes
    modified: datetime
    language: str
    filename: str
    holds_until: datetime | None
    seats: Seats | None = None


Compose = Callable[[datetime], Awaitable[Composed | None]]


class Feeds:
    """The feeds' handlers and what they keep in memory."""

    def __init__(self, store: Store, rendering: Rendering, clock: Clock, memory: Memory | None = None) -> None:
        self.reading = Reading(store.database)
        self._rendering, self._composing, self._clock = rendering, Composing(rendering), clock
        self._memory = memory or Memory()

    def routes(self) -> list[web.RouteDef]:
        """GET and HEAD of every kind of feed."""
        return [
            web.get("/feeds/events/{event_id}.ics", self.event),
            web.get("/feeds/events/{event_id}/tracks/{key}.ics", self.track),
            web.get("/feeds/events/{event_id}/rooms/{room_id}.ics", self.room),
            web.get("/feeds/series/{series_id}.ics", self.series),
            web.get("/feeds/private/{token}.ics", self.private),
        ]

    async def event(self, request: web.Request) -> web.Response:
        """GET /feeds/events/{event_id}.ics?lang=fr"""
        event_id = request.match_info["event_id"]
        return await self._of_event(request, "event", event_id, event_id, self._composing.event)

    async def track(self, request: web.Request) -> web.Response:
        """GET /feeds/events/{event_id}/tracks/{key}.ics, the key as in shared.calendar.track"""
        event_id, key = request.match_info["event_id"], request.match_info["key"]

        def compose(programme: Programme, language: str, now: datetime) -> bytes | None:
            return self._composing.track(programme, key, language, now)

        return await self._of_event(request, "track", event_id, f"{event_id}-{key}", compose)

    async def room(self, request: web.Request) -> web.Response:
        """GET /feeds/events/{event_id}/rooms/{room_id}.ics"""
        event_id, room_id = request.match_info["event_id"], request.match_info["room_id"]

        def compose(programme: Programme, language: str, now: datetime) -> bytes | None:
            return self._composing.room(programme, room_id, language, now)

        return await self._of_event(request, "room", event_id, f"{event_id}-{room_id}", compose)

    async def series(self, request: web.Request) -> web.Response:
        """GET /feeds/series/{series_id}.ics: all rounds"""
        series_id, asked = request.match_info["series_id"], language_asked(request)
        key = ("series", series_id, asked or "")
        try:
            versions = await self.reading.series.ask(series_id)
            if versions is None:
                raise _missing("series")

            async def compose(now: datetime) -> Composed | None:
                return await self._compose_series(series_id, versions, asked, now)

            return await self._answer(request, key, (versions, asked), compose)
        except (Problem, PyMongoError, TimeoutError) as error:
            return self._otherwise(request, key, error)

    async def private(self, request: web.Request) -> web.Response:
        """GET /feeds/private/{token}.ics"""
        hashed, asked = token_hash(request.match_info["token"]), language_asked(request)
        key = ("private", hashed, asked or "")
        known = self._memory.known(key)
        # The event is nearly always the one of last time: both reads at once.
        event_id = str(known.basis[0]) if known is not None else None
        try:
            asked_holder = self.reading.holders.ask(hashed)
            asked_mark = self.reading.marks.ask(event_id) if event_id is not None else None
            holder = await asked_holder
            if holder is None:
                raise _missing("private")
            if holder.ended:
                raise Problem(410, "feed-gone", _GONE)
            if asked_mark is None or holder.event_id != event_id:
                asked_mark = self.reading.marks.ask(holder.event_id)
            mark = await asked_mark
            if mark is None:
                raise _missing("private")

            async def compose(now: datetime) -> Composed | None:
                return await self._compose_private(hashed, holder, known, mark, asked, now)

            return await self._answer(request, key, (holder.event_id, mark, holder, asked), compose)
        except (Problem, PyMongoError, TimeoutError) as error:
            return self._otherwise(request, key, error)

    async def _of_event(
        self,
        request: web.Request,
        kind: str,
        event_id: str,
        name: str,
        part: Callable[[Programme, str, datetime], bytes | None],
    ) -> web.Response:
        asked = language_asked(request)
        key = (kind, event_id, name, asked or "")
        try:
            mark = await self.reading.marks.ask(event_id)
            if mark is None:
                raise _missing(kind)

            async def compose(now: datetime) -> Composed | None:
                programme = await self.reading.programme(event_id, mark)
                if programme is None:
                    return None
                language = self._rendering.language(programme.event, asked)
                body = part(programme, language, now)
                return None if body is None else _composed(body, [programme], language, name, now)

            return await self._answer(request, key, (mark, asked), compose)
        except (Problem, PyMongoError, TimeoutError) as error:
            return self._otherwise(request, key, error)

    async def _compose_series(
        self, series_id: str, versions: Version, asked: str | None, now: datetime
    ) -> Composed | None:
        found = [await self.reading.programme(event_id, mark) for event_id, mark in versions]
        rounds = [one for one in found if one is not None and _round(one, series_id)]
        if not rounds:
            return None
        rounds.sort(key=lambda one: (_round(one, series_id), one.event.id))
        spoken = {language for one in rounds for language in one.event.languages}
        language = asked if asked in spoken else rounds[-1].event.languages[0]
        return _composed(self._composing.series(rounds, language, now), rounds, language, series_id, now)

    async def _compose_private(
        self, hashed: str, holder: Holder, known: Known | None, mark: Mark, asked: str | None, now: datetime
    ) -> Composed | None:
        programme = await self.reading.programme(holder.event_id, mark)
        if programme is None:
            return None
        if known is not None and known.seats is not None and known.basis[2] == holder:
            seats = known.seats  # only the agenda is another
        else:
            found = await self.reading.persons.ask(hashed)
            if found is None:  # forgotten this moment
                return None
            seats = found
        language = self._rendering.language(programme.event, asked or seats.language)
        body = self._composing.person(programme, seats, language, now)
        return _composed(body, [programme], language, f"{seats.event_id}-sessions", now, seats)

    async def _answer(
        self, request: web.Request, key: Key, basis: tuple[object, ...], compose: Compose
    ) -> web.Response:
        """The feed as it is now. `basis` is all that it depends on but time; `compose` gives None for an unknown one."""
        known = self._memory.known(key)
        now = self._clock()
        body: Body | None = None
        if known is None or not known.holds(basis, now):
            known, body = await self._make(key, known, basis, compose, now)
        if unchanged(request, known):
            _count(key[0], "unchanged")
            return not_modified(request, known)
        body = body or self._memory.body(key, known.digest)
        if body is None:
            known, body = await self._make(key, known, basis, compose, now)
        _count(key[0], "full")
        return self._whole(request, key, known, body)

    async def _make(
        self, key: Key, before: Known | None, basis: tuple[object, ...], compose: Compose, now: datetime
    ) -> tuple[Known, Body]:
        made = await compose(now)
        if made is None:
            raise _missing(key[0])
        digest, modified = hashlib.sha256(made.body).hexdigest()[:32], made.modified
        if before is not None and before.digest != digest:
            # Whoever asks by time alone must see every change: two within one second, a round that left its series.
            modified = max(modified, before.modified + timedelta(seconds=1))
        elif before is not None:
            modified = max(modified, before.modified)
        known = Known(
            digest=digest,
            modified=modified,
            stamp=_stamp(modified),
            language=intern(made.language),
            filename=intern(made.filename),
            basis=basis,
            holds_until=made.holds_until,
            seats=made.seats,
        )
        return known, self._memory.keep(key, known, made.body)

    def _otherwise(self, request: web.Request, key: Key, error: Problem | PyMongoError | TimeoutError) -> web.Response:
        """What is answered where there is no feed, or where the database does not tell. Raises Problem."""
        if isinstance(error, Problem):
            self._memory.forget(key)
            _count(key[0], "gone" if error.status == 410 else "missing")
            raise error
        known = self._memory.known(key)
        if known is not None:
            body = self._memory.body(key, known.digest)
            if unchanged(request, known) or body is not None:
                _log.warning("feed_served_stale", feed=key[0], error=type(error).__name__)
                _count(key[0], "stale")
                if body is None or unchanged(request, known):
                    return not_modified(request, known)
                return self._whole(request, key, known, body)
        _count(key[0], "unavailable")
        raise Problem(503, "try-again", _AWAY, headers={"Retry-After": "60"}) from error

    def _whole(self, request: web.Request, key: Key, known: Known, body: Body) -> web.Response:
        return whole(request, known, self._memory.packed(key, body) if takes_gzip(request) else body.plain)


def _missing(kind: str) -> Problem:
    return Problem(404, "no-such-feed", _MISSING[kind])


def _count(kind: str, answer: str) -> None:
    _counter(kind, answer).inc()


@lru_cache(maxsize=64)
def _counter(kind: str, answer: str) -> Counter:
    return FEEDS.labels(kind, answer)


@lru_cache(maxsize=1024)
def _stamp(modified: datetime) -> str:
    """The header Last-Modified; many feeds share one."""
    return format_datetime(modified.astimezone(UTC).replace(microsecond=0), usegmt=True)


def _composed(
    body: bytes, programmes: list[Programme], language: str, name: str, now: datetime, seats: Seats | None = None
) -> Composed:
    ends = [end for one in programmes if (end := one.holds_until(now)) is not None]
    modified = max(one.last_change(now) for one in programmes)
    if seats is not None:
        modified = max(modified, seats.changed_at)
    return Composed(body, modified, language, f"{name}.ics", min(ends, default=None), seats)


def _round(programme: Programme, series_id: str) -> int:
    """The event's number in the series, from 1; 0 where it is no round of it."""
    series = programme.event.series
    return series.round if series is not None and series.id == series_id else 0
