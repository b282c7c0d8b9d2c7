"""Scheduling's ledger: one per event, with the draft and what is published of it, by parts.

A change writes the parts that changed, their place in the history and the views that readers see, in one commit with the
facts that follow (shared/storage/ledger.py); what it writes does not grow with the agenda.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.scheduling.agenda import Agenda
from services.scheduling.difference import Change, difference, seen
from services.scheduling.domain import Publication, Published
from services.scheduling.history import DRAFTS, REVISIONS, agenda_at, kept
from services.scheduling.parts import Delta, Parts, agenda_of_parts, delta, flat, parts_of, parts_of_data
from services.scheduling.views import AGENDAS, EVENTS, SEATS, SESSIONS, agenda_view, published_views
from shared.clock import Clock
from shared.contracts.base import json_of
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.scheduling import EVENT_REVISED, SESSION_REVISED, EventState, SessionState
from shared.facts import fact
from shared.observability.correlation import correlation_id
from shared.storage.ledger import Conflict, Ledgers, Page, Write
from shared.storage.mongo import Database

COLLECTIONS = (EVENTS, SESSIONS, AGENDAS, DRAFTS, REVISIONS, SEATS)

_ATTEMPTS = 8
_AGENDA, _TOLD = "agenda", "told"
_OLD_FORM = ("draft", "published")
"""Fields of schema 1 of the state: the whole draft, and the whole of what is published."""


@dataclass(frozen=True)
class Draft:
    """An event as the organiser has it: the draft, its version (from 1), and what is published of it.

    `imported_version` is the version that a whole agenda was last put in as (by import or restore): where the draft is at
    a later one, somebody has edited it since by hand.
    """

    agenda: Agenda
    version: int
    published: Published | None = None
    imported_version: int = 0


class DraftMoved(Exception):
    """Somebody else changed the draft: `version` is what it is now, `changes` what they changed (None: not known)."""

    def __init__(self, version: int, changes: list[Change] | None) -> None:
        super().__init__(f"the draft is at version {version}")
        self.version, self.changes = version, changes


@dataclass(frozen=True)
class Decision:
    """What becomes of a draft: the draft as it should be, and the revision to publish with it, if any.

    `whole`: the draft was replaced as a whole.
    """

    draft: Draft
    publication: Publication | None = None
    whole: bool = False


Decide = Callable[[Draft | None], Decision]
"""Pure: called again when another writer was faster."""


def stream(event_id: str) -> str:
    """The ledger of an event, and the subject of its facts."""
    return f"events/{event_id}"


def event_of(stream: str) -> str:
    """The event of a ledger."""
    return stream.partition("/")[2]


class Store:
    """Drafts and what is published of them, in the service's database."""

    def __init__(self, database: Database, clock: Clock, wake_relay: Callable[[], None]) -> None:
        self._database = database
        self._ledgers = Ledgers(database)
        self._clock = clock
        self._wake_relay = wake_relay

    async def draft(self, event_id: str) -> Draft | None:
        """The draft and what is published, from the ledger itself."""
        return await asyncio.to_thread(_draft, (await self._ledgers.load(stream(event_id))).state)

    async def draft_at(self, event_id: str, version: int) -> Agenda | None:
        """The draft as it was at `version`; None where there is no such version."""
        await self._settled(event_id)
        return await agenda_at(self._database, DRAFTS, event_id, version)

    async def revision_at(self, event_id: str, number: int) -> Agenda | None:
        """The agenda that revision `number` was made from; None where there is no such revision."""
        await self._settled(event_id)
        return await agenda_at(self._database, REVISIONS, event_id, number)

    async def _settled(self, event_id: str) -> Page:
        """The ledger, with all that was committed before written out: a version builds on the one before."""
        page = await self._ledgers.load(stream(event_id))
        if page.entries:
            await self._ledgers.settle(page.stream, page.entries)
        return page

    async def change(
        self, event_id: str, decide: Decide, expected: int | None = None, *, dry_run: bool = False
    ) -> tuple[Draft | None, Decision]:
        """Commits what `decide` makes of the draft, with its facts; returns the draft before, and the decision.

        Nothing is written where nothing changed, nor in a `dry_run`. Raises DraftMoved where `expected` is not the draft's version, and
        whatever `decide` raises.
        """
        for attempt in range(_ATTEMPTS):
            page = await self._settled(event_id)
            # A large agenda takes a tenth of a second to read and to decide: not on the loop, where others wait.
            before = await asyncio.to_thread(_draft, page.state)
            if expected is not None and (before is None or before.version != expected):
                raise DraftMoved(before.version if before else 0, await self.changes_since(event_id, expected, before))
            decision, step = await asyncio.to_thread(_decided, decide, before)
            if not step and decision.publication is None:
                return before, Decision(before or decision.draft)
            if dry_run:
                return before, decision
            version = (before.version if before else 0) + (1 if step else 0)
            imported = version if step and decision.whole else (before.imported_version if before else 0)
            draft = replace(decision.draft, version=version, imported_version=imported)
            decision = replace(decision, draft=draft)
            try:
                await self._commit(page, event_id, before, decision, step)
            except Conflict:
                await asyncio.sleep(random.uniform(0.0, 0.01 * 2**attempt))  # noqa: S311 - jitter, not a secret
                continue
            return before, decision
        raise Conflict(stream(event_id))

    async def _commit(self, page: Page, event_id: str, before: Draft | None, decision: Decision, step: Delta) -> None:
        now = self._clock()
        draft, publication = decision.draft, decision.publication
        commit = _Commit(event_id, now, page.state)
        commit.state |= {"draft_version": draft.version, "imported_version": draft.imported_version}
        commit.draft(draft, step)
        published = publication.published if publication is not None else draft.published
        if published is not None and (publication is not None or commit.old_form):
            commit.told(published, before.published if before is not None else None, publication)
        commit.writes.append(agenda_view(draft.agenda, draft.version, published, now))
        entry = await self._ledgers.commit(
            page, commit.state, at=now, writes=commit.writes, facts=commit.facts, remove=commit.remove
        )
        await self._ledgers.settle(page.stream, [entry])
        if commit.facts:
            self._wake_relay()

    async def changes_since(self, event_id: str, version: int, now: Draft | None) -> list[Change] | None:
        """What changed in the draft since `version`; None where that version is not known."""
        old = await self.draft_at(event_id, version)
        if old is None or now is None:
            return None
        return difference(old.as_data(), now.agenda.as_data())


def _decided(decide: Decide, before: Draft | None) -> tuple[Decision, Delta]:
    decision = decide(before)
    return decision, delta(_parts(before), _parts(decision.draft))


class _Commit:
    """What one commit writes: fields of the ledger's state, documents, facts."""

    def __init__(self, event_id: str, now: datetime, state: Mapping[str, Any]) -> None:
        self._event_id, self._now = event_id, now
        self._beside = bool(state.get(_TOLD, {}).get("beside", False)) if "draft" not in state else False
        self.remove = [name for name in _OLD_FORM if name in state]
        self.old_form = bool(self.remove)
        """Schema 1 of the state: all of it is written anew."""
        self.state: dict[str, Any] = {}
        self.writes: list[Write] = []
        self.facts: list[CloudEvent] = []

    def draft(self, draft: Draft, step: Delta) -> None:
        """The draft's parts, and its place in the history."""
        whole = _parts(draft)
        self._parts(_AGENDA, Delta(whole) if self.old_form else step)
        if step:
            version = kept(DRAFTS, self._event_id, draft.version, step, whole, self._now, as_whole=self.old_form)
            self.writes.append(version)

    def told(self, published: Published, before: Published | None, publication: Publication | None) -> None:
        """What is published; `publication` None: nothing new, only written anew."""
        whole = parts_of(published.agenda)
        step = delta(parts_of(before.agenda) if before is not None else {}, whole)
        self._parts(f"{_TOLD}.agenda", Delta(whole) if self.old_form else step)
        self.state[f"{_TOLD}.revision"] = published.revision
        anew = self.old_form or publication is None
        if anew or (publication is not None and publication.event_told):
            self.state[f"{_TOLD}.event"] = json_of(published.event)
        changed = published.sessions.values() if anew or publication is None else publication.sessions_told
        self.state |= {f"{_TOLD}.sessions.{session.id}": json_of(session) for session in changed}
        revises = publication is not None and publication.makes_revision
        # What is published without a revision stands in no version: the next version is kept whole.
        self.state[f"{_TOLD}.beside"] = not revises
        if publication is None or not revises:
            return
        log = {
            "note": dict(publication.note),
            "changes": [change.as_data() for change in publication.changes],
            "public": seen(publication.changes, publication.public_changes),
        }
        number, as_whole = published.revision, self.old_form or self._beside
        version = kept(REVISIONS, self._event_id, number, step, whole, self._now, as_whole=as_whole, more=log)
        self.writes += [*published_views(self._event_id, publication), version]
        self.facts = _facts(publication, self._now)

    def _parts(self, prefix: str, step: Delta) -> None:
        self.state |= {f"{prefix}.{name}": part for name, part in step.set.items()}
        self.remove += [f"{prefix}.{name}" for name in step.removed]


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


def _parts(draft: Draft | None) -> Parts:
    return parts_of(draft.agenda) if draft is not None else {}


def _draft(state: Mapping[str, Any]) -> Draft | None:
    if not state:
        return None
    old_form = "draft" in state
    draft = agenda_of_parts(parts_of_data(state["draft"]) if old_form else flat(state[_AGENDA]))
    told = state.get("published") if old_form else state.get(_TOLD)
    published = None
    if told is not None:
        states = told["sessions"] if old_form else told.get("sessions", {}).values()
        sessions = [SessionState.model_validate(item) for item in states]
        parts = parts_of_data(told["agenda"]) if old_form else flat(told["agenda"])
        published = Published(
            told["revision"],
            agenda_of_parts(parts),
            EventState.model_validate(told["event"]),
            {session.id: session for session in sessions},
        )
    return Draft(draft, state["draft_version"], published, state.get("imported_version", state["draft_version"]))
