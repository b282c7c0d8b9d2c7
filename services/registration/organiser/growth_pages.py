"""Where people come from: how the audience of a series grows from round to round, and from which countries it is."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from services.registration.growth import growth, rounds_of
from services.registration.organiser import counting
from services.registration.organiser.chart import chart
from services.registration.organiser.visit import OF_EVENT, Gate, Visit, reader_of
from services.registration.store import Store
from shared.storage.mongo import Database


class GrowthPages:
    """`/organise/attendees/{event_id}/growth`."""

    def __init__(self, store: Store, database: Database) -> None:
        self._store, self._database = store, database

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        """The routes."""
        return [web.get(f"{OF_EVENT}/growth", gate.page(self.show))]

    async def show(self, visit: Visit) -> web.Response:
        """The rounds of the event's series, and its own countries."""
        reader = await reader_of(visit, self._store)
        words, series = visit.words, reader.event.series
        rounds: list[dict[str, Any]] = []
        if series is not None:
            events = await rounds_of(self._database, series.id)
            rounds = await growth(self._database, events, visit.language)
        countries = await counting.by_country(self._database, visit.event_id)
        legend = (words("Registrations"), words("With a seat"), words("Present"))
        counted = ("registered", "confirmed", "attended")
        groups = [
            (words("Round {number}").format(number=one["round"]), [one[name] for name in counted]) for one in rounds
        ]
        context = {
            "reader": reader,
            "series": reader.text(series.name) if series is not None else "",
            "rounds": rounds,
            "legend": legend,
            "chart": chart(
                groups,
                legend,
                words("The audience from round to round"),
                words(
                    "For each round three bars: who registered, who had a seat, who came. The table below has the same numbers."
                ),
            ),
            "countries": [(reader.country(code) or words("not said"), number) for code, number in countries.items()],
        }
        return visit.page("growth.html", context)
