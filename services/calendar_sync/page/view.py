"""What the page about a person's calendar shows, worked out for its template."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.calendar_sync.connections import NEW
from services.calendar_sync.declining import Notice
from services.calendar_sync.domain import has_seat
from services.calendar_sync.own_calendar import OwnCalendar, OwnState, host_of
from services.calendar_sync.page.applications import applications, webcal
from services.calendar_sync.store import Agenda, Person
from services.calendar_sync.trouble import CONNECT_AGAIN, SENTENCES, Trouble
from shared.contracts.base import said_in
from shared.contracts.calendar_sync import Lost
from shared.contracts.scheduling import EventState, SessionState
from shared.web.i18n import day
from shared.web.qr import qr_code
from shared.web.times import moment

ASKED_FOR = timedelta(days=14)
"""How long the page asks about a session that was removed in an unclear way."""


def N_(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


_LOST = {
    Lost.PASSWORD: SENTENCES[Trouble.PASSWORD],
    Lost.CALENDAR: SENTENCES[Trouble.GONE],
    Lost.SERVER: N_(
        "The calendar server has not answered for days. Lectern goes on trying; you may connect another calendar."
    ),
}

_DONE = {
    "waiting": N_("Done. Your calendars follow in a moment."),
    "feed": N_("Done."),
    "new-address": N_("The feed has a new address. Subscribe again with it; the old one has ended."),
    "found": N_("Your account was found. Choose a calendar."),
    "chosen": N_("Connected."),
    "stopped": N_("Nothing was connected."),
    "works": N_("The calendar server answers, and your calendar is there."),
    "disconnected": N_("Disconnected."),
    "kept": N_("You keep your seat. The session comes back into your calendar in a moment."),
    "too-late": N_("This has changed meanwhile; nothing was done. The page shows how it stands."),
}


@dataclass(frozen=True)
class View:
    """All that a page is made from, for one reader."""

    person: Person
    agenda: Agenda
    event: EventState
    own: OwnCalendar
    notices: Mapping[str, Notice]
    feed: str
    now: datetime
    language: str
    say: Callable[[str], str]

    def context(self) -> dict[str, Any]:
        """What the template needs."""
        title = self._said(self.event.title)
        feed = not self.person.feed_off
        return {
            "event": self.event,
            "title": title,
            "dates": self._dates(),
            "feed": self.feed if feed else None,
            "webcal": webcal(self.feed),
            "code": qr_code(webcal(self.feed)) if feed else None,
            "applications": [
                {"name": one.name, "address": one.address, "soon": self.say(one.soon)}
                for one in applications(self.feed, title)
            ],
            "show_waiting": self.person.seats.show_waiting,
            "own_calendar": self._calendar(title),
            "choices": [{"id": one.id, "name": one.name or title, "new": one.id == NEW} for one in self.own.choices],
            "clearing": self.own.clearing,
            "answers": self.event.admission.calendar_answers,
            "freeing": self._noticed(open_=True),
            "asking": self._noticed(open_=False),
        }

    def done(self, code: str) -> str | None:
        """What is said after a form was sent; nothing of calendars to choose from where none is left, as after going back."""
        if code == "found" and not self.own.choices:
            return None
        return self.say(_DONE[code]) if code in _DONE else None

    def _calendar(self, title: str) -> dict[str, Any] | None:
        own = self.own
        if own.account is None or own.calendar is None:
            return None
        lost = own.account.lost if own.state is OwnState.LOST else None
        return {
            "host": host_of(own.calendar.server),
            "name": (own.chosen.name if own.chosen is not None else "") or title,
            "begun": own.begun,
            "written": own.written,
            "waiting": own.waiting,
            "since": self._moment(own.waiting_since),
            "lost": self.say(_LOST[Lost(lost)]) if lost is not None else None,
            "error": self.say(SENTENCES[own.error.kind]) if own.error is not None and lost is None else None,
            "error_at": self._moment(own.error.at) if own.error is not None else None,
            "again": lost is not None or (own.error is not None and own.error.kind in CONNECT_AGAIN),
            "checked": self._moment(own.calendar.checked_at),
        }

    def _noticed(self, *, open_: bool) -> Sequence[dict[str, Any]]:
        """Sessions whose seats are to be given up, or (not `open_`) that were removed in a way that is no clear answer."""
        rows: list[dict[str, Any]] = []
        for told in self.agenda.sessions:
            session, notice = told.state, self.notices.get(told.state.id)
            if notice is None or notice.freed_at or notice.kept_at or not has_seat(self.person.seats, session):
                continue
            if notice.frees_at is None and (open_ or self.now - notice.noticed_at > ASKED_FOR):
                continue
            if notice.frees_at is not None and (not open_ or notice.frees_at <= self.now):
                continue
            rows.append(self._row(session, notice))
        return rows

    def _row(self, session: SessionState, notice: Notice) -> dict[str, Any]:
        when = self._moment(notice.frees_at)
        return {"id": session.id, "title": self._said(session.title), "session": session, "frees_at": when}

    def _dates(self) -> str:
        first = day(self.event.starts_on, self.language)
        if self.event.ends_on == self.event.starts_on:
            return first
        return f"{first} – {day(self.event.ends_on, self.language)}"

    def _moment(self, instant: datetime | None) -> str | None:
        return moment(instant, self.event.zone, self.language) if instant is not None else None

    def _said(self, text: dict[str, str]) -> str:
        return said_in(text, self.language, self.event.languages[0])
