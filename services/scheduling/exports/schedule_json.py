"""Schedule JSON of the c3 and frab family, as pretalx writes it and apps and video crews read it."""

from __future__ import annotations

import json
from typing import Any

from services.scheduling.exports.schedule import GENERATOR, Schedule, ScheduleEvent, ScheduleLink, schedule
from services.scheduling.public_view import PublicAgenda

SCHEMA = "https://c3voc.de/schedule/schema.json"


def schedule_json(agenda: PublicAgenda, language: str) -> bytes:
    """The file, valid under SCHEMA; the same bytes for the same agenda."""
    data = {"$schema": SCHEMA, "generator": {"name": GENERATOR}, "schedule": _schedule(schedule(agenda, language))}
    return json.dumps(data, ensure_ascii=False, indent=2).encode() + b"\n"


def _schedule(told: Schedule) -> dict[str, Any]:
    conference: dict[str, Any] = {
        "acronym": told.acronym,
        "title": told.title,
        "start": told.starts_on.isoformat(),
        "end": told.ends_on.isoformat(),
        "daysCount": len(told.days),
        "timeslot_duration": "00:05",
        "time_zone_name": told.zone,
        "url": told.url,
        "rooms": [{"name": room.name, "guid": room.guid} for room in told.rooms],
        "tracks": [{"name": name} for name in told.tracks],
        "days": [
            {
                "index": day.index,
                "date": day.date.isoformat(),
                "day_start": day.starts.isoformat(),
                "day_end": day.ends.isoformat(),
                "rooms": {room.name: [_event(event) for event in events] for room, events in day.rooms},
            }
            for day in told.days
        ],
    }
    if told.description:
        conference["description"] = told.description
    # The language is a field of ours: the schema leaves this level open, and without it nobody could tell.
    return {
        "url": told.url,
        "version": told.version,
        "base_url": told.url,
        "language": told.language,
        "conference": conference,
    }


def _event(event: ScheduleEvent) -> dict[str, Any]:
    return {
        "guid": event.guid,
        "code": event.code,
        "id": event.id,
        "date": event.starts.isoformat(),
        "start": f"{event.starts:%H:%M}",
        **({"end": event.ends.isoformat()} if event.ends is not None else {}),
        "duration": "{:02}:{:02}".format(*divmod(event.minutes, 60)),
        "room": event.room,
        "slug": event.slug,
        "url": event.url,
        "title": event.title,
        "subtitle": "",
        "track": event.track,
        "type": event.kind,
        "language": event.language,
        "abstract": "",
        "description": event.description,
        "persons": [{"guid": person.guid, "name": person.name, "public_name": person.name} for person in event.persons],
        "links": [_link(link) for link in event.links],
        "attachments": [_link(link) for link in event.attachments],
    }


def _link(link: ScheduleLink) -> dict[str, str]:
    return {"title": link.title, "url": link.url, "type": link.kind}
