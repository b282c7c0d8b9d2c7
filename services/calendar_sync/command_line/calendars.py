"""`lectern calendars status|repair|verify`: how calendars stand on their servers, and putting them right, by way of the API."""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from services.calendar_sync.command_line import lines
from shared.remote import URL, BadAddress, NoToken, Refused, Remote, Unreachable, find_address

NOT_WELL = 1
"""The exit status where a calendar is not as it must be."""

SERVER_ERRORS = 500
"""From this status of an answer on, the fault is with Lectern (RFC 9110, section 15.6)."""

_CALENDARS = "/api/v1/calendars"
_ACCOUNTS = "/api/v1/calendar-accounts"
_SERVERS = "/api/v1/calendar-servers"
_REPAIRS = "/api/v1/calendar-repairs"
_VERIFICATIONS = "/api/v1/calendar-verifications"
_ASK_AGAIN = 1.0
"""Seconds between two looks at a verification."""

Command = Callable[..., None]


class NotAsked(click.ClickException):
    """Lectern was wrongly asked (no token, a calendar that it does not know); whether all is well is not known."""

    exit_code = 2


class NoReport(click.ClickException):
    """Lectern gave no answer that can be used; whether all is well is not known."""

    exit_code = 3


def _over_http(command: Command) -> Command:
    """Gives `command` a `remote`, and tells what goes wrong on the way in one sentence."""

    @click.option("--json", "as_json", is_flag=True, help="Print what the API answers, for programs.")
    @click.option("--url", help=f"Where Lectern is; else {URL}, else this machine (port LECTERN_PORT, else 8080).")
    @click.option(
        "--timeout",
        type=click.FloatRange(min=0.1),
        default=60.0,
        show_default=True,
        help="Seconds to wait for each answer.",
    )
    @functools.wraps(command)
    def run(*, url: str | None, timeout: float, **given: Any) -> None:
        try:
            remote = Remote(find_address(url, os.environ), os.environ, Path.cwd(), timeout)
        except BadAddress as error:
            raise click.UsageError(f"--url or {URL}: {error}.") from error
        try:
            command(remote=remote, **given)
        except (NoToken, Unreachable, Refused) as error:
            asked_wrongly = isinstance(error, NoToken) or (isinstance(error, Refused) and error.status < SERVER_ERRORS)
            raise (NotAsked if asked_wrongly else NoReport)(lines.plain(str(error))) from error

    return run


def _chosen(command: Command) -> Command:
    """The options that say which calendars; without one: all."""

    @click.option("--calendar", metavar="ID", help="Only this calendar, as status names it: event/milipol-2019")
    @click.option("--event", "event_id", metavar="ID", help="Only the calendars of this event, attendees' own too.")
    @click.option("--registration", "registration_id", metavar="ID", help="Only this attendee's own calendar.")
    @click.option("--server", metavar="ADDRESS", help="Only the calendars on this server: https://dav.example.org")
    @functools.wraps(command)
    def run(
        *, calendar: str | None, event_id: str | None, registration_id: str | None, server: str | None, **given: Any
    ) -> None:
        named = {"calendar": calendar, "event_id": event_id, "registration_id": registration_id, "server": server}
        chosen = {name: value for name, value in named.items() if value is not None}
        if len(chosen) > 1:
            raise click.UsageError("Choose by one of --calendar, --event, --registration and --server.")
        command(chosen=chosen, **given)

    return run


@click.group()
def calendars() -> None:
    """Calendars on CalDAV servers: how they stand, repair, verify."""


@calendars.command()
@click.option("--event", "event_id", metavar="ID", help="Only the calendars of this event.")
@_over_http
def status(remote: Remote, event_id: str | None, as_json: bool) -> None:
    """Tell what is written, what waits, since when, and the last error.

    A line for each shared calendar, for each server, for each attendee's account in trouble, and one for all accounts.

    The exit status: 0 all right (what waits without an error is under way), 1 a shared calendar has an error, an attendee's
    waits with one, or a server fails, 2 wrongly called (also: no token), 3 Lectern gave no answer that can be used. An account that only its person can
    mend is listed, and is no 1.
    """
    narrowed = {"event_id": event_id} if event_id is not None else {}
    shared = list(_all(remote, _CALENDARS, "calendars", narrowed))
    servers = list(_all(remote, _SERVERS, "items", {}))
    accounts = list(_all(remote, _ACCOUNTS, "items", {**narrowed, "trouble": "true"}))
    if as_json:
        _print_json({"calendars": shared, "servers": servers, "accounts_in_trouble": accounts})
    else:
        for one in shared:
            click.echo(lines.calendar(one))
        for one in servers:
            click.echo(lines.server(one))
        for one in accounts:
            click.echo(lines.account(one))
        click.echo(lines.accounts(sum((Counter(one["accounts"]) for one in servers), Counter())))
    stuck = any(one["waiting"] and one["last_error"] for one in accounts if not one["lost"])
    if stuck or any(one["last_error"] for one in shared) or any(one["state"] != "working" for one in servers):
        raise click.exceptions.Exit(NOT_WELL)


@calendars.command()
@_chosen
@_over_http
def repair(remote: Remote, chosen: Mapping[str, str], as_json: bool) -> None:
    """List calendars anew, compare every object, and put right what differs, now.

    Nothing that Lectern did not write is touched. The work goes on after the command ends: `lectern calendars status` tells
    how it stands. The exit status: 0 it is under way, 2 wrongly called (also: no token, no such calendar), 3 Lectern gave no
    answer that can be used.
    """
    told = _post(remote, _REPAIRS, chosen, ("calendars",))
    if as_json:
        _print_json(told)
    else:
        click.echo(f"{lines.number(told['calendars'], 'calendar')} will be listed anew and put right.")


@calendars.command()
@_chosen
@click.option("--repair", "then_repair", is_flag=True, help="Put right what differs, afterwards.")
@_over_http
def verify(remote: Remote, chosen: Mapping[str, str], then_repair: bool, as_json: bool) -> None:
    """Read every object back from its server and compare it with what was written.

    Slowly, so that writing goes on. Interrupted, the verification itself goes on; the same command finds it again.

    The exit status: 0 all that was read is equal, 1 something differs or could not be read (each on a line; with --repair it is
    put right next), 2 wrongly called (also: no token, no such calendar), 3 Lectern gave no answer that can be used.
    """
    job = _post(remote, _VERIFICATIONS, {**chosen, "repair": then_repair}, ("id", "state", "done", "total"))
    with _Progress() as tell:
        while job["state"] != "done":
            tell(job)
            time.sleep(_ASK_AGAIN)
            job = remote.ask_json("GET", f"{_VERIFICATIONS}/{job['id']}", needs=("id", "state", "done", "total"))
    if as_json:
        _print_json(job)
    else:
        for line in lines.verification(job):
            click.echo(line)
    if job["different"] or job["unread"] or job["calendars"]:
        raise click.exceptions.Exit(NOT_WELL)


class _Progress:
    """Shows on a terminal how far a verification is, and nothing elsewhere."""

    def __enter__(self) -> Callable[[Mapping[str, Any]], None]:
        self._shown = sys.stderr.isatty()
        return self._tell

    def __exit__(self, *_: object) -> None:
        if self._shown:
            click.echo("\r\033[K", nl=False, err=True)

    def _tell(self, job: Mapping[str, Any]) -> None:
        if self._shown:
            click.echo(f"\r\033[K{job['done']} of {lines.number(job['total'], 'calendar')} read", nl=False, err=True)


def _all(remote: Remote, path: str, items: str, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Everything that a list has, page by page."""
    asked = {**query, "limit": "100"}
    while True:
        page = remote.ask_json("GET", path, query=asked, needs=(items, "next_cursor"))
        yield from page[items]
        if page["next_cursor"] is None:
            return
        asked["cursor"] = page["next_cursor"]


def _post(remote: Remote, path: str, body: Mapping[str, Any], needs: tuple[str, ...]) -> dict[str, Any]:
    sent = json.dumps(dict(body)).encode()
    return remote.ask_json("POST", path, headers={"Content-Type": "application/json"}, body=sent, needs=needs)


def _print_json(data: Any) -> None:
    click.echo(json.dumps(data, ensure_ascii=False, indent=2))
