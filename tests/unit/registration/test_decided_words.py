"""Decisions in plain words for organisers: who asked for what, why not, and what became of which seat."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.registration.decisions.log import Effect, Entry
from services.registration.domain import HANDLERS
from services.registration.history import Decided, Place
from services.registration.organiser.decided import _deeds, in_words
from services.registration.organiser.words import Reader, causes, states
from shared.contracts.registration import Cause, SeatState
from tests.support.events import milipol, workshop

W1 = "milipol-2019-workshop-1"
AT = datetime(2019, 11, 1, 9, tzinfo=UTC)
QUESTION = {"id": "needs", "label": {"en": "Your needs"}}
READER = Reader(milipol(), [workshop(1, questions=[QUESTION])], "en", str)


def told(entry: Entry) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    (found,) = in_words([Decided(Place(1, 0), AT, entry)], READER)
    assert found.at == "Friday, 1 November 2019, 10:00 (UTC+1)"
    return found.did, found.why, found.became


def test_a_refusal_says_who_asked_and_why_not() -> None:
    reasons = (("closed", "event_id"), ("full", f"session:{W1}"), ("answer-needed", "answers.needs"))
    did, why, _ = told(Entry("message:fair", "register", "rejected", reasons))
    assert did == "Another system (fair) asked for a registration"
    assert why == (
        "The event: Registration was closed.",
        "Workshop 1: It was full, and could not be waited for.",
        "Your needs: A question was not answered.",
    )


@pytest.mark.parametrize(
    ("by", "who"),
    [
        ("calendar:calendar-sync", "The attendee, by calendar (told by calendar-sync), gave up seats"),
        ("invitation:desk", "The attendee, in answer to the invitation (told by desk), gave up seats"),
        ("attendee", "The attendee gave up seats"),
    ],
)
def test_it_is_said_how_the_attendee_said_it(by: str, who: str) -> None:
    assert told(Entry(by, "cancel", "accepted"))[0] == who


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (Effect("r", "@event", None, SeatState.CONFIRMED, 1), "The event: nothing → confirmed (a seat was taken)"),
        (Effect("r", W1, SeatState.CONFIRMED, SeatState.CANCELLED, -1), "Workshop 1: confirmed → cancelled (a seat came free)"),
        (Effect("r", W1, None, SeatState.WAITLISTED, 0, 3), "Workshop 1: nothing → on the waiting list (number 3 in the line)"),
        (Effect("r", W1, SeatState.WAITLISTED, SeatState.CONFIRMED, 1, None, 3),
         "Workshop 1: on the waiting list → confirmed (a seat was taken, left the line)"),
        (Effect("r", "gone", None, SeatState.PENDING), "gone: nothing → pending"),
    ],
)  # fmt: skip
def test_what_became_of_a_seat(effect: Effect, said: str) -> None:
    assert told(Entry("line", "promotion", "accepted", effects=(effect,)))[2] == (said,)


def test_the_newest_decision_is_first() -> None:
    entries = [
        Decided(Place(n, 0), AT, Entry("organiser", name, "accepted")) for n, name in enumerate(("approve", "cancel"))
    ]
    assert [one.did for one in in_words(entries, READER)] == ["An organiser gave up seats", "An organiser said yes"]


def test_every_command_state_and_cause_has_its_words() -> None:
    """A command that is added has to be told as well. Promote, Tick and Refuse have no entry of their own that names nothing."""
    commands = {command.__name__.lower() for command in HANDLERS} - {"refuse", "promote"}
    assert commands - _deeds(str).keys() == set()
    assert causes(str).keys() == {cause.value for cause in Cause}
    assert states(str).keys() == {state.value for state in SeatState}
