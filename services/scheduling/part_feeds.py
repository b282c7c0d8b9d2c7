"""The calendar feeds beside the event's own: of its tracks, its rooms, and the series that it is a round of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.scheduling.public_view import PublicAgenda
from shared.calendar.track import track_key
from shared.contracts.base import Text


@dataclass(frozen=True)
class PartFeed:
    """A feed to subscribe to. `kind` is series, track or room; `address` is absolute."""

    kind: str
    name: str
    address: str

    @property
    def webcal(self) -> str:
        """The address that opens in a calendar program."""
        return f"webcal{self.address[self.address.index(':') :]}"


def part_feeds(agenda: PublicAgenda, say: Callable[[Text], str]) -> list[PartFeed]:
    """Series first, then tracks and rooms in the order of the agenda."""
    found: dict[str, PartFeed] = {}
    for feed in _all(agenda, say):
        found.setdefault(feed.address, feed)
    order = ("series", "track", "room")
    return sorted(found.values(), key=lambda feed: order.index(feed.kind))


def _all(agenda: PublicAgenda, say: Callable[[Text], str]) -> Iterator[PartFeed]:
    event, of_event = agenda.event, agenda.feed.removesuffix(".ics")
    if event.series is not None:
        base = of_event.removesuffix(f"/events/{event.id}")
        yield PartFeed("series", say(event.series.name), f"{base}/series/{event.series.id}.ics")
    for session in agenda.sessions:
        for track in session.tracks:
            if name := say(track):
                yield PartFeed("track", name, f"{of_event}/tracks/{track_key(track, event.languages[0])}.ics")
        if session.room_id is not None and (name := say(session.place.room)):
            yield PartFeed("room", name, f"{of_event}/rooms/{session.room_id}.ics")
