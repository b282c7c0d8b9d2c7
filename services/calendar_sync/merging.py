"""A person's own changes survive our next version of an object: alarms, colour, note and what their program keeps. Pure.

When, where, title and state are ours. What cannot be read, is too large or has become a series is passed over: then our
object stands alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from shared.calendar.entry import OUR_TEXT
from shared.calendar.note import Notes, notes_around
from shared.calendar.text import escape, fold

LARGEST = 256 * 1024
"""Octets of a stored object that is looked at."""
MOST_ALARMS = 20
MOST_PROPERTIES = 100
LARGEST_KEPT = 64 * 1024
"""Octets of everything kept."""

_LINE = re.compile(r'([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)*):(.*)', re.S)
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=((?:"[^"]*"|[^";:])*)')
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_ESCAPE = re.compile(r"\\(.)?", re.S)
_OWN_NAME = re.compile(r"X(-[A-Z0-9]+)+")
_RELATIVE = re.compile(r"[+-]?P(?:\d{1,4}W|(?=\d|T\d)(?:\d{1,5}D)?(?:T(?=\d)(?:\d{1,6}H)?(?:\d{1,6}M)?(?:\d{1,8}S)?)?)")
_ABSOLUTE = re.compile(r"\d{8}T\d{6}Z")
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[A-Za-z0-9%:/?#\[\]@!$&'()*+,;=~._-]+")

_FORMS = {
    "COLOR": re.compile(r"[A-Za-z]{1,40}"),
    "CLASS": re.compile(r"PUBLIC|PRIVATE|CONFIDENTIAL"),
    "PRIORITY": re.compile(r"[0-9]"),
}
"""What a person sets once, and the only forms that we hand on."""
_TEXTS = {"COMMENT", "DESCRIPTION", "SUMMARY"}
_OF_ALARMS = {
    "ACTION", "TRIGGER", "DESCRIPTION", "SUMMARY", "DURATION", "REPEAT", "ATTACH", "UID", "ACKNOWLEDGED", "PROXIMITY",
}  # fmt: skip
_ACTIONS = {"DISPLAY", "AUDIO", "NONE"}
"""ACTION:EMAIL has an ATTENDEE and makes a server send mail."""
_SERIES = {"RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"}
_NOT_KEPT = re.compile(
    # Ours; a calendar's and not an entry's; a second copy of time, place or text, which would contradict ours.
    r"X-(LECTERN|WR|PUBLISHED|MICROSOFT|MS|MOZ-RECEIVED|ALT-DESC|APPLE-STRUCTURED-LOCATION|ORIGINAL-DTSTART)\b.*"
)


@dataclass(frozen=True)
class _Line:
    name: str
    parameters: str
    value: str

    def parameter(self, name: str) -> str | None:
        found = (value for key, value in _PARAMETER.findall(self.parameters) if key.upper() == name)
        return next(found, None)

    @property
    def whole(self) -> str:
        return f"{self.name}{self.parameters}:{self.value}"

    @property
    def text(self) -> str:
        return _ESCAPE.sub(lambda found: "\n" if found[1] in ("n", "N") else found[1] or "", self.value)


@dataclass
class _Entry:
    """The lines of a VEVENT, and of the VALARMs in it."""

    lines: list[_Line] = field(default_factory=list)
    alarms: list[list[_Line]] = field(default_factory=list)

    def value(self, name: str) -> str:
        return next((line.value for line in self.lines if line.name == name), "")

    def text(self, name: str) -> str:
        return next((line.text for line in self.lines if line.name == name), "")

    def start(self) -> str:
        return next((f"{line.parameter('TZID')} {line.value}" for line in self.lines if line.name == "DTSTART"), "")


@dataclass(frozen=True)
class _Kept:
    """What is theirs: whole lines, alarms as lines, the notes, all their categories that are not ours, and TRANSP."""

    lines: tuple[str, ...]
    alarms: tuple[tuple[str, ...], ...]
    notes: Notes
    categories: tuple[str, ...]
    transparency: str | None

    def __bool__(self) -> bool:
        return bool(
            self.lines or self.alarms or self.notes.front or self.notes.behind or self.categories or self.transparency
        )

    def size(self) -> int:
        every = (*self.lines, *self.categories, *(line for alarm in self.alarms for line in alarm))
        return sum(len(line.encode()) for line in every)


def merged(ours: bytes, theirs: bytes, mark: str, *, same: bool = False) -> bytes:
    """Our new calendar object with what a person or their program added to the stored one, `theirs`.

    `mark` is the address of the page with which our description ends; what stands behind it is their note, and what
    stands in front of our description where that can be told. `same`: `ours` says what we wrote there last. Where there
    is nothing to keep, or `theirs` is none of our objects, the answer is `ours`, octet for octet. Raises ValueError
    where `ours` is no calendar object.
    """
    kept = _kept(theirs, _ours(ours), mark, same)
    return ours if not kept else _joined(ours, kept)


def has_theirs(theirs: bytes, ours: bytes, *, same: bool = False) -> bool:
    """Whether the stored object holds something of the person that our object `ours` is to keep; `same` as in `merged`."""
    entry = _ours(ours)
    return bool(_kept(theirs, entry, entry.value("URL"), same))


def _ours(body: bytes) -> _Entry:
    entry = _read(body)
    if entry is None:
        raise ValueError("this is no calendar object of ours: one VCALENDAR with one VEVENT is needed")
    return entry


def _kept(theirs: bytes, ours: _Entry, mark: str, same: bool) -> _Kept | None:
    """None where `theirs` is no object to keep anything of."""
    entry = _read(theirs)
    if entry is None or entry.value("UID") != ours.value("UID") or any(line.name in _SERIES for line in entry.lines):
        return None
    if len(entry.alarms) > MOST_ALARMS or len(entry.lines) > MOST_PROPERTIES:
        return None
    moved = entry.start() != ours.start()
    cancelled = ours.value("STATUS") == "CANCELLED"
    alarms = () if cancelled else tuple(dict.fromkeys(filter(None, (_alarm(lines, moved) for lines in entry.alarms))))
    taken = {line.name for line in ours.lines}
    kept = _Kept(
        lines=tuple(dict.fromkeys(_properties(entry, taken))),
        alarms=alarms,
        notes=notes_around(
            entry.text("DESCRIPTION"), ours.text("DESCRIPTION"), mark, sealed=entry.text(OUR_TEXT), same=same
        ),
        categories=tuple(_categories(entry, ours)),
        transparency=None if cancelled else _transparency(entry, ours),
    )
    return kept if kept.size() <= LARGEST_KEPT else None


def _properties(entry: _Entry, taken: set[str]) -> Iterator[str]:
    """Whole lines of their own: each kind that stands once at most once, and never a kind that we write."""
    once: set[str] = set()
    for line in entry.lines:
        if line.parameter("TZID") is not None:
            continue  # its zone would have to come with it
        if line.name in _FORMS and line.name not in taken | once and _FORMS[line.name].fullmatch(line.value):
            once.add(line.name)
            yield f"{line.name}:{line.value}"
        elif line.name == "COMMENT" and line.text.strip():
            yield f"COMMENT:{escape(line.text)}"
        elif (line.name == "ATTACH" and _is_link(line)) or (
            _OWN_NAME.fullmatch(line.name) and not _NOT_KEPT.fullmatch(line.name)
        ):
            yield line.whole


def _alarm(lines: list[_Line], moved: bool) -> tuple[str, ...]:
    """An alarm as whole lines; () for one that is broken, sends mail, or names a moment that the session left."""
    if any(line.name in ("BEGIN", "END") for line in lines):
        return ()
    actions, triggers = ([line for line in lines if line.name == name] for name in ("ACTION", "TRIGGER"))
    if len(actions) != 1 or len(triggers) != 1 or actions[0].value.upper() not in _ACTIONS:
        return ()
    absolute = triggers[0].parameter("VALUE") == "DATE-TIME"
    if not (_ABSOLUTE if absolute else _RELATIVE).fullmatch(triggers[0].value) or (absolute and moved):
        return ()
    found: list[str] = []
    names: set[str] = set()
    for line in lines:
        own = _OWN_NAME.fullmatch(line.name) is not None
        if line.parameter("TZID") is not None or not (own or line.name in _OF_ALARMS):
            continue
        if line.name == "ATTACH" and not _is_link(line):
            continue
        if not own and line.name in names:
            continue
        names.add(line.name)
        found.append(f"{line.name}:{escape(line.text)}" if line.name in _TEXTS else line.whole)
    if "DESCRIPTION" not in names and actions[0].value.upper() == "DISPLAY":
        found.append("DESCRIPTION:.")  # section 3.6.6 asks for one
    return tuple(found)


def _categories(entry: _Entry, ours: _Entry) -> Iterator[str]:
    """Their categories: not those that we wrote then (X-LECTERN-CATEGORIES says which), and not those of now."""
    then = next((line for line in entry.lines if line.name == "X-LECTERN-CATEGORIES"), None)
    if then is None:
        return
    ours_then = f",{then.text},"  # not taken apart: some servers make one text of the whole line
    seen = {name for line in ours.lines if line.name == "CATEGORIES" for name in _list(line)}
    for line in entry.lines:
        if line.name == "CATEGORIES":
            for name in _list(line):
                if name not in seen and f",{name}," not in ours_then:
                    seen.add(name)
                    yield name


def _list(line: _Line) -> list[str]:
    """The TEXT values of a line that has several."""
    parts = re.findall(r"(?:\\.|[^\\,])+", line.value, re.S)
    return [text for part in parts if (text := _Line(line.name, "", part).text.strip())]


def _transparency(entry: _Entry, ours: _Entry) -> str | None:
    """TRANSP where the person changed it from what we write for such an entry, and we say another one now."""
    theirs = entry.value("TRANSP")
    all_day = any(line.name == "DTSTART" and line.parameter("VALUE") == "DATE" for line in entry.lines)
    then = "TRANSPARENT" if all_day or entry.value("STATUS") in ("TENTATIVE", "CANCELLED") else "OPAQUE"
    changed = theirs in ("OPAQUE", "TRANSPARENT") and theirs not in (then, ours.value("TRANSP"))
    return theirs if changed else None


def _is_link(line: _Line) -> bool:
    return (
        line.parameter("VALUE") in (None, "URI")
        and line.parameter("ENCODING") is None
        and _URI.fullmatch(line.value) is not None
        and not line.value.startswith("data:")
    )


def _joined(ours: bytes, kept: _Kept) -> bytes:
    lines: list[str] = []
    inside = False
    for line in _unfolded(ours.decode()):
        name = re.split("[;:]", line, maxsplit=1)[0]
        if line == "BEGIN:VEVENT":
            inside = True
        if line == "END:VEVENT":
            inside = False
            lines.extend(kept.lines)
            if kept.categories:
                lines.append("CATEGORIES:" + ",".join(map(escape, kept.categories)))
            for alarm in kept.alarms:
                lines.extend(("BEGIN:VALARM", *alarm, "END:VALARM"))
        if inside and name == "DESCRIPTION":
            line = _noted(line, kept.notes)
        if inside and name == "TRANSP" and kept.transparency:
            line = f"TRANSP:{kept.transparency}"
        lines.append(line)
    return b"".join(map(fold, lines))


def _noted(line: str, notes: Notes) -> str:
    """Our DESCRIPTION, a whole line, with the notes around it."""
    front = escape(notes.front) + "\\n\\n" if notes.front else ""
    behind = "\\n\\n" + escape(notes.behind) if notes.behind else ""
    name, _, text = line.partition(":")
    return f"{name}:{front}{text}{behind}"


def _read(body: bytes) -> _Entry | None:
    """The one VEVENT of a calendar object; None for what is broken, too large, or holds another number of them."""
    if len(body) > LARGEST:
        return None
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    stack: list[str] = []
    entries: list[_Entry] = []
    calendars = 0
    for raw in _unfolded(text):
        found = _LINE.fullmatch(raw)
        if found is None or _CONTROL.search(raw):
            continue  # a line that no program should have written; the others stand
        line = _Line(found[1].upper(), found[2], found[3])
        if line.name == "BEGIN":
            stack.append(line.value.upper())
            calendars += stack == ["VCALENDAR"]
            if stack[0] != "VCALENDAR" or len(stack) > 4:
                return None
            if stack == ["VCALENDAR", "VEVENT"]:
                entries.append(_Entry())
            elif stack == ["VCALENDAR", "VEVENT", "VALARM"]:
                entries[-1].alarms.append([])
            elif stack[:3] == ["VCALENDAR", "VEVENT", "VALARM"]:
                entries[-1].alarms[-1].append(line)
        elif line.name == "END":
            if not stack or stack.pop() != line.value.upper():
                return None
        elif stack == ["VCALENDAR", "VEVENT"]:
            entries[-1].lines.append(line)
        elif stack == ["VCALENDAR", "VEVENT", "VALARM"]:
            entries[-1].alarms[-1].append(line)
    return entries[0] if not stack and calendars == 1 and len(entries) == 1 else None


def _unfolded(text: str) -> list[str]:
    return [line for line in re.split(r"\r?\n", re.sub(r"\r?\n[ \t]", "", text)) if line]
