"""How a series grows, over HTTP, for organisers."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, Field

from services.registration.growth import growth, rounds_of
from services.registration.operations.parameters import LANGUAGE
from shared.storage.mongo import Database
from shared.web.access import require_organiser
from shared.web.openapi import Answer, Operation, Parameter
from shared.web.pages import language_of
from shared.web.problems import Problem

MOST = 100
"""How many events are asked for at once."""
SERIES_ID = Parameter("series_id", "query", "The series whose rounds are counted")
EVENT_IDS = Parameter(
    "event_id",
    "query",
    f"Else the events that are counted, each with a parameter of its own, at most {MOST}",
    {"type": "array", "items": {"type": "string"}, "maxItems": MOST},
)


class SessionGrowth(BaseModel):
    """A session of a round."""

    registered: int
    confirmed: int
    attended: int


class Round(BaseModel):
    """A round. `registered`: everybody, also who cancelled later; `confirmed`: who has a seat, or had one and came."""

    event_id: str
    title: str
    series_id: str | None
    round: int | None
    starts_on: str
    registered: int
    confirmed: int
    attended: int
    cancelled: int
    countries: int = Field(description="From how many countries those are who did not cancel")
    sessions: dict[str, SessionGrowth]


class Rounds(BaseModel):
    """The rounds in their order."""

    rounds: list[Round]


class Growing:
    """The operation that counts across events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def operations(self) -> list[Operation]:
        """The operation."""
        return [
            Operation(
                "showGrowth",
                "GET",
                "/api/v1/registration/growth",
                self.show,
                "How many registered, had a seat and came, by round of a series, in order of rounds",
                {200: Answer("The rounds", Rounds)},
                [SERIES_ID, EVENT_IDS, LANGUAGE],
                problems=[400, 404],
                organiser=True,
            )
        ]

    async def show(self, request: web.Request) -> web.Response:
        """As it stands."""
        require_organiser(request)
        series_id, event_ids = request.query.get("series_id"), request.query.getall("event_id", [])
        if (series_id is None) == (not event_ids):
            raise Problem(400, "series-needed", "Name either the series, ?series_id=..., or events, ?event_id=...")
        if len(event_ids) > MOST:
            raise Problem(400, "too-many-events", f"At most {MOST} events at once.")
        events = await rounds_of(self._database, series_id, event_ids)
        missing = sorted(set(event_ids) - {event.id for event in events})
        if missing or not events:
            what = f"event {missing[0][:80]!r}" if missing else f"series {str(series_id)[:80]!r}"
            raise Problem(404, "unknown-event", f"There is no published {what}.")
        return web.json_response({"rounds": await growth(self._database, events, language_of(request))})
