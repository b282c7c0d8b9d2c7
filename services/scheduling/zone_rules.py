"""When a zone's rules change after an event was published: which told times moved, and the revision that sets them right.

People mean the clock on the wall: their local times stay, the instants follow the rules of the tzdata that is installed now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.scheduling.agenda import AgendaSession
from services.scheduling.difference import difference
from services.scheduling.domain import Publication, Published
from services.scheduling.rules import Rules
from services.scheduling.time_zones import to_local, to_utc
from services.scheduling.timetable import ImpossibleTime, Slot, doubt_about, slot_of
from shared.contracts.base import Text, json_of
from shared.contracts.scheduling import Admission, EventState, SessionState, Status
from shared.web.i18n import languages, translations

_TIMES = ("starts_local", "ends_local", "starts_at", "ends_at")
_WINDOW = "admission.window."


@dataclass(frozen=True)
class Moved:
    """A told time that today's rules of `zone` read otherwise. `session_id` None: the event's own registration.

    `field` is that of the told state: `starts_at`, `ends_at`, `admission.window.opens` and `.closes` are instants in UTC;
    `starts_local` and `ends_local` have no offset, and move only where the printed offset was meant and not the wall.
    `after` None: the rules leave no single answer; `problem` tells the organiser why, and the time stays as it was told.
    """

    session_id: str | None
    field: str
    before: datetime
    after: datetime | None
    zone: str
    problem: str = ""


def moved(published: Published, now: datetime) -> list[Moved]:
    """The told times that moved, of sessions that take place and are not over at the instant `now`, and of registration.

    The event comes first, then the sessions in the agenda's order. Empty where the rules read every time as it was told.
    """
    event, agenda = published.event, published.agenda
    if event.status is Status.CANCELLED:
        return []
    found: list[Moved] = []
    if to_local(now, event.zone).date() <= event.ends_on:
        found += _window(None, agenda.event.admission, event.admission, event.zone, now)
    for session in agenda.sessions:
        told = published.sessions.get(session.id)
        if told is None or told.status is Status.CANCELLED:
            continue
        times = list(_times(session, told))
        if not _over(told, times, now):
            found += [*times, *_window(session.id, session.admission, told.admission, told.zone, now)]
    return found


def rederived(published: Published, now: datetime) -> Publication | None:
    """The next revision, in which every time that moved is set right; None where none did.

    The agenda stays as it is, and so do the states of all that did not move, is over, is cancelled, or has a problem.
    """
    by_subject: dict[str | None, dict[str, datetime]] = defaultdict(dict)
    found = moved(published, now)
    for one in found:
        if one.after is not None:
            by_subject[one.session_id][one.field] = one.after
    if not by_subject:
        return None
    revision, words = published.revision + 1, note(found)
    new = {"revision": revision, "published_at": now}
    event, sessions = published.event, dict(published.sessions)
    if None in by_subject:
        event = event.model_copy(update=_set_right(event, by_subject[None]) | new | {"note": words})
    for id_, fields in by_subject.items():
        if id_ is not None:
            sessions[id_] = sessions[id_].model_copy(update=_set_right(sessions[id_], fields) | new)
    after = Published(revision, published.agenda, event, sessions)
    changes = tuple(
        difference(_told(published), _told(after))
    )  # times are for everybody: no other view of them is needed
    return Publication(
        published=after,
        event_told=None in by_subject,
        sessions_told=tuple(state for id_, state in sessions.items() if id_ in by_subject),
        changes=changes,
        public_changes=changes,
        note=words,
    )


def note(found: Sequence[Moved]) -> Text:
    """What readers are told of it, in every language that has a catalogue; empty where nothing is set right."""
    right = [one for one in found if one.after is not None]
    zones = list(dict.fromkeys(one.zone for one in right))
    if not zones:
        return {}
    walls_stay = not any(one.field.endswith("_local") for one in right)
    text: Text = {}
    for language in languages():
        words = translations(language)
        if walls_stay:
            said = words.ngettext(
                "The rules of the time zone %(zones)s changed; local times stay, and calendars are set right.",
                "The rules of the time zones %(zones)s changed; local times stay, and calendars are set right.",
                len(zones),
            )
        else:
            said = words.ngettext(
                "The rules of the time zone %(zones)s changed; times and calendars are set right.",
                "The rules of the time zones %(zones)s changed; times and calendars are set right.",
                len(zones),
            )
        text[language] = said % {"zones": ", ".join(zones)}
    return text


def _times(session: AgendaSession, told: SessionState) -> Iterator[Moved]:
    """What moved of the session's own times; one problem where they cannot be read any more."""
    try:
        session, slot = _slot(session, told.zone)
    except ImpossibleTime as error:
        yield from _problem(told, "ends_at" if error.field.startswith("ends") else "starts_at", str(error))
        return
    times = [(name, getattr(told, name), getattr(slot, name)) for name in _TIMES]
    differing = [
        Moved(told.id, name, before, after, told.zone)
        for name, before, after in times
        if before is not None and after is not None and before != after
    ]
    doubt = doubt_about(session, told.zone) if differing else None
    if doubt is not None:  # the printed abbreviation applied when it was published, and does not any more
        name = "starts_at" if doubt.local_reading == slot.starts_at else "ends_at"
        yield from _problem(told, name, f"{doubt.message} Answer with zone_check: local or zone_check: printed.")
    else:
        yield from differing


def _slot(session: AgendaSession, zone: str) -> tuple[AgendaSession, Slot]:
    """When the session is; an answer to a question that the day does not ask any more is left out."""
    try:
        return session, slot_of(session, zone)
    except ImpossibleTime as error:
        if error.field not in ("starts_hour", "ends_hour"):
            raise
        return _slot(session.model_copy(update={error.field: None}), zone)


def _problem(told: SessionState, field: str, problem: str) -> Iterator[Moved]:
    before = told.ends_at if field == "ends_at" else told.starts_at
    if before is not None:
        yield Moved(told.id, field, before, None, told.zone, problem)


def _window(session_id: str | None, rules: Rules, told: Admission, zone: str, now: datetime) -> Iterator[Moved]:
    """What moved of when registration opens and closes. A bound that has passed by either reading is history."""
    for name, local, before in (
        ("opens", rules.opens, told.window.opens),
        ("closes", rules.closes, told.window.closes),
    ):
        if local is None or before is None:
            continue
        try:
            after, problem = to_utc(local, zone), ""
        except ValueError as error:
            after, problem = None, f"{error}; or choose a time outside of that hour"
        if after != before and max(before, after or before) > now:
            yield Moved(session_id, _WINDOW + name, before, after, zone, problem)


def _over(told: SessionState, times: Sequence[Moved], now: datetime) -> bool:
    """Whether the session is over, by the old rules and by the new. One without an end lasts until its day is over."""
    if told.ends_at is None:
        return told.date < to_local(now, told.zone).date()
    return all(
        end <= now for end in (told.ends_at, *(one.after for one in times if one.field == "ends_at" and one.after))
    )


def _set_right(state: EventState | SessionState, fields: Mapping[str, datetime]) -> dict[str, Any]:
    update: dict[str, Any] = {name: at for name, at in fields.items() if not name.startswith(_WINDOW)}
    if "starts_local" in update:
        update["date"] = update["starts_local"].date()
    window = {name.removeprefix(_WINDOW): at for name, at in fields.items() if name.startswith(_WINDOW)}
    if window:
        admission = state.admission
        update["admission"] = admission.model_copy(update={"window": admission.window.model_copy(update=window)})
    return update


def _told(published: Published) -> dict[str, Any]:
    states = published.sessions.values()
    return {"event": json_of(published.event), "sessions": [json_of(state) for state in states]}
