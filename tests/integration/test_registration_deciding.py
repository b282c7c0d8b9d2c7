"""What organisers decide about one registration by HTTP, who is here, and what the log says of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import MakeSettings
from tests.support.events import BEFORE_CLOSE, milipol, workshop
from tests.support.registration_desk import W1, W2, RegistrationDesk, registration_desk

ONE = "/api/v1/registrations/{}"


def event(**changes: Any) -> Any:
    requirement: Any = {"id": "fair", "name": {"en": "Milipol Paris", "fr": "Le salon"}, "policy": "first"}
    questions: list[Any] = [
        {"id": "needs", "label": {"en": "Your needs", "fr": "Vos besoins"}},
        {"id": "photos", "label": {"en": "Photos are taken"}, "kind": "consent", "required": True},
    ]
    given: dict[str, Any] = {"audiences": [], "requirements": [requirement], "questions": questions}
    return milipol(**(given | changes))


@pytest.fixture
async def desk(settings: MakeSettings) -> AsyncIterator[RegistrationDesk]:
    """Approval by hand for the first workshop; nothing else stands in the way."""
    approved = workshop(1, capacity=1, admission={"approval": True})
    async with registration_desk(settings(), event(requirements=[], questions=[]), approved, workshop(2)) as found:
        yield found


@pytest.fixture
async def fair(settings: MakeSettings) -> AsyncIterator[RegistrationDesk]:
    """Nobody has a seat before the fair has granted its own registration."""
    async with registration_desk(settings(), event(), workshop(1), workshop(2)) as found:
        yield found


def states(body: Any) -> dict[str, str]:
    return {choice["session_id"]: choice["state"] for choice in body["choices"]}


async def test_yes_and_no_are_said_to_single_sessions(desk: RegistrationDesk) -> None:
    ada, bob = await desk.registered("ada", W1, W2), await desk.registered("bob", W1, W2)
    yes = await desk.ask("POST", f"/api/v1/registrations/{ada}/approve", {"sessions": [W1]}, key="yes")
    assert (yes.status, states(yes.body)) == (200, {W1: "confirmed", W2: "confirmed"})
    again = await desk.ask("POST", f"/api/v1/registrations/{ada}/approve", {"sessions": [W1]}, key="yes")
    assert again.body == yes.body | {"repeated": True}
    other = await desk.ask("POST", f"/api/v1/registrations/{ada}/approve", key="yes")
    assert (other.status, other.body["type"]) == (422, "urn:lectern:problem:key-reused")
    no = await desk.ask("POST", f"/api/v1/registrations/{bob}/decline", {"sessions": [W1]})
    assert states(no.body) == {W1: "cancelled", W2: "confirmed"}
    assert no.body["choices"][0]["cause"] == "declined"
    wrong = await desk.ask("POST", f"/api/v1/registrations/{bob}/decline", {"sessions": ["nothing"]})
    assert (wrong.status, wrong.body["errors"][0]["field"]) == (409, "sessions.0")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/approve", {}),
        ("POST", "/decline", {}),
        ("POST", "/accept", {}),
        ("POST", "/reconfirm", None),
        ("POST", "/relink", None),
        ("POST", "/check-in", {}),
        ("POST", "/undo-check-in", {}),
        ("PUT", "/numbers", {"numbers": {"fair": "1"}}),
        ("PUT", "/requirements/fair", {"state": "granted"}),
        ("POST", "/transfer", {"name": "Cyd", "email": "cyd@example.org"}),
        ("DELETE", "", None),
        ("GET", "/export", None),
        ("GET", "/decisions", None),
    ],
)
async def test_only_organisers_may_and_what_is_not_there_is_told(
    desk: RegistrationDesk, method: str, path: str, body: Any
) -> None:
    ada = await desk.registered("ada", W2)
    refused = await desk.ask(method, ONE.format(ada) + path, body, anonymous=True)
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, 'Bearer realm="organisers"')
    missing = await desk.ask(method, ONE.format("nobody") + path, body)
    assert (missing.status, missing.body["type"]) == (404, "urn:lectern:problem:unknown-registration")


async def test_an_offer_is_accepted_and_who_comes_is_noted(settings: MakeSettings) -> None:
    offering = workshop(1, capacity=1, admission={"offer_hours": 24})
    async with registration_desk(settings(), event(requirements=[], questions=[]), offering) as desk:
        ada, bob = await desk.registered("ada", W1), await desk.registered("bob", W1)
        await desk.ask("POST", f"/api/v1/registrations/{ada}/cancel")
        assert states(await desk.one(bob)) == {W1: "offered"}
        counts = (await desk.ask("GET", "/api/v1/registrations/counts?event_id=milipol-2019")).body
        assert counts["sessions"][W1]["offered"] == 1
        assert states((await desk.ask("POST", f"/api/v1/registrations/{bob}/accept")).body) == {W1: "confirmed"}
        late = await desk.ask("POST", f"/api/v1/registrations/{bob}/accept")
        assert (late.status, late.body["errors"][0]["code"]) == (409, "no-offer")
        assert (await desk.ask("POST", f"/api/v1/registrations/{bob}/reconfirm")).status == 200


async def test_new_private_addresses_make_the_old_ones_void(desk: RegistrationDesk) -> None:
    ada = await desk.registered("ada", W2)
    assert (await desk.ask("POST", f"/api/v1/registrations/{ada}/relink")).status == 200
    assert (await desk.one(ada))["link_generation"] == 2


async def test_a_seat_is_handed_to_a_colleague(desk: RegistrationDesk) -> None:
    ada = await desk.registered("ada", W2)
    person = {"name": "Cyd", "email": "CYD@example.org"}
    given = await desk.ask("POST", f"/api/v1/registrations/{ada}/transfer", person, key="t1")
    cyd = given.body["registration_id"]
    assert (given.status, cyd != ada, states(given.body)) == (200, True, {W2: "confirmed"})
    assert (await desk.one(cyd))["person"]["email"] == "cyd@example.org"
    again = await desk.ask("POST", f"/api/v1/registrations/{ada}/transfer", person, key="t1")
    assert (again.body["registration_id"], again.body["repeated"]) == (cyd, True)
    bad = await desk.ask("POST", f"/api/v1/registrations/{cyd}/transfer", {"name": "", "email": "x"})
    assert (bad.status, [e["field"] for e in bad.body["errors"]]) == (422, ["name", "email"])


async def test_check_in_is_noted_once_and_taken_back(desk: RegistrationDesk) -> None:
    ada = await desk.registered("ada", W2)
    path = f"/api/v1/registrations/{ada}"
    at = (BEFORE_CLOSE - timedelta(minutes=5)).isoformat()
    here = await desk.ask("POST", f"{path}/check-in", {"session_id": W2, "at": at}, key="scan-1")
    assert (here.status, states(here.body)) == (200, {W2: "attended"})
    assert (await desk.one(ada))["attended_at"] == "2019-11-01T08:55:00Z"
    twice = await desk.ask("POST", f"{path}/check-in", {"session_id": W2})
    assert (twice.status, twice.body["errors"][0]["code"]) == (409, "already-checked-in")
    counts = (await desk.ask("GET", "/api/v1/registrations/counts?event_id=milipol-2019")).body
    assert (counts["attended"], counts["sessions"][W2]) == (1, {"attended": 1})
    undone = await desk.ask("POST", f"{path}/undo-check-in")
    assert (undone.body["state"], states(undone.body)) == ("confirmed", {W2: "confirmed"})
    now = await desk.ask("POST", f"{path}/check-in", key="scan-2")
    desk.now[0] += timedelta(minutes=1)
    repeated = await desk.ask("POST", f"{path}/check-in", key="scan-2")
    assert (now.status, repeated.status, repeated.body["repeated"]) == (200, 200, True), "the time is not what was said"


async def test_what_another_organisation_decided_is_noted_by_hand(fair: RegistrationDesk) -> None:
    ada = await fair.registered("ada", W1, answers={"photos": True})
    assert (await fair.one(ada))["state"] == "pending"
    path = f"/api/v1/registrations/{ada}/requirements"
    granted = await fair.ask("PUT", f"{path}/fair", {"state": "granted"}, key="r1")
    assert (granted.status, granted.body["state"], states(granted.body)) == (200, "confirmed", {W1: "confirmed"})
    fair.now[0] += timedelta(minutes=1)
    revoked = await fair.ask("PUT", f"{path}/fair", {"state": "revoked"})
    assert revoked.body["state"] != "confirmed"
    assert (await fair.ask("PUT", f"{path}/other", {"state": "granted"})).status == 404
    assert (await fair.ask("PUT", f"{path}/fair", {"state": "perhaps"})).status == 422


async def test_what_was_decided_under_a_number_counts_when_the_number_is_known(fair: RegistrationDesk) -> None:
    data = {"event_id": "milipol-2019", "requirement": "fair", "number": "M-17"}
    assert (await fair.send("lectern.intake.requirement-granted.v1", data)).body["outcome"] == "accepted"
    ada = await fair.registered("ada", W1, answers={"photos": True})
    numbered = await fair.ask("PUT", f"/api/v1/registrations/{ada}/numbers", {"numbers": {"fair": "m-17"}})
    assert (numbered.status, numbered.body["state"]) == (200, "confirmed")
    wrong = await fair.ask("PUT", f"/api/v1/registrations/{ada}/numbers", {"numbers": {"other": "1"}})
    assert (wrong.status, wrong.body["errors"][0]["field"]) == (409, "numbers.other")


async def test_everything_kept_of_a_person_is_exported_and_nothing_of_others(fair: RegistrationDesk) -> None:
    refused = await fair.register("ada", W1)
    assert refused.status == 409, "the consent is missing"
    ada = await fair.registered(
        "ada", W1, answers={"photos": True, "needs": "A ramp"}, numbers={"fair": "M-1"}, details={"country": "FI"}
    )
    bob = await fair.registered("bob", W1, answers={"photos": True})
    file = await fair.ask("GET", f"/api/v1/registrations/{ada}/export?lang=fr")
    kept = file.body
    assert "attachment" in file.headers["Content-Disposition"]
    assert kept["person"] == {"name": "Ada", "email": "ada@example.org", "language": "en", "country": "FI"}
    assert {"id": "needs", "question": "Vos besoins", "answer": "A ramp"} in kept["answers"]
    [consent] = kept["consents"]
    assert (consent["id"], consent["given_at"]) == ("photos", "2019-11-01T09:00:00Z")
    assert consent["question"] == consent["agreed_to"] == "Photos are taken"
    assert kept["requirements"] == [{"id": "fair", "name": "Le salon", "state": "missing"}]
    assert kept["numbers"] == {"fair": "M-1"}
    assert kept["seats"][0]["starts_at"] == "2019-11-20T08:40:00Z"
    first, second = kept["decisions"]
    assert (first["outcome"], first["by"]) == ("rejected", "attendee")
    assert first["reasons"][0]["code"] == "consent-needed"
    assert (second["outcome"], second["registration_id"]) == ("accepted", ada)
    assert bob not in file.body.__repr__()
    assert "Bob" not in file.body.__repr__()


async def test_who_is_forgotten_is_counted_and_not_listed(desk: RegistrationDesk) -> None:
    ada = await desk.registered("ada", W2, details={"country": "FI"})
    await desk.registered("bob", W2)
    gone = await desk.ask("DELETE", f"/api/v1/registrations/{ada}", key="d1")
    assert (gone.status, gone.body["state"]) == (200, "cancelled")
    assert (await desk.ask("DELETE", f"/api/v1/registrations/{ada}", key="d1")).body["repeated"]
    assert (await desk.ask("DELETE", f"/api/v1/registrations/{ada}")).status == 404
    listed = await desk.ask("GET", "/api/v1/registrations?event_id=milipol-2019")
    assert [item["person"]["name"] for item in listed.body["items"]] == ["Bob"]
    table = await desk.ask("GET", "/api/v1/registrations/table.csv?event_id=milipol-2019")
    assert ada not in table.body
    assert "bob@example.org" in table.body
    counts = (await desk.ask("GET", "/api/v1/registrations/counts?event_id=milipol-2019")).body
    assert (counts["states"], counts["erased"]) == ({"cancelled": 1, "confirmed": 1}, 1)
    export = (await desk.ask("GET", f"/api/v1/registrations/{ada}/export")).body
    assert (export["person"], export["registration"]["forgotten"]) == ({}, True)


async def test_the_log_says_who_asked_what_and_why_not(desk: RegistrationDesk) -> None:
    ada, bob = await desk.registered("ada", W2), await desk.registered("bob", W1, W2)
    await desk.ask("POST", f"/api/v1/registrations/{bob}/decline", {"sessions": [W1]})
    await desk.register("bob", "nothing")
    told = (await desk.ask("GET", f"/api/v1/registrations/{bob}/decisions")).body["items"]
    assert [(one["by"], one["asked"], one["outcome"]) for one in told] == [
        ("attendee", "register", "accepted"),
        ("organiser", "decline", "accepted"),
        ("attendee", "register", "rejected"),
    ]
    assert {seat["session_id"]: seat["after"] for seat in told[0]["seats"]} == {
        None: "confirmed", W1: "pending", W2: "confirmed",
    }  # fmt: skip
    assert told[1]["seats"][0]["before"] == "pending"
    assert told[2]["reasons"] == [
        {"code": "unknown-session", "field": "session:nothing", "message": "There was no such session."}
    ]
    assert all(seat["registration_id"] == bob for one in told for seat in one["seats"])
    path = "/api/v1/registration/decisions?event_id=milipol-2019"
    whole = (await desk.ask("GET", f"{path}&limit=2")).body
    rest = (await desk.ask("GET", f"{path}&cursor={whole['next_cursor']}")).body
    asked = [one["asked"] for one in whole["items"] + rest["items"]]
    assert (rest["next_cursor"], sorted(asked)[0]) == (None, "decline")
    assert {one["registration_id"] for one in rest["items"] + whole["items"]} >= {ada, bob}
    assert len(asked) == len((await desk.ask("GET", path)).body["items"]), "no decision twice, none left out"
    assert (await desk.ask("GET", f"{path}&cursor=x")).status == 400


async def test_who_was_refused_and_never_registered_is_found_in_the_log(desk: RegistrationDesk) -> None:
    await desk.register("eve", "nothing")
    path = "/api/v1/registration/decisions?event_id=milipol-2019&email="
    told = (await desk.ask("GET", f"{path}Eve@example.org&lang=fr")).body["items"]
    assert [(one["outcome"], one["registration_id"]) for one in told] == [("rejected", None)]
    assert (await desk.ask("GET", f"{path}bob@example.org")).body["items"] == []
    assert (await desk.ask("GET", f"{path}bob")).status == 400


async def test_the_list_is_narrowed_by_everything_that_stands(fair: RegistrationDesk) -> None:
    people: dict[str, str] = {}
    for name, country in (("ada", "FI"), ("bob", "FR"), ("cyd", "FR")):
        people[name] = await fair.registered(name, W1, answers={"photos": True}, details={"country": country})
    await fair.ask("PUT", f"/api/v1/registrations/{people['ada']}/requirements/fair", {"state": "granted"})
    await fair.ask("PUT", f"/api/v1/registrations/{people['bob']}/requirements/fair", {"state": "refused"})
    await fair.ask("POST", f"/api/v1/registrations/{people['ada']}/check-in", {"session_id": W1})
    await fair.ask("POST", f"/api/v1/registrations/{people['cyd']}/decline")

    async def listed(query: str) -> list[str]:
        answer = await fair.ask("GET", f"/api/v1/registrations?event_id=milipol-2019&{query}")
        assert answer.status == 200, answer.body
        return sorted(item["person"]["email"][:3] for item in answer.body["items"])

    assert await listed("requirement=fair&requirement_state=granted") == ["ada"]
    assert await listed("requirement=fair&requirement_state=missing") == ["cyd"]
    assert await listed("requirement=fair") == ["bob", "cyd"], "still open"
    assert await listed("country=FR&q=bob") == ["bob"]
    assert await listed("cause=declined") == ["cyd"]
    assert await listed(f"cause=declined&session={W1}") == ["cyd"]
    assert await listed("attended=true") == ["ada"]
    assert await listed(f"attended=false&session={W1}") == ["bob"]
    assert await listed("audience=police") == []
    for wrong in ("requirement=$where", "requirement_state=missing", "cause=x", "attended=perhaps"):
        answer = await fair.ask("GET", f"/api/v1/registrations?event_id=milipol-2019&{wrong}")
        assert answer.status == 400, wrong
    table = await fair.ask("GET", "/api/v1/registrations/table.csv?event_id=milipol-2019")
    head, *rows = [line.split(",") for line in table.body.lstrip("\ufeff").splitlines()]
    column = {row[head.index("name")]: row[head.index("fair: Milipol Paris")] for row in rows}
    assert column == {"Ada": "granted", "Bob": "refused", "Cyd": "missing"}
    counts = (await fair.ask("GET", "/api/v1/registrations/counts?event_id=milipol-2019")).body
    assert counts["requirements"]["fair"] == {"granted": 1, "refused": 1}, "of those who have not cancelled"
