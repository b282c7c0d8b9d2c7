"""The agenda as the organiser writes it: event, blocks, rooms, people once, sessions with people by reference.

Unknown fields are refused here (a misspelt field must not vanish); what is published is told in the contracts' models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
)

from services.scheduling.time_zones import check_zone
from shared.contracts.base import Identifier, Language, Text
from shared.contracts.scheduling import Audience, EventKind, Overlaps, Role, SessionKind, Status, ZoneName

MAX_TEXT = 20_000
"""The longest text, in characters."""

_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_TIME = re.compile(r"^\d{2}:\d{2}(:\d{2})?$")
_MOMENT = re.compile(r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?$")
_LANGUAGE = re.compile(r"^[a-z]{2}$")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]")


class Part(BaseModel):
    """A part of the agenda."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class ZoneCheck(StrEnum):
    """The organiser's answer to a zone check: the clock on the wall there, or the printed abbreviation."""

    LOCAL = "local"
    PRINTED = "printed"


class WhichHour(StrEnum):
    """Which of two equal times is meant, on the day when clocks are put back."""

    FIRST = "first"
    SECOND = "second"


YEARS = range(1900, 2201)
"""The years that an agenda may lie in: those that time zones have rules for, with room to move it by weeks."""


def _day(value: Any) -> Any:
    if isinstance(value, str):
        if not _DAY.match(value.strip()):
            raise ValueError("not a date; write year, month and day, for example 2019-11-20")
        try:
            return _in_range(date.fromisoformat(value.strip()))
        except ValueError as error:
            raise ValueError(f"there is no such day; {_REMEDY}") from error
    if isinstance(value, date) and not isinstance(value, datetime):
        return _in_range(value)
    raise ValueError("not a date; write it as text, for example 2019-11-20")


_REMEDY = f"write year ({YEARS[0]} to {YEARS[-1]}), month and day, for example 2019-11-20"


def _in_range(value: date) -> date:
    if value.year not in YEARS:
        raise ValueError(_REMEDY)
    return value


def _time(value: Any) -> Any:
    if isinstance(value, str):
        if not _TIME.match(value.strip()):
            raise ValueError("not a time of day; write hours and minutes, for example 09:40")
        try:
            return time.fromisoformat(value.strip())
        except ValueError as error:
            raise ValueError("there is no such time; hours go from 00 to 23, minutes from 00 to 59") from error
    if isinstance(value, time) and value.tzinfo is None:
        return value
    raise ValueError("not a time of day; write it as text, for example 09:40")


def _moment(value: Any) -> Any:
    if isinstance(value, str):
        if not _MOMENT.match(value.strip()):
            raise ValueError("not a local date and time; write it without an offset, for example 2019-11-13T00:00")
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError as error:
            raise ValueError("there is no such day or time; for example 2019-11-13T00:00") from error
        _in_range(moment.date())
        return moment
    if isinstance(value, datetime) and value.tzinfo is None:
        return value
    raise ValueError("not a local date and time; write it as text, for example 2019-11-13T00:00")


def _short(value: time) -> str:
    return value.isoformat("seconds" if value.second else "minutes")


def _words(value: Any, info: ValidationInfo) -> Any:
    """A plain text stands for one in the event's first language."""
    if isinstance(value, str):
        return {str((info.context or {}).get("language", "en")): value}
    return value


def _good_words(value: Text) -> Text:
    for words in value.values():
        _printable(words)
        if len(words) > MAX_TEXT:
            raise ValueError(f"longer than {MAX_TEXT} characters; shorten it")
    return {language: words for language, words in value.items() if words}


def _not_empty(value: Text) -> Text:
    if not value:
        raise ValueError("write it in at least one language")
    return value


def _printable(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("has a control character; remove it")
    return value


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable or re.search(r"\s", value):
        raise ValueError("not an address; it begins with https:// or http://")
    return value


def _distinct(value: list[str]) -> list[str]:
    if len(set(value)) != len(value):
        raise ValueError("one of them is listed twice; remove the second")
    return value


_BY_LANGUAGE = {
    "type": "object",
    "propertyNames": {"pattern": "^[a-z]{2}$"},
    "additionalProperties": {"type": "string", "maxLength": MAX_TEXT},
}

Words = Annotated[
    Text,
    BeforeValidator(_words),
    AfterValidator(_good_words),
    WithJsonSchema({"anyOf": [{"type": "string"}, _BY_LANGUAGE]}, mode="validation"),
    WithJsonSchema(_BY_LANGUAGE, mode="serialization"),
]
Title = Annotated[Words, AfterValidator(_not_empty)]
Line = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_printable)]
Day = Annotated[date, BeforeValidator(_day)]
ClockTime = Annotated[
    time,
    BeforeValidator(_time),
    PlainSerializer(_short, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _TIME.pattern}),
]
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    PlainSerializer(lambda m: m.isoformat(timespec="seconds" if m.second else "minutes"), when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _MOMENT.pattern}),
]
Zone = Annotated[ZoneName, AfterValidator(check_zone)]
Url = Annotated[str, Field(max_length=2000), AfterValidator(_url)]


class Organiser(Part):
    """A host, co-host or supporting body."""

    name: Title
    url: Url | None = None


class UsefulLink(Part):
    """A useful address, and who may see it."""

    title: Title
    url: Url
    kind: Annotated[str, Field(pattern=r"^[a-z-]{1,30}$")] = "link"
    audience: Audience = Audience.PUBLIC


class OutcomeKind(StrEnum):
    """What a held session left."""

    ARTICLE = "article"
    SLIDES = "slides"
    RECORDING = "recording"
    MINUTES = "minutes"


class Outcome(Part):
    """What a held session left, and who may see it."""

    title: Title
    url: Url
    kind: OutcomeKind = OutcomeKind.ARTICLE
    audience: Audience = Audience.PUBLIC


class Venue(Part):
    """Where the event is."""

    venue: Words = {}
    room: Words = {}
    level: Words = {}
    directions: Words = {}
    address: Line | None = None
    online: bool = False


class Room(Part):
    """A room; what it leaves out is taken from the event's place."""

    id: Identifier
    name: Words = {}
    venue: Words = {}
    level: Words = {}
    directions: Words = {}
    address: Line | None = None
    online: bool | None = None


class Person(Part):
    """A person, once; sessions name them by id. `email` is told for contacts only."""

    id: Identifier
    name: Line
    affiliation: Words = {}
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    position: Words = {}
    email: EmailStr | None = None


class Appearance(Part):
    """A person's part in a session."""

    person: Identifier
    role: Role


class AgendaBlock(Part):
    """A part of the day, such as the morning."""

    id: Identifier
    title: Title


class Kind(Part):
    """A kind of attendee, with a number of seats set aside where `quota` is given."""

    id: Identifier
    name: Title
    quota: Annotated[int, Field(ge=0, le=1_000_000)] | None = None


class Needed(Part):
    """A registration with another organisation that is needed as well, and the code that it asks for."""

    id: Identifier
    name: Title
    url: Url | None = None
    code: Line | None = None


class Asked(Part):
    """A question at registration (kind: text, choice, yes-no, consent)."""

    id: Identifier
    label: Title
    kind: Annotated[str, Field(pattern=r"^(text|choice|yes-no|consent)$")] = "text"
    choices: list[Title] = []
    required: bool = False


class Rules(Part):
    """How seats are given. `opens` and `closes` are local times in the zone of the event (or session);
    `closes` is the first moment too late. No `capacity`: as many as come."""

    open: bool = True
    capacity: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    opens: Moment | None = None
    closes: Moment | None = None
    waiting_list: bool = True


class EventRules(Rules):
    """Rules of the event as a whole. `max_sessions`: how many one person may choose; `overlaps`: whether they may overlap."""

    max_sessions: Annotated[int, Field(ge=1, le=200)] | None = None
    overlaps: Overlaps = Overlaps.ALLOW


class Round(Part):
    """The series that the event is a round of."""

    id: Identifier
    name: Title
    round: Annotated[int, Field(ge=1)]


class Programme(Part):
    """The larger programme that the event belongs to, or stands beside as a side event. Events with the same `id` are
    listed together; without an id it is only named."""

    id: Identifier | None = None
    name: Title
    url: Url | None = None
    side_event: bool = False


def _named(value: Any) -> Any:
    """A programme written as its name alone, in one language or by language."""
    if isinstance(value, str) or (
        isinstance(value, Mapping) and value and all(_LANGUAGE.match(str(key)) and key != "id" for key in value)
    ):
        return {"name": value}
    return value


class Event(Part):
    """The event itself."""

    id: Identifier
    status: Status = Status.SCHEDULED
    kind: EventKind
    title: Title
    subtitle: Words = {}
    description: Words = {}
    languages: Annotated[list[Language], Field(min_length=1, max_length=30), AfterValidator(_distinct)] = ["en"]
    zone: Zone
    starts_on: Day
    ends_on: Day
    place: Venue = Venue()
    programme: Annotated[Programme | None, BeforeValidator(_named)] = None
    series: Round | None = None
    hosts: list[Organiser] = []
    supporters: list[Organiser] = []
    funding: Words = {}
    contacts: list[Identifier] = []
    links: list[UsefulLink] = []
    audiences: list[Kind] = []
    requirements: list[Needed] = []
    questions: list[Asked] = []
    admission: EventRules = EventRules()


class AgendaSession(Part):
    """A session. Without `starts` it has a date only: time to be announced.

    `starts` and `ends` are local times in `zone` (the event's, where it is left out); `ends_on` is the last day where it
    goes over midnight. `printed_zone` is the abbreviation that the announcement prints beside the time.
    """

    id: Identifier
    status: Status = Status.SCHEDULED
    kind: SessionKind
    number: Annotated[int, Field(ge=1)] | None = None
    title: Title
    description: Words = {}
    language: Language | None = None
    block: Identifier | None = None
    tracks: list[Title] = []
    date: Day
    starts: ClockTime | None = None
    ends: ClockTime | None = None
    ends_on: Day | None = None
    zone: Zone | None = None
    printed_zone: Annotated[str, Field(min_length=1, max_length=12)] | None = None
    zone_check: ZoneCheck | None = None
    starts_hour: WhichHour | None = None
    ends_hour: WhichHour | None = None
    room: Identifier | None = None
    join_url: Url | None = None
    people: list[Appearance] = []
    funding: Words = {}
    links: list[UsefulLink] = []
    outcome: list[Outcome] = []
    by_choice: bool = False
    questions: list[Asked] = []
    admission: Rules = Rules()


class Agenda(Part):
    """A whole agenda: what one file holds, and what one draft is."""

    event: Event
    blocks: Annotated[list[AgendaBlock], Field(max_length=500)] = []
    rooms: Annotated[list[Room], Field(max_length=1000)] = []
    people: Annotated[list[Person], Field(max_length=5000)] = []
    sessions: Annotated[list[AgendaSession], Field(max_length=5000)] = []

    def as_data(self) -> dict[str, Any]:
        """The agenda as JSON-ready data; fields at their default are left out, so that files and drafts stay short."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def zone_of(self, session: AgendaSession) -> str:
        """The session's own zone, else the event's."""
        return session.zone or self.event.zone
