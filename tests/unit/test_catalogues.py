"""Every text that people read has its French."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from shared.web.i18n import LOCALES, languages, translations

ROOT = Path(__file__).parents[2]
KEYWORDS = {"_": None, "N_": None, "gettext": None, "words": None, "_words": None, "ngettext": (1, 2)}
METHODS = [("**/templates/**.html", "jinja2"), ("**/templates/**.txt", "jinja2"), ("**.py", "python")]


def used() -> set[str]:
    """The texts marked in code and templates, the singular where there are two forms."""
    found: set[str] = set()
    for folder in ("services", "shared", "deploy/local"):
        for _file, _line, message, _comments, _context in extract_from_dir(
            str(ROOT / folder),
            method_map=METHODS,
            keywords=KEYWORDS,
            options_map={"**/templates/**.html": {"trim_blocks": "true"}},
        ):
            found.add(message[0] if isinstance(message, tuple) else message)
    return found - {""}


def forms(text: object) -> tuple[str, ...]:
    """Singular and plural, or the one form there is."""
    return tuple(map(str, text)) if isinstance(text, tuple | list) else (str(text),)


def french() -> dict[tuple[str, ...], tuple[str, ...]]:
    """French by English."""
    with (LOCALES / "fr" / "LC_MESSAGES" / "lectern.po").open("rb") as source:
        return {forms(m.id): forms(m.string) for m in read_po(source, locale="fr") if m.id}


def test_every_text_has_its_french() -> None:
    missing = sorted(used() - {english[0] for english in french()})
    assert not missing
    assert all(all(said) for said in french().values())


def test_placeholders_survive_translation() -> None:
    for english, said in french().items():
        known = set(re.findall(r"%\(\w+\)\w|\{\w+\}", " ".join(english)))
        assert set(re.findall(r"%\(\w+\)\w|\{\w+\}", " ".join(said))) == known


@pytest.mark.parametrize(("text", "expected"), [("Register", "S'inscrire"), ("No such text", "No such text")])
def test_catalogue_speaks(text: str, expected: str) -> None:
    assert "fr" in languages()
    assert translations("fr").gettext(text) == expected
