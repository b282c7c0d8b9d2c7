"""Schedule JSON and XML in: files of frab, pretalx, FOSDEM and the hub, our own back again, and what is refused where."""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from services.scheduling.agenda import Agenda
from services.scheduling.agenda_file import Source, agenda_of
from services.scheduling.domain import AgendaRefused
from services.scheduling.exports.schedule_json import schedule_json
from services.scheduling.exports.schedule_xml import schedule_xml
from services.scheduling.hours import which_hour
from services.scheduling.imports import schedule_parts
from services.scheduling.imports.foreign import Foreign, Hints
from services.scheduling.imports.merge import merged_agenda
from services.scheduling.imports.positions import MAX_DEPTH, fields_written_twice, json_source_lines, line_of_depth
from services.scheduling.imports.schedule import kind_of
from services.scheduling.imports.schedule_json import read_schedule_json
from services.scheduling.imports.schedule_xml import read_schedule_xml
from services.scheduling.public_view import PublicAgenda, public_agenda
from services.scheduling.publication import event_state, session_states
from services.scheduling.time_zones import to_local
from services.scheduling.timetable import slot_of
from shared.contracts.scheduling import SessionKind
from tests.support import schedule_file
from tests.unit.scheduling.samples import sample, small

LONG = bool(os.environ.get("LECTERN_TEST_LONG"))
AT = datetime(2019, 1, 1, tzinfo=UTC)
SAMPLES = ("milipol-2019", "sre-2019", "efus-2021-round-3")

Write = Callable[[PublicAgenda, str], bytes]
Read = Callable[[bytes], Foreign]
FORMATS: list[tuple[Write, Read]] = [(schedule_json, read_schedule_json), (schedule_xml, read_schedule_xml)]
BOTH = pytest.mark.parametrize(("write", "read"), FORMATS, ids=["json", "xml"])


def public(agenda: Agenda) -> PublicAgenda:
    return public_agenda(event_state(agenda, 3, AT), session_states(agenda, 3, AT), "https://lectern.example.org")


def refused(
    read: Read, body: str | bytes, before: Agenda | None = None, hints: Hints | None = None
) -> list[dict[str, str]]:
    with pytest.raises(AgendaRefused) as refusal:
        merged_agenda(read(body.encode() if isinstance(body, str) else body), before, hints or Hints())
    return refusal.value.problems


# Files of others.

PRETALX = """\
{
  "$schema": "https://c3voc.de/schedule/schema.json",
  "generator": {"name": "pretalx", "version": "2024.3.1"},
  "schedule": {
    "url": "https://pretalx.example.org/democon/schedule/",
    "version": "0.3",
    "base_url": "https://pretalx.example.org",
    "conference": {
      "acronym": "democon",
      "title": "DemoCon",
      "start": "2019-11-20",
      "end": "2019-11-21",
      "daysCount": 2,
      "timeslot_duration": "00:05",
      "time_zone_name": "Europe/Berlin",
      "rooms": [{"name": "Gray Room", "guid": "b379c473-93b9-4eae-9a09-d482e86cede3", "capacity": null}],
      "tracks": [{"name": "Phased", "slug": "1-phased", "color": "#00ff00"}],
      "days": [
        {
          "index": 1,
          "date": "2019-11-20",
          "day_start": "2019-11-20T04:00:00+01:00",
          "day_end": "2019-11-21T03:59:00+01:00",
          "rooms": {
            "Gray Room": [
              {
                "guid": "8079583e-8321-506c-95af-fd2903a5f075",
                "code": "G9JGWY",
                "id": 25,
                "logo": null,
                "date": "2019-11-20T09:00:00+01:00",
                "start": "09:00",
                "end": "2019-11-20T09:30:00+01:00",
                "duration": "00:30",
                "room": "Gray Room",
                "slug": "democon-25-focused-hardware",
                "url": "https://pretalx.example.org/democon/talk/G9JGWY/",
                "title": "Focused hardware",
                "subtitle": "",
                "track": {"de": "Stufen", "en": "Phased"},
                "type": "Panel discussion",
                "language": "de-formal",
                "abstract": "Brand back-end models!",
                "description": "Station provide **certain** mean.",
                "recording_license": "",
                "do_not_record": false,
                "persons": [
                  {"code": "NQTF8Y", "name": "Brian Robinson", "public_name": "Brian Robinson", "biography": "Born."},
                  {"id": 26, "public_name": "Kim"}
                ],
                "links": [{"title": "Site", "url": "https://example.org/", "type": "related"}],
                "feedback_url": "https://pretalx.example.org/democon/talk/G9JGWY/feedback/",
                "origin_url": "https://pretalx.example.org/democon/talk/G9JGWY/",
                "attachments": [{"title": "Slides", "url": "/media/democon/a.pdf", "type": "related"}]
              }
            ]
          }
        }
      ]
    }
  }
}
"""

FOSDEM = """\
<?xml version="1.0" encoding="UTF-8"?>
<schedule>
  <conference>
    <title>FOSDEM 2018</title>
    <venue>ULB</venue>
    <start>2018-02-03</start>
    <end>2018-02-04</end>
    <days>2</days>
    <day_change>09:00:00</day_change>
    <timeslot_duration>00:05:00</timeslot_duration>
  </conference>
  <day index="1" date="2018-02-03">
    <room name="Janson">
      <event id="6245">
        <start>10:00</start>
        <duration>00:50</duration>
        <room>Janson</room>
        <slug>osi</slug>
        <title>Consensus as a Service</title>
        <subtitle>Twenty Years of OSI</subtitle>
        <track>Keynotes</track>
        <type>keynote</type>
        <language/>
        <abstract>&lt;p&gt;The label was born.&lt;/p&gt;</abstract>
        <description></description>
        <persons>
          <person id="228">Simon Phipps</person>
          <person id="312">Italo Vignoli</person>
        </persons>
        <links>
          <link href="https://example.org/feedback/6245">Submit feedback</link>
        </links>
      </event>
    </room>
    <room name="Bar">
      <event id="6300">
        <start>01:30</start>
        <duration>00:50:00</duration>
        <room>Bar</room>
        <slug>beer</slug>
        <title>Beer</title>
        <track/>
        <type>social event</type>
        <persons/>
      </event>
    </room>
  </day>
</schedule>
"""


def changed(find: str, put: str, source: str = PRETALX) -> str:
    assert find in source
    return source.replace(find, put, 1)


def test_a_file_of_pretalx_becomes_an_agenda() -> None:
    agenda = merged_agenda(read_schedule_json(PRETALX.encode()), None, Hints())
    assert agenda.as_data() == {
        "event": {
            "id": "democon", "kind": "conference", "title": {"en": "DemoCon"}, "zone": "Europe/Berlin",
            "starts_on": "2019-11-20", "ends_on": "2019-11-21",
        },
        "rooms": [{"id": "gray-room", "name": {"en": "Gray Room"}}],
        "people": [{"id": "brian-robinson", "name": "Brian Robinson"}, {"id": "kim", "name": "Kim"}],
        "sessions": [
            {
                "id": "democon-8079583e-8321-506c-95af-fd2903a5f075",
                "kind": "panel",
                "title": {"en": "Focused hardware"},
                "description": {"en": "Brand back-end models!\n\nStation provide **certain** mean."},
                "language": "de",
                "tracks": [{"en": "Phased"}],
                "date": "2019-11-20",
                "starts": "09:00",
                "ends": "09:30",
                "room": "gray-room",
                "people": [
                    {"person": "brian-robinson", "role": "panellist"}, {"person": "kim", "role": "panellist"},
                ],
                "links": [{"title": {"en": "Site"}, "url": "https://example.org/"}],
                "outcome": [
                    {"title": {"en": "Slides"}, "url": "https://pretalx.example.org/media/democon/a.pdf", "kind": "slides"}
                ],
            }
        ],
    }  # fmt: skip


def test_a_file_of_fosdem_becomes_an_agenda() -> None:
    hints = Hints(event_id="fosdem-2018", zone="Europe/Brussels")
    agenda = merged_agenda(read_schedule_xml(FOSDEM.encode()), None, hints)
    keynote, beer = agenda.sessions
    assert (keynote.id, keynote.kind, keynote.starts, keynote.ends) == (
        "fosdem-2018-6245", "keynote", datetime(2018, 2, 3, 10).time(), datetime(2018, 2, 3, 10, 50).time(),
    )  # fmt: skip
    assert keynote.description["en"] == "Twenty Years of OSI\n\n<p>The label was born.</p>"
    assert [person.name for person in agenda.people] == ["Simon Phipps", "Italo Vignoli"]
    assert beer.kind == "social"
    assert (beer.date.isoformat(), f"{beer.starts:%H:%M}", f"{beer.ends:%H:%M}") == ("2018-02-04", "01:30", "02:20")


def test_a_file_of_the_hub_with_one_list_of_events_becomes_an_agenda() -> None:
    hub = {
        "schedule": {
            "version": "1",
            "conference": {
                "acronym": "38c3", "title": "38C3", "time_zone_name": "Europe/Berlin",
                "start": "2024-12-27T09:30:00+00:00", "end": "2024-12-30T17:45:00+00:00",
                "rooms": [{"name": "Saal 1", "guid": "ba692ba3-421b-5371-8309-60acc34a3c05"}],
                "tracks": [{"name": "CCC", "slug": "ccc"}],
                "days": [{"index": 1, "date": "2024-12-27"}],
            },
            "events": [
                {
                    "type": "other", "guid": "270fa44c-821a-577f-8ca3-33e8d4a8c2a7",
                    "start": "2024-12-27T10:30:00+01:00", "end": "2024-12-27T11:00:00+01:00",
                    "room": {"guid": "ba692ba3-421b-5371-8309-60acc34a3c05"}, "track": {"slug": "ccc"},
                    "title": "Opening", "participants": [{"name": "Gabriela", "role": "speaker"}],
                }
            ],
        }
    }  # fmt: skip
    agenda = merged_agenda(read_schedule_json(json.dumps(hub).encode()), None, Hints())
    session = agenda.sessions[0]
    assert (session.room, session.tracks, agenda.people[0].name) == ("saal-1", [{"en": "CCC"}], "Gabriela")
    assert (f"{session.starts:%H:%M}", f"{session.ends:%H:%M}") == ("10:30", "11:00")
    assert (agenda.event.starts_on.isoformat(), agenda.event.ends_on.isoformat()) == ("2024-12-27", "2024-12-30")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Talk", "presentation"), ("lecture", "presentation"), ("Vortrag", "presentation"), ("", "presentation"),
        ("Workshop (90 min)", "workshop"), ("Atelier", "workshop"), ("Tutorial", "workshop"),
        ("Podiumsdiskussion", "panel"), ("Table ronde", "panel"), ("KEYNOTE", "keynote"), ("Mittagspause", "break"),
        ("Pause café", "break"), ("Web conference", "web-conference"), ("whatever", "presentation"),
        *((kind.value, kind.value) for kind in SessionKind),
    ],
)  # fmt: skip
def test_a_type_becomes_a_kind(words: str, kind: str) -> None:
    assert kind_of(words) == kind


def test_a_talk_that_is_held_twice_is_two_sessions() -> None:
    data = json.loads(PRETALX)
    talks = data["schedule"]["conference"]["days"][0]["rooms"]["Gray Room"]
    talks.append(
        talks[0]
        | {"guid": "2d65aaaa-26ee-529f-b5ab-3b3f326e31b9", "slug": "democon-25-focused-hardware-again"}
        | {"date": "2019-11-20T11:00:00+01:00", "start": "11:00", "end": "2019-11-20T11:30:00+01:00"}
    )
    agenda = merged_agenda(read_schedule_json(json.dumps(data).encode()), None, Hints())
    assert [f"{session.starts:%H:%M}" for session in agenda.sessions] == ["09:00", "11:00"]


# Zones and offsets.


def test_an_offset_is_read_in_the_zone_of_the_draft_where_the_file_names_none() -> None:
    text = changed('      "time_zone_name": "Europe/Berlin",\n', "")
    agenda = merged_agenda(read_schedule_json(text.encode()), None, Hints(zone="Europe/Paris"))
    assert (agenda.event.zone, f"{agenda.sessions[0].starts:%H:%M}") == ("Europe/Paris", "09:00")
    again = merged_agenda(read_schedule_json(text.encode()), agenda, Hints())
    assert again == agenda


def test_an_offset_that_contradicts_the_zone_is_refused_with_both_readings() -> None:
    text = changed('      "time_zone_name": "Europe/Berlin",\n', "")
    told = refused(read_schedule_json, text, hints=Hints(zone="Europe/Helsinki"))
    assert [(p["line"], p["field"].rpartition(".")[2]) for p in told] == [("30", "date")]
    assert "09:00 at UTC+1 on 20 November 2019 is 08:00 UTC, which is 10:00 in Europe/Helsinki" in told[0]["message"]
    assert "09:00 in Europe/Helsinki is 07:00 UTC" in told[0]["message"]


def test_a_file_that_contradicts_itself_is_refused() -> None:
    assert "correct the offset" in refused(read_schedule_json, changed("Europe/Berlin", "UTC"))[0]["message"]


def test_an_instant_in_utc_beside_the_local_clock_is_no_contradiction() -> None:
    text = changed('"date": "2019-11-20T09:00:00+01:00"', '"date": "2019-11-20T08:00:00+00:00"')
    agenda = merged_agenda(read_schedule_json(text.encode()), None, Hints())
    assert f"{agenda.sessions[0].starts:%H:%M}" == "09:00"


def test_a_file_without_a_zone_asks_for_one() -> None:
    told = refused(read_schedule_json, changed('      "time_zone_name": "Europe/Berlin",\n', ""))
    assert told[0]["field"] == "zone"
    assert "add the parameter zone" in told[0]["message"]
    assert (
        "Europe/Paris"
        in refused(
            read_schedule_json, changed('      "time_zone_name": "Europe/Berlin",\n', ""), hints=Hints(zone="CET")
        )[0]["message"]
    )


def test_the_repeated_hour_without_an_offset_is_asked_about_and_with_one_it_is_known() -> None:
    text = changed("<day_change>09:00:00</day_change>", "<time_zone_name>Europe/Brussels</time_zone_name>", FOSDEM)
    night = (
        text.replace("2018-02-03", "2018-10-27")
        .replace("2018-02-04", "2018-10-28")
        .replace("<start>01:30", "<start>02:30")
    )
    told = refused(read_schedule_xml, night, hints=Hints(event_id="fosdem"))
    assert "02:30 on 28 October 2018 comes twice in Europe/Brussels" in told[0]["message"]
    assert "write date with its offset, for example 2018-10-28T02:30:00+02:00" in told[0]["message"]
    known = night.replace("<start>02:30", "<date>2018-10-28T02:30:00+01:00</date><start>02:30")
    agenda = merged_agenda(read_schedule_xml(known.encode()), None, Hints(event_id="fosdem"))
    assert agenda.sessions[1].starts_hour == "second"


def test_a_time_in_the_gap_is_refused() -> None:
    text = changed("<day_change>09:00:00</day_change>", "<time_zone_name>Europe/Brussels</time_zone_name>", FOSDEM)
    night = text.replace("2018-02-03", "2018-03-24").replace("2018-02-04", "2018-03-25").replace("01:30", "02:30")
    assert "does not exist" in refused(read_schedule_xml, night, hints=Hints(event_id="fosdem"))[0]["message"]


def test_a_duration_passes_on_the_clock_that_is_put_back() -> None:
    text = PRETALX.replace("2019-11-20", "2019-10-27").replace("2019-11-21", "2019-10-28")
    text = text.replace('"date": "2019-10-27T09:00:00+01:00"', '"date": "2019-10-27T01:30:00+02:00"')
    text = text.replace('"start": "09:00"', '"start": "01:30"').replace('"duration": "00:30"', '"duration": "02:00"')
    text = text.replace('                "end": "2019-10-27T09:30:00+01:00",\n', "")
    session = merged_agenda(read_schedule_json(text.encode()), None, Hints()).sessions[0]
    assert (f"{session.starts:%H:%M}", f"{session.ends:%H:%M}", session.ends_hour) == ("01:30", "02:30", "second")


# Refusals.


@pytest.mark.parametrize(
    ("find", "put", "line", "field", "remedy"),
    [
        ('                "title": "Focused hardware",\n', "", 26, "title", "add it"),
        ('"title": "Focused hardware"', '"title": ["Focused"]', 38, "title", "write it in quotes"),
        ('"title": "Focused hardware"', '"title": 1.5', 38, "title", "write it in quotes"),
        ('"start": "09:00"', '"start": "9.00"', 32, "start", "for example 09:40"),
        ('"start": "09:00"', '"start": "10:00"', 32, "start", "make them agree"),
        ('"start": "09:00"', '"start": "25:00"', 32, "start", "for example 09:40"),
        ('"date": "2019-11-20T09:00:00+01:00"', '"date": "20 November"', 31, "date", "for example"),
        ('"date": "2019-11-20T09:00:00+01:00"', '"date": "2019-11-31T09:00:00+01:00"', 31, "date", "no such day"),
        ('"date": "2019-11-20T09:00:00+01:00"', '"date": "2019-11-20T09:00:00+23:00"', 31, "date", "no place"),
        ('"date": "2019-11-20T09:00:00+01:00"', '"date": "0001-01-01T00:00:00+01:00"', 31, "date", "edge of the calendar"),
        ('"duration": "00:30"', '"duration": "-00:30"', 34, "duration", "no sign"),
        ('"duration": "00:30"', '"duration": "half an hour"', 34, "duration", "for example 00:45"),
        ('"duration": "00:30"', '"duration": "00:75"', 34, "duration", "from 00 to 59"),
        ('"duration": "00:30"', '"duration": "99999999:30"', 34, "duration", "longer than a year"),
        ('"duration": "00:30"', '"duration": 30', 34, "duration", "for example 00:45"),
        ('"duration": "00:30"', '"duration": "01:30"', 34, "duration", "make them agree"),
        ('"end": "2019-11-20T09:30:00+01:00"', '"end": "2019-11-20T08:30:00+01:00"', 34, "duration", "-0:30"),
        ('"room": "Gray Room"', '"room": "Tan Room"', 35, "room", "make the two the same"),
        ('"guid": "8079583e-8321-506c-95af-fd2903a5f075"', '"guid": {"a": 1}', 27, "guid", "write it in quotes"),
        ('"persons": [', '"persons": "Brian", "x": [', 47, "persons", "write it in [ ]"),
        ('{"id": 26, "public_name": "Kim"}', '{"id": 26}', 49, "1", "add name"),
        ('{"id": 26, "public_name": "Kim"}', "26", 49, "1", "write an object with a name"),
        ('"links": [{"title": "Site", "url": "https://example.org/"', '"links": [{"title": "Site"', 51, "0", "add url"),
        ('"url": "https://example.org/"', '"url": "mailto:a@example.org"', 51, "url", "https://"),
        ('"rooms": {\n', '"rooms": [1], "x": {\n', 24, "rooms", "by name"),
        ('      "days": [', '      "days": {"a": 1}, "x": [', 18, "days", "write it in [ ]"),
        ('      "time_zone_name": "Europe/Berlin"', '      "time_zone_name": "CET"', 15, "time_zone_name", "Europe/Paris"),
        ('"start": "2019-11-20"', '"start": "20.11.2019"', 11, "start", "for example 2019-11-20"),
        ('"abstract": "Brand', '"title": "Twice", "abstract": "Brand', 43, "title", "written twice"),
        ('"id": 25', '"id": NaN', 29, "body", "NaN is no JSON"),
        ('"id": 25', '"id": ', 29, "body", "not JSON"),
    ],
)  # fmt: skip
def test_a_refusal_of_json_names_line_field_and_remedy(find: str, put: str, line: int, field: str, remedy: str) -> None:
    told = refused(read_schedule_json, changed(find, put))
    assert told[0].get("line") == str(line), told
    assert told[0]["field"].rpartition(".")[2] == field
    assert told[0]["message"].startswith(f"line {line}: ")
    assert remedy in told[0]["message"]


@pytest.mark.parametrize(
    ("find", "put", "line", "field", "remedy"),
    [
        ("<start>10:00</start>", "", 14, "start", "for example 09:40"),
        ("<start>10:00</start>", "<start>ten</start>", 15, "start", "for example 09:40"),
        ("<duration>00:50</duration>", "", 14, "duration", "for example 00:45"),
        ("<duration>00:50</duration>", "<duration>-1:00</duration>", 16, "duration", "no sign"),
        ("<title>Consensus as a Service</title>", "", 14, "title", "add it"),
        ("<title>Consensus", "<title>One</title><title>Consensus", 19, "title", "written twice"),
        ('<event id="6300">', '<event id="6245">', 36, "id", "line 14"),
        ('<event id="6300">', "<event><slug>a</slug>", 40, "slug", "written twice"),
        ('<person id="228">Simon Phipps</person>', '<person id="228"/>', 27, "persons", "without a name"),
        ("<room>Bar</room>", "<room>Pub</room>", 39, "room", "make the two the same"),
        ('<day index="1" date="2018-02-03">', "<day>", 14, "date", "the day around the event has no date"),
        ("</persons>", "</person>", 29, "body", "not XML"),
        ("<schedule>", "<!DOCTYPE schedule>\n<schedule>", 2, "body", "DOCTYPE"),
        ("<schedule>", '<!DOCTYPE s [<!ENTITY a "b">]>\n<schedule>', 2, "body", "DOCTYPE"),
        ("<title>Consensus", "<title>&nbsp;Consensus", 19, "body", "not XML"),
        ('encoding="UTF-8"', 'encoding="klingon"', 1, "body", "UTF-8"),
    ],
)  # fmt: skip
def test_a_refusal_of_xml_names_line_field_and_remedy(find: str, put: str, line: int, field: str, remedy: str) -> None:
    body = changed(find, put, FOSDEM)
    told = refused(read_schedule_xml, body, hints=Hints(event_id="fosdem", zone="Europe/Brussels"))
    assert told[0].get("line") == str(line), told
    assert told[0]["field"].rpartition(".")[2] == field
    assert remedy in told[0]["message"]


def test_every_fault_is_told_at_once() -> None:
    text = PRETALX.replace('"duration": "00:30"', '"duration": "x"').replace(
        '"title": "Focused hardware"', '"title": ""'
    )
    told = refused(read_schedule_json, text.replace("Europe/Berlin", "Mars/Phobos"))
    assert {problem["field"].rpartition(".")[2] for problem in told} == {"time_zone_name", "title", "duration"}


def test_no_more_than_two_hundred_faults_are_told() -> None:
    data = json.loads(PRETALX)
    room = data["schedule"]["conference"]["days"][0]["rooms"]
    room["Gray Room"] = [{"guid": str(number)} for number in range(300)]
    told = refused(read_schedule_json, json.dumps(data))
    assert len(told) == schedule_parts.MAX_PROBLEMS + 1
    assert told[-1]["message"].startswith("and 400 more")


def test_a_guid_that_two_events_have_is_refused_with_both_lines() -> None:
    event = PRETALX[PRETALX.index("              {\n") : PRETALX.index("            ]\n          }\n")]
    told = refused(read_schedule_json, changed(event, event.rstrip() + ",\n" + event))
    assert told[0]["line"] == "57"
    assert "two events (first on line 27)" in told[0]["message"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"1", b"{}", b'{"schedule": 1}', b'{"schedule": {}}', b"\xff", b'{"\\ud800": 1}']
)
def test_what_is_no_schedule_is_refused(body: bytes) -> None:
    assert refused(read_schedule_json, body)
    assert refused(read_schedule_xml, body)


@pytest.mark.parametrize("body", [b"<a/>", b"<schedule/>", b"<schedule>", b"\x00", "<schédule/>".encode("latin-1")])
def test_what_is_no_schedule_xml_is_refused(body: bytes) -> None:
    assert refused(read_schedule_xml, body)


def test_hostile_files_are_refused_quickly() -> None:
    started = time.perf_counter()
    assert "levels deep" in refused(read_schedule_json, "[" * 2_000_000)[0]["message"]
    assert "levels deep" in refused(read_schedule_json, '{"schedule":' * 150_000)[0]["message"]
    assert "levels deep" in refused(read_schedule_xml, "<schedule>" * 200_000)[0]["message"]
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE s [<!ENTITY l0 "lol">{laughs}]><schedule>&l9;</schedule>'
    assert "DOCTYPE" in refused(read_schedule_xml, bomb)[0]["message"]
    outside = '<!DOCTYPE s SYSTEM "file:///etc/passwd"><schedule/>'
    assert "DOCTYPE" in refused(read_schedule_xml, outside)[0]["message"]
    assert "elements" in refused(read_schedule_xml, "<schedule>" + "<a/>" * 500_000)[0]["message"]
    assert "bytes" in refused(read_schedule_xml, b" " * (schedule_parts.MAX_FILE + 1))[0]["message"]
    assert "not a duration" in refused(read_schedule_json, changed('"00:30"', "1" + "0" * 1_000_000))[0]["message"]
    assert time.perf_counter() - started < 15


def test_a_line_beyond_what_sixteen_bits_hold_is_still_the_line() -> None:
    text = changed("<start>10:00</start>", "\n" * 70_000 + "<start>ten</start>", FOSDEM)
    assert refused(read_schedule_xml, text, hints=Hints(event_id="f", zone="Europe/Paris"))[0]["line"] == "70015"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_are_too_strange_to_be_refused_politely(body: bytes) -> None:
    for read in (read_schedule_json, read_schedule_xml):
        for told in refused(read, body):
            json.dumps(told, ensure_ascii=False).encode()


SOMETHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=6)
    | st.just("2019-11-20"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=6,
)


def places(data: Any, path: tuple[str | int, ...] = ()) -> Iterable[tuple[str | int, ...]]:
    yield path
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, value in items:
        yield from places(value, (*path, step))


@settings(max_examples=2000 if LONG else 300, deadline=None)
@given(st.sampled_from(sorted(places(json.loads(PRETALX)), key=repr)), SOMETHING)
def test_whatever_stands_in_any_place_is_read_or_refused_politely(path: tuple[str | int, ...], value: Any) -> None:
    data = json.loads(PRETALX)
    if not path:
        data = value
    else:
        here = data
        for step in path[:-1]:
            here = here[step]
        here[path[-1]] = value
    try:
        agenda = merged_agenda(read_schedule_json(json.dumps(data, indent=1).encode()), None, Hints(event_id="e"))
    except AgendaRefused as refusal:
        told = refusal.problems
    else:
        told = []
        assert agenda.event.id == "e"
    assert all(problem["message"] and problem["field"] for problem in told)
    json.dumps(told, ensure_ascii=False).encode()


# Lines of JSON.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=30,
)


@settings(max_examples=3000 if LONG else 300, deadline=None)
@given(JSON, st.booleans(), st.sampled_from([None, 0, 1]))
def test_every_part_of_json_has_a_line(data: Any, is_ascii: bool, indent: int | None) -> None:
    text = json.dumps(data, ensure_ascii=is_ascii, indent=indent)
    lines = json_source_lines(text)
    assert set(lines) == {path for path in places(json.loads(text)) if len(path) <= MAX_DEPTH}
    assert fields_written_twice(text) == []


@settings(max_examples=2000 if LONG else 200, deadline=None)
@given(JSON)
def test_the_line_of_a_part_is_where_it_stands(data: Any) -> None:
    """With an indent each field and item has a line of its own, which is counted here from the data."""

    def count(value: Any, path: tuple[str | int, ...], line: int) -> int:
        expected[path] = line
        items = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
        for step, inner in items:
            line = count(inner, (*path, step), line + 1)
        return line + 1 if items else line

    expected: dict[tuple[str | int, ...], int] = {}
    count(data, (), 1)
    lines = json_source_lines(json.dumps(data, indent=1))
    assert lines == {path: line for path, line in expected.items() if len(path) <= MAX_DEPTH}


def test_lines_of_json_know_escapes_nesting_and_empty_lists() -> None:
    text = '\n{"a\\n\\"{": [ [], {} ,\n\n"]},:" ],\r\n"\\u00e9" : {"b":\n1}, "c"\n: null}'
    assert json.loads(text).keys() == {'a\n"{', "é", "c"}
    assert json_source_lines(text) == {
        (): 2,
        ('a\n"{',): 2, ('a\n"{', 0): 2, ('a\n"{', 1): 2, ('a\n"{', 2): 4,
        ("é",): 5, ("é", "b"): 5, ("c",): 6,
    }  # fmt: skip


def test_fields_written_twice_are_found_with_the_second_line() -> None:
    text = '{"a": {"b": 1},\n"a": {"b": 1},\n"c": [{"d": 1,\n"d": 2}]}'
    assert fields_written_twice(text) == [(("a",), 2), (("c", 0, "d"), 4)]


@pytest.mark.parametrize("text", ["", "}", "]]]]", ",", ":", "{,}", '{"a"', "[1,", '"', "{]", "{:}"])
def test_broken_json_has_no_lines_and_breaks_nothing(text: str) -> None:
    json_source_lines(text)
    assert line_of_depth(text, 5) is None


# There and back.

CHANGES = {
    "Europe/Paris": "2019-10-27T01:00",
    "America/New_York": "2019-11-03T06:00",
    "Australia/Lord_Howe": "2019-04-06T15:00",  # by half an hour
    "America/Sao_Paulo": "2018-02-18T02:00",  # back over midnight
    "Europe/Helsinki": "2019-03-31T01:00",  # forward
    "Asia/Kolkata": "2019-11-20T09:00",
    "UTC": "2019-11-20T23:00",
}
"""A moment (UTC) in the life of each zone; clocks change then, where they do."""
ZONES = sorted(CHANGES)
LETTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufffe\uffff")
WORDS = st.one_of(
    st.sampled_from(
        ["Datasets", "« L'été »", 'a "b" <script>', "]]> & &amp;", "مرحبا", "😀", "one\n\ntwo", "a\r\nb", "x" * 300]
    ),
    st.text(LETTERS, min_size=1, max_size=12),
).filter(lambda words: bool(words.strip()))
LANGUAGES = ["en", "fr", "ar"]


def texts(some: st.SearchStrategy[str] = WORDS) -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(st.sampled_from(LANGUAGES), some, min_size=1, max_size=3)


@st.composite
def agendas(draw: st.DrawFn, names: st.SearchStrategy[str] = WORDS) -> Agenda:
    """Agendas with all that can be said; `names` are those of rooms, tracks and people."""
    event_id = draw(st.sampled_from(["milipol-2019", "sre", "e"]))
    zone = draw(st.sampled_from(ZONES))
    moment = datetime.fromisoformat(CHANGES[draw(st.sampled_from([zone, zone, "Europe/Paris"]))]).replace(tzinfo=UTC)
    first = moment - timedelta(days=1)
    rooms = [
        {"id": f"r{n}", **draw(st.sampled_from([{}, {"online": True}])), **({"name": draw(texts(names))} if n else {})}
        for n in range(draw(st.integers(1, 3)))
    ]
    people = [{"id": f"p{n}", "name": draw(names)[:300].strip()} for n in range(draw(st.integers(1, 4)))]
    blocks = [{"id": "morning", "title": {"en": "Morning"}}]
    tracks = [draw(texts(names)) for _ in range(2)]
    link = st.fixed_dictionaries(
        {
            "title": texts(),
            "url": st.sampled_from(
                ["https://example.org/a?b=1&c=%20", "https://example.org/é", "http://example.org/#x"]
            ),
            "audience": st.sampled_from(["public", "registrants"]),
        }
    )
    sessions = []
    for number in range(draw(st.integers(1, 5))):
        own = draw(st.sampled_from([None, None, None, "Europe/Paris", *ZONES]))
        session: dict[str, Any] = {
            "id": f"{event_id}-{draw(st.sampled_from(['s', '', 'long-name-']))}{number}",
            "kind": draw(st.sampled_from([kind.value for kind in SessionKind])),
            "title": draw(texts()),
            "tracks": draw(st.lists(st.sampled_from(tracks), max_size=2)),
            "status": draw(st.sampled_from(["scheduled"] * 4 + ["cancelled"])),
            "people": [
                {"person": person["id"], "role": role}
                for person in draw(st.lists(st.sampled_from(people), max_size=3, unique_by=lambda p: p["id"]))
                for role in draw(st.sampled_from([["speaker"], ["chair"], ["panellist", "chair"]]))
            ],
            "links": draw(st.lists(link, max_size=2)),
            "outcome": draw(st.lists(link.map(lambda told: told | {"kind": "minutes"}), max_size=2)),
            "admission": {"capacity": draw(st.integers(0, 9))},
        }
        session |= draw(st.sampled_from([{}, {"description": draw(texts())}]))
        session |= draw(st.sampled_from([{}, {"language": "fr"}, {"block": "morning"}, {"number": 3}]))
        session |= draw(st.sampled_from([{}, {"room": draw(st.sampled_from(rooms))["id"]}]))
        if own is not None:
            session["zone"] = own
        starts = moment + timedelta(minutes=draw(st.integers(-100, 100) | st.integers(-1500, 1500)))
        at = {"starts": starts, "ends": starts + timedelta(minutes=draw(st.sampled_from([1, 30, 60, 90, 600, 6100])))}
        local = {name: to_local(moment, own or zone) for name, moment in at.items()}
        session["date"] = local["starts"].date().isoformat()
        for name in ["starts", "ends"][: draw(st.sampled_from([0, 1, 2, 2, 2, 2]))]:
            session[name] = f"{local[name]:%H:%M}"
            if hour := which_hour(local[name], at[name], own or zone):
                session[f"{name}_hour"] = hour
        if "ends" in session:
            session["ends_on"] = local["ends"].date().isoformat()
        if "starts" in session and draw(st.booleans()) and not any("hour" in name for name in session):
            session |= {"printed_zone": "UTC+1", "zone_check": "local"}
        sessions.append(session)
    data = {
        "event": {
            "id": event_id,
            "kind": "conference",
            "title": draw(texts()),
            "languages": draw(st.permutations(LANGUAGES))[:2],
            "status": draw(st.sampled_from(["scheduled"] * 9 + ["cancelled"])),
            "zone": zone,
            "starts_on": first.date().isoformat(),
            "ends_on": (first + timedelta(days=2)).date().isoformat(),
            "place": draw(
                st.sampled_from([{}, {"online": True}, {"venue": {"fr": "Villepinte"}}, {"room": {"en": "Hall"}}])
            ),
        },
        "rooms": rooms,
        "people": people,
        "blocks": blocks,
        "sessions": sessions,
    }
    try:
        return agenda_of(Source(data))
    except AgendaRefused:
        assume(False)  # an end in another reading of its clock, or the like: not what is tested here
        raise


QUICK = settings(
    max_examples=1500 if LONG else 80, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)  # fmt: skip


@BOTH
@pytest.mark.parametrize("event_id", SAMPLES)
@pytest.mark.parametrize("language", ["en", "fr", "de"])
def test_importing_what_was_exported_changes_nothing(write: Write, read: Read, event_id: str, language: str) -> None:
    before = sample(event_id)
    assert merged_agenda(read(write(public(before), language)), before, Hints()).as_data() == before.as_data()


@BOTH
@QUICK
@given(before=agendas(), language=st.sampled_from(LANGUAGES))
def test_importing_what_was_exported_changes_nothing_ever(
    write: Write, read: Read, before: Agenda, language: str
) -> None:
    assert merged_agenda(read(write(public(before), language)), before, Hints()).as_data() == before.as_data()


# Names as people give them: no two of them differ in case or spaces only, which files of names cannot tell apart.
PLAIN_NAMES = st.sampled_from(["Ada Byron", "Émile Zola", "Grace Hopper", "Hall 4", "Salle B", "علي", "😀 Lounge"])


@BOTH
@QUICK
@given(first=agendas(PLAIN_NAMES), language=st.sampled_from(LANGUAGES))
def test_imported_into_nothing_and_exported_again_it_is_the_same_file(
    write: Write, read: Read, first: Agenda, language: str
) -> None:
    """Ids of rooms and people are made from their names on the way: what was imported once keeps its guids."""
    hints = Hints(event_id=first.event.id)
    imported = merged_agenda(read(write(public(first), language)), None, hints)
    exported = write(public(imported), language)
    again = merged_agenda(read(exported), None, hints)
    assert again == imported
    assert write(public(again), language) == exported
    assert merged_agenda(read(exported), imported, Hints()) == imported, "and a second import changes nothing"


@BOTH
def test_a_session_that_the_file_no_longer_has_is_gone_but_not_what_it_cannot_express(write: Write, read: Read) -> None:
    efus = sample("efus-2021-round-3")
    data = efus.as_data()
    data["sessions"].pop()
    after = merged_agenda(read(write(public(agenda_of(Source(data))), "en")), efus, Hints())
    assert [session.id[-1] for session in after.sessions] == ["1", "2"], "the first has a date and no time"


@BOTH
def test_the_second_language_is_laid_beside_the_first(write: Write, read: Read) -> None:
    sre = sample("sre-2019")
    english = merged_agenda(read(write(public(sre), "en")), None, Hints())
    both = merged_agenda(read(write(public(sre), "fr")), english, Hints())
    assert {session.id: session.title for session in both.sessions} == {s.id: s.title for s in sre.sessions}
    assert both.event.languages == ["en", "fr"]


# Edits.


def differences(before: Any, after: Any, path: str = "") -> dict[str, tuple[Any, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        found: dict[str, tuple[Any, Any]] = {}
        for name in sorted(before.keys() | after.keys()):
            found |= differences(before.get(name), after.get(name), f"{path}.{name}")
        return found
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        found = {}
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            found |= differences(one, other, f"{path}.{number}")
        return found
    return {} if before == after else {path: (before, after)}


def edited(edit: Callable[[dict[str, Any]], None], before: Agenda) -> dict[str, tuple[Any, Any]]:
    """What an edit of the exported JSON changes; `edit` is given the conference."""
    data = json.loads(schedule_json(public(before), "en"))
    edit(data["schedule"]["conference"])
    after = merged_agenda(read_schedule_json(json.dumps(data).encode()), before, Hints())
    return differences(before.as_data(), after.as_data())


def test_an_edit_of_the_title_changes_the_title_in_that_language() -> None:
    def edit(conference: dict[str, Any]) -> None:
        conference["days"][0]["rooms"]["Hall 4"][0]["title"] = "Better data"

    assert edited(edit, sample("milipol-2019")) == {
        ".sessions.0.title.en": ("Cooperation for high-quality datasets in Europe", "Better data")
    }


def test_an_edit_of_the_time_changes_the_time() -> None:
    def edit(conference: dict[str, Any]) -> None:
        conference["days"][0]["rooms"]["Hall 4"][0] |= {
            "date": "2019-11-20T09:30:00+01:00", "start": "09:30", "duration": "01:25",
        }  # fmt: skip

    assert edited(edit, sample("milipol-2019")) == {".sessions.0.starts": ("09:40", "09:30")}


def test_an_edit_of_the_time_of_a_session_in_another_zone_keeps_its_zone() -> None:
    def edit(conference: dict[str, Any]) -> None:
        conference["days"][0]["rooms"]["Room to be announced"][0] |= {
            "date": "2019-11-20T16:40:00+01:00", "start": "16:40", "end": "2019-11-20T17:55:00+01:00",
        }  # fmt: skip

    assert edited(edit, small({"zone": "America/New_York"})) == {
        ".sessions.0.starts": ("09:40", "10:40"),
        ".sessions.0.ends": ("10:55", "11:55"),
    }


def test_an_edit_of_the_room_changes_the_room() -> None:
    def edit(conference: dict[str, Any]) -> None:
        rooms = conference["days"][0]["rooms"]
        moved = rooms["Main hall"].pop(0)
        moved["room"] = "Foyer"
        rooms["Foyer"].insert(0, moved)

    sre = sample("sre-2019")
    rooms = {room.id: room.name["en"] for room in sre.rooms}
    assert "Foyer" in rooms.values()
    assert {path: rooms[after] for path, (_, after) in edited(edit, sre).items()} == {".sessions.0.room": "Foyer"}


def test_a_speaker_removed_is_no_longer_in_the_session() -> None:
    def edit(conference: dict[str, Any]) -> None:
        del conference["days"][0]["rooms"]["Hall 4"][0]["persons"][1]

    before = sample("milipol-2019")
    changes = edited(edit, before)
    assert list(changes) == [".sessions.0.people"]
    old, new = changes[".sessions.0.people"]
    assert new == [part for part in old if part["person"] != "laurent-beslay"]


def test_an_edit_of_xml_changes_what_was_edited() -> None:
    before = sample("milipol-2019")
    text = schedule_xml(public(before), "en").decode()
    after = merged_agenda(
        read_schedule_xml(
            changed("<type>social</type>", "<type>Coffee break</type>", text)
            .replace("<title>AI and citizen acceptance</title>", "<title>AI &amp; citizens</title>")
            .encode()
        ),
        before,
        Hints(),
    )
    assert differences(before.as_data(), after.as_data()) == {
        ".sessions.3.kind": ("social", "break"),
        ".sessions.6.title.en": ("AI and citizen acceptance", "AI & citizens"),
    }


def test_the_first_track_is_what_a_file_changes() -> None:
    def to(track: str | None) -> Callable[[dict[str, Any]], None]:
        def edit(conference: dict[str, Any]) -> None:
            conference["days"][0]["rooms"]["Room to be announced"][0]["track"] = track

        return edit

    before = small({"tracks": ["A", "B"]})
    assert edited(to("A"), before) == {}
    assert edited(to("C"), before) == {".sessions.0.tracks.0.en": ("A", "C")}
    assert edited(to(None), before) == {".sessions.0.tracks": ([{"en": "A"}, {"en": "B"}], None)}


def test_half_an_edit_of_the_time_is_asked_about() -> None:
    data = json.loads(schedule_json(public(sample("milipol-2019")), "en"))
    workshop = data["schedule"]["conference"]["days"][0]["rooms"]["Hall 4"][0]
    for name, value in (("start", "09:30"), ("duration", "02:00"), ("date", "2019-11-20T09:30:00+01:00")):
        half = copy.deepcopy(data)
        half["schedule"]["conference"]["days"][0]["rooms"]["Hall 4"][0] = workshop | {name: value}
        told = refused(read_schedule_json, json.dumps(half), sample("milipol-2019"))
        assert "agree" in told[0]["message"]


# A file of a real shape.


@pytest.mark.parametrize(
    ("body", "read"),
    [(schedule_file.schedule_json, read_schedule_json), (schedule_file.schedule_xml, read_schedule_xml)],
    ids=["json", "xml"],
)
def test_five_hundred_sessions_are_all_there_at_their_times_and_again_nothing_changes(
    body: Callable[[], bytes], read: Read
) -> None:
    started = time.perf_counter()
    agenda = merged_agenda(read(body()), None, Hints())
    again = merged_agenda(read(body()), agenda, Hints())
    assert time.perf_counter() - started < 20, "it takes about one second"
    assert again == agenda
    assert (len(agenda.sessions), len(agenda.rooms), len(agenda.people)) == (500, 12, 600)
    told = [
        event
        for day in schedule_file.schedule()["schedule"]["conference"]["days"]
        for events in day["rooms"].values()
        for event in events
    ]
    by_id = {session.id: slot_of(session, agenda.zone_of(session)) for session in agenda.sessions}
    for event in told:
        slot = by_id[f"big-2019-{event['guid']}"]
        assert slot.starts_at == datetime.fromisoformat(event["date"])
        assert slot.ends_at == datetime.fromisoformat(event["end"])
    assert {len({text["en"] for session in agenda.sessions for text in session.tracks})} == {40}
    assert sum(session.kind is SessionKind.BREAK for session in agenda.sessions) == 20
