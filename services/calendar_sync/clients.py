"""Who speaks to which server: connections shared by the accounts of one server, and credentials opened when they are used."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import aiohttp

from services.calendar_sync.accounts_store import CONFIGURED, Account
from services.calendar_sync.answers import Blame, Fault
from services.calendar_sync.caldav_client import DavServer, DavSession
from services.calendar_sync.sealing import Sealing, Unreadable
from services.calendar_sync.trouble import Trouble
from shared.outward import AddressRule
from shared.outward_aiohttp import guarded_connector


@dataclass(frozen=True)
class Credentials:
    """The organisation's own account, as configured."""

    username: str | None = None
    password: str | None = None


@dataclass
class Clients:
    """Connections by server. `sealing` None: no attendee's account can be used. `timeout` in seconds, for each request."""

    configured: Credentials
    sealing: Sealing | None
    rule: AddressRule
    timeout: float = 20.0
    _servers: dict[tuple[str, bool], DavServer] = field(default_factory=dict)

    def session(self, account: Account) -> DavSession:
        """Requests in the name of the account. Raises Fault where its password cannot be read."""
        if account.id == CONFIGURED:
            return self._server(account.server, guarded=False).session(
                self.configured.username, self.configured.password
            )
        return self._server(account.server, account.guarded).session(account.username, self._password(account))

    def connector(self) -> aiohttp.BaseConnector:
        """Connections that lead nowhere but where addresses given from outside may lead."""
        return guarded_connector(self.rule)

    async def close(self, server: str | None = None) -> None:
        """Closes the connections to one server, or to all."""
        keys = [key for key in self._servers if server is None or key[0] == server]
        await asyncio.gather(*(self._servers.pop(key).close() for key in keys))

    def _server(self, origin: str, guarded: bool) -> DavServer:
        key = (origin, guarded)
        if key not in self._servers:
            connector = self.connector if guarded else None
            self._servers[key] = DavServer(origin, connector=connector, timeout=self.timeout)
        return self._servers[key]

    def _password(self, account: Account) -> str | None:
        if account.secret is None:
            return None
        words = "The stored password cannot be read: the key it was sealed with is no longer set."
        if self.sealing is None:
            raise Fault(words, Blame.ACCOUNT, kind=Trouble.KEY, lasting=True)
        try:
            return self.sealing.open(account.secret)
        except Unreadable as error:
            raise Fault(words, Blame.ACCOUNT, kind=Trouble.KEY, lasting=True) from error
