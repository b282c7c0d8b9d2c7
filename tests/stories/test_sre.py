"""The Security Research Event: one seat for the whole conference, audiences of different kinds, sessions open to all."""

from __future__ import annotations

from datetime import UTC, date, datetime

from tests.stories.conftest import Begin
from tests.support.events import person
from tests.support.story import start

EVENT = "sre-2019"
SEPTEMBER = datetime(2019, 9, 15, 8, 0, tzinfo=UTC)


async def test_from_import_to_calendar_object_and_mail(begin: Begin) -> None:
    async with begin(SEPTEMBER) as story:
        await story.import_example(EVENT)
        await story.request("badge-1", EVENT, person("ada", audience="police"))
        registration = await story.registration_of(EVENT, "ada@example.org")
        assert registration["state"] == "confirmed"
        text = await story.mail_text("ada@example.org")
        assert "Helsinki" in text
        feed = await story.until_entry(
            lambda: story.feed(story.private_feed(registration["_id"])),
            lambda e: "sre-2019-opening-keynote" in e,
            "her feed",
        )
        days = {start(entry).date() for entry in feed.values()}
        assert days == {date(2019, 11, 6), date(2019, 11, 7)}
        shared = await story.until_entry(
            story.shared_calendar, lambda e: "sre-2019-panel-hybrid-threats" in e, "the calendar"
        )
        assert str(start(shared["sre-2019-panel-hybrid-threats"]).tzinfo) == "Europe/Helsinki"
        page = await story.page(f"/events/{EVENT}?lang=en")
        assert "Ilkka Salmi" in page
        assert "399" in page, "seats left"


async def test_audience_is_asked_for(begin: Begin) -> None:
    async with begin(SEPTEMBER) as story:
        await story.import_example(EVENT)
        body = {"event_id": EVENT, "person": {"name": "Ada", "email": "ada@example.org"}, "sessions": []}
        async with story.http.post(story.process.address + "/api/v1/registrations", json=body) as response:
            answer = await response.json(content_type=None)
            assert response.status == 409
            assert [(e["field"], e["code"]) for e in answer["errors"]] == [("person.audience", "audience-needed")]
