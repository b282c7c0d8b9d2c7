"""A line as it is stored: every field of its rules, and nothing lost on the way back."""

from __future__ import annotations

from dataclasses import asdict, fields

from services.registration.rules import Asked, Needed, Rules, rules_of_event, rules_of_session
from services.registration.seats import Kind, Line, line_document, line_from
from tests.support.events import milipol, workshop

QUESTIONS = (
    Asked("needs", "choice", True, (("Data", "Données"), ("Tools", "Outils"))),
    Asked("consent", "consent", wordings=(("en", "ab12"),)),
)
LINES = (
    Line(rules_of_event(milipol())),
    Line(rules_of_session(workshop(1, capacity=3)), 2, 1, 2, {"police": Kind(2, 1, 1), "research": Kind()}),
    Line(Rules(questions=QUESTIONS, requirements=(Needed("fair", "hold"), Needed("badge")), quotas=(("police", 2),))),
)


def test_a_line_is_stored_with_every_field_of_its_rules_and_kinds() -> None:
    for line in LINES:
        document = line_document(line)
        assert document["rules"] == asdict(line.rules)
        assert list(document["rules"]) == [field.name for field in fields(Rules)]
        assert document.get("kinds", {}) == {id_: asdict(kind) for id_, kind in line.kinds.items()}


def test_a_line_is_read_back_as_it_was() -> None:
    for line in LINES:
        assert line_from(line_document(line)) == line
