"""Which calendars there are, which session stands in which, and for how long a cancelled one stays. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.calendar.track import track_key
from shared.contracts.registration import RegistrationState, SeatState
from shared.contracts.scheduling import EventState, SessionState, Status

GRACE = timedelta(days=30)
"""How long a cancelled session stays visible as cancelled, from its cancellation."""

_SEATED = (SeatState.CONFIRMED, SeatState.ATTENDED)
_WAITING = (SeatState.WAITLISTED, SeatState.OFFERED, SeatState.PENDING)


class ScopeKind(StrEnum):
    """What a calendar is about."""

    EVENT = "event"
    TRACK = "track"
    ROOM = "room"
    PERSON = "person"


@dataclass(frozen=True)
class Scope:
    """What a calendar holds: sessions of one event. `name` is the track's key, the room's id, the registration's id."""

    kind: ScopeKind
    event_id: str
    name: str = ""

    @property
    def shared(self) -> bool:
        """Whether it is the organisation's and no person's."""
        return self.kind is not ScopeKind.PERSON

    @property
    def key(self) -> str:
        """The scope in one string, the same for ever."""
        return f"{self.kind}/{self.event_id}/{self.name}".rstrip("/")


@dataclass(frozen=True)
class Whose:
    """The person behind a calendar."""

    registration_id: str
    event_id: str


@dataclass(frozen=True)
class Seats:
    """What calendars need to know of a registration; name and e-mail are left where they are."""

    registration_id: str
    event_id: str
    state: SeatState
    choices: Mapping[str, SeatState]
    language: str
    changed_at: datetime
    show_waiting: bool = False
    """Whether the person wants to see, as tentative, what has no seat yet."""


def seats_of(registration: RegistrationState) -> Seats:
    """The part of a registration that calendars need."""
    return Seats(
        registration_id=registration.id,
        event_id=registration.event_id,
        state=registration.state,
        choices={choice.session_id: choice.state for choice in registration.choices},
        language=registration.person.language,
        changed_at=registration.changed_at,
    )


def has_seat(seats: Seats, session: SessionState) -> bool:
    """Whether the person sits in `session`: chosen and confirmed, or open to all, and confirmed at the event as well.

    What is held or offered is no seat yet: it is in no calendar, and its link to join is told to nobody.
    """
    chosen = seats.choices.get(session.id)
    if chosen is not None and chosen not in _SEATED:
        return False
    return (chosen is not None or not session.by_choice) and seats.state in _SEATED


def chosen_seats(seats: Seats) -> set[str]:
    """The sessions that the person chose and sits in."""
    if seats.state not in _SEATED:
        return set()
    return {session_id for session_id, state in seats.choices.items() if state in _SEATED}


def is_waiting(seats: Seats, session: SessionState) -> bool:
    """Whether the person waits for a seat in `session`: in line, offered, or held until something elsewhere is there."""
    chosen = seats.choices.get(session.id)
    if chosen is None or seats.state is SeatState.CANCELLED:
        return False
    return chosen in _WAITING or (chosen in _SEATED and seats.state in _WAITING)


def in_scope(session: SessionState, scope: Scope, first_language: str) -> bool:
    """Whether `session` belongs in the shared calendar of `scope`."""
    if scope.kind is ScopeKind.TRACK:
        return any(track_key(track, first_language) == scope.name for track in session.tracks)
    if scope.kind is ScopeKind.ROOM:
        return session.room_id == scope.name
    return scope.kind is ScopeKind.EVENT


def cancelled_since(session: SessionState, event: EventState) -> datetime | None:
    """When the session was cancelled, by itself or with its event (UTC); None while it takes place."""
    if session.status is Status.CANCELLED:
        return session.published_at
    return event.published_at if event.status is Status.CANCELLED else None


def vanishes_at(session: SessionState, event: EventState, grace: timedelta) -> datetime | None:
    """When a cancelled session leaves the calendars; None while it takes place."""
    since = cancelled_since(session, event)
    return None if since is None else since + grace


def visible(
    event: EventState, sessions: Iterable[SessionState], now: datetime, grace: timedelta = GRACE
) -> list[SessionState]:
    """The sessions that stand in the event's calendar now, in order of time."""
    shown = []
    for session in sessions:
        end = vanishes_at(session, event, grace)
        if end is None or now < end:
            shown.append(session)
    return sorted(shown, key=lambda s: (s.date, s.starts_at is not None, s.starts_at or s.published_at, s.id))
