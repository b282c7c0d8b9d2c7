"""The objects that a calendar should hold now, by its scope: rendered once per session and revision, joined per calendar."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from services.calendar_sync.domain import Scope, ScopeKind, Seats, has_seat, in_scope, vanishes_at, visible
from services.calendar_sync.reconciler import Desired
from services.calendar_sync.rendering import Rendering
from services.calendar_sync.standing import tentative
from services.calendar_sync.store import Agenda, Told
from shared.calendar.document import calendar_object
from shared.calendar.entry import Entry, is_cancelled
from shared.calendar.fingerprint import read
from shared.calendar.uid import personal_uid, scoped_uid, shared_uid
from shared.contracts.base import said_in
from shared.contracts.scheduling import EventState, Status

T = TypeVar("T")

_BODIES_KEPT = 20_000


@dataclass(frozen=True)
class _Facts:
    """What the objects of one calendar follow from. `seats` None: a shared calendar, or a person without seats."""

    agenda: Agenda
    event: EventState
    scope: Scope
    language: str
    seats: Seats | None


class Objects:
    """Works out desired objects. `domain` stands behind the @ of UIDs."""

    def __init__(self, rendering: Rendering, domain: str) -> None:
        self.rendering, self._domain = rendering, domain
        self._fingerprints: OrderedDict[bytes, str] = OrderedDict()
        self._bodies: OrderedDict[tuple[bytes, str], bytes] = OrderedDict()

    def title(self, agenda: Agenda, event: EventState, scope: Scope, language: str) -> str:
        """The name of the calendar."""
        default = event.languages[0]
        title, words = said_in(event.title, language, default), self.rendering.words(language)
        if scope.kind is ScopeKind.TRACK:
            for told in agenda.sessions:
                for track in told.state.tracks:
                    if in_scope(told.state.model_copy(update={"tracks": [track]}), scope, default):
                        return words("{event}: {track}").format(event=title, track=said_in(track, language, default))
        if scope.kind is ScopeKind.ROOM:
            for told in agenda.sessions:
                if told.state.room_id == scope.name:
                    room = said_in(told.state.place.room, language, default) or scope.name
                    return words("{event}: {room}").format(event=title, room=room)
        return title

    def desired(
        self,
        agenda: Agenda,
        event: EventState,
        scope: Scope,
        now: datetime,
        *,
        language: str,
        seats: Seats | None = None,
    ) -> list[Desired]:
        """The objects of one calendar as they should be now, in the order of their ids."""
        facts = _Facts(agenda, event, scope, self.rendering.language(event, language), seats)
        shown = {s.id for s in visible(event, (told.state for told in agenda.sessions), now, self.rendering.grace)}
        found = (self._one(told, facts) for told in agenda.sessions if told.state.id in shown)
        return [desired for desired in found if desired is not None]

    def unwanted_since(self, agenda: Agenda, event: EventState, seats: Seats | None = None) -> dict[str, datetime]:
        """When each session left the calendar, where the moment is known: cancelled and past its grace, or given up (UTC)."""
        ends: Mapping[str, datetime | None] = {
            told.state.id: vanishes_at(told.state, event, self.rendering.grace) for told in agenda.sessions
        }
        found = {session_id: end for session_id, end in ends.items() if end is not None}
        if seats is not None:
            for told in agenda.sessions:
                if not has_seat(seats, told.state):
                    found.setdefault(told.state.id, seats.changed_at)
        return found

    def uid(self, session_id: str, scope: Scope) -> str:
        """The UID of a session in the calendar of `scope`."""
        if scope.kind is ScopeKind.PERSON:
            return personal_uid(session_id, scope.name, self._domain)
        if scope.kind is ScopeKind.EVENT:
            return shared_uid(session_id, self._domain)
        return scoped_uid(session_id, scope.key, self._domain)

    def name(self, session_id: str, scope: Scope) -> str:
        """The last part of the object's address; a person's holds the registration, for calendars that several share."""
        return f"{session_id}-{scope.name}.ics" if scope.kind is ScopeKind.PERSON else f"{session_id}.ics"

    def _one(self, told: Told, facts: _Facts) -> Desired | None:
        found = self._entry(told, facts)
        if found is None:
            return None
        session, event, scope = told.state, facts.event, facts.scope
        uid, mark = self.uid(session.id, scope), self.rendering.page(event.id, facts.language)
        body, fingerprint = self._rendered(found, uid, mark)
        since, correlation_id = told.accepted_at, told.correlation_id
        by_event = event.status is Status.CANCELLED and session.status is Status.SCHEDULED
        if by_event and facts.agenda.event_accepted_at is not None:
            since, correlation_id = max(since, facts.agenda.event_accepted_at), facts.agenda.event_correlation_id
        return Desired(
            session_id=session.id,
            uid=uid,
            name=self.name(session.id, scope),
            body=body,
            fingerprint=fingerprint,
            revision=found.sequence,
            since=since,
            correlation_id=correlation_id,
            mark=mark,
            chosen=facts.seats is not None
            and session.id in facts.seats.choices
            and has_seat(facts.seats, session)
            and not is_cancelled(session, event),
        )

    def _entry(self, told: Told, facts: _Facts) -> Entry | None:
        session, event, language = told.state, facts.event, facts.language
        if facts.scope.shared:
            if not in_scope(session, facts.scope, event.languages[0]):
                return None
            return self.rendering.entry(session, event, language, join=False)
        if facts.seats is None:
            return None
        if has_seat(facts.seats, session):
            return self.rendering.entry(session, event, language, join=True)
        why = tentative(facts.seats, session) if facts.seats.show_waiting else None
        return self.rendering.entry(session, event, language, join=False, tentative=why) if why is not None else None

    def _rendered(self, entry: Entry, uid: str, mark: str) -> tuple[bytes, str]:
        """The body, and the hash of what matters in it: that one is the same for everybody, whatever the UID."""
        body = self._bodies.get((entry.lines, uid))
        if body is None:
            body = calendar_object(entry, uid)
            _keep(self._bodies, (entry.lines, uid), body)
        fingerprint = self._fingerprints.get(entry.lines)
        if fingerprint is None:
            said = read(body, mark)
            if said is None:
                raise ValueError(f"the calendar object {uid} cannot be read again")
            fingerprint = said.fingerprint
            _keep(self._fingerprints, entry.lines, fingerprint)
        return body, fingerprint


def _keep(cache: OrderedDict[T, bytes] | OrderedDict[T, str], key: T, value: bytes | str) -> None:
    cache[key] = value  # type: ignore[assignment]
    if len(cache) > _BODIES_KEPT:
        cache.popitem(last=False)
