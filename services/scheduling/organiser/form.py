"""A form of an agenda's part: its fields as typed, what of them is news against the draft, and the patch that says so. Pure.

Names of fields are paths: `title.fr` is a text in one language, `people.0.role` a field of the first row of people.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Values = dict[str, str]
"""What the fields hold, by name; a field that is empty may be missing."""

YES = "yes"
_WHOLE_NUMBER = re.compile(r"^-?[0-9]{1,9}$")


@dataclass(frozen=True)
class Rows:
    """A list of equal parts: its fields, those that are texts in several languages, and the fields that make a row count."""

    fields: tuple[str, ...]
    texts: tuple[str, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)

    def names(self, languages: Iterable[str]) -> list[str]:
        """The names of a row's fields."""
        return [*self.fields, *(f"{text}.{language}" for text in self.texts for language in languages)]

    def is_blank(self, row: Mapping[str, str]) -> bool:
        """Whether nothing was written in the row but what stands there by default."""
        return all(not value.strip() for name, value in row.items() if name not in self.defaults)


@dataclass(frozen=True)
class Sheet:
    """Which fields a form has, and where each stands in the part's data.

    `texts` are texts by language (`long` those of several lines), `plain` single values, `whole` those of them that are numbers, `flags` are ticked or not
    (with what holds where the data is silent), `lines` lists of texts written one a line, `words` lists of plain words written so,
    `rows` lists of parts.
    """

    texts: tuple[str, ...]
    plain: Mapping[str, tuple[str, ...]]
    flags: Mapping[str, tuple[tuple[str, ...], bool]] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    lines: tuple[str, ...] = ()
    long: frozenset[str] = frozenset({"description"})
    rows: Mapping[str, Rows] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def values(self, data: Mapping[str, Any], languages: Sequence[str], line: Callable[[Any], str] = str) -> Values:
        """The fields' values for a part's JSON data; `line` writes an item of a list of lines."""
        values: Values = {}
        for name in self.texts:
            written = _as_lines if name in self.long else _in_one_line
            values |= {f"{name}.{language}": written(data.get(name, {}).get(language, "")) for language in languages}
        for name, path in self.plain.items():
            found = _at(data, path)
            values[name] = "" if found is None else str(found)
        for name, (path, default) in self.flags.items():
            found = _at(data, path)
            values[name] = YES if (default if found is None else found) else ""
        for name in self.lines:
            values[name] = "\n".join(_in_one_line(line(item)) for item in data.get(name, []))
        for name, path in self.words.items():
            values[name] = "\n".join(_at(data, path) or [])
        for name, rows in self.rows.items():
            for number, item in enumerate(data.get(name, [])):
                for each in rows.fields:
                    values[f"{name}.{number}.{each}"] = str(item.get(each, rows.defaults.get(each, "")))
                for text in rows.texts:
                    for language in languages:
                        values[f"{name}.{number}.{text}.{language}"] = _in_one_line(
                            item.get(text, {}).get(language, "")
                        )
        return values

    def groups(self, values: Mapping[str, str], languages: Sequence[str]) -> dict[str, Any]:
        """What can be changed by itself: each text in each language, each value, each whole list."""
        result: dict[str, Any] = {}
        for name in (*(f"{text}.{language}" for text in self.texts for language in languages), *self.plain):
            result[name] = values.get(name, "").strip()
        for name in self.flags:
            result[name] = values.get(name) == YES
        for name in (*self.lines, *self.words):
            result[name] = [line.strip() for line in values.get(name, "").split("\n") if line.strip()]
        for name, rows in self.rows.items():
            result[name] = [
                {each: row.get(each, "").strip() for each in rows.names(languages)}
                for row in rows_in(values, name)
                if not rows.is_blank(row)
            ]
        return result

    def patch(
        self, groups: Mapping[str, Any], only: Iterable[str], lines: Callable[[list[str]], Any]
    ) -> dict[str, Any]:
        """The merge patch (RFC 7396) that sets the groups named in `only`; `lines` makes data of a list of lines."""
        patch: dict[str, Any] = {}
        for name in only:
            value = groups[name]
            text, _, language = name.partition(".")
            if text in self.texts:
                patch.setdefault(text, {})[language] = value or None
            elif name in self.plain:
                number = name in self.whole and _WHOLE_NUMBER.match(value)
                _put(patch, self.plain[name], int(value) if number else value or None)
            elif name in self.flags:
                _put(patch, self.flags[name][0], value)
            elif name in self.lines:
                patch[name] = lines(value)
            elif name in self.words:
                _put(patch, self.words[name], value)
            else:
                patch[name] = [_item(row, self.rows[name]) for row in value]
        return patch

    def overlaid(self, below: Values, above: Mapping[str, str], only: Iterable[str]) -> Values:
        """The values of `below` with the groups named in `only` taken from `above`."""
        result = dict(below)
        for name in only:
            if name in self.rows:
                result = {key: value for key, value in result.items() if not key.startswith(f"{name}.")}
                result |= {key: value for key, value in above.items() if key.startswith(f"{name}.")}
            else:
                result[name] = above.get(name, "")
        return result

    def place_of(self, field: str) -> str | None:
        """The name of the field of the form that shows `field` of the part's data, or what is in it; None: it is not shown."""
        paths = {name: path for name, (path, _) in self.flags.items()} | {**self.plain, **self.words}
        for name, path in paths.items():
            if f"{field}.".startswith(f"{'.'.join(path)}."):
                return name
        return None

    def compact(self, values: Mapping[str, str]) -> Values:
        """The values without blank rows, so that the rows are numbered as the draft numbers them."""
        result = dict(values)
        for name, rows in self.rows.items():
            kept = [row for row in rows_in(values, name) if not rows.is_blank(row)]
            result = with_rows(result, name, kept)
        return result


def rows_in(values: Mapping[str, str], name: str) -> list[dict[str, str]]:
    """The rows of a list, in their order."""
    rows: dict[int, dict[str, str]] = {}
    for key, value in values.items():
        found = re.fullmatch(rf"{name}\.([0-9]{{1,3}})\.(.+)", key)
        if found is not None:
            rows.setdefault(int(found[1]), {})[found[2]] = value
    return [rows[number] for number in sorted(rows)]


def with_rows(values: Mapping[str, str], name: str, rows: Sequence[Mapping[str, str]]) -> Values:
    """The values with these rows in a list."""
    result = {key: value for key, value in values.items() if not key.startswith(f"{name}.")}
    for number, row in enumerate(rows):
        result |= {f"{name}.{number}.{each}": value for each, value in row.items()}
    return result


def _as_lines(words: str) -> str:
    """With the line ends that a form is read with."""
    return words.replace("\r\n", "\n").replace("\r", "\n")


def _in_one_line(words: str) -> str:
    """A browser shows a field of one line without its line ends; so it must not seem that somebody took them out."""
    return " ".join(_as_lines(words).split("\n"))


def _item(row: Mapping[str, str], rows: Rows) -> dict[str, Any]:
    item: dict[str, Any] = {name: row[name] for name in rows.fields if row.get(name)}
    for text in rows.texts:
        item[text] = {
            name.partition(".")[2]: value for name, value in row.items() if name.startswith(f"{text}.") and value
        }
    return item


def _at(data: Mapping[str, Any], path: Sequence[str]) -> Any:
    here: Any = data
    for step in path:
        here = here.get(step) if isinstance(here, Mapping) else None
    return here


def _put(patch: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for step in path[:-1]:
        patch = patch.setdefault(step, {})
    patch[path[-1]] = value
