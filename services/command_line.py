"""`lectern`: what organisers do at a terminal. Each service brings its own group of commands."""

from __future__ import annotations

import io
import os
import sys

import click

from services.calendar_sync.command_line.calendars import calendars
from services.registration.command_line.audit import registration
from services.scheduling.command_line.agenda import agenda
from shared.clock import use_own_zone_rules


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.pass_context
def lectern(context: click.Context) -> None:
    """Lectern: agendas, registrations and calendars of events.

    The exit status says how it went: 0 done, 1 refused or faults found (an audit, calendars: something differs), 2 wrongly called
    (also: no token), 3 Lectern gave no answer that can be used.
    """
    use_own_zone_rules()  # a check agrees with the server that the file is imported to
    if os.environ.get("NO_COLOR"):
        context.color = False
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a sign that the terminal does not have is no reason to stop
            stream.reconfigure(errors="backslashreplace")


@lectern.group()
def audit() -> None:
    """Prove from what is stored that all was done rightly."""


lectern.add_command(agenda)
lectern.add_command(calendars)
audit.add_command(registration)

if __name__ == "__main__":
    lectern(prog_name="lectern")
