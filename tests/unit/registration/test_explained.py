"""Every reason that a refusal can have is told in words, in every language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.registration import explained as module
from services.registration.explained import REASONS, explained

FOLDER = Path(module.__file__).parent
_GIVEN = re.compile(r'(?:code=|"code": |_reason\(\s*)"([a-z-]+)"(?: if kind else "([a-z-]+)")?')


def given() -> set[str]:
    """The codes that the pure rules give."""
    files = [*FOLDER.glob("decisions/*.py"), *(FOLDER / f"{name}.py" for name in ("admission", "answered", "codes"))]
    texts = [file.read_text(encoding="utf-8") for file in [*files, FOLDER / "domain.py"]]
    return {code for text in texts for match in _GIVEN.findall(text) for code in match if code}


def test_every_reason_has_words() -> None:
    assert {"full", "code-used-up", "wrong-answer", "audience-needed"} <= given(), "control: the codes are found"
    assert given() - REASONS.keys() == set()


@pytest.mark.parametrize("code", sorted(REASONS))
def test_words_are_a_sentence(code: str) -> None:
    assert re.fullmatch(r"[A-Z].*\.", explained(code, "en"))


def test_a_reason_of_a_newer_version_is_told_as_it_is() -> None:
    assert explained("something-new", "fr") == "something-new"
