"""Languages of pages and mails: English is in the code, each further language is a catalogue under shared/web/locale."""

from __future__ import annotations

import gettext
import io
from datetime import date, datetime, time
from functools import cache
from pathlib import Path

from babel.dates import format_date, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALES = Path(__file__).parent / "locale"
DEFAULT = "en"


@cache
def languages() -> tuple[str, ...]:
    """The languages that have a catalogue, English first."""
    found = sorted(path.parent.parent.name for path in LOCALES.glob("*/LC_MESSAGES/lectern.po"))
    return (DEFAULT, *(name for name in found if name != DEFAULT))


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogue of `language`; English for a language that has none."""
    path = LOCALES / language / "LC_MESSAGES" / "lectern.po"
    if language == DEFAULT or language not in languages():
        return gettext.NullTranslations()
    with path.open("rb") as source:
        catalogue = read_po(source, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def preferred(accept_language: str) -> str:
    """The best of our languages for an Accept-Language header (RFC 9110, section 12.5.4)."""
    wanted: list[tuple[float, str]] = []
    for part in accept_language.split(","):
        tag, _, parameters = part.strip().partition(";")
        quality = 1.0
        if parameters.strip().startswith("q="):
            try:
                quality = float(parameters.strip()[2:])
            except ValueError:
                quality = 0.0
        wanted.append((quality, tag.split("-")[0].lower()))
    for quality, language in sorted(wanted, key=lambda item: -item[0]):
        if quality > 0 and language in languages():
            return language
    return DEFAULT


def day(value: date, language: str) -> str:
    """A date in words: Wednesday, 20 November 2019; mercredi 20 novembre 2019."""
    return format_date(value, "EEEE d MMMM y" if language == "fr" else "EEEE, d MMMM y", locale=language)


def clock_time(value: datetime | time, language: str) -> str:
    """A local time to the minute: 14:00."""
    return format_time(value.time() if isinstance(value, datetime) else value, "HH:mm", locale=language)
