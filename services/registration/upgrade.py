"""What an earlier form of the data lacks, filled in once at the start: seats by kind of attendee, the rules that are new, the
opening balance of the log of decisions, and the wordings of consents.

An older process does not know this form: stop all of registration before the first new one starts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from services.registration.consents import CONSENT, texts
from services.registration.decisions.log import Entry, effects
from services.registration.decisions.revising import counting
from services.registration.documents import log_document, registration_from, wording_document
from services.registration.registrations import Registration
from services.registration.rules import rules_of_event, rules_of_session
from services.registration.schema import (
    DECISIONS,
    EVENTS,
    REGISTRATIONS,
    SESSIONS,
    WAITING,
    WORDINGS,
    event_of,
    stream_of,
)
from services.registration.seats import (
    EVENT,
    Kind,
    Line,
    Seats,
    changed_state,
    seats_from,
    with_quotas,
)
from shared.clock import Clock
from shared.contracts.registration import Outcome, SeatState
from shared.contracts.scheduling import EventState, SessionState
from shared.storage.ledger import Conflict, Ledgers, Write
from shared.storage.mongo import Database

FORM = 3
_log = structlog.get_logger()


async def upgrade(database: Database, clock: Clock) -> None:
    """Brings every ledger of seats to this form. Somebody who commits first makes it look again."""
    ledgers = Ledgers(database)
    for stream in await ledgers.streams():
        event_id = event_of(stream)
        while event_id is not None:
            page = await ledgers.load(stream)
            seats = seats_from(event_id, page.state)
            if seats.event is None or page.state.get("form") == FORM or _is_new(page.state["event"]):
                break
            await ledgers.settle(stream, page.entries)
            registrations = await _registrations(database, event_id)
            after = await _filled_in(database, seats, registrations)
            version, now = page.version + 1, clock()
            log = log_document(event_id, version, (_balance(registrations, after),), now)
            write = Write(DECISIONS.name, f"{event_id}/{version:09}", log)
            try:
                await ledgers.commit(page, {**changed_state(seats, after), "form": FORM}, at=now, writes=[write])
            except Conflict:
                continue
            _log.info("seats_upgraded", event_id=event_id)
        if event_id is not None:
            await _keep_wordings(database, clock, event_id)


async def _keep_wordings(database: Database, clock: Clock, event_id: str) -> None:
    """Sees to it that what can be agreed to is kept, where the agenda was published before wordings were."""
    ledgers, stream = Ledgers(database), stream_of(event_id)
    while True:
        page = await ledgers.load(stream)
        before = seats_from(event_id, page.state)
        if not any(question.kind == CONSENT for line in _lines(before) for question in line.rules.questions):
            return
        after, said = await _worded(database, before)
        ids = [f"{event_id}/{digest}" for digest in said]
        kept = {row["_id"] async for row in database[WORDINGS.name].find({"_id": {"$in": ids}}, {"_id": 1})}
        kept |= page.overlay(WORDINGS.name).keys()
        writes = [
            Write(WORDINGS.name, f"{event_id}/{digest}", wording_document(event_id, text))
            for digest, text in sorted(said.items())
            if f"{event_id}/{digest}" not in kept
        ]
        changed = changed_state(before, after)
        if not changed and not writes:
            return
        try:
            await ledgers.commit(page, changed, at=clock(), writes=writes)
        except Conflict:
            continue
        _log.info("wordings_kept", event_id=event_id, wordings=len(writes))
        return


async def _worded(database: Database, seats: Seats) -> tuple[Seats, dict[str, str]]:
    """The seats with what can be agreed to by the agenda as published, and the words by digest."""
    event, sessions, said = seats.event, dict(seats.sessions), dict[str, str]()
    document = await database[EVENTS.name].find_one({"_id": seats.event_id})
    if event is not None and document is not None:
        state = EventState.model_validate(document["state"])
        if state.revision == event.rules.revision:
            rules = rules_of_event(state)
            event = replace(event, rules=replace(event.rules, questions=rules.questions, language=rules.language))
            said |= texts(state.questions)
    async for document in database[SESSIONS.name].find({"event_id": seats.event_id}):
        session = SessionState.model_validate(document["state"])
        line = sessions.get(session.id)
        if line is not None and line.rules.revision == session.revision:
            questions = rules_of_session(session).questions
            sessions[session.id] = replace(line, rules=replace(line.rules, questions=questions))
            said |= texts(session.questions)
    return replace(seats, event=event, sessions=sessions), said


def _lines(seats: Seats) -> list[Line]:
    return [*([seats.event] if seats.event is not None else []), *seats.sessions.values()]


def _is_new(event: Mapping[str, Any]) -> bool:
    """Whether the event's line was written by this form from the beginning."""
    return "requirements" in event["rules"]


def _balance(registrations: list[Registration], seats: Seats) -> Entry:
    """Every seat and place as it stands: what later decisions are reckoned from."""
    lines = {**({EVENT: seats.event} if seats.event is not None else {}), **seats.sessions}
    return Entry(
        "clock",
        "upgrade",
        Outcome.ACCEPTED.value,
        effects=tuple(effect for registration in registrations for effect in effects(None, registration)),
        capacities=tuple((name, line.rules.capacity) for name, line in lines.items()),
    )


async def _registrations(database: Database, event_id: str) -> list[Registration]:
    cursor = database[REGISTRATIONS.name].find({"event_id": event_id}).sort("_id", 1)
    return [registration_from(document["_id"], document) async for document in cursor]


async def _filled_in(database: Database, seats: Seats, registrations: list[Registration]) -> Seats:
    assert seats.event is not None
    counted = _counted(registrations)
    for (line_name, id_), kind in _waiting(registrations).items():
        row = {"event_id": seats.event_id, "line": line_name, "registration_id": id_, "left": False}
        await database[WAITING.name].update_one(row, {"$set": {"kind": kind}})
    event = replace(seats.event, kinds=counted.get(EVENT, {}))
    document = await database[EVENTS.name].find_one({"_id": seats.event_id})
    audiences = seats.audiences
    if document is not None:
        state = EventState.model_validate(document["state"])
        if state.revision == event.rules.revision:
            event = with_quotas(replace(event, rules=rules_of_event(state)), state.audiences)
            audiences = tuple(kind.id for kind in state.audiences)
    sessions: dict[str, Line] = {
        name: replace(line, kinds=counted.get(name, {})) for name, line in seats.sessions.items()
    }
    async for document in database[SESSIONS.name].find({"event_id": seats.event_id}):
        session = SessionState.model_validate(document["state"])
        line = sessions.get(session.id)
        if line is not None and line.rules.revision == session.revision:
            sessions[session.id] = replace(line, rules=rules_of_session(session))
    sessions = {name: counting(line, audiences) for name, line in sessions.items()}
    return replace(seats, event=event, sessions=sessions, audiences=audiences)


def _waiting(registrations: list[Registration]) -> dict[tuple[str, str], str]:
    """The kind of attendee of each who waits, by line and registration."""
    return {
        (name, registration.id): registration.person.audience
        for registration in registrations
        for name, state in _states(registration)
        if state is SeatState.WAITLISTED and registration.person.audience
    }


def _counted(registrations: list[Registration]) -> dict[str, dict[str, Kind]]:
    """Seats and places by line and kind of attendee."""
    confirmed: Counter[tuple[str, str]] = Counter()
    waiting: Counter[tuple[str, str]] = Counter()
    for registration in registrations:
        kind = registration.person.audience
        if kind is None:
            continue
        confirmed[EVENT, kind] += registration.takes_seat
        for held in registration.choices:
            confirmed[held.session_id, kind] += held.takes_seat
        for name, state in _states(registration):
            waiting[name, kind] += state is SeatState.WAITLISTED
    counted: dict[str, dict[str, Kind]] = defaultdict(dict)
    for name, kind in sorted({*confirmed, *waiting}):
        counted[name][kind] = Kind(None, confirmed[name, kind], waiting[name, kind])
    return counted


def _states(registration: Registration) -> list[tuple[str, SeatState]]:
    return [(EVENT, registration.state), *((held.session_id, held.state) for held in registration.choices)]
