"""Objects of absurdly many members are told by their number, and never looked at member by member."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.contracts.bounds import MOST_MEMBERS, too_wide
from shared.contracts.cloudevent import MOST_LISTED, InvalidMessage, decode, problems_of
from shared.contracts.registration import GroupRequested, RegistrationRequested


def many(number: int) -> dict[str, int]:
    return {f"f{index}": 1 for index in range(number)}


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (many(MOST_MEMBERS), None),
        (many(MOST_MEMBERS + 1), MOST_MEMBERS + 1),
        ({"a": [{"b": many(MOST_MEMBERS + 2)}]}, MOST_MEMBERS + 2),
        ([many(600), many(600)], None),
        (list(range(5000)), None),
        (":" * 5000, None),
    ],
)
def test_the_widest_object_is_found_at_any_depth(raw: Any, found: int | None) -> None:
    assert too_wide(json.dumps(raw).encode(), raw) == found


@pytest.mark.parametrize("where", [lambda wide: {"data": wide}, lambda wide: {"data": {"numbers": wide}} | wide])
def test_message_with_too_many_members_is_refused_with_one_problem(where: Any) -> None:
    with pytest.raises(InvalidMessage) as refused:
        decode(json.dumps(where(many(30_000))).encode())
    [told] = refused.value.problems
    assert (told["field"], told["code"]) == ("body", "too-many-members")
    assert "members; at most 1000" in told["message"]


@pytest.mark.parametrize(("field", "most"), [("numbers", 20), ("answers", 200)])
def test_what_a_person_said_is_counted_before_it_is_read(field: str, most: int) -> None:
    """Each member is wrong in itself: without the count, each would be named."""
    person = {"name": "Ada", "email": "ada@example.org"}
    asked: dict[str, Any] = {"event_id": "e", "person": person}
    with pytest.raises(ValidationError) as refused:
        RegistrationRequested.model_validate(asked | {field: {str(key): [] for key in range(most + 1)}})
    [told] = problems_of(refused.value)
    assert (told["field"], told["code"]) == (field, "too_long")
    assert f"at most {most} items" in told["message"]
    with pytest.raises(ValidationError) as refused:
        RegistrationRequested.model_validate(asked | {field: {str(key): [] for key in range(3)}})
    assert refused.value.error_count() >= 3, "control: fewer are each named"
    assert RegistrationRequested.model_json_schema()["properties"][field]["maxProperties"] == most


def test_absurdly_many_problems_are_counted_and_not_listed() -> None:
    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid")

    def error_of(number: int) -> ValidationError:
        with pytest.raises(ValidationError) as refused:
            Strict.model_validate(many(number))
        return refused.value

    assert len(problems_of(error_of(MOST_LISTED))) == 21
    [told] = problems_of(error_of(MOST_LISTED + 1), "data")
    assert (told["field"], told["code"]) == ("data", "more")
    assert str(MOST_LISTED + 1) in told["message"]
    assert len(problems_of(error_of(2000), most=2000)) == 2000, "who asks for all of them gets them"


def test_group_of_the_largest_size_is_still_taken() -> None:
    one = {"person": {"name": "Ada", "email": "ada@example.org"}, "answers": {f"q{n}": True for n in range(15)}}
    raw = {"event_id": "e", "people": [one] * 500}
    assert too_wide(json.dumps(raw).encode(), raw) is None
    assert len(GroupRequested.model_validate(raw).people) == 500
