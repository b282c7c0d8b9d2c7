"""The pages that everybody may read: the list of events, and an event with its agenda and the seats that are left."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

from services.scheduling.domain import RegistrationIs, registration_is, takes_requests
from services.scheduling.exports.files import FILES
from services.scheduling.exports.json_ld import embedded
from services.scheduling.part_feeds import in_language, part_feeds
from services.scheduling.programme import SeatsLeft, event_seats, sections, session_seats
from services.scheduling.public_view import PublicAgenda, public_agenda
from services.scheduling.reading import (
    countries,
    event_offsets,
    moment_in_words,
    sayers,
    session_offset,
    spoken_languages,
    stamp,
)
from services.scheduling.request_parts import event_id_in
from services.scheduling.views import Views
from shared.clock import Clock
from shared.contracts.registration import SeatsState
from shared.contracts.scheduling import (
    Audience,
    EventKind,
    EventState,
    Link,
    RequirementPolicy,
    Role,
    SessionKind,
    SessionState,
)
from shared.web.access import SETTINGS
from shared.web.pages import language_of, render
from shared.web.problems import Problem

UPCOMING, PAST = 100, 50
"""How many events the list shows."""


class Pages:
    """`/` and `/events/{event_id}`."""

    def __init__(self, views: Views, clock: Clock) -> None:
        self._views, self._clock = views, clock

    def routes(self) -> list[web.RouteDef]:
        """The routes."""
        return [web.get("/", self.list_events), web.get("/events/{event_id}", self.show_event)]

    async def list_events(self, request: web.Request) -> web.Response:
        """Upcoming events by day, then past ones, latest first."""
        today = self._clock().date()
        upcoming, past = await asyncio.gather(
            self._views.events(after=None, limit=UPCOMING, from_day=today), self._views.past_events(today, PAST)
        )
        return render(
            request,
            "scheduling/events.html",
            {
                "groups": (("upcoming", upcoming), ("past", past)),
                "say_in": lambda event: sayers(language_of(request), event)[0],
            },
        )

    async def show_event(self, request: web.Request) -> web.Response:
        """An event as published."""
        event_id = event_id_in(request)
        event = await self._views.event(event_id)
        if event is None:
            raise Problem(404, "no-such-event", "There is nothing at this address.")
        sessions, seats = await asyncio.gather(self._views.sessions(event_id), self._views.seats(event_id))
        rounds = await self._rounds(event)
        agenda = public_agenda(event, sessions, request.app[SETTINGS].public_url)
        members_links = [link for link in event.links if link.audience is Audience.MEMBERS]

        def page() -> web.Response:
            context = event_context(agenda, members_links, seats, rounds, self._clock(), language_of(request))
            return render(request, "scheduling/event.html", context)

        # A thousand sessions take half a second to write: not on the loop, where others wait.
        return await asyncio.to_thread(page)

    async def _rounds(self, event: EventState) -> list[EventState]:
        """The rounds of the event's series, in their order; none where it is no round."""
        if event.series is None:
            return []
        found = await self._views.events(after=None, limit=UPCOMING, series=event.series.id)
        return sorted(found, key=lambda other: other.series.round if other.series is not None else 0)


def event_context(
    agenda: PublicAgenda,
    members_links: Sequence[Link],
    seats: SeatsState | None,
    rounds: Sequence[EventState],
    now: datetime,
    language: str,
) -> dict[str, Any]:
    """What the page of an event is made of: published, or as a preview of a draft."""
    event, feed = agenda.event, in_language(agenda.feed, agenda.event, language)
    say, paragraphs = sayers(language, event)

    here = registration_is(event, now)
    asked_for = here in (RegistrationIs.OPEN, RegistrationIs.NOT_YET)

    def seats_of(session: SessionState) -> SeatsLeft | None:
        # Of what nobody can ask for any more, how full it is says nothing.
        return session_seats(session, seats) if asked_for and takes_requests(session, now) else None

    return {
        "event": event,
        "sections": sections(event, agenda.sessions),
        "registration": here,
        "RegistrationIs": RegistrationIs,
        "seats": event_seats(event, seats) if asked_for else None,
        "seats_of": seats_of,
        "members_links": members_links,
        "feed": feed,
        "webcal": "webcal" + feed[feed.index(":") :],
        "part_feeds": part_feeds(agenda, say, language),
        "say": say,
        "paragraphs": paragraphs,
        "country": countries(language),
        "spoken": spoken_languages(language),
        "offsets": event_offsets(event),
        "offset": session_offset,
        "stamp": stamp,
        "moment": lambda instant: moment_in_words(instant, event.zone, language),
        "rounds": rounds,
        "files": FILES.values(),
        "json_ld": embedded(agenda, language),
        "agenda_revision": agenda.revision,
        "Role": Role,
        "SessionKind": SessionKind,
        "EventKind": EventKind,
        "RequirementPolicy": RequirementPolicy,
    }
