"""Our own lint of iCalendar output: what no validator catches all of, and what clients stumble over (RFC 5545, 7986).

It reads bytes and shares nothing with what writes them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from shared.calendar.lint_entries import is_address, look_at_entry, look_at_names
from shared.calendar.lint_lines import Component, look_at_escapes, look_at_lines, parse
from shared.calendar.lint_zones import look_at_zones

_TWICE = (("NAME", "X-WR-CALNAME"), ("DESCRIPTION", "X-WR-CALDESC"))
"""What some programs read under the first name and others under the second."""

_OF_FEEDS = (
    "NAME", "X-WR-CALNAME", "DESCRIPTION", "X-WR-CALDESC", "URL", "COLOR", "REFRESH-INTERVAL", "X-PUBLISHED-TTL",
)  # fmt: skip
_KNOWN = frozenset(
    {"VERSION", "PRODID", "CALSCALE", "METHOD", "CATEGORIES", "IMAGE", "LAST-MODIFIED", "SOURCE", "UID", *_OF_FEEDS}
)
_DURATION = re.compile(r"^P(?:(\d+)W|(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?)$")
_COLOUR = re.compile(r"^[a-z]+$")


def lint(body: bytes, *, feed: bool | None = None) -> list[str]:
    """Everything that is wrong with a calendar, in words; empty when it is right.

    `feed`: whether it is one to subscribe to, or (False) an object for a CalDAV server. None: it is a feed where it
    says a name or how often to come back.
    """
    problems = list(look_at_lines(body))
    root, found = parse(body)
    problems.extend(found)
    if root is None:
        return problems
    if feed is None:
        feed = any(root.all(name) for name in _OF_FEEDS)
    problems.extend(_calendar(root))
    problems.extend(_feed(root) if feed else _object(root))
    problems.extend(look_at_zones(root))
    for event in root.named("VEVENT"):
        problems.extend(look_at_entry(event))
    problems.extend(_duplicates(root))
    problems.extend(look_at_escapes(root))
    return problems


def _calendar(root: Component) -> Iterator[str]:
    for name in ("PRODID", "VERSION"):
        if len(root.all(name)) != 1:
            yield f"VCALENDAR needs {name} exactly once"
    for name, count in Counter(item.name for item in root.properties).items():
        if count > 1 and name not in ("PRODID", "VERSION", "CATEGORIES", "IMAGE"):
            yield f"{name} stands {count} times in VCALENDAR"
    version, scale = root.one("VERSION"), root.one("CALSCALE")
    if version is not None and version.value != "2.0":
        yield "VERSION must be 2.0"
    if scale is not None and scale.value != "GREGORIAN":
        yield "CALSCALE must be GREGORIAN"
    if root.all("METHOD"):
        yield "METHOD stands in a feed or stored object; it belongs in mails only"
    yield from look_at_names(root, _KNOWN)
    if not root.children:
        yield "VCALENDAR has no component"
    for child in root.children:
        if child.name not in ("VEVENT", "VTIMEZONE"):
            yield f"{child.name} is neither a session nor a time zone"
    if [child.name == "VEVENT" for child in root.children] != sorted(child.name == "VEVENT" for child in root.children):
        yield "a VTIMEZONE comes after a VEVENT; some programs read only what they have already met"


def _feed(root: Component) -> Iterator[str]:
    for name in (*_OF_FEEDS, "CALSCALE"):
        if not root.all(name):
            yield f"a feed needs {name}"
    for name, other in _TWICE:
        first, second = root.one(name), root.one(other)
        if first is not None and second is not None and first.text != second.text:
            yield f"{name} and {other} differ"
    for name in ("NAME", "X-WR-CALNAME"):
        named = root.one(name)
        if named is not None and not named.text.strip():
            yield f"{name} says nothing"
    page, colour = root.one("URL"), root.one("COLOR")
    if page is not None and not is_address(page.value):
        yield f"URL {page.value} is no address"
    if colour is not None and not _COLOUR.match(colour.value):
        yield f"COLOR {colour.value} is no colour name of CSS"
    yield from _refresh(root)


def _refresh(root: Component) -> Iterator[str]:
    asked, published = root.one("REFRESH-INTERVAL"), root.one("X-PUBLISHED-TTL")
    if asked is not None and asked.parameters.get("VALUE") != "DURATION":
        yield "REFRESH-INTERVAL needs VALUE=DURATION"
    found = []
    for item in (asked, published):
        if item is not None:
            found.append(_duration(item.value))
            if not found[-1]:
                yield f"{item.name} {item.value} is no duration"
    if len(found) == 2 and all(found) and found[0] != found[1]:
        yield "REFRESH-INTERVAL and X-PUBLISHED-TTL differ"


def _duration(value: str) -> timedelta | None:
    """None also for no time at all, which no program should wait between two looks."""
    match = _DURATION.match(value)
    if match is None:
        return None
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds) or None


def _object(root: Component) -> Iterator[str]:
    """RFC 4791, section 4.1."""
    events = root.named("VEVENT")
    if not events:
        yield "a calendar object needs a VEVENT"
    if len({uid.value for event in events for uid in event.all("UID")}) > 1:
        yield "a calendar object holds one UID only"
    for name in (*_OF_FEEDS, "X-WR-TIMEZONE"):
        if root.all(name):
            yield f"{name} belongs in a feed, not in a calendar object"


def _duplicates(root: Component) -> Iterator[str]:
    uids = Counter(uid.value for event in root.named("VEVENT") for uid in event.all("UID"))
    for uid, count in uids.items():
        if count > 1:
            yield f"UID {uid} stands {count} times"
