"""Invitation codes over HTTP, for organisers: made, listed with what is left of them, revoked."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from services.registration.asking import Requests
from services.registration.code_making import (
    MOST,
    CodesAsked,
    CodesRefused,
    Made,
    made,
    random_codes,
    repeatable_codes,
)
from services.registration.codes import Code, normal
from services.registration.operations.parameters import (
    CURSOR,
    EVENT_ID,
    IDEMPOTENCY_KEY,
    LIMIT,
    caller_of,
    event_in,
    limit_in,
)
from services.registration.seats import EVENT, Seats
from services.registration.store import Store
from shared.cells import harmless
from shared.contracts.base import Instant
from shared.contracts.registration import Outcome
from shared.web.access import SETTINGS, require_organiser
from shared.web.openapi import Answer, Body, Operation, Parameter
from shared.web.problems import Problem, read_json, validate

_ALL = "/api/v1/registration/codes"
_PRIVATE = {"Cache-Control": "private, no-store"}
_COLUMNS = (
    "code", "label", "sessions", "uses", "used", "expires_at", "personal", "reserved", "seats_left", "revoked",
)  # fmt: skip


class CodeShown(BaseModel):
    """An invitation code. `uses` null: as many as come; `personal`: one address alone may use it (the address itself is not
    kept); `seats_left`: reserved seats at the event that nobody has taken yet, and in `sessions_left` those in sessions."""

    model_config = ConfigDict(extra="forbid")

    code: str
    label: str
    sessions: list[str]
    uses: int | None
    used: int
    expires_at: Instant | None
    personal: bool
    reserved: int
    seats_left: int
    sessions_left: dict[str, int]
    revoked: bool


class CodesMade(BaseModel):
    """The codes as they stand now, in the order in which they were asked for."""

    codes: list[CodeShown]
    repeated: bool = Field(description="An earlier request with the same Idempotency-Key made them")


class CodesPage(BaseModel):
    """A page of codes, in order; `next_cursor` null: the last page."""

    items: list[CodeShown]
    next_cursor: str | None


class Codes:
    """The operations about invitation codes."""

    def __init__(self, requests: Requests, store: Store) -> None:
        self._requests, self._store = requests, store

    def operations(self) -> list[Operation]:
        """The operations."""
        return [
            Operation(
                "makeCodes",
                "POST",
                _ALL,
                self.make,
                f"Make invitation codes, or change the rules of those that are there; all or none, at most {MOST} at once",
                {200: Answer("The codes", CodesMade)},
                [EVENT_ID, IDEMPOTENCY_KEY],
                Body("What codes; those that are not spelled out are made up", CodesAsked),
                [404, 409, 422],
                organiser=True,
            ),
            Operation(
                "listCodes",
                "GET",
                _ALL,
                self.list_codes,
                "The invitation codes of an event, with how often each was used and how many reserved seats are left",
                {200: Answer("A page of codes", CodesPage)},
                [EVENT_ID, LIMIT, CURSOR],
                problems=[400, 404],
                organiser=True,
            ),
            Operation(
                "downloadCodes",
                "GET",
                f"{_ALL}/table.csv",
                self.table,
                "All invitation codes of an event, as a table for a spreadsheet",
                {200: Answer("The table", media=["text/csv"])},
                [EVENT_ID],
                problems=[400, 404],
                organiser=True,
            ),
            Operation(
                "revokeCode",
                "DELETE",
                f"{_ALL}/{{code}}",
                self.revoke,
                "Make a code useless; who registered with it keeps the seat, and reserved seats that are left are for everybody",
                {200: Answer("The code", CodeShown)},
                [Parameter("code", "path", "The code, as anybody would type it"), EVENT_ID, IDEMPOTENCY_KEY],
                problems=[400, 404, 409, 422],
                organiser=True,
            ),
        ]

    async def make(self, request: web.Request) -> web.Response:
        """Made-up codes of a repeated request are the same ones."""
        require_organiser(request)
        event, caller = await event_in(request, self._store), caller_of(request)
        asked = validate(CodesAsked, await read_json(request))
        secret = request.app[SETTINGS].link_key.get_secret_value()
        try:
            codes = await self._made(event.id, asked, secret, caller.key)
        except CodesRefused as error:
            raise Problem(422, "invalid", "Some fields are wrong.", error.problems) from error
        try:
            answer = await self._requests.set_codes(event.id, codes.codes, caller)
        except Problem as error:
            error.errors = _of_the_request(error.errors, codes.of)
            raise
        known, seats = await asyncio.gather(
            self._store.codes_named(event.id, [code.id for code in codes.codes]), self._store.seats(event.id)
        )
        body = {
            "codes": [_shown(known[code.id], seats) for code in codes.codes],
            "repeated": answer.outcome is Outcome.DUPLICATE,
        }
        return web.json_response(body, headers=_PRIVATE)

    async def _made(self, event_id: str, asked: CodesAsked, secret: str, key: str | None) -> Made:
        """The codes, of which none that is made up is there already; but for a repeated request, of which all are."""
        while True:
            following = random_codes() if key is None else repeatable_codes(secret, f"{event_id}\n{key}")
            codes = made(event_id, asked, following)
            there = (await self._store.codes_named(event_id, sorted(codes.new))).keys() if codes.new else set()
            if not there or (key is not None and there == codes.new):
                return codes
            if key is not None:
                detail = "A made-up code is there already, by chance; send this again with another Idempotency-Key."
                raise Problem(409, "code-taken", detail)

    async def list_codes(self, request: web.Request) -> web.Response:
        """As they stand."""
        require_organiser(request)
        event, limit = await event_in(request, self._store), limit_in(request)
        found, seats = await asyncio.gather(
            self._store.codes(event.id, request.query.get("cursor"), limit + 1), self._store.seats(event.id)
        )
        following = found[limit - 1].id if len(found) > limit else None
        items = [_shown(code, seats) for code in found[:limit]]
        return web.json_response({"items": items, "next_cursor": following}, headers=_PRIVATE)

    async def table(self, request: web.Request) -> web.Response:
        """Cells that a spreadsheet would take for a formula are made harmless."""
        require_organiser(request)
        event = await event_in(request, self._store)
        seats = await self._store.seats(event.id)
        codes: list[Code] = []
        while page := await self._store.codes(event.id, codes[-1].id if codes else None):
            codes += page
        name = f'attachment; filename="{event.id}-codes.csv"'
        return web.Response(
            body=_table(codes, seats),
            content_type="text/csv",
            charset="utf-8",
            headers=_PRIVATE | {"Content-Disposition": name},
        )

    async def revoke(self, request: web.Request) -> web.Response:
        """Case, spaces and hyphens do not matter."""
        require_organiser(request)
        event, id_ = await event_in(request, self._store), normal(request.match_info["code"])
        if not await self._store.codes_named(event.id, [id_]):
            raise Problem(404, "unknown-code", "There is no such code for this event.")
        await self._requests.revoke_code(event.id, id_, caller_of(request))
        known, seats = await asyncio.gather(self._store.codes_named(event.id, [id_]), self._store.seats(event.id))
        return web.json_response(_shown(known[id_], seats), headers=_PRIVATE)


def _of_the_request(errors: Sequence[Mapping[str, str]], of: Sequence[int]) -> list[dict[str, str]]:
    """Problems of single codes as those of what they were asked with, each once."""
    told: dict[tuple[str, str], dict[str, str]] = {}
    for error in errors:
        first, _, rest = error["field"].partition(".")
        number, dot, name = rest.partition(".")
        if first == "codes" and number.isdecimal() and int(number) < len(of):
            error = {**error, "field": f"codes.{of[int(number)]}{dot}{name}"}
        told.setdefault((error["field"], error.get("code", "")), dict(error))
    return list(told.values())


def _left(seats: Seats, line: str, code: Code) -> int:
    """Seats of `line` that are still kept for the code."""
    one = seats.event if line == EVENT else seats.sessions.get(line)
    kind = one.kinds.get(code.group) if one is not None and code.group is not None else None
    return kind.own if kind is not None else 0


def _shown(code: Code, seats: Seats) -> dict[str, Any]:
    """The code as JSON data (CodeShown)."""
    return {
        "code": code.spelled,
        "label": code.label,
        "sessions": list(code.sessions),
        "uses": code.uses,
        "used": code.used,
        "expires_at": code.expires_at.isoformat().replace("+00:00", "Z") if code.expires_at else None,
        "personal": code.person is not None,
        "reserved": code.reserved,
        "seats_left": _left(seats, EVENT, code),
        "sessions_left": {id_: _left(seats, id_, code) for id_ in code.sessions} if code.reserved else {},
        "revoked": code.revoked,
    }


def _table(codes: Sequence[Code], seats: Seats) -> bytes:
    """RFC 4180, UTF-8 with a mark that spreadsheets need; instants are UTC."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for code in codes:
        shown = _shown(code, seats)
        writer.writerow([harmless(_cell(shown[name])) for name in _COLUMNS])
    return text.getvalue().encode("utf-8-sig")


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "; ".join(value) if isinstance(value, list) else "" if value is None else str(value)
