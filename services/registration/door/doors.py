"""Doors: the address that organisers hand to helpers at an event's entrance, and the cookie that opening it leaves.

Whoever has it checks people in, and sees names, kinds and states of that event's people; nothing else. It holds until
organisers make a new one, and not longer than some days after the event.
"""

from __future__ import annotations

import hmac
from datetime import timedelta

from aiohttp import web

from shared.clock import Clock
from shared.contracts.scheduling import EventState
from shared.links import Links
from shared.storage.mongo import Collection, Database, Index, ReturnDocument
from shared.web.access import SETTINGS
from shared.web.limits import LIMITS, Kind

DOOR = "door"
"""Purpose of a door's token: /check-in/{event_id}/{token}"""

DOORS = Collection("doors")
"""How often organisers made a new address; `_id` is the event's id."""

ARRIVALS = Collection(
    "registrations",
    (
        Index((("event_id", 1), ("state", 1), ("attended_at", 1)), partial={"attended_at": {"$exists": True}}),
        Index((("event_id", 1), ("choices.session_id", 1)), partial={"attended_at": {"$exists": True}}),
    ),
)
"""For the counter: only who has come is in them, so that registering costs nothing more."""

COLLECTIONS = (DOORS, ARRIVALS)

STAYS_OPEN = timedelta(days=7)
"""How long after an event's last day what helpers noted can still be sent."""

_COOKIE = "lectern_door."
_REMEMBERED = timedelta(days=30)


class Doors:
    """Makes, renews and checks the addresses of doors."""

    def __init__(self, database: Database, links: Links, clock: Clock) -> None:
        self._doors, self._links, self._clock = database[DOORS.name], links, clock

    async def path(self, event_id: str) -> str:
        """The present path of the event's door, behind the public address."""
        return self._path(event_id, await self._generation(event_id))

    async def renew(self, event_id: str) -> str:
        """A new path: the one before, and every cookie that came of it, is void."""
        found = await self._doors.find_one_and_update(
            {"_id": event_id}, {"$inc": {"renewals": 1}}, upsert=True, return_document=ReturnDocument.AFTER
        )
        return self._path(event_id, 1 + int(found["renewals"]))

    async def opens(self, event: EventState, token: str) -> bool:
        """Whether `token` is the door's present one, and the event not long over."""
        expected = self._links.token(DOOR, event.id, await self._generation(event.id))
        same = hmac.compare_digest(token.encode(errors="replace"), expected.encode())
        return same and self._clock().date() <= event.ends_on + STAYS_OPEN

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

    def remember(self, request: web.Request, response: web.StreamResponse, event_id: str, token: str) -> None:
        """Leaves the cookie. Lax and for all paths: a ticket that the phone's camera opens is checked in with it."""
        response.set_cookie(
            _COOKIE + event_id,
            token,
            max_age=int(_REMEMBERED.total_seconds()),
            path="/",
            secure=request.app[SETTINGS].public_url.startswith("https:"),
            httponly=True,
            samesite="Lax",
        )

    async def _generation(self, event_id: str) -> int:
        found = await self._doors.find_one({"_id": event_id})
        return 1 + int(found["renewals"]) if found else 1

    def _path(self, event_id: str, generation: int) -> str:
        return f"/check-in/{event_id}/{self._links.token(DOOR, event_id, generation)}"


def events_of(request: web.Request) -> list[str]:
    """The events at whose doors the request says that it stands, unproven."""
    return sorted(name.removeprefix(_COOKIE) for name in request.cookies if name.startswith(_COOKIE))
