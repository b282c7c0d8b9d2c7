"""What is written when an account is found, chosen and left: one transaction each, so that a person has one calendar and no more.

Each touches the registration first: two requests at once come one after the other, and who is forgotten connects nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from services.calendar_sync.accounts_store import (
    ACCOUNTS,
    CALENDARS,
    Account,
    AccountsStore,
    AccountState,
    Calendar,
    personal_calendar_id,
)
from services.calendar_sync.domain import Scope, ScopeKind
from services.calendar_sync.service_location import origin_of
from services.calendar_sync.store import REGISTRATIONS
from shared.storage.mongo import Document, Session

NEW = "new"
"""The id of the choice "a new calendar"."""

MOST_LEAVING = 5
"""So many accounts of a person may be on the way out: each has a worker, on a server that may never answer."""

_CONNECTED = (str(AccountState.WORKING), str(AccountState.LOST))


@dataclass(frozen=True)
class Choice:
    """A calendar that a person may choose. `home` is the collection it lies in; both are absolute. The name of a new one is
    the event's title."""

    id: str
    address: str
    home: str
    name: str = ""
    colour: str | None = None

    @property
    def server(self) -> str:
        """Scheme, host and port."""
        return origin_of(self.address)

    @property
    def path(self) -> str:
        """Its path on the server, percent-encoded."""
        return urlsplit(self.address).path


class Connections:
    """Writes of connecting, on the collections of accounts."""

    def __init__(self, accounts: AccountsStore) -> None:
        self._accounts, self._database = accounts, accounts.database

    async def offer(self, account: Account, choices: Sequence[Choice]) -> bool:
        """Keeps an account of which a calendar is to be chosen, instead of one that was begun before; False where the person
        is forgotten."""

        async def work(session: Session) -> bool:
            if not await self._touched(account.registration_id, session):
                return False
            accounts = self._database[ACCOUNTS.name]
            begun = {"registration_id": account.registration_id, "state": str(AccountState.CHOOSING)}
            await accounts.delete_many(begun, session=session)
            await self._accounts.keep_account(account, session)
            await accounts.update_one(
                {"_id": account.id}, {"$set": {"choices": [asdict(choice) for choice in choices]}}, session=session
            )
            return True

        return await self._database.atomically(work)

    async def stop_choosing(self, registration_id: str) -> None:
        """Forgets an account that was begun, with its password."""
        begun = {"registration_id": registration_id, "state": str(AccountState.CHOOSING)}
        await self._database[ACCOUNTS.name].delete_many(begun)

    async def choices(self, account_id: str) -> list[Choice]:
        """What may be chosen; of an account that is connected, what was."""
        found = await self._database[ACCOUNTS.name].find_one({"_id": account_id}, {"choices": 1})
        return [Choice(**one) for one in (found or {}).get("choices", [])]

    async def choose(self, account: Account, choice: Choice, now: datetime, until: datetime) -> bool:
        """Connects the chosen calendar. What was written in another one before is removed, by `until` at the latest; the
        same one goes on with the new password. False where somebody was faster, or it is too late."""

        async def work(session: Session) -> bool:
            if not await self._touched(account.registration_id, session):
                return False
            accounts = self._database[ACCOUNTS.name]
            waiting = {"_id": account.id, "state": str(AccountState.CHOOSING), "expires_at": {"$gt": now}}
            if await accounts.find_one(waiting, {"_id": 1}, session=session) is None:
                return False
            before = await self._before(account, choice, session)
            if before is not None:
                await accounts.delete_one({"_id": account.id}, session=session)
                await self._renew(before, account, now, session)
            else:
                await self._leave(account, choice, now, until, session)
                await self._begin(account, choice, now, session)
            return True

        return await self._database.atomically(work)

    async def reseal(self, account: Account, secret: str) -> bool:
        """Keeps the same password under another seal; False where it was changed meanwhile."""
        result = await self._database[ACCOUNTS.name].update_one(
            {"_id": account.id, "secret": account.secret}, {"$set": {"secret": secret}}
        )
        return bool(result.modified_count)

    async def _touched(self, registration_id: str | None, session: Session) -> bool:
        result = await self._database[REGISTRATIONS.name].update_one(
            {"_id": registration_id}, {"$inc": {"connections": 1}}, session=session
        )
        return bool(result.matched_count)

    async def _before(self, account: Account, choice: Choice, session: Session) -> str | None:
        """The account in whose name the chosen calendar is written already."""
        place = {
            "registration_id": account.registration_id, "server": choice.server, "path": choice.path,
            "leaving": {"$ne": True},
        }  # fmt: skip
        found = await self._database[CALENDARS.name].find_one(place, {"account": 1}, session=session)
        return str(found["account"]) if found else None

    async def _renew(self, before: str, account: Account, now: datetime, session: Session) -> None:
        mended: Document = {"state": str(AccountState.WORKING), "secret": account.secret, "username": account.username}
        mended |= dict.fromkeys(
            ("failing_since", "error", "error_kind", "error_at", "lost", "paused_until", "expires_at")
        )
        await self._database[ACCOUNTS.name].update_one(
            {"_id": before}, {"$set": mended | {"refusals": 0}}, session=session
        )
        again = {"due": now, "checked_at": None, "attempts": 0, "error": None, "error_kind": None, "error_at": None}
        await self._database[CALENDARS.name].update_many(
            {"account": before}, {"$set": again, "$inc": {"marks": 1}}, session=session
        )

    async def _leave(self, account: Account, choice: Choice, now: datetime, until: datetime, session: Session) -> None:
        accounts, calendars = self._database[ACCOUNTS.name], self._database[CALENDARS.name]
        own = {"registration_id": account.registration_id}
        left = {"state": str(AccountState.LEAVING), "expires_at": until, "paused_until": None}
        await accounts.update_many({**own, "state": {"$in": _CONNECTED}}, {"$set": left}, session=session)
        await calendars.update_many(
            {**own, "leaving": {"$ne": True}},
            {"$set": {"leaving": True, "due": now}, "$inc": {"marks": 1}},
            session=session,
        )
        leaving = accounts.find({**own, "state": str(AccountState.LEAVING)}, {"_id": 1}, session=session)
        oldest = [one["_id"] async for one in leaving.sort("created_at", -1).skip(MOST_LEAVING)]
        await accounts.update_many({"_id": {"$in": oldest}}, {"$set": {"expires_at": now}}, session=session)
        # What opens the account today opens it for the removal as well: the password before may be why it was lost.
        there = await calendars.distinct(
            "account", {**own, "server": choice.server, "path": choice.path}, session=session
        )
        same = {"server": choice.server, "username": account.username}
        keys: Document = {"secret": account.secret, "username": account.username, "paused_until": None}
        await accounts.update_many(
            {**own, "state": str(AccountState.LEAVING), "$or": [{"_id": {"$in": there}}, same]},
            {"$set": keys},
            session=session,
        )

    async def _begin(self, account: Account, choice: Choice, now: datetime, session: Session) -> None:
        whose = account.whose()
        chosen = replace(
            account,
            server=choice.server,
            home=choice.home,
            state=AccountState.WORKING,
            created_at=now,
            expires_at=None,
        )
        await self._accounts.keep_account(chosen, session)
        await self._database[ACCOUNTS.name].update_one(
            {"_id": account.id}, {"$set": {"choices": [asdict(choice)]}}, session=session
        )
        calendar = Calendar(
            # An id of its own for each connection: a look at an earlier one that is still under way cannot write into it.
            id=f"{personal_calendar_id(whose.registration_id)}/{account.id}",
            account=account.id,
            server=choice.server,
            scope=Scope(ScopeKind.PERSON, whose.event_id, whose.registration_id),
            path=choice.path,
            due=now,
            ours=choice.id == NEW,
            changed_at=now,
        )
        await self._accounts.keep_calendar(calendar, session)
