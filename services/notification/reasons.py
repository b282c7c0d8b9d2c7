"""Why a seat is not there any more, or not yet, in kind plain words."""

from __future__ import annotations

from collections.abc import Iterable

from services.notification.domain import Change, SeatNews, Telling
from services.notification.picture import Picture
from services.notification.wording import Wording
from shared.contracts.registration import Cause, RequirementState, SeatState

_LAPSES = (Cause.REQUIREMENT_LAPSED, Cause.OFFER_LAPSED, Cause.NOT_RECONFIRMED)
_NO_SEAT = (Cause.FULL, Cause.OVERLAP, Cause.OVER)


class Reasons(Wording):
    """Reasons for a person who reads `wanted`; English where there is no catalogue for it."""

    def title_of(self, session_id: str, now: Picture, before: Picture | None) -> str:
        """The session's name, also of one that the person does not have any more."""
        known = now.sessions.get(session_id) or (before.sessions.get(session_id) if before is not None else None)
        return self.name_of(known) if known is not None else session_id

    def about_requirements(self, ids: Iterable[str], now: Picture) -> list[str]:
        """How registrations with other organisations stand, one sentence each."""
        names = {requirement.id: self.said(requirement.name) for requirement in now.event.requirements}
        return [self._requirement(now.requirements[id_], names.get(id_) or id_) for id_ in ids]

    def missing(self, ids: Iterable[str], now: Picture) -> list[str]:
        """The same where a seat waits for them, and what can be done where one is not known yet."""
        ids = list(ids)
        said = self.about_requirements(ids, now)
        if any(now.requirements[id_] is RequirementState.MISSING for id_ in ids):
            said.append(
                self._("If you are registered there already, give the number that you have there on your private page.")
            )
        return said

    def _requirement(self, state: RequirementState, name: str) -> str:
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

    def what_ended(self, telling: Telling, before: Picture | None, now: Picture, event: str) -> str:
        """The subject line of a mail about an end: of the event, of the registration, or of single sessions by name."""
        if Change.CANCELLED in telling.event:
            return self._("Cancelled: %(event)s", event=event)
        if now.seat.state is SeatState.CANCELLED:
            if now.seat.cause is Cause.TRANSFERRED:
                return self._("Your registration was handed on: %(event)s", event=event)
            return self._("Registration cancelled: %(event)s", event=event)
        if len(telling.seats) + len(telling.sessions) != 1:
            return self._("Sessions that ended for you: %(event)s", event=event)
        if not telling.seats:
            session = self.name_of(now.sessions[telling.sessions[0].session_id])
            return self._("Cancelled: %(session)s (%(event)s)", session=session, event=event)
        [news] = telling.seats
        session = self.title_of(news.session_id or "", now, before)
        cause = now.choices[news.session_id or ""].cause if news.session_id in now.choices else None
        if cause not in (None, Cause.GIVEN_UP, Cause.SWAPPED, Cause.CALENDAR):
            return self._("No seat in %(session)s (%(event)s)", session=session, event=event)
        if news.before is SeatState.WAITLISTED:
            return self._("Waiting list left: %(session)s (%(event)s)", session=session, event=event)
        return self._("Session given up: %(session)s (%(event)s)", session=session, event=event)

    def what_stays(self, now: Picture, event: str) -> str:
        """That the end of single sessions ends nothing else."""
        if any(seat.state is not SeatState.CANCELLED for seat in now.choices.values()):
            return self._("Your registration for “%(event)s” and your other sessions stay as they are.", event=event)
        return self._("Your registration for “%(event)s” stays as it is.", event=event)

    def gone(self, news: SeatNews, now: Picture, event: str) -> list[str]:
        """That the whole registration is cancelled, why, and what can be done."""
        cause = now.seat.cause
        if cause is Cause.DECLINED:
            return [self._("The organisers could not accept your registration for “%(event)s”.", event=event)]
        if cause is Cause.TRANSFERRED:
            return [
                self._("Your registration for “%(event)s” was handed on to the colleague who was named.", event=event),
                self._("You have no seat there any more; your colleague gets a mail of their own."),
            ]
        sentences = [self._("Your registration for “%(event)s” is cancelled.", event=event)]
        if cause is Cause.NOT_RECONFIRMED:
            sentences.append(self._("You were asked whether you still come, and no answer came in time."))
        elif cause is Cause.OVER:
            sentences.append(self._("The event was over before there was a seat for you."))
        elif cause is Cause.FULL:
            sentences.append(self._("The event was full, and nobody moves up from its waiting list any more."))
        elif cause is not None:
            sentences += self._why(cause)
        if cause in (Cause.REQUIREMENT, Cause.REQUIREMENT_LAPSED):
            missing = [id_ for id_, state in now.requirements.items() if state is not RequirementState.GRANTED]
            sentences += self.about_requirements(missing, now)
        if cause in _LAPSES:
            sentences.append(
                self._("If you would still like to come, you can register again while registration is open.")
            )
        return sentences

    def session_gone(self, news: SeatNews, now: Picture, session: str) -> list[str]:
        """That one session is cancelled for this person, and why."""
        seat = now.choices.get(news.session_id or "")
        cause = seat.cause if seat is not None else None
        if cause is Cause.DECLINED:
            return [self._("The organisers could not give you a seat in “%(session)s”.", session=session)]
        if cause in _NO_SEAT:
            first = self._("There is no seat for you in “%(session)s”.", session=session)
        elif news.before is SeatState.WAITLISTED:
            first = self._("You are not on the waiting list for “%(session)s” any more.", session=session)
        else:
            first = self._("Your seat in “%(session)s” is cancelled.", session=session)
        return [first, *(self._why(cause) if cause is not None else ())]

    def _why(self, cause: Cause) -> list[str]:
        """The reason in one sentence; none where the person gave the seat up."""
        reasons = {
            Cause.REQUIREMENT: self._("A registration with another organisation is needed, and is missing."),
            Cause.REQUIREMENT_LAPSED: self._(
                "A registration with another organisation is needed, and did not come in time."
            ),
            Cause.OFFER_LAPSED: self._("The offered seat was not accepted in time; it goes to the next in line."),
            Cause.SWAPPED: self._("You took another session at the same time instead."),
            Cause.FULL: self._("It was full when your turn came, and has no waiting list."),
            Cause.OVERLAP: self._("It is at the same time as another session that you have a seat in."),
            Cause.OVER: self._("It has begun already, or does not take place."),
            Cause.CALENDAR: self._(
                "You removed or declined it in your calendar, and did not tell us that you want to keep it."
            ),
        }
        return [reasons[cause]] if cause in reasons else []
