"""Every text that people read has its French."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from shared.web.i18n import LOCALES, languages, translations

ROOT = Path(__file__).parents[2]
KEYWORDS = {"_": None, "N_": None, "gettext": None, "words": None, "_words": None, "ngettext": (1, 2)}
TORN = re.compile(r" [:;!?»]|« ")
"""A blank at which a line may break where French has none."""
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


def french_in(data: Any, inside: bool = False) -> Iterator[str]:
    """The French texts of a file that somebody wrote in several languages."""
    if isinstance(data, str):
        yield from [data] if inside else []
    elif isinstance(data, list):
        for one in data:
            yield from french_in(one, inside)
    elif isinstance(data, dict):
        for key, one in data.items():
            yield from french_in(one, inside or key == "fr")


def test_french_signs_are_not_torn_from_their_words() -> None:
    texts = [text for said in french().values() for text in said]
    for sample in sorted((ROOT / "deploy" / "examples").glob("*.yaml")):
        of_sample = list(french_in(yaml.safe_load(sample.read_text(encoding="utf-8"))))
        assert of_sample, sample
        texts.extend(of_sample)
    assert [text for text in texts if TORN.search(text)] == []


def test_control_a_plain_blank_is_found() -> None:
    said = french_in({"title": {"en": "Why ?", "fr": "Pourquoi ?"}, "people": [{"fr": {"note": "Ici\u202f; là"}}]})
    assert [text for text in said if TORN.search(text)] == ["Pourquoi ?"]


@pytest.mark.parametrize(("text", "expected"), [("Register", "S'inscrire"), ("No such text", "No such text")])
def test_catalogue_speaks(text: str, expected: str) -> None:
    assert "fr" in languages()
    assert translations("fr").gettext(text) == expected
