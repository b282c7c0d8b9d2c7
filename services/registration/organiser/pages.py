"""All pages of the desk of attendees."""

from __future__ import annotations

from aiohttp import web

from services.registration.asking import Requests
from services.registration.member_lists import MemberLists
from services.registration.organiser.approval_pages import ApprovalPages
from services.registration.organiser.code_pages import CodePages
from services.registration.organiser.file_pages import FilePages
from services.registration.organiser.growth_pages import GrowthPages
from services.registration.organiser.link_pages import LinkPages
from services.registration.organiser.list_pages import ListPages
from services.registration.organiser.person_pages import PersonPages
from services.registration.organiser.visit import Gate
from services.registration.store import Store
from shared.clock import Clock, Ids
from shared.links import Links
from shared.storage.mongo import Database


class OrganiserPages:
    """`/organise/attendees/{event_id}` and everything below it."""

    def __init__(
        self, requests: Requests, store: Store, database: Database, links: Links, clock: Clock, ids: Ids
    ) -> None:
        self._gate = Gate(clock)
        self._parts = (
            ListPages(store, database),
            PersonPages(requests, store, clock, ids),
            ApprovalPages(requests, store, ids),
            CodePages(requests, store, clock, ids),
            FilePages(requests, store, MemberLists(database, clock, ids)),
            GrowthPages(store, database),
            LinkPages(store, database, links, clock),
        )

    def routes(self) -> list[web.RouteDef]:
        """The routes."""
        return [route for part in self._parts for route in part.routes(self._gate)]
