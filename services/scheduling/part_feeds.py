"""The calendar feeds beside the event's own: of its tracks, its rooms, and the series that it is a round of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.scheduling.public_view import PublicAgenda
from shared.calendar.track import track_key
from shared.contracts.base import Text
from shared.contracts.scheduling import EventState


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


def in_language(address: str, event: EventState, language: str) -> str:
    """A feed's address for who reads `language`: it names the language where that is not the event's first, which is had
    without asking; as it is where the event does not have it."""
    return f"{address}?lang={language}" if language in event.languages[1:] else address


def part_feeds(agenda: PublicAgenda, say: Callable[[Text], str], language: str) -> list[PartFeed]:
    """Series first, then tracks and rooms in the order of the agenda, for who reads `language`."""
    found: dict[str, PartFeed] = {}
    for feed in _all(agenda, say, language):
        found.setdefault(feed.address, feed)
    order = ("series", "track", "room")
    return sorted(found.values(), key=lambda feed: order.index(feed.kind))


def _all(agenda: PublicAgenda, say: Callable[[Text], str], language: str) -> Iterator[PartFeed]:
    event, of_event = agenda.event, agenda.feed.removesuffix(".ics")

    def feed(kind: str, name: str, address: str) -> PartFeed:
        return PartFeed(kind, name, in_language(address, event, language))

    if event.series is not None:
        base = of_event.removesuffix(f"/events/{event.id}")
        yield feed("series", say(event.series.name), f"{base}/series/{event.series.id}.ics")
    for session in agenda.sessions:
        for track in session.tracks:
            if name := say(track):
                yield feed("track", name, f"{of_event}/tracks/{track_key(track, event.languages[0])}.ics")
        if session.room_id is not None and (name := say(session.place.room)):
            yield feed("room", name, f"{of_event}/rooms/{session.room_id}.ics")
