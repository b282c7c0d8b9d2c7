"""The behaviour suite of calendars on servers that play the quirks of real ones: all at once, and one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.behaviour.calendar_kit import QuirkyPlace
from tests.behaviour.calendar_suite import CalendarLife, CalendarSuite
from tests.support.quirky import PRESETS, Quirks, QuirkyServer

PECULIAR = ("sogo", "cyrus", "google", "icloud")
IN_EVERY_RUN = ("sogo", "cyrus")
"""The others show all behaviours in the long run, and a whole life in every run."""
"""Those that differ most; the others live one whole life."""
SINGLE: list[dict[str, Any]] = [
    {"ignores_if_none_match": True},
    {"ignores_if_match": True},
    {"creates_on_if_match_of_missing": True},
    {"answers_412_for_everything": True},
    {"reuses_etags_after_delete": True},
    {"no_etag_on_put": True},
    {"wrong_etag_on_put": True},
    {"weak_etags": True},
    {"reserialises": True},
    {"drops_unknown": True},
    {"adds_organizer": True},
    {"uid_account_wide": True, "uid_conflict_status": 403},
    {"uid_conflict_status": 400, "uid_conflict_unnamed": True},
    {"accepts_uid_twice": True},
    {"no_mkcalendar": 403},
    {"mkcalendar_status": 202},
    {"async_mkcalendar": 3},
    {"rate_budget_mkcalendar": 1},
    {"missing_calendar_status": 403},
    {"missing_calendar_status": 404},
    {"not_found_for_forbidden": True},
    {"no_sync_collection": True},
    {"sync_token_refusal": "412"},
    {"sync_token_refusal": "accepted_silently"},
    {"sync_tokens_of_one_second": True},
    {"sync_page_size": 1},
    {"lists_nothing": True},
    {"session_cookies": True},
    {"login_redirect_for": 2},
    {"busy_for": 2},
    {"busy_for": 2, "busy_status": 429},
    {"busy_for": 2, "busy_retry_after": "20"},
    {"busy_for": 2, "busy_status": 429, "busy_retry_after": "Wed, 02 Oct 2019 12:00:30 GMT"},
    {"busy_for": 2, "busy_status": 502},
    {"answer_lost_times": 2},
    {"slow_headers": 0.005},
    {"half_a_body_times": 2},
    {"half_a_body_times": 2, "half_a_body_looks_whole": True},
]


class TestPeculiarServers(CalendarSuite):
    """All behaviours in a person's own calendar, and the whole life of a shared one."""

    @pytest.fixture
    def whose(self, request: pytest.FixtureRequest) -> str:
        return "shared" if "whole_life" in request.node.name else "personal"

    @pytest.fixture(
        params=[pytest.param(name, marks=() if name in IN_EVERY_RUN else pytest.mark.long) for name in PECULIAR]
    )
    async def place(self, request: pytest.FixtureRequest) -> AsyncIterator[QuirkyPlace]:
        async with QuirkyServer(PRESETS[request.param]()) as server:
            yield QuirkyPlace(server)


class TestOtherServers(CalendarLife):
    """The whole life of a calendar, a shared one and a person's."""

    @pytest.fixture(params=[name for name in PRESETS if name not in IN_EVERY_RUN])
    async def place(self, request: pytest.FixtureRequest) -> AsyncIterator[QuirkyPlace]:
        async with QuirkyServer(PRESETS[request.param]()) as server:
            yield QuirkyPlace(server)


def told(switches: dict[str, Any]) -> str:
    return ",".join(name if value is True else f"{name}={value}" for name, value in switches.items())


class TestSingleQuirks(CalendarLife):
    """The whole life of a calendar, with each quirk by itself."""

    @pytest.fixture
    def whose(self, request: pytest.FixtureRequest) -> str:
        return "shared" if "mkcalendar" in request.node.name else "personal"

    @pytest.fixture(params=SINGLE, ids=told)
    async def place(self, request: pytest.FixtureRequest) -> AsyncIterator[QuirkyPlace]:
        async with QuirkyServer(Quirks(**request.param)) as server:
            yield QuirkyPlace(server)
