"""Lists of members by HTTP: given, changed, asked; two changes at once leave one of them, whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.registration.member_lists import MemberLists
from services.registration.members import member_key
from services.registration.schema import MEMBERS
from shared.clock import new_id
from shared.storage.mongo import Database
from tests.conftest import MakeSettings
from tests.support.events import BEFORE_CLOSE, milipol, workshop
from tests.support.registration_desk import W1, RegistrationDesk, registration_desk

PARTNERS = "/api/v1/registration/members/partners"
CSV = {"Content-Type": "text/csv"}


@pytest.fixture
async def desk(settings: MakeSettings) -> AsyncIterator[RegistrationDesk]:
    members = {"lists": ["partners"]}
    event = milipol(audiences=[], requirements=[], members=members, admission={"members_only": True})
    async with registration_desk(settings(), event, workshop(1)) as found:
        yield found


async def test_members_register_and_others_do_not(desk: RegistrationDesk) -> None:
    file = "\ufeffemail;\r\nAda@Example.org;\r\n\r\ncyd@example.org\r\n".encode()
    given = await desk.ask("PUT", PARTNERS, data=file, headers=CSV)
    assert (given.status, given.body["members"]) == (200, 2), given.body
    assert (await desk.register("bob", W1)).body["errors"][0]["code"] == "members-only"
    assert (await desk.register("ada", W1)).status == 201
    kept = [document async for document in desk.database[MEMBERS.name].find({})]
    assert "example.org" not in str(kept), "only keys are kept"


async def test_a_list_is_replaced_added_to_and_removed_from(desk: RegistrationDesk) -> None:
    async def put(*emails: str) -> Any:
        return (await desk.ask("PUT", PARTNERS, {"emails": list(emails)})).body

    async def has(email: str) -> bool:
        found: bool = (await desk.ask("GET", f"{PARTNERS}?email={email}")).body["member"]
        return found

    assert (await desk.ask("GET", PARTNERS)).status == 404
    assert (await desk.ask("DELETE", PARTNERS, {"emails": ["a@example.org"]})).status == 404
    await put("ada@example.org", "bob@example.org")
    assert (await put("bob@example.org", "cyd@example.org"))["members"] == 2
    assert [await has(f"{name}@example.org") for name in ("ada", "bob", "cyd")] == [False, True, True]
    added = await desk.ask("POST", PARTNERS, {"emails": ["Ada@example.org"]}, key="a1")
    assert (added.body["members"], added.body["repeated"]) == (3, False)
    again = await desk.ask("POST", PARTNERS, {"emails": ["Ada@example.org"]}, key="a1")
    assert again.body == added.body | {"repeated": True}
    other = await desk.ask("POST", PARTNERS, {"emails": ["eve@example.org"]}, key="a1")
    assert (other.status, other.body["type"]) == (422, "urn:lectern:problem:key-reused")
    removed = await desk.ask("DELETE", PARTNERS, {"emails": ["bob@example.org"]})
    assert (removed.body["members"], await has("BOB@example.org")) == (2, False)
    shown = (await desk.ask("GET", PARTNERS)).body
    assert (shown["members"], shown["changed_at"]) == (2, "2019-11-01T09:00:00Z")
    nothing = await desk.ask("DELETE", PARTNERS)
    assert (nothing.status, nothing.body["type"]) == (400, "urn:lectern:problem:nothing-named")
    assert (await desk.ask("DELETE", f"{PARTNERS}?all=true")).body["members"] == 0
    assert (await desk.ask("GET", PARTNERS)).status == 404
    assert await desk.database[MEMBERS.name].count_documents({}) == 0


async def test_what_is_no_address_is_named_and_nothing_is_changed(desk: RegistrationDesk) -> None:
    await desk.ask("PUT", PARTNERS, {"emails": ["ada@example.org"]})
    file = await desk.ask("PUT", PARTNERS, data=b"email\nbob@example.org\nnobody\n", headers=CSV)
    assert (file.status, [(e["field"], e["line"]) for e in file.body["errors"]]) == (422, [("email", "3")])
    assert "nobody" not in str(file.body)
    listed = await desk.ask("PUT", PARTNERS, {"emails": ["x@example.org", "nobody"]})
    assert (listed.status, [e["field"] for e in listed.body["errors"]]) == (422, ["emails.1"])
    assert (await desk.ask("PUT", PARTNERS, data=b"\xff", headers=CSV)).status == 422
    assert (await desk.ask("PUT", PARTNERS, data=b"", headers={"Content-Type": "text/plain"})).status == 415
    assert (await desk.ask("PUT", f"{PARTNERS}_", {"emails": []})).status == 404
    assert (await desk.ask("GET", f"{PARTNERS}?email=nobody")).status == 400
    assert (await desk.ask("GET", f"{PARTNERS}?email=ada@example.org")).body["member"]
    for method in ("GET", "PUT", "POST", "DELETE"):
        assert (await desk.ask(method, PARTNERS, anonymous=True)).status == 401


def several(database: Database) -> tuple[list[list[str]], list[MemberLists]]:
    """Three lists that overlap, and three processes that change them."""
    people = [[f"p{n}@example.org" for n in range(start, start + 120)] for start in (0, 40, 80)]
    return people, [MemberLists(database, lambda: BEFORE_CLOSE, new_id) for _ in people]


async def on_the_list(database: Database) -> set[str]:
    return {document["_id"] async for document in database[MEMBERS.name].find({"list": "partners"})}


async def test_of_lists_that_are_given_at_once_one_is_there_whole(database: Database) -> None:
    await database.declare([MEMBERS])
    people, lists = several(database)
    for _ in range(5):
        await asyncio.gather(*(one.replace("partners", given) for one, given in zip(lists, people, strict=True)))
        there = await on_the_list(database)
        assert there in [{member_key("partners", email) for email in given} for given in people]


async def test_control_without_the_second_look_lists_are_mixed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def noted(*_: object) -> bool:
        return True

    monkeypatch.setattr(MemberLists, "_noted", noted)
    await database.declare([MEMBERS])
    people, lists = several(database)
    for _ in range(20):
        await asyncio.gather(*(one.replace("partners", given) for one, given in zip(lists, people, strict=True)))
        if len(await on_the_list(database)) != 120:
            return
    pytest.fail("control: without the safeguard some list is mixed with another")
