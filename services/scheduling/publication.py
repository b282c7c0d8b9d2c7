"""From the organiser's agenda to the states that are told: people, rooms and times written out in each session."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from services.scheduling.agenda import Agenda, AgendaSession, Person, Room
from services.scheduling.fields import Part
from services.scheduling.rules import EventRules, Rules, SessionRules
from services.scheduling.time_zones import to_utc
from services.scheduling.timetable import slot_of
from shared.contracts.base import Contract
from shared.contracts.scheduling import (
    Admission,
    AudienceKind,
    Block,
    EventState,
    Link,
    Membership,
    Organisation,
    Place,
    Question,
    Reconfirmation,
    Requirement,
    Role,
    RolePerson,
    Series,
    SessionState,
    Status,
    Window,
)

C = TypeVar("C", bound=Contract)


def event_state(agenda: Agenda, revision: int, at: datetime, note: Mapping[str, str] | None = None) -> EventState:
    """The event as told in `revision`, published at the instant `at`."""
    event = agenda.event
    people = {person.id: person for person in agenda.people}
    return EventState(
        id=event.id,
        revision=revision,
        status=event.status,
        kind=event.kind,
        title=event.title,
        subtitle=event.subtitle,
        description=event.description,
        languages=event.languages,
        zone=event.zone,
        starts_on=event.starts_on,
        ends_on=event.ends_on,
        place=_told(Place, event.place),
        programme=event.programme.name if event.programme is not None else {},
        programme_id=event.programme.id if event.programme is not None else None,
        programme_url=event.programme.url if event.programme is not None else None,
        side_event=event.programme is not None and event.programme.side_event,
        series=_told(Series, event.series) if event.series is not None else None,
        hosts=[_told(Organisation, host) for host in event.hosts],
        supporters=[_told(Organisation, supporter) for supporter in event.supporters],
        funding=event.funding,
        contacts=[_role(people[id_], Role.CONTACT) for id_ in event.contacts],
        links=[_told(Link, link) for link in event.links],
        blocks=[_told(Block, block) for block in agenda.blocks],
        audiences=[_told(AudienceKind, kind) for kind in event.audiences],
        requirements=[_told(Requirement, needed) for needed in event.requirements],
        questions=[_told(Question, asked) for asked in event.questions],
        members=_told(Membership, event.members) if event.members is not None else None,
        retention_days=event.retention_days,
        admission=_admission(event.admission, event.zone),
        published_at=at,
        note=dict(note or {}),
    )


def session_states(agenda: Agenda, revision: int, at: datetime) -> list[SessionState]:
    """Every session as told in `revision`, in the agenda's order. A cancelled event cancels all of them."""
    people = {person.id: person for person in agenda.people}
    rooms = {room.id: room for room in agenda.rooms}
    return [_session(agenda, session, people, rooms, revision, at) for session in agenda.sessions]


def _session(
    agenda: Agenda,
    session: AgendaSession,
    people: Mapping[str, Person],
    rooms: Mapping[str, Room],
    revision: int,
    at: datetime,
) -> SessionState:
    zone = agenda.zone_of(session)
    slot = slot_of(session, zone)
    return SessionState(
        id=session.id,
        event_id=agenda.event.id,
        revision=revision,
        status=Status.CANCELLED if agenda.event.status is Status.CANCELLED else session.status,
        kind=session.kind,
        number=session.number,
        title=session.title,
        description=session.description,
        language=session.language,
        block=session.block,
        tracks=session.tracks,
        zone=zone,
        date=slot.day,
        starts_local=slot.starts_local,
        ends_local=slot.ends_local,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        place=_place(agenda, rooms.get(session.room) if session.room is not None else None),
        room_id=session.room,
        join_url=session.join_url,
        people=[_role(people[part.person], part.role) for part in session.people],
        funding=session.funding,
        links=[_told(Link, link) for link in session.links],
        outcome=[_told(Link, link) for link in session.outcome],
        by_choice=session.by_choice,
        questions=[_told(Question, asked) for asked in session.questions],
        admission=_admission(session.admission, zone),
        published_at=at,
    )


def _place(agenda: Agenda, room: Room | None) -> Place:
    """The event's place, with what the room says of its own."""
    place = agenda.event.place
    if room is None:
        return _told(Place, place)
    online = place.online if room.online is None else room.online
    if room.online and not place.online:  # an online room of an event on site: the building is not where to go
        return Place(room=room.name, online=True)
    return Place(
        venue=room.venue or place.venue,
        room=room.name or place.room,
        level=room.level or place.level,
        directions=room.directions or place.directions,
        address=room.address or place.address,
        online=online,
    )


def _role(person: Person, role: Role) -> RolePerson:
    return RolePerson(
        id=person.id,
        name=person.name,
        role=role,
        affiliation=person.affiliation,
        country=person.country,
        position=person.position,
        email=person.email if role is Role.CONTACT else None,
    )


def _admission(rules: Rules, zone: str) -> Admission:
    told = Admission(
        open=rules.open,
        capacity=rules.capacity,
        window=Window(
            opens=to_utc(rules.opens, zone) if rules.opens is not None else None,
            closes=to_utc(rules.closes, zone) if rules.closes is not None else None,
        ),
        waiting_list=rules.waiting_list,
        code_needed=rules.code_needed,
        approval=rules.approval,
        members_only=rules.members_only,
        offer_hours=rules.offer_hours,
        cutoff_hours=rules.cutoff_hours,
    )
    if isinstance(rules, SessionRules):
        return told.model_copy(update={"quotas": dict(rules.quotas)})
    if not isinstance(rules, EventRules):
        return told
    asked = rules.reconfirmation
    return told.model_copy(
        update={
            "max_sessions": rules.max_sessions,
            "overlaps": rules.overlaps,
            "reconfirmation": _told(Reconfirmation, asked) if asked is not None else None,
            "transfers": rules.transfers,
            "calendar_answers": rules.calendar_answers,
        }
    )


def _told(model: type[C], part: Part) -> C:
    data: dict[str, Any] = part.model_dump()
    return model.model_validate(data)
