"""The report of missing translations: every text of the agenda, and the languages that it does not exist in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from services.scheduling.agenda import Agenda
from services.scheduling.fault import Path
from services.scheduling.faults import field_name
from shared.contracts.base import Text


@dataclass(frozen=True)
class Report:
    """How far the agenda is translated into `language`: how many texts there are, and the fields that are missing."""

    language: str
    texts: int
    missing: tuple[str, ...]


def reports(agenda: Agenda) -> list[Report]:
    """A report for each language of the event, in its order."""
    data = agenda.as_data()
    texts = [(field_name(path, data), text) for path, text in texts_of(data)]
    return [
        Report(language, len(texts), tuple(name for name, text in texts if not text.get(language)))
        for language in agenda.event.languages
    ]


def texts_of(data: Any, path: Path = ()) -> Iterator[tuple[Path, Text]]:
    """Every text of an agenda's JSON data, with its path."""
    if isinstance(data, Mapping):
        if data and all(_is_language(key) for key in data) and all(isinstance(words, str) for words in data.values()):
            yield path, dict(data)
            return
        for name, value in data.items():
            yield from texts_of(value, (*path, name))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from texts_of(value, (*path, number))


def _is_language(key: object) -> bool:
    """Two lower-case letters; the one field of an agenda with such a name is `id`."""
    return isinstance(key, str) and len(key) == 2 and key != "id"
