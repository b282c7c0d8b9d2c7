"""What the command line prints of an agenda: one line for each thing, which scripts can search and a terminal can show."""

from __future__ import annotations

import unicodedata
from typing import Any

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduling.command_line.words import change_lines, fault_line, translation_line, warning_lines
from services.scheduling.difference import difference
from services.scheduling.warnings import warnings
from tests.unit.scheduling.samples import sample, small


def told(**fields: tuple[Any, Any]) -> list[str]:
    """The lines of one changed session, without the colours and the subject."""
    changed = [{"field": name, "before": before, "after": after} for name, (before, after) in fields.items()]
    lines = change_lines([{"subject": "sessions/x", "what": "changed", "fields": changed}])
    return [click.unstyle(line).removeprefix("~ sessions/x: ") for line in lines]


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("14:00", "14:30", "field 14:00 -> 14:30"),
        (None, "hall-4", "field (none) -> hall-4"),
        ("2019-11-20", None, "field 2019-11-20 -> (none)"),
        ("(none)", None, 'field "(none)" -> (none)'),
        ("Two words", 'say "so"', 'field "Two words" -> "say \\"so\\""'),
        (False, True, "field false -> true"),
        ({"en": "A", "fr": "B"}, {"en": "A", "fr": "C"}, "field.fr B -> C"),
        ({"capacity": 40}, {"capacity": 40, "waiting_list": False}, "field.waiting_list (none) -> false"),
        (["a", "b"], ["b", "a"], "field in another order"),
        (["a", "a"], ["a"], 'field ["a", "a"] -> ["a"]'),
        (None, ["a"], "field + a"),
        (
            [{"person": "ann", "role": "chair"}],
            [{"person": "ann", "role": "panellist"}],
            "field[ann].role chair -> panellist",
        ),
        ([{"person": "ann", "role": "chair"}], [], 'field - {"person": "ann", "role": "chair"}'),
    ],
)
def test_a_changed_field_says_what_it_was_and_what_it_is(before: Any, after: Any, line: str) -> None:
    assert told(field=(before, after)) == [line]


def test_a_person_with_two_roles_who_loses_one_is_not_taken_for_changed() -> None:
    chair, speaker = {"person": "ann", "role": "chair"}, {"person": "ann", "role": "speaker"}
    assert told(people=([chair, speaker], [speaker])) == ['people - {"person": "ann", "role": "chair"}']


def test_of_two_long_texts_the_place_is_shown_where_they_differ() -> None:
    same = "word " * 50
    (line,) = told(description=(same + "before", same + "after"))
    assert ("before" in line, "after" in line, len(line) < 160) == (True, True, True)


def test_parts_that_come_go_and_move_have_a_sign_each() -> None:
    agenda = sample("milipol-2019").as_data()
    changed = {**agenda, "people": agenda["people"][1:], "sessions": list(reversed(agenda["sessions"]))}
    changed["rooms"] = [*agenda.get("rooms", []), {"id": "new-room"}]
    lines = [click.unstyle(line) for line in change_lines([c.as_data() for c in difference(agenda, changed)])]
    assert lines == ["+ rooms/new-room", f"- people/{agenda['people'][0]['id']}", "~ sessions: in another order"]


def test_a_fault_says_its_line_once_and_leaves_out_what_is_not_known() -> None:
    fault = {"field": "event.zone", "message": "line 7: zone is missing; add it", "code": "missing", "line": "7"}
    assert fault_line(fault, "my.yaml") == "my.yaml:7: event.zone: zone is missing; add it"
    assert fault_line({"field": "body", "message": "not JSON"}, "my.json") == "my.json: body: not JSON"
    assert fault_line({"field": "limit", "message": "too much"}) == "limit: too much"


def test_a_zone_check_on_a_day_of_summer_time_has_both_readings_in_utc() -> None:
    agenda = small(
        {"date": "2019-05-05", "printed_zone": "CET"}, starts_on="2019-05-05", ends_on="2019-05-05", zone="Europe/Paris"
    )
    lines = [click.unstyle(line) for line in warning_lines([w.as_data() for w in warnings(agenda)])]
    assert lines[0].startswith("blocks publishing: sessions.milipol-2019-workshop-1.printed_zone: ")
    assert lines[1:3] == [
        "    zone_check: local    2019-05-05 07:40 UTC",
        "    zone_check: printed  2019-05-05 08:40 UTC",
    ]


def test_many_warnings_of_a_kind_are_counted_and_hide_no_other_kind() -> None:
    def warning(code: str, number: int) -> dict[str, Any]:
        return {"code": code, "field": f"{code}.{number}", "message": "look", "blocks": False, "readings": []}

    many = [*(warning("translation-missing", n) for n in range(5)), warning("room-twice", 0)]
    lines = [click.unstyle(line) for line in warning_lines(many, most=2)]
    assert lines == [
        "warning: translation-missing.0: look",
        "warning: translation-missing.1: look",
        "warning: room-twice.0: look",
        "    and 3 more warnings of the kind translation-missing; --json has them all",
    ]


def test_a_translation_counts_what_is_there() -> None:
    assert translation_line("fr", 50, 3, "my.yaml") == "my.yaml: fr: 47 of 50 texts, 3 missing"
    assert translation_line("en", 50, 0) == "en: 50 of 50 texts, complete"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=8,
)


def shows_as_it_is(line: str) -> bool:
    """Whether a terminal shows `line` as one line, neither coloured nor turned round by what it holds."""
    kinds = {unicodedata.category(sign) for sign in line}
    turned = {unicodedata.bidirectional(sign) for sign in line} & {
        "LRE",
        "RLE",
        "LRO",
        "RLO",
        "PDF",
        "LRI",
        "RLI",
        "FSI",
        "PDI",
    }
    return not kinds & {"Cc", "Zl", "Zp", "Cs"} and not turned  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.text(), anything, anything)
def test_whatever_an_agenda_says_a_line_stays_one_line(name: str, before: Any, after: Any) -> None:
    fields = [{"field": name, "before": before, "after": after}]
    lines = [click.unstyle(line) for line in change_lines([{"subject": name, "what": "changed", "fields": fields}])]
    assert lines
    assert all(shows_as_it_is(line) for line in lines)


@settings(max_examples=100, deadline=None)
@given(st.text(), st.text(), st.text())
def test_whatever_a_fault_names_a_line_stays_one_line(field: str, message: str, file: str) -> None:
    assert shows_as_it_is(fault_line({"field": field, "message": message, "line": "3"}, file))
    warning = {"code": field, "field": field, "message": message, "blocks": True}
    assert all(shows_as_it_is(click.unstyle(line)) for line in warning_lines([warning], file))
