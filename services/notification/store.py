"""The collections of notification: copies of what others told, what each person was told, and the mails.

A mail is one row per (registration, telling). The row says only *that* a person has news; what the news are is found at
sending time from the copies, so that no mail's text and no second copy of an address is stored. A reminder, or another
mail about one fact that changes nothing, has a row of its own beside these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from services.notification.domain import Kind
from services.notification.picture import Picture, Seat, picture
from services.notification.replies.address import keep_token, reply_token
from shared.contracts.base import json_of
from shared.contracts.registration import (
    REGISTRATION_ERASED,
    Cause,
    RegistrationState,
    RequirementState,
    SeatState,
)
from shared.contracts.scheduling import EventState, SessionState
from shared.links import Links, token_hash
from shared.storage.inbox import was_applied
from shared.storage.ledger import LEDGERS
from shared.storage.mongo import Collection, Database, Document, Index, Session

EVENTS = Collection("events", (Index((("spread_at", 1),), partial={"unspread": True}),))
SESSIONS = Collection("sessions", (Index((("event_id", 1),)),))
REVISIONS = Collection("revisions")
"""Every revision of an event or session that a person may have been told of; `_id` is kind/id/revision."""

REGISTRATIONS = Collection(
    "registrations",
    (
        Index((("event_id", 1), ("_id", 1))),
        Index((("reply_hash", 1),), partial={"reply_hash": {"$exists": True}}),
        Index((("keep_hash", 1),), partial={"keep_hash": {"$exists": True}}),
    ),
    rules={
        "bsonType": "object",
        "required": ["event_id", "state", "tellings"],
        "properties": {"tellings": {"bsonType": ["int", "long"], "minimum": 0}},
    },
)
MAILS = Collection(
    "mails",
    (
        Index((("state", 1), ("scheduled_for", 1))),
        Index((("event_id", 1), ("put_off", 1)), partial={"put_off": {"$gt": 0}}),
        Index((("registration_id", 1),)),
    ),
    rules={
        "bsonType": "object",
        "required": ["registration_id", "event_id", "telling", "state", "scheduled_for", "news", "attempts"],
        "properties": {"state": {"enum": ["waiting", "sending", "sent", "failed"]}},
    },
)
REPLIES_OF = Collection(
    "replies",
    (
        Index((("registration_id", 1),)),
        Index((("frees_at", 1),), partial={"standing": "waiting"}),
    ),
)
"""The newest answer of each person to each invitation; `_id` is registration/session. No address, no words."""
MOST_READ = 5000
"""Revisions kept in memory."""

COLLECTIONS = (EVENTS, SESSIONS, REVISIONS, REGISTRATIONS, MAILS, REPLIES_OF)

M = TypeVar("M", EventState, SessionState)

WAITING, SENDING, SENT, FAILED = "waiting", "sending", "sent", "failed"


def replies_stream(registration_id: str) -> str:
    """The ledger of a registration's answers."""
    return f"replies/{registration_id}"


def mail_id(registration_id: str, telling: int) -> str:
    """The id of the `telling`-th mail to a registration: the same fact, however often it comes, finds the same row."""
    return f"{registration_id}.{telling}"


def notice_id(registration_id: str, kind: Kind, sequence: int | str) -> str:
    """The id of the mail about the fact with this sequence, one row however often the fact comes."""
    return f"{registration_id}.{kind}.{sequence}"


def invitation_id(registration_id: str, session_id: str, number: int) -> str:
    """The id of the mail of its own with the `number`-th that is sent of the invitation to a session."""
    return f"{registration_id}.invitation.{session_id}.{number}"


@dataclass(frozen=True)
class Copy:
    """A registration as it stands here: its newest state, what the person was told, and in how many mails.

    `invited`: what was sent last of the invitation to each session; `former`: addresses that the person had before and at
    which invitations are still to be withdrawn, by number; `moves`: how often the address changed.
    """

    state: RegistrationState
    told: Document | None
    tellings: int
    invited: Document | None = None
    former: Document | None = None
    moves: int = 0

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Copy:
        return cls(
            RegistrationState.model_validate(document["state"]),
            document.get("told"),
            document["tellings"],
            document.get("invited"),
            document.get("former"),
            document.get("moves", 0),
        )


@dataclass(frozen=True)
class Agenda:
    """An event and its sessions as they stand here; `event` None: not told yet."""

    event: EventState | None
    sessions: Mapping[str, SessionState]


class Store:
    """Reads and writes of the copies and of what was told. The mails' own life is in `mails.py`."""

    def __init__(self, database: Database, links: Links | None = None) -> None:
        """`links`: makes the addresses that answers come to; None where none are taken."""
        self.database = database
        self._links = links
        self.events = database[EVENTS.name]
        self.sessions = database[SESSIONS.name]
        self.revisions = database[REVISIONS.name]
        self.registrations = database[REGISTRATIONS.name]
        self.mails = database[MAILS.name]
        self._read: dict[str, EventState | SessionState] = {}

    async def keep_event(self, event: EventState, session: Session) -> None:
        """Keeps the newest state of an event, and the revision."""
        state = json_of(event)
        await self.events.update_one({"_id": event.id}, {"$set": {"state": state}}, upsert=True, session=session)
        await self._keep_revision(f"event/{event.id}/{event.revision}", state, session)

    async def keep_session(self, state: SessionState, session: Session) -> None:
        """Keeps the newest state of a session, and the revision."""
        document = json_of(state)
        await self.sessions.update_one(
            {"_id": state.id}, {"$set": {"event_id": state.event_id, "state": document}}, upsert=True, session=session
        )
        await self._keep_revision(f"session/{state.id}/{state.revision}", document, session)

    async def _keep_revision(self, key: str, state: Document, session: Session) -> None:
        await self.revisions.update_one({"_id": key}, {"$setOnInsert": {"state": state}}, upsert=True, session=session)

    async def keep_registration(self, state: RegistrationState, session: Session) -> None:
        """Keeps the newest state of a registration; what the person was told stays."""
        await self.registrations.update_one(
            {"_id": state.id},
            {
                "$set": {
                    "event_id": state.event_id,
                    "state": json_of(state),
                    **self._hashes(state.id, state.link_generation),
                },
                "$setOnInsert": {"tellings": 0},
            },
            upsert=True,
            session=session,
        )

    def _hashes(self, registration_id: str, generation: int) -> Document:
        """What a registration is found by when an answer comes: hashes of its tokens, as they are now."""
        if self._links is None:
            return {}
        return {
            "reply_hash": token_hash(reply_token(self._links, registration_id, generation)),
            "keep_hash": token_hash(keep_token(self._links, registration_id, generation)),
        }

    async def add_hashes(self) -> int:
        """Makes registrations that were kept before answers were taken known by their tokens; returns how many."""
        count = 0
        async for row in self.registrations.find({"reply_hash": {"$exists": False}}, {"state.link_generation": 1}):
            generation = row["state"].get("link_generation", 1)
            # Where the registration changed meanwhile, its newest hashes are there already.
            await self.registrations.update_one(
                {"_id": row["_id"], "reply_hash": {"$exists": False}}, {"$set": self._hashes(row["_id"], generation)}
            )
            count += 1
        return count

    async def named_by(self, field: str, token: str) -> str | None:
        """The registration that a token names; `field` is reply_hash or keep_hash."""
        row = await self.registrations.find_one({field: token_hash(token)}, {"_id": 1})
        return str(row["_id"]) if row is not None else None

    async def registration(self, registration_id: str, session: Session | None = None) -> Copy | None:
        """A registration's copy."""
        document = await self.registrations.find_one({"_id": registration_id}, session=session)
        return Copy.of(document) if document is not None else None

    async def forget(self, registration_id: str, session: Session) -> None:
        """Removes all that is kept of a person, and their mails that were not sent; of those sent, only the count stays."""
        await self.registrations.delete_one({"_id": registration_id}, session=session)
        await self.forget_answers(registration_id, session)

    async def settle_answers(self, registration_id: str, sessions: Iterable[str], session: Session) -> None:
        """The seats in these sessions were lost: a "no" that waits is over, and a seat that is taken again is not given up."""
        waiting = {"registration_id": registration_id, "session_id": {"$in": list(sessions)}, "standing": "waiting"}
        settled = {"$set": {"standing": "settled", "frees_at": None}}
        await self.database[REPLIES_OF.name].update_many(waiting, settled, session=session)

    async def forget_answers(self, registration_id: str, session: Session | None = None) -> None:
        """Removes the answers of a person; their ledger stays as a mark, so that no answer under way comes back."""
        await self.database[LEDGERS.name].update_one(
            {"_id": replies_stream(registration_id)},
            {"$inc": {"version": 1}, "$set": {"schema": 1, "state": {"forgotten": True}, "entries": []}},
            upsert=True,
            session=session,
        )
        await self.database[REPLIES_OF.name].delete_many({"registration_id": registration_id}, session=session)
        unsent = {"registration_id": registration_id, "state": {"$ne": SENT}}
        await self.mails.delete_many(unsent, session=session)

    async def is_forgotten(self, registration_id: str) -> bool:
        """Whether the person was forgotten; else a registration that is missing here was not told yet."""
        return await was_applied(self.database, REGISTRATION_ERASED, f"registrations/{registration_id}")

    async def agenda(self, event_id: str) -> Agenda:
        """The event and its sessions."""
        event = await self.events.find_one({"_id": event_id, "state": {"$exists": True}})
        rows = [row async for row in self.sessions.find({"event_id": event_id})]
        return Agenda(
            self._event(event["state"]) if event is not None else None,
            {row["_id"]: self._session(row["state"]) for row in rows},
        )

    async def pictures(self, event_id: str, references: Iterable[Document]) -> list[Picture]:
        """The pictures that `references` (see `reference`) stand for, at the very revisions that they name."""
        references = list(references)
        keys = {f"event/{event_id}/{told['event']}" for told in references} | {
            f"session/{id_}/{revision}" for told in references for id_, revision in told["sessions"].items()
        }
        events: dict[str, EventState] = {}
        sessions: dict[str, SessionState] = {}
        async for row in self.revisions.find({"_id": {"$in": sorted(keys)}}):
            if row["_id"].startswith("event/"):
                events[row["_id"]] = self._event(row["state"])
            else:
                sessions[row["_id"]] = self._session(row["state"])
        return [
            Picture(
                seat=_seat(told["seat"]),
                choices={id_: _seat(value) for id_, value in told["choices"].items()},
                event=events[f"event/{event_id}/{told['event']}"],
                sessions={id_: sessions[f"session/{id_}/{revision}"] for id_, revision in told["sessions"].items()},
                requirements={id_: RequirementState(state) for id_, state in told.get("requirements", {}).items()},
                reconfirm_until=_instant(told.get("reconfirm_until")),
                link_generation=told.get("link_generation", 1),
                handed_on=told.get("handed_on", False),
            )
            for told in references
        ]

    def _event(self, state: Document) -> EventState:
        key = f"event/{state['id']}/{state['revision']}"
        known = self._read.get(key)
        return known if isinstance(known, EventState) else self._keep_read(key, EventState.model_validate(state))

    def _session(self, state: Document) -> SessionState:
        key = f"session/{state['id']}/{state['revision']}"
        known = self._read.get(key)
        return known if isinstance(known, SessionState) else self._keep_read(key, SessionState.model_validate(state))

    def _keep_read(self, key: str, model: M) -> M:
        """A revision never changes, so it is validated once: a thousand mails speak of the same few sessions."""
        if len(self._read) >= MOST_READ:
            self._read.clear()
        self._read[key] = model
        return model


def present(copy: Copy, agenda: Agenda) -> Picture | None:
    """What stands for a registration now; None while something that its mail needs is not known."""
    return picture(copy.state, agenda.event, agenda.sessions)


def reference(view: Picture) -> Document:
    """A picture as it is stored: states of seats, and revision numbers in place of what the revisions say."""
    return {
        "seat": _stored(view.seat),
        "choices": {id_: _stored(seat) for id_, seat in view.choices.items()},
        "requirements": {id_: state.value for id_, state in view.requirements.items()},
        "reconfirm_until": _text(view.reconfirm_until),
        "link_generation": view.link_generation,
        "handed_on": view.handed_on,
        "sessions": {id_: session.revision for id_, session in view.sessions.items()},
        "event": view.event.revision,
    }


def _stored(seat: Seat) -> Document:
    stored: Document = {"state": seat.state.value}
    if seat.position is not None:
        stored["position"] = seat.position
    if seat.held:
        stored["held"] = True
    if seat.until is not None:
        stored["until"] = _text(seat.until)
    if seat.instead_of:
        stored["instead_of"] = list(seat.instead_of)
    if seat.cause is not None:
        stored["cause"] = seat.cause.value
    return stored


def _seat(stored: Document | list[Any]) -> Seat:
    if isinstance(stored, list):  # as written before seats were held and offered: state and position
        return Seat(SeatState(stored[0]), stored[1])
    return Seat(
        SeatState(stored["state"]),
        stored.get("position"),
        stored.get("held", False),
        _instant(stored.get("until")),
        tuple(stored.get("instead_of", ())),
        Cause(stored["cause"]) if "cause" in stored else None,
    )


def _text(instant: datetime | None) -> str | None:
    """An instant to the microsecond: MongoDB's own dates keep milliseconds, and any difference would be told as news."""
    return instant.isoformat() if instant is not None else None


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None
