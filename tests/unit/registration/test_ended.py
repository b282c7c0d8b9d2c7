"""What is over is not registered for: refused with its own reason, offered nowhere, promoted into by nobody."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.registration import rules as rules_module
from services.registration.attendee.fullness import Openness, fullness, openness, openness_of_form
from services.registration.commands import (
    ORGANISER,
    Accept,
    Approve,
    Cancel,
    Change,
    Command,
    DecideRequirement,
    GiveNumbers,
    Promote,
    ReviseEvent,
    ReviseSession,
)
from services.registration.rules import Rules, rules_of_event, rules_of_session
from services.registration.seats import Line
from shared.contracts.registration import Cause, Outcome, RequirementState, SeatState
from shared.contracts.scheduling import SessionState
from tests.support.events import milipol, workshop
from tests.unit.registration.world import W1, W2, W3, World

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
STARTS, ENDS = datetime(2019, 11, 20, 8, 40, tzinfo=UTC), datetime(2019, 11, 20, 9, 55, tzinfo=UTC)
EVENT_OVER = datetime(2019, 11, 20, 23, 0, tzinfo=UTC)
"""21 November 2019, 00:00 in Paris."""
FOR_EVER: Any = {"window": {}}
"""No window; the event's last day is far away."""


def world(capacity: int | None = 2, **changes: Any) -> World:
    return World(capacity, admission=FOR_EVER, **changes)


def date_only(
    day: date, zone: str = "Europe/Paris", number: int = 1, revision: int = 2, **changes: Any
) -> SessionState:
    """A session whose time is not announced."""
    unknown = dict.fromkeys(("starts_local", "ends_local", "starts_at", "ends_at"))
    return workshop(number, revision, date=day, zone=zone, **(unknown | changes))


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (STARTS - SECOND, None),
        (STARTS, "started"),
        (ENDS - SECOND, "started"),
        (ENDS, "over"),
        (ENDS + HOUR, "over"),
    ],
)
def test_session_is_refused_from_its_start_and_as_one_that_is_over_from_its_end(
    moment: datetime, code: str | None
) -> None:
    one = world()
    one.come("bob", W3)
    one.now = moment
    change = Change(id="x", registration_id="r-bob", sessions=(W3, W1))
    if code is None:
        assert one.ask(change).outcome is one.ask(one.register("ada", W1)).outcome is Outcome.ACCEPTED
        return
    assert one.reasons(one.register("ada", W3, W1)) == [(code, "sessions.1")]
    assert one.reasons(change) == [(code, "sessions.1")]


def test_reason_names_the_end_and_the_remedy() -> None:
    one = world()
    one.now = ENDS
    [reason] = one.ask(one.register("ada", W1)).reasons
    assert reason.message == (
        "session 'milipol-2019-workshop-1' is over since 2019-11-20 09:55 UTC; choose a session that is still to come"
    )


@pytest.mark.parametrize(
    ("day", "zone", "ends"),
    [
        (date(2019, 11, 20), "Europe/Paris", datetime(2019, 11, 20, 23, 0, tzinfo=UTC)),
        # The clocks of Paris go forward that night, so the day has 23 hours; back, and it has 25.
        (date(2020, 3, 29), "Europe/Paris", datetime(2020, 3, 29, 22, 0, tzinfo=UTC)),
        (date(2020, 10, 25), "Europe/Paris", datetime(2020, 10, 25, 23, 0, tzinfo=UTC)),
        (date(2020, 3, 28), "Europe/Paris", datetime(2020, 3, 28, 23, 0, tzinfo=UTC)),
        # In Santiago there is no midnight on the day when the clocks go forward: 23:59:59 is followed by 01:00.
        (date(2020, 9, 5), "America/Santiago", datetime(2020, 9, 6, 4, 0, tzinfo=UTC)),
    ],
)
def test_session_without_a_time_is_over_with_its_day_where_it_is(day: date, zone: str, ends: datetime) -> None:
    line = Line(rules_of_session(date_only(day, zone)))
    one = world()
    one.do(ReviseSession(id="d", session=date_only(day, zone)))
    one.now = ends - SECOND
    assert openness(line, one.now) is Openness.OPEN
    assert one.ask(one.register("ada", W1)).outcome is Outcome.ACCEPTED
    one.now = ends
    assert openness(line, one.now) is Openness.CLOSED, "it is offered in no form"
    assert ("over", "sessions.0") in one.reasons(one.register("bob", W1))
    assert ends.astimezone(ZoneInfo(zone)).date() == day + DAY


@pytest.mark.parametrize("hour", [0, 1])
def test_session_that_ends_in_the_hour_that_comes_twice_is_over_at_its_own_instant(hour: int) -> None:
    """25 October 2020, 02:30 in Paris: at 00:30 UTC, and once more at 01:30 UTC."""
    ends = datetime(2020, 10, 25, hour, 30, tzinfo=UTC)
    local = datetime(2020, 10, 25, 2, 30)
    night = workshop(
        1, date=local.date(), starts_at=ends - HOUR, ends_at=ends, starts_local=local - HOUR, ends_local=local
    )
    rules = rules_of_session(night)
    assert (rules.ended(ends - SECOND), rules.ended(ends)) == (False, True)


def test_form_offers_what_the_desk_takes_and_nothing_else() -> None:
    one = world()
    one.do(ReviseSession(id="d", session=date_only(date(2019, 11, 20))))
    for moment in (STARTS - SECOND, STARTS, ENDS - SECOND, ENDS, EVENT_OVER - SECOND, EVENT_OVER, EVENT_OVER + DAY):
        one.now = moment
        for number, session_id in enumerate((W1, W2, W3)):
            taken = one.ask(one.register(f"p{number}{moment:%d%H%M%S}", session_id)).outcome is Outcome.ACCEPTED
            offered = openness(one.seats.sessions[session_id], one.now) is Openness.OPEN
            assert taken is offered, (session_id, moment)


def test_without_the_rule_the_form_would_offer_what_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    line = Line(rules_of_session(date_only(date(2019, 11, 20))))
    monkeypatch.setattr(rules_module.Rules, "ended", lambda *_: False)
    assert openness(line, EVENT_OVER) is Openness.OPEN


def test_nobody_moves_up_into_what_is_over() -> None:
    for over, session in ((ENDS, workshop(1, 2, capacity=1)), (EVENT_OVER, date_only(date(2019, 11, 20), capacity=1))):
        for moment, state in ((STARTS - SECOND, SeatState.CONFIRMED), (over, SeatState.WAITLISTED)):
            one = world(1)
            one.do(ReviseSession(id="d", session=session))
            one.come("ada", W1)
            one.come("bob", W1)
            one.now = moment
            one.do(Cancel(id="x", registration_id="r-ada"), Promote(id="p"))
            assert one.choice("bob").state is state, moment
            assert not one.seats.promotions_left(one.now)
            raised = session.model_copy(
                update={"revision": 3, "admission": session.admission.model_copy(update={"capacity": 5})}
            )
            one.do(ReviseSession(id="r", session=raised))
            assert one.choice("bob").state is state, "nor where there is more room at once"


def test_offer_for_a_session_without_a_time_ends_with_its_day_and_is_not_taken_after() -> None:
    one = world(1, each={"offer_hours": 72})
    offered = date_only(date(2019, 11, 20), capacity=1, admission={"offer_hours": 72})
    one.do(ReviseSession(id="d", session=offered))
    one.come("ada", W1)
    one.come("bob", W1)
    one.now = EVENT_OVER - HOUR
    one.do(Cancel(id="x", registration_id="r-ada"))
    assert (one.choice("bob").state, one.choice("bob").until) == (SeatState.OFFERED, EVENT_OVER)
    one.do(ReviseSession(id="d3", session=date_only(date(2019, 11, 19), revision=3, capacity=1)))
    assert one.reasons(Accept(id="a", registration_id="r-bob")) == [("over", "sessions")], (
        "it was moved to before today"
    )
    one.until(EVENT_OVER)
    assert one.choice("bob").cause is Cause.OFFER_LAPSED


# The event as a whole


def late(
    closes: datetime | None, *, capacity: int | None = 2, approval: bool = False, policy: str = "told", **changes: Any
) -> World:
    """The event of one day, with a window that closes then, or never."""
    one = World(policy=policy)
    window = {"opens": None, "closes": closes}
    admission = {"window": window, "capacity": capacity, "approval": approval}
    one.do(
        ReviseEvent(id="e2", event=milipol(2, ends_on=date(2019, 11, 20), admission=admission, **one.event | changes)),
        ReviseSession(id="far", session=workshop(1, 2, starts_at=EVENT_OVER + DAY, ends_at=EVENT_OVER + DAY + HOUR)),
    )
    return one


def test_event_that_is_over_takes_no_registrations() -> None:
    one = late(None)
    one.now = EVENT_OVER - SECOND
    assert one.ask(one.register("ada")).outcome is Outcome.ACCEPTED
    assert openness_of_form(one.seats, one.now)[0] is Openness.OPEN
    one.now = EVENT_OVER
    assert one.reasons(one.register("bob")) == [("over", "event_id")]
    assert one.reasons(Change(id="x", registration_id="r-ada", sessions=(W1, W3))) == [
        ("over", "event_id"),
        ("over", "sessions.1"),
    ]
    assert openness_of_form(one.seats, one.now)[0] is Openness.CLOSED


def test_window_that_closes_after_the_end_is_what_the_organisers_want() -> None:
    closes = EVENT_OVER + 30 * DAY
    one = late(closes)
    one.now = closes - SECOND
    one.do(ReviseSession(id="w", session=workshop(1, 3, starts_at=closes + DAY, ends_at=closes + DAY)))
    assert one.ask(one.register("ada")).outcome is Outcome.ACCEPTED
    assert openness_of_form(one.seats, one.now)[0] is Openness.OPEN
    assert one.reasons(one.register("bob", W1, W2)) == [("over", "sessions.1")], (
        "a session that has ended is over all the same"
    )
    one.now = closes
    assert ("over", "event_id") in one.reasons(one.register("bob"))


def test_nobody_waits_for_a_seat_of_an_event_that_is_over() -> None:
    one = late(EVENT_OVER + 30 * DAY)
    one.come("ada")
    one.come("bob")
    one.now = EVENT_OVER
    assert one.reasons(one.register("cyd")) == [("full", "event_id")]
    assert not fullness(one.seats.event, (), one.now).waits


def test_registrations_that_would_be_forgotten_at_once_are_not_taken() -> None:
    one = late(EVENT_OVER + 60 * DAY, retention_days=30)
    far = EVENT_OVER + 40 * DAY
    one.do(ReviseSession(id="w", session=workshop(1, 3, starts_at=far, ends_at=far + HOUR)))
    one.now = EVENT_OVER + 30 * DAY - SECOND
    assert one.ask(one.register("ada")).outcome is Outcome.ACCEPTED
    one.now += SECOND
    assert one.reasons(one.register("bob")) == [("over", "event_id")]


def test_bounds_of_an_event_that_says_nothing() -> None:
    assert not Rules().ended(EVENT_OVER)
    assert rules_of_event(milipol(ends_on=date(2020, 10, 25))).over == datetime(2020, 10, 25, 23, 0, tzinfo=UTC)


# By hand


def test_organisers_note_afterwards_who_was_there() -> None:
    one = late(None)
    one.come("ada", W2)
    one.now = EVENT_OVER + HOUR
    assert one.reasons(one.register("bob", W2)) == [("over", "event_id"), ("over", "sessions.0")], "the control"
    assert one.ask(one.register("bob", W2, by=ORGANISER)).outcome is Outcome.ACCEPTED
    assert one.choice("bob", W2).state is SeatState.CONFIRMED
    added = Change(id="x", registration_id="r-ada", sessions=(W2, W3), by=ORGANISER)
    assert one.ask(added).outcome is Outcome.ACCEPTED
    assert one.choice("ada", W3).state is SeatState.CONFIRMED


def test_not_even_organisers_seat_more_than_there_is_room_for_or_before_who_waits() -> None:
    one = world(1)
    for name in ("ada", "bob"):
        one.come(name, W1)
    one.now = ENDS + HOUR
    assert one.reasons(one.register("cyd", W1, by=ORGANISER)) == [("full", "sessions.0")]
    one.do(Cancel(id="x", registration_id="r-ada"))
    assert one.reasons(one.register("cyd", W1, by=ORGANISER)) == [("full", "sessions.0")], "bob waited for it"


def test_window_that_was_set_binds_organisers_too() -> None:
    one = World()
    one.now = EVENT_OVER + HOUR
    assert one.reasons(one.register("bob", W1, by=ORGANISER)) == [("closed", "event_id")]


def test_by_hand_is_of_one_command_and_lets_nobody_else_in() -> None:
    one = late(None, audiences=[])
    one.now = EVENT_OVER + HOUR
    answers = one.do(one.register("bob", W2, by=ORGANISER), one.register("cyd", W2)).answers
    assert [answer.outcome for answer in answers] == [Outcome.ACCEPTED, Outcome.REJECTED]


def test_by_hand_lets_nobody_who_moves_up_in_the_same_decision_into_what_has_begun() -> None:
    for capacity, state in ((2, SeatState.CANCELLED), (3, SeatState.CONFIRMED)):
        one = late(None, capacity=capacity)
        for name, session_id in (("ada", W1), ("cyd", W1), ("bob", W2)):
            one.come(name, session_id)
        one.now = ENDS + DAY / 4
        one.do(
            Cancel(id="x", registration_id="r-ada"),
            Change(id="y", registration_id="r-cyd", sessions=(W1, W2), by=ORGANISER),
        )
        assert one.state("bob") is SeatState.CONFIRMED
        assert one.choice("cyd", W2).state is SeatState.CONFIRMED
        assert one.choice("bob", W2).state is state


def test_organisers_bring_nobody_to_an_event_of_which_nothing_is_kept() -> None:
    one = late(None, retention_days=30, approval=True)
    one.come("ada", W2)
    one.now = EVENT_OVER + 30 * DAY - SECOND
    assert one.ask(one.register("bob", W2, by=ORGANISER)).outcome is Outcome.ACCEPTED, "the control"
    one.now = EVENT_OVER + 400 * DAY
    assert one.reasons(one.register("cyd", W2, by=ORGANISER)) == [("forgotten", "event_id")]
    assert "r-cyd" not in one.registrations
    added = Change(id="x", registration_id="r-ada", sessions=(W2, W3), by=ORGANISER)
    assert one.reasons(added) == [("forgotten", "event_id")]
    one.ask(Approve(id="y", registration_id="r-ada", by=ORGANISER))
    assert (one.state("ada"), one.of("ada").cause) == (SeatState.CANCELLED, Cause.OVER), (
        "not in the minute before the clock"
    )


def granted(**changes: Any) -> DecideRequirement:
    """The fair says yes to bob."""
    state = RequirementState.GRANTED
    return DecideRequirement(id="g", requirement="fair", state=state, email="bob@example.org", **changes)


def test_organisers_yes_to_a_session_that_is_over_gives_the_seat() -> None:
    for by, state in ((ORGANISER, SeatState.CONFIRMED), ("clock", SeatState.CANCELLED)):
        one = late(None)
        one.do(ReviseSession(id="a", session=workshop(2, 2, admission={"approval": True})))
        one.now = EVENT_OVER - HOUR
        one.ask(one.register("bob", W2, by=ORGANISER))
        assert one.choice("bob", W2).cause is Cause.APPROVAL
        one.ask(Approve(id="y", registration_id="r-bob", sessions=(W2,), by=by))
        assert one.choice("bob", W2).state is state


@pytest.mark.parametrize(
    ("changes", "yes"),
    [
        pytest.param({"approval": True}, Approve(id="y", registration_id="r-bob", by=ORGANISER), id="approval"),
        pytest.param({"policy": "first"}, granted(by=ORGANISER), id="requirement"),
    ],
)
def test_organisers_yes_after_the_event_gives_the_seat_that_waited_for_it(changes: Any, yes: Command) -> None:
    one = late(None, **changes)
    one.come("cyd", W2)
    one.now = EVENT_OVER + HOUR
    one.ask(one.register("bob", W2, by=ORGANISER))
    assert one.state("bob") is SeatState.PENDING
    one.ask(yes)
    assert one.state("bob") is one.choice("bob", W2).state is SeatState.CONFIRMED
    assert one.state("cyd") is SeatState.PENDING, "nobody else by it"


def test_number_that_an_organiser_notes_after_the_event_counts() -> None:
    one = late(None, policy="first")
    one.ask(DecideRequirement(id="g", requirement="fair", state=RequirementState.GRANTED, number="7"))
    one.now = EVENT_OVER + HOUR
    one.ask(one.register("bob", W2, by=ORGANISER))
    one.ask(GiveNumbers(id="n", registration_id="r-bob", numbers={"fair": "7"}, by=ORGANISER))
    assert one.choice("bob", W2).state is SeatState.CONFIRMED


# What comes late, by nobody's hand


def test_what_another_organisation_grants_after_the_event_gives_no_seat() -> None:
    for moment, state, cause in (
        (STARTS - HOUR, SeatState.CONFIRMED, None),
        (EVENT_OVER, SeatState.CANCELLED, Cause.OVER),
        (EVENT_OVER + 5 * DAY, SeatState.CANCELLED, Cause.OVER),
    ):
        one = late(None, policy="first")
        one.come("bob", W2)
        one.now = moment
        one.ask(granted(by="message:fair"))
        assert (one.state("bob"), one.of("bob").cause) == (state, cause)
        assert one.choice("bob", W2).state is state
        assert one.seats.event is not None
        assert one.seats.event.confirmed == (state is SeatState.CONFIRMED)


@pytest.mark.parametrize("by", [ORGANISER, "clock"])
def test_yes_after_the_event_puts_nobody_in_a_line_that_moves_no_more(by: str) -> None:
    cause = Cause.FULL if by == ORGANISER else Cause.OVER
    for moment, state in ((STARTS - HOUR, SeatState.WAITLISTED), (EVENT_OVER, SeatState.CANCELLED)):
        one = late(None, capacity=1, approval=True)
        for name in ("ada", "bob"):
            one.come(name, W2)
        one.ask(Approve(id="a", registration_id="r-ada", by=ORGANISER))
        one.now = moment
        one.ask(Approve(id="b", registration_id="r-bob", by=by))
        assert one.state("bob") is state
        if state is SeatState.CANCELLED:
            assert one.of("bob").cause is cause
            assert not one.of("bob").active
            assert one.choice("bob", W2).state is SeatState.CANCELLED
        assert one.seats.event is not None
        assert one.seats.event.waiting == (state is SeatState.WAITLISTED)


def test_yes_during_a_window_that_closes_after_the_end_still_gives_a_seat() -> None:
    one = late(EVENT_OVER + 30 * DAY, approval=True)
    far = EVENT_OVER + DAY
    one.come("bob", W1)
    one.now = far - HOUR
    one.ask(Approve(id="b", registration_id="r-bob"))
    assert one.state("bob") is one.choice("bob", W1).state is SeatState.CONFIRMED
