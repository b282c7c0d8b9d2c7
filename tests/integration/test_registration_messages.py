"""Other systems' messages by HTTP: groups of people, and what other organisations decide, before and after a registration."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.base import json_of
from shared.contracts.registration import (
    GROUP_REQUESTED,
    REGISTRATION_REQUESTED,
    REQUEST_ANSWERED,
    REQUIREMENT_GRANTED,
    REQUIREMENT_REFUSED,
    REQUIREMENT_REVOKED,
)
from tests.conftest import MakeSettings
from tests.support.events import BEFORE_CLOSE, milipol, person, workshop
from tests.support.listener import listening
from tests.support.registration_desk import W1, RegistrationDesk, registration_desk


@pytest.fixture
async def desk(settings: MakeSettings) -> AsyncIterator[RegistrationDesk]:
    async with registration_desk(
        settings(), milipol(audiences=[], requirements=[]), workshop(1, capacity=400)
    ) as found:
        yield found


@pytest.fixture
async def fair(settings: MakeSettings) -> AsyncIterator[RegistrationDesk]:
    """Nobody has a seat before the fair has granted its own registration."""
    requirement = {"id": "fair", "name": {"en": "Milipol Paris"}, "policy": "first"}
    event = milipol(audiences=[], requirements=[requirement])
    async with registration_desk(settings(), event, workshop(1)) as found:
        yield found


def group(count: int) -> dict[str, Any]:
    people = [{"person": json_of(person(f"p{number}")), "sessions": [W1]} for number in range(count)]
    return {"event_id": "milipol-2019", "people": people}


async def test_a_group_of_five_hundred_is_answered_one_by_one(desk: RegistrationDesk) -> None:
    data = group(500)
    data["people"][7]["sessions"] = ["nothing"]
    data["people"][9]["person"]["email"] = "p8@example.org"
    assert desk.process.transport is not None
    async with listening(desk.process.transport) as listener:
        body = (await desk.send(GROUP_REQUESTED, data, "group-1")).body
        assert (body["outcome"], len(body["people"])) == ("accepted", 500)
        assert [one["item"] for one in body["people"]] == list(range(1, 501))
        refused = {one["item"]: one["reasons"] for one in body["people"] if one["outcome"] == "rejected"}
        assert {item: [(r["code"], r["field"]) for r in reasons] for item, reasons in refused.items()} == {
            8: [("unknown-session", "sessions.0")],
            10: [("already-registered", "person.email")],
        }
        states = [one["choices"][0]["state"] for one in body["people"] if one["outcome"] == "accepted"]
        assert states == ["confirmed"] * 400 + ["waitlisted"] * 98, "seats in the order of the message"
        positions = [c["position"] for one in body["people"] for c in one.get("choices", []) if "position" in c]
        assert positions == list(range(1, 99))
        told = await listener.wait_for(REQUEST_ANSWERED, 500)
        assert sorted(one.data["item"] for one in told if one.causationid == "group-1") == list(range(1, 501))
        again = (await desk.send(GROUP_REQUESTED, data, "group-1")).body
        assert (again["outcome"], {one["outcome"] for one in again["people"]}) == ("duplicate", {"duplicate"})
        first = [(one.get("registration_id"), one.get("reasons")) for one in body["people"]]
        assert [(one.get("registration_id"), one.get("reasons")) for one in again["people"]] == first
    assert await desk.database["registrations"].count_documents({}) == 498


async def test_a_group_that_cannot_be_read_is_refused_whole(desk: RegistrationDesk) -> None:
    data = group(2)
    data["people"][1]["person"]["email"] = "nobody"
    wrong = (await desk.send(GROUP_REQUESTED, data, "group-2")).body
    assert (wrong["outcome"], [reason["field"] for reason in wrong["reasons"]]) == (
        "rejected",
        ["data.people.1.person.email"],
    )
    many = (await desk.send(GROUP_REQUESTED, group(501), "group-3")).body
    assert (many["outcome"], many["reasons"][0]["field"]) == ("rejected", "data.people")
    assert await desk.database["registrations"].count_documents({}) == 0


async def test_another_system_is_told_who_is_registered_already(desk: RegistrationDesk) -> None:
    await desk.registered("ada", W1)
    data = {"event_id": "milipol-2019", "person": json_of(person("ada")), "sessions": [W1]}
    body = (await desk.send(REGISTRATION_REQUESTED, data)).body
    assert (body["outcome"], body["reasons"][0]["code"]) == ("rejected", "already-registered")


def decided(at_minutes: int = 0, **whom: str) -> dict[str, Any]:
    at = BEFORE_CLOSE + timedelta(minutes=at_minutes)
    return {"event_id": "milipol-2019", "requirement": "fair", "decided_at": at.isoformat(), **whom}


async def test_a_decision_before_the_registration_counts_when_it_comes(fair: RegistrationDesk) -> None:
    before = (await fair.send(REQUIREMENT_GRANTED, decided(email="ada@example.org"), "g1")).body
    assert (before["outcome"], before.get("registration_id")) == ("accepted", None)
    await fair.send(REQUIREMENT_REFUSED, decided(email="bob@example.org"), "g2")
    ada, bob = await fair.registered("ada", W1), await fair.registered("bob", W1)
    assert [(await fair.one(id_))["state"] for id_ in (ada, bob)] == ["confirmed", "pending"]
    assert (await fair.one(bob))["requirements"] == [{"id": "fair", "state": "refused"}]


async def test_a_decision_after_the_registration_counts_at_once_and_the_newest_wins(fair: RegistrationDesk) -> None:
    ada = await fair.registered("ada", W1, numbers={"fair": "M-1"})
    fair.now[0] += timedelta(hours=1)
    granted = (await fair.send(REQUIREMENT_GRANTED, decided(10, number="m-1"), "g1")).body
    assert (granted["registration_id"], granted["state"]) == (ada, "confirmed")
    assert (await fair.send(REQUIREMENT_GRANTED, decided(10, number="m-1"), "g1")).body["outcome"] == "duplicate"
    late = (await fair.send(REQUIREMENT_REFUSED, decided(5, email="ada@example.org"), "g2")).body
    assert late["state"] == "confirmed", "it was decided before the other"
    revoked = (await fair.send(REQUIREMENT_REVOKED, decided(20, email="ada@example.org"), "g3")).body
    assert revoked["state"] in ("pending", "cancelled")
    assert (await fair.one(ada))["requirements"] == [{"id": "fair", "state": "revoked"}]
    nobody = (await fair.send(REQUIREMENT_GRANTED, {"event_id": "milipol-2019", "requirement": "fair"}, "g4")).body
    assert nobody["outcome"] == "rejected"
    other = (await fair.send(REQUIREMENT_GRANTED, decided(email="a@example.org") | {"requirement": "x"}, "g5")).body
    assert other["reasons"][0]["code"] == "unknown-requirement"
