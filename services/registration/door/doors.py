"""Doors: the address that organisers hand to helpers at an event's entrance, and the cookie that opening it leaves.

Whoever has it checks people in, and sees names, kinds and states of that event's people; nothing else. It holds until
organisers make a new one, and not longer than some days after the event (handed_out.py).
"""

from __future__ import annotations

import hmac
import re
from datetime import timedelta

from aiohttp import web

from services.registration import handed_out
from services.registration.handed_out import DOOR, HandedOut
from shared.clock import Clock
from shared.contracts.scheduling import EventState
from shared.links import Links
from shared.storage.mongo import Collection, Database, Index
from shared.web.access import SETTINGS
from shared.web.limits import LIMITS, Kind

ARRIVALS = Collection(
    "registrations",
    (
        Index((("event_id", 1), ("state", 1), ("attended_at", 1)), partial={"attended_at": {"$exists": True}}),
        Index((("event_id", 1), ("choices.session_id", 1)), partial={"attended_at": {"$exists": True}}),
    ),
)
"""For the counter: only who has come is in them, so that registering costs nothing more."""

COLLECTIONS = (*handed_out.COLLECTIONS, ARRIVALS)

MOST_COOKIES = 5
"""How many doors' cookies of one request are looked at: the last it sends, which browsers got last. Each can be made up."""

_COOKIE = "lectern_door."
_NAME = re.compile(re.escape(_COOKIE) + r"[a-z0-9][a-z0-9-]{0,79}")
_REMEMBERED = timedelta(days=30)
_RENEWALS = 20
"""As often an address may have been renewed for the cookie of the first to be known as one of ours that is void."""


class Doors:
    """Makes, renews and checks the addresses of doors."""

    def __init__(self, database: Database, links: Links, clock: Clock) -> None:
        self._handed_out, self._links = HandedOut(DOOR, database, links, clock), links

    async def path(self, event_id: str) -> str:
        """The present path of the event's door, behind the public address."""
        return _path(event_id, await self._handed_out.token(event_id))

    async def renew(self, event_id: str) -> str:
        """A new path: the one before, and every cookie that came of it, is void."""
        return _path(event_id, await self._handed_out.renew(event_id))

    async def opens(self, event: EventState, token: str) -> bool:
        """Whether `token` is the door's present one, and the event not long over."""
        return await self._handed_out.is_present(event.id, token) and not self._handed_out.closed(event)

    async def may_open(self, request: web.Request, event: EventState, token: str) -> bool:
        """The same for an address that was just opened. Raises Problem 429 after too many wrong ones."""
        limits = request.app[LIMITS]
        limits.check(request, Kind.DOOR)
        if await self.opens(event, token):
            return True
        limits.take(request, Kind.DOOR)
        return False

    async def stands_at(self, request: web.Request, event: EventState) -> bool:
        """Whether the request comes from a helper at the event's door."""
        token = request.cookies.get(_COOKIE + event.id)
        return token is not None and await self.opens(event, token)

    async def proven(self, request: web.Request) -> list[str]:
        """The events whose doors' present cookies the request has, whether or not those events are over. Looks at
        MOST_COOKIES, and reads nothing but how often their addresses were renewed."""
        given = _cookies(request)
        present = await self._handed_out.tokens(given) if given else {}
        return [id_ for id_, token in given.items() if _same(token, present[id_])]

    def count_wrong(self, request: web.Request) -> None:
        """Counts a request that no cookie proves, where one of them was made up: phones that helped before the address was
        renewed send a void one for days, from where the others are. Raises Problem 429 after too many."""
        if not all(self._was_ours(id_, token) for id_, token in _cookies(request).items()):
            request.app[LIMITS].take(request, Kind.DOOR)

    def closed(self, event: EventState) -> bool:
        """Whether the event is over for so long that its door stays shut."""
        return self._handed_out.closed(event)

    def remember(self, request: web.Request, response: web.StreamResponse, event_id: str, token: str) -> None:
        """Leaves the cookie. Lax and for all paths: a ticket that the phone's camera opens shows whose it is."""
        response.set_cookie(
            _COOKIE + event_id,
            token,
            max_age=int(_REMEMBERED.total_seconds()),
            path="/",
            secure=request.app[SETTINGS].public_url.startswith("https:"),
            httponly=True,
            samesite="Lax",
        )

    def _was_ours(self, event_id: str, token: str) -> bool:
        made = (self._links.token(DOOR, event_id, 1 + renewals) for renewals in range(1 + _RENEWALS))
        return any(_same(token, each) for each in made)


def _cookies(request: web.Request) -> dict[str, str]:
    """The tokens that the request's cookies say, unproven, by event."""
    named = [name for name in request.cookies if _NAME.fullmatch(name)]
    return {name.removeprefix(_COOKIE): request.cookies[name] for name in named[-MOST_COOKIES:]}


def _same(token: str, expected: str) -> bool:
    return hmac.compare_digest(token.encode(errors="replace"), expected.encode())


def _path(event_id: str, token: str) -> str:
    return f"/check-in/{event_id}/{token}"
