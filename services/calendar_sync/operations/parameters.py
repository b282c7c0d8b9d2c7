"""What a request to calendar-sync says beside its body: the parameters as documented, and as read."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from services.calendar_sync.accounts_store import AccountState
from services.calendar_sync.domain import Scope, ScopeKind
from shared.web.openapi import Parameter
from shared.web.problems import Problem

MAX_PAGE = 200

EVENT = Parameter("event_id", "path", "The event's id")
KIND = Parameter("kind", "path", "track or room", {"type": "string", "enum": ["track", "room"]})
NAME = Parameter("name", "path", "The track's key or the room's id")
LANGUAGE = Parameter(
    "lang", "query", "The language that the new calendar is written in, one of the event's; else the event's first"
)
LIMIT = Parameter(
    "limit", "query", "How many items at most", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 50}
)
CURSOR = Parameter("cursor", "query", "next_cursor of the page before, as it is")
OF_EVENT = Parameter("event_id", "query", "Only of this event")
OF_REGISTRATION = Parameter("registration_id", "query", "Only of this registration")
STATE = Parameter(
    "state", "query", "Only those in this state", {"type": "string", "enum": list(map(str, AccountState))}
)
TROUBLE = Parameter("trouble", "query", "true: only those that fail or are lost", {"type": "boolean", "default": False})
VERIFICATION = Parameter("id", "path", "The verification's id")


def limit_in(request: web.Request) -> int:
    """`?limit=`, 50 where there is none. Raises Problem 400."""
    given = request.query.get("limit", "50")
    if given.isascii() and given.isdigit() and len(given) <= 3 and 1 <= int(given) <= MAX_PAGE:
        return int(given)
    raise Problem(400, "bad-limit", f"limit is a number from 1 to {MAX_PAGE}.")


def fields_in(request: web.Request, *names: str) -> dict[str, Any]:
    """The named parameters that are given."""
    return {name: request.query[name] for name in names if request.query.get(name)}


def state_in(request: web.Request) -> dict[str, Any]:
    """`?state=`. Raises Problem 400 for one that there is not."""
    given = request.query.get("state")
    if given is None:
        return {}
    if given not in list(AccountState):
        raise Problem(400, "bad-state", f"state is one of {', '.join(AccountState)}.")
    return {"state": given}


def flag_in(request: web.Request, name: str) -> bool:
    """A parameter that is true or false, false where there is none. Raises Problem 400."""
    given = request.query.get(name, "false")
    if given not in ("true", "false"):
        raise Problem(400, f"bad-{name}", f"{name} is true or false.")
    return given == "true"


def scope_in(request: web.Request) -> Scope:
    """The calendar that the path names. Raises Problem 404 for a kind that there is not."""
    event_id = request.match_info["event_id"]
    if "kind" not in request.match_info:
        return Scope(ScopeKind.EVENT, event_id)
    kind = request.match_info["kind"]
    if kind not in (ScopeKind.TRACK, ScopeKind.ROOM):
        raise Problem(
            404, "no-such-calendar", "An event has calendars of tracks and of rooms: .../track/{key}, .../room/{id}."
        )
    return Scope(ScopeKind(kind), event_id, request.match_info["name"])
