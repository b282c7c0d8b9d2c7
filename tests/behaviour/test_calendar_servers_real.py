"""The behaviour suite of calendars on Radicale and Xandikos."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.behaviour.calendar_kit import Home, RealPlace
from tests.behaviour.calendar_suite import CalendarSuite
from tests.support.caldav_servers import XandikosNode
from tests.support.radicale import RadicaleNode


@pytest.fixture(scope="module")
def radicale_node() -> Iterator[RadicaleNode]:
    node = RadicaleNode()
    try:
        asyncio.run(node.start())
        yield node
    finally:
        asyncio.run(node.stop())


@pytest.fixture(scope="module")
def xandikos_node() -> Iterator[XandikosNode]:
    node = XandikosNode()
    try:
        asyncio.run(node.start())
        yield node
    finally:
        asyncio.run(node.stop())


class TestRadicale(CalendarSuite):
    """The organisation's server; in a person's own calendar, the long run (Xandikos shows it in every run)."""

    @pytest.fixture(params=["shared", pytest.param("personal", marks=pytest.mark.long)])
    def whose(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def place(self, radicale_node: RadicaleNode) -> RealPlace:
        return RealPlace(Home(radicale_node.home, radicale_node.username, radicale_node.password))


class TestXandikos(CalendarSuite):
    @pytest.fixture
    def whose(self, request: pytest.FixtureRequest) -> str:
        """It is slow: all behaviours in a person's own calendar, and the whole life of a shared one."""
        return "shared" if "whole_life" in request.node.name else "personal"

    @pytest.fixture
    def place(self, xandikos_node: XandikosNode) -> RealPlace:
        return RealPlace(Home(xandikos_node.home))
