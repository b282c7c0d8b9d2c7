"""Files of what another organisation decided on many people, over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any, Literal
from zoneinfo import ZoneInfo

from aiohttp import web
from pydantic import BaseModel, Field

from services.registration.asking import Requests
from services.registration.commands import Answer as Decided
from services.registration.operations.parameters import (
    DRY_RUN,
    EVENT_ID,
    IDEMPOTENCY_KEY,
    caller_of,
    event_in,
    flag_in,
)
from services.registration.registrations import Registration
from services.registration.replies import Replies
from services.registration.requirement_file import (
    MAX_FILE,
    DecidedRow,
    FileRefused,
    Read,
    read_json_list,
    read_table,
)
from services.registration.requirements import number_key, person_key
from services.registration.store import Store
from shared.contracts.base import json_of
from shared.contracts.cloudevent import problem
from shared.contracts.registration import Outcome, Reason, SeatState
from shared.web.access import require_organiser
from shared.web.openapi import JSON, Answer, Body, Operation, Parameter
from shared.web.problems import Problem, read_body

_CSV = "text/csv"
_READERS = {_CSV: read_table, JSON: read_json_list}
_ABOUT = (
    "CSV with the header email,number,state,decided_at (commas, semicolons or tabs; email or number is needed, state is "
    "granted, refused or revoked, granted where it is missing; decided_at is an instant with an offset, or a time by the clocks of the event, else now), or the same "
    "as a JSON list. At most 10,000 rows"
)


class RowAnswered(BaseModel):
    """What became of a row. `line`: in the file, from 1; of a JSON list, the number. `registration_id` null: nobody is
    registered under this name yet; what was decided counts when they are."""

    line: int
    outcome: Literal["accepted", "rejected"]
    registration_id: str | None
    state: SeatState | None = Field(description="Of the seat at the event")
    errors: list[Reason]


class FileAnswered(BaseModel):
    """What became of each row, in order. `repeated`: an earlier request with the same Idempotency-Key got this first."""

    accepted: int
    rejected: int
    dry_run: bool
    repeated: bool
    rows: list[RowAnswered]


class Requirements:
    """The operation that takes files of decisions."""

    def __init__(self, requests: Requests, store: Store, replies: Replies) -> None:
        self._requests, self._store, self._replies = requests, store, replies

    def operations(self) -> list[Operation]:
        """The operation."""
        return [
            Operation(
                "uploadRequirements",
                "POST",
                "/api/v1/registration/requirements",
                self.upload,
                "Note what another organisation decided on many people, registered here or not yet. Each row is decided alone: "
                "a wrong one keeps no other. The newest decision on a person counts, so that a file may be sent twice",
                {200: Answer("What became of each row", FileAnswered)},
                [
                    EVENT_ID,
                    Parameter("requirement", "query", "The id of the event's requirement", required=True),
                    DRY_RUN,
                    IDEMPOTENCY_KEY,
                ],
                Body(_ABOUT, media=[_CSV, JSON]),
                [404, 409, 422],
                organiser=True,
            )
        ]

    async def upload(self, request: web.Request) -> web.Response:
        """A dry run reads the file and says who is registered."""
        require_organiser(request)
        reader = _READERS.get(request.content_type)
        if reader is None:
            raise Problem(415, "unsupported-media-type", f"Send the file as {' or '.join(_READERS)}.")
        event, dry_run, caller = await event_in(request, self._store), flag_in(request, "dry_run"), caller_of(request)
        requirement = request.query.get("requirement", "")
        if requirement not in {needed.id for needed in event.requirements}:
            message = f"name one of: {', '.join(needed.id for needed in event.requirements)}"
            errors = [problem("requirement", message, "unknown-requirement")]
            raise Problem(404, "unknown-requirement", "The event does not require this.", errors)
        body = await read_body(request.clone(client_max_size=MAX_FILE))
        try:
            read = await asyncio.to_thread(reader, body, ZoneInfo(event.zone))
        except FileRefused as error:
            raise Problem(422, "file-refused", "The file cannot be read.", error.problems) from error

        async def decide() -> dict[str, Any]:
            rows = [one.row for one in read if one.row is not None]
            if dry_run:
                answers = await self._as_it_stands(event.id, requirement, rows)
            else:
                answers = await self._requests.decide_requirements(event.id, requirement, rows, caller)
            return _told(read, answers, dry_run=dry_run)

        asked = [event.id, requirement, dry_run, hashlib.sha256(body).hexdigest()]
        answer = await self._replies.once(caller, "requirements", asked, decide)
        return web.json_response(answer, headers={"Cache-Control": "private, no-store"})

    async def _as_it_stands(self, event_id: str, requirement: str, rows: Sequence[DecidedRow]) -> list[Decided]:
        """For each row, who is registered under one of its names."""
        keys = [_keys(event_id, requirement, row) for row in rows]
        emails = [row.email for row in rows if row.email is not None]
        found = await self._store.registrations_with(event_id, emails, [key for of_row in keys for key in of_row])
        known = {key: registration for registration in found for key in registration.keys}
        return [_standing(next((known[key] for key in of_row if key in known), None)) for of_row in keys]


def _keys(event_id: str, requirement: str, row: DecidedRow) -> list[str]:
    by_email = [person_key(event_id, row.email)] if row.email is not None else []
    return by_email + ([number_key(event_id, requirement, row.number)] if row.number is not None else [])


def _standing(registration: Registration | None) -> Decided:
    if registration is None:
        return Decided(Outcome.ACCEPTED)
    return Decided(Outcome.ACCEPTED, registration_id=registration.id, state=registration.state)


def _told(read: Sequence[Read], answers: Sequence[Decided], *, dry_run: bool) -> dict[str, Any]:
    """The answer as JSON data (FileAnswered, without `repeated`)."""
    following = iter(answers)
    rows = [_wrong(one) if one.row is None else _decided(one, next(following)) for one in read]
    accepted = sum(row["outcome"] == "accepted" for row in rows)
    return {"accepted": accepted, "rejected": len(rows) - accepted, "dry_run": dry_run, "rows": rows}


def _decided(one: Read, answer: Decided) -> dict[str, Any]:
    return {
        "line": one.line,
        "outcome": "rejected" if answer.reasons else "accepted",
        "registration_id": answer.registration_id,
        "state": answer.state.value if answer.state else None,
        "errors": [json_of(reason) for reason in answer.reasons],
    }


def _wrong(one: Read) -> dict[str, Any]:
    errors = [{name: told[name] for name in ("code", "field", "message")} for told in one.problems]
    return {"line": one.line, "outcome": "rejected", "registration_id": None, "state": None, "errors": errors}
