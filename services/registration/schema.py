"""Registration's collections, and what a list of registrations can be narrowed to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.contracts.registration import SeatState
from shared.storage.mongo import Collection, Document, Index

UNKNOWN = "@unknown"
"""The stream of answers to requests that name no known event."""

REGISTRATIONS = Collection(
    "registrations",
    (
        Index((("event_id", 1), ("person.email", 1)), unique=True),
        Index((("event_id", 1), ("_id", 1))),
        Index((("manage_hash", 1),)),
        Index((("due_at", 1),), partial={"due_at": {"$exists": True}}),
        Index((("event_id", 1), ("rules_revision", 1)), partial={"state": "pending"}),
        Index((("event_id", 1), ("choices.cause", 1)), partial={"choices.cause": {"$exists": True}}),
        Index((("number_keys", 1),), partial={"number_keys": {"$exists": True}}),
    ),
    rules={
        "bsonType": "object",
        "required": ["event_id", "person", "state", "choices", "link_generation", "revision"],
        "properties": {
            "state": {"enum": [state.value for state in SeatState]},
            "consents": {
                "bsonType": "object",
                "additionalProperties": {
                    "anyOf": [
                        {"bsonType": "date"},  # an older form
                        {
                            "bsonType": "object",
                            "required": ["at"],
                            "properties": {"at": {"bsonType": "date"}, "wording": {"bsonType": "string"}},
                        },
                    ]
                },
            },
            "choices": {
                "bsonType": "array",
                "items": {
                    "bsonType": "object",
                    "required": ["session_id", "state"],
                    "properties": {"state": {"enum": [state.value for state in SeatState]}},
                },
            },
        },
    },
)
WAITING = Collection(
    "waiting_list",
    (
        Index((("event_id", 1), ("line", 1), ("place", 1)), unique=True, partial={"left": False}),
        Index((("event_id", 1), ("line", 1), ("kind", 1), ("place", 1)), partial={"left": False}),
    ),
)
ANSWERS = Collection("answers", (Index((("expires_at", 1),), expire_after=0),))
REPLIES = Collection("replies", (Index((("expires_at", 1),), expire_after=0),))
"""Answers to requests that no desk decides, by their Idempotency-Key."""
EVENTS = Collection("events")
SESSIONS = Collection("sessions", (Index((("event_id", 1),)),))
CODES = Collection(
    "codes",
    (
        Index((("event_id", 1), ("_id", 1))),
        Index((("due_at", 1),), partial={"due_at": {"$exists": True}}),
    ),
)
"""Invitation codes; `_id` is event/code."""
GRANTS = Collection("grants", (Index((("event_id", 1), ("key", 1))),))
"""What other organisations decided; `_id` is event/requirement/key of the person."""
MEMBERS = Collection("members", (Index((("list", 1),)),))
"""Lists of members; `_id` is list/key of the address: whether somebody is on it can be asked, who is on it cannot."""
DECISIONS = Collection("decisions", (Index((("event_id", 1), ("version", 1))), Index((("event_id", 1), ("about", 1)))))
"""The log of decisions, one document for each commit; no names, no addresses."""
WORDINGS = Collection("wordings")
"""What was agreed to by consents, word for word; `_id` is event/digest. Never changed: another wording is another one."""
ERASURES = Collection("erasures")
"""What is still to be removed of people who were forgotten: the keys of their registrations."""
COLLECTIONS = (
    REGISTRATIONS,
    WAITING,
    ANSWERS,
    REPLIES,
    EVENTS,
    SESSIONS,
    CODES,
    GRANTS,
    MEMBERS,
    DECISIONS,
    WORDINGS,
    ERASURES,
)


def stream_of(event_id: str) -> str:
    """The ledger of an event's seats."""
    return f"events/{event_id}"


def event_of(stream: str) -> str | None:
    """The event of a ledger of seats; None for another ledger."""
    kind, _, event_id = stream.partition("/")
    return event_id if kind == "events" and event_id else None


@dataclass(frozen=True)
class Wanted:
    """What a list is narrowed to: a part of the name or e-mail address, a state, a session (in that state, where one is
    given; else held or awaited). People who were forgotten are in no list."""

    text: str | None = None
    state: SeatState | None = None
    session_id: str | None = None

    def query(self) -> Document:
        query: Document = {"erased": {"$ne": True}}
        if self.text:
            part = {"$regex": re.escape(self.text), "$options": "i"}
            query["$or"] = [{"person.name": part}, {"person.email": part}]
        if self.session_id is not None:
            states = self.state.value if self.state is not None else {"$ne": SeatState.CANCELLED.value}
            query["choices"] = {"$elemMatch": {"session_id": self.session_id, "state": states}}
        elif self.state is not None:
            query["state"] = self.state.value
        return query


PROMOTIONS = 500
"""How many people one commit promotes at the most; the next one goes on."""
