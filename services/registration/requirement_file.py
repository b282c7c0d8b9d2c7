"""Files of what another organisation decided: CSV between commas, semicolons or tabs, or a list as JSON. Each row is read for
itself, so that a wrong one keeps no other."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.cells import as_written
from shared.contracts.base import Instant
from shared.contracts.cloudevent import problem, problems_of
from shared.contracts.registration import Email, RequirementState

MAX_ROWS = 10_000
MAX_FILE = 4_194_304
"""The largest file, in bytes (4 MiB)."""
COLUMNS = ("email", "number", "state", "decided_at")
MOST_COLUMNS = 50
"""Of a table; more are no columns of people, and would each be named as wrong."""
MOST_MEMBERS = 20
"""Of a row as a JSON object."""


class DecidedRow(BaseModel):
    """A row: who, by e-mail or by the number there, and what was decided. `decided_at` missing: when the file is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    email: Email | None = None
    number: str | None = Field(default=None, min_length=1, max_length=80)
    state: Literal[RequirementState.GRANTED, RequirementState.REFUSED, RequirementState.REVOKED] = (
        RequirementState.GRANTED
    )
    decided_at: Instant | None = None

    @model_validator(mode="after")
    def _somebody_is_named(self) -> Self:
        if self.email is None and self.number is None:
            raise ValueError("name the person by email or by number")
        return self


@dataclass(frozen=True)
class Read:
    """What stands on a line (from 1; in a JSON list, its number): a row, or what is wrong with it."""

    line: int
    row: DecidedRow | None
    problems: Sequence[dict[str, str]] = ()


class FileRefused(Exception):
    """The file cannot be read at all; `problems` name what and the remedy."""

    def __init__(self, *problems: dict[str, str]) -> None:
        super().__init__("the file cannot be read")
        self.problems = list(problems)


def read_json_list(body: bytes, zone: tzinfo | None = None) -> list[Read]:
    """The rows of a JSON list of objects; times without an offset are those of `zone`. Raises FileRefused."""
    try:
        rows = json.loads(text_of(body))
    except (ValueError, RecursionError) as error:
        raise FileRefused(problem("body", f"not JSON: {error}", "not-json")) from error
    if not isinstance(rows, list):
        raise FileRefused(problem("body", "send a list of objects with email or number", "not-a-list"))
    _refuse_too_many(len(rows))
    return [
        _read(number, raw, zone) if _is_row(raw) else Read(number, None, [_NO_ROW])
        for number, raw in enumerate(rows, 1)
    ]


def read_table(body: bytes, zone: tzinfo | None = None) -> list[Read]:
    """The rows of a CSV table with the header email,number,state,decided_at, of which email or number must be there; times
    without an offset are those of `zone`. Raises FileRefused."""
    found = _rows(text_of(body))
    header = next(found, None)
    if header is None:  # delimiters and nothing between them
        raise _empty()
    columns = _columns(header)
    read: list[Read] = []
    for line, cells in found:
        _refuse_too_many(len(read) + 1)
        if any(cell.strip() for cell in cells[len(columns) :]):
            message = f"the row has {len(cells)} cells and the header {len(columns)}"
            read.append(Read(line, None, [problem("body", message, "too-many-cells")]))
            continue
        given = {name: as_written(cell).strip() for name, cell in zip(columns, cells, strict=False)}
        filled = {name: value for name, value in given.items() if value}
        if "state" in filled:
            filled["state"] = filled["state"].lower()
        read.append(_read(line, filled, zone))
    return read


def text_of(body: bytes) -> str:
    """The file as text; a mark at its beginning is left out. Raises FileRefused for what is not UTF-8."""
    remedy = "save it in UTF-8 (in spreadsheets: CSV UTF-8)"
    if body.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in body[:200]:
        raise FileRefused(problem("body", f"the file is in UTF-16; {remedy}", "not-utf-8"))
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        message = f"line {line}: not UTF-8; {remedy}"
        raise FileRefused(problem("body", message, "not-utf-8") | {"line": str(line)}) from error


_NO_ROW = problem("body", f"send an object with {', '.join(COLUMNS)}", "not-a-row")


def _is_row(raw: Any) -> bool:
    return isinstance(raw, dict) and len(raw) <= MOST_MEMBERS


def _read(line: int, raw: Mapping[str, Any], zone: tzinfo | None) -> Read:
    given = {**raw, "decided_at": _with_offset(raw["decided_at"], zone)} if zone and "decided_at" in raw else raw
    try:
        return Read(line, DecidedRow.model_validate(given))
    except ValidationError as error:
        return Read(line, None, problems_of(error))


def _with_offset(said: Any, zone: tzinfo) -> Any:
    """A local time as an instant: of an hour that the clocks show twice, the earlier one. Anything else as it is."""
    try:
        local = datetime.fromisoformat(said)
        return local if local.tzinfo is not None else local.replace(tzinfo=zone, fold=0)
    except (TypeError, ValueError):
        return said


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that say something, each with the line on which it begins, the header first."""
    first = next((line for line in io.StringIO(text, newline="") if line.strip()), None)
    if first is None:
        raise _empty()
    delimiter = max(",;\t", key=first.count)
    if first.count(delimiter) > MOST_COLUMNS:
        raise _too_many_columns()
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            begins, line = line, reader.line_num + 1
            if any(cell.strip() for cell in cells):
                yield begins, cells
    except csv.Error as error:
        message = f"line {line}: not a table: {error}"
        raise FileRefused(problem("body", message, "csv") | {"line": str(line)}) from error


def _empty() -> FileRefused:
    return FileRefused(problem("body", f"the file is empty; begin with {','.join(COLUMNS)}", "empty"))


def _too_many_columns() -> FileRefused:
    return FileRefused(problem("body", f"more than {MOST_COLUMNS} columns; there are {', '.join(COLUMNS)}", "column"))


def _columns(header: tuple[int, list[str]]) -> list[str]:
    line, cells = header
    columns = [cell.strip().lower().replace(" ", "_") for cell in cells]
    while columns and not columns[-1]:  # a spreadsheet writes empty columns at the end
        columns.pop()
    if len(columns) > MOST_COLUMNS:
        raise _too_many_columns()
    problems = [
        problem(name[:40] or f"column {number}", f"there is no such column; there are {', '.join(COLUMNS)}", "column")
        for number, name in enumerate(columns, 1)
        if name not in COLUMNS
    ]
    problems += [
        problem(name, "the column stands twice; remove one", "column-twice")
        for name in COLUMNS
        if columns.count(name) > 1
    ]
    if not {"email", "number"} & set(columns):
        problems.append(problem("email", "nothing names the people; add the column email or number", "missing-column"))
    if problems:
        raise FileRefused(*(_at(line, one) for one in problems))
    return columns


def _at(line: int, told: Mapping[str, str]) -> dict[str, str]:
    return {**told, "line": str(line)}


def _refuse_too_many(rows: int) -> None:
    if rows > MAX_ROWS:
        raise FileRefused(problem("body", f"more than {MAX_ROWS} rows; send several files", "too-many-rows"))
