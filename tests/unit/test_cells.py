"""Cells of tables: no formula for any spreadsheet, wherever it splits lines into cells; and each comes back as it was."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cells import as_written, harmless

SIGNS = "=+-@＝＋－＠"
cells = st.text(st.sampled_from(f"'\";\t\r\n, x{SIGNS}"), max_size=12)


@given(st.one_of(cells, st.text(max_size=30)))
def test_every_cell_comes_back_as_it_was(cell: str) -> None:
    assert as_written(harmless(cell)) == cell
    assert as_written(harmless(harmless(cell))) == harmless(cell)


@given(cells)
def test_no_part_of_a_cell_begins_like_a_formula(cell: str) -> None:
    made = harmless(cell)
    assert made[:1] not in {*SIGNS, "\t", "\r"} or not made
    assert not re.search(rf"[;\t\r\n][\s\"]*[{re.escape(SIGNS)}]", made)


@given(st.lists(cells, min_size=2, max_size=4), st.sampled_from(";\t"))
def test_table_that_is_split_at_other_signs_has_no_formula(row: list[str], delimiter: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(["id", *(harmless(cell) for cell in row)])
    for line in re.split(r"[\r\n]", text.getvalue()):
        for cell in next(csv.reader([line], delimiter=delimiter), []):
            assert cell[:1] not in set(SIGNS) or not cell


def test_list_of_a_stranger_is_harmless_in_french_spreadsheets() -> None:
    assert harmless("Ada;=cmd|CALC!A0") == "Ada;'=cmd|CALC!A0"
    assert harmless('Ada; "=1+1') == "Ada; \"'=1+1"
    assert harmless("＝1+1") == "'＝1+1"
    for plain in ("Ada; Bob", "a-b; c+d", "Doe, J.-P.", "2 - 3", "x;y@example.org"):
        assert harmless(plain) == plain


@pytest.mark.parametrize("sign", ["\t", ";", '"', "'", "; '", "\t\"'"])
def test_long_cells_are_gone_through_once(sign: str) -> None:
    """With a search that begins again at each separator, this would take hours."""
    cell = sign * 300_000
    assert as_written(harmless(cell)) == cell
