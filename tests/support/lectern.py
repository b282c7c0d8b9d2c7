"""A whole Lectern in the test's own process: all four services, or some, on real parts and a free port."""

from __future__ import annotations

from collections.abc import Iterable

from services.__main__ import SERVICES
from shared.clock import Clock, utc_now
from shared.config import Settings
from shared.messaging.port import Transport
from shared.process import Process

ORGANISER = {"Authorization": "Bearer the-organisers-token-of-the-tests"}
"""The header that lets a test use the organiser's API."""


def lectern(
    settings: Settings,
    names: Iterable[str] = tuple(SERVICES),
    *,
    clock: Clock = utc_now,
    transport: Transport | None = None,
) -> Process:
    """A process with the services `names`, not started: `async with running(lectern(settings())) as process`."""
    return Process(
        settings,
        {name: SERVICES[name][0] for name in names},
        port=settings.port or 0,
        clock=clock,
        transport=transport,
    )
