"""Whoever registers learns nothing of who is registered: an address that is known is answered like a newcomer's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from services.registration.decisions import asking
from shared.contracts.registration import REGISTRATION_REPEATED
from tests.conftest import MakeSettings
from tests.support.events import milipol, workshop
from tests.support.listener import Listener, listening
from tests.support.registration_desk import W1, W2, Answered, RegistrationDesk, registration_desk

OF_EACH_REQUEST = {"x-correlation-id", "date"}


@pytest.fixture
async def desk(settings: MakeSettings) -> AsyncIterator[RegistrationDesk]:
    event = milipol(audiences=[], requirements=[])
    async with registration_desk(settings(), event, workshop(1, capacity=1), workshop(2, capacity=50)) as found:
        yield found


@pytest.fixture
async def listener(desk: RegistrationDesk) -> AsyncIterator[Listener]:
    assert desk.process.transport is not None
    async with listening(desk.process.transport) as found:
        yield found


def shape(answer: Answered) -> tuple[Any, ...]:
    """What can be seen of an answer, but for what is another one each time."""
    body = dict(answer.body)
    id_ = body.pop("registration_id")
    return answer.status, body, len(id_), {k: v for k, v in answer.headers.items() if k.lower() not in OF_EACH_REQUEST}


@pytest.mark.parametrize("sessions", [[W2], [W1], [W1, W2]])
async def test_a_known_address_is_answered_like_a_newcomers(desk: RegistrationDesk, sessions: list[str]) -> None:
    await desk.registered("holder", W1)
    ada = await desk.registered("ada", W2)
    before = await desk.one(ada)
    known = await desk.register("ada", *sessions)
    newcomer = await desk.register("bob", *sessions)
    assert shape(known) == shape(newcomer)
    assert known.body["registration_id"] not in (ada, newcomer.body["registration_id"])
    assert await desk.one(ada) == before, "nothing changes"


async def test_what_is_wrong_is_told_alike(desk: RegistrationDesk) -> None:
    await desk.registered("ada", W2)
    for sessions in (["nothing"], [], [W2, W2]):
        known, newcomer = await desk.register("ada", *sessions), await desk.register("bob", *sessions)
        said = [(answer.status, answer.body["errors"]) for answer in (known, newcomer)]
        assert said[0] == said[1]


async def test_a_cancelled_registration_is_begun_anew_as_any(desk: RegistrationDesk) -> None:
    ada = await desk.registered("ada", W2)
    await desk.ask("POST", f"/api/v1/registrations/{ada}/cancel")
    again, newcomer = await desk.register("ada", W2), await desk.register("bob", W2)
    assert shape(again) == shape(newcomer)


async def test_the_person_is_told_at_most_once_a_day(desk: RegistrationDesk, listener: Listener) -> None:
    ada = await desk.registered("ada", W2)
    for _ in range(3):
        await desk.register("ada", W1)
    (first,) = await listener.wait_for(REGISTRATION_REPEATED)
    assert (first.data["registration_id"], "example.org" in str(first.data)) == (ada, False)
    desk.now[0] += timedelta(hours=23, minutes=59)
    await desk.register("ada", W2)
    desk.now[0] += timedelta(minutes=1)
    await desk.register("ada", W2)
    assert len(await listener.wait_for(REGISTRATION_REPEATED, 2)) == 2


async def test_organisers_are_told_who_is_registered_already(desk: RegistrationDesk) -> None:
    await desk.registered("ada", W2)
    told = await desk.register("ada", W2, anonymous=False)
    assert (told.status, told.body["errors"][0]["code"]) == (409, "already-registered")


async def test_control_an_answer_that_says_so_is_seen(desk: RegistrationDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    def honest(fold: Any, known: Any, _: Any) -> Any:
        return fold.accepted(known)

    monkeypatch.setattr(asking, "_repeated", honest)
    await desk.registered("ada", W2)
    known, newcomer = await desk.register("ada", W1), await desk.register("bob", W1)
    assert shape(known) != shape(newcomer)
