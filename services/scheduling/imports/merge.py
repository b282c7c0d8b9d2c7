"""Lays what a file of another format says over the draft: what it speaks of is replaced, what it cannot express stays.

So a schedule that was exported, mended elsewhere and imported again loses no rule of admission, no translation and no
private link; and importing what was exported changes nothing.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from services.scheduling.agenda import Agenda, AgendaSession
from services.scheduling.agenda_file import Source, agenda_of
from services.scheduling.domain import AgendaRefused
from services.scheduling.faults import Path
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
from services.scheduling.timetable import slot_of
from shared.contracts.base import said_in
from shared.contracts.cloudevent import problem
from shared.contracts.scheduling import Audience

MAX_ID = 80
_ID = re.compile(r"^[a-z0-9][a-z0-9-]{0,79}$")
_HOURS = frozenset({"starts_hour", "ends_hour"})
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


def session_id(event_id: str, key: str) -> str:
    """The id of the session that a file calls `key`: always the same for the same key, and an id of this event."""
    if _ID.match(key) and key.startswith(f"{event_id}-"):
        return key
    wanted = f"{event_id}-{slug(key)}"
    if len(wanted) <= MAX_ID and slug(key):
        return wanted
    return f"{event_id[: MAX_ID - 11].rstrip('-')}-{hashlib.sha256(key.encode()).hexdigest()[:10]}"


def slug(words: str) -> str:
    """Words as a part of an id: Café de l'Hôtel becomes cafe-de-l-hotel."""
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


class _Merge:
    def __init__(self, foreign: Foreign, before: Agenda | None, hints: Hints, event_id: str) -> None:
        self._foreign, self._before, self._event_id = foreign, before, event_id
        data: dict[str, Any] = before.as_data() if before is not None else {}
        self._first = before.event.languages[0] if before is not None else None
        self._language = hints.language or foreign.language or self._first or "en"
        self._rooms = _Names(data.get("rooms", []), "name", self._language)
        self._blocks = _Names(data.get("blocks", []), "title", self._language)
        self._people = _Names(data.get("people", []), "name", None)
        self._event = self._event_data(dict(data.get("event", {})), hints)
        self._old = {session["id"]: session for session in data.get("sessions", [])}
        self._models = {session.id: session for session in before.sessions} if before is not None else {}
        self._tracks = [track for session in self._old.values() for track in session.get("tracks", [])]

    def source(self) -> Source:
        told = [(session_id(self._event_id, item.key), item) for item in self._foreign.sessions]
        merged = [(self._session(id_, item), item) for id_, item in told]
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
        if "title" not in event:
            event["title"] = {self._language: self._event_id}
        return event

    def _session(self, id_: str, told: ForeignSession) -> dict[str, Any]:
        session = dict(self._old.get(id_, {"id": id_}))
        speaks = self._foreign.speaks_of
        for name in speaks & SESSION_TEXTS:
            self._say(session, name, str(told.fields.get(name) or ""))
        simple = (
            speaks - SESSION_TEXTS - TIMES - _HOURS - {"zone", "room", "block", "tracks", "people", "links", "outcome"}
        )
        for name in sorted(simple):
            _put(session, name, told.fields.get(name))
        if speaks & TIMES:
            self._set_times(session, told, self._models.get(id_))
        if "room" in speaks:
            _put(session, "room", self._rooms.id_of(told.fields.get("room")))
        if "block" in speaks:
            _put(session, "block", self._blocks.id_of(told.fields.get("block")))
        if "tracks" in speaks:
            _put(session, "tracks", [self._track(name) for name in told.fields.get("tracks") or []])
        if "people" in speaks:
            _put(session, "people", self._appearances(session, told.fields.get("people") or []))
        for name in sorted(speaks & {"links", "outcome"}):
            _put(session, name, self._links(session.get(name, []), told.fields.get(name) or []))
        return session

    def _set_times(self, session: dict[str, Any], told: ForeignSession, model: AgendaSession | None) -> None:
        """Leaves the times as they are written where they mean the same: a printed zone and its answer are kept."""
        event_zone = str(self._event.get("zone", ""))
        zone = told.fields.get("zone") or (model.zone if model is not None and model.zone else event_zone)
        if model is not None and self._before is not None:
            slot = slot_of(model, self._before.zone_of(model))
            same = (
                _text(told.fields.get("date")) == slot.day.isoformat()
                and _minutes(told.fields.get("starts")) == (f"{slot.starts_local:%H:%M}" if slot.starts_local else "")
                and _minutes(told.fields.get("ends")) == (f"{slot.ends_local:%H:%M}" if slot.ends_local else "")
                and (not slot.ends_local or _last_day(told.fields) == slot.ends_local.date().isoformat())
                and zone == self._before.zone_of(model)
                and told.fields.get("starts_hour") in (None, model.starts_hour)
                and told.fields.get("ends_hour") in (None, model.ends_hour)
            )
            if same:
                return
        for name in (*TIMES, *_HOURS, "printed_zone", "zone_check"):
            session.pop(name, None)
        for name in (*TIMES, *_HOURS):
            _put(session, name, told.fields.get(name))
        if session.get("ends_on") == session.get("date"):
            session.pop("ends_on", None)
        _put(session, "zone", zone if zone != event_zone else None)

    def _say(self, holder: dict[str, Any], name: str, words: str) -> None:
        """Sets a text in the file's language. What a reader would be shown anyway is no news, and no translation."""
        text = dict(holder.get(name, {}))
        if words.strip() == said_in(text, self._language, self._first or self._language).strip():
            return
        if words.strip():
            text[self._language] = words
        else:
            text = {}
        _put(holder, name, text)

    def _track(self, name: str) -> dict[str, str]:
        known = next((t for t in self._tracks if _same_name(t, name)), None)
        if known is None:
            known = {self._language: name}
            self._tracks.append(known)
        return dict(known)

    def _appearances(self, session: dict[str, Any], people: Sequence[ForeignPerson]) -> list[dict[str, str]]:
        had: dict[str, list[str]] = {}
        for part in session.get("people", []):
            had.setdefault(part["person"], []).append(part["role"])
        result: list[dict[str, str]] = []
        for person in people:
            id_ = self._people.id_of(person.name)
            if id_ is None:
                continue
            self._tell_of(id_, person)
            roles = [person.role] if person.role else had.get(id_) or [_ROLES.get(str(session.get("kind")), "speaker")]
            result += [{"person": id_, "role": role} for role in roles]
        unique = [part for n, part in enumerate(result) if part not in result[:n]]
        old = [part for part in session.get("people", []) if part in unique]
        return old if len(old) == len(unique) else unique  # another order of the same people is no change

    def _tell_of(self, id_: str, person: ForeignPerson) -> None:
        entry = next(item for item in self._people.items if item["id"] == id_)
        for name, words in (("affiliation", person.affiliation), ("position", person.position)):
            if words:
                self._say(entry, name, words)
        if person.country:
            entry["country"] = person.country

    def _links(self, before: Sequence[Mapping[str, Any]], told: Sequence[ForeignLink]) -> list[dict[str, Any]]:
        """Public links as the file has them; those for registrants and members, which no file shows, stay."""
        public = {link["url"]: link for link in before if _is_public(link)}
        private = [dict(link) for link in before if not _is_public(link)]
        result: list[dict[str, Any]] = []
        for link in told:
            entry = dict(public.get(link.url, {"url": link.url}))
            self._say(entry, "title", link.title or link.url)
            result.append(entry)
        if [link["url"] for link in result] == list(public):
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
            elif self._foreign.unspeakable(self._models[id_]):
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

    def _set_days(self, sessions: Sequence[Mapping[str, Any]]) -> None:
        days = sorted(str(session["date"]) for session in sessions if session.get("date"))
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


class _Names:
    """A list of the agenda whose items the file calls by name: found again by it in any language, else added.

    `language` None: the name is the same in all languages (a person's).
    """

    def __init__(self, items: Sequence[Mapping[str, Any]], field: str, language: str | None) -> None:
        self.items = [dict(item) for item in items]
        self._field, self._language = field, language
        self._by_name: dict[str, str] = {}
        for item in self.items:
            said = item.get(field, {})
            for name in [said] if isinstance(said, str) else said.values():
                self._by_name.setdefault(_folded(name), item["id"])

    def id_of(self, name: object) -> str | None:
        """The id of what the file calls `name`; None for no name."""
        if not isinstance(name, str) or not name.strip():
            return None
        known = self._by_name.get(_folded(name))
        if known is None:
            known = self._new_id(name)
            said: Any = name.strip() if self._language is None else {self._language: name.strip()}
            self.items.append({"id": known, self._field: said})
            self._by_name[_folded(name)] = known
        return known

    def _new_id(self, name: str) -> str:
        taken = {item["id"] for item in self.items}
        base = slug(name)[: MAX_ID - 11].strip("-") or hashlib.sha256(name.encode()).hexdigest()[:10]
        return next(id_ for n in range(1, len(taken) + 2) if (id_ := base if n == 1 else f"{base}-{n}") not in taken)


def _put(holder: dict[str, Any], name: str, value: Any) -> None:
    """Sets a field; an empty one is left out."""
    if value is None or value in ("", [], {}):
        holder.pop(name, None)
    else:
        holder[name] = value


def _is_public(link: Mapping[str, Any]) -> bool:
    return bool(link.get("audience", Audience.PUBLIC.value) == Audience.PUBLIC.value)


def _same_name(text: Mapping[str, str], name: str) -> bool:
    return _folded(name) in {_folded(words) for words in text.values()}


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _text(value: object) -> str:
    return str(value or "")


def _minutes(value: object) -> str:
    return _text(value)[:5]


def _last_day(fields: Mapping[str, Any]) -> str:
    return _text(fields.get("ends_on") or fields.get("date"))
