"""iCalendar files as components of properties (RFC 5545, section 3.1), each with the line of the file where it begins.

Reads what calendar programs write, not only what they should: line ends of any system, names in small letters, a byte order
mark. What is no calendar at all is told in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_PROPERTY = re.compile(r'([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:])*)*):(.*)', re.DOTALL)
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=((?:"[^"]*"|[^";:])*)')
_FOLD = (b" ", b"\t")
_MOST_DEEP = 8


class NotACalendar(ValueError):
    """A file, or a line of it, that cannot be read; `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Property:
    """A property: its value is as written, escapes and all."""

    value: str
    parameters: Mapping[str, str]
    line: int


@dataclass
class Component:
    """A component such as VEVENT, with its properties by name."""

    name: str
    line: int
    properties: dict[str, list[Property]] = field(default_factory=dict)
    children: list[Component] = field(default_factory=list)

    def one(self, name: str) -> Property | None:
        """The first property of this name."""
        return next(iter(self.properties.get(name, ())), None)

    def text(self, name: str) -> str:
        """The first property of this name as a text; empty where there is none."""
        found = self.one(name)
        return text_of(found.value) if found is not None else ""


def calendars(body: bytes) -> list[Component]:
    """The calendars in a file. Raises NotACalendar."""
    found: list[Component] = []
    stack: list[Component] = []
    for line, words in _unfolded(body):
        match = _PROPERTY.fullmatch(words)
        if match is None:
            raise NotACalendar(line, f"{words[:40]!r} is no line of a calendar; it has a name, a colon and a value")
        name, value = match[1].upper(), match[3]
        if name == "BEGIN":
            component = Component(value.strip().upper(), line)
            if not stack and component.name != "VCALENDAR":
                raise NotACalendar(line, "a calendar begins with BEGIN:VCALENDAR; export it again")
            if len(stack) >= _MOST_DEEP:
                raise NotACalendar(line, f"components stand in each other {_MOST_DEEP} levels deep; export it again")
            (stack[-1].children if stack else found).append(component)
            stack.append(component)
        elif not stack:
            raise NotACalendar(line, "a calendar begins with BEGIN:VCALENDAR; export it again")
        elif name == "END":
            if value.strip().upper() != stack[-1].name:
                raise NotACalendar(line, f"{stack[-1].name} of line {stack[-1].line} is not closed before this line")
            stack.pop()
        else:
            given = {key.upper(): said.strip('"') for key, said in _PARAMETER.findall(match[2])}
            stack[-1].properties.setdefault(name, []).append(Property(value, given, line))
    if stack:
        raise NotACalendar(
            stack[-1].line, f"{stack[-1].name} is not closed; the file seems cut off, so export it again"
        )
    if not found:
        raise NotACalendar(1, "the file is empty; a calendar begins with BEGIN:VCALENDAR")
    return found


def _unfolded(body: bytes) -> Iterator[tuple[int, str]]:
    """Content lines and where each begins. Folds are taken out of the octets: they may split a character."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in body[:200]:
        raise NotACalendar(1, "the calendar is in UTF-16; save it in UTF-8")
    begins, pieces = 0, list[bytes]()
    for number, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        line = line.removesuffix(b"\r")
        if line.startswith(_FOLD) and begins:
            pieces.append(line[1:])
            continue
        yield from _joined(begins, pieces)
        begins, pieces = number, [line]
    yield from _joined(begins, pieces)


def _joined(line: int, pieces: list[bytes]) -> Iterator[tuple[int, str]]:
    octets = b"".join(pieces)
    if octets.strip():
        yield line, _decoded(octets, line)


def _decoded(octets: bytes, line: int) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotACalendar(line, "not UTF-8; save the calendar in UTF-8") from error


def text_of(value: str) -> str:
    """A TEXT value without its escapes (section 3.3.11); a backslash that escapes nothing stands for itself."""
    plain = re.sub(r"\\([\\;,nN])", lambda found: "\n" if found[1] in "nN" else found[1], value)
    return plain.strip()


def texts_of(value: str) -> list[str]:
    """A list of TEXT values between commas."""
    return [text_of(part) for part in re.findall(r"(?:[^\\,]|\\.|\\$)+", value, re.DOTALL)]
