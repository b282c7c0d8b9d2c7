"""The organisation's shared calendars: which there are to be, from the settings and from what organisers ask for."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote, urlsplit

from services.calendar_sync.accounts_store import ACCOUNTS, CONFIGURED, Account, AccountsStore, Calendar
from services.calendar_sync.domain import Scope, ScopeKind
from services.calendar_sync.store import AGENDAS, Agenda
from shared.calendar.track import track_key

MADE_BY_THEMSELVES = (ScopeKind.EVENT, ScopeKind.TRACK, ScopeKind.ROOM)
"""What LECTERN_SHARED_CALENDARS may name."""


class SharedCalendars:
    """Sees to it that each event has the calendars that the settings name. `home`: the collection that holds them."""

    def __init__(self, accounts: AccountsStore, home: str, kinds: frozenset[ScopeKind]) -> None:
        self._accounts, self._kinds = accounts, kinds
        self.home = home if home.endswith("/") else home + "/"
        parts = urlsplit(self.home)
        self.server = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @property
    def kinds(self) -> frozenset[ScopeKind]:
        """What every event has by itself."""
        return self._kinds

    async def declare(self, now: datetime) -> None:
        """Keeps the configured account; a new address begins with nothing known. Where the settings changed, each event is
        gone through once more: the facts of those that are there already have come long ago."""
        known = await self._accounts.account(CONFIGURED)
        if known is not None and known.home == self.home:
            # A new start, perhaps with a mended password: nothing waits any longer.
            await self._accounts.note_account(CONFIGURED, paused_until=None)
            await self._accounts.mark_failing(CONFIGURED, now)
        else:
            if known is not None:
                await self._accounts.forget_account(CONFIGURED)
            account = Account(id=CONFIGURED, server=self.server, home=self.home, guarded=False, created_at=now)
            await self._accounts.keep_account(account)
        accounts, kinds = self._accounts.database[ACCOUNTS.name], sorted(map(str, self._kinds))
        if await accounts.find_one({"_id": CONFIGURED, "kinds": kinds}, {"_id": 1}) is None:
            await self._accounts.database[AGENDAS.name].update_many({}, {"$set": {"fresh": True}})
            await accounts.update_one({"_id": CONFIGURED}, {"$set": {"kinds": kinds}})

    @staticmethod
    async def undeclare(accounts: AccountsStore) -> None:
        """No server is configured: events that come now get no calendars, until one is configured again."""
        await accounts.database[ACCOUNTS.name].update_one({"_id": CONFIGURED}, {"$unset": {"kinds": ""}})

    async def see_to(self, event_id: str, agenda: Agenda, now: datetime) -> None:
        """Adds the calendars that the event is to have and has not."""
        for scope in scopes(event_id, agenda, self._kinds):
            await self.add(scope, now)

    async def add(self, scope: Scope, now: datetime, language: str | None = None) -> bool:
        """Adds one calendar; False where it is there."""
        calendar = Calendar(
            id=scope.key,
            account=CONFIGURED,
            server=self.server,
            scope=scope,
            path=urlsplit(self.home).path + quote(folder(scope)) + "/",
            due=now,
            changed_at=now,
            language=language,
        )
        return await self._accounts.add_calendar(calendar)


def folder(scope: Scope) -> str:
    """The name of the calendar's collection: the event's id, and behind it what the calendar is about."""
    return scope.event_id if scope.kind is ScopeKind.EVENT else f"{scope.event_id}--{scope.kind}-{scope.name}"


def scopes(event_id: str, agenda: Agenda, kinds: frozenset[ScopeKind]) -> list[Scope]:
    """The shared calendars of these kinds that an event can have."""
    found = {Scope(ScopeKind.EVENT, event_id)} if ScopeKind.EVENT in kinds else set()
    if agenda.event is None:
        return sorted(found, key=lambda scope: scope.key)
    language = agenda.event.languages[0]
    for told in agenda.sessions:
        if ScopeKind.TRACK in kinds:
            found |= {Scope(ScopeKind.TRACK, event_id, track_key(track, language)) for track in told.state.tracks}
        if ScopeKind.ROOM in kinds and told.state.room_id is not None:
            found.add(Scope(ScopeKind.ROOM, event_id, told.state.room_id))
    return sorted(found, key=lambda scope: scope.key)
