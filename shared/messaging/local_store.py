"""The local transport's memory: one SQLite file, written by one thread, many changes to a commit."""

from __future__ import annotations

import asyncio
import fcntl
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

BATCH = 2000
"""The most changes that share a commit."""

BUSY = 5.0
"""Seconds SQLite waits for somebody who reads the file from outside (a backup, the sqlite3 shell)."""

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS binding (
    queue TEXT NOT NULL, exchange TEXT NOT NULL, pattern TEXT NOT NULL, PRIMARY KEY (queue, exchange, pattern)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, exchange TEXT NOT NULL, routing_key TEXT NOT NULL,
    body BLOB NOT NULL, attempt INTEGER NOT NULL DEFAULT 1, due REAL
);
CREATE INDEX IF NOT EXISTS message_ready ON message (queue, id) WHERE due IS NULL;
CREATE INDEX IF NOT EXISTS message_due ON message (due) WHERE due IS NOT NULL;
CREATE TABLE IF NOT EXISTS dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, queue TEXT NOT NULL, exchange TEXT NOT NULL,
    routing_key TEXT NOT NULL, body BLOB NOT NULL, reason TEXT NOT NULL, attempts INTEGER NOT NULL,
    parked_at TEXT NOT NULL
);
"""


@dataclass(frozen=True)
class Stored:
    """A message in a queue. `due` (Unix seconds) is None for one that was never put off."""

    id: int
    queue: str
    exchange: str
    routing_key: str
    body: bytes
    attempt: int = 1
    due: float | None = None


@dataclass(frozen=True)
class Parked:
    """A dead letter as stored."""

    name: str
    queue: str
    exchange: str
    routing_key: str
    body: bytes
    reason: str
    attempts: int
    parked_at: str


Work = Callable[[sqlite3.Connection], T]


class Store:
    """One file, held by one process at a time. Every method returns when its change is on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: IO[str] | None = None
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._next = 1
        self.failed: BaseException | None = None

    async def open(self) -> None:
        """Opens or makes the file. Raises ConnectionError with a remedy where that cannot be."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = self._path.with_name(self._path.name + ".lock").open("w")
        except OSError as error:
            raise _unusable(self._path, error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise ConnectionError(
                f"{self._path} is in use by another process. The local transport works inside one process: stop the other, "
                "or give LECTERN_BROKER_URL another path or a RabbitMQ address."
            ) from error
        ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="local-transport", daemon=True)
        self._thread.start()
        try:
            self._next = await ready
        except (sqlite3.Error, OSError) as error:
            self._lock.close()
            self._thread.join()
            self._thread = None
            raise _unusable(self._path, error) from error

    async def close(self) -> None:
        """Writes what is left and lets go of the file."""
        if self._thread is not None:
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def take_ids(self, count: int) -> range:
        """Ids for new messages. They grow in the order in which the messages are added."""
        first = self._next
        self._next += count
        return range(first, self._next)

    async def bindings(self) -> list[tuple[str, str, str]]:
        """Queue, exchange and pattern of every binding."""
        return await self._do(lambda db: db.execute("SELECT queue, exchange, pattern FROM binding").fetchall())

    async def bind(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Adds bindings."""
        await self._do(lambda db: _none(db.executemany("INSERT OR IGNORE INTO binding VALUES (?, ?, ?)", rows)))

    def add(self, messages: Sequence[Stored]) -> asyncio.Future[None]:
        """Adds messages, all or none. Futures of several calls are done in the order of the calls."""
        rows = [(m.id, m.queue, m.exchange, m.routing_key, m.body, m.attempt, m.due) for m in messages]
        return self._do(lambda db: _none(db.executemany("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?)", rows)))

    def remove(self, identity: int) -> asyncio.Future[None]:
        """Removes a message that was handled. The future may be left alone: close() waits for it."""
        return self._do(lambda db: _none(db.execute("DELETE FROM message WHERE id = ?", (identity,))))

    async def put_off(self, identity: int, attempt: int, due: float) -> None:
        """Keeps a message for its next attempt."""
        await self._do(
            lambda db: _none(
                db.execute("UPDATE message SET attempt = ?, due = ? WHERE id = ?", (attempt, due, identity))
            )
        )

    async def park(self, identity: int, letter: Parked) -> None:
        """Moves a message to the dead letters, in one change."""
        values = (
            letter.name, letter.queue, letter.exchange, letter.routing_key, letter.body, letter.reason,
            letter.attempts, letter.parked_at,
        )  # fmt: skip

        def move(db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT INTO dead_letter (name, queue, exchange, routing_key, body, reason, attempts, parked_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            db.execute("DELETE FROM message WHERE id = ?", (identity,))

        await self._do(move)

    async def ready(self, name: str, after: int, limit: int) -> list[Stored]:
        """The queue's next messages that were never put off, in order."""
        return await self._do(
            lambda db: [
                Stored(*row)
                for row in db.execute(
                    "SELECT id, queue, exchange, routing_key, body, attempt, due FROM message"
                    " WHERE queue = ? AND id > ? AND due IS NULL ORDER BY id LIMIT ?",
                    (name, after, limit),
                )
            ]
        )

    async def put_off_until(self) -> list[tuple[float, int, str]]:
        """Time, id and queue of every message that waits for its time."""
        return await self._do(
            lambda db: db.execute("SELECT due, id, queue FROM message WHERE due IS NOT NULL ORDER BY due").fetchall()
        )

    async def fetch(self, identities: Sequence[int]) -> list[Stored]:
        """These messages, in the order asked for."""

        def read(db: sqlite3.Connection) -> list[Stored]:
            found = []
            for identity in identities:
                row = db.execute(
                    "SELECT id, queue, exchange, routing_key, body, attempt, due FROM message WHERE id = ?", (identity,)
                ).fetchone()
                if row is not None:
                    found.append(Stored(*row))
            return found

        return await self._do(read)

    async def dead_letters(self, limit: int) -> list[Parked]:
        """Dead letters, oldest first."""
        return await self._do(
            lambda db: [
                Parked(*row)
                for row in db.execute(
                    "SELECT name, queue, exchange, routing_key, body, reason, attempts, parked_at"
                    " FROM dead_letter ORDER BY id LIMIT ?",
                    (limit,),
                )
            ]
        )

    def _do(self, work: Work[T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        if self._thread is None:
            done.set_exception(ConnectionError("the local transport is closed"))
            return done
        self._jobs.put(_Job(work, done, loop))
        return done

    def _run(self, ready: asyncio.Future[int]) -> None:
        """The thread. All that waits goes into one commit: a commit costs the disk's time, a change next to nothing."""
        loop = ready.get_loop()
        try:
            self._path.touch(mode=0o600)  # messages name people
            db = sqlite3.connect(self._path, isolation_level=None, timeout=BUSY)
            db.execute("PRAGMA journal_mode = WAL")
            # FULL, not NORMAL: with NORMAL a killed process loses nothing either, but a power cut loses the last commits,
            # and a publisher has been told that they are safe. The price is one flush per commit, shared by its batch.
            db.execute("PRAGMA synchronous = FULL")
            db.executescript(_SCHEMA)
            row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'message'").fetchone()
        except (sqlite3.Error, OSError) as error:
            loop.call_soon_threadsafe(_settle, [(ready, None, error)])
            return
        loop.call_soon_threadsafe(_settle, [(ready, (row[0] if row else 0) + 1, None)])
        last = False
        while not last:
            batch: list[_Job] = []
            job = self._jobs.get()
            while job is not None:
                batch.append(job)
                if len(batch) >= BATCH:
                    break
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            last = job is None
            if batch:
                self._commit(db, batch)
        db.close()

    def _commit(self, db: sqlite3.Connection, batch: Sequence[_Job]) -> None:
        results: list[_Result]
        try:
            db.execute("BEGIN IMMEDIATE")
            results = [(job.done, job.work(db), None) for job in batch]
            db.execute("COMMIT")
            self.failed = None
        except Exception as error:  # noqa: BLE001 - told to everybody who waits; the thread must live on
            self.failed = error
            if db.in_transaction:
                db.execute("ROLLBACK")
            results = [(job.done, None, error) for job in batch]
        try:
            batch[0].loop.call_soon_threadsafe(_settle, results)
        except RuntimeError:
            # The loop was closed without close(): nobody waits for the answers any more, the changes themselves are kept.
            return


@dataclass(frozen=True)
class _Job:
    work: Work[Any]
    done: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


_Result = tuple[asyncio.Future[Any], object, BaseException | None]


def _settle(results: Sequence[_Result]) -> None:
    for done, value, error in results:
        if done.cancelled():
            continue
        if error is not None:
            done.set_exception(error)
            done.exception()  # a change nobody waits for is told by `failed`
        else:
            done.set_result(value)


def _unusable(path: Path, error: Exception) -> ConnectionError:
    return ConnectionError(
        f"{path} cannot be used ({error}). Make the folder writable, or move the file away to begin anew."
    )


def _none(_: object) -> None:
    return None
