"""The lint finds each fault that it is there for; the same calendar without the fault passes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.calendar.document import Heading, calendar_object, feed
from shared.calendar.entry import entry
from shared.calendar.lint import lint
from shared.calendar.lint_lines import Component, Property
from shared.calendar.lint_zones import offset_at
from shared.calendar.uid import shared_uid
from shared.calendar.zones import vtimezone
from shared.contracts.scheduling import SessionState
from tests.support.calendar_samples import milipol, session, workshop

PAGE = "https://lectern.test/events/milipol-2019?lang=en"
PARIS = vtimezone("Europe/Paris")
BRUSSELS = vtimezone("Europe/Brussels")
UID = b"UID:milipol-2019-workshop-1@lectern.test\r\n"
TITLE = b"SUMMARY:Caf\xc3\xa9\\, talk\r\n"
START = b"DTSTART;TZID=Europe/Paris:20191120T094000\r\n"
END = b"DTEND;TZID=Europe/Paris:20191120T104000\r\n"
STAMP = b"DTSTAMP:20191001T080000Z\r\n"
CHANGED = b"LAST-MODIFIED:20191001T080000Z\r\n"
LINK = b"CONFERENCE;FEATURE=VIDEO;LABEL=Join;VALUE=URI:https://join.example/1\r\n"
SUMMER = b"RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\r\n"


def part(state: SessionState) -> tuple[object, str]:
    return entry(state, milipol(), language="en", words=str, page=PAGE, join=True), shared_uid(state.id, "lectern.test")


def good_object() -> bytes:
    made, uid = part(workshop(1, title={"en": "Café, talk"}, join_url="https://join.example/1"))
    return calendar_object(made, uid)  # type: ignore[arg-type]


def good_feed() -> bytes:
    states = [
        workshop(1, title={"en": "Café, talk"}, join_url="https://join.example/1"),
        workshop(2, revision=2, status="cancelled"),
        session("milipol-2019-session-3", "2019-11-20", zone="Europe/Paris"),
        session("milipol-2019-session-4", "2019-11-20T16:00", zone="Europe/Brussels"),
        session("milipol-2019-session-5", "2019-10-27T02:30", "2019-10-27T04:00",
                starts_at=datetime(2019, 10, 27, 1, 30, tzinfo=UTC)),
        session("milipol-2019-session-6", "2019-11-20T16:00", zone="UTC"),
    ]  # fmt: skip
    return feed(Heading("Workshops", "About", PAGE, "teal"), [part(s) for s in states], "Europe/Paris")  # type: ignore[misc]


OBJECT, FEED = good_object(), good_feed()


def test_good_calendar_object_passes() -> None:
    assert lint(OBJECT) == lint(OBJECT, feed=False) == []


def test_good_feed_passes() -> None:
    assert lint(FEED) == lint(FEED, feed=True) == []


def told(body: bytes, old: bytes, new: bytes, words: str) -> None:
    assert old in body
    problems = lint(body.replace(old, new, 1))
    assert any(words in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        # Lines
        (TITLE, b"SUMMARY:Cafe\n", "LF or CR alone"),
        (TITLE, b"SUMMARY:Cafe\r", "LF or CR alone"),
        (TITLE, b"SUMMARY:" + b"x" * 80 + b"\r\n", "75 are allowed"),
        (TITLE, b"SUMMARY:" + b"\xc3\xa9" * 34 + b"\r\n", "has 76 octets"),
        (TITLE, b"SUMMARY:Caf\xc3\r\n \xa9\r\n", "splits a UTF-8 character"),
        (TITLE, b"SUMMARY:Caf\xe9\r\n", "is no UTF-8"),
        (TITLE, b"SUMMARY:bell\x07\r\n", "control character"),
        (TITLE, b"SUMMARY:next\xc2\x85line\r\n", "control character"),
        (TITLE, TITLE + b"\r\n", "is empty"),
        (TITLE, b"SUMMARY\r\n", "is not name;parameters:value"),
        (TITLE, b'SUMMARY;ALTREP="a:Talk\r\n', "is not name;parameters:value"),
        (TITLE, b"SUMMARY;LANGUAGE=en;LANGUAGE=fr:Talk\r\n", "has a parameter twice"),
        (b"BEGIN:VCALENDAR\r\n", b"\xef\xbb\xbfBEGIN:VCALENDAR\r\n", "byte order mark"),
        (b"END:VCALENDAR\r\n", b"END:VCALENDAR", "does not end with CRLF"),
        # Nesting
        (b"END:VEVENT\r\n", b"", "not closed"),
        (b"END:VEVENT\r\n", b"END:VTODO\r\n", "closes nothing"),
        (b"END:VCALENDAR\r\n", b"END:VCALENDAR\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "more than one VCALENDAR"),
        (b"END:VCALENDAR\r\n", b"END:VCALENDAR\r\nX-LEFT-OVER:1\r\n", "stands outside"),
        (b"BEGIN:VCALENDAR\r\n", b"", "there is no VCALENDAR"),
        # The calendar
        (b"VERSION:2.0\r\n", b"VERSION:2.0\r\nMETHOD:PUBLISH\r\n", "METHOD"),
        (b"VERSION:2.0\r\n", b"VERSION:1.0\r\n", "VERSION must be 2.0"),
        (b"VERSION:2.0\r\n", b"", "VERSION exactly once"),
        (b"VERSION:2.0\r\n", b"VERSION:2.0\r\nVERSION:2.0\r\n", "VERSION exactly once"),
        (b"PRODID:-//Lectern//Lectern//EN\r\n", b"", "PRODID exactly once"),
        (b"VERSION:2.0\r\n", b"VERSION:2.0\r\nCALSCALE:JULIAN\r\n", "GREGORIAN"),
        (b"VERSION:2.0\r\n", b"VERSION:2.0\r\nX-WR-TIMEZONE:Europe/Paris\r\n", "belongs in a feed"),
        (b"VERSION:2.0\r\n", b"VERSION:2.0\r\nSUMMARY:Talk\r\n", "SUMMARY is unknown"),
        (b"END:VEVENT\r\n", b"END:VEVENT\r\nBEGIN:VTODO\r\nUID:t@x\r\nEND:VTODO\r\n", "VTODO is neither"),
        # Time zones
        (PARIS, b"", "has no VTIMEZONE"),
        (PARIS, PARIS * 2, "stands 2 times"),
        (PARIS, PARIS + BRUSSELS, "Europe/Brussels is used by nothing"),
        (PARIS, PARIS.replace(b"TZID:Europe/Paris\r\n", b""), "TZID exactly once"),
        (PARIS, PARIS.replace(b"Europe/Paris", b"CET"), "abbreviation says too little"),
        (PARIS, PARIS.replace(b"Europe/Paris", b"/freeassociation.sourceforge.net/Europe/Paris"), "is no IANA zone"),
        (SUMMER, b"RDATE:20080330T020000\r\n", "use RRULE"),
        (SUMMER, SUMMER * 2, "more than one RRULE"),
        (SUMMER, b"RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3;UNTIL=20300101T000000\r\n", "UNTIL must be in UTC"),
        (SUMMER, b"RRULE:FREQ=MONTHLY;BYDAY=-1SU\r\n", "no rule for one day of each year"),
        (SUMMER, b"RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3;COUNT=9\r\n", "few programs read COUNT"),
        (SUMMER, b"RRULE:FREQ=YEARLY;BYDAY=LAST;BYMONTH=3\r\n", "cannot be read"),
        (SUMMER, b"RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=3\r\n", "is no day of RRULE"),
        (b"TZOFFSETTO:+0200\r\n", b"", "needs TZOFFSETTO exactly once"),
        (b"TZOFFSETTO:+0200\r\n", b"TZOFFSETTO:+2\r\n", "is no offset like"),
        (b"TZOFFSETTO:+0100\r\n", b"TZOFFSETTO:+0000\r\n", "its VTIMEZONE says +0000, Europe/Paris has +0100"),
        (b"DTSTART:20070325T020000\r\n", b"DTSTART:20070325T010000Z\r\n", "must be local time"),
        (PARIS, b"BEGIN:VTIMEZONE\r\nTZID:Europe/Paris\r\nEND:VTIMEZONE\r\n", "no STANDARD or DAYLIGHT"),
        # Identity
        (UID, b"", "UID is missing"),
        (UID, UID + b"UID:b@lectern.test\r\n", "UID stands more than once"),
        (UID, b"UID:workshop one@lectern.test\r\n", "UID is not like session@domain"),
        (UID, b"UID:workshop-1\r\n", "UID is not like session@domain"),
        (UID, b"UID:" + b"\r\n ".join([b"w" * 60] * 5) + b"@lectern.test\r\n", "255 are safe"),
        (STAMP, b"", "DTSTAMP is missing"),
        (STAMP, b"DTSTAMP:20191001T080000\r\n", "must be in UTC"),
        (STAMP, b"DTSTAMP:20191301T080000Z\r\n", "is no date and time"),
        (CHANGED, b"LAST-MODIFIED:20191001T080001Z\r\n", "DTSTAMP and LAST-MODIFIED differ"),
        (b"SEQUENCE:1\r\n", b"", "SEQUENCE is missing"),
        (b"SEQUENCE:1\r\n", b"SEQUENCE:-1\r\n", "SEQUENCE -1 is no number"),
        (b"SEQUENCE:1\r\n", b"SEQUENCE:2147483648\r\n", "is no number"),
        (b"X-LECTERN-REVISION:1\r\n", b"X-LECTERN-REVISION:one\r\n", "is no number"),
        # Times
        (END, b"DTEND;TZID=Europe/Paris:20191120T094000\r\n", "DTEND is not after DTSTART"),
        (END, b"DTEND;VALUE=DATE:20191121\r\n", "different kinds"),
        (END, END + b"DURATION:PT1H\r\n", "exclude each other"),
        (START, b"", "DTSTART is missing"),
        (START, b"DTSTART:20191120T094000\r\n", "needs TZID or Z"),
        (START, b"DTSTART;TZID=Europe/Paris:20191120T094000Z\r\n", "needs TZID or Z"),
        (START, b"DTSTART;TZID=Europe/Paris:20191131T094000\r\n", "is no date and time"),
        (START, b"DTSTART;TZID=Europe/Paris:2019-11-20T09:40\r\n", "is no date and time"),
        (START, b"DTSTART;VALUE=PERIOD:20191120T094000Z/PT1H\r\n", "of the kind PERIOD"),
        (START, b"DTSTART;VALUE=DATE;TZID=Europe/Paris:20191120\r\n", "must be a date alone"),
        (START, b"DTSTART;VALUE=DATE:20191131\r\n", "is no date"),
        (START, b"DTSTART;TZID=Europe/Paris:20190331T023000\r\n", "does not exist in Europe/Paris"),
        (START, START + b"RRULE:FREQ=DAILY;COUNT=2\r\n", "does not repeat"),
        # State and texts
        (b"STATUS:CONFIRMED\r\n", b"STATUS:MAYBE\r\n", "STATUS MAYBE is unknown"),
        (b"STATUS:CONFIRMED\r\n", b"", "STATUS is missing"),
        (b"STATUS:CONFIRMED\r\n", b"STATUS:CANCELLED\r\n", "TRANSP must be TRANSPARENT"),
        (b"TRANSP:OPAQUE\r\n", b"TRANSP:FREE\r\n", "TRANSP FREE is unknown"),
        (b"TRANSP:OPAQUE\r\n", b"", "TRANSP is missing"),
        (TITLE, b"", "SUMMARY is missing"),
        (TITLE, b"SUMMARY: \r\n", "SUMMARY says nothing"),
        (TITLE, b"SUMMARY:a, b\r\n", "not escaped"),
        (TITLE, b"SUMMARY:a; b\r\n", "not escaped"),
        (TITLE, b"SUMMARY:a\\x\r\n", "escapes nothing"),
        (TITLE, b"SUMMARY:a\\\r\n", "escapes nothing"),
        (b"CATEGORIES:Workshop\r\n", b"CATEGORIES:Workshop;Security\r\n", "not escaped"),
        (b"CATEGORIES:Workshop\r\n", b"CATEGORIES:Workshop,,Security\r\n", "one of its values is empty"),
        (b"URL:https://", b"URL:lectern", "is no address"),
        # Links to join
        (LINK, LINK.replace(b";VALUE=URI", b""), "CONFERENCE needs VALUE=URI"),
        (LINK, LINK.replace(b"VIDEO", b"FILM"), "CONFERENCE needs FEATURE"),
        (LINK, LINK.replace(b";LABEL=Join", b""), "CONFERENCE needs a LABEL"),
        (LINK, LINK.replace(b"https://join.example/1", b"join.example"), "CONFERENCE join.example is no address"),
        (LINK, LINK.replace(b"join.example/1", b"join.example/2"), "is not in DESCRIPTION"),
        # What does not belong there
        (TITLE, TITLE + b"ORGANIZER:mailto:desk@lectern.test\r\n", "ORGANIZER makes servers send mail"),
        (TITLE, TITLE + b"ATTENDEE:mailto:ada@example.org\r\n", "ATTENDEE makes servers send mail"),
        (TITLE, TITLE + b"REVISION:1\r\n", "REVISION is unknown"),
        (TITLE, TITLE + b"X-:1\r\n", "no name of one's own"),
        (b"END:VEVENT\r\n", b"BEGIN:VALARM\r\nACTION:DISPLAY\r\nEND:VALARM\r\nEND:VEVENT\r\n", "VALARM needs TRIGGER"),
        (b"END:VEVENT\r\n", b"BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:15M\r\nEND:VALARM\r\nEND:VEVENT\r\n", "TRIGGER 15M"),
        (b"END:VEVENT\r\n", b"BEGIN:VJOURNAL\r\nEND:VJOURNAL\r\nEND:VEVENT\r\n", "VJOURNAL does not belong"),
    ],
)  # fmt: skip
def test_each_fault_of_an_object_is_told(old: bytes, new: bytes, words: str) -> None:
    told(OBJECT, old, new, words)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"\r\nNAME:Workshops", b"", "a feed needs NAME"),
        (b"X-WR-CALNAME:Workshops\r\n", b"", "a feed needs X-WR-CALNAME"),
        (b"X-WR-CALNAME:Workshops", b"X-WR-CALNAME:Sessions", "NAME and X-WR-CALNAME differ"),
        (b"X-WR-CALDESC:About\r\n", b"", "a feed needs X-WR-CALDESC"),
        (b"X-WR-CALDESC:About", b"X-WR-CALDESC:Nothing", "DESCRIPTION and X-WR-CALDESC differ"),
        (b"REFRESH-INTERVAL;VALUE=DURATION:PT1H\r\n", b"", "a feed needs REFRESH-INTERVAL"),
        (b"REFRESH-INTERVAL;VALUE=DURATION:PT1H", b"REFRESH-INTERVAL:PT1H", "needs VALUE=DURATION"),
        (b"REFRESH-INTERVAL;VALUE=DURATION:PT1H", b"REFRESH-INTERVAL;VALUE=DURATION:1H", "1H is no duration"),
        (b"REFRESH-INTERVAL;VALUE=DURATION:PT1H", b"REFRESH-INTERVAL;VALUE=DURATION:PT0S", "PT0S is no duration"),
        (b"REFRESH-INTERVAL;VALUE=DURATION:PT1H", b"REFRESH-INTERVAL;VALUE=DURATION:P1W", "X-PUBLISHED-TTL differ"),
        (b"X-PUBLISHED-TTL:PT60M\r\n", b"", "a feed needs X-PUBLISHED-TTL"),
        (b"COLOR:teal\r\n", b"", "a feed needs COLOR"),
        (b"COLOR:teal", b"COLOR:#00aa88", "no colour name of CSS"),
        (b"CALSCALE:GREGORIAN\r\n", b"", "a feed needs CALSCALE"),
        (b"\r\nURL:https://", b"\r\nURL:see ", "is no address"),
        (b"COLOR:teal\r\n", b"COLOR:teal\r\nCOLOR:red\r\n", "COLOR stands 2 times"),
        (b"X-WR-TIMEZONE:Europe/Paris\r\n", b"X-WR-TIMEZONE:Europe/Paris\r\nMETHOD:PUBLISH\r\n", "METHOD"),
        (b"workshop-2@lectern.test", b"workshop-1@lectern.test", "workshop-1@lectern.test stands 2 times"),
        (b"STATUS:CANCELLED\r\nTRANSP:TRANSPARENT", b"STATUS:CANCELLED\r\nTRANSP:OPAQUE", "TRANSP must be TRANSPARENT"),
        (b"DTEND;VALUE=DATE:20191121", b"DTEND;VALUE=DATE:20191120", "DTEND is not after DTSTART"),
        (b"DTSTART:20191027T013000Z", b"DTSTART:20191027T030000Z", "DTEND is not after DTSTART"),
    ],
)  # fmt: skip
def test_each_fault_of_a_feed_is_told(old: bytes, new: bytes, words: str) -> None:
    told(FEED, old, new, words)


def test_feed_with_its_zones_at_the_end_is_told() -> None:
    moved = FEED.replace(PARIS, b"").replace(b"END:VCALENDAR", PARIS + b"END:VCALENDAR")
    assert lint(moved) == ["a VTIMEZONE comes after a VEVENT; some programs read only what they have already met"]


def test_feed_sent_as_an_object_is_told_and_the_other_way_round() -> None:
    assert any("one UID only" in problem for problem in lint(FEED, feed=False))
    assert any("NAME belongs in a feed" in problem for problem in lint(FEED, feed=False))
    assert any("a feed needs NAME" in problem for problem in lint(OBJECT, feed=True))


def test_empty_calendar_object_is_told() -> None:
    empty = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nEND:VCALENDAR\r\n"
    assert "a calendar object needs a VEVENT" in lint(empty)


@pytest.mark.parametrize(
    "body", [b"", b"\r\n", b"<html>Sign in</html>", b"\xff\xfe\x00", b"BEGIN:VEVENT\r\nEND:VEVENT\r\n"]
)
def test_what_is_no_calendar_is_told_and_breaks_nothing(body: bytes) -> None:
    assert "there is no VCALENDAR" in lint(body)


def test_alarm_of_a_person_is_no_fault() -> None:
    alarm = b"BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:soon\r\nTRIGGER:-PT15M\r\nEND:VALARM\r\nEND:VEVENT\r\n"
    assert lint(OBJECT.replace(b"END:VEVENT\r\n", alarm)) == []


def test_rule_that_cannot_be_read_gives_no_offset() -> None:
    rule = Property("RRULE", {}, "FREQ=YEARLY;BYMONTH=13;BYDAY=1SU")
    given = [("DTSTART", "20070325T020000"), ("TZOFFSETFROM", "+0100"), ("TZOFFSETTO", "+0200")]
    part_ = Component("DAYLIGHT", [rule, *(Property(name, {}, value) for name, value in given)])
    zone = Component("VTIMEZONE", children=[part_])
    assert offset_at(zone, datetime(2020, 7, 1)) is None
    part_.properties.remove(rule)
    assert offset_at(zone, datetime(2020, 7, 1)) == timedelta(hours=2)
    assert offset_at(zone, datetime(2006, 7, 1)) is None
