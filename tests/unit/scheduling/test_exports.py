"""What leaves as calendar, table and schema.org data: valid, harmless, in the reader's language, and only what is true."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from icalendar import Calendar

from services.scheduling.agenda import Agenda
from services.scheduling.agenda_file import Source, agenda_of
from services.scheduling.exports.icalendar import agenda_calendar
from services.scheduling.exports.json_ld import agenda_json_ld, embedded
from services.scheduling.exports.table import agenda_table
from shared.calendar.entry import entry
from shared.calendar.lint import lint
from shared.calendar.uid import shared_uid
from shared.contracts.scheduling import Audience
from shared.web.i18n import translations
from tests.unit.scheduling.agenda_strategies import LONG, SITE, agendas, seen
from tests.unit.scheduling.samples import sample, small, small_data

EVENTS = ["sre-2019", "milipol-2019", "efus-2021-round-3"]
EXAMPLES = 1000 if LONG else 40


def rows(agenda: Agenda, language: str = "en") -> dict[str, dict[str, str]]:
    """The table's rows by session."""
    text = agenda_table(seen(agenda), language).decode("utf-8-sig")
    return {row["id"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}


def linked(agenda: Agenda, language: str = "en") -> dict[str, Any]:
    """The schema.org data."""
    data: dict[str, Any] = json.loads(agenda_json_ld(seen(agenda), language))
    return data


def vevents(body: bytes) -> dict[str, Any]:
    """The entries of a calendar by UID, read by a library."""
    return {str(event["UID"]): event for event in Calendar.from_ical(body).walk("VEVENT")}


@pytest.mark.parametrize("language", ["en", "fr", "xx"])
@pytest.mark.parametrize("event_id", EVENTS)
def test_the_calendar_of_a_sample_has_nothing_to_find_fault_with(event_id: str, language: str) -> None:
    assert lint(agenda_calendar(seen(sample(event_id)), language)) == []


@pytest.mark.parametrize("event_id", EVENTS)
def test_an_entry_is_the_feed_s_under_the_feed_s_uid(event_id: str) -> None:
    public = seen(sample(event_id))
    exported = vevents(agenda_calendar(public, "fr"))
    words = translations("fr").gettext
    assert list(exported) == [shared_uid(session.id, "lectern.example.org") for session in public.sessions]
    for session in public.sessions:
        page = f"{SITE}/events/{event_id}?lang=fr"
        theirs = entry(session, public.event, language="fr", words=words, page=page)
        feed = Calendar.from_ical(b"BEGIN:VCALENDAR\r\n" + theirs.vevent("x") + b"END:VCALENDAR\r\n").walk("VEVENT")[0]
        ours = exported[shared_uid(session.id, "lectern.example.org")]
        assert {k: v for k, v in feed.items() if k != "UID"} == {k: ours[k] for k in feed if k != "UID"}
        assert {k for k in ours if k not in feed} <= {
            "X-LECTERN-KIND", "X-LECTERN-ZONE", "X-LECTERN-SUMMARY", "X-LECTERN-DESCRIPTION", "X-LECTERN-LOCATION",
        }  # fmt: skip


@pytest.mark.parametrize("export", [agenda_calendar, agenda_table, agenda_json_ld])
@pytest.mark.parametrize("event_id", ["milipol-2019", "efus-2021-round-3"])
def test_what_is_not_for_everybody_is_in_no_export(event_id: str, export: Any) -> None:
    agenda = sample(event_id)
    secrets = [needed.code for needed in agenda.event.requirements if needed.code]
    secrets += [session.join_url for session in agenda.sessions if session.join_url]
    secrets += [link.url for link in agenda.event.links if link.audience is not Audience.PUBLIC]
    assert secrets
    body = export(seen(agenda), "en").replace(b"\r\n ", b"").decode()
    assert [secret for secret in secrets if secret in body] == []


@pytest.mark.parametrize("export", [agenda_calendar, agenda_table, agenda_json_ld])
@pytest.mark.parametrize("event_id", EVENTS)
def test_an_export_is_the_same_at_every_writing(event_id: str, export: Any) -> None:
    assert export(seen(sample(event_id)), "en") == export(seen(sample(event_id)), "en")


@pytest.mark.parametrize("export", [agenda_calendar, agenda_table, agenda_json_ld])
def test_an_event_without_sessions_is_exported_too(export: Any) -> None:
    data = small_data()
    data["sessions"] = []
    body = export(seen(agenda_of(Source(data))), "en")
    assert body
    if export is agenda_calendar:
        assert lint(body) == []


def test_the_table_says_each_fact_in_its_column() -> None:
    row = rows(sample("milipol-2019"))["milipol-2019-workshop-1"]
    assert {name: row[name] for name in ("date", "starts", "ends", "ends_on", "zone", "utc_offset", "starts_utc", "ends_utc", "block", "room", "level", "venue", "kind", "number")} == {
        "date": "2019-11-20", "starts": "09:40", "ends": "10:55", "ends_on": "", "zone": "Europe/Paris", "utc_offset": "UTC+1",
        "starts_utc": "2019-11-20T08:40:00Z", "ends_utc": "2019-11-20T09:55:00Z", "block": "Two workshops on AI and global security in the morning",
        "room": "Hall 4", "level": "Mezzanine", "venue": "Paris-Nord Villepinte Exhibition Centre", "kind": "workshop", "number": "1",
    }  # fmt: skip
    assert row["chairs"] == "Renaud Vedel (Ministry of the Interior, FR)"
    assert row["panellists"].startswith("Laurent Beslay (Joint Research Centre (JRC)); David Faure (Thales); Remy Nollet (Gendarmerie, FR)")  # fmt: skip


def test_the_table_is_rfc_4180_with_a_mark_for_spreadsheets() -> None:
    body = agenda_table(seen(small({"title": 'a "b", c', "description": "one\ntwo"})), "en")
    assert body.startswith(b"\xef\xbb\xbfevent,")
    assert b'"a ""b"", c","one\ntwo"' in body
    assert body.endswith(b"\r\n")


def test_a_session_over_midnight_and_one_without_a_time_in_the_table() -> None:
    assert rows(small({"starts": "23:00", "ends": "01:00", "ends_on": "2019-11-21"}))["milipol-2019-workshop-1"]["ends_on"] == "2019-11-21"  # fmt: skip
    row = rows(sample("efus-2021-round-3"), "fr")["efus-2021-round-3-session-1"]
    assert (row["date"], row["starts"], row["ends"], row["starts_utc"], row["utc_offset"]) == (
        "2021-03-31",
        "",
        "",
        "",
        "",
    )
    assert (row["texts_in"], row["title"]) == (
        "fr",
        "La sécurité dès la conception\u00a0: des espaces publics sûrs et ouverts à tous",
    )


def test_milipol_as_schema_org_data() -> None:
    data = linked(sample("milipol-2019"))
    assert (data["@context"], data["@type"], data["startDate"], data["endDate"]) == (
        "https://schema.org", "Event", "2019-11-20", "2019-11-20",
    )  # fmt: skip
    assert data["eventStatus"] == "https://schema.org/EventScheduled"
    assert data["eventAttendanceMode"] == "https://schema.org/OfflineEventAttendanceMode"
    assert data["location"]["containedInPlace"]["name"] == "Paris-Nord Villepinte Exhibition Centre"
    workshop = data["subEvent"][0]
    assert (workshop["startDate"], workshop["endDate"]) == ("2019-11-20T09:40:00+01:00", "2019-11-20T10:55:00+01:00")
    vedel = workshop["performer"][0]
    assert (vedel["name"], vedel["affiliation"]["address"]["addressCountry"]) == ("Renaud Vedel", "FR")
    assert not {"offers", "isAccessibleForFree", "funder"} & data.keys(), "nobody told the price, nor an organisation"


def test_efus_as_schema_org_data_in_french() -> None:
    data = linked(sample("efus-2021-round-3"), "fr")
    assert data["name"].startswith("Innovation et sécurité urbaine")
    assert data["eventAttendanceMode"] == "https://schema.org/OnlineEventAttendanceMode"
    assert data["location"] == {
        "@type": "VirtualLocation",
        "url": f"{SITE}/events/efus-2021-round-3?lang=fr",
    }
    assert [(around["@type"], around["identifier"]) for around in data["superEvent"]] == [
        ("EventSeries", "efus-innovation"), ("Event", "cutting-crime-impact"),
    ]  # fmt: skip
    assert "Horizon 2020" in data["funding"]["description"]
    assert [session["startDate"] for session in data["subEvent"]] == [
        "2021-03-31", "2021-05-05T14:00:00+02:00", "2021-06-09T14:00:00+02:00",
    ]  # fmt: skip
    assert data["subEvent"][0]["subjectOf"][0]["url"].startswith("https://efus.example.org/")


def test_a_side_event_is_no_part_of_the_programme_beside_it() -> None:
    assert "superEvent" not in linked(small(programme={"name": "The Presidency", "side_event": True}))
    assert linked(small(programme="The fair"))["superEvent"] == [{"@type": "Event", "name": "The fair"}]


def test_what_is_cancelled_says_so_in_every_export() -> None:
    for agenda in (small({"status": "cancelled"}), small(status="cancelled")):
        assert linked(agenda)["subEvent"][0]["eventStatus"] == "https://schema.org/EventCancelled"
        assert rows(agenda)["milipol-2019-workshop-1"]["status"] == "cancelled"
        entry = next(iter(vevents(agenda_calendar(seen(agenda), "en")).values()))
        assert (str(entry["STATUS"]), str(entry["SUMMARY"])) == ("CANCELLED", "Cancelled: Datasets")
    assert linked(small(status="cancelled"))["eventStatus"] == "https://schema.org/EventCancelled"
    assert linked(small({"status": "cancelled"}))["eventStatus"] == "https://schema.org/EventScheduled"


def test_offsets_are_those_of_the_very_hour_on_the_day_of_the_change() -> None:
    agenda = small({"date": "2019-10-27", "starts": "02:30", "ends": "02:30", "starts_hour": "first", "ends_hour": "second"})  # fmt: skip
    session = linked(agenda)["subEvent"][0]
    assert (session["startDate"], session["endDate"]) == ("2019-10-27T02:30:00+02:00", "2019-10-27T02:30:00+01:00")
    row = rows(agenda)["milipol-2019-workshop-1"]
    assert (row["starts_hour"], row["ends_hour"], row["ends_utc"]) == ("first", "second", "2019-10-27T01:30:00Z")


@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "<!--<script>", "]]>", "a & b", "שלום 🎪", "x" * 5000])  # fmt: skip
def test_no_text_leaves_the_script_element(text: str) -> None:
    public = seen(small({"title": text, "description": text}, title=text))
    markup = embedded(public, "en")
    assert not re.search("[<>&\u2028\u2029\n]", markup)
    assert json.loads(markup) == json.loads(agenda_json_ld(public, "en"))
    assert json.loads(markup)["name"] == text


@settings(max_examples=EXAMPLES, deadline=None)
@given(agendas())
def test_every_agenda_is_exported_with_the_instants_that_it_means(agenda: Agenda) -> None:
    public = seen(agenda)
    assert lint(agenda_calendar(public, "fr")) == []
    entries, data, table = vevents(agenda_calendar(public, "en")), linked(agenda), rows(agenda)
    json.loads(embedded(public, "en"))
    for session, told in zip(public.sessions, data["subEvent"], strict=True):
        event = entries[shared_uid(session.id, "lectern.example.org")]
        row = table[session.id]
        if session.starts_at is None:
            assert (told["startDate"], row["starts"]) == (session.date.isoformat(), "")
            assert event.decoded("DTSTART") == session.date
            continue
        utc = f"{session.starts_at:%Y-%m-%dT%H:%M:%SZ}"
        assert (row["starts_utc"], row["starts"]) == (utc, f"{session.starts_local:%H:%M}")
        assert event.decoded("DTSTART").timestamp() == session.starts_at.timestamp()
        assert session.starts_at.isoformat() == as_utc(told["startDate"])
        if session.ends_at is not None:
            assert event.decoded("DTEND").timestamp() == session.ends_at.timestamp()
            assert session.ends_at.isoformat() == as_utc(told["endDate"])


def as_utc(moment: str) -> str:
    """An ISO 8601 time with an offset, in UTC."""

    return datetime.fromisoformat(moment).astimezone(UTC).isoformat()
