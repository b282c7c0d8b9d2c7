"""The pages of registration for people with a browser who are no organisers: attendees, and chairs of sessions."""

from __future__ import annotations

from aiohttp import web

from services.registration.asking import Requests
from services.registration.attendee.form_pages import FormPages
from services.registration.attendee.needs_pages import NeedsPages
from services.registration.attendee.private_forms import PrivateForms
from services.registration.attendee.private_pages import PrivatePages
from services.registration.store import Store
from shared.clock import Clock, Ids
from shared.config import Settings
from shared.links import Links
from shared.storage.mongo import Database


class Pages:
    """All their routes."""

    def __init__(
        self,
        requests: Requests,
        store: Store,
        links: Links,
        settings: Settings,
        clock: Clock,
        ids: Ids,
        database: Database,
    ) -> None:
        private = PrivatePages(store, links, settings, clock, ids)
        self._routes = [
            *FormPages(requests, store, clock, ids).routes(),
            *private.routes(),
            *PrivateForms(requests, store, links, private).routes(),
            *NeedsPages(database, store, links, clock).routes(),
        ]

    def routes(self) -> list[web.RouteDef]:
        """What the process serves."""
        return self._routes
