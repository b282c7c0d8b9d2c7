"""The counts of an event: the database's figures are those of whoever goes through all registrations one by one."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.registration.documents import registration_document, registration_from
from services.registration.readings import Readings
from services.registration.registrations import Held, Registration
from services.registration.schema import COLLECTIONS
from shared.contracts.registration import PersonDetails, RequirementState, SeatState
from shared.storage.ledger import LEDGERS, OUTBOX
from shared.storage.mongo import Database
from tests.support.events import BEFORE_CLOSE, person

EVENT = "milipol-2019"
W1, W2 = "milipol-2019-workshop-1", "milipol-2019-workshop-2"


def one_by_one(registrations: Iterable[Registration]) -> dict[str, Any]:
    """The counts as they are meant."""
    states: Counter[str] = Counter()
    audiences: Counter[str] = Counter()
    countries: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    requirements: dict[str, Counter[str]] = {}
    sessions: dict[str, Counter[str]] = {}
    held_in: Counter[str] = Counter()
    attended = held = erased = 0
    for one in registrations:
        states[one.state.value] += 1
        attended += one.attended_at is not None
        held += one.state is SeatState.PENDING and one.held
        erased += one.erased
        if one.state is not SeatState.CANCELLED:
            audiences[one.person.audience or ""] += 1
            countries[one.person.country or ""] += 1
            languages[one.person.language] += 1
            if one.code is not None:
                codes[one.code] += 1
            for id_, state in one.requirements.items():
                requirements.setdefault(id_, Counter())[state.value] += 1
        for choice in one.choices:
            sessions.setdefault(choice.session_id, Counter())[choice.state.value] += 1
            held_in[choice.session_id] += choice.state is SeatState.PENDING and choice.held
    return {
        "states": ranked(states),
        "audiences": ranked(audiences),
        "countries": ranked(countries),
        "languages": ranked(languages),
        "sessions": {id_: ranked(count) for id_, count in sorted(sessions.items())},
        "attended": attended,
        "offered": states["offered"],
        "held": held,
        "sessions_held": ranked(+held_in),
        "requirements": {id_: ranked(count) for id_, count in sorted(requirements.items())},
        "codes": ranked(codes),
        "erased": erased,
    }


def ranked(count: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(count.items(), key=lambda item: (-item[1], item[0])))


@pytest.fixture
async def stored(database: Database) -> Database:
    await database.declare([LEDGERS, OUTBOX, *COLLECTIONS])
    return database


async def keep(database: Database, registrations: Iterable[Registration]) -> None:
    documents = [{"_id": one.id, **registration_document(one, f"of {one.id}"), "revision": 1} for one in registrations]
    if documents:
        await database["registrations"].insert_many(documents)


def anybody(number: int, draw: random.Random) -> Registration:
    """Somebody with anything that a registration may have."""
    states = list(SeatState)
    who = person(
        f"p{number}",
        language=draw.choice(["en", "fr"]),
        audience=draw.choice(["police", "research", None]),
        country=draw.choice(["FR", "FI", None]),
    )
    if draw.random() < 0.1:  # as somebody who was forgotten is kept
        nobody = {name: value for name, value in vars(who).items() if name not in ("name", "language")}
        who = PersonDetails.model_construct(name="", **nobody)
    chosen = draw.sample([W1, W2, "of-a-dotted.name", "$odd"], draw.randrange(4))
    return Registration(
        id=f"r{number:05}",
        event_id=EVENT if draw.random() < 0.9 else "another",
        person=who,
        state=draw.choice(states),
        place=None,
        choices=tuple(Held(id_, draw.choice(states), held=draw.random() < 0.5) for id_ in chosen),
        link_generation=1,
        registered_at=BEFORE_CLOSE,
        changed_at=BEFORE_CLOSE,
        held=draw.random() < 0.5,
        code=draw.choice([None, "GUEST", "$PRESS", "é"]),
        requirements={
            id_: draw.choice(list(RequirementState)) for id_ in draw.sample(["fair", "badge"], draw.randrange(3))
        },
        attended_at=draw.choice([None, BEFORE_CLOSE]),
        erased=draw.random() < 0.2,
    )


@pytest.mark.parametrize("seed", range(5))
async def test_the_database_counts_what_is_counted_one_by_one(stored: Database, seed: int) -> None:
    draw = random.Random(seed)
    await keep(stored, [anybody(number, draw) for number in range(draw.randrange(400))])
    kept = [registration_from(d["_id"], d) async for d in stored["registrations"].find({"event_id": EVENT})]
    counted = await Readings(stored).counts(EVENT)
    expected = one_by_one(kept)
    assert counted == expected
    for name, figures in expected.items():
        if isinstance(figures, dict):
            assert list(counted[name]) == list(figures), f"{name}: most first"


async def test_an_event_of_which_nobody_knows_yet_counts_nobody(stored: Database) -> None:
    assert await Readings(stored).counts(EVENT) == one_by_one([])


SEATED = Registration(
    id="1",
    event_id=EVENT,
    person=person("ada", country="FI"),
    state=SeatState.ATTENDED,
    place=None,
    choices=(Held(W1, SeatState.OFFERED, until=BEFORE_CLOSE + timedelta(days=2)), Held(W2, SeatState.CONFIRMED)),
    link_generation=1,
    registered_at=BEFORE_CLOSE,
    changed_at=BEFORE_CLOSE,
    attended_at=BEFORE_CLOSE,
    code="GUEST",
    requirements={"fair": RequirementState.GRANTED},
)
HELD = replace(
    SEATED,
    id="2",
    person=person("bob"),
    state=SeatState.PENDING,
    held=True,
    choices=(Held(W1, SeatState.PENDING, held=True), Held(W2, SeatState.PENDING)),
    attended_at=None,
    code=None,
    requirements={"fair": RequirementState.MISSING},
)
FORGOTTEN = replace(SEATED, id="3", person=person("eve", country="FI"), erased=True, code=None, requirements={})


async def test_seats_are_counted_by_what_keeps_them(stored: Database) -> None:
    await keep(stored, [SEATED, HELD, FORGOTTEN])
    counted = await Readings(stored).counts(EVENT)
    assert counted["states"] == {"attended": 2, "pending": 1}
    assert (counted["attended"], counted["offered"], counted["held"], counted["erased"]) == (2, 0, 1, 1)
    assert counted["sessions_held"] == {W1: 1}
    assert counted["requirements"] == {"fair": {"granted": 1, "missing": 1}}
    assert counted["codes"] == {"GUEST": 1}
    assert counted["countries"] == {"FI": 2, "": 1}


async def test_counting_goes_by_an_order_that_no_erasure_changes(stored: Database) -> None:
    """Who is forgotten has another address: by the index of addresses, somebody would be met twice, or not at all."""
    await keep(stored, [SEATED, HELD, FORGOTTEN])
    driver = stored["registrations"].database
    await driver.command("profile", 2)
    await Readings(stored).counts(EVENT)
    await driver.command("profile", 0)
    seen = await stored["system.profile"].find({"command.aggregate": "registrations"}).to_list(None)
    assert [one["planSummary"] for one in seen] == ["IXSCAN { event_id: 1, _id: 1 }"]
