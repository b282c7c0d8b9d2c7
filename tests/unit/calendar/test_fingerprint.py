"""What a stored object says is read without working out what its server defined, and nothing in it raises."""

from __future__ import annotations

import time

import pytest
from icalendar import Calendar

from shared.calendar.fingerprint import read

_RULE = "DTSTART:19700101T000000\r\nRRULE:FREQ=HOURLY\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\n"
"""Half a million changes of the clocks; by the second it would be two thousand million."""
_FORMS = [
    ("BEGIN:VTIMEZONE", "END:VTIMEZONE"),
    ("begin:vtimezone", "end:vtimezone"),
    ('BEGIN;X="a:b":VTIMEZONE', "END;Y=1:VTIMEZONE"),
    ("BEGIN:VTIM\r\n EZONE", "END:VTIM\r\n\tEZONE"),
    ("BEGIN:VTIM\r\n\r\n\t EZONE", "END:VTIM\r\n\r\n\t EZONE"),
    ("BEGIN:VT\u0131MEZONE", "END:VT\u0131MEZONE"),
]


def _stored(*lines: str, begin: str = "BEGIN:VTIMEZONE", end: str = "END:VTIMEZONE") -> bytes:
    zone = f"{begin}\r\nTZID:Hostile\r\nBEGIN:STANDARD\r\n{_RULE}END:STANDARD\r\n{end}\r\n"
    event = "".join(f"{line}\r\n" for line in ("BEGIN:VEVENT", "UID:u", *lines, "END:VEVENT"))
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{zone}{event}END:VCALENDAR\r\n".encode()


@pytest.mark.parametrize(("begin", "end"), _FORMS)
@pytest.mark.parametrize(
    "line",
    [
        "DTSTART;TZID=Hostile:20260101T000000",
        "RDATE;VALUE=PERIOD;TZID=Hostile:20260101T000000Z/20260102T000000",
        "URL;VALUE=DATE-TIME;TZID=Hostile:20260101T000000",
    ],
)
def test_zone_that_a_server_defines_is_not_worked_out(begin: str, end: str, line: str) -> None:
    started = time.perf_counter()
    read(_stored(line, begin=begin, end=end))
    assert time.perf_counter() - started < 1


def test_zone_would_be_worked_out_without_the_safeguard() -> None:
    start = Calendar.from_ical(_stored("DTSTART;TZID=Hostile:20260101T000000")).events[0].decoded("DTSTART")
    assert start.tzinfo is not None
    assert getattr(start.tzinfo, "key", None) is None


def test_zone_that_only_the_server_knows_matters_by_its_name() -> None:
    said = {
        zone: read(_stored(f"DTSTART;TZID={zone}:20260101T000000")) for zone in ("Hostile", "Other", "Europe/Paris")
    }
    assert len({one.fingerprint for one in said.values() if one is not None}) == 3


@pytest.mark.parametrize(
    "line",
    [
        "DTSTART;VALUE=TIME:101010",
        "DTSTART;VALUE=PERIOD:20260101T000000Z/PT1H",
        "DTSTART:hello",
        "DTSTART:20260101T000000Z\r\nDTSTART:20260102T000000Z",
        "ATTENDEE;PARTSTAT=:",
        "STATUS:A\r\nSTATUS:B",
        "SEQUENCE:" + "9" * 6000,
    ],
)
def test_odd_object_raises_nothing(line: str) -> None:
    read(_stored(line))
