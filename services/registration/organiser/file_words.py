"""What is wrong with a file, or with a row of it, in the reader's language: by the column that it is about."""

from __future__ import annotations

from collections.abc import Mapping

from services.registration.organiser.words import Words
from services.registration.requirement_file import COLUMNS, MAX_ROWS


def wrong_row(told: Mapping[str, str], words: Words) -> str:
    """What is wrong with a row of decisions, after the name of its column."""
    column, code = told["field"], told["code"]
    if column in COLUMNS:
        return words("{field}: {said}").format(field=column, said=_of_column(words)[column])
    of_rows = {
        "too-many-cells": words("The row has more cells than there are columns."),
        "value_error": words("Nobody is named: give an e-mail address or a number."),
        "extra_forbidden": _no_such_column(words),
    }
    return of_rows.get(code) or words("This is no row with {columns}.").format(columns=", ".join(COLUMNS))


def refusal(told: Mapping[str, str], words: Words) -> str:
    """Why a file cannot be read at all, with the line where it is known. What is in words already stays as it is."""
    said = _of_file(words).get(told.get("code", ""), told["message"])
    if told.get("code") in ("column", "column-twice") and told["field"] != "body":
        said = words("{field}: {said}").format(field=told["field"], said=said)
    line = told.get("line")
    return words("Line {number}: {said}").format(number=line, said=said) if line else said


def _of_column(words: Words) -> dict[str, str]:
    return {
        "email": words("This is not an e-mail address."),
        "number": words("Give 1 to 80 characters."),
        "state": words("Write granted, refused or revoked."),
        "decided_at": words("Write the day and the time as 2019-11-05 14:30; by the clocks of the event."),
    }


def _of_file(words: Words) -> dict[str, str]:
    columns = ", ".join(COLUMNS)
    return {
        "empty": words("There is nothing in it. The first line names the columns: {columns}.").format(columns=columns),
        "not-utf-8": words("It is not in UTF-8. In a spreadsheet, save it as “CSV UTF-8”."),
        "csv": words("This is no table; a quotation mark may be missing."),
        "column": _no_such_column(words),
        "column-twice": words("This column stands there twice; remove one."),
        "missing-column": words("Nothing names the people: add the column email or number."),
        "not-json": words("This is not JSON."),
        "not-a-list": words("Give a list of objects, each with email or number."),
        "too-many-rows": words("There are more than {most} rows; send several files.").format(most=MAX_ROWS),
        "too-many": words("There are too many addresses; add the rest with another file."),
    }


def _no_such_column(words: Words) -> str:
    said = words("There is no such column; there are {columns}.")
    return said.format(columns=", ".join(COLUMNS))
