"""The feeds of calendar-sync in the hands of a test: real store, real HTTP side, and a clock that the test moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from services.calendar_sync.domain import seats_of
from services.calendar_sync.feeds.handlers import Feeds
from services.calendar_sync.rendering import Rendering
from services.calendar_sync.store import COLLECTIONS, Store
from shared.contracts.registration import RegistrationState
from shared.contracts.scheduling import EventState, SessionState
from shared.links import Links, feed_path, feed_token, token_hash
from shared.storage.mongo import Database, Session
from shared.web.app import make_app
from tests.support.calendar_harness import KEY, LOCAL, MovedClock


@dataclass
class FeedsHarness:
    """Feeds on one database. `feeds` is what `app` serves."""

    database: Database
    clock: MovedClock = field(default_factory=MovedClock)
    links: Links = field(default_factory=lambda: Links(KEY))

    def __post_init__(self) -> None:
        self.store = Store(self.database)
        self.rendering = Rendering("http://lectern.test", "lectern.test", lambda _: str)
        self.feeds = Feeds(self.store, self.rendering, self.clock)

    async def prepare(self) -> FeedsHarness:
        await self.database.declare(COLLECTIONS)
        return self

    async def tell(self, *states: EventState | SessionState | RegistrationState) -> None:
        """What facts tell, written as intake writes it."""
        for state in states:

            async def write(session: Session, state: Any = state) -> None:
                if isinstance(state, EventState):
                    await self.store.keep_event(state, self.clock(), None, session)
                elif isinstance(state, SessionState):
                    await self.store.keep_session(state, self.clock(), None, session)
                else:
                    generation = await self.store.keep_seats(seats_of(state), state.link_generation, session)
                    token = feed_token(self.links, state.id, state.link_generation, generation)
                    await self.store.keep_addresses(state.id, token_hash(token), f"page of {state.id}", session)

            await self.database.atomically(write)

    async def rotate(self, registration_id: str) -> None:
        """The person asks for a new address of the feed."""
        person = await self.store.person(registration_id)
        assert person is not None
        token = feed_token(self.links, registration_id, person.generation, person.feed_generation + 1)
        assert await self.store.new_feed_address(person, token_hash(token))

    def address(self, registration_id: str, generation: int = 1, feed_generation: int = 1) -> str:
        """The secret address of a person's feed."""
        return feed_path(feed_token(self.links, registration_id, generation, feed_generation))

    def app(self) -> web.Application:
        """The feeds' HTTP side."""
        return make_app(LOCAL, self.feeds.routes(), {}, {})
