"""The words of mails for names, times, states and labels, in the reader's language."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from services.notification.domain import Change
from services.notification.picture import Seat
from shared.contracts.base import Text, said_in
from shared.contracts.registration import Cause, SeatState
from shared.contracts.scheduling import SessionState
from shared.web.i18n import DEFAULT, clock_time, day, languages, translations
from shared.web.times import offset


class Wording:
    """Words for a person who reads `wanted`; English where there is no catalogue for it."""

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

    def moment(self, instant: datetime, zone: str) -> str:
        """A point in time on the clocks of `zone`: Friday, 15 November 2019, 10:30 (Europe/Paris, UTC+1)."""
        local = instant.astimezone(ZoneInfo(zone))
        ahead = offset(local.replace(tzinfo=None), instant, zone)
        return f"{day(local.date(), self.language)}, {clock_time(local, self.language)} ({zone}, {ahead})"

    def state(self, seat: Seat, zone: str) -> str:
        """A seat's state in words; times in `zone`."""
        if seat.state is SeatState.WAITLISTED and seat.position:
            return self._("on the waiting list, number %(position)d in line", position=seat.position)
        if seat.state is SeatState.OFFERED and seat.until:
            return self._("offered to you until %(until)s", until=self.moment(seat.until, zone))
        if seat.state is SeatState.PENDING and seat.cause is Cause.APPROVAL:
            return self._("the organisers decide")
        if seat.state is SeatState.PENDING and seat.cause is Cause.EVENT_SEAT:
            return self._("decided when you have a seat at the event")
        if seat.state is SeatState.PENDING and seat.held and seat.until:
            return self._("held for you until %(until)s", until=self.moment(seat.until, zone))
        return {
            SeatState.CONFIRMED: self._c("confirmed"),
            SeatState.ATTENDED: self._c("confirmed"),
            SeatState.WAITLISTED: self._c("on the waiting list"),
            SeatState.PENDING: self._c("not complete yet"),
            SeatState.OFFERED: self._c("offered to you"),
            SeatState.CANCELLED: self._c("cancelled"),
        }[seat.state]

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
