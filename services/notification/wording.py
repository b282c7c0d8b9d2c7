"""The sentences of mails: subject, what happened (first), and the words for states, in the reader's language."""

from __future__ import annotations

import re
from collections import Counter

from services.notification.domain import HELD, Change, Kind, Picture, SeatNews, Telling
from shared.contracts.base import Text, said_in
from shared.contracts.registration import SeatState
from shared.contracts.scheduling import SessionState
from shared.web.i18n import DEFAULT, languages, translations


class Wording:
    """Sentences for a person who reads `wanted`; English where there is no catalogue for it."""

    def __init__(self, wanted: str) -> None:
        self.language = wanted if wanted in languages() else DEFAULT
        self._wanted = wanted
        self._catalogue = translations(self.language)

    def _(self, message: str, **values: object) -> str:
        text = self._catalogue.gettext(message)
        return text % values if values else text

    def _c(self, message: str) -> str:
        """A word that other pages use in another sense or gender: it has the context "mail" in the catalogue."""
        return self._catalogue.pgettext("mail", message)

    def _n(self, one: str, many: str, number: int, **values: object) -> str:
        return self._catalogue.ngettext(one, many, number) % {"num": number, **values}

    def said(self, text: Text) -> str:
        """An agenda text: in the language that the person asked for, else in the mail's, else in any."""
        return said_in(text, self._wanted, self.language)

    def name_of(self, session: SessionState) -> str:
        """A session's title, after its number unless the title says the number itself."""
        title = self.said(session.title)
        if session.number is None or str(session.number) in re.findall(r"\d+", title):
            return title
        return f"{session.number}. {title}"

    def subject(self, telling: Telling, now: Picture) -> str:
        """The subject line: what it is about first, because lists of mails cut the rest off."""
        event = self.said(now.event.title)
        if telling.kind is Kind.CANCELLED and not telling.seats and not telling.event and len(telling.sessions) == 1:
            session = self.name_of(now.sessions[telling.sessions[0].session_id])
            return self._("Cancelled: %(session)s (%(event)s)", session=session, event=event)
        return {
            Kind.CONFIRMED: self._("Confirmed: %(event)s", event=event),
            Kind.WAITLISTED: self._("Waiting list: %(event)s", event=event),
            Kind.PROMOTED: self._("A seat for you: %(event)s", event=event),
            Kind.PENDING: self._("Not complete yet: %(event)s", event=event),
            Kind.OFFERED: self._("A seat is offered to you: %(event)s", event=event),
            Kind.CHANGED: self._("Changed: %(event)s", event=event),
            Kind.CANCELLED: self._("Cancelled: %(event)s", event=event),
        }[telling.kind]

    def happened(self, telling: Telling, before: Picture | None, now: Picture) -> list[str]:
        """What happened, most important first."""
        event = self.said(now.event.title)
        if Change.CANCELLED in telling.event:
            return [
                self._("“%(event)s” is cancelled and does not take place.", event=event),
                self._("You need not do anything."),
            ]
        sentences: list[str] = []
        whole = next((news for news in telling.seats if news.session_id is None), None)
        if whole is not None:
            sentences += self._about_event(telling, whole, now, event)
        else:
            sentences += [self._about_seat(news, before, now) for news in telling.seats if news.session_id is not None]
        sentences += self._about_agenda(telling, now, event)
        return sentences

    def _about_event(self, telling: Telling, news: SeatNews, now: Picture, event: str) -> list[str]:
        if news.after is SeatState.CANCELLED:
            return [self._("Your registration for “%(event)s” is cancelled.", event=event)]
        if news.after is SeatState.WAITLISTED:
            first = self._("“%(event)s” is full at the moment: you are on the waiting list.", event=event)
            position = now.seat.position
            return [first, self._("You are number %(position)d in line.", position=position)] if position else [first]
        if news.after is SeatState.PENDING:
            return [self._("Your registration for “%(event)s” has arrived; something is still missing.", event=event)]
        if news.after is SeatState.OFFERED:
            return [self._("A seat at “%(event)s” is offered to you.", event=event)]
        if news.before in (SeatState.WAITLISTED, SeatState.OFFERED):
            first = self._(
                "Good news: a seat is free, and your registration for “%(event)s” is confirmed.", event=event
            )
        elif news.before is SeatState.PENDING:
            first = self._("Nothing is missing any more: your registration for “%(event)s” is confirmed.", event=event)
        elif telling.kind is Kind.WAITLISTED:
            first = self._(
                "You are registered for “%(event)s”, and on the waiting list for what you chose.", event=event
            )
        elif telling.kind is Kind.PENDING:
            first = self._(
                "You are registered for “%(event)s”; for what you chose, something is still missing.", event=event
            )
        else:
            first = self._("Your registration for “%(event)s” is confirmed.", event=event)
        summary = self.summary(now)
        return [first, summary] if summary else [first]

    def summary(self, now: Picture) -> str:
        """All choices in one sentence: "3 sessions are confirmed, 1 session is on the waiting list."; empty for none."""
        count = Counter(
            SeatState.CONFIRMED if seat.state in HELD else seat.state
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
        if number := count[SeatState.PENDING]:
            parts.append(
                self._n("%(num)d session is not complete yet", "%(num)d sessions are not complete yet", number)
            )
        return ", ".join(parts) + "." if parts else ""

    def _about_seat(self, news: SeatNews, before: Picture | None, now: Picture) -> str:
        id_ = news.session_id or ""
        known = now.sessions.get(id_) or (before.sessions.get(id_) if before is not None else None)
        session = self.name_of(known) if known is not None else id_
        if news.promoted:
            return self._("Good news: your seat in “%(session)s” is confirmed.", session=session)
        if news.after is SeatState.WAITLISTED:
            position = now.choices[id_].position
            if position:
                return self._(
                    "You are on the waiting list for “%(session)s”, number %(position)d in line.",
                    session=session,
                    position=position,
                )
            return self._("You are on the waiting list for “%(session)s”.", session=session)
        if news.after is SeatState.PENDING:
            return self._("Your seat in “%(session)s” is not certain yet: something is still missing.", session=session)
        if news.after is SeatState.OFFERED:
            return self._("A seat in “%(session)s” is offered to you.", session=session)
        if news.after is SeatState.CANCELLED:
            return self._("Your seat in “%(session)s” is cancelled.", session=session)
        return self._("Your seat in “%(session)s” is confirmed.", session=session)

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

    def state(self, state: SeatState, position: int | None) -> str:
        """A seat's state in words."""
        if state is SeatState.WAITLISTED and position:
            return self._("on the waiting list, number %(position)d in line", position=position)
        return {
            SeatState.CONFIRMED: self._c("confirmed"),
            SeatState.ATTENDED: self._c("confirmed"),
            SeatState.WAITLISTED: self._c("on the waiting list"),
            SeatState.PENDING: self._c("not complete yet"),
            SeatState.OFFERED: self._c("offered to you"),
            SeatState.CANCELLED: self._c("cancelled"),
        }[state]

    def session_cancelled(self) -> str:
        """Instead of a seat's state, where there is no session to sit in."""
        return self._c("does not take place")

    def to_be_announced(self) -> str:
        """Instead of the time of a session that has a date only."""
        return self._c("time to be announced")

    def online(self) -> str:
        """Instead of a room."""
        return self._c("online")

    def label(self, change: Change) -> str:
        """The name of what changed."""
        return {
            Change.TIME: self._c("Time"),
            Change.PLACE: self._c("Place"),
            Change.TITLE: self._c("Title"),
            Change.JOIN_LINK: self._c("Link to join"),
        }[change]
