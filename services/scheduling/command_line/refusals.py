"""How a command ends that did not do what was asked: what is wrong, where, what to do, and the exit status."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import click

from services.scheduling.command_line.words import fault_line, plain
from shared.remote import Refused

_OPTION_FOR = {
    "event_id": "--event-id EVENT",
    "event.zone": "--zone Europe/Paris",
    "event.kind": "--kind workshops",
}
"""The option that says what a file of another format does not."""


class Ended(click.ClickException):
    """Ends the command with `lines` on the error stream."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = list(lines)
        super().__init__("\n".join(self.lines))

    def show(self, file: Any = None) -> None:
        """Each line as it is."""
        for line in self.lines:
            click.echo(line, file=file, err=True)


class NotDone(Ended):
    """Lectern refused it, or the file has faults."""

    exit_code = 1


class WronglyCalled(Ended):
    """Something is missing on this side, such as the token."""

    exit_code = 2


class NoAnswer(Ended):
    """Lectern gave no answer that can be used."""

    exit_code = 3


def refusal(error: Refused, *, as_json: bool, remedies: Iterable[str] = ()) -> Ended:
    """The problem in words, with the fields that are wrong; `as_json`: as it was answered."""
    end = NoAnswer if error.status >= 500 else NotDone
    if as_json:
        click.echo(json.dumps(error.problem, ensure_ascii=False, indent=2))
        return end([])
    return end([plain(str(error)), *(f"  {fault_line(fault)}" for fault in error.errors), *remedies])


def refused_import(error: Refused, name: str, event_id: str, *, as_json: bool) -> Ended:
    """An import of the file `name` that was refused: faults with their lines, or whose edits it would replace."""
    if error.status == 422 and not as_json:
        return NotDone([*(fault_line(fault, name) for fault in with_options(error.errors)), plain(str(error))])
    if as_json or error.status not in (412, 428) or error.version is None:
        return refusal(error, as_json=as_json)
    version = error.version
    if version == 0:
        return NotDone([f"There is no draft of {event_id} that could match; leave --if-match out."])
    changes = [f"  {fault_line(change)}" for change in error.errors]
    keep = (
        f"lectern agenda export {event_id} -o draft.yaml, put your change into it, import it with --if-match {version}"
    )
    what = (
        f"Somebody else changed the draft of {event_id}; it is at version {version} now:"
        if error.status == 412
        else f"The draft of {event_id} was edited by hand since the last import, and {name} would replace that:"
    )
    return NotDone(
        [
            what,
            *changes,
            f"To keep these edits: {keep}",
            f"To replace them: the same command with --if-match {version}",
        ]
    )


def refused_publication(error: Refused, event_id: str, *, as_json: bool, known: Iterable[str] = ()) -> Ended:
    """A revision that was refused: each problem and what to do. `known`: what is to be said beside."""
    remedies = list(known)
    if error.status == 412 and error.version:
        again = f"lectern agenda publish {event_id} --if-match {error.version}"
        remedies.append(f"Look at it (lectern agenda diff {event_id}), then: {again}")
    elif error.status == 409:
        remedies.append(f"Mend it in your file and import that, then: lectern agenda publish {event_id}")
    return refusal(error, as_json=as_json, remedies=remedies)


def with_options(faults: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Faults, with the option that mends them where the file need not."""
    told = []
    for fault in faults:
        option = _OPTION_FOR.get(fault.get("field", "")) if fault.get("code") == "missing" else None
        message = fault.get("message", "") + (f" (here: {option})" if option is not None else "")
        told.append({**fault, "message": message})
    return told
