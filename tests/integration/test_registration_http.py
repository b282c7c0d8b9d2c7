"""The registration service by HTTP: API, intake over HTTP, pages, and every sort of bad input."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from services.registration.service import build
from shared.config import Settings
from shared.contracts.base import json_of
from shared.contracts.cloudevent import CONTENT_TYPE, CloudEvent
from shared.contracts.registration import REGISTRATION_CHANGE_REQUESTED, REGISTRATION_REQUESTED
from shared.links import MANAGE, Links, manage_path
from shared.process import Process, running
from tests.support.agenda import tell_agenda
from tests.support.events import BEFORE_CLOSE, CLOSES, milipol, person, workshop
from tests.support.waiting import until

W1, W2 = "milipol-2019-workshop-1", "milipol-2019-workshop-2"


@dataclass
class Client:
    """Somebody with an HTTP client."""

    http: aiohttp.ClientSession
    url: str
    settings: Settings
    process: Process
    now: list[Any]

    @property
    def organiser(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.settings.organiser_token.get_secret_value()}"}

    async def post(self, path: str, body: Any = None, **rest: Any) -> tuple[int, Any]:
        async with self.http.post(self.url + path, json=body, **rest) as response:
            return response.status, await response.json(content_type=None)

    async def register(self, name: str, *sessions: str, **rest: Any) -> tuple[int, Any]:
        body = {"event_id": "milipol-2019", "person": json_of(person(name)), "sessions": list(sessions)}
        return await self.post("/api/v1/registrations", body, **rest)

    async def page(self, path: str, **rest: Any) -> tuple[int, str]:
        async with self.http.get(self.url + path, **rest) as response:
            return response.status, await response.text()

    def private_path(self, registration_id: str) -> str:
        links = Links(self.settings.link_key.get_secret_value())
        return manage_path(links.token(MANAGE, registration_id))


@pytest.fixture
async def client(settings: Callable[..., Settings]) -> AsyncIterator[Client]:
    now = [BEFORE_CLOSE]
    chosen = settings()
    process = Process(chosen, {"registration": build}, port=0, clock=lambda: now[0])
    async with running(process), aiohttp.ClientSession() as http:
        client = Client(http, process.address, chosen, process, now)
        requirement = {"id": "fair", "name": {"en": "Milipol Paris"}, "code": "H2020MP2019"}
        event = milipol(audiences=[], requirements=[requirement])
        await tell_agenda(process, event, workshop(1, capacity=1), workshop(2, capacity=5))
        yield client


async def test_registration_answers_with_a_state_for_each_session(client: Client) -> None:
    status, body = await client.register("ada", W1, W2)
    assert status == 201
    assert body["state"] == "confirmed"
    status, body = await client.register("bob", W1, W2)
    assert [(c["session_id"], c["state"], c.get("position")) for c in body["choices"]] == [
        (W1, "waitlisted", 1),
        (W2, "confirmed", None),
    ]


async def test_repeated_request_gets_the_first_answer(client: Client) -> None:
    key = {"Idempotency-Key": "form-1"}
    _, first = await client.register("ada", W1, headers=key)
    status, second = await client.register("ada", W1, headers=key)
    assert (status, second) == (201, first | {"repeated": True})


async def test_registration_closes_with_the_window(client: Client) -> None:
    client.now[0] = CLOSES
    status, body = await client.register("ada", W1)
    assert status == 409
    assert body["errors"][0]["code"] == "closed"
    assert body["errors"][0]["field"] == "event_id"


async def test_unknown_event_is_told(client: Client) -> None:
    status, body = await client.post(
        "/api/v1/registrations", {"event_id": "nowhere", "person": json_of(person()), "sessions": []}
    )
    assert (status, body["type"]) == (404, "urn:lectern:problem:unknown-event")


@pytest.mark.parametrize(
    ("body", "headers", "status", "field"),
    [
        (b"{", {"Content-Type": "application/json"}, 400, "body"),
        (b'"\xff"', {"Content-Type": "application/json"}, 400, "body"),
        (b"{}", {"Content-Type": "text/plain"}, 415, None),
        (b" " * 5_000_000, {"Content-Type": "application/json"}, 413, "body"),
        (b"[" * 200_000, {"Content-Type": "application/json"}, 400, "body"),
        (b"[]", {"Content-Type": "application/json"}, 422, "body"),
        (b'{"event_id":"milipol-2019","person":{"name":"A","email":"nobody"}}', {"Content-Type": "application/json"}, 422, "person.email"),
        (b'{"event_id":"milipol-2019","person":{"name":3,"email":"a@example.org"}}', {"Content-Type": "application/json"}, 422, "person.name"),
    ],
    ids=["broken", "not-utf-8", "text", "5-MB", "deep", "list", "e-mail", "type"],
)  # fmt: skip
async def test_bad_input_names_the_field(
    client: Client, body: bytes, headers: dict[str, str], status: int, field: str | None
) -> None:
    async with client.http.post(f"{client.url}/api/v1/registrations", data=body, headers=headers) as response:
        answer = json.loads(await response.read())
        assert (response.status, response.content_type) == (status, "application/problem+json")
    assert ([error["field"] for error in answer["errors"]] == [field]) if field else "errors" not in answer
    assert answer["correlation_id"]
    assert (await client.register("ada", W1))[0] == 201, "and the service goes on"


async def test_value_of_a_wrong_field_is_never_repeated(client: Client) -> None:
    """It may be personal, and it may end in a log."""
    status, answer = await client.post(
        "/api/v1/registrations", {"event_id": "milipol-2019", "person": {"name": "Ada", "email": "secret-person"}}
    )
    assert status == 422
    assert "secret-person" not in json.dumps(answer)


async def test_lists_are_for_organisers(client: Client) -> None:
    await client.register("ada", W2)
    await client.register("bob", W2)
    path = "/api/v1/registrations?event_id=milipol-2019&limit=1"
    status, _ = await client.page(path)
    assert status == 401
    _, text = await client.page(path, headers=client.organiser)
    first = json.loads(text)
    _, text = await client.page(f"{path}&cursor={first['next_cursor']}", headers=client.organiser)
    second = json.loads(text)
    assert second["next_cursor"] is None
    assert {first["items"][0]["person"]["name"], second["items"][0]["person"]["name"]} == {"Ada", "Bob"}


async def test_intake_over_http_answers_with_the_decision(client: Client) -> None:
    event = CloudEvent(
        id="badge-1", source="https://badge.example.org", type=REGISTRATION_REQUESTED, time=BEFORE_CLOSE,
        data={"event_id": "milipol-2019", "person": json_of(person()), "sessions": [W1]},
    )  # fmt: skip
    headers = client.organiser | {"Content-Type": CONTENT_TYPE}
    for outcome in ("accepted", "duplicate"):
        async with client.http.post(f"{client.url}/api/v1/intake", data=event.encode(), headers=headers) as response:
            answer = await response.json()
            assert (response.status, answer["outcome"], answer["request_id"]) == (200, outcome, "badge-1")


async def test_private_page_shows_each_seat_and_gives_it_up(client: Client) -> None:
    _, ada = await client.register("ada", W1, W2)
    _, bob = await client.register("bob", W1)
    path = client.private_path(ada["registration_id"])
    status, text = await client.page(path)
    assert status == 200
    assert "H2020MP2019" in text
    assert "/calendar/" in text
    async with client.http.post(f"{client.url}{path}/cancel", data={"session": W1}) as response:
        assert (response.status, str(response.url).split("?")[0]) == (200, client.url + path)
    _, organiser_view = await client.page(f"/api/v1/registrations/{bob['registration_id']}", headers=client.organiser)
    assert json.loads(organiser_view)["choices"][0]["state"] == "confirmed", "the freed seat went to Bob"
    async with client.http.post(f"{client.url}{path}/cancel", data={"all": "yes"}) as response:
        assert "This registration is cancelled" in await response.text()


async def test_wrong_private_address_tells_nothing(client: Client) -> None:
    status, text = await client.page("/r/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", headers={"Accept": "text/html"})
    assert status == 404
    assert "<h1>Not found</h1>" in text


async def test_form_shows_seats_left_and_what_is_wrong(client: Client) -> None:
    await client.register("ada", W1)
    _, text = await client.page("/events/milipol-2019/register")
    assert "full: waiting list, nobody waits yet" in text
    assert "5 seats left" in text
    url = f"{client.url}/events/milipol-2019/register"
    async with client.http.post(url, data={"name": "Eve", "email": "eve", "sessions": W2}) as response:
        text = await response.text()
        assert response.status == 422
        assert "Please give an e-mail address" in text
        assert 'value="Eve"' in text, "what was typed is kept"
    async with client.http.post(url, data={"name": "Eve", "email": "eve@example.org", "sessions": W2}) as response:
        assert response.status == 201
        assert "You are registered" in await response.text()


async def test_correlation_id_of_the_request_is_answered(client: Client) -> None:
    headers = {"X-Correlation-Id": "from-outside-1"}
    async with client.http.get(f"{client.url}/events/milipol-2019/register", headers=headers) as response:
        assert response.headers["X-Correlation-Id"] == "from-outside-1"
    async with client.http.get(f"{client.url}/ready") as response:
        assert await response.json() == {
            "status": "ready",
            "checks": {"mongodb": "ok", "broker": "ok", "process": "ok"},
        }
    async with client.http.get(f"{client.url}/metrics") as response:
        assert "lectern_desk_commands_total" in await response.text()


async def test_key_of_another_request_is_no_answer_to_this_one(client: Client) -> None:
    key = {"Idempotency-Key": "shared"}
    _, ada = await client.register("ada", W2, headers=key)
    status, body = await client.register("bob", W2, headers=key)
    assert (status, body["type"]) == (422, "urn:lectern:problem:key-reused")
    assert (await client.register("ada", W2, headers=key))[1]["repeated"], "the first answer stays"
    path = f"/api/v1/registrations/{ada['registration_id']}"
    status, _ = await client.post(f"{path}/reconfirm", {}, headers=client.organiser | key)
    assert status == 200, "a key is that of who asks"
    status, _ = await client.post(f"{path}/cancel", {}, headers=client.organiser | key)
    assert status == 422


async def test_form_filled_in_anew_is_a_new_registration(client: Client) -> None:
    """The Back button shows the same form again, with the same hidden key, to the next colleague."""
    url = f"{client.url}/events/milipol-2019/register"
    for name in ("ada", "bob", "bob"):
        form = {"key": "hidden", "name": name, "email": f"{name}@example.org", "sessions": W2}
        async with client.http.post(url, data=form) as response:
            assert response.status == 201
            assert response.headers["Cache-Control"] == "private, no-store"
    _, text = await client.page("/api/v1/registrations?event_id=milipol-2019", headers=client.organiser)
    assert sorted(item["person"]["name"] for item in json.loads(text)["items"]) == ["ada", "bob"]


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=none"]
)
async def test_form_that_is_not_utf_8_is_told(client: Client, kind: str) -> None:
    url = f"{client.url}/events/milipol-2019/register"
    async with client.http.post(url, data=b"name=%FF&email=a%FF\xff", headers={"Content-Type": kind}) as response:
        assert response.status in (400, 422)


async def raw_status(client: Client, request: bytes) -> int:
    """The status of the answer to bytes as they are."""
    host, _, port = client.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    await writer.drain()
    line = await reader.readline()
    writer.close()
    return int(line.split()[1])


@pytest.mark.parametrize("header", [b"Authorization: Bearer \xff", b"Idempotency-Key: \xff"])
async def test_header_of_odd_bytes_is_no_fault_of_the_service(client: Client, header: bytes) -> None:
    body = json.dumps({"event_id": "milipol-2019", "person": json_of(person()), "sessions": [W2]}).encode()
    head = [b"POST /api/v1/registrations HTTP/1.1", b"Host: x", b"Content-Type: application/json", header]
    head.append(b"Content-Length: %d" % len(body))
    assert await raw_status(client, b"\r\n".join(head) + b"\r\n\r\n" + body) < 500
    listing = b"GET /api/v1/registrations?event_id=milipol-2019 HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\n"
    assert await raw_status(client, listing) == 401


async def test_material_for_registrants_is_for_those_who_have_a_seat(client: Client) -> None:
    def link(name: str, audience: str) -> dict[str, Any]:
        return {"title": {"en": name}, "url": f"https://material.example.org/{name}", "audience": audience}

    event = milipol(2, links=[link("handbook", "registrants")], admission={"capacity": 1})
    plenary = workshop(4, 2, by_choice=False, outcome=[link("plenary", "registrants")])
    slides = workshop(1, 2, outcome=[link("slides", "registrants"), link("minutes", "members")])
    await tell_agenda(client.process, event, plenary, slides)
    database = client.process.databases["registration"]

    async def known() -> bool:
        return await database["sessions"].count_documents({"state.revision": 2}) == 2

    await until(known, 20, "registration knows the new revisions")
    seated, waiting = [(await client.register(name, W1))[1] for name in ("ada", "bob")]
    assert (seated["state"], waiting["state"]) == ("confirmed", "waitlisted")
    page = (await client.page(client.private_path(seated["registration_id"])))[1]
    for name in ("handbook", "plenary", "slides"):
        assert f"material.example.org/{name}" in page
    assert "material.example.org/minutes" not in page, "for members"
    page = (await client.page(client.private_path(waiting["registration_id"])))[1]
    assert "material.example.org" not in page, "who waits is no registrant yet"


async def asking(client: Client) -> None:
    """The event asks something of everybody, and the first workshop of those who choose it."""
    questions = [
        {"id": "needs", "label": {"en": "Your needs", "fr": "Vos besoins"}},
        {"id": "photos", "label": {"en": "Photos are taken"}, "kind": "consent", "required": True},
    ]
    tools = [{"id": "tools", "label": {"en": "Your tools", "fr": "Vos outils"}, "required": True}]
    await tell_agenda(client.process, milipol(2, questions=questions), workshop(1, 2, questions=tools, capacity=1))
    database = client.process.databases["registration"]

    async def known() -> bool:
        events = await database["events"].count_documents({"state.revision": 2})
        return events + await database["sessions"].count_documents({"state.revision": 2}) == 2

    await until(known, 20, "registration knows the questions")


async def test_the_form_asks_and_organisers_read_the_answers(client: Client) -> None:
    await asking(client)
    _, form = await client.page("/events/milipol-2019/register?lang=fr")
    for words in ("Vos besoins", "Vos outils", "Photos are taken", "Si vous choisissez «\u00a0Atelier 1\u00a0»"):
        assert words in form, words
    data = {
        "name": "Ada",
        "email": "ada@example.org",
        "language": "fr",
        "key": "k1",
        "sessions": W1,
        "q.needs": "Données",
    }
    async with client.http.post(client.url + "/events/milipol-2019/register?lang=fr", data=data) as answer:
        text = await answer.text()
        assert answer.status == 409
    assert "Vos outils</strong>\u00a0: Merci de répondre" in text
    assert "Photos are taken</strong>\u00a0: Sans cet accord" in text
    assert "Données" in text, "what was typed is kept"
    data |= {"q.tools": "Scie", "q.photos": "yes", "key": "k2"}
    async with client.http.post(client.url + "/events/milipol-2019/register?lang=fr", data=data) as answer:
        assert answer.status == 201, await answer.text()
    async with client.http.get(
        client.url + "/api/v1/registrations?event_id=milipol-2019", headers=client.organiser
    ) as listed:
        items = (await listed.json())["items"]
    assert items[0]["answers"] == {"needs": "Données", "tools": "Scie", "photos": True}


async def test_answers_are_told_to_nobody(client: Client) -> None:
    await asking(client)
    body = {
        "event_id": "milipol-2019",
        "person": json_of(person("ada")),
        "sessions": [W2],
        "answers": {"needs": "Something private", "photos": True},
    }
    status, _ = await client.post("/api/v1/registrations", body)
    assert status == 201
    database = client.process.databases["registration"]
    stored = await database["registrations"].find_one({})
    assert stored is not None
    assert stored["answers"]["needs"] == "Something private", "control: it is kept"
    told = [row["event"]["text"] async for row in database["outbox"].find({})]
    assert "Something private" not in " ".join(told)


async def test_sessions_are_changed_by_the_private_page_all_at_once_or_not_at_all(client: Client) -> None:
    _, ada = await client.register("ada", W2)
    await client.register("bob", W1)
    path = client.private_path(ada["registration_id"])
    _, page = await client.page(path)
    assert "Change your sessions" in page
    async with client.http.post(client.url + path + "/sessions", data={"sessions": W1}) as answer:
        assert answer.status == 409
        assert "Workshop 1</strong>: It is full" in await answer.text()
    for _ in range(2):
        both = [("sessions", W1), ("sessions", W2)]
        async with client.http.post(client.url + path + "/sessions", data=both) as answer:
            text = await answer.text()
            assert answer.status == 200
        assert text.count("Your position: 1.") == 1
    async with client.http.get(
        client.url + f"/api/v1/registrations/{ada['registration_id']}", headers=client.organiser
    ) as read:
        states = {c["session_id"]: c["state"] for c in (await read.json())["choices"]}
    assert states == {W1: "waitlisted", W2: "confirmed"}


async def test_sessions_are_changed_by_the_api_with_one_answer_for_a_repeated_key(client: Client) -> None:
    _, ada = await client.register("ada", W1)
    url = f"{client.url}/api/v1/registrations/{ada['registration_id']}/sessions"
    headers = client.organiser | {"Idempotency-Key": "change-1"}
    answers = []
    for _ in range(2):
        async with client.http.put(url, json={"sessions": [W2]}, headers=headers) as answer:
            answers.append((answer.status, await answer.json()))
    assert [status for status, _ in answers] == [200, 200]
    states = {c["session_id"]: c["state"] for c in answers[0][1]["choices"]}
    assert states == {W1: "cancelled", W2: "confirmed"}
    assert answers[1][1]["choices"] == answers[0][1]["choices"]
    async with client.http.put(
        url, json={"sessions": [W2, "milipol-2019-nothing"]}, headers=client.organiser
    ) as answer:
        assert answer.status == 409
        assert [e["field"] for e in (await answer.json())["errors"]] == ["sessions.1"]


async def test_another_system_changes_sessions_by_message(client: Client) -> None:
    await client.register("ada", W1)
    event = CloudEvent(
        id="badge-9",
        source="https://badge.example.org",
        type=REGISTRATION_CHANGE_REQUESTED,
        time=BEFORE_CLOSE,
        data={"event_id": "milipol-2019", "email": "ada@example.org", "sessions": [W2]},
    )
    headers = client.organiser | {"Content-Type": CONTENT_TYPE}
    async with client.http.post(client.url + "/api/v1/intake", data=event.encode(), headers=headers) as answer:
        body = await answer.json()
    assert body["outcome"] == "accepted"
    assert {c["session_id"]: c["state"] for c in body["choices"]} == {W1: "cancelled", W2: "confirmed"}


async def test_organisers_find_count_and_take_along_who_comes(client: Client) -> None:
    await asking(client)
    people = (
        ("ada", {"country": "FI", "name": "=HYPERLINK(1)"}, [W1, W2], {"tools": "Saw", "photos": True, "needs": "+1"}),
        ("bob", {"country": "FR"}, [W1], {"tools": "Axe", "photos": True}),
        ("cyd", {"country": "FR"}, [W2], {"photos": True}),
    )
    for name, details, sessions, answers in people:
        someone = json_of(person(name)) | details
        body = {"event_id": "milipol-2019", "person": someone, "sessions": sessions, "answers": answers}
        assert (await client.post("/api/v1/registrations", body))[0] == 201

    async def listed(query: str) -> list[str]:
        url = f"{client.url}/api/v1/registrations?event_id=milipol-2019{query}"
        async with client.http.get(url, headers=client.organiser) as answer:
            return sorted(item["person"]["email"][:3] for item in (await answer.json())["items"])

    assert await listed("&q=HYPER") == ["ada"]
    assert await listed("&q=bob@example") == ["bob"]
    assert await listed("&q=.*") == [], "no pattern, only text"
    assert await listed(f"&session={W1}&state=waitlisted") == ["bob"]
    assert await listed(f"&session={W2}") == ["ada", "cyd"]
    async with client.http.get(
        client.url + "/api/v1/registrations/counts?event_id=milipol-2019", headers=client.organiser
    ) as answer:
        counts = await answer.json()
    assert counts["countries"] == {"FR": 2, "FI": 1}
    assert counts["sessions"] == {W1: {"confirmed": 1, "waitlisted": 1}, W2: {"confirmed": 2}}
    async with client.http.get(
        client.url + "/api/v1/registrations/table.csv?event_id=milipol-2019&lang=fr", headers=client.organiser
    ) as answer:
        assert answer.content_type == "text/csv"
        read = list(csv.DictReader(io.StringIO((await answer.read()).decode("utf-8-sig"))))
    rows = sorted(read, key=lambda row: row["email"])  # the clock stands still here: all came at once
    assert [row["name"] for row in rows] == ["'=HYPERLINK(1)", "Bob", "Cyd"], "no formula for a spreadsheet"
    assert [row[f"{W1}: Atelier 1"] for row in rows] == ["confirmed", "waitlisted", ""]
    assert [row["tools: Vos outils"] for row in rows] == ["Saw", "Axe", ""]
    assert rows[0]["needs: Vos besoins"] == "'+1"
    for path in ("counts", "table.csv"):
        assert (await client.page(f"/api/v1/registrations/{path}?event_id=milipol-2019"))[0] == 401
