"""The sample events can be loaded and registered for on whatever day somebody tries Lectern."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from deploy.local.people import PEOPLE
from deploy.local.samples import SAMPLES, Sample
from services.scheduling.agenda import Agenda
from services.scheduling.agenda_file import read_agenda
from services.scheduling.domain import publish, refuse_faults
from services.scheduling.shift import shifted, weeks_until
from shared.contracts.scheduling import EventState, SessionState

FIRST_DAY = date(2026, 11, 22)
DAYS = [FIRST_DAY + timedelta(days=9 * step) for step in range(82)]
"""Two years, on changing weekdays."""


def moved(sample: Sample, today: date) -> Agenda:
    agenda = read_agenda(sample.path.read_bytes(), is_json=False)
    agenda = shifted(agenda, weeks_until(agenda, today + timedelta(days=sample.days_ahead)))
    refuse_faults(agenda)
    return agenda


def published(sample: Sample, today: date) -> tuple[EventState, dict[str, SessionState]]:
    publication = publish(moved(sample, today), None, {}, datetime.combine(today, datetime.min.time(), UTC))
    assert publication is not None
    return publication.published.event, dict(publication.published.sessions)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.event_id)
def test_a_sample_can_be_published_on_any_day(sample: Sample) -> None:
    for today in DAYS:
        event, _ = published(sample, today)
        assert event.id == sample.event_id


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.event_id)
def test_what_the_invented_people_choose_is_still_open(sample: Sample) -> None:
    wanted = {session_id for person in PEOPLE if person.event_id == sample.event_id for session_id in person.sessions}
    for today in DAYS:
        event, sessions = published(sample, today)
        midnight = datetime.combine(today + timedelta(days=1), datetime.min.time(), UTC)
        assert event.admission.window.closes is None or event.admission.window.closes > midnight
        for session_id in wanted:
            assert sessions[session_id].date > today


def test_one_session_of_the_series_is_over_and_two_are_to_come() -> None:
    [series] = [sample for sample in SAMPLES if sample.event_id == "efus-2021-round-3"]
    for today in DAYS:
        _, sessions = published(series, today)
        assert sorted(session.date > today for session in sessions.values()) == [False, True, True]
