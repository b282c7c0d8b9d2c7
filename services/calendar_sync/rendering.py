"""Sessions rendered once: for each session, revision, language and variant one entry, kept in memory for all calendars."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from services.calendar_sync.domain import GRACE, Seats, has_seat, vanishes_at, visible
from services.calendar_sync.metrics import RENDERED
from services.calendar_sync.reconciler import Desired
from services.calendar_sync.store import Agenda, Told
from shared.calendar.document import Heading, calendar_object, colour, feed
from shared.calendar.entry import Entry, Words, entry
from shared.calendar.fingerprint import read
from shared.calendar.uid import personal_uid, shared_uid
from shared.contracts.base import said_in
from shared.contracts.scheduling import EventState, SessionState, Status

T = TypeVar("T")

_KEPT = 20_000
_Key = tuple[str, int, int, str, str, bool]


class Rendering:
    """Renders feeds and calendar objects from agendas. `words_of` gives the catalogue of a language."""

    def __init__(
        self, public_url: str, domain: str, words_of: Callable[[str], Words], *, grace: timedelta = GRACE
    ) -> None:
        self._public_url, self._domain, self._words_of = public_url.rstrip("/"), domain, words_of
        self.grace = grace
        self._entries: OrderedDict[_Key, Entry] = OrderedDict()
        self._objects: OrderedDict[_Key, tuple[bytes, str]] = OrderedDict()

    def language(self, event: EventState, asked: str | None) -> str:
        """The language of a feed: the one asked for where the event speaks it, else the event's first."""
        return asked if asked in event.languages else event.languages[0]

    def page(self, event_id: str, language: str) -> str:
        """The address of the event's page."""
        return f"{self._public_url}/events/{event_id}?lang={language}"

    def entry(self, session: SessionState, event: EventState, language: str, *, join: bool) -> Entry:
        """The entry of a session, rendered at most once per revision, language and variant."""
        key = _key(session, event, language, join)
        found = self._entries.get(key)
        if found is None:
            page = self.page(event.id, language)
            found = entry(session, event, language=language, words=self._words_of(language), page=page, join=join)
            RENDERED.inc()
            _keep(self._entries, key, found)
        else:
            self._entries.move_to_end(key)
        return found

    def public_feed(self, agenda: Agenda, event: EventState, language: str, now: datetime) -> bytes:
        """The event's feed for everybody: no link to join."""
        sessions = visible(event, (told.state for told in agenda.sessions), now, self.grace)
        entries = [(self.entry(s, event, language, join=False), shared_uid(s.id, self._domain)) for s in sessions]
        return feed(
            self._heading(event, language, said_in(event.title, language, event.languages[0])), entries, event.zone
        )

    def private_feed(self, agenda: Agenda, event: EventState, seats: Seats, language: str, now: datetime) -> bytes:
        """The feed of one person: the sessions with a seat, with the link to join."""
        sessions = visible(event, (told.state for told in agenda.sessions), now, self.grace)
        entries = [
            (self.entry(s, event, language, join=True), personal_uid(s.id, seats.registration_id, self._domain))
            for s in sessions
            if has_seat(seats, s)
        ]
        title = said_in(event.title, language, event.languages[0])
        name = self._words_of(language)("{title}: my sessions").format(title=title)
        return feed(self._heading(event, language, name), entries, event.zone)

    def _heading(self, event: EventState, language: str, name: str) -> Heading:
        default = event.languages[0]
        about = said_in(event.subtitle, language, default) or said_in(event.title, language, default)
        return Heading(name=name, description=about, url=self.page(event.id, language), colour=colour(event.id))

    def desired(self, agenda: Agenda, event: EventState, now: datetime) -> list[Desired]:
        """The objects of the event's shared calendar as they should be now, in the event's first language."""
        shown = {s.id for s in visible(event, (told.state for told in agenda.sessions), now, self.grace)}
        return [self._desired(told, agenda, event) for told in agenda.sessions if told.state.id in shown]

    def _desired(self, told: Told, agenda: Agenda, event: EventState) -> Desired:
        session, language = told.state, event.languages[0]
        uid = shared_uid(session.id, self._domain)
        found = self.entry(session, event, language, join=False)
        key = _key(session, event, language, join=False)
        made = self._objects.get(key)
        if made is None:
            body = calendar_object(found, uid)
            said = read(body)
            if said is None:
                raise ValueError(f"the calendar object of {session.id} cannot be read again")
            made = (body, said.fingerprint)
            _keep(self._objects, key, made)
        by_event = event.status is Status.CANCELLED and session.status is Status.SCHEDULED
        since, correlation_id = told.accepted_at, told.correlation_id
        if by_event and agenda.event_accepted_at is not None:
            since, correlation_id = max(since, agenda.event_accepted_at), agenda.event_correlation_id
        return Desired(
            session_id=session.id,
            uid=uid,
            name=f"{session.id}.ics",
            body=made[0],
            fingerprint=made[1],
            revision=found.sequence,
            since=since,
            correlation_id=correlation_id,
        )

    def unwanted_since(self, agenda: Agenda, event: EventState) -> dict[str, datetime]:
        """When each cancelled session leaves the calendar (UTC)."""
        ends = {told.state.id: vanishes_at(told.state, event, self.grace) for told in agenda.sessions}
        return {session_id: end for session_id, end in ends.items() if end is not None}

    def uid(self, session_id: str) -> str:
        """The UID of a session in the shared calendar."""
        return shared_uid(session_id, self._domain)


def _key(session: SessionState, event: EventState, language: str, join: bool) -> _Key:
    # Of the event, an entry holds only its first language and whether it is cancelled.
    cancelled = event.revision if event.status is Status.CANCELLED else 0
    return (session.id, session.revision, cancelled, event.languages[0], language, join)


def _keep(cache: OrderedDict[_Key, T], key: _Key, value: T) -> None:
    cache[key] = value
    if len(cache) > _KEPT:
        cache.popitem(last=False)
