"""The parts of check-in, put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from services.registration.asking import Requests
from services.registration.door.checking import Checking
from services.registration.door.doors import Doors
from services.registration.door.people import People
from services.registration.readings import Readings
from shared.clock import Clock, Ids
from shared.links import Links
from shared.storage.mongo import Database


@dataclass(frozen=True)
class Door:
    """What the pages and the operations of check-in share. `ids` sort by time (shared.clock.ordered_id)."""

    store: Readings
    doors: Doors
    people: People
    checking: Checking
    clock: Clock
    ids: Ids

    @classmethod
    def of(cls, requests: Requests, store: Readings, database: Database, links: Links, clock: Clock, ids: Ids) -> Self:
        """The door on the service's own parts."""
        return cls(
            store,
            Doors(database, links, clock),
            People(database, store),
            Checking(requests, store, links, clock),
            clock,
            ids,
        )
