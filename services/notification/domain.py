"""What a person has to be told: the difference between what the person was told last and what stands now.

Nothing here follows the order in which facts arrive. A mail is the difference of two pictures, so that facts which come
twice, late or in another order lead to the same mails, and a difference that was told is never told again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.notification.picture import SEATED, Picture, Seat, follows, has_seat
from shared.contracts.calendar_sync import Lost
from shared.contracts.registration import Cause, RequirementState, SeatState, Through
from shared.contracts.scheduling import EventState, SessionState, Status


class Kind(StrEnum):
    """What a mail is mainly about; its subject line and its name in metrics."""

    CONFIRMED = "confirmed"
    WAITLISTED = "waitlisted"
    PROMOTED = "promoted"
    PENDING = "pending"
    OFFERED = "offered"
    HANDED_ON = "handed-on"
    CHANGED = "changed"
    CANCELLED = "cancelled"
    RECONFIRM = "reconfirm"
    NEW_ADDRESS = "new-address"
    REQUIREMENT_REMINDER = "requirement-reminder"
    RECONFIRMATION_REMINDER = "reconfirmation-reminder"
    REPEATED = "repeated"
    INVITATION = "invitation"
    """A session for the calendar, in a mail of its own."""
    WITHDRAWAL = "withdrawal"
    """The end of one."""
    ANSWER_NOTICED = "answer-noticed"
    ANSWER_UNCLEAR = "answer-unclear"
    CALENDAR_LOST = "calendar-lost"


class Change(StrEnum):
    """What became different in a session or an event."""

    CANCELLED = "cancelled"
    REINSTATED = "reinstated"
    TIME = "time"
    PLACE = "place"
    TITLE = "title"
    JOIN_LINK = "join-link"


@dataclass(frozen=True)
class SeatNews:
    """A seat that is new, has another state, or is held or offered until another time. `session_id` None: the seat at the event itself."""

    session_id: str | None
    before: SeatState | None
    after: SeatState

    @property
    def promoted(self) -> bool:
        """Whether somebody who stood in line now has the seat."""
        return self.before is SeatState.WAITLISTED and self.after in SEATED


@dataclass(frozen=True)
class SessionNews:
    """A session that the person holds or awaits a seat in, and what changed in it."""

    session_id: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Telling:
    """One mail: its kind and everything it has to say.

    `requirements` are registrations elsewhere of which there is news; `asked`: whether the person still comes.
    `until` (UTC): what a reminder reminds of.
    """

    kind: Kind
    seats: tuple[SeatNews, ...] = ()
    sessions: tuple[SessionNews, ...] = ()
    event: tuple[Change, ...] = ()
    requirements: tuple[str, ...] = ()
    asked: bool = False
    new_address: bool = False
    """Whether the private addresses that the person knows are void."""
    to_former: bool = False
    """Whether it goes to an e-mail address that the person had before: it says nothing of how things stand now."""
    until: datetime | None = None
    about: tuple[str, ...] = ()
    """The sessions that an invitation or an answer by calendar is about."""
    through: Through = Through.CALENDAR
    lost: Lost | None = None

    @property
    def personal(self) -> bool:
        """Whether it speaks of the person's own seats and duties, not of the agenda alone."""
        return bool(self.seats or self.requirements or self.asked or self.new_address or self.kind in NOTICES)


INVITATIONS = frozenset({Kind.INVITATION, Kind.WITHDRAWAL})
ANSWERS = frozenset({Kind.ANSWER_NOTICED, Kind.ANSWER_UNCLEAR})
NOTICES = (
    frozenset({Kind.REQUIREMENT_REMINDER, Kind.RECONFIRMATION_REMINDER, Kind.REPEATED, Kind.CALENDAR_LOST})
    | INVITATIONS
    | ANSWERS
)


@dataclass(frozen=True)
class Former:
    """The end of an invitation at an e-mail address that the person had before: the address' number, from 1, the SEQUENCE,
    and the generation of the private addresses that stood in the invitation."""

    number: int
    sequence: int
    generation: int


@dataclass(frozen=True)
class Notice:
    """A mail about one fact that changes nothing. After `until` (UTC) it is not sent any more.

    `sessions`: what an invitation, or an answer by calendar, is about; `through`: how the answer came; `lost`: why a
    connected calendar cannot be written any more; `former`: it goes to an address that the person had before.
    """

    kind: Kind
    until: datetime | None
    sessions: tuple[str, ...] = ()
    through: Through = Through.CALENDAR
    lost: Lost | None = None
    former: Former | None = None


def tell(told: Picture | None, now: Picture) -> Telling | None:
    """The mail that brings a person from `told` (None: never told anything) to `now`; None where there is no news.

    The first publication of a session is no news: nobody was told anything else before. Who is being forgotten is told
    nothing: the address may be gone already.
    """
    if now.seat.cause is Cause.ERASED:
        return None
    seats = _seat_news(told, now)
    event = _event_news(told, now) if told is not None else ()
    sessions = _session_news(told, now) if told is not None else ()
    requirements, pressing = _requirement_news(told, now)
    asked = _asked(told, now)
    new_address = told is not None and now.link_generation > told.link_generation and _concerned(now)
    if not (seats or event or sessions or pressing or asked or new_address):
        return None
    if new_address and not (seats or event or sessions or pressing or asked):
        return Telling(Kind.NEW_ADDRESS, requirements=requirements, new_address=True)
    kind = _kind(told, now, seats, event, sessions, requirements, asked)
    return Telling(kind, seats, sessions, event, requirements, asked, new_address)


def tell_of(notice: Notice, now: Picture) -> Telling | None:
    """The mail about a fact of its own; None where its matter is settled meanwhile."""
    if now.seat.state is SeatState.CANCELLED or now.event.status is Status.CANCELLED:
        return None
    until: datetime | None = notice.until
    about: tuple[str, ...] = ()
    if notice.kind is Kind.REQUIREMENT_REMINDER:
        held = [seat for seat in (now.seat, *now.choices.values()) if seat.lapses]
        if not held or (now.requirements and set(now.requirements.values()) == {RequirementState.GRANTED}):
            return None
        until = min((seat.until for seat in held if seat.until is not None), default=until)
    elif notice.kind is Kind.RECONFIRMATION_REMINDER:
        if now.reconfirm_until is None or now.seat.state not in SEATED:
            return None
        until = now.reconfirm_until
    elif notice.kind in ANSWERS:
        about = tuple(id_ for id_ in notice.sessions if id_ in now.sessions and has_seat(now, id_))
        if not about:
            return None
    return Telling(notice.kind, until=until, about=about, through=notice.through, lost=notice.lost)


def _concerned(view: Picture) -> bool:
    return view.seat.state is not SeatState.CANCELLED


def _seat_news(told: Picture | None, now: Picture) -> tuple[SeatNews, ...]:
    news: list[SeatNews] = []
    before = told.seat if told is not None else None
    gone = now.seat.state is SeatState.CANCELLED
    known_off = told is not None and told.event.status is Status.CANCELLED and gone
    if not known_off and ((before is None and gone) or _differs(before, now.seat)):
        news.append(_news(None, before, now.seat))
    if gone:
        return tuple(news)  # one sentence says it for all sessions
    for session_id in sorted(now.choices.keys() | (told.choices.keys() if told is not None else set())):
        earlier = told.choices.get(session_id) if told is not None else None
        current = now.choices.get(session_id, Seat(SeatState.CANCELLED))
        # Who was told that a session does not take place knows that the seat is gone as well.
        off = current.state is SeatState.CANCELLED and _is_cancelled(now, session_id)
        if not off and _differs(earlier, current):
            news.append(_news(session_id, earlier, current))
    return tuple(news)


def _news(session_id: str | None, before: Seat | None, after: Seat) -> SeatNews:
    return SeatNews(session_id, before.state if before is not None else None, after.state)


def _differs(before: Seat | None, after: Seat) -> bool:
    if before is None:
        return after.state is not SeatState.CANCELLED
    return before.matter != after.matter


def _requirement_news(told: Picture | None, now: Picture) -> tuple[tuple[str, ...], bool]:
    """The registrations elsewhere with news, and whether these alone are worth a mail.

    What is granted is told with the confirmation that follows from it, alone only where the seat did not wait for it and
    the person was told something else.
    """
    if now.seat.state is SeatState.CANCELLED:
        return (), False
    news: list[str] = []
    pressing = False
    waits = any(seat.state is SeatState.PENDING for seat in (now.seat, *now.choices.values()))
    for id_, state in now.requirements.items():
        before = told.requirements.get(id_, RequirementState.MISSING) if told is not None else RequirementState.MISSING
        if before is state or (before in _NO and state is RequirementState.MISSING):
            continue
        news.append(id_)
        pressing |= state is not RequirementState.GRANTED or (before in _NO and not waits)
    return tuple(news), pressing


_NO = (RequirementState.REFUSED, RequirementState.REVOKED)


def _asked(told: Picture | None, now: Picture) -> bool:
    """Whether it is asked anew that the person says: I still come."""
    if now.reconfirm_until is None or now.seat.state not in SEATED or now.event.status is Status.CANCELLED:
        return False
    return told is None or told.reconfirm_until != now.reconfirm_until


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
    requirements: tuple[str, ...],
    asked: bool,
) -> Kind:
    if now.seat.state is SeatState.CANCELLED or Change.CANCELLED in event:
        return Kind.CANCELLED
    if told is None or told.seat.state is SeatState.CANCELLED:
        return Kind.HANDED_ON if now.handed_on else _first(now)
    for news in seats:
        if news.session_id is None:
            return Kind.PROMOTED if news.promoted else _KIND_OF[news.after]
    if asked:
        return Kind.RECONFIRM
    if any(now.requirements[id_] is not RequirementState.GRANTED for id_ in requirements):
        return Kind.PENDING
    if any(news.promoted for news in seats):
        return Kind.PROMOTED
    for state in (SeatState.OFFERED, SeatState.CONFIRMED, SeatState.WAITLISTED, SeatState.PENDING, SeatState.ATTENDED):
        if any(news.after is state for news in seats):
            return _KIND_OF[state]
    if event or requirements or any(Change.CANCELLED not in news.changes for news in sessions):
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
    if now.seat.state not in SEATED or not now.choices:
        return _KIND_OF[now.seat.state]
    states = [seat.state for seat in now.choices.values() if seat.state is not SeatState.CANCELLED]
    if not states or any(state in SEATED for state in states):
        return Kind.CONFIRMED
    return next(
        _KIND_OF[state] for state in (SeatState.OFFERED, SeatState.WAITLISTED, SeatState.PENDING) if state in states
    )
