"""How attendees' accounts and the calendar servers stand. Nothing here says whose an account is but the registration's id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.calendar_sync.accounts_store import ACCOUNTS, CALENDARS, CONFIGURED, SERVERS, AccountState, ServerState
from services.calendar_sync.profile import Profile
from services.calendar_sync.status import CalendarStatus, Statuses
from services.calendar_sync.tools import Tools
from services.calendar_sync.trouble import Said, newest, said
from shared.storage.mongo import Document

_LINE = (
    "registration_id", "event_id", "state", "server", "created_at", "failing_since", "paused_until", "lost", "error", "error_kind",
    "error_at", "profile",
)  # fmt: skip
"""What is read of an account: no name, no secret, no path."""

PERSONAL = {"registration_id": {"$ne": None}}


@dataclass(frozen=True)
class AccountStatus:
    """An attendee's account with its calendar. `calendars` is empty while the person is still choosing one."""

    id: str
    registration_id: str
    event_id: str | None
    state: AccountState
    server: str
    created_at: datetime | None
    failing_since: datetime | None
    paused_until: datetime | None
    lost: str | None
    profile: Profile | None
    error: Said | None
    calendars: Sequence[CalendarStatus]

    @property
    def waiting_since(self) -> datetime | None:
        """Since when the longest waiting object waits (UTC)."""
        return min((c.waiting_since for c in self.calendars if c.waiting_since is not None), default=None)

    @property
    def last_error(self) -> Said | None:
        """The newest error of the account or its calendar."""
        return newest([self.error, *(c.last_error for c in self.calendars)])

    @property
    def peculiarities(self) -> list[str]:
        """What is peculiar about its server, a sentence each (msgids)."""
        return self.profile.words() if self.profile is not None else []


@dataclass(frozen=True)
class ServerStatus:
    """How a server fares; `accounts` by state, the organisation's own among them. `since`: since when it fails, where known."""

    server: str
    fares: ServerState
    since: datetime | None
    accounts: Mapping[str, int]
    calendars: int
    peculiarities: Sequence[str]

    def state(self, now: datetime) -> str:
        """paused, failing or working."""
        return state_of(self.fares, now)


def state_of(fares: ServerState, now: datetime) -> str:
    """paused: left alone for a while after failures; failing; working."""
    if fares.paused_until is not None and fares.paused_until > now:
        return "paused"
    return "failing" if fares.error else "working"


async def own_server(tools: Tools, server: str) -> ServerState:
    """How the organisation's own server fares. One that works for others but refuses the organisation's account fails as well."""
    fares = (await tools.accounts.servers()).get(server, ServerState())
    if fares.error is not None:
        return fares
    refused = {"account": CONFIGURED, "attempts": {"$gt": 0}, "error": {"$ne": None}}
    found = await tools.accounts.database[CALENDARS.name].find_one(refused, sort=[("error_at", -1)])
    return _fares(found) if found is not None else fares


async def accounts_page(
    tools: Tools, wanted: Mapping[str, Any], cursor: str | None, limit: int, now: datetime, *, trouble: bool = False
) -> tuple[list[AccountStatus], str | None]:
    """Attendees' accounts with these fields in the order of their ids, after `cursor`; and the next cursor.

    `trouble`: only those that fail, are lost, or have a calendar whose last look left an error.
    """
    database = tools.accounts.database
    narrowed: list[Document] = [PERSONAL, dict(wanted)]
    if cursor is not None:
        narrowed.append({"_id": {"$gt": cursor}})
    if trouble:
        narrowed.append(await _in_trouble(tools))
    found = database[ACCOUNTS.name].find({"$and": narrowed}, dict.fromkeys(_LINE, 1))
    lines = [line async for line in found.sort("_id", 1).limit(limit + 1)]
    ids = [line["_id"] for line in lines[:limit]]
    by_account: dict[str, list[CalendarStatus]] = defaultdict(list)
    for status in await Statuses(tools).of(await tools.accounts.calendars(account={"$in": ids}), now):
        by_account[status.calendar.account].append(status)
    return [_account(line, by_account[line["_id"]]) for line in lines[:limit]], ids[-1] if len(lines) > limit else None


async def _in_trouble(tools: Tools) -> Document:
    failing = await tools.accounts.database[CALENDARS.name].distinct(
        "account", {"scope.kind": "person", "error": {"$ne": None}}
    )
    noted = [{name: {"$ne": None}} for name in ("failing_since", "lost", "error")]
    return {"$or": [*noted, {"_id": {"$in": failing}}]}


def _account(line: Mapping[str, Any], calendars: Sequence[CalendarStatus]) -> AccountStatus:
    return AccountStatus(
        id=line["_id"],
        registration_id=line["registration_id"],
        event_id=line.get("event_id"),
        state=AccountState(line["state"]),
        server=line["server"],
        created_at=line.get("created_at"),
        failing_since=line.get("failing_since"),
        paused_until=line.get("paused_until"),
        lost=line.get("lost"),
        profile=Profile.from_data(line["profile"]) if line.get("profile") else None,
        error=said(line.get("error"), line.get("error_kind"), line.get("error_at")),
        calendars=calendars,
    )


async def servers_page(tools: Tools, cursor: str | None, limit: int) -> tuple[list[ServerStatus], str | None]:
    """The servers that any account is on, in the order of their addresses, after `cursor`; and the next cursor."""
    accounts, calendars = tools.accounts.database[ACCOUNTS.name], tools.accounts.database[CALENDARS.name]
    match = {"server": {"$gt": cursor}} if cursor is not None else {}
    pages: list[Document] = [
        {"$match": match},
        {"$group": {"_id": "$server"}},
        {"$sort": {"_id": 1}},
        {"$limit": limit + 1},
    ]
    names = [group["_id"] async for group in accounts.aggregate(pages)]
    shown = {"$match": {"server": {"$in": names[:limit]}}}
    states: dict[str, dict[str, int]] = defaultdict(dict)
    failing: dict[str, datetime | None] = {}
    profiles: dict[str, Document] = {}
    by_state = {
        "_id": {"server": "$server", "state": "$state"},
        "number": {"$sum": 1},
        "since": {"$min": "$failing_since"},
        "profile": {"$max": "$profile"},
    }
    async for group in accounts.aggregate([shown, {"$group": by_state}]):
        server = group["_id"]["server"]
        states[server][group["_id"]["state"]] = group["number"]
        failing[server] = min(filter(None, (failing.get(server), group["since"])), default=None)
        if group["profile"]:
            profiles[server] = group["profile"]
    number = {"_id": "$server", "number": {"$sum": 1}}
    held = {group["_id"]: group["number"] async for group in calendars.aggregate([shown, {"$group": number}])}
    fares = {s["_id"]: s async for s in tools.accounts.database[SERVERS.name].find({"_id": {"$in": names[:limit]}})}
    found = []
    for name in names[:limit]:
        told = fares.get(name, {})
        state = replace(_fares(told), paused_until=told.get("paused_until"))
        since = (told.get("since") or failing.get(name)) if state.error else None
        peculiar = Profile.from_data(profiles[name]).words() if name in profiles else []
        found.append(ServerStatus(name, state, since, states[name], held.get(name, 0), peculiar))
    return found, names[limit - 1] if len(names) > limit else None


def _fares(found: Mapping[str, Any]) -> ServerState:
    return ServerState(found.get("error"), found.get("error_at"), error_kind=found.get("error_kind"))
