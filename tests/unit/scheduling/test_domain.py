"""Publishing: what is news, what stays, what is refused; edits, cancellations, the shift by weeks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduling.agenda import Agenda
from services.scheduling.agenda_file import Source, agenda_of
from services.scheduling.difference import difference
from services.scheduling.domain import (
    AgendaRefused,
    NoSuchPart,
    Publication,
    Published,
    RegistrationIs,
    merged,
    publish,
    registration_is,
    takes_requests,
    with_event_cancelled,
    with_part_patched,
    with_session_cancelled,
)
from services.scheduling.faults import faults
from services.scheduling.public_view import public_event, public_session
from services.scheduling.shift import shifted, weeks_until
from services.scheduling.timetable import slot_of
from services.scheduling.warnings import warnings
from shared.contracts.scheduling import Status, Window
from tests.unit.scheduling.samples import sample, small, small_data

NOW = datetime(2019, 9, 1, tzinfo=UTC)
LATER = datetime(2019, 9, 2, tzinfo=UTC)
WORKSHOP_3 = "milipol-2019-workshop-3"


def published(agenda: Agenda, before: Published | None = None, now: datetime = NOW) -> Publication:
    publication = publish(agenda, before, {}, now)
    assert publication is not None
    return publication


def patched(agenda: Agenda, session_id: str, patch: dict[str, Any]) -> Agenda:
    return agenda_of(Source(with_part_patched(agenda, "sessions", session_id, patch)))


def codes(agenda: Agenda, before: Published | None = None) -> list[str]:
    return [w.code for w in warnings(agenda, before.sessions if before else None)]


def test_the_first_publication_tells_everything() -> None:
    first = published(sample("milipol-2019"))
    assert (first.published.revision, first.event_told, len(first.sessions_told)) == (1, True, 7)


def test_what_would_not_fit_in_a_message_or_a_commit_is_refused_with_its_name() -> None:
    with pytest.raises(AgendaRefused, match=r"event: \d+ bytes"):
        publish(small(description={f"a{c}": "x" * 20_000 for c in "abcdefghijklmn"}), None, {}, NOW)
    data = small_data(place={"directions": "x" * 20_000})
    data["sessions"] = [data["sessions"][0] | {"id": f"milipol-2019-s{number}"} for number in range(200)]
    with pytest.raises(AgendaRefused, match="shorten what each session repeats"):
        publish(agenda_of(Source(data)), None, {}, NOW)


def test_publishing_the_same_again_is_no_revision() -> None:
    first = published(sample("milipol-2019"))
    assert publish(sample("milipol-2019"), first.published, {"en": "again"}, LATER) is None


def test_a_rescheduled_session_is_the_only_news_and_has_the_new_revision() -> None:
    first = published(sample("milipol-2019")).published
    second = published(patched(first.agenda, WORKSHOP_3, {"starts": "14:30", "ends": "15:30"}), first, LATER)
    assert not second.event_told
    assert [(s.id, s.revision, s.published_at) for s in second.sessions_told] == [(WORKSHOP_3, 2, LATER)]
    assert second.sessions_told[0].starts_at == datetime(2019, 11, 20, 13, 30, tzinfo=UTC)
    assert {s.revision for s in second.published.sessions.values()} == {1, 2}
    assert [(c.subject, [f.field for f in c.fields]) for c in second.changes] == [
        (f"sessions/{WORKSHOP_3}", ["starts_local", "ends_local", "starts_at", "ends_at"])
    ]


def test_a_person_renamed_is_news_in_each_of_their_sessions() -> None:
    first = published(sample("milipol-2019")).published
    people = [p.model_copy(update={"name": "R. Vedel"}) if p.id == "renaud-vedel" else p for p in first.agenda.people]
    second = published(first.agenda.model_copy(update={"people": people}), first, LATER)
    assert [s.number for s in second.sessions_told] == [1, 2, 3, 4]
    assert not second.event_told


def test_an_event_changed_alone_is_told_alone() -> None:
    first = published(sample("sre-2019")).published
    event = first.agenda.event
    rules = event.admission.model_copy(update={"capacity": 420})
    second = published(
        first.agenda.model_copy(update={"event": event.model_copy(update={"admission": rules})}), first, LATER
    )
    assert (second.event_told, second.sessions_told, second.published.event.revision) == (True, (), 2)


def test_a_session_taken_out_is_told_as_cancelled_once() -> None:
    first = published(sample("milipol-2019")).published
    less = first.agenda.model_copy(update={"sessions": [s for s in first.agenda.sessions if s.id != WORKSHOP_3]})
    second = published(less, first, LATER)
    assert [(s.id, s.status, s.revision) for s in second.sessions_told] == [(WORKSHOP_3, Status.CANCELLED, 2)]
    assert publish(less, second.published, {}, LATER) is None
    third = published(first.agenda, second.published, LATER)
    assert [(s.id, s.status, s.revision) for s in third.sessions_told] == [(WORKSHOP_3, Status.SCHEDULED, 3)]
    assert codes(first.agenda, second.published) == ["was-cancelled"]


def test_cancelling_the_event_cancels_every_session() -> None:
    first = published(sample("efus-2021-round-3")).published
    second = published(with_event_cancelled(first.agenda), first, LATER)
    assert second.event_told
    assert {s.status for s in second.sessions_told} == {Status.CANCELLED}
    assert len(second.sessions_told) == 3


def test_cancelling_one_session_is_news_of_that_session() -> None:
    first = published(sample("milipol-2019")).published
    second = published(with_session_cancelled(first.agenda, WORKSHOP_3), first, LATER)
    assert [(s.id, s.status) for s in second.sessions_told] == [(WORKSHOP_3, Status.CANCELLED)]
    with pytest.raises(NoSuchPart):
        with_session_cancelled(first.agenda, "milipol-2019-workshop-9")


def test_publishing_waits_for_the_answer_to_the_zone_check() -> None:
    asked = small({"printed_zone": "CEST"})
    with pytest.raises(AgendaRefused) as refusal:
        publish(asked, None, {}, NOW)
    assert [p["field"] for p in refusal.value.problems] == ["sessions.milipol-2019-workshop-1.printed_zone"]
    assert "zone_check: local or zone_check: printed" in refusal.value.problems[0]["message"]
    local = published(small({"printed_zone": "CEST", "zone_check": "local"})).sessions_told[0]
    printed = published(small({"printed_zone": "CEST", "zone_check": "printed"})).sessions_told[0]
    assert (local.starts_at, local.starts_local) == (
        datetime(2019, 11, 20, 8, 40, tzinfo=UTC),
        datetime(2019, 11, 20, 9, 40),
    )
    assert (printed.starts_at, printed.starts_local) == (
        datetime(2019, 11, 20, 7, 40, tzinfo=UTC),
        datetime(2019, 11, 20, 8, 40),
    )
    assert printed.ends_at == datetime(2019, 11, 20, 8, 55, tzinfo=UTC)


def test_the_printed_reading_may_fall_on_another_day() -> None:
    told = published(
        small({"starts": "00:10", "ends": "01:00", "printed_zone": "CEST", "zone_check": "printed"})
    ).sessions_told
    assert told[0].date == date(2019, 11, 19)


def test_over_midnight_the_last_day_is_written_out() -> None:
    session = small({"starts": "23:00", "ends": "01:00", "ends_on": "2019-11-21"}).sessions[0]
    slot = slot_of(session, "Europe/Paris")
    assert slot.starts_at is not None
    assert slot.ends_at is not None
    assert slot.ends_at - slot.starts_at == timedelta(hours=2)
    with pytest.raises(AgendaRefused, match="add ends_on with the next day"):
        small({"starts": "23:00", "ends": "01:00"})


def test_over_a_change_of_the_clocks_the_length_is_real() -> None:
    session = small({"date": "2019-10-26", "starts": "23:00", "ends": "04:00", "ends_on": "2019-10-27"}).sessions[0]
    slot = slot_of(session, "Europe/Paris")
    assert slot.starts_at is not None
    assert slot.ends_at is not None
    assert slot.ends_at - slot.starts_at == timedelta(hours=6)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"people": [{"person": "p", "role": "speaker"}]}, ["person-in-two-places"]),
        ({"room": "r"}, ["room-twice"]),
        ({"date": "2019-11-21", "by_choice": True, "admission": {"capacity": 5}}, ["outside-event"]),
        ({"by_choice": True}, ["no-seats"]),
        ({"starts": "10:55", "ends": "11:30", "room": "r", "people": [{"person": "p", "role": "speaker"}]}, []),
        ({"status": "cancelled", "room": "r", "people": [{"person": "p", "role": "speaker"}]}, []),
    ],
)
def test_warnings_before_publishing(extra: dict[str, Any], expected: list[str]) -> None:
    data = small_data({"people": [{"person": "p", "role": "chair"}], "room": "r"})
    data["event"]["admission"] = {} if expected == ["no-seats"] else {"capacity": 10}
    data["people"], data["rooms"] = [{"id": "p", "name": "P"}], [{"id": "r"}]
    other = small_data({"id": "milipol-2019-other", "starts": "10:00", "ends": "11:00"} | extra)
    data["sessions"] += other["sessions"]
    assert codes(agenda_of(Source(data))) == expected


def test_an_overlap_with_an_earlier_longer_session_is_seen() -> None:
    data = small_data({"room": "r", "starts": "09:00", "ends": "17:00"}, admission={"capacity": 1})
    data["rooms"] = [{"id": "r"}]
    for number, (starts, ends) in enumerate((("10:00", "11:00"), ("12:00", "13:00"))):
        data["sessions"] += small_data({"id": f"milipol-2019-s{number}", "room": "r", "starts": starts, "ends": ends})[
            "sessions"
        ]
    assert codes(agenda_of(Source(data))) == ["room-twice", "room-twice"]


def test_missing_translations_and_seats_are_told() -> None:
    found = warnings(small(languages=["en", "fr"]))
    assert [w.code for w in found] == ["no-seats", "translation-missing", "translation-missing"]
    assert not any(w.blocks for w in found)
    assert "Not translated into fr: title." in [w.message for w in found]


def test_quotas_beyond_the_capacity_are_told() -> None:
    kinds = [{"id": "police", "name": "Police", "quota": 7}, {"id": "rescue", "name": "Rescue", "quota": 4}]
    assert codes(small(audiences=kinds, admission={"capacity": 10})) == ["quotas-over-capacity"]


def test_merge_patch_as_in_rfc_7396() -> None:
    target = {"a": "b", "c": {"d": "e", "f": "g"}}
    assert merged(target, {"a": "z", "c": {"f": None}}) == {"a": "z", "c": {"d": "e"}}
    assert merged({"a": [1]}, {"a": {"b": None}}) == {"a": {}}
    assert target == {"a": "b", "c": {"d": "e", "f": "g"}}, "the target stays as it was"


def test_the_difference_names_subject_field_before_and_after() -> None:
    before = sample("milipol-2019")
    after = patched(before, WORKSHOP_3, {"starts": "14:30"})
    assert [change.as_data() for change in difference(before.as_data(), after.as_data())] == [
        {
            "subject": f"sessions/{WORKSHOP_3}",
            "what": "changed",
            "fields": [{"field": "starts", "before": "14:00", "after": "14:30"}],
        }
    ]
    assert difference(before.as_data(), before.as_data()) == []
    swapped = before.model_copy(update={"sessions": before.sessions[::-1]})
    assert [(c.subject, c.fields[0].field) for c in difference(before.as_data(), swapped.as_data())] == [
        ("sessions", "order")
    ]


@settings(max_examples=100, deadline=None)
@given(st.dates(date(2015, 1, 1), date(2035, 12, 31)))
def test_shifting_keeps_weekdays_and_local_times(day: date) -> None:
    agenda = sample("sre-2019")
    moved = shifted(agenda, weeks_until(agenda, day))
    assert day <= moved.event.starts_on < day + timedelta(days=7)
    for old, new in zip(agenda.sessions, moved.sessions, strict=True):
        assert (old.date.weekday(), old.starts, old.ends) == (new.date.weekday(), new.starts, new.ends)
    assert faults(moved) == []
    assert shifted(moved, weeks_until(moved, agenda.event.starts_on)) == agenda


def test_shifting_applies_the_rules_of_the_new_day() -> None:
    agenda = sample("milipol-2019")
    summer = shifted(agenda, weeks_until(agenda, date(2020, 6, 1)))
    slot = slot_of(summer.sessions[0], "Europe/Paris")
    assert slot.starts_local == datetime(2020, 6, 3, 9, 40)
    assert slot.starts_at == datetime(2020, 6, 3, 7, 40, tzinfo=UTC), "UTC+2 in June, UTC+1 in November"
    assert summer.event.admission.closes == datetime(2020, 5, 27)


def test_an_answered_zone_check_stays_answered_when_shifted_and_an_unasked_one_arises() -> None:
    efus = sample("efus-2021-round-3")
    assert codes(shifted(efus, 26)) == []
    winter = small({"printed_zone": "CET"}, admission={"capacity": 1})
    assert codes(winter) == []
    assert codes(shifted(winter, 26)) == ["zone-check"]


def test_a_shift_into_a_gap_is_a_fault_and_a_repeated_hour_is_asked_anew() -> None:
    night = small({"date": "2019-10-27", "starts": "02:30", "starts_hour": "first", "ends": "04:00"})
    assert faults(shifted(night, 1)) == [], "an ordinary night, and no answer left over from the other"
    assert [f.code for f in faults(shifted(night, 22))] == ["impossible-time"], "29 March 2020"
    assert "comes twice" in faults(shifted(night, 52))[0].message


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2019, 11, 12, 22, 59, tzinfo=UTC), RegistrationIs.OPEN),
        (datetime(2019, 11, 12, 23, 0, tzinfo=UTC), RegistrationIs.CLOSED),
        (datetime(2026, 1, 1, tzinfo=UTC), RegistrationIs.CLOSED),
    ],
)
def test_registration_closes_before_the_thirteenth_of_november(now: datetime, expected: RegistrationIs) -> None:
    assert registration_is(published(sample("milipol-2019")).published.event, now) is expected


def test_registration_ends_with_the_last_day_and_with_a_cancellation() -> None:
    event = published(sample("sre-2019")).published.event
    assert registration_is(event, datetime(2019, 11, 7, 21, 59, tzinfo=UTC)) is RegistrationIs.OPEN
    assert registration_is(event, datetime(2019, 11, 7, 22, 0, tzinfo=UTC)) is RegistrationIs.CLOSED, (
        "midnight in Helsinki"
    )
    assert registration_is(event.model_copy(update={"status": Status.CANCELLED}), NOW) is RegistrationIs.CANCELLED


def test_registration_that_has_not_opened_or_is_taken_elsewhere() -> None:
    later = published(small(admission={"opens": "2019-10-01T09:00"})).published.event
    assert registration_is(later, NOW) is RegistrationIs.NOT_YET
    assert (
        registration_is(published(small(admission={"open": "false"})).published.event, NOW) is RegistrationIs.NOT_HERE
    )


def test_a_session_takes_requests_until_it_begins_closes_or_is_called_off() -> None:
    session = published(sample("milipol-2019")).published.sessions[WORKSHOP_3]
    starts = session.starts_at
    assert starts is not None
    assert takes_requests(session, starts - timedelta(seconds=1))
    assert not takes_requests(session, starts)
    assert not takes_requests(session.model_copy(update={"status": Status.CANCELLED}), NOW)
    closing = session.admission.model_copy(update={"window": Window(closes=LATER)})
    own = session.model_copy(update={"admission": closing})
    assert (takes_requests(own, NOW), takes_requests(own, LATER)) == (True, False)
    untimed = session.model_copy(update={"starts_at": None, "starts_local": None})
    assert takes_requests(untimed, datetime(2019, 11, 20, 22, 59, tzinfo=UTC))
    assert not takes_requests(untimed, datetime(2019, 11, 20, 23, 0, tzinfo=UTC)), "midnight in Paris"


def test_what_is_not_for_everybody_is_left_out_of_the_public_view() -> None:
    efus, milipol = published(sample("efus-2021-round-3")).published, published(sample("milipol-2019")).published
    assert all(public_session(session).join_url is None for session in efus.sessions.values())
    assert public_event(efus.event).links == []
    assert [needed.code for needed in public_event(milipol.event).requirements] == [None]
