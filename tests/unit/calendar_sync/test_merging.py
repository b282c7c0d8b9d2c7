"""A person's alarm, colour and note survive our next version of an object; time, title, place and state are ours."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from services.calendar_sync.merging import LARGEST, LARGEST_KEPT, MOST_ALARMS, has_theirs, merged
from shared.calendar.document import calendar_object
from shared.calendar.entry import entry
from shared.calendar.fingerprint import read
from shared.calendar.lint import lint
from shared.calendar.text import escape, fold, plain
from tests.support.calendar_readers import by_both
from tests.support.calendar_samples import efus, milipol, session, workshop

MARK = "https://lectern.test/events/milipol-2019?lang=en"
UID = "milipol-2019-workshop-1.r1@lectern.test"
ALARM = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:soon\r\nTRIGGER:-PT15M\r\nEND:VALARM\r\n"


def ours(
    state: Any = None, *, language: str = "en", mark: str = MARK, uid: str = UID, event: Any = None, **changes: Any
) -> bytes:
    state = state or workshop(1, **changes)
    return calendar_object(entry(state, event or milipol(), language=language, words=str, page=mark, join=True), uid)


def added(body: bytes, lines: str) -> bytes:
    """`body` with lines of a person's program in its VEVENT."""
    return body.replace(b"END:VEVENT\r\n", lines.encode() + b"END:VEVENT\r\n")


def noted(body: bytes, note: str) -> bytes:
    """`body` as it is after a person wrote below our description."""
    lines = body.decode().replace("\r\n ", "").split("\r\n")[:-1]
    return b"".join(fold(f"{line}\\n{escape(note)}" if line.startswith("DESCRIPTION:") else line) for line in lines)


def unfolded(body: bytes) -> str:
    return body.decode().replace("\r\n ", "")


OLD, NEW = ours(), ours(workshop(1, revision=2, start="2019-11-20T16:00", place={"room": {"en": "Hall 7"}}))


def kept_in_new(theirs: bytes, new: bytes = NEW, mark: str = MARK) -> bytes:
    """Our next version with what is theirs; sound, stable, and saying just what ours says."""
    body = merged(new, theirs, mark)
    assert lint(body, feed=False) == []
    assert merged(new, body, mark) == body
    assert read(body, mark) == read(new, mark)
    assert read(body) == read(new)
    found, (uid,) = by_both(body), by_both(new)
    assert list(found) == [uid]
    meant, seen = by_both(new)[uid], found[uid]
    for name in ("uid", "start", "end", "wall", "zone", "summary", "status", "sequence", "location"):
        assert getattr(seen, name) == getattr(meant, name)
    assert seen.description.startswith(meant.description)
    return body


@pytest.mark.parametrize("theirs", [OLD, NEW, OLD.replace(b"\r\n", b"\n")])
def test_without_anything_of_theirs_the_object_is_ours_octet_for_octet(theirs: bytes) -> None:
    assert merged(NEW, theirs, MARK) == NEW
    assert not has_theirs(theirs, NEW)


@pytest.mark.parametrize(
    "lines",
    [
        ALARM,
        ALARM.replace("DISPLAY", "AUDIO"),
        ALARM.replace("-PT15M", "PT0S"),
        ALARM.replace("TRIGGER:", "TRIGGER;RELATED=END:"),
        ALARM.replace("END:VALARM", "UID:6D1A\r\nX-WR-ALARMUID:6D1A\r\nX-APPLE-DEFAULT-ALARM:TRUE\r\nEND:VALARM"),
        "COLOR:tomato\r\n",
        "CLASS:PRIVATE\r\n",
        "PRIORITY:1\r\n",
        "COMMENT:bring the slides\\, both\r\n",
        "ATTACH:https://drive.example/slides\r\n",
        "X-APPLE-TRAVEL-DURATION;VALUE=DURATION:PT30M\r\n",
        "X-MOZ-LASTACK:20191101T080000Z\r\n",
        "X-EVOLUTION-CALDAV-HREF:/a/b;c,d\r\n",
    ],
)
def test_what_a_person_added_survives_a_reschedule(lines: str) -> None:
    theirs = added(OLD, lines)
    assert has_theirs(theirs, NEW)
    assert lines in unfolded(kept_in_new(theirs))


def test_note_behind_our_description_is_kept_behind_the_new_one() -> None:
    body = kept_in_new(noted(OLD, "Ask about Ümläute; and, well\\nothing."))
    assert by_both(body)[UID].description.endswith(f"Programme: {MARK}\n\nAsk about Ümläute; and, well\\nothing.")
    assert has_theirs(noted(OLD, "mine"), NEW)


def test_note_is_kept_where_the_language_changes() -> None:
    french = MARK.replace("lang=en", "lang=fr")
    body = kept_in_new(noted(OLD, "à moi"), ours(language="fr", mark=french), french)
    assert by_both(body)[UID].description.endswith(f"Programme: {french}\n\nà moi")


def test_note_that_quotes_the_page_is_kept_whole_while_our_text_stays() -> None:
    body = kept_in_new(noted(OLD, f"see {MARK}\nand then go"), ours(workshop(1, start="2019-11-20T17:00")))
    assert f"\n\nsee {MARK}\nand then go" in by_both(body)[UID].description


def test_change_within_our_text_is_not_kept() -> None:
    theirs = OLD.replace(b"DESCRIPTION:Chair", b"DESCRIPTION:Not the chair").replace(b": Renaud", b": Eva")
    assert merged(NEW, theirs, MARK) == NEW
    assert read(theirs) != read(OLD)
    both = around(OLD, "in front", "behind").replace(b": Renaud", b": Eva")
    assert by_both(kept_in_new(both))[UID].description == f"{said(NEW)}\n\nbehind"


REVISIONS = [
    ours(workshop(1, revision=2, start="2019-11-20T16:00", description={"en": "What we see.\n\n Twice, at https://x.example"})),
    ours(workshop(1, revision=3, description={"en": "Shorter."}, people=[])),
    ours(workshop(1, revision=4, people=[])),
    ours(workshop(1, revision=5, status="cancelled")),
    ours(workshop(1, revision=6), language="fr", mark=MARK.replace("=en", "=fr")),
    OLD,
]  # fmt: skip
"""Texts of which some end others, so that our old text could be taken for a note in front of the new one."""
NOTES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["", "Ask her.", f"see {MARK}", f"{MARK}\nand go", "https://x.example/?a", "\n\n x \\n; ,", "Programme:"]
    ),
)


def said(body: bytes) -> str:
    """What its DESCRIPTION says."""
    return by_both(body)[UID].description


def around(body: bytes, front: str, behind: str) -> bytes:
    """`body` as it is after a person wrote above and below our description."""
    first = f"{escape(front)}\\n" if front else ""
    lines = unfolded(noted(body, behind)).split("\r\n")[:-1]
    return b"".join(
        fold(line.replace("DESCRIPTION:", f"DESCRIPTION:{first}") if line.startswith("DESCRIPTION:") else line)
        for line in lines
    )


def as_it_is(body: bytes) -> bytes:
    return body


def with_line_feeds(body: bytes) -> bytes:
    return body.replace(b"\r\n", b"\n")


def folded_otherwise(body: bytes) -> bytes:
    """Folded at 40 characters, with a tab."""
    lines = unfolded(body).split("\r\n")
    return "\r\n".join(re.sub(r"(.{40})(?=.)", "\\1\r\n\t", line) for line in lines).encode()


def with_blanks(body: bytes) -> bytes:
    """Blanks at the ends of lines, and empty lines with blanks in them."""
    lines = unfolded(body).split("\r\n")
    for place, line in enumerate(lines):
        if line.startswith("DESCRIPTION:"):
            lines[place] = re.sub(r"\\(.)", lambda found: "  \\n" if found[1] == "n" else found[0], line) + " \\n "
    return "\r\n".join(lines).encode()


SERVERS = st.sampled_from([as_it_is, with_line_feeds, folded_otherwise, with_blanks])


def signs(text: str) -> str:
    """The text without its blanks and control characters, which programs change."""
    return "".join(plain(text).split())


def texts(notes: str, body: bytes) -> int:
    return signs(said(body)).count(signs(notes))


@settings(deadline=None, max_examples=60)
@given(NOTES, NOTES, st.lists(st.tuples(st.sampled_from(REVISIONS), SERVERS), min_size=1, max_size=5))
def test_notes_before_and_behind_survive_every_revision_just_once(
    front: str, behind: str, revisions: list[tuple[bytes, Callable[[bytes], bytes]]]
) -> None:
    body = around(OLD, front, behind)
    for new, server in revisions:
        stored = server(body)
        mark = new_mark(new)
        body = merged(new, stored, mark)
        assert lint(body, feed=False) == []
        assert merged(new, body, mark) == body
        assert read(body, mark) == read(new, mark)
        assert signs(said(body)) == signs(front) + signs(said(new)) + signs(behind)


def new_mark(body: bytes) -> str:
    return str(Calendar.from_ical(body).events[0]["URL"])


@pytest.mark.parametrize("behind", ["", "behind"])
def test_note_in_front_moves_behind_where_a_server_drops_the_seal_that_tells_it(behind: str) -> None:
    def dropped(body: bytes) -> bytes:
        return re.sub(rb"X-LECTERN-[^\r]+\r\n(?: [^\r]+\r\n)*", b"", body)

    stored = dropped(around(OLD, "in front", behind))
    body = merged(OLD, stored, MARK, same=True)
    assert has_theirs(stored, OLD, same=True)
    assert signs(said(body)) == signs(said(OLD)) + "infront" + behind
    for new in REVISIONS[:4]:
        body = merged(new, dropped(body), MARK)
        assert signs(said(body)) == signs(said(new)) + "infront" + behind


def test_our_old_text_is_no_note_where_a_server_drops_the_seal() -> None:
    """The new text is the end of the old one: without the seal, what was ours could be taken for a note in front."""
    stored = re.sub(rb"X-LECTERN-TEXT[^\r]+\r\n", b"", OLD)
    shorter = ours(workshop(1, revision=4, people=[], place={"online": True}))
    assert said(OLD).endswith(said(shorter))
    assert merged(shorter, stored, MARK) == shorter
    # The control: told that this is what was written last, it would be one.
    assert merged(shorter, stored, MARK, same=True) != shorter


def test_second_copy_of_our_text_is_no_note() -> None:
    stored = around(OLD, "in front", f"{said(OLD)}\n\nbehind")
    assert said(merged(NEW, stored, MARK)) == f"in front\n\n{said(NEW)}\n\nbehind"


def test_note_in_front_is_nobody_s_change_of_ours() -> None:
    assert read(around(OLD, f"see {MARK}", "behind")) == read(OLD)
    # The control: without the seal it is.
    assert read(re.sub(rb"X-LECTERN-TEXT[^\r]+\r\n", b"", around(OLD, f"see {MARK}", "behind"))) != read(OLD)


def test_huge_description_is_looked_through_in_time() -> None:
    stored = around(OLD, "https://x.example " * 10_000, "")
    assert signs(said(merged(NEW, stored, MARK))).endswith(signs(said(NEW)))


def test_description_of_nothing_but_our_address_is_looked_through_in_time() -> None:
    """Each address was read to the end of the line from every one before it: half a minute in which nobody is served."""
    page = MARK.partition("?")[0]
    body = OLD.replace(b"DESCRIPTION:", f"DESCRIPTION:{f'({page}?' * (200_000 // len(page))} x".encode())
    assert 150_000 < len(body) < LARGEST
    began = time.process_time()
    has_theirs(body, NEW)
    assert time.process_time() - began < 2


def test_own_category_is_kept_and_our_old_one_is_not() -> None:
    old = ours(tracks=[{"en": "Border, and more"}])
    theirs = old.replace(b"CATEGORIES:Border", b"CATEGORIES:Red,Border", 1)
    assert read(theirs) == read(old)
    found = Calendar.from_ical(kept_in_new(theirs)).events[0]
    assert found.categories == ["Workshop", "Red"]
    # A server that takes our own list for one text.
    again = theirs.replace(
        b"X-LECTERN-CATEGORIES:Border\\, and more,Workshop", b"X-LECTERN-CATEGORIES:Border\\, and more\\,Workshop"
    )
    assert again != theirs
    assert b"\r\nCATEGORIES:Red\r\n" in merged(NEW, again, MARK)


def test_person_who_shows_the_time_as_free_stays_free() -> None:
    theirs = OLD.replace(b"TRANSP:OPAQUE", b"TRANSP:TRANSPARENT")
    assert b"\r\nTRANSP:TRANSPARENT\r\n" in kept_in_new(theirs)
    assert has_theirs(theirs, NEW)


def test_session_that_gets_its_time_blocks_it() -> None:
    announced = ours(session("milipol-2019-workshop-1", "2019-11-20"))
    assert b"TRANSP:TRANSPARENT" in announced
    assert merged(NEW, announced, MARK) == NEW


def test_cancelled_session_is_free_and_rings_no_more() -> None:
    gone = ours(workshop(1, revision=3, status="cancelled"))
    theirs = noted(added(OLD, f"{ALARM}COLOR:tomato\r\n"), "mine")
    body = kept_in_new(theirs, gone)
    assert b"VALARM" not in body
    assert b"TRANSP:TRANSPARENT" in body
    assert b"COLOR:tomato" in body
    assert by_both(body)[UID].description.endswith("\n\nmine")


@pytest.mark.parametrize(("new", "stays"), [(NEW, False), (ours(workshop(1, revision=2)), True)])
def test_alarm_at_a_moment_stays_only_while_the_session_does(new: bytes, stays: bool) -> None:
    theirs = added(OLD, ALARM.replace("TRIGGER:-PT15M", "TRIGGER;VALUE=DATE-TIME:20191120T080000Z"))
    assert (b"VALARM" in kept_in_new(theirs, new)) is stays


@pytest.mark.parametrize(
    "lines",
    [
        "ORGANIZER:mailto:ada@example.org\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:ada@example.org\r\n",
        "X-LECTERN-REVISION:99\r\n",
        "X-LECTERN-STATUS:CANCELLED\r\n",
        "SUMMARY:Another\r\nLOCATION:Elsewhere\r\nURL:https://elsewhere.example/\r\n",
        "X-ALT-DESC;FMTTYPE=text/html:<b>old text</b>\r\n",
        "X-APPLE-STRUCTURED-LOCATION;VALUE=URI;X-TITLE=Hall 4:geo:48.9\\,2.5\r\n",
        "X-MICROSOFT-CDO-BUSYSTATUS:BUSY\r\n",
        "X-MOZ-RECEIVED-SEQUENCE:1\r\n",
        "X-REMIND;TZID=Mars/Base:20191120T080000\r\n",
        "ATTACH;VALUE=BINARY;ENCODING=BASE64:AAAA\r\n",
        "ATTACH:data:text/plain,AAAA\r\n",
        "COLOR:url(https://x.example)\r\n",
        "PRIORITY:99\r\n",
        "COMMENT: \r\n",
        "X-BELL:\x07\r\n",
        "X-:1\r\n",
        "NONSENSE\r\n",
        "CREATED:20191001T080000Z\r\n",
        "CONFERENCE;VALUE=URI:https://phishing.example/\r\n",
        ALARM.replace("DISPLAY", "EMAIL").replace("TRIGGER", "ATTENDEE:mailto:ada@example.org\r\nTRIGGER"),
        ALARM.replace("DISPLAY", "PROCEDURE"),
        ALARM.replace("-PT15M", "soon"),
        ALARM.replace("-PT15M", "P"),
        ALARM.replace("-PT15M", "PT"),
        ALARM.replace("TRIGGER:-PT15M\r\n", ""),
        ALARM.replace("TRIGGER:-PT15M\r\n", "BEGIN:VALARM\r\nACTION:DISPLAY\r\nEND:VALARM\r\nTRIGGER:-PT15M\r\n"),
    ],
)
def test_what_is_ours_or_unsound_is_not_taken_over(lines: str) -> None:
    assert merged(NEW, added(OLD, lines), MARK) == NEW
    assert not has_theirs(added(OLD, lines), NEW)


@pytest.mark.parametrize(
    "theirs",
    [
        b"",
        b"<html>Sign in</html>",
        b"\xff\xfe",
        added(OLD, ALARM)[: len(OLD) - 30],
        added(OLD, ALARM) * 2,
        added(OLD, ALARM).replace(b"END:VALARM\r\n", b""),
        added(OLD, ALARM).replace(b"BEGIN:VCALENDAR\r\n", b""),
        added(OLD, ALARM).replace(b"BEGIN:VEVENT", b"BEGIN:VTODO").replace(b"END:VEVENT", b"END:VTODO"),
        added(OLD, f"{ALARM}RRULE:FREQ=DAILY\r\n"),
        added(OLD, f"{ALARM}RECURRENCE-ID:20191120T084000Z\r\n"),
        added(OLD, f"{ALARM}END:VEVENT\r\nBEGIN:VEVENT\r\nUID:{UID}\r\nRECURRENCE-ID:20191120T084000Z\r\n"),
        added(OLD, ALARM).replace(UID.encode(), b"somebody-else@example.org"),
        added(OLD, ALARM * 10_000),
        added(OLD, ALARM * (MOST_ALARMS + 1)),
        added(OLD, ALARM + "".join(f"X-A-{number}:1\r\n" for number in range(120))),
        added(OLD, ALARM + f"X-LARGE:{'x' * LARGEST_KEPT}\r\n"),
        added(OLD, ALARM + f"X-LARGE:{'x' * LARGEST}\r\n"),
        b"BEGIN:VCALENDAR\r\n" + b"BEGIN:X\r\n" * 20_000,
    ],
    ids=range(18),
)
def test_hostile_or_broken_object_leaves_ours_alone(theirs: bytes) -> None:
    assert merged(NEW, theirs, MARK) == NEW
    assert not has_theirs(theirs, NEW)


def test_same_alarm_several_times_is_one() -> None:
    assert kept_in_new(added(OLD, ALARM * 3)).count(b"BEGIN:VALARM") == 1


def test_endless_note_is_cut() -> None:
    assert len(kept_in_new(noted(OLD, "ü" * 50_000))) < 30_000


def test_object_of_ours_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no calendar object"):
        merged(b"", OLD, MARK)


VALUES = st.text(max_size=120)
NAMES = st.sampled_from(
    ["COLOR", "CLASS", "PRIORITY", "COMMENT", "ATTACH", "X-APPLE-A", "X-MOZ-B", "X-LECTERN-REVISION", "CATEGORIES", "SUMMARY",
     "DESCRIPTION", "TRANSP", "STATUS", "UID", "DTSTART", "RRULE", "METHOD", "ORGANIZER", "BEGIN", "END", "TRIGGER", "ACTION"]
)  # fmt: skip


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(NAMES, st.one_of(VALUES, st.sampled_from(["VALARM", "-PT15M", "DISPLAY", "VEVENT"]))), max_size=12
    )
)
def test_whatever_was_added_the_result_is_sound_and_stable(lines: list[tuple[str, str]]) -> None:
    kept_in_new(added(OLD, "".join(f"{name}:{value}\r\n" for name, value in lines)))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["X-MOZ-A", "COMMENT", "COLOR"]), VALUES), max_size=5), VALUES, st.integers(0, 3)
)
def test_alarms_and_notes_are_there_again_whatever_stands_beside_them(
    lines: list[tuple[str, str]], note: str, alarms: int
) -> None:
    several = "".join(ALARM.replace("PT15M", f"PT{number + 1}M") for number in range(alarms))
    theirs = noted(added(OLD, several + "".join(f"{name}:{escape(value)}\r\n" for name, value in lines)), note)
    body = kept_in_new(theirs)
    assert by_both(body)[UID].alarms == alarms
    assert all(word in by_both(body)[UID].description for word in plain(note).split())


@settings(deadline=None)
@given(st.binary(max_size=400), st.integers(0, len(OLD)))
def test_any_octets_put_anywhere_break_nothing(octets: bytes, where: int) -> None:
    kept_in_new(OLD[:where] + octets + OLD[where:])


class TestDeclined:
    def test_person_who_cancels_the_entry_declined(self) -> None:
        said = read(OLD.replace(b"\r\nSTATUS:CONFIRMED", b"\r\nSTATUS:CANCELLED"))
        assert said is not None
        assert said.declined

    def test_person_who_answers_no_declined(self) -> None:
        said = read(added(OLD, "ATTENDEE;PARTSTAT=declined:mailto:ada@example.org\r\n"))
        assert said is not None
        assert said.declined

    def test_person_who_answers_our_invitation_no_declined(self) -> None:
        organiser = f"ORGANIZER:mailto:answers+{'a2' * 16}@replies.example.org\r\n"
        said = read(added(OLD, organiser + "ATTENDEE;PARTSTAT=DECLINED:mailto:ada@example.org\r\n"))
        assert said is not None
        assert said.declined

    @pytest.mark.parametrize(
        "body",
        [
            OLD,
            ours(workshop(1, revision=2, status="cancelled")),
            # Somebody whom the person invited.
            added(OLD, "ORGANIZER:mailto:a@example.org\r\nATTENDEE;PARTSTAT=DECLINED:mailto:b@example.org\r\n"),
            added(OLD, "ATTENDEE;PARTSTAT=DECLINED:mailto:a@example.org\r\nATTENDEE:mailto:b@example.org\r\n"),
            added(OLD, "ATTENDEE;PARTSTAT=ACCEPTED:mailto:a@example.org\r\nATTENDEE:mailto:b@example.org\r\n"),
            # Somebody who does not keep our own properties may have written anything.
            OLD.replace(b"X-LECTERN-STATUS:CONFIRMED\r\n", b"").replace(
                b"\r\nSTATUS:CONFIRMED", b"\r\nSTATUS:CANCELLED"
            ),
            ours(session("efus-2021-round-3-session-1", "2021-03-31"), event=efus()),
        ],
    )
    def test_nobody_declined_by_mistake(self, body: bytes) -> None:
        said = read(body)
        assert said is not None
        assert not said.declined
