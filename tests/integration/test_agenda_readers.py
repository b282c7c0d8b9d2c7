"""What readers find of a published agenda: files, the change log, series and programmes, and times after a new tzdata."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

from icalendar import Calendar
from pypdf import PdfReader

from services.scheduling.editing import Editor
from services.scheduling.exports.files import FILES
from services.scheduling.zone_watch import ZoneWatch
from tests.integration.test_scheduling_api import EVENT, WORKSHOP_3, Scheduling, scheduling
from tests.support.lectern import ORGANISER
from tests.support.other_zone_rules import other_zone_rules

__all__ = ["scheduling"]

EFUS = "efus-2021-round-3"
S1, S2, S3 = (f"{EFUS}-session-{number}" for number in (1, 2, 3))


async def test_every_file_is_offered_on_the_page_and_can_be_had_in_both_languages(scheduling: Scheduling) -> None:
    await scheduling.published("milipol-2019")
    page = await scheduling.page("/events/milipol-2019?lang=fr")
    for kind in FILES.values():
        address = f"/events/milipol-2019/{kind.name}"
        assert f'href="{address}?lang=fr"' in page
        for language, words in (("en", "high-quality datasets"), ("fr", "jeux de données")):
            answer = await scheduling.client.get(f"{address}?lang={language}")
            assert (answer.status, answer.content_type) == (200, kind.media_type)
            assert answer.headers["Content-Language"] == language
            body = await answer.read()
            text = _text(kind.name, body)
            assert words in " ".join(text.split()), (kind.name, language)
            assert "H2020MP2019" not in text, "the code is for those who register"


def _text(name: str, body: bytes) -> str:
    if name == "agenda.pdf":
        return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(body)).pages)
    if name == "agenda.ics":
        return " ".join(str(entry["SUMMARY"]) for entry in Calendar.from_ical(body).walk("VEVENT"))
    if name.endswith(("json", "jsonld")):
        return json.dumps(json.loads(body), ensure_ascii=False)
    return body.decode()


async def test_a_file_that_is_still_right_is_not_sent_again(scheduling: Scheduling) -> None:
    await scheduling.published("milipol-2019")
    address = "/events/milipol-2019/agenda.csv?lang=en"
    first = await scheduling.client.get(address)
    headers = {"If-None-Match": first.headers["ETag"]}
    assert (await scheduling.client.get(address, headers=headers)).status == 304
    assert (await scheduling.client.get(address.replace("=en", "=fr"), headers=headers)).status == 200
    await scheduling.patch(f"{EVENT}/sessions/{WORKSHOP_3}", {"starts": "14:05"})
    assert (await scheduling.client.get(address, headers=headers)).status == 304, "a draft is not told"
    await scheduling.post(f"{EVENT}/publish")
    again = await scheduling.client.get(address, headers=headers)
    assert again.status == 200
    assert "14:05" in await again.text()


async def test_a_file_that_there_is_not_is_named(scheduling: Scheduling) -> None:
    await scheduling.published("milipol-2019")
    answer = await scheduling.client.get("/events/milipol-2019/agenda.doc")
    assert answer.status == 404
    assert "agenda.pdf" in (await answer.json())["errors"][0]["message"]
    assert (await scheduling.client.get("/events/nowhere/agenda.pdf")).status == 404


async def test_the_change_log_reads_as_what_happened(scheduling: Scheduling) -> None:
    await scheduling.published(EFUS)
    event = f"/api/v1/events/{EFUS}"
    await scheduling.patch(f"{event}/sessions/{S1}", {"starts": "14:00", "ends": "15:00"})
    await scheduling.post(f"{event}/publish", {"note": {"en": "The time is known.", "fr": "L'heure est connue."}})
    await scheduling.patch(f"{event}/sessions/{S2}", {"date": "2021-05-06"})
    await scheduling.patch(f"{event}/sessions/{S3}", {"title": {"en": "Community policing"}})
    await scheduling.post(f"{event}/publish")
    await scheduling.post(f"{event}/sessions/{S3}/cancel", {"note": "The partners cannot come."})
    english, french = [await scheduling.page(f"/events/{EFUS}/changes?lang={code}") for code in ("en", "fr")]
    for words in (
        "The time is known.",
        "Begins: time to be announced → 14:00",
        "Begins: Wednesday, 5 May 2021, 14:00 → Thursday, 6 May 2021, 14:00",
        "Title: Community policing: what the Cutting Crime Impact project has found and built → Community policing",
        "Cancelled.",
        "The partners cannot come.",
        "The first version of the agenda.",
    ):
        assert words in english, words
    for words in ("L&#39;heure est connue.", "Début : heure à préciser → 14:00", "jeudi 6 mai 2021", "Annulé."):
        assert words in french, words
    assert english.index("Revision 4") < english.index("Revision 3") < english.index("Revision 1")


async def test_the_change_log_is_read_page_by_page(scheduling: Scheduling) -> None:
    await scheduling.published("milipol-2019")
    for minute in range(5):
        await scheduling.patch(f"{EVENT}/sessions/{WORKSHOP_3}", {"starts": f"14:1{minute}"})
        await scheduling.post(f"{EVENT}/publish")
    first = await scheduling.get(f"{EVENT}/changes?limit=4")
    assert [item["revision"] for item in first["items"]] == [6, 5, 4, 3]
    second = await scheduling.get(f"{EVENT}/changes?limit=4&cursor={first['next_cursor']}")
    assert ([item["revision"] for item in second["items"]], second["next_cursor"]) == ([2, 1], None)


async def test_a_series_lists_its_rounds_in_order_and_a_programme_its_events(scheduling: Scheduling) -> None:
    await scheduling.published(EFUS)
    third = (await scheduling.get(f"/api/v1/events/{EFUS}/draft"))["agenda"]
    for number in (2, 1):
        earlier = {**third["event"], "id": f"efus-2021-round-{number}", "title": {"en": f"Round the {number}."}}
        earlier["series"] = {**earlier["series"], "round": number}
        earlier |= {"contacts": []}
        await scheduling.post("/api/v1/events/import", {"event": earlier}, 201)
        await scheduling.post(f"/api/v1/events/efus-2021-round-{number}/publish")
    page = await scheduling.page("/series/efus-innovation?lang=en")
    places = [page.index(f'href="/events/efus-2021-round-{number}?lang=en"') for number in (1, 2, 3)]
    assert places == sorted(places)
    event = await scheduling.page(f"/events/{EFUS}?lang=en")
    assert 'href="/events/efus-2021-round-2?lang=en">round 2</a>' in event
    listed = await scheduling.get("/api/v1/events?series=efus-innovation")
    assert [item["series"]["round"] for item in listed["items"]] == [1, 2, 3]
    await scheduling.page("/series/nothing", 404)
    programme = await scheduling.page("/programmes/cutting-crime-impact?lang=en")
    assert programme.count("/events/efus-2021-round-") == 3


async def test_a_side_event_is_listed_beside_the_programme(scheduling: Scheduling) -> None:
    await scheduling.published("sre-2019")
    event = await scheduling.page("/events/sre-2019?lang=en")
    assert "Side event of" in event
    page = await scheduling.page("/programmes/finland-eu-presidency-2019?lang=en")
    assert page.index("Side events") < page.index("/events/sre-2019")


async def test_the_report_of_missing_translations_names_each_text(scheduling: Scheduling) -> None:
    await scheduling.imported("milipol-2019")
    report = await scheduling.get(f"{EVENT}/draft/translations")
    assert [(item["language"], item["missing"]) for item in report["languages"]] == [("en", []), ("fr", [])]
    await scheduling.patch(f"{EVENT}/sessions/{WORKSHOP_3}", {"title": {"fr": None}})
    await scheduling.patch(f"{EVENT}/people/renaud-vedel", {"position": {"fr": None}})
    french = (await scheduling.get(f"{EVENT}/draft/translations"))["languages"][1]
    assert french["missing"] == ["people.renaud-vedel.position", f"sessions.{WORKSHOP_3}.title"]
    warned = [w for w in (await scheduling.get(f"{EVENT}/draft"))["warnings"] if w["code"] == "translation-missing"]
    assert [w["field"] for w in warned] == french["missing"]


async def test_people_rooms_and_sessions_are_added_changed_and_removed(scheduling: Scheduling) -> None:
    await scheduling.imported("milipol-2019")
    await scheduling.post(f"{EVENT}/people", {"id": "ada-example", "name": "Ada Example"}, 201)
    await scheduling.post(f"{EVENT}/rooms", {"id": "annex", "name": "Annex"}, 201)
    session = {"id": "milipol-2019-extra", "kind": "social", "title": "Drinks", "date": "2019-11-20", "room": "annex"}
    told = await scheduling.post(
        f"{EVENT}/sessions", session | {"people": [{"person": "ada-example", "role": "speaker"}]}, 201
    )
    assert [change["subject"] for change in told["difference"]] == ["sessions/milipol-2019-extra"]
    await scheduling.patch(f"{EVENT}/rooms/annex", {"level": {"en": "Ground floor"}})
    refused = await scheduling.client.delete(f"{EVENT}/rooms/annex", headers=ORGANISER)
    assert refused.status == 422
    assert (await refused.json())["errors"][0]["field"] == "sessions.milipol-2019-extra.room"
    for path in ("sessions/milipol-2019-extra", "rooms/annex", "people/ada-example"):
        assert (await scheduling.client.delete(f"{EVENT}/{path}", headers=ORGANISER)).status == 200
        assert (await scheduling.client.delete(f"{EVENT}/{path}", headers=ORGANISER)).status == 404
    assert (await scheduling.imported("milipol-2019"))["changed"] is False


async def test_a_zone_check_is_answered_with_both_readings_at_hand(scheduling: Scheduling) -> None:
    await scheduling.imported(EFUS)
    await scheduling.patch(f"/api/v1/events/{EFUS}/sessions/{S2}", {"zone_check": None})
    warning = (await scheduling.get(f"/api/v1/events/{EFUS}/draft"))["warnings"][0]
    assert warning["code"] == "zone-check"
    assert [(reading["answer"], reading["utc"]) for reading in warning["readings"]] == [
        ("local", "2021-05-05T12:00:00Z"),
        ("printed", "2021-05-05T13:00:00Z"),
    ]


async def test_new_rules_of_a_zone_move_the_instant_and_keep_the_local_time(scheduling: Scheduling) -> None:
    scheduling.now = datetime(2021, 4, 1, tzinfo=UTC)
    await scheduling.published(EFUS)
    await scheduling.forget_facts()
    watch = ZoneWatch(
        scheduling.store, scheduling.views, Editor(scheduling.store, lambda: scheduling.now), lambda: scheduling.now
    )
    await watch.run()
    assert await scheduling.facts() == [], "control: the same rules, nothing to tell"
    with other_zone_rules("Europe/Paris", like="Africa/Lagos"):  # summer time is given up: UTC+1 all year
        await watch.run()
        await watch.run()
        assert {subject for subject, _ in await scheduling.facts()} == {f"sessions/{S2}", f"sessions/{S3}"}
        shown = {s["id"]: s for s in (await scheduling.get(f"/api/v1/events/{EFUS}"))["sessions"]}
        assert (shown[S2]["starts_local"], shown[S2]["starts_at"]) == ("2021-05-05T14:00:00", "2021-05-05T13:00:00Z")
        log = (await scheduling.get(f"/api/v1/events/{EFUS}/changes"))["items"][0]
        assert "Europe/Paris" in log["note"]["en"]
        page = await scheduling.page(f"/events/{EFUS}/changes?lang=en")
        assert "The same local time; the offset from UTC changed." in page
        assert "UTC+1" in await scheduling.page(f"/events/{EFUS}?lang=en")
    await watch.run()
    shown = {s["id"]: s for s in (await scheduling.get(f"/api/v1/events/{EFUS}"))["sessions"]}
    assert shown[S2]["starts_at"] == "2021-05-05T12:00:00Z", "and back again"


async def test_a_file_that_was_written_from_half_a_publication_is_not_kept_for_the_whole(
    scheduling: Scheduling,
) -> None:
    await scheduling.published("milipol-2019")
    sessions = scheduling.database["sessions"]
    before = await sessions.find_one({"_id": WORKSHOP_3})
    assert before is not None
    for session_id in (WORKSHOP_3, "milipol-2019-workshop-1"):
        await scheduling.patch(f"{EVENT}/sessions/{session_id}", {"description": {"en": "Quite another text."}})
    await scheduling.post(f"{EVENT}/publish")
    after = await sessions.find_one({"_id": WORKSHOP_3})
    assert after is not None
    await sessions.replace_one({"_id": WORKSHOP_3}, before)  # as a reader finds it while the publication is written out
    address = "/events/milipol-2019/agenda.csv?lang=en"
    half = await scheduling.client.get(address)
    assert (await half.text()).count("Quite another text.") == 1
    await sessions.replace_one({"_id": WORKSHOP_3}, after)
    whole = await scheduling.client.get(address, headers={"If-None-Match": half.headers["ETag"]})
    assert whole.status == 200
    assert (await whole.text()).count("Quite another text.") == 2


async def test_the_change_log_of_a_draft_is_empty_and_that_of_nothing_is_not_there(scheduling: Scheduling) -> None:
    await scheduling.imported("milipol-2019")
    assert (await scheduling.get(f"{EVENT}/revisions"))["items"] == []
    await scheduling.get(f"{EVENT}/changes", 404)
    await scheduling.get("/api/v1/events/nowhere/revisions", 404)


async def test_a_room_s_new_directions_are_no_move(scheduling: Scheduling) -> None:
    await scheduling.published("milipol-2019")
    await scheduling.patch(f"{EVENT}/rooms/mezzanine", {"directions": {"en": "Up the stairs", "fr": "En haut"}})
    await scheduling.post(f"{EVENT}/publish")
    page = await scheduling.page("/events/milipol-2019/changes?lang=en")
    assert "Details changed." in page
    assert "→" not in page
