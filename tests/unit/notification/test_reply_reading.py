"""Answers to invitations, as mail programs write them and as nobody should."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from services.notification.replies import reading
from services.notification.replies.reading import Reading, Word, read
from tests.support.replies import (
    UID,
    WRITERS,
    Said,
    calendar,
    exchange,
    gmail,
    out_of_office,
    outlook,
    outlook_com,
    several,
    thunderbird,
)

HEAD = b"From: ada@example.org\r\nMIME-Version: 1.0\r\n"


def plain(body: str, kind: str = "text/calendar; method=REPLY") -> bytes:
    return HEAD + f"Content-Type: {kind}\r\n\r\n".encode() + body.encode()


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: str(write.__name__))
@pytest.mark.parametrize("partstat", ["DECLINED", "ACCEPTED", "TENTATIVE"])
def test_the_answer_is_found_whichever_program_wrote_it(write: Callable[[Said], bytes], partstat: str) -> None:
    found = read(write(Said(partstat, sequence=3)), "ada@example.org")
    [answer] = found.answers
    assert (answer.uid, answer.sequence) == (UID, 3)
    assert answer.word_of("ada@example.org") is Word(partstat.lower())
    assert answer.stamped_at == datetime(2019, 11, 1, 9, 30, tzinfo=UTC)
    assert not found.automatic


def test_line_ends_of_unix_and_lower_case_are_understood() -> None:
    text = (
        calendar(Said()).replace("\r\n", "\n").replace("METHOD:REPLY", "method:Reply").replace("PARTSTAT", "partstat")
    )
    [answer] = read(plain(text, "text/calendar"), None).answers
    assert answer.word_of("ada@example.org") is Word.DECLINED


def test_a_calendar_that_is_only_a_file_is_found() -> None:
    raw = plain(calendar(Said()), 'application/octet-stream; name="response.ICS"')
    assert [answer.uid for answer in read(raw, None).answers] == [UID]


@pytest.mark.parametrize("method", ["REQUEST", "CANCEL", "COUNTER", "PUBLISH", "REFRESH", ""])
def test_only_a_reply_is_an_answer(method: str) -> None:
    line = f"METHOD:{method}" if method else ""
    assert read(plain(calendar(Said(), method=line), "text/calendar"), None) == Reading()


def test_what_the_calendar_says_of_its_method_counts_more_than_the_header() -> None:
    assert read(plain(calendar(Said(), method="METHOD:COUNTER")), None).answers == ()


@pytest.mark.parametrize("partstat", ["NEEDS-ACTION", "DELEGATED", "X-MAYBE", ""])
def test_other_states_are_no_answers(partstat: str) -> None:
    assert read(gmail(Said(partstat)), None).answers == ()


def test_of_several_attendees_the_person_alone_counts() -> None:
    lines = "ATTENDEE;PARTSTAT=DECLINED:mailto:eve@example.org\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:ada@example.org"
    text = calendar(Said(), "@BOTH@").replace("@BOTH@", lines)
    [answer] = read(plain(text), None).answers
    assert answer.word_of("ADA@example.org") is Word.ACCEPTED
    assert answer.word_of("somebody@example.org") is None


def test_a_comment_in_quotation_marks_hides_nothing() -> None:
    """Google lets people say why, in a parameter."""
    line = (
        "ATTENDEE;CUTYPE=INDIVIDUAL;PARTSTAT=DECLINED;CN=Ada;X-NUM-GUESTS=0;"
        'X-RESPONSE-COMMENT="Sorry\\, PARTSTAT=ACCEPTED: no\\; away":mailto:ada@example.org'
    )
    [answer] = read(plain(calendar(Said(), line)), None).answers
    assert answer.words == (("ada@example.org", Word.DECLINED),)


def test_an_answer_without_a_time_is_as_old_as_its_mail() -> None:
    text = calendar(Said()).replace("DTSTAMP:20191101T093000Z\r\n", "")
    dated = b"Date: Fri, 01 Nov 2019 11:00:00 +0100\r\n" + plain(text)
    assert [answer.stamped_at for answer in read(dated, None).answers] == [datetime(2019, 11, 1, 10, tzinfo=UTC)]
    for wrong in (b"Date: yesterday\r\n", b"Date: Fri, 01 Nov 99999 11:00:00 +9999\r\n", b""):
        assert [answer.stamped_at for answer in read(wrong + plain(text), None).answers] == [None]


def test_a_missing_sequence_is_the_oldest() -> None:
    [answer] = read(gmail(Said(sequence=None)), None).answers
    assert answer.sequence == 0


def test_several_answers_in_one_mail_are_all_found_up_to_a_number() -> None:
    assert len(read(several([f"{n}@x" for n in range(5)]), None).answers) == 5
    assert len(read(several([f"{n}@x" for n in range(60)]), None).answers) == reading.MOST_ANSWERS


def test_an_out_of_office_answer_says_nothing_and_is_automatic() -> None:
    assert read(out_of_office(), "ada@example.org") == Reading((), True)


@pytest.mark.parametrize(
    ("sender", "header", "automatic"),
    [
        ("", "", True),
        ("ada@example.org", "Auto-Submitted: auto-replied (vacation)", True),
        ("ada@example.org", "Precedence: bulk", True),
        ("ada@example.org", "X-Autoreply: yes", True),
        ("ada@example.org", "Auto-Submitted: no", False),
        ("ada@example.org", "Auto-Submitted: auto-generated", False),
        (None, "", False),
    ],
)
def test_who_speaks_is_told_from_the_envelope_and_the_headers(sender: str | None, header: str, automatic: bool) -> None:
    raw = (header + "\r\n").encode() * bool(header) + outlook()
    assert read(raw, sender).automatic is automatic
    assert len(read(raw, sender).answers) == 1


def test_a_bounce_that_holds_an_invitation_is_no_answer() -> None:
    raw = (
        HEAD
        + b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n--b\r\n'
        + (
            b"Content-Type: message/rfc822\r\n\r\n"
            + plain(calendar(Said(), method="METHOD:REQUEST"))
            + b"\r\n--b--\r\n"
        )
    )
    assert read(raw, "") == Reading((), True)


HOSTILE = {
    "nothing": b"",
    "zeros": b"\0" * 5000,
    "no head": b"\r\n\r\n\r\n",
    "deep": HEAD
    + b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(30_000)),
    "forwarded again and again": HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 20_000,
    "many parts": HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nx\r\n" * 90_000,
    "many headers": HEAD + b"X-A: b\r\n" * 100_000 + b"\r\n",
    "a long header": b"Content-Type: text/calendar; " + b'a="b"; ' * 100_000 + b"\r\n\r\nx",
    "a long line": plain("BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nATTENDEE" + ";A=B" * 30_000 + ":x"),
    "quotation marks": plain("BEGIN:VCALENDAR\r\nATTENDEE;A=" + '"' * 100_000 + ":x\r\nEND:VCALENDAR"),
    "many lines": plain("BEGIN:VCALENDAR\r\n" + "BEGIN:VEVENT\r\n" * 9_000),
    "many folds": plain("BEGIN:VCALENDAR\r\nUID:" + "\r\n " * 40_000),
    "no such charset": HEAD
    + b'Content-Type: text/calendar; charset="\xff\xfe"; method=REPLY\r\n\r\nBEGIN:VCALENDAR\r\n\xff',
    "wrong base64": HEAD + b"Content-Type: text/calendar\r\nContent-Transfer-Encoding: base64\r\n\r\n====%%%%abc\r\n",
    "wrong uuencode": HEAD
    + b"Content-Type: text/calendar\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 666 a\r\n~~~~\r\n",
    "a parameter in three encodings": HEAD
    + b"Content-Type: text/calendar; method*0*=x'y'%ff; method*1=z; method=REPLY\r\n\r\nx",
    "surrogates": HEAD + b"Content-Type: text/calendar; name=\xed\xa0\x80.ics; method=\xed\xa0\x80\r\n\r\nx",
    "the end only": plain("END:VEVENT\r\nEND:VCALENDAR\r\nEND:VCALENDAR\r\nMETHOD:REPLY\r\n"),
    "a long header of a container": b"Content-Type: multipart/mixed; " + b'a="b";\r\n ' * 60_000 + b"\r\n\r\nx",
    "the same with other line ends": b"A: b\rContent-Type: multipart/mixed; " + b'a="b";\r ' * 60_000 + b"\r\rx",
    "no date": thunderbird(Said(stamp="99999999T999999Z", uid="x")),
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_mail_is_read_in_no_time_and_says_nothing_harmful(raw: bytes) -> None:
    began = time.process_time()
    found = read(raw, "eve@example.org")
    assert time.process_time() - began < 1.5
    assert not any(answer.uid == UID for answer in found.answers)


@pytest.mark.parametrize("number", ["9" * 400, "-1", "1e9", "٣", ""])
def test_an_absurd_sequence_is_the_oldest(number: str) -> None:
    text = calendar(Said()).replace("SEQUENCE:1", f"SEQUENCE:{number}")
    [answer] = read(plain(text), None).answers
    assert answer.sequence == 0


@pytest.mark.parametrize("seed", range(40))
def test_no_damage_to_a_mail_raises(seed: int) -> None:
    chance = random.Random(seed)
    raw = bytearray(chance.choice([gmail, outlook, outlook_com, exchange, thunderbird])(Said()))
    for _ in range(chance.randint(1, 60)):
        place = chance.randrange(len(raw))
        kind = chance.random()
        if kind < 0.4:
            raw[place] = chance.randrange(256)
        elif kind < 0.7:
            del raw[place : place + chance.randint(1, 40)]
        else:
            raw[place:place] = bytes(raw[max(0, place - 30) : place])
    assert isinstance(read(bytes(raw), None), Reading)
