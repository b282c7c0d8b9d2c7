"""Requests that are made to cost much, or to be shown to others: refused early, counted, and kept by no cache."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from yarl import URL

from services.registration.operations import members, requests
from services.registration.service import build as registration
from services.scheduling.service import build as scheduling
from shared.contracts.cloudevent import CONTENT_TYPE
from shared.process import Process, running
from shared.web import problems
from tests.conftest import MakeSettings
from tests.support.agenda import tell_agenda
from tests.support.events import BEFORE_CLOSE, milipol, workshop
from tests.support.lectern import ORGANISER
from tests.support.registration_desk import W2, RegistrationDesk

FAIR = {"id": "fair", "name": {"en": "Fair"}, "policy": "hold", "hold_days": 3}
JSON = {"Content-Type": "application/json"}
FILES = "/api/v1/registration/requirements?event_id=milipol-2019&requirement=fair"


@contextlib.asynccontextmanager
async def desk_of(settings: MakeSettings, **changes: Any) -> AsyncIterator[RegistrationDesk]:
    process = Process(
        settings(**changes),
        {"registration": registration, "scheduling": scheduling},
        port=0,
        clock=lambda: BEFORE_CLOSE,
    )
    async with running(process), aiohttp.ClientSession() as http:
        await tell_agenda(process, milipol(audiences=[], requirements=[FAIR]), workshop(1), workshop(2))
        yield RegistrationDesk(http, process, [BEFORE_CLOSE])


def wide(members_: int) -> dict[str, int]:
    return {f"f{number}": 1 for number in range(members_)}


async def test_registration_of_very_many_members_is_refused_before_it_is_validated(
    settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    validated: list[int] = []
    validate = problems.validate

    def noted(model: Any, raw: Any) -> Any:
        validated.append(len(raw))
        return validate(model, raw)

    monkeypatch.setattr(requests, "validate", noted)
    async with desk_of(settings) as desk:
        body = {"event_id": "milipol-2019", "person": {"name": "Ada", "email": "ada@example.org"}, "sessions": [W2]}
        for one in (body | {"numbers": wide(5000)}, body | wide(5000)):
            told = await desk.ask("POST", "/api/v1/registrations", one, anonymous=True)
            assert (told.status, [each["code"] for each in told.body["errors"]]) == (422, ["too-many-members"])
        big = body | {"answers": {"q": "x" * 270_000}}
        told = await desk.ask("POST", "/api/v1/registrations", big, anonymous=True)
        assert told.status == 413
        assert validated == []
        told = await desk.ask("POST", "/api/v1/registrations", body | {"numbers": wide(21)}, anonymous=True)
        assert (told.status, [each["field"] for each in told.body["errors"]]) == (422, ["numbers"])
        assert validated == [4], "control: few members are looked at"


async def test_message_of_very_many_members_is_refused_with_one_problem(settings: MakeSettings) -> None:
    async with desk_of(settings) as desk:
        body = json.dumps({"specversion": "1.0", "data": {"numbers": wide(50_000)}}).encode()
        told = await desk.ask("POST", "/api/v1/intake", data=body, headers={"Content-Type": CONTENT_TYPE})
        assert (told.status, [each["code"] for each in told.body["errors"]]) == (422, ["too-many-members"])


@pytest.mark.parametrize(
    ("media", "body"),
    [("text/csv", "email," + "a," * 1_500_000), ("application/json", json.dumps([wide(200_000)]))],
)
async def test_file_of_decisions_that_is_very_wide_gets_a_short_answer(
    settings: MakeSettings, media: str, body: str
) -> None:
    async with desk_of(settings) as desk:
        told = await desk.ask("POST", FILES, data=body, headers={"Content-Type": media})
        assert told.status in (200, 422)
        assert len(json.dumps(told.body)) < 1000


async def test_list_of_members_takes_what_the_proxy_takes(settings: MakeSettings) -> None:
    async with desk_of(settings) as desk:
        for size, status in ((members.MAX_FILE, 200), (members.MAX_FILE + 1, 413)):
            body = b"ada@example.org" + b"\n" * (size - 15)
            told = await desk.ask("PUT", "/api/v1/registration/members/club", data=body, headers={"Content-Type": "text/csv"})  # fmt: skip
            assert told.status == status
        wrong = await desk.ask("PUT", "/api/v1/registration/members/club", {"emails": [1] * 50_000})
        assert (wrong.status, len(wrong.body["errors"])) == (422, 1)


@pytest.mark.parametrize("path", ["//evil.example/x", "///evil.example/x", "/%5Cevil.example/x", "/%09/evil.example", "/%2F/evil.example"])  # fmt: skip
async def test_page_of_no_address_links_to_no_other_site(settings: MakeSettings, path: str) -> None:
    async with desk_of(settings) as desk:
        where = URL(desk.process.address + path, encoded=True)
        async with desk.http.get(where, headers={"Accept": "text/html"}) as answer:
            assert answer.status == 404
            links = re.findall(r'href="([^"]*)"[^>]* hreflang', await answer.text())
    assert len(links) == 2
    for link in links:
        assert re.match(r"/[^/\\\s]", link), link
        assert "evil" in link


async def test_wrong_tokens_are_counted_and_the_right_one_always_goes_through(settings: MakeSettings) -> None:
    async with desk_of(settings) as desk:

        async def statuses(times: int, authorization: str | None) -> list[int]:
            headers = {"Authorization": authorization} if authorization else {}
            path = "/api/v1/registrations?event_id=milipol-2019"
            return [(await desk.ask("GET", path, anonymous=True, headers=headers)).status for _ in range(times)]

        assert await statuses(8, None) == [401] * 8, "who sends none guesses none"
        assert await statuses(7, "Bearer wrong") == [401] * 5 + [429] * 2
        assert await statuses(3, ORGANISER["Authorization"]) == [200] * 3
        told = await desk.ask("GET", "/api/v1/events", anonymous=True, headers={"Authorization": "Bearer wrong"})
        assert told.status == 200, "what is for everybody is told to everybody"


async def test_control_without_limit_wrong_tokens_go_on(settings: MakeSettings) -> None:
    async with desk_of(settings, wrong_sign_ins=0) as desk:
        for _ in range(12):
            told = await desk.ask("GET", FILES, anonymous=True, headers={"Authorization": "Bearer wrong"})
        told = await desk.ask("GET", "/api/v1/registrations", anonymous=True, headers={"Authorization": "Bearer wrong"})
        assert told.status == 401


async def test_what_organisers_are_told_is_kept_by_no_cache(settings: MakeSettings) -> None:
    async with desk_of(settings) as desk:
        id_ = await desk.registered("ada", W2)
        for path in (
            "/api/v1/registrations?event_id=milipol-2019",
            f"/api/v1/registrations/{id_}",
            "/api/v1/registrations/counts?event_id=milipol-2019",
            "/api/v1/registrations/nobody",
            "/api/v1/drafts",
            "/api/v1/events/nothing/draft",
        ):
            told = await desk.ask("GET", path)
            assert told.headers.get("Cache-Control") == "private, no-store", (path, told.status)
        told = await desk.ask("GET", "/api/v1/events", anonymous=True)
        assert "no-store" not in told.headers.get("Cache-Control", ""), "control: what is for everybody may be kept"
