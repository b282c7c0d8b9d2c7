"""The one form of an atomic commit: a document with a version that carries, in the same write, all that follows from it.

A ledger is the compare-and-set point of a stream (an event's seats, an event's agenda). Committing is one update of one
document: new state, version + 1, and an *entry* with the documents to write elsewhere and the facts to tell. After that
the decision is durable; *settling* copies the entry to its collections and to the outbox and removes it. Settling is
idempotent and may be done by any process: a crash in between only delays it (docs/decisions/0003).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from shared.contracts.cloudevent import CloudEvent, Encoded
from shared.storage.mongo import (
    BulkWriteError,
    Collection,
    Database,
    Document,
    DuplicateKeyError,
    Index,
    InsertOne,
    PyMongoError,
    ReplaceOne,
    ReturnDocument,
    Session,
    WriteConcern,
    only_duplicates,
    replacement,
)

LEDGERS = Collection("ledgers", (Index((("entries.at", 1),)),))
OUTBOX = Collection("outbox", (Index((("stream", 1), ("version", 1), ("number", 1))), Index((("at", 1),))))

AT_ONCE = WriteConcern(w=1)
"""For the queue: nothing depends on it, so that nobody waits until it is on the disk of most nodes."""

_log = structlog.get_logger()


@dataclass(frozen=True)
class Write:
    """A whole document to put in a collection; an older revision never replaces a newer one, and nothing is deleted."""

    collection: str
    id: str
    document: Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """What one commit still has to write elsewhere."""

    version: int
    at: datetime
    writes: tuple[Write, ...]
    facts: tuple[Encoded, ...]

    def as_document(self) -> Document:
        return {
            "version": self.version,
            "at": self.at,
            "writes": [{"collection": w.collection, "id": w.id, "document": dict(w.document)} for w in self.writes],
            "facts": [fact.as_document() for fact in self.facts],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Entry:
        return cls(
            version=document["version"],
            at=document["at"],
            writes=tuple(Write(w["collection"], w["id"], w["document"]) for w in document["writes"]),
            facts=tuple(Encoded(**fact) for fact in document["facts"]),
        )


@dataclass(frozen=True)
class Page:
    """A ledger as loaded: its version (0: not there yet), its state, and the entries that are not settled yet."""

    stream: str
    version: int = 0
    state: Mapping[str, Any] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()

    def overlay(self, collection: str) -> dict[str, tuple[int, Mapping[str, Any]]]:
        """Documents of `collection` that are decided but perhaps not yet written there: version and newest document by id.

        Entries are applied in any order: lay a document only over one whose `revision` is lower than its version.
        """
        return {
            w.id: (entry.version, w.document)
            for entry in sorted(self.entries, key=lambda entry: entry.version)
            for w in entry.writes
            if w.collection == collection
        }


class Conflict(Exception):
    """Another writer committed first: load again and decide again."""


class Ledgers:
    """The ledgers of one service."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ledgers = database[LEDGERS.name]
        self._queues = self._ledgers.with_options(write_concern=AT_ONCE)
        self._outbox = database[OUTBOX.name]

    async def load(self, stream: str, session: Session | None = None) -> Page:
        """The ledger as it stands, in one read; or as it stood at the moment of a snapshot's `session`."""
        document = await self._ledgers.find_one({"_id": stream}, session=session)
        return Page(stream) if document is None else _page(document)

    async def streams(self) -> list[str]:
        """The names of all ledgers."""
        return [document["_id"] async for document in self._ledgers.find({}, {"_id": 1})]

    async def commit(
        self,
        page: Page,
        state: Mapping[str, Any],
        *,
        at: datetime,
        writes: Sequence[Write] = (),
        facts: Sequence[CloudEvent] = (),
        remove: Sequence[str] = (),
        leave: str | None = None,
    ) -> Entry:
        """Commits the next version of `page` in one atomic write. Raises Conflict when somebody else did so first.

        `state` holds the fields that change; a dotted name ("sessions.a.confirmed") changes a part of a field. `remove`
        names fields that end, `leave` the ticket of a writer whose turn ends with this commit (shared/storage/turns.py).
        """
        entry = Entry(page.version + 1, at, tuple(writes), tuple(fact.encoded() for fact in facts))
        if page.version == 0:
            try:
                await self._ledgers.insert_one(
                    {
                        "_id": page.stream,
                        "schema": 1,
                        "version": 1,
                        "state": _nested(state),
                        "entries": [entry.as_document()],
                    }
                )
            except DuplicateKeyError as error:
                raise Conflict(page.stream) from error
            return entry
        change: Document = {
            "$set": {"version": entry.version, **{f"state.{name}": value for name, value in state.items()}},
            "$push": {"entries": entry.as_document()},
        }
        if remove:
            change["$unset"] = {f"state.{name}": "" for name in remove}
        if leave is not None:
            change["$pull"] = {"queue": leave}
        result = await self._ledgers.update_one({"_id": page.stream, "version": page.version}, change)
        if result.modified_count != 1:
            raise Conflict(page.stream)
        return entry

    async def queue_up(self, stream: str, ticket: str) -> tuple[list[str], int]:
        """Puts `ticket` at the end of the queue of those who want to write; the queue and the ledger's version. Where there
        is no ledger there is no queue."""
        document = await self._queues.find_one_and_update(
            {"_id": stream},
            {"$push": {"queue": ticket}},
            projection={"queue": 1, "version": 1},
            return_document=ReturnDocument.AFTER,
        )
        return (document["queue"], document["version"]) if document else ([], 0)

    async def look(self, stream: str, ticket: str) -> tuple[list[str], Page | None]:
        """The queue, and the page if `ticket` is the first: in one read, and nothing big is read while others are first.

        By majority, as all pages: on one that a new primary does not know, another commit could have the same version.
        """
        only_first = {"$eq": [{"$first": "$queue"}, ticket]}
        parts = {name: {"$cond": [only_first, f"${name}", "$$REMOVE"]} for name in ("version", "state", "entries")}
        document = await self._ledgers.find_one({"_id": stream}, {"queue": 1, **parts})
        if document is None:
            return [], None
        return document.get("queue", []), _page(document) if "version" in document else None

    async def leave(self, stream: str, ticket: str) -> None:
        """Takes `ticket` out of the queue, whoever's it is."""
        await self._queues.update_one({"_id": stream}, {"$pull": {"queue": ticket}})

    async def settle(self, stream: str, entries: Iterable[Entry]) -> None:
        """Writes what `entries` carry, then removes them from the ledger. Safe to repeat, and to run twice at once."""
        entries = list(entries)
        if not entries:
            return
        await self.apply(stream, entries)
        await self.forget(stream, [entry.version for entry in entries])

    async def forget(self, stream: str, versions: Sequence[int]) -> None:
        """The second half of settling: removes applied entries from the ledger."""
        await self._ledgers.update_one({"_id": stream}, {"$pull": {"entries": {"version": {"$in": list(versions)}}}})

    async def apply(self, stream: str, entries: Sequence[Entry]) -> None:
        """The first half of settling: documents and outbox."""
        newest: dict[str, dict[str, tuple[int, Mapping[str, Any]]]] = defaultdict(dict)
        told: list[InsertOne[Document]] = []
        for entry in sorted(entries, key=lambda entry: entry.version):
            for write in entry.writes:
                newest[write.collection][write.id] = (entry.version, write.document)
            told.extend(
                InsertOne(
                    {
                        "_id": fact.id,
                        "stream": stream,
                        "version": entry.version,
                        "number": number,
                        "at": entry.at,
                        "event": fact.as_document(),
                    }
                )
                for number, fact in enumerate(entry.facts)
            )
        bulks = [
            self._bulk(
                collection,
                [
                    ReplaceOne(
                        {"_id": id_, "revision": {"$lt": version}}, {**document, "revision": version}, upsert=True
                    )
                    for id_, (version, document) in documents.items()
                ],
            )
            for collection, documents in newest.items()
        ]
        if told:
            bulks.append(self._bulk(OUTBOX.name, told))
        await asyncio.gather(*bulks)

    async def settle_left_over(self, now: datetime, older_than: timedelta = timedelta(seconds=2)) -> int:
        """Settles what a process left behind when it was stopped between commit and settling; returns how many entries."""
        count = 0
        async for document in self._ledgers.find({"entries.at": {"$lt": now - older_than}}):
            page = _page(document)
            try:
                await self.settle(page.stream, page.entries)
            except PyMongoError as error:  # one bad ledger must not keep the others
                _log.error("ledger_not_settled", stream=page.stream, error=type(error).__name__)
                continue
            count += len(page.entries)
        if count:
            _log.info("ledger_left_over_settled", entries=count)
        return count

    async def _bulk(self, collection: str, operations: Sequence[Any]) -> None:
        try:
            await self._database[collection].bulk_write(list(operations), ordered=False)
        except BulkWriteError as error:
            # A duplicate key is a newer revision, or a fact that is there already: exactly what must not be replaced.
            if not only_duplicates(error):
                raise
            # Or else an older revision that somebody inserted in the same moment: replace what is there now, if it is older.
            failed = [operations[item["index"]] for item in (error.details or {}).get("writeErrors", [])]
            again = [replacement(op) for op in failed if isinstance(op, ReplaceOne)]
            if again:
                await self._database[collection].bulk_write(again, ordered=False)


def _page(document: Mapping[str, Any]) -> Page:
    return Page(
        stream=document["_id"],
        version=document["version"],
        state=document["state"],
        entries=tuple(Entry.from_document(entry) for entry in document["entries"]),
    )


def _nested(state: Mapping[str, Any]) -> Document:
    """Dotted names as nested documents: what `$set` would make of them."""
    nested: Document = {}
    for name, value in state.items():
        place = nested
        *parents, last = name.split(".")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return nested
