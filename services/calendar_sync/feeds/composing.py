"""Feeds as bytes: joins of entries that were rendered before. Only the UIDs differ from person to person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from services.calendar_sync.domain import Scope, ScopeKind, Seats, has_seat
from services.calendar_sync.feeds.programme import Programme
from services.calendar_sync.rendering import Rendering
from services.calendar_sync.standing import tentative
from shared.calendar.document import Heading, colour, feed
from shared.calendar.entry import Entry
from shared.calendar.uid import personal_uid, scoped_uid, shared_uid
from shared.contracts.base import Text, said_in
from shared.contracts.scheduling import EventState, SessionState


class Composing:
    """Composes feeds as they are at `now`, in a language that the event speaks."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering

    def event(self, programme: Programme, language: str, now: datetime) -> bytes:
        """The event's feed for everybody: no link to join."""
        event = programme.event
        heading = self._heading(event, language, _said(event.title, language, event))
        return feed(heading, self._shared(programme.shown(now), event, language), event.zone)

    def track(self, programme: Programme, key: str, language: str, now: datetime) -> bytes | None:
        """The feed of a track; None for an unknown one."""
        found = programme.of_track(key, now)
        if found is None:
            return None
        form = self._rendering.words(language)("{event}: {track}")
        name = form.format(event=self._title(programme, language), track=_said(found[0], language, programme.event))
        return self._part(programme, ScopeKind.TRACK, key, name, found[1], language)

    def room(self, programme: Programme, room_id: str, language: str, now: datetime) -> bytes | None:
        """The feed of a room; None for an unknown one."""
        found = programme.of_room(room_id, now)
        if found is None:
            return None
        form = self._rendering.words(language)("{event}: {room}")
        room = _said(found[0], language, programme.event) or room_id
        name = form.format(event=self._title(programme, language), room=room)
        return self._part(programme, ScopeKind.ROOM, room_id, name, found[1], language)

    def series(self, rounds: Sequence[Programme], language: str, now: datetime) -> bytes:
        """One feed of all rounds of a series, in their order. It is named and placed by the last one."""
        entries: list[tuple[Entry, str]] = []
        for programme in rounds:
            spoken = self._rendering.language(programme.event, language)
            entries += self._shared(programme.shown(now), programme.event, spoken)
        event = rounds[-1].event
        series = event.series
        name = _said(series.name, language, event) if series is not None else self._title(rounds[-1], language)
        id_ = series.id if series is not None else event.id
        form = self._rendering.words(language)("All sessions of {series}")
        page = self._rendering.series_page(id_, language)
        heading = Heading(name=name, description=form.format(series=name), url=page, colour=colour(id_))
        return feed(heading, entries, event.zone)

    def person(self, programme: Programme, seats: Seats, language: str, now: datetime) -> bytes:
        """The feed of one person: the sessions with a seat, with the link to join, and what the person waits for where
        that is wished, without it."""
        event, domain = programme.event, self._rendering.domain
        entries: list[tuple[Entry, str]] = []
        for session in programme.of_person(seats, now):
            seated = has_seat(seats, session)
            waiting = tentative(seats, session) if seats.show_waiting and not seated else None
            if seated or waiting is not None:
                entry = self._rendering.entry(session, event, language, join=seated, tentative=waiting)
                entries.append((entry, personal_uid(session.id, seats.registration_id, domain)))
        heading = programme.personal_headings.get(language)
        if heading is None:
            form = self._rendering.words(language)("{title}: my sessions")
            heading = self._heading(event, language, form.format(title=self._title(programme, language)))
            programme.personal_headings[language] = heading
        return feed(heading, entries, event.zone)

    def _part(
        self,
        programme: Programme,
        kind: ScopeKind,
        part: str,
        name: str,
        sessions: Iterable[SessionState],
        language: str,
    ) -> bytes:
        event, scope = programme.event, Scope(kind, programme.event.id, part)
        entries = [
            (
                self._rendering.entry(session, event, language, join=False),
                scoped_uid(session.id, scope.key, self._rendering.domain),
            )
            for session in sessions
        ]
        return feed(self._heading(event, language, name), entries, event.zone)

    def _shared(self, sessions: Iterable[SessionState], event: EventState, language: str) -> list[tuple[Entry, str]]:
        return [
            (
                self._rendering.entry(session, event, language, join=False),
                shared_uid(session.id, self._rendering.domain),
            )
            for session in sessions
        ]

    def _title(self, programme: Programme, language: str) -> str:
        return _said(programme.event.title, language, programme.event)

    def _heading(self, event: EventState, language: str, name: str) -> Heading:
        about = _said(event.subtitle, language, event) or _said(event.title, language, event)
        page = self._rendering.page(event.id, language)
        return Heading(name=name, description=about, url=page, colour=colour(event.id))


def _said(text: Text, language: str, event: EventState) -> str:
    return said_in(text, language, event.languages[0])
