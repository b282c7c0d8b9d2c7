"""What a request to registration says beside its body: the parameters as documented, and as read."""

from __future__ import annotations

import re

from aiohttp import web

from services.registration.asking import Caller, Who
from services.registration.registrations import Registration
from services.registration.schema import Wanted
from services.registration.store import Store
from shared.contracts.registration import SeatState
from shared.contracts.scheduling import EventState
from shared.web.access import is_organiser
from shared.web.openapi import Parameter
from shared.web.problems import Problem

IDEMPOTENCY_HEADER = "Idempotency-Key"
MAX_PAGE = 200
_MAX_TEXT = 200
_STATES = [one.value for one in SeatState]
_FLAG = {"type": "boolean"}

REGISTRATION_ID = Parameter("id", "path", "The registration's id")
EVENT_ID = Parameter("event_id", "query", "The event's id", required=True)
IDEMPOTENCY_KEY = Parameter(
    IDEMPOTENCY_HEADER,
    "header",
    "Makes the request repeatable: sent again with the same key and body, it gets the first answer, marked `repeated`. The same "
    "key with another body is refused with 422; while the first request is still running, with 409 and Retry-After",
    {"type": "string", "minLength": 1, "maxLength": 200},
)
LIMIT = Parameter(
    "limit", "query", "How many items at most", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 50}
)
CURSOR = Parameter("cursor", "query", "next_cursor of the page before, as it is")
TEXT = Parameter(
    "q", "query", "Only those whose name or e-mail address contains this", {"type": "string", "maxLength": _MAX_TEXT}
)
STATE = Parameter(
    "state", "query", "Only those in this state; with `session`, in that session", {"type": "string", "enum": _STATES}
)
SESSION = Parameter("session", "query", "Only those who have or await a seat in this session")
DRY_RUN = Parameter("dry_run", "query", "true: only tell what would be done", _FLAG | {"default": False})
LANGUAGE = Parameter("lang", "query", "The language of titles and labels; else Accept-Language, else English")


def caller_of(request: web.Request) -> Caller:
    """Who asks, under the request's Idempotency-Key. Raises Problem 400 for a key that is too long."""
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is not None and not 1 <= len(key) <= 200:
        raise Problem(400, "bad-idempotency-key", f"{IDEMPOTENCY_HEADER} has 1 to 200 characters.")
    return Caller(Who.ORGANISER if is_organiser(request) else Who.ATTENDEE, key)


def event_id_in(request: web.Request) -> str:
    """`?event_id=`. Raises Problem 400 where it is missing."""
    event_id = request.query.get("event_id")
    if not event_id:
        raise Problem(400, "event-needed", "Name the event: ?event_id=...")
    return event_id


async def event_in(request: web.Request, store: Store) -> EventState:
    """The event of `?event_id=`. Raises Problem 400 or 404."""
    event_id = event_id_in(request)
    event = await store.event(event_id)
    if event is None:
        raise Problem(404, "unknown-event", f"There is no published event {event_id!r}.")
    return event


async def registration_in(request: web.Request, store: Store) -> Registration:
    """The registration of the path. Raises Problem 404."""
    registration = await store.registration(request.match_info["id"])
    if registration is None:
        raise Problem(404, "unknown-registration", "There is no such registration.")
    return registration


def wanted_in(request: web.Request) -> Wanted:
    """What the list is narrowed to: `q`, `state`, `session`. Raises Problem 400."""
    state = one_of(request, "state", _STATES)
    text = request.query.get("q", "").strip()
    if len(text) > _MAX_TEXT or not text.isprintable():
        raise Problem(400, "bad-query", f"q has at most {_MAX_TEXT} characters, and none that cannot be seen.")
    return Wanted(text or None, SeatState(state) if state else None, request.query.get("session"))


def flag_in(request: web.Request, name: str) -> bool:
    """`?name=true` or `false`; missing: false. Raises Problem 400."""
    value = request.query.get(name, "false")
    if value not in ("true", "false"):
        raise Problem(400, f"bad-{name.replace('_', '-')}", f"{name} is true or false.")
    return value == "true"


def one_of(request: web.Request, name: str, known: list[str]) -> str | None:
    """`?name=` where it is one of `known`; None where it is missing. Raises Problem 400."""
    value = request.query.get(name)
    if value is not None and value not in known:
        raise Problem(400, f"bad-{name.replace('_', '-')}", f"{name} is one of {', '.join(known)}.")
    return value


def limit_in(request: web.Request) -> int:
    """`?limit=`, from 1 to 200. Raises Problem 400."""
    text = request.query.get("limit", "50")
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= MAX_PAGE:
        raise Problem(400, "bad-limit", f"limit is a number from 1 to {MAX_PAGE}.")
    return int(text)
