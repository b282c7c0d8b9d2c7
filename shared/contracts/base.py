"""The base of every message model: strict about what it knows, tolerant of what a newer publisher adds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints


class Contract(BaseModel):
    """A part of a message. Unknown fields are ignored, because within a version only optional fields are added."""

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("an instant needs an offset, for example 2019-11-20T08:40:00Z")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:  # the first or last hours of the calendar, in a zone on the other side of it
        raise ValueError("an instant lies between the years 1 and 9999, in UTC too") from error


Instant = Annotated[datetime, AfterValidator(_utc)]
"""A point on the time line, always UTC (RFC 3339 on the wire)."""

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
"""A readable id of events, blocks, sessions, people and rooms: lower-case letters, digits, hyphens; at most 80."""

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
"""An ISO 639-1 language code."""

Text = dict[Language, str]
"""A text in one or more languages, by language code."""


def said_in(text: Text, language: str, default: str = "en") -> str:
    """The text in `language`, else in `default`, else in any language it has; empty where there is none."""
    for wanted in (language, default):
        if text.get(wanted):
            return text[wanted]
    return next((value for value in text.values() if value), "")


def json_of(model: BaseModel) -> dict[str, Any]:
    """The model as JSON-ready data, without the fields that were left empty."""
    return model.model_dump(mode="json", exclude_none=True)
