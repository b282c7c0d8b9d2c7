"""The inbox: of every subject the newest fact is kept, older ones and repetitions change nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from shared.contracts.cloudevent import CloudEvent, InvalidMessage, problem
from shared.storage.mongo import Collection, Database, Session

INBOX = Collection("inbox")


async def when_newest(
    database: Database, event: CloudEvent, apply: Callable[[Session], Awaitable[None]], *, ends: Sequence[str] = ()
) -> bool:
    """Applies `event` in one transaction where it is the newest of its subject; False where it is old or a repetition.

    `ends`: types of facts that end with this one: of the same subject, none of them up to its sequence is applied any
    more, however late it comes. `apply` may run again when another writer was faster. Raises InvalidMessage for a fact
    without subject or sequence.
    """

    async def work(session: Session) -> bool:
        if not await _accepted(database, event, session):
            return False
        for type_ in ends:
            await _noted(database, type_, event, session)
        await apply(session)
        return True

    return await database.atomically(work)


async def was_applied(database: Database, type_: str, subject: str) -> bool:
    """Whether any fact of this type about `subject` was applied."""
    return await database[INBOX.name].find_one({"_id": _key(type_, subject)}, {"_id": 1}) is not None


async def _accepted(database: Database, event: CloudEvent, session: Session) -> bool:
    """Notes `event` as the newest of its subject; False where it is not newer than what was seen."""
    return await _noted(database, event.type, event, session)


async def _noted(database: Database, type_: str, event: CloudEvent, session: Session) -> bool:
    """Notes that of `type_`, about the subject of `event`, all is known up to it; False where that was so already."""
    if event.subject is None or event.sequence is None:
        raise InvalidMessage([problem("sequence", "a fact needs a subject and a sequence")])
    key = _key(type_, event.subject)
    inbox = database[INBOX.name]
    # Read first: a duplicate key would end the transaction, a write conflict only runs it again.
    seen = await inbox.find_one({"_id": key}, session=session)
    if seen is not None and seen["sequence"] >= event.sequence:
        return False
    await inbox.update_one(
        {"_id": key}, {"$set": {"sequence": event.sequence, "event_id": event.id}}, upsert=True, session=session
    )
    return True


def _key(type_: str, subject: str) -> str:
    """A subject's key in the inbox: all versions of a type are one family."""
    return f"{type_.rpartition('.v')[0]}:{subject}"
