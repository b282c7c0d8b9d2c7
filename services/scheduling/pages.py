"""The pages that everybody may read: the list of events, and an event with its agenda and the seats that are left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from aiohttp import web
from babel import Locale
from markupsafe import Markup, escape

from services.scheduling.domain import RegistrationIs, registration_is
from services.scheduling.programme import SeatsLeft, event_seats, sections, session_seats
from services.scheduling.public_view import public_event, public_session
from services.scheduling.request_parts import event_id_in
from services.scheduling.store import Store
from services.scheduling.time_zones import offset_at
from shared.clock import Clock
from shared.contracts.base import Text
from shared.contracts.local_time import offset_name
from shared.contracts.scheduling import Audience, EventKind, EventState, Role, SessionKind, SessionState
from shared.web.access import SETTINGS
from shared.web.i18n import clock_time, day
from shared.web.pages import language_of, render
from shared.web.problems import Problem

UPCOMING, PAST = 100, 50
"""How many events the list shows."""


class Pages:
    """`/` and `/events/{event_id}`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def routes(self) -> list[web.RouteDef]:
        """The routes."""
        return [web.get("/", self.list_events), web.get("/events/{event_id}", self.show_event)]

    async def list_events(self, request: web.Request) -> web.Response:
        """Upcoming events by day, then past ones, latest first."""
        today = self._clock().date()
        upcoming, past = await asyncio.gather(
            self._store.events(after=None, limit=UPCOMING, from_day=today), self._store.past_events(today, PAST)
        )
        return render(
            request,
            "scheduling/events.html",
            {"groups": (("upcoming", upcoming), ("past", past)), "say_in": lambda event: _sayers(request, event)[0]},
        )

    async def show_event(self, request: web.Request) -> web.Response:
        """An event as published."""
        event_id = event_id_in(request)
        event = await self._store.event(event_id)
        if event is None:
            raise Problem(404, "no-such-event", "There is nothing at this address.")
        sessions, seats = await asyncio.gather(self._store.sessions(event_id), self._store.seats(event_id))
        now = self._clock()
        feed = f"{request.app[SETTINGS].public_url.rstrip('/')}/feeds/events/{event.id}.ics"
        shown = public_event(event)
        say, paragraphs = _sayers(request, event)

        def seats_of(session: SessionState) -> SeatsLeft | None:
            return session_seats(session, seats)

        return render(
            request,
            "scheduling/event.html",
            {
                "event": shown,
                "sections": sections(event, [public_session(session) for session in sessions]),
                "registration": registration_is(event, now),
                "RegistrationIs": RegistrationIs,
                "seats": event_seats(event, seats),
                "seats_of": seats_of,
                "members_links": [link for link in event.links if link.audience is Audience.MEMBERS],
                "feed": feed,
                "webcal": "webcal" + feed[feed.index(":") :],
                "say": say,
                "paragraphs": paragraphs,
                "country": _countries(language_of(request)),
                "spoken": _languages(language_of(request)),
                "offsets": _offsets(event),
                "offset": _offset,
                "stamp": _stamp,
                "moment": lambda instant: _moment(instant, event.zone, language_of(request)),
                "Role": Role,
                "SessionKind": SessionKind,
                "EventKind": EventKind,
            },
        )


Say = Callable[[Text], Markup]


def _sayers(request: web.Request, event: EventState) -> tuple[Say, Callable[[Text], list[Markup]]]:
    """Write a text (whole, or by paragraphs) in the reader's language, else in the event's first, marked where it differs."""
    language, first = language_of(request), event.languages[0]

    def chosen(text: Text) -> tuple[str, str]:
        return next(((code, text[code]) for code in (language, first, *text) if text.get(code)), (language, ""))

    def marked(code: str, words: str) -> Markup:
        return escape(words) if code == language else Markup('<span lang="{}">{}</span>').format(code, words)

    def say(text: Text) -> Markup:
        return marked(*chosen(text))

    def paragraphs(text: Text) -> list[Markup]:
        code, words = chosen(text)
        return [marked(code, part) for part in words.split("\n\n") if part.strip()]

    return say, paragraphs


def _offset(session: SessionState) -> str:
    """UTC+1, at the session's start (or at noon of its day)."""
    return offset_name(offset_at(session.starts_at or _noon(session.date, session.zone), session.zone))


def _offsets(event: EventState) -> str:
    """The offset of the event's zone while it lasts: UTC+1, or UTC+1 / UTC+2 where the clocks change in between."""
    noons = (_noon(event.starts_on, event.zone), _noon(event.ends_on, event.zone))
    return " / ".join(dict.fromkeys(offset_name(offset_at(noon, event.zone)) for noon in noons))


def _noon(date_: date, zone: str) -> datetime:
    return datetime.combine(date_, time(12), ZoneInfo(zone))


def _stamp(instant: datetime, zone: str) -> str:
    """For the `datetime` attribute: local time with offset."""
    return instant.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")


def _moment(instant: datetime, zone: str, language: str) -> str:
    local = instant.astimezone(ZoneInfo(zone))
    return f"{day(local.date(), language)}, {clock_time(local, language)} ({zone}, {offset_name(offset_at(instant, zone))})"


def _countries(language: str) -> Callable[[str], str]:
    names = Locale.parse(language).territories
    return lambda code: str(names.get(code, code))


def _languages(language: str) -> Callable[[str], str]:
    names = Locale.parse(language).languages
    return lambda code: str(names.get(code, code))
