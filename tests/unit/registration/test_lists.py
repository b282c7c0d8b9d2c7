"""The list of attendees as a table: until when a seat is held, and why; who was forgotten has no row."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta

from services.registration.documents import registration_document
from services.registration.lists import Table
from services.registration.registrations import Held, Registration
from shared.contracts.registration import Cause, RequirementState, SeatState
from tests.support.events import BEFORE_CLOSE, milipol, person, workshop

W1, W2 = "milipol-2019-workshop-1", "milipol-2019-workshop-2"
LATER = BEFORE_CLOSE + timedelta(days=2)

SEATED = Registration(
    id="1",
    event_id="milipol-2019",
    person=person("ada", country="FI"),
    state=SeatState.ATTENDED,
    place=None,
    choices=(Held(W1, SeatState.OFFERED, until=LATER, instead_of=(W2,)), Held(W2, SeatState.CONFIRMED)),
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
    cause=Cause.REQUIREMENT,
    hold_until=LATER,
    choices=(Held(W1, SeatState.PENDING, held=True), Held(W2, SeatState.PENDING)),
    attended_at=None,
    code=None,
    requirements={"fair": RequirementState.MISSING},
)
FORGOTTEN = replace(SEATED, id="3", erased=True, code=None, requirements={})


def test_the_table_says_until_when_and_why_and_leaves_out_who_was_forgotten() -> None:
    stored = [{"_id": one.id, **registration_document(one, "")} for one in (SEATED, HELD, FORGOTTEN)]
    table = Table(milipol(), [workshop(1), workshop(2)], "en")
    text = (table.head() + table.rows(stored[:1]) + table.rows(stored[1:])).decode("utf-8-sig")
    ada, bob = csv.DictReader(io.StringIO(text))
    assert (ada["offered_until"], ada["held_until"]) == ("2019-11-03T09:00:00+00:00", "")
    assert (ada["code"], ada["attended_at"]) == ("GUEST", "2019-11-01T09:00:00+00:00")
    assert (bob["cause"], bob["held_until"]) == ("requirement", "2019-11-03T09:00:00+00:00")
    assert [row["fair: Milipol Paris"] for row in (ada, bob)] == ["granted", "missing"]
