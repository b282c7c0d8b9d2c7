"""Moving a whole event by weeks: weekdays and local times are kept, the zone's rules of the new days apply."""

from __future__ import annotations

from datetime import date, timedelta

from services.scheduling.agenda import Agenda, AgendaSession
from services.scheduling.rules import Rules


def weeks_until(agenda: Agenda, day: date) -> int:
    """The smallest whole number of weeks (it may be negative) after which the event begins on or after `day`."""
    return -((agenda.event.starts_on - day).days // 7)


def shifted(agenda: Agenda, weeks: int) -> Agenda:
    """`agenda`, moved by `weeks`. Answers to zone checks are kept; which of two equal hours is meant is asked anew.

    The result may have faults that the original had not (a time in a gap), and zone checks that did not arise before.
    Raises OverflowError for a day beyond the calendar.
    """
    if weeks == 0:
        return agenda
    by = timedelta(weeks=weeks)
    event = agenda.event
    return agenda.model_copy(
        update={
            "event": event.model_copy(
                update={
                    "starts_on": event.starts_on + by,
                    "ends_on": event.ends_on + by,
                    "admission": _rules(event.admission, by),
                }
            ),
            "sessions": [_session(session, by) for session in agenda.sessions],
        }
    )


def _session(session: AgendaSession, by: timedelta) -> AgendaSession:
    return session.model_copy(
        update={
            "date": session.date + by,
            "ends_on": session.ends_on + by if session.ends_on is not None else None,
            "starts_hour": None,
            "ends_hour": None,
            "admission": _rules(session.admission, by),
        }
    )


def _rules(rules: Rules, by: timedelta) -> Rules:
    return rules.model_copy(
        update={
            "opens": rules.opens + by if rules.opens is not None else None,
            "closes": rules.closes + by if rules.closes is not None else None,
        }
    )
