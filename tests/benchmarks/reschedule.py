"""From publishing a reschedule to the feed and to the CalDAV object, against a bare PUT to the same server."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from urllib.parse import urljoin

import aiohttp

from shared.config import Settings
from tests.benchmarks.figures import Table, percentile
from tests.support.radicale import RadicaleNode
from tests.support.smtp import SmtpSink
from tests.support.story import Story, story

EVENT, SESSION = "milipol-2019", "milipol-2019-workshop-3"
ROUNDS = 10


async def run(settings: Settings, table: Table) -> None:
    """All four services in one process; the median of several reschedules."""
    smtp, radicale = SmtpSink(), RadicaleNode()
    await smtp.start()
    await radicale.start()
    chosen = settings.model_copy(
        update={"smtp_url": smtp.url, "caldav_url": radicale.home, "caldav_username": radicale.username}
    )
    chosen = chosen.model_copy(
        update={"caldav_password": Settings.model_validate(_with_password(chosen, radicale)).caldav_password}
    )
    try:
        async with story(chosen, datetime(2019, 10, 15, 8, tzinfo=UTC), smtp, radicale) as lectern:
            await lectern.import_example(EVENT)
            await lectern.until_entry(lectern.shared_calendar, lambda e: SESSION in e, "the calendar")
            feeds, objects = [], []
            for number in range(ROUNDS):
                feed, calendar = await _one(lectern, number)
                feeds.append(feed)
                objects.append(calendar)
            bare = await _bare_put(lectern, radicale)
    finally:
        await radicale.stop()
        await smtp.stop()
    table.add("Reschedule to feed, median", f"{percentile(feeds, 0.5) * 1000:.0f} ms")
    table.add("Reschedule to CalDAV object, median", f"{percentile(objects, 0.5) * 1000:.0f} ms")
    ratio = percentile(objects, 0.5) / bare
    table.add("  against a bare PUT and GET on the same server", f"{ratio:.1f} times", f"bare: {bare * 1000:.0f} ms")


def _with_password(settings: Settings, radicale: RadicaleNode) -> dict[str, object]:
    values = settings.model_dump(exclude_none=True)
    return values | {"caldav_password": radicale.password}


async def _one(lectern: Story, number: int) -> tuple[float, float]:
    starts = f"14:{10 + number:02d}"
    wanted = datetime(2019, 11, 20, 14, 10 + number)
    path = f"/api/v1/events/{EVENT}/sessions/{SESSION}"
    await lectern.organiser("PATCH", path, {"starts": starts, "ends": "15:30"})
    began = time.perf_counter()
    await lectern.publish(EVENT, "Moved")
    feed = lambda: lectern.feed(f"/feeds/events/{EVENT}.ics")  # noqa: E731
    there = lambda e: SESSION in e and e[SESSION]["DTSTART"].dt.replace(tzinfo=None) == wanted  # noqa: E731
    await lectern.until_entry(feed, there, "the feed moved")
    in_feed = time.perf_counter() - began
    await lectern.until_entry(lectern.shared_calendar, there, "the calendar moved")
    return in_feed, time.perf_counter() - began


async def _bare_put(lectern: Story, radicale: RadicaleNode) -> float:
    """The same server, asked for the same by a client with nothing in between."""
    login = aiohttp.BasicAuth(radicale.username, radicale.password)
    collection = urljoin(radicale.home, "bare/")
    async with lectern.http.request("MKCALENDAR", collection, auth=login) as response:
        assert response.status == 201, await response.text()
    seconds = []
    for number in range(ROUNDS):
        body = (
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//bare//EN\r\nBEGIN:VEVENT\r\nUID:bare\r\nDTSTAMP:20191015T080000Z\r\n"
            f"DTSTART:20191120T14{10 + number:02d}00Z\r\nSUMMARY:Bare\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        )
        began = time.perf_counter()
        headers = {"Content-Type": "text/calendar; charset=utf-8"}
        async with lectern.http.put(collection + "bare.ics", data=body, auth=login, headers=headers) as response:
            assert response.status in (201, 204), await response.text()
        async with lectern.http.get(collection + "bare.ics", auth=login) as response:
            await response.read()
        seconds.append(time.perf_counter() - began)
    return percentile(seconds, 0.5)
