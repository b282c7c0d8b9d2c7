"""Files of members: what a line is, and files that are made to cost much."""

from __future__ import annotations

import tracemalloc

import pytest

from services.registration.member_file import MOST, MOST_WRONG, lines_of, read_addresses
from services.registration.requirement_file import FileRefused


@pytest.mark.parametrize(
    "file",
    [
        "email\na@example.org\nB@example.org\n",
        "\ufeff\r\nE-Mail;\r\n a@example.org;\r\n\r\nb@example.org",
        'a@example.org\r"b@example.org"\r',
    ],
)
def test_one_address_is_on_a_line(file: str) -> None:
    assert read_addresses(lines_of(file.encode())).emails == ["a@example.org", "b@example.org"]


def test_lines_are_those_of_the_file_and_only_the_first_is_a_heading() -> None:
    read = read_addresses(lines_of(b"\nemail\n\nx\na@example.org\nemail\n"))
    assert (read.emails, read.wrong, read.more) == (["a@example.org"], [4, 6], 0)


def test_file_of_line_ends_costs_no_more_than_its_text() -> None:
    tracemalloc.start()
    read = read_addresses(lines_of(b"\n" * 4_000_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read.emails == []
    assert peak < 40_000_000


def test_wrong_lines_are_told_up_to_a_number_and_counted_from_there() -> None:
    read = read_addresses(lines_of(b"x\n" * 5000))
    assert (len(read.wrong), read.more) == (MOST_WRONG, 5000 - MOST_WRONG)


def test_file_of_too_many_is_refused_before_its_end() -> None:
    def endless() -> object:
        while True:
            yield 1, ""

    with pytest.raises(FileRefused, match="cannot be read") as refused:
        read_addresses(endless())  # type: ignore[arg-type]
    assert str(MOST) in refused.value.problems[0]["message"]
