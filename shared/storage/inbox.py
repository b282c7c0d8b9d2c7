"""The inbox: of every subject the newest fact is kept, older ones and repetitions change nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from shared.contracts.cloudevent import CloudEvent, InvalidMessage, problem
from shared.storage.mongo import Collection, Database, Session

INBOX = Collection("inbox")


async def when_newest(database: Database, event: CloudEvent, apply: Callable[[Session], Awaitable[None]]) -> bool:
    """Applies `event` in one transaction where it is the newest of its subject; False where it is old or a repetition.

    `apply` may run again when another writer was faster. Raises InvalidMessage for a fact without subject or sequence.
    """

    async def work(session: Session) -> bool:
        if not await _accepted(database, event, session):
            return False
        await apply(session)
        return True

    return await database.atomically(work)


async def _accepted(database: Database, event: CloudEvent, session: Session) -> bool:
    """Notes `event` as the newest of its subject; False where it is not newer than what was seen."""
    if event.subject is None or event.sequence is None:
        raise InvalidMessage([problem("sequence", "a fact needs a subject and a sequence")])
    family = event.type.rpartition(".v")[0]
    key = f"{family}:{event.subject}"
    inbox = database[INBOX.name]
    # Read first: a duplicate key would end the transaction, a write conflict only runs it again.
    seen = await inbox.find_one({"_id": key}, session=session)
    if seen is not None and seen["sequence"] >= event.sequence:
        return False
    await inbox.update_one(
        {"_id": key}, {"$set": {"sequence": event.sequence, "event_id": event.id}}, upsert=True, session=session
    )
    return True
