"""`lectern agenda`: check a file without a server; import, export, publish, list and compare by way of the API."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from services.scheduling.command_line import options
from services.scheduling.command_line.refusals import (
    NotDone,
    WronglyCalled,
    refused_import,
    refused_publication,
    with_options,
)
from services.scheduling.command_line.words import (
    MOST_OF_A_KIND,
    change_lines,
    fault_line,
    plain,
    translation_line,
    warning_lines,
)
from services.scheduling.domain import AgendaRefused
from services.scheduling.imports.files import MAX_FILE, MEDIA_TYPES, Format, format_of_name, read_file
from services.scheduling.imports.foreign import Hints
from services.scheduling.translations import reports
from services.scheduling.warnings import warnings
from shared.contracts.base import said_in
from shared.remote import Refused, Remote

_OWN = ("yaml", "json")
_PUBLISHED = {
    "pdf": "agenda.pdf",
    "ics": "agenda.ics",
    "csv": "agenda.csv",
    "jsonld": "agenda.jsonld",
    "schedule.json": "schedule.json",
    "schedule.xml": "schedule.xml",
}
"""The files that everybody may download, by the format's name."""
_ENDINGS = {"yml": "yaml", "xml": "schedule.xml"}


@dataclass(frozen=True)
class Given:
    """A file that was read but not understood yet. `name` is for people."""

    name: str
    body: bytes
    form: Format


@click.group()
def agenda() -> None:
    """Agendas: check a file, import it, publish, export."""


@agenda.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=options.readable)
@options.hinted
@click.option("--strict", is_flag=True, help="Warnings fail as well.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON, for programs.")
def check(
    files: tuple[str, ...],
    form: Format | None,
    event_id: str | None,
    zone: str | None,
    kind: str | None,
    language: str | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Check agenda files, without a server (- reads the standard input).

    Prints faults with their lines, what to look at before publishing, and how far each language is translated.
    """
    hints = Hints(event_id, kind, zone, language)
    findings = [_findings(_given(file, form), hints) for file in files]
    if as_json:
        _print_json(findings)
    else:
        for found in findings:
            _print_findings(found)
    if any(found["errors"] or (strict and found["warnings"]) for found in findings):
        raise click.exceptions.Exit(NotDone.exit_code)


@agenda.command("import")
@click.argument("file", type=options.readable)
@options.hinted
@click.option("--dry-run", is_flag=True, help="Only tell what would change.")
@click.option("--publish", "then_publish", is_flag=True, help="Publish the draft at once.")
@options.noted
@options.shifted
@options.matched
@options.in_json
@options.over_http
def import_(
    remote: Remote,
    file: str,
    form: Format | None,
    event_id: str | None,
    zone: str | None,
    kind: str | None,
    language: str | None,
    dry_run: bool,
    then_publish: bool,
    note: str | None,
    note_fr: str | None,
    shift_to: str | None,
    match: Mapping[str, str],
    as_json: bool,
) -> None:
    """Make a file the draft of its event (- reads the standard input). All or nothing."""
    if dry_run and then_publish:
        raise click.UsageError("--dry-run changes nothing, so there is nothing to --publish; leave one of them out.")
    if not then_publish and (note or note_fr):
        raise click.UsageError("A note belongs to a revision; add --publish, or leave the note out.")
    given = _given(file, form)
    query = {"event_id": event_id, "zone": zone, "kind": kind, "language": language, "shift_to": shift_to}
    query["dry_run"] = "true" if dry_run else None
    headers = {"Content-Type": _media_type(given.form), **match}
    try:
        told = remote.ask_json(
            "POST",
            "/api/v1/events/import",
            query={name: value for name, value in query.items() if value is not None},
            headers=headers,
            body=given.body,
            needs=("event_id", "draft_version", "revision", "changed", "dry_run", "difference", "warnings"),
        )
    except Refused as error:
        hints = Hints(event_id, kind, zone, language)
        named = _event_id_of(given, hints) if error.version is not None else ""
        raise refused_import(error, given.name, named, as_json=as_json) from error
    if as_json:
        _print_json(told)
    else:
        _print_imported(told)
    if then_publish:
        # Exactly what was imported: an edit that comes in between is not published unseen.
        version = {"If-Match": f'"{told["draft_version"]}"'}
        try:
            _publish(remote, told["event_id"], _note(note, note_fr), version, as_json=as_json)
        except Refused as error:
            kept = f"The file was imported all the same, as version {told['draft_version']} of the draft."
            raise refused_publication(error, told["event_id"], as_json=as_json, known=[kept]) from error


@agenda.command()
@options.event
@click.option(
    "--format",
    "form",
    type=click.Choice([*_OWN, *_PUBLISHED]),
    help="yaml and json: our own form, to edit and import again; the others: what is published. Else by the name of -o; else yaml.",
)
@options.file_language
@click.option("-o", "--output", type=click.Path(dir_okay=False, allow_dash=True), help="Write to this file.")
@click.option("--revision", type=click.IntRange(1, 999_999_999), help="An earlier revision, in our own form.")
@click.option("--draft", is_flag=True, help="The draft, in our own form (so it is without --revision).")
@options.over_http
def export(
    remote: Remote,
    event_id: str,
    form: str | None,
    language: str | None,
    output: str | None,
    revision: int | None,
    draft: bool,
) -> None:
    """Write an agenda to a file, or to the standard output."""
    if revision is not None and draft:
        raise click.UsageError("--revision and --draft are two different agendas; leave one of them out.")
    to_stdout = output is None or output == "-"
    chosen = form or (None if to_stdout else _form_of_output(str(output))) or "yaml"
    if chosen == "pdf" and to_stdout and sys.stdout.isatty():
        raise click.UsageError("A PDF is not for a terminal; add -o FILE.")
    if chosen in _OWN:
        if language is not None:
            raise click.UsageError(f"{chosen} holds the texts in all languages; leave --language out.")
        body, what = _own_form(remote, event_id, chosen, revision)
    else:
        if revision is not None or draft:
            raise click.UsageError(f"{chosen} is written of what is published now; choose --format yaml or json here.")
        body, what = _published_file(remote, event_id, chosen, language)
    if to_stdout:
        click.echo(body, nl=False)
        return
    try:
        Path(str(output)).write_bytes(body)
    except OSError as error:
        reason = error.strerror or str(error)
        raise WronglyCalled([plain(f"{click.format_filename(str(output))} cannot be written: {reason}.")]) from error
    click.echo(plain(f"{click.format_filename(str(output))}: {what}"))


@agenda.command()
@options.event
@options.noted
@options.matched
@options.in_json
@options.over_http
def publish(
    remote: Remote, event_id: str, note: str | None, note_fr: str | None, match: Mapping[str, str], as_json: bool
) -> None:
    """Publish the draft; only what changed is told."""
    try:
        _publish(remote, event_id, _note(note, note_fr), match, as_json=as_json)
    except Refused as error:
        raise refused_publication(error, event_id, as_json=as_json) from error


@agenda.command("list")
@options.in_json
@options.over_http
def list_(remote: Remote, as_json: bool) -> None:
    """List all agendas by first day, and which have something that is not published."""
    items: list[dict[str, Any]] = []
    query = {"limit": "100"}
    while True:
        page = remote.ask_json("GET", "/api/v1/drafts", query=query, needs=("items", "next_cursor"))
        items += page["items"]
        if not page["next_cursor"]:
            break
        query["cursor"] = page["next_cursor"]
    if as_json:
        _print_json({"items": items, "next_cursor": None})
        return
    rows = [_row(item) for item in items]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True)]
        click.echo("  ".join([*cells, row[-1]]))
    if not rows:
        click.echo("There is no agenda yet: lectern agenda import FILE", err=True)


@agenda.command()
@options.event
@options.in_json
@options.over_http
def diff(remote: Remote, event_id: str, as_json: bool) -> None:
    """Show what of the draft is not published yet."""
    shown = remote.ask_json(
        "GET", f"{_api(event_id)}/draft", needs=("event_id", "draft_version", "revision", "unpublished")
    )
    if as_json:
        _print_json(shown)
        return
    _print_lines(change_lines(shown["unpublished"]))
    news = "" if shown["unpublished"] else ": nothing is left to publish"
    click.echo(f"{_standing(shown)}{news}")


# What they do


def _given(file: str, form: Format | None) -> Given:
    """The file's bytes, and what they are read as."""
    name = "<stdin>" if file == "-" else click.format_filename(file)
    form = form or format_of_name(file)
    if form is None:
        where = "the standard input" if file == "-" else name
        raise click.UsageError(f"What {where} is written in is not known; add --format: {', '.join(Format)}.")
    try:
        with click.open_file(file, "rb") as stream:
            body = stream.read(MAX_FILE + 1)
    except OSError as error:
        raise click.UsageError(f"{name} cannot be read: {error.strerror or error}.") from error
    if len(body) > MAX_FILE:
        raise NotDone([plain(f"{name}: the file is larger than {MAX_FILE} bytes, which is the most that is read.")])
    return Given(plain(name), body, form)


def _findings(given: Given, hints: Hints) -> dict[str, Any]:
    """What is to be said of a file, as `check --json` prints it."""
    found: dict[str, Any] = {"file": given.name, "event_id": None, "errors": [], "warnings": [], "languages": []}
    try:
        read = read_file(given.body, given.form, hints)
        agenda = read.agenda(None)
    except AgendaRefused as error:
        return found | {"errors": with_options(error.problems)}
    languages = [{"language": r.language, "texts": r.texts, "missing": list(r.missing)} for r in reports(agenda)]
    told = [warning.as_data() for warning in warnings(agenda)]
    return found | {"event_id": read.event_id, "warnings": told, "languages": languages}


def _print_findings(found: Mapping[str, Any]) -> None:
    name, told = found["file"], found["warnings"]
    for fault in found["errors"]:
        click.echo(fault_line(fault, name))
    _print_lines(warning_lines(told, name))
    for report in found["languages"]:
        click.echo(translation_line(report["language"], report["texts"], len(report["missing"]), name))
    if found["errors"]:
        return
    blocking = sum(warning["blocks"] for warning in told)
    verdict = f"can be imported, {_count(len(told), 'warning')}"
    if blocking:
        verdict += f"; {blocking} of them must be dealt with before publishing"
    click.echo(f"{name}: {found['event_id']} {verdict}")


def _print_imported(told: Mapping[str, Any]) -> None:
    _print_lines(change_lines(told["difference"]))
    _print_lines(warning_lines(told["warnings"], most=MOST_OF_A_KIND))
    if told["dry_run"]:
        end = "nothing was changed, this was a dry run" if told["changed"] else "nothing would change"
        standing = _standing(told) if told["draft_version"] else f"{told['event_id']}: no draft yet"
        click.echo(f"{standing}: {end}")
    else:
        click.echo(f"{_standing(told)}{'' if told['changed'] else ': nothing changed'}")


def _publish(
    remote: Remote, event_id: str, note: Mapping[str, str], match: Mapping[str, str], *, as_json: bool
) -> None:
    body = json.dumps({"note": note}, ensure_ascii=False).encode() if note else None
    headers = {"Content-Type": "application/json", **match} if body else dict(match)
    told = remote.ask_json(
        "POST",
        f"{_api(event_id)}/publish",
        headers=headers,
        body=body,
        needs=("event_id", "revision", "changed", "difference"),
    )
    if as_json:
        _print_json(told)
        return
    _print_lines(change_lines(told["difference"]))
    if told["changed"]:
        click.echo(f"{told['event_id']}: revision {told['revision']} is published")
    else:
        click.echo(f"{told['event_id']}: nothing is new, revision {told['revision']} stays")


def _own_form(remote: Remote, event_id: str, form: str, revision: int | None) -> tuple[bytes, str]:
    """The draft or a revision as a file, and what it is."""
    path = f"{_api(event_id)}/draft" if revision is None else f"{_api(event_id)}/revisions/{revision}"
    if form == "yaml":
        answer = remote.ask_file(path, query={"format": "yaml"})
        body, version = answer.content, re.sub(r'^(?:W/)?"([0-9]+).*', r"\1", answer.headers.get("ETag", ""))
    else:
        shown = remote.ask_json("GET", path, needs=("agenda",))
        body = (json.dumps(shown["agenda"], ensure_ascii=False, indent=2) + "\n").encode()
        version = str(shown.get("draft_version", ""))
    if revision is not None:
        return body, f"{event_id}, revision {revision}"
    return body, f"{event_id}, draft version {version}; import it again with --if-match {version}"


def _published_file(remote: Remote, event_id: str, form: str, language: str | None) -> tuple[bytes, str]:
    """The published agenda as a file, and what it is."""
    query = {"lang": language} if language is not None else None
    answer = remote.ask_file(f"/events/{quote(event_id)}/{_PUBLISHED[form]}", organiser=False, query=query)
    spoken = answer.headers.get("Content-Language", "")
    if language is not None and spoken != language:
        click.echo(plain(f"Lectern does not speak {language}; the file is in {spoken or 'English'}."), err=True)
    return answer.content, f"{event_id} as published{f', in {spoken}' if spoken else ''}"


# Small parts


def _event_id_of(given: Given, hints: Hints) -> str:
    """The event that a file is for; EVENT where it does not say it."""
    try:
        return read_file(given.body, given.form, hints).event_id
    except AgendaRefused:
        return hints.event_id or "EVENT"


def _media_type(form: Format) -> str:
    return next(media for media, known in MEDIA_TYPES.items() if known is form)


def _form_of_output(name: str) -> str | None:
    """The format that the name of a file to write asks for."""
    last = Path(name).name.lower()
    for form in (*_PUBLISHED, *_OWN):
        if last == form or last.endswith(f".{form}"):
            return form
    ending = last.rpartition(".")[2]
    if ending in _ENDINGS:
        return _ENDINGS[ending]
    raise click.UsageError(f"What to write into {plain(name)} is not known; add --format.")


def _api(event_id: str) -> str:
    return f"/api/v1/events/{quote(event_id)}"


def _note(english: str | None, french: str | None) -> dict[str, str]:
    return {language: words for language, words in (("en", english), ("fr", french)) if words}


def _standing(told: Mapping[str, Any]) -> str:
    """Where a draft stands."""
    revision = told["revision"]
    published = f"revision {revision} is published" if revision is not None else "not published"
    return f"{told['event_id']}: draft version {told['draft_version']}, {published}"


def _row(item: Mapping[str, Any]) -> list[str]:
    first, last = item["starts_on"], item["ends_on"]
    if item["revision"] is None:
        published = "not published"
    else:
        published = f"revision {item['revision']}{', draft differs' if item['unpublished'] else ''}"
    title = said_in(item["title"], "en")
    cancelled = "cancelled: " if item["status"] == "cancelled" else ""
    return [
        item["event_id"],
        first if first == last else f"{first} to {last}",
        f"draft {item['draft_version']}",
        published,
        f"{cancelled}{plain(title)}",
    ]


def _count(number: int, one: str) -> str:
    return f"{number or 'no'} {one}{'' if number == 1 else 's'}"


def _print_json(data: object) -> None:
    click.echo(json.dumps(data, ensure_ascii=False, indent=2))


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
