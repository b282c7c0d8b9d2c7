"""The web conferences of Efus: registration per session, a date with no time yet, "CET" in May, a link for those who come."""

from __future__ import annotations

from datetime import UTC, date, datetime

from shared.contracts.base import json_of
from tests.stories.conftest import Begin
from tests.support.events import person
from tests.support.story import start

EVENT = "efus-2021-round-3"
S1, S2, S3 = (f"{EVENT}-session-{number}" for number in (1, 2, 3))
MARCH = datetime(2021, 3, 1, 8, 0, tzinfo=UTC)
LINK = "https://meet.example.org/efus-round-3-session-2"


async def test_from_import_to_calendar_object_and_mail(begin: Begin) -> None:
    async with begin(MARCH) as story:
        await story.import_example(EVENT)
        await story.request("members-1", EVENT, person("ada", language="fr"), S1, S2)
        registration = await story.registration_of(EVENT, "ada@example.org")
        text = await story.mail_text("ada@example.org")
        assert LINK in text
        assert "14:00" in text
        own = await story.until_entry(
            lambda: story.feed(story.private_feed(registration["_id"])), lambda e: {S1, S2} <= set(e), "her feed"
        )
        assert start(own[S2]).astimezone(UTC) == datetime(2021, 5, 5, 12, 0, tzinfo=UTC)
        assert start(own[S1]) == date(2021, 3, 31)
        assert LINK in own[S2].to_ical().decode().replace("\r\n ", "")
        shared = await story.until_entry(story.shared_calendar, lambda e: {S1, S2, S3} <= set(e), "the calendar")
        assert LINK not in shared[S2].to_ical().decode().replace("\r\n ", "")
        for language in ("en", "fr"):
            assert LINK not in await story.page(f"/events/{EVENT}?lang={language}")


async def test_date_only_session_gets_its_time(begin: Begin) -> None:
    async with begin(MARCH) as story:
        await story.import_example(EVENT)
        registration = await story.register(EVENT, person("ada"), S1)
        await story.mail("ada@example.org")
        feed = story.private_feed(registration["registration_id"])
        await story.until_entry(lambda: story.feed(feed), lambda e: S1 in e, "her feed")
        await story.change_session(EVENT, S1, {"starts": "14:00", "ends": "15:00"}, "The time is known")
        own = await story.until_entry(
            lambda: story.feed(feed), lambda e: isinstance(start(e[S1]), datetime), "the time in her feed"
        )
        # 31 March 2021: daylight-saving time began three days before.
        assert start(own[S1]).astimezone(UTC) == datetime(2021, 3, 31, 12, 0, tzinfo=UTC)
        assert "14:00" in await story.mail_text("ada@example.org", count=2)


async def test_members_see_what_is_for_members_and_others_that_it_is_there(begin: Begin) -> None:
    group = "https://network.example.org/groups/security-and-innovation"
    async with begin(MARCH) as story:
        await story.import_example(EVENT)
        ada = await story.register(EVENT, person("ada", email="ada@efus-members.example.org"), S2)
        bob = await story.register(EVENT, person("bob"), S2, S3)
        assert [choice["state"] for choice in bob["choices"]] == ["confirmed", "confirmed"]
        assert group in await story.page(story.private_page(ada["registration_id"]))
        assert group not in await story.page(story.private_page(bob["registration_id"]))
        assert group not in await story.page(f"/events/{EVENT}")


async def test_a_session_for_members_names_itself_in_the_refusal_and_leaves_the_others_open(begin: Begin) -> None:
    async with begin(MARCH) as story:
        await story.import_example(EVENT)
        await story.change_session(EVENT, S3, {"admission": {"members_only": True}}, "For members")
        body = {"event_id": EVENT, "person": json_of(person("bob")), "sessions": [S2, S3]}
        async with story.http.post(story.process.address + "/api/v1/registrations", json=body) as response:
            refused = await response.json()
        assert response.status == 409
        assert [(e["code"], e["field"]) for e in refused["errors"]] == [("members-only", "sessions.1")]
        await story.register(EVENT, person("bob"), S2)
        await story.register(EVENT, person("ada", email="ada@member-city.example"), S2, S3)
