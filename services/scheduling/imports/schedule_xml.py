"""Schedule XML of the c3 and frab family, as frab, pretalx, FOSDEM and we ourselves write it.

Read with expat: it counts lines without a limit (libxml2 keeps 16 bits of them in some builds), and is stopped at the
first declaration of a document type, so that no entity is ever expanded and nothing is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time
from xml.parsers import expat

from services.scheduling.domain import AgendaRefused
from services.scheduling.exports.schedule import DAY_BEGINS
from services.scheduling.imports.foreign import Foreign, ForeignLink
from services.scheduling.imports.schedule import foreign_schedule
from services.scheduling.imports.schedule_parts import (
    FileEvent,
    FileSchedule,
    Problems,
    fault,
    refuse_oversize,
    short,
)

MAX_DEPTH = 20
"""How many levels deep a file may be; those of the family have six."""
MAX_ELEMENTS = 400_000

_EVENT = (
    "date", "start", "duration", "room", "slug", "title", "subtitle", "track", "type",
    "language", "abstract", "description",
)  # fmt: skip
_CONFERENCE = ("acronym", "title", "start", "end", "time_zone_name", "base_url")
_LANGUAGE = re.compile(r'\blanguage="([a-z]{2})"')


def read_schedule_xml(body: bytes) -> Foreign:
    """What the file says. Raises AgendaRefused, which names line, field and remedy of everything that is wrong."""
    refuse_oversize(body)
    root, language = _Builder().build(body)
    problems = Problems()
    if root.tag != "schedule":
        message = f"a schedule file begins with <schedule>, not with <{short(root.tag)}>"
        problems.add(root.line, "body", message, "shape")
        problems.refuse()
    return foreign_schedule(_Reader(root, language, problems).read(), problems)


@dataclass
class _Element:
    tag: str
    line: int
    attributes: dict[str, str]
    children: list[_Element] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    @property
    def words(self) -> str:
        return "".join(self.parts).strip()

    def first(self, tag: str) -> _Element | None:
        return next((child for child in self.children if child.tag == tag), None)

    def each(self, tag: str) -> Iterator[_Element]:
        return (child for child in self.children if child.tag == tag)


class _Builder:
    """Builds the elements of a file, and refuses what a schedule has no use for."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.ProcessingInstructionHandler = self._instruction
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._open: list[_Element] = []
        self._root: _Element | None = None
        self._elements = 0
        self._language = ""

    def build(self, body: bytes) -> tuple[_Element, str]:
        """The outermost element, and the language that our own export notes."""
        try:
            self._parser.Parse(body, True)
        except expat.ExpatError as error:
            said = expat.ErrorString(error.code)
            raise AgendaRefused([fault(error.lineno, "body", f"not XML: {said}", "xml")]) from error
        except (LookupError, ValueError) as error:
            if isinstance(error, AgendaRefused):
                raise
            message = "the encoding that the file names is not read; save it as UTF-8"
            raise AgendaRefused([fault(1, "body", message, "not-utf-8")]) from error
        assert self._root is not None
        return self._root, self._language

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if len(self._open) >= MAX_DEPTH:
            raise self._refuse(f"nested more than {MAX_DEPTH} levels deep; a schedule has six")
        if self._elements > MAX_ELEMENTS:
            raise self._refuse(f"more than {MAX_ELEMENTS} elements; split the schedule")
        element = _Element(tag, self._parser.CurrentLineNumber, attributes)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _end(self, tag: str) -> None:
        self._open.pop()

    def _characters(self, data: str) -> None:
        if self._open:
            self._open[-1].parts.append(data)

    def _instruction(self, target: str, data: str) -> None:
        if target == "lectern" and (match := _LANGUAGE.search(data)):
            self._language = match.group(1)

    def _doctype(self, name: str, *_: object) -> None:
        raise self._refuse("declarations of a document type (<!DOCTYPE) and entities are not read; remove it")

    def _refuse(self, message: str) -> AgendaRefused:
        return AgendaRefused([fault(self._parser.CurrentLineNumber, "body", message, "xml")])


class _Reader:
    """Takes the elements that are known."""

    def __init__(self, root: _Element, language: str, problems: Problems) -> None:
        self._root, self._language, self._problems = root, language, problems

    def read(self) -> FileSchedule:
        generator = self._root.first("generator")
        result = FileSchedule(generator.attributes.get("name", "") if generator is not None else "", self._language)
        conference = self._root.first("conference")
        if conference is None:
            self._problems.add(self._root.line, "conference", "conference is missing; add it", "missing")
        for name in _CONFERENCE:
            element = conference.first(name) if conference is not None else None
            if element is not None:
                result.conference[name], result.lines[name] = element.words, element.line
        change = conference.first("day_change") if conference is not None else None
        for day in self._root.each("day"):
            begins = _time_of(day.attributes.get("start"), change)
            for room in day.each("room"):
                above = room.attributes.get("name", "")
                day_date = day.attributes.get("date", "")
                result.events.extend(self._event(event, above, day_date, begins) for event in room.each("event"))
        return result

    def _event(self, event: _Element, above: str, day: str, begins: time) -> FileEvent:
        values = {name: event.attributes[name] for name in ("id", "guid") if event.attributes.get(name)}
        lines = dict.fromkeys(values, event.line)
        for child in event.children:
            lines.setdefault(child.tag, child.line)
            if child.tag not in _EVENT:
                continue
            if child.tag in values:
                self._problems.add(
                    child.line, f"events.{child.tag}", f"{child.tag} is written twice; remove one", "twice"
                )
            if child.words:
                values[child.tag] = child.words
        return FileEvent(
            line=event.line,
            values=values,
            lines=lines,
            persons=list(self._persons(event)),
            links=list(self._links(event, "links", "link")),
            attachments=[
                ForeignLink(link.title, link.url, "slides") for link in self._links(event, "attachments", "attachment")
            ],
            above=above,
            day=day,
            day_begins=begins,
        )

    def _persons(self, event: _Element) -> Iterator[str]:
        for person in (item for group in event.each("persons") for item in group.each("person")):
            if person.words:
                yield person.words
            else:
                message = "a person without a name; write it between the tags, or remove the person"
                self._problems.add(person.line, "events.persons", message, "missing")

    def _links(self, event: _Element, group: str, tag: str) -> Iterator[ForeignLink]:
        for link in (item for holder in event.each(group) for item in holder.each(tag)):
            url = link.attributes.get("href", "").strip()
            if not url and re.match("https?://", link.words):
                url = link.words
            if url:
                yield ForeignLink(link.words, url)
            elif link.words:
                message = "a link without an address; add href, or remove the link"
                self._problems.add(link.line, f"events.{group}", message, "missing")


def _time_of(start: str | None, change: _Element | None) -> time:
    """When a conference day begins: by itself, by what FOSDEM says of all days, else as usual."""
    try:
        if start:
            return datetime.fromisoformat(start).time()
        return time.fromisoformat(change.words) if change is not None else DAY_BEGINS
    except ValueError:
        return DAY_BEGINS
