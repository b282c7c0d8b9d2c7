"""Calendar-sync in the hands of a test: real store, real intake, real worker, and a clock that the test moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from services.calendar_sync.api import CalendarsApi
from services.calendar_sync.breaker import Breaker
from services.calendar_sync.caldav_client import CalDavClient
from services.calendar_sync.feeds import Feeds
from services.calendar_sync.intake import Intake
from services.calendar_sync.rendering import Rendering
from services.calendar_sync.store import COLLECTIONS, Store
from services.calendar_sync.worker import Pace, Worker
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
from shared.links import FEED, Links, feed_path
from shared.messaging.consumer import dispatch
from shared.messaging.port import Delivery
from shared.storage.inbox import INBOX
from shared.storage.lease import LEASES, Lease
from shared.storage.mongo import Database
from shared.web.app import make_app

KEY = "the-link-key-of-the-tests-and-of-nothing-else"
TOKEN = "the-organisers-token-of-the-tests"


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
    """The service's parts on one database. `worker` is there once `connect` was called."""

    database: Database
    clock: MovedClock = field(default_factory=MovedClock)
    links: Links = field(default_factory=lambda: Links(KEY))

    def __post_init__(self) -> None:
        self.store = Store(self.database)
        self.rendering = Rendering("http://lectern.test", "lectern.test", lambda _: str)
        self.intake = Intake(self.store, self.links, self.clock, lambda: None)
        self._handler = dispatch("calendar-sync", self.intake.handlers())
        self.home: str | None = None

    async def prepare(self) -> CalendarSync:
        await self.database.declare([*COLLECTIONS, INBOX, LEASES])
        return self

    def connect(
        self,
        home: str,
        username: str | None = None,
        password: str | None = None,
        *,
        holder: str = "test",
        timeout: float = 10.0,
        pace: Pace | None = None,
        breaker: Breaker | None = None,
    ) -> Worker:
        """A worker for the server at `home`; the caller closes `client`."""
        self.home = home
        self.client = CalDavClient(home, username, password, timeout=timeout)
        lease = Lease(self.database, "caldav", holder, self.clock)
        return Worker(
            self.store, self.rendering, self.client, lease, self.clock, lambda: 0.5, pace=pace, breaker=breaker
        )

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

    def feed_address(self, registration_id: str, generation: int = 1) -> str:
        """The secret address of a person's feed."""
        return feed_path(self.links.token(FEED, registration_id, generation))

    def app(self) -> web.Application:
        """The service's HTTP side."""
        settings = Settings.model_validate({"link_key": KEY, "organiser_token": TOKEN})
        routes: list[Any] = [
            *Feeds(self.store, self.rendering, self.clock).routes(),
            *CalendarsApi(self.store, self.rendering, self.clock, self.home).routes(),
        ]
        return make_app(settings, routes, {}, {})


def unfolded(body: bytes | str) -> str:
    """The text of a calendar with its folded lines joined, as long as the lint has nothing against it."""
    if isinstance(body, bytes):
        assert lint(body) == []
        body = body.decode()
    return body.replace("\r\n ", "").replace("\r\n", "\n")
