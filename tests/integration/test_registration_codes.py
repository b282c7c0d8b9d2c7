"""Invitation codes by HTTP: made, made up, used, listed with what is left, revoked."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conftest import MakeSettings
from tests.support.events import milipol, workshop
from tests.support.registration_desk import W1, W2, Answered, RegistrationDesk, registration_desk

CODES = "/api/v1/registration/codes"
OF_EVENT = f"{CODES}?event_id=milipol-2019"


@pytest.fixture
async def desk(settings: MakeSettings) -> AsyncIterator[RegistrationDesk]:
    """By invitation; ten seats at the event, three in the first workshop."""
    event = milipol(audiences=[], requirements=[], admission={"code_needed": True, "capacity": 10})
    async with registration_desk(settings(), event, workshop(1, capacity=3), workshop(2)) as found:
        yield found


async def make(desk: RegistrationDesk, *codes: dict[str, Any], key: str | None = None) -> Answered:
    return await desk.ask("POST", OF_EVENT, {"codes": list(codes)}, key=key)


async def test_a_code_is_used_as_often_as_it_may_be(desk: RegistrationDesk) -> None:
    answer = await make(desk, {"code": "Guest-2019", "uses": 1, "label": "=guests"})
    assert answer.status == 200, answer.body
    assert (await desk.register("ada", W2)).body["errors"][0]["code"] == "code-needed"
    assert (await desk.register("ada", W2, code="guest 2019")).status == 201
    assert (await desk.register("bob", W2, code="GUEST2019")).body["errors"][0]["code"] == "code-used-up"
    listed = (await desk.ask("GET", OF_EVENT)).body
    assert [(one["code"], one["used"], one["uses"]) for one in listed["items"]] == [("Guest-2019", 1, 1)]
    counts = (await desk.ask("GET", "/api/v1/registrations/counts?event_id=milipol-2019")).body
    assert counts["codes"] == {"GUEST2019": 1}
    table = (await desk.ask("GET", f"{CODES}/table.csv?event_id=milipol-2019")).body
    rows = list(csv.DictReader(io.StringIO(table.lstrip("\ufeff"))))
    assert [(row["code"], row["label"], row["used"]) for row in rows] == [("Guest-2019", "'=guests", "1")]


async def test_many_are_made_up_at_once_and_a_repeated_request_makes_no_more(desk: RegistrationDesk) -> None:
    first = await make(desk, {"count": 40, "uses": 1}, {"label": "one more"}, key="batch")
    spelled = [one["code"] for one in first.body["codes"]]
    assert (len(set(spelled)), first.body["repeated"]) == (41, False)
    assert all(re.fullmatch(r"[C-Y34679]{4}-[C-Y34679]{4}", code) for code in spelled)
    again = await make(desk, {"count": 40, "uses": 1}, {"label": "one more"}, key="batch")
    assert ([one["code"] for one in again.body["codes"]], again.body["repeated"]) == (spelled, True)
    other = await make(desk, {"count": 41}, key="batch")
    assert (other.status, other.body["type"]) == (422, "urn:lectern:problem:key-reused")
    without = await make(desk, {"count": 40, "uses": 1})
    assert not {one["code"] for one in without.body["codes"]} & set(spelled)
    listed: list[str] = []
    cursor = ""
    while True:
        page = (await desk.ask("GET", f"{OF_EVENT}&limit=30{cursor}")).body
        listed += [one["code"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(listed) == len(set(listed)) == 81


async def test_a_personal_code_is_for_one_address_which_is_not_kept(desk: RegistrationDesk) -> None:
    answer = await make(desk, {"email": "Ada@Example.org"})
    (one,) = answer.body["codes"]
    assert (one["personal"], "example.org" in str(answer.body)) == (True, False)
    stored = await desk.database["codes"].find_one({})
    assert "example.org" not in str(stored)
    refused = await desk.register("bob", W2, code=one["code"])
    assert refused.body["errors"][0]["code"] == "code-of-another"
    assert (await desk.register("ada", W2, code=one["code"])).status == 201


async def test_reserved_seats_are_shown_until_they_are_taken_and_are_given_back(desk: RegistrationDesk) -> None:
    answer = await make(desk, {"code": "SPEAKERS", "sessions": [W1], "reserved": 2, "uses": 5})
    (one,) = answer.body["codes"]
    assert (one["seats_left"], one["sessions_left"]) == (2, {W1: 2})
    await desk.registered("ada", W1, code="speakers")
    (one,) = (await desk.ask("GET", OF_EVENT)).body["items"]
    assert (one["used"], one["seats_left"], one["sessions_left"]) == (1, 1, {W1: 1})
    revoked = await desk.ask("DELETE", f"{CODES}/spea-kers?event_id=milipol-2019", key="r")
    assert (revoked.body["revoked"], revoked.body["seats_left"], revoked.body["sessions_left"]) == (True, 0, {W1: 0})
    assert (await desk.ask("DELETE", f"{CODES}/spea-kers?event_id=milipol-2019", key="r")).status == 200
    assert (await desk.register("bob", W1, code="speakers")).body["errors"][0]["code"] == "unknown-code"


@pytest.mark.parametrize(
    ("codes", "status", "fields"),
    [
        ([{"code": "GOOD"}, {"code": "abc"}], 422, ["codes.1.code"]),
        ([{"code": "GOOD"}, {"code": "go-od"}], 422, ["codes.1.code"]),
        ([{"count": 2, "email": "ada@example.org"}], 422, ["codes.0.count"]),
        ([{"count": 501}], 422, ["codes.0.count"]),
        ([{"count": 300}, {"count": 201}], 422, ["codes"]),
        ([{"expires_at": "2019-11-01"}], 422, ["codes.0.expires_at"]),
        ([{"email": "nobody"}, {"uses": 0}], 422, ["codes.0.email", "codes.1.uses"]),
        ([{"code": "GOOD"}, {"sessions": ["nothing"]}], 409, ["codes.1.sessions.0"]),
        ([{"count": 3}, {"count": 2, "reserved": 9}], 409, ["codes.1.reserved"]),
        ([{"uses": 1, "reserved": 2}], 409, ["codes.0.reserved"]),
        ([{}, {"expires_at": "2019-11-01T08:59:59Z"}], 409, ["codes.1.expires_at"]),
        ([], 422, ["codes"]),
    ],
)
async def test_what_is_wrong_is_named_and_no_code_is_made(
    desk: RegistrationDesk, codes: list[dict[str, Any]], status: int, fields: list[str]
) -> None:
    answer = await make(desk, *codes)
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (status, fields)
    assert (await desk.ask("GET", OF_EVENT)).body["items"] == []


async def test_codes_are_for_organisers_and_of_events_that_are_there(desk: RegistrationDesk) -> None:
    for method, path in (
        ("GET", OF_EVENT), ("POST", OF_EVENT), ("GET", f"{CODES}/table.csv?event_id=milipol-2019"),
        ("DELETE", f"{CODES}/X?event_id=milipol-2019"),
    ):  # fmt: skip
        assert (await desk.ask(method, path, anonymous=True)).status == 401
    assert (await desk.ask("POST", f"{CODES}?event_id=nowhere", {"codes": [{}]})).status == 404
    assert (await desk.ask("DELETE", f"{CODES}/none?event_id=milipol-2019")).status == 404
    assert (await desk.ask("GET", CODES)).status == 400
