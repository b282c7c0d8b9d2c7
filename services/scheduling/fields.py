"""The kinds of field that an agenda is written in: texts by language, days, times on the wall, zones, addresses, numbers."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
)

from services.scheduling.time_zones import check_zone
from shared.contracts.base import Text
from shared.contracts.scheduling import ZoneName

MAX_TEXT = 20_000
"""The longest text, in characters."""

_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_TIME = re.compile(r"^\d{2}:\d{2}(:\d{2})?$")
_MOMENT = re.compile(r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?$")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]")


class Part(BaseModel):
    """A part of the agenda."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


YEARS = range(1900, 2201)
"""The years that an agenda may lie in: those that time zones have rules for, with room to move it by weeks."""


def _day(value: Any) -> Any:
    if isinstance(value, str):
        if not _DAY.match(value.strip()):
            raise ValueError("not a date; write year, month and day, for example 2019-11-20")
        try:
            return _in_range(date.fromisoformat(value.strip()))
        except ValueError as error:
            raise ValueError(f"there is no such day; {_REMEDY}") from error
    if isinstance(value, date) and not isinstance(value, datetime):
        return _in_range(value)
    raise ValueError("not a date; write it as text, for example 2019-11-20")


_REMEDY = f"write year ({YEARS[0]} to {YEARS[-1]}), month and day, for example 2019-11-20"


def _in_range(value: date) -> date:
    if value.year not in YEARS:
        raise ValueError(_REMEDY)
    return value


def _time(value: Any) -> Any:
    if isinstance(value, str):
        if not _TIME.match(value.strip()):
            raise ValueError("not a time of day; write hours and minutes, for example 09:40")
        try:
            return time.fromisoformat(value.strip())
        except ValueError as error:
            raise ValueError("there is no such time; hours go from 00 to 23, minutes from 00 to 59") from error
    if isinstance(value, time) and value.tzinfo is None:
        return value
    raise ValueError("not a time of day; write it as text, for example 09:40")


def _moment(value: Any) -> Any:
    if isinstance(value, str):
        if not _MOMENT.match(value.strip()):
            raise ValueError("not a local date and time; write it without an offset, for example 2019-11-13T00:00")
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError as error:
            raise ValueError("there is no such day or time; for example 2019-11-13T00:00") from error
        _in_range(moment.date())
        return moment
    if isinstance(value, datetime) and value.tzinfo is None:
        return value
    raise ValueError("not a local date and time; write it as text, for example 2019-11-13T00:00")


def _short(value: time) -> str:
    return value.isoformat("seconds" if value.second else "minutes")


def _words(value: Any, info: ValidationInfo) -> Any:
    """A plain text stands for one in the event's first language."""
    if isinstance(value, str):
        return {str((info.context or {}).get("language", "en")): value}
    return value


def _good_words(value: Text) -> Text:
    for words in value.values():
        _printable(words)
        if len(words) > MAX_TEXT:
            raise ValueError(f"longer than {MAX_TEXT} characters; shorten it")
    return {language: words for language, words in value.items() if words}


def _not_empty(value: Text) -> Text:
    if not value:
        raise ValueError("write it in at least one language")
    return value


def _printable(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("has a control character; remove it")
    return value


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable or re.search(r"\s", value):
        raise ValueError("not an address; it begins with https:// or http://")
    return value


def distinct(value: list[str]) -> list[str]:
    if len(set(value)) != len(value):
        raise ValueError("one of them is listed twice; remove the second")
    return value


_BY_LANGUAGE = {
    "type": "object",
    "propertyNames": {"pattern": "^[a-z]{2}$"},
    "additionalProperties": {"type": "string", "maxLength": MAX_TEXT},
}

Words = Annotated[
    Text,
    BeforeValidator(_words),
    AfterValidator(_good_words),
    WithJsonSchema({"anyOf": [{"type": "string"}, _BY_LANGUAGE]}, mode="validation"),
    WithJsonSchema(_BY_LANGUAGE, mode="serialization"),
]
Title = Annotated[Words, AfterValidator(_not_empty)]
Line = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_printable)]
Day = Annotated[date, BeforeValidator(_day)]
ClockTime = Annotated[
    time,
    BeforeValidator(_time),
    PlainSerializer(_short, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _TIME.pattern}),
]
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    PlainSerializer(lambda m: m.isoformat(timespec="seconds" if m.second else "minutes"), when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _MOMENT.pattern}),
]
Zone = Annotated[ZoneName, AfterValidator(check_zone)]
Url = Annotated[str, Field(max_length=2000), AfterValidator(_url)]
