"""Reading an event for its audit, as it stood at one moment, while the service goes on writing.

What is stored is read in a snapshot; documents that a commit of the ledger carries, and that were not yet written out at
that moment, are laid over it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

from services.registration.audit.findings import Report
from services.registration.audit.proof import Audit
from services.registration.documents import code_from, entries_from, registration_from, waiting_from
from services.registration.schema import CODES, DECISIONS, REGISTRATIONS, WAITING, event_of, stream_of
from services.registration.seats import seats_from
from shared.storage.ledger import Ledgers, Page
from shared.storage.mongo import Database, Document, Session, SnapshotGone

BATCH, COMMITS = 1000, 20
"""How many documents are taken in at once; how many of the log, of which each tells of many seats."""
ATTEMPTS = 3

_NEEDLESS = dict.fromkeys(("answers", "consents", "numbers", "number_keys", "manage_hash"), 0)
"""What the audit has no need of."""
_Stored = Mapping[str, Any]


class Auditor:
    """Audits events, one at a time in this process: an event may be large."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ledgers = Ledgers(database)
        self._one = asyncio.Lock()

    async def events(self, after: str | None, limit: int) -> list[str]:
        """The ids of events that have a ledger of seats, in order, behind the id `after`."""
        found = sorted(id_ for id_ in map(event_of, await self._ledgers.streams()) if id_ is not None)
        return [id_ for id_ in found if after is None or id_ > after][:limit]

    async def audit(self, event_id: str) -> Report | None:
        """The report on an event; None for one without a ledger. Raises SnapshotGone where reading takes too long."""
        async with self._one:
            for _ in range(ATTEMPTS - 1):
                try:
                    return await self._audit(event_id)
                except SnapshotGone:
                    continue
            return await self._audit(event_id)

    async def _audit(self, event_id: str) -> Report | None:
        async with self._database.snapshot() as session:
            page = await self._ledgers.load(stream_of(event_id), session)
            if page.version == 0:
                return None
            one = Audit(seats_from(event_id, page.state), page.version)

            async def take_in(
                collection: str, order: str, read: Callable[[_Stored], Any], tell: Callable[[Iterable[Any]], None]
            ) -> None:
                # In a thread, so that others are answered meanwhile.
                async for batch in self._batches(page, event_id, collection, order, session):
                    await asyncio.to_thread(lambda documents: tell(map(read, documents)), batch)

            await take_in(REGISTRATIONS.name, "_id", lambda d: registration_from(d["_id"], d), one.registrations)
            await take_in(WAITING.name, "_id", waiting_from, one.waiting)
            await take_in(CODES.name, "_id", code_from, one.codes)
            await take_in(DECISIONS.name, "version", lambda d: (d["version"], entries_from(d)), one.log)
        return await asyncio.to_thread(one.report)

    async def _batches(
        self, page: Page, event_id: str, collection: str, order: str, session: Session
    ) -> AsyncIterator[Sequence[_Stored]]:
        """All documents of the event in a collection, in order, as they stand by the ledger."""
        laid = {id_: (version, {**d, "_id": id_}) for id_, (version, d) in page.overlay(collection).items()}
        later = sorted((document for _, document in laid.values()), key=lambda d: d[order], reverse=True)
        query: Document = {"event_id": event_id}
        if collection == WAITING.name:  # those that were left are in no index but that of their ids
            query["_id"] = {"$gte": f"{event_id}/", "$lt": f"{event_id}0"}
        size = COMMITS if collection == DECISIONS.name else BATCH
        found = self._database[collection].find(query, _NEEDLESS, batch_size=size, session=session).sort(order, 1)
        while rows := await found.to_list(size):
            batch: list[_Stored] = []
            for row in rows:
                while later and later[-1][order] <= row[order]:
                    if (document := later.pop())["_id"] != row["_id"]:
                        batch.append(document)  # it was not written out yet
                version, newer = laid.get(row["_id"], (0, row))
                batch.append(newer if version > row["revision"] else row)
            yield batch
        yield later[::-1]
