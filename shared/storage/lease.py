"""A lease: one process at a time does a thing; when it dies, another takes over after a few seconds."""

from __future__ import annotations

from datetime import timedelta

from shared.clock import Clock
from shared.storage.mongo import Collection, Database, DuplicateKeyError, Index

LEASES = Collection("leases", (Index((("until", 1),), expire_after=3600),))


class Lease:
    """The right to do `name`, for `lasts` at a time. A lease saves work; correctness never rests on it."""

    def __init__(
        self, database: Database, name: str, holder: str, clock: Clock, lasts: timedelta = timedelta(seconds=5)
    ) -> None:
        self._leases = database[LEASES.name]
        self._name, self._holder, self._clock, self._lasts = name, holder, clock, lasts
        self._renew_at = clock() - lasts

    async def hold(self) -> bool:
        """Takes or renews the lease; False while another process has it."""
        now = self._clock()
        if now < self._renew_at:
            return True
        try:
            await self._leases.update_one(
                {"_id": self._name, "$or": [{"holder": self._holder}, {"until": {"$lt": now}}]},
                {"$set": {"holder": self._holder, "until": now + self._lasts}},
                upsert=True,
            )
        except DuplicateKeyError:  # somebody else holds it: the filter did not match, the upsert met their document
            self._renew_at = now - self._lasts
            return False
        self._renew_at = now + self._lasts / 3
        return True

    async def release(self) -> None:
        """Gives the lease up, so that another process need not wait."""
        await self._leases.delete_one({"_id": self._name, "holder": self._holder})
        self._renew_at = self._clock() - self._lasts
