"""What the private page shows of a registration: each seat in words, material, what can still be chosen, answered or done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.registration.attendee.fullness import Fullness, Openness, fullness, openness, openness_of_form
from services.registration.attendee.needs import read_by_any
from services.registration.attendee.standing import Standing, stand_in, stand_of
from services.registration.consents import Consent, Wordings, shown, text_of, worded_otherwise, wordings
from services.registration.registrations import Held, Registration
from services.registration.seats import EVENT, Seats
from shared.contracts.registration import RequirementState, SeatState
from shared.contracts.scheduling import Audience, EventState, Link, Question, SessionState, Status

SEATED = (SeatState.CONFIRMED, SeatState.ATTENDED)


@dataclass(frozen=True)
class Picture:
    """A registration with all that it stands for at `now` (UTC). `positions` by line."""

    event: EventState
    sessions: Sequence[SessionState]
    seats: Seats
    registration: Registration
    positions: Mapping[str, int]
    now: datetime
    language: str

    @property
    def over(self) -> bool:
        """Whether the event is over."""
        line = self.seats.event
        return line is not None and line.rules.over is not None and self.now >= line.rules.over

    @property
    def seated(self) -> bool:
        """Whether the person has a seat at the event for certain."""
        return self.registration.state in SEATED

    @property
    def agreed_otherwise(self) -> dict[str, Consent]:
        """What the person agreed to in other words than the question has now: no box is ticked for the new ones."""
        given = self.registration.consents
        return {id_: given[id_] for id_, now in self._wordings().items() if worded_otherwise(given[id_], now)}

    @property
    def answers_shown(self) -> dict[str, str | bool]:
        """What was answered, without what was agreed to in other words."""
        old = self.agreed_otherwise
        return {id_: answer for id_, answer in self.registration.answers.items() if id_ not in old}

    @property
    def agreed_as_shown(self) -> dict[str, str]:
        """By consent whose box is ticked, the digest of what was agreed to, maybe in another language than it is shown in; of
        what is shown, where it was not kept."""
        given, old = self.registration.consents, self.agreed_otherwise
        languages = (self.language, self.event.languages[0])
        present = {id_: shown(now, languages) for id_, now in self._wordings().items() if id_ not in old}
        return {id_: given[id_].wording or digest for id_, digest in present.items() if digest}

    def _wordings(self) -> dict[str, Wordings]:
        """What can be agreed to now, by each question that was agreed to."""
        asked = [*self.event.questions, *(question for session in self.sessions for question in session.questions)]
        return {question.id: wordings(question) for question in asked if question.id in self.registration.consents}

    def context(self, chosen: Sequence[str] | None) -> dict[str, Any]:
        """For the template; `chosen`: the sessions that were chosen in a form that is shown again."""
        registration, standing = self.registration, Standing(self.event, self.sessions, self.language)
        events_own = [link for link in self.event.links if link.audience is not Audience.PUBLIC]
        return {
            "event": self.event,
            "registration": registration,
            "over": self.over,
            "seated": self.seated,
            "sentences": standing.at_event(stand_of(registration, self.positions.get(EVENT))),
            "asked_until": standing.still_coming(registration.reconfirm_until) if registration.reconfirm_until else "",
            "rows": self._rows(standing),
            "event_material": self._material(events_own) if self.seated else [],
            "members_more": self.seated and not registration.member and _for_members(events_own),
            "for_everyone": [self._open_to_all(s) for s in self.sessions if self.seated and self._has_more(s)],
            "requirements": self._requirements(standing),
            "choices": self._choices(chosen),
            "consented": self._consented(),
            "agreed_otherwise": self.agreed_otherwise,
            "questions_open": [q for q in self.event.questions if q.id not in registration.consents or not q.required],
            "read_by_chairs": read_by_any(self.event, self.sessions),
            "can_register": openness_of_form(self.seats, self.now)[0] is Openness.OPEN,
            "transfers": self.event.admission.transfers
            and registration.active
            and registration.state is not SeatState.ATTENDED
            and not self.over,
        }

    def _rows(self, standing: Standing) -> list[dict[str, Any]]:
        held = {one.session_id: one for one in self.registration.choices}
        active = [one for one in held.values() if one.state is not SeatState.CANCELLED]
        last = len(active) == 1 and self.seats.choice_needed
        return [self._row(session, held[session.id], standing, last) for session in self.sessions if session.id in held]

    def _row(self, session: SessionState, held: Held, standing: Standing, last: bool) -> dict[str, Any]:
        takes_place = session.status is Status.SCHEDULED
        links = [*session.links, *session.outcome]
        has_seat = held.state in SEATED
        return {
            "session": session,
            "state": held.state.value,
            "sentences": standing.in_session(stand_in(self.registration, held, self.positions.get(session.id))),
            "join_url": session.join_url if held.state in SEATED and takes_place else None,
            "material": self._material(links) if has_seat else [],
            "members_more": has_seat and not self.registration.member and _for_members(links),
            "can_leave": held.state not in (SeatState.CANCELLED, SeatState.ATTENDED)
            and self.registration.active
            and not self.over,
            "last": last,
        }

    def _open_to_all(self, session: SessionState) -> dict[str, Any]:
        links = [*session.links, *session.outcome]
        return {
            "session": session,
            "join_url": session.join_url,
            "material": self._material(links),
            "members_more": not self.registration.member and _for_members(links),
        }

    def _consented(self) -> list[tuple[str | None, Question, datetime, bool]]:
        """What was agreed to and cannot be taken back alone: the wording where it was kept, the question, and when; and
        whether it is known to have been another wording, which is lost."""
        given = self.registration.consents
        asked = [question for question in self.event.questions if question.required and question.id in given]
        said = [(text_of(given[question.id], question), question, given[question.id]) for question in asked]
        return [(text, question, one.at, text is None and one.wording is not None) for text, question, one in said]

    def _has_more(self, session: SessionState) -> bool:
        """Whether a session that nobody chooses has something for those who registered."""
        private = [link for link in (*session.links, *session.outcome) if link.audience is not Audience.PUBLIC]
        return not session.by_choice and session.status is Status.SCHEDULED and bool(private or session.join_url)

    def _material(self, links: Sequence[Link]) -> list[Link]:
        """What somebody with a seat may see; a session's public links too, an event's are on its page."""
        audiences = {Audience.PUBLIC, Audience.REGISTRANTS} | (
            {Audience.MEMBERS} if self.registration.member else set()
        )
        return [link for link in links if link.audience in audiences]

    def _requirements(self, standing: Standing) -> list[dict[str, Any]]:
        if not self.registration.active:
            return []
        known = self.registration.requirements
        return [
            {
                "needed": needed,
                "state": known.get(needed.id, RequirementState.MISSING).value,
                "sentence": standing.requirement(
                    known.get(needed.id, RequirementState.MISSING),
                    needed.name.get(self.language) or next(iter(needed.name.values()), needed.id),
                ),
                "number": self.registration.numbers.get(needed.id, ""),
            }
            for needed in self.event.requirements
        ]

    def _choices(self, chosen: Sequence[str] | None) -> list[dict[str, Any]]:
        """What the sessions can be changed to; where there is no other session to choose now, those that the person has, if
        one of them asks something: what was answered can be changed, and a consent taken back, as long as they are held."""
        has = {one.session_id for one in self.registration.choices if one.state is not SeatState.CANCELLED}
        lines = self.seats.sessions
        here = openness(self.seats.event, self.now) is Openness.OPEN
        open_now = {s.id for s in self.sessions if here and openness(lines.get(s.id), self.now) is Openness.OPEN}
        offered = [s for s in self.sessions if s.by_choice and (s.id in has or s.id in open_now)]
        to_choose = len(offered) > 1 and any(s.id in open_now for s in offered)
        asks = any(s.questions for s in offered if s.id in has)
        if not self.registration.active or not (to_choose or asks):
            return []
        return [
            {
                "session": session,
                # Of what nobody can ask for any more, how full it is says nothing.
                "seats": fullness(lines.get(session.id), self.seats.audiences, self.now)
                if session.id in open_now
                else Fullness(),
                "chosen": session.id in (has if chosen is None else chosen),
            }
            for session in offered
        ]


def _for_members(links: Sequence[Link]) -> bool:
    return any(link.audience is Audience.MEMBERS for link in links)
