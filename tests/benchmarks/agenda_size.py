"""Agendas of growing size: import and publish 1,000 sessions, publish one change, print 200 sessions as PDF."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient

from services.scheduling.agenda_file import Source, agenda_of, read_agenda
from services.scheduling.editing import Editor
from services.scheduling.exports.pdf import agenda_pdf
from services.scheduling.public_view import public_agenda
from services.scheduling.publication import event_state, session_states
from services.scheduling.store import COLLECTIONS, Store
from services.scheduling.views import in_order
from shared.clock import utc_now
from shared.config import Settings
from shared.storage.inbox import INBOX
from shared.storage.lease import LEASES
from shared.storage.ledger import LEDGERS, OUTBOX
from shared.storage.mongo import Mongo
from tests.benchmarks.figures import Table, percentile
from tests.support.big_agenda import big_agenda

SMALL, LARGE, PEOPLE = 10, 1_000, 500
PRINTED = 200
CHANGES = 9


@dataclass(frozen=True)
class Cost:
    """What one publication of a changed session cost: facts, documents and bytes written (oplog), seconds."""

    facts: int
    writes: int
    bytes: int
    seconds: float


async def run(settings: Settings, table: Table) -> None:
    """On a real MongoDB, without HTTP and broker: what remains is scheduling's own cost."""
    mongo = Mongo(settings.mongodb_uri, settings.database_prefix)
    database = mongo.database("scheduling")
    await database.declare([LEDGERS, OUTBOX, INBOX, LEASES, *COLLECTIONS])
    raw: Any = AsyncIOMotorClient(settings.mongodb_uri)
    store = Store(database, utc_now, lambda: None)
    editor = Editor(store, utc_now)

    async def put(sessions: int) -> float:
        body = json.dumps(big_agenda(sessions, max(sessions // 2, 2), f"size-{sessions}")).encode()
        began = time.perf_counter()
        agenda = read_agenda(body, is_json=True)
        await editor.put(agenda.event.id, lambda _: agenda)
        await editor.publish(agenda.event.id, {})
        return time.perf_counter() - began

    small, large = await put(SMALL), await put(LARGE)
    bare = await _bare(raw[f"{settings.database_prefix}_bare"], LARGE)
    costs = {}
    for sessions in (SMALL, LARGE):
        costs[sessions] = [await _change(store, editor, raw, settings, sessions, n) for n in range(CHANGES)]
    table.add(f"Import and publish {LARGE} sessions, {PEOPLE} people", f"{large:.2f} s")
    table.add(
        "  against parsing the JSON and inserting as many documents", f"{large / bare:.1f} times", f"bare: {bare:.2f} s"
    )
    table.add(f"  per session, against an event of {SMALL}", f"{(large / LARGE) / (small / SMALL):.2f}")
    for what in ("facts", "writes", "bytes"):
        one, many = (percentile([getattr(c, what) for c in costs[n]], 0.5) for n in (SMALL, LARGE))
        table.add(
            f"Publish one changed session: {what} at {SMALL} and {LARGE} sessions",
            f"{one:.0f} / {many:.0f}",
            "aim: the same",
        )
    one, many = (percentile([c.seconds for c in costs[n]], 0.5) for n in (SMALL, LARGE))
    table.add(f"  time at {SMALL} and {LARGE} sessions", f"{one * 1000:.0f} / {many * 1000:.0f} ms")
    await database.drop()
    await raw.drop_database(f"{settings.database_prefix}_bare")
    mongo.close()
    raw.close()
    await _print(table)


async def _change(store: Store, editor: Editor, raw: Any, settings: Settings, sessions: int, number: int) -> Cost:
    event_id = f"size-{sessions}"
    await editor.patch_part(event_id, "sessions", f"{event_id}-session-3", {"starts": f"08:{10 + number}"})
    oplog = raw["local"]["oplog.rs"]
    last = (await oplog.find().sort([("$natural", -1)]).limit(1).to_list(1))[0]["ts"]
    began = time.perf_counter()
    now = await editor.publish(event_id, {"en": "Earlier"})
    seconds = time.perf_counter() - began
    assert now.publication is not None
    named = {"ts": {"$gt": last}, "ns": {"$regex": f"^{settings.database_prefix}"}}
    written = await oplog.aggregate(
        [{"$match": named}, {"$group": {"_id": None, "n": {"$sum": 1}, "bytes": {"$sum": {"$bsonSize": "$$ROOT"}}}}]
    ).to_list(1)
    facts = len(now.publication.sessions_told) + now.publication.event_told
    return Cost(facts, written[0]["n"], written[0]["bytes"], seconds)


async def _bare(database: Any, sessions: int) -> float:
    body = json.dumps(big_agenda(sessions, max(sessions // 2, 2)))
    began = time.perf_counter()
    data = json.loads(body)
    # As many documents as a publication writes: each session as view and as message.
    for name in ("views", "messages"):
        await database[name].insert_many([{"state": session} for session in data["sessions"]])
    return time.perf_counter() - began


async def _print(table: Table) -> None:
    async def printed(sessions: int) -> float:
        agenda = agenda_of(Source(big_agenda(sessions, max(sessions // 2, 2))))
        now = utc_now()
        states = in_order(session_states(agenda, 1, now))
        shown = public_agenda(event_state(agenda, 1, now), states, "https://lectern.example.org")
        began = time.perf_counter()
        body = await agenda_pdf(shown, "en")
        assert body.startswith(b"%PDF")
        return time.perf_counter() - began

    first, small, large = await printed(SMALL), await printed(SMALL), await printed(PRINTED)
    table.add(
        f"PDF of {PRINTED} sessions",
        f"{large:.2f} s",
        f"of {SMALL}: {small:.2f} s; the first of a process: {first:.2f} s",
    )
