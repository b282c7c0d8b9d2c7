"""Countries as people choose them: by name, in their own language and order."""

from __future__ import annotations

import unicodedata
from functools import cache

from babel import Locale

from shared.contracts.countries import COUNTRIES
from shared.web.i18n import languages


@cache
def countries(language: str) -> tuple[tuple[str, str], ...]:
    """Code and name of every country, by name as `language` orders it: an accent counts for nothing."""
    names = Locale.parse(language).territories
    return tuple(sorted(((code, str(names[code])) for code in COUNTRIES), key=lambda one: _plain(one[1])))


def country_code(said: str) -> str:
    """The code of a country that was given by code or by name, in any of our languages; what is none stays as it was."""
    return _by_name().get(_plain(said), said)


@cache
def _by_name() -> dict[str, str]:
    names = {_plain(name): code for language in languages() for code, name in countries(language)}
    return names | {_plain(code): code for code in COUNTRIES}


def _plain(text: str) -> str:
    """The letters alone: no accents, no capitals, one space between words."""
    letters = unicodedata.normalize("NFKD", text)
    return " ".join("".join(sign for sign in letters if not unicodedata.combining(sign)).casefold().split())
