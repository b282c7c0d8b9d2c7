"""The agenda as a sheet: the data that agenda.typ lays out, with every text chosen, labelled and in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from services.scheduling.exports.pdf_qr import qr_svg
from services.scheduling.exports.pdf_reader import Line, Reader, Span, href
from services.scheduling.exports.pdf_text import capital, shortened
from services.scheduling.exports.pdf_times import Zones, clock, days, until
from services.scheduling.programme import Section, sections
from services.scheduling.public_view import PublicAgenda
from shared.contracts.scheduling import (
    Link,
    Organisation,
    Place,
    Role,
    RolePerson,
    SessionKind,
    SessionState,
    Status,
)
from shared.web.i18n import DEFAULT, languages

Part = dict[str, Any]

_SLIM = (SessionKind.BREAK, SessionKind.SOCIAL)
_RUNNING = 90
"""Signs of the title that the running head has room for."""
_SHORT, _WIDTH = 24, 50
"""A session of so many lines fits on a page by far, be its signs as broad as they may; and the signs in a line."""


def sheet_of(agenda: PublicAgenda, language: str) -> Part:
    """What the template shows, as JSON-ready data. English where `language` has no catalogue."""
    language = language if language in languages() else DEFAULT
    return _Sheet(agenda, Reader(language, agenda.event.languages[0])).all()


@dataclass(frozen=True)
class _Sheet:
    agenda: PublicAgenda
    reader: Reader

    def all(self) -> Part:
        event, reader = self.agenda.event, self.reader
        title = reader.say(event.title)
        zones = Zones(event, self.agenda.sessions)
        ends = {
            "links": {
                "title": reader.label(reader.words("Useful links")),
                "lines": [self._link(link) for link in event.links],
            },
            "contacts": {
                "title": reader.label(reader.words("Contacts")),
                "lines": [self._person(person) for person in event.contacts],
            },
            "imprint": [*reader.paragraphs(event.funding), *self._note()],
        }
        cancelled = reader.label(reader.words("Cancelled"))
        no_event = [cancelled, reader.label(reader.words("This event does not take place."))]
        return {
            "lang": reader.language,
            "authors": [reader.say(host.name)["text"] for host in event.hosts],
            "above": self._above(),
            "title": title,
            "running": title | {"text": shortened(title["text"], _RUNNING)},
            "subtitle": reader.say(event.subtitle),
            "cancelled": no_event if event.status is Status.CANCELLED else [],
            "facts": _told(self._facts(zones)),
            "paragraphs": reader.paragraphs(event.description),
            "agenda": reader.label(reader.words("Agenda")),
            "no_agenda": reader.label(reader.words("The agenda will be announced.")),
            "in_parallel": reader.label(reader.words("in parallel")),
            "cancelled_mark": cancelled,
            "sections": [self._section(part, zones) for part in sections(event, self.agenda.sessions)],
            "ends": ends,
        } | self._imprint()

    def _note(self) -> Line:
        """The event's note; not where a session was revised since, for then it speaks of something else."""
        current = self.agenda.event.revision == self.agenda.revision
        return self.reader.paragraphs(self.agenda.event.note) if current else []

    def _imprint(self) -> Part:
        """Which revision it is, of when, and where changes are told."""
        event, reader = self.agenda.event, self.reader
        published = self.agenda.published_at.astimezone(ZoneInfo(event.zone)).date()
        page = f"{self.agenda.page}?lang={reader.language}"
        revision = reader.words("Revision %(number)s of %(date)s")
        told = reader.label(revision % {"number": self.agenda.revision, "date": reader.date(published)})
        changes = [reader.label(reader.words("Changes")), reader.colon(), reader.address(page)]
        return {
            "published_at": int(self.agenda.published_at.timestamp()),
            "revision": told,
            "changes": changes,
            "page": page,
            "qr": qr_svg(page),
            "qr_says": reader.words("QR code of %(address)s") % {"address": page},
        }

    def _above(self) -> list[Line]:
        """What the event belongs to: its programme, and its place in a series."""
        event, reader = self.agenda.event, self.reader
        lines: list[Line] = []
        if event.programme:
            pattern = reader.words("Side event of %(programme)s") if event.side_event else "%(programme)s"
            before, _, after = pattern.partition("%(programme)s")
            programme = reader.say(event.programme, **href(event.programme_url))
            lines.append([reader.exact(before), programme, reader.exact(after)])
        if event.series is not None:
            number = reader.label(reader.words("round %(number)s") % {"number": event.series.round})
            lines.append(reader.joined([[reader.say(event.series.name)], [number]], ", "))
        return lines

    def _facts(self, zones: Zones) -> Iterable[Part]:
        event, reader = self.agenda.event, self.reader
        when = [[reader.label(capital(days(event, reader)))], [reader.label(zones.all(), look="quiet")]]
        yield self._fact(reader.words("When"), when)
        address = [reader.exact(event.place.address or "")]
        where = reader.joined([self._place(event.place, Place()), address], ", ")
        yield self._fact(reader.words("Where"), [where])
        yield self._fact(reader.words("How to get there"), [[reader.say(event.place.directions)]])
        hosts = [[self._organisation(host)] for host in event.hosts]
        yield self._fact(reader.ngettext("Host", "Hosts", len(hosts)), hosts)
        supporters = [[self._organisation(supporter)] for supporter in event.supporters]
        yield self._fact(reader.words("With the support of"), [reader.joined(supporters, ", ")])
        spoken = [reader.tongue(code) for code in event.languages]
        label = reader.words("Languages") if len(spoken) > 1 else reader.words("Language")
        yield self._fact(label, [[reader.label(capital(", ".join(spoken)))]])

    def _section(self, part: Section, zones: Zones) -> Part:
        reader = self.reader
        title = reader.say(part.title)
        if not title["text"] and not part.first_of_day:
            title = reader.label(reader.words("Further sessions"))
        groups = groupby(part.sessions, key=lambda session: session.starts_at or session.id)
        return {
            "day": reader.label(capital(reader.day(part.day)) if part.first_of_day else ""),
            "zone": reader.label(zones.of_day(part.day) if part.first_of_day else ""),
            "block": title,
            "groups": [self._group(list(group), zones) for _, group in groups],
        }

    def _group(self, sessions: Sequence[SessionState], zones: Zones) -> Part:
        """Sessions that start together; they are in parallel where more than one takes place."""
        taking_place = sum(session.status is Status.SCHEDULED for session in sessions)
        return {"parallel": taking_place > 1, "sessions": [self._session(session, zones) for session in sessions]}

    def _session(self, session: SessionState, zones: Zones) -> Part:
        reader = self.reader
        said = {
            "paragraphs": reader.paragraphs(session.description),
            "people": _told(self._people(session.people)),
            "notes": _told(self._notes(session)),
        }
        slim = session.kind in _SLIM and not any(said.values())
        shown = said | {
            "slim": slim,
            "cancelled": session.status is Status.CANCELLED,
            "time": reader.exact(clock(session, reader.language)),
            "until": reader.label(until(session, reader)),
            "no_time": reader.label(reader.words("time to be announced") if session.starts_local is None else ""),
            "zone": reader.exact(zones.of_session(session)),
            "title": reader.say(session.title),
            "place": [place] if (place := self._place(session.place, self.agenda.event.place)) else [],
            "marks": self._marks(session, slim),
        }
        return shown | {"short": _lines(shown) <= _SHORT}

    def _marks(self, session: SessionState, slim: bool) -> list[Line]:
        """Kind and number, tracks, the language where it is not the event's."""
        reader = self.reader
        kind = reader.kind(session.kind) + (f"\u00a0{session.number}" if session.number is not None else "")
        marks = [] if slim else [[reader.label(kind)]]
        marks += [[said] for track in session.tracks if (said := reader.say(track))["text"]]
        if session.language is not None and self.agenda.event.languages != [session.language]:
            spoken = f"{reader.words('Language')}{reader.words(': ')}{reader.tongue(session.language)}"
            marks.append([reader.label(spoken)])
        return marks

    def _people(self, people: Sequence[RolePerson]) -> Iterable[Part]:
        reader = self.reader
        for role in Role:
            lines = [self._person(person) for person in people if person.role is role]
            label = {
                Role.CHAIR: reader.ngettext("Chair", "Chairs", len(lines)),
                Role.KEYNOTE: reader.words("Keynote"),
                Role.PANELLIST: reader.ngettext("Panellist", "Panellists", len(lines)),
                Role.SPEAKER: reader.ngettext("Speaker", "Speakers", len(lines)),
                Role.CONTACT: reader.words("Contact"),
            }[role]
            yield self._fact(label, lines)

    def _notes(self, session: SessionState) -> Iterable[Part]:
        reader, usual = self.reader, self.agenda.event.place
        address = session.place.address if session.place.address != usual.address else None
        directions = session.place.directions if session.place.directions != usual.directions else {}
        way = reader.joined([[reader.exact(address or "")], [reader.say(directions)]], " – ")
        yield self._fact(reader.words("How to get there"), [way])
        yield self._fact(reader.words("Funding"), [[reader.say(session.funding)]])
        yield self._fact(reader.words("Links"), [self._link(link) for link in session.links])
        yield self._fact(reader.words("Outcome"), [self._link(link) for link in session.outcome])

    def _person(self, person: RolePerson) -> Line:
        reader = self.reader
        name = reader.exact(person.name, look="strong")
        line = reader.joined([[name], [reader.say(person.position)], [reader.say(person.affiliation)]], ", ")
        if person.country is not None:
            line.append(reader.exact(f" ({reader.country(person.country)})"))
        if person.email is not None:
            line += [reader.colon(), reader.exact(person.email, look="address", href=f"mailto:{person.email}")]
        return line

    def _place(self, place: Place, usual: Place) -> Line:
        """Room, level and venue, as far as they are not the usual ones; and that it is online, where that is not usual."""
        reader = self.reader
        parts = ((place.room, usual.room), (place.level, usual.level), (place.venue, usual.venue))
        own = reader.joined([[reader.say(here)] for here, there in parts if here != there], ", ")
        online = reader.label(reader.words("Online") if place.online and not usual.online else "")
        return reader.joined([own, [online]], " · ")

    def _organisation(self, body: Organisation) -> Span:
        return self.reader.say(body.name, **href(body.url))

    def _link(self, link: Link) -> Line:
        reader = self.reader
        return [reader.say(link.title, **href(link.url)), reader.colon(), reader.address(link.url)]

    def _fact(self, label: str, lines: list[Line]) -> Part:
        return {"label": self.reader.label(label), "lines": [line for line in lines if any(s["text"] for s in line)]}


def _told(facts: Iterable[Part]) -> list[Part]:
    """The facts that say something."""
    return [fact for fact in facts if fact["lines"]]


def _lines(session: Part) -> int:
    """About how many lines the session takes; never far too few."""
    marks = [piece for line in (*session["marks"], *session["place"]) for piece in line]
    lines = [[session["title"]], marks]
    lines += [[paragraph] for paragraph in session["paragraphs"]]
    lines += [line for fact in (*session["people"], *session["notes"]) for line in fact["lines"]]
    return sum(1 + sum(len(piece["text"]) for piece in line) // _WIDTH for line in lines)
