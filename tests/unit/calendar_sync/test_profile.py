"""What a server's profile means for writing, in words, and in storage."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.calendar_sync.profile import (
    NO_RIGHT,
    NOT_PROBED,
    OVERWRITES,
    PECULIARITIES,
    REUSES_ETAGS,
    UNKNOWN,
    Profile,
)

GOOD = Profile(
    none_match=True,
    match=True,
    match_missing=True,
    etag_on_put=True,
    strong_etags=True,
    etags_reused=False,
    sync_collection=True,
    uid_refused=True,
    makes_calendars=True,
    keeps_unknown=True,
    writes=True,
    probed_at=datetime(2019, 11, 20, tzinfo=UTC),
)


def test_server_that_does_everything_right_needs_no_look() -> None:
    assert not GOOD.needs_look_before_create
    assert not GOOD.needs_look_before_update
    assert not GOOD.needs_look_after_put
    assert GOOD.words() == []


def test_unknown_server_is_looked_at_before_every_write() -> None:
    assert UNKNOWN.needs_look_before_create
    assert UNKNOWN.needs_look_before_update
    assert UNKNOWN.needs_look_after_put
    assert UNKNOWN.words() == [NOT_PROBED]


@pytest.mark.parametrize("lacking", [replace(GOOD, match=False), replace(GOOD, match_missing=False)])
def test_update_is_safe_only_when_both_conditions_hold(lacking: Profile) -> None:
    assert lacking.needs_look_before_update
    assert not lacking.needs_look_before_create


def test_etags_that_come_again_make_a_match_worthless() -> None:
    assert replace(GOOD, etags_reused=True).needs_look_before_update
    assert replace(GOOD, etags_reused=True).words() == [REUSES_ETAGS]


def test_peculiarities_are_told_one_by_one() -> None:
    assert replace(GOOD, none_match=False, etags_reused=True).words() == [OVERWRITES, REUSES_ETAGS]
    assert replace(GOOD, writes=False, none_match=False).words() == [NO_RIGHT]


def test_weak_etags_are_not_told_as_a_condition_that_is_ignored_too() -> None:
    assert len(replace(GOOD, strong_etags=False, match=False).words()) == 1


def test_everything_that_can_be_said_is_said_of_the_worst_server() -> None:
    worst = Profile(probed_at=GOOD.probed_at, writes=True, makes_calendars=False, left_behind=("/x",))
    strong = replace(worst, strong_etags=True)
    assert {NOT_PROBED, NO_RIGHT, *worst.words(), *strong.words()} == set(PECULIARITIES)


def test_profile_survives_storage() -> None:
    profile = replace(GOOD, left_behind=("/calendars/anna/work/x.ics",), makes_calendars=None)
    assert Profile.from_data(profile.as_data()) == profile


def test_profile_of_another_version_is_read_carefully() -> None:
    data = {**GOOD.as_data(), "of_a_later_version": 1}
    del data["none_match"]
    assert Profile.from_data(data) == replace(GOOD, none_match=False)
    assert Profile.from_data(None) == UNKNOWN
