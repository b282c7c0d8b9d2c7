"""Scheduling's collections: one ledger per event (draft and published agenda), and the views that pages read.

Committed in one write with the facts that follow (shared/storage/ledger.py). `events` and `sessions` hold what is
published now, `drafts` and `revisions` every version of both; `seats` is a copy of what registration tells.
"""

from __future__ import annotations

import random
from asyncio import sleep
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from services.scheduling.agenda import Agenda
from services.scheduling.difference import Change, difference
from services.scheduling.domain import Publication, Published
from shared.clock import Clock
from shared.contracts.base import json_of
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registration import SeatsState
from shared.contracts.scheduling import EVENT_REVISED, SESSION_REVISED, EventState, SessionState
from shared.facts import fact
from shared.observability.correlation import correlation_id
from shared.storage.inbox import when_newest
from shared.storage.ledger import Conflict, Ledgers, Page, Write
from shared.storage.mongo import Collection, Database, Index, Session

EVENTS = Collection("events", (Index((("starts_on", 1), ("_id", 1))), Index((("ends_on", 1),))))
SESSIONS = Collection("sessions", (Index((("event_id", 1),)),))
DRAFTS = Collection("drafts")
REVISIONS = Collection("revisions", (Index((("event_id", 1), ("number", 1))),))
SEATS = Collection("seats")

COLLECTIONS = (EVENTS, SESSIONS, DRAFTS, REVISIONS, SEATS)

_ATTEMPTS = 8


@dataclass(frozen=True)
class Draft:
    """An event as the organiser has it: the draft, its version (from 1), and what is published of it."""

    agenda: Agenda
    version: int
    published: Published | None = None


class DraftMoved(Exception):
    """Somebody else changed the draft: `version` is what it is now, `changes` what they changed (None: not known)."""

    def __init__(self, version: int, changes: list[Change] | None) -> None:
        super().__init__(f"the draft is at version {version}")
        self.version, self.changes = version, changes


@dataclass(frozen=True)
class Decision:
    """What becomes of a draft: the draft as it should be, and the revision to publish with it, if any."""

    draft: Draft
    publication: Publication | None = None


Decide = Callable[[Draft | None], Decision]
"""Pure: called again when another writer was faster."""


def stream(event_id: str) -> str:
    """The ledger of an event, and the subject of its facts."""
    return f"events/{event_id}"


class Store:
    """Drafts, revisions and views in the service's database."""

    def __init__(self, database: Database, clock: Clock, wake_relay: Callable[[], None]) -> None:
        self._database = database
        self._ledgers = Ledgers(database)
        self._clock = clock
        self._wake_relay = wake_relay

    async def draft(self, event_id: str) -> Draft | None:
        """The draft and what is published, from the ledger itself."""
        return _draft((await self._ledgers.load(stream(event_id))).state)

    async def change(self, event_id: str, decide: Decide, expected: int | None = None) -> tuple[Draft | None, Decision]:
        """Commits what `decide` makes of the draft, with its facts; returns the draft before, and the decision.

        Nothing is written where nothing changed. Raises DraftMoved where `expected` is not the draft's version, and
        whatever `decide` raises.
        """
        for attempt in range(_ATTEMPTS):
            page = await self._ledgers.load(stream(event_id))
            before = _draft(page.state)
            if expected is not None and (before is None or before.version != expected):
                raise DraftMoved(before.version if before else 0, await self._changes_since(event_id, expected, before))
            decision = decide(before)
            edited = before is None or decision.draft.agenda.as_data() != before.agenda.as_data()
            if not edited and decision.publication is None:
                return before, Decision(before or decision.draft)
            version = (before.version if before else 0) + (1 if edited else 0)
            decision = replace(decision, draft=replace(decision.draft, version=version))
            try:
                await self._commit(page, event_id, decision, edited)
            except Conflict:
                await sleep(random.uniform(0.0, 0.01 * 2**attempt))  # noqa: S311 - jitter, not a secret
                continue
            return before, decision
        raise Conflict(stream(event_id))

    async def _commit(self, page: Page, event_id: str, decision: Decision, edited: bool) -> None:
        now = self._clock()
        draft, publication = decision.draft, decision.publication
        published = publication.published if publication is not None else draft.published
        data = draft.agenda.as_data()
        writes: list[Write] = []
        if edited:
            writes.append(Write(DRAFTS.name, f"{event_id}:{draft.version}", {"agenda": data, "at": now}))
        facts: list[CloudEvent] = []
        if publication is not None:
            writes += _views(event_id, publication, now)
            facts = _facts(publication, now)
        state: dict[str, Any] = {"draft": data, "draft_version": draft.version}
        if published is not None:
            state["published"] = _published_document(published)
        entry = await self._ledgers.commit(page, state, at=now, writes=writes, facts=facts)
        await self._ledgers.settle(page.stream, [entry])
        if facts:
            self._wake_relay()

    async def _changes_since(self, event_id: str, version: int, now: Draft | None) -> list[Change] | None:
        old = await self._database[DRAFTS.name].find_one({"_id": f"{event_id}:{version}"})
        if old is None or now is None:
            return None
        return difference(old["agenda"], now.agenda.as_data())

    async def event(self, event_id: str) -> EventState | None:
        """The event as published."""
        document = await self._database[EVENTS.name].find_one({"_id": event_id})
        return EventState.model_validate(document["state"]) if document is not None else None

    async def sessions(self, event_id: str) -> list[SessionState]:
        """The published sessions of an event in the order of time; those without a time come last in their day."""
        found = self._database[SESSIONS.name].find({"event_id": event_id})
        states = [SessionState.model_validate(document["state"]) async for document in found]
        return sorted(
            states, key=lambda s: (s.date, s.starts_at is None, s.starts_at or s.published_at, s.number or 0, s.id)
        )

    async def events(
        self, *, after: tuple[str, str] | None, limit: int, from_day: date | None = None
    ) -> list[EventState]:
        """Published events by first day and id, those after the place `after`; `from_day`: those not over by then."""
        wanted: dict[str, Any] = {}
        if after is not None:
            wanted["$or"] = [{"starts_on": {"$gt": after[0]}}, {"starts_on": after[0], "_id": {"$gt": after[1]}}]
        if from_day is not None:
            wanted["ends_on"] = {"$gte": from_day.isoformat()}
        cursor = self._database[EVENTS.name].find(wanted).sort([("starts_on", 1), ("_id", 1)]).limit(limit)
        return [EventState.model_validate(document["state"]) async for document in cursor]

    async def past_events(self, before_day: date, limit: int) -> list[EventState]:
        """Published events that were over before `before_day`, the latest first."""
        cursor = self._database[EVENTS.name].find({"ends_on": {"$lt": before_day.isoformat()}})
        cursor = cursor.sort([("starts_on", -1), ("_id", 1)]).limit(limit)
        return [EventState.model_validate(document["state"]) async for document in cursor]

    async def revisions(self, event_id: str) -> list[dict[str, Any]]:
        """The change log, newest first: number, instant, note, changes."""
        cursor = self._database[REVISIONS.name].find({"event_id": event_id}, {"agenda": 0}).sort([("number", -1)])
        return [document async for document in cursor]

    async def seats(self, event_id: str) -> SeatsState | None:
        """How full the event is, as registration told last."""
        document = await self._database[SEATS.name].find_one({"_id": event_id})
        return SeatsState.model_validate(document["state"]) if document is not None else None

    async def keep_seats(self, event: CloudEvent, seats: SeatsState) -> bool:
        """Keeps what registration told, where it is newer than what is here; False for what is old or a repetition."""

        async def keep(session: Session) -> None:
            await self._database[SEATS.name].replace_one(
                {"_id": seats.event_id}, {"schema": 1, "state": json_of(seats)}, upsert=True, session=session
            )

        return await when_newest(self._database, event, keep)


def _views(event_id: str, publication: Publication, now: datetime) -> list[Write]:
    event = publication.published.event
    writes = [
        Write(SESSIONS.name, state.id, {"schema": 1, "event_id": event_id, "state": json_of(state)})
        for state in publication.sessions_told
    ]
    if publication.event_told:
        days = {"starts_on": event.starts_on.isoformat(), "ends_on": event.ends_on.isoformat()}
        writes.append(Write(EVENTS.name, event_id, {"schema": 1, **days, "state": json_of(event)}))
    number = publication.published.revision
    writes.append(
        Write(
            REVISIONS.name,
            f"{event_id}:{number}",
            {
                "schema": 1,
                "event_id": event_id,
                "number": number,
                "at": now,
                "note": dict(publication.note),
                "changes": [change.as_data() for change in publication.changes],
                "agenda": publication.published.agenda.as_data(),
            },
        )
    )
    return writes


def _facts(publication: Publication, now: datetime) -> list[CloudEvent]:
    correlation = correlation_id()
    facts: list[CloudEvent] = []
    if publication.event_told:
        event = publication.published.event
        facts.append(fact(EVENT_REVISED, stream(event.id), event.revision, event, at=now, correlation_id=correlation))
    facts += [
        fact(SESSION_REVISED, f"sessions/{state.id}", state.revision, state, at=now, correlation_id=correlation)
        for state in publication.sessions_told
    ]
    return facts


def _published_document(published: Published) -> dict[str, Any]:
    return {
        "revision": published.revision,
        "agenda": published.agenda.as_data(),
        "event": json_of(published.event),
        "sessions": [json_of(state) for state in published.sessions.values()],
    }


def _draft(state: Mapping[str, Any]) -> Draft | None:
    if not state:
        return None
    told = state.get("published")
    published = None
    if told is not None:
        sessions: Sequence[SessionState] = [SessionState.model_validate(item) for item in told["sessions"]]
        published = Published(
            told["revision"],
            Agenda.model_validate(told["agenda"]),
            EventState.model_validate(told["event"]),
            {state.id: state for state in sessions},
        )
    return Draft(Agenda.model_validate(state["draft"]), state["draft_version"], published)
