"""Published states for tests: the workshops of the sample events, small."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from shared.contracts.registration import PersonDetails
from shared.contracts.scheduling import EventState, SessionState

PUBLISHED = datetime(2019, 9, 1, 8, 0, tzinfo=UTC)
BEFORE_CLOSE = datetime(2019, 11, 1, 9, 0, tzinfo=UTC)
CLOSES = datetime(2019, 11, 12, 23, 0, tzinfo=UTC)
"""13 November 2019, 00:00 in Paris."""


_TIMES = {1: ((9, 40), (10, 55)), 2: ((11, 15), (12, 30)), 3: ((14, 0), (15, 15)), 4: ((15, 45), (17, 0))}


def milipol(revision: int = 1, **changes: Any) -> EventState:
    """The Milipol practitioner workshops."""
    admission = {"window": {"closes": CLOSES}} | changes.pop("admission", {})
    # Tests with the real clock open the registration for ever; then the event must not be over either.
    last_day = date(2019, 11, 20) if admission["window"] else date(2090, 11, 20)
    return EventState.model_validate(
        {
            "id": "milipol-2019",
            "revision": revision,
            "kind": "workshops",
            "title": {"en": "Practitioner workshops at Milipol", "fr": "Ateliers des praticiens à Milipol"},
            "languages": ["en", "fr"],
            "zone": "Europe/Paris",
            "starts_on": date(2019, 11, 20),
            "ends_on": last_day,
            "place": {"venue": {"en": "Paris-Nord Villepinte"}, "room": {"en": "Mezzanine"}},
            "requirements": [{"id": "fair", "name": {"en": "Milipol Paris"}, "code": "H2020MP2019"}],
            "admission": admission,
            "published_at": PUBLISHED,
        }
        | changes
    )


def workshop(number: int, revision: int = 1, *, capacity: int | None = 2, **changes: Any) -> SessionState:
    """One of the four workshops, with its true time; with `starts_at=None` on a day far off, at a time that is not known."""
    if "starts_at" in changes and changes["starts_at"] is None:
        unknown = dict.fromkeys(("ends_at", "starts_local", "ends_local"))
        changes = {"date": date(2090, 11, 20), **unknown, **changes}
    (hour, minute), (end_hour, end_minute) = _TIMES[number]
    starts, ends = datetime(2019, 11, 20, hour, minute), datetime(2019, 11, 20, end_hour, end_minute)
    return SessionState.model_validate(
        {
            "id": f"milipol-2019-workshop-{number}",
            "event_id": "milipol-2019",
            "revision": revision,
            "kind": "workshop",
            "number": number,
            "title": {"en": f"Workshop {number}", "fr": f"Atelier {number}"},
            "zone": "Europe/Paris",
            "date": starts.date(),
            "starts_local": starts,
            "ends_local": ends,
            "starts_at": starts.replace(hour=starts.hour - 1, tzinfo=UTC),
            "ends_at": ends.replace(hour=ends.hour - 1, tzinfo=UTC),
            "by_choice": True,
            "admission": {"capacity": capacity, **changes.pop("admission", {})},
            "published_at": PUBLISHED,
        }
        | changes
    )


def person(name: str = "ada", **changes: Any) -> PersonDetails:
    """An invented attendee."""
    return PersonDetails.model_validate({"name": name.title(), "email": f"{name}@example.org"} | changes)
