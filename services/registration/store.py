"""What the desk reads before a decision, and what a decision writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.registration import commands as asked
from services.registration.codes import Code
from services.registration.commands import Answer, Command
from services.registration.consents import texts
from services.registration.decisions.fold import Snapshot, Waiting
from services.registration.documents import (
    answer_document,
    answer_from,
    code_document,
    code_from,
    grant_document,
    grant_from,
    log_document,
    registration_document,
    registration_from,
    waiting_document,
    waiting_from,
    wording_document,
)
from services.registration.domain import Decision
from services.registration.members import member_key
from services.registration.naming import Named
from services.registration.readings import Readings
from services.registration.registrations import Registration
from services.registration.requirements import Grant
from services.registration.schema import (
    ANSWERS,
    CODES,
    DECISIONS,
    ERASURES,
    GRANTS,
    MEMBERS,
    PROMOTIONS,
    REGISTRATIONS,
    WAITING,
    WORDINGS,
)
from services.registration.seats import EVENT, Seats, changed_state, seats_from
from services.registration.telling import facts_of
from shared.contracts.cloudevent import CloudEvent
from shared.links import MANAGE, Links, token_hash
from shared.storage.ledger import Entry, Page, Write
from shared.storage.mongo import Database, Document

EVERYBODY = "@everybody"
"""Where no seats are set aside, a line is one line whatever kind its people are of."""


class Store(Readings):
    """Everything the registration service reads and writes."""

    def __init__(self, database: Database, links: Links) -> None:
        super().__init__(database)
        self._links = links
        self._answers = database[ANSWERS.name]

    async def registration(self, id_: str) -> Registration | None:
        """The registration with this id, with the wordings of what was agreed to."""
        return await self._worded(await super().registration(id_))

    async def registration_by_token(self, token: str) -> Registration | None:
        """The registration whose private address ends in `token`, with the wordings of what was agreed to."""
        return await self._worded(await super().registration_by_token(token))

    async def _worded(self, registration: Registration | None) -> Registration | None:
        given = {} if registration is None else registration.consents
        if registration is None or not any(consent.wording for consent in given.values()):
            return registration
        ids = {consent.wording: f"{registration.event_id}/{consent.wording}" for consent in given.values()}
        query = {"_id": {"$in": sorted(ids.values())}}
        found = {row["_id"]: row["text"] async for row in self._database[WORDINGS.name].find(query)}
        consents = {id_: replace(consent, text=found.get(ids[consent.wording])) for id_, consent in given.items()}
        return replace(registration, consents=consents)

    async def snapshot(self, page: Page, event_id: str, commands: Sequence[Command]) -> Snapshot:
        """What `commands` need, on top of the ledger `page`."""
        seats = seats_from(event_id, page.state)
        wanted = Named.by(event_id, commands)
        given = [c.id for c in commands if c.repeatable]
        registrations, answers, lines, members, named, grants = await asyncio.gather(
            self._named(page, event_id, wanted),
            self._given(page, given),
            self._lines(page, seats, commands),
            self._members(seats, wanted.emails),
            self._codes(page, event_id, wanted.codes),
            self._grants(page, seats, wanted.keys),
        )
        heading = {w.registration_id for line in lines.values() for w in line} - registrations.keys()
        keys = wanted.keys_of(registrations.values()) - wanted.keys
        if heading:
            registrations |= await self._named(page, event_id, Named(ids=heading))
        # What those who were named, or who move up, bring with them; most bring nothing more.
        used = {r.code for r in registrations.values() if r.code} - named.keys()
        if used or keys:
            more, others = await asyncio.gather(self._codes(page, event_id, used), self._grants(page, seats, keys))
            named, grants = named | more, grants | others
        return Snapshot(seats, registrations, answers, lines, named, grants, members, page.version + 1)

    async def _named(self, page: Page, event_id: str, wanted: Named) -> dict[str, Registration]:
        queries: list[Document] = []
        if wanted.emails:
            queries.append({"person.email": {"$in": sorted(wanted.emails)}})
        if wanted.ids:
            queries.append({"_id": {"$in": sorted(wanted.ids)}})
        if wanted.numbers:
            queries.append({"number_keys": {"$in": sorted(wanted.numbers)}})
        found: dict[str, Registration] = {}
        revisions: dict[str, int] = {}
        if queries:
            for document in await self._registrations.find({"event_id": event_id, "$or": queries}).to_list(None):
                found[document["_id"]] = registration_from(document["_id"], document)
                revisions[document["_id"]] = document["revision"]
        overlay = page.overlay(REGISTRATIONS.name)
        # An entry may be older than what is stored by now, and name somebody whose address is another since.
        only_laid = [id_ for id_, (_, d) in overlay.items() if id_ not in revisions and wanted.names(id_, d)]
        if only_laid:
            for document in await self._registrations.find({"_id": {"$in": only_laid}}, {"revision": 1}).to_list(None):
                revisions[document["_id"]] = document["revision"]
        for id_, (version, overlaid) in overlay.items():
            # The same version: it was written out between the two looks.
            if version >= revisions.get(id_, 0) and wanted.names(id_, overlaid):
                found[id_] = registration_from(id_, overlaid)
            elif id_ in found and version > revisions[id_]:
                del found[id_]  # it was found by what it does not say any more
        return found

    async def _codes(self, page: Page, event_id: str, codes: set[str]) -> dict[str, Code]:
        if not codes:
            return {}
        ids = {f"{event_id}/{id_}" for id_ in codes}
        found = await self._stored(page, CODES.name, {"_id": {"$in": sorted(ids)}}, lambda id_, _: id_ in ids)
        return {document["code"]: code_from(document) for document in found}

    async def _grants(self, page: Page, seats: Seats, keys: set[str]) -> dict[tuple[str, str], Grant]:
        """What other organisations decided on whoever has one of `keys`."""
        rules = seats.event.rules if seats.event is not None else None
        if not keys or rules is None or not (rules.requirements or rules.member_requirement):
            return {}
        query = {"event_id": seats.event_id, "key": {"$in": sorted(keys)}}
        found = await self._stored(page, GRANTS.name, query, lambda _, document: document["key"] in keys)
        return {(grant.requirement, grant.key): grant for grant in map(grant_from, found)}

    async def _members(self, seats: Seats, emails: set[str]) -> frozenset[str]:
        """Those of `emails` that are on one of the event's lists of members."""
        lists = seats.event.rules.member_lists if seats.event is not None else ()
        if not lists or not emails:
            return frozenset()
        ids = {member_key(list_, email): email for list_ in lists for email in emails}
        found = self._database[MEMBERS.name].find({"_id": {"$in": sorted(ids)}}, {"_id": 1})
        return frozenset([ids[document["_id"]] for document in await found.to_list(None)])

    async def _stored(
        self, page: Page, collection: str, query: Document, wanted: Callable[[str, Mapping[str, Any]], bool]
    ) -> list[Mapping[str, Any]]:
        """Documents found by `query`, with those of the page's entries that are `wanted` laid over them."""
        rows = await self._database[collection].find(query).to_list(None)
        found: dict[str, Mapping[str, Any]] = {row["_id"]: row for row in rows}
        for id_, (version, document) in page.overlay(collection).items():
            if wanted(id_, document) and version > (found[id_]["revision"] if id_ in found else 0):
                found[id_] = document
        return list(found.values())

    async def _given(self, page: Page, ids: Sequence[str]) -> dict[str, Answer]:
        if not ids:
            return {}
        rows = await self._answers.find({"_id": {"$in": list(ids)}}).to_list(None)
        found = {row["_id"]: answer_from(row) for row in rows}
        overlay = page.overlay(ANSWERS.name)
        return found | {id_: answer_from(overlay[id_][1]) for id_ in ids if id_ in overlay}

    async def _lines(self, page: Page, seats: Seats, commands: Sequence[Command]) -> dict[str, list[Waiting]]:
        """The first in each line that this decision may promote."""
        cancels = sum(map(_frees, commands))
        revised = any(isinstance(c, _REVISING) or (isinstance(c, asked.Tick) and c.codes) for c in commands)
        wanted: dict[tuple[str, str | None], int] = {}
        for name, line in [(EVENT, seats.event), *seats.sessions.items()]:
            if line is None or not line.waiting:
                continue
            # Where seats are set aside, the next of each kind: the first in the whole line may not be the next to get one.
            for kind in (None, *line.kinds) if line.set_aside else (EVERYBODY,):
                waiting = line.waiting if kind == EVERYBODY else line.waiting_of(kind)
                if not waiting:
                    continue
                free = line.free if kind == EVERYBODY else line.free_for(kind)
                # Each cancellation frees at most one seat of a line, and may take one of its first away.
                needed = waiting if revised or free is None else free + 2 * cancels
                if needed:
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
        for row in await self._waiting.find({"_id": {"$in": list(overlay)}}).to_list(None):
            if row["revision"] >= overlay[row["_id"]][0]:
                newest[row["_id"]] = row
        return list(map(waiting_from, newest.values()))

    async def _first(
        self, event_id: str, name: str, kind: str | None, count: int, overlay: Sequence[Waiting]
    ) -> list[Waiting]:
        """The first `count` of `kind` in a line; EVERYBODY: whoever they are."""
        of_kind = {} if kind == EVERYBODY else {"kind": kind}
        cursor = self._waiting.find({"event_id": event_id, "line": name, "left": False, **of_kind}).sort("place", 1)
        rows = [waiting_from(document) for document in await cursor.limit(count + len(overlay)).to_list(None)]
        laid = [w for w in overlay if w.line == name and kind in (EVERYBODY, w.kind)]
        merged = {w.place: w for w in rows} | {w.place: w for w in laid}
        return [w for _, w in sorted(merged.items()) if not w.left][:count]

    def writes(
        self, commands: Sequence[Command], before: Snapshot, decision: Decision, now: datetime
    ) -> tuple[dict[str, Any], list[Write]]:
        """The ledger's changes and the documents that the decision leads to."""
        event_id = decision.seats.event_id
        writes = [
            Write(REGISTRATIONS.name, r.id, registration_document(r, self._manage_hash(r)))
            for r in decision.registrations.values()
        ]
        writes += [
            Write(WAITING.name, f"{event_id}/{w.line}/{w.place:09}", waiting_document(event_id, w))
            for w in decision.waiting
        ]
        writes += [
            Write(CODES.name, f"{event_id}/{code.id}", code_document(event_id, code))
            for code in decision.codes.values()
        ]
        writes += [
            Write(GRANTS.name, f"{event_id}/{g.requirement}/{g.key}", grant_document(event_id, g))
            for g in decision.grants.values()
        ]
        writes += [
            Write(ERASURES.name, id_, {"schema": 1, "event_id": event_id, "keys": list(keys), "at": now})
            for id_, keys in decision.erased.items()
        ]
        if said := _said(commands, before.seats):
            # One that stood for a part of this round only may have been agreed to as well.
            known = before.seats.wordings
            writes += [
                Write(WORDINGS.name, f"{event_id}/{digest}", wording_document(event_id, text))
                for digest, text in sorted(said.items())
                if digest not in known
            ]
        given = set(before.answers)
        for command, answer in zip(commands, decision.answers, strict=True):
            if command.repeatable and command.id not in given:  # the first answer stays, whatever follows under its id
                writes.append(Write(ANSWERS.name, command.id, answer_document(answer, now)))
                given.add(command.id)
        if decision.log:
            log = log_document(event_id, before.version, decision.log, now)
            writes.append(Write(DECISIONS.name, f"{event_id}/{before.version:09}", log))
        return changed_state(before.seats, decision.seats), writes

    def facts(
        self, commands: Sequence[Command], before: Snapshot, decision: Decision, version: int, now: datetime
    ) -> list[CloudEvent]:
        """What is told of the decision."""
        return facts_of(commands, before.seats, decision, version, now)

    def _manage_hash(self, registration: Registration) -> str:
        return token_hash(self._links.token(MANAGE, registration.id, registration.link_generation))


_REVISING = asked.ReviseEvent | asked.ReviseSession | asked.SetCodes | asked.RevokeCode
_FREEING = asked.Cancel | asked.Change | asked.OfOne | asked.DecideRequirement


def _said(commands: Iterable[Command], before: Seats) -> dict[str, str]:
    """What can be agreed to by the agenda that `commands` tell of, by digest; of no older revision than stands."""
    found: dict[str, str] = {}
    for command in commands:
        if isinstance(command, asked.ReviseEvent):
            known, revision, questions = before.event, command.event.revision, command.event.questions
        elif isinstance(command, asked.ReviseSession):
            session = command.session
            known, revision, questions = before.sessions.get(session.id), session.revision, session.questions
        else:
            continue
        if known is None or revision >= known.rules.revision:
            found |= texts(questions)
    return found


def _frees(command: Command) -> int:
    """How many seats of one line a command may free."""
    if isinstance(command, asked.Tick):
        return len(command.registrations)
    return int(isinstance(command, _FREEING))


def unsettled(page: Page, settled: Iterable[int]) -> Page:
    """The page without the entries that are known to be settled."""
    done = frozenset(settled)
    kept: tuple[Entry, ...] = tuple(entry for entry in page.entries if entry.version not in done)
    return Page(page.stream, page.version, page.state, kept)
