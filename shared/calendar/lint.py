"""Our own lint of iCalendar output: what no validator catches all of, and what clients stumble over (RFC 5545, 7986).

It reads bytes and shares nothing with what writes them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_LINE = re.compile(
    r"^([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:\"[^\"]*\"|[^\";:,]*)(?:,(?:\"[^\"]*\"|[^\";:,]*))*)*):(.*)$", re.S
)
_PARAMETER = re.compile(r";([A-Za-z0-9-]+)=((?:\"[^\"]*\"|[^\";:])*)")
_DATE = re.compile(r"^\d{8}$")
_DATE_TIME = re.compile(r"^\d{8}T\d{6}Z?$")
_ESCAPE = re.compile(r"\\(.)?", re.S)

_TEXTS = {"SUMMARY", "DESCRIPTION", "LOCATION", "COMMENT", "NAME", "X-WR-CALNAME", "X-WR-CALDESC", "TZNAME", "UID"}
_LISTS = {"CATEGORIES"}
_ONCE = {"UID", "DTSTAMP", "DTSTART", "DTEND", "DURATION", "SEQUENCE", "STATUS", "SUMMARY", "DESCRIPTION", "LOCATION",
         "TRANSP", "URL", "LAST-MODIFIED"}  # fmt: skip
_STATUSES = {"TENTATIVE", "CONFIRMED", "CANCELLED"}


@dataclass
class _Property:
    name: str
    parameters: dict[str, str]
    value: str


@dataclass
class _Component:
    name: str
    properties: list[_Property] = field(default_factory=list)
    children: list[_Component] = field(default_factory=list)

    def all(self, name: str) -> list[_Property]:
        return [item for item in self.properties if item.name == name]

    def one(self, name: str) -> _Property | None:
        return next(iter(self.all(name)), None)


def lint(body: bytes) -> list[str]:
    """Everything that is wrong with a feed or calendar object, in words; empty when it is right."""
    problems = list(_lines(body))
    root, found = _parse(body)
    problems.extend(found)
    if root is None:
        return problems
    problems.extend(_calendar(root))
    problems.extend(_zones(root))
    for event in root.children:
        if event.name == "VEVENT":
            problems.extend(_event(event))
    problems.extend(_duplicates(root))
    problems.extend(_escapes(root))
    return problems


def _lines(body: bytes) -> Iterator[str]:
    if not body.endswith(b"\r\n"):
        yield "the last line does not end with CRLF"
    if re.search(rb"(?<!\r)\n|\r(?!\n)", body):
        yield "a line ends with LF or CR alone"
    for number, line in enumerate(body.removesuffix(b"\r\n").split(b"\r\n"), 1):
        if len(line) > 75:
            yield f"line {number} has {len(line)} octets; 75 are allowed"
        if not line.strip():
            yield f"line {number} is empty"
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            yield f"line {number} splits a UTF-8 character, or is no UTF-8"
            continue
        if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text):
            yield f"line {number} holds a control character"


def _parse(body: bytes) -> tuple[_Component | None, list[str]]:
    problems: list[str] = []
    text = re.sub(rb"\r?\n[ \t]", b"", body).decode("utf-8", "replace")
    stack: list[_Component] = []
    root: _Component | None = None
    for number, line in enumerate(filter(None, re.split(r"\r?\n", text)), 1):
        match = _LINE.match(line)
        if match is None:
            problems.append(f"content line {number} is not name;parameters:value: {line[:40]!r}")
            continue
        name, value = match[1].upper(), match[3]
        if name == "BEGIN":
            component = _Component(value.upper())
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
            parameters = {key.upper(): given.strip('"') for key, given in _PARAMETER.findall(match[2])}
            stack[-1].properties.append(_Property(name, parameters, value))
    if stack:
        problems.append(f"{stack[-1].name} is not closed")
    if root is None or root.name != "VCALENDAR":
        return None, [*problems, "there is no VCALENDAR"]
    return root, problems


def _calendar(root: _Component) -> Iterator[str]:
    for name in ("PRODID", "VERSION"):
        if len(root.all(name)) != 1:
            yield f"VCALENDAR needs {name} exactly once"
    version = root.one("VERSION")
    if version is not None and version.value != "2.0":
        yield "VERSION must be 2.0"
    if root.all("METHOD"):
        yield "METHOD stands in a feed or stored object; it belongs in mails only"
    if not root.children:
        yield "VCALENDAR has no component"


def _zones(root: _Component) -> Iterator[str]:
    defined = Counter(tzid.value for zone in root.children if zone.name == "VTIMEZONE" for tzid in zone.all("TZID"))
    for tzid, count in defined.items():
        if count > 1:
            yield f"VTIMEZONE {tzid} stands {count} times"
        if "/" not in tzid:
            yield f"TZID {tzid} is no IANA zone; an abbreviation says too little"
    for event in root.children:
        for item in event.properties:
            used = item.parameters.get("TZID")
            if used is not None and used not in defined:
                yield f"{item.name} uses TZID {used}, which has no VTIMEZONE"
    for zone in root.children:
        if zone.name == "VTIMEZONE":
            yield from _zone(zone)


def _zone(zone: _Component) -> Iterator[str]:
    name: str = next((item.value for item in zone.all("TZID")), "without TZID")
    if not any(child.name in ("STANDARD", "DAYLIGHT") for child in zone.children):
        yield f"VTIMEZONE {name} has no STANDARD or DAYLIGHT"
    for child in zone.children:
        for needed in ("DTSTART", "TZOFFSETFROM", "TZOFFSETTO"):
            if len(child.all(needed)) != 1:
                yield f"VTIMEZONE {name}: {child.name} needs {needed} exactly once"
        if child.all("RDATE"):
            yield f"VTIMEZONE {name}: {child.name} lists RDATE; use RRULE"
        start = child.one("DTSTART")
        if start is not None and start.value.endswith("Z"):
            yield f"VTIMEZONE {name}: DTSTART must be local time"
        for rule in child.all("RRULE"):
            until = re.search(r"UNTIL=([^;]+)", rule.value)
            if until and not until[1].endswith("Z"):
                yield f"VTIMEZONE {name}: UNTIL must be in UTC"


def _event(event: _Component) -> Iterator[str]:
    uid = event.one("UID")
    name = f"VEVENT {uid.value if uid else 'without UID'}"
    for needed in ("UID", "DTSTAMP", "DTSTART"):
        if not event.all(needed):
            yield f"{name}: {needed} is missing"
    for once in sorted(_ONCE):
        if len(event.all(once)) > 1:
            yield f"{name}: {once} stands more than once"
    for stamp in ("DTSTAMP", "LAST-MODIFIED"):
        item = event.one(stamp)
        if item is not None and not (_DATE_TIME.match(item.value) and item.value.endswith("Z")):
            yield f"{name}: {stamp} must be in UTC"
    status = event.one("STATUS")
    if status is not None and status.value not in _STATUSES:
        yield f"{name}: STATUS {status.value} is unknown"
    number = event.one("SEQUENCE")
    if number is not None and not number.value.isdigit():
        yield f"{name}: SEQUENCE {number.value} is no number"
    start, end = event.one("DTSTART"), event.one("DTEND")
    if end is not None and event.all("DURATION"):
        yield f"{name}: DTEND and DURATION exclude each other"
    for item in (start, end):
        if item is not None:
            yield from _time(name, item)
    if start is not None and end is not None:
        yield from _order(name, start, end)


def _time(name: str, item: _Property) -> Iterator[str]:
    if item.parameters.get("VALUE", "DATE-TIME") == "DATE":
        if not _DATE.match(item.value) or "TZID" in item.parameters:
            yield f"{name}: {item.name} must be a date alone"
    elif not _DATE_TIME.match(item.value):
        yield f"{name}: {item.name} {item.value} is no date and time"
    elif item.value.endswith("Z") == ("TZID" in item.parameters):
        yield f"{name}: {item.name} needs TZID or Z, one of them"


def _order(name: str, start: _Property, end: _Property) -> Iterator[str]:
    if start.parameters.get("VALUE") != end.parameters.get("VALUE"):
        yield f"{name}: DTSTART and DTEND are of different kinds"
        return
    try:
        first, last = _instant(start), _instant(end)
    except (ValueError, KeyError):
        return  # told above as no date and time, or as a zone that is missing
    if last <= first:
        yield f"{name}: DTEND is not after DTSTART"


def _instant(item: _Property) -> datetime:
    value = item.value.removesuffix("Z")
    moment = datetime.strptime(value, "%Y%m%d" if len(value) == 8 else "%Y%m%dT%H%M%S")  # noqa: DTZ007
    tzid = item.parameters.get("TZID")
    return moment.replace(tzinfo=ZoneInfo(tzid) if tzid else UTC).astimezone(UTC)


def _duplicates(root: _Component) -> Iterator[str]:
    uids = Counter(
        uid.value
        for event in root.children
        if event.name == "VEVENT" and not event.all("RECURRENCE-ID")
        for uid in event.all("UID")
    )
    for uid, count in uids.items():
        if count > 1:
            yield f"UID {uid} stands {count} times"


def _escapes(component: _Component) -> Iterator[str]:
    for item in component.properties:
        if item.name not in _TEXTS | _LISTS:
            continue
        for escape in _ESCAPE.finditer(item.value):
            if escape[1] is None or escape[1] not in "\\;,nN":
                yield f"{item.name}: a backslash escapes nothing"
        bare = _ESCAPE.sub("", item.value)
        if ";" in bare or ("," in bare and item.name in _TEXTS):
            yield f"{item.name}: a comma or semicolon is not escaped"
    for child in component.children:
        yield from _escapes(child)
