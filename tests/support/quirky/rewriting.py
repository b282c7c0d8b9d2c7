"""How servers change what they store, and what they accept at all."""

from __future__ import annotations

import re

from shared.calendar.text import fold
from tests.support.quirky.quirks import Quirks

_NAME = re.compile(r"[^;:]*")
Block = tuple[str, list[str], list["Block"]]
"""A component: its name, its property lines, the components in it."""


def acceptable(body: bytes) -> bool:
    """Whether RFC 4791 section 4.1 lets this be stored: one UID, whole, no METHOD."""
    try:
        name, lines, children = _block(_lines(body))
    except (ValueError, IndexError):
        return False
    if name != "VCALENDAR" or any(_name(line) == "METHOD" for line in lines):
        return False
    parts = [child for child in children if child[0] in ("VEVENT", "VTODO", "VJOURNAL")]
    uids = {line.partition(":")[2] for part in parts for line in part[1] if _name(line) == "UID"}
    return bool(parts) and len(uids) == 1 and "" not in uids


def rewritten(body: bytes, quirks: Quirks, owner_mail: str) -> bytes:
    """The bytes that are stored for acceptable bytes."""
    if not (quirks.reserialises or quirks.drops_unknown or quirks.adds_organizer):
        return body
    block = _changed(_block(_lines(body)), quirks, owner_mail)
    return b"".join(fold(line) for line in _flat(block))


def attendees(body: bytes) -> list[str]:
    """Whom a scheduling server would mail for this object: every ATTENDEE, where there is an ORGANIZER."""
    lines = _lines(body)
    if not any(_name(line) == "ORGANIZER" for line in lines):
        return []
    return [line for line in lines if _name(line) == "ATTENDEE"]


def _changed(block: Block, quirks: Quirks, owner_mail: str) -> Block:
    name, lines, children = block
    if quirks.drops_unknown:
        lines = [line for line in lines if not line.upper().startswith("X-")]
        children = [child for child in children if child[0] != "VALARM"]
    if quirks.adds_organizer and name == "VEVENT" and not any(_name(line) == "ORGANIZER" for line in lines):
        lines = [*lines, f"ORGANIZER;CN=Owner:mailto:{owner_mail}"]
    if quirks.reserialises:
        lines = sorted((line for line in lines if not line.startswith("X-QUIRKY-")), reverse=True)
        if name in ("VCALENDAR", "VEVENT"):
            lines.append(f"X-QUIRKY-{name}:seen")
    return name, lines, [_changed(child, quirks, owner_mail) for child in children]


def _flat(block: Block) -> list[str]:
    name, lines, children = block
    return [f"BEGIN:{name}", *lines, *(line for child in children for line in _flat(child)), f"END:{name}"]


def _lines(body: bytes) -> list[str]:
    text = body.decode(errors="replace").replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "")
    return [line for line in text.split("\n") if line]


def _block(lines: list[str]) -> Block:
    """Raises ValueError or IndexError where BEGIN and END do not match."""
    stack: list[Block] = []
    for index, line in enumerate(lines):
        if line.upper().startswith("BEGIN:"):
            block: Block = (line[6:].upper(), [], [])
            if stack:
                stack[-1][2].append(block)
            stack.append(block)
        elif line.upper().startswith("END:"):
            done = stack.pop()
            if done[0] != line[4:].upper():
                raise ValueError(line)
            if not stack:
                if index != len(lines) - 1:
                    raise ValueError("text after the end")
                return done
        else:
            stack[-1][1].append(line)
    raise ValueError("no end")


def _name(line: str) -> str:
    found = _NAME.match(line)
    return found[0].upper() if found else ""
