"""Collections of what stands on CalDAV servers: accounts, calendars, objects, and how each server fares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.calendar_sync.domain import Scope, ScopeKind, Whose
from services.calendar_sync.profile import Profile
from services.calendar_sync.reconciler import Known
from shared.storage.mongo import Collection, Database, Document, Index, ReplaceOne, Session

ACCOUNTS = Collection("accounts", (Index((("registration_id", 1),)), Index((("expires_at", 1),))))
CALENDARS = Collection(
    "calendars",
    (
        Index((("server", 1), ("due", 1))),
        Index((("event_id", 1), ("due", 1))),
        Index((("account", 1),)),
        Index((("registration_id", 1),)),
    ),
)
OBJECTS = Collection("objects", (Index((("calendar", 1),)),))
SERVERS = Collection("servers")

COLLECTIONS = (ACCOUNTS, CALENDARS, OBJECTS, SERVERS)

CONFIGURED = "configured"
"""The organisation's own account, as LECTERN_CALDAV_URL names it."""


class AccountState(StrEnum):
    """What becomes of an account."""

    CHOOSING = "choosing"
    """Found, and the person has yet to choose a calendar."""
    WORKING = "working"
    LOST = "lost"
    """Only the person can mend it: password refused, calendar gone."""
    LEAVING = "leaving"
    """Disconnected: what Lectern wrote is being removed."""


@dataclass(frozen=True)
class Account:
    """An account on a CalDAV server. `secret` is sealed; `guarded`: its address was given by a person from outside."""

    id: str
    server: str
    home: str
    username: str | None = None
    secret: str | None = None
    guarded: bool = True
    registration_id: str | None = None
    event_id: str | None = None
    state: AccountState = AccountState.WORKING
    profile: Profile | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    """Of one that is being chosen, or leaves: when it is forgotten all the same (UTC)."""
    failing_since: datetime | None = None
    refusals: int = 0
    """How often in a row the server refused the password."""
    paused_until: datetime | None = None
    error: str | None = None
    error_kind: str | None = None
    error_at: datetime | None = None
    lost: str | None = None
    """Why it is lost (shared.contracts.calendar_sync.Lost)."""
    made: tuple[datetime, ...] = ()
    """When calendars were made in it, lately: servers allow few in an hour."""
    litter: tuple[str, ...] = ()
    """Addresses of probe objects that could not be removed at once."""
    erased: bool = False
    """The person is forgotten: nothing of it is kept longer than it takes to remove what was written."""

    @property
    def personal(self) -> bool:
        """Whether it is a person's and not the organisation's."""
        return self.registration_id is not None

    def whose(self) -> Whose:
        """Whose it is. Raises ValueError for an account of the organisation."""
        if self.registration_id is None or self.event_id is None:
            raise ValueError(f"account {self.id} is no person's")
        return Whose(self.registration_id, self.event_id)


@dataclass(frozen=True)
class Calendar:
    """A calendar on a server. `version` is the agenda's that was last looked at, `marks` counts what asked for a look.

    `path` is the collection's path on its server; `ours`: Lectern made it, so Lectern may rename and remove it.
    """

    id: str
    account: str
    server: str
    scope: Scope
    path: str
    due: datetime
    marks: int = 0
    language: str | None = None
    ours: bool = True
    leaving: bool = False
    changed_at: datetime | None = None
    pushed: int = 0
    checked_at: datetime | None = None
    listed_at: datetime | None = None
    """When all of it was last listed (a report of changes alone is no list)."""
    sync_token: str | None = None
    verified_at: datetime | None = None
    title: str | None = None
    attempts: int = 0
    error: str | None = None
    error_kind: str | None = None
    error_at: datetime | None = None


@dataclass(frozen=True)
class ServerState:
    """How a server fares, for people: why it is left alone, since when, until when (UTC)."""

    error: str | None = None
    error_at: datetime | None = None
    paused_until: datetime | None = None
    since: datetime | None = None
    error_kind: str | None = None


def personal_calendar_id(registration_id: str) -> str:
    """The id of a person's calendar: one for each registration."""
    return Scope(ScopeKind.PERSON, "", registration_id).key


_SEEN = (
    "pushed", "checked_at", "listed_at", "sync_token", "title", "path", "ours", "attempts", "error", "error_kind",
    "error_at",
)  # fmt: skip
"""What a look at a calendar finds out."""


class AccountsStore:
    """Reads and writes of what stands on servers."""

    def __init__(self, database: Database) -> None:
        self.database = database

    # Accounts

    async def keep_account(self, account: Account, session: Session | None = None) -> None:
        """Keeps the account as it is."""
        accounts = self.database[ACCOUNTS.name]
        await accounts.replace_one({"_id": account.id}, _stored(account), upsert=True, session=session)

    async def account(self, id_: str) -> Account | None:
        """The account with this id."""
        found = await self.database[ACCOUNTS.name].find_one({"_id": id_})
        return _account(found) if found else None

    async def accounts_of(self, registration_id: str) -> list[Account]:
        """A person's accounts: the one that works, and one that is being chosen or leaves."""
        cursor = self.database[ACCOUNTS.name].find({"registration_id": registration_id}).sort("_id", 1)
        return [_account(found) async for found in cursor]

    async def note_account(self, id_: str, **fields: Any) -> None:
        """Notes some fields of an account; none together with a state where it leaves by now."""
        plain: Document = {n: str(value) if isinstance(value, StrEnum) else value for n, value in fields.items()}
        if isinstance(plain.get("profile"), Profile):
            plain["profile"] = plain["profile"].as_data()
        still = {"state": {"$ne": str(AccountState.LEAVING)}} if "state" in plain else {}
        await self.database[ACCOUNTS.name].update_one({"_id": id_, **still}, {"$set": plain})

    async def forget_account(self, id_: str) -> None:
        """Forgets an account with its secret, its calendars and all that is known of their objects."""
        ids = [found["_id"] async for found in self.database[CALENDARS.name].find({"account": id_}, {"_id": 1})]
        await self.database[OBJECTS.name].delete_many({"calendar": {"$in": ids}})
        await self.database[CALENDARS.name].delete_many({"account": id_})
        await self.database[ACCOUNTS.name].delete_one({"_id": id_})

    async def expired_accounts(self, now: datetime) -> list[Account]:
        """Accounts whose time is over."""
        cursor = self.database[ACCOUNTS.name].find({"expires_at": {"$lte": now}})
        return [_account(found) async for found in cursor]

    async def accounts_at(self, event_ids: Sequence[str]) -> list[Account]:
        """The accounts that people connected for these events."""
        cursor = self.database[ACCOUNTS.name].find({"event_id": {"$in": list(event_ids)}})
        return [_account(found) async for found in cursor]

    async def all_accounts(self) -> list[Account]:
        """Every account."""
        return [_account(found) async for found in self.database[ACCOUNTS.name].find({}).sort("_id", 1)]

    async def leave(self, registration_id: str, until: datetime, now: datetime, *, erased: bool = False) -> int:
        """The person's accounts leave: what was written is removed, by `until` at the latest. Returns how many."""
        accounts = self.database[ACCOUNTS.name]
        await accounts.delete_many({"registration_id": registration_id, "state": str(AccountState.CHOOSING)})
        result = await accounts.update_many(
            {"registration_id": registration_id},
            {"$set": {"state": str(AccountState.LEAVING), "expires_at": until, "erased": erased, "paused_until": None}},
        )
        await self.database[CALENDARS.name].update_many(
            {"registration_id": registration_id}, {"$set": {"leaving": True, "due": now}, "$inc": {"marks": 1}}
        )
        return int(result.matched_count)

    # Calendars

    async def keep_calendar(self, calendar: Calendar, session: Session | None = None) -> None:
        """Keeps a new calendar as it is."""
        stored = _calendar_stored(calendar)
        await self.database[CALENDARS.name].replace_one({"_id": calendar.id}, stored, upsert=True, session=session)

    async def add_calendar(self, calendar: Calendar) -> bool:
        """Keeps a calendar where there is none with its id; False where there is."""
        result = await self.database[CALENDARS.name].update_one(
            {"_id": calendar.id}, {"$setOnInsert": _calendar_stored(calendar)}, upsert=True
        )
        return result.upserted_id is not None

    async def calendar(self, id_: str) -> Calendar | None:
        """The calendar with this id."""
        found = await self.database[CALENDARS.name].find_one({"_id": id_})
        return _calendar(found) if found else None

    async def calendars(self, **wanted: Any) -> list[Calendar]:
        """All calendars with these fields."""
        return [_calendar(found) async for found in self.database[CALENDARS.name].find(wanted).sort("_id", 1)]

    async def forget_calendar(self, id_: str) -> None:
        """Forgets a calendar and what is known of its objects."""
        await self.database[OBJECTS.name].delete_many({"calendar": id_})
        await self.database[CALENDARS.name].delete_one({"_id": id_})

    async def mark_event(self, event_id: str, now: datetime) -> None:
        """All calendars of the event are to be looked at."""
        await self.database[CALENDARS.name].update_many(
            {"event_id": event_id}, {"$min": {"due": now}, "$inc": {"marks": 1}, "$set": {"changed_at": now}}
        )

    async def mark(self, id_: str, now: datetime, session: Session | None = None) -> None:
        """One calendar is to be looked at."""
        await self.database[CALENDARS.name].update_one(
            {"_id": id_},
            {"$min": {"due": now}, "$inc": {"marks": 1}, "$set": {"changed_at": now}},
            session=session,
        )

    async def mark_failing(self, account: str, now: datetime) -> None:
        """The account's calendars that failed are to be looked at."""
        await self.database[CALENDARS.name].update_many(
            {"account": account, "attempts": {"$gt": 0}}, {"$min": {"due": now}, "$inc": {"marks": 1}}
        )

    async def mark_person(self, registration_id: str, now: datetime, session: Session | None = None) -> None:
        """The person's calendar is to be looked at."""
        await self.database[CALENDARS.name].update_many(
            {"registration_id": registration_id},
            {"$min": {"due": now}, "$inc": {"marks": 1}, "$set": {"changed_at": now}},
            session=session,
        )

    async def clearing(self, calendar: Calendar, *, same_place: bool) -> bool:
        """Whether what was written in an earlier calendar of this person is still being removed from the same server, or
        (`same_place`) from this very calendar."""
        wanted: Document = {"registration_id": calendar.scope.name, "server": calendar.server, "leaving": True}
        if same_place:
            wanted["path"] = calendar.path
        return await self.database[CALENDARS.name].find_one(wanted, {"_id": 1}) is not None

    async def check_all(self, now: datetime, **wanted: Any) -> int:
        """Calendars with these fields are listed anew and all of their objects compared. Returns how many."""
        result = await self.database[CALENDARS.name].update_many(
            wanted,
            {"$set": {"due": now, "checked_at": None, "listed_at": None, "sync_token": None}, "$inc": {"marks": 1}},
        )
        return int(result.matched_count)

    async def servers_due(self, now: datetime) -> list[str]:
        """The servers with a calendar to look at now."""
        return list(await self.database[CALENDARS.name].distinct("server", {"due": {"$lte": now}}))

    async def due(self, server: str, now: datetime, limit: int) -> list[Calendar]:
        """A server's calendars to look at now, the longest waiting first."""
        cursor = self.database[CALENDARS.name].find({"server": server, "due": {"$lte": now}})
        return [_calendar(found) async for found in cursor.sort("due", 1).limit(limit)]

    async def looked_at(self, calendar: Calendar, *, due: datetime) -> None:
        """Notes how a look went, and when to look again; at once where something was marked meanwhile."""
        stored = _calendar_stored(calendar)
        seen = {name: stored[name] for name in _SEEN}
        calendars = self.database[CALENDARS.name]
        result = await calendars.update_one(
            {"_id": calendar.id, "marks": calendar.marks}, {"$set": {**seen, "due": due}}
        )
        if result.matched_count == 0:
            # Where it was asked to be listed anew meanwhile (check_all), this list was begun too early.
            as_before = {"_id": calendar.id, "$or": [{"listed_at": {"$ne": None}}, {"title": None}]}
            result = await calendars.update_one(as_before, {"$set": seen})
        if result.matched_count == 0:
            rest = {name: seen[name] for name in _SEEN if name not in ("checked_at", "listed_at", "sync_token")}
            await calendars.update_one({"_id": calendar.id}, {"$set": rest})

    # Objects

    async def objects(self, calendar: str) -> dict[str, Known]:
        """What is known of the calendar's objects, by session."""
        cursor = self.database[OBJECTS.name].find({"calendar": calendar})
        return {found["session_id"]: _known(found) async for found in cursor}

    async def keep_objects(self, known: Sequence[Known]) -> None:
        """Notes what is known now."""
        writes = [
            ReplaceOne(
                {"_id": f"{item.calendar}/{item.session_id}"},
                {"schema": 2, **{k: v for k, v in asdict(item).items() if v is not None}},
                upsert=True,
            )
            for item in known
        ]
        if writes:
            await self.database[OBJECTS.name].bulk_write(writes, ordered=False)

    async def forget_object(self, calendar: str, session_id: str) -> None:
        """The object is gone, and is meant to be."""
        await self.database[OBJECTS.name].delete_one({"_id": f"{calendar}/{session_id}"})

    async def absences(self, server: str, since: datetime, until: datetime) -> tuple[int, int]:
        """Of how many accounts on the server objects were found missing in that time, and how many accounts it has."""
        calendars = await self.calendars(server=server)
        personal = {calendar.id: calendar.account for calendar in calendars if not calendar.scope.shared}
        found = await self.database[OBJECTS.name].distinct(
            "calendar", {"calendar": {"$in": list(personal)}, "missed_at": {"$gte": since, "$lte": until}}
        )
        return len({personal[id_] for id_ in found}), len(set(personal.values()))

    # Servers

    async def keep_server(self, server: str, state: ServerState) -> None:
        """Notes how a server fares."""
        await self.database[SERVERS.name].replace_one({"_id": server}, {"schema": 2, **asdict(state)}, upsert=True)

    async def forget_servers(self) -> set[str]:
        """Forgets how servers fared on which nothing stands any more: an address may name a person. Returns the others."""
        used = set(await self.database[CALENDARS.name].distinct("server"))
        await self.database[SERVERS.name].delete_many({"_id": {"$nin": list(used)}})
        return used

    async def servers(self) -> dict[str, ServerState]:
        """How every server fares."""
        found = self.database[SERVERS.name].find({})
        names = ServerState.__dataclass_fields__
        return {s["_id"]: ServerState(**{name: s[name] for name in names if name in s}) async for s in found}


def _stored(account: Account) -> Document:
    stored = {
        **asdict(account),
        "schema": 1,
        "state": str(account.state),
        "made": list(account.made),
        "litter": list(account.litter),
    }
    stored["profile"] = account.profile.as_data() if account.profile else None
    stored.pop("id")
    return stored


def _account(found: Mapping[str, Any]) -> Account:
    fields = {name: found[name] for name in Account.__dataclass_fields__ if name in found}
    fields |= {"state": AccountState(found["state"]), "made": tuple(found.get("made", ()))}
    fields["litter"] = tuple(found.get("litter", ()))
    fields["profile"] = Profile.from_data(found["profile"]) if found.get("profile") else None
    return Account(id=found["_id"], **fields)


def _calendar_stored(calendar: Calendar) -> Document:
    stored: Document = {**asdict(calendar), "schema": 2, "event_id": calendar.scope.event_id}
    stored["scope"] = {"kind": str(calendar.scope.kind), "name": calendar.scope.name}
    stored["registration_id"] = calendar.scope.name if not calendar.scope.shared else None
    stored.pop("id")
    return stored


def _calendar(found: Mapping[str, Any]) -> Calendar:
    fields = {name: found[name] for name in Calendar.__dataclass_fields__ if name in found}
    scope = found["scope"]
    fields["scope"] = Scope(ScopeKind(scope["kind"]), found["event_id"], scope["name"])
    return Calendar(id=found["_id"], **fields)


def _known(found: Mapping[str, Any]) -> Known:
    return Known(**{name: found[name] for name in Known.__dataclass_fields__ if name in found})
