"""`lectern audit registration`: has a running Lectern recompute its seats, and prints what differs, a line for each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from shared.remote import URL, BadAddress, NoToken, Refused, Remote, Unreachable, find_address

DIFFERS = 1
"""The exit status where something is not as it must be."""

SERVER_ERRORS = 500
"""From this status of an answer on, the fault is with Lectern (RFC 9110, section 15.6)."""

_PATH = "/api/v1/registration/audit"
_ONE = {
    "registrations": "registration",
    "seats": "seat",
    "waiting": "waiting",
    "places": "place",
    "codes": "code",
    "commits": "commit",
    "promotions": "promotion",
}
"""What is told of an event, and how one of each is called."""


class NotAsked(click.ClickException):
    """Lectern was wrongly asked (no token, an event that it does not know); whether all is well is not known."""

    exit_code = 2


class NoReport(click.ClickException):
    """Lectern gave no answer that can be used; whether all is well is not known."""

    exit_code = 3


@click.command()
@click.option("--event", "event_id", metavar="ID", help="Only this event; else all that have seats.")
@click.option("--json", "as_json", is_flag=True, help="Print what the API answers, for programs.")
@click.option("--url", help=f"Where Lectern is; else {URL}, else this machine (port LECTERN_PORT, else 8080).")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=600.0,
    show_default=True,
    help="Seconds to wait for each event.",
)
def registration(event_id: str | None, as_json: bool, url: str | None, timeout: float) -> None:
    """Recompute seats, order and outcomes, or name each difference.

    Counts, places in line, codes and states are compared with each other, and the log of decisions is played again from its
    beginning. Lectern may run meanwhile: each event is read as it stood at one moment.

    The exit status: 0 proven, 1 something differs (each on a line), 2 wrongly called (also: no token, an unknown event),
    3 Lectern gave no answer that can be used.
    """
    try:
        remote = Remote(find_address(url, os.environ), os.environ, Path.cwd(), timeout)
    except BadAddress as error:
        raise click.UsageError(f"--url or {URL}: {error}.") from error
    reports = []
    try:
        for report in _reports(remote, event_id):
            reports.append(report)
            if not as_json:
                _print(report)
    except (NoToken, Unreachable, Refused) as error:
        asked_wrongly = isinstance(error, NoToken) or (isinstance(error, Refused) and error.status < SERVER_ERRORS)
        raise (NotAsked if asked_wrongly else NoReport)(_plain(str(error))) from error
    if as_json:
        click.echo(json.dumps({"items": reports, "next_cursor": None}, ensure_ascii=False, indent=2))
    elif not reports:
        click.echo("No event has seats yet.", err=True)
    if not all(report["proven"] for report in reports):
        raise click.exceptions.Exit(DIFFERS)


def _reports(remote: Remote, event_id: str | None) -> Iterator[dict[str, Any]]:
    """The reports, each event by a request of its own: no answer is long in coming."""
    query = {"event_id": event_id} if event_id is not None else {"limit": "1"}
    while True:
        page = remote.ask_json("GET", _PATH, query=query, needs=("items", "next_cursor"))
        yield from page["items"]
        if page["next_cursor"] is None:
            return
        query["cursor"] = page["next_cursor"]


def _print(report: Mapping[str, Any]) -> None:
    event_id = report["event_id"]
    for difference in report["differences"]:
        click.echo(_plain(f"{event_id}: {difference['code']}: {difference['message']}"))
    checked = report["checked"]
    looked_at = ", ".join(f"{checked[name]} {_ONE[name] if checked[name] == 1 else name}" for name in _ONE)
    unknown = checked["not_judged"]
    if unknown:
        looked_at += f"; of {unknown} seat{'' if unknown == 1 else 's'} given up since, it is not known any more which kind they were kept for"
    found = len(report["differences"]) + report["left_out"]
    verdict = "proven" if report["proven"] else f"{found} difference{'' if found == 1 else 's'}"
    if report["left_out"]:
        verdict += f" ({report['left_out']} of them not listed)"
    click.echo(_plain(f"{event_id}: {verdict} at version {report['version']}: {looked_at}"))


def _plain(text: str) -> str:
    """`text` in one line that a terminal shows as it is."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
