"""What is remembered of feeds is bounded, and what is forgotten is made again."""

from __future__ import annotations

from datetime import UTC, datetime

from services.calendar_sync.feeds.memory import Known, Memory


def known(digest: str) -> Known:
    return Known(digest, datetime(2019, 1, 1, tzinfo=UTC), "", "en", "x.ics", (1,), None)


def test_bytes_are_bounded_and_validators_stay() -> None:
    memory = Memory(size=250)
    for number in range(5):
        memory.keep(("feed", str(number)), known(str(number)), b"x" * 100)
    assert [memory.body(("feed", str(n)), str(n)) is not None for n in range(5)] == [False, False, False, True, True]
    assert all(memory.known(("feed", str(n))) is not None for n in range(5))


def test_compressed_form_counts_and_is_made_once() -> None:
    memory = Memory(size=150)
    body = memory.keep(("feed",), known("a"), b"x" * 100)
    packed = memory.packed(("feed",), body)
    assert memory.packed(("feed",), body) is packed
    memory.keep(("other",), known("b"), b"x" * 100)
    assert memory.body(("feed",), "a") is None


def test_bytes_of_another_state_are_not_given() -> None:
    memory = Memory()
    memory.keep(("feed",), known("a"), b"old")
    memory.keep(("feed",), known("b"), b"new")
    assert memory.body(("feed",), "a") is None
    found = memory.body(("feed",), "b")
    assert found is not None
    assert found.plain == b"new"


def test_feeds_are_bounded() -> None:
    memory = Memory(feeds=2)
    for number in range(3):
        memory.keep(("feed", str(number)), known(str(number)), b"")
        memory.known(("feed", "0"))
    assert memory.known(("feed", "1")) is None
    assert memory.known(("feed", "0")) is not None
