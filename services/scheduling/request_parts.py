"""What a request to scheduling says beside its body: event id, parameters, cursor, If-Match, note."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import date

from aiohttp import web

from services.scheduling.editing import Expected
from services.scheduling.fields import Words
from services.scheduling.imports.foreign import Hints
from services.scheduling.time_zones import check_zone
from shared.contracts.base import Contract
from shared.contracts.cloudevent import problem
from shared.contracts.scheduling import EventKind
from shared.web.problems import Problem, read_json, validate

MAX_PAGE = 100
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")


class Note(Contract):
    """What a revision is about, for readers: by language, or a plain text in English."""

    note: Words = {}


def event_id_in(request: web.Request) -> str:
    event_id = request.match_info["event_id"]
    if not _ID.fullmatch(event_id):
        raise Problem(404, "no-such-event", "There is no such event.", [problem("event_id", "check the id", "unknown")])
    return event_id


async def note_in(request: web.Request) -> Mapping[str, str]:
    """The note in the body, {} without a body. A plain text is English."""
    if not request.can_read_body:
        return {}
    return validate(Note, await read_json(request)).note


def etag(version: int) -> str:
    return f'"{version}"'


def expected_version(request: web.Request) -> Expected:
    """What If-Match says (RFC 9110, section 13.1.1)."""
    given = request.headers.get("If-Match")
    if given is None:
        return None
    if given.strip() == "*":
        return "*"
    # A proxy that compresses marks the tags of what it compressed ("3-gzip"), and does not take it off again here.
    match = re.fullmatch(r'"(\d{1,9})(?:-(?:gzip|br|zstd))?"', given.strip())
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
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", given):
            raise ValueError(given)
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


def cursor_to(*parts: str) -> str:
    """An opaque place in a list."""
    return base64.urlsafe_b64encode(" ".join(parts).encode()).decode().rstrip("=")


def place_in(request: web.Request) -> tuple[str, str] | None:
    """The cursor of a list of events: first day and id."""
    parts = _cursor_in(request, 2)
    if parts is None:
        return None
    try:
        date.fromisoformat(parts[0])
    except ValueError as error:
        raise _bad_cursor() from error
    return parts[0], parts[1]


def number_in(request: web.Request) -> int | None:
    """The cursor of a list of revisions: a number."""
    parts = _cursor_in(request, 1)
    if parts is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", parts[0]):
        raise _bad_cursor()
    return int(parts[0])


def _cursor_in(request: web.Request, length: int) -> list[str] | None:
    given = request.query.get("cursor")
    if given is None:
        return None
    try:
        parts = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode().split(" ")
    except (binascii.Error, ValueError) as error:
        raise _bad_cursor() from error
    if len(parts) != length or not all(parts):
        raise _bad_cursor()
    return parts


def _bad_cursor() -> Problem:
    message = "take next_cursor of the page before as it is"
    return Problem(400, "bad-query", "A parameter is wrong.", [problem("cursor", message)])


def id_in(request: web.Request, name: str) -> str | None:
    """An id among the parameters."""
    given = request.query.get(name)
    if given is not None and not _ID.fullmatch(given):
        message = "an id has lower-case letters, digits and hyphens only, at most 80"
        raise Problem(400, "bad-query", "A parameter is wrong.", [problem(name, message)])
    return given


def whole_number_in(request: web.Request, name: str) -> int | None:
    """A number from 1 among the parameters."""
    given = request.query.get(name)
    if given is not None and not re.fullmatch(r"[1-9][0-9]{0,8}", given):
        raise Problem(400, "bad-query", "A parameter is wrong.", [problem(name, "write a number from 1")])
    return int(given) if given is not None else None


def choice_in(request: web.Request, name: str, choices: Sequence[str], default: str | None = None) -> str | None:
    """One of `choices` among the parameters."""
    given = request.query.get(name, default)
    if given is not None and given not in choices:
        message = f"write one of {', '.join(choices)}"
        raise Problem(400, "bad-query", "A parameter is wrong.", [problem(name, message)])
    return given


def hints_in(request: web.Request) -> Hints:
    """What the parameters say of a file that is imported."""
    zone, language = request.query.get("zone"), request.query.get("language")
    try:
        if zone is not None:
            check_zone(zone)
    except ValueError as error:
        raise Problem(400, "bad-query", "A parameter is wrong.", [problem("zone", str(error))]) from error
    if language is not None and not re.fullmatch(r"[a-z]{2}", language):
        message = "write two letters, for example en or fr"
        raise Problem(400, "bad-query", "A parameter is wrong.", [problem("language", message)])
    kind = choice_in(request, "kind", [kind.value for kind in EventKind])
    return Hints(id_in(request, "event_id"), kind, zone, language)
