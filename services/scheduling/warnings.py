"""What an organiser should look at before publishing. Some must be mended first (a zone check); the rest may be meant so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from services.scheduling.agenda import Agenda, AgendaSession, ZoneCheck
from services.scheduling.rule_warnings import nobody_is_member, rule_warnings
from services.scheduling.timetable import ImpossibleTime, Slot, doubt_about, slot_of
from services.scheduling.translations import reports
from services.scheduling.warning import Warning
from shared.contracts.scheduling import SessionState, Status

Timed = list[tuple[AgendaSession, Slot]]


def questions(agenda: Agenda) -> list[Warning]:
    """What must be answered before `agenda` can be published: the warnings that block."""
    timed, impossible = _timed(agenda)
    return [*impossible, *_zone_checks(timed, agenda), *nobody_is_member(agenda)]


def warnings(agenda: Agenda, published: Mapping[str, SessionState] | None = None) -> list[Warning]:
    """Every warning about `agenda`; those that block first."""
    timed, impossible = _timed(agenda)
    running: Timed = [(s, slot) for s, slot in timed if s.status is Status.SCHEDULED and slot.starts_at]
    return [
        *impossible,
        *_zone_checks(timed, agenda),
        *nobody_is_member(agenda),
        *_people_in_two_places(agenda, running),
        *_rooms_twice(agenda, running),
        *_outside(agenda, timed),
        *_no_seats(agenda),
        *_quotas(agenda),
        *rule_warnings(agenda),
        *_was_cancelled(agenda, published or {}),
        *_translations(agenda),
    ]


def _timed(agenda: Agenda) -> tuple[Timed, list[Warning]]:
    """When each session is; those that cannot be. An agenda has none of them when it is kept, but the rules of a time zone
    may have changed since."""
    timed: Timed = []
    impossible: list[Warning] = []
    for session in agenda.sessions:
        try:
            timed.append((session, slot_of(session, agenda.zone_of(session))))
        except ImpossibleTime as error:
            impossible.append(Warning("impossible-time", _field(session, error.field), str(error), blocks=True))
    return timed, impossible


def _field(session: AgendaSession, name: str) -> str:
    return f"sessions.{session.id}.{name}"


def _zone_checks(timed: Timed, agenda: Agenda) -> Iterator[Warning]:
    for session, _ in timed:
        doubt = doubt_about(session, agenda.zone_of(session))
        if doubt is not None and session.status is Status.SCHEDULED:
            yield Warning(
                "zone-check",
                _field(session, "printed_zone"),
                f"{doubt.message} Answer with zone_check: local or zone_check: printed.",
                blocks=True,
                readings={ZoneCheck.LOCAL.value: doubt.local_reading, ZoneCheck.PRINTED.value: doubt.printed_reading},
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
            about = {"session": one.id, "person": id_}
            yield Warning("person-in-two-places", _field(other, "people"), message, about=about)


def _rooms_twice(agenda: Agenda, running: Timed) -> Iterator[Warning]:
    by_room: dict[str, Timed] = defaultdict(list)
    for session, slot in running:
        if session.room is not None:
            by_room[session.room].append((session, slot))
    for room, sessions in sorted(by_room.items()):
        for one, other in _overlaps(sessions):
            message = f"The room {room} is taken by {one.id} at the same time; choose another room or time."
            yield Warning("room-twice", _field(other, "room"), message, about={"session": one.id, "room": room})


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
    for report in reports(agenda):
        by_subject: dict[str, list[str]] = defaultdict(list)
        for name in report.missing:
            steps = name.split(".")
            subject = steps[0] if steps[0] == "event" else ".".join(steps[:2])
            by_subject[subject].append(name.removeprefix(f"{subject}."))
        for subject, names in by_subject.items():
            message = f"Not translated into {report.language}: {', '.join(names)}."
            yield Warning("translation-missing", f"{subject}.{names[0]}", message)
