"""What goes in and out of the desk of attendees: codes, files, lists of members, addresses to hand out, the growth."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator

import aiohttp
import pytest
from lxml import html

from shared.contracts.registration import RequirementState
from shared.contracts.registry import EVENTS
from shared.messaging.port import Outgoing
from tests.conftest import MakeSettings
from tests.support.agenda import agenda_facts, taken_in, tell_agenda
from tests.support.attendees_desk import DESK, W1, W2, Desk, Shown, agenda, desk_of_attendees
from tests.support.events import milipol, workshop


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


async def test_the_door_and_the_chairs_have_addresses_that_open(empty: Desk) -> None:
    desk = empty
    question = {"id": "needs", "label": {"en": "Your needs", "fr": "Vos besoins"}}
    event, first, second = agenda()
    await tell_agenda(
        desk.process, event, first.model_copy(update={"questions": workshop(1, questions=[question]).questions}), second
    )
    page = html.document_fromstring((await desk.get(f"{DESK}/links")).text)
    links = page.xpath("//main//input[@readonly]/@value")
    assert len(links) == 2
    assert len(page.xpath("//section[@aria-labelledby='door']//svg")) == 1, "the door's address as a code to scan"
    for link in links:
        assert (await desk.get(link.removeprefix("http://lectern.test"))).status == 200
    assert (await desk.send(f"{DESK}/links", {"sure": "yes"})).status == 200
    renewed = html.document_fromstring((await desk.get(f"{DESK}/links")).text).xpath("//main//input[@readonly]/@value")
    assert renewed[0] != links[0]
    assert (await desk.get(links[0].removeprefix("http://lectern.test"))).status == 404


async def test_the_chairs_of_one_session_get_a_new_address(empty: Desk) -> None:
    desk = empty
    event, *sessions = agenda(also={"questions": [{"id": "needs", "label": {"en": "Your needs"}}]})
    chairs = workshop(1, people=[{"id": "kim", "name": "Kim Kallio", "role": "chair"}]).people
    await tell_agenda(desk.process, event, *(one.model_copy(update={"people": chairs}) for one in sessions))

    async def addresses() -> list[str]:
        page = html.document_fromstring((await desk.get(f"{DESK}/links")).text)
        return [link.removeprefix("http://lectern.test") for link in page.xpath("//main//input[@readonly]/@value")]

    door, first, second = await addresses()
    shown = await desk.send(f"{DESK}/links", {"session": W1, "sure": "yes"})
    assert "The chairs of “Workshop 1” have a new address; the one before opens nothing any more." in shown.words
    assert "All of these addresses open until Wednesday, 27 November 2019." in shown.words
    assert (await desk.get(first)).status == 404
    renewed = await addresses()
    assert (renewed[0], renewed[2]) == (door, second), "the others stay"
    for address in renewed:
        assert (await desk.get(address)).status == 200


async def test_new_addresses_of_chairs_need_the_organisers_own_form(empty: Desk) -> None:
    desk = empty
    question = workshop(1, questions=[{"id": "needs", "label": {"en": "Your needs"}}]).questions
    event, first, second = agenda()
    await tell_agenda(desk.process, event, first.model_copy(update={"questions": question}), second)
    page = await desk.get(f"{DESK}/links")
    where, fields = page.form(session=W1)
    assert (await desk.post(where, {"session": W1})).status == 403
    assert (await desk.post(where, {**dict(fields), "session": "another-session", "sure": "yes"})).status == 404
    assert (await desk.post(where, fields)).status == 400, "it is not said to be meant"
    desk.http.cookie_jar.clear()
    assert (await desk.post(where, fields)).status == 401
    await desk.sign_in()
    after = await desk.get(f"{DESK}/links")
    links = [html.document_fromstring(one.text).xpath("//main//input[@readonly]/@value") for one in (page, after)]
    assert links[0] == links[1]


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
        ("shared", {"expires": "2018-11-10T18:30"}, "Valid until: This moment is over; give a later one"),
        ("personal", {"emails": "ada@example.org", "expires": "2018-11-10T18:30"}, "Valid until: This moment is over"),
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


async def test_the_same_reason_is_told_once(desk: Desk) -> None:
    shown = await desk.send(f"{DESK}/codes", {"act": "shared"}, ("sessions", W1), reserved="99", uses="5")
    assert shown.words.count("More seats are to be reserved than are free") == 1


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


async def test_a_wrong_line_is_told_in_the_readers_words(desk: Desk) -> None:
    table = b"""email,number,state,decided_at
nobody,,,
ada@example.org,,maybe,
ada@example.org,,granted,soon
,,refused,
ada@example.org,1,granted,,,more
"""
    shown = await upload(desk, "check", table, requirement="fair")
    for said in (
        "Line 2: email: This is not an e-mail address.",
        "Line 3: state: Write granted, refused or revoked.",
        "Line 4: decided_at: Write the day and the time as 2019-11-05 14:30",
        "Line 5: Nobody is named: give an e-mail address or a number.",
        "Line 6: The row has more cells than there are columns.",
    ):
        assert said in shown.words
    refused = await upload(desk, "check", b"email,colour\n", requirement="fair")
    assert "Line 1: colour: There is no such column; there are email, number, state, decided_at." in refused.words


async def test_the_example_on_the_page_is_a_file_that_can_be_taken_over(desk: Desk) -> None:
    page = html.document_fromstring((await desk.get(f"{DESK}/files")).text)
    example = page.xpath("//pre")[0].text_content()
    shown = await upload(desk, "check", example.encode(), requirement="fair")
    assert "2 rows can be read; nothing was changed." in shown.words
    assert shown.status == 200


async def test_a_time_without_an_offset_is_one_of_the_event(desk: Desk) -> None:
    """The newest decision on a person counts: 13:30 UTC is not after 14:30 in Paris."""
    await desk.has("ada", W1, audience="police")
    for line in ("granted,2019-10-30T13:45Z", "refused,2019-10-30 14:30"):
        await upload(desk, "decide", f"email,state,decided_at\nada@example.org,{line}\n".encode(), requirement="fair")
    assert (await desk.registration("ada")).requirements == {"fair": RequirementState.GRANTED}
    last = b"email,state,decided_at\nada@example.org,refused,2019-10-30 15:00\n"
    shown = await upload(desk, "decide", last, requirement="fair")
    assert "1 row counts from now on" in shown.words
    assert (await desk.registration("ada")).requirements == {"fair": RequirementState.REFUSED}


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
    await desk.send(desk.page_of("eve"), {"act": "cancel", "all": "yes"})
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
