"""A schedule file of a real shape: five days, a dozen rooms, 500 sessions, as pretalx writes JSON and XML of it."""

from __future__ import annotations

import json
import random
import uuid
from datetime import date, datetime, timedelta
from itertools import cycle
from typing import Any
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

ZONE = "Europe/Berlin"
FIRST = date(2019, 10, 25)  # clocks are put back in the night to the third day
DAYS, SESSIONS, ROOMS, TRACKS, PERSONS = 5, 500, 12, 40, 600

_SYLLABLES = ("al", "be", "cor", "dun", "el", "fa", "gra", "jo", "ka", "lor", "mün", "ös", "qui", "ré", "sto", "zu")
_TYPES = ("Talk", "Vortrag", "Workshop", "Podiumsdiskussion", "Keynote", "Lightning Talk", "Self-organised session")


def schedule(seed: int = 1) -> dict[str, Any]:
    """The file as data; the same for the same `seed`."""
    chance = random.Random(seed)
    zone = ZoneInfo(ZONE)
    rooms = [f"{_title(chance, 1)} {number}" for number in range(1, ROOMS + 1)]
    tracks = [f"{_title(chance, 2)} & {number}" for number in range(1, TRACKS + 1)]
    people = [f"{_title(chance, 2)} {_title(chance, 1)}-{number}" for number in range(1, PERSONS + 1)]
    days: list[dict[str, Any]] = []
    for index in range(DAYS):
        day = FIRST + timedelta(days=index)
        begins = datetime(day.year, day.month, day.day, 4, tzinfo=zone)
        days.append(
            {
                "index": index + 1,
                "date": day.isoformat(),
                "day_start": begins.isoformat(),
                "day_end": (begins + timedelta(days=1) - timedelta(minutes=1)).isoformat(),
                "rooms": {},
            }
        )
    turns = cycle(range(PERSONS))
    for number in range(SESSIONS):
        room, slot = rooms[number % ROOMS], number // ROOMS
        index, place = slot % DAYS, slot // DAYS
        day = FIRST + timedelta(days=index)
        # From 10 in the morning until after midnight: sessions lie beside each other in all rooms.
        starts = datetime(day.year, day.month, day.day, 10, tzinfo=zone) + timedelta(minutes=105 * place)
        is_break = number % 25 == 24
        event = _event(chance, number, starts, room, "Pause" if is_break else chance.choice(_TYPES))
        if not is_break:
            event["track"] = chance.choice(tracks)
            chosen = {next(turns), next(turns), *chance.sample(range(PERSONS), chance.choice((0, 0, 1, 2)))}
            event["persons"] = [_person(people[who], who) for who in sorted(chosen)]
        days[index]["rooms"].setdefault(room, []).append(event)
    return {
        "$schema": "https://c3voc.de/schedule/schema.json",
        "generator": {"name": "pretalx", "version": "2024.3.1"},
        "schedule": {
            "url": "https://pretalx.example.org/big/schedule/",
            "version": "1.7",
            "base_url": "https://pretalx.example.org",
            "conference": {
                "acronym": "big-2019",
                "title": "The Big Conference 2019",
                "start": FIRST.isoformat(),
                "end": (FIRST + timedelta(days=DAYS - 1)).isoformat(),
                "daysCount": DAYS,
                "timeslot_duration": "00:05",
                "time_zone_name": ZONE,
                "colors": {"primary": "#3aa57c"},
                "rooms": [
                    {
                        "name": name,
                        "slug": f"{n}-room",
                        "guid": _guid("room", n),
                        "description": None,
                        "capacity": 80 + n,
                    }
                    for n, name in enumerate(rooms)
                ],
                "tracks": [{"name": name, "slug": f"{n}-track", "color": "#aa0000"} for n, name in enumerate(tracks)],
                "days": days,
            },
        },
    }


def schedule_json(seed: int = 1) -> bytes:
    """The file as pretalx writes it: JSON on one line."""
    return json.dumps(schedule(seed)).encode()


def schedule_xml(seed: int = 1) -> bytes:
    """The same as XML, where a talk has no code and a day no index of breaks."""
    told = schedule(seed)["schedule"]
    conference = told["conference"]
    lines = [
        "<?xml version='1.0' encoding='utf-8' ?>",
        "<!-- Made with love by pretalx v2024.3.1. -->",
        "<schedule>",
        '    <generator name="pretalx" version="2024.3.1" />',
        f"    <version>{told['version']}</version>",
        "    <conference>",
        *(
            f"        <{name}>{escape(str(conference[name]))}</{name}>"
            for name in ("acronym", "title", "start", "end", "timeslot_duration", "time_zone_name")
        ),
        f"        <days>{DAYS}</days>",
        f"        <base_url>{told['base_url']}</base_url>",
        "    </conference>",
    ]
    for day in conference["days"]:
        times = f"start='{day['day_start']}' end='{day['day_end']}'"
        lines.append(f"    <day index='{day['index']}' date='{day['date']}' {times}>")
        for room, events in day["rooms"].items():
            lines.append(f"        <room name={quoteattr(room)} guid='{_guid('room', room)}'>")
            for event in events:
                lines += _xml_event(event)
            lines.append("        </room>")
        lines.append("    </day>")
    return "\n".join([*lines, "</schedule>"]).encode()


def _event(chance: random.Random, number: int, starts: datetime, room: str, kind: str) -> dict[str, Any]:
    minutes = chance.choice((25, 45, 60, 90))
    title = _title(chance, chance.randint(2, 9))
    code = f"X{number:05}"
    url = f"https://pretalx.example.org/big/talk/{code}/"
    return {
        "guid": _guid("talk", number),
        "code": code,
        "id": 1000 + number,
        "logo": None,
        "date": starts.isoformat(),
        "start": f"{starts:%H:%M}",
        "end": (starts + timedelta(minutes=minutes)).isoformat(),
        "duration": f"{minutes // 60:02}:{minutes % 60:02}",
        "room": room,
        "slug": f"big-2019-{number}-{title.lower().replace(' ', '-')[:40].strip('-')}",
        "url": url,
        "title": title,
        "subtitle": "",
        "track": None,
        "type": kind,
        "language": chance.choice(("en", "de", "de-formal")),
        "abstract": f"**{_title(chance, 6)}** {_sentence(chance)}",
        "description": "\r\n\r\n".join(
            [
                _sentence(chance),
                "\r\n".join(f"* {_sentence(chance)}" for _ in range(3)),
                f"> {_sentence(chance)} [{_title(chance, 2)}](https://example.org/{code}) & <b>more</b>",
            ]
        ),
        "recording_license": "",
        "do_not_record": False,
        "persons": [],
        "links": [{"title": _title(chance, 2), "url": f"https://example.org/{code}", "type": "related"}],
        "feedback_url": f"{url}feedback/",
        "origin_url": url,
        "attachments": (
            [{"title": "Slides", "url": f"/media/big/{code}.pdf", "type": "related"}] if number % 7 == 0 else []
        ),
    }


def _person(name: str, who: int) -> dict[str, Any]:
    return {
        "code": f"P{who:05}",
        "name": name,
        "avatar": None,
        "biography": f"{name} wrote *this* themselves.",
        "public_name": name,
        "guid": _guid("person", who),
        "url": f"https://pretalx.example.org/big/speaker/P{who:05}/",
    }


def _xml_event(event: dict[str, Any]) -> list[str]:
    plain = ("date", "start", "duration", "room", "slug", "url")
    texts = ("title", "subtitle", "track", "type", "language", "abstract", "description", "logo")

    def element(name: str) -> str:
        return f"                <{name}>{escape(str(event[name] or ''))}</{name}>"

    return [
        f"            <event guid='{event['guid']}' id='{event['id']}'>",
        *map(element, plain),
        "                <recording>",
        "                    <license></license>",
        "                    <optout>false</optout>",
        "                </recording>",
        *map(element, texts),
        "                <persons>",
        *(f"                    <person id='1{p['code'][1:]}'>{escape(p['name'])}</person>" for p in event["persons"]),
        "                </persons>",
        "                <links>",
        *(f"                    <link href={quoteattr(x['url'])}>{escape(x['title'])}</link>" for x in event["links"]),
        "                </links>",
        "                <attachments>",
        *(
            f"                    <attachment href={quoteattr(x['url'])}>{escape(x['title'])}</attachment>"
            for x in event["attachments"]
        ),
        "                </attachments>",
        "            </event>",
    ]


def _title(chance: random.Random, words: int) -> str:
    return " ".join("".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4))).capitalize() for _ in range(words))


def _sentence(chance: random.Random) -> str:
    return f"{_title(chance, chance.randint(8, 20)).capitalize()}."


def _guid(kind: str, what: object) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://pretalx.example.org/{kind}/{what}"))
