"""Files of what another organisation decided: every way in which spreadsheets write them, and lines that are true."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registration.requirement_file import FileRefused, read_json_list, read_table

FILES = [
    "email,state\na@example.org,granted\n",
    "\ufeffemail;state;\r\na@example.org;granted;\r\n",
    "Email\tState\r\n A@Example.org \tGRANTED\r\n",
    '"email","state"\n"a@example.org","granted"\n',
    "\n\nstate,email\ngranted,a@example.org",
]


@pytest.mark.parametrize("file", FILES)
def test_the_same_row_is_read_from_every_spreadsheet(file: str) -> None:
    (read,) = read_table(file.encode())
    assert read.row is not None
    assert (read.row.email, read.row.state) == ("a@example.org", "granted")


def test_lines_are_those_of_the_file() -> None:
    read = read_table(b'email,number\n\na@example.org,\n,"1\n2"\nb@example.org,\n,,9\n')
    assert [(one.line, one.row is not None) for one in read] == [(3, True), (4, True), (6, True), (7, False)]


@given(st.binary(max_size=200))
def test_whatever_is_sent_is_read_or_refused(body: bytes) -> None:
    for reader in (read_table, read_json_list):
        try:
            read = reader(body)
        except FileRefused:
            continue
        assert all((one.row is None) == bool(one.problems) for one in read)
