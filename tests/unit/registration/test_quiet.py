"""An event in which nothing was left is not looked through again, until something is committed or its moment is another."""

from __future__ import annotations

from datetime import timedelta

from services.registration.quiet import SETTLED, Quiet
from shared.storage.ledger import Entry, Page
from tests.support.events import BEFORE_CLOSE

NOW, LATER = BEFORE_CLOSE, BEFORE_CLOSE + SETTLED
PAGE = Page("events/milipol-2019", version=7)


def rested(quiet: Quiet, page: Page = PAGE, moment: str = "over") -> bool:
    """Whether it rests after a look that found nothing, a minute after it was first seen so."""
    for now in (NOW, LATER):
        assert not quiet.rests(page, moment, now)
        quiet.nothing_left(page, now)
    return quiet.rests(page, moment, LATER)


def test_an_event_in_which_nothing_was_left_rests() -> None:
    assert rested(Quiet())


def test_a_look_soon_after_a_commit_does_not_count() -> None:
    quiet = Quiet()
    for now in (NOW, LATER - timedelta(seconds=1)):
        assert not quiet.rests(PAGE, "over", now)
        quiet.nothing_left(PAGE, now)
    assert not quiet.rests(PAGE, "over", LATER)


def test_an_event_of_which_not_all_is_written_out_does_not_rest() -> None:
    assert not rested(Quiet(), Page(PAGE.stream, 7, entries=(Entry(7, NOW, (), ()),)))


def test_a_commit_and_another_moment_and_another_event_are_looked_at() -> None:
    quiet = Quiet()
    assert rested(quiet)
    assert not quiet.rests(Page("events/other", 7), "over", LATER)
    assert quiet.rests(PAGE, "over", LATER)
    assert not quiet.rests(PAGE, "asking", LATER)
    assert not quiet.rests(PAGE, "over", LATER)
    assert not quiet.rests(Page(PAGE.stream, 8), "over", LATER)


def test_an_event_in_which_something_was_found_does_not_rest() -> None:
    quiet = Quiet()
    assert not quiet.rests(PAGE, "over", NOW)
    assert not quiet.rests(PAGE, "over", LATER)
