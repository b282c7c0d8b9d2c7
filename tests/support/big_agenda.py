"""An agenda of any size, for tests and benchmarks of growth: many sessions, side by side in rooms, with shared people."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

ROOMS, PER_DAY = 10, 80
KINDS = ("panel", "workshop", "presentation", "keynote")
ROLES = {"panel": "panellist", "workshop": "chair", "presentation": "speaker", "keynote": "keynote"}
FIRST_DAY = date(2021, 5, 3)


def big_agenda(sessions: int, people: int, event_id: str = "congress-2021") -> dict[str, Any]:
    """The data of an agenda: eight slots a day in ten rooms, two languages, two people in each session."""
    days = (sessions - 1) // PER_DAY
    return {
        "event": {
            "id": event_id,
            "kind": "conference",
            "title": {"en": "Congress", "fr": "Congrès"},
            "languages": ["en", "fr"],
            "zone": "Europe/Paris",
            "starts_on": FIRST_DAY.isoformat(),
            "ends_on": (FIRST_DAY + timedelta(days=days)).isoformat(),
            "admission": {"capacity": 2000},
        },
        "rooms": [
            {"id": f"room-{n}", "name": {"en": f"Room {n}", "fr": f"Salle {n}"}, "level": {"en": "1", "fr": "1"}}
            for n in range(ROOMS)
        ],
        "people": [
            {
                "id": f"person-{n}",
                "name": f"Dominique Martin {n}",
                "affiliation": {"en": f"Institute {n % 40}", "fr": f"Institut {n % 40}"},
                "country": ("FR", "FI", "ES", "LT")[n % 4],
            }
            for n in range(people)
        ],
        "sessions": [_session(event_id, n, people) for n in range(sessions)],
    }


def _session(event_id: str, number: int, people: int) -> dict[str, Any]:
    day, place = divmod(number, PER_DAY)
    slot, room = divmod(place, ROOMS)
    kind = KINDS[number % len(KINDS)]
    speakers = dict.fromkeys(f"person-{(number * 2 + n) % people}" for n in range(2))
    return {
        "id": f"{event_id}-session-{number}",
        "kind": kind,
        "title": {"en": f"What we learned, part {number}", "fr": f"Ce que nous avons appris, partie {number}"},
        "description": {
            "en": "How results of research come into daily use, and what stands in the way of it. " * 2,
            "fr": "Comment les résultats de la recherche entrent dans l'usage, et ce qui s'y oppose. " * 2,
        },
        "date": (FIRST_DAY + timedelta(days=day)).isoformat(),
        "starts": f"{9 + slot:02d}:00",
        "ends": f"{9 + slot:02d}:50",
        "room": f"room-{room}",
        "people": [{"person": id_, "role": ROLES[kind]} for id_ in speakers],
    }
