"""Pages around an event: what changed in it, the series that it is a round of, the programme that it belongs to."""

from __future__ import annotations

import asyncio

from aiohttp import web

from services.scheduling.answers import revision_line
from services.scheduling.change_log import entries, titles_of
from services.scheduling.reading import moment_in_words, sayers
from services.scheduling.request_parts import cursor_to, event_id_in, number_in
from services.scheduling.views import Views
from shared.web.i18n import translations
from shared.web.pages import language_of, render
from shared.web.problems import Problem

MOST = 100
"""How many events a list shows."""

REVISIONS = 30
"""How many revisions a page of the change log shows."""


class ListingPages:
    """`/events/{event_id}/changes`, `/series/{series_id}` and `/programmes/{programme_id}`."""

    def __init__(self, views: Views) -> None:
        self._views = views

    def routes(self) -> list[web.RouteDef]:
        """The routes."""
        return [
            web.get("/events/{event_id}/changes", self.show_changes),
            web.get("/series/{series_id}", self.show_series),
            web.get("/programmes/{programme_id}", self.show_programme),
        ]

    async def show_changes(self, request: web.Request) -> web.Response:
        """What changed from revision to revision, newest first."""
        event_id, language = event_id_in(request), language_of(request)
        event = await self._views.event(event_id)
        if event is None:
            raise Problem(404, "no-such-event", "There is nothing at this address.")
        found, sessions = await asyncio.gather(
            self._views.revisions(event_id, before=number_in(request), limit=REVISIONS + 1),
            self._views.sessions(event_id),
        )
        say, _ = sayers(language, event)
        words, titles = translations(language).gettext, titles_of(sessions)
        lines = [revision_line(document, public=True) for document in found[:REVISIONS]]
        context = {
            "event": event,
            "say": say,
            "revisions": [
                (
                    line,
                    moment_in_words(line.published_at, event.zone, language),
                    entries(line, titles, language, event.languages[0], words),
                )
                for line in lines
            ],
            "older": cursor_to(str(lines[-1].revision)) if len(found) > REVISIONS else None,
        }
        return render(request, "scheduling/changes.html", context)

    async def show_series(self, request: web.Request) -> web.Response:
        """The rounds of a series, in their order."""
        events = await self._views.events(after=None, limit=MOST, series=request.match_info["series_id"])
        rounds = sorted(events, key=lambda event: event.series.round if event.series is not None else 0)
        if not rounds or rounds[-1].series is None:
            raise Problem(404, "no-such-series", "There is nothing at this address.")
        language = language_of(request)
        say, _ = sayers(language, rounds[-1])
        context = {
            "name": say(rounds[-1].series.name),
            "about": "series",
            "url": None,
            "groups": [("", rounds)],
            "say_in": lambda event: sayers(language, event)[0],
        }
        return render(request, "scheduling/listing.html", context)

    async def show_programme(self, request: web.Request) -> web.Response:
        """The events of a programme, then its side events."""
        events = await self._views.events(after=None, limit=MOST, programme=request.match_info["programme_id"])
        if not events:
            raise Problem(404, "no-such-programme", "There is nothing at this address.")
        language = language_of(request)
        words = translations(language).gettext
        say, _ = sayers(language, events[-1])
        own = [event for event in events if not event.side_event]
        beside = [event for event in events if event.side_event]
        context = {
            "name": say(events[-1].programme),
            "about": "programme",
            "url": next((event.programme_url for event in events if event.programme_url), None),
            "groups": [(words("Events"), own), (words("Side events"), beside)],
            "say_in": lambda event: sayers(language, event)[0],
        }
        return render(request, "scheduling/listing.html", context)
