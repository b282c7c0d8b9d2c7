"""Reads a table of sessions: CSV between commas, semicolons or tabs, with the columns of exports/table.py.

Only the columns that are there are spoken of. Every refusal names the row's line, the column and the remedy.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from services.scheduling.agenda_file import MAX_PROBLEMS
from services.scheduling.domain import AgendaRefused
from services.scheduling.exports.table import (
    COLUMNS,
    FOR_READERS,
    HOURS,
    ROLES,
    opened,
    parts,
    unescaped,
)
from services.scheduling.imports.foreign import TIMES, Foreign, ForeignLink, ForeignPerson, ForeignSession
from shared.cells import as_written
from shared.contracts.cloudevent import problem

MAX_SESSIONS = 5000
"""As many as an agenda takes."""
MAX_COLUMNS = 100
"""More than there are; each that nobody knows is looked for among those that are near."""
_MOST_COUNTED = 1000
"""How many problems are counted, before the rest of the table is left unread."""

_KNOWN = (*COLUMNS, *HOURS)
_WHOLE_FILE = ("event", "texts_in")
_TOGETHER = ("date", "starts", "ends")
_SHORT_TIME = re.compile(r"^\d:\d{2}(?::\d{2})?$")


class _Problems(list[dict[str, str]]):
    """What is wrong, in order. Raises AgendaRefused with the first of them when they are too many to go on."""

    def append(self, told: dict[str, str]) -> None:
        super().append(told)
        if len(self) >= _MOST_COUNTED:
            raise AgendaRefused(_most(self))


@dataclass(frozen=True)
class _Row:
    """A row: the line on which it begins (from 1) and its cells by column."""

    line: int
    cells: Mapping[str, str]


def read_table(body: bytes) -> Foreign:
    """The sessions in a table. Raises AgendaRefused with the line of everything that is wrong."""
    text = _text(body)
    found = _rows(text)
    header_line, header = next(found)
    columns = _columns(header_line, header)
    problems = _Problems()
    rows: list[_Row] = []
    for line, cells in found:
        if len(rows) == MAX_SESSIONS:
            message = f"more than {MAX_SESSIONS} sessions; split the event"
            raise AgendaRefused([_at(line, problem("body", message, "too-large"))])
        if (row := _row(line, cells, columns, problems)) is not None:
            rows.append(row)
    if not rows and not problems:
        problems.append(_at(header_line, problem("body", "there is no session below the header; add a row", "empty")))
    whole = {name: _same(name, rows, problems) for name in _WHOLE_FILE}
    sessions = [_session(row, problems) for row in rows]
    _refuse_twice(rows, sessions, problems)
    if problems:
        raise AgendaRefused(_most(problems))
    speaks = frozenset(columns) - FOR_READERS - {*_WHOLE_FILE, *ROLES, "id"}
    return Foreign(
        sessions=sessions,
        speaks_of=speaks | ({"people"} if ROLES.keys() & set(columns) else set()),
        event_id=whole["event"],
        language=whole["texts_in"],
    )


def _text(body: bytes) -> str:
    if body.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in body[:200]:
        message = "the table is in UTF-16; save it as CSV in UTF-8 (in spreadsheets: CSV UTF-8)"
        raise AgendaRefused([problem("body", message, "not-utf-8")])
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        message = f"not UTF-8 at byte {error.start}; save the table as CSV in UTF-8 (in spreadsheets: CSV UTF-8)"
        raise AgendaRefused([_at(line, problem("body", message, "not-utf-8"))]) from error


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line on which each begins; a cell of several lines is counted as such. The header comes first."""
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line, seen = 1, False
    try:
        for cells in reader:
            begins, line = line, reader.line_num + 1
            if any(cell.strip() for cell in cells):
                seen = True
                yield begins, cells
    except csv.Error as error:
        message = f"not a table: {error}; a cell with quotes in it has each of them doubled, and quotes around it"
        raise AgendaRefused([_at(line, problem("body", message, "csv"))]) from error
    if not seen:
        raise AgendaRefused([problem("body", "the table is empty; begin with a row of column names", "empty")])


def _delimiter(text: str) -> str:
    """The sign that makes most column names out of the first row; a comma where none does."""

    def names(delimiter: str) -> int:
        return sum(_name(cell) in _KNOWN for cell in first.split(delimiter, MAX_COLUMNS))

    first = next((line for line in io.StringIO(text) if line.strip()), "")
    return max(",;\t", key=lambda sign: (names(sign), first.count(sign)))


def _name(cell: str) -> str:
    return cell.strip().strip('"').strip().lower().replace(" ", "_")


def _columns(line: int, header: Sequence[str]) -> list[str]:
    """The columns' names. Refuses what nobody knows, what stands twice, and half of what stands together."""
    if len(header) > MAX_COLUMNS and any(cell.strip() for cell in header[MAX_COLUMNS:]):
        message = f"more than {MAX_COLUMNS} columns; a table begins with a row of column names"
        raise AgendaRefused([_at(line, problem("body", message, "too-many-columns"))])
    problems = _Problems()
    columns = [_name(cell) for cell in header]
    while columns and not columns[-1]:  # a spreadsheet writes empty columns at the end
        columns.pop()
    for number, name in enumerate(columns, 1):
        shown = name[:40] or f"column {number}"
        if name not in _KNOWN:
            near = difflib.get_close_matches(name, _KNOWN, 1)
            message = f"there is no column {shown}; " + (
                f"did you mean {near[0]}?" if near else "remove it, or give it the name of a column of ours"
            )
            problems.append(_at(line, problem(shown, message, "unknown-column")))
        elif name in columns[: number - 1]:
            problems.append(_at(line, problem(shown, f"the column {shown} stands twice; remove one", "column-twice")))
    there = set(columns)
    if there & (TIMES | {*HOURS, "zone"}) and (missing := [name for name in _TOGETHER if name not in there]):
        message = (
            f"date, starts and ends stand together; add the column {' and '.join(missing)} (its cells may be empty)"
        )
        problems.append(_at(line, problem(missing[0], message, "missing-column")))
    if not there & {"id", "title"}:
        problems.append(_at(line, problem("id", "nothing names the sessions; add the column id", "missing-column")))
    if problems:
        raise AgendaRefused(_most(problems))
    return columns


def _row(line: int, cells: Sequence[str], columns: Sequence[str], problems: _Problems) -> _Row | None:
    if any(cell.strip() for cell in cells[len(columns) :]):
        message = (
            f"the row has {len(cells)} cells and the header {len(columns)}; "
            "put quotes around a cell that holds the separator"
        )
        problems.append(_at(line, problem("body", message, "too-many-cells")))
        return None
    return _Row(line, {name: as_written(cell).strip() for name, cell in zip(columns, cells, strict=False)})


def _same(name: str, rows: Sequence[_Row], problems: _Problems) -> str | None:
    """What a column says that holds for the whole file; None where it says nothing."""
    said = [(row.line, row.cells[name]) for row in rows if row.cells.get(name)]
    for line, value in said:
        if value != said[0][1]:
            message = f"{value[:80]} here and {said[0][1][:80]} on line {said[0][0]}; a table is of one event, in one language"
            problems.append(_at(line, problem(name, message, "not-the-same")))
            break
    if name == "texts_in" and said and not re.fullmatch(r"[a-z]{2}", said[0][1]):
        message = f"{said[0][1][:80]} is not a language code; write two letters, for example en or fr"
        problems.append(_at(said[0][0], problem(name, message, "language")))
    return said[0][1] if said else None


def _session(row: _Row, problems: _Problems) -> ForeignSession:
    cells = row.cells
    fields: dict[str, Any] = {
        name: cell for name, cell in cells.items() if name not in (*FOR_READERS, *_WHOLE_FILE, *ROLES, "id")
    }
    for name in HOURS:
        fields[name] = cells.get(name) or None
    for name in ("starts", "ends"):
        if _SHORT_TIME.match(fields.get(name, "")):  # spreadsheets take the zero away
            fields[name] = f"0{fields[name]}"
    for name in ("tracks", "links", "outcome"):
        if name in cells:
            fields[name] = [unescaped(part) for part in parts(cells[name])] if name == "tracks" else []
    for name in ("links", "outcome"):
        for part in parts(cells.get(name, "")):
            link = _link(part)
            if link is None:
                message = f"{part[:80]} is not a link; write a title and <https://...>, several with semicolons between"
                problems.append(_at(row.line, problem(_field(row, name), message, "link")))
            else:
                fields[name].append(link)
    fields["people"] = list(_people(row, problems))
    lines = dict.fromkeys([*cells, "people"], row.line)
    return ForeignSession(key=cells.get("id") or cells.get("title") or "", fields=fields, line=row.line, lines=lines)


def _people(row: _Row, problems: _Problems) -> Iterator[ForeignPerson]:
    for column, role in ROLES.items():
        for part in parts(row.cells.get(column, "")):
            found = opened(part, "(", ")")
            name, about = found if found is not None else (part, "")
            # A parenthesis that nothing closes, or a comma where the semicolon was meant, must not become a name.
            if not name or (found is None and re.search(r"(?<!\\)(?:\\\\)*\(", part)):
                message = f"{part[:80]} is not a person; write Name (Affiliation, FR), several with semicolons between"
                problems.append(_at(row.line, problem(_field(row, column), message, "person")))
                continue
            country = re.search(r"(?:^|, )([A-Z]{2})$", about)
            affiliation = about[: country.start()] if country else about
            yield ForeignPerson(
                name=unescaped(name),
                role=role.value,
                affiliation=unescaped(affiliation).strip(),
                country=country[1] if country else None,
            )


def _link(part: str) -> ForeignLink | None:
    title, url = opened(part, "<", ">") or ("", part)
    try:
        known = urlsplit(unescaped(url)).scheme in ("http", "https")
    except ValueError:
        known = False
    return ForeignLink(unescaped(title), unescaped(url)) if known else None


def _refuse_twice(rows: Sequence[_Row], sessions: Sequence[ForeignSession], problems: _Problems) -> None:
    first: dict[str, int] = {}
    for row, session in zip(rows, sessions, strict=True):
        named = "id" if row.cells.get("id") else "title"
        if not session.key:
            problems.append(_at(row.line, problem("title", "the row has neither id nor title; add them", "missing")))
        elif session.key in first:
            remedy = "choose another" if named == "id" else "add the column id, which tells them apart"
            message = f"the {named} {session.key[:80]} stands on line {first[session.key]} already; {remedy}"
            problems.append(_at(row.line, problem(_field(row, named), message, "id-twice")))
        first.setdefault(session.key, row.line)


def _field(row: _Row, column: str) -> str:
    id_ = row.cells.get("id", "")
    return f"sessions.{id_}.{column}" if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,79}", id_) else column


def _at(line: int, told: dict[str, str]) -> dict[str, str]:
    return {**told, "line": str(line), "message": f"line {line}: {told['message']}"}


def _most(problems: Sequence[dict[str, str]]) -> Sequence[dict[str, str]]:
    if len(problems) <= MAX_PROBLEMS:
        return problems
    rest = len(problems) - MAX_PROBLEMS
    return [*problems[:MAX_PROBLEMS], problem("body", f"and {rest} more; mend these first, then import again", "more")]
