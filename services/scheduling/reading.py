"""How an agenda reads in the reader's language: texts with fall-back, offsets, moments."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from babel import Locale
from markupsafe import Markup, escape

from services.scheduling.time_zones import offset_at
from shared.contracts.base import Text
from shared.contracts.local_time import offset_name
from shared.contracts.scheduling import EventState, SessionState
from shared.web.i18n import clock_time, day

Say = Callable[[Text], Markup]


def sayers(language: str, event: EventState) -> tuple[Say, Callable[[Text], list[Markup]]]:
    """Write a text (whole, or by paragraphs) in the reader's language, else in the event's first, marked where it differs."""
    first = event.languages[0]

    def chosen(text: Text) -> tuple[str, str]:
        return next(((code, text[code]) for code in (language, first, *text) if text.get(code)), (language, ""))

    def marked(code: str, words: str) -> Markup:
        return escape(words) if code == language else Markup('<span lang="{}">{}</span>').format(code, words)

    def say(text: Text) -> Markup:
        return marked(*chosen(text))

    def paragraphs(text: Text) -> list[Markup]:
        code, words = chosen(text)
        return [marked(code, part) for part in words.split("\n\n") if part.strip()]

    return say, paragraphs


def session_offset(session: SessionState) -> str:
    """UTC+1, at the session's start (or at noon of its day)."""
    return offset_name(offset_at(session.starts_at or _noon(session.date, session.zone), session.zone))


def event_offsets(event: EventState) -> str:
    """The offset of the event's zone while it lasts: UTC+1, or UTC+1 / UTC+2 where the clocks change in between."""
    days = (event.ends_on - event.starts_on).days
    # A change of the clocks lasts for weeks at the least: four looks a month, and at most a hundred, miss none of a year.
    steps = sorted({*range(0, days, max(7, days // 100)), days})
    noons = [_noon(event.starts_on + timedelta(days=step), event.zone) for step in steps]
    return " / ".join(dict.fromkeys(offset_name(offset_at(noon, event.zone)) for noon in noons))


def stamp(instant: datetime, zone: str) -> str:
    """For the `datetime` attribute: local time with offset."""
    return instant.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")


def moment_in_words(instant: datetime, zone: str, language: str) -> str:
    """Wednesday, 20 November 2019, 09:40 (Europe/Paris, UTC+1)."""
    local = instant.astimezone(ZoneInfo(zone))
    return f"{day(local.date(), language)}, {clock_time(local, language)} ({zone}, {offset_name(offset_at(instant, zone))})"


def countries(language: str) -> Callable[[str], str]:
    """Names of countries by ISO 3166-1 code."""
    names = Locale.parse(language).territories
    return lambda code: str(names.get(code, code))


def spoken_languages(language: str) -> Callable[[str], str]:
    """Names of languages by ISO 639-1 code."""
    names = Locale.parse(language).languages
    return lambda code: str(names.get(code, code))


def _noon(date_: date, zone: str) -> datetime:
    return datetime.combine(date_, time(12), ZoneInfo(zone))
