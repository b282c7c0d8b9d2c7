"""Files of what another organisation decided: every way in which spreadsheets write them, and lines that are true."""

from __future__ import annotations

import json
from zoneinfo import ZoneInfo

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


@pytest.mark.parametrize(
    ("said", "instant"),
    [
        ("2019-11-05 14:30", "2019-11-05T13:30:00+00:00"),
        ("2019-11-05T14:30+03:00", "2019-11-05T11:30:00+00:00"),
        ("2019-10-27 02:30", "2019-10-27T00:30:00+00:00"),  # twice on that day: the earlier one
        ("2019-11-05", "2019-11-04T23:00:00+00:00"),
    ],
)
def test_time_without_an_offset_is_one_of_the_zone(said: str, instant: str) -> None:
    files = [
        read_table(f"email,decided_at\na@example.org,{said}\n".encode(), ZoneInfo("Europe/Paris")),
        read_json_list(json.dumps([{"email": "a@example.org", "decided_at": said}]).encode(), ZoneInfo("Europe/Paris")),
    ]
    for (read,) in files:
        assert read.row is not None
        assert read.row.decided_at is not None
        assert read.row.decided_at.isoformat() == instant


def test_without_a_zone_a_time_needs_an_offset() -> None:
    (read,) = read_table(b"email,decided_at\na@example.org,2019-11-05 14:30\n")
    assert [told["field"] for told in read.problems] == ["decided_at"]


@given(st.binary(max_size=200))
def test_whatever_is_sent_is_read_or_refused(body: bytes) -> None:
    for reader in (read_table, read_json_list):
        try:
            read = reader(body)
        except FileRefused:
            continue
        assert all((one.row is None) == bool(one.problems) for one in read)


@pytest.mark.parametrize(
    "file",
    [
        "email," + "a," * 51,
        "email," + "a," * 1_000_000,
        '"email\n"' + ",a" * 100_000,
    ],
    ids=["51", "a-million", "below-a-line-end"],
)
def test_header_of_very_many_columns_is_refused_in_one_sentence(file: str) -> None:
    with pytest.raises(FileRefused) as refused:
        read_table(file.encode())
    [told] = refused.value.problems
    assert told["message"] == "more than 50 columns; there are email, number, state, decided_at"


def test_wrong_columns_of_a_usual_header_are_each_named() -> None:
    with pytest.raises(FileRefused) as refused:
        read_table(b"email,a,b,c\n")
    assert [told["field"] for told in refused.value.problems] == ["a", "b", "c"]


@pytest.mark.parametrize("raw", [7, [], "a@example.org", None, {f"f{n}": 1 for n in range(50_000)}])
def test_row_of_json_that_is_none_is_told_by_one_problem(raw: object) -> None:
    wrong, right = read_json_list(json.dumps([raw, {"email": "a@example.org"}]).encode())
    assert [told["code"] for told in wrong.problems] == ["not-a-row"]
    assert right.row is not None
