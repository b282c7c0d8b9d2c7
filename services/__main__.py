"""`python -m services registration` (or scheduling, notification, calendar-sync), or `all` in one process."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable

from services.calendar_sync.service import build as build_calendar_sync
from services.notification.service import build as build_notification
from services.registration.service import build as build_registration
from services.scheduling.service import build as build_scheduling
from shared.clock import use_own_zone_rules
from shared.config import read_settings
from shared.observability.logs import configure_logging
from shared.process import PortTaken, Process, run
from shared.service import Build

SERVICES: dict[str, tuple[Build, int]] = {
    "registration": (build_registration, 8001),
    "scheduling": (build_scheduling, 8002),
    "notification": (build_notification, 8003),
    "calendar-sync": (build_calendar_sync, 8004),
}
"""Each service with its own port."""

ALL_PORT = 8080


def main(arguments: list[str] | None = None) -> int:
    """Runs one service or all; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m services", description="Runs Lectern's services.")
    parser.add_argument(
        "service", choices=[*SERVICES, "all"], help="which service this process is; all: the four in one process"
    )
    chosen = parser.parse_args(arguments).service
    use_own_zone_rules()
    settings = read_settings(os.environ)
    configure_logging(settings.log_level)
    names = list(SERVICES) if chosen == "all" else [chosen]
    own_port = ALL_PORT if chosen == "all" else SERVICES[chosen][1]
    process = Process(
        settings,
        {name: SERVICES[name][0] for name in names},
        port=own_port if settings.port is None else settings.port,
    )
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(run(process))
    except (PortTaken, ConnectionError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the person at the terminal
        return 1
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


if __name__ == "__main__":
    sys.exit(main())
