"""The only module that imports the MongoDB driver: connection, declared collections, transactions.

`motor` is in maintenance; a later move to PyMongo's own async client touches this file only (docs/decisions/0001).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
from bson.codec_options import CodecOptions
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
    AsyncIOMotorDatabase,
)
from pymongo import DeleteOne, IndexModel, InsertOne, ReplaceOne, ReturnDocument, UpdateOne
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    CollectionInvalid,
    ConnectionFailure,
    DuplicateKeyError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

__all__ = [
    "UNAVAILABLE",
    "AutoReconnect",
    "BulkWriteError",
    "Collection",
    "Database",
    "DeleteOne",
    "Document",
    "Documents",
    "DuplicateKeyError",
    "Index",
    "InsertOne",
    "Mongo",
    "PyMongoError",
    "ReplaceOne",
    "ReturnDocument",
    "Session",
    "SnapshotGone",
    "UpdateOne",
    "WriteConcern",
    "only_duplicates",
    "replacement",
]

Document = dict[str, Any]
Documents = AsyncIOMotorCollection
Session = AsyncIOMotorClientSession

T = TypeVar("T")

READS = ReadConcern("majority")
WRITES = WriteConcern("majority", wtimeout=10_000)

UNAVAILABLE = (ConnectionFailure, WTimeoutError)
"""The database is away or does not keep up: the same call may well succeed later."""

_log = structlog.get_logger()
_DUPLICATE_KEY = 11000
_NAMESPACE_EXISTS = 48
_SNAPSHOT_TOO_OLD = 239
_SNAPSHOT_UNAVAILABLE = 246


class SnapshotGone(Exception):
    """The moment that was read is kept no longer, or a collection was just made: begin again."""


@dataclass(frozen=True)
class Index:
    """An index: keys in order (1 ascending, -1 descending), and MongoDB's own options."""

    keys: tuple[tuple[str, int], ...]
    unique: bool = False
    partial: Mapping[str, Any] | None = None
    expire_after: int | None = None
    """Seconds after the indexed date at which MongoDB removes the document."""

    def model(self) -> IndexModel:
        options: dict[str, Any] = {}
        if self.unique:
            options["unique"] = True
        if self.partial is not None:
            options["partialFilterExpression"] = dict(self.partial)
        if self.expire_after is not None:
            options["expireAfterSeconds"] = self.expire_after
        return IndexModel(list(self.keys), **options)


@dataclass(frozen=True)
class Collection:
    """A collection as its owner declares it: name, indexes and, for critical rules, a $jsonSchema."""

    name: str
    indexes: Sequence[Index] = ()
    rules: Mapping[str, Any] | None = None


def replacement(operation: ReplaceOne[Document]) -> ReplaceOne[Document]:
    """The same replacement of a document that is there: nothing is inserted."""
    return ReplaceOne(operation._filter, operation._doc)


def only_duplicates(error: BulkWriteError) -> bool:
    """Whether a bulk write failed for nothing but documents (`_id`s) that were there already."""
    details = error.details or {}
    return not details.get("writeConcernErrors") and all(
        item.get("code") == _DUPLICATE_KEY and item.get("keyPattern") == {"_id": 1}
        for item in details.get("writeErrors", [])
    )


@dataclass
class Database:
    """One service's database. Reads and writes are majority: what was answered survives the loss of a node."""

    _database: AsyncIOMotorDatabase[Document]
    _client: AsyncIOMotorClient[Document]
    _declared: list[str] = field(default_factory=list)

    def __getitem__(self, name: str) -> AsyncIOMotorCollection[Document]:
        return self._database[name]

    @property
    def name(self) -> str:
        return self._database.name

    async def declare(self, collections: Sequence[Collection]) -> None:
        """Creates collections and indexes that are missing and applies the rules; safe to run in many processes at once."""
        for collection in collections:
            try:
                await self._database.create_collection(collection.name)
            except CollectionInvalid:
                pass  # it exists already
            except OperationFailure as error:
                if error.code != _NAMESPACE_EXISTS:  # another process was faster
                    raise
            if collection.rules is not None:
                await self._database.command(
                    "collMod",
                    collection.name,
                    validator={"$jsonSchema": dict(collection.rules)},
                    validationLevel="strict",
                )
            if collection.indexes:
                await self._database[collection.name].create_indexes([index.model() for index in collection.indexes])
            self._declared.append(collection.name)

    async def atomically(self, work: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
        """Runs `work` in a transaction: all writes that are given its session, or none.

        When another writer was faster the whole of `work` runs again, so it must have no effect outside the database.
        """
        async with await self._client.start_session() as session:
            result: T = await session.with_transaction(work, read_concern=READS, write_concern=WRITES)
            return result

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Session]:
        """All reads that are given the session, one after the other, see the moment of the first (read concern "snapshot").

        The server keeps a moment for five minutes (minSnapshotHistoryWindowInSeconds). Raises SnapshotGone after that.
        """
        async with await self._client.start_session(causal_consistency=False, snapshot=True) as session:
            try:
                yield session
            except OperationFailure as error:
                if error.code in (_SNAPSHOT_TOO_OLD, _SNAPSHOT_UNAVAILABLE):
                    raise SnapshotGone(self.name) from error
                raise

    async def ping(self) -> None:
        """Raises PyMongoError where the server does not answer."""
        await self._database.command("ping")

    async def drop(self) -> None:
        """Removes the whole database (tests)."""
        await self._client.drop_database(self._database.name)


class Mongo:
    """A client of one replica set, shared by all services of a process."""

    def __init__(self, uri: str, prefix: str = "lectern") -> None:
        self._prefix = prefix
        self._client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
            uri,
            tz_aware=True,
            serverSelectionTimeoutMS=5000,
            connectTimeoutMS=5000,
            appname="lectern",
            retryWrites=True,
        )

    async def connect(self, timeout: float = 60.0) -> None:
        """Waits up to `timeout` seconds for a primary. Raises ConnectionError with a remedy."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            try:
                hello = await self._client.admin.command("hello")
            except (ServerSelectionTimeoutError, AutoReconnect, OperationFailure) as error:
                if loop.time() > deadline:
                    raise ConnectionError(
                        f"MongoDB does not answer ({type(error).__name__}); check LECTERN_MONGODB_URI and that the server runs"
                    ) from error
                _log.info("mongodb_awaited", error=type(error).__name__)
                await asyncio.sleep(0.5)
                continue
            if "setName" not in hello:
                raise ConnectionError(
                    "MongoDB runs without a replica set; start it with --replSet and initiate it once (deploy/mongo does)"
                )
            return

    def database(self, service: str) -> Database:
        """The database of `service`: prefix and service name."""
        database = self._client.get_database(
            f"{self._prefix}_{service}",
            codec_options=CodecOptions(tz_aware=True),
            write_concern=WRITES,
            read_concern=READS,
        )
        return Database(database, self._client)

    def close(self) -> None:
        self._client.close()
