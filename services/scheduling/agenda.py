"""The agenda as the organiser writes it: event, blocks, rooms, people once, sessions with people by reference.

Unknown fields are refused here (a misspelt field must not vanish); what is published is told in the contracts' models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, EmailStr, Field

from services.scheduling.fields import ClockTime, Day, Line, Part, Title, Url, Words, Zone, distinct
from services.scheduling.rules import Asked, EventRules, Kind, Members, Needed, SessionRules, none_of_nothing
from shared.contracts.base import Identifier, Language
from shared.contracts.scheduling import Audience, EventKind, Role, SessionKind, Status

_LANGUAGE = re.compile(r"^[a-z]{2}$")


class ZoneCheck(StrEnum):
    """The organiser's answer to a zone check: the clock on the wall there, or the printed abbreviation."""

    LOCAL = "local"
    PRINTED = "printed"


class WhichHour(StrEnum):
    """Which of two equal times is meant, on the day when clocks are put back."""

    FIRST = "first"
    SECOND = "second"


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
    """The event itself. `retention_days` after its last day, registrations are made anonymous."""

    id: Identifier
    status: Status = Status.SCHEDULED
    kind: EventKind
    title: Title
    subtitle: Words = {}
    description: Words = {}
    languages: Annotated[list[Language], Field(min_length=1, max_length=30), AfterValidator(distinct)] = ["en"]
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
    members: Annotated[Members | None, BeforeValidator(none_of_nothing)] = None
    retention_days: Annotated[int, Field(ge=1, le=3650)] | None = None
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
    admission: SessionRules = SessionRules()


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
