"""How a form's fields are called and shown, and at which of them a fault is told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from services.scheduling.agenda import Agenda
from services.scheduling.domain import AgendaRefused
from services.scheduling.organiser.event_pages import problem_words, reader_of
from services.scheduling.organiser.form import Sheet, Values, rows_in
from services.scheduling.organiser.visit import Visit
from services.scheduling.organiser.words import audiences, kinds, outcome_kinds, policies, roles

_FITTING = {
    "date": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "time": re.compile(r"\d{2}:\d{2}(:\d{2})?"),
    "datetime-local": re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?"),
    "number": re.compile(r"\d+"),
}


def input_type(kind: str, value: str) -> str:
    """The type of a field. A browser empties a field of days or times that holds none: it is one of text, and keeps it."""
    fitting = _FITTING.get(kind)
    return kind if fitting is None or not value or fitting.fullmatch(value) else "text"


def label_of(name: str, labels: Mapping[str, str]) -> str:
    """What a field is called: that of a row by its list and its place in it."""
    if name in labels:
        return labels[name]
    first, *rest = name.split(".")
    label = labels.get(first, first)
    if rest and rest[0].isdecimal():
        place, *rest = rest
        label = f"{label} {int(place) + 1}" + (f", {labels[rest[0]]}" if rest and rest[0] in labels else "")
    return f"{label} ({rest[-1]})" if rest and len(rest[-1]) == 2 else label


def names_of(agenda: Agenda, visit: Visit) -> dict[str, dict[str, str]]:
    """What stands for the codes of a field, as its list shows it."""
    text, words = reader_of(visit, agenda).text, visit.words
    return {
        "room": {room.id: text(room.name) or room.id for room in agenda.rooms},
        "block": {block.id: text(block.title) for block in agenda.blocks},
        "kind": kinds(words),
        "people": {**{person.id: person.name for person in agenda.people}, **roles(words)},
        "outcome": {**outcome_kinds(words), **audiences(words)},
        "links": {"link": "", **audiences(words)},
        "member_requirement": {needed.id: text(needed.name) for needed in agenda.event.requirements},
        "requirements": policies(words),
    }


def shown(value: Any, names: Mapping[str, str]) -> str:
    """What the draft says in a field, in words."""
    if isinstance(value, bool):
        return "✓" if value else ""
    if isinstance(value, list):
        return "; ".join(shown(item, names) for item in value)
    if isinstance(value, Mapping):
        said = (names.get(str(part), str(part)) for part in value.values())
        return ", ".join(part for part in said if part)
    return names.get(str(value), str(value))


def placed(
    error: AgendaRefused, visit: Visit, sheet: Sheet, prefix: str, values: Values, languages: Sequence[str]
) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """The faults by the field of the form that they are about, and those of no field here."""
    fields: dict[str, dict[str, Any]] = {}
    others: list[dict[str, Any]] = []
    for problem in error.problems:
        said = problem_words(problem, visit)
        path = problem["field"].removeprefix(prefix) if problem["field"].startswith(prefix) else None
        if path is None:
            others.append(said)
            continue
        name = sheet.place_of(path) or _in_row(path, sheet, values)
        first, last = name.partition(".")[0], name.rpartition(".")[2]
        if (first in sheet.texts and first == name) or (first in sheet.rows and last in sheet.rows[first].texts):
            name = f"{name}.{languages[0]}"
        elif first in sheet.lines:
            name = first
        known = (
            name in sheet.flags or name in sheet.words or any(f"{each}.".startswith(f"{name}.") for each in sheet.plain)
        )
        if known or first in sheet.lines or first in sheet.rows or first in sheet.texts:
            fields.setdefault(name, said)
        else:
            others.append(said)
    return fields, others


def _in_row(path: str, sheet: Sheet, values: Values) -> str:
    """The path with a row's place instead of its id, as the form counts rows."""
    first, _, rest = path.partition(".")
    id_, _, name = rest.partition(".")
    places = [row.get("id") for row in rows_in(values, first)] if first in sheet.rows else []
    return f"{first}.{places.index(id_)}.{name}" if id_ in places else path.removeprefix("admission.")
