"""Who reads the sheet: labels from the catalogue, texts with fall-back, dates, countries and languages in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from urllib.parse import urlsplit

from babel import Locale
from babel.dates import format_date

from services.scheduling.exports.pdf_text import breakable, typeset
from shared.contracts.base import Text
from shared.contracts.scheduling import SessionKind
from shared.web.i18n import day, translations

Span = dict[str, str]
"""A piece of a line: its `text` and `lang`, and where wanted `href` (an address) and `look` (strong, quiet, address)."""

Line = list[Span]


@dataclass(frozen=True)
class Reader:
    """A reader in `language`, one that has a catalogue; texts without it are read in `default`, the event's first."""

    language: str
    default: str

    def words(self, english: str) -> str:
        """The label in the reader's language."""
        return translations(self.language).gettext(english)

    def ngettext(self, one: str, several: str, number: int) -> str:
        """The label for `number` of something."""
        return translations(self.language).ngettext(one, several, number)

    def label(self, words: str, **more: str) -> Span:
        """Words that are in the reader's language already."""
        return {"text": typeset(words, self.language), "lang": self.language, **more}

    def exact(self, words: str, **more: str) -> Span:
        """Words kept to the letter: a name, an address, a separator."""
        return {"text": breakable(words), "lang": self.language, **more}

    def say(self, text: Text, **more: str) -> Span:
        """The text, marked with the language that it is in; empty where there is none."""
        words, code = self._chosen(text)
        return {"text": typeset(words, code), "lang": code, **more}

    def paragraphs(self, text: Text) -> Line:
        """The text by paragraphs, which an empty line divides."""
        words, code = self._chosen(text)
        return [{"text": typeset(part, code), "lang": code} for part in re.split(r"\n\s*\n", words) if part.strip()]

    def joined(self, lines: Iterable[Line], separator: str) -> Line:
        """One line of those that have a text, with `separator` between them."""
        whole: Line = []
        for line in lines:
            if any(piece["text"] for piece in line):
                whole += [self.exact(separator), *line] if whole else line
        return whole

    def address(self, url: str) -> Span:
        """An address to read and to follow."""
        return self.exact(url, look="address", **href(url))

    def colon(self) -> Span:
        """What stands between a label and what it labels."""
        return self.exact(self.words(": "))

    def kind(self, kind: SessionKind) -> str:
        """The kind of session in words."""
        return {
            SessionKind.PLENARY: self.words("Plenary"),
            SessionKind.KEYNOTE: self.words("Keynote"),
            SessionKind.PANEL: self.words("Panel"),
            SessionKind.WORKSHOP: self.words("Workshop"),
            SessionKind.WEB_CONFERENCE: self.words("Web conference"),
            SessionKind.PRESENTATION: self.words("Presentation"),
            SessionKind.BREAK: self.words("Break"),
            SessionKind.SOCIAL: self.words("Social programme"),
        }[kind]

    def day(self, value: date) -> str:
        """A date in words, with its weekday; the number stays with its month."""
        return self._set(day(value, self.language))

    def date(self, value: date) -> str:
        """A date in words, without its weekday."""
        return self._set(format_date(value, "d MMMM y", locale=self.language))

    def country(self, code: str) -> str:
        """The country's name, or its code where it has none."""
        return str(self._locale.territories.get(code.upper(), code))

    def tongue(self, code: str) -> str:
        """The language's name, or its code where it has none."""
        return str(self._locale.languages.get(code, code))

    @cached_property
    def _locale(self) -> Locale:
        return Locale.parse(self.language)

    def _set(self, words: str) -> str:
        words = re.sub(r"(?<=\d) (?=[^\W\d])", "\u00a0", words)
        return re.sub(r"\b1(?=\u00a0)", "1er", words) if self.language == "fr" else words

    def _chosen(self, text: Text) -> tuple[str, str]:
        order = (self.language, self.default, *text)
        return next(((text[code], code) for code in order if text.get(code)), ("", self.language))


def href(url: str | None) -> Span:
    """The address to follow, as a part of a span; none where it is not one of the web."""
    try:
        usable = url is not None and urlsplit(url).scheme in ("http", "https") and len(url) <= 2000
    except ValueError:
        usable = False
    return {"href": url} if usable and url is not None else {}
