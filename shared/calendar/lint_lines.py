"""The lint's first look: bytes as content lines (RFC 5545, section 3.1), lines as components, and texts with their escapes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

LIMIT = 75
"""Octets that a line may have, its CRLF not counted."""

_LINE = re.compile(
    r"^([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:\"[^\"]*\"|[^\";:,]*)(?:,(?:\"[^\"]*\"|[^\";:,]*))*)*):(.*)$", re.S
)
_PARAMETER = re.compile(r";([A-Za-z0-9-]+)=((?:\"[^\"]*\"|[^\";:])*)")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_ESCAPE = re.compile(r"\\(.)?", re.S)
_BOM = b"\xef\xbb\xbf"

TEXTS = frozenset({
    "SUMMARY", "DESCRIPTION", "LOCATION", "COMMENT", "CONTACT", "NAME", "X-WR-CALNAME", "X-WR-CALDESC", "TZNAME", "UID",
})  # fmt: skip
"""Properties with one TEXT value (section 3.3.11)."""

LISTS = frozenset({"CATEGORIES", "RESOURCES", "X-LECTERN-CATEGORIES"})
"""Properties with several, set apart by commas."""


@dataclass
class Property:
    """One content line. `value` still has its escapes."""

    name: str
    parameters: dict[str, str]
    value: str

    @property
    def text(self) -> str:
        """The TEXT value as people read it."""
        return _ESCAPE.sub(lambda found: "\n" if found[1] in ("n", "N") else found[1] or "", self.value)


@dataclass
class Component:
    """What stands between BEGIN and END."""

    name: str
    properties: list[Property] = field(default_factory=list)
    children: list[Component] = field(default_factory=list)

    def all(self, name: str) -> list[Property]:
        """Every property called `name`."""
        return [item for item in self.properties if item.name == name]

    def one(self, name: str) -> Property | None:
        """The first property called `name`, if there is one."""
        return next(iter(self.all(name)), None)

    def named(self, name: str) -> list[Component]:
        """The components called `name` directly in this one."""
        return [child for child in self.children if child.name == name]


def look_at_lines(body: bytes) -> Iterator[str]:
    """What is wrong with line ends, lengths, characters and folding."""
    if body.startswith(_BOM):
        yield "the text begins with a byte order mark"
    if not body.endswith(b"\r\n"):
        yield "the last line does not end with CRLF"
    if re.search(rb"(?<!\r)\n|\r(?!\n)", body):
        yield "a line ends with LF or CR alone"
    whole = True
    for number, line in enumerate(body.removesuffix(b"\r\n").split(b"\r\n"), 1):
        if len(line) > LIMIT:
            yield f"line {number} has {len(line)} octets; {LIMIT} are allowed"
        if not line.strip():
            yield f"line {number} is empty"
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            whole = False
            continue
        if _CONTROL.search(text):
            yield f"line {number} holds a control character"
    if not whole:
        try:
            _unfolded(body).decode("utf-8")
        except UnicodeDecodeError as error:
            yield f"octet {error.start} of the unfolded text is no UTF-8"
        else:
            yield "a fold splits a UTF-8 character"


def parse(body: bytes) -> tuple[Component | None, list[str]]:
    """The VCALENDAR of `body`, and what is wrong with its lines and their nesting; None where there is none."""
    problems: list[str] = []
    text = _unfolded(body).decode("utf-8", "replace").removeprefix("\ufeff")
    stack: list[Component] = []
    root: Component | None = None
    for number, line in enumerate(filter(None, re.split(r"\r?\n", text)), 1):
        match = _LINE.match(line)
        if match is None:
            problems.append(f"content line {number} is not name;parameters:value: {line[:40]!r}")
            continue
        name, value = match[1].upper(), match[3]
        if name == "BEGIN":
            component = Component(value.upper())
            if stack:
                stack[-1].children.append(component)
            elif root is not None:
                problems.append("there is more than one VCALENDAR")
            root = root or component
            stack.append(component)
        elif name == "END":
            if not stack or stack[-1].name != value.upper():
                problems.append(f"END:{value} closes nothing")
            else:
                stack.pop()
        elif not stack:
            problems.append(f"{name} stands outside of a component")
        else:
            given = _PARAMETER.findall(match[2])
            if len({key.upper() for key, _ in given}) < len(given):
                problems.append(f"{name} has a parameter twice")
            parameters = {key.upper(): value.strip('"') for key, value in given}
            stack[-1].properties.append(Property(name, parameters, value))
    if stack:
        problems.append(f"{stack[-1].name} is not closed")
    if root is None or root.name != "VCALENDAR":
        return None, [*problems, "there is no VCALENDAR"]
    return root, problems


def look_at_escapes(component: Component) -> Iterator[str]:
    """What is wrong with the escapes of texts, here and in every component within."""
    for item in component.properties:
        if item.name not in TEXTS | LISTS:
            continue
        if any(escape[1] is None or escape[1] not in "\\;,nN" for escape in _ESCAPE.finditer(item.value)):
            yield f"{item.name}: a backslash escapes nothing"
        bare = _ESCAPE.sub("x", item.value)
        if ";" in bare or ("," in bare and item.name in TEXTS):
            yield f"{item.name}: a comma or semicolon is not escaped"
        if item.name in LISTS and not all(part.strip() for part in bare.split(",")):
            yield f"{item.name}: one of its values is empty"
    for child in component.children:
        yield from look_at_escapes(child)


def _unfolded(body: bytes) -> bytes:
    return re.sub(rb"\r?\n[ \t]", b"", body)
