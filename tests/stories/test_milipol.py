"""The workshops at Milipol: seats first come first served, two registrations, a reschedule that reaches everybody."""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from tests.stories.conftest import Begin
from tests.support.events import person
from tests.support.story import start
from tests.support.waiting import until

EVENT = "milipol-2019"
W1, W2, W3, W4 = (f"{EVENT}-workshop-{number}" for number in (1, 2, 3, 4))
OCTOBER = datetime(2019, 10, 15, 8, 0, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


async def test_from_import_to_calendar_object_and_mail(begin: Begin) -> None:
    async with begin(OCTOBER) as story:
        await story.import_example(EVENT)
        for name in ("ada", "bob"):
            await story.fair_decides(f"fair-{name}", f"{name}@example.org")
        await story.request("badge-1", EVENT, person("ada", language="fr"), W1, W2)
        await story.change_session(EVENT, W2, {"admission": {"capacity": 1}})
        await story.registration_of(EVENT, "ada@example.org")
        await story.until_entry(
            lambda: story.feed(f"/feeds/events/{EVENT}.ics"), lambda e: {W1, W2, W3, W4} <= set(e), "the event's feed"
        )
        answer = await story.register(EVENT, person("bob"), W1, W2)
        # Seats may have changed hands only in order: Ada asked first.
        assert [(c["session_id"], c["state"]) for c in answer["choices"]] == [(W1, "confirmed"), (W2, "waitlisted")]

        french = await story.mail_text("ada@example.org")
        assert "Jeux de données" in french or "jeux de données" in french
        english = await story.mail_text("bob@example.org")
        assert "09:40" in english
        assert "Europe/Paris" in english
        assert story.private_page(answer["registration_id"]) in english

        shared = await story.until_entry(story.shared_calendar, lambda e: {W1, W2, W3, W4} <= set(e), "the calendar")
        assert start(shared[W1]) == datetime(2019, 11, 20, 9, 40, tzinfo=PARIS)
        assert "METHOD" not in shared[W1]
        own = await story.until_entry(
            lambda: story.feed(story.private_feed(answer["registration_id"])), lambda e: W1 in e, "Bob's feed"
        )
        assert W2 not in own, "a seat that is awaited is no seat"


async def test_reschedule_reaches_feed_calendar_and_mail(begin: Begin) -> None:
    async with begin(OCTOBER) as story:
        await story.import_example(EVENT)
        await story.fair_decides("fair-ada", "ada@example.org")
        answer = await story.register(EVENT, person("ada"), W3)
        await story.mail("ada@example.org")
        feed = story.private_feed(answer["registration_id"])
        before = (await story.until_entry(story.shared_calendar, lambda e: W3 in e, "the calendar"))[W3]
        in_feed = (await story.until_entry(lambda: story.feed(feed), lambda e: W3 in e, "the feed"))[W3]

        await story.change_session(EVENT, W3, {"starts": "14:30", "ends": "15:40"}, "Later after lunch")

        new_time = datetime(2019, 11, 20, 14, 30, tzinfo=PARIS)
        after = (
            await story.until_entry(story.shared_calendar, lambda e: start(e[W3]) == new_time, "the calendar moved")
        )[W3]
        assert str(after["UID"]) == str(before["UID"])
        assert int(after["SEQUENCE"]) > int(before["SEQUENCE"])
        moved = (
            await story.until_entry(lambda: story.feed(feed), lambda e: start(e[W3]) == new_time, "the feed moved")
        )[W3]
        assert str(moved["UID"]) == str(in_feed["UID"])
        assert int(moved["SEQUENCE"]) > int(in_feed["SEQUENCE"])
        text = await story.mail_text("ada@example.org", count=2)
        assert "14:00" in text
        assert "14:30" in text


async def test_cancelled_session_is_told_everywhere(begin: Begin) -> None:
    async with begin(OCTOBER) as story:
        await story.import_example(EVENT)
        await story.register(EVENT, person("ada"), W4)
        await story.mail("ada@example.org")
        await story.until_entry(story.shared_calendar, lambda e: W4 in e, "the calendar")
        await story.organiser(
            "POST", f"/api/v1/events/{EVENT}/sessions/{W4}/cancel", {"note": {"en": "The chair is ill"}}
        )
        entry = (
            await story.until_entry(
                story.shared_calendar, lambda e: e[W4].get("STATUS") == "CANCELLED", "told in the calendar"
            )
        )[W4]
        assert str(entry["SUMMARY"]).startswith("Cancelled:")
        assert "cancelled" in (await story.mail_text("ada@example.org", count=2)).lower()
        assert "cancelled" in (await story.page(f"/events/{EVENT}")).lower()


async def test_freed_seat_is_told_to_the_one_who_waited(begin: Begin) -> None:
    async with begin(OCTOBER) as story:
        await story.import_example(EVENT)
        for name in ("ada", "bob"):
            await story.fair_decides(f"fair-{name}", f"{name}@example.org")
        await story.change_session(EVENT, W1, {"admission": {"capacity": 1}})
        ada = await story.register(EVENT, person("ada"), W1, W2)
        bob = await story.register(EVENT, person("bob"), W1)
        assert bob["choices"][0]["state"] == "waitlisted"
        assert "1" in await story.mail_text("bob@example.org")
        await story.organiser("POST", f"/api/v1/registrations/{ada['registration_id']}/cancel", {"sessions": [W1]})
        await story.mail("bob@example.org", count=2)
        await story.mail("ada@example.org", count=2)
        own = await story.until_entry(
            lambda: story.feed(story.private_feed(bob["registration_id"])), lambda e: W1 in e, "Bob's feed has it"
        )
        assert W2 not in own


async def test_one_correlation_id_from_the_request_to_mail_and_calendar_object(begin: Begin) -> None:
    with capture_logs(processors=[merge_contextvars]) as lines:
        async with begin(OCTOBER) as story:
            await story.import_example(EVENT)
            await story.register(EVENT, person("ada"), W1)
            await story.mail("ada@example.org")
            await story.until_entry(story.shared_calendar, lambda e: W1 in e, "the calendar")
            path = f"/api/v1/events/{EVENT}/sessions/{W1}"
            await story.organiser("PATCH", path, {"starts": "09:45"})
            await story.organiser(
                "POST", f"/api/v1/events/{EVENT}/publish", headers={"X-Correlation-Id": "organiser-1"}
            )
            mail = await story.mail("ada@example.org", count=2)
            await until(lambda: "calendar_object_written" in _said(lines, "organiser-1"), 20, "the object is written")
    assert mail["X-Correlation-Id"] == "organiser-1"
    assert _said(lines, "organiser-1") >= {"http_request", "message_handled", "mail_sent", "calendar_object_written"}


def _said(lines: list[MutableMapping[str, Any]], correlation_id: str) -> set[str]:
    """The events that were logged with this correlation id."""
    return {line["event"] for line in lines if line.get("correlation_id") == correlation_id}
