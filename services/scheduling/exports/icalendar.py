"""The agenda as an iCalendar file (RFC 5545, 7986): the entries of the public feed, under the same UIDs.

Entries are written for readers: people and links stand in the description, a cancelled session says so in its summary. Beside
each such text stands a mark that tells how much was added before and after, so that an import finds the plain text again,
even where somebody changed it meanwhile in a calendar program.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from services.scheduling.content_lines import Component, calendars
from services.scheduling.public_view import PublicAgenda
from shared.calendar.document import Heading, colour, feed
from shared.calendar.entry import Entry, entry, is_cancelled
from shared.calendar.text import fold, plain
from shared.calendar.uid import shared_uid
from shared.contracts.base import Text, said_in
from shared.contracts.scheduling import EventState, SessionState
from shared.web.i18n import translations

KIND = "X-LECTERN-KIND"
ZONE = "X-LECTERN-ZONE"
"""The session's zone, which an entry in UTC form or without a time does not show."""
MARK = "X-LECTERN-"
"""Before the name of a property: how many characters stand before and after the plain text in it, and their digest."""


def agenda_calendar(agenda: PublicAgenda, language: str) -> bytes:
    """The calendar, with texts in `language` where the event speaks it, else in its first language."""
    event = agenda.event
    spoken = language if language in event.languages else event.languages[0]
    page = f"{agenda.page}?lang={spoken}"
    domain = urlsplit(agenda.page).hostname or "localhost"  # the same as in the feeds' UIDs
    words = translations(spoken).gettext

    def say(text: Text) -> str:
        return said_in(text, spoken, event.languages[0])

    entries = [
        (
            _marked(entry(session, event, language=spoken, words=words, page=page), session, event, say, words),
            shared_uid(session.id, domain),
        )
        for session in agenda.sessions
    ]
    title = say(event.title)
    heading = Heading(name=title, description=say(event.subtitle) or title, url=page, colour=colour(event.id))
    return feed(heading, entries, event.zone)


def digest(before: str, after: str) -> str:
    """What tells that the words around a plain text are still the ones that were added."""
    return hashlib.sha256(f"{before}\0{after}".encode()).hexdigest()[:16]


def _marked(
    rendered: Entry, session: SessionState, event: EventState, say: Callable[[Text], str], words: Callable[[str], str]
) -> Entry:
    calendar = calendars(b"BEGIN:VCALENDAR\r\n" + rendered.vevent(session.id) + b"END:VCALENDAR\r\n")[0]
    marks = [f"{KIND}:{session.kind.value}", f"{ZONE}:{session.zone}"]
    marks += [
        f"{MARK}{name}:{len(before)} {len(after)} {digest(before, after)}"
        for name, before, after in _added(calendar.children[0], session, event, say, words)
    ]
    return replace(rendered, lines=rendered.lines + b"".join(map(fold, marks)))


def _added(
    vevent: Component, session: SessionState, event: EventState, say: Callable[[Text], str], words: Callable[[str], str]
) -> Iterator[tuple[str, str, str]]:
    """By property, what stands before and after the plain text."""
    cancelled = is_cancelled(session, event)
    all_day = session.starts_local is None
    shown, note = "{title}", ""
    if cancelled:
        shown, note = words("Cancelled: {title}"), words("This session does not take place.")
    elif all_day:
        shown, note = words("{title} (time to be announced)"), words("The time will be announced.")
    before_title, _, after_title = shown.partition("{title}")
    yield "SUMMARY", before_title, after_title
    about, room = plain(say(session.description)), plain(say(session.place.room))
    noted = f"{note}\n\n" if note and about else ""
    for name, before, inside in (("DESCRIPTION", noted, about), ("LOCATION", "", room)):
        whole = vevent.text(name)
        if whole and whole.startswith(before + inside):
            yield name, before, whole[len(before + inside) :]
