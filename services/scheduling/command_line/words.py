"""What the command line prints about an agenda: faults, warnings, changes and translations, a line for each.

Every line stays one line, whatever the agenda says: signs that would move the cursor, colour the terminal or turn the
direction of reading are shown as escapes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from services.scheduling.difference import What

MOST_OF_A_KIND = 10
"""How many warnings of one kind are shown after an import; a whole language may be missing."""
MOST_OF_A_VALUE = 60
"""How many characters of a changed text are shown."""

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_BARE = re.compile(r"[\w.:+@/-]+")
_IDS = ("id", "person", "url")
_COLOURS = {What.ADDED: "green", What.CHANGED: "yellow", What.REMOVED: "red"}
_SIGNS = {What.ADDED: "+", What.CHANGED: "~", What.REMOVED: "-"}


def plain(text: str) -> str:
    """`text` in one line that a terminal shows as it is."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def fault_line(fault: Mapping[str, str], file: str = "") -> str:
    """`file:line: field: message`, without what is not known."""
    line = fault.get("line", "")
    message = fault.get("message", "").removeprefix(f"line {line}: ")
    place = ":".join(part for part in (file, line) if part)
    told = f"{fault.get('field', '')}: {message}"
    return plain(f"{place}: {told}" if place else told)


def warning_lines(warnings: Sequence[Mapping[str, Any]], file: str = "", most: int | None = None) -> Iterator[str]:
    """Each warning; one that blocks publishing is marked, and a zone check has both readings below it.

    `most`: how many of one kind are shown; the last line counts the others.
    """
    shown: Counter[str] = Counter()
    for warning in warnings:
        code = str(warning["code"])
        shown[code] += 1
        if most is not None and shown[code] > most:
            continue
        mark = click.style("blocks publishing", fg="red") if warning["blocks"] else click.style("warning", fg="yellow")
        place = f"{plain(file)}: " if file else ""
        yield f"{place}{mark}: {plain(warning['field'])}: {plain(warning['message'])}"
        for reading in warning.get("readings", []):
            at = datetime.fromisoformat(reading["utc"]).astimezone(UTC)
            yield f"    zone_check: {plain(reading['answer']):<8} {at:%Y-%m-%d %H:%M} UTC"
    for code, number in shown.items():
        if most is not None and number > most:
            yield f"    and {number - most} more warnings of the kind {plain(code)}; --json has them all"


def translation_line(language: str, texts: int, missing: int, file: str = "") -> str:
    """How far an agenda is translated into a language."""
    place = f"{file}: " if file else ""
    rest = f"{missing} missing" if missing else "complete"
    return plain(f"{place}{language}: {texts - missing} of {texts} texts, {rest}")


def change_lines(changes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """`+ subject`, `- subject`, and for each field that changed `~ subject: field before -> after`."""
    for change in changes:
        what = What(change["what"])
        start = f"{click.style(_SIGNS[what], fg=_COLOURS[what])} {plain(change['subject'])}"
        steps = [
            step for item in change.get("fields", []) for step in _steps(item["field"], item["before"], item["after"])
        ]
        if not steps:
            yield start
        for step in steps:
            yield f"{start}: {plain(step)}"


def _steps(name: str, before: Any, after: Any) -> Iterator[str]:
    """What became of a field, or of what is in it: `name before -> after`."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            if before.get(key) != after.get(key):
                yield from _steps(f"{name}.{key}", before.get(key), after.get(key))
    elif (before is None or isinstance(before, list)) and (after is None or isinstance(after, list)):
        yield from _list_steps(name, before or [], after or [])
    else:
        was, now = _pair(before, after)
        yield f"{name} {was} -> {now}"


def _list_steps(name: str, before: list[Any], after: list[Any]) -> Iterator[str]:
    key = _key_of([*before, *after], before, after)
    if key is not None:
        old, new = ({item[key]: item for item in items} for items in (before, after))
        for id_ in [*old, *(id_ for id_ in new if id_ not in old)]:
            if id_ in old and id_ in new:
                yield from _steps(f"{name}[{id_}]", old[id_], new[id_]) if old[id_] != new[id_] else ()
            else:
                yield f"{name} {'-' if id_ in old else '+'} {_value(old.get(id_) or new.get(id_))}"
        moved = [id_ for id_ in old if id_ in new] != [id_ for id_ in new if id_ in old]
    else:
        yield from (f"{name} - {_value(item)}" for item in before if item not in after)
        yield from (f"{name} + {_value(item)}" for item in after if item not in before)
        moved = [item for item in before if item in after] != [item for item in after if item in before]
    if moved and len(before) != len(after) and key is None and all(item in after for item in before):
        yield f"{name} {_value(before)} -> {_value(after)}"  # the same, another number of times
    elif moved:
        yield "in another order" if name == "order" else f"{name} in another order"


def _key_of(items: Sequence[Any], *lists: Sequence[Any]) -> str | None:
    """The field that tells the items of both lists apart, so that one that changed is known again."""
    if not all(isinstance(item, Mapping) for item in items):
        return None
    for key in _IDS:
        if all(isinstance(item.get(key), str) for item in items):
            return key if all(len({item[key] for item in each}) == len(each) for each in lists) else None
    return None


def _pair(before: Any, after: Any) -> tuple[str, str]:
    """Two values, shortened so that one sees where they differ."""
    skip = 0
    if isinstance(before, str) and isinstance(after, str) and max(len(before), len(after)) > MOST_OF_A_VALUE:
        same = next((n for n, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), None)
        skip = max(0, (min(len(before), len(after)) if same is None else same) - MOST_OF_A_VALUE // 3)
    return _value(before, skip), _value(after, skip)


def _value(value: Any, skip: int = 0) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, str):
        if _BARE.fullmatch(value) and len(value) <= MOST_OF_A_VALUE:
            return value
        start = "…" if skip else ""
        rest = value[skip:]
        return json.dumps(start + _short(rest), ensure_ascii=False)
    return _short(json.dumps(value, ensure_ascii=False), 2 * MOST_OF_A_VALUE)


def _short(text: str, most: int = MOST_OF_A_VALUE) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
