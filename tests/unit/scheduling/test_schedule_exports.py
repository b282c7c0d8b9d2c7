"""Schedule JSON and XML out: what apps, video crews and other planners of the c3 and frab family find in them.

The family's own schemas are under the EUPL and stay where they are; what they ask for is asserted here, of pretalx' dialect.
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduling.agenda import Agenda
from services.scheduling.agenda_file import Source, agenda_of
from services.scheduling.exports import schedule as family
from services.scheduling.exports.schedule_json import schedule_json
from services.scheduling.exports.schedule_xml import duration, schedule_xml
from services.scheduling.public_view import PublicAgenda, public_agenda
from services.scheduling.publication import event_state, session_states
from tests.unit.scheduling.samples import sample, small_data

AT = datetime(2019, 1, 1, tzinfo=UTC)
SAMPLES = ("milipol-2019", "sre-2019", "efus-2021-round-3")
CONFERENCE = {
    "acronym", "title", "start", "end", "daysCount", "timeslot_duration", "time_zone_name",
    "url", "rooms", "tracks", "days", "description",
}  # fmt: skip
EVENT = {
    "guid", "code", "id", "date", "start", "end", "duration", "room", "slug", "url", "title", "subtitle", "track",
    "type", "language", "abstract", "description", "persons", "links", "attachments",
}  # fmt: skip


def public(agenda: Agenda) -> PublicAgenda:
    return public_agenda(event_state(agenda, 3, AT), session_states(agenda, 3, AT), "https://lectern.example.org")


def in_json(agenda: Agenda, language: str = "en") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(schedule_json(public(agenda), language))["schedule"]
    return found


def in_xml(agenda: Agenda, language: str = "en") -> ET.Element:
    return ET.fromstring(schedule_xml(public(agenda), language))


def events(told: dict[str, Any]) -> list[dict[str, Any]]:
    days = told["conference"]["days"]
    return [event for day in days for those in day["rooms"].values() for event in those]


def agenda(sessions: list[dict[str, Any]], **more: Any) -> Agenda:
    """An event in Paris; each session is the small one, changed as told."""
    data = small_data(**more.pop("event", {}))
    first = data["sessions"][0]
    return agenda_of(
        Source(
            {**data, **more, "sessions": [{**first, "id": f"milipol-2019-s{n}", **s} for n, s in enumerate(sessions)]}
        )
    )


def assert_valid_json(told: dict[str, Any]) -> None:
    """What schema.json of the family asks for (version of 2024: `additionalProperties` false in conference, day, event)."""
    conference = told["conference"]
    assert isinstance(told["version"], str)
    assert "rooms" not in told
    assert conference.keys() <= CONFERENCE
    assert conference.keys() >= {"title", "acronym", "days", "daysCount", "start", "end", "timeslot_duration"}
    assert re.fullmatch(r"[a-z0-9_-][a-z0-9_]{3,}(-2[0-9]{3}-[a-z]+)?", conference["acronym"])
    assert re.match(r"([A-Z][a-z]+/[A-Z][a-z]+)|UTC$", conference["time_zone_name"])
    assert conference["daysCount"] == len(conference["days"]) >= 1
    assert all(room.keys() == {"name", "guid"} and uuid.UUID(room["guid"]) for room in conference["rooms"])
    for index, day in enumerate(conference["days"], 1):
        assert day.keys() == {"index", "date", "day_start", "day_end", "rooms"}
        assert day["index"] == index
        begins, ends = (datetime.fromisoformat(day[name]) for name in ("day_start", "day_end"))
        assert begins.tzinfo is not None
        assert begins < ends
        for room, those in day["rooms"].items():
            assert those
            assert all(event["room"] == room for event in those)
            assert room in {known["name"] for known in conference["rooms"]}
    for event in events(told):
        assert event.keys() <= EVENT
        assert event.keys() >= EVENT - {"end"}
        assert event["id"] >= 1
        assert uuid.UUID(event["guid"])
        assert re.fullmatch(r"[A-Z0-9]+", event["code"])
        assert datetime.fromisoformat(event["date"]).tzinfo is not None
        assert re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", event["start"])
        assert re.fullmatch(r"[0-9]+:[0-9]{2}", event["duration"])
        assert re.fullmatch(r"[a-z0-9_-]+[a-z0-9]", event["slug"])
        assert event["url"].startswith("https://")
        assert all(isinstance(event[name], str) for name in ("room", "title", "type", "abstract", "description"))
        for person in event["persons"]:
            # Exactly one of the two shapes of a person may fit: one with public_name and id, or one with name.
            assert "name" in person
            assert "id" not in person
        for link in (*event["links"], *event["attachments"]):
            assert link.keys() == {"title", "url", "type"}
            assert link["url"].isascii()
            assert link["type"] in {"slides", "paper", "web", "blog", "article", "media", "related", "activitypub"}
    for name in ("guid", "id", "slug", "code"):
        assert len({event[name] for event in events(told)}) == len(events(told))


def assert_valid_xml(root: ET.Element) -> None:
    """What schedule.xml.xsd of the family asks for (version of 2024, as pretalx tests itself against it)."""
    assert [child.tag for child in root][:4] == ["generator", "url", "version", "conference"]
    assert len(root.findall("day")) >= 1
    acronym = root.findtext("conference/acronym") or ""
    assert re.fullmatch(r"[a-z0-9_-]{4,}", acronym)
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"
    for index, day in enumerate(root.findall("day"), 1):
        assert day.attrib.keys() == {"index", "date", "start", "end"}
        assert day.get("index") == str(index)
        assert re.fullmatch(moment, day.attrib["start"])
        assert re.fullmatch(moment, day.attrib["end"])
        for room in day.findall("room"):
            assert room.attrib.keys() == {"name", "guid"}
            assert all(event.findtext("room") == room.get("name") for event in room)
    needed = {"room", "title", "subtitle", "type", "date", "start", "duration", "abstract", "slug", "track"}
    found = root.findall("day/room/event")
    for event in found:
        tags = [child.tag for child in event]
        assert len(set(tags)) == len(tags)
        assert set(tags) >= needed
        assert set(tags) <= needed | {"language", "description", "persons", "links", "attachments", "url"}
        assert event.attrib.keys() == {"id", "guid"}
        assert re.fullmatch(moment, event.findtext("date") or "")
        assert re.fullmatch(r"\d\d?:\d\d(:\d\d?)?", event.findtext("duration") or "")
        assert re.fullmatch(r"[a-z0-9_]{4,}-[a-z0-9_-]{4,}", event.findtext("slug") or "")
        assert all(int(person.attrib["id"]) > 0 and uuid.UUID(person.attrib["guid"]) for person in event.iter("person"))
    for values in ([e.get("guid") for e in found], [e.get("id") for e in found], [e.findtext("slug") for e in found]):
        assert len(set(values)) == len(found)


@pytest.mark.parametrize("event_id", SAMPLES)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_both_files_are_valid(event_id: str, language: str) -> None:
    assert_valid_json(in_json(sample(event_id), language))
    assert_valid_xml(in_xml(sample(event_id), language))


@pytest.mark.parametrize("event_id", SAMPLES)
def test_both_files_have_the_same_events(event_id: str) -> None:
    told = in_json(sample(event_id))
    names = ("date", "start", "duration", "room", "slug", "title", "type", "description", "url")
    assert [{name: event[name] for name in names} for event in events(told)] == [
        {name: event.findtext(name) for name in names} for event in in_xml(sample(event_id)).iter("event")
    ]


def test_a_workshop_is_told_as_it_is() -> None:
    told = in_json(sample("milipol-2019"))
    conference = told["conference"]
    assert (conference["start"], conference["end"], conference["time_zone_name"]) == (
        "2019-11-20", "2019-11-20", "Europe/Paris",
    )  # fmt: skip
    workshop = events(told)[0]
    expected = {
        "date": "2019-11-20T09:40:00+01:00",
        "start": "09:40",
        "end": "2019-11-20T10:55:00+01:00",
        "duration": "01:15",
        "room": "Hall 4",
        "slug": "milipol-2019-workshop-1",
        "url": "https://lectern.example.org/events/milipol-2019#milipol-2019-workshop-1",
        "title": "Cooperation for high-quality datasets in Europe",
        "track": "AI and global security",
        "type": "workshop",
    }
    assert {name: workshop[name] for name in expected} == expected
    assert [person["name"] for person in workshop["persons"]] == [
        "Renaud Vedel", "Laurent Beslay", "David Faure", "Remy Nollet", "Miguel Parejo Sanchez",
    ]  # fmt: skip


def test_breaks_are_in() -> None:
    assert [e["type"] for e in events(in_json(sample("milipol-2019")))].count("break") == 2


def test_texts_are_in_the_language_asked_for_and_the_file_says_which() -> None:
    told = in_json(sample("milipol-2019"), "fr")
    assert told["language"] == "fr"
    assert events(told)[0]["title"] == "Coopérer en Europe pour des jeux de données de qualité"
    assert b'<?lectern language="fr"?>' in schedule_xml(public(sample("milipol-2019")), "fr")


def test_a_language_that_the_event_does_not_have_is_its_first() -> None:
    assert schedule_json(public(sample("sre-2019")), "de") == schedule_json(public(sample("sre-2019")), "en")
    assert schedule_xml(public(sample("sre-2019")), "de") == schedule_xml(public(sample("sre-2019")), "en")


def test_sessions_without_a_time_and_cancelled_ones_are_left_out() -> None:
    efus = in_json(sample("efus-2021-round-3"))
    assert [event["slug"][-1] for event in events(efus)] == ["2", "3"]
    cancelled = agenda([{"status": "cancelled"}, {"starts": "11:00", "ends": "12:00"}])
    assert [event["slug"] for event in events(in_json(cancelled))] == ["milipol-2019-s1"]


def test_nothing_to_tell_is_one_empty_day() -> None:
    empty = agenda([{}], event={"status": "cancelled"})
    assert [day["rooms"] for day in in_json(empty)["conference"]["days"]] == [{}]
    assert_valid_json(in_json(empty))
    assert_valid_xml(in_xml(empty))


def test_links_that_are_not_for_everybody_stay_inside() -> None:
    link = {"title": "Secret", "url": "https://example.org/members", "audience": "members"}
    secret = agenda([{"links": [link], "join_url": "https://example.org/join"}])
    for body in (schedule_json(public(secret), "en"), schedule_xml(public(secret), "en")):
        assert b"members" not in body
        assert b"example.org/join" not in body


def test_addresses_are_ascii() -> None:
    link = {"title": "Site", "url": "https://exämple.org/é?a=%C3%A9&b=1#c"}
    told = events(in_json(agenda([{"links": [link]}])))[0]["links"][0]["url"]
    assert told == "https://ex%C3%A4mple.org/%C3%A9?a=%C3%A9&b=1#c"


def test_an_end_that_is_not_announced_is_no_duration() -> None:
    open_end = events(in_json(agenda([{"ends": None}])))[0]
    assert open_end["duration"] == "00:00"
    assert "end" not in open_end


@pytest.mark.parametrize(
    ("session", "event", "room"),
    [
        ({"room": "hall"}, {}, "Hall 4"),
        ({"room": "stream"}, {}, "Online"),
        ({}, {"place": {"venue": "Villepinte"}}, "Villepinte"),
        ({}, {"place": {"room": "Hall 1", "venue": "Villepinte"}}, "Hall 1"),
        ({}, {}, "Room to be announced"),
    ],
)
def test_every_session_has_the_name_of_a_room(session: dict[str, Any], event: dict[str, Any], room: str) -> None:
    rooms = [{"id": "hall", "name": "Hall 4"}, {"id": "stream", "online": True}]
    assert events(in_json(agenda([session], event=event, rooms=rooms)))[0]["room"] == room


def test_rooms_of_one_name_are_one_room() -> None:
    rooms = [{"id": "b", "name": "Hall 4"}, {"id": "a", "name": "Hall 4"}]
    told = in_json(agenda([{"room": "b"}, {"room": "a", "starts": "11:00", "ends": "12:00"}], rooms=rooms))
    assert [len(those) for those in told["conference"]["days"][0]["rooms"].values()] == [2]
    assert_valid_json(told)


def test_after_midnight_is_the_conference_day_before() -> None:
    days = {"starts_on": "2019-11-20", "ends_on": "2019-11-21"}
    night = agenda(
        [
            {"starts": "23:30", "ends": "00:30", "ends_on": "2019-11-21"},
            {"date": "2019-11-21", "starts": "03:59", "ends": "04:30"},
            {"date": "2019-11-21", "starts": "04:00", "ends": "04:30"},
        ],
        event=days,
    )
    told = in_json(night)["conference"]["days"]
    assert [(day["date"], sum(map(len, day["rooms"].values()))) for day in told] == [
        ("2019-11-20", 2),
        ("2019-11-21", 1),
    ]
    assert told[0]["day_end"] == "2019-11-21T04:30:00+01:00", "and the day lasts as long as its last event"


def test_before_dawn_of_the_first_day_is_the_first_day() -> None:
    early = in_json(agenda([{"starts": "02:00", "ends": "03:00"}]))["conference"]["days"]
    assert [(day["date"], day["day_start"]) for day in early] == [("2019-11-20", "2019-11-20T02:00:00+01:00")]


def test_a_session_of_another_zone_is_on_the_clock_of_the_event() -> None:
    there = events(in_json(agenda([{"zone": "America/New_York", "starts": "20:00", "ends": "21:00"}])))[0]
    assert (there["date"], there["start"]) == ("2019-11-21T02:00:00+01:00", "02:00")


def test_the_repeated_hour_is_told_apart_by_its_offset_and_the_duration_is_what_passes() -> None:
    days = {"starts_on": "2019-10-27", "ends_on": "2019-10-27"}
    night = {"date": "2019-10-27", "starts": "02:30", "starts_hour": "first", "ends": "02:30", "ends_hour": "second"}
    told = events(in_json(agenda([night], event=days)))[0]
    assert (told["date"], told["end"]) == ("2019-10-27T02:30:00+02:00", "2019-10-27T02:30:00+01:00")
    assert told["duration"] == "01:00"


def test_hostile_texts_are_texts() -> None:
    words = 'a "quote" <script>alert(1)</script> ]]> & \u202e\u05d0 \U0001f600\nline ' + "x" * 500
    told = agenda([{"title": words, "room": "r"}], rooms=[{"id": "r", "name": words}], event={"title": words})
    assert events(in_json(told))[0]["title"] == words
    root = in_xml(told)
    assert root.findtext("day/room/event/title") == words
    assert root.find("day/room").get("name") == words  # type: ignore[union-attr]


def test_what_xml_has_no_character_for_is_replaced() -> None:
    assert in_xml(agenda([{"title": "a\ufffeb\uffffc"}])).findtext("day/room/event/title") == "a\ufffdb\ufffdc"


@pytest.mark.parametrize(
    ("minutes", "written"), [(0, "00:00"), (75, "01:15"), (5999, "99:59"), (6000, "4:04:00"), (20000, "13:21:20")]
)
def test_hours_in_xml_have_two_digits_and_long_sessions_days(minutes: int, written: str) -> None:
    assert duration(minutes) == written


def test_numbers_and_guids_stay_when_the_agenda_changes() -> None:
    before = {event["slug"]: (event["id"], event["guid"]) for event in events(in_json(sample("milipol-2019")))}
    data = sample("milipol-2019").as_data()
    data["sessions"] = [session | {"title": "New"} for session in reversed(data["sessions"][1:])]
    after = {event["slug"]: (event["id"], event["guid"]) for event in events(in_json(agenda_of(Source(data))))}
    assert after == {slug: known for slug, known in before.items() if slug in after}
    assert len(after) == len(before) - 1


def test_two_sessions_never_share_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(family, "_number", lambda name: 7)
    assert sorted(event["id"] for event in events(in_json(agenda([{}, {}, {}])))) == [7, 8, 9]


def test_the_same_agenda_is_the_same_bytes() -> None:
    one, other = public(sample("sre-2019")), public(sample("sre-2019"))
    shuffled = PublicAgenda(other.event, tuple(reversed(other.sessions)), other.page, other.feed)
    assert schedule_json(one, "fr") == schedule_json(shuffled, "fr")
    assert schedule_xml(one, "fr") == schedule_xml(shuffled, "fr")


IDS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,12}", fullmatch=True)


@settings(max_examples=300, deadline=None)
@given(IDS, st.from_regex(r"[a-z0-9-]{0,12}", fullmatch=True))
def test_ids_can_be_read_back_from_what_the_family_takes(event_id: str, rest: str) -> None:
    session_id = f"{event_id}-{rest}"
    assert family.event_id_of(family.acronym(event_id)) == event_id
    assert re.fullmatch(r"[a-z0-9_]{4,}", family.acronym(event_id))
    written = family.slug(session_id, event_id)
    assert family.session_id_of(written) == session_id
    assert re.fullmatch(r"[a-z0-9_]{4,}-[a-z0-9_-]{4,}", written), "as the XML schema wants it"
    assert re.fullmatch(r"[a-z0-9_-]+[a-z0-9]", written), "and the JSON schema"


def test_days_without_events_are_left_out() -> None:
    weeks = agenda([{}, {"date": "2019-12-20"}], event={"starts_on": "2019-11-20", "ends_on": "2019-12-20"})
    days = in_json(weeks)["conference"]["days"]
    assert [date.fromisoformat(day["date"]) for day in days] == [
        date(2019, 11, 20), date(2019, 11, 20) + timedelta(days=30),
    ]  # fmt: skip
