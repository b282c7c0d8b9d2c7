"""What a request to scheduling says beside its body: event id, parameters, cursor, If-Match, note."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import date

from aiohttp import web

from shared.contracts.base import Contract, Text
from shared.contracts.cloudevent import problem
from shared.web.problems import Problem, read_json, validate

MAX_PAGE = 100
_ID = re.compile(r"^[a-z0-9][a-z0-9-]{0,79}$")


class Note(Contract):
    """What a revision is about, for readers."""

    note: Text = {}


def event_id_in(request: web.Request) -> str:
    event_id = request.match_info["event_id"]
    if not _ID.match(event_id):
        raise Problem(404, "no-such-event", "There is no such event.", [problem("event_id", "check the id", "unknown")])
    return event_id


async def note_in(request: web.Request) -> Mapping[str, str]:
    """The note in the body, {} without a body. A plain text is English."""
    if not request.can_read_body:
        return {}
    raw = await read_json(request)
    if isinstance(raw, dict) and isinstance(raw.get("note"), str):
        raw = {**raw, "note": {"en": raw["note"]}}
    return validate(Note, raw).note


def etag(version: int) -> str:
    return f'"{version}"'


def expected_version(request: web.Request) -> int | None:
    given = request.headers.get("If-Match")
    if given is None or given.strip() == "*":
        return None
    match = re.fullmatch(r'"(\d{1,9})"', given.strip())
    if match is None:
        raise Problem(
            400,
            "bad-if-match",
            "If-Match takes the ETag of the draft, quotes included.",
            [problem("If-Match", 'for example "3"')],
        )
    return int(match[1])


def flag(request: web.Request, name: str) -> bool:
    given = request.query.get(name, "false")
    if given not in ("true", "false"):
        raise Problem(400, "bad-query", "A parameter is wrong.", [problem(name, "write true or false")])
    return given == "true"


def day_in(request: web.Request, name: str) -> date | None:
    given = request.query.get(name)
    if given is None:
        return None
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        message = "write a day, for example 2019-11-20"
        raise Problem(400, "bad-query", "A parameter is wrong.", [problem(name, message)]) from error


def limit_in(request: web.Request) -> int:
    given = request.query.get("limit", "20")
    if not re.fullmatch(r"[0-9]{1,3}", given) or not 1 <= int(given) <= MAX_PAGE:
        raise Problem(
            400, "bad-query", "A parameter is wrong.", [problem("limit", f"write a number from 1 to {MAX_PAGE}")]
        )
    return int(given)


def cursor_to(day: date, event_id: str) -> str:
    return base64.urlsafe_b64encode(f"{day.isoformat()} {event_id}".encode()).decode().rstrip("=")


def cursor_in(request: web.Request) -> tuple[str, str] | None:
    given = request.query.get("cursor")
    if given is None:
        return None
    try:
        day, _, event_id = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode().partition(" ")
        date.fromisoformat(day)
    except (binascii.Error, ValueError) as error:
        message = "take next_cursor of the page before as it is"
        raise Problem(400, "bad-query", "A parameter is wrong.", [problem("cursor", message)]) from error
    return day, event_id
