"""Reading an agenda from YAML or JSON: all or nothing, and every refusal names the line, the field and the remedy.

YAML is read event by event, without tags, anchors or guessing of types: 09:40 stays 09:40 (YAML 1.1 would make it 580),
NO stays Norway, and a file of aliases cannot grow beyond what was sent.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import yaml
from pydantic import ValidationError

from services.scheduling.agenda import Agenda
from services.scheduling.domain import AgendaRefused
from services.scheduling.fault import Path
from services.scheduling.faults import faults, field_name
from services.scheduling.fields import Part
from services.scheduling.imports.positions import json_source_lines
from services.scheduling.rules import EventRules, Rules
from shared.contracts.cloudevent import problem, problems_of

MAX_BYTES = 1_310_720
"""The largest agenda that is kept, in bytes of JSON (the web takes 1 MiB in one request; edits may add to it)."""
MAX_DEPTH = 12
MAX_NODES = 400_000
MAX_PROBLEMS = 200
"""How many faults are told at once."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class Source:
    """What was read: plain data, and the line (from 1) on which each part of it stands, where it is known."""

    data: Any
    lines: dict[Path, int] = field(default_factory=dict)

    def line_of(self, path: Path) -> int | None:
        """The line of `path`, or of the nearest part around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


def read_agenda(body: bytes, *, is_json: bool) -> Agenda:
    """The agenda in `body`, without faults. Raises AgendaRefused, which names everything that is wrong."""
    if not is_json:
        return agenda_of(read_yaml(body))
    source = read_json(body)
    try:
        return agenda_of(source)
    except AgendaRefused:
        source.lines.update(json_source_lines(_text(body)))  # only where there is something to name: it takes long
        return agenda_of(source)


def agenda_of(source: Source) -> Agenda:
    """The agenda in what was read. Raises AgendaRefused."""
    if not isinstance(source.data, Mapping):
        raise AgendaRefused([_problem(source, (), "an agenda has event, sessions and so on at its top", "shape")])
    try:
        agenda = Agenda.model_validate(source.data, context={"language": _first_language(source.data)})
    except ValidationError as error:
        raise AgendaRefused(_told(source, error)) from error
    found = faults(agenda)
    if found:
        raise AgendaRefused([_problem(source, fault.path, fault.message, fault.code) for fault in found])
    size = len(json.dumps(agenda.as_data(), ensure_ascii=False).encode())
    if size > MAX_BYTES:
        raise AgendaRefused(
            [problem("body", f"the agenda has {size} bytes; at most {MAX_BYTES} are kept", "too-large")]
        )
    return agenda


def read_json(body: bytes) -> Source:
    """JSON as plain data. Raises AgendaRefused."""
    text = _text(body)

    def no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a field is written twice in one object; remove one of them")
        return result

    try:
        data = json.loads(text, object_pairs_hook=no_key_twice)
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise AgendaRefused(
            [problem("body", "has half of a surrogate pair; write the character itself", "json")]
        ) from error
    except json.JSONDecodeError as error:
        raise AgendaRefused(
            [{**problem("body", f"line {error.lineno}: not JSON: {error.msg}", "json"), "line": str(error.lineno)}]
        ) from error
    except ValueError as error:
        raise AgendaRefused([problem("body", f"not JSON: {error}", "json")]) from error
    except RecursionError as error:
        raise AgendaRefused([problem("body", "JSON is nested too deeply", "json")]) from error
    return Source(_without_nulls(data))


def _without_nulls(data: Any) -> Any:
    if isinstance(data, dict):
        return {name: _without_nulls(value) for name, value in data.items() if value is not None}
    if isinstance(data, list):
        return [_without_nulls(value) for value in data]
    return data


def read_yaml(body: bytes) -> Source:
    """YAML as plain data, every scalar a text, with the lines. Raises AgendaRefused."""
    text = _text(body)
    try:
        return _Builder(yaml.parse(text, Loader=_LOADER)).build()
    except yaml.MarkedYAMLError as error:
        marks = [mark for mark in (error.problem_mark, error.context_mark) if mark is not None]
        # At the end of the file something was left open: where it begins helps more.
        mark: Any = marks[-1 if "end of stream" in (error.problem or "") else 0] if marks else None
        line = mark.line + 1 if mark is not None else 1
        what = error.problem or error.context or "cannot be read"
        raise AgendaRefused(
            [_at(line, problem("body", f"not YAML: {what}; check the indentation and quotes around here", "yaml"))]
        ) from error
    except yaml.YAMLError as error:
        raise AgendaRefused([problem("body", f"not YAML: {str(error).splitlines()[0]}", "yaml")]) from error


class _Builder:
    """Builds plain data from YAML events, and refuses what an agenda has no use for."""

    def __init__(self, events: Iterable[Any]) -> None:
        self._events = iter(events)
        self._source = Source(None)
        self._nodes = 0

    def build(self) -> Source:
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._refuse(event, (), "a second document begins here; send one agenda per file")
                self._source.data = self._node(next(self._events), ())
        if documents == 0:
            raise AgendaRefused([problem("body", "the file is empty; begin with event:", "empty")])
        return self._source

    def _node(self, event: Any, path: Path) -> Any:
        self._nodes += 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise self._refuse(event, path, "anchors (&) and aliases (*) are not read; write the value itself")
        if len(path) > MAX_DEPTH:
            raise self._refuse(event, path[:3], f"nested more than {MAX_DEPTH} levels deep; an agenda is flatter")
        if self._nodes > MAX_NODES:
            raise self._refuse(event, path[:3], f"more than {MAX_NODES} values; split the agenda")
        if event.tag is not None and event.tag != "!":
            raise self._refuse(event, path, "tags (!) are not read; remove it")
        self._source.lines.setdefault(path, _line(event))
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Any] = []
            while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
                items.append(self._node(item, (*path, len(items))))
            return items
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if not event.style and event.value in ("", "~", "null"):
            return None
        return event.value

    def _mapping(self, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                raise self._refuse(key, path, "a field's name is a plain word")
            name = key.value
            if (*path, name) in self._source.lines:
                raise self._refuse(key, (*path, name), f"{name} is written twice here; remove one of them")
            self._source.lines[(*path, name)] = _line(key)
            value = self._node(next(self._events), (*path, name))
            if value is not None:  # a field left empty is a field left out
                result[name] = value
        return result

    @staticmethod
    def _refuse(event: Any, path: Path, message: str) -> AgendaRefused:
        named = ".".join(str(step) for step in path) or "body"
        return AgendaRefused([_at(_line(event), problem(named, message, "yaml"))])


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        message = f"not UTF-8 at byte {error.start}; save the file as UTF-8"
        raise AgendaRefused([_at(line, problem("body", message, "not-utf-8"))]) from error


def _first_language(data: Mapping[str, Any]) -> str:
    event = data.get("event")
    languages = event.get("languages") if isinstance(event, Mapping) else None
    return languages[0] if isinstance(languages, list) and languages and isinstance(languages[0], str) else "en"


def _told(source: Source, error: ValidationError) -> list[dict[str, str]]:
    problems: list[dict[str, str]] = []
    items = zip(
        error.errors(include_url=False, include_input=False), problems_of(error, most=error.error_count()), strict=True
    )
    for item, raw in islice(items, MAX_PROBLEMS):
        path: Path = tuple(step for step in item["loc"] if step != "[key]")
        problems.append(_problem(source, path, _message(item["type"], path, raw["message"], item), item["type"]))
    if error.error_count() > MAX_PROBLEMS:
        rest = error.error_count() - MAX_PROBLEMS
        problems.append(problem("body", f"and {rest} more; mend these first, then import again", "more"))
    return problems


def _message(kind: str, path: Path, message: str, item: Mapping[str, Any]) -> str:
    name = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        if (elsewhere := _place_of(name, path[:-1])) is not None:
            return f"{name} stands elsewhere: {elsewhere}"
        near = difflib.get_close_matches(name, _fields_at(path[:-1]), 1)
        return f"there is no field {name} here; " + (f"did you mean {near[0]}?" if near else "remove it")
    if kind == "missing":
        return f"{name} is missing; add it"
    if kind == "enum":
        return f"not one of the known words: {item['ctx']['expected']}"
    if kind == "string_pattern_mismatch" and item["ctx"]["pattern"].startswith("^[a-z0-9]"):
        return "an id has lower-case letters, digits and hyphens only, at most 80; for example workshop-1"
    if kind == "string_pattern_mismatch" and item["ctx"]["pattern"] == "^[a-z]{2}$":
        return f"{name} is not a language code; write two letters, for example en or fr"
    if kind == "string_pattern_mismatch" and item["ctx"]["pattern"] == "^[A-Z]{2}$":
        return "not a country code; write two capitals, for example FR"
    if kind == "dict_type" and name == "quotas":
        return "seats are set aside by the id of an audience, for example police: 20"
    if kind == "dict_type":
        return "a text is written by language, for example en: Welcome"
    return message


def _place_of(name: str, path: Path) -> str | None:
    """Where a rule belongs that was written in another part; None where it is no such rule."""
    for_event, for_all = ({*EventRules.model_fields} - {*Rules.model_fields}), {*Rules.model_fields}
    in_session, in_admission = path[:1] == ("sessions",), path[-1:] == ("admission",)
    if path and not in_admission and path != ("event",) and not (in_session and len(path) == 2):
        return None
    if name in for_event and in_session:
        return "it is a rule of the event as a whole; write it in event.admission"
    if name in ("requirements", "members", "retention_days", "audiences"):
        return "it is the event's; write it in event"
    if name == "quotas" and not in_session:
        return (
            "for the event as a whole, write quota beside each of event.audiences; quotas is in a session's admission"
        )
    if name in (for_all | for_event | {"quotas"}) and not in_admission:
        return "write it in the session's admission" if in_session else "write it in event.admission"
    if name in ("policy", "hold_days", "remind_days"):
        return "write it beside the requirement, in event.requirements"
    return None


def _fields_at(path: Path) -> list[str]:
    """The fields that are known at `path`, for the question "did you mean"."""
    model: Any = Agenda
    for step in path:
        if isinstance(step, int):
            continue
        found = getattr(model, "model_fields", {}).get(step)
        model = _model_in(found.annotation) if found is not None else None
        if model is None:
            return []
    return list(model.model_fields)


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        if (found := _model_in(part)) is not None:
            return found
    return None


def _problem(source: Source, path: Path, message: str, code: str) -> dict[str, str]:
    line = source.line_of(path)
    told = problem(field_name(path, source.data) or "body", message, code)
    return told if line is None else _at(line, told)


def _at(line: int, told: dict[str, str]) -> dict[str, str]:
    return {**told, "line": str(line), "message": f"line {line}: {told['message']}"}
