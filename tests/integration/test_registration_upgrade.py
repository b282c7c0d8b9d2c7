"""Ledgers of seats of an earlier form: counted by kind and brought to the present rules, once."""

from __future__ import annotations

from typing import Any

from services.registration.schema import COLLECTIONS
from services.registration.seats import seats_from
from services.registration.upgrade import upgrade
from shared.contracts.base import json_of
from shared.storage.inbox import INBOX
from shared.storage.ledger import LEDGERS, OUTBOX, Ledgers
from shared.storage.mongo import Database
from tests.support.events import BEFORE_CLOSE, milipol, workshop

OLD_RULES: dict[str, Any] = {
    "revision": 1, "scheduled": True, "open": True, "capacity": 2, "opens": None, "closes": None, "starts": None,
    "waiting_list": True, "by_choice": True, "content": True,
}  # fmt: skip


async def test_seats_of_an_earlier_form_are_counted_by_kind_and_get_quotas_and_questions(database: Database) -> None:
    await database.declare([LEDGERS, OUTBOX, INBOX, *COLLECTIONS])
    asked = [{"id": "needs", "label": {"en": "Needs"}}]
    police = [{"id": "police", "name": {"en": "Police"}, "quota": 1}]
    event = milipol(audiences=police, admission={"capacity": 2}, questions=asked)
    await database["events"].insert_one({"_id": event.id, "schema": 1, "state": json_of(event)})
    session = workshop(1, questions=asked[:0], capacity=2)
    await database["sessions"].insert_one(
        {"_id": session.id, "event_id": event.id, "schema": 1, "state": json_of(session)}
    )
    for name, seat in (("ada", "confirmed"), ("bob", "waitlisted"), ("cyd", "cancelled")):
        await database["registrations"].insert_one(
            {
                "_id": name,
                "event_id": event.id,
                "person": {"name": name, "email": f"{name}@example.org", "audience": "police"},
                "state": seat,
                "choices": [],
                "link_generation": 1,
                "place": 1 if seat == "waitlisted" else None,
                "registered_at": BEFORE_CLOSE,
                "changed_at": BEFORE_CLOSE,
                "revision": 1,
            }
        )
    row = {"_id": "row", "event_id": event.id, "line": "@event", "place": 1, "registration_id": "bob", "left": False}
    await database["waiting_list"].insert_one(row | {"revision": 1})
    line = {"rules": OLD_RULES, "confirmed": 1, "waiting": 1, "next_place": 2}
    state = {"event": line, "sessions": {session.id: line | {"confirmed": 0, "waiting": 0}}, "audiences": ["police"]}
    ledgers = Ledgers(database)
    await ledgers.commit(await ledgers.load(f"events/{event.id}"), state, at=BEFORE_CLOSE)
    for _ in range(2):
        await upgrade(database, lambda: BEFORE_CLOSE)
    page = await ledgers.load(f"events/{event.id}")
    assert page.version == 2, "once"
    seats = seats_from(event.id, page.state)
    assert seats.event is not None
    kind = seats.event.kinds["police"]
    assert (kind.quota, kind.confirmed, kind.waiting) == (1, 1, 1)
    assert [question.id for question in seats.event.rules.questions] == ["needs"]
    assert seats.sessions[session.id].rules.ends == session.ends_at
    waiting = await database["waiting_list"].find_one({"_id": "row"})
    assert waiting is not None
    assert waiting["kind"] == "police"
