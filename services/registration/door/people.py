"""Who is expected, read for the door: by name, and how many are here."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from datetime import UTC, datetime

from services.registration.documents import registration_from
from services.registration.door.scans import Counter
from services.registration.readings import Readings
from services.registration.registrations import Registration
from services.registration.schema import REGISTRATIONS
from shared.contracts.registration import SeatState
from shared.storage.mongo import Database, Document

SHORTEST = 2
"""Letters of the shortest name that is searched for."""
LONGEST = 100
FOUND = 20
"""How many people a search shows at the most."""

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_MARKS = "[\u0300-\u036f]*"


class People:
    """An event's people, as a door may see them."""

    def __init__(self, database: Database, store: Readings) -> None:
        self._registrations, self._store = database[REGISTRATIONS.name], store

    async def named(self, event_id: str, text: str) -> list[Registration]:
        """Those whose name contains `text`, accents and capitals aside; by name. Addresses are not looked at."""
        query = {"event_id": event_id, "person.name": {"$regex": pattern_of(text), "$options": "i"}}
        cursor = self._registrations.find(query | {"erased": {"$ne": True}}).sort("person.name", 1).limit(FOUND)
        return [registration_from(document["_id"], document) async for document in cursor]

    async def counter(self, event_id: str, session_id: str | None) -> Counter:
        """How many are here, at the event or in one session, of those who have a seat there."""
        attended = SeatState.ATTENDED.value
        query: Document = {"event_id": event_id, "attended_at": {"$gt": _EVER}}  # counted in an index of these alone
        if session_id is None:
            query |= {"state": attended}
        else:
            query |= {"choices": {"$elemMatch": {"session_id": session_id, "state": attended}}}
        seats = await self._store.seats(event_id)
        line = seats.event if session_id is None else seats.sessions.get(session_id)
        here = int(await self._registrations.count_documents(query))
        return Counter(checked_in=here, expected=line.confirmed if line is not None else 0)


def pattern_of(text: str) -> str:
    """A regular expression for names that contain `text`, whatever accents either is written with."""
    bare = "".join(sign for sign in unicodedata.normalize("NFD", text) if not unicodedata.combining(sign))
    return "".join(f"[{_ALIKE[sign]}]{_MARKS}" if sign in _ALIKE else re.escape(sign) for sign in bare.lower())


def _alike() -> dict[str, str]:
    """By bare letter, all letters of Latin-1 and Latin Extended-A that are it with an accent."""
    alike: dict[str, str] = defaultdict(str, {chr(code): chr(code) for code in range(ord("a"), ord("z") + 1)})
    for code in range(0xC0, 0x180):
        bare = unicodedata.normalize("NFD", chr(code))[0].lower()
        if bare.isascii() and bare.isalpha():
            alike[bare] += chr(code)
    return dict(alike)


_ALIKE = _alike()
