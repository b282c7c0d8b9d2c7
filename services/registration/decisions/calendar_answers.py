"""What a person says by calendar: sessions that were removed from it, or declined there or in the invitation. Pure.

Such an answer may be late, or mean no more than tidying up. It gives up what is still had and still to come, and nothing
else: nothing of what is over or called off, and never a registration that was not named session by session.
"""

from __future__ import annotations

from services.registration.commands import Answer
from services.registration.decisions import seating
from services.registration.decisions.fold import Fold
from services.registration.registrations import Registration
from shared.contracts.registration import Cause, Reason, SeatState


def given_up(fold: Fold, registration: Registration, sessions: tuple[str, ...]) -> Answer:
    """Gives up those of `sessions` that the person still has, as if it was said on the private page. The others are passed
    over; if there are no more, the answer says why each stays as it is."""
    if not fold.rules.calendar_answers:
        message = "at this event no seat is given up by calendar; set admission.calendar_answers, or leave through out"
        return fold.rejected(Reason(code="no-calendar-answers", field="through", message=message))
    if not sessions:
        message = "name the sessions; a calendar says nothing of a whole registration"
        return fold.rejected(Reason(code="choice-needed", field="sessions", message=message))
    stay = {
        session_id: reason
        for number, session_id in enumerate(sessions)
        if (reason := _why_it_stays(fold, registration, session_id, f"sessions.{number}")) is not None
    }
    left = set(sessions) - stay.keys()
    if not left:
        return fold.rejected(*stay.values())
    return fold.accepted(seating.give_up(fold, registration, left, Cause.CALENDAR))


def _why_it_stays(fold: Fold, registration: Registration, session_id: str, field: str) -> Reason | None:
    """Why the session cannot be given up (any more); None where it can."""
    held, line = registration.choice(session_id), fold.lines.get(session_id)
    if held is None or held.state is SeatState.CANCELLED or line is None:
        message = f"session {session_id!r} is not in this registration, or not any more"
        return Reason(code="not-chosen", field=field, message=message)
    if held.state is SeatState.ATTENDED:
        message = "this person was checked in there; undo the check-in first"
        return Reason(code="checked-in", field=field, message=message)
    if not line.rules.scheduled:
        message = f"session {session_id!r} is cancelled; whoever tidies it away gives nothing up"
        return Reason(code="cancelled", field=field, message=message)
    if any(bound is not None and fold.now >= bound for bound in (line.rules.starts, line.rules.over, fold.rules.over)):
        message = f"session {session_id!r} has begun or is over; whoever tidies it away gives nothing up"
        return Reason(code="started", field=field, message=message)
    return None
