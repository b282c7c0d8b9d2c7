"""What the API answers about calendars, accounts, servers and verifications."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from services.calendar_sync.account_status import AccountStatus, ServerStatus, state_of
from services.calendar_sync.accounts_store import ServerState
from services.calendar_sync.reconciler import Kind
from services.calendar_sync.status import CalendarStatus
from services.calendar_sync.trouble import Said, Trouble, said_of
from services.calendar_sync.verifications import Verification

Fares = Literal["working", "failing", "paused", "none"]
States = Literal["choosing", "working", "lost", "leaving"]


class ErrorShown(BaseModel):
    """An error: of which kind, in plain English words, and when it was met."""

    kind: Trouble
    message: str
    at: datetime | None


class HomeShown(BaseModel):
    """The organisation's own server; `none`: no server is configured."""

    address: str | None
    state: Fares
    last_error: ErrorShown | None
    paused_until: datetime | None


class CalendarShown(BaseModel):
    """A shared calendar. `name`: the track's key or the room's id; `leaving`: it is being removed."""

    id: str
    kind: Literal["event", "track", "room"]
    event_id: str
    name: str | None
    title: str
    address: str
    written: int
    waiting: int
    waiting_since: datetime | None
    last_error: ErrorShown | None
    checked_at: datetime | None
    verified_at: datetime | None
    leaving: bool


class Calendars(BaseModel):
    """A page of shared calendars; `next_cursor` null: the last page."""

    server: HomeShown
    calendars: list[CalendarShown]
    next_cursor: str | None


class ObjectShown(BaseModel):
    """The calendar object of a session."""

    session_id: str
    state: Literal["written", "waiting", "to-remove"]
    revision: int | None
    since: datetime | None
    attempts: int
    next_attempt: datetime | None
    last_error: str | None
    last_error_kind: Trouble | None


class CalendarDetail(CalendarShown):
    """A shared calendar with every object."""

    objects: list[ObjectShown]


class AccountShown(BaseModel):
    """An attendee's account: no name, no password, no address of a calendar. `absent`: objects that the person removed or
    declined, while it is not settled what that means; `lost`: why only the person can mend it."""

    id: str
    registration_id: str
    event_id: str | None
    state: States
    server: str
    connected_at: datetime | None
    written: int
    waiting: int
    waiting_since: datetime | None
    absent: int
    last_error: ErrorShown | None
    failing_since: datetime | None
    paused_until: datetime | None
    lost: str | None
    peculiarities: list[str]
    checked_at: datetime | None
    verified_at: datetime | None


class Accounts(BaseModel):
    """A page of attendees' accounts; `next_cursor` null: the last page."""

    items: list[AccountShown]
    next_cursor: str | None


class ServerShown(BaseModel):
    """A calendar server; `accounts` by state, the organisation's own among them; `since`: since when it fails."""

    server: str
    state: Fares
    since: datetime | None
    last_error: ErrorShown | None
    paused_until: datetime | None
    accounts: dict[str, int]
    calendars: int
    peculiarities: list[str]


class Servers(BaseModel):
    """A page of servers; `next_cursor` null: the last page."""

    items: list[ServerShown]
    next_cursor: str | None


class RepairBegun(BaseModel):
    """How many calendars are listed anew and put right."""

    calendars: int


class DifferentShown(BaseModel):
    """An object that is not as it was written."""

    session_id: str
    what: Literal["gone", "changed", "foreign", "declined"]


class UnwellShown(BaseModel):
    """A calendar with something different in it, or something that could not be read."""

    id: str
    kind: Literal["event", "track", "room", "person"]
    event_id: str
    name: str
    equal: int
    waiting: int
    unread: int
    error: str | None
    different: int
    objects: list[DifferentShown]


class VerificationShown(BaseModel):
    """A verification. `total` and `done` count calendars; `equal`, `different`, `waiting` and `unread` count objects:
    `waiting` are known not to be right yet, `unread` could not be read. `left_out`: more calendars than are told of."""

    id: str
    state: Literal["waiting", "running", "done"]
    asked: dict[str, str]
    repair: bool
    started_at: datetime
    finished_at: datetime | None
    total: int
    done: int
    equal: int
    different: int
    waiting: int
    unread: int
    calendars: list[UnwellShown]
    left_out: int


def calendar(status: CalendarStatus) -> dict[str, Any]:
    """CalendarShown."""
    one, scope = status.calendar, status.calendar.scope
    return {
        "id": one.id,
        "kind": str(scope.kind),
        "event_id": scope.event_id,
        "name": scope.name or None,
        "title": status.title or scope.event_id,
        "address": f"{one.server}{one.path}",
        "written": status.written,
        "waiting": len(status.waiting),
        "waiting_since": instant(status.waiting_since),
        "last_error": error(status.last_error),
        "checked_at": instant(one.checked_at),
        "verified_at": instant(one.verified_at),
        "leaving": one.leaving,
    }


def objects(status: CalendarStatus) -> list[dict[str, Any]]:
    """ObjectShown of each session."""
    waiting = {difference.session_id: difference for difference in status.waiting}
    rows = []
    for session_id in sorted({*waiting, *status.known}):
        difference, known = waiting.get(session_id), status.known.get(session_id)
        told = said_of(known) if known is not None else None
        state = "written" if difference is None else "to-remove" if difference.kind is Kind.REMOVE else "waiting"
        rows.append(
            {
                "session_id": session_id,
                "state": state,
                "revision": known.revision if known is not None and known.there else None,
                "since": instant(difference.since) if difference else None,
                "attempts": known.attempts if known else 0,
                "next_attempt": instant(known.next_attempt) if known else None,
                "last_error": told.words if told is not None else None,
                "last_error_kind": str(told.kind) if told is not None else None,
            }
        )
    return rows


def home(address: str | None, fares: ServerState, now: datetime) -> dict[str, Any]:
    """HomeShown."""
    if address is None:
        return {"address": None, "state": "none", "last_error": None, "paused_until": None}
    state = state_of(fares, now)
    return {
        "address": address,
        "state": state,
        "last_error": error(said_of(fares)),
        "paused_until": instant(fares.paused_until) if state == "paused" else None,
    }


def account(status: AccountStatus) -> dict[str, Any]:
    """AccountShown."""
    one = next((c.calendar for c in status.calendars), None)
    return {
        "id": status.id,
        "registration_id": status.registration_id,
        "event_id": status.event_id,
        "state": str(status.state),
        "server": status.server,
        "connected_at": instant(status.created_at),
        "written": sum(c.written for c in status.calendars),
        "waiting": sum(len(c.waiting) for c in status.calendars),
        "waiting_since": instant(status.waiting_since),
        "absent": sum(c.absent for c in status.calendars),
        "last_error": error(status.last_error),
        "failing_since": instant(status.failing_since),
        "paused_until": instant(status.paused_until),
        "lost": status.lost,
        "peculiarities": status.peculiarities,
        "checked_at": instant(one.checked_at) if one else None,
        "verified_at": instant(one.verified_at) if one else None,
    }


def server(status: ServerStatus, now: datetime) -> dict[str, Any]:
    """ServerShown."""
    fares, state = status.fares, status.state(now)
    return {
        "server": status.server,
        "state": state,
        "since": instant(status.since),
        "last_error": error(said_of(fares)),
        "paused_until": instant(fares.paused_until) if state == "paused" else None,
        "accounts": dict(status.accounts),
        "calendars": status.calendars,
        "peculiarities": list(status.peculiarities),
    }


def verification(job: Verification) -> dict[str, Any]:
    """VerificationShown."""
    return {
        "id": job.id,
        "state": str(job.state),
        "asked": dict(job.wanted),
        "repair": job.repair,
        "started_at": instant(job.started_at),
        "finished_at": instant(job.finished_at),
        "total": max(job.total, job.done),
        "done": job.done,
        "equal": job.equal,
        "different": job.different,
        "waiting": job.waiting,
        "unread": job.unread,
        "calendars": job.found,
        "left_out": max(0, job.troubled - len(job.found)),
    }


def error(said: Said | None) -> dict[str, Any] | None:
    """ErrorShown."""
    return {"kind": str(said.kind), "message": said.words, "at": instant(said.at)} if said is not None else None


def instant(value: datetime | None) -> str | None:
    """The instant in UTC, as JSON has it."""
    return value.isoformat().replace("+00:00", "Z") if value is not None else None
