"""Two real calendar programs read our feeds and calendars and show the right local times, also when clocks change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from shared.contracts.scheduling import EventState, SessionState
from shared.storage.mongo import Database
from tests.support.caldav_servers import XandikosNode
from tests.support.calendar_clients import Calcurse, Khal, Program, Shown
from tests.support.calendar_harness import CalendarSync
from tests.support.calendar_samples import efus, registration, session
from tests.support.install_clients import ensure_clients
from tests.support.radicale import RadicaleNode

EVENT = "efus-2021-round-3"
Serve = Callable[..., Awaitable[TestServer]]

PLACES = ("Europe/Paris", "America/New_York", "UTC")
MEANT: dict[str, tuple[tuple[str, str | None], ...]] = {
    # What people in PLACES must see: worked out by hand. Europe changes on 28 March and 31 October, the USA on 14 March
    # and 7 November.
    "Printemps à Bruxelles": (
        ("2021-03-28 09:00", "2021-03-28 10:30"), ("2021-03-28 03:00", "2021-03-28 04:30"), ("2021-03-28 07:00", "2021-03-28 08:30"),
    ),
    "Automne à Bruxelles": (
        ("2021-10-31 09:00", "2021-10-31 10:30"), ("2021-10-31 04:00", "2021-10-31 05:30"), ("2021-10-31 08:00", "2021-10-31 09:30"),
    ),
    "Nuit d’été ; 2 h 30": (
        ("2021-10-31 02:30", "2021-10-31 02:50"), ("2021-10-30 20:30", "2021-10-30 20:50"), ("2021-10-31 00:30", "2021-10-31 00:50"),
    ),
    "Nuit d’hiver ; 2 h 30": (
        ("2021-10-31 02:30", "2021-10-31 04:00"), ("2021-10-30 21:30", "2021-10-30 23:00"), ("2021-10-31 01:30", "2021-10-31 03:00"),
    ),
    "Helsinki, la veille": (
        ("2021-03-27 13:00", "2021-03-27 14:00"), ("2021-03-27 08:00", "2021-03-27 09:00"), ("2021-03-27 12:00", "2021-03-27 13:00"),
    ),
    "Printemps à New York": (
        ("2021-03-14 14:00", "2021-03-14 15:00"), ("2021-03-14 09:00", "2021-03-14 10:00"), ("2021-03-14 13:00", "2021-03-14 14:00"),
    ),
    "Automne à New York": (
        ("2021-11-07 15:00", "2021-11-07 16:00"), ("2021-11-07 09:00", "2021-11-07 10:00"), ("2021-11-07 14:00", "2021-11-07 15:00"),
    ),
    "Sans heure": (("2021-03-31", None),) * 3,
    "Supprimée": (
        ("2021-06-09 14:00", "2021-06-09 15:00"), ("2021-06-09 08:00", "2021-06-09 09:00"), ("2021-06-09 12:00", "2021-06-09 13:00"),
    ),
}  # fmt: skip


def event(revision: int = 1) -> EventState:
    """The third round, in French first."""
    return efus(revision, languages=["fr", "en"])


def sessions() -> list[SessionState]:
    """Those of MEANT, in its order."""

    def made(
        number: int, start: str, end: str | None = None, zone: str = "Europe/Brussels", **changes: Any
    ) -> SessionState:
        title = {"fr": list(MEANT)[number - 1], "en": f"Session {number}"}
        return session(f"{EVENT}-session-{number}", start, end, zone=zone, title=title, **changes)

    at = [datetime(2021, 10, 31, hour, minute, tzinfo=UTC) for hour, minute in ((0, 30), (0, 50), (1, 30))]
    return [
        made(1, "2021-03-28T09:00", "2021-03-28T10:30"),
        made(2, "2021-10-31T09:00", "2021-10-31T10:30"),
        made(3, "2021-10-31T02:30", "2021-10-31T02:50", starts_at=at[0], ends_at=at[1]),
        made(4, "2021-10-31T02:30", "2021-10-31T04:00", starts_at=at[2]),
        made(5, "2021-03-27T14:00", zone="Europe/Helsinki"),
        made(6, "2021-03-14T09:00", zone="America/New_York"),
        made(7, "2021-11-07T09:00", zone="America/New_York"),
        made(8, "2021-03-31"),
        made(9, "2021-06-09T14:00", status="cancelled"),
    ]


@pytest.fixture
async def sync(database: Database) -> AsyncIterator[CalendarSync]:
    sync = await CalendarSync(database).prepare()
    yield sync
    await sync.close()


@pytest.fixture(params=[Khal, Calcurse])
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Program:
    made: Program = request.param(ensure_clients(), tmp_path)
    return made


def by_title(shown: list[Shown]) -> dict[str, tuple[str, str | None]]:
    """Times by the title of MEANT that a line holds; every line must hold one, and none may stand twice."""
    found: dict[str, tuple[str, str | None]] = {}
    for line in shown:
        (title,) = (title for title in MEANT if title in line.title)
        assert title not in found, shown
        found[title] = (line.start, line.end)
    return found


Meant = dict[str, tuple[tuple[str, str | None], ...]]


async def sees_what_is_meant(program: Program, where: Meant = MEANT, places: tuple[str, ...] = PLACES) -> list[Shown]:
    """Compares what people in each of `places` see with what is meant; returns what the last one sees."""
    shown: list[Shown] = []
    for place in places:
        shown = await program.shown(place)
        meant = {title: times[PLACES.index(place)] for title, times in where.items()}
        assert by_title(shown) == meant, place
    return shown


@pytest.mark.parametrize("whose", ["everybody's", "a person's"])
async def test_program_shows_a_feed_with_the_right_local_times(
    sync: CalendarSync, program: Program, aiohttp_server: Serve, whose: str
) -> None:
    person = {"name": "Ada", "email": "ada@example.org", "language": "fr"}
    await sync.tell(event(), *sessions(), registration(EVENT, person=person))
    server = await aiohttp_server(sync.app())
    path = f"/feeds/events/{EVENT}.ics?lang=fr" if whose == "everybody's" else sync.feed_address("r1")
    await program.subscribe(str(server.make_url(path)))
    shown = await sees_what_is_meant(program)
    (gone,) = (line.title for line in shown if "Supprimée" in line.title)
    assert gone not in MEANT  # it says that it was cancelled


async def test_program_shows_a_reschedule_instead_of_the_old_time(
    sync: CalendarSync, program: Program, aiohttp_server: Serve
) -> None:
    first, *others = sessions()
    await sync.tell(event(), first, *others)
    server = await aiohttp_server(sync.app())
    await program.subscribe(str(server.make_url(f"/feeds/events/{EVENT}.ics?lang=fr")))
    await sees_what_is_meant(program, places=("UTC",))
    moved = session(first.id, "2021-10-31T01:30", zone="Europe/Brussels", revision=2, title=first.title)
    await sync.tell(moved)
    times = (
        ("2021-10-31 01:30", "2021-10-31 02:30"),
        ("2021-10-30 19:30", "2021-10-30 20:30"),
        ("2021-10-30 23:30", "2021-10-31 00:30"),
    )
    await sees_what_is_meant(program, MEANT | {"Printemps à Bruxelles": times}, ("Europe/Paris", "UTC"))


@pytest.fixture(params=["radicale", "xandikos"])
async def account(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, str | None, str | None]]:
    """Home, user name and password at a private server."""
    node: RadicaleNode | XandikosNode = RadicaleNode() if request.param == "radicale" else XandikosNode()
    try:
        await node.start()
        if isinstance(node, RadicaleNode):
            yield f"{node.url}{node.username}/", node.username, node.password
        else:
            yield node.home, None, None
    finally:
        await node.stop()


async def test_program_shows_a_pushed_calendar_with_the_right_local_times(
    sync: CalendarSync, program: Program, account: tuple[str, str | None, str | None]
) -> None:
    home, username, password = account
    worker = await sync.connect(home, username, password)
    await sync.tell(event(), *sessions())
    await worker.round()
    await program.connect(home, EVENT, username, password)
    await sees_what_is_meant(program)
