"""Lists of members as organisers keep them: replaced, added to, asked. Only keys are stored, no addresses.

A list has a document of its own (its id is the list's name), which says when it was changed and by which change: two changes
at once are made one after the other, since who finds another change done meanwhile looks, and writes, again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from services.registration.members import member_key
from services.registration.schema import MEMBERS
from shared.clock import Clock, Ids
from shared.storage.mongo import Database, Document, Documents, DuplicateKeyError, ReplaceOne

BATCH = 10_000
"""How many keys are written, or removed, with one request."""

Keys = frozenset[str]


@dataclass(frozen=True)
class MemberList:
    """How many are on a list, and when it was changed last (UTC)."""

    id: str
    members: int
    changed_at: datetime
    change: str


class MemberLists:
    """The lists of members that registration was given."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database, self._clock, self._ids = database, clock, ids

    async def find(self, list_: str) -> MemberList | None:
        """The list, where it was given."""
        document = await self._members.find_one({"_id": list_})
        if document is None:
            return None
        return MemberList(
            list_, await self._members.count_documents({"list": list_}), document["changed_at"], document["change"]
        )

    async def has(self, list_: str, email: str) -> bool:
        """Whether an address (in lower case) is on the list."""
        return await self._members.find_one({"_id": member_key(list_, email)}) is not None

    async def replace(self, list_: str, emails: Collection[str]) -> MemberList:
        """From now on these are on the list, and nobody else. The new ones are added first: nobody who stays is missing
        meanwhile."""
        keys = _keys(list_, emails)
        return await self._change(list_, lambda _: keys)

    async def add(self, list_: str, emails: Collection[str]) -> MemberList:
        """These are on the list as well."""
        keys = _keys(list_, emails)
        return await self._change(list_, lambda there: there | keys)

    async def remove(self, list_: str, emails: Collection[str]) -> MemberList:
        """These are on the list no more."""
        keys = _keys(list_, emails)
        return await self._change(list_, lambda there: there - keys)

    async def remove_list(self, list_: str) -> None:
        """The list is no more."""
        emptied = await self._change(list_, lambda _: frozenset())
        await self._members.delete_one({"_id": list_, "change": emptied.change})

    @property
    def _members(self) -> Documents[Document]:
        return self._database[MEMBERS.name]

    async def _change(self, list_: str, wanted: Callable[[Keys], Keys]) -> MemberList:
        while True:
            before = await self._members.find_one({"_id": list_})
            there = frozenset([document["_id"] async for document in self._members.find({"list": list_}, {"_id": 1})])
            keys = wanted(there)
            for batch in _batches(keys - there):
                adding = [ReplaceOne({"_id": key}, {"schema": 1, "list": list_}, upsert=True) for key in batch]
                await self._members.bulk_write(adding, ordered=False)
            for batch in _batches(there - keys):
                await self._members.delete_many({"_id": {"$in": batch}})
            changed = MemberList(list_, len(keys), self._clock(), self._ids())
            if await self._noted(changed, before):
                return changed

    async def _noted(self, changed: MemberList, before: Document | None) -> bool:
        """Notes that the list was changed; False where somebody else changed it since `before`."""
        document = {"schema": 1, "changed_at": changed.changed_at, "change": changed.change}
        if before is not None:
            noted = await self._members.replace_one({"_id": changed.id, "change": before["change"]}, document)
            return noted.matched_count == 1
        try:
            await self._members.insert_one({"_id": changed.id, **document})
        except DuplicateKeyError:
            return False
        return True


def _keys(list_: str, emails: Collection[str]) -> Keys:
    return frozenset(member_key(list_, email) for email in emails)


def _batches(keys: Keys) -> list[list[str]]:
    ordered = sorted(keys)
    return [ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)]
