"""Milipol: limited seats, a registration at the fair that is needed too, a code, and a deadline in Paris time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.contracts.base import json_of
from shared.contracts.registration import (
    REGISTRATION_CHANGED,
    REQUIREMENT_REVOKED,
)
from tests.stories.conftest import Begin
from tests.support.events import person
from tests.support.waiting import until

EVENT = "milipol-2019"
W1, W2 = f"{EVENT}-workshop-1", f"{EVENT}-workshop-2"
OCTOBER = datetime(2019, 10, 15, 8, 0, tzinfo=UTC)
CLOSES = datetime(2019, 11, 12, 23, 0, tzinfo=UTC)
"""A week before the day: 13 November, 00:00 in Paris."""
ADA = "ada@example.org"


@pytest.mark.parametrize("order", ["before", "after", "twice"])
async def test_a_seat_is_confirmed_when_both_registrations_are_there_in_any_order(begin: Begin, order: str) -> None:
    async with begin(OCTOBER) as story:
        await story.import_example(EVENT)
        if order != "after":
            await story.fair_decides("badge-1", ADA)
        answer = await story.register(EVENT, person("ada"), W1)
        if order == "after":
            assert (answer["state"], answer["held"], answer["cause"]) == ("pending", True, "requirement")
            text = await story.mail_text(ADA)
            assert "H2020MP2019" in text, "the code that the fair wants"
            await story.fair_decides("badge-1", ADA)
        if order == "twice":
            await story.fair_decides("badge-2", ADA)
        registration = await story.until_state(EVENT, ADA, "confirmed")
        assert [held["state"] for held in registration["choices"]] == ["confirmed"]
        await story.mail(ADA, count=2 if order == "after" else 1)


async def test_a_hold_that_lapses_reminds_first_and_gives_the_seat_to_the_one_who_waits(begin: Begin) -> None:
    async with begin(OCTOBER) as story:
        await story.import_example(EVENT)
        await story.change_session(EVENT, W1, {"admission": {"capacity": 1}})
        await story.register(EVENT, person("ada"), W1)
        await story.mail(ADA)
        await story.fair_decides("badge-bob", "bob@example.org")
        bob = await story.register(EVENT, person("bob"), W1)
        assert bob["choices"][0]["state"] == "waitlisted"
        await story.mail("bob@example.org")
        story.clock.advance(timedelta(days=5))
        await story.mail(ADA, count=2)
        story.clock.advance(timedelta(days=2))
        ada = await story.until_state(EVENT, ADA, "cancelled")
        assert ada["cause"] == "requirement-lapsed"
        await story.mail(ADA, count=3)
        await story.mail("bob@example.org", count=2)
        bob_now = await story.registration_of(EVENT, "bob@example.org")
        assert bob_now["choices"][0]["state"] == "confirmed"


async def test_what_the_fair_takes_back_makes_the_seat_a_held_one_again(begin: Begin) -> None:
    async with begin(OCTOBER) as story:
        await story.import_example(EVENT)
        await story.fair_decides("badge-1", ADA)
        await story.register(EVENT, person("ada"), W1)
        await story.until_state(EVENT, ADA, "confirmed")
        await story.fair_decides("badge-2", ADA, REQUIREMENT_REVOKED)
        registration = await story.until_state(EVENT, ADA, "pending")
        assert registration["held"]

        async def told() -> bool:
            return any(e.data and e.data["state"] == "pending" for e in story.listener.of_type(REGISTRATION_CHANGED))

        await until(told, 20, "it is told")


@pytest.mark.parametrize(
    ("moment", "taken"),
    [
        pytest.param(CLOSES - timedelta(minutes=2), True, id="before it closes"),
        pytest.param(CLOSES, False, id="at midnight in Paris"),
        pytest.param(CLOSES + timedelta(seconds=1), False, id="a second after"),
    ],
)
async def test_registration_closes_a_week_before_the_day_in_paris(begin: Begin, moment: datetime, taken: bool) -> None:
    async with begin(moment) as story:
        await story.import_example(EVENT)
        body = {"event_id": EVENT, "person": json_of(person("ada")), "sessions": [W1]}
        async with story.http.post(story.process.address + "/api/v1/registrations", json=body) as response:
            answer: dict[str, Any] = await response.json()
        assert response.status == (201 if taken else 409)
        if not taken:
            assert "closed" in [error["code"] for error in answer["errors"]]


async def test_by_invitation_a_code_opens_the_door_and_its_seats_are_kept(begin: Begin) -> None:
    async with begin(OCTOBER) as story:
        await story.import_example(EVENT)
        await story.change_session(EVENT, W2, {"admission": {"capacity": 2}})
        codes = {"codes": [{"code": "PRACTITIONER-19", "sessions": [W2], "reserved": 1, "uses": 5}]}
        await story.organiser("POST", f"/api/v1/registration/codes?event_id={EVENT}", codes)
        for name in ("ada", "bob"):
            await story.register(EVENT, person(name), W2)
        bob = await story.registration_of(EVENT, "bob@example.org")
        assert bob["choices"][0]["state"] == "waitlisted", "one of the two seats is kept"
        body = {
            "event_id": EVENT,
            "person": json_of(person("cyd")),
            "sessions": [W2],
            "code": "practitioner 19",
        }
        async with story.http.post(story.process.address + "/api/v1/registrations", json=body) as response:
            answer = await response.json()
        assert answer["choices"][0].get("held") or answer["choices"][0]["state"] == "confirmed", "past the line"
