"""Registration's collections: what is stored, how it is found, what a decision writes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.registration.commands import (
    Answer,
    Cancel,
    Change,
    Command,
    Held,
    Register,
    Registration,
    ReviseEvent,
    ReviseSession,
)
from services.registration.domain import Decision, Snapshot, Waiting, seats_told
from services.registration.seats import EVENT, Seats, changed_state, seats_from
from shared.contracts.base import json_of
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registration import (
    REGISTRATION_CHANGED,
    REQUEST_ANSWERED,
    SEATS_CHANGED,
    Choice,
    Outcome,
    PersonDetails,
    Reason,
    SeatState,
)
from shared.contracts.scheduling import EventState, SessionState
from shared.facts import fact
from shared.links import MANAGE, Links, token_hash
from shared.storage.inbox import when_newest
from shared.storage.ledger import Entry, Ledgers, Page, Write
from shared.storage.mongo import Collection, Database, Document, Index, Session

UNKNOWN = "@unknown"
"""The stream of answers to requests that name no known event."""

REGISTRATIONS = Collection(
    "registrations",
    (
        Index((("event_id", 1), ("person.email", 1)), unique=True),
        Index((("event_id", 1), ("_id", 1))),
        Index((("manage_hash", 1),)),
    ),
    rules={
        "bsonType": "object",
        "required": ["event_id", "person", "state", "choices", "link_generation", "revision"],
        "properties": {
            "state": {"enum": [state.value for state in SeatState]},
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
ANSWERS = Collection("answers", (Index((("at", 1),), expire_after=30 * 24 * 3600),))
EVENTS = Collection("events")
SESSIONS = Collection("sessions", (Index((("event_id", 1),)),))
COLLECTIONS = (REGISTRATIONS, WAITING, ANSWERS, EVENTS, SESSIONS)

EVERYBODY = "@everybody"
"""Where no seats are set aside, a line is one line whatever kind its people are of."""


@dataclass(frozen=True)
class Wanted:
    """What a list is narrowed to: a part of the name or e-mail address, a state, a session (in that state, where one is
    given; else held or awaited)."""

    text: str | None = None
    state: SeatState | None = None
    session_id: str | None = None

    def query(self) -> Document:
        query: Document = {}
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


def stream_of(event_id: str) -> str:
    """The ledger of an event's seats."""
    return f"events/{event_id}"


def event_of(stream: str) -> str | None:
    """The event of a ledger of seats; None for another ledger."""
    kind, _, event_id = stream.partition("/")
    return event_id if kind == "events" and event_id else None


class Store:
    """Everything the registration service reads and writes."""

    def __init__(self, database: Database, links: Links) -> None:
        self.ledgers = Ledgers(database)
        self._database = database
        self._links = links
        self._registrations = database[REGISTRATIONS.name]
        self._waiting = database[WAITING.name]
        self._answers = database[ANSWERS.name]

    # For the desk

    async def snapshot(self, page: Page, event_id: str, commands: Sequence[Command]) -> Snapshot:
        """What `commands` need, on top of the ledger `page`."""
        seats = seats_from(event_id, page.state)
        emails = {c.person.email for c in commands if isinstance(c, Register)}
        emails |= {c.email for c in commands if isinstance(c, Cancel | Change) and c.email}
        ids = {c.registration_id for c in commands if isinstance(c, Cancel | Change) and c.registration_id}
        asked = [c.id for c in commands if c.repeatable]
        registrations, answers, lines = await asyncio.gather(
            self._named(page, event_id, emails, ids), self._given(page, asked), self._lines(page, seats, commands)
        )
        heading = {w.registration_id for line in lines.values() for w in line} - registrations.keys()
        if heading:
            registrations |= await self._named(page, event_id, set(), heading)
        return Snapshot(seats, registrations, answers, lines)

    async def _named(self, page: Page, event_id: str, emails: set[str], ids: set[str]) -> dict[str, Registration]:
        named: list[Document] = []
        if emails:
            named.append({"person.email": {"$in": sorted(emails)}})
        if ids:
            named.append({"_id": {"$in": sorted(ids)}})
        found: dict[str, Registration] = {}
        revisions: dict[str, int] = {}
        if named:
            async for document in self._registrations.find({"event_id": event_id, "$or": named}):
                found[document["_id"]] = registration_from(document["_id"], document)
                revisions[document["_id"]] = document["revision"]
        for id_, (version, overlaid) in page.overlay(REGISTRATIONS.name).items():
            wanted = id_ in ids or overlaid["person"]["email"] in emails
            if wanted and version > revisions.get(id_, 0):
                found[id_] = registration_from(id_, overlaid)
        return found

    async def _given(self, page: Page, ids: Sequence[str]) -> dict[str, Answer]:
        if not ids:
            return {}
        found = {d["_id"]: answer_from(d) async for d in self._answers.find({"_id": {"$in": list(ids)}})}
        overlay = page.overlay(ANSWERS.name)
        return found | {id_: answer_from(overlay[id_][1]) for id_ in ids if id_ in overlay}

    async def _lines(self, page: Page, seats: Seats, commands: Sequence[Command]) -> dict[str, list[Waiting]]:
        """The first in each line that this decision may promote."""
        cancels = sum(isinstance(c, Cancel | Change) for c in commands)
        revised = any(isinstance(c, ReviseEvent | ReviseSession) for c in commands)
        wanted: dict[tuple[str, str | None], int] = {}
        for name, line in [(EVENT, seats.event), *seats.sessions.items()]:
            if line is None or not line.waiting:
                continue
            # Where seats are set aside, the next of each kind: the first in the whole line may not be the next to get one.
            for kind in (None, *line.kinds) if line.set_aside else (EVERYBODY,):
                waiting = line.waiting if kind == EVERYBODY else line.waiting_of(kind)
                free = line.free if kind == EVERYBODY else line.free_for(kind)
                # Each cancellation frees at most one seat of a line, and may take one of its first away.
                needed = waiting if revised or free is None else free + 2 * cancels
                if needed and waiting:
                    wanted[name, kind] = min(waiting, needed, PROMOTIONS)
        overlay = await self._overlaid_waiting(page) if wanted else []
        found = await asyncio.gather(
            *(self._first(seats.event_id, name, kind, count, overlay) for (name, kind), count in wanted.items())
        )
        lines: dict[str, list[Waiting]] = {}
        for (name, _), first in zip(wanted, found, strict=True):
            lines[name] = sorted([*lines.get(name, []), *first], key=lambda waiting: waiting.place)
        return lines

    async def _overlaid_waiting(self, page: Page) -> list[Waiting]:
        """Places that the page's entries speak of, as they stand: entry or row, whichever is newer."""
        overlay = page.overlay(WAITING.name)
        if not overlay:
            return []
        newest = {id_: document for id_, (_, document) in overlay.items()}
        async for row in self._waiting.find({"_id": {"$in": list(overlay)}}):
            if row["revision"] >= overlay[row["_id"]][0]:
                newest[row["_id"]] = row
        return list(map(_waiting_from, newest.values()))

    async def _first(
        self, event_id: str, name: str, kind: str | None, count: int, overlay: Sequence[Waiting]
    ) -> list[Waiting]:
        """The first `count` of `kind` in a line; EVERYBODY: whoever they are."""
        of_kind = {} if kind == EVERYBODY else {"kind": kind}
        cursor = self._waiting.find({"event_id": event_id, "line": name, "left": False, **of_kind}).sort("place", 1)
        rows = [_waiting_from(document) async for document in cursor.limit(count + len(overlay))]
        laid = [w for w in overlay if w.line == name and kind in (EVERYBODY, w.kind)]
        merged = {w.place: w for w in rows} | {w.place: w for w in laid}
        return [w for _, w in sorted(merged.items()) if not w.left][:count]

    def writes(
        self, commands: Sequence[Command], before: Snapshot, decision: Decision, now: datetime
    ) -> tuple[dict[str, Any], list[Write]]:
        """The ledger's changes and the documents that the decision leads to."""
        event_id = decision.seats.event_id
        writes = [
            Write(REGISTRATIONS.name, r.id, self._registration_document(r)) for r in decision.registrations.values()
        ]
        writes += [
            Write(
                WAITING.name,
                f"{event_id}/{w.line}/{w.place:09}",
                {
                    "event_id": event_id,
                    "line": w.line,
                    "place": w.place,
                    "registration_id": w.registration_id,
                    "left": w.left,
                    "kind": w.kind,
                },
            )
            for w in decision.waiting
        ]
        given = set(before.answers)
        for command, answer in zip(commands, decision.answers, strict=True):
            if command.repeatable and command.id not in given:  # the first answer stays, whatever follows under its id
                writes.append(Write(ANSWERS.name, command.id, _answer_document(answer, now)))
                given.add(command.id)
        return changed_state(before.seats, decision.seats), writes

    def facts(
        self, commands: Sequence[Command], before: Snapshot, decision: Decision, version: int, now: datetime
    ) -> list[CloudEvent]:
        """What is told of the decision: changed registrations, answers to messages, how full it is."""
        told = [
            fact(
                REGISTRATION_CHANGED,
                f"registrations/{r.id}",
                version,
                r.told(decision.positions, EVENT),
                at=now,
                correlation_id=decision.correlations.get(r.id),
            )
            for r in decision.registrations.values()
        ]
        for number, (command, answer) in enumerate(zip(commands, decision.answers, strict=True)):
            if command.request_id is None:
                continue
            answered = fact(
                REQUEST_ANSWERED,
                f"requests/{command.request_id}",
                version,
                answer.told(command.request_id),
                at=now,
                correlation_id=command.correlation_id,
                causation_id=command.request_id,
            )
            # Two messages of one decision may bear the same id, the second as a duplicate: each has its own answer.
            told.append(answered.model_copy(update={"id": f"{answered.id}:{number}"}))
        if decision.seats.event is not None:
            seats = seats_told(decision.seats)
            if seats != seats_told(before.seats):
                told.append(fact(SEATS_CHANGED, f"events/{seats.event_id}/seats", version, seats, at=now))
        return told

    def _registration_document(self, registration: Registration) -> Document:
        token = self._links.token(MANAGE, registration.id, registration.link_generation)
        return {
            "schema": 1,
            "event_id": registration.event_id,
            "person": registration.person.model_dump(mode="json", exclude_none=True),
            "state": registration.state.value,
            "place": registration.place,
            "choices": [
                {
                    "session_id": held.session_id,
                    "state": held.state.value,
                    "place": held.place,
                }
                for held in registration.choices
            ],
            "answers": dict(registration.answers),
            "link_generation": registration.link_generation,
            "manage_hash": token_hash(token),
            "registered_at": registration.registered_at,
            "changed_at": registration.changed_at,
        }

    # For those who read

    async def registration(self, id_: str) -> Registration | None:
        """The registration with this id."""
        document = await self._registrations.find_one({"_id": id_})
        return registration_from(id_, document) if document else None

    async def registration_by_token(self, token: str) -> Registration | None:
        """The registration whose private address ends in `token`."""
        document = await self._registrations.find_one({"manage_hash": token_hash(token)})
        return registration_from(document["_id"], document) if document else None

    async def registrations(
        self, event_id: str, after: str | None, limit: int, *, wanted: Wanted | None = None
    ) -> list[Registration]:
        """A page of an event's registrations, oldest first (ids sort by time), behind the id `after`."""
        query: Document = {"event_id": event_id} | ({"_id": {"$gt": after}} if after else {})
        query |= wanted.query() if wanted is not None else {}
        return [
            registration_from(d["_id"], d) async for d in self._registrations.find(query).sort("_id", 1).limit(limit)
        ]

    async def all_registrations(self, event_id: str) -> list[Registration]:
        """Every registration of an event, oldest first."""
        cursor = self._registrations.find({"event_id": event_id}).sort("_id", 1)
        return [registration_from(document["_id"], document) async for document in cursor]

    async def position(self, event_id: str, line: str, place: int) -> int:
        """The present position, from 1, of the one who has `place` in `line`."""
        ahead = {"event_id": event_id, "line": line, "left": False, "place": {"$lt": place}}
        return 1 + int(await self._waiting.count_documents(ahead))

    async def positions(self, registration: Registration) -> dict[tuple[str, str], int]:
        """All present positions of a registration, by (line, registration id)."""
        waiting = [(EVENT, registration.place)] if registration.place else []
        waiting += [(held.session_id, held.place) for held in registration.choices if held.place]
        found = await asyncio.gather(*(self.position(registration.event_id, n, p) for n, p in waiting if p))
        return {(name, registration.id): position for (name, _), position in zip(waiting, found, strict=True)}

    async def seats(self, event_id: str) -> Seats:
        """The seats as they stand."""
        return seats_from(event_id, (await self.ledgers.load(stream_of(event_id))).state)

    async def event(self, event_id: str) -> EventState | None:
        """The event as published."""
        document = await self._database[EVENTS.name].find_one({"_id": event_id})
        return EventState.model_validate(document["state"]) if document else None

    async def sessions(self, event_id: str) -> list[SessionState]:
        """The event's sessions as published, in order of time."""
        found = [
            SessionState.model_validate(d["state"])
            async for d in self._database[SESSIONS.name].find({"event_id": event_id})
        ]
        return sorted(found, key=lambda s: (s.date, s.starts_local is None, str(s.starts_local), s.number or 0, s.id))

    async def keep_event(self, event: CloudEvent, state: EventState) -> None:
        """Keeps the newest state of an event, for pages."""

        async def keep(session: Session) -> None:
            document = {"schema": 1, "state": json_of(state)}
            await self._database[EVENTS.name].replace_one({"_id": state.id}, document, upsert=True, session=session)

        await when_newest(self._database, event, keep)

    async def keep_session(self, event: CloudEvent, state: SessionState) -> None:
        """Keeps the newest state of a session, for pages."""

        async def keep(session: Session) -> None:
            document = {"schema": 1, "event_id": state.event_id, "state": json_of(state)}
            await self._database[SESSIONS.name].replace_one({"_id": state.id}, document, upsert=True, session=session)

        await when_newest(self._database, event, keep)


def registration_from(id_: str, document: Mapping[str, Any]) -> Registration:
    """The registration from what is stored."""
    return Registration(
        id=id_,
        event_id=document["event_id"],
        # Checked when it came in; building it unchecked keeps the desk fast.
        person=PersonDetails.model_construct(**document["person"]),
        state=SeatState(document["state"]),
        place=document["place"],
        choices=tuple(
            Held(choice["session_id"], SeatState(choice["state"]), choice.get("place"))
            for choice in document["choices"]
        ),
        link_generation=document["link_generation"],
        registered_at=document["registered_at"],
        changed_at=document["changed_at"],
        answers=document.get("answers", {}),
    )


def answer_from(document: Mapping[str, Any]) -> Answer:
    """The answer from what is stored."""
    return Answer(
        outcome=Outcome(document["outcome"]),
        reasons=tuple(Reason(**reason) for reason in document["reasons"]),
        event_id=document["event_id"],
        registration_id=document["registration_id"],
        state=SeatState(document["state"]) if document["state"] else None,
        position=document["position"],
        choices=tuple(Choice.model_validate(choice) for choice in document["choices"]),
        fingerprint=document.get("fingerprint"),
    )


def _answer_document(answer: Answer, now: datetime) -> Document:
    return {
        "schema": 1,
        "at": now,
        "outcome": answer.outcome.value,
        "fingerprint": answer.fingerprint,
        "reasons": [json_of(reason) for reason in answer.reasons],
        "event_id": answer.event_id,
        "registration_id": answer.registration_id,
        "state": answer.state.value if answer.state else None,
        "position": answer.position,
        "choices": [json_of(choice) for choice in answer.choices],
    }


def _waiting_from(document: Mapping[str, Any]) -> Waiting:
    return Waiting(
        document["line"], document["place"], document["registration_id"], document["left"], document.get("kind")
    )


def unsettled(page: Page, settled: Iterable[int]) -> Page:
    """The page without the entries that are known to be settled."""
    done = frozenset(settled)
    kept: tuple[Entry, ...] = tuple(entry for entry in page.entries if entry.version not in done)
    return Page(page.stream, page.version, page.state, kept)
