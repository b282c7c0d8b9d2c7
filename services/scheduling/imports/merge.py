"""Lays what a file of another format says over the draft: what it speaks of is replaced, what it cannot express stays.

So a schedule that was exported, mended elsewhere and imported again loses no rule of admission, no translation and no
private link; and importing what was exported changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from services.scheduling.agenda import Agenda, AgendaSession
from services.scheduling.agenda_file import Source, agenda_of
from services.scheduling.domain import AgendaRefused
from services.scheduling.fault import Path
from services.scheduling.hours import which_hour
from services.scheduling.imports.foreign import (
    EVENT_TEXTS,
    SESSION_TEXTS,
    TIMES,
    Foreign,
    ForeignLink,
    ForeignPerson,
    ForeignSession,
    Hints,
)
from services.scheduling.imports.names import Names, folded, is_called, session_id, unix_lines
from services.scheduling.time_zones import check_zone, to_local, to_utc
from services.scheduling.timetable import ImpossibleTime, Slot, slot_of
from shared.contracts.base import said_in
from shared.contracts.cloudevent import problem
from shared.contracts.scheduling import Audience, SessionKind, Status

MAX_SESSIONS = 5000
_ID = re.compile(r"^[a-z0-9][a-z0-9-]{0,79}$")
_HOURS = frozenset({"starts_hour", "ends_hour"})
_KINDS = {"workshops": SessionKind.WORKSHOP.value, "web-conferences": SessionKind.WEB_CONFERENCE.value}
"""What a session is where the file does not say, by the kind of event; else a presentation."""
_ROLES = {"keynote": "keynote", "panel": "panellist", "workshop": "speaker"}


def event_id_of(foreign: Foreign, hints: Hints) -> str:
    """The event that the file is for. Raises AgendaRefused where nobody says it."""
    event_id = hints.event_id or foreign.event_id
    if event_id is None:
        message = (
            "the file does not say which event it is for; add the parameter event_id, for example event_id=sre-2019"
        )
        raise AgendaRefused([problem("event_id", message, "missing")])
    if not _ID.match(event_id):
        message = "an id has lower-case letters, digits and hyphens only, at most 80; for example event_id=sre-2019"
        raise AgendaRefused([problem("event_id", message, "id")])
    return event_id


def merged_agenda(foreign: Foreign, before: Agenda | None, hints: Hints) -> Agenda:
    """The agenda that the file makes of the draft `before` (None: a new event). Raises AgendaRefused with lines."""
    return agenda_of(_Merge(foreign, before, hints, event_id_of(foreign, hints)).source())


class _Merge:
    def __init__(self, foreign: Foreign, before: Agenda | None, hints: Hints, event_id: str) -> None:
        self._foreign, self._before, self._event_id = foreign, before, event_id
        data: dict[str, Any] = before.as_data() if before is not None else {}
        self._first = before.event.languages[0] if before is not None else None
        self._language = hints.language or foreign.language or self._first or "en"
        self._rooms = Names(data.get("rooms", []), "name", self._language)
        self._blocks = Names(data.get("blocks", []), "title", self._language)
        self._people = Names(data.get("people", []), "name", None)
        self._event = self._event_data(dict(data.get("event", {})), hints)
        self._problems: list[dict[str, str]] = []
        self._shown_rooms: Mapping[str, str] = (
            foreign.rooms_of(before, self._language) if before is not None and foreign.rooms_of is not None else {}
        )
        self._old = {session["id"]: session for session in data.get("sessions", [])}
        self._models = {session.id: session for session in before.sessions} if before is not None else {}
        self._tracks = [track for session in self._old.values() for track in session.get("tracks", [])]

    def source(self) -> Source:
        if len(self._foreign.sessions) > MAX_SESSIONS:
            message = f"the file has {len(self._foreign.sessions)} sessions; at most {MAX_SESSIONS}: split the event"
            raise AgendaRefused([problem("sessions", message, "too-large")])
        told = [(session_id(self._event_id, item.key), item) for item in self._foreign.sessions]
        # Our own files show sessions that went from the agenda, as cancelled: they are no news, and do not come back.
        gone = Status.CANCELLED.value if self._before is not None else None
        told = [(id_, item) for id_, item in told if id_ in self._old or not gone or item.fields.get("status") != gone]
        merged = [(self._session(id_, item), item) for id_, item in told]
        if self._problems:
            raise AgendaRefused(self._problems)
        ordered = self._ordered(merged)
        if not self._event.get("starts_on"):
            self._set_days([session for session, _ in ordered])
        source = Source(
            {
                "event": self._event,
                "blocks": self._blocks.items,
                "rooms": self._rooms.items,
                "people": self._people.items,
                "sessions": [session for session, _ in ordered],
            }
        )
        self._add_lines(source.lines, [item for _, item in ordered])
        return source

    def _event_data(self, event: dict[str, Any], hints: Hints) -> dict[str, Any]:
        said = self._foreign.event
        if not event:
            event = {"id": self._event_id, "kind": hints.kind or "conference", "languages": [self._language]}
            if hints.zone is not None:
                event["zone"] = hints.zone
        elif self._language not in event.get("languages", ["en"]):
            event["languages"] = [*event.get("languages", ["en"]), self._language]
        for name, value in said.items():
            if name in EVENT_TEXTS:
                self._say(event, name, str(value))
            elif not (name == "zone" and self._before is not None):  # a draft's zone is the organiser's decision
                event[name] = value
        if self._before is None:
            for name, value in self._foreign.event_if_new.items():
                event.setdefault(name, {self._language: value} if name in EVENT_TEXTS else value)
        if "title" not in event:
            event["title"] = {self._language: self._event_id}
        return event

    def _session(self, id_: str, told: ForeignSession) -> dict[str, Any]:
        session = dict(self._old.get(id_, {"id": id_}))
        model = self._models.get(id_)
        speaks = self._foreign.speaks_of - told.silent
        for name in speaks & SESSION_TEXTS:
            self._say(session, name, str(told.fields.get(name) or ""))
        simple = (
            speaks - SESSION_TEXTS - TIMES - _HOURS
            - {"zone", "room", "block", "track", "tracks", "people", "links", "outcome"}
        )  # fmt: skip
        if told.fields.get("status") == Status.CANCELLED and self._event.get("status") == Status.CANCELLED:
            simple -= {"status"}  # the event's cancellation, which every session shows
        for name in sorted(simple):
            _put(session, name, told.fields.get(name))
        if "kind" not in simple:
            session.setdefault("kind", _KINDS.get(str(self._event.get("kind")), SessionKind.PRESENTATION.value))
        if speaks & TIMES:
            self._set_times(session, told, model)
        if "room" in speaks:
            self._set_room(session, told.fields.get("room"), model)
        if "block" in speaks and not self._blocks.calls(session.get("block"), told.fields.get("block")):
            _put(session, "block", self._blocks.id_of(told.fields.get("block")))
        if "tracks" in speaks:
            _put(session, "tracks", self._with_tracks(session.get("tracks", []), told.fields.get("tracks") or []))
        if "track" in speaks:
            _put(session, "tracks", self._with_track(session.get("tracks", []), _text(told.fields.get("track"))))
        if "people" in speaks:
            _put(session, "people", self._appearances(session, told.fields.get("people") or []))
        for name in sorted(speaks & {"links", "outcome"}):
            _put(session, name, self._links(session.get(name, []), told.fields.get(name) or []))
        if (link := told.fields.get("link")) and link.url not in {item["url"] for item in session.get("links", [])}:
            title = {self._language: link.title or link.url}
            session["links"] = [*session.get("links", []), {"title": title, "url": link.url}]
        return session

    def _set_room(self, session: dict[str, Any], name: object, model: AgendaSession | None) -> None:
        """Leaves the room where the file names the place that a reader is shown: it may be the event's own."""
        if self._before is not None:
            place = self._before.event.place
            room = next((r for r in self._before.rooms if model is not None and r.id == model.room), None)
            elsewhere = room is not None and room.online and not place.online
            shown = room.name if room is not None and (room.name or elsewhere) else place.room
            if is_called(shown, name) and (model is not None or _text(name)):
                return
            if model is not None and folded(self._shown_rooms.get(model.id, "")) == folded(_text(name)) != "":
                return
        _put(session, "room", self._rooms.id_of(name))

    def _set_times(self, session: dict[str, Any], told: ForeignSession, model: AgendaSession | None) -> None:
        """Leaves the times as they are written where they mean the same: a printed zone and its answer are kept."""
        event_zone = str(self._event.get("zone", ""))
        zone = told.fields.get("zone") or (model.zone if model is not None and model.zone else event_zone)
        fields = _placed({**told.fields, **self._moments(told, event_zone)}, zone)
        if model is not None and self._before is not None:
            slot = _slot(model, self._before.zone_of(model))
            same = slot is not None and (
                _text(fields.get("date")) == slot.day.isoformat()
                and _minutes(fields.get("starts")) == (f"{slot.starts_local:%H:%M}" if slot.starts_local else "")
                and _minutes(fields.get("ends")) == (f"{slot.ends_local:%H:%M}" if slot.ends_local else "")
                and (not slot.ends_local or _last_day(fields) == slot.ends_local.date().isoformat())
                and zone == self._before.zone_of(model)
                and _same_hour(fields.get("starts_hour"), slot.starts_local, slot.starts_at, zone)
                and _same_hour(fields.get("ends_hour"), slot.ends_local, slot.ends_at, zone)
            )
            if same:
                return
        for name in (*TIMES, *_HOURS, "printed_zone", "zone_check"):
            session.pop(name, None)
        for name in (*TIMES, *_HOURS):
            _put(session, name, fields.get(name))
        if session.get("ends_on") == session.get("date"):
            session.pop("ends_on", None)
        _put(session, "zone", zone if zone != event_zone else None)

    def _moments(self, told: ForeignSession, zone: str) -> dict[str, datetime]:
        """The instants that depend on the event's zone; what the file is refused for is told at the end."""
        if told.moments is None:
            return {}
        try:
            starts_at, ends_at = told.moments(check_zone(zone))
        except AgendaRefused as refused:
            self._problems += refused.problems
        except ValueError as error:
            message = f"{error}; or say it with the parameter zone" if zone else (
                "the file does not say in which time zone the event is; add the parameter zone, for example zone=Europe/Paris"
            )  # fmt: skip
            raise AgendaRefused([problem("zone", message, "zone")]) from error
        else:
            return {"starts_at": starts_at} | ({"ends_at": ends_at} if ends_at is not None else {})
        return {}

    def _say(self, holder: dict[str, Any], name: str, words: str) -> None:
        """Sets a text in the file's language. What a reader would be shown anyway is no news, and no translation."""
        text = dict(holder.get(name, {}))
        if unix_lines(words) == unix_lines(said_in(text, self._language, self._first or self._language)):
            return
        if words.strip():
            text[self._language] = words
        else:
            text = {}
        _put(holder, name, text)

    def _track(self, name: str, had: Sequence[dict[str, str]]) -> dict[str, str]:
        known = next((t for t in [*had, *self._tracks] if is_called(t, name)), None)
        if known is None:
            known = {self._language: name}
            self._tracks.append(known)
        return dict(known)

    def _with_tracks(self, had: Sequence[dict[str, str]], names: Sequence[str]) -> list[dict[str, str]]:
        """The tracks of these names; where several of the session's have one name, each is taken once."""
        left, result = list(had), []
        for name in names:
            track = self._track(name, left)
            if track in left:
                left.remove(track)
            result.append(track)
        return result

    def _with_track(self, had: Sequence[dict[str, str]], name: str) -> list[dict[str, str]]:
        """The tracks with `name` for the first of them; no name, no tracks."""
        if not name.strip():
            return []
        if had and is_called(had[0], name):
            return list(had)
        return [self._track(name, had), *(track for track in had[1:] if not is_called(track, name))]

    def _appearances(self, session: dict[str, Any], people: Sequence[ForeignPerson]) -> list[dict[str, str]]:
        had: dict[str, list[str]] = {}
        for part in session.get("people", []):
            had.setdefault(part["person"], []).append(part["role"])
        result: list[dict[str, str]] = []
        for person in people:
            id_ = self._here(person, session.get("people", []), result) or self._people.id_of(person.name)
            if id_ is None:
                continue
            self._tell_of(id_, person)
            roles = [person.role] if person.role else had.get(id_) or [_ROLES.get(str(session.get("kind")), "speaker")]
            result += [{"person": id_, "role": role} for role in roles]
        unique = [part for n, part in enumerate(result) if part not in result[:n]]
        old = [part for part in session.get("people", []) if part in unique]
        return old if len(old) == len(unique) else unique  # another order of the same people is no change

    def _here(
        self, person: ForeignPerson, before: Sequence[dict[str, str]], taken: Sequence[dict[str, str]]
    ) -> str | None:
        """Of several people of one name, the one who is in the session already."""
        same = [part["person"] for part in before if self._people.calls(part["person"], person.name)]
        if person.role is None:
            used = {part["person"] for part in taken}
            return next((id_ for id_ in same if id_ not in used), None)
        parts = [*before, *({"person": id_, "role": person.role} for id_ in same)]
        free = [part for part in parts if part["role"] == person.role and part not in taken]
        return next((part["person"] for part in free if part["person"] in same), None)

    def _tell_of(self, id_: str, person: ForeignPerson) -> None:
        entry = self._people.by_id[id_]
        for name, words in (("affiliation", person.affiliation), ("position", person.position)):
            if words:
                self._say(entry, name, words)
        if person.country:
            entry["country"] = person.country

    def _links(self, before: Sequence[Mapping[str, Any]], told: Sequence[ForeignLink]) -> list[dict[str, Any]]:
        """Public links as the file has them; those for registrants and members, which no file shows, stay."""
        public: dict[str, list[Mapping[str, Any]]] = {}
        for item in before:
            if _is_public(item):
                public.setdefault(_address(item["url"]), []).append(item)
        urls = [_address(item["url"]) for item in before if _is_public(item)]
        private = [dict(link) for link in before if not _is_public(link)]
        result: list[dict[str, Any]] = []
        for link in told:
            known = public.get(_address(link.url))
            entry = dict(known.pop(0)) if known else {"url": link.url} | ({"kind": link.kind} if link.kind else {})
            self._say(entry, "title", link.title or link.url)
            result.append(entry)
        if [_address(link["url"]) for link in result] == urls:
            places = iter(result)
            return [next(places) if _is_public(link) else dict(link) for link in before]
        return [*result, *private]

    def _ordered(
        self, merged: Sequence[tuple[dict[str, Any], ForeignSession]]
    ) -> list[tuple[dict[str, Any], ForeignSession | None]]:
        """Sessions of the draft in its order, new ones behind the one that they follow in the file."""
        by_id: dict[str, list[tuple[dict[str, Any], ForeignSession]]] = {}
        for session, told in merged:
            by_id.setdefault(session["id"], []).append((session, told))
        result: list[tuple[dict[str, Any], ForeignSession | None]] = []
        for id_, session in self._old.items():
            if id_ in by_id:
                result += by_id[id_]
            elif self._foreign.unspeakable(self._models[id_]) or self._is_called_off():
                result.append((session, None))
        place = 0
        for session, told in merged:
            found = next((n for n, (_, item) in enumerate(result) if item is told), None)
            if found is not None:
                place = found + 1
            else:
                result.insert(place, (session, told))
                place += 1
        return result

    def _is_called_off(self) -> bool:
        """Whether the event is cancelled and the format has no word for it: no session is missing in such a file."""
        return self._event.get("status") == Status.CANCELLED and "status" not in self._foreign.speaks_of

    def _set_days(self, sessions: Sequence[Mapping[str, Any]]) -> None:
        days = sorted(day for session in sessions if _is_day(day := str(session.get("date", ""))))
        if sessions and not days:  # the sessions are refused for it, with their lines; the event need not be as well
            days = ["2000-01-01"]
        if days:
            self._event["starts_on"], self._event["ends_on"] = days[0], days[-1]

    def _add_lines(self, lines: dict[Path, int], order: Sequence[ForeignSession | None]) -> None:
        for name, line in self._foreign.event_lines.items():
            lines[("event", name)] = line
        for number, told in enumerate(order):
            if told is None:
                continue
            if told.line is not None:
                lines[("sessions", number)] = told.line
            for name, line in told.lines.items():
                lines[("sessions", number, name)] = line


def _slot(session: AgendaSession, zone: str) -> Slot | None:
    """When the session is; None where the rules of the zone changed since, so that it cannot be any more."""
    try:
        return slot_of(session, zone)
    except ImpossibleTime:
        return None


def _put(holder: dict[str, Any], name: str, value: Any) -> None:
    """Sets a field; an empty one is left out."""
    if value is None or value in ("", [], {}):
        holder.pop(name, None)
    else:
        holder[name] = value


def _is_public(link: Mapping[str, Any]) -> bool:
    return bool(link.get("audience", Audience.PUBLIC.value) == Audience.PUBLIC.value)


def _address(url: str) -> str:
    """An address without letters that files of some formats must escape (RFC 3986, section 2)."""
    return quote(url, safe="!#$%&'()*+,/:;=?@[]~")


def _placed(fields: Mapping[str, Any], zone: str) -> dict[str, Any]:
    """The fields with the local times that instants are in `zone`."""
    result = dict(fields)
    for name, day in (("starts", "date"), ("ends", "ends_on")):
        instant: datetime | None = result.pop(f"{name}_at", None)
        if instant is None:
            continue
        try:
            local = to_local(instant, check_zone(zone))
            result[f"{name}_hour"] = which_hour(local, instant, zone)
        except ValueError:
            local = instant.replace(tzinfo=None)  # there is no such zone, and the agenda is refused for it
        result[day] = local.date().isoformat()
        result[name] = local.time().isoformat("seconds" if local.second else "minutes")
    return result


def _same_hour(told: str | None, local: datetime | None, instant: datetime | None, zone: str) -> bool:
    """Whether the hour that the file says is the one that is meant already; a file may leave it open."""
    if told is None or local is None:
        return True
    try:
        return to_utc(local, zone, told) == instant
    except ValueError:
        return False


def _is_day(words: str) -> bool:
    try:
        return date.fromisoformat(words).isoformat() == words
    except ValueError:
        return False


def _text(value: object) -> str:
    return str(value or "")


def _minutes(value: object) -> str:
    return _text(value)[:5]


def _last_day(fields: Mapping[str, Any]) -> str:
    return _text(fields.get("ends_on") or fields.get("date"))
