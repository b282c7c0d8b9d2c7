"""Which invitations are sent, with which SEQUENCE, and what the calendar of one says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar

from services.notification.invitations import Due, Sent, after, due_invitations, sent_of
from services.notification.picture import Picture, picture
from shared.calendar.entry import Entry, entry
from shared.calendar.invitation import Method, Party, invitation
from shared.calendar.lint import lint
from shared.contracts.registration import RegistrationState
from shared.contracts.scheduling import SessionState
from shared.web.i18n import translations
from tests.support.events import milipol, workshop
from tests.support.notification import registration

NOW = datetime(2019, 11, 1, 9, tzinfo=UTC)
W1, W2 = "milipol-2019-workshop-1", "milipol-2019-workshop-2"
MOVED: dict[str, Any] = {
    "starts_local": datetime(2019, 11, 20, 9, 0),
    "starts_at": datetime(2019, 11, 20, 8, 0, tzinfo=UTC),
}


def seen(state: RegistrationState, *sessions: SessionState, event_status: str = "scheduled") -> Picture:
    agenda = sessions or (workshop(1), workshop(2))
    now = picture(state, milipol(status=event_status), {session.id: session for session in agenda})
    assert now is not None
    return now


def due(view: Picture, sent: dict[str, Any] | None = None, at: datetime = NOW) -> list[tuple[str, str, int]]:
    found = due_invitations(view, view.sessions, sent_of(sent), at)
    return [(one.session_id, one.method.value, one.sequence) for one in found]


def told(view: Picture, sent: dict[str, Any] | None = None) -> dict[str, Any]:
    """What was sent once all that is due has gone out."""
    stored = dict(sent or {})
    for one in due_invitations(view, view.sessions, sent_of(sent), NOW):
        stored[one.session_id] = after(one, sent_of(stored))
    return stored


def test_only_seats_for_certain_are_invited_to() -> None:
    state = registration({1: "confirmed", 2: "waitlisted"})
    assert due(seen(state)) == [(W1, "REQUEST", 1)]
    assert due(seen(registration({1: "confirmed"}, state="pending"))) == []


def test_what_was_sent_is_not_sent_again() -> None:
    view = seen(registration({1: "confirmed"}))
    assert due(view, told(view)) == []


def test_a_change_that_matters_raises_the_sequence_and_one_that_does_not_is_no_mail() -> None:
    state = registration({1: "confirmed"})
    sent = told(seen(state))
    assert due(seen(state, workshop(1, 3, **MOVED)), sent) == [(W1, "REQUEST", 3)]
    assert due(seen(state, workshop(1, 3, description={"en": "More"})), sent) == []


def test_a_seat_given_up_is_withdrawn_above_its_request_and_taken_again_above_that() -> None:
    """The agenda does not change meanwhile, so its revision alone would repeat a SEQUENCE."""
    sent = told(seen(registration({1: "confirmed"})))
    gone = seen(registration({1: "cancelled"}, version=2))
    assert due(gone, sent) == [(W1, "CANCEL", 2)]
    sent = told(gone, sent)
    again = seen(registration({1: "confirmed"}, version=3))
    assert due(again, sent) == [(W1, "REQUEST", 3)]
    sent = told(again, sent)
    assert sent[W1]["count"] == 3
    assert due(seen(registration({1: "confirmed"}, version=3), workshop(1, 2, **MOVED)), sent) == [(W1, "REQUEST", 4)]


@pytest.mark.parametrize("how", ["session", "event", "registration", "choice-gone"])
def test_every_end_of_a_session_withdraws_it(how: str) -> None:
    sent = told(seen(registration({1: "confirmed"})))
    state = registration({1: "confirmed"}, version=2)
    view = {
        "session": lambda: seen(state, workshop(1, 2, status="cancelled")),
        "event": lambda: seen(state, event_status="cancelled"),
        "registration": lambda: seen(registration({1: "cancelled"}, state="cancelled", version=2)),
        "choice-gone": lambda: seen(registration({}, version=2)),
    }[how]()
    found = due_invitations(view, {W1: workshop(1), W2: workshop(2)}, sent_of(sent), NOW)
    assert [(one.session_id, one.method) for one in found] == [(W1, Method.CANCEL)]


def test_nothing_is_sent_of_what_is_over() -> None:
    view = seen(registration({1: "confirmed", 2: "confirmed"}))
    at = datetime(2019, 11, 20, 10, 0, tzinfo=UTC)
    assert due(view, at=at) == [(W2, "REQUEST", 1)]
    assert due(seen(registration({1: "cancelled", 2: "cancelled"}, version=2)), told(view), at) == [(W2, "CANCEL", 2)]


def test_sessions_for_everybody_are_invited_to_where_they_are_few() -> None:
    few = [workshop(number, by_choice=False) for number in (1, 2, 3)]
    many = [*few, workshop(4, by_choice=False)]
    assert len(due(seen(registration(), *few))) == 3
    assert due(seen(registration(), *many)) == []
    sent = told(seen(registration(), *few))
    moved = [workshop(1, 2, by_choice=False, **MOVED), *many[1:]]
    assert due(seen(registration(), *moved), sent) == [(W1, "REQUEST", 2)], "who was invited hears of changes"


def test_new_private_addresses_send_what_stands_again_with_a_higher_sequence() -> None:
    state = registration({1: "confirmed", 2: "waitlisted"})
    sent = told(seen(state))
    renewed = registration({1: "confirmed", 2: "waitlisted"}, version=2, link_generation=3)
    [one] = due_invitations(seen(renewed), {W1: workshop(1)}, sent_of(sent), NOW)
    assert (one.session_id, one.method, one.sequence, one.generation) == (W1, Method.REQUEST, 2, 3)
    assert due(seen(renewed), told(seen(renewed), sent)) == [], "once"
    assert due(seen(state), told(seen(renewed), sent)) == [], "an older state that comes late asks for nothing"


def test_the_end_of_an_invitation_names_the_addresses_that_the_invitation_named() -> None:
    sent = told(seen(registration({1: "confirmed"}, link_generation=2)))
    gone = registration({1: "cancelled"}, version=2, link_generation=3)
    [one] = due_invitations(seen(gone), {W1: workshop(1)}, sent_of(sent), NOW)
    assert (one.method, one.generation) == (Method.CANCEL, 2)


@pytest.mark.parametrize(("generation", "again"), [(1, []), (2, [(W1, "REQUEST", 2)])])
def test_what_was_sent_before_generations_were_noted_is_of_the_first(generation: int, again: list[Any]) -> None:
    sent = told(seen(registration({1: "confirmed"})))
    del sent[W1]["generation"]
    assert due(seen(registration({1: "confirmed"}, link_generation=generation)), sent) == again


@pytest.mark.parametrize("generation", [0, 3])
def test_what_is_under_way_is_stored_and_read_back(generation: int) -> None:
    one = Due(W1, Method.CANCEL, 4, "m", generation)
    assert Due.of(one.stored()) == one
    assert sent_of({W1: after(one, {})}) == {W1: Sent(Method.CANCEL, 4, "m", 1, generation)}


# --- the calendar --------------------------------------------------------------------------------------------------


def shown(session: SessionState | None = None, language: str = "en", *, join: bool = True) -> Entry:
    return entry(
        session or workshop(1, 3, join_url="https://meet.example.org/1"),
        milipol(),
        language=language,
        words=translations(language).gettext,
        page="http://lectern.test/events/milipol-2019",
        join=join,
    )


def made(method: Method, of: Entry | None = None, name: str = "Ada") -> bytes:
    return invitation(
        of or shown(join=method is Method.REQUEST),
        f"{W1}.reg-ada@lectern.test",
        method=method,
        organiser=Party('Ateliers: "Milipol"; Paris', "answers+abc@replies.lectern.test"),
        attendee=Party(name, "ada@example.org"),
        sequence=5,
        sent_at=NOW + timedelta(seconds=1),
    )


def linted(body: bytes) -> list[str]:
    """What is wrong but for what only mails have: feeds and calendar objects must not."""
    only_in_mails = ("METHOD", "ORGANIZER", "ATTENDEE", "DTSTAMP")
    return [problem for problem in lint(body) if not any(word in problem for word in only_in_mails)]


def test_a_request_says_who_invites_whom_to_what() -> None:
    body = made(Method.REQUEST)
    assert linted(body) == []
    calendar = Calendar.from_ical(body)
    [event] = calendar.walk("VEVENT")
    assert (calendar["METHOD"], calendar["VERSION"]) == ("REQUEST", "2.0")
    assert event["UID"] == f"{W1}.reg-ada@lectern.test"
    assert (event["SEQUENCE"], event["STATUS"]) == (5, "CONFIRMED")
    assert event.decoded("DTSTAMP") == NOW + timedelta(seconds=1)
    assert event["ORGANIZER"] == "mailto:answers+abc@replies.lectern.test"
    assert event["ORGANIZER"].params["CN"] == "Ateliers: 'Milipol'; Paris"
    assert event["ATTENDEE"] == "mailto:ada@example.org"
    assert dict(event["ATTENDEE"].params) == {
        "CUTYPE": "INDIVIDUAL", "ROLE": "REQ-PARTICIPANT", "PARTSTAT": "ACCEPTED", "RSVP": "TRUE", "CN": "Ada",
    }  # fmt: skip
    assert len(calendar.walk("VTIMEZONE")) == 1
    assert b"https://meet.example.org/1" in body


def test_a_cancel_is_cancelled_and_tells_no_link_to_join() -> None:
    body = made(Method.CANCEL)
    assert linted(body) == []
    calendar = Calendar.from_ical(body)
    [event] = calendar.walk("VEVENT")
    assert (calendar["METHOD"], event["STATUS"], event["TRANSP"]) == ("CANCEL", "CANCELLED", "TRANSPARENT")
    assert "RSVP" not in event["ATTENDEE"].params
    assert b"meet.example.org" not in body


@pytest.mark.parametrize(
    "name", ["Zoë Ångström-" + "Ü" * 80, 'x";RSVP=FALSE:mailto:eve@example.org', "a\r\nATTENDEE:b"]
)
def test_no_name_breaks_a_line(name: str) -> None:
    body = made(Method.REQUEST, name=name)
    assert linted(body) == []
    [event] = Calendar.from_ical(body).walk("VEVENT")
    assert event["ATTENDEE"] == "mailto:ada@example.org"
    assert event["ATTENDEE"].params["RSVP"] == "TRUE"


def test_all_day_and_french() -> None:
    day = workshop(1, starts_local=None, ends_local=None, starts_at=None, ends_at=None)
    body = made(Method.REQUEST, shown(day, "fr"))
    assert linted(body) == []
    assert "Atelier 1" in body.decode()
