"""What is over is offered on no page and refused in words; organisers note afterwards who was there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.registration.asking import Caller, ChangeRequest, Who
from shared.contracts.registration import SeatState
from shared.web.problems import Problem
from tests.conftest import MakeSettings
from tests.support.attendee import EVENT, FORM, ORGANISER, Attendee, attendee
from tests.support.events import milipol, workshop
from tests.support.registration_desk import W1, W2, W3, registration_desk

DAY_ENDS = datetime(2019, 11, 20, 23, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
async def ada(settings: MakeSettings) -> AsyncIterator[Attendee]:
    """No window; workshop 1 is on 20 November at a time that is not announced, the others are on the days after."""
    unknown: dict[str, Any] = dict.fromkeys(("starts_local", "ends_local", "starts_at", "ends_at"))
    later = [
        workshop(n, date=date(2019, 11, 20 + n), starts_at=DAY_ENDS + timedelta(days=n), ends_at=DAY_ENDS + timedelta(days=n, hours=1))
        for n in (2, 3)
    ]  # fmt: skip
    event = milipol(audiences=[], requirements=[], admission={"window": {}})
    async with attendee(settings(), event, workshop(1, date=date(2019, 11, 20), **unknown), *later) as one:
        yield one


async def test_session_that_is_over_is_on_no_form_and_refused_in_words(ada: Attendee) -> None:
    registration = await ada.registered("ada", W2)
    ada.now[0] = DAY_ENDS - SECOND
    forms = (FORM, ada.own(registration))
    for path in forms:
        assert f'value="{W1}"' in (await ada.get(path)).text, "control: a second before"
    ada.now[0] = DAY_ENDS
    for path in forms:
        text = (await ada.get(path)).text
        assert f'value="{W1}"' not in text
        assert f'value="{W3}"' in text
    refused = await ada.fill_in("bob", W1)
    assert refused.status == 409
    assert "It is over. Choose a session that is still to come." in refused.words
    refused = await ada.post(ada.own(registration) + "/sessions", [("sessions", W2), ("sessions", W1)])
    assert refused.status == 409
    assert "It is over. Choose a session that is still to come." in refused.words


async def test_organiser_seats_somebody_afterwards_and_nobody_else_does(ada: Attendee) -> None:
    registration = await ada.registered("ada", W2)
    ada.now[0] = DAY_ENDS
    asked = ChangeRequest(sessions=[W1, W2])
    with pytest.raises(Problem) as refused:
        await ada.requests.change(registration, asked, Caller(Who.ATTENDEE))
    assert [(error["code"], error["field"]) for error in refused.value.errors] == [("over", "sessions.0")]
    await ada.requests.change(registration, asked, ORGANISER)
    held = (await ada.registration("ada")).choice(W1)
    assert held is not None
    assert held.state is SeatState.CONFIRMED


async def test_form_of_an_event_that_is_over_is_closed(settings: MakeSettings) -> None:
    event = milipol(audiences=[], requirements=[], ends_on=date(2019, 11, 20), admission={"window": {"opens": None}})
    async with registration_desk(settings(), event, workshop(1), workshop(2)) as desk:
        registered = await desk.registered("ada", W1)
        desk.now[0] = DAY_ENDS
        page = (await desk.ask("GET", f"/events/{EVENT}/register", anonymous=True)).body
        assert "Registration is closed" in page
        refused = await desk.register("bob", W2)
        assert {(error["code"], error["field"]) for error in refused.body["errors"]} == {
            ("over", "event_id"),
            ("over", "sessions.0"),
        }
        by_hand = await desk.register("bob", W2, anonymous=False)
        assert (by_hand.status, by_hand.body["choices"][0]["state"]) == (201, "confirmed")
        changed = await desk.ask("PUT", f"/api/v1/registrations/{registered}/sessions", {"sessions": [W1, W2]})
        assert changed.status == 200
        (report,) = (await desk.ask("GET", f"/api/v1/registration/audit?event_id={EVENT}")).body["items"]
        assert report["proven"], report
