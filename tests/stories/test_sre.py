"""The Security Research Event: one seat for the whole conference, audiences of different kinds, sessions open to all."""

from __future__ import annotations

from datetime import UTC, date, datetime

from tests.stories.conftest import Begin
from tests.support.events import person
from tests.support.story import start
from tests.support.waiting import until

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


async def test_seats_set_aside_for_one_audience_wait_for_it(begin: Begin) -> None:
    async with begin(SEPTEMBER) as story:
        await story.import_example(EVENT)
        kinds = [
            {"id": "research", "name": {"en": "Research"}, "quota": 1},
            {"id": "police", "name": {"en": "Police"}, "quota": 1},
        ]
        await story.organiser("PATCH", f"/api/v1/events/{EVENT}", {"audiences": kinds, "admission": {"capacity": 2}})
        await story.publish(EVENT, "A very small hall")
        events = story.process.databases["registration"]["events"]

        async def known() -> bool:
            return await events.count_documents({"_id": EVENT, "state.revision": 2}) == 1

        await until(known, 20, "registration knows the quotas")
        states = {}
        for name, kind in (("ada", "research"), ("bob", "research"), ("cyd", "police")):
            states[name] = (await story.register(EVENT, person(name, audience=kind)))["state"]
        assert states == {"ada": "confirmed", "bob": "waitlisted", "cyd": "confirmed"}
        ada = await story.registration_of(EVENT, "ada@example.org")
        await story.mail("bob@example.org")  # before the next news, or one mail would tell both
        await story.organiser("POST", f"/api/v1/registrations/{ada['_id']}/cancel", {})
        await story.mail("bob@example.org", count=2)
        bob = await story.registration_of(EVENT, "bob@example.org")
        assert bob["state"] == "confirmed"
