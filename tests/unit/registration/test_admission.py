"""The rules of admission: all reasons at once, seats set aside for kinds of attendees, questions, changes of mind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.registration.commands import Answer, Cancel, Change, Command, Register, ReviseEvent, ReviseSession
from services.registration.domain import Snapshot, Waiting, decide
from services.registration.registrations import Registration
from services.registration.seats import EVENT, Seats, seats_from
from shared.contracts.registration import Outcome
from tests.support.events import BEFORE_CLOSE, milipol, person, workshop

W1, W2, W3 = (f"milipol-2019-workshop-{n}" for n in (1, 2, 3))


class Desk:
    """A desk with a dictionary for its store."""

    def __init__(self, *sessions: Any, **event: Any) -> None:
        self.seats = Seats("milipol-2019")
        self.registrations: dict[str, Registration] = {}
        self.waiting: dict[tuple[str, int], Waiting] = {}
        self.count = 0
        self.ask(
            ReviseEvent(id="e", event=milipol(**event)),
            *(ReviseSession(id=session.id, session=session) for session in sessions),
        )

    def ask(self, *commands: Command) -> tuple[Answer, ...]:
        lines = {
            line: [w for (name, _), w in sorted(self.waiting.items()) if name == line and not w.left]
            for line in (EVENT, *self.seats.sessions)
        }
        decision = decide(Snapshot(self.seats, self.registrations, {}, lines), commands, BEFORE_CLOSE)
        self.seats = decision.seats
        self.registrations |= decision.registrations
        self.waiting |= {(w.line, w.place): w for w in decision.waiting}
        return decision.answers

    def register(self, name: str, *sessions: str, answers: Any = None, **details: Any) -> Answer:
        self.count += 1
        someone = person(name, **details)
        command = Register(
            id=f"c{self.count}", registration_id=name, person=someone, sessions=sessions, answers=answers or {}
        )
        return self.ask(command)[0]

    def change(self, name: str, *sessions: str, answers: Any = None) -> Answer:
        self.count += 1
        command = Change(id=f"c{self.count}", registration_id=name, sessions=sessions, answers=answers or {})
        return self.ask(command)[0]

    def held(self, name: str) -> dict[str, str]:
        return {h.session_id: h.state.value for h in self.registrations[name].choices}

    def state(self, name: str) -> str:
        return self.registrations[name].state.value


def told(answer: Answer) -> list[tuple[str, str]]:
    assert answer.outcome is Outcome.REJECTED
    return [(reason.field, reason.code) for reason in answer.reasons]


def kinds(**quotas: int | None) -> list[dict[str, Any]]:
    return [{"id": id_, "name": {"en": id_}, "quota": quota} for id_, quota in quotas.items()]


def test_seats_set_aside_wait_for_their_kind_while_others_wait_in_line() -> None:
    desk = Desk(audiences=kinds(police=2, research=None), admission={"capacity": 3})
    for name in ("ada", "bob", "cyd"):
        desk.register(name, audience="research")
    assert [desk.state(name) for name in ("ada", "bob", "cyd")] == ["confirmed", "waitlisted", "waitlisted"]
    desk.register("dan", audience="police")
    desk.register("eve", audience="police")
    assert (desk.state("dan"), desk.state("eve")) == ("confirmed", "confirmed"), "who waits is of another kind"
    desk.register("fay", audience="police")
    assert desk.state("fay") == "waitlisted"
    desk.ask(Cancel(id="x", registration_id="dan"))
    assert (desk.state("bob"), desk.state("fay")) == ("waitlisted", "confirmed"), "a seat set aside stays so"
    desk.ask(Cancel(id="y", registration_id="ada"))
    assert (desk.state("bob"), desk.state("cyd")) == ("confirmed", "waitlisted")


def test_the_first_in_the_whole_line_gets_a_seat_that_is_for_everybody() -> None:
    desk = Desk(audiences=kinds(police=1, research=1), admission={"capacity": 3})
    for name, kind in (
        ("ada", "police"),
        ("bob", "research"),
        ("cyd", "police"),
        ("dan", "research"),
        ("eve", "police"),
    ):
        desk.register(name, audience=kind)
    assert [desk.state(name) for name in ("cyd", "dan", "eve")] == ["confirmed", "waitlisted", "waitlisted"]
    desk.ask(Cancel(id="x", registration_id="cyd"))
    assert [desk.state(name) for name in ("dan", "eve")] == ["confirmed", "waitlisted"]


def test_quotas_that_add_up_to_the_capacity_are_the_most_that_a_kind_gets() -> None:
    desk = Desk(audiences=kinds(police=1, research=1), admission={"capacity": 2})
    for name in ("ada", "bob"):
        desk.register(name, audience="police")
    assert [desk.state(name) for name in ("ada", "bob")] == ["confirmed", "waitlisted"]
    assert desk.register("cyd", audience="research").state == "confirmed"


def test_a_raised_quota_promotes_its_kind_at_once_and_a_lowered_one_evicts_nobody() -> None:
    desk = Desk(audiences=kinds(police=1, research=1), admission={"capacity": 2})
    for name in ("ada", "bob"):
        desk.register(name, audience="police")
    desk.ask(ReviseEvent(id="e2", event=milipol(2, audiences=kinds(police=2, research=0), admission={"capacity": 2})))
    assert desk.state("bob") == "confirmed"
    desk.ask(ReviseEvent(id="e3", event=milipol(3, audiences=kinds(police=0, research=2), admission={"capacity": 2})))
    assert [desk.state(name) for name in ("ada", "bob")] == ["confirmed", "confirmed"]
    assert desk.register("cyd", audience="research").state == "waitlisted"


def test_kinds_are_kept_with_the_seats() -> None:
    desk = Desk(
        workshop(1, questions=[{"id": "needs", "label": {"en": "Needs"}, "required": True}]), audiences=kinds(police=1)
    )
    desk.register("ada", W1, audience="police", answers={"needs": "Data"})
    from services.registration.seats import changed_state

    assert seats_from("milipol-2019", _nested(changed_state(Seats("milipol-2019"), desk.seats))) == desk.seats


def _nested(state: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in state.items():
        first, _, rest = name.partition(".")
        if rest:
            result.setdefault(first, {})[rest] = value
        else:
            result[first] = value
    return result


QUESTIONS = [
    {"id": "needs", "label": {"en": "Needs"}},
    {
        "id": "diet",
        "label": {"en": "Diet"},
        "kind": "choice",
        "choices": [{"en": "None", "fr": "Aucun"}, {"en": "Vegan"}],
    },
    {"id": "press", "label": {"en": "Press?"}, "kind": "yes-no", "required": True},
    {"id": "photos", "label": {"en": "Photos are taken"}, "kind": "consent", "required": True},
]


def test_every_wrong_and_missing_answer_is_told_at_once() -> None:
    desk = Desk(
        workshop(1, questions=[{"id": "tools", "label": {"en": "Tools"}, "required": True}]), questions=QUESTIONS
    )
    answer = desk.register("ada", W1, answers={"needs": True, "diet": "Meat", "colour": "red", "photos": False})
    assert told(answer) == [
        ("answers.colour", "unknown-question"),
        ("answers.needs", "wrong-answer"),
        ("answers.diet", "wrong-answer"),
        ("answers.press", "answer-needed"),
        ("answers.photos", "consent-needed"),
        ("answers.tools", "answer-needed"),
    ]


def test_answers_are_kept_in_one_form_whatever_language_they_came_in() -> None:
    desk = Desk(workshop(1), questions=QUESTIONS)
    desk.register("ada", W1, answers={"needs": " Data ", "diet": "Aucun", "press": "no", "photos": "yes"})
    assert desk.registrations["ada"].answers == {"needs": "Data", "diet": "None", "press": False, "photos": True}


def test_a_question_of_a_session_is_asked_of_those_who_choose_it_alone() -> None:
    asked = [{"id": "tools", "label": {"en": "Tools"}, "required": True}]
    desk = Desk(workshop(1, questions=asked), workshop(2))
    assert desk.register("ada", W2).outcome is Outcome.ACCEPTED
    assert told(desk.register("bob", W2, answers={"tools": "Saw"})) == [("answers.tools", "unknown-question")]
    assert told(desk.register("bob", W1)) == [("answers.tools", "answer-needed")]


def test_more_sessions_than_allowed_and_overlapping_ones_are_refused() -> None:
    late = workshop(2, starts_at=datetime(2019, 11, 20, 9, 54, tzinfo=UTC))
    desk = Desk(workshop(1), late, workshop(3), admission={"max_sessions": 2, "overlaps": "refuse"})
    assert told(desk.register("ada", W1, W2, W3)) == [("sessions", "too-many"), ("sessions.1", "overlap")]
    assert desk.register("ada", W1, W3).outcome is Outcome.ACCEPTED
    assert told(desk.change("ada", W1, W2)) == [("sessions.1", "overlap")]


def test_sessions_that_touch_do_not_overlap() -> None:
    ends = workshop(1).ends_at
    desk = Desk(workshop(1), workshop(2, starts_at=ends), admission={"overlaps": "refuse"})
    assert desk.register("ada", W1, W2).outcome is Outcome.ACCEPTED


def test_a_change_gives_the_old_seat_up_only_for_the_new_one() -> None:
    desk = Desk(workshop(1, capacity=1), workshop(2, capacity=1))
    desk.register("ada", W1)
    desk.register("bob", W2)
    assert told(desk.change("ada", W2)) == [("sessions.0", "full")], "not for a place in line"
    assert desk.held("ada") == {W1: "confirmed"}, "nothing is given up for nothing"
    desk.ask(Cancel(id="x", registration_id="bob"))
    desk.change("ada", W2)
    assert desk.held("ada") == {W1: "cancelled", W2: "confirmed"}
    assert desk.register("cyd", W1).choices[0].state == "confirmed", "and the old seat is free"


def test_a_full_session_is_waited_for_beside_what_is_held() -> None:
    desk = Desk(workshop(1, capacity=1), workshop(2, capacity=1))
    desk.register("ada", W1)
    desk.register("bob", W2)
    for _ in range(2):  # sent twice, it takes nothing away
        desk.change("ada", W1, W2)
        assert desk.held("ada") == {W1: "confirmed", W2: "waitlisted"}
    desk.change("ada", W1)
    assert desk.held("ada") == {W1: "confirmed", W2: "cancelled"}


def test_a_place_in_line_may_be_given_up_for_another() -> None:
    desk = Desk(workshop(1, capacity=0), workshop(2, capacity=0))
    desk.register("ada", W1)
    desk.change("ada", W2)
    assert desk.held("ada") == {W1: "cancelled", W2: "waitlisted"}


def test_a_change_to_what_is_had_changes_nothing() -> None:
    desk = Desk(workshop(1), workshop(2))
    desk.register("ada", W1, W2)
    before = desk.registrations["ada"]
    assert desk.change("ada", W2, W1).outcome is Outcome.ACCEPTED
    assert desk.registrations["ada"] is before


def test_after_closing_sessions_may_be_given_up_and_none_added() -> None:
    desk = Desk(workshop(1), workshop(2))
    desk.register("ada", W1, W2)
    desk.register("bob", W1)
    closed = milipol(2, admission={"window": {"closes": BEFORE_CLOSE}})
    desk.ask(ReviseEvent(id="e2", event=closed))
    assert told(desk.change("bob", W1, W2)) == [("event_id", "closed")]
    assert desk.change("ada", W1).outcome is Outcome.ACCEPTED


def test_limits_that_came_later_do_not_hold_back_who_gives_up() -> None:
    desk = Desk(workshop(1), workshop(2), workshop(3))
    desk.register("ada", W1, W2, W3)
    desk.ask(ReviseEvent(id="e2", event=milipol(2, admission={"max_sessions": 1})))
    assert desk.change("ada", W1, W2).outcome is Outcome.ACCEPTED


def test_a_cancelled_session_is_no_clash() -> None:
    late = workshop(2, starts_at=datetime(2019, 11, 20, 9, 54, tzinfo=UTC))
    desk = Desk(workshop(1), late, admission={"overlaps": "refuse"})
    desk.register("ada", W1)
    desk.ask(ReviseSession(id="s1", session=workshop(1, 2, status="cancelled")))
    assert desk.change("ada", W1, W2).outcome is Outcome.ACCEPTED


def test_a_question_that_came_later_does_not_hold_a_change_back() -> None:
    desk = Desk(workshop(1), workshop(2))
    desk.register("ada", W1)
    desk.ask(ReviseEvent(id="e2", event=milipol(2, questions=QUESTIONS)))
    assert desk.change("ada", W2).outcome is Outcome.ACCEPTED


def test_an_answer_can_be_taken_back() -> None:
    asked = [{"id": "allergy", "label": {"en": "Allergy"}}]
    desk = Desk(workshop(1, questions=asked))
    desk.register("ada", W1, answers={"allergy": "Nuts"})
    desk.change("ada", W1, answers={"allergy": ""})
    assert desk.registrations["ada"].answers == {}


def test_kinds_that_are_published_after_people_came_are_counted_right() -> None:
    desk = Desk(admission={"capacity": 3})
    for name in ("ada", "bob"):
        desk.register(name, audience="police")
    desk.ask(ReviseEvent(id="e2", event=milipol(2, audiences=kinds(police=1, research=1), admission={"capacity": 3})))
    for name in ("ada", "bob"):
        desk.ask(Cancel(id=f"x{name}", registration_id=name))
    for name in ("cyd", "dan", "eve"):
        desk.register(name, audience="police")
    assert [desk.state(name) for name in ("cyd", "dan", "eve")] == ["confirmed", "confirmed", "waitlisted"]
    assert desk.register("fay", audience="research").state == "confirmed", "the seat set aside is there"


def test_who_waits_for_any_seat_is_not_passed_by_another_kind() -> None:
    desk = Desk(audiences=kinds(police=2, research=2), admission={"capacity": 3})
    for name, kind in (("p1", "police"), ("p2", "police"), ("r1", "research"), ("r2", "research")):
        desk.register(name, audience=kind)
    assert desk.state("r2") == "waitlisted"
    desk.count += 1
    passer_by = Register(id="p9", registration_id="p9", person=person("p9", audience="police"))
    desk.ask(Cancel(id="x", registration_id="p1"), passer_by)
    assert (desk.state("r2"), desk.state("p9")) == ("confirmed", "waitlisted")


def test_a_change_of_a_cancelled_registration_is_refused() -> None:
    desk = Desk(workshop(1), workshop(2))
    desk.register("ada", W1)
    desk.ask(Cancel(id="x", registration_id="ada"))
    assert told(desk.change("ada", W2)) == [("registration_id", "cancelled")]


def test_answers_to_a_session_that_is_given_up_are_not_kept() -> None:
    asked = [{"id": "tools", "label": {"en": "Tools"}}]
    desk = Desk(workshop(1, questions=asked), workshop(2))
    desk.register("ada", W1, answers={"tools": "Saw"})
    desk.change("ada", W2)
    assert desk.registrations["ada"].answers == {}
