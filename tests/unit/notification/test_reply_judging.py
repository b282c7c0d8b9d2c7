"""What follows from an answer to an invitation, and what never does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.notification.domain import Kind
from services.notification.invitations import Sent
from services.notification.picture import picture
from services.notification.replies import judging
from services.notification.replies.judging import Judgement, Known, Situation, Standing, judge
from services.notification.replies.reading import Answer, Reading, Word
from shared.calendar.invitation import Method
from tests.support.events import milipol, workshop
from tests.support.notification import registration

NOW = datetime(2019, 11, 1, 10, tzinfo=UTC)
GRACE = timedelta(minutes=60)
IDS = {number: f"milipol-2019-workshop-{number}" for number in (1, 2, 3, 4, 5)}


def situation(
    known: dict[str, Known] | None = None, *, opted_in: bool = True, sequence: int = 1, **changes: Any
) -> Situation:
    sessions = [workshop(number, **changes) for number in (1, 2, 3, 4)]
    sessions.append(workshop(4, id=IDS[5], **changes))
    state = registration(dict.fromkeys(IDS, "confirmed"))
    event = milipol(admission={"calendar_answers": opted_in})
    view = picture(state, event, {session.id: session for session in sessions})
    assert view is not None
    return Situation(
        view,
        "ada@example.org",
        {f"uid-{number}": id_ for number, id_ in IDS.items()},
        {id_: Sent(Method.REQUEST, sequence, "m", 1) for id_ in IDS.values()},
        known or {},
    )


def answer(word: str = "declined", number: int = 1, *, sequence: int = 1, minute: int = 0) -> Answer:
    stamp = NOW - timedelta(minutes=30 - minute)
    return Answer(f"uid-{number}", (("ada@example.org", Word(word)),), sequence, stamp)


def judged(*answers: Answer, automatic: bool = False, now: datetime = NOW, of: Situation | None = None) -> Judgement:
    return judge(Reading(answers, automatic), of or situation(), now, GRACE)


def standings(judgement: Judgement) -> dict[str, str]:
    return {id_: known.standing.value for id_, known in judgement.answers.items()}


def test_a_declined_session_waits_for_the_grace_time_and_the_person_is_told() -> None:
    found = judged(answer())
    assert standings(found) == {IDS[1]: "waiting"}
    assert found.answers[IDS[1]].frees_at == NOW + GRACE
    assert found.notice is not None
    assert (found.notice.kind, found.notice.until, found.notice.sessions) == (
        Kind.ANSWER_NOTICED,
        NOW + GRACE,
        (IDS[1],),
    )


def test_a_refusal_from_another_address_gives_up_nothing_and_the_person_is_asked() -> None:
    """A colleague to whom the mail was handed on presses the button; or the person answers from an alias."""
    other = replace(answer(), words=(("colleague@example.org", Word.DECLINED),))
    found = judged(other)
    assert standings(found) == {IDS[1]: "unclear"}
    assert found.notice is not None
    assert found.notice.kind is Kind.ANSWER_UNCLEAR


def test_address_in_another_spelling_is_the_persons() -> None:
    assert standings(judged(replace(answer(), words=(("ADA@Example.org".lower(), Word.DECLINED),)))) == {
        IDS[1]: "waiting"
    }


@pytest.mark.parametrize("word", ["accepted", "tentative"])
def test_a_later_word_that_is_no_refusal_keeps_the_seat(word: str) -> None:
    known = dict(judged(answer()).answers)
    later = judged(answer(word, minute=5), of=situation(known), now=NOW + timedelta(minutes=5))
    assert standings(later) == {IDS[1]: "kept"}
    assert later.notice is None


@pytest.mark.parametrize("word", ["accepted", "tentative"])
def test_other_words_change_nothing(word: str) -> None:
    assert standings(judged(answer(word))) == {IDS[1]: "noted"}


def test_an_older_answer_that_comes_later_changes_nothing() -> None:
    known = dict(judged(answer("accepted", minute=10)).answers)
    assert judged(answer("declined", minute=5), of=situation(known)) == Judgement({}, None, ("old",))


def test_the_same_answer_twice_is_one() -> None:
    known = dict(judged(answer()).answers)
    assert judged(answer(), of=situation(known)).answers == {}


def test_of_two_in_one_second_the_one_that_keeps_the_seat_counts() -> None:
    declined = dict(judged(answer()).answers)
    assert standings(judged(answer("accepted"), of=situation(declined))) == {IDS[1]: "kept"}
    accepted = dict(judged(answer("accepted")).answers)
    assert judged(answer("declined"), of=situation(accepted)).answers == {}


def test_declined_once_more_keeps_the_time_that_was_told() -> None:
    known = dict(judged(answer()).answers)
    again = judged(answer(minute=20), of=situation(known), now=NOW + timedelta(minutes=20))
    assert again.answers[IDS[1]].frees_at == NOW + GRACE
    assert again.notice is None


def test_an_answer_to_what_was_changed_since_is_old() -> None:
    assert judged(answer(sequence=1), of=situation(sequence=2)).outcomes == ("old",)
    assert standings(judged(answer(sequence=3), of=situation(sequence=2))) == {IDS[1]: "waiting"}


def test_an_answer_to_what_was_changed_since_would_free_the_seat_if_sequences_were_not_looked_at() -> None:
    blind = situation(sequence=2)
    blind = replace(blind, sent={id_: replace(sent, sequence=0) for id_, sent in blind.sent.items()})
    assert standings(judged(answer(sequence=1), of=blind)) == {IDS[1]: "waiting"}, "the control"


def test_a_newer_sequence_counts_whatever_its_clock_says() -> None:
    known = dict(judged(answer("accepted", minute=25)).answers)
    found = judged(answer(sequence=2, minute=1), of=situation(known, sequence=2))
    assert standings(found) == {IDS[1]: "waiting"}


def test_a_clock_that_is_fast_does_not_make_the_next_answer_old() -> None:
    known = dict(judged(answer("accepted", minute=60 * 24 * 365)).answers)
    later = judged(answer(minute=31), of=situation(known), now=NOW + timedelta(minutes=2))
    assert standings(later) == {IDS[1]: "waiting"}


def test_what_was_never_sent_or_is_nobodys_is_dropped() -> None:
    assert judged(answer(number=9)).outcomes == ("unknown",)
    unsent = replace(situation(), sent={})
    assert judged(answer(), of=unsent).answers == {}


@pytest.mark.parametrize(
    "changes",
    [{"opted_in": False}, {"by_choice": False}, {"status": "cancelled"}],
    ids=lambda changes: next(iter(changes)),
)
def test_where_declining_frees_nothing_it_is_noted_only(changes: dict[str, Any]) -> None:
    found = judged(answer(), of=situation(**changes))
    assert standings(found) == {IDS[1]: "noted"}
    assert found.notice is None


def test_a_session_that_has_begun_is_not_given_up() -> None:
    began = datetime(2019, 11, 20, 8, 41, tzinfo=UTC)
    assert standings(judged(answer(minute=60 * 24 * 30), now=began)) == {IDS[1]: "noted"}


def test_three_at_once_are_meant_and_four_are_asked_about() -> None:
    three = judged(*(answer(number=number) for number in (1, 2, 3)))
    assert set(standings(three).values()) == {"waiting"}
    four = judged(*(answer(number=number) for number in (1, 2, 3, 4)))
    assert set(standings(four).values()) == {"unclear"}
    assert four.notice is not None
    assert (four.notice.kind, len(four.notice.sessions)) == (Kind.ANSWER_UNCLEAR, 4)


def test_one_after_the_other_counts_as_at_once_within_the_grace_time() -> None:
    """A calendar that is emptied declines each session in a mail of its own."""
    known: dict[str, Known] = {}
    kinds = []
    for number in IDS:
        at = NOW + timedelta(minutes=number)
        found = judged(answer(number=number), of=situation(known), now=at)
        known |= found.answers
        kinds.append(found.notice.kind.value if found.notice else "")
    assert {one.standing for one in known.values()} == {Standing.UNCLEAR}
    assert not any(one.frees_at for one in known.values())
    assert kinds == ["answer-noticed"] * 3 + ["answer-unclear", ""], "asked once"


def test_an_emptied_calendar_would_free_every_seat_without_the_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "MOST_AT_ONCE", 1000)
    found = judged(*(answer(number=number) for number in IDS))
    assert list(standings(found).values()) == ["waiting"] * 5, "the control"


def test_an_answer_that_nobody_gave_frees_nothing_and_the_person_is_asked() -> None:
    found = judged(answer(), automatic=True)
    assert standings(found) == {IDS[1]: "unclear"}
    assert found.notice is not None
    assert found.notice.kind is Kind.ANSWER_UNCLEAR
