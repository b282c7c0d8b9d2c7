"""Whose answers the chairs of a session read: the session's people's, and only to what is asked for the session's sake."""

from __future__ import annotations

from typing import Any

import pytest

from services.registration.attendee.needs import read_by_any, read_by_chairs
from tests.support.events import milipol, workshop


def question(id_: str, kind: str = "text") -> dict[str, Any]:
    return {"id": id_, "label": {"en": id_}, "kind": kind}


KINDS = ("text", "choice", "yes-no", "consent")
EVENT = milipol(questions=[question(f"event-{kind}", kind) for kind in KINDS])
OWN = [question(f"own-{kind}", kind) for kind in KINDS]
CHAIRED = [{"id": "kim", "name": "Kim Kallio", "role": "chair"}]
SPEAKS = [{"id": "kim", "name": "Kim Kallio", "role": "speaker"}]
OTHER = workshop(2)


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        ({"people": CHAIRED}, {"event-text"}),
        ({"people": CHAIRED, "questions": OWN}, {"own-text", "own-choice", "own-yes-no", "event-text"}),
        ({"people": SPEAKS}, set()),
        ({"people": SPEAKS, "questions": OWN}, {"own-text", "own-choice", "own-yes-no"}),
        ({"people": CHAIRED, "by_choice": False}, set()),
    ],
    ids=["chaired", "chaired, own questions", "no chairs", "no chairs, own questions", "not chosen"],
)
def test_chairs_read_own_questions_and_free_text_of_the_event(changes: dict[str, Any], read: set[str]) -> None:
    session = workshop(1, **changes)
    assert {one.id for one in read_by_chairs(EVENT, session, [session, OTHER])} == read
    assert read_by_any(EVENT, [session, OTHER]) == read, "who answers is told of the same"


def test_where_nothing_is_chosen_every_chair_reads_the_events_free_text() -> None:
    session, other = workshop(1, people=CHAIRED, by_choice=False), workshop(2, by_choice=False)
    assert [one.id for one in read_by_chairs(EVENT, session, [session, other])] == ["event-text"]
    assert read_by_chairs(EVENT, other, [session, other]) == []
