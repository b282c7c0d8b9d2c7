"""What scheduling tells: the published state of an event and of each of its sessions.

A subject's `sequence` is the number of the published revision that last changed it; consumers keep the newest.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints, WithJsonSchema

from shared.contracts.base import Contract, Identifier, Instant, Language, Text

EVENT_REVISED = "lectern.scheduling.event-revised.v1"
SESSION_REVISED = "lectern.scheduling.session-revised.v1"

LocalTime = Annotated[
    datetime,
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$",
            "description": "Local date and time in the session's zone, with no offset",
        }
    ),
]
ZoneName = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class EventKind(StrEnum):
    """What sort of event it is."""

    CONFERENCE = "conference"
    WORKSHOPS = "workshops"
    WEB_CONFERENCES = "web-conferences"


class SessionKind(StrEnum):
    """What sort of session it is."""

    PLENARY = "plenary"
    KEYNOTE = "keynote"
    PANEL = "panel"
    WORKSHOP = "workshop"
    WEB_CONFERENCE = "web-conference"
    PRESENTATION = "presentation"
    BREAK = "break"
    SOCIAL = "social"


class Status(StrEnum):
    """Whether an event or session takes place."""

    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"


class Audience(StrEnum):
    """Who may see a link or material."""

    PUBLIC = "public"
    REGISTRANTS = "registrants"
    MEMBERS = "members"


class Role(StrEnum):
    """What a person does in a session or for an event."""

    CHAIR = "chair"
    KEYNOTE = "keynote"
    PANELLIST = "panellist"
    SPEAKER = "speaker"
    CONTACT = "contact"


class Organisation(Contract):
    """A host, co-host or supporter."""

    name: Text
    url: str | None = None


class Link(Contract):
    """A useful address, or an outcome (article, slides, recording, minutes) of a held session."""

    title: Text
    url: str
    kind: str = "link"
    audience: Audience = Audience.PUBLIC


class RolePerson(Contract):
    """A person in a role, as announced: public data that the person agreed to see printed."""

    id: Identifier
    name: str
    role: Role
    affiliation: Text = {}
    country: str | None = Field(default=None, description="ISO 3166-1 alpha-2")
    position: Text = {}
    email: str | None = Field(default=None, description="Contacts only: a published address of work")


class Place(Contract):
    """Where it is: venue, room, level, directions, or online."""

    venue: Text = {}
    room: Text = {}
    level: Text = {}
    directions: Text = {}
    address: str | None = None
    online: bool = False


class AudienceKind(Contract):
    """A kind of attendee (research, police ...), with a number of seats set aside where `quota` is given."""

    id: Identifier
    name: Text
    quota: int | None = Field(default=None, ge=0)


class RequirementPolicy(StrEnum):
    """What a missing requirement means for a seat."""

    TOLD = "told"
    """It is shown to the attendee; seats do not wait for it."""
    HOLD = "hold"
    """A seat is held for some days; it lapses where the requirement is still missing then."""
    FIRST = "first"
    """No seat, and no place in line, until it is granted."""


class Requirement(Contract):
    """A registration with another organisation that is needed as well, and the code that it asks for."""

    id: Identifier
    name: Text
    url: str | None = None
    code: str | None = None
    policy: RequirementPolicy = RequirementPolicy.TOLD
    hold_days: int = Field(default=7, ge=1, le=365, description="Policy hold: days that a seat is held for it")
    remind_days: int = Field(default=2, ge=0, le=60, description="Policy hold: days before the end of it to remind")


class Membership(Contract):
    """Who is a member: an address in one of the domains, a name on one of the lists, or a requirement that is granted."""

    domains: list[str] = Field(default=[], description="Domains of e-mail addresses, such as example.org")
    lists: list[Identifier] = Field(default=[], description="Lists of members that registration was given")
    requirement: Identifier | None = None


class Question(Contract):
    """Something that an attendee is asked at registration."""

    id: Identifier
    label: Text
    kind: str = "text"
    choices: list[Text] = []
    required: bool = False


class Window(Contract):
    """When registration is open: UTC instants; no bound where one is missing. `closes` is the first moment too late."""

    opens: Instant | None = None
    closes: Instant | None = None


class Overlaps(StrEnum):
    """Whether one person may have seats in sessions that overlap in time."""

    ALLOW = "allow"
    REFUSE = "refuse"


class Reconfirmation(Contract):
    """Everybody with a seat is asked whether they still come; who does not answer in time gives the seat up."""

    ask_days: int = Field(ge=1, le=90, description="Days before the event's first day")
    answer_days: int = Field(ge=1, le=60, description="Days to answer in")


class Admission(Contract):
    """The rules by which seats are given. `capacity` None: as many as come."""

    open: bool = Field(default=True, description="False: registration is not taken here")
    capacity: int | None = Field(default=None, ge=0)
    window: Window = Window()
    waiting_list: bool = True
    max_sessions: int | None = Field(
        default=None, ge=1, description="Events only: how many sessions one person may choose"
    )
    overlaps: Overlaps = Field(default=Overlaps.ALLOW, description="Events only: whether chosen sessions may overlap")
    quotas: dict[Identifier, Annotated[int, Field(ge=0)]] = Field(
        default={}, description="Sessions only: seats set aside, by kind of audience (for an event, see its audiences)"
    )
    code_needed: bool = Field(default=False, description="By invitation: a code is needed")
    approval: bool = Field(default=False, description="Seats are given by hand: each request waits for an organiser")
    members_only: bool = False
    offer_hours: int | None = Field(
        default=None, ge=1, le=720, description="Freed seats are offered for so many hours; missing: given at once"
    )
    cutoff_hours: int | None = Field(
        default=None, ge=0, le=720, description="Nobody moves up from the waiting list so many hours before the start"
    )
    reconfirmation: Reconfirmation | None = Field(default=None, description="Events only")
    transfers: bool = Field(default=True, description="Events only: a seat may be given to a named colleague")
    calendar_answers: bool = Field(
        default=False,
        description="Events only: who removes a session from a connected calendar, or declines it, gives the seat up",
    )


class Series(Contract):
    """The series that the event is a round of."""

    id: Identifier
    name: Text
    round: int = Field(ge=1)


class Block(Contract):
    """A part of the day, such as the morning."""

    id: Identifier
    title: Text


class EventState(Contract):
    """An event as published."""

    id: Identifier
    revision: int = Field(ge=1)
    status: Status = Status.SCHEDULED
    kind: EventKind
    title: Text
    subtitle: Text = {}
    description: Text = {}
    languages: list[Language] = Field(default=["en"], min_length=1)
    zone: ZoneName
    starts_on: date
    ends_on: date
    place: Place = Place()
    programme: Text = {}
    programme_id: Identifier | None = Field(default=None, description="The same for all events of the programme")
    programme_url: str | None = None
    side_event: bool = Field(default=False, description="True: a side event of the programme, not a part of it")
    series: Series | None = None
    hosts: list[Organisation] = []
    supporters: list[Organisation] = []
    funding: Text = {}
    contacts: list[RolePerson] = []
    links: list[Link] = []
    blocks: list[Block] = []
    audiences: list[AudienceKind] = []
    requirements: list[Requirement] = []
    questions: list[Question] = []
    members: Membership | None = None
    retention_days: int | None = Field(
        default=None, ge=1, le=3650, description="Days after the event until registrations are made anonymous"
    )
    admission: Admission = Admission()
    published_at: Instant
    note: Text = Field(default={}, description="What this revision is about, for readers")


class SessionState(Contract):
    """A session as published. Date-only sessions have `date` and no `starts_local`.

    `starts_local` and `ends_local` are what people mean, in `zone`; `starts_at` and `ends_at` are UTC, derived from them.
    """

    id: Identifier
    event_id: Identifier
    revision: int = Field(
        ge=1, description="Higher in each revision that changes the session; the SEQUENCE in calendars"
    )
    status: Status = Status.SCHEDULED
    kind: SessionKind
    number: int | None = Field(default=None, ge=1)
    title: Text
    description: Text = {}
    language: Language | None = Field(default=None, description="The language spoken")
    block: Identifier | None = None
    tracks: list[Text] = []
    zone: ZoneName
    date: date
    starts_local: LocalTime | None = None
    ends_local: LocalTime | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    place: Place = Place()
    room_id: Identifier | None = Field(default=None, description="The same for all sessions in the room")
    join_url: str | None = Field(default=None, description="For confirmed attendees only; never shown to others")
    people: list[RolePerson] = []
    funding: Text = Field(default={}, description="Who pays for what is shown: a funding programme, named")
    links: list[Link] = []
    outcome: list[Link] = []
    by_choice: bool = Field(default=False, description="True: a seat is chosen and given per session")
    questions: list[Question] = Field(default=[], description="Asked of whoever chooses the session")
    admission: Admission = Admission()
    published_at: Instant
