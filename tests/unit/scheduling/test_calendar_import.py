"""Calendars come in: our own changes nothing, those of other programs are read, and refusals name line and remedy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduling.agenda import Agenda
from services.scheduling.agenda_file import Source, agenda_of
from services.scheduling.domain import AgendaRefused
from services.scheduling.exports.icalendar import agenda_calendar
from services.scheduling.imports.foreign import Hints
from services.scheduling.imports.icalendar import read_calendar
from services.scheduling.imports.merge import merged_agenda
from shared.calendar.lint import lint
from tests.unit.scheduling.agenda_strategies import LONG, agendas, seen
from tests.unit.scheduling.samples import sample, small, small_data

EVENTS = ["sre-2019", "milipol-2019", "efus-2021-round-3"]
EXAMPLES = 2000 if LONG else 60


def calendar(*entry: str, head: tuple[str, ...] = (), uid: str = "talk-1@tool.example") -> bytes:
    """A calendar of another program with one entry."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Tool//EN", *head, "BEGIN:VEVENT", f"UID:{uid}",
             "DTSTAMP:20190901T000000Z", *entry, "END:VEVENT", "END:VCALENDAR", ""]  # fmt: skip
    return "\r\n".join(lines).encode()


SUMMARY = "SUMMARY:Datasets"
START = "DTSTART;TZID=Europe/Paris:20191120T094000"


def new(body: bytes, **hints: Any) -> Agenda:
    """The agenda that a calendar makes where there is no draft."""
    return merged_agenda(read_calendar(body), None, Hints(event_id="milipol-2019", **{"zone": "Europe/Paris"} | hints))


def only(body: bytes, **hints: Any) -> dict[str, Any]:
    """The one session of such an agenda, without its id and kind."""
    data = new(body, **hints).as_data()["sessions"][0]
    return {name: value for name, value in data.items() if name not in ("id", "kind")}


def refused(body: bytes) -> list[tuple[int, str, str]]:
    """Line, field and words of each refusal."""
    with pytest.raises(AgendaRefused) as refusal:
        new(body)
    return [(int(told.get("line", 0)), told["field"], told["message"]) for told in refusal.value.problems]


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("event_id", EVENTS)
def test_a_sample_exported_and_imported_is_unchanged(event_id: str, language: str) -> None:
    agenda = sample(event_id)
    foreign = read_calendar(agenda_calendar(seen(agenda), language))
    assert merged_agenda(foreign, agenda, Hints()).as_data() == agenda.as_data()


@settings(max_examples=EXAMPLES, deadline=None)
@given(agendas(), st.sampled_from(["en", "fr", "xx"]))
def test_importing_our_own_export_changes_nothing(agenda: Agenda, language: str) -> None:
    exported = agenda_calendar(seen(agenda), language)
    assert lint(exported) == []
    assert merged_agenda(read_calendar(exported), agenda, Hints()).as_data() == agenda.as_data()


@settings(max_examples=EXAMPLES, deadline=None)
@given(agendas(), st.sampled_from(["en", "fr"]))
def test_an_import_into_nothing_is_the_same_at_the_second_time(agenda: Agenda, language: str) -> None:
    foreign = read_calendar(agenda_calendar(seen(agenda), language))
    first = merged_agenda(foreign, None, Hints())
    assert {s.id for s in first.sessions} == {s.id for s in agenda.sessions}
    assert merged_agenda(foreign, first, Hints()).as_data() == first.as_data()
    exported = agenda_calendar(seen(first), language)
    again = merged_agenda(read_calendar(exported), None, Hints())
    assert agenda_calendar(seen(again), language) == exported


def test_times_of_an_import_into_nothing_are_the_instants_of_the_export() -> None:
    agenda = sample("sre-2019")
    again = merged_agenda(read_calendar(agenda_calendar(seen(agenda), "en")), None, Hints())
    assert [(s.id, s.starts_at, s.ends_at, s.zone) for s in seen(again).sessions] == [
        (s.id, s.starts_at, s.ends_at, s.zone) for s in seen(agenda).sessions
    ]


@pytest.mark.parametrize(
    ("find", "put", "field", "value"),
    [
        ("SUMMARY:Cancelled: Datasets", "SUMMARY:Cancelled: Data", "title", {"en": "Data"}),
        ("SUMMARY:Cancelled: Datasets", "SUMMARY:Data", "title", {"en": "Data"}),
        ("place.\\n\\nAbout", "place.\\n\\nMore about", "description", {"en": "More about"}),
        ("LOCATION:Room A\\, Level 1", "LOCATION:Room B\\, Level 1", "room", "room-b"),
        ("LOCATION:Room A\\, Level 1", "LOCATION:Room C", "room", "room-c"),
        ("T094000", "T094500", "starts", "09:45"),
        ("STATUS:CANCELLED", "STATUS:CONFIRMED", "status", None),
        ("CATEGORIES:Workshop", "CATEGORIES:AI\\, law,Workshop", "tracks", [{"en": "AI, law"}]),
    ],
)
def test_an_edit_in_our_file_changes_that_field_alone(find: str, put: str, field: str, value: Any) -> None:
    data = small_data({"description": "About", "room": "a", "status": "cancelled"})
    agenda = agenda_of(Source(data | {"rooms": [{"id": "a", "name": "Room A", "level": "Level 1"}]}))
    exported = agenda_calendar(seen(agenda), "en").decode()
    assert find in exported
    changed = merged_agenda(read_calendar(exported.replace(find, put).encode()), agenda, Hints())
    before, after = agenda.as_data()["sessions"][0], changed.as_data()["sessions"][0]
    assert after.pop(field, None) == value
    before.pop(field, None)
    assert after == before


def test_what_an_edit_puts_among_the_added_words_is_no_description() -> None:
    agenda = small({"description": "About"})
    exported = agenda_calendar(seen(agenda), "en").decode().replace("Programme: ", "Programme: see ")
    assert merged_agenda(read_calendar(exported.encode()), agenda, Hints()).as_data() == agenda.as_data()


@pytest.mark.parametrize("event_id", EVENTS)
def test_a_copy_without_our_marks_keeps_the_texts_of_the_draft(event_id: str) -> None:
    agenda = sample(event_id)
    copied = b"\r\n".join(
        line for line in agenda_calendar(seen(agenda), "en").split(b"\r\n") if not line.startswith(b"X-LECTERN")
    )
    assert merged_agenda(read_calendar(copied), agenda, Hints()).as_data() == agenda.as_data()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((START, "DTEND;TZID=Europe/Paris:20191120T105500"), {"date": "2019-11-20", "starts": "09:40", "ends": "10:55"}),
        ((START, "DURATION:PT1H15M"), {"date": "2019-11-20", "starts": "09:40", "ends": "10:55"}),
        ((START,), {"date": "2019-11-20", "starts": "09:40"}),
        ((START, "DTEND;TZID=Europe/Paris:20191120T094000"), {"date": "2019-11-20", "starts": "09:40"}),
        (("DTSTART:20191120T094000",), {"date": "2019-11-20", "starts": "09:40"}),
        (("DTSTART:20191120T084000Z", "DTEND:20191120T095500Z"), {"date": "2019-11-20", "starts": "09:40", "ends": "10:55"}),
        (("DTSTART:20191120T223000Z", "DURATION:PT1H"), {"date": "2019-11-20", "starts": "23:30", "ends": "00:30", "ends_on": "2019-11-21"}),
        (("DTSTART;VALUE=DATE:20191120", "DTEND;VALUE=DATE:20191121"), {"date": "2019-11-20"}),
        (("DTSTART;VALUE=DATE:20191120",), {"date": "2019-11-20"}),
        (("DTSTART;TZID=Romance Standard Time:20191120T094000",), {"date": "2019-11-20", "starts": "09:40"}),
        (('DTSTART;TZID="FLE Standard Time":20191120T094000',), {"date": "2019-11-20", "starts": "09:40", "zone": "Europe/Kiev"}),
        (("DTSTART;TZID=/software.org/Tzfile/Europe/Helsinki:20191120T094000",), {"date": "2019-11-20", "starts": "09:40", "zone": "Europe/Helsinki"}),
        (("DTSTART;TZID=America/Argentina/Buenos_Aires:20191120T094000",), {"date": "2019-11-20", "starts": "09:40", "zone": "America/Argentina/Buenos_Aires"}),
        # the repeated hour: a local time is the first, an instant says which; hours of a duration are real ones
        (("DTSTART;TZID=Europe/Paris:20191027T023000",), {"date": "2019-10-27", "starts": "02:30", "starts_hour": "first"}),
        (("DTSTART:20191027T013000Z",), {"date": "2019-10-27", "starts": "02:30", "starts_hour": "second"}),
        (("DTSTART;TZID=Europe/Paris:20191027T013000", "DURATION:PT2H"), {"date": "2019-10-27", "starts": "01:30", "ends": "02:30", "ends_hour": "second"}),
        (("DTSTART;TZID=Europe/Paris:20191027T013000", "DURATION:P1D"), {"date": "2019-10-27", "starts": "01:30", "ends": "01:30", "ends_on": "2019-10-28"}),
        (("DTSTART;TZID=Europe/Paris:20200329T013000", "DURATION:PT1H"), {"date": "2020-03-29", "starts": "01:30", "ends": "03:30"}),
    ],
)  # fmt: skip
def test_times_as_calendar_programs_write_them(lines: tuple[str, ...], expected: dict[str, Any]) -> None:
    assert only(calendar(SUMMARY, *lines)) == {"title": {"en": "Datasets"}, **expected}


def test_an_instant_is_read_on_the_clock_of_the_draft() -> None:
    draft = small({"zone": "Asia/Kolkata", "starts": "13:10", "ends": "14:25"})
    body = calendar(SUMMARY, "DTSTART:20191120T074000Z", "DTEND:20191120T085500Z", head=("X-WR-TIMEZONE:Europe/London",), uid="milipol-2019-workshop-1@x.example")  # fmt: skip
    assert merged_agenda(read_calendar(body), draft, Hints(event_id="milipol-2019")).as_data() == draft.as_data()


def test_the_calendar_s_own_zone_and_name_serve_a_new_event_only() -> None:
    head = ("X-WR-TIMEZONE:Europe/Helsinki", "X-WR-CALNAME:Autumn\\, 2019")
    foreign = read_calendar(calendar(SUMMARY, "DTSTART:20191120T074000Z", head=head))
    made = merged_agenda(foreign, None, Hints(event_id="milipol-2019"))
    assert (made.event.zone, made.event.title, f"{made.sessions[0].starts:%H:%M}") == (
        "Europe/Helsinki", {"en": "Autumn, 2019"}, "09:40",
    )  # fmt: skip
    draft = small()
    assert merged_agenda(foreign, draft, Hints(event_id="milipol-2019")).event == draft.event


def test_custom_zone_of_a_file_is_known_by_its_own_word() -> None:
    zone = ("BEGIN:VTIMEZONE", "TZID:My zone", "X-LIC-LOCATION:Europe/Helsinki", "BEGIN:STANDARD", "DTSTART:19700101T000000",
            "TZOFFSETFROM:+0200", "TZOFFSETTO:+0200", "END:STANDARD", "END:VTIMEZONE")  # fmt: skip
    assert only(calendar(SUMMARY, "DTSTART;TZID=My zone:20191120T094000", head=zone))["zone"] == "Europe/Helsinki"


def test_texts_rooms_tracks_and_links_of_other_programs() -> None:
    session = new(
        calendar(
            "SUMMARY:A\\, b\\; c", START, "DESCRIPTION:One\\ntwo \\\\ three", " \\nfour", "LOCATION:Hall 4", "STATUS:TENTATIVE",
            "CATEGORIES:AI,Law\\, order", "CATEGORIES:Ethics", "URL:https://tool.example/talk/1",
            "CONFERENCE;VALUE=URI;FEATURE=VIDEO:https://meet.example.org/x",
            "BEGIN:VALARM", "DESCRIPTION:Wake up", "TRIGGER:-PT15M", "END:VALARM",
        )
    ).as_data()  # fmt: skip
    assert session["rooms"] == [{"id": "hall-4", "name": {"en": "Hall 4"}}]
    told = session["sessions"][0]
    assert told["title"] == {"en": "A, b; c"}
    assert told["description"] == {"en": "One\ntwo \\ three\nfour"}
    assert told["tracks"] == [{"en": "AI"}, {"en": "Law, order"}, {"en": "Ethics"}]
    assert (told["join_url"], told["room"]) == ("https://meet.example.org/x", "hall-4")
    assert told["links"] == [{"title": {"en": "https://tool.example/talk/1"}, "url": "https://tool.example/talk/1"}]


def test_an_address_for_a_location_is_the_link_to_join_and_no_room_to_print() -> None:
    made = new(calendar(SUMMARY, START, "LOCATION:https://meet.example.org/secret"))
    assert (made.rooms, made.sessions[0].join_url) == ([], "https://meet.example.org/secret")


def test_what_the_file_never_uses_stays_as_it_is_in_the_draft() -> None:
    draft = agenda_of(
        Source(small_data({"description": "About", "tracks": ["AI"], "status": "cancelled", "room": "a", "join_url": "https://meet.example.org/x"}) | {"rooms": [{"id": "a", "name": "A"}]})
    )  # fmt: skip
    body = calendar(
        SUMMARY, START, "DTEND;TZID=Europe/Paris:20191120T105500", uid="milipol-2019-workshop-1@lectern.example.org"
    )
    assert merged_agenda(read_calendar(body), draft, Hints(event_id="milipol-2019")).as_data() == draft.as_data()


def test_tasks_and_busy_times_are_no_sessions() -> None:
    others = ("BEGIN:VTODO", "UID:t", "END:VTODO", "BEGIN:VFREEBUSY", "UID:f", "END:VFREEBUSY")
    assert len(new(calendar(SUMMARY, START, head=others)).sessions) == 1


@pytest.mark.parametrize(
    ("body", "line", "field", "remedy"),
    [
        (calendar(SUMMARY, START, "RRULE:FREQ=DAILY"), 9, "date", "an entry of its own for each time"),
        (calendar(SUMMARY, START, "RECURRENCE-ID:20191120T084000Z"), 9, "date", "an entry of its own"),
        (calendar(SUMMARY, "DTSTART;TZID=Moon/Base:20191120T094000"), 8, "zone", "for example TZID=Europe/Paris"),
        (calendar(SUMMARY, "DTSTART;TZID=CET:20191120T094000"), 8, "zone", "for example TZID=Europe/Paris"),
        (calendar(SUMMARY, "DTSTART:20191131T094000"), 8, "date", "no day or time that there is"),
        (calendar(SUMMARY, "DTSTART:2019-11-20"), 8, "date", "for example 20191120T094000"),
        (calendar(SUMMARY, START, "DURATION:-PT1H"), 9, "ends", "for example PT1H15M"),
        (calendar(SUMMARY, START, "DURATION:P"), 9, "ends", "for example PT1H15M"),
        (calendar(SUMMARY, START, "DTEND;VALUE=DATE:20191121"), 9, "ends", "make both the same"),
        (calendar(SUMMARY, "DTSTART;VALUE=DATE:20191120", "DTEND;VALUE=DATE:20191122"), 8, "date", "an entry for each day"),
        (calendar(SUMMARY, "DTSTART:20191120T094000Z", "DTEND:20191120T104000"), 9, "ends", "write both with the same"),
        (calendar(SUMMARY), 4, "date", "add its day or time"),
        (calendar(START), 4, "title", "give it a title"),
        (calendar(SUMMARY, START, uid=""), 4, "UID", "export the calendar again"),
        (calendar(SUMMARY, "DTSTART;TZID=Europe/Paris:20200329T023000"), 8, "sessions.milipol-2019-talk-1.starts", "does not exist"),
        (calendar(SUMMARY, START, "DTEND;TZID=Europe/Paris:20191120T090000"), 9, "sessions.milipol-2019-talk-1.ends", "not after the start"),
        (calendar(SUMMARY, START, "DESCRIPTION:a\x07b"), 9, "sessions.milipol-2019-talk-1.description", "control character"),
        (calendar(SUMMARY, START).replace(b"VERSION:2.0", b"VERSION:1.0"), 2, "VERSION", "iCalendar 2.0"),
        (calendar(SUMMARY, START, head=("METHOD:REPLY",)), 4, "METHOD", "export the calendar itself"),
        (calendar(SUMMARY, START, "nonsense"), 9, "body", "a name, a colon and a value"),
        (calendar(SUMMARY, START).replace(b"END:VEVENT\r\n", b""), 9, "body", "not closed"),
        (calendar(SUMMARY, START)[:60], 4, "body", "cut off"),
        (calendar("SUMMARY:Donn\u00e9es", START).decode().encode("latin-1"), 7, "body", "save the calendar in UTF-8"),
        (calendar(SUMMARY, START).decode().encode("utf-16"), 1, "body", "UTF-16"),
        (b"", 1, "body", "BEGIN:VCALENDAR"),
        (b"event:\n  id: x\n", 1, "body", "BEGIN:VCALENDAR"),
        (b"BEGIN:VCALENDAR\nVERSION:2.0\nEND:VCALENDAR\n", 0, "body", "no entry"),
        (b"BEGIN:VCALENDAR\n" * 20, 9, "body", "levels deep"),
        (calendar(SUMMARY, START, "X-LECTERN-REVISION:1", uid="milipol-2019-workshop-1.r1@x.example"), 5, "UID", "export the event's"),
    ],
)  # fmt: skip
def test_a_refusal_names_line_field_and_remedy(body: bytes, line: int, field: str, remedy: str) -> None:
    told = refused(body)
    assert (line, field) in [(at, named) for at, named, _ in told], told
    assert any(remedy in message for _, _, message in told), told
    assert all(message.startswith(f"line {at}: ") for at, _, message in told if at)


def test_every_fault_is_told_at_once_with_the_line_of_the_file_not_of_the_unfolded_line() -> None:
    folded = calendar("SUMMARY:A very", "  long title", "DTSTART;TZID=Moon/Base:20191120T094000", "RRULE:FREQ=DAILY")
    second = folded.replace(b"talk-1", b"talk-2").partition(b"PRODID:-//Tool//EN\r\n")[2]
    body = folded.replace(b"END:VCALENDAR\r\n", b"") + second
    assert [(line, field) for line, field, _ in refused(body)] == [
        (10, "date"), (9, "zone"), (18, "date"), (17, "zone"),
    ]  # fmt: skip


def test_one_uid_for_two_entries_is_refused() -> None:
    body = calendar(SUMMARY, START)
    twice = body.replace(b"END:VCALENDAR\r\n", b"") + body.partition(b"EN\r\n")[2]
    assert refused(twice)[0] == (11, "UID", "line 11: the entry talk-1 stands on line 5 already; remove one of them")


def test_line_ends_of_any_system_and_small_letters_are_read() -> None:
    body = calendar(SUMMARY, "dtstart;tzid=Europe/Paris:20191120T094000").replace(b"\r\n", b"\n")
    assert only(b"\xef\xbb\xbf" + body)["starts"] == "09:40"


def test_a_fold_within_a_character_is_read() -> None:
    body = calendar("SUMMARY:Données", START).replace(b"\xc3\xa9", b"\xc3\r\n \xa9")
    assert only(body)["title"] == {"en": "Données"}


@settings(max_examples=300 if not LONG else 5000, deadline=None)
@given(st.lists(st.sampled_from([
    "BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "UID:a@b", "UID:", SUMMARY, START, "DTSTART:00010101T000000Z",
    "DTSTART;TZID=Asia/Tokyo:00010101T000000", "DTSTART:99991231T235959Z", "DTSTART;TZID=America/New_York:99991231T235959", "DURATION:P99999D", "DURATION:PT99999H",
    "DTEND:99991231T235959Z", "DTSTART;VALUE=DATE:99991231", "DTEND;VALUE=DATE:00010101", "URL:http://[", "CATEGORIES:,", "CATEGORIES:\\", "X-LECTERN-REVISION:1",
    "X-LECTERN-SUMMARY:999999 999999 0000000000000000", "X-LECTERN-ZONE:Mars", "STATUS:CANCELLED", "LOCATION:http://[", "a:b", " x", "x", ";:", "X-WR-TIMEZONE:x", "BEGIN:VTIMEZONE", "END:VTIMEZONE",
]), max_size=14), st.booleans())  # fmt: skip
def test_no_calendar_is_too_strange_to_be_refused_politely(lines: list[str], framed: bool) -> None:
    if framed:
        lines = ["BEGIN:VCALENDAR", "BEGIN:VEVENT", "UID:c@d", SUMMARY, *lines, "END:VEVENT", "END:VCALENDAR"]
    try:
        new("\n".join(lines).encode())
    except AgendaRefused as refusal:
        json.dumps(refusal.problems).encode()


@settings(max_examples=200 if not LONG else 5000, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_are_too_strange_to_be_refused_politely(body: bytes) -> None:
    with pytest.raises(AgendaRefused):
        read_calendar(body)
