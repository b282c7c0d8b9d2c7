"""Every version of an agenda, kept as what changed since the one before; any of them can be read again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.scheduling.agenda import Agenda
from services.scheduling.parts import Delta, Parts, agenda_of_parts, parts_of_data
from shared.storage.ledger import Write
from shared.storage.mongo import Collection, Database, Index

WHOLE_EVERY = 100
"""Each so-many versions the whole agenda is kept, so that reading one back costs no more than this many documents."""

_INDEX = Index((("event_id", 1), ("number", 1)))
DRAFTS = Collection("drafts", (_INDEX,))
REVISIONS = Collection("revisions", (_INDEX,))


def kept(
    collection: Collection,
    event_id: str,
    number: int,
    step: Delta,
    whole: Parts,
    at: datetime,
    *,
    as_whole: bool = False,
    more: Mapping[str, Any] | None = None,
) -> Write:
    """The document of version `number`, which `step` made into `whole`; `as_whole`: what was before is not to be relied on."""
    is_whole = as_whole or number % WHOLE_EVERY == 1
    document = {
        "schema": 2,
        "event_id": event_id,
        "number": number,
        "at": at,
        "whole": is_whole,
        # Pairs, because a name with dots is no good name of a field.
        "parts": [[name, part] for name, part in (whole if is_whole else step.set).items()],
        "removed": [] if is_whole else list(step.removed),
        **(more or {}),
    }
    return Write(collection.name, f"{event_id}:{number}", document)


async def agenda_at(database: Database, collection: Collection, event_id: str, number: int) -> Agenda | None:
    """The agenda as it was in version `number`; None where there is no such version."""
    cursor = database[collection.name].find({"event_id": event_id, "number": {"$lte": number}})
    steps: list[Mapping[str, Any]] = []
    async for document in cursor.sort([("number", -1)]):
        if document["number"] != number - len(steps):  # one is missing: better no agenda than a wrong one
            break
        steps.append(_upcast(document))
        if steps[-1]["whole"]:
            break
    if not steps or not steps[-1]["whole"]:
        return await _of_schema_1(database, collection, f"{event_id}:{number}")
    parts: Parts = {}
    for step in reversed(steps):
        parts |= dict(step["parts"])
        for name in step["removed"]:
            parts.pop(name, None)
    return agenda_of_parts(parts)


async def _of_schema_1(database: Database, collection: Collection, id_: str) -> Agenda | None:
    """Drafts of schema 1 have no number, only the whole agenda."""
    document = await database[collection.name].find_one({"_id": id_, "agenda": {"$exists": True}})
    return Agenda.model_validate(document["agenda"]) if document is not None else None


def _upcast(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Schema 1 kept the whole agenda in every version."""
    if document.get("schema", 1) > 1:
        return document
    return {**document, "whole": True, "parts": list(parts_of_data(document["agenda"]).items()), "removed": []}
