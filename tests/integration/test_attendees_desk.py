"""The organiser's desk of attendees over HTTP on a real MongoDB: every button really changes what stands."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from lxml import html

from shared.contracts.registration import Cause, RequirementState, SeatState
from tests.conftest import MakeSettings
from tests.support.agenda import tell_agenda
from tests.support.attendees_desk import DESK, W1, W2, Desk, agenda, desk_of_attendees
from tests.support.events import BEFORE_CLOSE, CLOSES


@pytest.fixture
async def empty(settings: MakeSettings) -> AsyncIterator[Desk]:
    """A desk with no event."""
    async with desk_of_attendees(settings()) as desk:
        yield desk


@pytest.fixture
async def desk(empty: Desk) -> Desk:
    """A desk with the workshops published."""
    await tell_agenda(empty.process, *agenda())
    return empty


async def test_whoever_is_not_signed_in_is_asked_to_and_forms_are_refused(desk: Desk) -> None:
    await desk.has("ada", W1, audience="police")
    page = await desk.get(desk.page_of("ada"))
    where, values = page.form(act="cancel", all="yes")
    desk.http.cookie_jar.clear()
    shown = await desk.get(desk.page_of("ada"))
    assert shown.address == "/organise"
    assert "Ada" not in shown.text
    refused = await desk.post(where, [*values, ("act", "cancel"), ("all", "yes")])
    assert refused.status == 401
    assert (await desk.registration("ada")).active


async def test_a_form_without_the_sessions_secret_changes_nothing(desk: Desk) -> None:
    await desk.has("ada", W1, audience="police")
    refused = await desk.post(desk.page_of("ada"), {"act": "cancel", "all": "yes", "csrf": "guessed"})
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
    await desk.send(desk.page_of("eve"), {"act": "cancel", "all": "yes"})
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
    shown = await desk.press("ada", "requirement", state=state, **({"sure": "yes"} if state != "granted" else {}))
    assert f"It is: {state}" in shown.words
    assert (await desk.registration("ada")).requirements == {"fair": RequirementState(state)}


async def test_a_seat_is_given_up_and_goes_to_who_waits(desk: Desk) -> None:
    await desk.has("ada", W1, W2, audience="police")
    await desk.has("bob", W1, audience="research")
    shown = await desk.press("ada", "cancel", session=W1, sure="yes")
    assert "It is given up" in shown.words
    assert [held.state for held in (await desk.registration("ada")).choices] == ["cancelled", "confirmed"]
    assert [held.state for held in (await desk.registration("bob")).choices] == ["confirmed"]
    assert "The waiting list gave free seats to those who wait" in (await desk.get(desk.page_of("bob"))).words


async def test_a_whole_registration_is_cancelled_only_where_it_is_meant(desk: Desk) -> None:
    await desk.has("ada", W1, audience="police")
    where, values = (await desk.get(desk.page_of("ada"))).form(act="cancel", all="yes")
    shown = await desk.post(where, [*values, ("act", "cancel")])
    assert (shown.status, "Tick the box" in shown.words) == (400, True)
    assert (await desk.registration("ada")).active
    await desk.send(desk.page_of("ada"), {"act": "cancel", "all": "yes"})
    assert not (await desk.registration("ada")).active


@pytest.mark.parametrize(
    "act", [{"act": "cancel", "session": W1}, {"act": "requirement", "state": "refused"}, {"act": "decline"}]
)
async def test_what_takes_something_away_needs_a_second_step(empty: Desk, act: dict[str, str]) -> None:
    desk = empty
    await tell_agenda(desk.process, *agenda(event={"approval": act["act"] == "decline"}))
    await desk.has("ada", W1, audience="police")
    before = await desk.registration("ada")
    where, values = (await desk.get(desk.page_of("ada"))).form(sure="yes", **act)
    assert ("sure", "yes") not in values, "the box is not ticked before"
    shown = await desk.post(where, [*values, *(item for item in act.items() if item not in values)])
    assert (shown.status, "Tick the box" in shown.words) == (400, True)
    assert await desk.registration("ada") == before


async def test_giving_up_all_that_somebody_has_is_told_before(desk: Desk) -> None:
    await desk.has("ada", W1, W2, audience="police")
    assert "the registration ends" not in (await desk.get(desk.page_of("ada"))).words
    shown = await desk.press("ada", "cancel", session=W1, sure="yes")
    assert "It is all that this person has here: without it, the registration ends." in shown.words
    await desk.press("ada", "cancel", session=W2, sure="yes")
    assert not (await desk.registration("ada")).active


async def test_every_page_leads_to_the_others_and_the_search_comes_first(desk: Desk) -> None:
    for part in ("", "/approval", "/codes", "/files", "/growth"):
        page = html.document_fromstring((await desk.get(f"{DESK}{part}")).text)
        ways = page.xpath("//ul[@class='ways']/li")
        assert [bool(way.xpath("*[@aria-current]")) for way in ways].count(True) == 1, part
        assert len(page.xpath("//ul[@class='ways']//a")) == 5, part
    first = html.document_fromstring((await desk.get(DESK)).text)
    assert [each.get("role") or each.get("id") for each in first.xpath("//main//*[@role='search' or self::h2]")] == [
        "search",
        "counts",
        "who",
    ]
    assert first.xpath("//form[@role='search']/@action") == [f"{DESK}#who"], "the answer is shown, not the page's head"


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
    await desk.send(desk.page_of("bob"), {"act": "cancel", "all": "yes"})
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
    await desk.press("bob", "decline", sure="yes")
    assert (await desk.registration("ada")).state is SeatState.CONFIRMED
    assert (await desk.registration("bob")).cause is Cause.DECLINED


async def test_one_decides_by_what_the_person_is_and_answered(empty: Desk) -> None:
    desk = empty
    question = {"id": "unit", "label": {"en": "Which unit are you of?"}}
    await tell_agenda(desk.process, *agenda(event={"approval": True}, also={"questions": [question]}))
    await desk.has(
        "ada", W2, audience="research", country="FR", affiliation="Police nationale", answers={"unit": "The river"}
    )
    said = (await desk.get(f"{DESK}/approval")).words
    assert "Organisation Police nationale Kind of attendee Research Country France" in said
    assert "Which unit are you of? The river" in said


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


async def test_a_day_later_what_was_decided_is_still_told_in_the_events_own_time(desk: Desk) -> None:
    await desk.has("ada", W1, audience="police")
    desk.now[0] = BEFORE_CLOSE + timedelta(days=1)
    await desk.sign_in()  # a session lasts for half a day
    shown = await desk.get(desk.page_of("ada"))
    assert "Friday, 1 November 2019, 10:00 (UTC+1)" in shown.words
