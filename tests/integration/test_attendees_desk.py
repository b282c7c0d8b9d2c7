"""The organiser's desk of attendees over HTTP on a real MongoDB: every button really changes what stands."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest
from lxml import html

from services.registration.registrations import Registration
from services.registration.store import Store
from shared.contracts.base import json_of
from shared.contracts.registration import Cause, RequirementState, SeatState
from shared.contracts.registry import EVENTS
from shared.links import Links
from shared.messaging.port import Outgoing
from shared.process import Process, running
from tests.conftest import MakeSettings
from tests.support.agenda import agenda_facts, taken_in, tell_agenda
from tests.support.events import BEFORE_CLOSE, CLOSES, milipol, person, workshop
from tests.support.lectern import lectern

TOKEN = "the-organisers-token-of-the-tests"
DESK = "/organise/attendees/milipol-2019"
W1, W2 = "milipol-2019-workshop-1", "milipol-2019-workshop-2"
KINDS = [
    {"id": "police", "name": {"en": "Police", "fr": "Police"}, "quota": 1},
    {"id": "research", "name": {"en": "Research", "fr": "Recherche"}},
]


@dataclass
class Shown:
    """A page as it came."""

    status: int
    text: str
    headers: dict[str, str]
    address: str

    @property
    def words(self) -> str:
        """What a reader sees, without the markup."""
        return " ".join(html.document_fromstring(self.text).text_content().split())

    def form(self, **has: str) -> tuple[str, list[tuple[str, str]]]:
        """The form that has these values, in fields or on buttons: its address and its fields as a browser would send them."""
        for form in html.document_fromstring(self.text).forms:
            buttons = [(b.get("name"), b.get("value")) for b in form.iter("button") if b.get("name")]
            boxes = [(b.get("name"), b.get("value")) for b in form.iter("input") if b.get("type") == "checkbox"]
            fields = [(name, value or "") for name, value in form.form_values()]
            if all(item in [*fields, *buttons, *boxes] for item in has.items()):
                return form.action, fields
        raise AssertionError(f"no form with {has} in {self.words[:400]}")


@dataclass
class Desk:
    """An organiser with a browser, and what stands behind it."""

    http: aiohttp.ClientSession
    process: Process
    now: list[datetime]
    language: str = "en"
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        return Store(self.process.databases["registration"], Links("the-link-key-of-the-tests-and-of-nothing-else"))

    async def get(self, path: str) -> Shown:
        return await self._shown(self.http.get(self.process.address + path, headers=self._headers))

    async def post(self, path: str, data: Any) -> Shown:
        return await self._shown(self.http.post(self.process.address + path, data=data, headers=self._headers))

    async def send(self, page: Shown | str, has: dict[str, str], *add: tuple[str, str], **changes: str) -> Shown:
        """Presses a button, or sends a form, of the page. `changes` are of fields, `add` further ones."""
        shown = await self.get(page) if isinstance(page, str) else page
        where, values = shown.form(**has)
        kept = [(name, value) for name, value in values if name not in changes and name not in has]
        return await self.post(where, [*kept, *has.items(), *changes.items(), *add])

    async def sign_in(self) -> None:
        await self.post("/organise/sign-in", {"token": TOKEN, "next": ""})

    async def has(self, name: str, *sessions: str, **rest: Any) -> dict[str, Any]:
        """Registers somebody by the API; what was answered."""
        details = {key: rest.pop(key) for key in ("audience", "country") if key in rest}
        body = {
            "event_id": "milipol-2019",
            "person": json_of(person(name, **details)),
            "sessions": list(sessions),
            **rest,
        }
        async with self.http.post(f"{self.process.address}/api/v1/registrations", json=body) as response:
            answer: dict[str, Any] = await response.json(content_type=None)
            if response.status == 201:
                self.ids[name] = answer["registration_id"]
            return answer

    def page_of(self, name: str) -> str:
        return f"{DESK}/people/{self.ids[name]}"

    async def registration(self, name: str) -> Registration:
        found = await self.store.registration(self.ids[name])
        assert found is not None
        return found

    async def press(self, name: str, act: str, **has: str) -> Shown:
        """Presses a button of a person's page."""
        return await self.send(self.page_of(name), {"act": act, **has})

    @property
    def _headers(self) -> dict[str, str]:
        return {"Accept": "text/html", "Accept-Language": self.language}

    async def _shown(self, request: Any) -> Shown:
        async with request as response:
            return Shown(response.status, await response.text(), dict(response.headers), response.url.path)


def agenda(**admission: Any) -> list[Any]:
    """The workshops: two kinds of attendee, a registration elsewhere, two sessions of which the first has one seat."""
    event = milipol(
        audiences=KINDS, admission={"capacity": 3, **admission.pop("event", {})}, **admission.pop("also", {})
    )
    return [event, workshop(1, capacity=1, **admission), workshop(2, capacity=5)]


@pytest.fixture
async def empty(settings: MakeSettings) -> AsyncIterator[Desk]:
    """A desk whose organiser is signed in; no event is published."""
    now = [BEFORE_CLOSE]
    jar = aiohttp.CookieJar(unsafe=True)
    process = lectern(settings(), ["scheduling", "registration"], clock=lambda: now[0])
    async with running(process), aiohttp.ClientSession(cookie_jar=jar) as http:
        desk = Desk(http, process, now)
        await desk.sign_in()
        yield desk


@pytest.fixture
async def desk(empty: Desk) -> Desk:
    """A desk with the workshops published."""
    await tell_agenda(empty.process, *agenda())
    return empty


async def test_whoever_is_not_signed_in_is_asked_to_and_forms_are_refused(desk: Desk) -> None:
    await desk.has("ada", W1, audience="police")
    page = await desk.get(desk.page_of("ada"))
    where, values = page.form(act="cancel", sure="yes")
    desk.http.cookie_jar.clear()
    shown = await desk.get(desk.page_of("ada"))
    assert shown.address == "/organise"
    assert "Ada" not in shown.text
    refused = await desk.post(where, [*values, ("act", "cancel"), ("sure", "yes")])
    assert refused.status == 401
    assert (await desk.registration("ada")).active


async def test_a_form_without_the_sessions_secret_changes_nothing(desk: Desk) -> None:
    await desk.has("ada", W1, audience="police")
    refused = await desk.post(desk.page_of("ada"), {"act": "cancel", "sure": "yes", "csrf": "guessed"})
    assert refused.status == 403
    assert (await desk.registration("ada")).active


async def test_pages_are_kept_by_no_cache(desk: Desk) -> None:
    await desk.has("ada", W1, audience="police")
    for path in (DESK, desk.page_of("ada"), f"{DESK}/approval", f"{DESK}/links", f"{DESK}/attendees.csv"):
        shown = await desk.get(path)
        assert (shown.status, shown.headers["Cache-Control"]) == (200, "private, no-store"), path


async def test_an_event_that_is_not_published_is_told(empty: Desk) -> None:
    shown = await empty.get(DESK)
    assert shown.status == 404
    assert "it is not published yet" in shown.words


async def test_somebody_of_another_event_is_not_shown(desk: Desk) -> None:
    await desk.has("ada", W1, audience="police")
    assert (await desk.get(f"/organise/attendees/sre-2019/people/{desk.ids['ada']}")).status == 404


async def test_the_first_page_counts_seats_by_session_and_kind(desk: Desk) -> None:
    await desk.has("ada", W1, W2, audience="police")
    await desk.has("bob", W1, audience="research")
    rows = [
        " ".join(row.text_content().split())
        for row in html.document_fromstring((await desk.get(DESK)).text).xpath("//table//tbody/tr")
    ]
    assert rows == [
        "The event 2 0 0 0 3",
        "Workshop 1 1 0 0 1 1",
        "Workshop 2 1 0 0 0 5",
        "Police 1 1 0",
        "Research 1 none 0",
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=ADA", ["Ada"]),
        ("q=example.org", ["Ada", "Bob", "Eve"]),
        ("state=cancelled", ["Eve"]),
        (f"session={W1}", ["Ada", "Bob"]),
        (f"session={W1}&state=waitlisted", ["Bob"]),
        ("kind=research", ["Bob", "Eve"]),
        ("requirement=fair:granted", ["Ada"]),
        ("requirement=fair:missing", ["Bob", "Eve"]),
        ("cause=given-up", ["Eve"]),
        ("state=no-such-state", ["Ada", "Bob", "Eve"]),
        ("q=.*", []),
    ],
)
async def test_the_list_is_narrowed(desk: Desk, query: str, found: list[str]) -> None:
    await desk.has("ada", W1, audience="police")
    await desk.has("bob", W1, audience="research")
    await desk.has("eve", W2, audience="research")
    await desk.send(desk.page_of("eve"), {"act": "cancel", "sure": "yes"})
    await desk.press("ada", "requirement", state="granted")
    page = html.document_fromstring((await desk.get(f"{DESK}?{query}")).text)
    assert sorted(name.text_content() for name in page.xpath("//ul[@class='people']/li//a")) == found
    table = (await desk.get(f"{DESK}/attendees.csv?{query}")).text
    assert sorted(row["name"] for row in csv.DictReader(io.StringIO(table.lstrip("\ufeff")))) == found


async def test_a_long_list_has_pages(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.registration.organiser.list_pages.SHOWN", 2)
    names = ["ada", "bob", "eve", "gil", "ida"]
    for name in names:
        await desk.has(name, W2, audience="research")
    shown, found = await desk.get(f"{DESK}?state=confirmed"), []
    for _ in range(10):
        page = html.document_fromstring(shown.text)
        found += [name.text_content() for name in page.xpath("//ul[@class='people']/li//a")]
        further = page.xpath("//a[contains(., 'Further people')]/@href")
        if not further:
            break
        shown = await desk.get(further[0])
    assert sorted(found) == ["Ada", "Bob"], "the event has three seats, one of them for the police"


async def test_a_person_shows_everything_that_stands(desk: Desk) -> None:
    await desk.has("ada", W1, audience="police", country="FR")
    await desk.has("bob", W1, audience="research")
    shown = await desk.get(desk.page_of("bob"))
    assert "bob@example.org" in shown.words
    assert "Workshop 1 on the waiting list Position in the waiting list: 1." in shown.words
    assert "Milipol Paris It is: missing" in shown.words
    assert "The attendee asked for a registration" in shown.words
    assert "Workshop 1: nothing → on the waiting list (number 1 in the line)" in shown.words
    desk.language = "fr"
    shown = await desk.get(desk.page_of("ada"))
    assert "France" in shown.words
    assert "Police" in shown.words


@pytest.mark.parametrize("state", ["granted", "refused", "revoked"])
async def test_a_registration_elsewhere_is_decided_by_hand(desk: Desk, state: str) -> None:
    await desk.has("ada", W1, audience="police")
    shown = await desk.press("ada", "requirement", state=state)
    assert f"It is: {state}" in shown.words
    assert (await desk.registration("ada")).requirements == {"fair": RequirementState(state)}


async def test_a_seat_is_given_up_and_goes_to_who_waits(desk: Desk) -> None:
    await desk.has("ada", W1, W2, audience="police")
    await desk.has("bob", W1, audience="research")
    shown = await desk.press("ada", "cancel", session=W1)
    assert "It is given up" in shown.words
    assert [held.state for held in (await desk.registration("ada")).choices] == ["cancelled", "confirmed"]
    assert [held.state for held in (await desk.registration("bob")).choices] == ["confirmed"]
    assert "The waiting list gave free seats to those who wait" in (await desk.get(desk.page_of("bob"))).words


async def test_a_whole_registration_is_cancelled_only_where_it_is_meant(desk: Desk) -> None:
    await desk.has("ada", W1, audience="police")
    where, values = (await desk.get(desk.page_of("ada"))).form(act="cancel", sure="yes")
    shown = await desk.post(where, [*values, ("act", "cancel")])
    assert (shown.status, "Tick the box" in shown.words) == (400, True)
    assert (await desk.registration("ada")).active
    await desk.send(desk.page_of("ada"), {"act": "cancel", "sure": "yes"})
    assert not (await desk.registration("ada")).active


async def test_sessions_are_changed_all_at_once_or_not_at_all(desk: Desk) -> None:
    await desk.has("ada", W1, audience="police")
    await desk.has("bob", W2, audience="research")
    shown = await desk.send(await desk.get(desk.page_of("bob")), {"act": "sessions"}, sessions=W1)
    assert shown.status == 409
    assert "Workshop 1: It was full, and could not be waited for." in shown.words
    assert [held.session_id for held in (await desk.registration("bob")).choices] == [W2]
    await desk.send(await desk.get(desk.page_of("ada")), {"act": "sessions"}, sessions=W2)
    shown = await desk.send(await desk.get(desk.page_of("bob")), {"act": "sessions"}, sessions=W1)
    assert "The sessions are changed." in shown.words
    states = {held.session_id: held.state for held in (await desk.registration("bob")).choices}
    assert states == {W1: "confirmed", W2: "cancelled"}


async def test_checking_in_is_told_twice_and_taken_back(desk: Desk) -> None:
    await desk.has("ada", W1, audience="police")
    page = await desk.get(desk.page_of("ada"))
    shown = await desk.send(page, {"act": "check-in", "session": W1})
    assert "Checked in." in shown.words
    assert (await desk.registration("ada")).choices[0].state is SeatState.ATTENDED
    again = await desk.send(page, {"act": "check-in", "session": W1})
    assert (again.status, "Was checked in already." in again.words) == (409, True)
    await desk.press("ada", "undo-check-in", session=W1)
    assert (await desk.registration("ada")).choices[0].state is SeatState.CONFIRMED
    assert (await desk.registration("ada")).state is SeatState.CONFIRMED, "nor at the event: it was the only scan"


async def test_seats_are_handed_on_to_a_colleague(desk: Desk) -> None:
    await desk.has("ada", W1, audience="police")
    colleague = {"person.name": "Zoe", "person.email": "Zoe@Example.org", "person.country": "fr"}
    shown = await desk.send(desk.page_of("ada"), {"act": "transfer"}, **colleague)
    assert "Zoe" in shown.words
    assert "The seats are this person's now." in shown.words
    assert (await desk.registration("ada")).cause is Cause.TRANSFERRED
    found = await desk.store.registration_of("milipol-2019", "zoe@example.org")
    assert found is not None
    assert [held.state for held in found.choices] == [SeatState.CONFIRMED]


async def test_a_colleague_without_an_address_is_told_by_field(desk: Desk) -> None:
    await desk.has("ada", W1, audience="police")
    shown = await desk.send(desk.page_of("ada"), {"act": "transfer"}, **{"person.name": "Zoe", "person.email": "zoe"})
    assert shown.status == 422
    assert "E-mail:" in shown.words
    assert ("person.name", "Zoe") in shown.form(act="transfer")[1], "what was typed is kept"


async def test_a_new_private_address_voids_the_old_one(desk: Desk) -> None:
    await desk.has("ada", W1, audience="police")
    await desk.press("ada", "relink")
    assert (await desk.registration("ada")).link_generation == 2


async def test_a_person_is_forgotten_only_where_it_is_meant(desk: Desk) -> None:
    await desk.has("ada", W1, audience="police")
    where, values = (await desk.get(desk.page_of("ada"))).form(act="erase", sure="yes")
    assert (await desk.post(where, [*values, ("act", "erase")])).status == 400
    shown = await desk.send(desk.page_of("ada"), {"act": "erase", "sure": "yes"})
    assert "This person was forgotten." in shown.words
    assert "ada@example.org" not in shown.text
    assert (await desk.registration("ada")).erased
    assert "Nobody has registered yet" in (await desk.get(DESK)).words


async def test_a_form_that_is_sent_twice_is_done_once(desk: Desk) -> None:
    await desk.has("ada", W1, audience="police")
    page = await desk.get(desk.page_of("ada"))
    await desk.send(page, {"act": "relink"})
    assert "done once" in (await desk.send(page, {"act": "relink"})).words
    assert (await desk.registration("ada")).link_generation == 2


async def test_why_somebody_got_no_seat_is_found_by_the_address_that_was_used(desk: Desk) -> None:
    desk.now[0] = CLOSES
    await desk.sign_in()  # a session lasts for half a day
    await desk.has("max", W1, audience="police")
    shown = await desk.get(f"{DESK}?q=max@example.org")
    assert "Nobody is found." in shown.words
    log = await desk.send(shown, {"email": "max@example.org"})
    assert log.address == f"{DESK}/log", "the address is in no address of a page"
    assert "The attendee asked for a registration refused" in log.words
    assert "The event: Registration was closed." in log.words
    nobody = await desk.send(log, {}, email="nobody@example.org")
    assert "Nothing was decided about this address." in nobody.words


async def test_refusals_before_a_registration_are_in_its_history(desk: Desk) -> None:
    desk.now[0] = CLOSES
    await desk.has("max", W1, audience="police")
    desk.now[0] = BEFORE_CLOSE
    await desk.has("max", W1, audience="police")
    words = (await desk.get(desk.page_of("max"))).words
    assert words.index("Workshop 1: nothing → confirmed") < words.index("Registration was closed.")


async def test_many_are_approved_at_once_and_a_bad_one_stops_nobody(empty: Desk) -> None:
    desk = empty
    await tell_agenda(desk.process, *agenda(event={"approval": True}))
    for name in ("ada", "bob", "eve"):
        await desk.has(name, W2, audience="research")
    page = await desk.get(f"{DESK}/approval")
    await desk.send(desk.page_of("bob"), {"act": "cancel", "sure": "yes"})
    ticked = [("waits", desk.ids[name]) for name in ("ada", "bob", "eve")]
    shown = await desk.send(page, {"act": "approve"}, *ticked, ("waits", "no-such-person"))
    assert "Ada: confirmed" in shown.words
    assert "Bob: not done" in shown.words
    assert "Eve: confirmed" in shown.words
    assert "no-such-person: not done" in shown.words
    assert "Nobody waits for your yes." in shown.words
    states = [(await desk.registration(name)).state for name in ("ada", "bob", "eve")]
    assert states == ["confirmed", "cancelled", "confirmed"]


async def test_a_yes_and_a_no_are_said_on_a_persons_page(empty: Desk) -> None:
    desk = empty
    await tell_agenda(desk.process, *agenda(event={"approval": True}))
    await desk.has("ada", W2, audience="research")
    await desk.has("bob", W2, audience="research")
    assert "waits for an organiser's yes" in (await desk.get(desk.page_of("ada"))).words
    await desk.press("ada", "approve")
    await desk.press("bob", "decline")
    assert (await desk.registration("ada")).state is SeatState.CONFIRMED
    assert (await desk.registration("bob")).cause is Cause.DECLINED


async def test_only_the_session_that_needs_it_is_approved(empty: Desk) -> None:
    desk = empty
    await tell_agenda(desk.process, *agenda(admission={"approval": True}))
    await desk.has("ada", W1, W2, audience="police")
    shown = await desk.get(f"{DESK}/approval")
    assert "Ada" in shown.words
    shown = await desk.send(shown, {"act": "decline"}, ("waits", f"{desk.ids['ada']}/{W1}"))
    assert "Ada, Workshop 1: cancelled" in shown.words
    assert [held.state for held in (await desk.registration("ada")).choices] == ["cancelled", "confirmed"]


async def test_a_yes_can_be_said_while_something_else_is_missing(empty: Desk) -> None:
    desk = empty
    fair = {"id": "fair", "name": {"en": "Milipol Paris"}, "policy": "first"}
    await tell_agenda(desk.process, *agenda(event={"approval": True}, also={"requirements": [fair]}))
    await desk.has("ada", W2, audience="research")
    shown = await desk.press("ada", "approve")
    assert "waits for a registration elsewhere" in shown.words
    await desk.press("ada", "requirement", state="granted")
    assert (await desk.registration("ada")).state is SeatState.CONFIRMED


async def test_nobody_ticked_is_told(empty: Desk) -> None:
    await tell_agenda(empty.process, *agenda(event={"approval": True}))
    await empty.has("ada", W2, audience="research")
    shown = await empty.send(f"{DESK}/approval", {"act": "approve"})
    assert "Nobody was ticked" in shown.words
    assert (await empty.registration("ada")).state is SeatState.PENDING


async def test_the_door_and_the_chairs_have_addresses_that_open(empty: Desk) -> None:
    desk = empty
    question = {"id": "needs", "label": {"en": "Your needs", "fr": "Vos besoins"}}
    event, first, second = agenda()
    await tell_agenda(
        desk.process, event, first.model_copy(update={"questions": workshop(1, questions=[question]).questions}), second
    )
    links = html.document_fromstring((await desk.get(f"{DESK}/links")).text).xpath("//main//a[code]/@href")
    assert len(links) == 2
    for link in links:
        assert (await desk.get(link.removeprefix("http://lectern.test"))).status == 200
    await desk.send(f"{DESK}/links", {})
    renewed = html.document_fromstring((await desk.get(f"{DESK}/links")).text).xpath("//main//a[code]/@href")
    assert renewed[0] != links[0]
    assert (await desk.get(links[0].removeprefix("http://lectern.test"))).status == 404


async def test_a_code_is_made_used_and_revoked(desk: Desk) -> None:
    shown = await desk.send(
        f"{DESK}/codes",
        {"act": "shared"},
        ("sessions", W1),
        code="police-2019",
        uses="5",
        reserved="1",
        label="The police",
    )
    assert "The code is made." in shown.words
    assert "police-2019 The police uses: 0 of 5 · seats reserved: 1, of which nobody has yet: 1" in shown.words
    assert (await desk.has("ada", W1, audience="research", code="Police 2019"))["state"] == "confirmed"
    shown = await desk.get(f"{DESK}/codes")
    assert "uses: 1 of 5 · seats reserved: 1, of which nobody has yet: 0" in shown.words
    shown = await desk.send(shown, {"act": "revoke"})
    assert "The code is revoked." in shown.words
    assert [code.revoked for code in await desk.store.codes("milipol-2019")] == [True]
    assert (await desk.registration("ada")).active


async def test_a_code_ends_when_the_clocks_of_the_event_say_so(desk: Desk) -> None:
    await desk.send(f"{DESK}/codes", {"act": "shared"}, expires="2019-11-10T18:30")
    (code,) = await desk.store.codes("milipol-2019")
    assert code.expires_at is not None
    assert code.expires_at.isoformat() == "2019-11-10T17:30:00+00:00"
    assert len(code.spelled) == 9, "two groups of four, made up"


async def test_personal_codes_come_as_a_table_and_open_to_their_person_only(desk: Desk) -> None:
    page = await desk.get(f"{DESK}/codes")
    send = {"emails": "ada@example.org\r\nBOB@example.org\r\n\r\nada@example.org", "keep": "yes"}
    table = await desk.send(page, {"act": "personal"}, **send)
    assert table.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(table.text.lstrip("\ufeff"))))
    assert [row["email"] for row in rows] == ["ada@example.org", "BOB@example.org"]
    assert (await desk.send(page, {"act": "personal"}, **send)).text == table.text, "sent twice, the codes are the same"
    refused = await desk.has("eve", W2, audience="research", code=rows[0]["code"])
    assert [error["code"] for error in refused["errors"]] == ["code-of-another"]
    assert (await desk.has("bob", W2, audience="research", code=rows[1]["code"]))["state"] == "confirmed"
    assert len(await desk.store.codes("milipol-2019")) == 2


@pytest.mark.parametrize(
    ("act", "typed", "said"),
    [
        ("shared", {"code": "ab"}, "Code: At least four letters or digits"),
        ("shared", {"uses": "many"}, "How often it may be used: Write a whole number."),
        ("shared", {"reserved": "99"}, "Seats reserved: More seats are to be reserved than are free"),
        ("shared", {"expires": "soon"}, "Valid until: Give a day and a time."),
        ("shared", {"sessions": "no-such-session"}, "Sessions: There was no such session."),
        ("personal", {"emails": "ada@example.org\nnobody"}, "Address 2: This is not an e-mail address."),
        ("personal", {"emails": " "}, "Addresses: This is missing; please fill it in."),
        ("personal", {"emails": "\n".join(f"p{n}@example.org" for n in range(501))}, "At most 500 codes at once."),
    ],
)
async def test_a_code_that_cannot_be_made_is_told_by_field(
    desk: Desk, act: str, typed: dict[str, str], said: str
) -> None:
    shown = await desk.send(f"{DESK}/codes", {"act": act}, **typed)
    assert shown.status in (409, 422)
    assert said in shown.words
    assert await desk.store.codes("milipol-2019") == []


async def upload(desk: Desk, act: str, body: bytes, name: str = "list.csv", **has: str) -> Shown:
    """Sends a file with a form of the page of files."""
    where, values = (await desk.get(f"{DESK}/files")).form(act=act, **has)
    form = aiohttp.FormData()
    for field_name, value in values:
        if field_name != "file":
            form.add_field(field_name, value)
    form.add_field("act", act)
    form.add_field("file", body, filename=name, content_type="text/csv")
    return await desk.post(where, form)


async def test_a_file_of_another_organisation_is_checked_then_taken_over(desk: Desk) -> None:
    await desk.has("ada", W1, audience="police")
    table = b"email;state\nada@example.org;granted\nmax@example.org;refused\nnobody;granted\n"
    shown = await upload(desk, "check", table, requirement="fair")
    assert "2 rows can be read; nothing was changed. Line 4:" in shown.words
    assert (await desk.registration("ada")).requirements == {"fair": RequirementState.MISSING}
    shown = await upload(desk, "decide", table, requirement="fair")
    assert "2 rows count from now on: 1 of people who are registered here, 1 of people who are not yet." in shown.words
    assert "Line 4:" in shown.words
    assert (await desk.registration("ada")).requirements == {"fair": RequirementState.GRANTED}
    await desk.has("max", W2, audience="research")
    assert (await desk.registration("max")).requirements == {"fair": RequirementState.REFUSED}


@pytest.mark.parametrize("body", [b"", b"name\nada\n", b"\xff\xfe\x00", b"email\n\xe9\n"])
async def test_a_file_that_cannot_be_read_changes_nothing(desk: Desk, body: bytes) -> None:
    await desk.has("ada", W1, audience="police")
    shown = await upload(desk, "decide", body, requirement="fair")
    assert (shown.status, "The file cannot be read, so nothing was changed." in shown.words) == (422, True)


async def test_members_are_given_as_a_file_and_asked_for(empty: Desk) -> None:
    desk = empty
    await tell_agenda(desk.process, *agenda(also={"members": {"lists": ["efus"]}}, event={"members_only": True}))
    assert (await desk.has("ada", W1, audience="police"))["errors"][0]["code"] == "members-only"
    shown = await upload(desk, "replace", b"E-mail\nAda@example.org\nmax@example.org,\n", list="efus")
    assert "2 addresses are on the list now." in shown.words
    assert (await desk.has("ada", W1, audience="police"))["state"] == "confirmed"
    bad = await upload(desk, "add", b"eve@example.org\nnobody\n", list="efus")
    assert (bad.status, "Line 2: This is not an e-mail address." in bad.words) == (422, True)
    asked = await desk.send(f"{DESK}/files", {"act": "ask", "list": "efus"}, email="eve@example.org")
    assert "This address is not on the list." in asked.words, "a list is taken whole or not at all"
    off = await desk.send(f"{DESK}/files", {"act": "remove", "list": "efus"}, email="max@example.org")
    assert "taken off the list" in off.words
    assert "1 address, changed on" in off.words


async def test_a_series_shows_its_growth_and_its_countries(empty: Desk) -> None:
    desk, rounds = empty, []
    for number in (1, 2):
        series = {"id": "milipol", "name": {"en": "Milipol workshops"}, "round": number}
        event = milipol(id=f"milipol-{2017 + number}" if number == 1 else "milipol-2019", series=series)
        rounds.append(event)
    sessions = [workshop(1, capacity=1), workshop(2, capacity=5)]
    await tell_agenda(desk.process, rounds[1], *sessions)
    old = workshop(3, id="milipol-2018-workshop-1", event_id="milipol-2018")
    assert desk.process.transport is not None
    await desk.process.transport.publish([Outgoing(EVENTS, one) for one in agenda_facts(rounds[0], old)])
    await taken_in(desk.process.databases["registration"], 3)
    await desk.has("ada", W2, country="FR")
    await desk.has("bob", W2, country="FI")
    await desk.has("eve", W2)
    await desk.press("ada", "check-in")
    await desk.send(desk.page_of("eve"), {"act": "cancel", "sure": "yes"})
    page = html.document_fromstring((await desk.get(f"{DESK}/growth")).text)
    rows = [" ".join(cell.text_content() for cell in row) for row in page.xpath("//table//tbody/tr")]
    assert rows == [
        "1: Practitioner workshops at Milipol 0 0 0 0 0",
        "2: Practitioner workshops at Milipol 3 2 1 1 2",
        "Finland 1",
        "France 1",
    ]
    drawing = page.xpath("//svg")[0]
    assert drawing.xpath("title")[0].text == "The audience from round to round"
    assert [text.text for text in drawing.xpath("text[@text-anchor]")] == [
        "0",
        "0",
        "0",
        "Round 1",
        "3",
        "2",
        "1",
        "Round 2",
    ]


async def test_a_day_later_what_was_decided_is_still_told_in_the_events_own_time(desk: Desk) -> None:
    await desk.has("ada", W1, audience="police")
    desk.now[0] = BEFORE_CLOSE + timedelta(days=1)
    await desk.sign_in()  # a session lasts for half a day
    shown = await desk.get(desk.page_of("ada"))
    assert "Friday, 1 November 2019, 10:00 (UTC+1)" in shown.words
