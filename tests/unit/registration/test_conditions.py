"""An organiser's yes, offers, swaps, members, "I still come", handing on, being here, being forgotten."""

from __future__ import annotations

from datetime import timedelta

from services.registration.commands import (
    Accept,
    Approve,
    Cancel,
    Change,
    CheckIn,
    DecideRequirement,
    Decline,
    Erase,
    Reconfirm,
    Relink,
    ReviseEvent,
    ReviseSession,
    Transfer,
    UndoCheckIn,
)
from services.registration.domain import Snapshot, decide
from shared.contracts.registration import Cause, Outcome, RequirementState, SeatState
from tests.support.events import milipol, person, workshop
from tests.unit.registration.world import W1, W2, W3, World

APPROVED = {"approval": True}
DAY = timedelta(days=1)


def test_where_seats_are_given_by_hand_nobody_has_one_before_the_yes() -> None:
    world = World(1, admission=APPROVED)
    ada, bob = world.come("ada"), world.come("bob")
    assert (ada.state, ada.held, ada.cause) == (SeatState.PENDING, False, Cause.APPROVAL)
    world.ask(Approve(id="x", registration_id="r-bob"))
    world.ask(Approve(id="y", registration_id="r-ada"))
    assert world.choice("bob").state is SeatState.CONFIRMED
    assert world.choice("ada").state is SeatState.WAITLISTED
    assert bob.cause is Cause.APPROVAL


def test_one_session_may_be_given_by_hand_and_the_others_at_once() -> None:
    world = World()
    world.do(ReviseSession(id="r", session=workshop(2, 2, admission=APPROVED)))
    world.come("ada", W1, W2)
    assert world.state("ada") is SeatState.CONFIRMED
    assert world.choice("ada", W1).state is SeatState.CONFIRMED
    assert (world.choice("ada", W2).state, world.choice("ada", W2).cause) == (SeatState.PENDING, Cause.APPROVAL)
    world.ask(Approve(id="x", registration_id="r-ada", sessions=(W2,)))
    assert world.choice("ada", W2).state is SeatState.CONFIRMED


def test_an_organisers_no_is_told_as_such() -> None:
    world = World(admission=APPROVED)
    world.come("ada")
    world.ask(Decline(id="x", registration_id="r-ada"))
    assert (world.state("ada"), world.of("ada").cause) == (SeatState.CANCELLED, Cause.DECLINED)


def test_members_are_known_by_domain_by_list_and_by_what_others_granted() -> None:
    members = {"domains": ["city.example"], "lists": ["efus"], "requirement": "fair"}
    world = World(None, admission={"members_only": True}, on_lists=frozenset({"bob@example.org"}), members=members)
    assert world.reasons(world.register("ada")) == [("members-only", "person.email")]
    assert world.come("eva", email="eva@city.example").member
    assert world.come("bob").member
    assert world.reasons(world.register("eve", email="eve@not-city.example")) == [("members-only", "person.email")]
    granted = RequirementState.GRANTED
    world.ask(DecideRequirement(id="g", requirement="fair", state=granted, email="ada@example.org"))
    assert world.come("ada").member


def test_a_freed_seat_is_offered_for_some_hours_and_then_to_the_next() -> None:
    world = World(1, each={"offer_hours": 24})
    for name in ("ada", "bob", "cyd"):
        world.come(name)
    world.ask(Cancel(id="x", registration_id="r-ada"))
    offered = world.choice("bob")
    assert (offered.state, offered.until) == (SeatState.OFFERED, world.now + DAY)
    assert world.seats.sessions[W1].free == 0, "an offer keeps its seat"
    world.wait(hours=24)
    assert (world.choice("bob").state, world.choice("bob").cause) == (SeatState.CANCELLED, Cause.OFFER_LAPSED)
    assert world.choice("cyd").state is SeatState.OFFERED
    assert world.ask(Accept(id="y", registration_id="r-cyd")).outcome is Outcome.ACCEPTED
    assert world.choice("cyd").state is SeatState.CONFIRMED


def test_an_offer_cannot_be_taken_when_its_time_is_over_even_before_the_clock_looks() -> None:
    world = World(1, each={"offer_hours": 1})
    for name in ("ada", "bob"):
        world.come(name)
    world.ask(Cancel(id="x", registration_id="r-ada"))
    world.now += timedelta(hours=1)
    assert world.reasons(Accept(id="y", registration_id="r-bob")) == [("offer-lapsed", "registration_id")]


def test_a_promotion_that_would_collide_offers_a_swap() -> None:
    world = World(1, admission={"overlaps": "refuse"})
    world.come("ada", W1)
    world.come("bob", W1, W2)
    assert world.choice("bob", W2).state is SeatState.CONFIRMED
    first = workshop(1)
    moved = workshop(2, 2, capacity=1, starts_at=first.starts_at, ends_at=first.ends_at)
    world.do(ReviseSession(id="moved", session=moved))
    world.ask(Cancel(id="x", registration_id="r-ada"))
    offered = world.choice("bob", W1)
    assert (offered.state, offered.instead_of) == (SeatState.OFFERED, (W2,))
    assert world.choice("bob", W2).state is SeatState.CONFIRMED, "nothing is lost by an offer"
    world.ask(Accept(id="y", registration_id="r-bob", sessions=(W1,)))
    assert world.choice("bob", W1).state is SeatState.CONFIRMED
    assert (world.choice("bob", W2).state, world.choice("bob", W2).cause) == (SeatState.CANCELLED, Cause.SWAPPED)


def test_a_full_session_can_be_waited_for_beside_a_seat_at_the_same_time() -> None:
    world = World(1, admission={"overlaps": "refuse"})
    first = workshop(1)
    world.do(ReviseSession(id="m", session=workshop(2, 2, starts_at=first.starts_at, ends_at=first.ends_at)))
    assert world.reasons(world.register("eva", W1, W2)) == [("overlap", "sessions.1")]
    world.come("ada", W1)
    bob = world.come("bob", W1, W2)
    assert [held.state.value for held in bob.choices] == ["waitlisted", "confirmed"]
    world.ask(Cancel(id="x", registration_id="r-ada"))
    assert world.choice("bob", W1).instead_of == (W2,)


def test_changing_to_a_session_at_the_same_time_loses_nothing() -> None:
    world = World(1, admission={"overlaps": "refuse"})
    first = workshop(1)
    world.do(ReviseSession(id="m", session=workshop(2, 2, starts_at=first.starts_at, ends_at=first.ends_at)))
    world.come("ada", W2)
    world.ask(Change(id="x", registration_id="r-ada", sessions=(W1,)))
    assert world.choice("ada", W1).state is SeatState.CONFIRMED
    assert world.choice("ada", W2).state is SeatState.CANCELLED


def test_nobody_moves_up_after_the_cutoff_and_nobody_joins_the_line() -> None:
    world = World(1, each={"cutoff_hours": 24})
    starts = workshop(1).starts_at
    assert starts is not None
    world.do(ReviseEvent(id="open", event=milipol(2, admission={"window": {}})))
    for name in ("ada", "bob"):
        world.come(name)
    world.now = starts - DAY
    world.ask(Cancel(id="x", registration_id="r-ada"))
    assert world.choice("bob").state is SeatState.WAITLISTED
    assert world.reasons(world.register("cyd")) == [("full", "sessions.0")]


def test_seats_of_a_session_are_set_aside_by_kind() -> None:
    kinds = [{"id": id_, "name": {"en": id_}} for id_ in ("police", "research")]
    world = World(2, each={"quotas": {"police": 1}}, audiences=kinds)
    for name in ("ada", "bob"):
        world.come(name, audience="research")
    assert world.choice("bob").state is SeatState.WAITLISTED
    assert world.come("cyd", audience="police").choices[0].state is SeatState.CONFIRMED


def test_who_does_not_say_that_they_still_come_gives_the_seat_to_the_queue() -> None:
    asks = {"reconfirmation": {"ask_days": 7, "answer_days": 2}}
    world = World(1, admission=asks)
    for name in ("ada", "bob"):
        world.come(name)
    at = world.seats.event.rules.reconfirm_at if world.seats.event else None
    assert at is not None
    world.until(at - timedelta(seconds=1))
    assert world.of("ada").reconfirm_until is None
    world.until(at)
    assert world.of("ada").reconfirm_until == at + 2 * DAY
    world.ask(Reconfirm(id="x", registration_id="r-bob"))
    world.wait(days=1)
    assert [(r.registration_id, r.about.value) for r in world.reminded] == [("r-ada", "reconfirmation")]
    world.wait(days=1)
    assert (world.state("ada"), world.of("ada").cause) == (SeatState.CANCELLED, Cause.NOT_RECONFIRMED)
    assert world.choice("bob").state is SeatState.CONFIRMED


def test_a_seat_and_a_place_in_line_go_to_a_colleague() -> None:
    world = World(1)
    for name in ("ada", "bob", "cyd"):
        world.come(name)
    for name, to in (("ada", "eva"), ("bob", "fay")):
        answer = world.ask(Transfer(id=world.id(), registration_id=f"r-{name}", to_id=f"r-{to}", person=person(to)))
        assert answer.registration_id == f"r-{to}"
        assert (world.state(name), world.of(name).cause) == (SeatState.CANCELLED, Cause.TRANSFERRED)
    assert world.choice("eva").state is SeatState.CONFIRMED
    assert world.of("eva").told({}, "@event").handed_on
    assert world.choice("fay").place == 1
    world.ask(Cancel(id="x", registration_id="r-eva"))
    assert world.choice("fay").state is SeatState.CONFIRMED, "before Cyd, as Bob would have been"
    assert world.choice("cyd").state is SeatState.WAITLISTED


def test_a_place_that_is_handed_on_and_needs_a_yes_by_now_is_left() -> None:
    world = World(admission={"capacity": 1})
    for name in ("ada", "bob"):
        world.come(name)
    rules = {"capacity": 1, "approval": True}
    world.do(ReviseEvent(id="r", event=milipol(2, **world.event, admission=rules)))
    world.ask(Transfer(id="t", registration_id="r-bob", to_id="r-eva", person=person("eva")))
    assert (world.state("eva"), world.of("eva").cause) == (SeatState.PENDING, Cause.APPROVAL)
    assert world.seats.event is not None
    assert world.seats.event.waiting == 0
    assert all(waiting.left for waiting in world.waiting.values()), "no place without a person"


def test_a_seat_goes_to_nobody_who_has_one_and_not_at_all_where_that_is_not_allowed() -> None:
    world = World()
    for name in ("ada", "bob"):
        world.come(name)
    to_bob = Transfer(id="x", registration_id="r-ada", to_id="r-new", person=person("bob"))
    assert world.reasons(to_bob) == [("cannot-receive", "person.email")]
    world = World(admission={"transfers": False})
    world.come("ada")
    to_eva = Transfer(id="y", registration_id="r-ada", to_id="r-new", person=person("eva"))
    assert world.reasons(to_eva) == [("no-transfers", "registration_id")]


def test_checking_in_twice_is_told_and_can_be_undone() -> None:
    world = World()
    world.come("ada", W1)
    here = CheckIn(id="x", registration_id="r-ada", at=world.now)
    assert world.ask(here).state is SeatState.ATTENDED
    again = CheckIn(id="y", registration_id="r-ada", at=world.now)
    assert world.reasons(again) == [("already-checked-in", "registration_id")]
    world.ask(UndoCheckIn(id="z", registration_id="r-ada"))
    assert world.state("ada") is SeatState.CONFIRMED
    assert world.seats.event is not None
    assert world.seats.event.confirmed == 1


def test_checking_in_to_a_session_needs_a_seat_in_it() -> None:
    world = World(1)
    world.come("ada", W1)
    world.come("bob", W1, W2)
    for session_id, code in ((W1, "waits"), ("no-such", "not-chosen")):
        command = CheckIn(id=world.id(), registration_id="r-bob", at=world.now, session_id=session_id)
        assert [c for c, _ in world.reasons(command)] == [code]
    world.ask(CheckIn(id="w2", registration_id="r-bob", at=world.now, session_id=W2))
    assert world.choice("bob", W2).state is SeatState.ATTENDED
    assert world.state("bob") is SeatState.ATTENDED, "who is in a session is at the event"


def test_taking_back_the_only_scan_takes_the_person_back_from_the_event() -> None:
    world = World()
    world.come("ada", W1, W2)
    for minute, session_id in enumerate((W1, W2)):
        at = world.now + timedelta(minutes=minute - 5)
        world.ask(CheckIn(id=world.id(), registration_id="r-ada", at=at, session_id=session_id))
    world.ask(UndoCheckIn(id=world.id(), registration_id="r-ada", session_id=W1))
    assert world.state("ada") is SeatState.ATTENDED, "seen in another session"
    world.ask(UndoCheckIn(id=world.id(), registration_id="r-ada"))
    world.ask(CheckIn(id=world.id(), registration_id="r-ada", at=world.now, session_id=W1))
    world.ask(UndoCheckIn(id=world.id(), registration_id="r-ada", session_id=W1))
    assert world.state("ada") is SeatState.CONFIRMED


def test_a_scan_that_is_sent_late_keeps_its_time_but_never_one_to_come() -> None:
    world = World()
    world.come("ada")
    early = world.now - timedelta(minutes=9)
    world.ask(CheckIn(id="x", registration_id="r-ada", at=early))
    assert world.of("ada").attended_at == early
    world.come("bob")
    world.ask(CheckIn(id="y", registration_id="r-bob", at=world.now + DAY))
    assert world.of("bob").attended_at == world.now


def test_who_is_forgotten_leaves_the_seat_and_no_trace_of_the_person() -> None:
    world = World(1)
    for name in ("ada", "bob"):
        world.come(name)
    decision = world.do(Erase(id="x", registration_id="r-ada"))
    ada = world.of("ada")
    assert (ada.person.name, ada.person.email, ada.person.affiliation) == ("", "r-ada@erased.invalid", None)
    assert decision.erased["r-ada"]
    assert world.choice("bob").state is SeatState.CONFIRMED
    assert world.come("ada2", email="ada@example.org").active, "and may come again as somebody new"


def test_when_the_time_to_keep_is_over_people_are_forgotten_and_counts_stay() -> None:
    world = World(retention_days=30)
    world.come("ada")
    world.come("bob")
    world.ask(CheckIn(id="x", registration_id="r-ada", at=world.now))
    rules = world.seats.event.rules if world.seats.event else None
    assert rules is not None
    assert rules.over is not None
    assert rules.forget_at == rules.over + 30 * DAY
    world.until(rules.forget_at)
    assert world.of("ada").erased
    assert (world.state("ada"), world.state("bob")) == (SeatState.ATTENDED, SeatState.CONFIRMED)
    assert world.seats.sessions[W1].confirmed == 2


def test_new_private_addresses_make_the_old_ones_void() -> None:
    world = World()
    world.come("ada")
    world.ask(Relink(id="x", registration_id="r-ada"))
    assert world.of("ada").link_generation == 2


def test_whoever_tries_an_address_does_not_learn_that_it_is_registered() -> None:
    world = World(1)
    stranger = world.ask(world.register("eva", anonymous=True, email="eva@example.org"))
    world = World(1)
    world.come("ada")
    decision = world.do(world.register("x", W2, email="ada@example.org", anonymous=True))
    answer = decision.answers[0]
    assert (answer.outcome, answer.state) == (stranger.outcome, stranger.state)
    assert answer.registration_id == "r-x"
    assert decision.repeated == ("r-ada",), "only the person is told"
    assert [held.session_id for held in world.of("ada").choices] == [W1], "nothing was changed"
    assert "r-x" not in world.registrations
    assert world.seats.sessions[W2].confirmed == 0
    again = world.do(world.register("y", email="ada@example.org", anonymous=True))
    assert not again.repeated, "once a day"
    assert world.reasons(world.register("z", email="ada@example.org")) == [("already-registered", "person.email")]


def test_the_id_in_the_answer_does_not_tell_that_somebody_was_registered_before() -> None:
    world = World()
    world.come("ada")
    world.ask(Cancel(id="x", registration_id="r-ada"))
    answer = world.ask(world.register("again", email="ada@example.org", anonymous=True))
    assert answer.registration_id == "r-again"
    assert world.of("ada").active
    assert world.log[-1].registration_id == "r-ada"


def test_all_reasons_are_given_at_once() -> None:
    members = {"domains": ["city.example"]}
    asked = [{"id": "consent", "label": {"en": "Consent"}, "kind": "consent", "required": True}]
    world = World(
        admission={"members_only": True, "code_needed": True, "max_sessions": 1},
        questions=asked,
        audiences=[{"id": "police", "name": {"en": "Police"}}],
    )
    world.do(ReviseEvent(id="m", event=milipol(2, **{**world.event, "members": members, "admission": {
        "members_only": True, "code_needed": True, "max_sessions": 1}})))  # fmt: skip
    codes = {code for code, _ in world.reasons(world.register("ada", W1, W2, "no-such", numbers={"gala": "1"}))}
    assert codes == {
        "members-only", "code-needed", "too-many", "unknown-session", "audience-needed", "consent-needed",
        "unknown-requirement",
    }  # fmt: skip


def test_every_decision_is_in_the_log_with_its_reasons() -> None:
    world = World(1)
    world.come("ada")
    world.come("bob")
    world.ask(Cancel(id="x", by="attendee", registration_id="r-ada"))
    world.reasons(world.register("cyd", "no-such"))
    told = [(e.by, e.command, e.outcome, e.reasons) for e in world.log[-3:]]
    assert told == [
        ("attendee", "cancel", "accepted", ()),
        ("line", "promotion", "accepted", ()),
        ("clock", "register", "rejected", (("unknown-session", "session:no-such"),)),
    ]
    assert world.log[-1].person, "who was refused can be found by the address"
    promoted = world.log[-2].effects[0]
    assert (promoted.registration_id, promoted.line, promoted.took, promoted.left) == ("r-bob", W1, 1, 1)


def test_a_kind_that_is_withdrawn_and_comes_back_is_counted_from_then_on() -> None:
    police = [{"id": "police", "name": {"en": "Police"}, "quota": 1}]
    world = World(admission={"approval": True, "capacity": 2}, audiences=police)
    world.come("ada", audience="police")
    rules = {"approval": True, "capacity": 2}
    world.do(ReviseEvent(id="without", event=milipol(2, **{**world.event, "audiences": [], "admission": rules})))
    world.ask(Approve(id="x", registration_id="r-ada"))
    world.do(ReviseEvent(id="with", event=milipol(3, **{**world.event, "audiences": police, "admission": rules})))
    world.ask(Cancel(id="y", registration_id="r-ada"))
    assert world.seats.event is not None
    assert (world.seats.event.confirmed, world.seats.event.kinds["police"].confirmed) == (0, 0)


def same_time(world: World, *numbers: int) -> None:
    """Moves workshops to the time of the first."""
    first = workshop(1)
    for number in numbers:
        moved = workshop(number, 9, capacity=1, starts_at=first.starts_at, ends_at=first.ends_at)
        world.do(ReviseSession(id=f"moved-{number}", session=moved))


def offered_instead(overlapping: int = 2) -> World:
    """Bob has workshop 2 and is offered workshop 1, at the same time, instead of it."""
    world = World(1, admission={"overlaps": "refuse"})
    world.come("ada", W1)
    world.come("bob", W1, W2)
    same_time(world, overlapping)
    world.ask(Cancel(id="x", registration_id="r-ada"))
    assert world.choice("bob", W1).instead_of == (W2,)
    return world


def test_an_offer_of_a_session_that_was_cancelled_takes_nothing() -> None:
    world = offered_instead()
    world.do(ReviseSession(id="off", session=workshop(1, 10, capacity=1, status="cancelled")))
    assert world.reasons(Accept(id="y", registration_id="r-bob")) == [("cancelled", "sessions")]
    assert world.choice("bob", W2).state is SeatState.CONFIRMED


def test_an_offer_gives_up_nothing_that_it_did_not_name_and_nothing_that_does_not_collide_any_more() -> None:
    world = offered_instead()
    world.come("cyd", W3)
    world.ask(Cancel(id="c", registration_id="r-cyd"))
    world.ask(Change(id="d", registration_id="r-bob", sessions=(W1, W2, W3)))
    third = workshop(3)
    moved = workshop(1, 11, capacity=1, starts_at=third.starts_at, ends_at=third.ends_at)
    world.do(ReviseSession(id="moved-again", session=moved))
    assert world.reasons(Accept(id="y", registration_id="r-bob")) == [("overlap", "sessions")]
    world.ask(Change(id="e", registration_id="r-bob", sessions=(W1, W2)))
    world.ask(Accept(id="z", registration_id="r-bob"))
    assert world.choice("bob", W1).state is SeatState.CONFIRMED
    assert world.choice("bob", W2).state is SeatState.CONFIRMED, "it is at another time now"


def test_a_change_to_a_session_that_waits_for_a_yes_gives_up_nothing() -> None:
    world = World()
    world.do(ReviseSession(id="r", session=workshop(2, 2, admission=APPROVED)))
    world.come("ada", W1)
    assert world.reasons(Change(id="x", registration_id="r-ada", sessions=(W2,))) == [("no-seat-yet", "sessions.0")]
    assert world.choice("ada", W1).state is SeatState.CONFIRMED
    assert world.seats.sessions[W1].confirmed == 1
    assert world.ask(Change(id="y", registration_id="r-ada", sessions=(W1, W2))).outcome is Outcome.ACCEPTED


def test_an_offered_session_counts_when_another_at_the_same_time_is_chosen() -> None:
    world = offered_instead()
    same_time(world, 3)
    command = Change(id="x", registration_id="r-bob", sessions=(W1, W3))
    assert ("overlap", "sessions.1") in world.reasons(command)
    assert world.choice("bob", W2).state is SeatState.CONFIRMED


def test_whoever_was_checked_in_was_there() -> None:
    world = World(1, each={"offer_hours": 1})
    world.come("ada", W2)
    world.come("bob", W2)
    world.ask(CheckIn(id="c", registration_id="r-bob", at=world.now))
    world.ask(Cancel(id="x", registration_id="r-ada"))
    assert world.choice("bob", W2).state is SeatState.OFFERED
    world.wait(hours=2)
    assert world.choice("bob", W2).state is SeatState.CANCELLED
    assert world.state("bob") is SeatState.ATTENDED, "an offer that lapses takes no attendance back"
    assert world.reasons(Cancel(id="y", registration_id="r-bob")) == [("checked-in", "registration_id")]
    world.ask(UndoCheckIn(id="u", registration_id="r-bob"))
    assert world.ask(Cancel(id="z", registration_id="r-bob")).state is SeatState.CANCELLED


def test_a_question_whose_time_was_moved_takes_no_seat_and_is_asked_again() -> None:
    asks = {"reconfirmation": {"ask_days": 7, "answer_days": 2}}
    world = World(admission=asks)
    world.come("ada")
    at = world.seats.event.rules.reconfirm_at if world.seats.event else None
    assert at is not None
    world.until(at)
    later = {"starts_on": "2019-12-20", "ends_on": "2019-12-20"}
    world.do(ReviseEvent(id="m", event=milipol(2, **world.event, **later, admission=asks)))
    world.wait(days=3)
    assert (world.state("ada"), world.of("ada").reconfirm_until) == (SeatState.CONFIRMED, None)
    world.wait(days=30)
    assert world.of("ada").reconfirm_until is not None, "asked for the new date"


def test_a_session_that_needs_no_yes_any_more_is_given_to_those_who_waited_for_one() -> None:
    world = World()
    world.do(ReviseSession(id="r", session=workshop(2, 2, admission=APPROVED)))
    world.come("ada", W1, W2)
    world.do(ReviseSession(id="s", session=workshop(2, 3)))
    world.wait(seconds=1)
    assert world.choice("ada", W2).state is SeatState.CONFIRMED


def test_many_free_seats_at_once_go_in_order_also_where_not_everybody_who_waits_was_loaded() -> None:
    kinds = [{"id": "press", "name": {"en": "P"}, "quota": 1}, {"id": "police", "name": {"en": "P"}},
             {"id": "research", "name": {"en": "R"}}]  # fmt: skip
    world = World(None, audiences=kinds, admission={"capacity": 1})
    for number in range(6):
        world.come(f"r{number}", audience="research")
    for number in range(2):
        world.come(f"p{number}", audience="police")
    in_line = [w for (line, _), w in sorted(world.waiting.items()) if line == "@event"]
    loaded = [w for w in in_line if w.kind == "police" or w.place <= 4]
    before = Snapshot(world.seats, world.registrations, {}, {"@event": loaded})
    raised = milipol(2, **{**world.event, "admission": {"capacity": 20}})
    decision = decide(before, [ReviseEvent(id="more", event=raised)], world.now)
    seated = {id_ for id_, r in decision.registrations.items() if r.state is SeatState.CONFIRMED}
    assert seated == {f"r-r{number}" for number in range(4)}, "the police wait behind research who were not loaded"
    assert decision.promotions_left
