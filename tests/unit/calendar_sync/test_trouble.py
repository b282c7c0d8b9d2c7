"""Whatever a worker says of a calendar has a sentence for the person whose calendar it is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from services.calendar_sync import trouble
from services.calendar_sync.trouble import SENTENCES, Trouble, trouble_of

FOLDER = Path(trouble.__file__).parent


def said() -> list[str]:
    """Every sentence about a calendar that the sources give to a fault, without the values in it."""
    found = []
    for path in sorted(FOLDER.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            given = node.args[:1] if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Fault" else []
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "words":
                given = [node.value]
            for text in map(_text, given):
                if text.endswith(".") and "Fault(" in path.read_text():
                    found.append(text)
    return found


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "404" for part in parts)


def test_every_fault_has_a_sentence_for_its_person() -> None:
    sentences = said()
    assert len(sentences) > 20
    assert [words for words in sentences if trouble_of(words) is None] == []
    assert set(SENTENCES) == set(Trouble)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("The calendar server is busy (503) and asks us to come again in 30 s.", Trouble.BUSY),
        ("The calendar server refuses the user name or the password (401).", Trouble.PASSWORD),
        ("The calendar server refuses the object (403: need-privileges).", Trouble.NO_RIGHT),
        ("The calendar server failed (500).", Trouble.OTHER),
        ("Something that nobody says.", None),
    ],
)
def test_the_sentence_fits(words: str, expected: Trouble | None) -> None:
    assert trouble_of(words) is expected
