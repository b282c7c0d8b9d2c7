"""Keys of tracks: readable where they can be, and never the same for two tracks."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.calendar.track import track_key

TEXTS = st.text(min_size=1, max_size=100).filter(str.strip)


@pytest.mark.parametrize(
    ("name", "key"),
    [("Data protection", "data-protection"), (" data  Protection ", "data-protection"), ("AI 2", "ai-2")],
)
def test_plain_name_is_its_key(name: str, key: str) -> None:
    assert track_key({"en": name}, "en") == key


def test_name_that_lost_letters_has_a_digest() -> None:
    keys = [
        track_key({"en": name}, "en") for name in ("Café", "Cafe", "Data & AI", "Data AI", "Data-AI", "日本", "中国")
    ]
    assert len(set(keys)) == len(keys)
    assert keys[0].startswith("cafe-")
    assert keys[1] == "cafe"


def test_key_is_that_of_the_first_language() -> None:
    assert track_key({"fr": "Données", "en": "Data"}, "en") == track_key({"en": "Data"}, "en")


@given(TEXTS)
def test_key_stands_in_an_address_as_it_is(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]{1,80}", track_key({"en": name}, "en"))


@given(TEXTS, TEXTS)
def test_two_names_share_a_key_only_where_blanks_and_capitals_differ(one: str, other: str) -> None:
    same = track_key({"en": one}, "en") == track_key({"en": other}, "en")
    assert same == (" ".join(_folded(one)) == " ".join(_folded(other)))


def _folded(name: str) -> list[str]:
    return " ".join(unicodedata.normalize("NFC", name).split()).casefold().split()
