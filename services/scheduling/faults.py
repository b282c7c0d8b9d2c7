"""What makes an agenda impossible: references to nothing, ids used twice, times that are not on the clock."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Protocol

from services.scheduling.agenda import Agenda
from services.scheduling.fault import Fault, Path
from services.scheduling.rule_faults import event_rule_faults, session_rule_faults
from services.scheduling.rules import Rules
from services.scheduling.time_zones import to_utc
from services.scheduling.timetable import ImpossibleTime, doubt_about, slot_of

_ID = re.compile(r"^[a-z0-9][a-z0-9-]{0,79}$")


class HasId(Protocol):
    """A part of the agenda with an id."""

    @property
    def id(self) -> str:
        """What others name it by."""


def faults(agenda: Agenda) -> list[Fault]:
    """Every fault of `agenda`, in its order; empty where it can be kept as a draft."""
    return [*_event(agenda), *_twice(agenda), *_people(agenda), *_sessions(agenda)]


def _event(agenda: Agenda) -> Iterator[Fault]:
    event = agenda.event
    if event.ends_on < event.starts_on:
        yield Fault(("event", "ends_on"), "ends-before-start", "the last day is before the first; change one of them")
    yield from _window(("event", "admission"), event.admission, event.zone)
    yield from event_rule_faults(event)
    known = {person.id for person in agenda.people}
    for number, contact in enumerate(event.contacts):
        if contact not in known:
            yield Fault(("event", "contacts", number), "unknown-person", _unknown(contact, "people"))


def _twice(agenda: Agenda) -> Iterator[Fault]:
    event = agenda.event
    lists: tuple[Iterable[tuple[Path, str]], ...] = (
        _ids(("blocks",), agenda.blocks),
        _ids(("rooms",), agenda.rooms),
        _ids(("people",), agenda.people),
        _ids(("sessions",), agenda.sessions),
        _ids(("event", "audiences"), event.audiences),
        _ids(("event", "requirements"), event.requirements),
        # An answer names its question alone, so that the questions of an event and of its sessions share their ids.
        chain(
            _ids(("event", "questions"), event.questions),
            *(_ids(("sessions", n, "questions"), session.questions) for n, session in enumerate(agenda.sessions)),
        ),
    )
    for ids in lists:
        seen: set[str] = set()
        for path, id_ in ids:
            if id_ in seen:
                yield Fault(path, "id-twice", f"the id {id_} is used twice; choose another")
            seen.add(id_)


def _ids(path: Path, items: Sequence[HasId]) -> Iterator[tuple[Path, str]]:
    for number, item in enumerate(items):
        yield (*path, number, "id"), item.id


def _people(agenda: Agenda) -> Iterator[Fault]:
    known = {person.id for person in agenda.people}
    for number, session in enumerate(agenda.sessions):
        parts: set[tuple[str, str]] = set()
        for place, part in enumerate(session.people):
            path: Path = ("sessions", number, "people", place, "person")
            if part.person not in known:
                yield Fault(path, "unknown-person", _unknown(part.person, "people"))
            if (part.person, part.role) in parts:
                yield Fault(path, "person-twice", f"{part.person} is {part.role} twice here; remove one")
            parts.add((part.person, part.role))


def _sessions(agenda: Agenda) -> Iterator[Fault]:
    blocks, rooms = {block.id for block in agenda.blocks}, {room.id for room in agenda.rooms}
    for number, session in enumerate(agenda.sessions):
        path: Path = ("sessions", number)
        zone = agenda.zone_of(session)
        if not session.id.startswith(f"{agenda.event.id}-"):
            message = f"session ids begin with the event's id; for example {agenda.event.id}-{session.id}"
            yield Fault((*path, "id"), "id-prefix", message)
        if session.block is not None and session.block not in blocks:
            yield Fault((*path, "block"), "unknown-block", _unknown(session.block, "blocks"))
        if session.room is not None and session.room not in rooms:
            yield Fault((*path, "room"), "unknown-room", _unknown(session.room, "rooms"))
        try:
            slot_of(session, zone)
            doubt_about(session, zone)
        except ImpossibleTime as error:
            yield Fault((*path, error.field), "impossible-time", str(error))
        yield from _window((*path, "admission"), session.admission, zone)
        yield from session_rule_faults(agenda, number, session)


def _window(path: Path, rules: Rules, zone: str) -> Iterator[Fault]:
    bounds: dict[str, datetime] = {}
    for field, local in (("opens", rules.opens), ("closes", rules.closes)):
        if local is None:
            continue
        try:
            bounds[field] = to_utc(local, zone)
        except ValueError as error:
            yield Fault((*path, field), "impossible-time", f"{error}; or choose a time outside of that hour")
    if len(bounds) == 2 and bounds["closes"] <= bounds["opens"]:
        yield Fault((*path, "closes"), "closes-before-open", "registration closes before it opens; change one of them")


def _unknown(id_: str, where: str) -> str:
    return f"there is no {id_} in {where}; add it there or correct the id"


def field_name(path: Sequence[str | int], data: object) -> str:
    """A path in words: sessions.sre-2019-keynote.starts. Positions become ids where the data has them."""
    names: list[str] = []
    here: object = data
    for step in path:
        if isinstance(step, int):
            here = here[step] if isinstance(here, list) and 0 <= step < len(here) else None
            id_ = here.get("id") if isinstance(here, dict) else None
            names.append(id_ if isinstance(id_, str) and _ID.match(id_) else str(step))
        else:
            here = here.get(step) if isinstance(here, dict) else None
            names.append(step)
    return ".".join(names)
