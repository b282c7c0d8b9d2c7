"""On which line each part of a JSON text stands, for messages to people: json.loads reads, and forgets where.

A scan of its own that decides nothing: it is asked about texts that json.loads has read, or has refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from services.scheduling.fault import Path

MAX_DEPTH = 16
"""Deeper parts are told by the line of the part around them."""

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


def json_source_lines(text: str) -> dict[Path, int]:
    """The line (from 1) of every part of the JSON `text`, by its path: of a field, the line of its name; of an item of a
    list, the line on which it begins. Of a field that is written twice, the second counts, as for json.loads."""
    return dict(_parts(text))


def fields_written_twice(text: str) -> list[tuple[Path, int]]:
    """Each field that an object of the JSON `text` has a second time, and the line of that second time."""
    seen: set[Path] = set()
    twice: list[tuple[Path, int]] = []
    inside: Path | None = None
    for path, line in _parts(text):
        if inside is not None and path[: len(inside)] == inside and len(path) > len(inside):
            continue  # within the second one: it may well repeat the fields of the first
        if path in seen:
            twice.append((path, line))
            inside = path
        else:
            inside = None
        seen.add(path)
    return twice


def line_of_token(text: str, pattern: str) -> int | None:
    """The line of the first bare word or number of the JSON `text` that `pattern` matches whole; None for no such one."""
    wanted = re.compile(pattern)
    for token in _TOKEN.finditer(text):
        if wanted.fullmatch(token.group()):
            return _line_at(text, token.start())
    return None


def line_of_depth(text: str, depth: int) -> int | None:
    """The line on which the JSON `text` is nested more than `depth` levels deep; None where it never is."""
    level = 0
    for token in _TOKEN.finditer(text):
        level += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token.group(), 0)
        if level > depth:
            return _line_at(text, token.start())
    return None


def _line_at(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _parts(text: str) -> Iterator[tuple[Path, int]]:
    """Every part in the order of the text, down to MAX_DEPTH."""
    line, counted = 1, 0
    path: list[str | int] = []
    objects: list[bool] = []  # for each level that is open: whether it is an object
    name_next = False  # the next text is the name of a field
    for token in _TOKEN.finditer(text):
        line += text.count("\n", counted, token.start())
        counted = token.start()
        word = token.group()
        if word in ("}", "]"):
            if not objects:
                return
            objects.pop()
            path.pop()
            name_next = False
        elif word == ",":
            if not objects:
                return
            name_next = objects[-1]
            last = path[-1]
            if isinstance(last, int):
                path[-1] = last + 1
        elif word == ":":
            name_next = False
        elif name_next:
            path[-1] = _name(word)
            name_next = False
            if len(path) <= MAX_DEPTH:
                yield tuple(path), line
        else:
            if (not objects or not objects[-1]) and len(path) <= MAX_DEPTH:
                yield tuple(path), line
            if word in ("{", "["):
                objects.append(word == "{")
                path.append("" if word == "{" else 0)
                name_next = word == "{"


def _name(word: str) -> str:
    if "\\" not in word:
        return word[1:-1]
    try:
        return str(json.loads(word, strict=False))
    except ValueError:
        return word[1:-1]
