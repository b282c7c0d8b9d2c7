"""The lint's look at sessions: what a VEVENT of ours must say, once and in which form (RFC 5545, section 3.6.1; RFC 7986)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from shared.calendar.lint_lines import Component, Property

_DATE = re.compile(r"^\d{8}$")
_DATE_TIME = re.compile(r"^\d{8}T\d{6}Z?$")
_UID = re.compile(r"^[A-Za-z0-9._+=:~-]+@[A-Za-z0-9.:_-]+$")
_LONGEST_UID = 255
_NUMBER = re.compile(r"^[0-9]{1,10}$")
_LARGEST = 2**31 - 1
_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*:[A-Za-z0-9%:/?#\[\]@!$&'()*+,;=~._-]+$")
_OWN_NAME = re.compile(r"^X(-[A-Z0-9]+)+$")
_TRIGGER = re.compile(r"^([+-]?P(\d+W|(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?)|\d{8}T\d{6}Z)$")

_NEEDED = ("UID", "DTSTAMP", "DTSTART", "SUMMARY", "SEQUENCE", "STATUS", "TRANSP", "LAST-MODIFIED")
_ONCE = (
    "CLASS", "COLOR", "CREATED", "DESCRIPTION", "DTEND", "DTSTAMP", "DTSTART", "DURATION", "GEO", "LAST-MODIFIED",
    "LOCATION", "PRIORITY", "SEQUENCE", "STATUS", "SUMMARY", "TRANSP", "UID", "URL", "X-LECTERN-REVISION",
)  # fmt: skip
_KNOWN = frozenset(_ONCE) | {
    "ATTACH", "ATTENDEE", "CATEGORIES", "COMMENT", "CONFERENCE", "CONTACT", "EXDATE", "IMAGE", "ORGANIZER", "RDATE",
    "RECURRENCE-ID", "RELATED-TO", "RESOURCES", "RRULE",
}  # fmt: skip
_FEATURES = {"AUDIO", "CHAT", "FEED", "MODERATOR", "PHONE", "SCREEN", "VIDEO"}
_CHOICES = {"STATUS": {"TENTATIVE", "CONFIRMED", "CANCELLED"}, "TRANSP": {"OPAQUE", "TRANSPARENT"}}


def look_at_entry(event: Component) -> Iterator[str]:
    """What is wrong with one VEVENT."""
    uid = event.one("UID")
    name = f"VEVENT {uid.value if uid else 'without UID'}"
    for problem in (*_properties(event), *_identity(event), *_state(event), *_times(event), *_conferences(event)):
        yield f"{name}: {problem}"
    for child in event.children:
        if child.name != "VALARM":
            yield f"{name}: {child.name} does not belong there"
        yield from (f"{name}: {problem}" for problem in _alarm(child))


def look_at_names(component: Component, known: frozenset[str]) -> Iterator[str]:
    """Properties that no RFC knows and that are not named as one's own: X-MAKER-NAME."""
    for item in component.properties:
        if item.name.startswith("X-"):
            if not _OWN_NAME.match(item.name):
                yield f"{item.name} is no name of one's own like X-LECTERN-REVISION"
        elif item.name not in known:
            yield f"{item.name} is unknown; a name of one's own begins with X-"


def is_address(value: str) -> bool:
    """Whether `value` is a URI with its scheme, without blanks and quotation marks (RFC 3986)."""
    return _ADDRESS.match(value) is not None


def _properties(event: Component) -> Iterator[str]:
    for needed in _NEEDED:
        if not event.all(needed):
            yield f"{needed} is missing"
    for once in _ONCE:
        if len(event.all(once)) > 1:
            yield f"{once} stands more than once"
    yield from look_at_names(event, _KNOWN)
    for person in ("ORGANIZER", "ATTENDEE"):
        if event.all(person):
            yield f"{person} makes servers send mail on their own; it belongs in mails only"
    for repeated in ("RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"):
        if event.all(repeated):
            yield f"{repeated}: a session is one entry and does not repeat"
    for item in event.all("URL"):
        if not is_address(item.value):
            yield f"URL {item.value} is no address"


def _identity(event: Component) -> Iterator[str]:
    for item in event.all("UID"):
        if not _UID.match(item.value):
            yield "UID is not like session@domain, of letters, digits and . _ + = : ~ -"
        if len(item.value) > _LONGEST_UID:
            yield f"UID has {len(item.value)} characters; {_LONGEST_UID} are safe"
    for name in ("SEQUENCE", "X-LECTERN-REVISION"):
        number = event.one(name)
        if number is not None and not (_NUMBER.match(number.value) and int(number.value) <= _LARGEST):
            yield f"{name} {number.value} is no number"
    stamps = []
    for name in ("DTSTAMP", "LAST-MODIFIED", "CREATED"):
        moment = event.one(name)
        if moment is None:
            continue
        if not moment.value.endswith("Z"):
            yield f"{name} must be in UTC"
        elif _instant(moment) is None:
            yield f"{name} {moment.value} is no date and time"
        if name != "CREATED":
            stamps.append(moment.value)
    if len(set(stamps)) > 1:
        yield "DTSTAMP and LAST-MODIFIED differ; both say when the session last changed"


def _state(event: Component) -> Iterator[str]:
    for name, choices in _CHOICES.items():
        item = event.one(name)
        if item is not None and item.value not in choices:
            yield f"{name} {item.value} is unknown"
    status, free, title = event.one("STATUS"), event.one("TRANSP"), event.one("SUMMARY")
    if status is not None and status.value == "CANCELLED" and free is not None and free.value == "OPAQUE":
        yield "it is cancelled and yet takes up time: TRANSP must be TRANSPARENT"
    if title is not None and not title.text.strip():
        yield "SUMMARY says nothing"


def _times(event: Component) -> Iterator[str]:
    start, end = event.one("DTSTART"), event.one("DTEND")
    if end is not None and event.all("DURATION"):
        yield "DTEND and DURATION exclude each other"
    for item in (start, end):
        if item is not None:
            yield from _time(item)
    if start is not None and end is not None:
        yield from _order(start, end)


def _time(item: Property) -> Iterator[str]:
    kind = item.parameters.get("VALUE", "DATE-TIME")
    if kind not in ("DATE", "DATE-TIME"):
        yield f"{item.name} is of the kind {kind}"
    elif kind == "DATE":
        if not _DATE.match(item.value) or "TZID" in item.parameters:
            yield f"{item.name} must be a date alone"
        elif _instant(item) is None:
            yield f"{item.name} {item.value} is no date"
    elif not _DATE_TIME.match(item.value) or _instant(item) is None:
        yield f"{item.name} {item.value} is no date and time"
    elif item.value.endswith("Z") == ("TZID" in item.parameters):
        yield f"{item.name} needs TZID or Z, one of them"


def _order(start: Property, end: Property) -> Iterator[str]:
    if start.parameters.get("VALUE", "DATE-TIME") != end.parameters.get("VALUE", "DATE-TIME"):
        yield "DTSTART and DTEND are of different kinds"
        return
    first, last = _instant(start), _instant(end)
    if first is not None and last is not None and last <= first:
        yield "DTEND is not after DTSTART"


def _instant(item: Property) -> datetime | None:
    """The instant in UTC; None for what is no time, or has a zone that tzdata does not know (that is told elsewhere)."""
    value = item.value.removesuffix("Z")
    tzid = item.parameters.get("TZID")
    try:
        moment = datetime.strptime(value, "%Y%m%d" if len(value) == 8 else "%Y%m%dT%H%M%S")  # noqa: DTZ007
        return moment.replace(tzinfo=ZoneInfo(tzid) if tzid else UTC).astimezone(UTC)
    except (ValueError, KeyError, OSError, OverflowError):
        return None


def _conferences(event: Component) -> Iterator[str]:
    about = event.one("DESCRIPTION")
    for item in event.all("CONFERENCE"):
        if item.parameters.get("VALUE") != "URI":
            yield "CONFERENCE needs VALUE=URI"
        if not is_address(item.value):
            yield f"CONFERENCE {item.value} is no address"
        features = set(item.parameters.get("FEATURE", "").split(","))
        if not features <= _FEATURES:
            yield "CONFERENCE needs FEATURE with one of " + ", ".join(sorted(_FEATURES))
        if not item.parameters.get("LABEL"):
            yield "CONFERENCE needs a LABEL"
        if about is None or item.value not in about.text:
            yield "the link of CONFERENCE is not in DESCRIPTION, where most programs look"


def _alarm(alarm: Component) -> Iterator[str]:
    for needed in ("ACTION", "TRIGGER"):
        if len(alarm.all(needed)) != 1:
            yield f"{alarm.name} needs {needed} exactly once"
    trigger = alarm.one("TRIGGER")
    if trigger is not None and not _TRIGGER.match(trigger.value):
        yield f"TRIGGER {trigger.value} is no duration and no moment in UTC"
