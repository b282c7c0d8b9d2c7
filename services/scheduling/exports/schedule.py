"""An agenda as the schedule files of the c3 and frab family see it: days of rooms of events, in one language.

Structure after the published schemas (schema.json and schedule.xml.xsd of the C3VOC) and what pretalx writes. Sessions
without a time and cancelled ones are left out: the family has no word for either. Breaks are in: pretalx leaves its own
out because they have no lasting id; ours have one, and whoever prints the day needs them.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from services.scheduling.agenda import Agenda
from services.scheduling.public_view import PublicAgenda
from services.scheduling.publication import session_states
from shared.contracts.base import said_in
from shared.contracts.scheduling import EventState, Link, Place, SessionState, Status
from shared.web.i18n import translations

GENERATOR = "Lectern"
DAY_BEGINS = time(4)
"""What is earlier belongs to the conference day before, as in pretalx; the first day has no day before."""

_NAMES = uuid.UUID("5f0f3a5e-6f5b-5d0c-9c59-0c7f1f0a3b61")
_NO_ENDING = "_0_0"
"""Stands behind what must not end a slug. Nothing else puts an underscore behind a letter or digit."""
_FAMILY_SLUG = re.compile(r"^[a-z0-9_]{4,}-[a-z0-9_-]{3,}[a-z0-9]$")


@dataclass(frozen=True)
class ScheduleLink:
    """An address with its title; `kind` is one of the family's words (related, article, slides, media, paper)."""

    title: str
    url: str
    kind: str


@dataclass(frozen=True)
class SchedulePerson:
    """Somebody in an event. `number` is for tools that want an integer."""

    guid: str
    number: int
    name: str


@dataclass(frozen=True)
class ScheduleEvent:
    """A session. `starts` and `ends` carry the offset of the conference's zone; `ends` None: not announced."""

    id: int
    guid: str
    code: str
    slug: str
    url: str
    starts: datetime
    ends: datetime | None
    room: str
    title: str
    kind: str
    track: str | None
    language: str | None
    description: str
    persons: tuple[SchedulePerson, ...]
    links: tuple[ScheduleLink, ...]
    attachments: tuple[ScheduleLink, ...]

    @property
    def minutes(self) -> int:
        """How long it takes, counted from the minute it starts in to the minute it ends in; 0 where no end is known."""
        if self.ends is None:
            return 0
        first, last = (moment.astimezone(UTC).replace(second=0) for moment in (self.starts, self.ends))
        return int((last - first).total_seconds()) // 60


@dataclass(frozen=True)
class ScheduleRoom:
    """A room by the name that readers see."""

    name: str
    guid: str


@dataclass(frozen=True)
class ScheduleDay:
    """A conference day: from 4 in the morning to 3:59 of the next, or as long as its events last."""

    index: int
    date: date
    starts: datetime
    ends: datetime
    rooms: tuple[tuple[ScheduleRoom, tuple[ScheduleEvent, ...]], ...]


@dataclass(frozen=True)
class Schedule:
    """The whole agenda. `url` is the event's page; `days` has at least one, and no day without events beside it."""

    acronym: str
    title: str
    description: str
    language: str
    starts_on: date
    ends_on: date
    zone: str
    version: str
    url: str
    rooms: tuple[ScheduleRoom, ...]
    tracks: tuple[str, ...]
    days: tuple[ScheduleDay, ...]


def schedule(agenda: PublicAgenda, language: str) -> Schedule:
    """The schedule of `agenda` in `language`, or in the event's first language where the event does not have it."""
    event = agenda.event
    language = language if language in event.languages else event.languages[0]
    first = event.languages[0]
    shown = [s for s in agenda.sessions if s.starts_at is not None and s.status is Status.SCHEDULED]
    shown.sort(key=lambda s: (s.starts_at, s.id))
    rooms = _rooms(event, shown, language)
    numbers = _numbers([session.id for session in shown])
    events = [_event(agenda, session, language, numbers[session.id]) for session in shown]
    return Schedule(
        acronym=acronym(event.id),
        title=said_in(event.title, language, first),
        description=said_in(event.description, language, first),
        language=language,
        starts_on=event.starts_on,
        ends_on=event.ends_on,
        zone=event.zone,
        version=str(agenda.revision),
        url=agenda.page,
        rooms=tuple(rooms.values()),
        tracks=tuple(dict.fromkeys(item.track for item in events if item.track)),
        days=tuple(_days(event, events, rooms)),
    )


def room_name(place: Place, language: str, default: str) -> str:
    """The name of a room, which every event of the family needs: where there is none, what comes nearest."""
    if name := said_in(place.room, language, default):
        return name
    words = translations(language).gettext
    if place.online:
        return words("Online")
    return said_in(place.venue, language, default) or words("Room to be announced")


def room_names(agenda: Agenda, language: str) -> dict[str, str]:
    """What an export of `agenda` writes as the room of each session, by the session's id."""
    first = agenda.event.languages[0]
    states = session_states(agenda, 1, datetime(2000, 1, 1, tzinfo=UTC))
    return {state.id: room_name(state.place, language, first) for state in states}


def acronym(event_id: str) -> str:
    """The event's id as the family wants it: at least four characters, without hyphens. `event_id_of` reads it back."""
    return event_id.replace("-", "_").rjust(4, "_")


def event_id_of(written: str) -> str:
    """The id that `acronym` was given: an id has no underscore, and begins with no hyphen."""
    return written.lstrip("_").replace("_", "-")


def slug(session_id: str, event_id: str) -> str:
    """The session's id, where the family's schemas take it as a slug; else written so that `session_id_of` finds it.

    They want four characters before the first hyphen and four behind it, and a letter or digit at the end.
    """
    if _FAMILY_SLUG.match(session_id):
        return session_id
    rest = session_id.removeprefix(f"{event_id}-")
    ending = "" if rest and not rest.endswith("-") else _NO_ENDING
    return f"{acronym(event_id)}-{(rest + ending).rjust(4, '_')}"


def session_id_of(written: str) -> str:
    """The session's id that `slug` was given."""
    if "_" not in written:
        return written
    head, _, rest = written.partition("-")
    return f"{event_id_of(head)}-{rest.removesuffix(_NO_ENDING).lstrip('_')}"


def _event(agenda: PublicAgenda, session: SessionState, language: str, number: int) -> ScheduleEvent:
    event, first = agenda.event, agenda.event.languages[0]
    assert session.starts_at is not None
    zone = ZoneInfo(event.zone)
    people = {person.id: person.name for person in session.people}
    return ScheduleEvent(
        id=number,
        guid=_guid("sessions", session.id),
        code=hashlib.sha256(session.id.encode()).hexdigest()[:10].upper(),
        slug=slug(session.id, event.id),
        url=f"{agenda.page}#{session.id}",
        starts=session.starts_at.astimezone(zone),
        ends=session.ends_at.astimezone(zone) if session.ends_at is not None else None,
        room=room_name(session.place, language, first),
        title=said_in(session.title, language, first),
        kind=session.kind.value,
        # An event of the family has one track.
        track=said_in(session.tracks[0], language, first) if session.tracks else None,
        language=session.language,
        description=said_in(session.description, language, first),
        persons=tuple(
            SchedulePerson(_guid(event.id, "people", id_), _number(f"{event.id}/people/{id_}"), name)
            for id_, name in people.items()
        ),
        links=tuple(_links(session.links, language, first)),
        attachments=tuple(_links(session.outcome, language, first)),
    )


_KINDS = {"article": "article", "slides": "slides", "recording": "media", "minutes": "paper"}


def _links(links: Iterable[Link], language: str, first: str) -> Iterable[ScheduleLink]:
    for link in links:
        # The schema takes addresses of ASCII only (RFC 3986); what an organiser writes may be é.
        address = quote(link.url, safe="!#$%&'()*+,/:;=?@[]~")
        yield ScheduleLink(said_in(link.title, language, first), address, _KINDS.get(link.kind, "related"))


def _rooms(event: EventState, sessions: Iterable[SessionState], language: str) -> dict[str, ScheduleRoom]:
    """The rooms by name, in the order in which they are first used. Rooms of one name are one room here."""
    ids: dict[str, set[str]] = {}
    for session in sessions:
        name = room_name(session.place, language, event.languages[0])
        ids.setdefault(name, set()).add(session.room_id or "")
    return {name: ScheduleRoom(name, _guid(event.id, "rooms", min(found) or name)) for name, found in ids.items()}


def _days(event: EventState, events: Iterable[ScheduleEvent], rooms: dict[str, ScheduleRoom]) -> Iterable[ScheduleDay]:
    by_day: dict[date, list[ScheduleEvent]] = {}
    for item in events:
        day = item.starts.date()
        if item.starts.time() < DAY_BEGINS and day != event.starts_on:
            day -= timedelta(days=1)
        by_day.setdefault(day, []).append(item)
    zone = ZoneInfo(event.zone)
    for index, (day, items) in enumerate(sorted((by_day or {event.starts_on: []}).items()), 1):
        begins = datetime.combine(day, DAY_BEGINS, zone)
        ends = datetime.combine(day + timedelta(days=1), DAY_BEGINS, zone) - timedelta(minutes=1)
        in_rooms = ((room, tuple(e for e in items if e.room == room.name)) for room in rooms.values())
        yield ScheduleDay(
            index,
            day,
            min([begins, *(item.starts for item in items)]),
            max([ends, *(item.ends or item.starts for item in items)]),
            tuple((room, those) for room, those in in_rooms if those),
        )


def _guid(*parts: str) -> str:
    """The same for the same thing in every export, whatever it is called by then."""
    return str(uuid.uuid5(_NAMES, "/".join(parts)))


def _number(name: str) -> int:
    """A positive integer of 31 bits, the same for the same name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 0x7FFFFFFE + 1


def _numbers(ids: Iterable[str]) -> dict[str, int]:
    """A number for each id, the same in every export, but where two would share one: the next that is free."""
    result: dict[str, int] = {}
    taken: set[int] = set()
    for id_ in sorted(ids):
        number = _number(id_)
        while number in taken:
            number += 1
        taken.add(number)
        result[id_] = number
    return result
