"""An event's sessions, laid out once per version so that every feed of it finds its own at once. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from services.calendar_sync.domain import GRACE, Seats, vanishes_at, visible
from services.calendar_sync.store import Agenda
from shared.calendar.document import Heading
from shared.calendar.track import track_key
from shared.contracts.base import Text, said_in
from shared.contracts.scheduling import EventState, SessionState

_ALWAYS = datetime.min.replace(tzinfo=UTC)


class Programme:
    """The sessions of an event in order of time, cancelled ones that left among them; `grace` as in domain.visible."""

    def __init__(self, agenda: Agenda, event: EventState, grace: timedelta = GRACE) -> None:
        self.version, self.event = agenda.version, event
        self.sessions = visible(event, (told.state for told in agenda.sessions), _ALWAYS, grace)
        self.personal_headings: dict[str, Heading] = {}
        """What all personal feeds say of themselves, by language; whoever composes the first keeps it here."""
        self._ends = [vanishes_at(session, event, grace) for session in self.sessions]
        self._leaving = sorted({end for end in self._ends if end is not None})
        self._changes = max([event.published_at, *(session.published_at for session in self.sessions)])
        self._places = {session.id: place for place, session in enumerate(self.sessions)}
        self._open = [place for place, session in enumerate(self.sessions) if not session.by_choice]
        self._tracks: dict[str, tuple[Text, list[int]]] = {}
        self._rooms: dict[str, tuple[Text, list[int]]] = {}
        for place, session in enumerate(self.sessions):
            for track in session.tracks:
                if said_in(track, event.languages[0]).strip():
                    self._tracks.setdefault(track_key(track, event.languages[0]), (track, []))[1].append(place)
            if session.room_id is not None:
                self._rooms.setdefault(session.room_id, (session.place.room, []))[1].append(place)

    def shown(self, now: datetime) -> list[SessionState]:
        """All that stand in the event's calendar now."""
        return list(self._shown(range(len(self.sessions)), now))

    def of_track(self, key: str, now: datetime) -> tuple[Text, list[SessionState]] | None:
        """The track's name, and its sessions that are shown now; None where no session was ever in such a track."""
        return self._part(self._tracks.get(key), now)

    def of_room(self, room_id: str, now: datetime) -> tuple[Text, list[SessionState]] | None:
        """The room's name, and its sessions that are shown now; None where no session is in such a room."""
        return self._part(self._rooms.get(room_id), now)

    def of_person(self, seats: Seats, now: datetime) -> Iterator[SessionState]:
        """The sessions that may concern the person: those open to all, and those chosen."""
        chosen = [place for id_ in seats.choices if (place := self._places.get(id_)) is not None]
        return self._shown(sorted({*self._open, *chosen}) if chosen else self._open, now)

    def last_change(self, now: datetime) -> datetime:
        """When what is shown last changed (UTC): a publication, or a cancelled session that left."""
        return max([self._changes, *(end for end in self._leaving if end <= now)])

    def holds_until(self, now: datetime) -> datetime | None:
        """When a cancelled session leaves next (UTC); None where nothing changes by itself."""
        return next((end for end in self._leaving if end > now), None)

    def _part(self, found: tuple[Text, Sequence[int]] | None, now: datetime) -> tuple[Text, list[SessionState]] | None:
        return None if found is None else (found[0], list(self._shown(found[1], now)))

    def _shown(self, places: Iterable[int], now: datetime) -> Iterator[SessionState]:
        for place in places:
            end = self._ends[place]
            if end is None or now < end:
                yield self.sessions[place]
