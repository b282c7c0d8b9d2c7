"""Sessions rendered once: for each session, revision, language and variant one entry, kept in memory for all calendars."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta

from services.calendar_sync.domain import GRACE
from services.calendar_sync.metrics import RENDERED
from services.calendar_sync.standing import SUMMARY, Tentative
from shared.calendar.entry import Entry, Words, entry
from shared.contracts.scheduling import EventState, SessionState, Status

_KEPT = 20_000
_Key = tuple[str, int, int, str, str, bool, Tentative | None]


class Rendering:
    """Renders sessions for feeds and calendar objects. `words_of` gives the catalogue of a language."""

    def __init__(
        self, public_url: str, domain: str, words_of: Callable[[str], Words], *, grace: timedelta = GRACE
    ) -> None:
        self._public_url, self._domain, self._words_of = public_url.rstrip("/"), domain, words_of
        self.grace = grace
        self._entries: OrderedDict[_Key, Entry] = OrderedDict()

    @property
    def domain(self) -> str:
        """The domain of UIDs."""
        return self._domain

    def words(self, language: str) -> Words:
        """The catalogue of `language`."""
        return self._words_of(language)

    def language(self, event: EventState, asked: str | None) -> str:
        """The language of a calendar: the one asked for where the event speaks it, else the event's first."""
        return asked if asked in event.languages else event.languages[0]

    def page(self, event_id: str, language: str) -> str:
        """The address of the event's page."""
        return f"{self._public_url}/events/{event_id}?lang={language}"

    def series_page(self, series_id: str, language: str) -> str:
        """The address of the series' page."""
        return f"{self._public_url}/series/{series_id}?lang={language}"

    def entry(
        self,
        session: SessionState,
        event: EventState,
        language: str,
        *,
        join: bool,
        tentative: Tentative | None = None,
    ) -> Entry:
        """The entry of a session, rendered at most once per revision, language and variant."""
        key = _key(session, event, language, join, tentative)
        found = self._entries.get(key)
        if found is None:
            words, page = self._words_of(language), self.page(event.id, language)
            shown = words(SUMMARY[tentative]) if tentative is not None else None
            found = entry(session, event, language=language, words=words, page=page, join=join, tentative=shown)
            RENDERED.inc()
            _keep(self._entries, key, found)
        else:
            self._entries.move_to_end(key)
        return found


def _key(
    session: SessionState, event: EventState, language: str, join: bool, tentative: Tentative | None = None
) -> _Key:
    # Of the event, an entry holds only its first language and whether it is cancelled.
    cancelled = event.revision if event.status is Status.CANCELLED else 0
    return (session.id, session.revision, cancelled, event.languages[0], language, join, tentative)


def _keep(cache: OrderedDict[_Key, Entry], key: _Key, value: Entry) -> None:
    cache[key] = value
    if len(cache) > _KEPT:
        cache.popitem(last=False)
