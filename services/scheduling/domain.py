"""Scheduling's decisions, pure: edit and cancel a draft, publish it, and what of it is news."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from services.scheduling.agenda import Agenda
from services.scheduling.difference import Change, difference
from services.scheduling.faults import Fault, faults, field_name
from services.scheduling.publication import event_state, session_states
from services.scheduling.warnings import warnings
from shared.contracts.base import Contract, json_of
from shared.contracts.cloudevent import problem
from shared.contracts.scheduling import EventState, SessionState, Status

MAX_STATE = 262_144
"""The largest event or session that is told, in bytes of JSON: well below what a message may have."""

MAX_STATES = 3_145_728
"""The largest sum of them, in bytes of JSON: one commit holds them several times, and MongoDB takes 16 MiB."""


class AgendaRefused(ValueError):
    """An agenda that cannot be kept or published; `problems` names each field and its remedy."""

    def __init__(self, problems: Sequence[dict[str, str]]) -> None:
        super().__init__("; ".join(f"{p['field']}: {p['message']}" for p in problems))
        self.problems = list(problems)


class NoSuchSession(LookupError):
    """The agenda has no session of this id."""


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
    note: Mapping[str, str] = field(default_factory=dict)


def publish(agenda: Agenda, before: Published | None, note: Mapping[str, str], now: datetime) -> Publication | None:
    """The next revision, made from `agenda` at the instant `now`; None where nothing changed.

    Each subject keeps the number of the revision that last changed it. Raises AgendaRefused while the agenda has faults
    or unanswered zone checks.
    """
    refuse_faults(agenda)
    blocking = [w for w in warnings(agenda, before.sessions if before else None) if w.blocks]
    if blocking:
        raise AgendaRefused([problem(w.field, w.message, w.code) for w in blocking])
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
        return None
    _refuse_oversize(event, list(sessions.values()))
    published = Published(revision, agenda, event if before is None or event_told else before.event, sessions)
    return Publication(published, event_told, tuple(told), tuple(published_difference(before, published)), note)


def published_difference(before: Published | None, after: Published) -> list[Change]:
    """What readers see changed from one revision to the next."""
    old = _states(before) if before is not None else None
    return [change for change in difference(old, _states(after)) if change.subject != "sessions"]


def refuse_faults(agenda: Agenda) -> None:
    """Raises AgendaRefused that names every fault of `agenda`."""
    found = faults(agenda)
    if found:
        raise AgendaRefused(told_faults(found, agenda.as_data()))


def told_faults(found: Sequence[Fault], data: object) -> list[dict[str, str]]:
    """Faults with their fields in words."""
    return [problem(field_name(fault.path, data), fault.message, fault.code) for fault in found]


def session_data(agenda: Agenda, session_id: str) -> dict[str, Any]:
    """A session of the draft as JSON data. Raises NoSuchSession."""
    for session in agenda.as_data().get("sessions", []):
        if session["id"] == session_id:
            return dict(session)
    raise NoSuchSession(session_id)


def with_session_patched(agenda: Agenda, session_id: str, patch: Mapping[str, Any]) -> dict[str, Any]:
    """The agenda's data with `patch` merged into one session (RFC 7396: null clears a field). Raises NoSuchSession."""
    data = agenda.as_data()
    session_data(agenda, session_id)
    data["sessions"] = [
        merged(session, patch) if session["id"] == session_id else session for session in data["sessions"]
    ]
    return data


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


def with_session_cancelled(agenda: Agenda, session_id: str) -> Agenda:
    """The agenda with one session cancelled. Raises NoSuchSession."""
    if all(session.id != session_id for session in agenda.sessions):
        raise NoSuchSession(session_id)
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


def _same(before: Contract, after: Contract) -> bool:
    ignored = {"revision", "published_at", "note"}
    return before.model_dump(exclude=ignored) == after.model_dump(exclude=ignored)


def _states(published: Published) -> dict[str, Any]:
    return {
        "event": json_of(published.event),
        "sessions": [json_of(state) for state in published.sessions.values()],
    }
