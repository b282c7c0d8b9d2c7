"""A session as VEVENT, and calendars made of them: linted by ourselves and read again by another parser."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from shared.calendar.document import Heading, calendar_object, feed
from shared.calendar.entry import Entry, entry
from shared.calendar.fingerprint import read
from shared.calendar.lint import lint
from shared.calendar.text import plain
from shared.calendar.uid import personal_uid, shared_uid
from shared.contracts.scheduling import EventState, SessionState
from tests.support.calendar_samples import efus, milipol, session, workshop

PAGE = "https://lectern.test/events/milipol-2019?lang=en"
FRENCH = {
    "Cancelled: {title}": "Annulé : {title}",
    "{title} (time to be announced)": "{title} (heure à préciser)",
    "The time will be announced.": "L’heure sera précisée.",
    "Chair": "Présidence",
    "Workshop": "Atelier",
}


def french(text: str) -> str:
    return FRENCH.get(text, text)


def english(text: str) -> str:
    return text


def made(state: SessionState, event: EventState | None = None, **changes: Any) -> Entry:
    options: dict[str, Any] = {"language": "en", "words": english, "page": PAGE, **changes}
    return entry(state, event or milipol(), **options)


def vevent(found: Entry) -> Any:
    body = calendar_object(found, "uid@lectern.test")
    assert lint(body) == []
    parsed = Calendar.from_ical(body)
    assert isinstance(parsed, Calendar)
    return parsed.events[0]


def test_session_has_its_local_times_zone_place_and_people() -> None:
    event = vevent(made(workshop()))
    assert event.decoded("DTSTART") == datetime(2019, 11, 20, 9, 40, tzinfo=ZoneInfo("Europe/Paris"))
    assert event["DTSTART"].params["TZID"] == "Europe/Paris"
    assert event["SUMMARY"] == "Cooperation for high-quality datasets in Europe"
    assert event["LOCATION"] == "Hall 4, Mezzanine, Paris-Nord Villepinte"
    assert "Chair: Renaud Vedel, Ministry of the Interior, FR" in event["DESCRIPTION"]
    assert PAGE in event["DESCRIPTION"]
    assert event["URL"] == PAGE
    assert event.categories == ["Workshop"]
    assert event["TRANSP"] == "OPAQUE"


def test_sequence_and_stamps_are_those_of_the_publication() -> None:
    state = workshop(revision=3)
    event = vevent(made(state))
    assert event["SEQUENCE"] == 3
    assert event.decoded("DTSTAMP") == event.decoded("LAST-MODIFIED") == state.published_at
    assert made(state).lines == made(state).lines


def test_cancelled_session_says_so_and_blocks_no_time() -> None:
    state = workshop(revision=2, status="cancelled", join_url="https://join.example/1")
    event = vevent(made(state, join=True))
    assert (event["STATUS"], event["TRANSP"]) == ("CANCELLED", "TRANSPARENT")
    assert event["SUMMARY"] == "Cancelled: Cooperation for high-quality datasets in Europe"
    assert "join.example" not in event["DESCRIPTION"]
    assert "CONFERENCE" not in event


def test_cancelled_event_cancels_its_sessions_with_a_higher_sequence() -> None:
    gone = milipol(revision=5, status="cancelled")
    event = vevent(made(workshop(revision=2), gone))
    assert event["STATUS"] == "CANCELLED"
    assert event["SEQUENCE"] == 5
    assert event.decoded("LAST-MODIFIED") == gone.published_at


def test_session_with_a_date_only_is_an_all_day_entry_to_be_announced() -> None:
    event = vevent(made(session("efus-2021-round-3-session-1", "2021-03-31", zone="Europe/Brussels"), efus()))
    assert event.decoded("DTSTART") == date(2021, 3, 31)
    assert event.decoded("DTEND") == date(2021, 4, 1)
    assert event["DTSTART"].params["VALUE"] == "DATE"
    assert event["SUMMARY"].endswith("(time to be announced)")
    assert event["DESCRIPTION"].startswith("The time will be announced.")
    assert event["TRANSP"] == "TRANSPARENT"


def test_texts_come_in_the_language_with_fall_back_per_field() -> None:
    state = session(
        "efus-2021-round-3-session-2", "2021-05-05T14:00", zone="Europe/Brussels", status="cancelled",
        title={"en": "Fair use of AI", "fr": "Usage équitable de l’IA"}, description={"en": "Only in English."},
    )  # fmt: skip
    event = vevent(made(state, efus(), language="fr", words=french))
    assert event["SUMMARY"] == "Annulé : Usage équitable de l’IA"
    assert "Only in English." in event["DESCRIPTION"]
    assert event.categories == ["Atelier"]


def test_link_to_join_is_for_those_who_may_have_it() -> None:
    state = workshop(join_url="https://join.example/room;1?a=b,c")
    public, private = vevent(made(state)), vevent(made(state, join=True))
    assert "join.example" not in public.to_ical().decode()
    assert str(private["CONFERENCE"]) == "https://join.example/room;1?a=b,c"
    assert "Join: https://join.example/room;1?a=b,c" in private["DESCRIPTION"]


def test_links_for_registrants_or_members_stay_out() -> None:
    links = [
        {"title": {"en": "Article"}, "url": "https://x.example/article"},
        {"title": {"en": "Slides"}, "url": "https://x.example/slides", "audience": "members"},
    ]
    text = vevent(made(workshop(outcome=links), join=True))["DESCRIPTION"]
    assert "Article: https://x.example/article" in text
    assert "slides" not in text


def test_both_of_two_equal_times_are_written_in_utc_because_programs_take_one_for_the_other() -> None:
    for hour in (0, 1):
        at = datetime(2021, 10, 31, hour, 30, tzinfo=UTC)
        state = session("efus-2021-round-3-session-9", "2021-10-31T02:30", "2021-10-31T04:00", starts_at=at)
        assert f"DTSTART:20211031T0{hour}3000Z".encode() in made(state).lines
        assert b"DTEND;TZID=Europe/Paris:20211031T040000" in made(state).lines
        assert vevent(made(state)).decoded("DTSTART") == at


def test_calendar_without_a_local_time_carries_no_zone() -> None:
    at = datetime(2021, 10, 31, 0, 30, tzinfo=UTC)
    state = session("efus-2021-round-3-session-9", "2021-10-31T02:30", "2021-10-31T02:50", starts_at=at)
    assert b"VTIMEZONE" not in calendar_object(made(state), "u@x")


@pytest.mark.parametrize("zone", ["Europe/Helsinki", "Europe/Paris"])
@pytest.mark.parametrize("day", ["2021-03-27", "2021-03-28", "2021-03-29", "2021-10-31"])
def test_days_of_changing_clocks_keep_their_local_times(zone: str, day: str) -> None:
    state = session("sre-2019-session-1", f"{day}T09:00", f"{day}T10:30", zone=zone)
    event = vevent(made(state))
    assert event.decoded("DTSTART").replace(tzinfo=None) == state.starts_local
    assert event.decoded("DTSTART").astimezone(UTC) == state.starts_at
    assert event.decoded("DTEND").astimezone(UTC) == state.ends_at


def heading() -> Heading:
    return Heading("Workshops", "About, and more; all of it", PAGE, "teal")


def test_feed_has_one_vtimezone_for_each_zone_and_names_itself_twice() -> None:
    states = [workshop(1), workshop(2), session("x-session-1", "2021-06-09T14:00", zone="Europe/Brussels")]
    body = feed(heading(), [(made(state), shared_uid(state.id, "lectern.test")) for state in states], "Europe/Paris")
    assert lint(body) == []
    assert body.count(b"BEGIN:VTIMEZONE") == 2
    for line in (b"NAME:Workshops", b"X-WR-CALNAME:Workshops", b"REFRESH-INTERVAL;VALUE=DURATION:PT1H", b"X-PUBLISHED-TTL:PT60M",
                 b"COLOR:teal", b"DESCRIPTION:About\\, and more\\; all of it", b"X-WR-CALDESC:"):  # fmt: skip
        assert b"\r\n" + line in body
    assert b"METHOD" not in body
    assert len(Calendar.from_ical(body).walk("VEVENT")) == 3


def test_feed_without_sessions_is_still_a_calendar() -> None:
    assert lint(feed(heading(), [], "Europe/Paris")) == []


def test_session_of_2006_is_read_with_the_rules_of_2006() -> None:
    state = session("old-session-1", "2006-11-02T12:00", zone="America/New_York")
    body = calendar_object(made(state), "u@x")
    assert lint(body) == []
    assert b"RRULE:FREQ=YEARLY;UNTIL=20061030T060000Z;BYDAY=-1SU;BYMONTH=10" in body


def test_person_has_one_uid_per_session_other_than_the_shared_one() -> None:
    assert shared_uid("a-1", "x.org") == "a-1@x.org"
    assert personal_uid("a-1", "r9", "x.org") == "a-1.r9@x.org"


def test_long_uid_is_folded() -> None:
    body = calendar_object(made(workshop()), personal_uid("s" * 80, "r" * 30, "lectern.example.org"))
    assert lint(body) == []
    said = read(body)
    assert said is not None
    assert said.uid == personal_uid("s" * 80, "r" * 30, "lectern.example.org")


@given(
    title=st.text(min_size=1, max_size=200).filter(plain),
    description=st.text(max_size=500),
    room=st.text(max_size=50),
)
def test_any_text_comes_out_as_good_icalendar(title: str, description: str, room: str) -> None:
    state = workshop(title={"en": title}, description={"en": description}, place={"room": {"en": room}})
    body = calendar_object(made(state), "u@x")
    assert lint(body) == []
    assert read(body) is not None


class TestFingerprint:
    def test_server_that_only_rewrites_bytes_changes_nothing_that_matters(self) -> None:
        body = calendar_object(made(workshop()), "u@x")
        rewritten = Calendar.from_ical(body)
        assert isinstance(rewritten, Calendar)
        rewritten["PRODID"] = "-//Another server//EN"
        assert read(rewritten.to_ical(sorted=True)) == read(body)
        assert read(body.replace(b"\r\n", b"\n")) == read(body)

    def test_alarm_and_colour_of_a_person_do_not_count(self) -> None:
        body = calendar_object(made(workshop()), "u@x")
        alarm = b"COLOR:red\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT15M\r\nDESCRIPTION:soon\r\nEND:VALARM\r\nEND:VEVENT"
        assert read(body.replace(b"END:VEVENT", alarm)) == read(body)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b"T094000", b"T104000"),
            (b"SUMMARY:Coop", b"SUMMARY:Moop"),
            (b"SEQUENCE:1", b"SEQUENCE:2"),
            (b"STATUS:CONFIRMED", b"STATUS:CANCELLED"),
            (b"LOCATION:Hall 4", b"LOCATION:Hall 5"),
            (b"TZID=Europe/Paris:", b"TZID=Europe/London:"),
        ],
    )
    def test_what_people_would_notice_counts(self, old: bytes, new: bytes) -> None:
        body = calendar_object(made(workshop()), "u@x")
        assert old in body
        changed, same = read(body.replace(old, new)), read(body)
        assert changed is not None
        assert same is not None
        assert changed.fingerprint != same.fingerprint

    @pytest.mark.parametrize("body", [b"", b"<html>Sign in</html>", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n"])
    def test_what_is_no_calendar_object_says_nothing(self, body: bytes) -> None:
        assert read(body) is None
