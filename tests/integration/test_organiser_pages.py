"""The organiser's desk over HTTP on a real MongoDB: sign in, answer, edit, publish, look back, and two organisers at once."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from lxml import html

import services.scheduling
from services.scheduling.agenda import Agenda
from services.scheduling.agenda_file import Source, agenda_of
from services.scheduling.editing import Editor
from services.scheduling.exports.icalendar import agenda_calendar
from services.scheduling.exports.own import agenda_json
from services.scheduling.exports.schedule_json import schedule_json
from services.scheduling.exports.schedule_xml import schedule_xml
from services.scheduling.exports.table import agenda_table
from services.scheduling.organiser.pages import OrganiserPages
from services.scheduling.pages import Pages
from services.scheduling.public_view import PublicAgenda, public_agenda
from services.scheduling.publication import event_state, session_states
from services.scheduling.store import COLLECTIONS, Store
from services.scheduling.views import Views
from shared.clock import new_id
from shared.config import Settings
from shared.contracts.scheduling import Status
from shared.storage.inbox import INBOX
from shared.storage.ledger import LEDGERS, OUTBOX
from shared.storage.mongo import Database
from shared.web.access import COOKIE, SESSION_LASTS
from shared.web.app import make_app
from tests.conftest import MakeSettings
from tests.unit.scheduling.samples import sample, sample_bytes, small_data

TOKEN = "the-organisers-token-of-the-tests"
MILIPOL, EFUS, SRE = "milipol-2019", "efus-2021-round-3", "sre-2019"
W1, W3 = f"{MILIPOL}-workshop-1", f"{MILIPOL}-workshop-3"
EVENT, FORM = f"/organise/events/{MILIPOL}", f"/organise/events/{MILIPOL}/sessions/{W1}"
NOW = datetime(2019, 10, 1, 12, tzinfo=UTC)
HOSTILE = "<script>alert('1')</script> \"quoted\" & ümlaut 🎉 \u202eleft"

Client = TestClient[web.Request, web.Application]
MakeClient = Callable[[web.Application], Awaitable[Client]]


@dataclass
class Shown:
    """A page as it came: status, text, headers, and its forms."""

    status: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)
    address: str = ""

    @property
    def words(self) -> str:
        """What a reader sees, without the markup."""
        return " ".join(html.document_fromstring(self.text).text_content().split())

    def form(self, action: str) -> tuple[str, dict[str, str]]:
        """The form whose address has `action` in its path: its address, and its fields as a browser would send them."""
        for element in html.document_fromstring(self.text).forms:
            if action in element.action.partition("?")[0]:
                return element.action, {name: value or "" for name, value in element.form_values()}
        raise AssertionError(f"no form {action} in {self.words[:300]}")


class Organiser:
    """Somebody with a browser."""

    def __init__(self, client: Client, language: str = "en") -> None:
        self.client, self.language = client, language

    async def get(self, path: str) -> Shown:
        return await self._shown(self.client.get(path, headers=self._headers))

    async def post(self, path: str, data: Any) -> Shown:
        return await self._shown(self.client.post(path, data=data, headers=self._headers))

    async def sign_in(self, token: str = TOKEN) -> Shown:
        action, values = (await self.get("/organise")).form("/sign-in")
        return await self.post(action, {**values, "token": token})

    async def send(self, page: Shown | str, action: str, **changes: str) -> Shown:
        """Sends a form of the page with some fields filled in."""
        shown = await self.get(page) if isinstance(page, str) else page
        where, values = shown.form(action)
        return await self.post(where, {**values, **changes})

    @property
    def _headers(self) -> dict[str, str]:
        return {"Accept": "text/html", "Accept-Language": self.language}

    async def _shown(self, request: Any) -> Shown:
        async with request as response:
            return Shown(response.status, await response.text(), dict(response.headers), response.url.path)


class Desk:
    """Scheduling with the organiser's pages, and a clock that stands still until it is set."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.now = NOW
        self.settings = settings
        self.store = Store(database, lambda: self.now, lambda: None)
        self.views = Views(database)
        self.editor = Editor(self.store, lambda: self.now)
        pages = OrganiserPages(self.store, self.views, self.editor, lambda: self.now, new_id)
        routes = [*pages.routes(), *Pages(self.views, lambda: self.now).routes()]
        templates = Path(services.scheduling.__file__).parent / "templates"
        self.app = make_app(settings, routes, {"scheduling": templates}, {})
        self.organiser: Organiser

    async def has(self, agenda: Agenda, *, publish: bool = True) -> None:
        await self.editor.put(agenda.event.id, lambda _: agenda)
        if publish:
            await self.editor.publish(agenda.event.id, {})

    async def session(self, id_: str, event_id: str = MILIPOL) -> dict[str, Any]:
        draft = await self.store.draft(event_id)
        assert draft is not None
        return next(part for part in draft.agenda.as_data()["sessions"] if part["id"] == id_)

    async def version(self, event_id: str = MILIPOL) -> int:
        draft = await self.store.draft(event_id)
        assert draft is not None
        return draft.version


@pytest.fixture
async def desk(database: Database, settings: MakeSettings, aiohttp_client: MakeClient) -> Desk:
    await database.declare([LEDGERS, OUTBOX, INBOX, *COLLECTIONS])
    made = Desk(database, settings())
    made.organiser = Organiser(await aiohttp_client(made.app))
    return made


@pytest.fixture
async def organiser(desk: Desk) -> Organiser:
    """Signed in."""
    await desk.organiser.sign_in()
    return desk.organiser


# Sign in


async def test_without_a_session_the_desk_asks_for_the_token_and_comes_back_to_the_page(desk: Desk) -> None:
    await desk.has(sample(MILIPOL))
    asked = await desk.organiser.get(EVENT)
    assert asked.address == "/organise"
    assert "Organiser's token" in asked.words
    action, values = asked.form("/sign-in")
    shown = await desk.organiser.post(action, {**values, "token": TOKEN})
    assert (shown.status, shown.address) == (200, EVENT)


async def test_a_wrong_token_is_told_and_opens_nothing(desk: Desk) -> None:
    shown = await desk.organiser.sign_in("the-organisers-token-of-the-test")
    assert shown.status == 401
    assert "This is not the organiser's token." in shown.words
    assert "Organiser's token" in (await desk.organiser.get("/organise")).words


async def test_the_way_back_leads_to_no_other_site(desk: Desk) -> None:
    for elsewhere in ("//evil.example", "https://evil.example", "/organise//evil", "/events/x", "/organise\n"):
        answer = await desk.organiser.client.post(
            "/organise/sign-in", data={"token": TOKEN, "next": elsewhere}, allow_redirects=False
        )
        assert answer.headers["Location"] == "/organise?lang=en", elsewhere


async def test_the_cookie_is_for_the_desk_alone_and_secure_where_the_site_is(
    database: Database, settings: MakeSettings, aiohttp_client: MakeClient
) -> None:
    for public_url, secure in (("http://lectern.test", False), ("https://lectern.test", True)):
        client = await aiohttp_client(Desk(database, settings(public_url=public_url)).app)
        answer = await client.post("/organise/sign-in", data={"token": TOKEN}, allow_redirects=False)
        cookie = answer.cookies[COOKIE]
        assert (cookie["path"], cookie["samesite"], cookie["max-age"]) == ("/organise", "Strict", "86400")
        assert cookie["httponly"] is True
        assert bool(cookie["secure"]) is secure
        assert TOKEN not in cookie.value


async def test_a_session_ends_after_twelve_hours(desk: Desk, organiser: Organiser) -> None:
    desk.now = NOW + SESSION_LASTS - timedelta(seconds=1)
    assert "Sign out" in (await organiser.get("/organise")).words
    desk.now = NOW + SESSION_LASTS
    assert "Organiser's token" in (await organiser.get("/organise")).words


async def test_a_form_that_was_filled_in_when_the_session_ended_can_be_sent_after_signing_in_again(
    desk: Desk, organiser: Organiser
) -> None:
    await desk.has(sample(MILIPOL))
    page = await organiser.get(FORM)
    desk.now = NOW + SESSION_LASTS
    assert (await organiser.send(page, FORM, starts="09:45")).status == 401
    await organiser.sign_in()
    assert (await organiser.send(page, FORM, starts="09:45")).status == 200
    assert (await desk.session(W1))["starts"] == "09:45"


async def test_a_new_token_ends_every_session(
    desk: Desk, organiser: Organiser, database: Database, settings: MakeSettings, aiohttp_client: MakeClient
) -> None:
    cookie = next(cookie for cookie in organiser.client.session.cookie_jar if cookie.key == COOKIE)
    for token, signed_in in ((TOKEN, True), ("another-token-of-the-organisers", False)):
        client = await aiohttp_client(Desk(database, settings(organiser_token=token)).app)
        answer = await client.get("/organise", headers={"Cookie": f"{COOKIE}={cookie.value}"})
        assert ("Sign out" in await answer.text()) is signed_in


@pytest.mark.parametrize("value", ["", "x", "1.2.3", "9999999999.x.", ".", "é.é.é"])
async def test_a_made_up_cookie_opens_nothing(desk: Desk, value: str) -> None:
    answer = await desk.organiser.client.get("/organise", headers={"Cookie": f"{COOKIE}={value}"})
    assert answer.status == 200
    assert "Organiser&#39;s token" in await answer.text()


async def test_signing_out_forgets_the_session(organiser: Organiser) -> None:
    shown = await organiser.send("/organise", "/sign-out")
    assert "Organiser's token" in shown.words


async def test_an_address_with_a_line_end_is_nowhere(organiser: Organiser) -> None:
    for path in ("", "/publish", "/sessions/new"):
        assert (await organiser.get(f"{EVENT}%0A{path}")).status == 404


async def test_every_page_is_kept_by_no_cache(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    below = ("", "/event", "/preview", "/translations", "/revisions", "/revisions/1", "/draft.yaml", "/sessions/new")
    paths = [f"{EVENT}{path}" for path in (*below, f"/sessions/{W1}", f"/sessions/{W1}/cancel", "/revisions/9", "/no")]
    for path in ("/organise", "/organise/import", "/organise/events/no-such-event", *paths):
        shown = await organiser.get(path)
        if path != f"{EVENT}/no":  # no page of ours
            assert shown.headers["Cache-Control"] == "private, no-store", path
        assert shown.status == (404 if path.endswith(("/9", "/no", "no-such-event")) else 200), path


async def test_a_form_without_the_sessions_own_secret_is_refused(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL), publish=False)
    where, values = (await organiser.get(EVENT)).form("/publish")
    for csrf in ("", "0" * 64, values["csrf"][:-1]):
        shown = await organiser.post(where, {**values, "csrf": csrf})
        assert shown.status == 403
    draft = await desk.store.draft(MILIPOL)
    assert draft is not None
    assert draft.published is None
    assert (await organiser.post(where, values)).status == 200, "control: with the secret it goes through"


async def test_no_form_works_without_a_session(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL), publish=False)
    where, values = (await organiser.get(EVENT)).form("/publish")
    organiser.client.session.cookie_jar.clear()
    shown = await organiser.post(where, values)
    assert shown.status == 401
    assert "Your session is over" in shown.words
    draft = await desk.store.draft(MILIPOL)
    assert draft is not None
    assert draft.published is None


async def test_every_route_of_the_desk_is_behind_the_gate(desk: Desk) -> None:
    await desk.has(sample(MILIPOL))
    checked = 0
    for route in desk.app.router.routes():
        path = route.resource.canonical if route.resource is not None else ""
        if not path.startswith("/organise") or route.method not in ("GET", "POST") or path.endswith("/sign-in"):
            continue
        path = path.replace("{event_id}", MILIPOL).replace("{session_id}", W1)
        path = re.sub(r"\{number[^/]*", "1", path)
        answer = await desk.organiser.client.request(route.method, path, allow_redirects=False)
        text = await answer.text()
        assert answer.status in (303, 401) or "Organiser&#39;s token" in text, (route.method, path)
        assert "Villepinte" not in text
        checked += 1
    assert checked > 20, "control: the routes were there"


# The list and the event


async def test_the_list_says_what_is_published_and_what_is_not(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    await desk.has(sample(SRE), publish=False)
    await desk.editor.patch_part(MILIPOL, "sessions", W1, {"starts": "09:45"})
    words = (await organiser.get("/organise")).words
    assert "7 sessions Published, revision 1 Unpublished changes" in words
    assert "Unpublished changes Attendees" in words, "a published event leads to its attendees"
    assert "Not published" in words


async def test_a_zone_check_is_answered_by_a_button_with_its_reading(desk: Desk, organiser: Organiser) -> None:
    data = sample(EFUS).as_data()
    session = data["sessions"][1]
    del session["zone_check"]
    await desk.has(agenda_of(Source(data)), publish=False)
    shown = await organiser.get(f"/organise/events/{EFUS}")
    assert "14:00 in Paris = 12:00 UTC" in shown.words
    assert "14:00 at UTC+1 = 13:00 UTC = 15:00 in Paris" in shown.words
    with pytest.raises(AssertionError):
        shown.form("/publish")  # it waits for the answer
    answered = await organiser.send(shown, "/zone-check", answer="printed")
    assert "The time is clear now" in answered.words
    assert (await desk.session(session["id"], EFUS))["zone_check"] == "printed"
    await organiser.send(answered, "/publish")
    published = await desk.views.sessions(EFUS)
    assert [s.starts_at.hour for s in published if s.id == session["id"] and s.starts_at] == [13]


async def test_a_zone_check_over_midnight_names_the_day(desk: Desk, organiser: Organiser) -> None:
    session = {"starts": "00:30", "ends": "01:30", "printed_zone": "CEST"}
    await desk.has(agenda_of(Source(small_data(session))), publish=False)
    words = (await organiser.get(EVENT)).words
    assert "00:30 in Paris = 23:30 UTC (Tuesday, 19 November 2019)" in words
    assert (
        "00:30 at UTC+2 = 22:30 UTC (Tuesday, 19 November 2019) = 23:30 (Tuesday, 19 November 2019) in Paris" in words
    )


async def test_publishing_says_beforehand_how_many_are_told_and_carries_the_note(
    desk: Desk, organiser: Organiser
) -> None:
    await desk.has(sample(MILIPOL))
    await desk.editor.patch_part(MILIPOL, "sessions", W3, {"starts": "14:30"})
    shown = await organiser.get(EVENT)
    assert "Starts: 14:00 → 14:30" in shown.words
    assert "1 session will be told." in shown.words
    done = await organiser.send(shown, "/publish", **{"note.en": "Later, sorry.", "note.fr": "Plus tard."})
    assert "Published as revision 2. 1 session is told." in done.words
    log = await desk.views.revisions(MILIPOL, before=None, limit=1)
    assert log[0]["note"] == {"en": "Later, sorry.", "fr": "Plus tard."}


async def test_warnings_lead_to_where_they_are_mended(desk: Desk, organiser: Organiser) -> None:
    data = sample(MILIPOL).as_data()
    for number, change in ((2, {"starts": "09:50"}), (4, {"date": "2019-11-21"})):
        data["sessions"][number] |= change
    await desk.has(agenda_of(Source(data)), publish=False)
    shown = await organiser.get(EVENT)
    assert "Renaud Vedel is in “Cooperation for high-quality datasets in Europe” at the same time." in shown.words
    assert "Hall 4 is taken by “Cooperation for high-quality datasets in Europe” at the same time." in shown.words
    assert "Thursday, 21 November 2019 is not a day of the event." in shown.words
    for target in re.findall(rf'href="({EVENT}/sessions/[^"]*#[^"]+)"', shown.text):
        path, _, anchor = target.partition("#")
        assert f'id="{anchor}"' in (await organiser.get(path)).text


async def test_the_preview_shows_the_draft_and_says_so(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    await desk.editor.patch_part(MILIPOL, "sessions", W1, {"title": {"fr": "Titre tout neuf"}})
    await desk.editor.remove_part(MILIPOL, "sessions", W3)
    shown = await organiser.get(f"{EVENT}/preview?lang=fr")
    assert "Titre tout neuf" in shown.words
    assert f'<article class="card session cancelled" id="{W3}"' in shown.text, "as readers will be told it"
    assert "Titre tout neuf" not in (await organiser.get(f"/events/{MILIPOL}?lang=fr")).words
    assert "Preview of the draft, not published" in (await organiser.get(f"{EVENT}/preview?lang=en")).words


async def test_the_preview_holds_no_secret_of_registrants(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(EFUS), publish=False)
    assert "meet.example.org" not in (await organiser.get(f"/organise/events/{EFUS}/preview")).text


async def test_the_draft_is_downloaded_as_the_file_that_it_came_from(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL), publish=False)
    shown = await organiser.get(f"{EVENT}/draft.yaml")
    assert shown.headers["Content-Disposition"] == 'attachment; filename="milipol-2019.yaml"'
    assert f"- id: {W1}" in shown.text


async def test_missing_translations_lead_to_the_field(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    await desk.editor.patch_part(MILIPOL, "sessions", W1, {"title": {"fr": None}})
    shown = await organiser.get(f"{EVENT}/translations?lang=en")
    assert f'{FORM}?lang=en#title"' in shown.text
    assert "All " in shown.words, "English is complete"


# The form of a session


async def test_only_what_was_changed_is_saved(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    before = await desk.session(W1)
    unchanged = await organiser.send(FORM, FORM)
    assert "Nothing was changed." in unchanged.words
    assert await desk.session(W1) == before
    saved = await organiser.send(FORM, FORM, **{"title.fr": "Nouveau titre", "starts": "09:45", "capacity": "50"})
    assert "Saved in the draft." in saved.words
    assert await desk.session(W1) == before | {
        "title": before["title"] | {"fr": "Nouveau titre"},
        "starts": "09:45",
        "admission": {"capacity": 50},
    }


@pytest.mark.parametrize("event_id", [MILIPOL, SRE, EFUS])
async def test_a_form_sent_as_it_is_changes_nothing(desk: Desk, organiser: Organiser, event_id: str) -> None:
    await desk.has(sample(event_id))
    for session in sample(event_id).sessions:
        path = f"/organise/events/{event_id}/sessions/{session.id}"
        assert "Nothing was changed." in (await organiser.send(path, path)).words
    path = f"/organise/events/{event_id}/event"
    assert "Nothing was changed." in (await organiser.send(path, path)).words
    draft = await desk.store.draft(event_id)
    assert draft is not None
    assert (draft.agenda, draft.version) == (sample(event_id), 1)


async def test_line_ends_that_a_browser_does_not_show_are_not_taken_out(desk: Desk, organiser: Organiser) -> None:
    texts = {"title": {"en": "Two\nlines"}, "description": {"en": "One\r\nTwo\rThree\n\nFour"}}
    more = {"outcome": [{"title": {"en": "A\nB"}, "url": "https://example.org"}], "tracks": [{"en": "C\nD"}]}
    await desk.has(agenda_of(Source(small_data({**texts, **more}))), publish=False)
    where, values = (await organiser.get(FORM)).form(FORM)
    assert "\n" not in values["title.en"]
    browser = {name: re.sub("\r?\n", "\r\n", value) for name, value in values.items()}
    assert "Nothing was changed." in (await organiser.post(where, browser)).words


async def test_a_wrong_value_is_told_at_its_field_and_what_was_typed_is_kept(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    wrong = {
        "starts": "9h40",
        "zone": "CET",
        "number": "two",
        "join_url": "meet me",
        "title.en": HOSTILE,
        "printed_zone": "IST",
    }
    shown = await organiser.send(FORM, FORM, **wrong)
    assert shown.status == 422
    page = html.document_fromstring(shown.text)
    for name in ("starts", "zone", "number", "join_url"):
        element = page.get_element_by_id(name)
        assert element.get("value") == wrong[name]
        assert element.get("aria-invalid") == "true", name
        assert element.get("type") == "text" or name not in ("starts", "number"), "a browser would empty it"
        assert page.get_element_by_id(element.get("aria-describedby").split()[-1]).text_content().strip()
    assert page.get_element_by_id("title.en").get("value") == HOSTILE
    assert "<script>" not in shown.text
    assert (await desk.session(W1))["starts"] == "09:40"


async def test_an_end_before_the_start_is_told_at_the_end(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    shown = await organiser.send(FORM, FORM, ends="00:30")
    assert "The end is not after the start. If it goes over midnight, give the last day." in shown.words
    saved = await organiser.send(shown, FORM, ends_on="2019-11-21")
    assert saved.status == 200
    assert ((await desk.session(W1))["ends_on"], (await desk.session(W1))["ends"]) == ("2019-11-21", "00:30")


async def test_which_of_two_hours_is_asked_where_the_clock_shows_it_twice_and_forgotten_elsewhere(
    desk: Desk, organiser: Organiser
) -> None:
    await desk.has(agenda_of(Source(small_data(starts_on="2019-10-27"))), publish=False)
    assert 'id="starts_hour"' not in (await organiser.get(FORM)).text
    shown = await organiser.send(FORM, FORM, date="2019-10-27", starts="02:30", ends="04:00")
    assert shown.status == 422
    assert "the first: 00:30 UTC (UTC+2)" in shown.words
    assert "the second: 01:30 UTC (UTC+1)" in shown.words
    await organiser.send(shown, FORM, starts_hour="second")
    assert (await desk.session(W1))["starts_hour"] == "second"
    await organiser.send(FORM, FORM, starts="03:30")
    session = await desk.session(W1)
    assert (session["starts"], session.get("starts_hour")) == ("03:30", None)


async def test_a_time_that_clocks_leave_out_is_told(desk: Desk, organiser: Organiser) -> None:
    await desk.has(agenda_of(Source(small_data(starts_on="2019-03-31"))), publish=False)
    shown = await organiser.send(FORM, FORM, date="2019-03-31", starts="02:30", ends="04:00")
    assert "This time does not exist on that day" in shown.words


async def test_a_session_loses_its_time_and_is_to_be_announced(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    shown = await organiser.send(FORM, FORM, starts="", ends="")
    assert "time to be announced" in shown.words
    assert not {"starts", "ends"} & (await desk.session(W1)).keys()


async def test_people_come_and_go_in_rows(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    more = await organiser.send(FORM, FORM, act="add:people", **{"title.en": "Kept while rows come"})
    assert (more.status, await desk.version()) == (200, 1)
    fewer = await organiser.send(more, FORM, act="remove:people.0")
    rows = fewer.form(FORM)[1]
    assert (rows["people.0.person"], rows["people.4.person"], rows["title.en"]) == (
        "laurent-beslay",
        "",
        "Kept while rows come",
    )
    changes = {"act": "save", "people.4.person": "bob-barnes", "people.4.role": "chair"}
    await organiser.send(fewer, FORM, **changes)
    session = await desk.session(W1)
    assert [(part["person"], part["role"]) for part in session["people"]][::4] == [
        ("laurent-beslay", "panellist"),
        ("bob-barnes", "chair"),
    ]
    assert session["title"]["en"] == "Kept while rows come"


async def test_a_person_twice_in_one_role_is_told_at_the_row(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    shown = await organiser.send(FORM, FORM, **{"people.1.person": "renaud-vedel", "people.1.role": "chair"})
    page = html.document_fromstring(shown.text)
    assert page.get_element_by_id("people.1.person").get("aria-invalid") == "true"
    assert "This person is here twice in the same role" in shown.words


async def test_an_outcome_is_written_in_both_languages(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    row = await organiser.send(FORM, FORM, act="add:outcome")
    filled = {"act": "save", "outcome.0.kind": "slides", "outcome.0.audience": "members"}
    filled |= {"outcome.0.url": "https://example.org/slides", "outcome.0.title.en": "Slides"}
    filled |= {"outcome.0.title.fr": "Diapositives"}
    await organiser.send(row, FORM, **filled)
    assert (await desk.session(W1))["outcome"] == [
        {
            "title": {"en": "Slides", "fr": "Diapositives"},
            "url": "https://example.org/slides",
            "kind": "slides",
            "audience": "members",
        }
    ]


async def test_a_track_that_is_known_keeps_its_translations(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    await organiser.send(FORM, FORM, tracks="ai and CYBER security\r\n\r\nSomething new")
    assert (await desk.session(W1))["tracks"] == [
        {"en": "AI and cyber security", "fr": "IA et cybersécurité"},
        {"en": "Something new"},
    ]


async def test_a_new_session_gets_an_id_from_its_title(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    path = f"{EVENT}/sessions/new"
    filled = {"title.en": "Café de l'Hôtel", "starts": "18:00", "kind": "social"}
    page = await organiser.get(path)
    await organiser.send(page, path, **filled)
    session = await desk.session(f"{MILIPOL}-cafe-de-l-hotel")
    assert (session["starts"], session["date"], session["kind"]) == ("18:00", "2019-11-20", "social")
    again = await organiser.send(page, path, **filled)
    assert again.status == 409, "the same form again, by a second click"
    await organiser.send(again, path)
    assert (await desk.session(f"{MILIPOL}-cafe-de-l-hotel-2"))["title"] == {"en": "Café de l'Hôtel"}


async def test_a_new_session_without_a_title_is_told(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    path = f"{EVENT}/sessions/new"
    shown = await organiser.send(path, path, starts="18:00")
    assert shown.status == 422
    assert html.document_fromstring(shown.text).get_element_by_id("title.en").get("aria-invalid") == "true"
    assert shown.form(path)[1]["starts"] == "18:00"


async def test_cancelling_is_asked_and_told_at_once_with_the_note(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    await desk.editor.patch_part(MILIPOL, "sessions", W3, {"starts": "14:30"})
    shown = await organiser.send(f"{FORM}/cancel", "/cancel", **{"note.en": "The chair is ill."})
    assert "Cancelled. Whoever has a seat is told." in shown.words
    published = {session.id: session for session in await desk.views.sessions(MILIPOL)}
    assert published[W1].status is Status.CANCELLED
    assert f"{published[W3].starts_local:%H:%M}" == "14:00", "the rest of the draft stays a draft"
    back = await organiser.send(FORM, "/bring-back")
    assert "Readers know this session as cancelled; publishing brings it back." in back.words


async def test_removing_is_asked_and_stays_in_the_draft(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    asked = await organiser.get(f"{FORM}/remove")
    assert "When you publish, it is told as cancelled." in asked.words
    shown = await organiser.send(asked, "/remove")
    assert "Removed from the draft." in shown.words
    assert W1 in {session.id for session in await desk.views.sessions(MILIPOL) if session.status is Status.SCHEDULED}


async def test_the_event_itself_is_edited(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    path = f"{EVENT}/event"
    await organiser.send(path, path, closes="2019-11-15T12:00", capacity="100", **{"title.fr": "Ateliers à Milipol"})
    draft = await desk.store.draft(MILIPOL)
    assert draft is not None
    event = draft.agenda.as_data()["event"]
    assert (event["admission"], event["title"]["fr"]) == (
        {"capacity": 100, "closes": "2019-11-15T12:00"},
        "Ateliers à Milipol",
    )
    wrong = await organiser.send(path, path, ends_on="2019-11-19", zone="Paris")
    assert wrong.status == 422
    assert "Name the zone after a place" in wrong.words


# Who may come


async def test_the_rules_of_the_event_are_written_in_its_form(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    path = f"{EVENT}/event"
    shown = await organiser.get(path)
    ruled = {
        "code_needed": "yes", "approval": "yes", "members_only": "yes", "offer_hours": "24", "cutoff_hours": "48",
        "ask_days": "10", "answer_days": "3", "retention_days": "90", "domains": "EXAMPLE.org\r\nexample.net",
        "lists": "working-group", "member_requirement": "milipol-badge", "requirements.0.policy": "hold",
        "requirements.0.hold_days": "6", "calendar_answers": "yes",
    }  # fmt: skip
    action, values = shown.form(path)
    assert (values["transfers"], values.get("calendar_answers")) == ("yes", None)
    del values["transfers"]
    sent = await organiser.post(action, values | ruled)
    assert (sent.status, sent.address) == (200, EVENT), sent.words
    draft = await desk.store.draft(MILIPOL)
    assert draft is not None
    event = draft.agenda.as_data()["event"]
    assert event["admission"] == {
        "closes": "2019-11-13T00:00", "code_needed": True, "approval": True, "members_only": True, "transfers": False,
        "calendar_answers": True,
        "offer_hours": 24, "cutoff_hours": 48, "reconfirmation": {"ask_days": 10, "answer_days": 3},
    }  # fmt: skip
    members = {"domains": ["example.org", "example.net"], "lists": ["working-group"], "requirement": "milipol-badge"}
    assert (event["members"], event["retention_days"]) == (members, 90)
    needed = sample(MILIPOL).as_data()["event"]["requirements"][0]
    assert event["requirements"] == [{**needed, "policy": "hold", "hold_days": 6}]
    shown = await organiser.get(path)
    values = shown.form(path)[1]
    assert {name: values[name].strip() for name in ruled} == ruled | {"domains": "example.org\nexample.net"}
    version = await desk.version()
    await organiser.send(shown, path)
    assert await desk.version() == version, "sent as it is, it changes nothing"
    emptied = dict.fromkeys(("domains", "lists", "member_requirement", "ask_days", "answer_days", "retention_days"), "")
    where, values = shown.form(path)
    del values["members_only"]
    await organiser.post(where, values | emptied)
    draft = await desk.store.draft(MILIPOL)
    assert draft is not None
    assert {"members", "retention_days"}.isdisjoint(draft.agenda.as_data()["event"])
    assert draft.agenda.event.admission.reconfirmation is None


async def test_a_wrong_rule_is_told_at_its_field(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    path = f"{EVENT}/event"
    wrong = {
        "domains": "@example.org", "ask_days": "3", "answer_days": "3", "offer_hours": "24", "cutoff_hours": "2",
        "requirements.0.policy": "hold", "requirements.0.remind_days": "7",
    }  # fmt: skip
    for names in (("domains",), ("answer_days", "cutoff_hours", "requirements.0.remind_days")):
        sent = {name: value for name, value in wrong.items() if ("domains" in names) == (name == "domains")}
        shown = await organiser.send(path, path, **sent)
        assert shown.status == 422
        page = html.document_fromstring(shown.text)
        for name in names:
            assert page.get_element_by_id(name).get("aria-invalid") == "true", name
            assert page.get_element_by_id(f"{name}-wrong").get("lang") is None, "said in the reader's language"
        assert {name: shown.form(path)[1][name].strip() for name in sent} == sent, "what was typed is kept"
    one = await organiser.send(path, path, ask_days="3")
    assert html.document_fromstring(one.text).get_element_by_id("answer_days").get("aria-invalid") == "true"
    assert await desk.version() == 1


async def test_registrations_elsewhere_come_and_go_in_rows(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    path = f"{EVENT}/event"
    more = await organiser.send(path, path, act="add:requirements", **{"title.en": "Kept while rows come"})
    assert (more.status, await desk.version()) == (200, 1)
    rows = more.form(path)[1]
    assert (rows["requirements.1.policy"], rows["title.en"]) == ("told", "Kept while rows come")
    nameless = await organiser.send(more, path, act="save", **{"requirements.1.url": "https://hotel.example.org/"})
    assert nameless.status == 422
    row = {"requirements.1.name.en": "Milipol badge", "requirements.1.policy": "first"}
    await organiser.send(more, path, act="save", **row)
    needed = await _requirements(desk)
    assert [(each["id"], each.get("policy")) for each in needed] == [
        ("milipol-badge", "hold"),
        ("milipol-badge-2", "first"),
    ]
    fewer = await organiser.send(path, path, act="remove:requirements.0")
    await organiser.send(fewer, path, act="save")
    assert [each["id"] for each in await _requirements(desk)] == ["milipol-badge-2"]


async def _requirements(desk: Desk) -> list[dict[str, Any]]:
    draft = await desk.store.draft(MILIPOL)
    assert draft is not None
    return list(draft.agenda.as_data()["event"]["requirements"])


async def test_the_rules_of_a_session_are_written_in_its_form(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(SRE))
    id_ = f"{SRE}-project-presentations"
    path = f"/organise/events/{SRE}/sessions/{id_}"
    shown = await organiser.get(path)
    assert "<details>" in shown.text, "closed while it says nothing"
    ruled = {"quotas.police": "20", "quotas.research": "10", "code_needed": "yes", "offer_hours": "12"}
    await organiser.send(shown, path, **ruled)
    assert (await desk.session(id_, SRE))["admission"] == {
        "capacity": 80, "quotas": {"police": 20, "research": 10}, "code_needed": True, "offer_hours": 12,
    }  # fmt: skip
    shown = await organiser.send(path, path, **{"quotas.police": "71"})
    assert "More seats are set aside than there are" in shown.words
    assert shown.form(path)[1]["quotas.police"] == "71"
    shown = await organiser.send(path, path, **{"quotas.police": "-1"})
    assert html.document_fromstring(shown.text).get_element_by_id("quotas.police").get("aria-invalid") == "true"
    await organiser.send(path, path, **{"quotas.police": "", "quotas.research": ""})
    assert "quotas" not in (await desk.session(id_, SRE))["admission"]
    new = f"/organise/events/{SRE}/sessions/new"
    await organiser.send(new, new, by_choice="yes", **{"title.en": "Side talk", "capacity": "9", "quotas.policy": "4"})
    assert (await desk.session(f"{SRE}-side-talk", SRE))["admission"] == {"capacity": 9, "quotas": {"policy": 4}}


async def test_warnings_of_rules_lead_to_where_they_are_mended(desk: Desk, organiser: Organiser) -> None:
    data = sample(MILIPOL).as_data()
    rules = {"code_needed": True, "members_only": True}
    data["event"]["admission"] |= rules
    data["event"]["requirements"][0] |= {"policy": "hold", "hold_days": 20}
    data["event"]["audiences"] = [{"id": "police", "name": {"en": "Police"}}]
    workshop, social = data["sessions"][0], data["sessions"][1]
    workshop["admission"] = rules | {"quotas": {"police": 3}}
    social["admission"] = {"approval": True}
    await desk.has(agenda_of(Source(data)), publish=False)
    shown = await organiser.get(EVENT)
    for words in (
        "For members only, and nobody is one", "Codes to make", "Seats set aside, and no number of seats", "Rules without effect",
        "Milipol Paris: a seat is held longer than from the close of registration to the event (days held: 20).",
        "This is for members only, and nothing says who is a member.", "Publishing waits for what is above.",
    ):  # fmt: skip
        assert words in shown.words, words
    targets = set(re.findall(rf'href="({EVENT}/[^"]*#[^"]+)"', shown.text))
    assert len(targets) >= 6
    for target in targets:
        path, _, anchor = target.partition("#")
        assert f'id="{anchor}"' in (await organiser.get(path)).text, target


# Two organisers at once


async def test_what_somebody_else_changed_meanwhile_is_shown_and_nothing_is_lost(
    desk: Desk, organiser: Organiser
) -> None:
    await desk.has(sample(MILIPOL))
    mine = await organiser.get(FORM)
    await desk.editor.patch_part(MILIPOL, "sessions", W1, {"starts": "09:50", "title": {"en": "Theirs"}})
    shown = await organiser.send(mine, FORM, **{"title.en": "Mine", "capacity": "50"})
    assert shown.status == 409
    assert "Somebody else changed the draft meanwhile." in shown.words
    assert "Starts: 09:40 → 09:50" in shown.words
    values = shown.form(FORM)[1]
    assert (values["title.en"], values["capacity"], values["starts"]) == ("Mine", "50", "09:50")
    assert "Somebody else wrote here meanwhile: Theirs" in shown.words
    session = await desk.session(W1)
    assert (session["title"]["en"], session["admission"]["capacity"]) == ("Theirs", 60), "nothing is saved unseen"
    await organiser.send(shown, FORM)
    session = await desk.session(W1)
    assert (session["title"]["en"], session["starts"], session["admission"]["capacity"]) == ("Mine", "09:50", 50)


async def test_theirs_can_be_kept_where_both_changed_the_same_field(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    mine = await organiser.get(FORM)
    await desk.editor.patch_part(MILIPOL, "sessions", W1, {"title": {"en": "Theirs"}})
    shown = await organiser.send(mine, FORM, **{"title.en": "Mine", "capacity": "50"})
    await organiser.send(shown, FORM, act="keep-theirs")
    session = await desk.session(W1)
    assert (session["title"]["en"], session["admission"]["capacity"]) == ("Theirs", 50)


async def test_a_third_edit_between_is_shown_again(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    mine = await organiser.get(FORM)
    await desk.editor.patch_part(MILIPOL, "sessions", W1, {"starts": "09:50"})
    second = await organiser.send(mine, FORM, capacity="50")
    await desk.editor.patch_part(MILIPOL, "sessions", W1, {"starts": "09:55"})
    third = await organiser.send(second, FORM)
    assert third.status == 409
    assert (third.form(FORM)[1]["capacity"], third.form(FORM)[1]["starts"]) == ("50", "09:55")


async def test_an_edit_in_the_very_moment_of_saving_is_not_lost(
    desk: Desk, organiser: Organiser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.has(sample(MILIPOL))
    patch_part = desk.editor.patch_part

    async def after_somebody_else(event_id: str, section: str, id_: str, patch: Any, expected: Any) -> Any:
        monkeypatch.undo()
        await patch_part(event_id, section, id_, {"starts": "09:50"})
        return await patch_part(event_id, section, id_, patch, expected)

    monkeypatch.setattr(desk.editor, "patch_part", after_somebody_else)
    shown = await organiser.send(FORM, FORM, capacity="50")
    assert (shown.status, shown.form(FORM)[1]["capacity"]) == (409, "50")
    await organiser.send(shown, FORM)
    session = await desk.session(W1)
    assert (session["starts"], session["admission"]["capacity"]) == ("09:50", 50)


async def test_a_session_that_somebody_removed_meanwhile_can_be_kept_as_a_new_one(
    desk: Desk, organiser: Organiser
) -> None:
    await desk.has(sample(MILIPOL))
    mine = await organiser.get(FORM)
    await desk.editor.remove_part(MILIPOL, "sessions", W1)
    shown = await organiser.send(mine, FORM, **{"title.en": "Mine"})
    assert shown.status == 409
    await organiser.send(shown, "/sessions/new")
    assert (await desk.session(f"{MILIPOL}-mine"))["starts"] == "09:40"


@pytest.mark.parametrize("act", ["publish", "cancel", "remove", "zone-check"])
async def test_no_act_is_done_on_a_draft_that_was_not_seen(desk: Desk, organiser: Organiser, act: str) -> None:
    data = sample(MILIPOL).as_data()
    if act == "zone-check":
        data["sessions"][0]["printed_zone"] = "CEST"
    await desk.has(agenda_of(Source(data)), publish=False)
    page = await organiser.get(f"{FORM}/{act}" if act in ("cancel", "remove") else EVENT)
    await desk.editor.patch_part(MILIPOL, "sessions", W3, {"starts": "14:10"})
    version = await desk.version()
    extra = {"answer": "local"} if act == "zone-check" else {"note.en": "My note"}
    shown = await organiser.send(page, f"/{act}", **extra)
    assert shown.status == 409
    assert "Starts: 14:00 → 14:10" in shown.words
    draft = await desk.store.draft(MILIPOL)
    assert draft is not None
    assert (draft.version, draft.published) == (version, None)
    if act == "publish":
        assert shown.form("/publish")[1]["note.en"] == "My note"
    done = await organiser.send(shown, f"/{act}", **extra)
    assert done.status == 200


# Looking back


async def test_the_log_tells_what_is_not_for_everybody(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(EFUS))
    session = f"{EFUS}-session-2"
    await desk.editor.patch_part(EFUS, "sessions", session, {"join_url": "https://meet.example.org/new"})
    await desk.editor.publish(EFUS, {"en": "Another room"})
    words = (await organiser.get(f"/organise/events/{EFUS}/revisions")).words
    assert "Another room" in words
    assert "https://meet.example.org/efus-round-3-session-2 → https://meet.example.org/new" in words


async def test_an_earlier_revision_is_published_again(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    await desk.editor.patch_part(MILIPOL, "sessions", W1, {"starts": "09:50"})
    await desk.editor.publish(MILIPOL, {})
    await desk.editor.patch_part(MILIPOL, "sessions", W3, {"starts": "14:10"})
    shown = await organiser.get(f"{EVENT}/revisions/1")
    assert "Starts: 09:50 → 09:40" in shown.words
    assert "These edits are not published, and would be replaced:" in shown.words
    assert "Starts: 14:00 → 14:10" in shown.words
    done = await organiser.send(shown, "/revisions/1", **{"note.en": "Back again"})
    assert "Published as revision 3. 1 session is told." in done.words
    draft = await desk.store.draft(MILIPOL)
    assert draft is not None
    assert draft.agenda == sample(MILIPOL)


async def test_a_revision_is_not_restored_over_an_edit_that_was_not_seen(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    await desk.editor.patch_part(MILIPOL, "sessions", W1, {"starts": "09:50"})
    await desk.editor.publish(MILIPOL, {})
    page = await organiser.get(f"{EVENT}/revisions/1")
    await desk.editor.patch_part(MILIPOL, "sessions", W3, {"starts": "14:10"})
    shown = await organiser.send(page, "/revisions/1")
    assert shown.status == 409
    assert (await desk.session(W3))["starts"] == "14:10"


async def test_a_revision_is_downloaded(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    await desk.editor.patch_part(MILIPOL, "sessions", W1, {"starts": "09:50"})
    assert 'starts: "09:40"' in (await organiser.get(f"{EVENT}/revisions/1/agenda.yaml")).text


# Files


def _upload(page: Shown, body: bytes, name: str, **said: str) -> aiohttp.FormData:
    data = aiohttp.FormData()
    for key, value in {**page.form("/import")[1], **said}.items():
        if key != "file":
            data.add_field(key, value)
    data.add_field("file", body, filename=name, content_type="application/octet-stream")
    return data


async def _uploaded(organiser: Organiser, body: bytes, name: str, **said: str) -> Shown:
    page = await organiser.get("/organise/import")
    return await organiser.post("/organise/import", _upload(page, body, name, **said))


def _public(event_id: str) -> PublicAgenda:
    agenda = sample(event_id)
    states = session_states(agenda, 1, NOW)
    return public_agenda(event_state(agenda, 1, NOW), states, "http://lectern.test")


FILES = {
    "agenda.yaml": lambda: sample_bytes(MILIPOL),
    "agenda.json": lambda: agenda_json(sample(MILIPOL)),
    "schedule.json": lambda: schedule_json(_public(MILIPOL), "en"),
    "schedule.xml": lambda: schedule_xml(_public(MILIPOL), "en"),
    "agenda.ics": lambda: agenda_calendar(_public(MILIPOL), "en"),
    "agenda.csv": lambda: agenda_table(_public(MILIPOL), "en"),
}


@pytest.mark.parametrize("name", FILES)
async def test_a_file_of_each_format_is_shown_first_and_imported_by_the_button(
    desk: Desk, organiser: Organiser, name: str
) -> None:
    body = FILES[name]()
    shown = await _uploaded(
        organiser, body, name, event_id=MILIPOL, zone="Europe/Paris", kind="workshops", language="en"
    )
    assert shown.status == 200, shown.words
    assert "This is a new event." in shown.words
    assert await desk.store.draft(MILIPOL) is None, "nothing is imported by showing"
    done = await organiser.send(shown, "/confirm")
    assert "Imported into the draft." in done.words
    assert (await desk.session(W1))["starts"] == "09:40"


@pytest.mark.parametrize("name", FILES)
async def test_a_file_that_says_the_same_changes_nothing(desk: Desk, organiser: Organiser, name: str) -> None:
    await desk.has(sample(MILIPOL))
    shown = await _uploaded(organiser, FILES[name](), name, event_id=MILIPOL, language="en")
    assert "Nothing: the draft says the same already." in shown.words


async def test_a_fault_of_a_file_is_told_with_its_line_and_field(desk: Desk, organiser: Organiser) -> None:
    body = sample_bytes(MILIPOL).replace(b"ends: 17:00", b"ends: 17.00")
    line = body[: body.index(b"17.00")].count(b"\n") + 1
    shown = await _uploaded(organiser, body, "agenda.yaml")
    assert shown.status == 422
    assert f"Line {line}, sessions.{MILIPOL}-workshop-4.ends: not a time of day" in shown.words
    assert await desk.store.draft(MILIPOL) is None


async def test_no_file_and_an_unknown_one_are_told(organiser: Organiser) -> None:
    assert "should end in .yaml" in (await _uploaded(organiser, b"x", "agenda.docx")).words
    page = await organiser.get("/organise/import")
    assert "Choose a file first." in (await organiser.send(page, "/import")).words


async def test_a_file_beyond_the_limit_is_refused_and_one_below_is_read(desk: Desk, organiser: Organiser) -> None:
    body = sample_bytes(MILIPOL)
    below = body + b"# " + b"x" * (3_000_000 - len(body))
    shown = await _uploaded(organiser, below, "agenda.yaml")
    assert "Imported into the draft." in (await organiser.send(shown, "/confirm")).words
    beyond = await _uploaded(organiser, b"#" * 4_300_000, "agenda.yaml")
    assert (beyond.status, "The file is too large." in beyond.words) == (413, True)


async def test_edits_by_hand_are_shown_before_a_file_replaces_them(desk: Desk, organiser: Organiser) -> None:
    await desk.has(sample(MILIPOL))
    await desk.editor.patch_part(MILIPOL, "sessions", W1, {"starts": "09:50"})
    shown = await _uploaded(organiser, sample_bytes(MILIPOL), "agenda.yaml")
    assert "Edited by hand since the last import." in shown.words
    assert "Starts: 09:40 → 09:50" in shown.words
    await desk.editor.patch_part(MILIPOL, "sessions", W3, {"starts": "14:10"})
    again = await organiser.send(shown, "/confirm")
    assert again.status == 409, "another edit by hand, which the page did not show"
    assert "Starts: 14:00 → 14:10" in again.words
    await organiser.send(again, "/confirm")
    draft = await desk.store.draft(MILIPOL)
    assert draft is not None
    assert draft.agenda == sample(MILIPOL)


async def test_a_new_event_that_somebody_else_made_meanwhile_is_not_replaced(desk: Desk, organiser: Organiser) -> None:
    shown = await _uploaded(organiser, sample_bytes(MILIPOL), "agenda.yaml")
    await desk.has(agenda_of(Source(small_data())), publish=False)
    again = await organiser.send(shown, "/confirm")
    assert again.status == 409
    draft = await desk.store.draft(MILIPOL)
    assert draft is not None
    assert len(draft.agenda.sessions) == 1


async def test_a_packed_file_that_was_meddled_with_is_refused(desk: Desk, organiser: Organiser) -> None:
    shown = await _uploaded(organiser, sample_bytes(MILIPOL), "agenda.yaml")
    for packed in ("", "x", "H4sI", "ÿ"):
        assert (await organiser.send(shown, "/confirm", packed=packed)).status == 400
    assert await desk.store.draft(MILIPOL) is None


# What people write


async def test_hostile_texts_are_shown_as_texts_everywhere(desk: Desk, organiser: Organiser) -> None:
    data = sample(MILIPOL).as_data()
    data["event"]["title"] = {"en": HOSTILE, "fr": HOSTILE}
    data["event"]["subtitle"] = {"en": "x" * 5000}
    session = data["sessions"][0]
    session["title"] = {"en": HOSTILE}
    session["description"] = {"en": f"\n{HOSTILE}\n</textarea>{HOSTILE}"}
    data["people"][0]["name"] = HOSTILE
    data["rooms"][0]["name"] = {"en": HOSTILE}
    await desk.has(agenda_of(Source(data)))
    await desk.editor.patch_part(MILIPOL, "sessions", W1, {"title": {"en": f"{HOSTILE} {{before}} %(x)s"}})
    await desk.editor.publish(MILIPOL, {"en": HOSTILE})
    await desk.editor.patch_part(MILIPOL, "sessions", W3, {"starts": "09:45", "title": {"en": "{label} %s"}})
    below = ("", "/event", "/preview", "/translations", "/revisions", "/revisions/1", "/revisions/2", f"/sessions/{W1}")
    for path in ("/organise", *(f"{EVENT}{path}" for path in (*below, f"/sessions/{W1}/cancel"))):
        shown = await organiser.get(path)
        assert shown.status == 200, path
        assert "<script>alert" not in shown.text, path
        assert "</textarea><script" not in shown.text, path
    assert HOSTILE.replace("\n", " ") in (await organiser.get(EVENT)).text.replace("&lt;", "<").replace(
        "&gt;", ">"
    ).replace("&#34;", '"').replace("&#39;", "'").replace("&amp;", "&")
    unchanged = await organiser.send(FORM, FORM)
    assert "Nothing was changed." in unchanged.words, "the form gives back what it was given"


async def test_what_is_typed_is_kept_when_the_draft_cannot_be_published(desk: Desk, organiser: Organiser) -> None:
    data = small_data({"printed_zone": "CEST"})
    await desk.has(agenda_of(Source(data)), publish=False)
    page = await organiser.get(EVENT)
    csrf = page.form("/zone-check")[1]["csrf"]
    shown = await organiser.post(f"{EVENT}/publish", {"csrf": csrf, "version": "1", "note.en": "Kept"})
    assert shown.status == 409


async def test_every_page_is_there_in_french(desk: Desk) -> None:
    desk.organiser.language = "fr"
    await desk.organiser.sign_in()
    await desk.has(sample(MILIPOL))
    for path in ("/organise", EVENT, FORM, f"{EVENT}/revisions", f"{EVENT}/translations"):
        assert '<html lang="fr">' in (await desk.organiser.get(path)).text
