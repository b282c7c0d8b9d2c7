"""Content lines: folding, escaping and addresses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from icalendar import Event

from shared.calendar.text import address, escape, fold, quoted


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), max_size=400))
def test_folded_line_has_no_piece_beyond_75_octets_and_unfolds_to_itself(value: str) -> None:
    folded = fold(f"SUMMARY:{value}")
    pieces = folded.removesuffix(b"\r\n").split(b"\r\n")
    assert all(len(piece) <= 75 for piece in pieces)
    assert all(piece.decode("utf-8") for piece in pieces)
    assert folded.replace(b"\r\n ", b"").decode() == f"SUMMARY:{value}\r\n"


def test_text_is_escaped_and_control_characters_are_left_out() -> None:
    assert escape("a,b;c\\d\r\ne\x00\x0b") == "a\\,b\\;c\\\\d\\ne"


def test_address_cannot_smuggle_a_line() -> None:
    assert address("https://x.example/a b\r\nATTENDEE:evil") == "https://x.example/a%20b%0D%0AATTENDEE:evil"
    assert address("https://x.example/?q=%20&a=1,2;3") == "https://x.example/?q=%20&a=1,2;3"


def test_a_backslash_before_an_n_is_no_line_end() -> None:
    texts = {"SUMMARY": "C:\\Names, and C:\\new", "DESCRIPTION": "one\ntwo"}
    lines = [fold(f"{name}:{escape(words)}") for name, words in texts.items()]
    read = Event.from_ical(b"".join([b"BEGIN:VEVENT\r\n", *lines, b"END:VEVENT\r\n"]))
    assert {name: str(read[name]) for name in texts} == texts


def test_parameter_is_quoted_where_a_sign_in_it_asks_for_it() -> None:
    assert [quoted(value) for value in ("Join", "Join: here", 'a "b", c')] == ["Join", '"Join: here"', "\"a 'b', c\""]
