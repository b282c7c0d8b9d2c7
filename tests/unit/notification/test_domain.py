"""What has to be told: mails are differences of pictures, whatever the order of facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.notification.domain import Change, Kind, SeatNews, tell
from services.notification.picture import Picture, has_seat, picture, same_seats
from shared.contracts.registration import RegistrationState, SeatState
from shared.contracts.scheduling import EventState, SessionState
from tests.support.events import BEFORE_CLOSE, milipol, workshop
from tests.support.notification import registration

W1, W2, W4 = (f"milipol-2019-workshop-{number}" for number in (1, 2, 4))
MOVED: dict[str, Any] = {
    "starts_local": datetime(2019, 11, 20, 9, 0),
    "starts_at": datetime(2019, 11, 20, 8, 0, tzinfo=UTC),
}


def view(state: RegistrationState, *sessions: SessionState, event: EventState | None = None) -> Picture:
    """The picture of a registration with the four workshops, some of them replaced by `sessions`."""
    known = {s.id: s for s in (workshop(1), workshop(2), workshop(3), workshop(4), *sessions)}
    seen = picture(state, event or milipol(), known)
    assert seen is not None
    return seen


def test_one_mail_sums_up_all_choices() -> None:
    telling = tell(None, view(registration({1: "confirmed", 2: "confirmed", 3: "confirmed", 4: "waitlisted"})))
    assert telling is not None
    assert telling.kind is Kind.CONFIRMED
    assert len([news for news in telling.seats if news.after is SeatState.CONFIRMED and news.session_id]) == 3
    assert SeatNews(W4, None, SeatState.WAITLISTED) in telling.seats


def test_a_first_mail_without_any_confirmed_choice_is_about_the_waiting_list() -> None:
    telling = tell(None, view(registration({1: "waitlisted"})))
    assert telling is not None
    assert telling.kind is Kind.WAITLISTED


def test_a_full_event_makes_a_waiting_list_mail() -> None:
    telling = tell(None, view(registration({1: "pending"}, state="waitlisted", position=3)))
    assert telling is not None
    assert telling.kind is Kind.WAITLISTED


def test_a_missing_requirement_makes_a_pending_mail() -> None:
    telling = tell(None, view(registration(state="pending")))
    assert telling is not None
    assert telling.kind is Kind.PENDING


def test_a_freed_seat_is_told_as_promotion_with_only_that_session() -> None:
    before = view(registration({1: "confirmed", 4: "waitlisted"}))
    telling = tell(before, view(registration({1: "confirmed", 4: "confirmed"}, version=2)))
    assert telling is not None
    assert telling.kind is Kind.PROMOTED
    assert telling.seats == (SeatNews(W4, SeatState.WAITLISTED, SeatState.CONFIRMED),)


def test_a_freed_seat_at_the_event_is_told_as_promotion() -> None:
    telling = tell(view(registration(state="waitlisted", position=1)), view(registration(version=2)))
    assert telling is not None
    assert telling.kind is Kind.PROMOTED


def test_moving_up_in_line_is_no_news() -> None:
    one, other = registration({1: "waitlisted"}, positions={1: 5}), registration({1: "waitlisted"}, positions={1: 2})
    assert same_seats(one, other)
    assert tell(view(one), view(other)) is None


def test_being_checked_in_is_no_news() -> None:
    assert tell(view(registration({1: "confirmed"})), view(registration({1: "attended"}, state="attended"))) is None


def test_a_cancelled_registration_is_one_piece_of_news() -> None:
    before = view(registration({1: "confirmed", 2: "confirmed"}))
    telling = tell(before, view(registration({1: "cancelled", 2: "cancelled"}, state="cancelled", version=2)))
    assert telling is not None
    assert telling.kind is Kind.CANCELLED
    assert telling.seats == (SeatNews(None, SeatState.CONFIRMED, SeatState.CANCELLED),)


def test_a_given_up_session_is_told_alone() -> None:
    before = view(registration({1: "confirmed", 2: "confirmed"}))
    telling = tell(before, view(registration({1: "confirmed", 2: "cancelled"}, version=2)))
    assert telling is not None
    assert telling.kind is Kind.CANCELLED
    assert telling.seats == (SeatNews(W2, SeatState.CONFIRMED, SeatState.CANCELLED),)


def test_registering_again_after_cancelling_is_a_first_mail() -> None:
    telling = tell(view(registration(state="cancelled")), view(registration({1: "confirmed"}, version=3)))
    assert telling is not None
    assert telling.kind is Kind.CONFIRMED


def test_a_moved_session_is_told_to_who_holds_or_awaits_a_seat_in_it() -> None:
    for state in ("confirmed", "waitlisted"):
        holder = registration({1: state})
        telling = tell(view(holder), view(holder, workshop(1, 2, **MOVED)))
        assert telling is not None
        assert telling.kind is Kind.CHANGED
        assert [(news.session_id, news.changes) for news in telling.sessions] == [(W1, (Change.TIME,))]


def test_a_moved_session_is_no_news_for_others() -> None:
    for other in (registration({2: "confirmed"}), registration({1: "cancelled", 2: "confirmed"}), registration()):
        assert tell(view(other), view(other, workshop(1, 2, **MOVED))) is None
    gone = registration({1: "confirmed"}, state="cancelled")
    assert tell(view(gone), view(gone, workshop(1, 2, **MOVED))) is None


def test_a_session_for_everybody_concerns_all_confirmed_registrations() -> None:
    plenary = workshop(3, by_choice=False)
    moved = workshop(3, 2, by_choice=False, **MOVED)
    confirmed, waiting = registration(), registration(state="waitlisted")
    assert tell(view(confirmed, plenary), view(confirmed, moved)) is not None
    assert tell(view(waiting, plenary), view(waiting, moved)) is None


def test_a_moved_break_is_no_news() -> None:
    state = registration()
    pause: dict[str, Any] = {"by_choice": False, "kind": "break"}
    assert tell(view(state, workshop(3, **pause)), view(state, workshop(3, 2, **pause, **MOVED))) is None


def test_the_first_publication_of_a_session_is_no_news() -> None:
    state = registration()
    known = {W1: workshop(1)}
    before = picture(state, milipol(), known)
    now = picture(state, milipol(2), known | {W2: workshop(2, 2, by_choice=False)})
    assert before is not None
    assert now is not None
    assert tell(before, now) is None


def test_several_changed_sessions_make_one_mail() -> None:
    state = registration({1: "confirmed", 2: "waitlisted", 4: "confirmed"})
    telling = tell(
        view(state),
        view(
            state,
            workshop(1, 2, place={"room": {"en": "Room B"}}),
            workshop(2, 2, title={"en": "A new title"}),
            workshop(4, 2, status="cancelled"),
        ),
    )
    assert telling is not None
    assert telling.kind is Kind.CHANGED
    assert {news.session_id: news.changes for news in telling.sessions} == {
        W1: (Change.PLACE,),
        W2: (Change.TITLE,),
        W4: (Change.CANCELLED,),
    }


def test_a_cancelled_session_and_the_seat_that_ends_with_it_are_told_once() -> None:
    held, ended = registration({1: "confirmed"}), registration({1: "cancelled"}, version=2)
    off = workshop(1, 2, status="cancelled")
    together = tell(view(held), view(ended, off))
    assert together is not None
    assert together.kind is Kind.CANCELLED
    assert together.seats == ()
    assert together.sessions[0].changes == (Change.CANCELLED,)
    assert tell(view(held, off), view(ended, off)) is None


def test_a_cancelled_event_and_the_registration_that_ends_with_it_are_told_once() -> None:
    held, ended = registration({1: "confirmed"}), registration({1: "cancelled"}, state="cancelled", version=2)
    off = milipol(2, status="cancelled")
    together = tell(view(held), view(ended, event=off))
    assert together is not None
    assert Change.CANCELLED in together.event
    assert tell(view(held, event=off), view(ended, event=off)) is None


def test_a_link_to_join_that_changed_is_news_only_for_who_has_the_seat() -> None:
    new = workshop(1, 2, join_url="https://join.example.org/2")
    assert tell(view(registration({1: "waitlisted"})), view(registration({1: "waitlisted"}), new)) is None
    telling = tell(view(registration({1: "confirmed"})), view(registration({1: "confirmed"}), new))
    assert telling is not None
    assert telling.sessions[0].changes == (Change.JOIN_LINK,)


def test_only_a_confirmed_seat_opens_the_link_to_join() -> None:
    for state, event_seat, may in [
        ("confirmed", "confirmed", True),
        ("attended", "confirmed", True),
        ("waitlisted", "confirmed", False),
        ("pending", "confirmed", False),
        ("offered", "confirmed", False),
        ("cancelled", "confirmed", False),
        ("confirmed", "waitlisted", False),
    ]:
        assert has_seat(view(registration({1: state}, state=event_seat)), W1) is may


def test_a_mail_waits_until_the_event_and_the_chosen_sessions_are_known() -> None:
    state = registration({1: "confirmed", 2: "confirmed"})
    assert picture(state, None, {W1: workshop(1), W2: workshop(2)}) is None
    assert picture(state, milipol(), {W1: workshop(1)}) is None
    assert picture(state, milipol(), {W1: workshop(1), W2: workshop(2)}) is not None


# --- any order, any repetition -------------------------------------------------------------------------------------

Fact = tuple[str, int, object]
SOON = BEFORE_CLOSE + timedelta(days=1, microseconds=1)
SEATS: st.SearchStrategy[str | dict[str, Any]] = st.sampled_from(
    [
        "confirmed",
        "waitlisted",
        "pending",
        "cancelled",
        {"state": "pending", "held": True},
        {"state": "offered", "until": SOON},
        {"state": "offered", "until": SOON, "instead_of": [W4]},
        {"state": "cancelled", "cause": "offer-lapsed"},
    ]
)
EVENT_SEATS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"state": "confirmed"},
        {"state": "confirmed", "reconfirm_until": SOON},
        {"state": "confirmed", "requirements": [{"id": "fair", "state": "refused"}]},
        {"state": "waitlisted"},
        {"state": "pending", "held": True, "until": SOON, "requirements": [{"id": "fair"}]},
        {"state": "pending", "held": True, "requirements": [{"id": "fair", "state": "granted"}]},
        {"state": "cancelled", "cause": "requirement-lapsed"},
    ]
)


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    """Facts about one person's registration, two sessions and the event: for each subject versions from 1 on."""
    facts: list[Fact] = []
    for version in range(1, draw(st.integers(1, 4)) + 1):
        choices = {1: draw(SEATS), 2: draw(SEATS)}
        facts.append(("registration", version, registration(choices, version=version, **draw(EVENT_SEATS))))
    for number in (1, 2):
        for version in range(1, draw(st.integers(1, 3)) + 1):
            changes: dict[str, Any] = {
                "status": draw(st.sampled_from(["scheduled", "cancelled"])),
                "title": {"en": draw(st.sampled_from(["A", "B"]))},
                "place": {"room": {"en": draw(st.sampled_from(["R", "S"]))}},
            }
            facts.append((f"session-{number}", version, workshop(number, version, **changes)))
    for version in range(1, draw(st.integers(1, 2)) + 1):
        facts.append(("event", version, milipol(version, status=draw(st.sampled_from(["scheduled", "cancelled"])))))
    return facts


def newest(facts: list[Fact]) -> Picture | None:
    """What the copies hold after `facts`, in any order: of each subject the newest."""
    copies: dict[str, tuple[int, Any]] = {}
    for subject, version, state in facts:
        if version > copies.get(subject, (0, None))[0]:
            copies[subject] = (version, state)
    if "registration" not in copies:
        return None
    sessions = {state.id: state for subject, (_, state) in copies.items() if subject.startswith("session")}
    return picture(copies["registration"][1], copies.get("event", (0, None))[1], sessions)


@given(histories(), st.data())
def test_facts_in_any_order_and_number_lead_to_the_same_mail(facts: list[Fact], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(facts + data.draw(st.lists(st.sampled_from(facts)))))
    ordered, mixed = newest(facts), newest(shuffled)
    assert ordered is not None
    assert mixed == ordered
    assert tell(None, mixed) == tell(None, ordered)


@given(histories(), st.data())
def test_mails_sent_between_facts_never_repeat_themselves_and_end_in_the_truth(
    facts: list[Fact], data: st.DataObject
) -> None:
    arriving = data.draw(st.permutations(facts + data.draw(st.lists(st.sampled_from(facts)))))
    told: Picture | None = None
    for count in range(1, len(arriving) + 1):
        now = newest(arriving[:count])
        if now is None or not (count == len(arriving) or data.draw(st.booleans())):
            continue
        if (telling := tell(told, now)) is not None:
            for news in telling.seats:
                assert news.before is not news.after or news.after in (SeatState.PENDING, SeatState.OFFERED)
            told = now
            assert tell(told, now) is None
    truth = newest(facts)
    assert truth is not None
    assert tell(told, truth) is None
