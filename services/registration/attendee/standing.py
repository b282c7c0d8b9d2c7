"""How a registration stands, in kind plain words: what is had, what is missing, until when, and why something ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.registration.commands import Answer
from services.registration.registrations import Held, Registration
from shared.contracts.base import said_in
from shared.contracts.registration import Cause, Choice, RequirementState, SeatState
from shared.contracts.scheduling import EventState, SessionState
from shared.web.i18n import translations
from shared.web.times import moment


@dataclass(frozen=True)
class Stand:
    """A seat as it stands, at the event or in a session. Instants are UTC."""

    state: SeatState
    position: int | None = None
    held: bool = False
    until: datetime | None = None
    """Until when an offer stands, or a held seat is held."""
    instead_of: tuple[str, ...] = ()
    cause: Cause | None = None
    attended_at: datetime | None = None


def stand_of(registration: Registration, position: int | None) -> Stand:
    """The seat at the event."""
    return Stand(
        registration.state,
        position,
        registration.held,
        registration.until or registration.hold_until,
        cause=registration.cause,
        attended_at=registration.attended_at,
    )


def stand_in(registration: Registration, held: Held, position: int | None) -> Stand:
    """The seat in one session."""
    until = registration.hold_until if held.held else held.until
    return Stand(held.state, position, held.held, until, held.instead_of, held.cause, held.attended_at)


def stand_answered(answer: Answer) -> Stand:
    """The seat at the event, as it was answered."""
    return Stand(answer.state or SeatState.PENDING, answer.position, answer.held, answer.until, cause=answer.cause)


def stand_chosen(answer: Answer, choice: Choice) -> Stand:
    """The seat in one session, as it was answered."""
    until = answer.until if choice.held else choice.until
    return Stand(choice.state, choice.position, choice.held, until, tuple(choice.instead_of), choice.cause)


class Standing:
    """The sentences, for whoever reads `language`; times on the clocks of the event's zone."""

    def __init__(self, event: EventState, sessions: Sequence[SessionState], language: str) -> None:
        self._event, self._language = event, language
        self._titles: Mapping[str, SessionState] = {session.id: session for session in sessions}
        self._gettext = translations(language).gettext

    def at_event(self, stand: Stand) -> list[str]:
        """Of the seat at the event."""
        if stand.state is SeatState.PENDING and stand.cause is Cause.APPROVAL:
            return [
                self._("The organisers decide about your registration."),
                self._("You get a mail as soon as they have decided."),
            ]
        if stand.state is SeatState.PENDING:
            return [*self._held(stand), self._when_complete(stand)]
        if stand.state is SeatState.CANCELLED and stand.cause is Cause.DECLINED:
            return [self._("The organisers could not accept your registration.")]
        if stand.state is SeatState.CANCELLED and stand.cause is Cause.OVER:
            return [self._("The event was over before there was a seat for you.")]
        if stand.state is SeatState.CANCELLED and stand.cause is Cause.FULL:
            return [self._("The event was full, and nobody moves up from its waiting list any more.")]
        return self._either(stand)

    def in_session(self, stand: Stand) -> list[str]:
        """Of the seat in a session."""
        if stand.state is SeatState.PENDING and stand.cause is Cause.APPROVAL:
            return [
                self._("The organisers decide about this seat."),
                self._("You get a mail as soon as they have decided."),
            ]
        if stand.state is SeatState.PENDING and stand.cause is Cause.EVENT_SEAT:
            return [self._("It is decided when you have a seat at the event.")]
        if stand.state is SeatState.PENDING:
            return self._held(stand) or [self._when_complete(stand)]
        if stand.state is SeatState.CANCELLED and stand.cause is Cause.DECLINED:
            return [self._("The organisers could not give you a seat here.")]
        return self._either(stand)

    def requirement(self, state: RequirementState, name: str) -> str:
        """How a registration with another organisation stands."""
        return {
            RequirementState.MISSING: self._("Your registration with %(name)s is not known yet.", name=name),
            RequirementState.GRANTED: self._("%(name)s has confirmed your registration there.", name=name),
            RequirementState.REFUSED: self._(
                "%(name)s refused your registration there; please ask them about it.", name=name
            ),
            RequirementState.REVOKED: self._(
                "%(name)s took your registration there back; please ask them about it.", name=name
            ),
        }[state]

    def still_coming(self, until: datetime) -> str:
        """Until when it must be said."""
        return self._(
            "Please answer by %(until)s; without an answer your seat is given to others.", until=self._moment(until)
        )

    def _either(self, stand: Stand) -> list[str]:
        match stand.state:
            case SeatState.WAITLISTED:
                place = [self._("Your position: %(position)s.", position=stand.position)] if stand.position else []
                return [*place, self._("You get a mail as soon as a seat is free.")]
            case SeatState.OFFERED:
                return self._offer(stand)
            case SeatState.ATTENDED if stand.attended_at is not None:
                return [self._("You checked in: %(moment)s.", moment=self._moment(stand.attended_at))]
            case SeatState.CANCELLED:
                return self._why(stand.cause)
        return []

    def _held(self, stand: Stand) -> list[str]:
        if not stand.held or stand.until is None:
            return []
        return [self._("A seat is held for you until %(until)s.", until=self._moment(stand.until))]

    def _when_complete(self, stand: Stand) -> str:
        if stand.held:
            return self._("It is confirmed by itself as soon as nothing is missing any more.")
        return self._("You get a seat, or a place in line, as soon as nothing is missing any more.")

    def _offer(self, stand: Stand) -> list[str]:
        sentences = [self._("A seat is offered to you.")]
        if stand.until is not None:
            until = self._moment(stand.until)
            sentences.append(
                self._(
                    "It is yours if you accept it by %(until)s; after that it goes to the next in line.", until=until
                )
            )
        if stand.instead_of:
            given_up = ", ".join(map(self._title, stand.instead_of))
            sentences.append(
                self._("If you accept it, you give up what you have at the same time: %(sessions)s.", sessions=given_up)
            )
        return sentences

    def _why(self, cause: Cause | None) -> list[str]:
        reasons = {
            Cause.GIVEN_UP: self._("You gave it up."),
            Cause.REQUIREMENT: self._("A registration with another organisation is needed, and is missing."),
            Cause.REQUIREMENT_LAPSED: self._(
                "A registration with another organisation is needed, and did not come in time."
            ),
            Cause.OFFER_LAPSED: self._("The offered seat was not accepted in time; it goes to the next in line."),
            Cause.NOT_RECONFIRMED: self._("You were asked whether you still come, and no answer came in time."),
            Cause.SWAPPED: self._("You took another session at the same time instead."),
            Cause.TRANSFERRED: self._("Your seat has passed to the colleague who was named."),
            Cause.FULL: self._("It was full when your turn came, and has no waiting list."),
            Cause.OVERLAP: self._("It is at the same time as another session that you have a seat in."),
            Cause.OVER: self._("It has begun already, or does not take place."),
            Cause.CALENDAR: self._("You removed it from your calendar, or declined it there or in the invitation."),
        }
        return [reasons[cause]] if cause in reasons else []

    def _title(self, session_id: str) -> str:
        known = self._titles.get(session_id)
        return said_in(known.title, self._language, self._event.languages[0]) if known is not None else session_id

    def _moment(self, instant: datetime) -> str:
        return moment(instant, self._event.zone, self._language)

    def _(self, message: str, **values: object) -> str:
        text = self._gettext(message)
        return text % values if values else text
