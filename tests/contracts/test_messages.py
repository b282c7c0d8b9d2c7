"""What was published once can be read for ever, and the AsyncAPI document says what the code does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.asyncapi import document
from shared.contracts.base import json_of
from shared.contracts.cloudevent import MAX_BYTES, CloudEvent, InvalidMessage, decode
from shared.contracts.registration import RegistrationRequested
from shared.contracts.registry import MESSAGES, check_type, payload

GOLDEN = Path(__file__).parent / "golden"
DOCUMENT = Path(__file__).parents[2] / "docs" / "asyncapi.json"


def golden_files() -> list[Path]:
    return sorted(GOLDEN.glob("*.json"))


@pytest.mark.parametrize("path", golden_files(), ids=lambda path: path.stem)
def test_golden_message_is_read_and_written_unchanged(path: Path) -> None:
    raw = json.loads(path.read_text(encoding="utf-8"))
    event = decode(path.read_bytes())
    data = payload(event, check_type(event).model)
    assert json.loads(event.encode()) == raw
    assert _without_defaults(raw["data"], json_of(data)) == raw["data"]


def _without_defaults(old: Any, new: Any) -> Any:
    """`new` without the optional fields that were added after the golden file was written."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {key: _without_defaults(old[key], new[key]) for key in new if key in old}
    if isinstance(old, list) and isinstance(new, list):
        assert len(old) == len(new)
        return [_without_defaults(o, n) for o, n in zip(old, new, strict=True)]
    return new


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_every_message_has_a_golden_file(name: str) -> None:
    assert (GOLDEN / f"{name}.json").is_file(), f"add tests/contracts/golden/{name}.json"


def test_the_asyncapi_document_is_the_one_of_the_code() -> None:
    checked_in = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    assert checked_in == json.loads(json.dumps(document())), (
        "docs/asyncapi.json is out of date: python -m shared.contracts.asyncapi > docs/asyncapi.json"
    )


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    whole = document()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(reference := node.get("$ref"), str):
                target: Any = whole
                for part in reference.removeprefix("#/").split("/"):
                    target = target[part]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(whole)


def _body(**changes: Any) -> bytes:
    event = json.loads((GOLDEN / "lectern.intake.registration-requested.v1.json").read_text(encoding="utf-8"))
    return json.dumps(event | changes).encode()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", "body"),
        (b"[]", "body"),
        (b"\xff\xfe{}", "body"),
        (b" " * (MAX_BYTES + 1), "body"),
        (b"[" * 100_000, "body"),
        (_body(id=""), "id"),
        (_body(specversion="0.3"), "specversion"),
        (_body(time="yesterday"), "time"),
        (_body(time="2019-11-01T09:00:00"), "time"),
        (_body(sequence="many"), "sequence"),
        (_body(datacontenttype="text/xml"), "datacontenttype"),
    ],
    ids=["broken", "list", "not-utf-8", "large", "deep", "no-id", "version", "time", "no-offset", "sequence", "xml"],
)
def test_unreadable_message_names_the_field(body: bytes, field: str) -> None:
    with pytest.raises(InvalidMessage) as raised:
        decode(body)
    assert [problem["field"] for problem in raised.value.problems] == [field]


def test_unknown_version_names_the_known_one() -> None:
    event = decode(_body(type="lectern.intake.registration-requested.v9"))
    with pytest.raises(InvalidMessage, match=r"send lectern\.intake\.registration-requested\.v1"):
        check_type(event)


def test_wrong_data_names_every_field() -> None:
    person = {"name": "", "email": "nobody", "language": "english"}
    event = decode(_body(data={"event_id": "Milipol!", "person": person, "sessions": "all"}))
    with pytest.raises(InvalidMessage) as raised:
        payload(event, RegistrationRequested)
    assert {problem["field"] for problem in raised.value.problems} == {
        "data.event_id", "data.person.name", "data.person.email", "data.person.language", "data.sessions",
    }  # fmt: skip


def test_two_spellings_of_an_address_are_one_person() -> None:
    person = {"name": "Ada", "email": "Ada@Example.ORG"}
    asked = RegistrationRequested.model_validate({"event_id": "milipol-2019", "person": person})
    assert asked.person.email == "ada@example.org"


def test_field_of_a_newer_publisher_is_ignored() -> None:
    event = decode(_body(novelty="x"))
    assert isinstance(event, CloudEvent)
