"""Scheduling's decisions, pure: edit and cancel a draft, publish it, and what of it is news."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from services.scheduling.agenda import Agenda
from services.scheduling.difference import Change, difference
from services.scheduling.fault import Fault
from services.scheduling.faults import faults, field_name
from services.scheduling.public_view import public_event, public_session
from services.scheduling.publication import event_state, session_states
from services.scheduling.warnings import questions
from shared.contracts.base import Contract, json_of
from shared.contracts.cloudevent import problem
from shared.contracts.scheduling import EventState, SessionState, Status

MAX_STATE = 262_144
"""The largest event or session that is told, in bytes of JSON: well below what a message may have."""

MAX_STATES = 2_097_152
"""The largest sum of them, in bytes of JSON: one commit holds them five times (what is told, view, fact, and before and after in
the change log) beside the agenda, and MongoDB takes 16 MiB."""


class AgendaRefused(ValueError):
    """An agenda that cannot be kept or published; `problems` names each field and its remedy."""

    def __init__(self, problems: Sequence[dict[str, str]]) -> None:
        super().__init__("; ".join(f"{p['field']}: {p['message']}" for p in problems))
        self.problems = list(problems)


class NoSuchPart(LookupError):
    """The agenda has no part of this id in this section (sessions, people, rooms, blocks)."""

    def __init__(self, section: str, id_: str) -> None:
        super().__init__(f"there is no {id_} in {section}")
        self.section, self.id = section, id_


@dataclass(frozen=True)
class Published:
    """What has been told so far: the number of the last revision, the agenda it was made from, and the states.

    `sessions` also holds those that are gone from the agenda: they stay, as cancelled.
    """

    revision: int
    agenda: Agenda
    event: EventState
    sessions: Mapping[str, SessionState]


@dataclass(frozen=True)
class Publication:
    """A new revision: what is published from now on, and which subjects of it are news."""

    published: Published
    event_told: bool
    sessions_told: tuple[SessionState, ...]
    changes: tuple[Change, ...] = ()
    public_changes: tuple[Change, ...] = ()
    """What of it everybody may know: without links to join, codes and private material."""
    note: Mapping[str, str] = field(default_factory=dict)

    @property
    def makes_revision(self) -> bool:
        """Whether readers see a difference."""
        return self.event_told or bool(self.sessions_told)


def publish(agenda: Agenda, before: Published | None, note: Mapping[str, str], now: datetime) -> Publication | None:
    """The next revision, made from `agenda` at the instant `now`; None where nothing changed. Where readers see no
    difference, the agenda is published without a new revision, and nothing is told.

    Each subject keeps the number of the revision that last changed it. Raises AgendaRefused while the agenda has faults
    or unanswered zone checks.
    """
    refuse_faults(agenda)
    unanswered = questions(agenda)
    if unanswered:
        raise AgendaRefused([problem(w.field, w.message, w.code) for w in unanswered])
    revision = before.revision + 1 if before else 1
    event = event_state(agenda, revision, now, note)
    sessions = {state.id: state for state in session_states(agenda, revision, now)}
    if before is not None:
        for id_, state in before.sessions.items():
            if id_ not in sessions:  # never vanishes silently: who has it in a calendar must hear of it
                sessions[id_] = state.model_copy(
                    update={"status": Status.CANCELLED, "revision": revision, "published_at": now}
                )
    event_told = before is None or not _same(before.event, event)
    told: list[SessionState] = []
    for id_, state in sessions.items():
        old = before.sessions.get(id_) if before else None
        if old is not None and _same(old, state):
            sessions[id_] = old
        else:
            told.append(state)
    if before is not None and not event_told and not told:
        # What readers do not see may have changed all the same: it counts as published, and makes no revision.
        return None if agenda == before.agenda else Publication(replace(before, agenda=agenda), False, ())
    _refuse_oversize(event, list(sessions.values()))
    published = Published(revision, agenda, event if before is None or event_told else before.event, sessions)
    return Publication(
        published,
        event_told,
        tuple(told),
        tuple(_difference(before, published, event_told, told, lambda state: state)),
        tuple(_difference(before, published, event_told, told, _public)),
        note,
    )


View = Callable[[EventState | SessionState], EventState | SessionState]


def _difference(
    before: Published | None, after: Published, event_told: bool, told: Sequence[SessionState], view: View
) -> list[Change]:
    """What changed in the states that are told, as `view` shows them; their order is no news."""
    now: dict[str, Any] = {"sessions": [json_of(view(state)) for state in told]}
    if event_told:
        now["event"] = json_of(view(after.event))
    old: dict[str, Any] | None = None
    if before is not None:
        known = (before.sessions.get(state.id) for state in told)
        old = {"sessions": [json_of(view(state)) for state in known if state is not None]}
        if event_told:
            old["event"] = json_of(view(before.event))
    return [change for change in difference(old, now) if change.subject != "sessions"]


def _public(state: EventState | SessionState) -> EventState | SessionState:
    return public_event(state) if isinstance(state, EventState) else public_session(state)


def refuse_faults(agenda: Agenda) -> None:
    """Raises AgendaRefused that names every fault of `agenda`."""
    found = faults(agenda)
    if found:
        raise AgendaRefused(told_faults(found, agenda.as_data()))


def told_faults(found: Sequence[Fault], data: object) -> list[dict[str, str]]:
    """Faults with their fields in words."""
    return [problem(field_name(fault.path, data), fault.message, fault.code) for fault in found]


def with_part_patched(agenda: Agenda, section: str, id_: str, patch: Mapping[str, Any]) -> dict[str, Any]:
    """The agenda's data with `patch` merged into one part (RFC 7396: null clears a field). Raises NoSuchPart."""
    data = agenda.as_data()
    _there(data, section, id_)
    data[section] = [merged(part, patch) if part["id"] == id_ else part for part in data[section]]
    return data


def with_part_added(agenda: Agenda, section: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """The agenda's data with one part more, at the end of its section."""
    data = agenda.as_data()
    data[section] = [*data.get(section, []), dict(part)]
    return data


def with_part_removed(agenda: Agenda, section: str, id_: str) -> dict[str, Any]:
    """The agenda's data without one part. Raises NoSuchPart."""
    data = agenda.as_data()
    _there(data, section, id_)
    data[section] = [part for part in data[section] if part["id"] != id_]
    return data


def _there(data: Mapping[str, Any], section: str, id_: str) -> None:
    if all(part["id"] != id_ for part in data.get(section, [])):
        raise NoSuchPart(section, id_)


def with_event_patched(agenda: Agenda, patch: Mapping[str, Any]) -> dict[str, Any]:
    """The agenda's data with `patch` merged into the event (RFC 7396)."""
    data = agenda.as_data()
    return {**data, "event": merged(data["event"], patch)}


def merged(target: Any, patch: Any) -> Any:
    """JSON merge patch (RFC 7396, section 2)."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def cancelled(
    published: Published, session_id: str | None, note: Mapping[str, str], now: datetime
) -> Publication | None:
    """The revision in which a session, or with None the event and all of it, is cancelled; nothing else is told, and
    nothing else can hold it back. None where that is so already, or nothing is known of the session."""
    revision = published.revision + 1
    new = {"status": Status.CANCELLED, "revision": revision, "published_at": now}
    sessions = dict(published.sessions)
    told = [
        state.model_copy(update=new)
        for state in sessions.values()
        if state.status is not Status.CANCELLED and session_id in (None, state.id)
    ]
    event_told = session_id is None and published.event.status is not Status.CANCELLED
    if not told and not event_told:
        return None
    event = published.event.model_copy(update=new | {"note": dict(note)}) if event_told else published.event
    agenda = published.agenda
    if session_id is None:
        agenda = with_event_cancelled(agenda)
    elif any(session.id == session_id for session in agenda.sessions):
        agenda = with_session_cancelled(agenda, session_id)
    after = Published(revision, agenda, event, sessions | {state.id: state for state in told})
    return Publication(
        after,
        event_told,
        tuple(told),
        tuple(_difference(published, after, event_told, told, lambda state: state)),
        tuple(_difference(published, after, event_told, told, _public)),
        note,
    )


def with_session_cancelled(agenda: Agenda, session_id: str) -> Agenda:
    """The agenda with one session cancelled. Raises NoSuchPart."""
    if all(session.id != session_id for session in agenda.sessions):
        raise NoSuchPart("sessions", session_id)
    return agenda.model_copy(
        update={
            "sessions": [
                session.model_copy(update={"status": Status.CANCELLED}) if session.id == session_id else session
                for session in agenda.sessions
            ]
        }
    )


def with_event_cancelled(agenda: Agenda) -> Agenda:
    """The agenda with the event cancelled, and so every session of it."""
    return agenda.model_copy(update={"event": agenda.event.model_copy(update={"status": Status.CANCELLED})})


class RegistrationIs(StrEnum):
    """Whether registration can be asked for now."""

    OPEN = "open"
    NOT_YET = "not-yet"
    CLOSED = "closed"
    NOT_HERE = "not-here"
    CANCELLED = "cancelled"


def registration_is(event: EventState, now: datetime) -> RegistrationIs:
    """What the event's page says of registration at the instant `now`. The registration service decides for itself."""
    window = event.admission.window
    if event.status is Status.CANCELLED:
        return RegistrationIs.CANCELLED
    if not event.admission.open:
        return RegistrationIs.NOT_HERE
    after_last_day = event.ends_on + timedelta(days=1)
    over = now.astimezone(ZoneInfo(event.zone)).date() >= after_last_day
    if over or (window.closes is not None and now >= window.closes):
        return RegistrationIs.CLOSED
    if window.opens is not None and now < window.opens:
        return RegistrationIs.NOT_YET
    return RegistrationIs.OPEN


def takes_requests(session: SessionState, now: datetime) -> bool:
    """Whether a seat in the session itself can be asked for at the instant `now`, or later: it takes place, has not begun,
    and its own window is not over. The event may still say otherwise."""
    over = session.starts_at is None and now.astimezone(ZoneInfo(session.zone)).date() > session.date
    bounds = (session.starts_at, session.admission.window.closes)
    late = over or any(bound is not None and now >= bound for bound in bounds)
    return session.status is Status.SCHEDULED and session.admission.open and not late


def _refuse_oversize(event: EventState, sessions: Sequence[SessionState]) -> None:
    sizes = {"event": len(event.model_dump_json().encode())}
    sizes |= {f"sessions.{state.id}": len(state.model_dump_json().encode()) for state in sessions}
    problems = [
        problem(subject, f"{size} bytes with its people and place; at most {MAX_STATE}: shorten its texts", "too-large")
        for subject, size in sizes.items()
        if size > MAX_STATE
    ]
    if not problems and (total := sum(sizes.values())) > MAX_STATES:
        remedy = "shorten what each session repeats (directions, positions), or make two events of it"
        problems.append(problem("sessions", f"{total} bytes in all; at most {MAX_STATES}: {remedy}", "too-large"))
    if problems:
        raise AgendaRefused(problems)


def _same(before: C, after: C) -> bool:
    """Whether two states say the same to readers, whenever and in whichever revision they were told."""
    told = {name: getattr(after, name) for name in _NOT_SAID if name in type(after).model_fields}
    return before.model_copy(update=told) == after


_NOT_SAID = ("revision", "published_at", "note")
C = TypeVar("C", bound=Contract)
