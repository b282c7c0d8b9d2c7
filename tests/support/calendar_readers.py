"""Two parsers that share nothing, icalendar and vobject: what each of them reads in a calendar, in one form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import vobject  # type: ignore[import-untyped]
from icalendar import Calendar


@dataclass(frozen=True)
class Read:
    """A session as a parser understood it. `start` and `end` are instants in UTC, or dates of all-day entries.

    `wall` is the local time on the wall where it begins, `zone` the name of its zone as written; both None where the
    entry is in UTC or lasts all day.
    """

    uid: str
    start: datetime | date
    end: datetime | date | None
    wall: datetime | None
    zone: str | None
    summary: str
    status: str | None
    sequence: int
    description: str
    location: str | None
    alarms: int


def by_icalendar(body: bytes) -> dict[str, Read]:
    """What icalendar reads, by UID; zones as Python knows them."""
    parsed = Calendar.from_ical(body)
    assert isinstance(parsed, Calendar)
    return _by_uid(_from_icalendar(event) for event in parsed.events)


def by_vobject(body: bytes) -> dict[str, Read]:
    """What vobject reads, by UID; zones as the VTIMEZONEs of `body` say, worked out by dateutil."""
    (parsed,) = vobject.readComponents(body.decode(), transform=False, validate=False)
    zones = {zone.tzid.value: zone.transformToNative().tzinfo for zone in parsed.contents.get("vtimezone", [])}
    return _by_uid(_from_vobject(event, zones) for event in parsed.contents.get("vevent", []))


def by_both(body: bytes) -> dict[str, Read]:
    """What both parsers read, by UID. Fails where they do not agree."""
    first, second = by_icalendar(body), by_vobject(body)
    assert first == second
    return first


READERS: tuple[Callable[[bytes], dict[str, Read]], ...] = (by_icalendar, by_vobject)


def _by_uid(found: Iterator[Read]) -> dict[str, Read]:
    every = list(found)
    by_uid = {read.uid: read for read in every}
    assert len(by_uid) == len(every), "one UID stands more than once"
    return by_uid


def _from_icalendar(event: Any) -> Read:
    start, end = event.decoded("DTSTART"), event.decoded("DTEND") if "DTEND" in event else None
    zone = event["DTSTART"].params.get("TZID")
    return Read(
        uid=str(event["UID"]),
        start=_in_utc(start),
        end=_in_utc(end),
        wall=start.replace(tzinfo=None) if zone else None,
        zone=zone,
        summary=str(event["SUMMARY"]),
        status=str(event["STATUS"]) if "STATUS" in event else None,
        sequence=int(event.get("SEQUENCE", 0)),
        description=str(event.get("DESCRIPTION", "")),
        location=str(event["LOCATION"]) if "LOCATION" in event else None,
        alarms=len(event.walk("VALARM")),
    )


def _from_vobject(event: Any, zones: dict[str, Any]) -> Read:
    def text(name: str) -> str | None:
        return str(event.contents[name][0].value) if name in event.contents else None

    def moment(line: Any) -> tuple[datetime | date, datetime | None, str | None]:
        if line.params.get("VALUE") == ["DATE"]:
            return date.fromisoformat(line.value), None, None
        if line.value.endswith("Z"):
            return datetime.fromisoformat(line.value), None, None
        (zone,) = line.params["TZID"]
        wall = datetime.fromisoformat(line.value)
        return wall.replace(tzinfo=zones[zone]).astimezone(UTC), wall, zone

    start, wall, zone = moment(event.dtstart)
    return Read(
        uid=text("uid") or "",
        start=start,
        end=moment(event.dtend)[0] if "dtend" in event.contents else None,
        wall=wall,
        zone=zone,
        summary=text("summary") or "",
        status=text("status"),
        sequence=int(text("sequence") or 0),
        description=text("description") or "",
        location=text("location"),
        alarms=len(event.contents.get("valarm", [])),
    )


def _in_utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
