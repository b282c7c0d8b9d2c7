"""What the arguments of `lectern agenda` say, checked before anything is done; and the way to Lectern."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import click

from services.scheduling.command_line.refusals import NoAnswer, WronglyCalled, refusal
from services.scheduling.command_line.words import plain
from services.scheduling.imports.files import Format, format_of_name
from services.scheduling.time_zones import check_zone
from shared.contracts.scheduling import EventKind
from shared.remote import URL, BadAddress, NoToken, Refused, Remote, Unreachable, find_address

Command = Callable[..., None]
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")


def _event_id(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    if given is not None and not _ID.fullmatch(given):
        raise click.BadParameter("an id has lower-case letters, digits and hyphens only, at most 80.")
    return given


def _zone(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    try:
        return check_zone(given) if given is not None else None
    except ValueError as error:
        raise click.BadParameter(f"{plain(str(error))}.") from error


def _language(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    if given is not None and not re.fullmatch(r"[a-z]{2}", given):
        raise click.BadParameter("write two letters, for example en or fr.")
    return given


def _form(_: click.Context, __: click.Parameter, given: str | None) -> Format | None:
    form = format_of_name(f"agenda.{given}") if given is not None else None
    if given is not None and form is None:
        raise click.BadParameter(f"choose one of {', '.join(Format)}.")
    return form


def _day(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    try:
        return date.fromisoformat(given).isoformat() if given is not None else None
    except ValueError as error:
        raise click.BadParameter("write a day, for example 2019-11-20.") from error


def _if_match(_: click.Context, __: click.Parameter, given: str | None) -> dict[str, str]:
    """The header that the option means (RFC 9110, section 13.1.1)."""
    if given is None:
        return {}
    bare = given.strip().strip('"')
    if bare == "*":
        return {"If-Match": "*"}
    if not re.fullmatch(r"[0-9]{1,9}", bare):
        raise click.BadParameter("write the draft's version, for example 3, or * for whichever it is.")
    return {"If-Match": f'"{int(bare)}"'}


def _together(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


readable = click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True)
event = click.argument("event_id", metavar="EVENT", callback=_event_id)
hinted = _together(
    click.option(
        "--format", "form", callback=_form, metavar="FORMAT", help=f"One of {', '.join(Format)}; else by name."
    ),
    click.option("--event-id", callback=_event_id, help="The event that the file is for, where it does not say it."),
    click.option(
        "--zone", callback=_zone, help="A new event's time zone, where the file does not say it: Europe/Paris"
    ),
    click.option("--kind", type=click.Choice([kind.value for kind in EventKind]), help="A new event's kind."),
    click.option("--language", callback=_language, help="The language of the file's texts: en"),
)
noted = _together(
    click.option("--note", metavar="TEXT", help="What this revision is about, for readers, in English."),
    click.option("--note-fr", metavar="TEXT", help="The same in French."),
)
file_language = click.option("--language", callback=_language, help="The language of a published file: fr")
shifted = click.option(
    "--shift-to", metavar="DAY", callback=_day, help="Move all days by whole weeks, to begin on or after DAY."
)
matched = click.option(
    "--if-match",
    "match",
    metavar="VERSION",
    callback=_if_match,
    help="Only where the draft is at this version (* for any); then edits by hand are replaced.",
)
in_json = click.option("--json", "as_json", is_flag=True, help="Print what the API answers, for programs.")


def over_http(command: Command) -> Command:
    """Gives `command` a `remote`, and tells what goes wrong on the way in one clear sentence."""

    @click.option("--url", help=f"Where Lectern is; else {URL}, else this machine (port LECTERN_PORT, else 8080).")
    @click.option("--timeout", type=click.FloatRange(min=0.1), default=60.0, show_default=True, help="Seconds to wait.")
    @functools.wraps(command)
    def run(*, url: str | None, timeout: float, **given: Any) -> None:
        try:
            address = find_address(url, os.environ)
        except BadAddress as error:
            raise click.UsageError(f"--url or {URL}: {error}.") from error
        try:
            command(remote=Remote(address, os.environ, Path.cwd(), timeout), **given)
        except NoToken as error:
            raise WronglyCalled([plain(str(error))]) from error
        except Unreachable as error:
            raise NoAnswer([plain(str(error))]) from error
        except Refused as error:
            raise refusal(error, as_json=bool(given.get("as_json"))) from error

    return run
