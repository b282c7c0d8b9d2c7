"""Every fault is of a kind, and every kind has a sentence for the person and one for organisers, in both languages."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from services.calendar_sync.answers import Answer, Fault, fault_of
from services.calendar_sync.trouble import CONNECT_AGAIN, FOR_ORGANISERS, SENTENCES, Said, Trouble, newest, said
from shared.web.i18n import translations

NOON = datetime(2019, 10, 2, 12, tzinfo=UTC)


def test_no_fault_goes_without_a_kind() -> None:
    """And mypy sees to it that what is given is one."""
    kind = inspect.signature(Fault).parameters["kind"]
    assert (kind.default, kind.annotation) == (inspect.Parameter.empty, "Trouble")


@pytest.mark.parametrize("sentences", [SENTENCES, FOR_ORGANISERS], ids=["person", "organisers"])
def test_every_kind_has_a_sentence_in_both_languages(sentences: Mapping[Trouble, str]) -> None:
    french = translations("fr").gettext
    assert set(sentences) == set(Trouble)
    assert [text for text in sentences.values() if french(text) == text] == []


def test_whoever_is_to_connect_again_finds_the_form_open() -> None:
    assert {kind for kind, text in SENTENCES.items() if "Connect again" in text} == CONNECT_AGAIN


def test_organisers_are_not_asked_to_do_what_only_the_person_can() -> None:
    assert [text for text in FOR_ORGANISERS.values() if "Connect again" in text] == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(503, retry_after=30), Trouble.BUSY),
        (Answer(429), Trouble.BUSY),
        (Answer(302), Trouble.MOVED),
        (Answer(401), Trouble.PASSWORD),
        (Answer(403, refusals=("need-privileges",)), Trouble.NO_RIGHT),
        (Answer(403, refusals=("no-uid-conflict",)), Trouble.ELSEWHERE),
        (Answer(403), Trouble.OTHER),
        (Answer(500), Trouble.OTHER),
        (Answer(502), Trouble.UNREACHABLE),
        (Answer(507), Trouble.FULL),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Answer) else str(value),
)
def test_an_answer_is_of_the_kind_that_fits(answer: Answer, kind: Trouble) -> None:
    assert fault_of(answer).kind is kind


@pytest.mark.parametrize("stored", [None, "a kind of tomorrow"])
def test_what_was_stored_without_a_kind_that_is_known_is_of_another(stored: str | None) -> None:
    assert said("Something.", stored, NOON) == Said(Trouble.OTHER, "Something.", NOON)
    assert said(None, stored, NOON) is None


def test_the_newest_fault_is_told() -> None:
    old, new = said("Old.", "busy", NOON), said("New.", "gone", NOON.replace(hour=13))
    assert newest([old, None, new, said("Without a time.", "full", None)]) == new
    assert newest([None]) is None
