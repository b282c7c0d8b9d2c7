"""Schedule JSON of the c3 and frab family, as frab, pretalx, the hub of the CCC and we ourselves write it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, time
from typing import Any

from services.scheduling.domain import AgendaRefused
from services.scheduling.exports.schedule import DAY_BEGINS
from services.scheduling.fault import Path
from services.scheduling.imports.foreign import Foreign, ForeignLink
from services.scheduling.imports.positions import fields_written_twice, json_source_lines, line_of_depth, line_of_token
from services.scheduling.imports.schedule import foreign_schedule
from services.scheduling.imports.schedule_parts import (
    FileEvent,
    FileSchedule,
    Problems,
    fault,
    refuse_oversize,
    short,
)

MAX_DEPTH = 100
"""A file that is too deep to be read is told where it goes deeper than this; those of the family have nine levels."""

_CONFERENCE = ("acronym", "title", "description", "start", "end", "time_zone_name")
_EVENT = (
    "guid", "id", "slug", "date", "start", "end", "duration", "title", "subtitle",
    "abstract", "description", "type", "language",
)  # fmt: skip
_OUTCOMES = {"article": "article", "blog": "article", "media": "recording", "paper": "minutes"}


def read_schedule_json(body: bytes) -> Foreign:
    """What the file says. Raises AgendaRefused, which names line, field and remedy of everything that is wrong."""
    refuse_oversize(body)
    text = _text(body)
    data = _json(text)
    return _Reader(data, json_source_lines(text)).read()


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        message = f"not UTF-8 at byte {error.start}; save the file as UTF-8"
        raise AgendaRefused([fault(line, "body", message, "not-utf-8")]) from error


def _json(text: str) -> Any:
    def no_number(name: str) -> Any:
        message = f"{name} is no JSON; write a number, or leave the field out"
        raise AgendaRefused([fault(line_of_token(text, name), "body", message, "json")])

    def short_number(digits: str) -> int | str:
        return int(digits) if len(digits) < 20 else digits  # thousands of digits take long to read, and say nothing

    def no_field_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise _WrittenTwice
        return result

    try:
        data = json.loads(text, object_pairs_hook=no_field_twice, parse_constant=no_number, parse_int=short_number)
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise AgendaRefused(
            [fault(None, "body", "has half of a surrogate pair; write the character itself", "json")]
        ) from error
    except json.JSONDecodeError as error:
        raise AgendaRefused([fault(error.lineno, "body", f"not JSON: {error.msg}", "json")]) from error
    except RecursionError as error:
        message = f"nested more than {MAX_DEPTH} levels deep; a schedule has nine"
        raise AgendaRefused([fault(line_of_depth(text, MAX_DEPTH), "body", message, "json")]) from error
    except _WrittenTwice as error:
        raise _twice(text) from error
    return data


class _WrittenTwice(Exception):
    """An object has a field a second time; which one is found out afterwards."""


def _twice(text: str) -> AgendaRefused:
    problems = Problems()
    for path, line in fields_written_twice(text):
        problems.add(line, _named(path), f"{short(str(path[-1]))} is written twice here; remove one of them", "twice")
    if not problems.told:  # deeper down than lines are known
        problems.add(None, "body", "a field is written twice in one object; remove one of them", "twice")
    return problems.refusal()


def _named(path: Path) -> str:
    return ".".join(str(step) for step in path)


class _Reader:
    """Takes the parts of the file that are known, and notices what is not of the kind that is expected there."""

    def __init__(self, data: Any, lines: Mapping[Path, int]) -> None:
        self._data, self._lines = data, lines
        self._problems = Problems()
        self._result = FileSchedule()

    def read(self) -> Foreign:
        if not isinstance(self._data, dict) or "schedule" not in self._data:
            self._refuse((), "a schedule file has schedule at its top, and conference in it")
            self._problems.refuse()
        generator = self._object(("generator",)) or self._object(("schedule", "generator"))
        name = generator.get("name")
        self._result.generator = name if isinstance(name, str) else ""
        schedule = self._object(("schedule",), needed=True)
        language = schedule.get("language")
        self._result.language = language if isinstance(language, str) else ""
        conference = self._object(("schedule", "conference"), needed=bool(schedule))
        self._conference(conference, schedule)
        self._result.events.extend(self._events(conference, schedule))
        return foreign_schedule(self._result, self._problems)

    def _conference(self, conference: Mapping[str, Any], schedule: Mapping[str, Any]) -> None:
        for name in _CONFERENCE:
            path: Path = ("schedule", "conference", name)
            self._result.conference[name] = self._words(path, conference.get(name))
            if path in self._lines:
                self._result.lines[name] = self._lines[path]
        self._result.conference["base_url"] = self._words(("schedule", "base_url"), schedule.get("base_url"))

    def _events(self, conference: Mapping[str, Any], schedule: Mapping[str, Any]) -> Iterator[FileEvent]:
        there: Path = ("schedule", "conference")
        rooms = self._names((*there, "rooms"), conference.get("rooms"), "guid")
        tracks = self._names((*there, "tracks"), conference.get("tracks"), "slug")
        if "events" in schedule:  # schedule v2: one list, with rooms and tracks by reference
            path: Path = ("schedule", "events")
            for number, event in enumerate(self._list(path, schedule["events"])):
                yield from self._event((*path, number), event, "", {}, rooms, tracks)
            return
        if "days" not in conference:
            self._refuse((*there, "days"), "days is missing; add it: the list of days with their rooms")
        for index, day in enumerate(self._list((*there, "days"), conference.get("days"))):
            path = (*there, "days", index)
            if not isinstance(day, dict):
                self._refuse(path, f"{_kind(day)} where a day is expected; write an object with date and rooms")
                continue
            in_rooms = self._mapping((*path, "rooms"), day.get("rooms"))
            for room, events in in_rooms.items():
                place = (*path, "rooms", room)
                for number, event in enumerate(self._list(place, events)):
                    yield from self._event((*place, number), event, room, day, rooms, tracks)

    def _event(
        self,
        path: Path,
        event: Any,
        above: str,
        day: Mapping[str, Any],
        rooms: Mapping[str, str],
        tracks: Mapping[str, str],
    ) -> Iterator[FileEvent]:
        if not isinstance(event, dict):
            self._refuse(path, f"{_kind(event)} where an event is expected; write an object, or remove it")
            return
        values = {name: self._words((*path, name), event.get(name)) for name in _EVENT}
        values["room"] = self._reference((*path, "room"), event.get("room"), rooms)
        values["track"] = self._reference((*path, "track"), event.get("track"), tracks)
        persons = "persons" if "persons" in event else "participants"
        links = [self._link((*path, "links", n), link) for n, link in self._items((*path, "links"), event)]
        attachments = [
            self._link((*path, "attachments", n), link) for n, link in self._items((*path, "attachments"), event)
        ]
        lines = {str(name): self._lines[(*path, name)] for name in event if (*path, name) in self._lines}
        if persons in lines:
            lines["persons"] = lines[persons]
        yield FileEvent(
            line=self._lines.get(path),
            values={name: words for name, words in values.items() if words},
            lines=lines,
            persons=[
                name
                for n, person in self._items((*path, persons), event)
                if (name := self._person((*path, persons, n), person))
            ],
            links=[ForeignLink(link.title, link.url) for link in links if link is not None],
            attachments=[
                ForeignLink(link.title, link.url, _OUTCOMES.get(link.kind or "", "slides"))
                for link in attachments
                if link
            ],
            above=above,
            day=self._words((*path[:-3], "date"), day.get("date")) if day else "",
            day_begins=_time_of(day.get("day_start")),
        )

    def _person(self, path: Path, person: Any) -> str:
        if isinstance(person, str):
            name = person.strip()
        elif isinstance(person, dict):
            names = (self._words((*path, key), person.get(key)) for key in ("public_name", "name", "full_public_name"))
            name = next((found for found in names if found), "")
        else:
            self._refuse(path, f"{_kind(person)} where a person is expected; write an object with a name")
            return ""
        if not name:
            self._refuse(path, "a person without a name; add name, or remove the person")
        return name

    def _link(self, path: Path, link: Any) -> ForeignLink | None:
        if isinstance(link, str):
            link = {"url": link}
        if not isinstance(link, dict):
            self._refuse(path, f"{_kind(link)} where a link is expected; write an object with title and url")
            return None
        title, url = (self._words((*path, key), link.get(key)) for key in ("title", "url"))
        kind = link.get("type")
        if not url:
            if title:
                self._refuse(path, "a link without an address; add url, or remove the link")
            return None
        return ForeignLink(title, url, kind if isinstance(kind, str) else None)

    def _reference(self, path: Path, value: Any, names: Mapping[str, str]) -> str:
        """A name, or an object that has one or points to one (schedule v2)."""
        if isinstance(value, dict) and value.keys() & {"guid", "slug", "name"}:
            named = self._words((*path, "name"), value.get("name"))
            return named or next(
                (names[str(value[key])] for key in ("guid", "slug") if str(value.get(key)) in names), ""
            )
        return self._words(path, value)

    def _names(self, path: Path, value: Any, key: str) -> dict[str, str]:
        """Names of rooms or tracks by what events of schedule v2 call them."""
        items = [item for item in self._list(path, value) if isinstance(item, dict)]
        return {
            str(item[key]): self._words((*path, n, "name"), item.get("name"))
            for n, item in enumerate(items)
            if item.get(key)
        }

    def _words(self, path: Path, value: Any) -> str:
        """A text; where there are several languages, the first of ours, of English, of any."""
        if value is None:
            return ""
        if isinstance(value, str):
            return value.strip()
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, dict) and all(isinstance(words, str | None) for words in value.values()):
            return next(
                (str(value[key]).strip() for key in (self._result.language, "en", *value) if value.get(key)), ""
            )
        self._refuse(path, f"{_kind(value)} where a text is expected; write it in quotes")
        return ""

    def _items(self, path: Path, event: Mapping[str, Any]) -> list[tuple[int, Any]]:
        return list(enumerate(self._list(path, event.get(str(path[-1])))))

    def _list(self, path: Path, value: Any) -> list[Any]:
        if value is None:
            return []
        if isinstance(value, list):
            return value
        self._refuse(path, f"{_kind(value)} where a list is expected; write it in [ ]")
        return []

    def _mapping(self, path: Path, value: Any) -> dict[str, Any]:
        if value is None or value == []:  # PHP and its like write an empty object as an empty list
            return {}
        if isinstance(value, dict):
            return value
        self._refuse(path, f"{_kind(value)} where rooms are expected; write an object of the rooms by name")
        return {}

    def _object(self, path: Path, *, needed: bool = False) -> dict[str, Any]:
        value: Any = self._data
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, dict):
            return value
        if needed or value is not None:
            what = f"{path[-1]} is missing; add it" if value is None else f"{_kind(value)} where an object is expected"
            self._refuse(path, what)
        return {}

    def _refuse(self, path: Path, message: str) -> None:
        line = next((self._lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self._lines), None)
        self._problems.add(line, _named(path), message, "shape")


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    known = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    return known.get(type(value), "something else")


def _time_of(moment: Any) -> time:
    """The time on the wall of a moment such as 2019-08-21T09:00:00+02:00; else the usual beginning of a day."""
    if isinstance(moment, str):
        try:
            return datetime.fromisoformat(moment).time()
        except ValueError:
            pass
    return DAY_BEGINS
