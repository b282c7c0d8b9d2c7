"""Scheduling over HTTP on a real MongoDB: import, publish, reschedule, cancel, and what its facts and pages say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestClient

import services.scheduling
from services.scheduling.agenda_file import read_agenda
from services.scheduling.api import Api
from services.scheduling.editing import Editor
from services.scheduling.intake import handlers
from services.scheduling.listing_pages import ListingPages
from services.scheduling.pages import Pages
from services.scheduling.store import COLLECTIONS, Store
from services.scheduling.views import Views
from shared.config import Settings
from shared.contracts.base import json_of
from shared.contracts.registration import SEATS_CHANGED, SeatsState, SessionSeats
from shared.contracts.registry import MESSAGES
from shared.contracts.scheduling import EVENT_REVISED, SESSION_REVISED
from shared.facts import fact
from shared.messaging.port import Delivery
from shared.storage.inbox import INBOX
from shared.storage.ledger import LEDGERS, OUTBOX
from shared.storage.mongo import Database
from shared.web import i18n
from shared.web.app import make_app
from tests.conftest import MakeSettings
from tests.support.lectern import ORGANISER

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
YAML = {**ORGANISER, "Content-Type": "application/yaml"}
NOW = datetime(2019, 10, 1, 12, tzinfo=UTC)
EVENT = "/api/v1/events/milipol-2019"
WORKSHOP_3 = "milipol-2019-workshop-3"

Client = TestClient[web.Request, web.Application]
MakeClient = Callable[[web.Application], Awaitable[Client]]


class Scheduling:
    """Scheduling alone, with a clock that stands still until it is set."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.now, self.woken, self.database = NOW, 0, database
        self.store = Store(database, lambda: self.now, self._wake)
        self.views = Views(database)
        api = Api(self.store, self.views, Editor(self.store, lambda: self.now))
        routes = [*api.routes(), *ListingPages(self.views).routes(), *Pages(self.views, lambda: self.now).routes()]
        templates = Path(services.scheduling.__file__).parent / "templates"
        self.app = make_app(settings, routes, {"scheduling": templates}, {})
        self.client: Client

    def _wake(self) -> None:
        self.woken += 1

    async def facts(self) -> list[tuple[str, int]]:
        """Subject and sequence of each fact in the outbox, in the order of telling."""
        rows = self.database[OUTBOX.name].find({}).sort([("version", 1), ("number", 1)])
        return [
            (event["subject"], event["sequence"]) async for row in rows if (event := json.loads(row["event"]["text"]))
        ]

    async def forget_facts(self) -> None:
        await self.database[OUTBOX.name].delete_many({})

    async def imported(self, event_id: str, query: str = "") -> dict[str, Any]:
        body = (EXAMPLES / f"{event_id}.yaml").read_bytes()
        answer = await self.client.post(f"/api/v1/events/import{query}", data=body, headers=YAML)
        assert answer.status in (200, 201), await answer.text()
        return dict(await answer.json())

    async def published(self, event_id: str, query: str = "") -> dict[str, Any]:
        await self.imported(event_id, query)
        return await self.post(f"/api/v1/events/{event_id}/publish")

    async def post(self, path: str, body: Any = None, status: int = 200) -> dict[str, Any]:
        answer = await self.client.post(path, json=body, headers=ORGANISER)
        assert answer.status == status, await answer.text()
        return dict(await answer.json())

    async def patch(self, path: str, body: Any, status: int = 200, etag: str | None = None) -> dict[str, Any]:
        headers = ORGANISER if etag is None else {**ORGANISER, "If-Match": etag}
        answer = await self.client.patch(path, json=body, headers=headers)
        assert answer.status == status, await answer.text()
        return dict(await answer.json())

    async def get(self, path: str, status: int = 200) -> dict[str, Any]:
        answer = await self.client.get(path, headers=ORGANISER)
        assert answer.status == status, await answer.text()
        return dict(await answer.json())

    async def page(self, path: str, status: int = 200) -> str:
        answer = await self.client.get(path, headers={"Accept": "text/html"})
        assert answer.status == status
        return " ".join((await answer.text()).split())


@pytest.fixture
async def scheduling(database: Database, settings: MakeSettings, aiohttp_client: MakeClient) -> Scheduling:
    await database.declare([LEDGERS, OUTBOX, INBOX, *COLLECTIONS])
    made = Scheduling(database, settings())
    made.client = await aiohttp_client(made.app)
    return made


@pytest.fixture
def french_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A French catalogue of one entry, so that what is tested is the page and not the state of the translation."""
    path = tmp_path / "locale" / "fr" / "LC_MESSAGES" / "lectern.po"
    path.parent.mkdir(parents=True)
    header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    path.write_text(header + 'msgid "time to be announced"\nmsgstr "heure à préciser"\n', encoding="utf-8")
    monkeypatch.setattr(i18n, "LOCALES", tmp_path / "locale")
    i18n.languages.cache_clear()
    i18n.translations.cache_clear()
    yield
    i18n.languages.cache_clear()
    i18n.translations.cache_clear()


async def test_publishing_tells_the_event_and_every_session(scheduling: Scheduling) -> None:
    told = await scheduling.published("milipol-2019")
    assert (told["revision"], told["changed"], scheduling.woken) == (1, True, 1)
    facts = await scheduling.facts()
    assert facts[0] == ("events/milipol-2019", 1)
    assert {subject for subject, _ in facts[1:]} == {
        *(f"sessions/milipol-2019-workshop-{number}" for number in (1, 2, 3, 4)),
        "sessions/milipol-2019-break-morning",
        "sessions/milipol-2019-break-afternoon",
        "sessions/milipol-2019-cocktail",
    }
    async for row in scheduling.database[OUTBOX.name].find({}):
        event = json.loads(row["event"]["text"])
        assert event["type"] in (EVENT_REVISED, SESSION_REVISED)
        MESSAGES[event["type"]].model.model_validate(event["data"])


async def test_facts_carry_the_correlation_id_of_the_request(scheduling: Scheduling) -> None:
    await scheduling.imported("sre-2019")
    headers = {**ORGANISER, "X-Correlation-Id": "from-outside"}
    await scheduling.client.post("/api/v1/events/sre-2019/publish", headers=headers)
    rows = [row async for row in scheduling.database[OUTBOX.name].find({})]
    assert {row["event"]["correlationid"] for row in rows} == {"from-outside"}


async def test_a_rescheduled_session_is_the_only_fact_of_the_next_revision(scheduling: Scheduling) -> None:
    await scheduling.published("milipol-2019")
    await scheduling.forget_facts()
    edited = await scheduling.patch(f"{EVENT}/sessions/{WORKSHOP_3}", {"starts": "14:30", "ends": "15:30"})
    assert [change["subject"] for change in edited["difference"]] == [f"sessions/{WORKSHOP_3}"]
    assert await scheduling.facts() == [], "a draft tells nobody"
    told = await scheduling.post(f"{EVENT}/publish", {"note": {"en": "Workshop 3 begins later.", "fr": "Plus tard."}})
    assert (told["revision"], [c["subject"] for c in told["difference"]]) == (2, [f"sessions/{WORKSHOP_3}"])
    assert await scheduling.facts() == [(f"sessions/{WORKSHOP_3}", 2)]
    shown = await scheduling.get(EVENT)
    session = next(s for s in shown["sessions"] if s["id"] == WORKSHOP_3)
    assert (session["starts_at"], session["revision"]) == ("2019-11-20T13:30:00Z", 2)
    log = (await scheduling.get(f"{EVENT}/revisions"))["items"]
    assert [(entry["revision"], entry["note"]) for entry in log] == [
        (2, {"en": "Workshop 3 begins later.", "fr": "Plus tard."}),
        (1, {}),
    ]


async def test_publishing_again_makes_no_revision_and_no_fact(scheduling: Scheduling) -> None:
    await scheduling.published("milipol-2019")
    await scheduling.forget_facts()
    told = await scheduling.post(f"{EVENT}/publish", {"note": "again"})
    assert (told["revision"], told["changed"], told["difference"], await scheduling.facts()) == (1, False, [], [])


async def test_importing_the_same_twice_changes_nothing_and_says_so(scheduling: Scheduling) -> None:
    first = await scheduling.imported("milipol-2019")
    second = await scheduling.imported("milipol-2019")
    assert (first["changed"], first["draft_version"]) == (True, 1)
    assert (second["changed"], second["draft_version"], second["difference"]) == (False, 1, [])


async def test_a_dry_run_tells_the_difference_and_changes_nothing(scheduling: Scheduling) -> None:
    assert (await scheduling.imported("milipol-2019", "?dry_run=true"))["dry_run"] is True
    await scheduling.get(f"{EVENT}/draft", 404)
    await scheduling.imported("milipol-2019")
    body = (EXAMPLES / "milipol-2019.yaml").read_bytes().replace(b"starts: 14:00", b"starts: 14:05")
    answer = await scheduling.client.post("/api/v1/events/import?dry_run=true", data=body, headers=YAML)
    assert [change["subject"] for change in (await answer.json())["difference"]] == [f"sessions/{WORKSHOP_3}"]
    draft = await scheduling.get(f"{EVENT}/draft")
    assert [s["starts"] for s in draft["agenda"]["sessions"] if s["id"] == WORKSHOP_3] == ["14:00"]


async def test_a_wrong_line_is_named_and_nothing_of_the_file_is_kept(scheduling: Scheduling) -> None:
    body = (EXAMPLES / "milipol-2019.yaml").read_bytes().replace(b"ends: 17:00", b"ends: 17.00")
    answer = await scheduling.client.post("/api/v1/events/import", data=body, headers=YAML)
    problem = await answer.json()
    line = body[: body.index(b"17.00")].count(b"\n") + 1
    assert answer.status == 422
    assert answer.content_type == "application/problem+json"
    assert problem["errors"][0] | {"message": ""} == {
        "field": "sessions.milipol-2019-workshop-4.ends",
        "line": str(line),
        "code": "value_error",
        "message": "",
    }
    await scheduling.get(f"{EVENT}/draft", 404)


async def test_an_import_may_be_json(scheduling: Scheduling) -> None:
    agenda = read_agenda((EXAMPLES / "milipol-2019.yaml").read_bytes(), is_json=False)
    await scheduling.post("/api/v1/events/import", agenda.as_data(), 201)
    assert (await scheduling.imported("milipol-2019"))["changed"] is False


async def test_a_sample_is_moved_by_weeks_on_import(scheduling: Scheduling) -> None:
    await scheduling.published("sre-2019", "?shift_to=2026-11-25")
    shown = await scheduling.get("/api/v1/events/sre-2019")
    assert (shown["event"]["starts_on"], shown["event"]["ends_on"]) == ("2026-11-25", "2026-11-26")
    assert shown["sessions"][0]["starts_local"] == "2026-11-25T09:30:00"


async def test_an_unanswered_zone_check_holds_publishing_back_until_it_is_answered(scheduling: Scheduling) -> None:
    body = (EXAMPLES / "efus-2021-round-3.yaml").read_bytes().replace(b"    zone_check: local\n", b"", 1)
    answer = await scheduling.client.post("/api/v1/events/import", data=body, headers=YAML)
    assert [w["code"] for w in (await answer.json())["warnings"]] == ["zone-check"]
    refusal = await scheduling.post("/api/v1/events/efus-2021-round-3/publish", status=409)
    assert refusal["errors"][0]["field"] == "sessions.efus-2021-round-3-session-2.printed_zone"
    assert (
        "14:00 in Paris is 12:00 UTC; 14:00 at UTC+1 is 13:00 UTC. Which is meant?" in refusal["errors"][0]["message"]
    )
    assert await scheduling.facts() == []
    session = "/api/v1/events/efus-2021-round-3/sessions/efus-2021-round-3-session-2"
    await scheduling.patch(session, {"zone_check": "printed"})
    await scheduling.post("/api/v1/events/efus-2021-round-3/publish")
    shown = await scheduling.get("/api/v1/events/efus-2021-round-3")
    assert [s.get("starts_at") for s in shown["sessions"]][1] == "2021-05-05T13:00:00Z"


async def test_the_public_sees_no_link_to_join_no_code_and_no_members_material(scheduling: Scheduling) -> None:
    await scheduling.published("efus-2021-round-3")
    await scheduling.published("milipol-2019")
    for event_id in ("efus-2021-round-3", "milipol-2019"):
        for path in (f"/api/v1/events/{event_id}", "/api/v1/events", f"/events/{event_id}"):
            text = await (await scheduling.client.get(path)).text()
            for secret in ("meet.example.org", "H2020MP2019", "network.example.org"):
                assert secret not in text, path
    rows = [row["event"]["text"] async for row in scheduling.database[OUTBOX.name].find({})]
    assert any("meet.example.org" in row for row in rows), "the facts do carry it: attendees need it"


async def test_cancelling_a_session_takes_effect_at_once_and_leaves_the_rest_of_the_draft_unpublished(
    scheduling: Scheduling,
) -> None:
    await scheduling.published("milipol-2019")
    await scheduling.patch(f"{EVENT}/sessions/milipol-2019-workshop-1", {"title": {"en": "Not yet told"}})
    await scheduling.forget_facts()
    told = await scheduling.post(f"{EVENT}/sessions/{WORKSHOP_3}/cancel", {"note": "The chair is ill."})
    assert (told["revision"], await scheduling.facts()) == (2, [(f"sessions/{WORKSHOP_3}", 2)])
    shown = {s["id"]: s for s in (await scheduling.get(EVENT))["sessions"]}
    assert shown[WORKSHOP_3]["status"] == "cancelled"
    assert shown["milipol-2019-workshop-1"]["title"]["en"] != "Not yet told"
    again = await scheduling.post(f"{EVENT}/sessions/{WORKSHOP_3}/cancel")
    assert (again["changed"], again["revision"]) == (False, 2)
    await scheduling.post(f"{EVENT}/publish")
    assert (await scheduling.facts())[1:] == [("sessions/milipol-2019-workshop-1", 3)]


async def test_cancelling_the_event_tells_the_event_and_every_session(scheduling: Scheduling) -> None:
    await scheduling.published("efus-2021-round-3")
    await scheduling.forget_facts()
    await scheduling.post("/api/v1/events/efus-2021-round-3/cancel")
    assert {sequence for _, sequence in await scheduling.facts()} == {2}
    assert len(await scheduling.facts()) == 4
    assert "This event does not take place." in await scheduling.page("/events/efus-2021-round-3?lang=en")


async def test_a_session_left_out_of_the_file_is_cancelled_not_forgotten(scheduling: Scheduling) -> None:
    await scheduling.published("milipol-2019")
    await scheduling.forget_facts()
    data = yaml.load((EXAMPLES / "milipol-2019.yaml").read_bytes(), Loader=yaml.BaseLoader)
    data["sessions"] = [session for session in data["sessions"] if session["id"] != WORKSHOP_3]
    await scheduling.client.post("/api/v1/events/import", data=yaml.safe_dump(data), headers=YAML)
    await scheduling.post(f"{EVENT}/publish")
    assert await scheduling.facts() == [(f"sessions/{WORKSHOP_3}", 2)]
    assert "Cancelled" in await scheduling.page("/events/milipol-2019?lang=en")


async def test_who_edits_an_old_draft_is_told_what_the_other_changed(scheduling: Scheduling) -> None:
    await scheduling.imported("milipol-2019")
    draft = await scheduling.client.get(f"{EVENT}/draft", headers=ORGANISER)
    mine = draft.headers["ETag"]
    await scheduling.patch(f"{EVENT}/sessions/{WORKSHOP_3}", {"starts": "14:10"}, etag=mine)
    refusal = await scheduling.patch(f"{EVENT}/sessions/{WORKSHOP_3}", {"starts": "14:20"}, 412, mine)
    assert [error["field"] for error in refusal["errors"]] == [f"sessions/{WORKSHOP_3}"]
    sessions = (await scheduling.get(f"{EVENT}/draft"))["agenda"]["sessions"]
    assert [s["starts"] for s in sessions if s["id"] == WORKSHOP_3] == ["14:10"]


async def test_many_organisers_at_once_lose_no_edit(scheduling: Scheduling) -> None:
    await scheduling.published("milipol-2019")
    edits = [
        scheduling.patch(f"{EVENT}/sessions/milipol-2019-workshop-{number}", {"admission": {"capacity": 70 + number}})
        for number in (1, 2, 3, 4)
    ]
    await asyncio.gather(*edits)
    draft = await scheduling.get(f"{EVENT}/draft")
    assert draft["draft_version"] == 5
    assert [s["admission"]["capacity"] for s in draft["agenda"]["sessions"] if "admission" in s] == [71, 72, 73, 74]


async def test_two_publishing_at_once_make_one_revision(scheduling: Scheduling) -> None:
    await scheduling.imported("sre-2019")
    answers = await asyncio.gather(*(scheduling.post("/api/v1/events/sre-2019/publish") for _ in range(4)))
    assert sorted(answer["changed"] for answer in answers) == [False, False, False, True]
    assert len(await scheduling.facts()) == 9


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("PATCH", f"{EVENT}/sessions/{WORKSHOP_3}", {"starts": "25:00"}, 422, f"sessions.{WORKSHOP_3}.starts"),
        ("PATCH", f"{EVENT}/sessions/{WORKSHOP_3}", {"colour": "red"}, 422, f"sessions.{WORKSHOP_3}.colour"),
        ("PATCH", f"{EVENT}/sessions/{WORKSHOP_3}", {"id": "milipol-2019-other"}, 422, "id"),
        ("PATCH", f"{EVENT}/sessions/{WORKSHOP_3}", [], 422, "body"),
        ("PATCH", f"{EVENT}/sessions/{WORKSHOP_3}", {"title": None}, 422, f"sessions.{WORKSHOP_3}.title"),
        ("PATCH", f"{EVENT}/sessions/milipol-2019-nothing", {}, 404, "session_id"),
        ("PATCH", EVENT, {"zone": "CET"}, 422, "event.zone"),
        ("PATCH", "/api/v1/events/nowhere", {}, 404, "event_id"),
        ("POST", f"{EVENT}/sessions/milipol-2019-nothing/cancel", None, 404, "session_id"),
        ("POST", "/api/v1/events/nowhere/publish", None, 404, "event_id"),
        ("POST", f"{EVENT}/publish", {"note": {"english": "x"}}, 422, "note.english.[key]"),
        ("POST", "/api/v1/events/import?shift_to=soon", {}, 400, "shift_to"),
        ("POST", "/api/v1/events/import?dry_run=maybe", {}, 400, "dry_run"),
        ("POST", "/api/v1/events/import?shift_to=9999-12-30", "sample", 422, "shift_to"),
        ("GET", "/api/v1/events?limit=0", None, 400, "limit"),
        ("GET", "/api/v1/events?cursor=%2B%2B", None, 400, "cursor"),
        ("GET", "/api/v1/events/nowhere", None, 404, "event_id"),
    ],
)
async def test_what_is_wrong_is_named(
    scheduling: Scheduling, method: str, path: str, body: Any, status: int, field: str
) -> None:
    await scheduling.imported("milipol-2019")
    if body == "sample":
        body = read_agenda((EXAMPLES / "sre-2019.yaml").read_bytes(), is_json=False).as_data()
    answer = await scheduling.client.request(method, path, json=body, headers=ORGANISER)
    problem = await answer.json()
    assert (answer.status, answer.content_type) == (status, "application/problem+json"), problem
    assert field in [error["field"] for error in problem["errors"]]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/events/import"),
        ("GET", f"{EVENT}/draft"),
        ("GET", f"{EVENT}/revisions"),
        ("POST", f"{EVENT}/publish"),
        ("POST", f"{EVENT}/cancel"),
        ("PATCH", EVENT),
        ("PATCH", f"{EVENT}/sessions/{WORKSHOP_3}"),
        ("POST", f"{EVENT}/sessions/{WORKSHOP_3}/cancel"),
    ],
)
async def test_only_organisers_may(scheduling: Scheduling, method: str, path: str) -> None:
    assert (await scheduling.client.request(method, path)).status == 401


async def test_the_list_is_read_page_by_page(scheduling: Scheduling) -> None:
    for event_id in ("sre-2019", "milipol-2019", "efus-2021-round-3"):
        await scheduling.published(event_id)
    first = await scheduling.get("/api/v1/events?limit=2")
    second = await scheduling.get(f"/api/v1/events?limit=2&cursor={first['next_cursor']}")
    assert [item["id"] for item in first["items"]] == ["sre-2019", "milipol-2019"]
    assert ([item["id"] for item in second["items"]], second["next_cursor"]) == (["efus-2021-round-3"], None)
    assert [item["id"] for item in (await scheduling.get("/api/v1/events?from=2020-01-01"))["items"]] == [
        "efus-2021-round-3"
    ]


async def seats_told(scheduling: Scheduling, sequence: int, confirmed: int, waiting: int) -> None:
    """Hands scheduling a fact of registration, as its queue would."""
    session = SessionSeats(session_id=WORKSHOP_3, capacity=60, confirmed=confirmed, waiting=waiting)
    state = SeatsState(event_id="milipol-2019", confirmed=confirmed, sessions=[session])
    event = fact(SEATS_CHANGED, "events/milipol-2019/seats", sequence, state, at=NOW)
    await handlers(scheduling.views)[SEATS_CHANGED](event, Delivery("lectern.scheduling", event.type, event.encode()))


async def test_seats_left_are_said_only_of_what_can_be_asked_for(scheduling: Scheduling) -> None:
    await scheduling.published("milipol-2019")
    page = "/events/milipol-2019?lang=en"
    assert (await scheduling.page(page)).count("60 seats left") == 4
    scheduling.now = datetime(2019, 11, 12, 23, tzinfo=UTC)
    text = await scheduling.page(page)
    assert "Registration is closed." in text
    assert "seats left" not in text


async def test_seats_left_follow_what_registration_told_last(scheduling: Scheduling) -> None:
    await scheduling.published("milipol-2019")
    page = "/events/milipol-2019?lang=en"
    assert (await scheduling.page(page)).count("60 seats left") == 4
    await seats_told(scheduling, 2, 59, 0)
    assert "1 seat left" in await scheduling.page(page)
    await seats_told(scheduling, 1, 10, 0)
    assert "1 seat left" in await scheduling.page(page), "an older fact changes nothing"
    await seats_told(scheduling, 3, 60, 5)
    assert "full: waiting list (5 waiting)" in await scheduling.page(page)
    seats = (await scheduling.get(EVENT))["seats"]
    assert seats == json_of(SeatsState.model_validate(seats))
    assert seats["sessions"][0]["waiting"] == 5


async def test_the_event_page_says_when_where_who_and_how_to_register(scheduling: Scheduling) -> None:
    await scheduling.published("milipol-2019")
    page = await scheduling.page("/events/milipol-2019?lang=en")
    for words in (
        "Wednesday, 20 November 2019",
        "Europe/Paris, UTC+1",
        "Paris-Nord Villepinte Exhibition Centre",
        "a hostess at their foot shows the way",
        "Renaud Vedel, Prefect, Ministry of the Interior (France)",
        '<time datetime="2019-11-20T09:40+01:00">09:40</time>–<time datetime="2019-11-20T10:55+01:00">10:55</time>',
        'href="/events/milipol-2019/register?lang=en"',
        "Register before Wednesday, 13 November 2019, 00:00 (Europe/Paris, UTC+1).",
        "http://lectern.test/feeds/events/milipol-2019.ics",
        "webcal://lectern.test/feeds/events/milipol-2019.ics",
        "Two workshops on AI and global security in the morning",
    ):
        assert words in page, words
    french = await scheduling.page("/events/milipol-2019?lang=fr")
    for feed in ("milipol-2019.ics", "milipol-2019/tracks/ai-and-cyber-security.ics"):
        assert f'"webcal://lectern.test/feeds/events/{feed}"' in page
        assert f'"webcal://lectern.test/feeds/events/{feed}?lang=fr"' in french
    scheduling.now = datetime(2019, 11, 12, 23, tzinfo=UTC)
    closed = await scheduling.page("/events/milipol-2019?lang=en")
    assert "/register" not in closed
    assert "Registration is closed." in closed


async def test_the_event_page_says_who_may_come(scheduling: Scheduling) -> None:
    await scheduling.imported("milipol-2019")
    name, silent = {"en": "The fair"}, ("By invitation", "For members only", "organisers decide", "Your seat is held")
    before = await _published_page(scheduling, {"requirements": []})
    assert not any(words in before for words in silent)
    needed = [
        {"id": "held", "name": name, "policy": "hold", "hold_days": 5},
        {"id": "first", "name": name, "policy": "first"},
        {"id": "told", "name": name},
    ]
    admission = {"code_needed": True, "members_only": True, "approval": True}
    members = {"domains": ["members.example.org"], "lists": ["working-group"]}
    page = await _published_page(scheduling, {"requirements": needed, "admission": admission, "members": members})
    for words in (
        "By invitation: you need a code to register. For members only. The organisers decide on each registration.",
        "Your seat is held for 5 days until this registration is there.",
        "You get a seat once this registration is there.",
    ):
        assert page.count(words) == 1, words
    assert "members.example.org" not in page + json.dumps(await scheduling.get(EVENT)), "who could pass for a member"
    patch = {"admission": {"code_needed": True}}
    answer = await scheduling.client.patch(f"{EVENT}/sessions/{WORKSHOP_3}", json=patch, headers=ORGANISER)
    assert answer.status == 200
    page = await _published_page(scheduling, {"admission": dict.fromkeys(admission)})
    assert page.count("By invitation: you need a code to register.") == 1


async def _published_page(scheduling: Scheduling, patch: dict[str, Any]) -> str:
    for method, path, body in (("PATCH", EVENT, patch), ("POST", f"{EVENT}/publish", {})):
        answer = await scheduling.client.request(method, path, json=body, headers=ORGANISER)
        assert answer.status == 200, await answer.text()
    return await scheduling.page("/events/milipol-2019?lang=en")


async def test_rules_are_patched_told_and_read_back(scheduling: Scheduling) -> None:
    await scheduling.published("milipol-2019")
    await scheduling.forget_facts()
    rules = {"reconfirmation": {"ask_days": 10, "answer_days": 3}, "transfers": False, "offer_hours": 24}
    patch = {"admission": rules, "members": {"domains": ["Example.ORG"]}, "retention_days": 30}
    answer = await scheduling.client.patch(EVENT, json=patch, headers=ORGANISER)
    assert answer.status == 200
    answer = await scheduling.client.post(f"{EVENT}/publish", headers=ORGANISER)
    assert [change["subject"] for change in (await answer.json())["difference"]] == ["event"]
    assert await scheduling.facts() == [("events/milipol-2019", 2)]
    told = await scheduling.views.event("milipol-2019")
    assert told is not None
    assert told.members is not None
    assert told.members.domains == ["example.org"]
    assert told.admission.reconfirmation is not None
    file = await scheduling.client.get(f"{EVENT}/draft?format=yaml", headers=ORGANISER)
    again = await scheduling.client.post("/api/v1/events/import?dry_run=true", data=await file.read(), headers=YAML)
    assert (await again.json())["changed"] is False
    wrong = {"admission": {"reconfirmation": {"answer_days": 10}}}
    answer = await scheduling.client.patch(EVENT, json=wrong, headers=ORGANISER)
    problem = (await answer.json())["errors"][0]
    assert (answer.status, problem["field"]) == (422, "event.admission.reconfirmation.answer_days")
    assert "answer_days: 9 or less" in problem["message"]
    only = {"admission": {"members_only": True}, "members": None}
    assert (await scheduling.client.patch(EVENT, json=only, headers=ORGANISER)).status == 200, (
        "a draft may be unfinished"
    )
    answer = await scheduling.client.post(f"{EVENT}/publish", headers=ORGANISER)
    assert answer.status == 409
    assert (await answer.json())["errors"][0]["code"] == "nobody-is-member"


async def test_the_page_of_a_series_has_both_languages_a_date_without_time_and_the_outcome(
    scheduling: Scheduling, french_catalogue: None
) -> None:
    await scheduling.published("efus-2021-round-3")
    english, french = [await scheduling.page(f"/events/efus-2021-round-3?lang={code}") for code in ("en", "fr")]
    assert "time to be announced" in english
    assert "https://efus.example.org/articles/security-by-design" in english
    assert "round 3" in english
    assert "14:00</time>–" in english
    assert "Europe/Paris, UTC+2" in english
    assert "(members only)" in english
    assert "lesch@efus.eu" in english
    assert "How to ensure a fair and transparent use of AI technologies?" in english
    assert "Comment garantir un usage juste" in french
    assert "heure à préciser" in french
    assert "mercredi 31 mars 2021" in french


async def test_a_text_that_is_not_translated_is_marked_with_its_language(scheduling: Scheduling) -> None:
    await scheduling.imported("efus-2021-round-3")
    event = "/api/v1/events/efus-2021-round-3"
    await scheduling.patch(
        f"{event}/sessions/efus-2021-round-3-session-2", {"title": {"en": None, "fr": "Équité & <IA>"}}
    )
    await scheduling.post(f"{event}/publish")
    assert '<span lang="fr">Équité &amp; &lt;IA&gt;</span>' in await scheduling.page(
        "/events/efus-2021-round-3?lang=en"
    )


async def test_the_list_shows_upcoming_and_past_events(scheduling: Scheduling) -> None:
    assert "No events are announced" in await scheduling.page("/?lang=en")
    for event_id in ("sre-2019", "efus-2021-round-3"):
        await scheduling.published(event_id)
    scheduling.now = datetime(2020, 1, 1, tzinfo=UTC)
    page = await scheduling.page("/?lang=en")
    assert page.index("Upcoming events") < page.index("/events/efus-2021-round-3")
    assert page.index("/events/efus-2021-round-3") < page.index("Past events") < page.index("/events/sre-2019")


async def test_an_event_that_is_not_published_has_no_page(scheduling: Scheduling) -> None:
    await scheduling.imported("sre-2019")
    await scheduling.page("/events/sre-2019", 404)
    await scheduling.page("/events/Not%20an%20id", 404)
    assert (await scheduling.get("/api/v1/events"))["items"] == []
