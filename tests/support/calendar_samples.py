"""Facts of the three sample events as calendar tests need them: short, with their own times, zones and languages."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shared.contracts.registration import PersonDetails, RegistrationState
from shared.contracts.scheduling import EventState, SessionState

PUBLISHED = datetime(2019, 10, 1, 8, 0, tzinfo=UTC)


def milipol(revision: int = 1, **changes: Any) -> EventState:
    """The workshops at Milipol."""
    return EventState.model_validate(
        {
            "id": "milipol-2019",
            "revision": revision,
            "kind": "workshops",
            "title": {"en": "AI in law enforcement: practitioner workshops"},
            "languages": ["en"],
            "zone": "Europe/Paris",
            "starts_on": "2019-11-20",
            "ends_on": "2019-11-20",
            "published_at": PUBLISHED + timedelta(days=revision - 1),
        }
        | changes
    )


def efus(revision: int = 1, **changes: Any) -> EventState:
    """The third round of web conferences, in English and French."""
    return EventState.model_validate(
        {
            "id": "efus-2021-round-3",
            "revision": revision,
            "kind": "web-conferences",
            "title": {
                "en": "Innovation in urban security: third round",
                "fr": "Innovation et sécurité urbaine : troisième cycle",
            },
            "languages": ["en", "fr"],
            "zone": "Europe/Brussels",
            "starts_on": "2021-03-31",
            "ends_on": "2021-06-09",
            "published_at": PUBLISHED + timedelta(days=revision - 1),
        }
        | changes
    )


def session(
    id_: str,
    start: str | None,
    end: str | None = None,
    *,
    zone: str = "Europe/Paris",
    revision: int = 1,
    **changes: Any,
) -> SessionState:
    """A session from local `start` to `end` (ISO, no offset), or on a date only when `start` is just a date."""
    values: dict[str, Any] = {
        "id": id_,
        "event_id": id_.partition("-session-")[0].partition("-workshop-")[0],
        "revision": revision,
        "kind": "workshop",
        "title": {"en": f"Title of {id_}"},
        "zone": zone,
        "published_at": PUBLISHED + timedelta(days=revision - 1),
    }
    assert start is not None
    if "T" in start:
        first = datetime.fromisoformat(start)
        last = datetime.fromisoformat(end) if end else first + timedelta(hours=1)
        values |= {"date": first.date(), "starts_local": first, "ends_local": last}
        for name, local in (("starts_at", first), ("ends_at", last)):
            values[name] = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    else:
        values["date"] = date.fromisoformat(start)
    return SessionState.model_validate(values | changes)


def workshop(number: int = 1, revision: int = 1, **changes: Any) -> SessionState:
    """One of the workshops at Milipol, in the morning."""
    values: dict[str, Any] = {
        "title": {"en": "Cooperation for high-quality datasets in Europe"},
        "people": [
            {
                "id": "renaud-vedel",
                "name": "Renaud Vedel",
                "role": "chair",
                "affiliation": {"en": "Ministry of the Interior"},
                "country": "FR",
            }
        ],
        "place": {"venue": {"en": "Paris-Nord Villepinte"}, "room": {"en": "Hall 4"}, "level": {"en": "Mezzanine"}},
        "by_choice": True,
    }
    values |= changes
    start = values.pop("start", f"2019-11-20T{8 + number:02}:40")
    return session(f"milipol-2019-workshop-{number}", start, revision=revision, **values)


def registration(
    event_id: str, choices: dict[str, str] | None = None, *, id_: str = "r1", sequence: int = 1, **changes: Any
) -> RegistrationState:
    """A registration; `choices` by session."""
    at = PUBLISHED + timedelta(hours=sequence)
    return RegistrationState.model_validate(
        {
            "id": id_,
            "event_id": event_id,
            "state": "confirmed",
            "person": PersonDetails(name="Ada Lovelace", email="ada@example.org").model_dump(),
            "choices": [{"session_id": s, "state": state} for s, state in (choices or {}).items()],
            "registered_at": PUBLISHED,
            "changed_at": at,
        }
        | changes
    )
