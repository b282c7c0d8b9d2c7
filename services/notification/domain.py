"""What a person has to be told: the difference between what the person was told last and what stands now.

Nothing here follows the order in which facts arrive. A mail is the difference of two pictures, so that facts which come
twice, late or in another order lead to the same mails, and a difference that was told is never told again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.contracts.registration import RegistrationState, SeatState
from shared.contracts.scheduling import EventState, SessionKind, SessionState, Status

HELD = frozenset({SeatState.CONFIRMED, SeatState.ATTENDED})
AWAITED = frozenset({SeatState.PENDING, SeatState.WAITLISTED, SeatState.OFFERED})


class Kind(StrEnum):
    """What a mail is mainly about; its subject line and its name in metrics."""

    CONFIRMED = "confirmed"
    WAITLISTED = "waitlisted"
    PROMOTED = "promoted"
    PENDING = "pending"
    OFFERED = "offered"
    CHANGED = "changed"
    CANCELLED = "cancelled"


class Change(StrEnum):
    """What became different in a session or an event."""

    CANCELLED = "cancelled"
    REINSTATED = "reinstated"
    TIME = "time"
    PLACE = "place"
    TITLE = "title"
    JOIN_LINK = "join-link"


@dataclass(frozen=True)
class Seat:
    """The state of a seat; `position` is the place in line, from 1, where it is known."""

    state: SeatState
    position: int | None = None


@dataclass(frozen=True)
class Picture:
    """All that the mails to one person speak of, as it was told or as it stands.

    `seat` is the seat at the event, `choices` those in sessions. `sessions` holds the chosen sessions and those that are
    for everybody.
    """

    seat: Seat
    choices: Mapping[str, Seat]
    event: EventState
    sessions: Mapping[str, SessionState]


@dataclass(frozen=True)
class SeatNews:
    """A seat that is new or has another state. `session_id` None: the seat at the event itself."""

    session_id: str | None
    before: SeatState | None
    after: SeatState

    @property
    def promoted(self) -> bool:
        """Whether somebody who waited now has the seat."""
        return self.before in AWAITED and self.after in HELD


@dataclass(frozen=True)
class SessionNews:
    """A session that the person holds or awaits a seat in, and what changed in it."""

    session_id: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Telling:
    """One mail: its kind and everything it has to say."""

    kind: Kind
    seats: tuple[SeatNews, ...] = ()
    sessions: tuple[SessionNews, ...] = ()
    event: tuple[Change, ...] = field(default=())


def picture(
    registration: RegistrationState, event: EventState | None, sessions: Mapping[str, SessionState]
) -> Picture | None:
    """What stands for `registration`; None while the event or a chosen session is not known yet.

    `sessions` are all known sessions of the event.
    """
    chosen = {choice.session_id for choice in registration.choices}
    if event is None or not chosen <= sessions.keys():
        return None
    return Picture(
        seat=Seat(registration.state, registration.position),
        choices={choice.session_id: Seat(choice.state, choice.position) for choice in registration.choices},
        event=event,
        sessions={
            id_: session
            for id_, session in sessions.items()
            if id_ in chosen or (not session.by_choice and session.kind is not SessionKind.BREAK)
        },
    )


def tell(told: Picture | None, now: Picture) -> Telling | None:
    """The mail that brings a person from `told` (None: never told anything) to `now`; None where there is no news.

    The first publication of a session is no news: nobody was told anything else before.
    """
    seats = _seat_news(told, now)
    event = _event_news(told, now) if told is not None else ()
    sessions = _session_news(told, now) if told is not None else ()
    if not seats and not event and not sessions:
        return None
    return Telling(_kind(told, now, seats, event, sessions), seats, sessions, event)


def same_seats(one: RegistrationState, other: RegistrationState) -> bool:
    """Whether two states of a registration differ in nothing that is news, such as the position in line only."""
    return one.state == other.state and {c.session_id: c.state for c in one.choices} == {
        c.session_id: c.state for c in other.choices
    }


def has_seat(view: Picture, session_id: str) -> bool:
    """Whether the person has a confirmed seat in the session: only then the link to join may be shown."""
    if view.seat.state not in HELD:
        return False
    session = view.sessions[session_id]
    if not session.by_choice:
        return True
    choice = view.choices.get(session_id)
    return choice is not None and choice.state in HELD


def follows(view: Picture, session_id: str) -> bool:
    """Whether changes of the session are news for the person: who holds or awaits a seat in it."""
    choice = view.choices.get(session_id)
    if view.seat.state is SeatState.CANCELLED:
        return False
    if choice is not None:
        return choice.state is not SeatState.CANCELLED
    return not view.sessions[session_id].by_choice and view.seat.state in HELD


def _concerned(view: Picture) -> bool:
    return view.seat.state is not SeatState.CANCELLED


def _seat_news(told: Picture | None, now: Picture) -> tuple[SeatNews, ...]:
    news: list[SeatNews] = []
    before = told.seat.state if told is not None else None
    known_off = told is not None and told.event.status is Status.CANCELLED and now.seat.state is SeatState.CANCELLED
    first_and_gone = before is None and now.seat.state is SeatState.CANCELLED
    if not known_off and (first_and_gone or _differs(before, now.seat.state)):
        news.append(SeatNews(None, before, now.seat.state))
    if now.seat.state is SeatState.CANCELLED:
        return tuple(news)  # one sentence says it for all sessions
    for session_id in sorted(now.choices.keys() | (told.choices.keys() if told is not None else set())):
        earlier = told.choices.get(session_id) if told is not None else None
        current = now.choices.get(session_id)
        after = current.state if current is not None else SeatState.CANCELLED
        gone = after is SeatState.CANCELLED and _is_cancelled(now, session_id)
        # Who was told that a session does not take place knows that the seat is gone as well.
        if not gone and _differs(earlier.state if earlier is not None else None, after):
            news.append(SeatNews(session_id, earlier.state if earlier is not None else None, after))
    return tuple(news)


def _differs(before: SeatState | None, after: SeatState) -> bool:
    if before is None:
        return after is not SeatState.CANCELLED
    if before in HELD and after in HELD:
        return False  # being checked in is no news to the one who stands at the door
    return before is not after


def _is_cancelled(view: Picture, session_id: str) -> bool:
    session = view.sessions.get(session_id)
    return session is not None and session.status is Status.CANCELLED


def _session_news(told: Picture, now: Picture) -> tuple[SessionNews, ...]:
    if not _concerned(now):
        return ()
    news: list[SessionNews] = []
    for session_id, session in now.sessions.items():
        earlier = told.sessions.get(session_id)
        if earlier is None or not follows(told, session_id):
            continue
        # A choice that ends together with its session is told as the session's cancellation.
        if not follows(now, session_id) and session.status is not Status.CANCELLED:
            continue
        changes = _session_changes(earlier, session, has_seat(told, session_id) and has_seat(now, session_id))
        if changes:
            news.append(SessionNews(session_id, changes))
    return tuple(sorted(news, key=lambda item: (now.sessions[item.session_id].date, item.session_id)))


def _session_changes(before: SessionState, after: SessionState, may_join: bool) -> tuple[Change, ...]:
    if after.status is Status.CANCELLED:
        return () if before.status is Status.CANCELLED else (Change.CANCELLED,)
    differences = {
        Change.REINSTATED: before.status is Status.CANCELLED,
        Change.TIME: _time(before) != _time(after),
        Change.PLACE: _where(before) != _where(after),
        Change.TITLE: before.title != after.title,
        Change.JOIN_LINK: may_join and before.join_url != after.join_url and after.join_url is not None,
    }
    return tuple(change for change, differs in differences.items() if differs)


def _time(session: SessionState) -> tuple[object, ...]:
    return session.date, session.starts_local, session.ends_local, session.zone, session.starts_at, session.ends_at


def _where(subject: SessionState | EventState) -> tuple[object, ...]:
    place = subject.place
    return place.venue, place.room, place.level, place.address, place.online


def _event_news(told: Picture, now: Picture) -> tuple[Change, ...]:
    if not _concerned(told):
        return ()
    changes = _event_changes(told.event, now.event)
    return changes if _concerned(now) else tuple(change for change in changes if change is Change.CANCELLED)


def _event_changes(before: EventState, after: EventState) -> tuple[Change, ...]:
    if after.status is Status.CANCELLED:
        return () if before.status is Status.CANCELLED else (Change.CANCELLED,)
    differences = {
        Change.REINSTATED: before.status is Status.CANCELLED,
        Change.TIME: (before.starts_on, before.ends_on) != (after.starts_on, after.ends_on),
        Change.PLACE: _where(before) != _where(after),
        Change.TITLE: before.title != after.title,
    }
    return tuple(change for change, differs in differences.items() if differs)


def _kind(
    told: Picture | None,
    now: Picture,
    seats: tuple[SeatNews, ...],
    event: tuple[Change, ...],
    sessions: tuple[SessionNews, ...],
) -> Kind:
    if now.seat.state is SeatState.CANCELLED or Change.CANCELLED in event:
        return Kind.CANCELLED
    if told is None or told.seat.state is SeatState.CANCELLED:
        return _first(now)
    for news in seats:
        if news.session_id is None:
            return Kind.PROMOTED if news.promoted else _KIND_OF[news.after]
    if any(news.promoted for news in seats):
        return Kind.PROMOTED
    for state in (SeatState.OFFERED, SeatState.CONFIRMED, SeatState.WAITLISTED, SeatState.PENDING, SeatState.ATTENDED):
        if any(news.after is state for news in seats):
            return _KIND_OF[state]
    if event or any(Change.CANCELLED not in news.changes for news in sessions):
        return Kind.CHANGED
    return Kind.CANCELLED


_KIND_OF = {
    SeatState.PENDING: Kind.PENDING,
    SeatState.CONFIRMED: Kind.CONFIRMED,
    SeatState.WAITLISTED: Kind.WAITLISTED,
    SeatState.OFFERED: Kind.OFFERED,
    SeatState.CANCELLED: Kind.CANCELLED,
    SeatState.ATTENDED: Kind.CONFIRMED,
}


def _first(now: Picture) -> Kind:
    """The kind of a first mail: where sessions are chosen and none is given, that is what matters."""
    if now.seat.state not in HELD or not now.choices:
        return _KIND_OF[now.seat.state]
    states = [seat.state for seat in now.choices.values() if seat.state is not SeatState.CANCELLED]
    if not states or any(state in HELD for state in states):
        return Kind.CONFIRMED
    return next(
        _KIND_OF[state] for state in (SeatState.OFFERED, SeatState.WAITLISTED, SeatState.PENDING) if state in states
    )
