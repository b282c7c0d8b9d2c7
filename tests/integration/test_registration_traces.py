"""What is left of people who were forgotten, and of events whose time is over; and that no event keeps the clock from others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.registration.codes import Code
from services.registration.commands import (
    Command,
    DecideRequirement,
    Erase,
    Register,
    ReviseEvent,
    ReviseSession,
    SetCodes,
)
from services.registration.desk import Desks, Overloaded
from services.registration.quiet import SETTLED, Quiet
from services.registration.requirements import person_key
from services.registration.schema import COLLECTIONS
from services.registration.store import Store
from services.registration.timekeeper import AT_ONCE, RESTS, Timekeeper
from services.registration.traces import GONE, Traces
from shared.clock import new_id
from shared.contracts.registration import RequirementState
from shared.links import Links
from shared.storage.inbox import INBOX
from shared.storage.lease import LEASES
from shared.storage.ledger import LEDGERS, OUTBOX
from shared.storage.mongo import Database
from tests.support.events import BEFORE_CLOSE, milipol, person, workshop

EVENT, W1 = "milipol-2019", "milipol-2019-workshop-1"
KEY = person_key(EVENT, "ada@example.org")
FAIR: dict[str, Any] = {"id": "fair", "name": {"en": "Fair"}, "policy": "hold"}


@dataclass
class Office:
    """A desk on a real database, with a clock that is put forward."""

    database: Database
    store: Store
    desks: Desks
    now: list[datetime] = field(default_factory=lambda: [BEFORE_CLOSE])

    async def do(self, *commands: Command) -> None:
        for command in commands:
            answer = await self.desks.ask(EVENT, command)
            assert answer.registration_id or not answer.reasons or isinstance(command, Register), answer

    @property
    def traces(self) -> Traces:
        return Traces(self.desks, self.store, self.database, lambda: self.now[0], new_id)

    async def everything(self) -> str:
        """All that is stored, as text."""
        found = [document for collection in COLLECTIONS async for document in self.database[collection.name].find({})]
        return repr(found)


@pytest.fixture
async def office(database: Database) -> AsyncIterator[Office]:
    await database.declare([LEDGERS, OUTBOX, INBOX, LEASES, *COLLECTIONS])
    store = Store(database, Links("the-link-key-of-the-tests-and-of-nothing-else"))
    now = [BEFORE_CLOSE]
    desks = Desks(store, lambda: now[0], new_id, lambda: None)
    one = Office(database, store, desks, now)
    await one.do(
        ReviseEvent(id="e", event=milipol(requirements=[FAIR], retention_days=30)),
        ReviseSession(id="s", session=workshop(1)),
    )
    yield one
    await desks.close()


def asks(name: str, *sessions: str, **more: Any) -> Register:
    return Register(id=new_id(), registration_id=f"r-{name}", person=person(name), sessions=sessions or (W1,), **more)


def granted(name: str) -> DecideRequirement:
    email = f"{name}@example.org"
    return DecideRequirement(id=new_id(), requirement="fair", state=RequirementState.GRANTED, email=email)


def code_for_ada() -> SetCodes:
    code = Code(id="ADA1", spelled="ada-1", uses=1, person=KEY, label="Ada Example", sessions=(W1,), reserved=1)
    return SetCodes(id=new_id(), codes=(code,))


async def test_nothing_is_left_of_a_person_a_minute_after_the_erasure(office: Office) -> None:
    await office.do(code_for_ada(), granted("ada"), asks("ada", "no-such"), asks("ada", numbers={"fair": "MP-1"}))
    assert KEY in await office.everything()
    await office.do(Erase(id="x", registration_id="r-ada"))
    await office.traces.remove()
    assert KEY in await office.everything(), "not yet: something may still be written out"
    office.now[0] += SETTLED + timedelta(seconds=1)
    await office.traces.remove()
    left = await office.everything()
    for trace in (KEY, "ada@example.org", "Ada", "MP-1"):
        assert trace not in left.replace("r-ada", "").replace("ADA1", "").replace("ada-1", "")
    code = await office.database["codes"].find_one({})
    assert code is not None
    assert (code["revoked"], code["person"], code["label"]) == (True, GONE, "")


async def test_what_came_after_the_erasure_is_kept(office: Office) -> None:
    await office.do(granted("ada"), asks("ada"), Erase(id="x", registration_id="r-ada"))
    office.now[0] += timedelta(seconds=20)
    await office.do(granted("ada"), Register(id="again", registration_id="r-new", person=person("ada"), sessions=(W1,)))
    office.now[0] += SETTLED
    await office.traces.remove()
    assert await office.database["grants"].count_documents({"key": KEY}) == 1
    assert await office.database["erasures"].count_documents({}) == 0


async def test_when_the_time_of_an_event_is_over_those_who_never_registered_are_forgotten_too(office: Office) -> None:
    await office.do(code_for_ada(), granted("bob"), asks("ada", "no-such"))
    rules = (await office.store.seats(EVENT)).event
    assert rules is not None
    assert rules.rules.forget_at is not None
    office.now[0] = rules.rules.forget_at + SETTLED
    await office.traces.remove()
    left = await office.everything()
    assert KEY not in left
    assert person_key(EVENT, "bob@example.org") not in left
    assert "Ada Example" not in left


class Away(Desks):
    """Desks of which one cannot answer."""

    def __init__(self, *rest: Any) -> None:
        super().__init__(*rest)
        self.asked: list[str] = []

    async def ask(self, event_id: str, command: Command) -> Any:
        self.asked.append(event_id)
        if event_id == "crowded":
            raise Overloaded(event_id)


async def test_an_event_that_cannot_answer_keeps_no_other_from_being_looked_at(office: Office) -> None:
    def late(id_: str, event_id: str, minutes: int) -> dict[str, Any]:
        due = BEFORE_CLOSE - timedelta(minutes=minutes)
        who = {"name": id_, "email": f"{id_}@example.org"}
        return {
            "_id": id_, "event_id": event_id, "due_at": due, "person": who, "state": "pending", "choices": [],
            "link_generation": 1, "revision": 1,
        }  # fmt: skip

    registrations = office.database["registrations"]
    await registrations.insert_many([late(f"c{n}", "crowded", 60) for n in range(AT_ONCE + 5)])
    await registrations.insert_one(late("other", "quiet", 1))
    desks = Away(office.store, lambda: office.now[0], new_id, lambda: None)
    clock = Timekeeper(desks, office.store, lambda: office.now[0], new_id)
    assert await clock.due() == 0, "what failed is not counted, so that nobody looks again at once"
    assert await clock.due() == 1
    assert desks.asked == ["crowded", "quiet"]
    office.now[0] += RESTS
    await clock.due()
    assert desks.asked[-1] == "crowded", "after a rest it is asked again"


async def looked(office: Office, monkeypatch: pytest.MonkeyPatch, looks: int) -> list[int]:
    """For each of so many looks, one every half minute from the end of the event's time on, how often the event was gone
    through; before the last one somebody asks for a seat, in vain."""
    rules = (await office.store.seats(EVENT)).event
    assert rules is not None
    assert rules.rules.forget_at is not None
    office.now[0] = rules.rules.forget_at + SETTLED
    gone_through, ids = 0, office.store._ids

    async def counted(*asked: Any) -> list[str]:
        nonlocal gone_through
        gone_through += 1
        return await ids(*asked)

    monkeypatch.setattr(office.store, "_ids", counted)
    clock, traces = Timekeeper(office.desks, office.store, lambda: office.now[0], new_id), office.traces
    found = []
    for number in range(looks):
        if number == looks - 1:
            await office.do(asks("bob"))
        before = gone_through
        await clock.look()
        await traces.remove()
        found.append(gone_through - before)
        office.now[0] += timedelta(seconds=30)
    return found


async def test_an_event_of_which_all_are_forgotten_is_gone_through_no_more(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.do(code_for_ada(), granted("ada"), asks("ada"))
    found = await looked(office, monkeypatch, 12)
    assert found[0] == 1
    assert found[6:] == [0, 0, 0, 0, 0, 1], "until something is decided there"
    registration = await office.store.registration("r-ada")
    assert registration is not None
    assert registration.erased
    assert person_key(EVENT, "bob@example.org") not in await office.everything()


async def test_control_without_rest_it_is_gone_through_every_half_minute(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Quiet, "rests", lambda *_: False)
    monkeypatch.setattr(Quiet, "nothing_left", lambda *_: None)
    assert 0 not in await looked(office, monkeypatch, 12)
