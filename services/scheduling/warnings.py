"""What an organiser should look at before publishing. A zone check must be answered; the rest may be meant so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from services.scheduling.agenda import Agenda, AgendaSession
from services.scheduling.timetable import Slot, doubt_about, slot_of
from shared.contracts.base import Text, said_in
from shared.contracts.scheduling import SessionState, Status


@dataclass(frozen=True)
class Warning:
    """A warning about a draft. Where it `blocks`, publishing is refused until it is dealt with."""

    code: str
    field: str
    message: str
    blocks: bool = False

    def as_data(self) -> dict[str, str | bool]:
        return {"code": self.code, "field": self.field, "message": self.message, "blocks": self.blocks}


Timed = list[tuple[AgendaSession, Slot]]


def warnings(agenda: Agenda, published: Mapping[str, SessionState] | None = None) -> list[Warning]:
    """Every warning about `agenda`, which has no faults; those that block first."""
    timed = [(session, slot_of(session, agenda.zone_of(session))) for session in agenda.sessions]
    running: Timed = [(s, slot) for s, slot in timed if s.status is Status.SCHEDULED and slot.starts_at]
    return [
        *_zone_checks(agenda),
        *_people_in_two_places(agenda, running),
        *_rooms_twice(agenda, running),
        *_outside(agenda, timed),
        *_no_seats(agenda),
        *_quotas(agenda),
        *_was_cancelled(agenda, published or {}),
        *_translations(agenda),
    ]


def _field(session: AgendaSession, name: str) -> str:
    return f"sessions.{session.id}.{name}"


def _zone_checks(agenda: Agenda) -> Iterator[Warning]:
    for session in agenda.sessions:
        doubt = doubt_about(session, agenda.zone_of(session))
        if doubt is not None and session.status is Status.SCHEDULED:
            yield Warning(
                "zone-check",
                _field(session, "printed_zone"),
                f"{doubt.message} Answer with zone_check: local or zone_check: printed.",
                blocks=True,
            )


def _overlaps(sessions: Iterable[tuple[AgendaSession, Slot]]) -> Iterator[tuple[AgendaSession, AgendaSession]]:
    """Each session with the one before it that runs longest, where they overlap. No end: it is taken as a moment."""
    longest: tuple[AgendaSession, Slot] | None = None
    for session, slot in sorted(sessions, key=lambda item: (item[1].starts_at, item[1].ends_at or item[1].starts_at)):
        assert slot.starts_at is not None
        if longest is not None:
            end = longest[1].ends_at or longest[1].starts_at
            assert end is not None
            if slot.starts_at < end or slot.starts_at == longest[1].starts_at:
                yield longest[0], session
            if (slot.ends_at or slot.starts_at) < end:
                continue
        longest = (session, slot)


def _people_in_two_places(agenda: Agenda, running: Timed) -> Iterator[Warning]:
    names = {person.id: person.name for person in agenda.people}
    by_person: dict[str, Timed] = defaultdict(list)
    for session, slot in running:
        for id_ in {part.person for part in session.people}:
            by_person[id_].append((session, slot))
    for id_, sessions in sorted(by_person.items()):
        for one, other in _overlaps(sessions):
            message = f"{names.get(id_, id_)} is in {one.id} at the same time; move one of the two, or the person."
            yield Warning("person-in-two-places", _field(other, "people"), message)


def _rooms_twice(agenda: Agenda, running: Timed) -> Iterator[Warning]:
    by_room: dict[str, Timed] = defaultdict(list)
    for session, slot in running:
        if session.room is not None:
            by_room[session.room].append((session, slot))
    for room, sessions in sorted(by_room.items()):
        for one, other in _overlaps(sessions):
            message = f"The room {room} is taken by {one.id} at the same time; choose another room or time."
            yield Warning("room-twice", _field(other, "room"), message)


def _outside(agenda: Agenda, timed: Timed) -> Iterator[Warning]:
    first, last = agenda.event.starts_on, agenda.event.ends_on
    for session, slot in timed:
        # A session of the last evening may go over midnight; what counts is the day on which it begins.
        if not first <= slot.day <= last:
            message = (
                f"{slot.day} is outside of the event ({first} to {last}); change the session's day or the event's."
            )
            yield Warning("outside-event", _field(session, "date"), message)


def _no_seats(agenda: Agenda) -> Iterator[Warning]:
    if not agenda.event.admission.open:
        return
    chosen = [session for session in agenda.sessions if session.by_choice]
    if not chosen and agenda.event.admission.capacity is None:
        yield Warning("no-seats", "event.admission.capacity", "No number of seats is set: everybody who asks gets one.")
    for session in chosen:
        if session.admission.open and session.admission.capacity is None and agenda.event.admission.capacity is None:
            message = "No number of seats is set for this session: everybody who asks gets one."
            yield Warning("no-seats", _field(session, "admission.capacity"), message)


def _quotas(agenda: Agenda) -> Iterator[Warning]:
    capacity = agenda.event.admission.capacity
    kept = sum(kind.quota or 0 for kind in agenda.event.audiences)
    if capacity is not None and kept > capacity:
        message = (
            f"{kept} seats are set aside for audiences, but there are only {capacity}; lower a quota or add seats."
        )
        yield Warning("quotas-over-capacity", "event.audiences", message)


def _was_cancelled(agenda: Agenda, published: Mapping[str, SessionState]) -> Iterator[Warning]:
    if agenda.event.status is Status.CANCELLED:
        return
    for session in agenda.sessions:
        before = published.get(session.id)
        if before is not None and before.status is Status.CANCELLED and session.status is Status.SCHEDULED:
            message = "This session was published as cancelled; publishing brings it back."
            yield Warning("was-cancelled", _field(session, "status"), message)


def _translations(agenda: Agenda) -> Iterator[Warning]:
    event = agenda.event
    texts: list[tuple[str, dict[str, Text]]] = [
        (
            "event",
            {
                "title": event.title,
                "subtitle": event.subtitle,
                "description": event.description,
                "programme": event.programme.name if event.programme is not None else {},
                "funding": event.funding,
                "place.directions": event.place.directions,
                **{f"links.{number}.title": link.title for number, link in enumerate(event.links)},
                **{f"audiences.{kind.id}.name": kind.name for kind in event.audiences},
                **{f"questions.{asked.id}.label": asked.label for asked in event.questions},
            },
        )
    ]
    texts += [(f"blocks.{block.id}", {"title": block.title}) for block in agenda.blocks]
    texts += [(f"sessions.{s.id}", {"title": s.title, "description": s.description}) for s in agenda.sessions]
    for subject, fields in texts:
        for language in event.languages:
            missing = [name for name, text in fields.items() if said_in(text, language) and not text.get(language)]
            if missing:
                message = f"Not translated into {language}: {', '.join(missing)}."
                yield Warning("translation-missing", f"{subject}.{missing[0]}", message)
