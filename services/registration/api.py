"""The registration API: register, cancel, read, and the intake over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from services.registration import lists
from services.registration.commands import Answer, Cancel, Change, Register, Registration
from services.registration.desk import Desks, Overloaded
from services.registration.intake import Intake
from services.registration.seats import EVENT
from services.registration.store import Store, Wanted
from shared.clock import Ids
from shared.contracts.base import Identifier, json_of
from shared.contracts.cloudevent import CONTENT_TYPE, InvalidMessage, decode
from shared.contracts.registration import Answers, Outcome, RegistrationRequested, SeatState
from shared.contracts.registry import INTAKE, check_type
from shared.contracts.scheduling import EventState
from shared.observability.correlation import correlation_id
from shared.web.access import require_organiser
from shared.web.pages import language_of
from shared.web.problems import Problem, invalid_message, read_body, read_json, validate

IDEMPOTENCY_HEADER = "Idempotency-Key"


class CancelRequest(BaseModel):
    """Which sessions are given up; none: the whole registration."""

    model_config = ConfigDict(extra="forbid")

    sessions: list[Identifier] = Field(default=[], max_length=200)


class ChangeRequest(BaseModel):
    """All sessions that are wanted from now on."""

    model_config = ConfigDict(extra="forbid")

    sessions: list[Identifier] = Field(max_length=200)
    answers: Answers = {}


class Api:
    """The routes under /api/v1/registrations and /api/v1/intake."""

    def __init__(self, desks: Desks, store: Store, intake: Intake, ids: Ids) -> None:
        self._desks, self._store, self._intake, self._ids = desks, store, intake, ids

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/v1/registrations", self._register),
            web.get("/api/v1/registrations", self._list),
            web.get("/api/v1/registrations/table.csv", self._table),
            web.get("/api/v1/registrations/counts", self._counts),
            web.get("/api/v1/registrations/{id}", self._read),
            web.put("/api/v1/registrations/{id}/sessions", self._change),
            web.post("/api/v1/registrations/{id}/cancel", self._cancel),
            web.post("/api/v1/intake", self._receive),
        ]

    async def _register(self, request: web.Request) -> web.Response:
        asked = validate(RegistrationRequested, await read_json(request))
        answer = await self.register(asked, idempotency_key(request))
        return web.json_response(answer_body(answer), status=201)

    async def register(self, asked: RegistrationRequested, key: str | None) -> Answer:
        """Registers a person. Raises Problem 404, 409 (with all reasons) or 503."""
        if not await self._desks.known(asked.event_id):
            raise Problem(404, "unknown-event", f"There is no published event {asked.event_id!r}.")
        command = Register(
            id=_key_id(key, asked.event_id) if key else self._ids(),
            correlation_id=correlation_id(),
            repeatable=key is not None,
            fingerprint=_fingerprint("register", json_of(asked)) if key else None,
            registration_id=self._ids(),
            person=asked.person,
            sessions=tuple(asked.sessions),
            answers=asked.answers,
        )
        return await self._ask(asked.event_id, command)

    async def _ask(self, event_id: str, command: Register | Change | Cancel) -> Answer:
        try:
            answer = await self._desks.ask(event_id, command)
        except Overloaded as error:
            raise Problem(
                503, "overloaded", "Too many people at once; try again.", headers={"Retry-After": "5"}
            ) from error
        if answer.reasons and answer.reasons[0].code == "key-reused":
            reason = answer.reasons[0]
            raise Problem(422, "key-reused", "The Idempotency-Key was used for another request.", [json_of(reason)])
        if answer.reasons:
            code = "unknown-event" if answer.reasons[0].code == "unknown-event" else "refused"
            raise Problem(
                404 if code == "unknown-event" else 409,
                code,
                "The request was refused.",
                [{"field": r.field, "code": r.code, "message": r.message} for r in answer.reasons],
            )
        return answer

    async def _list(self, request: web.Request) -> web.Response:
        require_organiser(request)
        event_id = request.query.get("event_id")
        if not event_id:
            raise Problem(400, "event-needed", "Name the event: ?event_id=...")
        limit = page_size(request)
        wanted = _wanted(request)
        found = await self._store.registrations(event_id, request.query.get("cursor"), limit + 1, wanted=wanted)
        more = found[limit - 1].id if len(found) > limit else None
        return web.json_response({"items": [_body(r) for r in found[:limit]], "next_cursor": more})

    async def _table(self, request: web.Request) -> web.Response:
        """Everybody who registered for an event, as a table for a spreadsheet."""
        event, registrations = await self._whole(request)
        language = language_of(request)
        body = await asyncio.to_thread(
            lists.table, event, await self._store.sessions(event.id), registrations, language
        )
        name = f'attachment; filename="{event.id}-attendees.csv"'
        headers = {"Content-Disposition": name, "Cache-Control": "private, no-store"}
        return web.Response(body=body, content_type="text/csv", charset="utf-8", headers=headers)

    async def _counts(self, request: web.Request) -> web.Response:
        """How many come: by state, kind of attendee, country, language and session."""
        event, registrations = await self._whole(request)
        counted = await asyncio.to_thread(lists.counts, registrations)
        return web.json_response({"event_id": event.id, **counted})

    async def _whole(self, request: web.Request) -> tuple[EventState, list[Registration]]:
        require_organiser(request)
        event_id = request.query.get("event_id")
        if not event_id:
            raise Problem(400, "event-needed", "Name the event: ?event_id=...")
        event = await self._store.event(event_id)
        if event is None:
            raise Problem(404, "unknown-event", f"There is no published event {event_id!r}.")
        return event, await self._store.all_registrations(event_id)

    async def _read(self, request: web.Request) -> web.Response:
        require_organiser(request)
        registration = await self._known(request)
        positions = await self._store.positions(registration)
        return web.json_response(_for_organisers(registration, positions))

    async def _cancel(self, request: web.Request) -> web.Response:
        require_organiser(request)
        asked = validate(CancelRequest, await read_json(request) if request.can_read_body else {})
        registration = await self._known(request)
        return web.json_response(answer_body(await self.cancel(registration, asked.sessions, idempotency_key(request))))

    async def cancel(self, registration: Registration, sessions: list[str], key: str | None = None) -> Answer:
        """Gives up a registration or some of its sessions. Raises Problem 409 or 503."""
        command = Cancel(
            id=_key_id(key, registration.event_id) if key else self._ids(),
            correlation_id=correlation_id(),
            repeatable=key is not None,
            fingerprint=_fingerprint("cancel", [registration.id, *sessions]) if key else None,
            registration_id=registration.id,
            sessions=tuple(sessions),
        )
        return await self._ask(registration.event_id, command)

    async def _change(self, request: web.Request) -> web.Response:
        require_organiser(request)
        asked = validate(ChangeRequest, await read_json(request))
        registration = await self._known(request)
        return web.json_response(answer_body(await self.change(registration, asked, idempotency_key(request))))

    async def change(self, registration: Registration, asked: ChangeRequest, key: str | None = None) -> Answer:
        """Makes `asked.sessions` all that the registration has, or changes nothing. Raises Problem 409 or 503."""
        command = Change(
            id=_key_id(key, registration.event_id) if key else self._ids(),
            correlation_id=correlation_id(),
            repeatable=key is not None,
            fingerprint=_fingerprint("change", [registration.id, json_of(asked)]) if key else None,
            registration_id=registration.id,
            sessions=tuple(asked.sessions),
            answers=asked.answers,
        )
        return await self._ask(registration.event_id, command)

    async def _known(self, request: web.Request) -> Registration:
        registration = await self._store.registration(request.match_info["id"])
        if registration is None:
            raise Problem(404, "unknown-registration", "There is no such registration.")
        return registration

    async def _receive(self, request: web.Request) -> web.Response:
        """An intake message over HTTP (CloudEvents HTTP binding 1.0, section 3.2: structured mode)."""
        require_organiser(request)
        if request.content_type != CONTENT_TYPE:
            raise Problem(415, "unsupported-media-type", f"Send one CloudEvent as {CONTENT_TYPE}.")
        try:
            event = decode(await read_body(request))
            if check_type(event).exchange != INTAKE:
                raise InvalidMessage(
                    [{"field": "type", "code": "not-intake", "message": f"{event.type} is told by Lectern"}]
                )
        except InvalidMessage as error:
            raise invalid_message(error) from error
        try:
            answer = await self._intake.answer(event, publisher="organiser")
        except Overloaded as error:
            raise Problem(
                503, "overloaded", "Too many messages at once; try again.", headers={"Retry-After": "5"}
            ) from error
        return web.json_response(json_of(answer.told(event.id)))


def answer_body(answer: Answer) -> dict[str, Any]:
    """The answer as JSON; `repeated` where an earlier request with the same key got it first."""
    body: dict[str, Any] = {
        "registration_id": answer.registration_id,
        "event_id": answer.event_id,
        "state": answer.state,
        "choices": [json_of(choice) for choice in answer.choices],
        "repeated": answer.outcome is Outcome.DUPLICATE,
    }
    if answer.position:
        body["position"] = answer.position
    return body


def _body(registration: Registration) -> dict[str, Any]:
    return _for_organisers(registration, {})


def _for_organisers(registration: Registration, positions: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    """The registration as told, and what the person answered."""
    return json_of(registration.told(positions, EVENT)) | {"answers": dict(registration.answers)}


def _key_id(key: str, event_id: str) -> str:
    return hashlib.sha256(f"key\n{event_id}\n{key}".encode(errors="surrogateescape")).hexdigest()


def _fingerprint(operation: str, asked: object) -> str:
    return hashlib.sha256(json.dumps([operation, asked], sort_keys=True).encode()).hexdigest()


def idempotency_key(request: web.Request) -> str | None:
    """The request's Idempotency-Key, if it has one. Raises Problem 400 for one that is too long."""
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is not None and not 1 <= len(key) <= 200:
        raise Problem(400, "bad-idempotency-key", f"{IDEMPOTENCY_HEADER} has 1 to 200 characters.")
    return key


def _wanted(request: web.Request) -> Wanted:
    """What the list is narrowed to: `q`, `state`, `session`. Raises Problem 400."""
    state = request.query.get("state")
    known = [one.value for one in SeatState]
    if state is not None and state not in known:
        raise Problem(400, "bad-state", f"state is one of {', '.join(known)}.")
    text = request.query.get("q", "").strip()
    if len(text) > 200:
        raise Problem(400, "bad-query", "q has at most 200 characters.")
    return Wanted(text or None, SeatState(state) if state else None, request.query.get("session"))


def page_size(request: web.Request) -> int:
    """`?limit=`, from 1 to 200. Raises Problem 400."""
    text = request.query.get("limit", "50")
    if not text.isdecimal() or not 1 <= int(text) <= 200:
        raise Problem(400, "bad-limit", "limit is a number from 1 to 200.")
    return int(text)
