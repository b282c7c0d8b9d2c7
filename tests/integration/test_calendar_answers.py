"""An answer by calendar as a message: it frees the seat, the log says how it was said, and the audit proves it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.contracts.registration import REGISTRATION_CANCELLED
from tests.conftest import MakeSettings
from tests.support.events import milipol, workshop
from tests.support.registration_desk import W1, RegistrationDesk, registration_desk

W2 = "milipol-2019-workshop-2"
AUDIT = "/api/v1/registration/audit?event_id=milipol-2019"


@pytest.fixture
async def desk(settings: MakeSettings) -> AsyncIterator[RegistrationDesk]:
    event = milipol(audiences=[], requirements=[], admission={"calendar_answers": True})
    async with registration_desk(settings(), event, workshop(1, capacity=1), workshop(2, capacity=5)) as found:
        yield found


def answer(id_: str, *sessions: str, through: str = "calendar") -> dict[str, Any]:
    return {"event_id": "milipol-2019", "registration_id": id_, "sessions": list(sessions), "through": through}


async def decisions(desk: RegistrationDesk, id_: str) -> list[tuple[str, str, str]]:
    body = (await desk.ask("GET", f"/api/v1/registrations/{id_}/decisions")).body
    return [(one["by"], one["asked"], one["outcome"]) for one in body["items"]]


async def stands(desk: RegistrationDesk, id_: str) -> dict[str, tuple[str, str | None]]:
    return {one["session_id"]: (one["state"], one.get("cause")) for one in (await desk.one(id_))["choices"]}


async def test_a_removed_session_is_freed_and_everything_says_how(desk: RegistrationDesk) -> None:
    ada, bob = await desk.registered("ada", W1, W2), await desk.registered("bob", W1, W2)
    told = (await desk.send(REGISTRATION_CANCELLED, answer(ada, W1), "a1")).body
    assert (told["outcome"], told["registration_id"]) == ("accepted", ada)
    assert await stands(desk, ada) == {W1: ("cancelled", "calendar"), W2: ("confirmed", None)}
    assert (await stands(desk, bob))[W1] == ("confirmed", None)
    await desk.send(REGISTRATION_CANCELLED, answer(ada, W2, through="invitation"), "a2")
    said = [("attendee", "register"), ("calendar:organiser", "cancel"), ("invitation:organiser", "cancel")]
    assert await decisions(desk, ada) == [(*one, "accepted") for one in said]
    found = await desk.ask("GET", "/api/v1/registrations?event_id=milipol-2019&cause=calendar")
    assert [one["id"] for one in found.body["items"]] == [ada], "the last session ended the registration"
    again = (await desk.register("ada", W2)).body
    assert again["state"] == "confirmed", "who gave it up may come again"
    (report,) = (await desk.ask("GET", AUDIT)).body["items"]
    assert (report["proven"], report["differences"]) == (True, [])


async def test_a_late_or_repeated_answer_is_harmless(desk: RegistrationDesk) -> None:
    ada, bob = await desk.registered("ada", W1, W2), await desk.registered("bob", W1)
    await desk.ask("POST", f"/api/v1/registrations/{ada}/cancel", {"sessions": [W1]})
    before = [await desk.one(id_) for id_ in (ada, bob)]
    late = (await desk.send(REGISTRATION_CANCELLED, answer(ada, W1), "late")).body
    assert (late["outcome"], [one["code"] for one in late["reasons"]]) == ("rejected", ["not-chosen"])
    repeated = (await desk.send(REGISTRATION_CANCELLED, answer(ada, W1), "late")).body
    assert repeated["outcome"] == "duplicate"
    unknown = (await desk.send(REGISTRATION_CANCELLED, answer("nobody", W1), "nobody")).body
    assert unknown["outcome"] == "rejected"
    assert [await desk.one(id_) for id_ in (ada, bob)] == before
    (report,) = (await desk.ask("GET", AUDIT)).body["items"]
    assert (report["proven"], report["differences"]) == (True, [])
