"""Mails in words: what is held and what is missing, offers, why a seat is gone, reminders; times on the event's clocks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.notification.domain import Kind, Notice, tell, tell_of
from services.notification.letter import Addresses, compose
from services.notification.picture import Picture, picture
from services.notification.rendering import Rendered, render
from shared.contracts.registration import Cause, RegistrationState
from tests.support.events import milipol, workshop
from tests.support.notification import registration

PRIVATE = Addresses(
    "https://lectern.test/r/secret", "https://lectern.test/calendar/hidden", "https://lectern.test/answers/taken-back"
)
SOON = datetime(2019, 11, 8, 9, 30, tzinfo=UTC)
SOON_IN_PARIS = "Friday, 8 November 2019, 10:30 (Europe/Paris, UTC+1)"
SUMMER = datetime(2019, 10, 26, 23, 30, tzinfo=UTC)
MISSING: dict[str, Any] = {"requirements": [{"id": "fair", "state": "missing"}]}
HELD: dict[str, Any] = {"state": "pending", "held": True, "until": SOON, "cause": "requirement"} | MISSING
FAIR: dict[str, Any] = {
    "requirements": [
        {"id": "fair", "name": {"en": "Milipol Paris"}, "code": "H2020MP2019", "url": "https://badge.example.org/"}
    ]
}


def view(state: RegistrationState) -> Picture:
    seen = picture(state, milipol(**FAIR), {s.id: s for s in (workshop(n) for n in (1, 2, 3, 4))})
    assert seen is not None
    return seen


def mail(state: RegistrationState, before: RegistrationState | None = None) -> tuple[str, Rendered]:
    told = view(before) if before is not None else None
    telling = tell(told, view(state))
    assert telling is not None
    letter = compose(telling, told, view(state), state.person, PRIVATE)
    return letter.subject, render(letter)


def notice(state: RegistrationState, kind: Kind) -> tuple[str, Rendered]:
    telling = tell_of(Notice(kind, SOON), view(state))
    assert telling is not None
    letter = compose(telling, None, view(state), state.person, PRIVATE)
    return letter.subject, render(letter)


def says(body: Rendered, *sentences: str) -> None:
    """Both forms of the mail say all of it, in this order."""
    assert "%(" not in body.text + body.html
    place = -1
    for sentence in sentences:
        assert sentence in body.text[place + 1 :], body.text
        place = body.text.index(sentence, place + 1)
        assert sentence in body.html


def test_a_held_seat_says_until_when_what_is_missing_and_how_to_get_it() -> None:
    subject, body = mail(registration({1: {"state": "pending", "held": True}}, **HELD))
    assert subject == "Not complete yet: Practitioner workshops at Milipol"
    says(
        body,
        "Your registration for “Practitioner workshops at Milipol” has arrived; something is still missing.",
        "Your registration with Milipol Paris is not known yet.",
        "If you are registered there already, give the number that you have there on your private page.",
        f"A seat is held for you until {SOON_IN_PARIS}; after that it is given to others.",
        "It is confirmed by itself as soon as nothing is missing any more.",
        f"Your seat: held for you until {SOON_IN_PARIS}",
        "You also need a registration with Milipol Paris.",
        "Your code there: H2020MP2019",
        "https://badge.example.org/",
    )


def test_without_a_held_seat_it_says_so() -> None:
    _, body = mail(registration(**HELD | {"held": False, "until": None}))
    says(body, "You have no seat yet: you get one in turn as soon as nothing is missing any more.")
    assert "held for you" not in body.text


@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        (registration(), "Your seat at “Practitioner workshops at Milipol” is not certain any more"),
        (registration(state="waitlisted"), "Good news: a seat at “Practitioner workshops at Milipol” is free and held"),
        (registration(**HELD | {"held": False}), "Something is still missing for your registration"),
    ],
)
def test_a_seat_that_becomes_uncertain_is_told_as_what_it_was(before: RegistrationState, sentence: str) -> None:
    _, body = mail(registration(**HELD, version=2), before)
    says(body, sentence, f"A seat is held for you until {SOON_IN_PARIS}; after that it is given to others.")


def test_a_refusal_elsewhere_is_told_with_whom_to_ask() -> None:
    refused = HELD | {"requirements": [{"id": "fair", "state": "refused"}]}
    _, body = mail(registration(**refused), registration(**HELD))
    says(body, "Milipol Paris refused your registration there; please ask them about it.")


def test_the_confirmation_says_what_was_granted_and_asks_for_it_no_more() -> None:
    granted: dict[str, Any] = {"requirements": [{"id": "fair", "state": "granted"}]}
    subject, body = mail(registration({1: "confirmed"}, **granted), registration({1: "pending"}, **HELD))
    assert subject == "Confirmed: Practitioner workshops at Milipol"
    says(
        body,
        "Nothing is missing any more: your registration for “Practitioner workshops at Milipol” is confirmed.",
        "Milipol Paris has confirmed your registration there.",
        "1 session is confirmed.",
    )
    assert "H2020MP2019" not in body.text


def test_who_waits_for_the_organisers_is_told_so_and_then_what_they_decided() -> None:
    waiting = registration(state="pending", cause="approval")
    subject, body = mail(waiting)
    assert subject.startswith("Not complete yet")
    says(body, "has arrived; the organisers decide about it.", "You get another mail as soon as they have decided.")
    _, yes = mail(registration(), waiting)
    says(yes, "The organisers agreed: your registration for “Practitioner workshops at Milipol” is confirmed.")
    _, no = mail(registration(state="cancelled", cause="declined"), waiting)
    says(no, "The organisers could not accept your registration for “Practitioner workshops at Milipol”.")
    choice = registration({1: {"state": "pending", "cause": "approval"}})
    _, one = mail(choice, registration())
    says(one, "The organisers decide about your seat in “Workshop 1”.", "Your seat: the organisers decide")


def test_an_offered_seat_says_until_when_where_to_accept_it_and_what_it_costs() -> None:
    offer = {"state": "offered", "until": SOON, "instead_of": ["milipol-2019-workshop-2"]}
    subject, body = mail(registration({1: offer, 2: "confirmed"}), registration({1: "waitlisted", 2: "confirmed"}))
    assert subject == "A seat is offered to you: Practitioner workshops at Milipol"
    says(
        body,
        "A seat in “Workshop 1” is offered to you.",
        f"It is yours if you accept it by {SOON_IN_PARIS}; after that it goes to the next in line.",
        "If you accept it, you give up what you have at the same time: Workshop 2.",
        "Accept the seat here",
        "https://lectern.test/r/secret",
        f"Your seat: offered to you until {SOON_IN_PARIS}",
    )
    assert "Accept the seat here:\n  https://lectern.test/r/secret\n" in body.text
    assert '<a href="https://lectern.test/r/secret">Accept the seat here</a>' in body.html


def test_an_offered_seat_at_the_event_is_told_on_summer_clocks_where_it_is_summer() -> None:
    _, body = mail(registration(state="offered", until=SUMMER), registration(state="waitlisted"))
    says(
        body,
        "A seat at “Practitioner workshops at Milipol” is offered to you.",
        "by Sunday, 27 October 2019, 01:30 (Europe/Paris, UTC+2)",
    )
    _, accepted = mail(registration(), registration(state="offered", until=SUMMER))
    says(accepted, "You accepted the seat: your registration for “Practitioner workshops at Milipol” is confirmed.")


EVENT_REASONS = {
    Cause.REQUIREMENT: "A registration with another organisation is needed, and is missing.",
    Cause.REQUIREMENT_LAPSED: "A registration with another organisation is needed, and did not come in time.",
    Cause.OFFER_LAPSED: "The offered seat was not accepted in time; it goes to the next in line.",
    Cause.NOT_RECONFIRMED: "You were asked whether you still come, and no answer came in time.",
    Cause.OVER: "The event was over before there was a seat for you.",
    Cause.FULL: "The event was full, and nobody moves up from its waiting list any more.",
}


@pytest.mark.parametrize(("cause", "reason"), EVENT_REASONS.items())
def test_a_cancelled_registration_says_why(cause: Cause, reason: str) -> None:
    subject, body = mail(registration(state="cancelled", cause=cause, **MISSING), registration())
    assert subject == "Registration cancelled: Practitioner workshops at Milipol"
    says(body, "Your registration for “Practitioner workshops at Milipol” is cancelled.", reason)
    again = cause in (Cause.REQUIREMENT_LAPSED, Cause.OFFER_LAPSED, Cause.NOT_RECONFIRMED)
    assert ("you can register again" in body.text) is again
    assert ("Milipol Paris is not known yet" in body.text) is (cause.value.startswith("requirement"))


def test_who_gave_the_seat_up_is_given_no_reason() -> None:
    _, body = mail(registration(state="cancelled", cause="given-up"), registration())
    assert "is cancelled.\n\nPractitioner workshops" in body.text


SESSION_REASONS = {
    Cause.DECLINED: ("The organisers could not give you a seat in “Workshop 1”.",),
    Cause.SWAPPED: (
        "Your seat in “Workshop 1” is cancelled.",
        "You took another session at the same time instead.",
    ),
    Cause.FULL: (
        "There is no seat for you in “Workshop 1”.",
        "It was full when your turn came, and has no waiting list.",
    ),
    Cause.OVERLAP: (
        "There is no seat for you in “Workshop 1”.",
        "It is at the same time as another session that you have a seat in.",
    ),
    Cause.OVER: ("There is no seat for you in “Workshop 1”.", "It has begun already, or does not take place."),
    Cause.OFFER_LAPSED: (
        "Your seat in “Workshop 1” is cancelled.",
        "The offered seat was not accepted in time; it goes to the next in line.",
    ),
}


@pytest.mark.parametrize(("cause", "sentences"), SESSION_REASONS.items())
def test_a_cancelled_choice_says_why(cause: Cause, sentences: tuple[str, ...]) -> None:
    before = registration({1: "offered" if cause is Cause.OFFER_LAPSED else "pending", 2: "confirmed"})
    _, body = mail(registration({1: {"state": "cancelled", "cause": cause}, 2: "confirmed"}), before)
    says(body, *sentences)


def test_choices_that_fell_when_the_seat_at_the_event_came_are_named() -> None:
    before = registration({1: "pending", 2: "pending"}, state="waitlisted")
    subject, body = mail(registration({1: "confirmed", 2: {"state": "cancelled", "cause": "full"}}), before)
    assert subject.startswith("A seat for you")
    says(body, "Good news: a seat is free", "1 session is confirmed.", "There is no seat for you in “Workshop 2”.")


def test_who_left_the_waiting_list_reads_that() -> None:
    _, body = mail(registration({1: "cancelled"}), registration({1: "waitlisted"}))
    says(body, "You are not on the waiting list for “Workshop 1” any more.")


def test_the_question_who_still_comes_leads_to_the_answer() -> None:
    subject, body = mail(registration({1: "confirmed"}, reconfirm_until=SOON), registration({1: "confirmed"}))
    assert subject == "Do you still come? Practitioner workshops at Milipol"
    says(
        body,
        "Do you still come to “Practitioner workshops at Milipol”?",
        f"Please answer by {SOON_IN_PARIS}; without an answer your seat is given to others.",
        "Answer here",
        "Workshop 1",
    )


def test_the_reminder_of_a_requirement_has_the_code_and_the_end() -> None:
    subject, body = notice(registration({1: {"state": "pending", "held": True}}, **HELD), Kind.REQUIREMENT_REMINDER)
    assert subject == "Reminder, something is missing: Practitioner workshops at Milipol"
    says(
        body,
        f"what is held for you at “Practitioner workshops at Milipol” is held until {SOON_IN_PARIS}, and given to others after that.",
        "Your registration with Milipol Paris is not known yet.",
        "Your code there: H2020MP2019",
    )


def test_the_reminder_of_the_question_leads_to_the_answer() -> None:
    subject, body = notice(registration(reconfirm_until=SOON), Kind.RECONFIRMATION_REMINDER)
    assert subject == "Reminder, do you still come? Practitioner workshops at Milipol"
    says(body, "Do you still come to", SOON_IN_PARIS, "Answer here")


def test_a_repeated_registration_reads_what_stands_and_that_nothing_was_changed() -> None:
    subject, body = notice(registration({1: "confirmed", 2: "waitlisted"}, positions={2: 3}), Kind.REPEATED)
    assert subject == "You are registered already: Practitioner workshops at Milipol"
    says(
        body,
        "You are registered for “Practitioner workshops at Milipol” already, and nothing was changed.",
        "Your registration: confirmed.",
        "Your seat: on the waiting list, number 3 in line",
        "https://lectern.test/r/secret",
    )


@pytest.mark.parametrize("kind", [Kind.REQUIREMENT_REMINDER, Kind.RECONFIRMATION_REMINDER, Kind.REPEATED])
def test_every_notice_can_be_read_in_french(kind: Kind) -> None:
    state = registration({1: "confirmed"}, person={"language": "fr"}, reconfirm_until=SOON)
    held = registration({1: {"state": "pending", "held": True}}, person={"language": "fr"}, **HELD)
    _, body = notice(held if kind is Kind.REQUIREMENT_REMINDER else state, kind)
    assert '<html lang="fr">' in body.html
    assert "%(" not in body.text + body.html
    if kind is not Kind.REPEATED:
        assert "vendredi 8 novembre 2019, 10:30 (Europe/Paris, UTC+1)" in body.text


@pytest.mark.parametrize("language", ["en", "fr"])
def test_new_private_addresses_are_told_with_what_becomes_of_the_old_ones(language: str) -> None:
    who = {"name": "Ada", "email": "ada@example.org", "language": language}
    subject, rendered = mail(registration(person=who, link_generation=2), registration(person=who))
    assert subject.startswith({"en": "Your new private address", "fr": "Votre nouvelle adresse privée"}[language])
    assert PRIVATE.manage in rendered.text
    assert {"en": "no longer work", "fr": "ne fonctionnent plus"}[language] in rendered.text


ENDED = [
    (Cause.GIVEN_UP, "confirmed", "Session given up: Workshop 1"),
    (None, "confirmed", "Session given up: Workshop 1"),
    (Cause.GIVEN_UP, "waitlisted", "Waiting list left: Workshop 1"),
    (Cause.DECLINED, "pending", "No seat in Workshop 1"),
    (Cause.FULL, "pending", "No seat in Workshop 1"),
]


@pytest.mark.parametrize(("cause", "earlier", "subject"), ENDED)
def test_the_end_of_one_session_is_named_and_the_rest_stays(cause: Cause | None, earlier: str, subject: str) -> None:
    gone = registration({1: {"state": "cancelled", "cause": cause}, 2: "confirmed"})
    said, body = mail(gone, registration({1: earlier, 2: "confirmed"}))
    assert said == f"{subject} (Practitioner workshops at Milipol)"
    says(body, "Your registration for “Practitioner workshops at Milipol” and your other sessions stay as they are.")


def test_the_end_of_several_sessions_is_no_end_of_the_event() -> None:
    gone: dict[int, Any] = {key: {"state": "cancelled", "cause": "given-up"} for key in (1, 2)}
    subject, body = mail(registration(gone), registration({1: "confirmed", 2: "confirmed"}))
    assert subject == "Sessions that ended for you: Practitioner workshops at Milipol"
    says(body, "Your registration for “Practitioner workshops at Milipol” stays as it is.")


def test_who_was_handed_a_seat_is_told_so_in_a_mail_of_its_own() -> None:
    subject, body = mail(registration({1: "confirmed"}, handed_on=True))
    assert subject == "A seat was handed to you: Practitioner workshops at Milipol"
    says(
        body,
        "A colleague handed a registration for “Practitioner workshops at Milipol” on to you.",
        "Your registration for “Practitioner workshops at Milipol” is confirmed.",
        "If you do not want it, cancel on your private page, so that others get what you have.",
        "https://lectern.test/r/secret",
    )
    _, held = mail(registration(handed_on=True, **HELD))
    assert "has arrived" not in held.text
    says(held, "Something is still missing for your registration")
    line, _ = mail(registration(handed_on=True, state="waitlisted"))
    assert line == "A place in line was handed to you: Practitioner workshops at Milipol"
    own, _ = mail(registration({1: "confirmed"}))
    assert own.startswith("Confirmed:"), "control: one's own registration"


def test_who_handed_the_seat_on_is_told_so() -> None:
    subject, body = mail(registration(state="cancelled", cause="transferred"), registration())
    assert subject == "Your registration was handed on: Practitioner workshops at Milipol"
    says(
        body,
        "Your registration for “Practitioner workshops at Milipol” was handed on to the colleague who was named.",
        "You have no seat there any more; your colleague gets a mail of their own.",
    )


def test_the_ticket_is_named_where_there_is_one() -> None:
    line = "Your ticket for the entrance is on your private page:"
    _, body = mail(registration({1: "waitlisted"}))
    says(body, line)
    assert f"{line}\n  https://lectern.test/r/secret\n" in body.text
    for state in (registration(**HELD), registration(state="waitlisted")):
        assert line not in mail(state)[1].text, "nobody gets in without a seat"


def test_what_the_organisers_decide_about_is_not_called_incomplete() -> None:
    waiting = registration({1: {"state": "pending", "cause": "approval"}, 2: {"state": "pending", "cause": "approval"}})
    _, body = mail(waiting, registration({1: "pending", 2: "pending"}, **HELD))
    says(body, "Nothing is missing any more", "The organisers still decide about 2 sessions.")
    assert "not complete yet" not in body.text


def test_a_session_waits_for_the_seat_at_the_event_in_the_words_of_the_page() -> None:
    _, body = mail(registration({1: {"state": "pending", "cause": "event-seat"}}, state="waitlisted"))
    says(body, "Your seat: decided when you have a seat at the event")
