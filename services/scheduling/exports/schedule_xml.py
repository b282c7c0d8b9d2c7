"""Schedule XML of the c3 and frab family: the older of the two, which apps on phones read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from services.scheduling.exports.schedule import GENERATOR, Schedule, ScheduleDay, ScheduleEvent, ScheduleLink, schedule
from services.scheduling.public_view import PublicAgenda

_NO_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def schedule_xml(agenda: PublicAgenda, language: str) -> bytes:
    """The file, valid under the family's schedule.xml.xsd; the same bytes for the same agenda.

    What XML 1.0 has no character for (section 2.2) becomes the replacement character.
    """
    lines = ['<?xml version="1.0" encoding="utf-8"?>', *_schedule(schedule(agenda, language)), ""]
    return "\n".join(lines).encode()


def duration(minutes: int) -> str:
    """Hours and minutes; days before them from 100 hours on, as pretalx writes them: hours have two digits in XML."""
    hours, rest = divmod(minutes, 60)
    return f"{hours:02}:{rest:02}" if hours < 100 else f"{hours // 24}:{hours % 24:02}:{rest:02}"


def _schedule(told: Schedule) -> Iterator[str]:
    yield "<schedule>"
    # No element says the language; an instruction to ourselves may stand anywhere.
    yield f'  <?lectern language="{told.language}"?>'
    yield _element(1, "generator", "", name=GENERATOR)
    yield _element(1, "url", told.url)
    yield _element(1, "version", told.version)
    yield "  <conference>"
    for name, words in (
        ("acronym", told.acronym),
        ("title", told.title),
        ("start", told.starts_on.isoformat()),
        ("end", told.ends_on.isoformat()),
        ("days", str(len(told.days))),
        ("timeslot_duration", "00:05"),
        ("base_url", told.url),
        ("time_zone_name", told.zone),
    ):
        yield _element(2, name, words)
    for track in told.tracks:
        yield _element(2, "track", "", name=track)
    yield "  </conference>"
    for day in told.days:
        yield from _day(day)
    yield "</schedule>"


def _day(day: ScheduleDay) -> Iterator[str]:
    times = {"start": day.starts.isoformat(), "end": day.ends.isoformat()}
    yield _tag(1, "day", index=str(day.index), date=day.date.isoformat(), **times)
    for room, events in day.rooms:
        yield _tag(2, "room", name=room.name, guid=room.guid)
        for event in events:
            yield from _event(event)
        yield "    </room>"
    yield "  </day>"


def _event(event: ScheduleEvent) -> Iterator[str]:
    yield _tag(3, "event", id=str(event.id), guid=event.guid)
    for name, words in (
        ("date", event.starts.isoformat()),
        ("start", f"{event.starts:%H:%M}"),
        ("duration", duration(event.minutes)),
        ("room", event.room),
        ("slug", event.slug),
        ("url", event.url),
        ("title", event.title),
        ("subtitle", ""),
        ("track", event.track or ""),
        ("type", event.kind),
        ("language", event.language or ""),
        ("abstract", ""),
        ("description", event.description),
    ):
        yield _element(4, name, words)
    yield "        <persons>"
    for person in event.persons:
        yield _element(5, "person", person.name, id=str(person.number), guid=person.guid)
    yield "        </persons>"
    yield from _links("link", event.links)
    yield from _links("attachment", event.attachments)
    yield "      </event>"


def _links(name: str, links: tuple[ScheduleLink, ...]) -> Iterator[str]:
    yield f"        <{name}s>"
    for link in links:
        yield _element(5, name, link.title, href=link.url)
    yield f"        </{name}s>"


def _element(depth: int, tag: str, words: str, /, **attributes: str) -> str:
    # A bare carriage return would be read as the end of a line (XML 1.0, section 2.11).
    return f"{_tag(depth, tag, **attributes)}{escape(_characters(words), {chr(13): '&#13;'})}</{tag}>"


def _tag(depth: int, tag: str, /, **attributes: str) -> str:
    named = "".join(f" {name}={quoteattr(_characters(value))}" for name, value in attributes.items())
    return f"{'  ' * depth}<{tag}{named}>"


def _characters(words: str) -> str:
    return _NO_CHARACTER.sub("\ufffd", words)
