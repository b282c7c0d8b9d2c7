"""Loads the three sample events and registers invented people, by the same two ways that anybody else would use."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from deploy.local.people import PEOPLE, Person
from shared.clock import Clock
from shared.contracts.base import json_of
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registration import (
    REGISTRATION_REQUESTED,
    REQUIREMENT_GRANTED,
    PersonDetails,
    RegistrationRequested,
    RequirementDecided,
)
from shared.contracts.registry import INTAKE
from shared.messaging.port import Outgoing, Transport

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


FAIR = "milipol-badge"
"""The requirement of the sample at Milipol."""


class SampleRefused(Exception):
    """Lectern did not take a sample; the message has its answer."""


@dataclass(frozen=True)
class Sample:
    """A sample event: its id is its file's name. It begins, moved by whole weeks, `days_ahead` from today or soon after."""

    event_id: str
    days_ahead: int

    @property
    def path(self) -> Path:
        return EXAMPLES / f"{self.event_id}.yaml"


SAMPLES = (Sample("sre-2019", 28), Sample("milipol-2019", 35), Sample("efus-2021-round-3", -14))
"""The announcements are years old; moved, they can be registered for. Of the series' round one session is over already."""


async def load(lectern: str, token: str, today: date, samples: Sequence[Sample] = SAMPLES) -> list[str]:
    """Imports and publishes, over HTTP at `lectern`, the samples that are not published there; returns their ids.

    What an organiser changed since stays as it is. Raises SampleRefused.
    """
    loaded = []
    async with aiohttp.ClientSession(lectern, headers={"Authorization": f"Bearer {token}"}) as client:
        for sample in samples:
            async with client.get(f"/api/v1/events/{sample.event_id}") as known:
                if known.status == 200:
                    continue
            day = today + timedelta(days=sample.days_ahead)
            await _post(client, f"/api/v1/events/import?shift_to={day}", sample.path.read_bytes(), "application/yaml")
            await _post(client, f"/api/v1/events/{sample.event_id}/publish", b"{}", "application/json")
            loaded.append(sample.event_id)
    return loaded


async def _post(client: aiohttp.ClientSession, path: str, body: bytes, content_type: str) -> Any:
    async with client.post(path, data=body, headers={"Content-Type": content_type}) as answer:
        if answer.status >= 300:
            raise SampleRefused(f"POST {path} was answered {answer.status}: {await answer.text()}")
        return await answer.json()


def grants(now: Clock, people: Sequence[Person] = PEOPLE) -> list[Outgoing]:
    """What the fair tells of those of `people` who are registered there: the seats of the others are held for a week."""
    return [
        Outgoing(
            INTAKE,
            CloudEvent(
                id=f"sample-badge-{number}",
                source="/lectern/samples",
                type=REQUIREMENT_GRANTED,
                time=now(),
                data=json_of(
                    RequirementDecided(event_id=person.event_id, requirement=FAIR, email=person.email, decided_at=now())
                ),
            ),
        )
        for number, person in enumerate(people, start=1)
        if person.at_the_fair
    ]


def requests(now: Clock, people: Sequence[Person] = PEOPLE) -> list[Outgoing]:
    """The intake messages that register `people`. Their ids are fixed: sent again, they are duplicates and change nothing."""
    return [
        Outgoing(
            INTAKE,
            CloudEvent(
                id=f"sample-person-{number}",
                source="/lectern/samples",
                type=REGISTRATION_REQUESTED,
                time=now(),
                data=json_of(
                    RegistrationRequested(
                        event_id=person.event_id,
                        person=PersonDetails(
                            name=person.name,
                            email=person.email,
                            language=person.language,
                            audience=person.audience,
                            country=person.country,
                        ),
                        sessions=list(person.sessions),
                    )
                ),
            ),
        )
        for number, person in enumerate(people, start=1)
    ]


async def register(lectern: str, token: str, transport: Transport, now: Clock, patience: float = 20.0) -> int:
    """Sends the invented people's requests through the intake and waits up to `patience` seconds for the outcome.

    Returns how many people are registered for the samples now. Raises PublishError when the intake takes no messages.
    """
    events = {person.event_id for person in PEOPLE}
    async with aiohttp.ClientSession(lectern, headers={"Authorization": f"Bearer {token}"}) as client:
        # Registration hears of a published event a moment later; asked before, it would refuse.
        await _until(lambda: _all_open(client, events), patience)
        await transport.publish([*grants(now), *requests(now)])
        wanted = {(person.event_id, person.email) for person in PEOPLE}

        async def all_in() -> bool:
            return wanted <= await _registered(client, events)

        await _until(all_in, patience)
        return len(await _registered(client, events))


async def _all_open(client: aiohttp.ClientSession, events: set[str]) -> bool:
    for event_id in events:
        async with client.get(f"/events/{event_id}/register") as page:
            if page.status != 200:
                return False
    return True


async def _registered(client: aiohttp.ClientSession, events: set[str]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for event_id in events:
        async with client.get("/api/v1/registrations", params={"event_id": event_id, "limit": "200"}) as answer:
            answer.raise_for_status()
            found |= {(event_id, str(item["person"]["email"])) for item in (await answer.json())["items"]}
    return found


async def _until(condition: Callable[[], Awaitable[bool]], patience: float) -> None:
    """Returns when `condition` holds or `patience` seconds are over: the samples are no reason not to start."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    while not await condition() and loop.time() < deadline:  # noqa: ASYNC110 - what is awaited lies behind HTTP
        await asyncio.sleep(0.05)
