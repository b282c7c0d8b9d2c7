"""Calendar-sync in the hands of a test: real store, real intake, real workers, and a clock that the test moves."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from cryptography.fernet import Fernet

from services.calendar_sync import accounts_store, store
from services.calendar_sync.accounts_store import (
    CONFIGURED,
    Account,
    AccountsStore,
    Calendar,
    personal_calendar_id,
)
from services.calendar_sync.answering import Answering
from services.calendar_sync.api import CalendarsApi
from services.calendar_sync.breaker import Breaker
from services.calendar_sync.clients import Clients, Credentials
from services.calendar_sync.connecting import Connecting
from services.calendar_sync.desired import Objects
from services.calendar_sync.domain import Scope, ScopeKind
from services.calendar_sync.feeds import Feeds
from services.calendar_sync.fleet import Fleet
from services.calendar_sync.intake import Intake
from services.calendar_sync.operations.private import PrivateCalendars
from services.calendar_sync.pace import Pace
from services.calendar_sync.private_access import PrivateAccess
from services.calendar_sync.profile import Profile
from services.calendar_sync.reading import Agendas
from services.calendar_sync.reconciler import Known
from services.calendar_sync.rendering import Rendering
from services.calendar_sync.sealing import Sealing
from services.calendar_sync.shared_calendars import SharedCalendars
from services.calendar_sync.store import Store
from services.calendar_sync.tools import Tools
from shared.calendar.lint import lint
from shared.config import Settings
from shared.contracts.registration import (
    REGISTRATION_CHANGED,
    REGISTRATION_ERASED,
    RegistrationErased,
    RegistrationState,
)
from shared.contracts.scheduling import EVENT_REVISED, SESSION_REVISED, EventState, SessionState
from shared.facts import fact
from shared.links import Links, feed_path, feed_token
from shared.messaging.consumer import dispatch
from shared.messaging.port import Delivery
from shared.outward import AddressRule
from shared.storage.inbox import INBOX
from shared.storage.lease import LEASES, Lease
from shared.storage.ledger import LEDGERS, OUTBOX
from shared.storage.mongo import Database, Document
from shared.web.app import make_app

KEY = "the-link-key-of-the-tests-and-of-nothing-else"
TOKEN = "the-organisers-token-of-the-tests"
LOCAL = Settings.model_validate({"link_key": KEY, "organiser_token": TOKEN, "account_networks": "127.0.0.0/8 ::1/128"})

GOOD = Profile(
    none_match=True,
    match=True,
    match_missing=True,
    etag_on_put=True,
    strong_etags=True,
    etags_reused=False,
    uid_refused=True,
    keeps_unknown=True,
)
"""A server that does everything right, but for telling changes: so that a test can count requests without a probe."""


@dataclass
class MovedClock:
    """A clock that stands still until the test moves it."""

    now: datetime = datetime(2019, 10, 2, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **amount: float) -> None:
        self.now += timedelta(**amount)


@dataclass
class CalendarSync:
    """The service's parts on one database. `fleet` is there once `connect` or `work` was called."""

    database: Database
    clock: MovedClock = field(default_factory=MovedClock)
    links: Links = field(default_factory=lambda: Links(KEY))
    grace: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        self.store = Store(self.database)
        self.accounts = AccountsStore(self.database)
        self.rendering = Rendering("http://lectern.test", "lectern.test", lambda _: str)
        self.sealing = Sealing([Fernet.generate_key().decode()])
        self.shared: SharedCalendars | None = None
        self._made: list[Clients] = []
        self.tools = self.make_tools()
        self.intake = Intake(
            self.store,
            self.accounts,
            self.tools.answering.forget,
            self.links,
            self.clock,
            lambda: None,
            self.tools.answering.keep,
        )
        self._handler = dispatch("calendar-sync", self.intake.handlers())

    def make_tools(
        self, pace: Pace | None = None, timeout: float = 10.0, credentials: Credentials | None = None
    ) -> Tools:
        """What workers share, for one process; `close` closes its connections."""
        clients = Clients(
            credentials or Credentials(), self.sealing, AddressRule(LOCAL.allowed_networks), timeout=timeout
        )
        self._made.append(clients)
        return Tools(
            store=self.store,
            accounts=self.accounts,
            agendas=Agendas(self.store),
            objects=Objects(self.rendering, "lectern.test"),
            clients=clients,
            answering=Answering(self.database, self.clock, self.grace, lambda: None),
            clock=self.clock,
            ids=lambda: uuid.uuid4().hex,
            chance=lambda: 0.5,
            pace=pace or Pace(),
        )

    async def prepare(self) -> CalendarSync:
        await self.database.declare([*store.COLLECTIONS, *accounts_store.COLLECTIONS, INBOX, LEASES, LEDGERS, OUTBOX])
        return self

    async def connect(
        self,
        home: str,
        username: str | None = None,
        password: str | None = None,
        *,
        holder: str = "test",
        timeout: float = 10.0,
        pace: Pace | None = None,
        breaker: Breaker | None = None,
        profile: Profile | None = GOOD,
        kinds: tuple[ScopeKind, ...] = (ScopeKind.EVENT,),
    ) -> Fleet:
        """The organisation's server at `home`, and workers of one process. `profile` None: it is found by a probe."""
        self.tools = self.make_tools(pace, timeout, Credentials(username, password))
        self.shared = SharedCalendars(self.accounts, home, frozenset(kinds))
        await self.shared.declare(self.clock())
        if profile is not None:
            await self.accounts.note_account(CONFIGURED, profile=profile)
        return self.work(holder=holder, breaker=breaker)

    def work(
        self,
        *,
        holder: str = "test",
        breaker: Breaker | None = None,
        pace: Pace | None = None,
        timeout: float | None = None,
    ) -> Fleet:
        """The workers of one process."""
        if pace is not None or timeout is not None:
            self.tools = self.make_tools(pace, timeout or 10.0)
        breakers = (lambda: replace(breaker)) if breaker is not None else Breaker
        self.fleet = Fleet(
            self.tools,
            self.database,
            lambda server: Lease(self.database, f"caldav {server}", holder, self.clock),
            self.shared,
            breakers,
        )
        return self.fleet

    async def connect_person(
        self,
        registration_id: str,
        event_id: str,
        home: str,
        calendar: str,
        username: str | None = None,
        password: str | None = None,
        *,
        profile: Profile | None = None,
        ours: bool = False,
    ) -> Calendar:
        """A person's own account, connected: `calendar` is a collection below `home`."""
        parts = urlsplit(home)
        server = f"{parts.scheme}://{parts.netloc}"
        account = Account(
            id=f"account-{registration_id}",
            server=server,
            home=home,
            username=username,
            secret=self.sealing.seal(password) if password is not None else None,
            registration_id=registration_id,
            event_id=event_id,
            profile=profile,
            created_at=self.clock(),
        )
        await self.accounts.keep_account(account)
        made = Calendar(
            id=personal_calendar_id(registration_id),
            account=account.id,
            server=server,
            scope=Scope(ScopeKind.PERSON, event_id, registration_id),
            path=f"{parts.path.rstrip('/')}/{calendar}/",
            due=self.clock(),
            ours=ours,
        )
        await self.accounts.keep_calendar(made)
        return made

    async def tell(
        self,
        *states: EventState | SessionState | RegistrationState,
        correlation_id: str | None = None,
        sequence: int = 1,
    ) -> None:
        """Facts as the broker delivers them. A registration's version is `sequence`."""
        for state in states:
            if isinstance(state, EventState):
                kind, subject, number = EVENT_REVISED, f"events/{state.id}", state.revision
            elif isinstance(state, SessionState):
                kind, subject, number = SESSION_REVISED, f"sessions/{state.id}", state.revision
            else:
                kind, subject, number = REGISTRATION_CHANGED, f"registrations/{state.id}", sequence
            told = fact(kind, subject, number, state, at=self.clock(), correlation_id=correlation_id)
            await self._handler(Delivery("lectern.calendar-sync", kind, told.encode()))

    async def erase(self, registration_id: str = "r1", *, sequence: int = 9) -> None:
        """The fact that a person is to be forgotten, as the broker delivers it."""
        data = RegistrationErased(registration_id=registration_id, event_id="milipol-2019", erased_at=self.clock())
        told = fact(REGISTRATION_ERASED, f"registrations/{registration_id}", sequence, data, at=self.clock())
        await self._handler(Delivery("lectern.calendar-sync", REGISTRATION_ERASED, told.encode()))

    async def objects(self, event_id: str) -> dict[str, Known]:
        """What is known of the objects in the event's shared calendar."""
        return await self.accounts.objects(Scope(ScopeKind.EVENT, event_id).key)

    async def told(self) -> list[Document]:
        """What left through the outbox: the events, in order."""
        return [row["event"] async for row in self.database[OUTBOX.name].find({}).sort([("stream", 1), ("version", 1)])]

    def feed_address(self, registration_id: str, generation: int = 1) -> str:
        """The secret address of a person's feed."""
        return feed_path(feed_token(self.links, registration_id, generation))

    def app(self) -> web.Application:
        """The service's HTTP side."""
        access = PrivateAccess(self.tools, self.links, "http://lectern.test")
        private = PrivateCalendars(self.tools, Connecting(self.tools, lambda: None), access)
        routes: list[Any] = [
            *Feeds(self.store, self.rendering, self.clock).routes(),
            *CalendarsApi(self.tools, self.shared, private.operations()).routes(),
        ]
        return make_app(LOCAL, routes, {}, {})

    async def close(self) -> None:
        """Closes all connections."""
        for clients in self._made:
            await clients.close()


def unfolded(body: bytes | str) -> str:
    """The text of a calendar with its folded lines joined, as long as the lint has nothing against it."""
    if isinstance(body, bytes):
        assert lint(body) == []
        body = body.decode()
    return body.replace("\r\n ", "").replace("\r\n", "\n")
