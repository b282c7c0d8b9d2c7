"""The lint finds each fault that it is there for; the same text without the fault passes."""

from __future__ import annotations

import pytest

from shared.calendar.lint import lint
from shared.calendar.zones import vtimezone

GOOD = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n"
    + vtimezone("Europe/Paris")
    + b"BEGIN:VEVENT\r\nUID:a@x\r\nDTSTAMP:20191001T080000Z\r\nDTSTART;TZID=Europe/Paris:20191120T094000\r\n"
    b"DTEND;TZID=Europe/Paris:20191120T105500\r\nSUMMARY:Caf\xc3\xa9\\, talk\r\nSTATUS:CONFIRMED\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def test_good_calendar_passes() -> None:
    assert lint(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"SUMMARY:Caf\xc3\xa9\\, talk\r\n", b"SUMMARY:Cafe\n", "LF or CR alone"),
        (b"SUMMARY:Caf\xc3\xa9\\, talk", b"SUMMARY:" + b"x" * 80, "75 are allowed"),
        (b"SUMMARY:Caf\xc3\xa9\\, talk", b"SUMMARY:Caf\xc3\r\n \xa9", "splits a UTF-8 character"),
        (b"SUMMARY:Caf\xc3\xa9\\, talk", b"SUMMARY:bell\x07", "control character"),
        (b"SUMMARY:Caf\xc3\xa9\\, talk", b"SUMMARY:a, b", "not escaped"),
        (b"SUMMARY:Caf\xc3\xa9\\, talk", b"SUMMARY:a\\x", "escapes nothing"),
        (b"SUMMARY:Caf\xc3\xa9\\, talk", b"SUMMARY", "is not name;parameters:value"),
        (vtimezone("Europe/Paris"), b"", "has no VTIMEZONE"),
        (vtimezone("Europe/Paris"), vtimezone("Europe/Paris") * 2, "stands 2 times"),
        (b"RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3", b"RDATE:20080330T020000", "use RRULE"),
        (b"BYDAY=-1SU;BYMONTH=3", b"BYDAY=-1SU;BYMONTH=3;UNTIL=20300101T000000", "UNTIL must be in UTC"),
        (b"TZID=Europe/Paris:20191120T105500", b"TZID=Europe/Paris:20191120T094000", "DTEND is not after DTSTART"),
        (b"DTEND;TZID=Europe/Paris:20191120T105500", b"DTEND;VALUE=DATE:20191121", "different kinds"),
        (b"DTSTART;TZID=Europe/Paris:20191120T094000", b"DTSTART:20191120T094000", "needs TZID or Z"),
        (b"VERSION:2.0\r\n", b"VERSION:2.0\r\nMETHOD:PUBLISH\r\n", "METHOD"),
        (b"UID:a@x\r\n", b"", "UID is missing"),
        (b"UID:a@x\r\n", b"UID:a@x\r\nUID:b@x\r\n", "UID stands more than once"),
        (b"DTSTAMP:20191001T080000Z", b"DTSTAMP:20191001T080000", "must be in UTC"),
        (b"STATUS:CONFIRMED", b"STATUS:MAYBE", "unknown"),
        (b"END:VEVENT\r\n", b"END:VEVENT\r\nBEGIN:VEVENT\r\nUID:a@x\r\nDTSTAMP:20191001T080000Z\r\nDTSTART:20191120T094000Z\r\nEND:VEVENT\r\n",
         "UID a@x stands 2 times"),
        (b"END:VCALENDAR\r\n", b"END:VCALENDAR", "does not end with CRLF"),
        (b"END:VEVENT\r\n", b"", "not closed"),
        (b"PRODID:-//x//EN\r\n", b"", "PRODID"),
    ],
)  # fmt: skip
def test_each_fault_is_found(old: bytes, new: bytes, words: str) -> None:
    assert old in GOOD
    assert any(words in problem for problem in lint(GOOD.replace(old, new))), lint(GOOD.replace(old, new))
