"""The envelope of every message: CloudEvents 1.0 in structured JSON mode (cloudevents.io spec v1.0.2, section 3.1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from shared.contracts.base import Instant
from shared.contracts.bounds import MOST_MEMBERS, too_wide

CONTENT_TYPE = "application/cloudevents+json"
MOST_PROBLEMS = 20
"""How many problems of one message are told."""
MOST_LISTED = 1000
"""Where more are wrong, only how many: pydantic lists all or none, and each costs more than the message's own bytes."""

MAX_BYTES = 1_048_576
"""The largest message that is accepted, in bytes (1 MiB)."""


class InvalidMessage(ValueError):
    """A message that no retry can mend. `problems` names each field and what to do about it."""

    def __init__(self, problems: list[dict[str, str]]) -> None:
        super().__init__("; ".join(f"{p['field']}: {p['message']}" for p in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Encoded:
    """A message that was encoded once, on its way through entry, outbox and broker; nobody in between reads its data."""

    id: str
    type: str
    correlationid: str | None
    text: str

    def as_document(self) -> dict[str, str | None]:
        """The fields, as they are stored."""
        return {"id": self.id, "type": self.type, "correlationid": self.correlationid, "text": self.text}

    def encode(self) -> bytes:
        """The message as UTF-8 JSON."""
        return self.text.encode()


class CloudEvent(BaseModel):
    """One message. `sequence` is the version of its subject; `time` is UTC; `data` is checked by the type's own model."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    specversion: str = "1.0"
    id: str = Field(min_length=1, max_length=200)
    source: str = Field(min_length=1, max_length=300)
    type: str = Field(min_length=1, max_length=200)
    subject: str | None = Field(default=None, max_length=300)
    time: Instant
    datacontenttype: str = "application/json"
    dataschema: str | None = None
    sequence: int | None = Field(default=None, ge=0)
    correlationid: str | None = Field(default=None, max_length=200)
    causationid: str | None = Field(default=None, max_length=200)
    traceparent: str | None = Field(default=None, max_length=200)
    data: dict[str, Any] = Field(default_factory=dict)

    @field_validator("specversion")
    @classmethod
    def _only_1_0(cls, value: str) -> str:
        if value != "1.0":
            raise ValueError("only CloudEvents 1.0 is understood; send specversion 1.0")
        return value

    @field_validator("datacontenttype")
    @classmethod
    def _only_json(cls, value: str) -> str:
        if not value.startswith("application/json"):
            raise ValueError("data must be JSON; send datacontenttype application/json")
        return value

    def encode(self) -> bytes:
        """The message as UTF-8 JSON."""
        return self.encoded().encode()

    def encoded(self) -> Encoded:
        """The message in the form in which it is stored and sent on, empty attributes left out."""
        return Encoded(self.id, self.type, self.correlationid, self.model_dump_json(exclude_none=True))


def decode(body: bytes) -> CloudEvent:
    """The message in `body`. Raises InvalidMessage, which names every field that is wrong."""
    if len(body) > MAX_BYTES:
        raise InvalidMessage([problem("body", f"the message has {len(body)} bytes; at most {MAX_BYTES} are accepted")])
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidMessage([problem("body", f"not UTF-8 at byte {error.start}; send UTF-8")]) from error
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise InvalidMessage([problem("body", f"not JSON: {error}")]) from error
    except RecursionError as error:
        raise InvalidMessage([problem("body", "JSON is nested too deeply")]) from error
    if not isinstance(raw, Mapping):
        raise InvalidMessage([problem("body", "a CloudEvent is a JSON object")])
    if (members := too_wide(body, raw)) is not None:
        raise InvalidMessage([too_many_members(members)])
    try:
        return CloudEvent.model_validate(raw)
    except ValidationError as error:
        raise InvalidMessage(problems_of(error)) from error


def problem(field: str, message: str, code: str = "invalid") -> dict[str, str]:
    """One thing that is wrong: the field, the words for people and a stable code for programs."""
    return {"field": field, "code": code, "message": message}


def too_many_members(members: int) -> dict[str, str]:
    """What is wrong with JSON in which one object has so many."""
    message = f"an object in it has {members} members; at most {MOST_MEMBERS} are accepted"
    return problem("body", message, "too-many-members")


def problems_of(error: ValidationError, prefix: str = "", most: int = MOST_PROBLEMS) -> list[dict[str, str]]:
    """The problems of a failed validation, `most` at most; the values themselves are left out, they may be personal. Of
    absurdly many, only how many they are."""
    if error.error_count() > max(most, MOST_LISTED):
        return [problem(prefix or "body", f"{error.error_count()} problems; is this what it is sent as?", "more")]
    found = error.errors(include_url=False, include_context=False, include_input=False)
    told = [
        problem(
            ".".join([*([prefix] if prefix else []), *(str(part) for part in item["loc"])])[:200] or "body",
            item["msg"].removeprefix("Value error, "),
            item["type"],
        )
        for item in found[:most]
    ]
    if len(found) > most:
        told.append(problem(prefix or "body", f"and {len(found) - most} more problems", "more"))
    return told
