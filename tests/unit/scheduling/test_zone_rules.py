"""The rules of a zone change after publishing: local times stay, instants move, and what cannot be read is reported."""

from __future__ import annotations

import os
import subprocess
import sys
import zoneinfo
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduling.agenda import Agenda
from services.scheduling.domain import AgendaRefused, Publication, Published, publish, with_event_cancelled
from services.scheduling.time_zones import to_utc
from services.scheduling.zone_rules import Moved, moved, note, rederived
from shared.calendar.zones import vtimezone
from shared.contracts.base import json_of
from shared.contracts.scheduling import EventState, SessionState, Status
from tests.support.other_zone_rules import other_zone_rules
from tests.unit.scheduling.samples import sample, small

PARIS = "Europe/Paris"
NO_SUMMER_TIME = "Africa/Algiers"  # UTC+1 all the year
SUMMER_TIME_FOR_EVER = "Africa/Tripoli"  # UTC+2 all the year
AN_HOUR_EARLIER = "Europe/London"  # clocks change at 01:00 on the wall instead of 02:00
SAMPLES = ("milipol-2019", "sre-2019", "efus-2021-round-3")
BEFORE = datetime(2019, 1, 1, tzinfo=UTC)
SECOND_SESSION, THIRD_SESSION = "efus-2021-round-3-session-2", "efus-2021-round-3-session-3"


def published(agenda: Agenda, now: datetime = BEFORE) -> Published:
    """What was told, as it comes back from the store."""
    publication = publish(agenda, None, {}, now)
    assert publication is not None
    told = publication.published
    return Published(
        told.revision,
        Agenda.model_validate(told.agenda.as_data()),
        EventState.model_validate(json_of(told.event)),
        {id_: SessionState.model_validate(json_of(state)) for id_, state in told.sessions.items()},
    )


def one_session(session: dict[str, Any] | None = None, **event: Any) -> Published:
    day = (session or {}).get("date", "2019-11-20")
    return published(small(session, starts_on=day, ends_on=day, **event))


def set_right(told: Published, now: datetime = BEFORE) -> Publication:
    publication = rederived(told, now)
    assert publication is not None
    return publication


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def only(found: list[Moved]) -> Moved:
    (one,) = found
    return one


# The altered rules themselves


def test_a_zone_has_other_rules_within_the_block_and_its_own_afterwards() -> None:
    noon, path = datetime(2021, 7, 1, 12), zoneinfo.TZPATH
    with other_zone_rules(PARIS, like=NO_SUMMER_TIME):
        within = to_utc(noon, PARIS)
        calendar = vtimezone(PARIS)
    assert (within, to_utc(noon, PARIS)) == (utc("2021-07-01T11:00"), utc("2021-07-01T10:00"))
    assert b"DAYLIGHT" not in calendar
    assert b"DAYLIGHT" in vtimezone(PARIS)
    assert path == zoneinfo.TZPATH


def test_a_zone_has_its_own_rules_after_a_failure_too() -> None:
    with pytest.raises(ZeroDivisionError), other_zone_rules(PARIS, like=NO_SUMMER_TIME):
        _ = 1 // 0
    assert to_utc(datetime(2021, 7, 1, 12), PARIS) == utc("2021-07-01T10:00")


def test_other_zones_keep_their_rules_meanwhile() -> None:
    noon = datetime(2021, 7, 1, 12)
    before = to_utc(noon, "Europe/Brussels")
    with other_zone_rules(PARIS, like=NO_SUMMER_TIME):
        assert to_utc(noon, "Europe/Brussels") == before


def test_altered_rules_are_found_where_only_the_package_tzdata_has_zones() -> None:
    path = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=[])
    ZoneInfo.clear_cache()
    try:
        with other_zone_rules(PARIS, like=NO_SUMMER_TIME):
            assert to_utc(datetime(2021, 7, 1, 12), PARIS) == utc("2021-07-01T11:00")
        assert to_utc(datetime(2021, 7, 1, 12), PARIS) == utc("2021-07-01T10:00")
    finally:
        zoneinfo.reset_tzpath(to=path)
        ZoneInfo.clear_cache()


def test_a_child_process_may_have_the_altered_rules_too() -> None:
    ask = "from datetime import *; from zoneinfo import *; print(datetime(2021,7,1,tzinfo=ZoneInfo('Europe/Paris')).tzname())"
    with other_zone_rules(PARIS, like=NO_SUMMER_TIME) as path:
        environment = os.environ | {"PYTHONTZPATH": path}
        said = subprocess.run([sys.executable, "-c", ask], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "CET"


def test_a_zone_that_does_not_exist_is_no_model() -> None:
    with pytest.raises(FileNotFoundError), other_zone_rules(PARIS, like="Europe/Atlantis"):
        pass


# What moves


@pytest.mark.parametrize("event_id", SAMPLES)
def test_control_without_other_rules_nothing_moves(event_id: str) -> None:
    told = published(sample(event_id))
    assert moved(told, BEFORE) == []
    assert rederived(told, BEFORE) is None


def test_without_summer_time_the_web_conferences_of_may_and_june_are_an_hour_later() -> None:
    told = published(sample("efus-2021-round-3"))
    with other_zone_rules(PARIS, like=NO_SUMMER_TIME):
        found = moved(told, BEFORE)
    assert [one for one in found if one.session_id == SECOND_SESSION] == [
        Moved(SECOND_SESSION, "starts_at", utc("2021-05-05T12:00"), utc("2021-05-05T13:00"), PARIS),
        Moved(SECOND_SESSION, "ends_at", utc("2021-05-05T13:00"), utc("2021-05-05T14:00"), PARIS),
    ]
    assert {one.session_id for one in found} == {SECOND_SESSION, THIRD_SESSION}, "the first has a date and no time"


def test_without_summer_time_the_workshops_of_november_stay() -> None:
    told = published(sample("milipol-2019"))
    with other_zone_rules(PARIS, like=NO_SUMMER_TIME):
        assert moved(told, BEFORE) == []


def test_with_summer_time_for_ever_the_workshops_and_the_end_of_registration_are_an_hour_earlier() -> None:
    told = published(sample("milipol-2019"))
    with other_zone_rules(PARIS, like=SUMMER_TIME_FOR_EVER):
        found = moved(told, BEFORE)
    closes = "admission.window.closes"
    assert found[0] == Moved(None, closes, utc("2019-11-12T23:00"), utc("2019-11-12T22:00"), PARIS)
    assert {one.session_id for one in found[1:]} == set(told.sessions)
    assert all(one.after == one.before - timedelta(hours=1) for one in found)


def test_the_windows_of_a_session_move_in_its_own_zone() -> None:
    window = {"opens": "2019-11-01T08:00", "closes": "2019-11-13T00:00"}
    told = one_session({"admission": window, "zone": "Europe/Brussels"})
    with other_zone_rules("Europe/Brussels", like=SUMMER_TIME_FOR_EVER):
        found = [one for one in moved(told, BEFORE) if one.field.startswith("admission")]
    assert [(one.field, one.before, one.after, one.zone) for one in found] == [
        ("admission.window.opens", utc("2019-11-01T07:00"), utc("2019-11-01T06:00"), "Europe/Brussels"),
        ("admission.window.closes", utc("2019-11-12T23:00"), utc("2019-11-12T22:00"), "Europe/Brussels"),
    ]


def test_what_is_over_is_not_told_again() -> None:
    told = published(sample("efus-2021-round-3"))
    with other_zone_rules(PARIS, like=NO_SUMMER_TIME):
        assert {one.session_id for one in moved(told, utc("2021-05-06T00:00"))} == {THIRD_SESSION}
        publication = set_right(told, utc("2021-05-06T00:00"))
        assert publication.published.sessions[SECOND_SESSION] == told.sessions[SECOND_SESSION]
        assert moved(told, utc("2021-06-10T00:00")) == []


def test_a_session_that_runs_by_the_old_rules_or_the_new_is_not_over() -> None:
    told = published(sample("efus-2021-round-3"))  # the second: until 13:00 UTC, now until 14:00 UTC
    with other_zone_rules(PARIS, like=NO_SUMMER_TIME):
        assert SECOND_SESSION in {one.session_id for one in moved(told, utc("2021-05-05T13:59"))}
        assert SECOND_SESSION not in {one.session_id for one in moved(told, utc("2021-05-05T14:00"))}


def test_a_session_without_an_end_is_over_with_its_day() -> None:
    told = one_session({"ends": None})
    with other_zone_rules(PARIS, like=SUMMER_TIME_FOR_EVER):
        assert only(moved(told, utc("2019-11-20T21:59"))).field == "starts_at"
        assert moved(told, utc("2019-11-20T22:00")) == [], "midnight in Paris by the new rules"


def test_registration_does_not_move_when_the_event_is_over() -> None:
    told = one_session(admission={"closes": "2019-12-24T00:00"})
    with other_zone_rules(PARIS, like=SUMMER_TIME_FOR_EVER):
        assert [one.session_id for one in moved(told, utc("2019-11-20T21:59"))] == [None]
        assert moved(told, utc("2019-11-20T22:00")) == [], "midnight in Paris by the new rules"


def test_a_bound_of_registration_that_has_passed_is_history() -> None:
    told = one_session(admission={"opens": "2019-10-01T00:00", "closes": "2019-11-13T00:00"})
    with other_zone_rules(PARIS, like="Atlantic/Azores"):
        event = [one.field for one in moved(told, utc("2019-11-01T00:00")) if one.session_id is None]
    assert event == ["admission.window.closes"]


def test_a_bound_that_has_passed_by_the_old_rules_alone_moves() -> None:
    told = one_session(admission={"closes": "2019-11-13T00:00"})  # told: 23:00 UTC; by the new rules: midnight UTC
    with other_zone_rules(PARIS, like="Africa/Abidjan"):
        event = [one.field for one in moved(told, utc("2019-11-12T23:30")) if one.session_id is None]
    assert event == ["admission.window.closes"]


def test_what_is_cancelled_does_not_move() -> None:
    told = one_session({"status": "cancelled"})
    gone = published(with_event_cancelled(sample("milipol-2019")))
    with other_zone_rules(PARIS, like=SUMMER_TIME_FOR_EVER):
        assert moved(told, BEFORE) == []
        assert moved(gone, BEFORE) == []


def test_a_session_that_has_gone_from_the_agenda_does_not_move() -> None:
    agenda = sample("milipol-2019")
    first = published(agenda)
    second = publish(agenda.model_copy(update={"sessions": agenda.sessions[:1]}), first, {}, BEFORE)
    assert second is not None
    with other_zone_rules(PARIS, like=SUMMER_TIME_FOR_EVER):
        found = moved(second.published, BEFORE)
    assert {one.session_id for one in found} == {None, agenda.sessions[0].id}


def test_where_the_printed_offset_was_meant_the_instant_stays_and_the_wall_moves() -> None:
    told = one_session({"date": "2021-05-05", "printed_zone": "UTC+1", "zone_check": "printed"})
    with other_zone_rules(PARIS, like=NO_SUMMER_TIME):
        found = moved(told, BEFORE)
        state = set_right(told).sessions_told[0]
    assert [(one.field, one.before, one.after) for one in found] == [
        ("starts_local", datetime(2021, 5, 5, 10, 40), datetime(2021, 5, 5, 9, 40)),
        ("ends_local", datetime(2021, 5, 5, 11, 55), datetime(2021, 5, 5, 10, 55)),
    ]
    assert (state.starts_local, state.starts_at) == (datetime(2021, 5, 5, 9, 40), utc("2021-05-05T08:40"))


def test_where_the_printed_offset_was_meant_the_day_may_move_with_the_wall() -> None:
    told = one_session(
        {"date": "2021-05-05", "starts": "23:30", "ends": None, "printed_zone": "UTC+1", "zone_check": "printed"}
    )
    with other_zone_rules(PARIS, like=NO_SUMMER_TIME):
        state = set_right(told).sessions_told[0]
    assert [told.sessions[state.id].date.day, state.date.day] == [6, 5]


# What cannot be read any more


def test_a_time_that_the_new_rules_leave_out_is_reported_and_stays_as_told() -> None:
    told = one_session({"date": "2019-03-31", "starts": "01:30", "ends": "04:00"})
    with other_zone_rules(PARIS, like=AN_HOUR_EARLIER):
        one = only(moved(told, BEFORE))
        assert rederived(told, BEFORE) is None
    assert (one.field, one.before, one.after) == ("starts_at", utc("2019-03-31T00:30"), None)
    assert one.problem.startswith(
        "01:30 on 31 March 2019 does not exist in Europe/Paris: clocks go forward by 60 minutes"
    )


def test_an_hour_that_now_comes_twice_is_reported_with_its_question() -> None:
    told = one_session({"date": "2019-10-27", "starts": "00:30", "ends": "01:30"})
    with other_zone_rules(PARIS, like=AN_HOUR_EARLIER):
        one = only(moved(told, BEFORE))
    assert (one.field, one.after) == ("ends_at", None)
    assert one.problem.endswith("say which one with first or second: ends_hour: first, or ends_hour: second")


def test_an_answer_to_a_question_that_is_not_asked_any_more_is_left_out() -> None:
    told = one_session({"date": "2019-10-27", "starts": "02:30", "ends": "04:00", "starts_hour": "first"})
    with other_zone_rules(PARIS, like=NO_SUMMER_TIME):
        one = only(moved(told, BEFORE))
    assert (one.field, one.after) == ("starts_at", utc("2019-10-27T01:30"))


def test_an_abbreviation_that_does_not_apply_any_more_is_reported_with_both_readings() -> None:
    told = one_session({"date": "2021-05-05", "printed_zone": "CEST"})
    with other_zone_rules(PARIS, like=NO_SUMMER_TIME):
        one = only(moved(told, BEFORE))
        assert rederived(told, BEFORE) is None
    assert (one.field, one.before, one.after) == ("starts_at", utc("2021-05-05T07:40"), None)
    assert "09:40 in Paris is 08:40 UTC; 09:40 at UTC+2 is 07:40 UTC. Which is meant? Answer with" in one.problem


def test_a_bound_of_registration_in_a_gap_is_reported() -> None:
    told = one_session(admission={"closes": "2019-03-31T01:30"})
    with other_zone_rules(PARIS, like=AN_HOUR_EARLIER):
        one = next(one for one in moved(told, BEFORE) if one.session_id is None)
    assert one.after is None
    assert one.problem.endswith("or choose a time outside of that hour")


def test_one_session_that_cannot_be_read_does_not_keep_the_others_from_being_set_right() -> None:
    agenda = sample("efus-2021-round-3")
    doubted = [
        s.model_copy(update={"printed_zone": "CEST", "zone_check": None}) if s.id == SECOND_SESSION else s
        for s in agenda.sessions
    ]
    told = published(agenda.model_copy(update={"sessions": doubted}))
    with other_zone_rules(PARIS, like=NO_SUMMER_TIME):
        publication = set_right(told)
        with pytest.raises(AgendaRefused):  # the usual way is barred until the organiser has answered
            publish(told.agenda, told, {}, BEFORE)
    assert [state.id for state in publication.sessions_told] == [THIRD_SESSION]


# The revision


@pytest.mark.parametrize("event_id", SAMPLES)
@pytest.mark.parametrize("like", [NO_SUMMER_TIME, SUMMER_TIME_FOR_EVER, "America/New_York", "Pacific/Apia"])
def test_the_revision_is_the_one_that_publishing_the_same_agenda_again_makes(event_id: str, like: str) -> None:
    told = published(sample(event_id))
    now = BEFORE + timedelta(days=1)
    with other_zone_rules(told.event.zone, like=like):
        found = moved(told, now)
        again = rederived(told, now)
        assert again == publish(told.agenda, told, note(found), now)
        if again is not None:
            assert moved(again.published, now) == [], "what is set right is right"


def test_the_revision_tells_only_what_moved_and_says_why() -> None:
    told = published(sample("efus-2021-round-3"))
    now = BEFORE + timedelta(days=1)
    with other_zone_rules(PARIS, like=NO_SUMMER_TIME):
        publication = set_right(told, now)
    after = publication.published
    assert [state.id for state in publication.sessions_told] == [SECOND_SESSION, THIRD_SESSION]
    assert (after.revision, publication.event_told, after.event) == (2, False, told.event)
    assert {(s.revision, s.published_at) for s in publication.sessions_told} == {(2, now)}
    assert publication.note["en"].startswith("The rules of the time zone Europe/Paris changed")
    assert [change.subject for change in publication.public_changes] == [
        f"sessions/{SECOND_SESSION}",
        f"sessions/{THIRD_SESSION}",
    ]


def test_an_event_whose_registration_moved_is_told_with_the_note() -> None:
    told = published(sample("milipol-2019"))
    with other_zone_rules(PARIS, like=SUMMER_TIME_FOR_EVER):
        publication = set_right(told)
    event = publication.published.event
    assert (publication.event_told, event.revision, event.note) == (True, 2, publication.note)
    assert event.admission.window.closes == utc("2019-11-12T22:00")


NEW_RULES = st.sampled_from(
    [NO_SUMMER_TIME, SUMMER_TIME_FOR_EVER, AN_HOUR_EARLIER, "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata"]
)


@settings(max_examples=1000 if os.environ.get("LECTERN_TEST_LONG") else 60, deadline=None)
@given(
    like=NEW_RULES,
    starts=st.datetimes(datetime(2019, 1, 2), datetime(2026, 12, 30)).map(
        lambda at: at.replace(second=0, microsecond=0)
    ),
    minutes=st.integers(1, 600),
)
def test_whatever_the_new_rules_a_session_keeps_its_local_time_or_is_reported(
    like: str, starts: datetime, minutes: int
) -> None:
    ends = starts + timedelta(minutes=minutes)
    times = {
        "date": f"{starts:%Y-%m-%d}",
        "starts": f"{starts:%H:%M}",
        "ends": f"{ends:%H:%M}",
        "ends_on": f"{ends:%Y-%m-%d}",
    }
    try:
        told = one_session(times)
    except AgendaRefused:
        return  # on a change of the clocks already by the old rules
    old = next(iter(told.sessions.values()))
    with other_zone_rules(PARIS, like=like):
        found, again, place = moved(told, BEFORE), rederived(told, BEFORE), ZoneInfo(PARIS)
        state = again.sessions_told[0] if again is not None else old
        assert (state.starts_local, state.ends_local, state.zone, state.status) == (
            starts, ends, PARIS, Status.SCHEDULED,
        )  # fmt: skip
        if any(one.after is None for one in found):
            assert state == old
        else:
            assert state.starts_at is not None
            assert state.ends_at is not None
            walls = [at.astimezone(place).replace(tzinfo=None, fold=0) for at in (state.starts_at, state.ends_at)]
            assert walls == [starts, ends]


# The note


def test_the_note_names_each_zone_once_in_english_and_french() -> None:
    at = utc("2021-05-05T12:00")
    found = [
        Moved("a", field, at, at, zone) for zone in (PARIS, "Europe/Brussels") for field in ("starts_at", "ends_at")
    ]
    text = note(found)
    assert text["en"] == (
        "The rules of the time zones Europe/Paris, Europe/Brussels changed; "
        "local times stay, and calendars are set right."
    )
    assert "Europe/Paris, Europe/Brussels" in text["fr"]


def test_the_note_does_not_say_that_local_times_stay_where_one_does_not() -> None:
    wall = Moved("a", "starts_local", datetime(2021, 5, 5, 10, 40), datetime(2021, 5, 5, 9, 40), PARIS)
    assert note([wall])["en"] == "The rules of the time zone Europe/Paris changed; times and calendars are set right."


def test_there_is_no_note_where_nothing_is_set_right() -> None:
    assert note([Moved("a", "starts_at", utc("2021-05-05T12:00"), None, PARIS, "why")]) == {}
