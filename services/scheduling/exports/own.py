"""The agenda in its own form, as YAML or JSON: what agenda_file.py reads back equal, and ordinary readers read the same.

YAML in block style, in the order of the agenda's fields, texts of several lines as literal blocks. What YAML 1.1 or 1.2
could take for something else than a text (09:40, NO, 1e3, ~) is quoted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from services.scheduling.agenda import Agenda

_RESERVED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
"""Words that YAML 1.1 or 1.2 takes for something else than a text, in any case."""
# What the parsers refuse unescaped, what they take for the end of a line, and the byte order mark.
_UNPRINTABLE = re.compile("[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def agenda_yaml(agenda: Agenda) -> bytes:
    """The agenda as YAML, in UTF-8."""
    lines: list[str] = []
    for name, value in agenda.as_data().items():
        if lines:
            lines.append("")
        if name == "sessions":
            lines.append(f"{name}:")
            for number, session in enumerate(value):
                if number:
                    lines.append("")
                lines += _item(session, 1)
        else:
            lines += _field(name, value, 0)
    return ("\n".join(lines) + "\n").encode()


def agenda_json(agenda: Agenda) -> bytes:
    """The agenda as JSON, indented, in UTF-8."""
    return (json.dumps(agenda.as_data(), ensure_ascii=False, indent=2) + "\n").encode()


def _field(name: str, value: Any, level: int) -> Iterator[str]:
    pad = "  " * level
    key = _scalar(name)
    if isinstance(value, Mapping) and value:
        yield f"{pad}{key}:"
        for inner, item in value.items():
            yield from _field(inner, item, level + 1)
    elif isinstance(value, list) and value:
        yield f"{pad}{key}:"
        for item in value:
            yield from _item(item, level + 1)
    elif isinstance(value, str) and _takes_a_block(value):
        yield f"{pad}{key}: |-"
        yield from _block(value, level + 1)
    else:
        yield f"{pad}{key}: {_scalar(value)}"


def _item(value: Any, level: int) -> Iterator[str]:
    """An item of a list; a mapping begins on the line of its dash."""
    pad = "  " * level
    if isinstance(value, Mapping) and value:
        fields = [line for name, item in value.items() for line in _field(name, item, level + 1)]
        yield f"{pad}- {fields[0].lstrip(' ')}"
        yield from fields[1:]
    elif isinstance(value, str) and _takes_a_block(value):
        yield f"{pad}- |-"
        yield from _block(value, level + 1)
    else:
        yield f"{pad}- {_scalar(value)}"


def _takes_a_block(value: str) -> bool:
    return "\n" in value and value == value.strip() and not _UNPRINTABLE.search(value)


def _block(value: str, level: int) -> Iterator[str]:
    pad = "  " * level
    for line in value.split("\n"):
        yield pad + line if line else ""


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return value if _is_plain(value) else _quoted(value)
    return json.dumps(value)


def _is_plain(value: str) -> bool:
    """Whether `value` is a text without quotes for every reader: it begins with a letter and holds no sign of YAML's."""
    return (
        value[:1].isalpha()
        and value == value.strip()
        and value.lower() not in _RESERVED
        and not value.endswith(":")
        and not any(sign in value for sign in (": ", " #", "\t", "\n"))
        and not _UNPRINTABLE.search(value)
    )


def _quoted(value: str) -> str:
    """In double quotes (YAML 1.2, section 7.3.1), which can say every character."""
    words = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{_UNPRINTABLE.sub(_escape, words)}"'


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}"
