"""Files of what another organisation decided: each row for itself, before and after its person registers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.registration.schema import GRANTS
from tests.conftest import MakeSettings
from tests.support.events import milipol, workshop
from tests.support.registration_desk import W1, Answered, RegistrationDesk, registration_desk

PATH = "/api/v1/registration/requirements?event_id=milipol-2019&requirement=fair"
CSV = "text/csv"


@pytest.fixture
async def desk(settings: MakeSettings) -> AsyncIterator[RegistrationDesk]:
    requirement = {"id": "fair", "name": {"en": "Milipol Paris"}, "policy": "first"}
    event = milipol(audiences=[], requirements=[requirement])
    async with registration_desk(settings(), event, workshop(1, capacity=None)) as found:
        yield found


async def upload(desk: RegistrationDesk, file: bytes | str, media: str = CSV, query: str = "", **rest: Any) -> Answered:
    return await desk.ask("POST", PATH + query, data=file, headers={"Content-Type": media}, **rest)


async def state(desk: RegistrationDesk, id_: str) -> str:
    return str((await desk.one(id_))["state"])


async def test_each_row_is_decided_and_a_wrong_one_keeps_no_other(desk: RegistrationDesk) -> None:
    ada, bob = await desk.registered("ada", W1), await desk.registered("bob", W1, numbers={"fair": "M 17"})
    file = (
        "email,number,state,decided_at\r\n"
        "Ada@Example.org,,,2019-10-30T09:00:00+01:00\r\n"
        "nobody,,granted,\r\n"
        ",m17,Granted,\r\n"
        "\r\n"
        ",,granted,\r\n"
        "cyd@example.org,,refused,yesterday\r\n"
        "later@example.org,,,\r\n"
    )
    answer = await upload(desk, file)
    assert answer.status == 200, answer.body
    assert (answer.body["accepted"], answer.body["rejected"]) == (3, 3)
    rows = [(row["line"], row["registration_id"], row["state"]) for row in answer.body["rows"] if not row["errors"]]
    assert rows == [(2, ada, "confirmed"), (4, bob, "confirmed"), (8, None, None)]
    wrong = [(row["line"], [e["field"] for e in row["errors"]]) for row in answer.body["rows"] if row["errors"]]
    assert wrong == [(3, ["email"]), (6, ["body"]), (7, ["decided_at"])]
    assert "nobody" not in str(answer.body)
    assert (await state(desk, ada), await state(desk, bob)) == ("confirmed", "confirmed")
    assert await state(desk, await desk.registered("later", W1)) == "confirmed", "decided before they registered"


async def test_a_french_spreadsheet_and_a_json_list_are_read_too(desk: RegistrationDesk) -> None:
    ada, bob = await desk.registered("ada", W1), await desk.registered("bob", W1)
    french = "\ufeffemail;state;\r\n'ada@example.org;granted;\r\n".replace("'ada", "ada")
    assert (await upload(desk, french.encode())).body["accepted"] == 1
    rows = [{"email": "bob@example.org"}, {"email": "bob@example.org", "state": "maybe"}, 3]
    answer = await upload(desk, json.dumps(rows), "application/json")
    assert [(row["line"], row["outcome"]) for row in answer.body["rows"]] == [
        (1, "accepted"), (2, "rejected"), (3, "rejected"),
    ]  # fmt: skip
    assert (await state(desk, ada), await state(desk, bob)) == ("confirmed", "confirmed")


async def test_the_newest_decision_counts_and_a_file_may_be_sent_twice(desk: RegistrationDesk) -> None:
    ada = await desk.registered("ada", W1)
    new = "email,state,decided_at\nada@example.org,granted,2019-10-30T10:00:00Z\n"
    old = "email,state,decided_at\nada@example.org,refused,2019-10-29T10:00:00Z\n"
    assert (await upload(desk, new)).status == 200
    assert (await upload(desk, old)).body["accepted"] == 1
    assert await state(desk, ada) == "confirmed", "an older decision changes nothing"
    first = await upload(desk, new, key="file-1")
    again = await upload(desk, new, key="file-1")
    assert again.body == first.body | {"repeated": True}
    other = await upload(desk, old, key="file-1")
    assert (other.status, other.body["type"]) == (422, "urn:lectern:problem:key-reused")


async def test_who_is_named_by_address_and_number_is_known_by_either(desk: RegistrationDesk) -> None:
    ada = await desk.registered("ada", W1, numbers={"fair": "A-1"})
    answer = await upload(desk, "email,number\nada@work.example,b1\nada@work.example,a 1\n")
    assert [row["registration_id"] for row in answer.body["rows"]] == [None, ada]
    assert await state(desk, ada) == "confirmed"
    work = {"email": "ada@work.example"}
    assert await state(desk, await desk.registered("ada", W1, details=work)) == "confirmed"


async def test_a_dry_run_says_who_is_registered_and_decides_nothing(desk: RegistrationDesk) -> None:
    ada = await desk.registered("ada", W1, numbers={"fair": "7"})
    answer = await upload(desk, "number,state\n7,granted\n8,granted\n9,perhaps\n", query="&dry_run=true")
    assert answer.body["dry_run"]
    assert [(row["outcome"], row["registration_id"]) for row in answer.body["rows"]] == [
        ("accepted", ada), ("accepted", None), ("rejected", None),
    ]  # fmt: skip
    assert await state(desk, ada) == "pending"
    assert await desk.database[GRANTS.name].count_documents({}) == 0


async def test_a_file_of_ten_thousand_rows_is_taken_and_one_more_is_not(desk: RegistrationDesk) -> None:
    rows = [f"p{number}@example.org,granted" for number in range(10_000)]
    ada = await desk.registered("p9999", W1)
    answer = await upload(desk, "\n".join(["email,state", *rows]))
    assert (answer.status, answer.body["accepted"]) == (200, 10_000)
    assert await state(desk, ada) == "confirmed"
    more = await upload(desk, "\n".join(["email,state", *rows, "one@example.org,granted"]))
    assert (more.status, more.body["errors"][0]["code"]) == (422, "too-many-rows")


@pytest.mark.parametrize(
    ("file", "media", "status", "code"),
    [
        (b"", CSV, 422, "empty"),
        (b"e-mail,state\na@example.org,granted\n", CSV, 422, "column"),
        (b"state\ngranted\n", CSV, 422, "missing-column"),
        (b"email,email\n", CSV, 422, "column-twice"),
        (b'email\n"a\n', CSV, 422, "csv"),
        ("email\né@example.org\n".encode("latin-1"), CSV, 422, "not-utf-8"),
        ("email\n".encode("utf-16"), CSV, 422, "not-utf-8"),
        (b"{}", "application/json", 422, "not-a-list"),
        (b"[", "application/json", 422, "not-json"),
        (b"[" * 100_000, "application/json", 422, "not-json"),
        (b" " * 4_300_000, CSV, 413, "invalid"),
        (b"a@example.org", "text/plain", 415, None),
    ],
)
async def test_a_file_that_cannot_be_read_is_told(
    desk: RegistrationDesk, file: bytes, media: str, status: int, code: str | None
) -> None:
    answer = await upload(desk, file, media)
    assert (answer.status, answer.body.get("errors", [{}])[0].get("code")) == (status, code), answer.body


async def test_files_are_for_organisers_and_for_what_the_event_requires(desk: RegistrationDesk) -> None:
    assert (await upload(desk, "email\n", anonymous=True)).status == 401
    other = await desk.ask("POST", PATH.replace("fair", "other"), data="email\n", headers={"Content-Type": CSV})
    assert (other.status, other.body["errors"][0]["message"]) == (404, "name one of: fair")
    none = await desk.ask("POST", PATH.replace("milipol-2019", "no"), data="email\n", headers={"Content-Type": CSV})
    assert none.status == 404
    assert (await upload(desk, "email\n", query="&dry_run=perhaps")).status == 400
