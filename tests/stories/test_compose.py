"""docker-compose.yml as an operator gets it: up with one command, and the whole story on it (make test-compose)."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registration import REGISTRATION_REQUESTED
from tests.support.composition import Composition, entries
from tests.support.waiting import until

pytestmark = [
    pytest.mark.compose,
    pytest.mark.skipif(not os.environ.get("LECTERN_TEST_COMPOSE"), reason="make test-compose runs it"),
]

EVENT = "milipol-2019"
WORKSHOP = "milipol-2019-workshop-1"
CROWDED = "milipol-2019-workshop-2"
TITLE = "quality datasets"
SAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "examples" / f"{EVENT}.yaml"


@pytest.fixture(scope="module")
def composition() -> Iterator[Composition]:
    """All containers, up and healthy, with one sample event published; removed with their data afterwards."""
    made = Composition()
    try:
        made.compose("build", "--quiet", timeout=1200)
        made.up()
        publish_sample(made)
        yield made
    finally:
        made.down()


def publish_sample(made: Composition) -> None:
    day = date.today() + timedelta(days=35)  # noqa: DTZ011 - any day of about that time is as good
    with httpx.Client(base_url=made.site, headers=made.organiser(), timeout=30) as client:
        imported = client.post(
            f"/api/v1/events/import?shift_to={day}",
            content=SAMPLE.read_bytes(),
            headers={"Content-Type": "application/yaml"},
        )
        assert imported.status_code == 201, imported.text
        assert client.post(f"/api/v1/events/{EVENT}/publish", json={}).status_code == 200


@pytest.fixture
async def visitor(composition: Composition) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody with no rights, at the proxy."""
    async with httpx.AsyncClient(base_url=composition.site, timeout=30) as client:
        yield client


@pytest.fixture
async def organiser(composition: Composition) -> AsyncIterator[httpx.AsyncClient]:
    """The organiser, at the proxy."""
    async with httpx.AsyncClient(base_url=composition.site, headers=composition.organiser(), timeout=30) as client:
        yield client


async def register(visitor: httpx.AsyncClient, name: str, email: str) -> str:
    """Registers somebody for the workshop; returns the state of the seat."""
    body = {"event_id": EVENT, "person": {"name": name, "email": email}, "sessions": [WORKSHOP]}

    async def known() -> bool:
        return (await visitor.get(f"/events/{EVENT}/register")).status_code == 200

    await until(known, 20, "registration to know the event")
    answer = await visitor.post("/api/v1/registrations", json=body)
    assert answer.status_code == 201, answer.text
    [choice] = answer.json()["choices"]
    return str(choice["state"])


async def got_mail(composition: Composition, email: str, count: int = 1) -> None:
    async def there() -> bool:
        return len(await composition.mails_to(email)) >= count

    await until(there, 40, f"{count} mail(s) to {email}")


async def workshop_in(visitor: httpx.AsyncClient, path: str) -> Any:
    """The workshop's entry in a feed or calendar; None where it is not there."""
    answer = await visitor.get(path)
    if answer.status_code != 200:
        return None
    return next((entry for title, entry in entries(answer.text).items() if TITLE in title), None)


FEED = f"/feeds/events/{EVENT}.ics"
CALENDAR = f"/caldav/lectern/{EVENT}/"


async def test_a_registration_by_http_has_its_seat_and_its_mail(
    composition: Composition, visitor: httpx.AsyncClient
) -> None:
    assert (
        await register(visitor, "Ada Example", "ada@example.org") == "pending"
    )  # held: the fair's registration is missing
    await got_mail(composition, "ada@example.org")
    [mail] = await composition.mails_to("ada@example.org")
    assert "/r/" in mail["Text"]


async def test_a_registration_by_amqp_has_its_seat_and_its_mail(
    composition: Composition, visitor: httpx.AsyncClient, organiser: httpx.AsyncClient
) -> None:
    await register(visitor, "First Example", "first@example.org")  # registration knows the event then
    message = CloudEvent(
        id="story-1",
        source="/tests/story",
        type=REGISTRATION_REQUESTED,
        time=datetime.now(UTC),
        data={
            "event_id": EVENT,
            "person": {"name": "Grace Example", "email": "grace@example.org"},
            "sessions": [WORKSHOP],
        },
    )
    await composition.publish_by_amqp(message.encode())
    await composition.publish_by_amqp(message.encode())
    await got_mail(composition, "grace@example.org")
    found = (await organiser.get("/api/v1/registrations", params={"event_id": EVENT, "limit": 200})).json()["items"]
    assert [item["state"] for item in found if item["person"]["email"] == "grace@example.org"] == ["pending"]


async def test_a_reschedule_reaches_feed_calendar_object_and_mail(
    composition: Composition, visitor: httpx.AsyncClient, organiser: httpx.AsyncClient
) -> None:
    await register(visitor, "Alan Example", "alan@example.org")
    await got_mail(composition, "alan@example.org")

    async def pushed() -> bool:
        return await workshop_in(visitor, CALENDAR) is not None

    await until(pushed, 40, "the calendar object")
    before = {path: await workshop_in(visitor, path) for path in (FEED, CALENDAR)}
    moved = await organiser.patch(f"/api/v1/events/{EVENT}/sessions/{WORKSHOP}", json={"starts": "09:45"})
    assert moved.status_code == 200, moved.text
    published = await organiser.post(f"/api/v1/events/{EVENT}/publish", json={"note": "Five minutes later"})
    assert published.status_code == 200, published.text

    for path, old in before.items():
        assert old is not None

        async def arrived() -> bool:
            entry = await workshop_in(visitor, path)  # noqa: B023 - awaited within the round
            return entry is not None and entry["DTSTART"].dt.strftime("%H:%M") == "09:45"

        await until(arrived, 40, f"the new time in {path}")
        new = await workshop_in(visitor, path)
        assert new is not None
        assert new["UID"] == old["UID"]
        assert int(new["SEQUENCE"]) > int(old["SEQUENCE"])
    await got_mail(composition, "alan@example.org", 2)
    assert "09:45" in (await composition.mails_to("alan@example.org"))[0]["Text"]


async def test_the_proxy_speaks_tls_and_shows_nothing_of_the_inside(
    composition: Composition, visitor: httpx.AsyncClient
) -> None:
    untrusting = ssl.create_default_context()
    untrusting.check_hostname, untrusting.verify_mode = False, ssl.CERT_NONE
    async with httpx.AsyncClient(verify=untrusting) as client:
        assert (await client.get(f"{composition.secure_site}/api/v1/events")).status_code == 200
    assert (await visitor.get("/metrics")).status_code == 404
    assert (await visitor.get("/ready")).status_code == 404
    assert (await visitor.put(f"{CALENDAR}mine.ics", content="BEGIN:VCALENDAR")).status_code in (401, 403)
    assert (await visitor.get("/api/v1/registrations", params={"event_id": EVENT})).status_code == 401


async def test_nobody_is_lost_or_doubled_while_one_of_two_registration_services_goes_away(
    composition: Composition, visitor: httpx.AsyncClient, organiser: httpx.AsyncClient
) -> None:
    await register(visitor, "Zero Example", "zero@example.org")
    await asyncio.to_thread(composition.up, "--no-recreate", "--scale", "registration=2")
    answered: dict[str, int] = {}
    gone = asyncio.Event()

    async def send(email: str) -> bool:
        body = {"event_id": EVENT, "person": {"name": "Person", "email": email}, "sessions": [CROWDED]}
        answer = await visitor.post("/api/v1/registrations", json=body, headers={"Idempotency-Key": email})
        answered[email] = answer.status_code
        assert answer.status_code in (201, 502, 503), answer.text  # 502, 503: the proxy's "send it again"
        return answer.status_code == 201

    async def keep_registering() -> None:
        while not gone.is_set() or len(answered) < 20:
            email = f"person{len(answered)}@example.org"
            await until(lambda: send(email), 20, f"an answer to {email}")  # noqa: B023 - awaited within the round

    async def keep_reading() -> None:
        while not gone.is_set():
            page = await visitor.get(f"/events/{EVENT}/register")
            assert page.status_code == 200, "what changes nothing is tried at the other one by the proxy"

    people = asyncio.create_task(keep_registering())
    readers = asyncio.create_task(keep_reading())
    await until(lambda: len(answered) > 3, 30, "the first registrations")
    await asyncio.to_thread(composition.up, "--no-recreate", "--scale", "registration=1")
    gone.set()
    await asyncio.gather(people, readers)
    assert set(answered.values()) == {201}
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = {"event_id": EVENT, "limit": "200"} | ({"cursor": cursor} if cursor else {})
        body = (await organiser.get("/api/v1/registrations", params=page)).json()
        found += [item["person"]["email"] for item in body["items"] if item["person"]["name"] == "Person"]
        cursor = body["next_cursor"]
    assert sorted(found) == sorted(answered)


async def test_everything_is_there_again_after_down_and_up(
    composition: Composition, visitor: httpx.AsyncClient
) -> None:
    await register(visitor, "Edsger Example", "edsger@example.org")
    before = composition.organiser()
    await asyncio.to_thread(composition.compose, "down", "--timeout", "30")
    await asyncio.to_thread(composition.up)
    assert composition.organiser() == before
    async with httpx.AsyncClient(base_url=composition.site, headers=before, timeout=30) as client:
        found = (await client.get("/api/v1/registrations", params={"event_id": EVENT, "limit": 200})).json()["items"]
        assert "edsger@example.org" in {item["person"]["email"] for item in found}
        assert await workshop_in(client, CALENDAR) is not None
        assert await register(client, "Tony Example", "tony@example.org") == "pending"
    await got_mail(composition, "tony@example.org")
