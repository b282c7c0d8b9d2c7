"""Addresses that organisers hand out, to the helpers of an event's door and to the chairs of a session.

Whoever has one can open it. It holds until organisers make a new one, and not longer than some days after the event.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import date, timedelta

from shared.clock import Clock
from shared.contracts.scheduling import EventState
from shared.links import Links
from shared.storage.mongo import Collection, Database, ReturnDocument

DOOR = "door"
"""Purpose of a door's token: /check-in/{event_id}/{token}"""

CHAIR = "chair"
"""Purpose of the token of a session's chairs: /needs/{session_id}/{token}"""

_KEPT = {DOOR: Collection("doors"), CHAIR: Collection("chairs")}
"""How often organisers made a new address, for each purpose; `_id` is the id of what the address is for."""

COLLECTIONS = tuple(_KEPT.values())

STAYS_OPEN = timedelta(days=7)
"""How long after an event's last day its addresses open: what helpers noted can still be sent, chairs still read."""


class HandedOut:
    """Makes, renews and checks the addresses of one purpose. A `subject` is the id of what an address is for."""

    def __init__(self, purpose: str, database: Database, links: Links, clock: Clock) -> None:
        self._purpose, self._links, self._clock = purpose, links, clock
        self._kept = database[_KEPT[purpose].name]

    async def token(self, subject: str) -> str:
        """The present token."""
        return (await self.tokens([subject]))[subject]

    async def tokens(self, subjects: Iterable[str]) -> dict[str, str]:
        """The present tokens of several, by their subjects."""
        asked = list(subjects)
        renewed = {one["_id"]: int(one["renewals"]) async for one in self._kept.find({"_id": {"$in": asked}})}
        return {subject: self._token(subject, renewed.get(subject, 0)) for subject in asked}

    async def renew(self, subject: str) -> str:
        """A new token: the one before is void."""
        found = await self._kept.find_one_and_update(
            {"_id": subject}, {"$inc": {"renewals": 1}}, upsert=True, return_document=ReturnDocument.AFTER
        )
        return self._token(subject, int(found["renewals"]))

    async def is_present(self, subject: str, token: str) -> bool:
        """Whether `token` is the subject's present one, and not one before."""
        expected = await self.token(subject)
        return hmac.compare_digest(token.encode(errors="replace"), expected.encode())

    def closed(self, event: EventState) -> bool:
        """Whether the event is over for so long that its addresses open nothing any more."""
        return self._clock().date() > last_day(event)

    def _token(self, subject: str, renewals: int) -> str:
        return self._links.token(self._purpose, subject, 1 + renewals)


def last_day(event: EventState) -> date:
    """The last day, in UTC, on which addresses of the event open."""
    return event.ends_on + STAYS_OPEN
