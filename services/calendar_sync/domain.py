"""Who sees which session in which calendar, and for how long a cancelled one stays. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.contracts.registration import RegistrationState, SeatState
from shared.contracts.scheduling import EventState, SessionState, Status

GRACE = timedelta(days=30)
"""How long a cancelled session stays visible as cancelled, from its cancellation."""

_SEATED = (SeatState.CONFIRMED, SeatState.ATTENDED)


@dataclass(frozen=True)
class Seats:
    """What calendars need to know of a registration; name and e-mail are left where they are."""

    registration_id: str
    event_id: str
    state: SeatState
    choices: Mapping[str, SeatState]
    language: str
    changed_at: datetime


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


def last_change(
    event: EventState,
    sessions: Iterable[SessionState],
    now: datetime,
    seats: Seats | None = None,
    grace: timedelta = GRACE,
) -> datetime:
    """When the content of a feed last changed (UTC): a publication, a seat, or a cancelled session that left."""
    moments = [event.published_at]
    if seats is not None:
        moments.append(seats.changed_at)
    for session in sessions:
        moments.append(session.published_at)
        end = vanishes_at(session, event, grace)
        if end is not None and end <= now:
            moments.append(end)
    return max(moments)
