"""The sentences of mails: the subject line, and what happened, most important first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from services.notification.calendar_words import CALENDAR_KINDS, CalendarWords
from services.notification.domain import NOTICES, Change, Kind, SeatNews, Telling
from services.notification.picture import SEATED, Picture, Seat
from shared.contracts.registration import Cause, RequirementState, SeatState


class Sentences(CalendarWords):
    """Sentences for a person who reads `wanted`; English where there is no catalogue for it."""

    def subject(self, telling: Telling, before: Picture | None, now: Picture) -> str:
        """The subject line: what it is about first, because lists of mails cut the rest off."""
        event = self.said(now.event.title)
        if telling.kind is Kind.CANCELLED:
            return self.what_ended(telling, before, now, event)
        if telling.kind in CALENDAR_KINDS:
            return self.calendar_subject(telling, now, event)
        if telling.kind is Kind.HANDED_ON and now.seat.state is SeatState.WAITLISTED:
            return self._("A place in line was handed to you: %(event)s", event=event)
        return {
            Kind.CONFIRMED: self._("Confirmed: %(event)s", event=event),
            Kind.WAITLISTED: self._("Waiting list: %(event)s", event=event),
            Kind.PROMOTED: self._("A seat for you: %(event)s", event=event),
            Kind.PENDING: self._("Not complete yet: %(event)s", event=event),
            Kind.OFFERED: self._("A seat is offered to you: %(event)s", event=event),
            Kind.CHANGED: self._("Changed: %(event)s", event=event),
            Kind.HANDED_ON: self._("A seat was handed to you: %(event)s", event=event),
            Kind.NEW_ADDRESS: self._("Your new private address: %(event)s", event=event),
            Kind.RECONFIRM: self._("Do you still come? %(event)s", event=event),
            Kind.REQUIREMENT_REMINDER: self._("Reminder, something is missing: %(event)s", event=event),
            Kind.RECONFIRMATION_REMINDER: self._("Reminder, do you still come? %(event)s", event=event),
            Kind.REPEATED: self._("You are registered already: %(event)s", event=event),
        }[telling.kind]

    def action(self, telling: Telling, now: Picture) -> str:
        """What the person is to do on the private page; empty where nothing waits for them."""
        if any(news.after is SeatState.OFFERED for news in telling.seats):
            return self._("Accept the seat here")
        if telling.asked or telling.kind is Kind.RECONFIRMATION_REMINDER:
            return self._("Answer here")
        return self.calendar_action(telling)

    def happened(self, telling: Telling, before: Picture | None, now: Picture) -> list[str]:
        """What happened, most important first."""
        event = self.said(now.event.title)
        if telling.kind in NOTICES:
            return self._notice(telling, now, event)
        if Change.CANCELLED in telling.event:
            return [
                self._("“%(event)s” is cancelled and does not take place.", event=event),
                self._("You need not do anything."),
            ]
        sentences: list[str] = []
        whole = next((news for news in telling.seats if news.session_id is None), None)
        choices = [news for news in telling.seats if news.session_id is not None]
        if telling.kind is Kind.HANDED_ON:
            sentences.append(self._("A colleague handed a registration for “%(event)s” on to you.", event=event))
        if whole is not None:
            sentences += self._about_event(telling, whole, before, now, event)
            # The others are in the summary and in the list of sessions.
            choices = [news for news in choices if news.after in (SeatState.OFFERED, SeatState.CANCELLED)]
        elif not any(news.after is SeatState.PENDING for news in choices):
            sentences += self.about_requirements(telling.requirements, now)
        for news in sorted(choices, key=lambda news: news.after is SeatState.CANCELLED):
            sentences += self._about_session(news, before, now)
        if whole is None and any(news.after is SeatState.PENDING for news in choices):
            sentences += self.missing(_open(telling, now), now)
        if telling.kind is Kind.HANDED_ON:
            sentences.append(
                self._("If you do not want it, cancel on your private page, so that others get what you have.")
            )
        if telling.kind is Kind.CANCELLED and whole is None and choices:
            sentences.append(self.what_stays(now, event))
        if telling.asked:
            asked = self._question(now, event)
            sentences = [*asked, *sentences] if telling.kind is Kind.RECONFIRM else [*sentences, *asked]
        if telling.new_address:
            sentences.append(
                self._(
                    "Your private address and the address of your calendar are new, as in this mail. The earlier ones no longer "
                    "work: please subscribe to the calendar again, and use your ticket as it is on the new page."
                )
            )
        return [*sentences, *self._about_agenda(telling, now, event)]

    def _about_event(
        self, telling: Telling, news: SeatNews, before: Picture | None, now: Picture, event: str
    ) -> list[str]:
        if news.after is SeatState.CANCELLED:
            return self.gone(news, now, event)
        if news.after is SeatState.PENDING:
            return self._pending(telling, before, now, event)
        granted = self.about_requirements(telling.requirements, now)
        if news.after is SeatState.WAITLISTED:
            first = self._("“%(event)s” is full at the moment: you are on the waiting list.", event=event)
            position = now.seat.position
            line = [self._("You are number %(position)d in line.", position=position)] if position else []
            return [first, *line, *granted]
        if news.after is SeatState.OFFERED:
            offered = self._("A seat at “%(event)s” is offered to you.", event=event)
            return [offered, *self._offer(now.seat, now), *granted]
        summary = self.summary(now)
        return [self._confirmed(telling, news, before, event), *granted, *([summary] if summary else [])]

    def _confirmed(self, telling: Telling, news: SeatNews, before: Picture | None, event: str) -> str:
        if news.before is SeatState.WAITLISTED:
            return self._("Good news: a seat is free, and your registration for “%(event)s” is confirmed.", event=event)
        if news.before is SeatState.OFFERED:
            return self._("You accepted the seat: your registration for “%(event)s” is confirmed.", event=event)
        if news.before is SeatState.PENDING:
            if before is not None and before.seat.cause is Cause.APPROVAL:
                return self._("The organisers agreed: your registration for “%(event)s” is confirmed.", event=event)
            return self._("Nothing is missing any more: your registration for “%(event)s” is confirmed.", event=event)
        if telling.kind is Kind.WAITLISTED:
            return self._(
                "You are registered for “%(event)s”, and on the waiting list for what you chose.", event=event
            )
        if telling.kind is Kind.PENDING:
            return self._(
                "You are registered for “%(event)s”; for what you chose, something is still missing.", event=event
            )
        return self._("Your registration for “%(event)s” is confirmed.", event=event)

    def _pending(self, telling: Telling, before: Picture | None, now: Picture, event: str) -> list[str]:
        seat = now.seat
        earlier = before.seat.state if before is not None else SeatState.CANCELLED
        first_time = earlier is SeatState.CANCELLED and telling.kind is not Kind.HANDED_ON
        if seat.cause is Cause.APPROVAL:
            decide = (
                self._("Your registration for “%(event)s” has arrived; the organisers decide about it.", event=event)
                if first_time
                else self._("The organisers decide about your registration for “%(event)s”.", event=event)
            )
            told = self._("You get another mail as soon as they have decided.")
            return [decide, told, *self.missing(_open(telling, now), now)]
        if first_time:
            first = self._("Your registration for “%(event)s” has arrived; something is still missing.", event=event)
        elif earlier in SEATED:
            first = self._("Your seat at “%(event)s” is not certain any more: something is missing.", event=event)
        elif earlier is SeatState.WAITLISTED and seat.held:
            first = self._(
                "Good news: a seat at “%(event)s” is free and held for you; something is still missing.", event=event
            )
        else:
            first = self._("Something is still missing for your registration for “%(event)s”.", event=event)
        sentences = [first, *self.missing(_open(telling, now), now)]
        if seat.held and seat.until is not None:
            until = self.moment(seat.until, now.event.zone)
            sentences.append(
                self._("A seat is held for you until %(until)s; after that it is given to others.", until=until)
            )
        if seat.held:
            sentences.append(self._("It is confirmed by itself as soon as nothing is missing any more."))
        elif seat.cause is Cause.REQUIREMENT:
            sentences.append(
                self._("You have no seat yet: you get one in turn as soon as nothing is missing any more.")
            )
        return sentences

    def _offer(self, seat: Seat, now: Picture) -> list[str]:
        if seat.until is None:
            return []
        until = self.moment(seat.until, now.event.zone)
        sentences = [
            self._("It is yours if you accept it by %(until)s; after that it goes to the next in line.", until=until)
        ]
        if seat.instead_of:
            given_up = ", ".join(self.title_of(id_, now, None) for id_ in seat.instead_of)
            sentences.append(
                self._("If you accept it, you give up what you have at the same time: %(sessions)s.", sessions=given_up)
            )
        return sentences

    def summary(self, now: Picture) -> str:
        """All choices in one sentence: "3 sessions are confirmed, 1 session is on the waiting list."; empty for none."""
        count = Counter(
            SeatState.CONFIRMED if seat.state in SEATED else seat.state
            for seat in now.choices.values()
        )  # fmt: skip
        parts: list[str] = []
        if number := count[SeatState.CONFIRMED]:
            parts.append(self._n("%(num)d session is confirmed", "%(num)d sessions are confirmed", number))
        if number := count[SeatState.OFFERED]:
            parts.append(self._n("%(num)d session is offered to you", "%(num)d sessions are offered to you", number))
        if number := count[SeatState.WAITLISTED]:
            parts.append(
                self._n("%(num)d session is on the waiting list", "%(num)d sessions are on the waiting list", number)
            )
        undecided = sum(
            seat.cause is Cause.APPROVAL and seat.state is SeatState.PENDING for seat in now.choices.values()
        )
        if number := count[SeatState.PENDING] - undecided:
            parts.append(
                self._n("%(num)d session is not complete yet", "%(num)d sessions are not complete yet", number)
            )
        if undecided:
            parts.append(
                self._n(
                    "the organisers still decide about %(num)d session",
                    "the organisers still decide about %(num)d sessions",
                    undecided,
                )
            )
        sentence = ", ".join(parts)
        return f"{sentence[0].upper()}{sentence[1:]}." if sentence else ""

    def _about_session(self, news: SeatNews, before: Picture | None, now: Picture) -> list[str]:
        id_ = news.session_id or ""
        session = self.title_of(id_, now, before)
        if news.after is SeatState.CANCELLED:
            return self.session_gone(news, now, session)
        if news.promoted:
            return [self._("Good news: your seat in “%(session)s” is confirmed.", session=session)]
        seat = now.choices[id_]
        if news.after is SeatState.WAITLISTED:
            if seat.position:
                return [
                    self._(
                        "You are on the waiting list for “%(session)s”, number %(position)d in line.",
                        session=session,
                        position=seat.position,
                    )
                ]
            return [self._("You are on the waiting list for “%(session)s”.", session=session)]
        if news.after is SeatState.PENDING:
            if seat.cause is Cause.APPROVAL:
                return [self._("The organisers decide about your seat in “%(session)s”.", session=session)]
            first = self._(
                "Your seat in “%(session)s” is not certain yet: something is still missing.", session=session
            )
            if not seat.held or seat.until is None:
                return [first]
            until = self.moment(seat.until, now.event.zone)
            return [first, self._("It is held for you until %(until)s; after that it is given to others.", until=until)]
        if news.after is SeatState.OFFERED:
            return [
                self._("A seat in “%(session)s” is offered to you.", session=session),
                *self._offer(seat, now),
            ]
        return [self._("Your seat in “%(session)s” is confirmed.", session=session)]

    def _question(self, now: Picture, event: str) -> list[str]:
        first = self._("Do you still come to “%(event)s”?", event=event)
        if now.reconfirm_until is None:
            return [first]
        until = self.moment(now.reconfirm_until, now.event.zone)
        return [
            first,
            self._("Please answer by %(until)s; without an answer your seat is given to others.", until=until),
        ]

    def _notice(self, telling: Telling, now: Picture, event: str) -> list[str]:
        if telling.kind in CALENDAR_KINDS:
            return self.calendar_notice(telling, now, event)
        if telling.kind is Kind.RECONFIRMATION_REMINDER:
            return self._question(now, event)
        if telling.kind is Kind.REQUIREMENT_REMINDER:
            until = self.moment(telling.until, now.event.zone) if telling.until is not None else ""
            return [
                self._(
                    "Something is still missing: what is held for you at “%(event)s” is held until %(until)s, and given to "
                    "others after that.",
                    event=event,
                    until=until,
                ),
                *self.missing(_open(telling, now), now),
                self._("It is confirmed by itself as soon as nothing is missing any more."),
            ]
        return [
            self._("You are registered for “%(event)s” already, and nothing was changed.", event=event),
            self._("Your registration: %(state)s.", state=self.state(now.seat, now.event.zone)),
            self._("Somebody, perhaps you, filled in the form once more with your address."),
            self._("Your private page shows what you have; you can change it there."),
        ]

    def _about_agenda(self, telling: Telling, now: Picture, event: str) -> list[str]:
        sentences: list[str] = []
        if telling.event:
            if Change.REINSTATED in telling.event:
                sentences.append(self._("“%(event)s” takes place after all.", event=event))
            else:
                sentences.append(self._("“%(event)s” has changed.", event=event))
        changed = 0
        for news in telling.sessions:
            session = self.name_of(now.sessions[news.session_id])
            if Change.CANCELLED in news.changes:
                sentences.append(self._("“%(session)s” is cancelled and does not take place.", session=session))
            elif Change.REINSTATED in news.changes:
                sentences.append(self._("“%(session)s” takes place after all.", session=session))
            else:
                changed += 1
        if changed:
            sentences.append(
                self._n(
                    "A session of “%(event)s” has changed.",
                    "%(num)d sessions of “%(event)s” have changed.",
                    changed,
                    event=event,
                )
            )
        return sentences


def _open(telling: Telling, now: Picture) -> Iterable[str]:
    """The registrations elsewhere to speak of where a seat waits for them: those with news, and all that are not there."""
    return [
        id_
        for id_, state in now.requirements.items()
        if id_ in telling.requirements or state is not RequirementState.GRANTED
    ]
