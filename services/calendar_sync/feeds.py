"""Calendar feeds over HTTP: one per event for everybody, one per person at a secret address.

A poll that finds nothing new costs one read of a version; when the database does not answer, the feed as it last was is
served, because some calendar programs hammer on errors and others drop the subscription.
"""

from __future__ import annotations

import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

import structlog
from aiohttp import web

from services.calendar_sync.domain import Seats, last_change, vanishes_at
from services.calendar_sync.metrics import FEEDS
from services.calendar_sync.rendering import Rendering
from services.calendar_sync.store import Agenda, Store
from shared.clock import Clock
from shared.contracts.scheduling import EventState
from shared.links import token_hash
from shared.storage.mongo import PyMongoError
from shared.web.problems import Problem

_log = structlog.get_logger()
_FEEDS_KEPT = 2_000
_AGENDAS_KEPT = 500


@dataclass
class Feed:
    """A feed as rendered: bytes, validators, and until when it holds if nothing is told (a cancelled session leaves)."""

    body: bytes
    digest: str
    last_modified: datetime
    language: str
    filename: str
    basis: tuple[object, ...]
    holds_until: datetime | None
    packed: bytes | None = None

    def gzipped(self) -> bytes:
        """The body, compressed once; without a time in it, so that equal bodies are equal bytes."""
        if self.packed is None:
            self.packed = gzip.compress(self.body, 6, mtime=0)
        return self.packed


class Feeds:
    """The feeds' handlers and what they keep in memory."""

    def __init__(self, store: Store, rendering: Rendering, clock: Clock) -> None:
        self._store, self._rendering, self._clock = store, rendering, clock
        self._agendas: OrderedDict[str, Agenda] = OrderedDict()
        self._feeds: OrderedDict[str, Feed] = OrderedDict()

    def routes(self) -> list[web.RouteDef]:
        """GET and HEAD of both kinds of feed."""
        return [
            web.get("/feeds/events/{event_id}.ics", self.public),
            web.get("/feeds/private/{token}.ics", self.private),
        ]

    async def public(self, request: web.Request) -> web.Response:
        """GET /feeds/events/{event_id}.ics?lang=fr"""
        event_id, asked = request.match_info["event_id"], _language(request)

        async def fresh(kept: Feed | None) -> Feed | None:
            agenda, event = await self._agenda(event_id)
            if event is None:
                return None
            language = self._rendering.language(event, asked)
            return self._current(kept, agenda, event, None, language, event_id)

        return await self._answer(request, "event", f"event {event_id} {asked or ''}", fresh)

    async def private(self, request: web.Request) -> web.Response:
        """GET /feeds/private/{token}.ics"""
        hashed, asked = token_hash(request.match_info["token"]), _language(request)

        async def fresh(kept: Feed | None) -> Feed | None:
            seats = await self._store.seats(hashed)
            if seats is None:
                return None
            agenda, event = await self._agenda(seats.event_id)
            if event is None:
                return None
            language = self._rendering.language(event, asked or seats.language)
            return self._current(kept, agenda, event, seats, language, f"{seats.event_id}-sessions")

        return await self._answer(request, "private", f"private {hashed} {asked or ''}", fresh)

    async def _agenda(self, event_id: str) -> tuple[Agenda, EventState | None]:
        """The event's agenda, read only when its version is another than the one kept."""
        version = await self._store.version(event_id)
        kept = self._agendas.get(event_id)
        if kept is None or kept.version != version:
            if version == 0:
                return Agenda(0, None, None, None, ()), None
            kept = await self._store.agenda(event_id)
            self._agendas[event_id] = kept
            if len(self._agendas) > _AGENDAS_KEPT:
                self._agendas.popitem(last=False)
        return kept, kept.event

    def _current(
        self, kept: Feed | None, agenda: Agenda, event: EventState, seats: Seats | None, language: str, filename: str
    ) -> Feed:
        now = self._clock()
        basis: tuple[object, ...] = (event.id, agenda.version, language)
        if seats is not None:
            basis = (*basis, seats.changed_at, seats.state, tuple(sorted(seats.choices.items())))
        if kept is not None and kept.basis == basis and (kept.holds_until is None or now < kept.holds_until):
            return kept
        sessions = [told.state for told in agenda.sessions]
        if seats is None:
            body = self._rendering.public_feed(agenda, event, language, now)
        else:
            body = self._rendering.private_feed(agenda, event, seats, language, now)
        ends = [vanishes_at(session, event, self._rendering.grace) for session in sessions]
        return Feed(
            body=body,
            digest=hashlib.sha256(body).hexdigest()[:32],
            last_modified=last_change(event, sessions, now, seats, self._rendering.grace),
            language=language,
            filename=f"{filename}.ics",
            basis=basis,
            holds_until=min((end for end in ends if end is not None and end > now), default=None),
        )

    async def _answer(
        self, request: web.Request, kind: str, key: str, fresh: Callable[[Feed | None], Awaitable[Feed | None]]
    ) -> web.Response:
        kept = self._feeds.get(key)
        stale = False
        try:
            found = await fresh(kept)
        except PyMongoError as error:
            if kept is None:
                FEEDS.labels(kind, "unavailable").inc()
                raise Problem(
                    503, "try-again", "The calendar cannot be read just now; please try again in a minute.",
                    headers={"Retry-After": "60"},
                ) from error  # fmt: skip
            _log.warning("feed_served_stale", feed=kind, error=type(error).__name__)
            found, stale = kept, True
        if found is None:
            self._feeds.pop(key, None)
            FEEDS.labels(kind, "missing").inc()
            raise Problem(
                404, "no-such-feed", "There is no calendar at this address; it may have been replaced by a new one."
            )
        if found is not kept:
            self._feeds[key] = found
            if len(self._feeds) > _FEEDS_KEPT:
                self._feeds.popitem(last=False)
        self._feeds.move_to_end(key)
        response = respond(request, found)
        FEEDS.labels(kind, "stale" if stale else "unchanged" if response.status == 304 else "full").inc()
        return response


def _language(request: web.Request) -> str | None:
    """`?lang=`, where it has the form of a language: the address alone decides, calendar programs send no wishes."""
    asked = request.query.get("lang", "")
    return asked if len(asked) == 2 and asked.isascii() and asked.islower() else None


def respond(request: web.Request, feed: Feed) -> web.Response:
    """`feed` as the answer to a conditional request (RFC 9110, sections 13.1.2, 13.1.3): 304 or the whole, gzip or plain."""
    packed = _takes_gzip(request.headers.get("Accept-Encoding", ""))
    etag = f'"{feed.digest}-gzip"' if packed else f'"{feed.digest}"'
    headers = {
        "ETag": etag,
        "Last-Modified": format_datetime(feed.last_modified.astimezone(UTC).replace(microsecond=0), usegmt=True),
        "Cache-Control": "private, max-age=0, must-revalidate",
        "Vary": "Accept-Encoding",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex",
        "X-Content-Type-Options": "nosniff",
        "Content-Language": feed.language,
    }
    if _unchanged(request, feed):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = "text/calendar; charset=utf-8"
    headers["Content-Disposition"] = f'inline; filename="{feed.filename}"'
    if packed:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=feed.gzipped() if packed else feed.body, headers=headers)


def _unchanged(request: web.Request, feed: Feed) -> bool:
    given = request.headers.get("If-None-Match")
    if given is not None:  # then If-Modified-Since is not looked at
        if given.strip() == "*":
            return True
        tags = {tag.strip().removeprefix("W/").strip('"').removesuffix("-gzip") for tag in given.split(",")}
        return feed.digest in tags
    since = request.if_modified_since
    return since is not None and feed.last_modified.replace(microsecond=0) <= since


def _takes_gzip(accept_encoding: str) -> bool:
    for part in accept_encoding.split(","):
        coding, _, parameters = part.strip().partition(";")
        if coding.strip().lower() in ("gzip", "*"):
            quality = parameters.strip().lower().removeprefix("q=")
            return not parameters or quality.strip("0.") != "" or quality == ""
    return False
