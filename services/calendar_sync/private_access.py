"""Who comes by a private calendar address: the person behind it, and how often they may ask for what."""

from __future__ import annotations

from aiohttp import web

from services.calendar_sync.store import Agenda, Person
from services.calendar_sync.tools import Tools
from shared.contracts.scheduling import EventState
from shared.links import CALENDAR, MANAGE, Links, calendar_path, feed_path, feed_token, manage_path, token_hash
from shared.web.access import limit_everybody_else
from shared.web.limits import LIMITS, Kind
from shared.web.problems import Problem

NOT_KEPT = {"Cache-Control": "private, no-store", "X-Robots-Tag": "noindex"}


def _(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


NOBODY = _(
    "There is no calendar at this private address. If you asked for a new address, use the one in your newest mail. "
    "If you asked to be forgotten, it is done."
)


class PrivateAccess:
    """Finds people by the private address of their calendar page. `public_url` is where people reach Lectern."""

    def __init__(self, tools: Tools, links: Links, public_url: str) -> None:
        self._tools, self._links, self._base = tools, links, public_url.rstrip("/")

    async def person(self, request: web.Request) -> Person:
        """The person of the address. Raises Problem 404: of one that was replaced or forgotten, too."""
        found = await self._tools.store.person_at(token_hash(request.match_info["token"]))
        if found is None:
            raise Problem(404, "unknown-address", NOBODY, headers=dict(NOT_KEPT))
        return found

    async def counted(self, request: web.Request, kind: Kind = Kind.PRIVATE) -> Person:
        """The same, of a request that does something. Raises Problem 404, and 429 where there were too many: from one
        client and, where a calendar server is asked, about one registration."""
        limit_everybody_else(request, kind)
        person = await self.person(request)
        if kind is Kind.CONNECT:
            request.app[LIMITS].take_of(f"registration {person.seats.registration_id}", kind)
        return person

    async def agenda(self, person: Person) -> tuple[Agenda, EventState]:
        """The agenda of the person's event. Raises Problem 404 where nothing was told of it yet."""
        agenda = await self._tools.agendas.get(person.seats.event_id)
        if agenda.event is None:
            raise Problem(404, "unknown-event", "There is nothing at this address.", headers=dict(NOT_KEPT))
        return agenda, agenda.event

    def feed(self, person: Person) -> str:
        """The address of the person's feed."""
        token = feed_token(self._links, person.seats.registration_id, person.generation, person.feed_generation)
        return self._base + feed_path(token)

    def registration_page(self, person: Person) -> str:
        """The path of the registration's own private page."""
        return manage_path(self._links.token(MANAGE, person.seats.registration_id, person.generation))

    def page(self, person: Person) -> str:
        """The path of the calendar page."""
        return calendar_path(self._links.token(CALENDAR, person.seats.registration_id, person.generation))

    async def new_feed_address(self, person: Person) -> bool:
        """Replaces the address of the feed; False where another request did so first."""
        token = feed_token(self._links, person.seats.registration_id, person.generation, person.feed_generation + 1)
        return await self._tools.store.new_feed_address(person, token_hash(token))
